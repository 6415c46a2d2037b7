"""Damaged blocks of a demo's store, wherever they are, and what the commands for care say of it. Letters that lie
whole in a Maildir or mbox come back from there."""
import json
import os
import pathlib
import shutil
import tempfile
import unittest

from posthouse import Demo, run, wait_until

LETTERS = 40
COPIED = 10


class DamagedRows(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.whole = pathlib.Path(holder.name) / "whole"
        cls.hurt = pathlib.Path(holder.name) / "hurt"
        demo = Demo(directory=str(cls.whole))
        demo.start()
        try:
            with demo.smtp() as client:
                for number in range(LETTERS):
                    client.sendmail("a@far.test", [demo.address("carol"), demo.address("dave")],
                                    f"Subject: letter {number}\r\n\r\n{os.urandom(200).hex()}\r\n")
            cls.counts = {}
            for name in ("carol", "dave"):
                client = demo.imap(name)
                wait_until(lambda: int(client.select("INBOX")[1][0]) > LETTERS, 30, "all letters")
                client.create("Second")
                client.copy(f"1:{COPIED}", "Second")
                client.logout()
        finally:
            demo.stop()
        for _ in range(2):  # what is in the log gets into a table
            demo = Demo(directory=str(cls.whole))
            demo.start()
            demo.stop()
        cls.table = max((cls.whole / "data/store").glob("*.sst"), key=lambda path: path.stat().st_size)

    def setUp(self):
        shutil.rmtree(self.hurt, ignore_errors=True)
        shutil.copytree(self.whole, self.hurt, symlinks=True)
        self.config = self.hurt / "posthouse.toml"
        self.config.write_text(self.config.read_text().replace(str(self.whole), str(self.hurt)))
        self.store = self.hurt / "data/store"

    def store_command(self, *args):
        return run("store", *args, "--config", str(self.config))

    def mailboxes(self, name):
        listed = run("mailbox", "list", f"{name}@example.test", "--json", "--config", str(self.config), check=True)
        return {one["name"]: one["messages"] for one in json.loads(listed.stdout)}

    def flip(self, at):
        with open(self.store / self.table.name, "r+b") as file:
            file.seek(at)
            byte = file.read(1)[0] ^ 0xff
            file.seek(at)
            file.write(bytes([byte]))

    def test_after_a_repair_letters_in_files_are_found_again_in_them(self):
        size = self.table.stat().st_size
        places = range(2000, size - 2000, 4000)
        self.assertGreater(len(places), 3)
        for at in places:
            self.setUp()
            self.flip(at)
            with self.subTest(at=at):
                done = self.store_command("repair")
                self.assertEqual(done.returncode, 65, done.stdout + done.stderr)
                done = self.store_command("check")
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                for name in ("carol", "dave"):
                    found = self.mailboxes(name)
                    self.assertEqual((found["INBOX"], found["Second"]), (LETTERS + 1, COPIED), name)

    def test_the_directory_comes_back_from_its_copy(self):
        def accounts():
            listed = run("account", "list", "--json", "--config", str(self.config), check=True)
            return sorted((one["address"], one["store"]) for one in json.loads(listed.stdout))

        before = accounts()
        self.assertEqual(len(before), 4)
        os.truncate(self.store / self.table.name, self.table.stat().st_size // 2)
        self.assertEqual(self.store_command("repair").returncode, 65)
        self.assertEqual(accounts(), before)
        for name in ("carol", "dave"):
            self.assertEqual(self.mailboxes(name)["INBOX"], LETTERS + 1, name)
        demo = Demo(directory=str(self.hurt))
        demo.start()
        try:
            with demo.smtp() as client:
                client.sendmail("a@far.test", [f"{name}@example.test" for name in ("alice", "carol")],
                                "Subject: still here\r\n\r\n.\r\n")
            for name, others in (("alice", 0), ("carol", LETTERS + 1)):
                client = demo.imap(name)
                wait_until(lambda: int(client.select("INBOX")[1][0]) == others + 1, 30, f"the letter of {name}")
                client.logout()
        finally:
            demo.stop()

    def test_whoever_is_removed_without_a_server_does_not_come_back_with_the_copy(self):
        copy = self.store / "DIRECTORY"
        self.assertIn(b"bob@example.test", copy.read_bytes())
        run("account", "list", "--config", str(self.config), check=True)
        self.assertTrue(copy.exists())
        run("account", "remove", "bob@example.test", "--config", str(self.config), check=True)
        self.assertFalse(copy.exists())
        with Demo(directory=str(self.hurt)):
            wait_until(copy.exists, 20, "a new copy")

    def test_without_the_copy_there_is_a_way_out(self):
        size = self.table.stat().st_size
        anew = 0
        for at in range(size - 12000, size - 2000, 2500):
            self.setUp()
            (self.store / "DIRECTORY").unlink()
            self.flip(at)
            self.flip(at + 40)
            done = self.store_command("repair")
            self.assertIn(done.returncode, (0, 65, 70), done.stdout + done.stderr)
            config = ("--config", str(self.config))
            listed = json.loads(run("account", "list", "--json", *config, check=True).stdout)
            for one in listed:
                run("account", "password", one["address"], *config, check=True)
            if listed:
                done = self.store_command("check")
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                continue
            # All of them lay in that block: the account is made anew, and salvage has its letters.
            anew += 1
            run("domain", "add", "example.test", *config)
            run("account", "add", "alice@example.test", *config, check=True)
            done = self.store_command("salvage", str(self.hurt / "out"))
            self.assertIn("letters of", done.stdout)
        self.assertGreater(anew, 0)

    def test_the_check_names_letters_whose_files_are_gone(self):
        shutil.rmtree(self.hurt / "data/mbox/example.test/dave")
        done = self.store_command("check")
        self.assertEqual(done.returncode, 70, done.stdout + done.stderr)
        told = json.loads(self.store_command("check", "--json").stdout)["problems"]
        of_dave = [line for line in told if line.startswith("account dave@example.test mailbox ")]
        self.assertEqual(sum("is not in its file" in line for line in of_dave), LETTERS + 1 + COPIED, told)
        # Not more than somebody reads, and how many there are.
        self.assertEqual(done.stdout.count("is not in its file"), 20, done.stdout)
        self.assertIn(f"and {LETTERS + 1 + COPIED - 20} more like that of dave@example.test\n", done.stdout)
        self.assertIn(f"damaged in all: dave@example.test: {len(of_dave)} lines\n", done.stdout)

    def test_a_salvage_tells_of_what_was_taken_out_before(self):
        table = self.store / self.table.name
        os.truncate(table, table.stat().st_size // 2)
        self.assertEqual(self.store_command("check").returncode, 70)
        done = self.store_command("salvage", str(self.hurt / "out"))
        self.assertEqual(done.returncode, 70, done.stdout + done.stderr)
        self.assertIn("unreadable: taken out of the store before: all rows of", done.stdout)
        self.assertIn("all rows of", (self.hurt / "out/UNREADABLE").read_text())

    def test_a_salvage_learns_names_from_the_copy_of_the_directory(self):
        size = self.table.stat().st_size
        met = 0
        for at in range(size - 10000, size - 2000, 1000):
            self.setUp()
            self.flip(at)
            done = self.store_command("salvage", str(self.hurt / "out"))
            if "the directory of accounts" in done.stdout:
                met += 1
                self.assertTrue((self.hurt / "out/alice@example.test").is_dir(), done.stdout)
        self.assertGreater(met, 0)


if __name__ == "__main__":
    unittest.main()
