"""App passwords over all protocols: made once, for some of them, taken back while their sessions run."""
import base64
import imaplib
import json
import os
import poplib
import shutil
import smtplib
import subprocess
import tempfile
import unittest

from posthouse import Demo, run, tls_context, wait_until
from raw import Raw
from scram import scram


class AppPasswordCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = Demo().start()
        cls.addClassCleanup(cls.demo.clean)
        cls.addClassCleanup(cls.demo.stop)

    def command(self, verb, *args, name="alice", check=True):
        return self.demo.run("account", "app-password", verb, self.demo.address(name), *args, check=check)

    def make(self, title, *args, name="alice"):
        made = json.loads(self.command("add", title, *args, "--json", name=name).stdout)
        self.assertEqual(made["name"], title)
        return made["password"]

    def listed(self, name="alice"):
        return {one["name"]: one for one in json.loads(self.command("list", "--json", name=name).stdout)}

    # ---- sessions, logged in or an exception
    def imap(self, password, name="alice"):
        client = imaplib.IMAP4_SSL("127.0.0.1", self.demo.ports["imaps"], ssl_context=tls_context(), timeout=30)
        self.addCleanup(client.sock.close)
        client.login(self.demo.address(name), password)
        return client

    def pop3(self, password, name="alice"):
        client = poplib.POP3_SSL("127.0.0.1", self.demo.ports["pop3s"], context=tls_context(), timeout=30)
        self.addCleanup(client.close)
        client.user(self.demo.address(name))
        client.pass_(password)
        return client

    def smtp(self, password, name="alice"):
        client = self.demo.smtp("submissions")
        self.addCleanup(client.close)
        client.login(self.demo.address(name), password)
        return client

    def takes(self, password, name="alice"):
        """Which protocols let somebody in with it."""
        out = set()
        for protocol, error in (("imap", imaplib.IMAP4.error), ("pop3", poplib.error_proto),
                                ("smtp", smtplib.SMTPAuthenticationError)):
            try:
                client = getattr(self, protocol)(password, name)
                (client.logout if protocol == "imap" else client.quit)()
                out.add(protocol)
            except error:
                pass
        return out

    def imap_scram(self, password, name="alice"):
        with Raw(self.demo.ports["imap"]) as connection:
            words = ["a AUTHENTICATE SCRAM-SHA-256 "]

            def challenge(message):
                connection.send((words.pop() if words else "") + base64.b64encode(message).decode() + "\r\n")
                line = connection.line()
                return base64.b64decode(line[2:]) if line.startswith(b"+ ") else None
            if not scram(self.demo.address(name), password, challenge):
                return False
            connection.send(b"\r\n")
            return b"a OK" in connection.imap_reply("a")


class Scopes(AppPasswordCase):
    def test_all_without_a_list_and_some_with_one(self):
        for title, protocols, expected in (("all", None, {"imap", "pop3", "smtp"}), ("reader", "imap,pop3", {"imap", "pop3"}),
                                           ("printer", "smtp", {"smtp"})):
            password = self.make(title, *(["--protocols", protocols] if protocols else []))
            self.assertEqual(self.takes(password), expected, title)
        self.assertEqual(self.listed()["printer"]["protocols"], ["submission"])
        self.assertEqual(self.takes(self.demo.password("alice")), {"imap", "pop3", "smtp"})
        wait_until(lambda: "app password 'printer' is not for imap" in self.demo.log())

    def test_scram(self):
        password = self.make("mutt", "--protocols", "imap", name="bob")
        printer = self.make("printer", "--protocols", "smtp", name="bob")
        self.assertTrue(self.imap_scram(password, "bob"))
        self.assertTrue(self.imap_scram(self.demo.password("bob"), "bob"))
        self.assertFalse(self.imap_scram(printer, "bob"))
        self.command("remove", "mutt", name="bob")
        self.assertFalse(self.imap_scram(password, "bob"))

    def test_curl(self):
        password = self.make("curl")
        for port, path in (("imaps", "/INBOX"), ("pop3s", "/")):
            done = subprocess.run(["curl", "-sS", "-k", "--user", f"{self.demo.address('alice')}:{password}",
                                   f"{port}://127.0.0.1:{self.demo.ports[port]}{path}"], capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)


