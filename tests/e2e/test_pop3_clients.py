"""Programs that fetch mail by POP3, each as its users set it up: letters come once, stay or go as asked."""
import contextlib
import mailbox
import os
import pathlib
import poplib
import subprocess
import tempfile
import unittest

import getmail
from posthouse import tls_context
from test_pop3 import LETTER, Pop3Case


class ClientCase(Pop3Case):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="posthouse-pop3-")
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name)
        self.user, self.password = self.demo.address("bob"), self.demo.password("bob")

    def write(self, name, text):
        path = self.home / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def run_client(self, *command, codes=(0,)):
        done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
                              env={**os.environ, "HOME": str(self.home), "FETCHMAILHOME": str(self.home)})
        self.assertIn(done.returncode, codes, done.stdout + done.stderr)
        return done.stdout

    def came(self):
        """The numbers of the letters in the mbox or Maildir that a client delivered to."""
        box = self.home / "box"
        if not box.exists():
            return []
        with contextlib.closing((mailbox.Maildir if box.is_dir() else mailbox.mbox)(box, create=False)) as opened:
            letters = [letter.as_bytes() for letter in opened]
        for letter in letters:
            self.assertIn(b"\n.a line with a dot\n..\nlast \xe4\n", letter.replace(b"\r\n", b"\n"))
        return sorted(int(mailbox.email.message_from_bytes(letter)["Subject"].split()[1]) for letter in letters)

    def add(self, numbers):
        imap = self.imap("bob")
        for number in numbers:
            imap.append("INBOX", None, None, LETTER % number)

    def left(self):
        pop = self.pop("bob")
        try:
            return self.subjects(pop)
        finally:
            pop.quit()

    def check_keeping(self, fetch):
        """Leaves the letters where they are; each comes once, over a restart of the server and a conversion too."""
        self.fill("bob", 3)
        fetch()
        self.assertEqual(self.came(), [0, 1, 2])
        fetch()
        self.assertEqual(self.came(), [0, 1, 2])
        self.add([3, 4])
        fetch()
        self.assertEqual(self.came(), [0, 1, 2, 3, 4])
        ports = {name: self.demo.ports[name] for name in ("pop3", "pop3s")}
        self.demo.run("store", "convert", self.user, "--to", "maildir", check=True)
        self.assertEqual(ports, {name: self.demo.ports[name] for name in ports})
        self.add([5])
        fetch()
        self.assertEqual(self.came(), [0, 1, 2, 3, 4, 5])
        self.assertEqual(self.left(), [0, 1, 2, 3, 4, 5])

    def check_taking(self, fetch, none_is_fine=lambda: None):
        self.fill("bob", 3)
        fetch()
        self.assertEqual(self.came(), [0, 1, 2])
        self.assertEqual(self.left(), [])
        none_is_fine()
        self.add([3])
        fetch()
        self.assertEqual(self.came(), [0, 1, 2, 3])
        self.assertEqual(self.left(), [])


class Fetchmail(ClientCase):
    def fetch(self, tls, port, keep):
        rc = self.write("fetchmailrc", f"poll 127.0.0.1 service {self.demo.ports[port]} protocol pop3 uidl\n"
                        f"user \"{self.user}\" password \"{self.password}\" {'keep' if keep else 'no keep'}\n"
                        f"{tls} mda \"(echo 'From x Mon Nov 23 12:00:00 2026'; cat; echo) >> {self.home}/box\"\n")
        # 1: no new mail.
        self.run_client("fetchmail", "-f", rc, "--nosyslog", "-v", "-i", self.home / "ids", "--pidfile", self.home / "pid",
                        codes=(0, 1))

    def test_stls_keeping(self):
        self.check_keeping(lambda: self.fetch("sslproto 'TLS1.2+' no sslcertck", "pop3", True))

    def test_tls_taking(self):
        self.check_taking(lambda: self.fetch("ssl no sslcertck", "pop3s", False))


