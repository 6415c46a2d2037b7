"""An account kept as a Maildir (carol of the demo) that other programs use as well: Dovecot's IMAP, mutt, procmail,
maildrop and whoever renames files."""
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from posthouse import Demo, Program, wait_until
from raw import Raw

DOVECOT = "/usr/lib/dovecot/imap"
ROUNDS = int(os.environ.get("MAILDIR_CRASH_ROUNDS", "20"))


def letter(name, body="hello\r\n"):
    return f"From: Ann <ann@far.test>\r\nSubject: {name}\r\nMessage-ID: <{name}@far.test>\r\n\r\n{body}".encode()


def local(name):
    return letter(name).replace(b"\r\n", b"\n")


def names_in(data):
    """The Message-IDs' left parts in an answer of FETCH or in a file."""
    return re.findall(rb"(?im)^Message-ID: <([^@\s]+)@far\.test>", data)


def files_of(folder):
    """name of the letter -> file names ("cur/...") of the messages in a Maildir folder."""
    found = {}
    for sub in ("new", "cur"):
        for path in pathlib.Path(folder, sub).iterdir():
            try:
                data = path.read_bytes()
            except FileNotFoundError:   # renamed meanwhile
                continue
            for name in names_in(data):
                found.setdefault(name.decode(), []).append(f"{sub}/{path.name}")
    return found


class Imap:
    """carol's INBOX, or another mailbox, by IMAP."""

    def __init__(self, demo, mailbox="INBOX", name="carol"):
        self.client = demo.imap(name)
        status, data = self.client.select(mailbox)
        if status != "OK":
            raise AssertionError(data)
        self.validity = int(self.client.response("UIDVALIDITY")[1][0])

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.client.logout()

    def messages(self):
        """name -> (uid, flags), each name once."""
        self.client.noop()
        found = {}
        if not self.client.uid("SEARCH", None, "ALL")[1][0]:
            return found
        for item in self.client.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[HEADER])")[1]:
            if not isinstance(item, tuple):
                continue
            for name in names_in(item[1]):
                assert name.decode() not in found, f"{name} twice"
                flags = re.search(rb"FLAGS \(([^)]*)\)", item[0])[1].decode().split()
                found[name.decode()] = (int(re.search(rb"UID (\d+)", item[0])[1]), set(flags) - {"\\Recent"})
        return found

    def flags(self):
        return {name: flags for name, (_, flags) in self.messages().items()}

    def uids(self):
        return {name: uid for name, (uid, _) in self.messages().items()}

    def store(self, name, how, flags):
        status, data = self.client.uid("STORE", str(self.uids()[name]), how, flags)
        assert status == "OK", data


class Case(unittest.TestCase):
    settings = ()

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="posthouse-maildir-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        words = []
        for setting in self.settings:
            words += ["--set", setting.replace("{folder}", str(self.folder))]
        self.demo = Demo(*words)
        self.addCleanup(self.demo.clean)
        self.demo.start()
        self.addCleanup(self.demo.stop)
        self.root = pathlib.Path(self.demo.ready["dir"], "data/maildir", self.demo.domain, "carol")

    def send(self, *names, to="carol"):
        with self.demo.smtp() as client:
            for name in names:
                client.sendmail("ann@far.test", [self.demo.address(to)], letter(name))

    def imap(self, mailbox="INBOX", name="carol"):
        return self.enterContext(Imap(self.demo, mailbox, name))

    def put(self, name, folder=None):
        """As a simple delivery agent does."""
        folder = folder or self.root
        base = f"{int(time.time())}.{name}.far"
        (folder / "tmp" / base).write_bytes(local(name))
        os.rename(folder / "tmp" / base, folder / "new" / base)

    def file(self, name, folder=None):
        found = files_of(folder or self.root)[name]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def letter_of(self, keyword, folder=None):
        for list_name in ("dovecot-keywords", "posthouse-keywords"):
            path = (folder or self.root) / list_name
            if path.exists():
                for line in path.read_text().splitlines():
                    number, name = line.split(" ", 1)
                    if name == keyword:
                        return chr(ord("a") + int(number))
        self.fail(f"{keyword} has no letter")

    def mutt(self, keys):
        """Runs mutt on the Maildir with these keys, which end it."""
        rc = self.folder / "muttrc"
        rc.write_text(f'set folder={self.folder} tmpdir={self.folder} header_cache="" delete=yes quit=yes move=no '
                      f'wait_key=no mark_old=no beep=no sleep_time=0\npush "{keys}"\n')
        environment = {"TERM": "xterm", "LC_ALL": "C.UTF-8", "HOME": str(self.folder), "PATH": os.environ["PATH"]}
        command = ["script", "-qec", f"mutt -F {rc} -f {self.root}", "/dev/null"]
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:])

    def check_store(self):
        done = self.demo.run("store", "check", "--json")
        self.assertIn('"problems":[]', done.stdout.replace(" ", ""))


