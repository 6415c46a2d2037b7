"""The command line: what it prints, what it answers to mistakes, and that it works with and without a server."""
import contextlib
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
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
            new = os.path.join(folder, "new/man1")
            run("man", "--dir", new, check=True)
            self.assertIn("posthouse.1", os.listdir(new))
        self.assertEqual(run("man", "--dir", "/dev/null/man1").returncode, 73)

    def test_help_everywhere(self):
        todo = [[]]
        seen = 0
        while todo:
            words = todo.pop()
            text = run(*words, "--help", check=True).stdout
            self.assertIn("Usage: posthouse", " ".join(text.split()), words)
            seen += 1
            if "Subcommands:" in text and len(words) < 3:
                for line in text.split("Subcommands:")[1].splitlines():
                    if line.startswith("  ") and not line.startswith("   "):
                        todo.append([*words, line.split()[0]])
        self.assertGreater(seen, 30)

    def test_commands_in_the_documents_are_there(self):
        """Those that stand in backquotes or on a line of their own, with their options."""
        helps = {}

        def help_of(*words):
            if words not in helps:
                text = run(*words, "--help", check=True).stdout
                named = text.split("Subcommands:")[1].splitlines() if "Subcommands:" in text else []
                helps[words] = text, {line.split()[0] for line in named if re.match(r"  \S", line)}
            return helps[words]

        seen = 0
        for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs/formats").glob("*.md")]:
            text = path.read_text()
            commands = re.findall(r"`posthouse ([a-z][^`]*)`", text)
            commands = [c for c in commands if not re.search(r" [0-9]$", c)]   # first lines of files
            if path.parent.name != "formats":   # there, such lines are of files
                commands += re.findall(r"^    (?:sudo )?posthouse ([a-z][^#\n]*)", text, re.M)
            for command in commands:
                words = command.replace("|", " ").split()
                with self.subTest(file=path.name, command=command):
                    self.assertIn(words[0], help_of()[1])
                    known = (words[0],)
                    below = help_of(*known)[1]
                    if len(words) > 1 and words[1] in below:
                        known = (*known, words[1])
                        deeper = help_of(*known)[1]
                        if deeper and len(words) > 2:
                            self.assertIn(words[2], deeper)
                            known = (*known, words[2])
                    elif words[0] != "backup":
                        self.assertFalse(len(words) > 1 and below, "no such command")
                    for option in re.findall(r"(?<!\S)--[a-z-]+", command):
                        self.assertIn(option, help_of(*known)[0])
                seen += 1
        self.assertGreater(seen, 50)

    def test_version(self):
        self.assertRegex(run("version", check=True).stdout, r"^posthouse \d+\.\d+\.\d+\n$")
        self.assertIn("version", json.loads(run("version", "--json", check=True).stdout))

    def test_wrong_usage(self):
        for words in ([], ["nonsense"], ["demo", "--base-port", "70000"], ["queue"], ["deliver"]):
            self.assertEqual(run(*words).returncode, 64, words)

    def test_mistyped_words_are_named_and_the_nearest_suggested(self):
        for words, told in ((["nosuchcmd"], "no such command: nosuchcmd\n"),
                            (["acount", "list"], "no such command: acount; did you mean account?"),
                            (["account", "lst"], "no such command: account lst; did you mean account list?"),
                            (["demo", "--base-prt", "0"], "no such option: --base-prt; did you mean --base-port?"),
                            (["demo", "--local-domain", ""], "--local-domain: expected a domain"),
                            (["queue", "list", "--most", "0"], "--most"), (["queue", "list", "--most", "-1"], "--most"),
                            (["account", "change", "a@b.test", "--enable", "--disable"], "--disable")):
            done = run(*words)
            self.assertEqual(done.returncode, 64, words)
            self.assertIn(told, done.stderr, words)

    def test_every_mistake_has_the_form_of_an_error(self):
        for words in ([], ["queue"], ["queue", "list", "--most", "0"], ["account", "show", "--json"], ["nosuchcmd"],
                      ["account", "change", "a@b.test", "--enable", "--disable", "--json"]):
            done = run(*words)
            self.assertEqual(done.returncode, 64, words)
            self.assertRegex(done.stderr, r"^posthouse: \S", words)
            self.assertEqual(done.stdout, "", words)

    def test_output_that_can_not_be_written(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([BINARY, "version"], stdout=full, stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(done.returncode, 74)
            self.assertIn(b"standard output: No space left on device", done.stderr)
            done = subprocess.run([BINARY, "config", "reference"], stdout=full, stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(done.returncode, 74)
            self.assertIn(b"standard output: No space left on device", done.stderr)

    def test_why_output_failed_is_told_though_much_happened_since(self):
        with open("/dev/full", "wb") as full, tempfile.TemporaryDirectory() as folder:
            demo = subprocess.Popen([BINARY, "demo", "--json", "--base-port", "0", "--dir", folder], stdout=full,
                                    stderr=subprocess.PIPE)
            try:
                log = os.path.join(folder, "posthouse.log")
                wait_until(lambda: os.path.exists(log) and "demo.ready" in pathlib.Path(log).read_text(), 60)
                demo.terminate()
                demo.wait(60)
                told = demo.stderr.read()
            finally:
                demo.kill()
                demo.wait()
                demo.stderr.close()
        self.assertIn(b"standard output: No space left on device", told)
        self.assertEqual(demo.returncode, 74)



class Configuration(unittest.TestCase):
    def check(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(text)
            file.flush()
            done = run("config", "check", file.name)
            return done.returncode, (done.stdout + done.stderr).replace(file.name, "FILE")

    def usable(self, server="", more=""):
        """A configuration that whoever runs this could serve with, its first line [server]; and its folder."""
        folder = tempfile.mkdtemp(prefix="posthouse-check-")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        listen = "".join(f'{name} = "off"\n' for name in ("submission", "submissions", "imap", "imaps", "metrics"))
        settings = {"user": "nobody" if os.geteuid() == 0 else "", "data_directory": folder + "/data"}
        lines = "".join(f'{key} = "{value}"\n' for key, value in settings.items() if f"{key} =" not in server)
        return f'[server]\n{server}{lines}[listen]\nsmtp = ["127.0.0.1:{free_port()}"]\n{listen}{more}', folder

    def test_good(self):
        text, folder = self.usable()
        status, told = self.check(text)
        self.assertEqual((status, told.splitlines()[0]), (0, "FILE: good"))
        # Yet to be made, or on a disk that is not mounted.
        self.assertRegex(told, f"FILE:[23]: warning: server.data_directory: there is no store in {folder}/data/store: is its disk")
        self.assertEqual(os.listdir(folder), [])  # it only looked
        pathlib.Path(folder, "posthouse.toml").write_text(text)
        run("store", "create", "--config", folder + "/posthouse.toml", check=True)
        self.assertEqual(self.check(text), (0, "FILE: good\n"))

    def test_what_a_server_could_not_work_with(self):
        _, folder = self.usable()
        pathlib.Path(folder, "file").write_text("")
        cases = [('data_directory = "/proc/1"', "server.data_directory: expected a folder to work in, but /proc/1 is no place"),
                 (f'data_directory = "{folder}/file"', "server.data_directory: expected a folder to work in, but "
                                                       f"{folder}/file is no folder"),
                 ('user = "nosuchuser"', 'server.user: there is no user "nosuchuser"'),
                 (f'control_socket = "{folder}/file"', "server.control_socket: expected a place for a socket"),
                 ('hostname = "mail"', "server.hostname: expected a full name")]
        if os.geteuid() == 0:
            cases += [('user = ""', "server.user: expected the user to run as"),
                      ('group = "nosuchgroup"', 'server.group: there is no group "nosuchgroup"')]
        for line, told in cases:
            status, out = self.check(self.usable(server=line + "\n")[0])
            self.assertEqual(status, 78, line)
            self.assertIn("FILE:2: " + told, out)
        for more, told in ((f'[tls]\nca_file = "{folder}/file"\n', "tls.ca_file: expected certificates in PEM, but"),
                           (f'[resolver]\ntrust_anchor = "{folder}"\n', "resolver.trust_anchor: expected a file with"),
                           (f'[log]\nfile = "{folder}"\n', "log.file: expected a file to write to, but")):
            status, out = self.check(self.usable(more=more)[0])
            self.assertEqual(status, 78, more)
            self.assertIn("FILE:12: " + told, out)
        self.assertEqual(os.listdir(folder), ["file"])

    def test_mistakes_name_file_line_and_what_was_expected(self):
        status, text = self.check('[server]\nhostnam = "a"\n\n[limits]\nmessage_size = 3\n')
        self.assertEqual(status, 78)
        self.assertEqual(text, "FILE:2: server.hostnam: unknown key; did you mean server.hostname?\n"
                               'FILE:5: limits.message_size: expected a size such as "50MiB", 64KiB to 2GiB\n')

    def test_certificates_that_can_not_be_used_are_named_with_their_line(self):
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "posthouse.toml"
            config.write_text(f'[tls]\ncertificates = [{{ chain = "{folder}/c.pem", key = "{folder}/k.pem" }}]\n')
            for content in (None, "junk\n"):
                if content:
                    for name in ("c.pem", "k.pem"):
                        (pathlib.Path(folder) / name).write_text(content)
                done = run("config", "check", config)
                self.assertEqual(done.returncode, 78)
                self.assertRegex(done.stderr, rf"posthouse.toml:2: tls.certificates: .*{folder}/c.pem")

    def test_what_show_prints_can_be_read(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "p.toml")
            pathlib.Path(path).write_text('[queue]\nwarn = "2h"\n')
            shown = run("config", "show", "--comments", "--config", path, check=True).stdout
            self.assertIn('warn = "2h"', shown)
            again = os.path.join(folder, "again.toml")
            pathlib.Path(again).write_text(shown)
            self.assertEqual(run("config", "show", "--comments", "--config", again, check=True).stdout, shown)

    def test_show_in_json(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write('[queue]\nwarn = "2h"\n[tls]\ncertificates = [{ chain = "/c.pem", key = "/k.pem" }]\n'
                       '[listen]\nlmtp = "off"\n')
            file.flush()
            shown = json.loads(run("config", "show", "--json", "--config", file.name, check=True).stdout)
            text = run("config", "show", "--config", file.name, check=True).stdout
        self.assertEqual(shown["queue"]["warn"], "2h")
        self.assertEqual(shown["tls"]["certificates"], [{"chain": "/c.pem", "key": "/k.pem"}])
        self.assertEqual(shown["listen"]["lmtp"], "off")
        self.assertIs(shown["resolver"]["recursive"], True if "recursive = true" in text else False)
        options = [line for line in text.splitlines() if " = " in line]
        self.assertEqual(sum(len(section) for section in shown.values()), len(options))

    def test_names_and_addresses(self):
        for text, told in (('[server]\nhostname = "a b"\n', "FILE:2: server.hostname: expected a host name"),
                           ('[resolver]\nservers = ["foo"]\n', "FILE:2: resolver.servers: expected a list of addresses"),
                           ('[listen]\nsmtp = ["0.0.0.0:25", "0.0.0.0:25"]\n', "FILE:2: listen.smtp: expected each"),
                           ('[queue]\nwarn = "6d"\n', "FILE:2: queue.warn: expected at most queue.expire")):
            status, out = self.check(text)
            self.assertEqual(status, 78, text)
            self.assertIn(told, out)

    def test_names_of_other_scripts_become_a_labels(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write('[server]\nhostname = "mail.\u00e9.example"\n')
            file.flush()
            shown = run("config", "show", "--config", file.name, check=True).stdout
        self.assertIn('hostname = "mail.xn--9ca.example"', shown)

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
            unlimited = {"quota_messages": None, "total_bytes": None, "total_messages": None}
            self.ask("domain", "add", domain, "--catch-all", self.demo.address("alice"))
            self.ask("alias", "add", f"all@{domain}", self.demo.address("alice"), "x@far.test")
            self.assertEqual(self.ask("alias", "show", f"all@{domain}")["targets"],
                             [self.demo.address("alice"), "x@far.test"])
            self.assertEqual(self.ask("domain", "show", domain)["aliases"], 1)
            self.assertEqual(self.demo.run("domain", "remove", domain).returncode, 77)
            changed = self.ask("domain", "change", domain, "--quota", "5MiB")
            known = {"name": domain, "catch_all": self.demo.address("alice"), "quota_bytes": 5 << 20}
            self.assertEqual({**changed, **known}, changed)
            changed = self.ask("domain", "change", domain, "--catch-all", "none", "--quota", "none")
            self.assertEqual({**changed, "name": domain, "catch_all": None, "quota_bytes": None}, changed)
            self.assertEqual(self.demo.run("domain", "change", "other.test", "--quota", "none").returncode, 67)
            changed = self.ask("alias", "change", f"all@{domain}", self.demo.address("bob"))
            self.assertEqual(changed["targets"], [self.demo.address("bob")])
            self.assertEqual(self.ask("alias", "show", f"all@{domain}")["targets"], [self.demo.address("bob")])
            self.assertEqual(self.demo.run("alias", "change", f"no@{domain}", "x@far.test").returncode, 67)
            self.ask("alias", "remove", f"all@{domain}")
            self.ask("domain", "remove", domain)
            self.assertNotIn(domain, [d["name"] for d in self.ask("domain", "list")])

        self.both(work)

    def test_the_store_of_new_accounts_of_a_domain(self):
        def work(when):
            domain = f"files-{when}.test"
            self.assertEqual(self.ask("domain", "add", domain, "--store", "maildir")["store"], "maildir")
            self.assertEqual(self.ask("domain", "show", domain)["store"], "maildir")
            self.ask("account", "add", f"one@{domain}")
            self.assertEqual(self.ask("account", "show", f"one@{domain}")["store"], "maildir")
            self.assertIsNone(self.ask("domain", "change", domain, "--store", "none")["store"])
            self.ask("account", "add", f"two@{domain}")
            self.assertEqual(self.ask("account", "show", f"two@{domain}")["store"], "database")
            self.assertEqual(self.ask("account", "show", f"one@{domain}")["store"], "maildir")
            self.assertEqual({one["address"]: one["store"] for one in self.ask("account", "list", domain)},
                             {f"one@{domain}": "maildir", f"two@{domain}": "database"})
            for name in ("one", "two"):
                self.ask("account", "remove", f"{name}@{domain}")
            self.ask("domain", "remove", domain)

        self.both(work)

    def test_a_change_of_nothing_says_what_could_be_given(self):
        for words, told in ((["account", "change", self.demo.address("bob")], "--name, --quota"),
                            (["domain", "change", self.demo.domain], "--catch-all, --quota")):
            done = self.demo.run(*words)
            self.assertEqual((done.returncode, done.stdout), (64, ""), words)
            self.assertIn(f"nothing to change: give one or more of {told}", done.stderr)

    def test_a_catch_all_that_leads_to_nobody(self):
        done = self.demo.run("domain", "add", "b.test", "--catch-all", "zz@b.test")
        self.assertEqual(done.returncode, 77)
        self.assertIn("the catch-all leads in a circle to nobody: *@b.test -> zz@b.test -> zz@b.test", done.stderr)

    def test_what_is_not_there_is_told(self):
        address = self.ask("account", "list")[0]["address"]
        for words, told in ((["account", "list", "nowhere.test"], "posthouse: no such domain: nowhere.test\n"),
                            (["mailbox", "undelete", address, "--mailbox", "Nope"], "posthouse: no such mailbox: Nope\n"),
                            (["mailbox", "undelete", address, "--mailbox", "Nope", "--dry-run"], "no such mailbox: Nope"),
                            (["mailbox", "expunged", address, "--mailbox", "Nope"], "no such mailbox: Nope")):
            done = self.demo.run(*words)
            self.assertEqual(done.returncode, 67, (words, done.stdout, done.stderr))
            self.assertIn(told, done.stderr)
        for words in (["account", "list", address.split("@")[1].upper()], ["mailbox", "undelete", address, "--mailbox", "inbox"]):
            done = self.demo.run(*words)
            self.assertEqual(done.returncode, 0, (words, done.stderr))

    def test_names_that_can_not_be(self):
        def work(when):
            for words, code, told in (
                    (["domain", "add", "bad_domain"], 65, "not a domain name: 'bad_domain' (expected letters"),
                    (["alias", "add", f"@{self.demo.domain}", "x"], 65, "the local part before the @ is missing"),
                    (["alias", "add", f"c@{self.demo.domain}", f"c@{self.demo.domain}"], 77,
                     f"in a circle to nobody: c@{self.demo.domain} -> c@{self.demo.domain}")):
                done = self.demo.run(*words)
                self.assertEqual(done.returncode, code, (when, words, done.stderr))
                self.assertIn(told, done.stderr)

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

    def test_deliver_keeps_to_the_limit_and_takes_the_null_sender(self):
        text = pathlib.Path(self.demo.config).read_text()
        small = os.path.join(self.demo.directory, "small.toml")
        pathlib.Path(small).write_text(re.sub(r'message_size = "[^"]*"', 'message_size = "64KiB"', text))
        fits = b"Subject: fits\n\n" + b"x" * 60 * 1024
        done = run("deliver", "--config", small, "-f", "<>", "bob", stdin=fits)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(b"Return-Path: <>\r\n", self.demo.wait_for_letter("bob", "Subject: fits"))
        done = run("deliver", "--config", small, "bob", stdin=fits + b"y" * 8192)
        self.assertEqual(done.returncode, 69)
        self.assertIn("larger than limits.message_size (64KiB)", done.stderr)

    def test_deliver_without_standard_input_delivers_nothing(self):
        before = self.ask("account", "show", self.demo.address("bob"))["messages"]
        done = subprocess.run(["sh", "-c", 'exec "$0" deliver --config "$1" bob <&-', BINARY, self.demo.config],
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 74)
        self.assertIn(b"standard input: ", done.stderr)
        self.assertNotIn(b"directory", done.stderr)
        self.assertEqual(self.ask("account", "show", self.demo.address("bob"))["messages"], before)

    def test_a_password_that_could_not_be_shown(self):
        address = f"unseen@{self.demo.domain}"
        with open("/dev/full", "wb") as full:
            done = subprocess.run([BINARY, "account", "add", address, "--config", self.demo.config], stdout=full,
                                  stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 74)
        self.assertIn(b"could not be shown", done.stderr)
        self.assertIn(f"account password {address} --config {self.demo.config}\n".encode(), done.stderr)
        self.assertIn(b"standard output: No space left on device", done.stderr)
        self.ask("account", "remove", address)

    def test_status(self):
        text = self.demo.run("status", check=True).stdout
        self.assertRegex(text, r"Letters in the queue +\d+\n")
        self.assertRegex(text, r"Free for letters +\d")
        self.assertNotIn("{", text)

    def test_queue(self):
        def work(when):
            self.ask("alias", "add", f"away-{when}@{self.demo.domain}", f"x@{when}.invalid-host.example")
            self.demo.run("deliver", "-f", self.demo.address("alice"), f"away-{when}", stdin=LETTER, check=True)
            letters = self.ask("queue", "list", "--domain", f"{when}.invalid-host.example")
            self.assertEqual(len(letters), 1)
            number = letters[0]["id"]
            self.assertIn(number, self.demo.run("queue", "list", check=True).stdout)
            self.assertEqual(self.ask("queue", "show", number)["sender"], self.demo.address("alice"))
            self.assertEqual(self.ask("queue", "hold", number), {"letters": 1, "ids": [number]})
            domain = f"{when}.invalid-host.example"
            self.assertEqual(self.ask("queue", "hold", number), {"letters": 0, "ids": []}, "it is held already")
            self.assertEqual(self.ask("queue", "release", "--domain", domain), {"letters": 1, "ids": [number]})
            self.assertIn(number, self.demo.run("queue", "hold", "--recipient", f"x@{when}", check=True).stdout)
            shown = self.ask("queue", "show", number)["recipients"][0]
            self.assertEqual((shown["state"], shown["next_attempt"]), ("held", None))
            self.assertRegex(self.demo.run("queue", "show", number, check=True).stdout, r"held x@\S+, \d+ attempts\n")
            done = self.demo.run("queue", "show", "all")
            self.assertEqual(done.returncode, 65)
            self.assertIn("`queue list` lists all", done.stderr)
            self.assertEqual(self.ask("queue", "release", number), {"letters": 1, "ids": [number]})
            self.assertEqual(self.demo.run("queue", "delete").returncode, 65)
            self.assertEqual(self.demo.run("queue", "delete", "0000000000001").returncode, 67)
            self.ask("queue", "retry", number)
            self.assertEqual(self.ask("queue", "bounce", number), {"letters": 1, "ids": [number], "to_sender": 1})
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

    def test_connections_that_say_nothing_shut_nobody_out(self):
        path = os.path.join(self.demo.directory, "data/run/control.sock")
        with contextlib.ExitStack() as stack:
            idle = []
            for n in range(300):
                client = stack.enter_context(socket.socket(socket.AF_UNIX))
                client.settimeout(20)
                client.connect(path)
                if n % 3 == 1:
                    client.send(b"\0")   # a frame that never ends
                idle.append(client)
            began = time.monotonic()
            self.assertGreaterEqual(len(self.ask("account", "list")), 2)
            self.assertLess(time.monotonic() - began, 20, "at once, not when the others have timed out")
            # Those that waited longest are gone, the others are still served.
            self.assertEqual(idle[0].recv(10), b"")
            request = json.dumps({"verb": "ping", "arguments": {}}).encode()
            idle[-1].sendall(len(request).to_bytes(4, "big") + request)
            self.assertIn(b"pong", idle[-1].recv(100))

    def test_half_a_letter_gives_way_too(self):
        path = os.path.join(self.demo.directory, "data/run/control.sock")
        request = json.dumps({"verb": "deliver", "arguments": {"sender": "", "recipients": [self.demo.address("bob")]}}).encode()
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                client = stack.enter_context(socket.socket(socket.AF_UNIX))
                client.connect(path)
                try:
                    client.sendall(len(request).to_bytes(4, "big") + request + b"\0\0\0\5Subj")
                except ConnectionError:
                    pass   # there are too many

            def asked():
                return self.demo.run("account", "list").returncode == 0

            wait_until(asked, 20, "an answer while half letters wait")

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

    def test_a_domain_of_one_label(self):
        with Demo("--local-domain", "x") as demo:
            with demo.submission("alice") as client:
                client.sendmail("alice@x", ["bob@x"], "Subject: short\r\n\r\nfrom here to there\r\n")
            demo.wait_for_letter("bob", "from here to there")

    def test_carol_keeps_her_letters_in_a_maildir(self):
        self.assertIn("carol", run("demo", "--help", check=True).stdout)
        with Demo() as demo:
            with demo.smtp() as client:
                client.sendmail("you@a.test", [demo.address("carol")], "Subject: x\r\n\r\nin a file of its own\r\n")
            folder = pathlib.Path(demo.directory, "data/maildir", demo.domain, "carol")
            found = wait_until(lambda: [f for f in [*folder.glob("new/*"), *folder.glob("cur/*")]
                                        if b"in a file of its own" in f.read_bytes()])
            self.assertEqual(len(found), 1)

    def test_commands_that_are_printed_work(self):
        with tempfile.TemporaryDirectory(prefix="posthouse it's a test ") as folder:
            program = Program("demo", "--base-port", "0", "--dir", folder, "--local-domain", "m\u00fcnchen.test",
                              directory=folder)
            with program:
                lines = []
                while not lines or lines[-1] != "ready":
                    lines.append(program.read_line())
                commands = [line.strip() for line in lines[lines.index("Try") + 1:] if line.startswith("  ")]
                self.assertEqual(len(commands), 3)
                for command in commands:
                    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=60,
                                          env={**os.environ, "PATH": "/usr/bin:/bin"})
                    self.assertEqual(done.returncode, 0, (command, done.stdout, done.stderr))
                self.assertIn("alice@xn--mnchen-3ya.test  password demo", "\n".join(lines))
                smtp = int(re.search(r"smtp +127.0.0.1:(\d+)", "\n".join(lines)).group(1))
                with socket.create_connection(("127.0.0.1", smtp), timeout=10) as client:
                    self.assertTrue(client.recv(200).startswith(b"220 mail.xn--mnchen-3ya.test "))

    def test_a_changed_password_is_not_told(self):
        with Demo() as demo:
            demo.run("account", "password", demo.address("alice"), "--password-stdin", stdin="new\n", check=True)
            # An imported hash has no keys for SCRAM, which the demo compares.
            demo.run("account", "password", demo.address("bob"), "--hash-stdin", check=True,
                     stdin="$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5\n")
            self.assertEqual(demo.stop(), 0)
            demo.start()
            self.assertEqual([demo.password("alice"), demo.password("bob")], [None, None])
            self.assertNotIn("auth.failed", demo.log())

    def test_a_folder_with_a_long_path(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run("demo", "--base-port", "0", "--dir", os.path.join(folder, "x" * 120))
            self.assertEqual(done.returncode, 78)
            self.assertIn("--dir: expected a folder with a shorter path", done.stderr)

    def test_a_setting_without_quotes(self):
        with Demo("--set", "log.level=trace", "--set", "listen.metrics=off") as demo:
            self.assertNotIn("metrics", demo.ports)
            self.assertIn('level = "trace"', pathlib.Path(demo.config).read_text())

    def test_the_end_of_the_terminal_is_the_end(self):
        with tempfile.TemporaryDirectory() as folder:
            near, far = pty.openpty()
            process = subprocess.Popen([BINARY, "demo", "--base-port", "0", "--dir", folder], stdin=far, stdout=far,
                                       stderr=subprocess.DEVNULL, start_new_session=True)
            os.close(far)
            text = b""
            while b"ready" not in text:
                text += os.read(near, 4096)
            process.send_signal(signal.SIGHUP)
            self.assertEqual(process.wait(60), 0)
            os.close(near)

    def test_reload_without_a_terminal(self):
        with Demo() as demo:
            os.kill(demo.pid, signal.SIGHUP)
            wait_until(lambda: "server.certificates_loaded" in demo.log(), 30, "the reload")
            self.assertIsNone(demo.process.poll())

    def test_a_demo_told_to_end_while_it_starts_leaves_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            for sig in (signal.SIGTERM, signal.SIGINT):
                program = Program("demo", "--base-port", "0", "--json", env={"TMPDIR": folder})
                with program:
                    wait_until(lambda: os.listdir(folder) or program.process.poll() is not None, 30, "its folder")
                    program.process.send_signal(sig)
                    self.assertEqual(program.process.wait(60), 0)
                    self.assertEqual(os.listdir(folder), [])

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

    def test_its_own_configuration_is_good(self):
        """Also as root, whom a server would want to become somebody else."""
        with Demo() as demo:
            done = run("config", "check", demo.config)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            if os.geteuid() == 0:
                self.assertIn("warning: server.user: a demo runs as whoever starts it", done.stderr)
                self.assertEqual(run("serve", "--config", demo.config).returncode, 78, "a server needs a user")

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

    def zone(self, text):
        """What `setup` printed as DNS records, completed to a zone and checked."""
        lines = text.split("Publish these DNS records:\n\n")[1].split("\n\n")[0]
        path = os.path.join(self.folder, "zone")
        pathlib.Path(path).write_text("$TTL 3600\n@ IN SOA ns.example.net. hostmaster.example.net. 1 7200 900 1209600 300\n"
                                      "@ IN NS ns.example.net.\n" + lines + "\n")
        done = subprocess.run(["nsd-checkzone", "example.org", path], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + lines)
        return lines

    def test_the_zone_can_be_pasted(self):
        options = ["setup", "me@example.org", *self.user]
        lines = self.zone(run(*options, "--dir", self.dir, "--ipv4", "192.0.2.7", "--ipv6", "2001:DB8::7", check=True).stdout)
        self.assertIn("\nmail.example.org. IN A 192.0.2.7\n", lines)
        self.assertIn("\nmail.example.org. IN AAAA 2001:db8::7\n", lines)
        self.zone(run(*options, "--dir", self.dir + "2", check=True).stdout)  # with what this host has, or has not
        lines = self.zone(run(*options, "--dir", self.dir + "3", "--hostname", "example.org", "--ipv4", "192.0.2.7",
                              check=True).stdout)
        self.assertIn("\n; example.org. IN AAAA ...", lines)
        self.assertEqual(lines.count("v=spf1"), 1)
        lines = self.zone(run(*options, "--dir", self.dir + "4", "--hostname", "mx.else.test", "--ipv4", "192.0.2.7",
                              check=True).stdout)
        self.assertIn("mx.else.test. IN A 192.0.2.7", lines)
        result = json.loads(run(*options, "--dir", self.dir + "5", "--ipv4", "192.0.2.7", "--json", check=True).stdout)
        values = {r["type"]: r["value"] for r in result["records"] if r["type"] in ("A", "AAAA")}
        self.assertEqual(values, {"A": "192.0.2.7", "AAAA": None})

    def test_what_is_wrong_is_told_before_anything_is_made(self):
        for words, told in ((["me@example.org", "--hostname", "mx 1"], "--hostname: expected a host name"),
                            (["me@example.org", "--hostname", "mx1"], "--hostname: expected a host name"),
                            (["me@example.org", "--hostname", "192.0.2.1"], "--hostname: expected a host name"),
                            (["me@example.org", "--hostname", "[192.0.2.1]"], "--hostname: expected a host name"),
                            (["@one.test"], "@one.test: the local part before the @ is missing"),
                            (["me@a_b.test"], "not a domain name: 'a_b.test' (expected letters, digits and hyphens"),
                            (["me@1.2.3.4"], "me@1.2.3.4: expected an address at a domain of yours"),
                            (["me@[1.2.3.4]"], "expected an address at a domain of yours"),
                            (["me@localhost"], "expected an address at a domain of yours"),
                            (["me@example.org", "--ipv4", "::1"], "--ipv4: expected an IPv4 address"),
                            (["me@example.org", "--ipv6", "foo"], "--ipv6: expected an IPv6 address")):
            done = run("setup", *words, "--dir", self.dir, *self.user)
            self.assertEqual(done.returncode, 65, (words, done.stderr))
            self.assertIn(told, done.stderr)
            self.assertFalse(os.path.exists(self.dir), words)
        done = run("setup", "me@example.org", "--dir", self.dir + "x" * 120, *self.user)
        self.assertEqual(done.returncode, 65)
        self.assertIn("--dir: expected a folder with a shorter path", done.stderr)
        self.assertEqual(os.listdir(self.folder), [])

    def test_names_of_other_scripts_become_a_labels(self):
        done = run("setup", "me@m\u00fcnchen.test", "--hostname", "MX1.M\u00fcnchen.test.", "--dir", self.dir, *self.user,
                   "--json", check=True)
        result = json.loads(done.stdout)
        self.assertIn({"name": "xn--mnchen-3ya.test", "type": "MX", "value": "10 mx1.xn--mnchen-3ya.test."},
                      result["records"])
        self.assertIn('hostname = "mx1.xn--mnchen-3ya.test"', pathlib.Path(result["config"]).read_text())

    def test_a_setup_that_failed_leaves_nothing_and_can_be_repeated(self):
        # A key of that name where none may be written: the keys folder is a file.
        data = pathlib.Path(self.dir) / "data"
        data.mkdir(parents=True)
        os.chmod(self.dir, 0o755)
        (data / "keys").write_text("")
        if os.geteuid() == 0:
            shutil.chown(data, "nobody")
        done = run("setup", "me@example.org", "--dir", self.dir, *self.user)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("data/keys", done.stderr)
        self.assertEqual(sorted(os.listdir(data)), ["keys"])
        self.assertEqual(os.listdir(self.dir), ["data"])
        (data / "keys").unlink()
        result = json.loads(run("setup", "me@example.org", "--dir", self.dir, *self.user, "--json", check=True).stdout)
        run("account", "show", "me@example.org", "--config", result["config"], check=True)
        self.assertFalse((data / "setup-unfinished").exists())

    def test_what_a_killed_setup_left_is_made_anew(self):
        result = json.loads(run("setup", "me@example.org", "--dir", self.dir, *self.user, "--json", check=True).stdout)
        os.unlink(result["config"])  # the last thing to be written
        (pathlib.Path(self.dir) / "data/setup-unfinished").write_text("")
        again = json.loads(run("setup", "you@example.org", "--dir", self.dir, *self.user, "--json", check=True).stdout)
        accounts = json.loads(run("account", "list", "--json", "--config", again["config"], check=True).stdout)
        self.assertEqual([a["address"] for a in accounts], ["you@example.org"])

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
