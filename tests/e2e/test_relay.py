"""Letters between hosts: two Posthouses and a Postfix find each other by MX from a real DNS server."""
import network

if __name__ != "__main__":
    network.enter("test_relay")

import email
import imaplib
import os
import pathlib
import shutil
import smtplib
import subprocess
import tempfile
import unittest

import mutt
from network import Dns, wait_for
from peers.postfix_dovecot import Postfix
from posthouse import BINARY, check_reports, run

HOSTS = {"a.test": "127.0.0.2", "b.test": "127.0.0.3", "c.test": "127.0.0.4"}
CONFIG = """\
[server]
hostname = "mx.{domain}"
default_domain = "{domain}"
data_directory = "{folder}/data"
user = "nobody"
[listen]
smtp = ["{address}:25"]
submission = ["{address}:587"]
submissions = ["{address}:465"]
imap = ["{address}:143"]
imaps = ["{address}:993"]
metrics = ["{address}:9464"]
[tls]
certificates = [{{ chain = "{folder}/cert.pem", key = "{folder}/key.pem" }}]
[auth]
plain_without_tls = true
[queue]
allow_loopback = true
retry = ["1s"]
[log]
level = "info"
"""


class Host:
    """A Posthouse for one domain on its own address, as `serve` runs it."""

    def __init__(self, folder, domain, users):
        self.folder, self.domain, self.address = pathlib.Path(folder), domain, HOSTS[domain]
        self.folder.mkdir(parents=True)
        (self.folder / "data").mkdir()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", self.folder / "key.pem", "-out", self.folder / "cert.pem", "-days", "30", "-subj",
                        f"/CN=mx.{domain}"], check=True, capture_output=True)
        self.config = self.folder / "posthouse.toml"
        self.config.write_text(CONFIG.format(domain=domain, folder=self.folder, address=self.address))
        shutil.chown(self.folder / "data", "nobody", "nogroup")   # serve, started as root, becomes nobody
        (self.folder / "key.pem").chmod(0o644)
        self.users = users
        self.cli("store", "create")

    def cli(self, *args, stdin=""):
        return run(*args, "--config", self.config, stdin=stdin, check=True).stdout

    def start(self):
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([BINARY, "serve", "--config", str(self.config)], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        wait_for(self.answers, f"{self.domain}: {self.folder}/log")
        return self

    def populate(self, domain, users):
        self.cli("domain", "add", domain)
        for user in users:
            self.cli("account", "add", f"{user}@{domain}", "--password-stdin", stdin="secret\n")

    def answers(self):
        try:
            smtplib.SMTP(self.address, 25, timeout=2).quit()
            self.imap_plain().logout()
            return True
        except (OSError, smtplib.SMTPException, imaplib.IMAP4.error):
            return False

    def imap_plain(self):
        return imaplib.IMAP4(self.address, 143, timeout=10)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()
        check_reports((self.folder / "log").read_text(errors="replace"))

    def kill(self):
        """SIGKILL for all of it: the worker first, so that the supervisor can't end it in order."""
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True)
        for pid in [*children.stdout.split(), str(self.process.pid)]:
            subprocess.run(["kill", "-KILL", pid], check=False)
        self.process.wait(10)
        self.log.close()

    def submit(self, user, to, text, **options):
        with smtplib.SMTP(self.address, 587, timeout=30) as client:
            client.login(f"{user}@{self.domain}", "secret")
            return client.sendmail(f"{user}@{self.domain}", to, text, **options)

    def letters(self, user):
        client = self.imap_plain()
        client.login(f"{user}@{self.domain}", "secret")
        client.select("INBOX", readonly=True)
        found = [client.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in client.search(None, "ALL")[1][0].split()]
        client.logout()
        return found

    def wait_for_letter(self, user, needle):
        found = []

        def look():
            found[:] = [letter for letter in self.letters(user) if needle.encode() in letter]
            return found
        wait_for(look, f"a letter with {needle} for {user}@{self.domain}; log: {self.folder}/log", 60)
        return found[0]