class Command(AppPasswordCase):
    def test_it_is_shown_once_and_listed(self):
        shown = self.command("add", "phone", "--protocols", "imap,smtp", "--expires", "90d").stdout
        password = next(line for line in shown.splitlines() if line.startswith("password")).split()[-1]
        self.assertRegex(password, r"^[a-z0-9]{24}$")   # blanks are lost in the fields of some clients
        self.assertNotIn(password, self.command("list").stdout)
        self.assertNotIn(password, self.demo.log())
        one = self.listed()["phone"]
        self.assertEqual(one["protocols"], ["imap", "submission"])
        self.assertIsNone(one["last_used"])
        self.assertIsNotNone(one["expires"])
        self.imap(password)
        self.assertRegex(self.listed()["phone"]["last_used"], r"^\d{4}-\d\d-\d\d$")
        self.assertEqual(self.command("list").stdout.split()[:4], ["NAME", "PROTOCOLS", "CREATED", "EXPIRES"])
        self.assertEqual(self.command("add", "phone", check=False).returncode, 73)
        self.assertEqual(self.command("remove", "tablet", check=False).returncode, 67)
        self.assertEqual(self.command("add", "x", "--protocols", "gopher", check=False).returncode, 65)
        self.assertEqual(self.command("add", "x", "--expires", "soon", check=False).returncode, 65)

    def test_without_a_server(self):
        demo = Demo().start()
        self.addCleanup(demo.clean)
        demo.stop()
        made = json.loads(demo.run("account", "app-password", "add", demo.address("alice"), "phone", "--json", check=True).stdout)
        demo.start()
        self.addCleanup(demo.stop)
        self.demo, shared = demo, self.demo
        try:
            self.assertEqual(self.takes(made["password"]), {"imap", "pop3", "smtp"})
        finally:
            self.demo = shared


class TakenBack(AppPasswordCase):
    def test_sessions_that_came_by_it_end_and_no_others(self):
        phone, tablet = self.make("lost"), self.make("kept")
        mine, other, own = self.imap(phone), self.imap(tablet), self.imap(self.demo.password("alice"))
        idle = Raw(self.demo.ports["imap"])
        self.addCleanup(idle.close)
        idle.imap("l", f"LOGIN {self.demo.address('alice')} {phone}")
        idle.imap("s", "SELECT INBOX")
        idle.send("i IDLE\r\n")
        self.assertTrue(idle.line().startswith(b"+"))
        pop = self.pop3(phone)
        sending, sending_too = self.smtp(phone), self.smtp(tablet)
        sending.mail(self.demo.address("alice"))
        self.command("remove", "lost")
        self.assertIn(b"* BYE", idle.rest())
        with self.assertRaises((imaplib.IMAP4.abort, OSError)):
            for _ in range(1000):
                mine.noop()
        with self.assertRaises((poplib.error_proto, OSError)):
            for _ in range(1000):
                pop.noop()
        with self.assertRaises(smtplib.SMTPServerDisconnected):
            for _ in range(1000):
                code, text = sending.noop()
                self.assertIn(code, (250, 421))
        self.assertEqual(sending_too.noop()[0], 250)
        self.assertEqual(other.noop()[0], "OK")
        self.assertEqual(own.noop()[0], "OK")
        self.assertEqual(self.takes(phone), set())
        self.assertEqual(self.takes(tablet), {"imap", "pop3", "smtp"})

    def test_the_accounts_own_password_changes_and_it_stays(self):
        password = self.make("stays", name="bob")
        session = self.imap(password, "bob")
        self.demo.run("account", "password", self.demo.address("bob"), "--password-stdin",
                      stdin=self.demo.password("bob") + "\n", check=True)
        with self.assertRaises((imaplib.IMAP4.abort, OSError)):
            for _ in range(1000):
                session.noop()
        self.assertEqual(self.takes(password, "bob"), {"imap", "pop3", "smtp"})
        self.assertTrue(self.imap_scram(password, "bob"))
        self.assertTrue(self.imap_scram(self.demo.password("bob"), "bob"))


