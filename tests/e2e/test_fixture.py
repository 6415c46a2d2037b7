"""Stores and backups of earlier versions, which have to open for ever (docs/formats.md)."""
import imaplib
import json
import pathlib
import subprocess
import sys
import unittest

import frozen
from posthouse import run, wait_until

NAMES = sorted(path.name.removesuffix(".tar.xz") for path in frozen.FIXTURES.glob("store-*.tar.xz"))


def rows(boxes):
    return {box: has["letters"] for box, has in boxes.items()}


class Frozen(unittest.TestCase):
    def test_there_is_one(self):
        self.assertIn("store-v2", NAMES)
        self.assertIn("store-v3", NAMES)
        self.assertIn("store-v4", NAMES)
        self.assertIn("store-v5", NAMES)
        self.assertIn("store-v6", NAMES)

    def test_the_store_opens_with_everything_in_it(self):
        for name in NAMES:
            with self.subTest(name), frozen.unpacked(name) as (folder, expected):
                config = str(folder / "posthouse.toml")
                self.assertIn("Nothing is damaged", run("store", "check", "--config", config, check=True).stdout)
                with frozen.demo(folder) as server:
                    now = frozen.described(server)
                    for what in ("letters", "accounts", "expunged", "domains", "aliases", "queue"):
                        self.assertEqual(now[what], expected[what], what)
                    self.goes_on(server, expected)
                    if int(name.removeprefix("store-v")) >= 5:
                        self.has_annotations(server)
                        self.has_app_password(server, expected["app_password"])
                    if int(name.removeprefix("store-v")) >= 6:
                        self.has_rights(server)
                self.assertIn("Nothing is damaged", run("store", "check", "--config", config, check=True).stdout)

    def goes_on(self, server, expected):
        """The next UIDs are higher than all before, in each format, and what was expunged comes back."""
        for name in frozen.STORES:
            before = expected["letters"][name]["INBOX"]
            with server.smtp() as smtp:
                smtp.sendmail("a@far.test", [server.address(name)], "Subject: new\r\n\r\nnew\r\n")
            server.wait_for_letter(name, "Subject: new")
            gone = expected["expunged"][name]
            server.run("mailbox", "undelete", server.address(name), check=True)
            after = frozen.letters(server, name)
            fresh = [row for row in after["INBOX"]["letters"] if row[0] >= before["uid_next"]]
            self.assertTrue(fresh)
            self.assertEqual(after["INBOX"]["letters"][:len(before["letters"])], before["letters"])
            self.assertEqual(sum(len(box["letters"]) for box in after.values()),
                             sum(len(box["letters"]) for box in expected["letters"][name].values()) + 1 + len(gone))
            emptied = [letter for letter in gone if letter["mailbox"] == "Emptied"]
            self.assertIn(len(emptied), (0, frozen.EMPTIED))
            self.assertEqual(len(gone) - len(emptied), 2, "one expunged, one of a deleted mailbox")
            self.assertIn("Short", after)
            imap = server.imap(name)
            imap.select("Work")
            self.assertEqual(imap.search(None, "HEADER", "Message-ID", f"appended-{name}")[1], [b"1"])
            imap.store("1", "+FLAGS", "(\\Seen)")
            self.assertIn(b"\\Seen", imap.fetch("1", "(FLAGS)")[1][0])
            imap.logout()

    def has_annotations(self, server):
        for name in frozen.STORES:
            imap = server.imap(name)
            imap.xatom("GETMETADATA", "Work", "(/private/comment /shared/vendor/acme/color)")
            self.assertEqual(imap.response("METADATA")[1],
                             [f'Work (/private/comment "{name}" /shared/vendor/acme/color "red")'.encode()])
            imap.xatom("GETMETADATA", '""', "/private/vendor/acme/theme")
            self.assertEqual(imap.response("METADATA")[1], [b'"" (/private/vendor/acme/theme "dark")'])
            imap.logout()

    def has_app_password(self, server, password):
        listed = frozen.ask(server, "account", "app-password", "list", server.address("alice"))
        self.assertEqual([(one["name"], one["protocols"]) for one in listed], [("phone", ["imap"])])
        imap = imaplib.IMAP4("127.0.0.1", server.ports["imap"], timeout=30)
        imap.login(server.address("alice"), password)
        self.assertIn(b'(\\HasNoChildren \\Important) "/" "First things"', imap.list()[1])
        imap.logout()

    def has_rights(self, server):
        imap = server.imap("bob")
        for name in frozen.STORES:
            mailbox = f'"Other Users/{server.address(name)}/Work"'
            self.assertEqual(imap.myrights(mailbox)[1], [f"{mailbox} lrsi".encode()])
        self.assertEqual(imap.myrights('"Shared Folders/info@second.test/INBOX"')[1],
                         [b'"Shared Folders/info@second.test/INBOX" lrs'])
        imap.logout()

    def test_the_backup_can_be_restored_and_gone_on_with(self):
        for name in NAMES:
            with self.subTest(name), frozen.unpacked(name) as (folder, expected):
                backups = str(folder / "backups")
                config = str(folder / "posthouse.toml")
                run("backup", "verify", backups, check=True)
                data = folder / "data"
                data.rename(folder / "data.before")
                told = json.loads(run("restore", backups, "--config", config, "--json", check=True).stdout)
                self.assertEqual(told["messages"], expected["backup"]["messages"])
                self.assertEqual(told["queued"], expected["backup"]["queued"])
                with frozen.demo(folder) as server:
                    now = frozen.described(server)
                    for account, boxes in expected["letters"].items():
                        self.assertEqual(rows(now["letters"][account]), rows(boxes), account)
                        for box, has in boxes.items():
                            self.assertGreater(now["letters"][account][box]["uid_validity"], has["uid_validity"])
                    for what in ("domains", "aliases", "queue"):
                        self.assertEqual(now[what], expected[what], what)
                    for account in ("carol", "dave"):
                        shown = frozen.ask(server, "account", "show", server.address(account))
                        self.assertTrue(pathlib.Path(shown["inbox"]).exists(), shown)
                    next_one = frozen.ask(server, "backup", backups)
                    self.assertEqual(next_one["messages"], expected["backup"]["messages"])
                    run("backup", "verify", backups, check=True)
                self.assertIn("Nothing is damaged", run("store", "check", "--config", config, check=True).stdout)


