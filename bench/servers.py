"""The servers that are measured, each behind the same few calls: start, stop, ports, process ids, letters in mailboxes.

Both sides hold user000..user099@bench.test with the password `secret`, take letters for them from anyone on loopback,
and relay sink.test to the port given.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from peers.postfix_dovecot import Dovecot, Postfix, free_port, wait_for  # noqa: E402

USERS = 100
GENERATOR = str(ROOT / "build/release/bin/posthouse-load")
POSTHOUSE = os.environ.get("POSTHOUSE", str(ROOT / "build/release/posthouse"))


class Peer:
    """Postfix in front of Dovecot."""

    def __init__(self, folder, store="maildir", hibernate=0, sink_port=0):
        self.name = f"Postfix + Dovecot ({store}{', hibernation' if hibernate else ''})"
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.dovecot = Dovecot(self.folder / "dovecot", store, hibernate)
        self.postfix = Postfix(
            self.folder / "postfix", ["bench.test"], [f"user{n:03}@bench.test" for n in range(USERS)],
            self.dovecot.lmtp_socket, {"sink.test": f"smtp:[127.0.0.1]:{sink_port}"} if sink_port else None)

    def start(self):
        self.dovecot.start()
        self.postfix.start()
        self.ports = {"smtp": self.postfix.port, "lmtp": self.dovecot.lmtp_port, "imap": self.dovecot.imap_port,
                      "pop3": self.dovecot.pop3_port}
        return self

    def stop(self):
        self.postfix.stop()
        self.dovecot.stop()

    def restart(self):
        self.stop()
        self.start()

    def pids(self):
        return [self.postfix.pid(), self.dovecot.pid()]

    def delivered(self):
        """Letters in all INBOXes, counted in the file system so that counting costs the server nothing."""
        count = 0
        for name in ("new", "cur"):
            for path in (self.folder / "dovecot/mail").glob(f"*/Maildir/{name}"):
                count += sum(1 for _ in os.scandir(path))
        return count

    relays_from_anyone = True


class Posthouse:
    """This program, with durability as it always is."""

    name = "Posthouse"
    relays_from_anyone = False

    def __init__(self, folder, store="database", sink_port=0, compression="lz4"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.ports = {name: free_port() for name in ("smtp", "submission", "lmtp", "imap", "pop3", "metrics")}
        self.config = self.folder / "posthouse.toml"
        self.config.write_text(CONFIG.format(folder=self.folder, sink=sink_port or 25, store=store,
                                             compression=compression, **self.ports))

    def cli(self, *args, stdin=""):
        return subprocess.run([POSTHOUSE, *args, "--config", str(self.config)], input=stdin, text=True, check=True,
                              capture_output=True).stdout

    def start(self):
        new = not (self.folder / "data").exists()
        if new:
            (self.folder / "data").mkdir()
            shutil.chown(self.folder / "data", "nobody", "nogroup")
            self.cli("store", "create")
        self.log = open(self.folder / "posthouse.log", "ab")
        self.process = subprocess.Popen([POSTHOUSE, "serve", "--config", str(self.config)], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        from peers.postfix_dovecot import answers
        for name in ("smtp", "imap", "lmtp"):
            wait_for(lambda: answers(self.ports[name]), f"Posthouse {name} ({self.folder}/posthouse.log)")
        if new:
            self.cli("domain", "add", "bench.test")
            for n in range(USERS):
                self.cli("account", "add", f"user{n:03}@bench.test", "--password-stdin", stdin="secret\n")
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()

    def restart(self):
        self.stop()
        self.start()

    def pids(self):
        return [self.process.pid]

    def delivered(self):
        """Letters in all INBOXes, asked by IMAP."""
        import imaplib
        total = 0
        for n in range(USERS):
            client = imaplib.IMAP4("127.0.0.1", self.ports["imap"])
            client.login(f"user{n:03}@bench.test", "secret")
            total += int(client.status("INBOX", "(MESSAGES)")[1][0].split()[-1].rstrip(b")"))
            client.logout()
        return total


CONFIG = """\
[server]
hostname = "mx.bench.test"
default_domain = "bench.test"
data_directory = "{folder}/data"
user = "nobody"
[listen]
smtp = ["127.0.0.1:{smtp}"]
submission = ["127.0.0.1:{submission}"]
submissions = "off"
imap = ["127.0.0.1:{imap}"]
imaps = "off"
pop3 = ["127.0.0.1:{pop3}"]
lmtp = ["127.0.0.1:{lmtp}"]
metrics = ["127.0.0.1:{metrics}"]
[auth]
plain_without_tls = true
[limits]
connections = 30000
connections_per_network = 30000
imap_connections_per_network = 30000
imap_sessions_per_account = 10000
commands = 10000000
[smarthost]
host = "127.0.0.1"
port = {sink}
tls = "none"
[store]
format = "{store}"
compression = "{compression}"
[queue]
allow_loopback = true
connections = 200
per_destination = 20
[log]
level = "info"
"""


def load(*args, background=False, timeout=600):
    """Runs the load generator; returns its line of JSON, or the process if `background`."""
    command = [GENERATOR, *map(str, args)]
    if background:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    if not done.stdout.strip():
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def prepare(parser, folder, target, prefix):
    """The folder for servers; ends the program if `make TARGET` has not built what they need."""
    for program in (POSTHOUSE, GENERATOR):
        if not os.access(program, os.X_OK):
            parser.error(f"{program} is missing: `make {target}` builds it")
    folder = pathlib.Path(folder or tempfile.mkdtemp(prefix=prefix, dir="/var/tmp"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    return folder
