"""Next hosts that lack what a letter needs, or don't keep to the rules: every letter is delivered, kept or bounced, and
nothing that such a host says gets out of its place."""
import network

if __name__ != "__main__":
    network.enter("test_hostile_hosts")

import email
import pathlib
import re
import shutil
import smtplib
import socketserver
import tempfile
import threading
import unittest

from mailhosts import Host, letter
from network import Dns, wait_for

MOST_SWALLOWED = 4 << 20   # bytes of an endless reply, with what sockets hold


class ScriptedHost(socketserver.ThreadingTCPServer):
    """A mail host on an address of its own. `says` maps a verb (GREETING, DOT for the end of a letter) to what is sent
    instead of the usual reply; a list is used up one by one, None closes the connection without a word."""
    allow_reuse_address = daemon_threads = True

    def __init__(self, address, **says):
        self.says = {"EHLO": b"250-hostile\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n", **says}
        self.heard, self.letters, self.lock = [], [], threading.Lock()
        super().__init__((address, 25), Session)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def reply_to(self, verb):
        with self.lock:
            usual = {"DATA": b"354 go\r\n", "GREETING": b"220 hostile\r\n"}.get(verb, b"250 ok\r\n")
            said = self.says.get(verb, usual)
            if isinstance(said, list):
                said = said.pop(0) if said else usual
            return said

    def stop(self):
        self.shutdown()
        self.server_close()


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            self.talk()
        except OSError:
            pass

    def talk(self):
        if not self.answer("GREETING"):
            return
        for line in self.rfile:
            verb = line.split()[0].upper().decode("latin-1") if line.split() else ""
            with self.server.lock:
                self.server.heard.append(line.decode("latin-1"))
            if verb == "QUIT" or not self.answer(verb):
                return
            if verb == "DATA" and self.said.startswith(b"354"):
                text = b""
                while not text.endswith(b"\r\n.\r\n"):
                    text += self.rfile.readline()
                with self.server.lock:
                    self.server.letters.append(text)
                if not self.answer("DOT"):
                    return

    def answer(self, verb):
        said = self.said = self.server.reply_to(verb)
        if said is None:
            return False
        if callable(said):
            said(self.wfile)
            return False
        self.wfile.write(said)
        return True


class HostileHosts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="posthouse-hostile-", dir="/var/tmp"))
        cls.folder.chmod(0o755)
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        zones = {"": [". NS ns.invalid."], "a.test": ["@ MX 10 mx", "mx A 127.0.0.2"],
                 "hostile.test": [line for n in range(1, 20) for line in (f"h{n} MX 10 mx{n}", f"mx{n} A 127.0.9.{n}")]}
        cls.dns = Dns(cls.folder / "dns", zones).start()
        cls.addClassCleanup(cls.dns.stop)
        cls.a = Host(cls.folder / "a", "a.test", ["alice"]).start()
        cls.addClassCleanup(cls.a.stop)
        cls.a.populate("a.test", ["alice"])
        cls.used = 0

    def host(self, **says):
        """A host with a domain of its own: the host and an address at it."""
        type(self).used += 1
        host = ScriptedHost(f"127.0.9.{self.used}", **says)
        self.addCleanup(host.stop)
        return host, f"x@h{self.used}.hostile.test"

    def bounce_for(self, address):
        bounce = email.message_from_bytes(self.a.wait_for_letter("alice", address))
        self.assertEqual(bounce["Return-Path"], "<>")
        self.assertNotIn(address, self.a.cli("queue", "list", "--json"))
        return bounce.get_payload()[1].get_payload()[1]

    def wait_until_put_off(self, address, words):
        wait_for(lambda: words in str(self.a.queued_recipient(address)), f"{words} for {address}", 60)

    def wait_until_gone(self, address):
        wait_for(lambda: self.a.queued_recipient(address) is None, f"{address} to leave the queue", 60)

    # ---- hosts that lack something
    def test_no_smtputf8(self):
        host, address = self.host(EHLO=b"250-old\r\n250 8BITMIME\r\n")
        domain = address.split("@")[1]
        with smtplib.SMTP(self.a.address, 587, timeout=30) as client:
            client.login("alice@a.test", "secret")
            client.sendmail("alice@a.test", f"j\u00fcrgen@{domain}", letter("wide").encode(), ["SMTPUTF8"])
        found = self.a.wait_for_letter("alice", "5.6.7")
        self.assertIn(b"Action: failed", found)
        self.assertFalse([line for line in host.heard if line.startswith("MAIL")])

    def test_no_8bitmime(self):
        host, address = self.host(EHLO=b"250 old\r\n")
        self.a.submit("alice", address, letter("eight", "caf\u00e9\r\n").encode(), mail_options=["BODY=8BITMIME"])
        self.assertEqual(self.bounce_for(address)["Status"], "5.6.3")
        self.assertFalse([line for line in host.heard if line.startswith("MAIL")])

    def test_7_bit_letters_need_no_8bitmime(self):
        host, address = self.host(EHLO=b"250 old\r\n")
        self.a.submit("alice", address, letter("declared"), mail_options=["BODY=8BITMIME"])
        self.a.cli("alias", "add", "away@a.test", address)
        self.a.cli("deliver", "away@a.test", stdin=letter("by hand"))
        wait_for(lambda: len(host.letters) == 2, "both letters", 60)
        self.assertFalse([line for line in host.heard if "BODY=" in line])

    def test_too_small(self):
        host, address = self.host(EHLO=b"250-small\r\n250 SIZE 1000\r\n")
        self.a.submit("alice", address, letter("long", "line\r\n" * 500))
        self.assertEqual(self.bounce_for(address)["Status"], "5.3.4")
        self.assertFalse(host.letters)

    # ---- replies that are none
    def test_control_characters_in_a_refusal(self):
        _, address = self.host(RCPT=b"550 5.1.1 no \0such \x1b[31muser\r Bcc: evil@x.test\x7f \xff\xfe\r\n")
        self.a.submit("alice", address, letter("to nobody"))
        fields = self.bounce_for(address)
        self.assertEqual(fields["Status"], "5.1.1")
        self.assertNotIn("Bcc", fields)
        self.assertIsNone(re.search(r"[\0\x1b\x7f-\xff]", fields.as_string()))
        self.assertNotIn("\x1b", (self.a.folder / "log").read_text(errors="replace"))

    def test_line_ends_in_a_refusal_are_no_new_field(self):
        _, address = self.host(RCPT=b"550-5.1.1 no\nBcc: evil@x.test\r\n550 5.1.1 such user\r\n")
        self.a.submit("alice", address, letter("to be kept"))
        self.wait_until_put_off(address, "not an SMTP reply")
        self.assertNotIn("evil", str(self.a.queued_recipient(address)))

    def test_an_endless_reply(self):
        swallowed = []

        def flood(out):
            swallowed.append(0)
            while swallowed[-1] < MOST_SWALLOWED:
                out.write(b"250-" + b"x" * 500 + b"\r\n")
                swallowed.append(swallowed.pop() + 506)
        _, address = self.host(EHLO=flood)
        self.a.submit("alice", address, letter("to a chatterer"))
        self.wait_until_put_off(address, "bad reply")
        self.assertLess(max(swallowed), MOST_SWALLOWED)

    # ---- connections that end at a bad moment
    def test_421_in_the_middle(self):
        host, address = self.host(RCPT=[b"421 4.3.2 not now\r\n"])
        self.a.submit("alice", address, letter("a second time"))
        self.wait_until_gone(address)
        self.assertEqual(len(host.letters), 1)

    def test_the_end_of_a_letter_is_not_answered(self):
        host, address = self.host(DOT=[None])
        self.a.submit("alice", address, letter("twice rather than never"))
        self.wait_until_gone(address)
        self.assertEqual(len(host.letters), 2)
        self.assertEqual(*(text.split(b"Subject:")[1] for text in host.letters))

    def test_the_connection_breaks_after_data(self):
        host, address = self.host(DATA=[None, b"451 4.3.0 again\r\n"])
        self.a.submit("alice", address, letter("third time lucky"))
        self.wait_until_gone(address)
        self.assertEqual(len(host.letters), 1)

    # ---- STARTTLS
    def test_bytes_behind_the_starttls_reply(self):
        host, address = self.host(EHLO=b"250-evil\r\n250 STARTTLS\r\n",
                                  STARTTLS=b"220 go\r\n250-evil\r\n250 8BITMIME\r\n250 ok\r\n250 ok\r\n354 go\r\n")
        self.a.submit("alice", address, letter("not for you"))
        self.wait_until_put_off(address, "bytes behind the reply to STARTTLS")
        self.assertFalse([line for line in host.heard if line.split()[0] not in ("EHLO", "STARTTLS")])