class Mpop(ClientCase):
    def fetch(self, tls, port, keep, auth):
        rc = self.write("mpoprc", f"account default\nhost 127.0.0.1\nport {self.demo.ports[port]}\nuser {self.user}\n"
                        f"password {self.password}\n{tls}\ntls_certcheck off\nauth {auth}\npipelining on\n"
                        f"keep {'on' if keep else 'off'}\nuidls_file {self.home}/uidls\ndelivery mbox {self.home}/box\n")
        self.run_client("mpop", "-C", rc)

    def test_stls_scram_keeping(self):
        self.check_keeping(lambda: self.fetch("tls on\ntls_starttls on", "pop3", True, "scram-sha-256"))

    def test_tls_plain_taking(self):
        self.check_taking(lambda: self.fetch("tls on\ntls_starttls off", "pop3s", False, "plain"))


class Getmail(ClientCase):
    def fetch(self, kind, port, keep):
        rc = self.write("getmailrc", f"[retriever]\ntype = {kind}\nserver = 127.0.0.1\nport = {self.demo.ports[port]}\n"
                        f"username = {self.user}\npassword = {self.password}\n"
                        f"{getmail.destination(self.home, self.home / 'box')}"
                        f"[options]\nread_all = false\ndelete = {'false' if keep else 'true'}\n"
                        "delivered_to = false\nreceived = false\n")
        self.run_client("getmail", f"--getmaildir={self.home}", f"--rcfile={rc}")

    def test_tls_keeping(self):
        self.check_keeping(lambda: self.fetch("SimplePOP3SSLRetriever", "pop3s", True))

    def test_clear_text_taking(self):
        self.check_taking(lambda: self.fetch("SimplePOP3Retriever", "pop3", False))


class Curl(ClientCase):
    def curl(self, *args, port="pop3s"):
        scheme = "pop3s" if port == "pop3s" else "pop3"
        path = args[-1]
        return self.run_client("curl", "-sS", "-k", "--ssl-reqd", "--user", f"{self.user}:{self.password}", *args[:-1],
                               f"{scheme}://127.0.0.1:{self.demo.ports[port]}/{path}")

    def test_all(self):
        self.fill("bob", 3)
        for port in ("pop3", "pop3s"):   # --ssl-reqd: STLS on the first
            self.assertEqual(self.curl("", port=port).count(b"\r\n"), 3)
            self.assertEqual(self.curl("2", port=port), LETTER % 1)
            self.assertEqual(self.curl("--login-options", "AUTH=PLAIN", "3", port=port), LETTER % 2)
            self.assertEqual(self.curl("--login-options", "AUTH=LOGIN", "1", port=port), LETTER % 0)
            self.assertRegex(self.curl("-X", "UIDL", "", port=port), rb"^1 [0-9a-f]{16}\r\n2 [0-9a-f]{16}\r\n3 ")
            self.assertIn(b"Subject: number 0", self.curl("-X", "TOP 1 0", "", port=port))
        self.curl("-I", "-X", "DELE 2", "")
        self.assertEqual(self.left(), [0, 2])


class Poplib(ClientCase):
    def fetch(self, pop, seen, keep):
        pop.user(self.user)
        pop.pass_(self.password)
        with open(self.home / "box", "ab") as box:
            for line in pop.uidl()[1]:
                number, name = line.split()
                if name in seen:
                    continue
                box.write(b"From x Mon Nov 23 12:00:00 2026\n" + b"\n".join(pop.retr(int(number))[1]) + b"\n\n")
                seen.add(name)
                if not keep:
                    pop.dele(int(number))
        pop.quit()

    def stls(self):
        pop = poplib.POP3("127.0.0.1", self.demo.ports["pop3"], timeout=30)
        pop.stls(tls_context())
        return pop

    def test_stls_keeping(self):
        seen = set()
        self.check_keeping(lambda: self.fetch(self.stls(), seen, True))

    def test_tls_taking(self):
        def tls():
            return poplib.POP3_SSL("127.0.0.1", self.demo.ports["pop3s"], timeout=30, context=tls_context())
        self.check_taking(lambda: self.fetch(tls(), set(), False))


if __name__ == "__main__":
    unittest.main()
