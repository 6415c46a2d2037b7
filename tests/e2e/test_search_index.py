"""The search index of a running server: made in the background for accounts of all formats, reported, made anew, and of no
consequence for what SEARCH answers when it is behind, damaged or gone."""
import json
import os
import pathlib
import shutil
import unittest

from imap_mailbox import ImapMailbox
from posthouse import Demo, wait_until

LETTERS = 160
WORDS = ("letter", "postman", "Ärger", "漢字", "b4c5d6e7f8a9b0", "rare")


def letter(n):
    words = [word for i, word in enumerate(WORDS) if n % (i + 2) == 0]
    return (f"From: Ann <ann{n % 7}@far.test>\r\nSubject: about {n % 10}x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
            f"number{n} {' '.join(words)}\r\n").encode()


def expect(case, demo, name, first=0):
    """All answers are right. `first`: messages that the mailbox had before."""
    box = ImapMailbox(demo, name)
    for i, word in enumerate(WORDS):
        right = [first + n + 1 for n in range(LETTERS) if n % (i + 2) == 0]
        case.assertEqual([n for n in box.search("BODY", word.upper()) if n > first], right, (name, word))
        case.assertEqual([n for n in box.search("TEXT", word[1:]) if n > first], right, (name, word))
    case.assertEqual([n for n in box.search("SUBJECT", "t 3X") if n > first],
                     [first + n + 1 for n in range(LETTERS) if n % 10 == 3])
    case.assertEqual([n for n in box.search("FROM", "ANN3@far") if n > first],
                     [first + n + 1 for n in range(LETTERS) if n % 7 == 3])
    case.assertEqual(box.search("BODY", "number77 "), [first + 78])
    case.assertEqual(box.search("BODY", "nowhere"), [])
    # RFC 6203: slips of the pen, and letters without their marks
    case.assertEqual([n for n in box.search("FUZZY BODY", "lettr") if n > first],
                     [first + n + 1 for n in range(LETTERS) if n % 2 == 0])
    case.assertEqual([n for n in box.search("FUZZY BODY", "arger") if n > first],
                     [first + n + 1 for n in range(LETTERS) if n % 4 == 0])
    # RFC 7377: whatever is selected
    rare = len(box.search("BODY", "rare"))
    box.ask("SELECT Trash")
    case.assertRegex(box.ask("ESEARCH IN (personal) RETURN (COUNT) BODY rare"),
                     rb'\* ESEARCH \(TAG "t" MAILBOX INBOX UIDVALIDITY \d+\) UID COUNT %d\r\n' % rare)


def status(demo, *args):
    return json.loads(demo.run("search", "status", "--json", *args, check=True).stdout)


def indexed(demo, name):
    return status(demo, demo.address(name))["indexed"]


class SearchIndex(unittest.TestCase):
    def fill(self, demo):
        self.names = ["alice", "carol"]
        demo.run("account", "add", f"mona@{demo.domain}", "--store", "mbox", "--password-stdin", stdin="demo\n", check=True)
        demo.accounts["mona"] = {"address": f"mona@{demo.domain}", "password": "demo"}
        self.names.append("mona")
        self.first = {}
        for name in self.names:
            box = ImapMailbox(demo, name)
            self.first[name] = len(box.search("ALL"))
            box.append(*map(letter, range(LETTERS)))

    def expect_all(self, demo):
        for name in self.names:
            expect(self, demo, name, self.first[name])

    def wait_indexed(self, demo):
        for name in self.names:
            wait_until(lambda name=name: indexed(demo, name) >= LETTERS, 60, f"the index of {name}")

    def is_forgotten(self, demo, name):
        """Unless a look at all accounts, which makes it anew, comes right behind."""
        demo.run("search", "rebuild", demo.address(name), check=True)
        return indexed(demo, name) == 0

    def restart(self, demo):
        """The first look at all accounts comes a second after the start, the next ones every ten."""
        accounts = demo.accounts
        demo.stop()
        demo.start()
        demo.accounts = {**demo.accounts, **accounts}

    def test_whatever_becomes_of_it(self):
        demo = Demo("--set", 'search.rate="0B"')
        with demo:
            self.fill(demo)
            self.expect_all(demo)
            self.restart(demo)
            self.wait_indexed(demo)
            self.expect_all(demo)
            whole = status(demo)
            self.assertGreater(whole["text_bytes"], 0)
            self.assertGreater(whole["disk_bytes"], 0)
            self.assertGreaterEqual(len(whole["accounts"]), 3)
            self.assertIn("letters are indexed", demo.run("search", "status", check=True).stdout)
            wait_until(lambda: self.is_forgotten(demo, "alice"), 60, "an index that is forgotten")
            self.expect_all(demo)
            self.restart(demo)
            self.wait_indexed(demo)
            folder = pathlib.Path(demo.ready["dir"])
            index = next(path for path in folder.rglob("search") if path.is_dir() and path.parent.joinpath("store").is_dir())
            accounts, known, config = demo.accounts, demo.directory, demo.config
            demo.own_directory = False
            demo.stop()
            # All its tables are damaged in the middle.
            for path in index.rglob("*"):
                if path.is_file() and path.suffix in (".sst", ".log") and path.stat().st_size > 64:
                    with open(path, "r+b") as file:
                        file.seek(path.stat().st_size // 2)
                        file.write(os.urandom(32))
            again = Demo("--set", 'search.rate="0B"', directory=known)
            try:
                with again:
                    again.accounts = {**again.accounts, **accounts}
                    self.expect_all(again)
                    self.wait_indexed(again)
                    self.expect_all(again)
                shutil.rmtree(index)
                last = Demo("--set", "search.enabled=false", directory=known)
                with last:
                    last.accounts = {**last.accounts, **accounts}
                    self.expect_all(last)
                    self.assertIs(status(last)["enabled"], False)
                    self.assertFalse(index.exists())
                self.assertTrue(os.path.exists(config))
            finally:
                shutil.rmtree(known, ignore_errors=True)


if __name__ == "__main__":
    unittest.main()
