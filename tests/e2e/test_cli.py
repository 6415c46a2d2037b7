"""The command line: what it prints, what it answers to mistakes, and that it works with and without a server."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from posthouse import BINARY, Demo, Program, free_port, run, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
LETTER = "From someone Mon Nov 23 10:00:00 2026\nSubject: by hand\n\nfirst line\n.\nlast line\n"


class Documents(unittest.TestCase):
    def test_the_reference_is_the_committed_one(self):
        self.assertEqual(run("config", "reference", check=True).stdout, (ROOT / "docs/configuration.md").read_text(),
                         "make docs writes it again")

    def test_manual_pages(self):
        with tempfile.TemporaryDirectory() as folder:
            run("man", "--dir", folder, check=True)
            pages = sorted(os.listdir(folder))
            self.assertIn("posthouse.1", pages)
            self.assertIn("posthouse-queue.1", pages)
            for page in pages:
                self.assertTrue((pathlib.Path(folder) / page).read_text().startswith(".TH "), page)
        self.assertNotEqual(run("man", "--dir", "/does/not/exist").returncode, 0)

    def test_help_everywhere(self):
        todo = [[]]
        seen = 0
        while todo:
            words = todo.pop()
            text = run(*words, "--help", check=True).stdout
            self.assertIn("Usage: posthouse", " ".join(text.split()), words)
            seen += 1
            if "Subcommands:" in text and len(words) < 2:
                for line in text.split("Subcommands:")[1].splitlines():
                    if line.startswith("  ") and not line.startswith("   "):
                        todo.append([*words, line.split()[0]])
        self.assertGreater(seen, 30)

    def test_version(self):
        self.assertRegex(run("version", check=True).stdout, r"^posthouse \d+\.\d+\.\d+\n$")
        self.assertIn("version", json.loads(run("version", "--json", check=True).stdout))

    def test_wrong_usage(self):
        for words in ([], ["nonsense"], ["demo", "--base-port", "70000"], ["queue"], ["deliver"]):
            self.assertEqual(run(*words).returncode, 64, words)


class Configuration(unittest.TestCase):
    def check(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(text)
            file.flush()
            done = run("config", "check", file.name)
            return done.returncode, (done.stdout + done.stderr).replace(file.name, "FILE")

    def test_good(self):
        self.assertEqual(self.check(""), (0, "FILE: good\n"))

    def test_mistakes_name_file_line_and_what_was_expected(self):
        status, text = self.check('[server]\nhostnam = "a"\n\n[limits]\nmessage_size = 3\n')
        self.assertEqual(status, 78)
        self.assertEqual(text, "FILE:2: server.hostnam: unknown key; did you mean server.hostname?\n"
                               'FILE:5: limits.message_size: expected a size such as "50MiB", 64KiB to 2GiB\n')

    def test_what_show_prints_can_be_read(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "p.toml")
            pathlib.Path(path).write_text('[queue]\nwarn = "2h"\n')
            shown = run("config", "show", "--comments", "--config", path, check=True).stdout
            self.assertIn('warn = "2h"', shown)
            again = os.path.join(folder, "again.toml")
            pathlib.Path(again).write_text(shown)
            self.assertEqual(run("config", "show", "--comments", "--config", again, check=True).stdout, shown)

    def test_no_file(self):
        done = run("config", "show", "--config", "/does/not/exist")
        self.assertEqual(done.returncode, 78)
        self.assertIn("/does/not/exist: can't be read: No such file", done.stderr)


class Operators(unittest.TestCase):
    """Every verb, against the running server and against the store alone."""

    @classmethod
    def setUpClass(cls):
        cls.demo = Demo('--set', 'resolver.servers=["127.0.0.1@1"]', '--set', 'resolver.timeout="1s"').start()
        cls.addClassCleanup(cls.demo.clean)
        cls.addClassCleanup(cls.demo.stop)

    def ask(self, *words, **options):
        return json.loads(self.demo.run(*words, "--json", check=True, **options).stdout)

    def both(self, work):
        """Runs work() with the server up, then with it down."""
        work("up")
        self.demo.stop()
        try:
            work("down")
        finally:
            self.demo.start()

    def test_accounts(self):
        def work(when):
            address = f"new-{when}@{self.demo.domain}"
            made = self.ask("account", "add", address, "--name", "Somebody New", "--quota", "5MiB")
            self.assertRegex(made["password"], r"^[a-z0-9_-]{16,}$")
            self.assertEqual(made["quota_bytes"], 5 << 20)
            self.assertIn(address, [a["address"] for a in self.ask("account", "list")])
            self.assertIn(address, self.demo.run("account", "list", check=True).stdout)
            self.assertEqual(self.ask("account", "show", address)["messages"], 0)
            self.assertNotIn("password", self.ask("account", "password", address, "--password-stdin", stdin="given\n"))
            self.assertFalse(self.ask("account", "change", address, "--disable")["enabled"])
            self.assertEqual(self.demo.run("account", "add", address).returncode, 73)
            self.ask("account", "remove", address)
            self.assertEqual(self.demo.run("account", "show", address).returncode, 67)

        self.both(work)

    def test_a_new_password_counts_at_once(self):
        address = f"pw@{self.demo.domain}"
        self.ask("account", "add", address, "--password-stdin", stdin="one\n")
        for old, new in (("one", "two"), ("two", "three")):
            client = self.demo.smtp("submission")
            self.assertEqual(client.login(address, old)[0], 235)
            client.quit()
            self.ask("account", "password", address, "--password-stdin", stdin=new + "\n")
            client = self.demo.smtp("submission")
            client.ehlo()
            with self.assertRaises(Exception):
                client.login(address, old)
            client.close()

    def test_domains_and_aliases(self):
        def work(when):
            domain = f"{when}.test"
            self.ask("domain", "add", domain, "--catch-all", self.demo.address("alice"))
            self.ask("alias", "add", f"all@{domain}", self.demo.address("alice"), "x@far.test")
            self.assertEqual(self.ask("alias", "show", f"all@{domain}")["targets"],
                             [self.demo.address("alice"), "x@far.test"])
            self.assertEqual(self.ask("domain", "show", domain)["aliases"], 1)
            self.assertEqual(self.demo.run("domain", "remove", domain).returncode, 77)
            self.ask("alias", "remove", f"all@{domain}")
            self.ask("domain", "remove", domain)
            self.assertNotIn(domain, [d["name"] for d in self.ask("domain", "list")])

        self.both(work)

    def test_deliver(self):
        def work(when):
            text = LETTER.replace("by hand", f"by hand {when}")
            done = self.demo.run("deliver", "-f", "s@far.test", "bob", stdin=text)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(self.demo.run("deliver", "nobody", stdin=text).returncode, 67)
            self.assertEqual(self.demo.run("deliver", "x@far.test", stdin=text).returncode, 77)
            self.assertEqual(self.demo.run("deliver", "a b@c", stdin=text).returncode, 65)

        self.both(work)
        for when in ("up", "down"):
            letter = self.demo.wait_for_letter("bob", f"by hand {when}")
            self.assertTrue(letter.startswith(b"Return-Path: <s@far.test>\r\n"))
            self.assertTrue(letter.endswith(b"\r\n\r\nfirst line\r\n.\r\nlast line\r\n"))
            self.assertNotIn(b"From someone", letter)

    def test_deliver_takes_a_large_letter_in_little_memory(self):
        body = b"Subject: large\n\n" + (b"0123456789abcdef" * 4 + b"\n") * (20 << 14)
        done = subprocess.run([BINARY, "deliver", "--config", self.demo.config, "bob"], input=body, timeout=120)
        self.assertEqual(done.returncode, 0)
        shown = self.ask("account", "show", self.demo.address("bob"))
        self.assertGreater(shown["bytes"], 20 << 20)

    def test_queue(self):
        def work(when):
            self.ask("alias", "add", f"away-{when}@{self.demo.domain}", f"x@{when}.invalid-host.example")
            self.demo.run("deliver", "-f", self.demo.address("alice"), f"away-{when}", stdin=LETTER, check=True)
            letters = self.ask("queue", "list", "--domain", f"{when}.invalid-host.example")
            self.assertEqual(len(letters), 1)
            number = letters[0]["id"]
            self.assertIn(number, self.demo.run("queue", "list", check=True).stdout)
            self.assertEqual(self.ask("queue", "show", number)["sender"], self.demo.address("alice"))
            self.assertEqual(self.ask("queue", "hold", number), {"letters": 1})
            self.assertEqual(self.ask("queue", "show", number)["recipients"][0]["state"], "held")
            self.assertEqual(self.ask("queue", "release", number), {"letters": 1})
            self.assertEqual(self.demo.run("queue", "delete").returncode, 65)
            self.assertEqual(self.demo.run("queue", "delete", "0000000000001").returncode, 67)
            self.ask("queue", "retry", number)
            self.assertEqual(self.ask("queue", "bounce", number), {"letters": 1})
            self.assertEqual(self.demo.run("queue", "show", number).returncode, 67)
            self.ask("alias", "remove", f"away-{when}@{self.demo.domain}")

        self.both(work)
        for when in ("up", "down"):
            self.demo.wait_for_letter("alice", f"x@{when}.invalid-host.example")

    def test_store_check(self):
        def work(_):
            report = self.ask("store", "check")
            self.assertGreaterEqual(report["accounts"], 2)
            self.assertEqual(report["problems"], [])

        self.both(work)

    def test_the_store_of_a_server_that_does_not_answer(self):
        held = os.path.join(self.demo.directory, "data/run/control.sock")
        os.rename(held, held + ".away")
        try:
            done = self.demo.run("account", "list")
        finally:
            os.rename(held + ".away", held)
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertIn("control socket does not answer", done.stderr)

    def test_junk_on_the_control_socket(self):
        path = os.path.join(self.demo.directory, "data/run/control.sock")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\2{}" * 3, b"\xff" * 64, os.urandom(1000)):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(20)
                client.connect(path)
                try:
                    client.sendall(junk)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(4096):
                        pass
                except ConnectionError:
                    pass
        self.assertEqual(len(self.ask("account", "list")) >= 2, True)


class DemoItself(unittest.TestCase):
    def test_table_for_people(self):
        with tempfile.TemporaryDirectory() as folder:
            base = free_port(10000, 22000)
            program = Program("demo", "--base-port", base, "--dir", folder, "--local-domain", "else.test",
                              directory=folder)
            with program:
                lines = []
                while not lines or lines[-1] != "ready":
                    lines.append(program.read_line())
                text = "\n".join(lines)
                self.assertIn(f"127.0.0.1:{base + 25}", text)
                self.assertIn("alice@else.test  password demo", text)
                with socket.create_connection(("127.0.0.1", base + 25), timeout=10) as client:
                    self.assertTrue(client.recv(100).startswith(b"220 "))
                other = run("demo", "--base-port", base)
                self.assertEqual(other.returncode, 69)
                self.assertRegex(other.stderr, rf"{base + 25}.*posthouse.*{program.pid}|{program.pid}.*posthouse")
                self.assertEqual(program.stop(signal.SIGINT), 0)

    def test_a_temporary_folder_goes(self):
        program = Program("demo", "--base-port", "0", "--json")
        with program:
            ready = json.loads(program.read_line())
            self.assertTrue(os.path.isdir(ready["dir"]))
            self.assertEqual(program.stop(), 0)
            self.assertFalse(os.path.exists(ready["dir"]))

    def test_a_named_folder_goes_on_also_after_a_kill(self):
        with Demo() as demo:
            demo.wait_for_letter("alice", "Welcome to Posthouse")
            demo.run("deliver", "alice", stdin=LETTER, check=True)
            demo.kill()
            demo.start()
            letter = demo.wait_for_letter("alice", "by hand")
            self.assertIn(b"last line", letter)
            client = demo.imap("alice")
            self.assertEqual(client.select("INBOX")[1], [b"2"], "one welcome letter and one other")
            client.logout()
            self.assertEqual(demo.stop(), 0)

    def test_a_second_demo_in_the_same_folder_changes_nothing(self):
        with Demo() as demo:
            before = pathlib.Path(demo.config).read_bytes()
            other = run("demo", "--base-port", "0", "--dir", demo.directory)
            self.assertEqual(other.returncode, 73)
            self.assertIn("another demo runs in " + demo.directory, other.stderr)
            self.assertEqual(pathlib.Path(demo.config).read_bytes(), before)

    def test_the_folder_of_a_real_host_is_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "posthouse.toml"
            config.write_text('[server]\nhostname = "mx.example.org"\n')
            done = run("demo", "--base-port", "0", "--dir", folder)
            self.assertEqual(done.returncode, 73)
            self.assertIn(folder + " was not made by a demo", done.stderr)
            self.assertEqual(os.listdir(folder), ["posthouse.toml"])

    def test_a_wrong_setting(self):
        done = run("demo", "--base-port", "0", "--set", "queue.wran=1")
        self.assertEqual(done.returncode, 78)
        self.assertIn("queue.wran: unknown key; did you mean queue.warn?", done.stderr)

    def test_waiting_clients_hear_of_the_end(self):
        with Demo() as demo:
            smtp = socket.create_connection(("127.0.0.1", demo.ports["smtp"]), timeout=20)
            imap = socket.create_connection(("127.0.0.1", demo.ports["imap"]), timeout=20)
            smtp_file, imap_file = smtp.makefile("rb"), imap.makefile("rb")
            self.assertTrue(smtp_file.readline().startswith(b"220 "))
            self.assertTrue(imap_file.readline().startswith(b"* OK"))
            self.assertEqual(demo.stop(), 0)
            self.assertTrue(smtp_file.read().startswith(b"421 "))
            self.assertTrue(imap_file.read().startswith(b"* BYE"))
            smtp.close()
            imap.close()


class Setup(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="posthouse-setup-")
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.dir = os.path.join(self.folder, "mail")
        self.user = ["--user", "nobody"] if os.geteuid() == 0 else []

    def test_everything_is_there_and_nothing_is_overwritten(self):
        done = run("setup", "me@example.org", "--dir", self.dir, *self.user, "--json", check=True)
        result = json.loads(done.stdout)
        self.assertRegex(result["password"], r"^[a-z0-9_-]{16,}$")
        kinds = {(r["type"], r["name"]) for r in result["records"]}
        self.assertLessEqual({("MX", "example.org"), ("TXT", "example.org"), ("TXT", "_dmarc.example.org"),
                              ("TXT", "_mta-sts.example.org"), ("TXT", "_smtp._tls.example.org")}, kinds)
        self.assertTrue(any("._domainkey.example.org" in name for _, name in kinds))
        run("config", "check", result["config"], check=True)
        keys = os.listdir(os.path.join(self.dir, "data/keys"))
        self.assertEqual(len(keys), 2)
        for key in keys:
            self.assertEqual(os.stat(os.path.join(self.dir, "data/keys", key)).st_mode & 0o777, 0o600)
        accounts = json.loads(run("account", "list", "--json", "--config", result["config"], check=True).stdout)
        self.assertEqual([(a["address"], a["admin"]) for a in accounts], [("me@example.org", True)])
        before = pathlib.Path(result["config"]).read_text()
        again = run("setup", "me@example.org", "--dir", self.dir, *self.user)
        self.assertEqual(again.returncode, 73)
        self.assertIn("nothing was changed", again.stderr)
        self.assertEqual(pathlib.Path(result["config"]).read_text(), before)

    def test_text_for_people(self):
        text = run("setup", "me@example.org", "--dir", self.dir, *self.user, check=True).stdout
        for part in ("IN MX 10 mail.example.org.", "v=spf1", "v=DKIM1", "v=DMARC1", "v=STSv1", "v=TLSRPTv1", "PTR",
                     f"posthouse serve --config {self.dir}/posthouse.toml"):
            self.assertIn(part, text)

    def test_what_is_no_address(self):
        self.assertEqual(run("setup", "nonsense", "--dir", self.dir).returncode, 65)
        self.assertFalse(os.path.exists(self.dir))


if __name__ == "__main__":
    unittest.main()
