"""What is exported comes back by import, in every format and whatever the mailboxes are called: random trees of mailboxes."""
import imaplib
import json
import os
import pathlib
import random
import re
import shutil
import tempfile
import unittest

from posthouse import Demo
from test_import import mangled

SEEDS = [int(s) for s in os.environ.get("EXPORT_SEEDS", "1 2 3").split()]
# One level each.
LEVELS = ["cur", "new", "tmp", "Cur", "CUR", ".", "..", "...", ".hidden", "a.b", "x.eml", "x.mbox", "x.sbd", "x.lock", "100%", "%2e",
          "%", "&", "&AC4-", "a&b", "~", "~root", "*", "#news", "-", "--help", " ", " lead", "trail ", "\"quoted\"", "back\\slash",
          "Entwürfe", "日本語", "😀", "e\u0301", "é", "ß", "Case", "case", "cASE", "subscriptions", "maildirfolder", "dovecot-uidlist",
          "INBOX", "inbox", "Sent", "long-0000000000000000", "(1)", "{3}", "[x]", "1-0000000001.eml"]
LONG = ["x" * 255, "y/" * 31 + "z", "é" * 127, "é" * 60 + "/" + "ü" * 60, "." * 255, "w" * 254 + "/"[:0] + "W", "日" * 85, "😀" * 63,
        "v" * 200 + "/" + "v" * 54]
KEYWORDS = ["$Label1", "work", "$Forwarded", "NonJunk", "a.b", "x-y_z", "$MDNSent"]


def letter(rng, n):
    ends = rng.choice(["\r\n", ""])
    lines = [rng.choice(["From here", ">From there", ">>From", ".", "", "text ü", "\tx", " y", "-- ", "x" * 900, "\0nul", "a\rb"])
             for _ in range(rng.randrange(6))]
    head = rng.choice([f"From: <a{n}@sender.test>\r\nSubject: {n} ü\r\n", f"Subject: only {n}\r\n", f"no header {n}\r\n",
                       f"X-Own: {n}\r\n folded\r\n"])
    return (head + "\r\n" + "\r\n".join(lines) + ends).encode()


def tree(rng):
    names = {"INBOX", "cur", "new", "tmp"} if rng.random() < 0.5 else {"INBOX"}
    for _ in range(25):
        name = "/".join(rng.choice(LEVELS) for _ in range(rng.choice([1, 1, 1, 2, 2, 3])))
        if name.split("/")[0].upper() == "INBOX":
            name = "INBOX" + name[5:]
        names.add(name)
    names.update(rng.sample(LONG, 4))
    return sorted(names)


def quoted(name):
    return '"' + mangled(name).replace("\\", "\\\\").replace('"', '\\"') + '"'


def has_dot_level(name):
    """No client may make it, but it may be there: from an earlier version, or a place that letters came from."""
    return bool({".", ".."} & set(name.split("/")))