class BackedUp(AppPasswordCase):
    def setUp(self):
        self.backups = tempfile.mkdtemp(prefix="posthouse-app-passwords-")
        self.addCleanup(shutil.rmtree, self.backups)

    def test_an_account_comes_back_with_them(self):
        password = self.make("laptop", "--protocols", "imap", name="bob")
        self.demo.run("backup", os.path.join(self.backups, "b"), check=True)
        self.demo.run("account", "remove", self.demo.address("bob"), check=True)
        self.demo.run("restore", os.path.join(self.backups, "b"), "--account", self.demo.address("bob"), check=True)
        self.assertEqual(list(self.listed("bob")), ["laptop"])
        self.assertEqual(self.takes(password, "bob"), {"imap"})
        self.assertTrue(self.imap_scram(password, "bob"))

    def test_everything_comes_back_with_them(self):
        password = self.make("desk")
        self.demo.run("backup", os.path.join(self.backups, "b"), check=True)
        with open(self.demo.config) as file:
            text = file.read()
        folder = os.path.join(self.backups, "new")
        os.mkdir(folder)
        config = os.path.join(folder, "posthouse.toml")
        with open(config, "w") as file:
            file.write("\n".join(f'data_directory = "{folder}/data"' if line.startswith("data_directory") else line
                                 for line in text.splitlines()) + "\n")
        run("restore", os.path.join(self.backups, "b"), "--config", config, check=True)
        shown = run("account", "app-password", "list", self.demo.address("alice"), "--json", "--config", config, check=True)
        self.assertIn("desk", [one["name"] for one in json.loads(shown.stdout)])
        self.assertEqual(len(password), 24)


class Limits(unittest.TestCase):
    def test_sessions_of_an_account(self):
        with Demo("--set", "limits.submission_sessions_per_account=2", "--set", "limits.imap_sessions_per_account=64") as demo:
            first, second = demo.submission(), demo.submission()
            third = demo.smtp("submission")
            third.starttls(context=tls_context())
            third.ehlo()
            plain = base64.b64encode(f"\0{demo.address('alice')}\0{demo.password('alice')}".encode()).decode()
            code, text = third.docmd("AUTH", "PLAIN " + plain)
            self.assertEqual(code, 421)
            self.assertIn(b"too many sessions of this account", text)
            wait_until(lambda: "smtp.too_many_sessions" in demo.log())
            first.quit()
            demo.submission("bob").quit()
            wait_until(lambda: self.lets_in(demo))
            second.quit()
            # 64 of an account wait in IDLE at once, one more is told.
            waiting = []
            for _ in range(64):
                raw = Raw(demo.ports["imap"])
                self.addCleanup(raw.close)
                self.assertIn(b"l OK", raw.imap("l", f"LOGIN {demo.address('alice')} {demo.password('alice')}"))
                raw.imap("s", "SELECT INBOX")
                raw.send("i IDLE\r\n")
                self.assertTrue(raw.line().startswith(b"+"))
                waiting.append(raw)
            with Raw(demo.ports["imap"]) as more:
                self.assertIn(b"l NO [LIMIT]", more.imap("l", f"LOGIN {demo.address('alice')} {demo.password('alice')}"))
                self.assertIn(b"l OK", more.imap("l", f"LOGIN {demo.address('bob')} {demo.password('bob')}"))
            with demo.smtp() as smtp:
                smtp.sendmail("a@b.test", [demo.address("alice")], "Subject: for all\r\n\r\nx\r\n")
            for raw in waiting:
                self.assertIn(b"EXISTS", raw.line())

    def lets_in(self, demo):
        try:
            demo.submission().quit()
            return True
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPServerDisconnected):
            return False


if __name__ == "__main__":
    unittest.main()
