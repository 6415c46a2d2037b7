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
import tempfile
import unittest

import mutt
from mailhosts import HOSTS, Host, letter
from network import Dns, wait_for
from peers.postfix_dovecot import Postfix


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
        zones["six.test"] = ["@ MX 10 mx", "mx AAAA ::1"]
        zones["plain.test"] = [f"@ A {HOSTS['b.test']}"]
        cls.dns = Dns(cls.folder / "dns", zones).start()
        if not os.environ.get("KEEP"):
            cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.addClassCleanup(cls.dns.stop)
        cls.a = Host(cls.folder / "a", "a.test", ["alice"])
        cls.b = Host(cls.folder / "b", "b.test", ["bob"], more_listeners=', "[::1]:25"')
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
        cls.b.populate("six.test", ["sue"])

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
        wait_for(lambda: [x for x in self.letters_of("pat@plain.test") if b"to pat" in x], "the letter for pat", 60)

    def test_host_that_has_ipv6_only(self):
        self.a.submit("alice", "sue@six.test", letter("to sue"))
        wait_for(lambda: [x for x in self.letters_of("sue@six.test") if b"to sue" in x], "the letter for sue", 60)
        got = [x for x in self.letters_of("sue@six.test") if b"to sue" in x][0]
        self.assertIn(b"[IPv6:::1]", got.split(b"Received:")[1])

    def letters_of(self, address):
        client = imaplib.IMAP4(self.b.address, 143, timeout=10)
        client.login(address, "secret")
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
