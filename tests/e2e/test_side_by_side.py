"""Commands beside each other and beside others' rights: imports and restores of one account, killed restores, root."""
import imaplib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from posthouse import BINARY, Demo, free_port, run, wait_until

WELCOME = 1    # letters that an account of the demo begins with


def letter(n):
    return f"From: <a@sender.test>\nSubject: letter {n}\nMessage-ID: <{n}@sender.test>\n\nbody {n}\n"


class Base(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="posthouse-beside-")
        self.backups = os.path.join(self.folder, "backups")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def source(self, count):
        path = pathlib.Path(self.folder, "source")
        path.mkdir()
        for n in range(count):
            (path / f"{n}.eml").write_text(letter(n))
        return path

    def shown(self, demo, address):
        return json.loads(demo.run("account", "show", address, "--json", check=True).stdout)

    def begin(self, demo, *args):
        return subprocess.Popen([BINARY, *map(str, args), "--config", demo.config], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)


class OneAccount(Base):
    def test_letters_are_brought_by_one_at_a_time(self):
        source = self.source(2000)
        with Demo() as demo:
            address = demo.address("bob")
            demo.run("backup", self.backups, check=True)
            commands = [["import", address, source]] * 3 + [["restore", self.backups, "--account", address]]
            processes = [self.begin(demo, *command) for command in commands]
            # Somebody has it, and stands still there, whoever comes next.
            wait_until(lambda: self.shown(demo, address)["messages"] > WELCOME, what="letters")
            for process in processes:
                if process.poll() is None:
                    process.send_signal(signal.SIGSTOP)
            late = demo.run("import", address, source)
            busy = [p for p in processes if p.poll() is None]
            if busy:
                self.assertEqual(late.returncode, 75, late.stdout + late.stderr)
                self.assertIn(f"{address}: another import or restore of this account is under way", late.stderr)
                late = demo.run("restore", self.backups, "--account", address)
                self.assertEqual(late.returncode, 75, late.stdout + late.stderr)
                self.assertEqual(demo.run("import", address, source, "--dry-run").returncode, 0, "changes nothing")
                self.assertEqual(demo.run("import", demo.address("alice"), source).returncode, 0, "somebody else's")
            for process in processes:
                if process.poll() is None:
                    process.send_signal(signal.SIGCONT)
                process.communicate(timeout=60)
            self.assertLessEqual({p.returncode for p in processes}, {0, 75})
            demo.run("import", address, source, check=True)
            self.assertEqual(self.shown(demo, address)["messages"], WELCOME + 2000)

    def test_a_killed_one_lets_go(self):
        source = self.source(2000)
        with Demo() as demo:
            address = demo.address("bob")
            process = self.begin(demo, "import", address, source)
            wait_until(lambda: self.shown(demo, address)["messages"] > WELCOME or process.poll() is not None, what="letters")
            process.kill()
            process.communicate()
            demo.run("import", address, source, check=True)
            self.assertEqual(self.shown(demo, address)["messages"], WELCOME + 2000)

    def test_without_a_server(self):
        source = self.source(500)
        demo = Demo()
        try:
            demo.start()
            address = demo.address("bob")
            demo.stop()
            processes = [self.begin(demo, "import", address, source) for _ in range(3)]
            for process in processes:
                process.communicate(timeout=60)
            self.assertLessEqual({p.returncode for p in processes}, {0, 75})
            self.assertEqual(self.shown(demo, address)["messages"], WELCOME + 500)
        finally:
            demo.clean()


class RemovedAccounts(Base):
    def test_all_of_it_comes_back(self):
        """Its properties, and those of its domain; killed at any moment and repeated."""
        with Demo() as demo:
            address = "u5@back.test"
            demo.run("domain", "add", "back.test", "--quota", "3GiB", "--store", "maildir", check=True)
            demo.run("account", "add", address, "--password-stdin", "--store", "database", "--name", "U Five", stdin="secret\n",
                     check=True)
            demo.run("account", "change", address, "--quota", "2GiB", "--quota-messages", "777", check=True)
            demo.run("account", "app-password", "add", address, "phone", check=True)
            demo.run("alias", "add", "five@back.test", address, check=True)
            for n in range(5):
                demo.run("deliver", address, stdin=letter(n), check=True)
            before = self.shown(demo, address)
            domain = demo.run("domain", "show", "back.test", "--json", check=True).stdout
            demo.run("backup", self.backups, check=True)
            for delay in (0.02, 0.04, 0.06, 0.09, None):
                demo.run("account", "remove", address, check=True)
                demo.run("alias", "remove", "five@back.test", check=True)
                demo.run("domain", "remove", "back.test", check=True)
                if delay is not None:
                    process = self.begin(demo, "restore", self.backups, "--account", address)
                    wait_until(lambda: process.poll() is not None or
                               not demo.run("domain", "show", "back.test").returncode, what="a begin")
                    time.sleep(delay)
                    process.kill()
                    process.communicate()
                demo.run("restore", self.backups, "--account", address, check=True)
                self.assertEqual(self.shown(demo, address), before, delay)
                self.assertEqual(demo.run("domain", "show", "back.test", "--json", check=True).stdout, domain)
                self.assertIn("phone", demo.run("account", "app-password", "list", address, check=True).stdout)
                self.assertEqual(demo.run("alias", "show", "five@back.test").returncode, 0)
                imap = imaplib.IMAP4_SSL("127.0.0.1", demo.ports["imaps"])
                imap.login(address, "secret")
                imap.logout()


@unittest.skipUnless(os.geteuid() == 0, "only root is somebody else's operator")
class Root(Base):
    def test_a_store_that_somebody_else_serves(self):
        """With server.user = "" and the service's User=: nothing of root's gets in its way."""
        os.chmod(self.folder, 0o755)
        data = pathlib.Path(self.folder, "data")
        data.mkdir(mode=0o700)
        shutil.chown(data, "nobody")
        config = pathlib.Path(self.folder, "posthouse.toml")
        off = "".join(f'{name} = "off"\n' for name in ("submission", "submissions", "imap", "imaps", "metrics"))
        config.write_text(f'[server]\nuser = ""\nhostname = "mail.own.test"\ndata_directory = "{data}"\n'
                          f'[listen]\nsmtp = ["127.0.0.1:{free_port()}"]\n{off}')
        source = self.source(2)
        for command in (["store", "create"], ["domain", "add", "own.test"],
                        ["account", "add", "me@own.test", "--store", "maildir"], ["store", "check"], ["account", "list"],
                        ["import", "me@own.test", source], ["search", "status"], ["status"], ["queue", "list"],
                        ["backup", self.backups], ["store", "repair"], ["mailbox", "list", "me@own.test"]):
            done = run(*command, "--config", config)
            self.assertEqual(done.returncode, 0, f"{command} {done.stdout}{done.stderr}")
            roots = [str(path) for path in data.rglob("*") if path.lstat().st_uid == 0]
            self.assertEqual(roots, [], command)
        # What root's hands did to it is told, with the way out.
        log = sorted((data / "store").glob("*.log"))[-1]
        os.chown(log, 0, 0)
        log.chmod(0o600)
        done = subprocess.run([BINARY, "account", "list", "--config", config], user="nobody", group="nogroup",
                              extra_groups=[], capture_output=True, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"belongs to root and not to nobody, who runs this: `chown -R nobody: {data}`", done.stderr)


if __name__ == "__main__":
    unittest.main()
