"""POP3 over real sockets: what is announced, the lock, when letters go, what stays while IMAP works beside it."""
import imaplib
import os
import poplib
import re
import subprocess
import tempfile
import unittest

from posthouse import Demo, tls_context, wait_until
from raw import Raw

BASE = ["TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "EXPIRE NEVER", "LOGIN-DELAY 0"]
TAIL = ["UTF8 USER", "LANG", "IMPLEMENTATION Posthouse"]
LETTER = b"From: bob@example.test\r\nSubject: number %d\r\n\r\n.a line with a dot\r\n..\r\nlast \xe4\r\n"


class Pop3Case(unittest.TestCase):
    OPTIONS = ()   # of the demo

    def setUp(self):
        self.demo = Demo(*self.OPTIONS).start()
        self.addCleanup(self.demo.clean)
        self.addCleanup(self.demo.stop)

    def fill(self, name, count):
        """Puts letters into an empty inbox over IMAP."""
        imap = self.imap(name)
        imap.store("1:*", "+FLAGS", "\\Deleted")
        imap.expunge()
        for number in range(count):
            imap.append("INBOX", None, None, LETTER % number)
        return imap

    def imap(self, name):
        imap = imaplib.IMAP4("127.0.0.1", self.demo.ports["imap"])
        self.addCleanup(imap.shutdown)
        imap.login(self.demo.address(name), self.demo.password(name))
        imap.select("INBOX")
        return imap

    def pop(self, name, tls=False):
        if tls:
            pop = poplib.POP3_SSL("127.0.0.1", self.demo.ports["pop3s"], timeout=30, context=tls_context())
        else:
            pop = poplib.POP3("127.0.0.1", self.demo.ports["pop3"], timeout=30)
        self.addCleanup(pop.close)
        pop.user(self.demo.address(name))
        pop.pass_(self.demo.password(name))
        return pop

    def raw(self, name=None):
        raw = Raw(self.demo.ports["pop3"])
        self.addCleanup(raw.close)
        if name:
            raw.send(f"USER {self.demo.address(name)}\r\nPASS {self.demo.password(name)}\r\n")
            self.assertTrue(raw.line().startswith(b"+OK"))
            self.assertEqual(raw.line(), b"+OK Logged in\r\n")
        return raw

    def subjects(self, pop):
        count = pop.stat()[0]
        text = b"\n".join(b"\n".join(pop.top(n, 0)[1]) for n in range(1, count + 1))
        return [int(n) for n in re.findall(rb"Subject: number (\d+)", text)]


class Announced(Pop3Case):
    def listing(self, raw):
        raw.send("CAPA\r\n")
        self.assertTrue(raw.line().startswith(b"+OK"))
        return [line.decode().rstrip() for line in iter(raw.line, b".\r\n")]

    def test_golden(self):
        raw = self.raw()
        self.assertEqual(self.listing(raw),
                         BASE + ["USER", "SASL SCRAM-SHA-256 PLAIN LOGIN", "STLS"] + TAIL)
        raw.send("STLS\r\n")
        self.assertTrue(raw.line().startswith(b"+OK"))
        raw.start_tls()
        self.assertEqual(self.listing(raw),
                         BASE + ["USER", "SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"] + TAIL)
        raw.send("STLS\r\nAPOP alice c4c9334bac560ecc979e58001b3e22fb\r\n")
        self.assertTrue(raw.line().startswith(b"-ERR"))
        self.assertTrue(raw.line().startswith(b"-ERR"))

    def test_commands_behind_stls_in_clear_text_end_the_session(self):
        raw = self.raw()
        raw.send("STLS\r\nNOOP\r\n")
        self.assertTrue(raw.rest().endswith(b"-ERR Input after STLS\r\n"))


class Letters(Pop3Case):
    def check(self, name):
        self.fill(name, 3)
        pop = self.pop(name, tls=True)
        count, octets = pop.stat()
        self.assertEqual(count, 3)
        sizes = [int(line.split()[1]) for line in pop.list()[1]]
        self.assertEqual(sum(sizes), octets)
        ids = pop.uidl()[1]
        self.assertEqual(len(set(ids)), 3)
        for number in range(3):
            answer, lines, _ = pop.retr(number + 1)
            letter = b"\r\n".join(lines) + b"\r\n"
            self.assertEqual(letter, LETTER % number)
            self.assertEqual(answer, b"+OK %d octets" % len(letter))
            self.assertEqual(sizes[number], len(letter))
        self.assertEqual(pop.top(2, 1)[1], [b"From: bob@example.test", b"Subject: number 1", b"", b".a line with a dot"])
        pop.dele(2)
        self.assertEqual(pop.stat()[0], 2)
        pop.quit()
        again = self.pop(name)
        self.assertEqual(self.subjects(again), [0, 2])
        self.assertEqual([i.split()[1] for i in again.uidl()[1]], [ids[0].split()[1], ids[2].split()[1]])
        again.quit()
        return ids

    def test_database(self):
        ids = self.check("alice")
        self.demo.run("store", "convert", self.demo.address("alice"), "--to", "maildir", check=True)
        self.assertEqual([i.split()[1] for i in self.pop("alice").uidl()[1]], [ids[0].split()[1], ids[2].split()[1]])

    def test_maildir(self):
        self.check("carol")

    def test_mbox(self):
        self.check("dave")

    def test_ten_thousand_commands_at_once(self):
        self.fill("bob", 2)
        raw = self.raw("bob")
        raw.send(b"STAT\r\nLIST 1\r\nUIDL 2\r\nNOOP\r\n" * 2500 + b"QUIT\r\n")
        self.assertEqual(raw.rest().count(b"+OK"), 10_001)


class OnlyAtQuit(Pop3Case):
    def test_a_broken_connection_removes_nothing_and_frees_the_maildrop(self):
        self.fill("bob", 3)
        raw = self.raw("bob")
        raw.send("DELE 1\r\n")
        self.assertTrue(raw.line().startswith(b"+OK"))
        other = self.raw()
        other.send(f"USER {self.demo.address('bob')}\r\nPASS {self.demo.password('bob')}\r\n")
        other.line()
        self.assertTrue(other.line().startswith(b"-ERR [IN-USE]"))
        raw.close()

        def logged_in():
            other.send(f"USER {self.demo.address('bob')}\r\nPASS {self.demo.password('bob')}\r\n")
            other.line()
            return other.line().startswith(b"+OK")
        wait_until(logged_in)
        other.send("STAT\r\n")
        self.assertTrue(other.line().startswith(b"+OK 3 "))

    def test_sigkill_before_and_after_quit(self):
        self.fill("bob", 3)
        raw = self.raw("bob")
        raw.send("DELE 1\r\n")
        raw.line()
        self.demo.kill()
        self.demo.start()
        pop = self.pop("bob")
        self.assertEqual(self.subjects(pop), [0, 1, 2])
        pop.dele(3)
        pop.quit()
        self.demo.kill()
        self.demo.start()
        self.assertEqual(self.subjects(self.pop("bob")), [0, 1])


class BesideImap(Pop3Case):
    def test_numbers_stay(self):
        imap = self.fill("bob", 3)
        raw = self.raw("bob")
        imap.store("2", "+FLAGS", "\\Deleted")
        imap.expunge()
        imap.append("INBOX", None, None, LETTER % 9)
        raw.send("RETR 2\r\nLIST 4\r\nLIST\r\n")
        self.assertEqual(raw.line(), b"-ERR No such message any more\r\n")
        self.assertEqual(raw.line(), b"-ERR No such message\r\n")
        listing = [raw.line() for _ in range(4)]
        self.assertEqual([line.split()[0] for line in listing], [b"+OK", b"1", b"3", b"."])
        raw.send("DELE 3\r\nSTAT\r\nRSET\r\nSTAT\r\nDELE 3\r\nQUIT\r\n")
        self.assertRegex(raw.rest(), rb"\+OK Marked\r\n\+OK 1 \d+\r\n\+OK .*\r\n\+OK 2 \d+\r\n\+OK Marked\r\n\+OK Goodbye\r\n$")
        self.assertEqual(self.subjects(self.pop("bob")), [0, 9])
        # IMAP never saw \Deleted of POP3, nor does it miss the expunge.
        self.assertEqual(imap.noop()[0], "OK")
        self.assertEqual(imap.search(None, "ALL")[1], [b"1 2"])


class Clients(Pop3Case):
    def test_curl(self):
        self.fill("bob", 1)
        done = subprocess.run(["curl", "-sk", "--user", f"{self.demo.address('bob')}:{self.demo.password('bob')}",
                               f"pop3s://127.0.0.1:{self.demo.ports['pop3s']}/1"], capture_output=True, timeout=60)
        self.assertEqual(done.stdout, LETTER % 0)

    def test_fetchmail_empties_the_inbox(self):
        self.fill("bob", 5)
        with tempfile.TemporaryDirectory() as folder:
            config, box = os.path.join(folder, "rc"), os.path.join(folder, "box")
            with open(config, "w") as f:
                f.write(f"poll 127.0.0.1 service {self.demo.ports['pop3']} protocol pop3 username "
                        f"\"{self.demo.address('bob')}\" password \"{self.demo.password('bob')}\" "
                        f"sslproto '' mda \"cat >> {box}\"\n")
            os.chmod(config, 0o600)
            done = subprocess.run(["fetchmail", "-f", config, "--nosyslog", "-i", os.path.join(folder, "ids"), "--pidfile",
                                   os.path.join(folder, "pid")], capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            with open(box, "rb") as f:
                self.assertEqual(f.read().count(b"Subject: number"), 5)
        self.assertEqual(self.pop("bob").stat(), (0, 0))

    def test_mpop_leaves_or_takes(self):
        self.fill("bob", 4)
        with tempfile.TemporaryDirectory() as folder:
            config, box = os.path.join(folder, "rc"), os.path.join(folder, "box")
            with open(config, "w") as f:
                f.write(f"account default\nhost 127.0.0.1\nport {self.demo.ports['pop3']}\nuser {self.demo.address('bob')}\n"
                        f"password {self.demo.password('bob')}\ntls off\nauth scram-sha-256\npipelining on\nkeep on\n"
                        f"uidls_file {folder}/uidls\ndelivery mbox {box}\n")
            os.chmod(config, 0o600)
            for _ in range(2):  # the second time nothing is new
                done = subprocess.run(["mpop", "-C", config], capture_output=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            with open(box, "rb") as f:
                self.assertEqual(f.read().count(b"Subject: number"), 4)
        self.assertEqual(self.pop("bob").stat()[0], 4)


if __name__ == "__main__":
    unittest.main()
