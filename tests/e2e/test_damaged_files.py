"""A table of the store is damaged under a running server: compaction stumbles over it, the worker ends by itself, the
next one mends it, and all goes on: letters come in, everybody else's mail is there, and no UID names two letters."""
import base64
import contextlib
import imaplib
import json
import os
import pathlib
import shutil
import subprocess
import unittest

from posthouse import run, tls_context, wait_until
from test_serve import Serve

PEOPLE = ("first", "hurt", "last")
LETTERS = 30
ROUNDS = 12  # four tables of the first level make RocksDB compact them


class DamagedFiles(unittest.TestCase):
    def setUp(self):
        self.server = Serve("[auth]\nplain_without_tls = true\n[resolver]\nservers = [\"127.0.0.1@9\"]\n"
                            "[store]\ncompression = \"none\"\n")   # so that rows are found by what is in them
        self.addCleanup(self.server.clean)
        for name in PEOPLE:
            self.posthouse("account", "add", f"{name}@serve.test", "--password-stdin", stdin="secret\n", check=True)
        self.store = pathlib.Path(self.server.directory) / "data/store"
        self.letters = {name: [base64.b64encode(os.urandom(450)).decode() for _ in range(LETTERS)] for name in PEOPLE}

    @contextlib.contextmanager
    def running(self):
        ready = self.server.own_log().count("server.ready")
        self.server.start()
        try:
            self.server.wait_for_log("server.ready", ready + 1)
            yield
        finally:
            self.server.stop()

    def posthouse(self, *args, **kwargs):
        return run(*args, "--config", self.server.config, **kwargs)

    def deliver(self, name, subject):
        return self.posthouse("deliver", f"{name}@serve.test", stdin=f"Subject: {subject}\n\nx\n").returncode == 0

    def mailbox(self, name):
        """UIDVALIDITY, and the subjects by UID."""
        client = imaplib.IMAP4_SSL("127.0.0.1", self.server.ports["imaps"], ssl_context=tls_context(), timeout=30)
        client.login(f"{name}@serve.test", "secret")
        client.select("INBOX", readonly=True)
        validity = int(client.response("UIDVALIDITY")[1][0])
        found = {}
        for uid in client.uid("SEARCH", None, "ALL")[1][0].split():
            data = client.uid("FETCH", uid, "(UID ENVELOPE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
            found[int(uid)] = data[0][1].decode().replace("\r\n", "").replace(" ", "").removeprefix("Subject:")
        client.logout()
        return validity, found

    def table_of(self, needle):
        """The table with that row of a mailbox; small bodies are in tables, too, and begin with trace fields."""
        for path in self.store.glob("*.sst"):
            content = path.read_bytes()
            if needle in content and b"Received" not in content:
                return path
        return self.fail("the letter's row is nowhere in " + ", ".join(os.listdir(self.store)))

    def damage(self, needle):
        with open(self.table_of(needle), "r+b") as file:
            file.seek(file.read().find(needle))
            file.write(b"damaged bytes")

    def until_compaction_stumbles(self):
        """Each start puts what is in the log into a table."""
        for _ in range(ROUNDS):
            with self.running():
                # Without a server, `deliver` would open the store itself, and mend it.
                if not all(self.deliver("last", f"more{n}") for n in range(5)):
                    self.server.wait_for_log("engine.broken")
                    return self.after_the_mending()
        self.fail("compaction has not met the damage: " + self.server.own_log()[-3000:])

    def after_the_mending(self):
        starts = self.server.own_log().split("engine.broken")[0].count("server.ready")
        self.server.wait_for_log("server.ready", starts + 1)
        for name in PEOPLE:
            wait_until(lambda who=name: self.deliver(who, "afterwards"), 30, f"a letter to {name}")
        for name in ("first", "last"):
            subjects = list(self.mailbox(name)[1].values())
            for subject in self.letters[name] + ["afterwards"]:
                self.assertEqual(subjects.count(subject), 1, name)
        return self.mailbox("hurt")

    def fill(self):
        """Everybody's letters, in a table; and UIDVALIDITY of the one that will be hurt."""
        with self.running():
            for name in PEOPLE:
                for subject in self.letters[name]:
                    self.assertTrue(self.deliver(name, subject))
            before = self.mailbox("hurt")[0]
        with self.running():
            pass
        return before

    def test_a_table_that_cannot_be_opened_does_not_stop_the_start(self):
        """The whole worker has to be allowed what mending needs."""
        self.fill()
        needle = self.letters["hurt"][15].encode()[100:140]
        path = self.table_of(needle)
        os.truncate(path, path.stat().st_size // 2)
        with self.running():
            self.assertIn("engine.mended", self.server.own_log())
            for name in PEOPLE:  # whose account may have been in that table too
                self.posthouse("account", "add", f"{name}@serve.test", "--password-stdin", stdin="secret\n")
                self.assertTrue(self.deliver(name, "afterwards"))
                self.assertIn("afterwards", self.mailbox(name)[1].values())
        kept = list((self.store.parent / "store.damaged").rglob(path.name))
        self.assertEqual(len(kept), 1)

    def test_the_check_lists_everything_that_is_damaged(self):
        with self.running():
            big = f"Subject: big\n\n{base64.b64encode(os.urandom(60000)).decode()}\n"
            self.assertEqual(self.posthouse("deliver", "first@serve.test", stdin=big).returncode, 0)
        self.fill()
        blobs = list(self.store.glob("*.blob"))
        self.assertTrue(blobs)
        self.damage(self.letters["hurt"][15].encode()[100:140])
        with self.running():
            for path in blobs:
                path.unlink()
            done = self.posthouse("store", "check")
            self.assertEqual(done.returncode, 70, done.stdout + done.stderr)
            self.assertRegex(done.stdout, r"Corruption: .*\.sst")
            self.assertRegex(done.stdout, r"blob \w+: .*No such file.*\.blob")
            # The accounts and the letters that can be read are counted.
            accounts, messages = (int(done.stdout.split(word)[0].split()[-1]) for word in (" accounts", " messages"))
            self.assertEqual(accounts, len(PEOPLE) + 1)
            self.assertGreater(messages, 2 * LETTERS)
            self.assertLess(done.stdout.count("belongs to no message"), 2)

    def test_all_letters_whose_bodies_are_gone_are_named(self):
        with self.running():
            for _ in range(4):
                big = f"Subject: big\n\n{base64.b64encode(os.urandom(60000)).decode()}\n"
                self.assertEqual(self.posthouse("deliver", "first@serve.test", stdin=big).returncode, 0)
        with self.running():
            pass
        for path in self.store.glob("*.blob"):
            os.truncate(path, 100)
        done = self.posthouse("store", "check")
        self.assertEqual(done.returncode, 70, done.stdout + done.stderr)
        for number in range(1, 5):
            self.assertRegex(done.stdout, rf"the body of account \S+ mailbox INBOX message {number}; delete it")

    def test_a_letter_whose_body_is_gone_is_named_until_it_is_deleted_and_purged(self):
        with self.running():
            big = f"Subject: big\n\n{base64.b64encode(os.urandom(60000)).decode()}\n"
            self.assertEqual(self.posthouse("deliver", "first@serve.test", stdin=big).returncode, 0)
        with self.running():
            pass
        blobs = list(self.store.glob("*.blob"))
        self.assertTrue(blobs)
        for path in blobs:
            path.unlink()
        for command in ("check", "repair", "check"):
            done = self.posthouse("store", command)
            self.assertEqual(done.returncode, 70, done.stdout + done.stderr)
            self.assertRegex(done.stdout, r"blob \w+: .*: the body of account \S+ mailbox INBOX message 1; delete it")
        with self.running():
            client = imaplib.IMAP4_SSL("127.0.0.1", self.server.ports["imaps"], ssl_context=tls_context(), timeout=30)
            client.login("first@serve.test", "secret")
            client.select("INBOX")
            self.assertEqual(client.uid("STORE", "1", "+FLAGS.SILENT", "(\\Deleted)")[0], "OK")
            self.assertEqual(client.expunge()[0], "OK")
            client.logout()
            self.assertIn("expunged message 1; delete it", self.posthouse("store", "check").stdout)
            self.posthouse("mailbox", "purge", "first@serve.test", check=True)
            done = self.posthouse("store", "check")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("Nothing is damaged.", done.stdout)

    def test_letters_whose_rows_are_lost_come_back_and_the_check_gets_clean(self):
        """The whole table of the mailboxes is spoilt; bodies are in another."""
        self.fill()
        path = self.table_of(self.letters["hurt"][15].encode()[100:140])
        with open(path, "r+b") as file:
            for at in range(2000, path.stat().st_size - 12000, 4000):
                file.seek(at)
                file.write(os.urandom(100))
        (self.store / "SUSPECT").write_text(path.name + "\n")
        with self.running():
            self.assertIn("engine.mended", self.server.own_log())
            found = 0
            for name in PEOPLE:
                listed = run("mailbox", "list", f"{name}@serve.test", "--json", "--config", self.server.config)
                if listed.returncode == 0:
                    found += sum(mailbox["messages"] for mailbox in json.loads(listed.stdout))
            self.assertIn("store.bodies_adopted", self.server.own_log())
            self.assertEqual(found, len(PEOPLE) * LETTERS)
            refused = self.posthouse("store", "repair")
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("stop it", refused.stderr)
        shutil.rmtree(self.store.parent / "store.damaged")
        for _ in range(2):
            repaired = self.posthouse("store", "repair")
            self.assertEqual(repaired.returncode, 0, repaired.stdout + repaired.stderr)
        done = self.posthouse("store", "check")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_damaged_block_of_rows_that_other_tables_have_too(self):
        """Flags that change again and again: the same keys are in tables of several levels."""
        for n in range(8):
            with self.running():
                for subject in range(10):
                    self.assertTrue(self.deliver("hurt", f"round{n} {subject}"))
                client = imaplib.IMAP4_SSL("127.0.0.1", self.server.ports["imaps"], ssl_context=tls_context(), timeout=30)
                client.login("hurt@serve.test", "secret")
                client.select("INBOX")
                self.assertEqual(client.store("1:*", "+FLAGS.SILENT", f"(kw{n})")[0], "OK")
                client.logout()
        data = self.store.parent
        whole = data.with_name("data.whole")
        data.rename(whole)
        tables = sorted(path.name for path in (whole / "store").glob("*.sst"))
        self.assertTrue(tables)
        for table in tables:
            for part in (0.05, 0.35, 0.65):
                shutil.rmtree(data, ignore_errors=True)
                subprocess.run(["cp", "-a", whole, data], check=True)    # with its owner
                with open(self.store / table, "r+b") as file:
                    size = file.seek(0, os.SEEK_END)
                    file.seek(int(size * part))
                    file.write(bytes(min(512, size - file.tell())))
                for command in ("repair", "check", "repair"):
                    with self.subTest(table=table, part=part, command=command):
                        done = self.posthouse("store", command)
                        # Letters may have lost their bodies, but nothing ends by a signal.
                        self.assertIn(done.returncode, (0, 65, 70), done.stdout[-2000:] + done.stderr[-2000:])

    def test_the_next_worker_mends_it(self):
        before = self.fill()
        self.damage(self.letters["hurt"][15].encode()[100:140])
        after, left = self.until_compaction_stumbles()
        self.assertEqual(list(left.values()).count("afterwards"), 1)
        # A damaged summary is made anew from the letter; a client reads all of them again.
        self.assertEqual(sorted(left.values()), sorted(self.letters["hurt"] + ["afterwards"]))
        self.assertGreater(after, before)
        log = self.server.own_log()
        self.assertEqual(log.count("engine.broken"), 1)
        self.assertIn("engine.mended", log)
        self.assertIn("store.settled", log)
        told = self.posthouse("store", "check")
        self.assertNotEqual(told.returncode, 0)
        self.assertIn("the rows of 1 blocks of", told.stdout)
        folders = list((self.store.parent / "store.damaged").iterdir())
        self.assertEqual(len(folders), 1)
        self.assertTrue(any(".sst." in path.name for path in folders[0].iterdir()))
        shutil.rmtree(folders[0])
        self.assertNotIn("blocks of", self.posthouse("store", "check").stdout)


if __name__ == "__main__":
    unittest.main()
