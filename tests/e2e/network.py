"""A small internet of the test's own: a network namespace with loopback only, real ports 25 and 53, and a DNS server.

`enter()` starts the running test module again inside the namespace (as root, or through sudo), where /etc/resolv.conf
points at the test's DNS server. All of 127.0.0.0/8 is there, so every host gets an address of its own.
"""
import atexit
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from namespace import propagation  # noqa: E402
from peers.postfix_dovecot import SUDO, wait_for  # noqa: E402

INSIDE = "POSTHOUSE_TEST_NETWORK"
DNS_ADDRESS = "127.0.0.53"


def enter(module):
    """Call at the top of a test module: returns inside the namespace, replaces the process outside."""
    if os.environ.get(INSIDE):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for number in range(2, 10):   # Postfix wants its address to be one of an interface
            subprocess.run(["ip", "address", "add", f"127.0.0.{number}/8", "dev", "lo"], check=True)
        resolv = pathlib.Path(os.environ[INSIDE])
        resolv.write_text(f"nameserver {DNS_ADDRESS}\n")
        atexit.register(resolv.unlink)
        target = os.path.realpath("/etc/resolv.conf")
        subprocess.run(["mount", "--bind", str(resolv), target], check=True)
        return
    folder = os.environ.get("TMPDIR", "/tmp")
    environment = {**os.environ, INSIDE: f"{folder}/posthouse-resolv-{os.getpid()}"}
    keep = [f"{k}={v}" for k, v in environment.items() if k.isupper()]
    command = [*SUDO, "env", *keep, "unshare", "--net", "--mount", "--propagation", propagation(), sys.executable,
               "-m", "unittest", "-v", module]
    os.chdir(pathlib.Path(__file__).resolve().parent)
    os.execvpe(command[0], command, environment)


class Dns:
    """NSD with zones given as {name: [record lines]}; a line is "host TYPE data", host relative to the zone or @."""

    def __init__(self, folder, zones):
        self.folder = pathlib.Path(folder)
        self.zones = zones
        self.signed = set()
        self.folder.mkdir(parents=True, exist_ok=True)

    def write(self, zone):
        """The zone's file."""
        lines = [f"$ORIGIN {zone}.", "$TTL 60", "@ SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 60",
                 "@ NS ns.invalid.", *self.zones[zone]]
        path = self.folder / f"{zone or 'root'}.zone"
        path.write_text("\n".join(lines) + "\n")
        return path

    def make_key(self, zone):
        """A key for signing the zone: the base of its files, its DNSKEY record and its DS record for the zone above."""
        made = subprocess.run(["ldns-keygen", "-a", "ED25519", "-k", zone], cwd=self.folder, capture_output=True,
                              text=True, check=True).stdout.strip()
        return made, (self.folder / f"{made}.key").read_text(), (self.folder / f"{made}.ds").read_text().strip()

    def sign(self, zone, key, *options):
        """DNSSEC for a zone; its records can't be changed any more."""
        subprocess.run(["ldns-signzone", *options, "-o", zone, str(self.write(zone)), key], cwd=self.folder, check=True)
        self.signed.add(zone)

    def start(self):
        config = [f"server:\n  ip-address: {DNS_ADDRESS}@53\n  username: \"\"\n  chroot: \"\"\n"
                  f"  zonesdir: \"{self.folder}\"\n  database: \"\"\n  pidfile: \"{self.folder}/nsd.pid\"\n"
                  f"  xfrdfile: \"{self.folder}/xfrd.state\"\n  zonelistfile: \"{self.folder}/zone.list\"\n"
                  f"  server-count: 1\n  logfile: \"{self.folder}/nsd.log\"\n"
                  "remote-control:\n  control-enable: no\n"]
        for zone in self.zones:
            name = f"{zone}.zone.signed" if zone in self.signed else self.write(zone).name
            config.append(f"zone:\n  name: \"{zone or '.'}\"\n  zonefile: \"{name}\"\n")
        (self.folder / "nsd.conf").write_text("".join(config))
        self.process = subprocess.Popen(["nsd", "-d", "-c", str(self.folder / "nsd.conf")],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.answers, "the DNS server")
        return self

    def answers(self):
        import socket
        query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x01"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.2)
            try:
                probe.sendto(query, (DNS_ADDRESS, 53))
                return len(probe.recv(512)) > 11
            except OSError:
                return False

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