class OurChanges(Case):
    def test_a_letter_is_in_new_when_250_comes(self):
        for number in range(20):
            self.send(f"l{number}")
            self.assertTrue(self.file(f"l{number}").startswith("new/"))
        self.assertEqual((self.root / self.file("l3")).read_bytes().split(b"\n\n", 1)[1], b"hello\n")
        self.assertNotIn(b"\r", (self.root / self.file("l3")).read_bytes())
        self.assertEqual(list((self.root / "tmp").iterdir()), [])

    def test_flags_and_keywords(self):
        self.send("a", "b")
        imap = self.imap()
        imap.store("a", "+FLAGS", r"(\Flagged \Answered Work $Forwarded)")
        work = self.letter_of("Work")
        self.assertTrue(self.file("a").startswith("cur/"))
        self.assertEqual(self.file("a").split(":2,")[1], "FPR" + work)
        self.assertTrue(self.file("b").startswith("new/"))
        imap.store("a", "-FLAGS", r"(\Flagged Work)")
        self.assertEqual(self.file("a").split(":2,")[1], "PR")
        imap.store("a", "FLAGS", r"(\Seen \Deleted \Draft)")
        self.assertEqual(self.file("a").split(":2,")[1], "DST")

    def test_copies_moves_and_folders(self):
        self.send("a", "b", "c")
        imap = self.imap()
        client = imap.client
        self.assertEqual(client.create('"Lists/Rust &AOk-"')[0], "OK")
        rust = self.root / ".Lists.Rust &AOk-"
        self.assertTrue((rust / "maildirfolder").exists())
        imap.store("a", "+FLAGS", r"(\Flagged Work)")
        self.assertEqual(client.uid("COPY", str(imap.uids()["a"]), '"Lists/Rust &AOk-"')[0], "OK")
        self.assertIn("F", self.file("a", rust).split(":2,")[1])
        self.assertEqual(self.letter_of("Work", rust), self.file("a", rust)[-1])
        self.file("a")
        self.assertEqual(client.uid("MOVE", str(imap.uids()["b"]), '"Lists/Rust &AOk-"')[0], "OK")
        self.assertNotIn("b", files_of(self.root))
        self.file("b", rust)
        self.assertEqual(client.rename('"Lists/Rust &AOk-"', "Crab")[0], "OK")
        self.assertFalse(rust.exists())
        self.assertEqual(set(files_of(self.root / ".Crab")), {"a", "b"})
        self.assertEqual(client.append("Crab", r"(\Seen)", None, letter("d"))[0], "OK")
        self.assertTrue(self.file("d", self.root / ".Crab").endswith(":2,S"))
        self.assertEqual(client.subscribe("Crab")[0], "OK")
        self.assertIn("Crab", (self.root / "subscriptions").read_text().splitlines())
        self.assertEqual(client.unsubscribe("Crab")[0], "OK")
        self.assertNotIn("Crab", (self.root / "subscriptions").read_text().splitlines())
        self.assertEqual(client.delete("Crab")[0], "OK")
        self.assertFalse((self.root / ".Crab").exists())
        self.check_store()

    def test_expunge_and_undelete(self):
        self.send("a", "b")
        imap = self.imap()
        imap.store("a", "+FLAGS", r"(\Deleted)")
        self.assertEqual(imap.client.expunge()[0], "OK")
        self.assertEqual(set(files_of(self.root)), {"b"})
        done = self.demo.run("mailbox", "undelete", self.demo.address("carol"), "--mailbox", "INBOX", check=True)
        self.assertIn("1", done.stdout)
        self.assertEqual(set(imap.messages()), {"a", "b"})
        self.assertEqual(set(files_of(self.root)), {"a", "b"})
        self.assertEqual((self.root / self.file("a")).read_bytes().split(b"\n\n", 1)[1], b"hello\n")
        self.check_store()


class OthersChanges(Case):
    def test_plain_renames_and_removals(self):
        self.send("a", "b", "c")
        imap = self.imap()
        uids = imap.uids()
        for name, marks in (("a", "FS"), ("b", "R")):
            os.rename(self.root / self.file(name), self.root / "cur" / f"{pathlib.Path(self.file(name)).name}:2,{marks}")
        os.unlink(self.root / self.file("c"))
        self.put("d")
        self.assertEqual(imap.flags(), {"a": {r"\Flagged", r"\Seen"}, "b": {r"\Answered"}, "d": set()})
        self.assertEqual({name: uid for name, uid in imap.uids().items() if name in uids},
                         {"a": uids["a"], "b": uids["b"]})
        imap.store("b", "+FLAGS", r"(\Seen)")
        self.assertEqual(self.file("b").split(":2,")[1], "RS")
        # A folder that others made, and one they removed.
        for sub in ("new", "cur", "tmp"):
            os.makedirs(self.root / ".Theirs.Deep" / sub)
        self.put("e", self.root / ".Theirs.Deep")
        self.assertIn(b"Theirs/Deep", b" ".join(imap.client.list()[1]))
        self.assertEqual(set(self.imap("Theirs/Deep").messages()), {"e"})
        shutil.rmtree(self.root / ".Theirs.Deep")
        wait_until(lambda: b"Theirs/Deep" not in b" ".join(imap.client.list()[1]), 10, "the folder to go")
        self.check_store()

    def test_procmail_and_maildrop(self):
        imap = self.imap()
        rc = self.folder / "procmailrc"
        rc.write_text(f"MAILDIR={self.folder}\nDEFAULT={self.root}/\n")
        subprocess.run(["procmail", "-m", str(rc)], input=local("p"), check=True)
        mailfilter = self.folder / "mailfilter"
        mailfilter.write_text(f'to "{self.root}"\n')
        mailfilter.chmod(0o600)
        environment = dict(os.environ, HOME=str(self.folder))
        subprocess.run(["maildrop", str(mailfilter)], input=local("m"), check=True, env=environment)
        self.assertEqual(imap.flags(), {"p": set(), "m": set()})

    def test_mutt(self):
        self.send("a", "b", "c")
        imap = self.imap()
        before = imap.uids()
        self.mutt("<tag-pattern>~s a<enter><tag-prefix><set-flag>!<delete-pattern>~s c<enter><quit>")
        flags = wait_until(lambda: len(imap.flags()) == 2 and imap.flags(), 20, "the letter to go")
        self.assertEqual(sorted(flags), ["a", "b"])
        self.assertIn(r"\Flagged", flags["a"])
        self.assertEqual(imap.uids(), {"a": before["a"], "b": before["b"]})


if __name__ == "__main__":
    unittest.main()