def letter(subject, body="Hello over there.\r\n"):
    return f"From: Alice <alice@a.test>\r\nTo: you\r\nSubject: {subject}\r\n\r\n{body}"


class Relay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="posthouse-relay-", dir="/var/tmp"))
        cls.folder.chmod(0o755)
        zones = {"": [". NS ns.invalid."]}
        for domain, address in HOSTS.items():
            zones[domain] = ["@ MX 10 mx", f"mx A {address}"]
        zones["b.test"] = ["@ MX 20 mx", "@ MX 10 down", f"mx A {HOSTS['b.test']}", "down A 127.0.0.99"]
        zones["null.test"] = ["@ MX 0 ."]
        zones["plain.test"] = [f"@ A {HOSTS['b.test']}"]
        cls.dns = Dns(cls.folder / "dns", zones).start()
        if not os.environ.get("KEEP"):
            cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.addClassCleanup(cls.dns.stop)
        cls.a = Host(cls.folder / "a", "a.test", ["alice"])
        cls.b = Host(cls.folder / "b", "b.test", ["bob"])
        cls.c = Postfix(cls.folder / "c", ["c.test"], ["carol@c.test"], hostname="mx.c.test",
                        extra={"inet_interfaces": HOSTS["c.test"], "virtual_transport": "virtual",
                               "virtual_mailbox_maps": "inline:{ { carol@c.test = carol/ } }",
                               "smtp_bind_address": HOSTS["c.test"],
                               "minimal_backoff_time": "1s", "queue_run_delay": "1s"})
        cls.c.address = HOSTS["c.test"]
        cls.start_postfix()
        cls.addClassCleanup(cls.c.stop)
        for host in (cls.a, cls.b):
            host.start()
            cls.addClassCleanup(host.stop)
            host.populate(host.domain, host.users)
        cls.b.populate("plain.test", ["pat"])

    @classmethod
    def start_postfix(cls):
        import peers.postfix_dovecot as peers
        cls.c.port = 25
        peers.MASTER_CF = peers.MASTER_CF.replace("127.0.0.1:{port}", f"{HOSTS['c.test']}:{{port}}")
        old = peers.answers

        def answers_there(port):
            import socket
            try:
                with socket.create_connection((HOSTS["c.test"], port), 1) as s:
                    s.settimeout(2)
                    return bool(s.recv(16))
            except OSError:
                return False
        peers.answers = answers_there
        try:
            cls.c.start()
        finally:
            peers.answers = old

    def carols_letters(self):
        return [path.read_bytes() for path in (self.folder / "c/mail/carol").glob("new/*")]

    def test_posthouse_to_posthouse_by_second_mx(self):
        """The preferred MX of b.test is down; the letter takes the other, in the same attempt."""
        self.a.submit("alice", "bob@b.test", letter("to bob"))
        got = email.message_from_bytes(self.b.wait_for_letter("bob", "to bob"))
        self.assertEqual(got["Return-Path"], "<alice@a.test>")
        self.assertEqual(len(got.get_all("Received")), 2)
        self.assertIn("mx.b.test", got.get_all("Received")[0])
        self.assertTrue(got["Message-ID"].endswith("a.test>"), got["Message-ID"])
        self.assertIsNotNone(got["Date"])

    def test_address_record_without_mx(self):
        self.a.submit("alice", "pat@plain.test", letter("to pat"))
        client_letters = lambda: [x for x in self.letters_of_pat() if b"to pat" in x]  # noqa: E731
        wait_for(client_letters, "the letter for pat", 60)

    def letters_of_pat(self):
        client = imaplib.IMAP4(self.b.address, 143, timeout=10)
        client.login("pat@plain.test", "secret")
        client.select("INBOX", readonly=True)
        found = [client.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in client.search(None, "ALL")[1][0].split()]
        client.logout()
        return found

    def test_to_postfix_byte_exact(self):
        body = ".leading dot\r\n..two\r\n8-bit: caf\u00e9\r\n" + "long " * 150 + "\r\n.\r\nlast"
        self.a.submit("alice", "carol@c.test", letter("to carol", body).encode(), mail_options=["BODY=8BITMIME"])
        wait_for(lambda: [x for x in self.carols_letters() if b"to carol" in x], "the letter for carol", 60)
        got = [x for x in self.carols_letters() if b"to carol" in x][0].replace(b"\r\n", b"\n")
        self.assertEqual(got.split(b"\n\n", 1)[1].rstrip(b"\n"), body.replace("\r\n", "\n").encode())

    def test_from_postfix(self):
        with smtplib.SMTP(self.c.address, 25, timeout=30) as client:
            client.sendmail("carol@c.test", ["alice@a.test", "bob@b.test"],
                            letter("from carol").encode())
        for host, user in ((self.a, "alice"), (self.b, "bob")):
            got = email.message_from_bytes(host.wait_for_letter(user, "from carol"))
            self.assertEqual(got["Return-Path"], "<carol@c.test>")

    def test_refused_recipient_comes_back_and_mutt_shows_it(self):
        self.a.submit("alice", ["nobody@c.test", "carol@c.test"], letter("half known"))
        bounce = email.message_from_bytes(self.a.wait_for_letter("alice", "nobody@c.test"))
        self.check_bounce(bounce, "nobody@c.test", "5.1.1")
        self.assertNotIn("carol@c.test", bounce.get_payload()[1].as_string())
        wait_for(lambda: any(b"half known" in x for x in self.carols_letters()), "the other recipient's copy", 60)
        screen = mutt.shows("imap://alice%40a.test:secret@127.0.0.2/INBOX", "nobody@c.test", self.folder)
        self.assertIn("nobody@c.test", screen)

    def check_bounce(self, bounce, recipient, status):
        self.assertEqual(bounce["Return-Path"], "<>")
        self.assertEqual(bounce.get_content_type(), "multipart/report")
        self.assertEqual(bounce.get_param("report-type"), "delivery-status")
        fields = bounce.get_payload()[1].get_payload()[1]
        self.assertIn(recipient, fields["Final-Recipient"])
        self.assertEqual(fields["Action"], "failed")
        self.assertEqual(fields["Status"], status)

    def test_null_mx_and_unknown_domain_bounce(self):
        for address, status in (("x@null.test", "5.1.10"), ("x@nowhere.test", "5.1.2")):
            self.a.submit("alice", address, letter("off to " + address))
            bounce = email.message_from_bytes(self.a.wait_for_letter("alice", address))
            self.check_bounce(bounce, address, status)

    def test_strangers_are_not_relayed(self):
        with smtplib.SMTP(self.a.address, 25, timeout=30) as client:
            client.ehlo()
            client.mail("someone@c.test")
            code, text = client.rcpt("bob@b.test")
            self.assertEqual(code, 550, text)
            self.assertIn(b"5.7.1", text)

    def test_queue_survives_sigkill_and_the_far_host_being_down(self):
        self.b.stop()
        self.a.submit("alice", "bob@b.test", letter("after the night"))
        wait_for(lambda: "bob@b.test" in self.a.cli("queue", "list", "--json"), "the letter to wait in the queue")
        try:
            self.a.kill()
            self.assertIn("bob@b.test", self.a.cli("queue", "list", "--json"))   # also without a server
        finally:
            self.a.start()
            self.b.start()
        self.a.cli("queue", "retry", "--all")
        self.b.wait_for_letter("bob", "after the night")
        wait_for(lambda: "bob@b.test" not in self.a.cli("queue", "list", "--json"), "the queue to be empty")

    def test_large_letter_over_two_hosts(self):
        body = ("x" * 76 + "\r\n") * (25 * 1024 * 1024 // 78)
        self.a.submit("alice", "bob@b.test", letter("heavy", body))
        got = self.b.wait_for_letter("bob", "heavy")
        self.assertEqual(got.split(b"\r\n\r\n", 1)[1], body.encode())


if __name__ == "__main__":
    unittest.main()