def fill(imap, rng, bring, keywords=KEYWORDS):
    n = 0
    for name in tree(rng):
        status, text = imap.create(quoted(name))
        if has_dot_level(name):
            assert (status, text[0][:8]) == ("NO", b"[CANNOT]"), (name, status, text)
            bring(name)
        for _ in range(rng.choice([0, 1, 1, 2])):
            n += 1
            flags = [f for f in ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft") if rng.random() < 0.3]
            flags += [k for k in keywords if rng.random() < 0.3]
            when = f'"{rng.randrange(1, 29):02}-{rng.choice(["Jan", "Jul"])}-{rng.randrange(1971, 2105)} 10:{rng.randrange(60):02}:07 +0000"'
            status, text = imap.append(quoted(name), f"({' '.join(flags)})", when, letter(rng, n))
            assert status == "OK", (name, text)


def contents(imap):
    """{mailbox as LIST has it: sorted [(bytes, flags, date)]}"""
    out = {}
    for item in imap.list()[1]:
        if isinstance(item, tuple):
            raw, attributes = item[1], item[0]
            box = raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        else:
            attributes, box = re.match(rb'\((.*?)\) "/" (.*)', item).groups()
            box = box[1:-1] if box.startswith(b'"') else box
        if b"\\noselect" in attributes.lower() or b"\\nonexistent" in attributes.lower():
            continue
        status, count = imap.select(b'"' + box + b'"', readonly=True)
        assert status == "OK", (box, count)
        rows = []
        for part in imap.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")[1] if count[0] != b"0" else []:
            if isinstance(part, tuple):
                flags = re.search(rb"FLAGS \((.*?)\)", part[0])[1].split()
                rows.append((part[1], sorted(set(flags) - {b"\\Recent"}), re.search(rb'INTERNALDATE "(.*?)"', part[0])[1]))
        out[box] = sorted(rows)
    return out


class Base(unittest.TestCase):
    maxDiff = 6000

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="posthouse-export-test-")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def login(self, demo, address):
        imap = imaplib.IMAP4("127.0.0.1", demo.ports["imap"], timeout=30)
        imap.login(address, "secret")
        return imap

    def account(self, demo, name):
        demo.run("account", "add", f"{name}@example.test", "--password-stdin", stdin="secret\n", check=True)
        return f"{name}@example.test"

    def there_and_back(self, demo, name, source, form):
        """Exports SOURCE, imports it into a new account, and gives its contents."""
        out = self.path(f"{name}-{form}")
        done = demo.run("export", source, out, "--format", form, "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        address = self.account(demo, f"{name}-{form}")
        done = demo.run("import", address, out, "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        again = demo.run("import", address, out, "--json", check=True)
        self.assertEqual(json.loads(again.stdout)["imported"], 0, "a repeat doubles nothing")
        imap = self.login(demo, address)
        try:
            return contents(imap)
        finally:
            imap.logout()


    def bring(self, demo, address, name):
        """Makes a mailbox by an import."""
        letter = pathlib.Path(self.path("letter.eml"))
        letter.write_bytes(f"Subject: to {name}\r\n\r\n".encode())
        done = demo.run("import", address, letter, "--format", "eml", f"--into={name}", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class AnyName(Base):
    def test_every_format(self):
        with Demo() as demo:
            for seed in SEEDS:
                rng = random.Random(seed)
                source = self.account(demo, f"from{seed}")
                imap = self.login(demo, source)
                fill(imap, rng, lambda name: self.bring(demo, source, name))
                before = contents(imap)
                imap.logout()
                self.assertGreater(len(before), 20)
                for form in ("eml", "mbox", "maildir"):
                    with self.subTest(seed=seed, form=form):
                        after = self.there_and_back(demo, f"to{seed}", source, form)
                        self.assertEqual(sorted(after), sorted(before))
                        for box, rows in before.items():
                            self.assertEqual(after[box], rows, box)


    def test_more_keywords_than_letters(self):
        """A Maildir has letters for 26 keywords of a mailbox; an export keeps the others as well."""
        with Demo() as demo:
            source = self.account(demo, "from")
            imap = self.login(demo, source)
            for n in range(40):
                imap.append("INBOX", f"(kw{n} $Forwarded)", None, b"Subject: %d\r\n\r\n" % n)
            before = contents(imap)
            imap.logout()
            for form in ("eml", "mbox", "maildir"):
                self.assertEqual(self.there_and_back(demo, "to", source, form), before, form)

    def test_what_an_mbox_can_not_keep_is_told(self):
        with Demo() as demo:
            source = self.account(demo, "from")
            imap = self.login(demo, source)
            imap.append("INBOX", None, None, b"Status: RO\r\nX-UID: 7\r\nSubject: own\r\n\r\nx")
            imap.append("INBOX", None, None, b"Subject: plain\r\n\r\nFrom x\r\n")
            before = contents(imap)
            imap.logout()
            told = {}
            for form in ("eml", "mbox", "maildir"):
                done = demo.run("export", source, self.path(form), "--format", form, "--json", check=True)
                told[form] = json.loads(done.stdout)["left_out"]
                if form != "mbox":
                    self.assertEqual(self.there_and_back(demo, f"to-{form}", source, form), before)
            self.assertEqual((told["eml"], told["maildir"], len(told["mbox"])), ([], [], 1))
            self.assertIn("INBOX UID 1: ", told["mbox"][0])

    def test_odd_dates(self):
        """Files of mbox have none before 1970."""
        with Demo() as demo:
            source = self.account(demo, "from")
            imap = self.login(demo, source)
            for year in (1, 1901, 1960, 1969, 1970, 2038, 2107, 2261, 2263, 2447, 9999):
                imap.append("INBOX" if year >= 1970 else "Archive", None, f'"01-Jan-{year:04} 10:00:00 +0000"', b"Subject: %d\r\n\r\n" % year)
            before = contents(imap)
            imap.logout()
            for form in ("eml", "maildir", "mbox"):
                after = self.there_and_back(demo, "to", source, form)
                if form == "mbox":
                    self.assertEqual(len(after.pop(b"Archive")), len(before.pop(b"Archive")))
                self.assertEqual(after, before, form)

    def test_a_mailbox_between_that_is_gone(self):
        with Demo() as demo:
            source = self.account(demo, "from")
            imap = self.login(demo, source)
            imap.create("Above/Below")
            imap.append("Above/Below", None, None, b"Subject: x\r\n\r\n")
            imap.delete("Above")
            before = contents(imap)
            self.assertNotIn(b"Above", before)
            imap.logout()
            for form in ("eml", "mbox", "maildir"):
                after = self.there_and_back(demo, "to", source, form)
                self.assertEqual(after.pop(b"Above", []), [], "made again, as CREATE does (RFC 9051 section 6.3.4)")
                self.assertEqual(after, before, form)

    def test_accounts_don_t_mix(self):
        """An import could not tell their letters apart."""
        with Demo() as demo:
            for name in ("alice", "bob"):
                imap = demo.imap(name)
                imap.append("INBOX", None, None, f"Subject: of {name}\r\n\r\n".encode())
                imap.logout()
            for form in ("eml", "mbox", "maildir"):
                out = self.path(form)
                demo.run("export", demo.address("alice"), out, "--format", form, check=True)
                done = demo.run("export", demo.address("bob"), out, "--format", form)
                self.assertEqual(done.returncode, 73, done.stdout + done.stderr)
                self.assertIn("alice@example.test", done.stderr)
                other = {"eml": "mbox", "mbox": "maildir", "maildir": "eml"}[form]
                self.assertEqual(demo.run("export", demo.address("alice"), out, "--format", other).returncode, 73)
                self.assertEqual(demo.run("export", demo.address("alice"), out, "--format", form).returncode, 0)

    def test_nobody_makes_no_folder(self):
        with Demo() as demo:
            self.assertEqual(demo.run("export", "who@example.test", self.path("out")).returncode, 67)
            self.assertEqual(demo.run("export", demo.address("bob"), self.path("out"), "--mailbox", "None").returncode, 67)
            self.assertFalse(os.path.exists(self.path("out")))

    def test_places_that_are_none(self):
        with Demo() as demo:
            pathlib.Path(self.path("file")).write_bytes(b"x")
            for place in (self.path("file"), self.path("file/below"), "/proc/nothing", ""):
                done = demo.run("export", demo.address("alice"), place)
                self.assertEqual(done.returncode, 73, (place, done.stdout, done.stderr))
            demo.run("export", demo.address("alice"), self.path("out"), "--mailbox", "inbox", check=True)

    def test_a_folder_that_is_something_else(self):
        with Demo() as demo:
            for form in ("maildir", "mbox", "eml"):
                place = pathlib.Path(self.path("etc-" + form))
                place.mkdir()
                (place / "passwd").write_text("root\n")
                done = demo.run("export", demo.address("alice"), place, "--format", form)
                self.assertEqual(done.returncode, 73, (form, done.stdout, done.stderr))
                self.assertIn("there is passwd in it", done.stderr)
                self.assertEqual([p.name for p in place.iterdir()], ["passwd"], form)
                (place / "passwd").unlink()
                (place / "lost+found").mkdir()
                (place / ".posthouse-export.new").touch()   # killed before it had made anything
                for _ in range(2):
                    demo.run("export", demo.address("alice"), place, "--format", form, check=True)
            # What no version can read is no export of ours.
            (place / ".posthouse-export").write_text("something else\n")
            self.assertEqual(demo.run("export", demo.address("alice"), place, "--format", "eml").returncode, 73)

    def test_exports_of_earlier_versions(self):
        """They have no note of what they are."""
        with Demo() as demo:
            source = self.account(demo, "from")
            imap = self.login(demo, source)
            for name in ("cur", "new", "tmp", "cur/Below"):
                imap.create(name)
                imap.append(name, None, None, f"Subject: {name}\r\n\r\n".encode())
            imap.logout()
            demo.run("export", source, self.path("out"), "--format", "eml", check=True)
            os.remove(self.path("out/.posthouse-export"))
            address = self.account(demo, "to")
            done = json.loads(demo.run("import", address, self.path("out"), "--json", check=True).stdout)
            self.assertEqual({m["to"]: m["imported"] for m in done["mailboxes"] if m["imported"]},
                             {"cur": 1, "new": 1, "tmp": 1, "cur/Below": 1})


    def test_what_stops_clients_is_its_owners_alone(self):
        """mbsync and OfflineIMAP give up on all of an account that lists a name like "a/../b"."""
        with Demo() as demo:
            alice, bob = demo.imap("alice"), demo.imap("bob")
            for name in ("a/../b", ".", "x/."):
                self.assertEqual(alice.create(name)[0], "NO")
                self.bring(demo, demo.address("alice"), name)
            for name in ("a/../b", ".", "x/.", "x"):
                self.assertEqual(alice.setacl(name, "anyone", "lrswipkxte")[0], "OK")
            self.assertLessEqual({b"a/../b", b".", b"x/.", b"x"}, set(contents(alice)))
            seen = lambda: [name for name in contents(bob) if name.startswith(b"Other Users/")]
            self.assertEqual(seen(), [b"Other Users/alice@example.test/x"])
            self.assertEqual(alice.rename("a/../b", "a/c")[0], "OK")
            self.assertEqual(alice.rename("x/.", "x/..")[0], "NO")
            self.assertEqual(alice.delete(".")[0], "OK")
            self.assertEqual(seen(), [b"Other Users/alice@example.test/a/c", b"Other Users/alice@example.test/x"])
            # A backup has it, and it comes back.
            for part in ("export", "import"):
                demo.run(part, demo.address("alice" if part == "export" else "bob"), self.path("out"), check=True)
            self.assertEqual(len(contents(bob)[b"x/."]), 1)
            for client in (alice, bob):
                client.logout()


class WhatIsNoLetter(Base):
    def refused(self, demo, source, status, *words):
        before = demo.run("mailbox", "list", demo.address("bob"), "--json", check=True).stdout
        done = demo.run("import", demo.address("bob"), source)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(demo.run("mailbox", "list", demo.address("bob"), "--json", check=True).stdout, before)

    def test_files(self):
        with Demo() as demo:
            for name, text in {"passwd": b"root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/bin/sh\n", "binary": b"\x7fELF\0\1" * 99,
                               "config": b"Host: x\nUser: y\n\nFrom: me\n", "prose": b"From here on: nothing\n",
                               "script": b"#!/bin/sh\n# From: me\n"}.items():
                pathlib.Path(self.path(name)).write_bytes(text)
                self.refused(demo, self.path(name), 65, "From SENDER DATE", "--format eml")
            os.mkfifo(self.path("fifo"))
            for place in (self.path("fifo"), "/dev/null"):
                self.refused(demo, place, 65, "neither a file nor a folder")
            forced = demo.run("import", demo.address("bob"), self.path("prose"), "--format", "eml", "--json", check=True)
            self.assertEqual(json.loads(forced.stdout)["imported"], 1)
            for n, text in enumerate([b"Received: from x\r\n by y;\r\nFrom: a@b\r\n\r\nx", b"X-A: b\nSUBJECT : hello\n", b"Date: x\n\n",
                                      b"From a@b Thu Jan  1 10:00:00 2015\nSubject: x\n\n"]):
                pathlib.Path(self.path("letter")).write_bytes(text)
                done = demo.run("import", demo.address("bob"), self.path("letter"), "--json", check=True)
                self.assertEqual(json.loads(done.stdout)["imported"], 1, text)

    def test_folders(self):
        with Demo() as demo:
            folder = pathlib.Path(self.path("stuff/below"))
            folder.mkdir(parents=True)
            self.refused(demo, self.path("stuff"), 66, "no letters there")
            (folder / "notes").write_bytes(b"root:x:0:0\n")
            self.refused(demo, self.path("stuff"), 66, "no letters there")
            (folder / "box").write_bytes(b"From a@b Thu Jan  1 10:00:00 2015\nSubject: x\n\n")
            (folder / "empty").write_bytes(b"")
            done = demo.run("import", demo.address("bob"), self.path("stuff"), "--json")
            self.assertEqual(done.returncode, 65)
            out = json.loads(done.stdout)
            self.assertEqual(sorted((m["to"], m["imported"]) for m in out["mailboxes"]), [("below/box", 1), ("below/empty", 0)])
            self.assertIn("notes: not an mbox", out["skipped"][0])
            self.assertNotIn("below/notes", demo.run("mailbox", "list", demo.address("bob"), check=True).stdout)

    def test_a_place_without_letters_says_so(self):
        with Demo() as demo:
            for part in ("cur", "new", "tmp"):
                os.makedirs(self.path(f"Maildir/{part}"))
            pathlib.Path(self.path("mbox")).write_bytes(b"")
            for source in ("Maildir", "mbox"):
                done = demo.run("import", demo.address("bob"), self.path(source), check=True)
                self.assertIn("There is no letter in", done.stdout)


if __name__ == "__main__":
    unittest.main()