class Leftovers(unittest.TestCase):
    """What a test started ends with it, supervisor and worker, also when it fails in its setUp or is killed."""

    SCRIPT = """
import os, signal, sys, unittest
from test_serve import Serve
class Failing(unittest.TestCase):
    def setUp(self):
        server = Serve()
        self.addCleanup(server.clean)
        server.start()
        print(server.pid, server.worker(), flush=True)
        if sys.argv[1] == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        self.fail("in setUp")
    def test(self):
        pass
unittest.main(argv=["leftovers"])
"""

    def test_nothing_stays(self):
        def runs(pid):
            try:
                with open(f"/proc/{pid}/stat") as stat:
                    return stat.read().rpartition(")")[2].split()[0] != "Z"
            except OSError:
                return False

        for how in ("fails", "killed"):
            with self.subTest(how):
                done = subprocess.run([sys.executable, "-c", self.SCRIPT, how], capture_output=True, text=True, timeout=120,
                                      cwd=pathlib.Path(__file__).parent)
                self.assertNotEqual(done.returncode, 0, done.stderr)
                pids = [int(pid) for pid in done.stdout.split()]
                self.assertEqual(len(pids), 2, done.stderr)
                wait_until(lambda pids=pids: not any(map(runs, pids)), 20, f"the end of {pids}")


if __name__ == "__main__":
    unittest.main()
