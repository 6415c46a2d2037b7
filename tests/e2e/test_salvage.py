"""`store salvage`: letters are copied out of a store that nothing else can open any more."""
import imaplib
import json
import mailbox
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from posthouse import BINARY, run, tls_context
from test_export_names import contents
from test_serve import Serve

SMALL = 8
BIG = 3


class Salvage(unittest.TestCase):
    def setUp(self):
        self.server = Serve("[resolver]\nservers = [\"127.0.0.1@9\"]\n")
        self.addCleanup(self.server.clean)
        self.store = pathlib.Path(self.server.directory) / "data/store"
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.target = pathlib.Path(folder.name) / "out"
        self.server.start()
        self.letters = {}
        for number in range(SMALL + BIG):
            line = os.urandom(30).hex()
            lines = 1 if number < SMALL else 4000
            self.letters[f"letter{number}"] = f"{line}\n" * lines
            run("deliver", "me@serve.test", "--config", self.server.config, check=True,
                stdin=f"Subject: letter{number}\n\n" + self.letters[f"letter{number}"])
        self.client = imaplib.IMAP4_SSL("127.0.0.1", self.server.ports["imaps"], ssl_context=tls_context(), timeout=30)
        self.client.login("me@serve.test", "secret")
        self.client.select("INBOX")
        self.client.uid("STORE", "2", "+FLAGS", r"(\Seen \Flagged $Important)")
        self.assertEqual(self.client.create('"Old/2025 (before)"')[0], "OK")
        self.assertEqual(self.client.uid("MOVE", "3", '"Old/2025 (before)"')[0], "OK")
        self.client.logout()

    def salvage(self, *more):
        return run("store", "salvage", str(self.target), *more, "--config", self.server.config)

    def found(self):
        out = {}
        for folder in self.target.glob("me@serve.test/[!.]*"):
            for letter in mailbox.Maildir(folder, create=False):
                out[letter["Subject"]] = (folder.name, letter.get_flags(), letter.get_payload())
        return out

    def expect_everything(self):
        found = self.found()
        self.assertEqual({name: body for name, (_, _, body) in found.items()}, self.letters)
        self.assertEqual(found["letter1"][:2], ("INBOX", "FSa"))
        self.assertEqual(found["letter2"][:2], ("Old%2F2025 %28before%29", ""))
        self.assertEqual((self.target / "me@serve.test/INBOX/dovecot-keywords").read_text(), "0 $Important\n")

    def test_a_store_whose_manifest_is_damaged(self):
        self.server.stop()
        current = self.store / (self.store / "CURRENT").read_text().strip()
        current.write_bytes(os.urandom(200))
        before = {path.name: path.read_bytes() for path in self.store.iterdir()}
        self.assertNotEqual(run("store", "check", "--config", self.server.config).returncode, 0)
        done = self.salvage()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.expect_everything()
        self.assertIn("could not be opened as usual", done.stdout)
        self.assertEqual(sorted(path.name for path in self.target.iterdir()), ["me@serve.test"])
        left = {path.name: path.read_bytes() for path in self.store.iterdir()}
        self.assertEqual({name: left.get(name) for name in before}, before)
        again = self.salvage()
        self.assertEqual(again.returncode, 73, again.stdout + again.stderr)

    def kill_one_that_writes(self):
        """Until one was killed before it was done."""
        for _ in range(100):
            process = subprocess.Popen([BINARY, "store", "salvage", str(self.target), "--config", self.server.config],
                                       stdout=subprocess.DEVNULL)
            while process.poll() is None and not (self.target / "me@serve.test").exists():
                pass
            process.kill()
            process.wait()
            if (self.target / "UNFINISHED").exists():
                return
            shutil.rmtree(self.target)
        self.fail("all were done before they could be killed")

    def test_one_that_was_killed_is_begun_anew(self):
        self.server.stop()
        self.kill_one_that_writes()
        for source in (self.target, self.target / "me@serve.test"):
            done = run("import", "me@serve.test", source, "--config", self.server.config)
            self.assertEqual(done.returncode, 65, done.stdout + done.stderr)
            self.assertIn("interrupted `store salvage`", done.stderr)
        (self.target / "mine").write_text("of the operator")
        done = self.salvage()
        self.assertEqual(done.returncode, 73, done.stdout + done.stderr)
        self.assertIn("mine was not made by the unfinished salvage", done.stderr)
        (self.target / "mine").unlink()
        done = self.salvage()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.expect_everything()
        self.assertEqual(sorted(path.name for path in self.target.iterdir()), ["me@serve.test"])
        run("import", "me@serve.test", self.target / "me@serve.test", "--config", self.server.config, check=True)
        done = run("store", "salvage", self.store / "sv", "--config", self.server.config)
        self.assertEqual(done.returncode, 73, done.stdout + done.stderr)
        self.assertFalse((self.store / "sv").exists())

    def test_an_import_brings_back_what_was_salvaged(self):
        self.server.stop()
        self.server.start()
        client = imaplib.IMAP4_SSL("127.0.0.1", self.server.ports["imaps"], ssl_context=tls_context(), timeout=30)
        client.login("me@serve.test", "secret")
        for name in ("cur", "new", "tmp", "cur/new", "a.b", "...", "100%", "x" * 250):
            self.assertEqual(client.create(f'"{name}"')[0], "OK")
            client.append(f'"{name}"', "(\\Seen work)", None, f"Subject: {name}\r\n\r\n".encode())
        for number in range(30):
            client.append("cur", f"(keyword{number})", None, f"Subject: {number}\r\n\r\n".encode())
        for name, value in (('"a.b"', "of the mailbox"), ('""', "of the account")):
            self.assertEqual(client.xatom("SETMETADATA", name, f'(/private/comment "{value}")')[0], "OK")
        client.logout()
        run("account", "add", "other@serve.test", "--password-stdin", "--config", self.server.config, stdin="secret\n", check=True)
        self.server.stop()
        self.assertEqual(self.salvage().returncode, 0)
        run("import", "other@serve.test", self.target / "me@serve.test", "--config", self.server.config, check=True)
        self.server.start()
        listed = {}
        for who in ("me", "other"):
            client = imaplib.IMAP4_SSL("127.0.0.1", self.server.ports["imaps"], ssl_context=tls_context(), timeout=30)
            client.login(f"{who}@serve.test", "secret")
            listed[who] = contents(client)
            for name, value in (('"a.b"', b"of the mailbox"), ('""', b"of the account")):
                self.assertEqual(client.xatom("GETMETADATA", name, "/private/comment")[0], "OK")
                self.assertIn(value, str(client.response("METADATA")[1]).encode())
            client.logout()
        self.assertEqual({box: rows for box, rows in listed["other"].items() if rows},
                         {box: rows for box, rows in listed["me"].items() if rows})

    def test_what_cannot_be_read_is_listed(self):
        self.server.stop()
        run("store", "check", "--config", self.server.config, check=True)  # the log goes to tables and blob files
        blob = next(self.store.glob("*.blob"))
        content = bytearray(blob.read_bytes())
        content[len(content) // 2] ^= 0xff
        blob.write_bytes(content)
        done = self.salvage()
        self.assertEqual(done.returncode, 70, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"unreadable: me@serve.test INBOX message \d+: .*blob")
        listed = (self.target / "UNREADABLE").read_text()
        self.assertTrue(listed.startswith("me@serve.test: 1 lines\n\nme@serve.test INBOX message "), listed)
        found = self.found()
        self.assertEqual(len(found), SMALL + BIG - 1)
        for name, (_, _, body) in found.items():
            self.assertEqual(body, self.letters[name])
        self.assertEqual(list(self.target.rglob("tmp/*")), [])

    def test_accounts_in_files_are_told_once(self):
        run("account", "add", "box@serve.test", "--store", "maildir", "--password-stdin", "--config", self.server.config,
            stdin="secret\n", check=True)
        for number in range(3):
            run("deliver", "box@serve.test", "--config", self.server.config, stdin=f"Subject: {number}\n\n", check=True)
        self.server.stop()
        done = self.salvage()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        place = pathlib.Path(self.server.directory) / "data/maildir/serve.test/box"
        self.assertIn(f"note: box@serve.test: 3 letters are in files of the account's own, {place}: copy those", done.stdout)
        self.expect_everything()

    def test_a_repair_is_over_when_it_says_so(self):
        """Also where each damaged block ends one attempt: the next one goes on without it."""
        self.server.stop()
        run("store", "check", "--config", self.server.config, check=True)  # the log goes to tables and blob files
        for table in self.store.glob("*.sst"):
            with open(table, "r+b") as file:
                file.seek(table.stat().st_size // 4)
                file.write(os.urandom(40))
        done = run("store", "repair", "--config", self.server.config)
        self.assertEqual(done.returncode, 65, done.stdout + done.stderr)
        self.assertIn("The store is in order. Something was lost, see above.", done.stdout)
        self.assertRegex(done.stdout, "note: the rows of .* are lost")
        # What was kept of it stays for inspection, and is told; but it is over.
        kept = next((self.store.parent / "store.damaged").iterdir())
        self.assertTrue((kept / "REPAIRED").exists())
        for _ in range(2):
            done = run("store", "check", "--config", self.server.config)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertRegex(done.stdout, "over: the rows of .* are lost")
            self.assertTrue(done.stdout.endswith("Nothing is damaged.\n"), done.stdout)
        told = json.loads(run("store", "check", "--json", "--config", self.server.config).stdout)
        self.assertEqual(told["problems"], [])
        self.assertIn("are lost", told["notes"][0])
        done = run("store", "repair", "--config", self.server.config)
        self.assertEqual(done.returncode, 0, "nothing is lost by a second repair: " + done.stdout + done.stderr)
        # Removed by the operator, nothing is told any more.
        shutil.rmtree(self.store.parent / "store.damaged")
        for command, told in (("repair", "The store is in order.\n"), ("check", "Nothing is damaged.\n")):
            done = run("store", command, "--config", self.server.config)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertTrue(done.stdout.endswith(told), done.stdout)

    def test_without_a_store_nothing_is_made(self):
        self.server.stop()
        shutil.rmtree(self.store)
        done = self.salvage()
        self.assertEqual(done.returncode, 74, done.stdout + done.stderr)
        self.assertIn("there is no store", done.stderr)
        self.assertFalse(self.target.exists())
        self.assertEqual(run("store", "check", "--config", self.server.config).returncode, 74)

    def test_a_running_server_is_left_alone(self):
        done = self.salvage()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("stop the server", done.stderr)
        self.server.stop()


if __name__ == "__main__":
    unittest.main()