class SmarthostThatRefuses(unittest.TestCase):
    REASON = "transport.smarthost_refuses_us"

    def relay_through(self, options, **says):
        """A host and a Posthouse that sends everything through it, with a login."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="posthouse-smarthost-", dir="/var/tmp"))
        folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        (folder / "password").write_text("pencil\n")
        (folder / "password").chmod(0o644)
        host = ScriptedHost("127.0.9.40", EHLO=b"250-relay\r\n250 AUTH PLAIN LOGIN\r\n", **says)
        self.addCleanup(host.stop)
        b = Host(folder / "b", "b.test", ["bob"], more_config=f"""
[smarthost]
host = "127.0.9.40"
port = 25
user = "u"
password_file = "{folder}/password"
{options}
""").start()
        self.addCleanup(b.stop)
        b.populate("b.test", ["bob"])
        return host, b

    def put_off(self, b, address, words):
        b.submit("bob", address, letter("not your fault").replace("alice@a.test", "bob@b.test"))
        wait_for(lambda: words in str(b.queued_recipient(address)), f"{words} for {address}", 60)
        self.assertEqual(b.queued_recipient(address)["state"], "waiting")

    def logged(self, b, words):
        return (b.folder / "log").read_text(errors="replace").count(words)

    def test_a_wrong_password_puts_letters_off(self):
        host, b = self.relay_through('tls = "none"', AUTH=b"535 5.7.8 wrong\r\n")
        self.put_off(b, "x@one.test", "535 5.7.8 wrong")
        listed = b.cli("queue", "list")
        self.assertIn("127.0.9.40: 4.7.8 the smarthost refuses us: 535 5.7.8 wrong\n", listed)
        self.assertEqual(listed.count("4.7.8"), 1, listed)
        self.put_off(b, "x@two.test", "535 5.7.8 wrong")
        self.assertEqual(self.logged(b, self.REASON), 1)
        self.assertEqual(self.logged(b, "letter.bounced"), 0)
        with host.lock:
            host.says["AUTH"] = b"235 2.7.0 welcome\r\n"
        b.cli("queue", "retry", "--domain", "one.test")
        wait_for(lambda: len(host.letters) == 2, "both letters", 60)

    def test_the_password_stays_here_without_starttls(self):
        host, b = self.relay_through("verify = false", AUTH=b"235 2.7.0 welcome\r\n")
        self.put_off(b, "x@one.test", "TLS is required but not offered")
        self.assertFalse([line for line in host.heard if line.split()[0] not in ("EHLO", "QUIT")])
        self.assertEqual(self.logged(b, self.REASON), 1)


if __name__ == "__main__":
    unittest.main()
