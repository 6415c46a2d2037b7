"""An account kept as a Maildir (carol of the demo) that other programs use as well: Dovecot's IMAP, mutt, procmail,
maildrop and whoever renames files."""
import imaplib
import json
import os
import pathlib
import random
import re
import shutil
import smtplib
import subprocess
import tempfile
import threading
import time
import traceback
import unittest

from posthouse import Demo, wait_until
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


def add_account(demo, name):
    """A further account that is kept as a Maildir."""
    address = f"{name}@{demo.domain}"
    demo.run("account", "add", address, "--store", "maildir", "--password-stdin", stdin="demo\n", check=True)
    demo.accounts[name] = {"address": address, "password": "demo"}


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
        try:
            self.client.logout()
        except (OSError, imaplib.IMAP4.abort):   # the server was killed
            self.client.shutdown()

    def messages(self):
        """name -> (uid, flags), each name once."""
        def fetch():
            self.client.noop()
            if not self.client.uid("SEARCH", None, "ALL")[1][0]:
                return [b""]
            self.client.untagged_responses.clear()   # imaplib keeps those of a refused command
            status, data = self.client.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[HEADER])")
            return data if status == "OK" else None   # others may remove one at that moment
        found = {}
        for item in wait_until(fetch, 10, "all messages to be readable"):
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
        assert self.client.check()[0] == "OK"   # until then the files may still be behind


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

    def test_the_files_have_the_flags_of_many_after_check(self):
        imap = self.imap()
        for number in range(120):
            self.assertEqual(imap.client.append("INBOX", None, None, letter(f"l{number}"))[0], "OK")
        imap.client.noop()
        self.assertEqual(imap.client.uid("STORE", "1:*", "+FLAGS.SILENT", r"(\Flagged)")[0], "OK")
        self.assertEqual(imap.client.check()[0], "OK")
        names = files_of(self.root)
        self.assertEqual({name: files for name, files in names.items()
                          if name.startswith("l") and "F" not in files[0].partition(":2,")[2]}, {})
        self.assertGreaterEqual(len(names), 120)

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


    def quota_file(self):
        """Messages and bytes that maildirsize says."""
        lines = (self.root / "maildirsize").read_text().splitlines()
        self.assertEqual(lines[0], "1000000S")
        return (sum(int(line.split()[1]) for line in lines[1:]), sum(int(line.split()[0]) for line in lines[1:]))

    def real_use(self):
        sizes = []
        for folder in (self.root, self.root / ".Archive"):
            for sub in ("new", "cur"):
                sizes += [p.stat().st_size for p in (folder / sub).iterdir() if "T" not in p.name.partition(":2,")[2]]
        return len(sizes), sum(sizes)

    def test_maildirsize_of_others_is_kept(self):
        self.send("a")
        self.assertFalse((self.root / "maildirsize").exists())
        messages, size = self.real_use()
        (self.root / "maildirsize").write_text(f"1000000S\n{size} {messages}\n")
        self.send("b", "c")
        self.assertEqual(self.quota_file(), self.real_use())
        imap = self.imap()
        imap.store("b", "+FLAGS", r"(\Deleted)")
        self.assertEqual(self.quota_file(), self.real_use())
        imap.store("b", "-FLAGS", r"(\Deleted)")
        self.assertEqual(self.quota_file(), self.real_use())
        imap.client.uid("MOVE", str(imap.uids()["a"]), "Archive")
        self.assertEqual(self.quota_file(), self.real_use())
        imap.client.uid("COPY", str(imap.uids()["b"]), "Trash")
        self.assertEqual(self.quota_file(), self.real_use())
        imap.store("c", "+FLAGS", r"(\Deleted)")
        imap.client.expunge()
        self.assertEqual(self.quota_file(), self.real_use())

    def test_a_removed_account_leaves_its_files_and_says_so(self):
        for form in ("maildir", "mbox", "database"):
            with self.subTest(form=form):
                address = f"{form}@{self.demo.domain}"

                def ask(*words):
                    return json.loads(self.demo.run("account", *words, "--json", check=True).stdout)

                self.assertNotIn("files_found", ask("add", address, "--store", form))
                self.demo.run("deliver", address, stdin="Subject: private\n\n", check=True)
                left = ask("remove", address).get("files_left")
                self.assertEqual(left is None, form == "database")
                self.assertTrue(left is None or os.path.exists(left))
                self.assertEqual(ask("add", address, "--store", form).get("files_found"), left)

    def test_quota_counts_what_others_delivered(self):
        imap = self.imap()
        imap.messages()
        self.demo.run("account", "change", self.demo.address("carol"), "--quota-messages", "3", check=True)
        self.put("theirs1")
        self.put("theirs2")
        self.assertEqual(len(imap.messages()), 2)
        with self.demo.smtp() as client:
            with self.assertRaises(smtplib.SMTPException):
                client.sendmail("ann@far.test", [self.demo.address("carol")], letter("toomuch"))
        os.unlink(self.root / self.file("theirs1"))
        self.assertEqual(len(imap.messages()), 1)
        self.send("fits")
        self.assertEqual(set(imap.messages()), {"theirs2", "fits"})


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

    def test_letters_that_others_remove_while_they_are_fetched(self):
        """As if another session had expunged them (RFC 2180 section 4.1): nothing is told of them, and the session goes
        on. The client reads nothing until they are gone, so the server can't have come so far."""
        many = 400
        for number in range(many):
            base = f"{1000 + number}.big.far"
            (self.root / "new" / base).write_bytes(b"Subject: big\n\n" + (b"y" * 60 + b"\n") * 700)
        client = self.demo.imap("carol")
        client.select("INBOX")
        uids = [int(uid) for uid in client.uid("SEARCH", None, "ALL")[1][0].split()]
        self.assertGreaterEqual(len(uids), many)
        for number, (command, answer) in enumerate((("UID FETCH 1:* (UID BODY.PEEK[])", b"OK"),
                                                    ("FETCH 1:* (UID BODY.PEEK[])", b"NO [EXPUNGEISSUED]"))):
            client.send(f"x{number} {command}\r\n".encode())
            self.assertIn(b"FETCH", client.readline())   # what was there before has been taken in
            next(path for path in sorted((self.root / "new").glob(f"{1000 + many - 1 - number}.*"))
                 if path.exists()).unlink()
            fetched = 0
            while not (line := client.readline()).startswith(b"x"):
                fetched += b" FETCH (" in line
            self.assertIn(answer, line)
            self.assertEqual(fetched + 1, len(uids) - 1 - number)
        self.assertEqual(client.noop()[0], "OK")
        self.assertEqual([int(uid) for uid in client.uid("SEARCH", None, "ALL")[1][0].split()], uids[:-2])
        client.logout()

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


class Idle(Case):
    def idle(self, mailbox="INBOX"):
        raw = self.enterContext(Raw(self.demo.ports["imap"]))
        raw.imap("l", f"LOGIN {self.demo.address('carol')} {self.demo.password('carol')}")
        raw.imap("s", f"SELECT {mailbox}")
        raw.send("i IDLE\r\n")
        self.assertTrue(raw.line().startswith(b"+"))
        return raw

    def hear(self, raw, words, since):
        """Reads what the session is told up to a line with `words`, which must come within a second or so."""
        line = raw.line()
        while words not in line:
            self.assertTrue(line, "the connection ended")
            line = raw.line()
        self.assertLess(time.monotonic() - since, 1.5, line)   # a poll would take 2 s
        return line

    def test_changes_by_others_are_heard_at_once(self):
        self.send("a", "b")   # and there is the demo's welcome
        raw = self.idle()
        for name, words in (("c", b"* 4 EXISTS"), ("d", b"* 5 EXISTS")):
            begin = time.monotonic()
            self.put(name)
            self.hear(raw, words, begin)
        begin = time.monotonic()
        os.rename(self.root / self.file("a"), self.root / "cur" / (pathlib.Path(self.file("a")).name + ":2,F"))
        self.assertIn(rb"\Flagged", self.hear(raw, b"FETCH", begin))
        begin = time.monotonic()
        os.unlink(self.root / self.file("b"))
        self.hear(raw, b"EXPUNGE", begin)

    def test_a_folder_that_is_replaced_is_watched_again(self):
        imap = self.imap()
        self.assertEqual(imap.client.create("Box")[0], "OK")
        box = self.root / ".Box"
        raw = self.idle("Box")
        shutil.copytree(box, self.root / "spare")
        os.rename(box, self.root / "old")
        os.rename(self.root / "spare", box)
        self.put("e", box)
        self.assertEqual(raw.line(), b"* 1 EXISTS\r\n")
        begin = time.monotonic()
        self.put("f", box)
        self.hear(raw, b"* 2 EXISTS", begin)

    def test_an_mbox_too(self):
        raw = self.enterContext(Raw(self.demo.ports["imap"]))
        raw.imap("l", f"LOGIN {self.demo.address('dave')} {self.demo.password('dave')}")
        self.send("first", to="dave")
        raw.imap("s", "SELECT INBOX")
        raw.send("i IDLE\r\n")
        self.assertTrue(raw.line().startswith(b"+"))
        box, = pathlib.Path(self.demo.ready["dir"], "data/mbox").rglob("dave/inbox")
        begin = time.monotonic()
        with open(box, "ab") as file:
            file.write(b"From x@far.test Sat Nov 28 12:00:00 2020\n" + local("second") + b"\n")
        self.hear(raw, b"* 3 EXISTS", begin)


class Stop(Case):
    def test_while_others_deliver(self):
        """What is under way in the files or the index when the program ends, ends with it: in order, and at once."""
        ended = threading.Event()

        def deliver():
            number = 0
            while not ended.is_set():
                for _ in range(5):
                    self.put(f"busy{number}")
                    number += 1
                ended.wait(0.01)
        busy = threading.Thread(target=deliver)
        busy.start()
        self.addCleanup(busy.join)
        self.addCleanup(ended.set)
        for _ in range(4):
            with Imap(self.demo) as session:
                seen = len(session.messages())
                wait_until(lambda: len(session.messages()) > seen, 30, "more of their letters")
            self.assertEqual(self.demo.stop(), 0)
            self.demo.start()


class TakingOver(Case):
    """UIDVALIDITY and UIDs of a Maildir that was somebody else's before."""

    def folder_of(self, name, **files):
        folder = self.folder / "erin" / name
        for sub in ("cur", "new", "tmp"):
            (folder / sub).mkdir(parents=True)
        for file, text in files.items():
            (folder / file.replace("_", "-")).write_text(text)
        return folder

    def test_no_uid_is_given_again_under_the_same_uidvalidity(self):
        listed = "5 :1600000005.M1P1.host,S=30,W=33\n"
        files = {   # mailbox -> its list, whether its letter is there, UIDNEXT
            "INBOX": ({"dovecot_uidlist": "3 V1500000001 N77 G0123456789abcdef0123456789abcdef\n" + listed}, True, 77),
            "Empty": ({"dovecot_uidlist": "3 V1500000001 N77 G0123456789abcdef0123456789abcdef\n"}, False, 77),
            "Gone": ({"dovecot_uidlist": "3 V1500000001 N5\n" + listed}, False, 6),
            "Old": ({"dovecot_uidlist": "1 1500000001 77\n"}, False, 77),
            "Absurd": ({"dovecot_uidlist": "3 V1500000001 N4294967295\n" + listed}, True, 6),
            "Ours": ({"posthouse_uidlist": "posthouse-uidlist 1 V1500000001 N77 .\n5 1600000005.M1P1.host,S=30,W=33 .\n"},
                     True, 77),
            "Ours.Empty": ({"posthouse_uidlist": "posthouse-uidlist 1 V1500000001 N77 .\n"}, False, 77),
            # More than one transaction takes: those behind keep their UIDs too.
            "Many": ({"dovecot_uidlist": "3 V1500000001 N977\n" + "".join(
                f"{2 * n} :{n}.M1P1.host\n" for n in range(1, 331))}, 330, 977),
        }
        self.demo.stop()
        again = Demo("--set", f'store.maildir="{self.folder}/{{local}}"')
        self.addCleanup(again.clean)
        again.start()
        self.addCleanup(again.stop)
        for mailbox, (lists, there, _) in files.items():
            folder = self.folder_of("" if mailbox == "INBOX" else "." + mailbox, **lists)
            if there == 330:
                for n in range(1, 331):
                    (folder / "cur" / f"{n}.M1P1.host:2,").write_bytes(local(f"many{n}"))
            elif there:
                (folder / "cur" / "1600000005.M1P1.host,S=30,W=33:2,S").write_bytes(local("known"))
        add_account(again, "erin")
        client = again.imap("erin")
        for mailbox, (_, there, uid_next) in files.items():
            mailbox = mailbox.replace(".", "/")
            found = client.status(mailbox, "(MESSAGES UIDVALIDITY UIDNEXT)")[1][0]
            self.assertRegex(found, rb"MESSAGES %d\b" % there, mailbox)
            self.assertRegex(found, rb"UIDVALIDITY 1500000001\b", mailbox)
            self.assertRegex(found, rb"UIDNEXT %d\b" % uid_next, mailbox)
            client.select(mailbox, readonly=True)
            known = [2 * n for n in range(1, 331)] if there == 330 else [5] * there
            self.assertEqual(client.uid("SEARCH", None, "ALL")[1][0].split(), [b"%d" % uid for uid in known], mailbox)
            client.unselect()
            added = client.append(mailbox, None, None, letter("new"))[1][0]
            self.assertIn(b"[APPENDUID 1500000001 %d]" % uid_next, added, mailbox)
        client.logout()
        again.run("store", "check", check=True)


class LostIndex(Case):
    def test_uids_and_flags_come_back_from_the_files(self):
        self.send("a", "b", "c", "d")
        self.put("e")
        imap = self.imap()
        client = imap.client
        imap.store("b", "+FLAGS", r"(\Flagged Work)")
        imap.store("c", "+FLAGS", r"(\Deleted)")
        self.assertEqual(client.expunge()[0], "OK")
        client.create("Box")
        for name in ("d", "a"):
            self.assertEqual(client.uid("COPY", str(imap.uids()[name]), "Box")[0], "OK")
        self.send("f")
        before = {box: (self.imap(box).validity, self.imap(box).messages()) for box in ("INBOX", "Box")}
        self.assertEqual(set(before["INBOX"][1]), set("abdef"))
        self.assertEqual(set(before["Box"][1]), set("ad"))
        self.demo.stop()
        again = Demo("--set", f'store.maildir="{self.folder}/{{local}}"')
        self.addCleanup(again.clean)
        again.start()
        self.addCleanup(again.stop)
        shutil.copytree(self.root, self.folder / "erin")
        add_account(again, "erin")
        with again.smtp() as smtp:
            smtp.sendmail("ann@far.test", ["erin@" + again.domain], letter("g"))
        for box, (validity, messages) in before.items():
            with Imap(again, box, "erin") as after:
                self.assertEqual(after.validity, validity, box)
                found = after.messages()
                self.assertEqual({n: m for n, m in found.items() if n != "g"}, messages)
                if box == "INBOX":
                    self.assertGreater(found["g"][0], max(uid for uid, _ in messages.values()))

    def test_the_list_is_written_anew_when_most_of_it_is_gone(self):
        imap = self.imap()
        client = imap.client
        for _ in range(6):
            for number in range(210):
                client.append("INBOX", None, None, letter(f"x{number}"))
            client.select("INBOX")
            client.store("1:*", "+FLAGS.SILENT", r"(\Deleted)")
            self.assertEqual(client.expunge()[0], "OK")
        self.send("last")
        lines = (self.root / "posthouse-uidlist").read_bytes().splitlines()
        self.assertLess(len(lines), 1000)
        self.assertTrue(lines[-1].startswith(b"%d " % imap.uids()["last"]), lines[-1])


def program_user():
    """What makes a command run as somebody else than root, whom Dovecot's IMAP server refuses."""
    return ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] if os.geteuid() == 0 else []


class BesideDovecot(Case):
    """Posthouse and Dovecot as the same user on one Maildir."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="posthouse-maildir-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.as_user = program_user()
        self.root = self.folder / "mail/erin"
        self.root.parent.mkdir()
        self.config = self.folder / "dovecot.conf"
        self.config.write_text(f"log_path={self.folder}/log\nmail_location = maildir:{self.root}\nfirst_valid_uid = 0\n"
                               "namespace inbox {\n  inbox = yes\n  separator = /\n}\n")
        home = self.folder / "home"
        home.mkdir()
        if self.as_user:
            for path in (self.folder, self.root.parent, home):
                shutil.chown(path, "nobody", "nogroup")
        self.environment = dict(os.environ, HOME=str(home), USER="nobody", TERM="xterm", LC_ALL="C.UTF-8")
        self.demo = Demo("--set", f'store.maildir="{self.folder}/mail/{{local}}"', directory=str(home / "demo"),
                         wrapper=self.as_user)
        if self.as_user:
            (home / "demo").mkdir()
            shutil.chown(home / "demo", "nobody", "nogroup")

    def start(self):
        self.demo.start()
        self.addCleanup(self.demo.stop)

    def run_as_user(self, *command, text=b""):
        done = subprocess.run([*self.as_user, *map(str, command)], input=text, capture_output=True, timeout=120,
                              env=self.environment, cwd=self.folder)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stderr.decode()}{done.stdout.decode()}")
        self.errors = done.stderr
        return done.stdout

    def talk(self, script):
        """What Dovecot answers until LOGOUT. Its input stays open that long, or it would leave out what is not written yet."""
        process = subprocess.Popen([*self.as_user, DOVECOT, "-c", str(self.config)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment, cwd=self.folder)
        end = threading.Timer(120, process.kill)
        end.start()
        process.stdin.write(script)
        process.stdin.flush()
        out = b""
        for line in process.stdout:
            out += line
            if line.startswith(b"q "):
                break
        rest, self.errors = process.communicate()
        end.cancel()
        self.assertEqual(process.returncode, 0, f"{self.errors.decode()}{out.decode(errors='replace')}")
        return out + rest

    def dovecot(self, *commands, mailbox="INBOX", strict=True):
        """The answers to commands in a session with the mailbox selected. Not `strict`: they may be NO."""
        script = [f"s SELECT {mailbox}".encode()] + [b"c%d " % i + c for i, c in enumerate(commands)] + [b"q LOGOUT"]
        out = self.talk(b"\r\n".join(script) + b"\r\n")
        for i in range(len(commands)):
            told = b"\n".join(line for line in out.splitlines() if re.match(rb"c\d|\* BYE", line))
            self.assertTrue(b"c%d OK" % i in out or (not strict and b"c%d NO" % i in out), (told, self.errors[-2000:]))
        return out

    @staticmethod
    def append(mailbox, flags, name):
        text = letter(name)
        return b"APPEND %s (%s) {%d+}\r\n%s" % (mailbox, flags, len(text), text)

    def dovecots(self, mailbox="INBOX"):
        """UIDVALIDITY, name -> (uid, flags) as Dovecot has it."""
        out = self.dovecot(b"UID FETCH 1:* (FLAGS BODY.PEEK[HEADER])", mailbox=mailbox)
        found = {}
        for part in re.split(rb"(?m)^(?=\* \d+ FETCH )", out)[1:]:
            name, = names_in(part)
            flags = set(re.search(rb"FLAGS \(([^)]*)\)", part)[1].decode().split()) - {r"\Recent"}
            self.assertNotIn(name.decode(), found)
            found[name.decode()] = (int(re.search(rb"UID (\d+)", part)[1]), flags)
        return int(re.search(rb"UIDVALIDITY (\d+)", out)[1]), found

    def test_a_maildir_of_dovecot_is_taken_over(self):
        commands = [self.append(b"INBOX", b"", f"n{i}") for i in range(6)]
        self.dovecot(*commands)
        # One by one, as Dovecot may do what it got at once in another order.
        for command in (b"UID STORE 2 +FLAGS (\\Flagged Work $Label1)", b"UID STORE 3 +FLAGS (\\Deleted)",
                        b"UID EXPUNGE 3", b"CREATE Lists/Rust", b"UID COPY 2,5 Lists/Rust", b"SUBSCRIBE Lists/Rust",
                        self.append(b"INBOX", b"\\Seen Other", "n9")):
            self.dovecot(command)
        before = {box: self.dovecots(box) for box in ("INBOX", "Lists/Rust")}
        self.assertEqual(len(before["INBOX"][1]), 6)
        self.start()
        add_account(self.demo, "erin")
        with self.demo.smtp() as client:
            client.sendmail("ann@far.test", [self.demo.address("erin")], letter("ours"))
        for box, (validity, messages) in before.items():
            imap = self.imap(box, "erin")
            found = imap.messages()
            ours = found.pop("ours", None)
            self.assertEqual((imap.validity, found), (validity, messages))
            if box == "INBOX":
                self.assertGreater(ours[0], max(uid for uid, _ in messages.values()))
        client = self.demo.imap("erin")
        self.assertIn(b"Lists/Rust", b" ".join(client.lsub()[1]))
        client.logout()
        imap = self.imap(name="erin")
        imap.store("n4", "+FLAGS", r"(\Answered Work New)")
        imap.store("n1", "-FLAGS", r"(Work)")
        _, theirs = self.dovecots()
        self.assertEqual({name: flags for name, (_, flags) in theirs.items()}, imap.flags())
        self.assertEqual({n: uid for n, (uid, _) in theirs.items() if n != "ours"},
                         {n: uid for n, uid in imap.uids().items() if n != "ours"})
        self.assertIn("New", imap.flags()["n4"])
        self.check_store()

    def test_forwarded_is_the_same_for_both(self):
        self.dovecot(*[self.append(b"INBOX", b"", f"n{i}") for i in range(4)])
        self.start()
        add_account(self.demo, "erin")
        imap = self.imap(name="erin")

        def both(**expected):
            def agree():
                ours = {name: flags & {"$Forwarded", "$MDNSent"} for name, flags in imap.flags().items()}
                return all(ours[name] == flags for name, flags in expected.items())
            wait_until(agree, 15, f"{expected} by Posthouse")
            theirs = {name: flags for name, (_, flags) in self.dovecots()[1].items()}
            self.assertEqual({name: theirs[name] & {"$Forwarded", "$MDNSent"} for name in expected}, expected)

        self.dovecot(b"UID STORE 1:2 +FLAGS ($Forwarded)", b"UID STORE 3 +FLAGS ($MDNSent)")
        both(n0={"$Forwarded"}, n1={"$Forwarded"}, n2={"$MDNSent"})
        marks = self.file_marks("n0")
        self.assertIn("P", marks, "what others show as passed on")
        imap.store("n3", "+FLAGS", "($Forwarded $MDNSent)")
        imap.store("n1", "-FLAGS", "($Forwarded)")
        both(n0={"$Forwarded"}, n1=set(), n3={"$Forwarded", "$MDNSent"})
        self.assertIn("P", self.file_marks("n3"))
        self.assertNotIn("P", self.file_marks("n1"))
        self.dovecot(b"UID STORE 1,4 -FLAGS ($Forwarded)")
        both(n0=set(), n3={"$MDNSent"})
        old, = files_of(self.root)["n2"]
        sub, name = old.split("/")
        os.rename(self.root / old, self.root / "cur" / name.replace(":2,", ":2,P"))
        both(n2={"$Forwarded", "$MDNSent"})
        self.demo.stop()
        self.dovecot(b"UID STORE 1 +FLAGS ($Forwarded)", b"UID STORE 3 -FLAGS ($Forwarded)")
        imap = self.start_again()
        both(n0={"$Forwarded"}, n1=set(), n2={"$MDNSent"}, n3={"$MDNSent"})
        self.check_store()

    def start_again(self):
        erin = self.demo.accounts["erin"]
        self.demo.start()
        self.demo.accounts["erin"] = erin
        return self.imap(name="erin")

    def file_marks(self, name):
        file, = files_of(self.root)[name]
        return file.partition(":2,")[2]

    def test_a_keyword_gets_its_name_later(self):
        self.dovecot(*[self.append(b"INBOX", b"First", f"n{i}") for i in range(2)])
        old, = files_of(self.root)["n1"]
        os.rename(self.root / old, self.root / "cur" / (old.split("/")[1] + "b"))
        self.start()
        add_account(self.demo, "erin")
        imap = self.imap(name="erin")
        self.assertEqual(imap.flags()["n1"], {"First"})
        imap.store("n1", "+FLAGS", r"(\Flagged Ours)")
        self.assertEqual(self.file_marks("n1"), "Fabc")
        imap.client.send(b"i IDLE\r\n")
        keywords = self.root / "dovecot-keywords"
        (self.root / "tmp/keywords").write_text(keywords.read_text() + "1 Later\n")
        os.rename(self.root / "tmp/keywords", keywords)
        while b" FETCH " not in (line := imap.client.readline()):
            pass
        self.assertIn(b"Later", line)
        imap.client.send(b"DONE\r\n")
        while not imap.client.readline().startswith(b"i OK"):
            pass
        self.assertEqual(imap.flags()["n1"], {"First", "Later", "Ours", r"\Flagged"})
        self.assertEqual(self.file_marks("n1"), "Fabc")

    def test_folders_that_others_named_in_their_way(self):
        self.dovecot()
        raw = {b".caf\xe9": "caf%E9 [raw]", b".Br\xc3\xbc.a & b": "Br&APw-/a &- b", b".x\x01": "x%01 [raw]"}
        for directory in raw:
            for sub in (b"cur", b"new", b"tmp"):
                os.makedirs(os.path.join(bytes(self.root), directory, sub))
            with open(os.path.join(bytes(self.root), directory, b"new/1.a"), "wb") as file:
                file.write(local("inside"))
            subprocess.run(["chown", "-R", "--reference", self.root, os.path.join(bytes(self.root), directory)], check=True)
        self.start()
        add_account(self.demo, "erin")
        client = self.demo.imap("erin")
        listed = b"\n".join(line for line in client.list()[1] if line).decode()
        for directory, name in raw.items():
            with self.subTest(name=name):
                self.assertIn(name, listed)
                quoted = f'"{name}"'
                imap = self.imap(quoted, "erin")
                self.assertEqual(set(imap.messages()), {"inside"})
                self.assertEqual(imap.client.append(quoted, None, None, letter("ours"))[0], "OK")
                imap.store("inside", "+FLAGS", r"(\Flagged)")
                folder = pathlib.Path(os.fsdecode(os.path.join(bytes(self.root), directory)))
                self.assertIn(":2,F", files_of(folder)["inside"][0])
                self.assertIn("ours", files_of(folder))
                imap.store("inside", "+FLAGS", r"(\Deleted)")
                self.assertEqual(imap.client.expunge()[0], "OK")
                self.assertEqual(set(files_of(folder)), {"ours"})
                validity, uids = imap.validity, imap.uids()
                imap.client.close()
                self.assertEqual(client.rename(quoted, f'"proper{len(name)}"')[0], "OK")
                self.assertEqual(set(files_of(self.root / f".proper{len(name)}")), {"ours"})
                renamed = self.imap(f"proper{len(name)}", "erin")
                self.assertEqual((renamed.validity, renamed.uids()), (validity, uids))
        client.logout()
        self.check_store()

    def test_what_cant_be_read_for_a_while_comes_back_as_it_was(self):
        self.dovecot(*[self.append(b"INBOX", b"", f"n{i}") for i in range(2)])
        self.start()
        add_account(self.demo, "erin")
        imap = self.imap(name="erin")
        imap.store("n1", "+FLAGS", r"(\Flagged Work)")
        uids = imap.uids()

        def lock(name):
            """As a program with more rights leaves it."""
            path = self.root / files_of(self.root)[name][0]
            owner = path.stat()
            if os.geteuid() == 0:
                os.chown(path, 0, 0)
            path.chmod(0)
            return path, owner

        theirs = self.root / "tmp/1.theirs"
        theirs.write_bytes(local("theirs"))
        theirs.chmod(0)
        theirs.rename(self.root / "new/1.theirs")
        known, owner = lock("n1")
        for run in range(2):
            for _ in range(10):
                self.assertEqual(imap.client.select("INBOX")[1], [b"2"])
                self.assertEqual(imap.client.noop()[0], "OK")
            flags = imap.client.uid("FETCH", str(uids["n1"]), "FLAGS")[1][0]
            self.assertIn(b"Work", flags)
            told = lambda: self.demo.log().count("mirror.unreadable account")  # noqa: E731
            wait_until(lambda: told() > run, 10, "the line about it")
            self.assertEqual(told(), run + 1, "once a start")
            self.demo.stop()
            imap = self.start_again()
        (self.root / "new/1.theirs").chmod(0o644)
        os.chmod(known, 0o600)
        os.chown(known, owner.st_uid, owner.st_gid)
        wait_until(lambda: "theirs" in imap.uids(), 20, "the letter of others")
        found = imap.messages()
        self.assertEqual(found["n1"], (uids["n1"], {r"\Flagged", "Work"}))
        self.assertEqual(found["n0"][0], uids["n0"])
        wait_until(lambda: "trouble=mirror.unreadable" in self.demo.log(), 10, "the line that it is over")

    def test_all_at_the_same_time(self):
        """Deliveries by Posthouse, procmail, maildrop and Dovecot; flags by Posthouse, Dovecot and mutt; expunges by
        Dovecot and Posthouse."""
        self.dovecot()
        self.start()
        add_account(self.demo, "erin")
        rounds = 15
        faults, gone, perhaps, sent, lock = [], set(), set(), set(), threading.Lock()
        address = self.demo.address("erin")

        def put(kind, number):
            name = f"{kind}{number}"
            with lock:
                sent.add(name)
            return name

        def ours():
            with self.demo.smtp() as client:
                for number in range(rounds * 6):
                    client.sendmail("ann@far.test", [address], letter(put("smtp", number)))

        def procmail():
            rc = self.folder / "procmailrc"
            rc.write_text(f"SHELL=/bin/sh\nMAILDIR={self.folder}\nDEFAULT={self.root}/\n")
            for number in range(rounds * 3):
                self.run_as_user("procmail", "-m", rc, text=local(put("procmail", number)))

        def maildrop():
            rules = self.folder / "mailfilter"
            rules.write_text(f'to "{self.root}"\n')
            rules.chmod(0o600)
            if self.as_user:
                shutil.chown(rules, "nobody", "nogroup")
            for number in range(rounds * 3):
                self.run_as_user("maildrop", rules, text=local(put("maildrop", number)))

        def flags():
            with Imap(self.demo, name="erin") as imap:
                for number in range(rounds * 2):
                    imap.client.noop()
                    imap.client.uid("STORE", "1:*", "+FLAGS.SILENT", rf"(\Seen k{number % 3})")
                    imap.client.append("INBOX", r"(\Draft)", None, letter(put("append", number)))
                    imap.client.uid("STORE", "1:*", "-FLAGS.SILENT", f"(k{number % 3})")

        def expunger():
            """Removes some of its own letters, and only those."""
            with Imap(self.demo, name="erin") as imap:
                for number in range(rounds):
                    name = put("short", number)
                    self.assertEqual(imap.client.append("INBOX", None, None, letter(name))[0], "OK")
                    uid = str(imap.uids()[name])
                    imap.client.uid("STORE", uid, "+FLAGS", r"(\Deleted)")   # Dovecot's EXPUNGE may be the first
                    self.assertEqual(imap.client.uid("EXPUNGE", uid)[0], "OK")
                    with lock:
                        gone.add(name)

        def dovecot():
            for number in range(rounds):
                name = put("dovecot", number)
                short = put("brief", number)
                self.dovecot(self.append(b"INBOX", b"", name), b"UID STORE 1:* +FLAGS.SILENT (\\Answered d%d)" % (number % 3),
                             self.append(b"INBOX", b"\\Deleted", short), b"NOOP",
                             b"UID SEARCH HEADER Message-ID <" + short.encode() + b"@", b"EXPUNGE", strict=False)
                with lock:
                    perhaps.add(short)   # Dovecot may do its EXPUNGE before the APPEND

        def mutt():
            rc = self.folder / "muttrc"
            rc.write_text(f'set folder={self.folder} tmpdir={self.folder} header_cache="" delete=yes quit=yes move=no '
                          "wait_key=no mark_old=no beep=no sleep_time=0 check_new=no\n"
                          'push "<tag-pattern>~A<enter><tag-prefix><set-flag>!<quit>"\n')
            for _ in range(rounds // 2):
                # Killed when it asks something because the mailbox changes under its eyes.
                subprocess.run([*self.as_user, "script", "-qec",
                                f"timeout -s KILL 5 mutt -F {rc} -f {self.root}", "/dev/null"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, env=self.environment, cwd=self.folder, timeout=60)

        def guarded(work):
            try:
                work()
            except Exception as fault:   # told by the test itself
                traceback.print_exc()
                faults.append((work.__name__, fault))

        workers = [threading.Thread(target=guarded, args=(work,))
                   for work in (ours, procmail, maildrop, flags, expunger, dovecot, mutt)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(300)
            self.assertFalse(worker.is_alive())
        self.assertEqual(faults, [])
        expected = sent - gone - perhaps
        with Imap(self.demo, name="erin") as imap:
            imap.client.check()
            messages = imap.flags()
        in_files = files_of(self.root)
        self.assertEqual({n: f for n, f in in_files.items() if len(f) != 1}, {})
        self.assertEqual(set(in_files) - perhaps, expected)
        self.assertEqual(set(messages), set(in_files))
        theirs = {name: flags for name, (_, flags) in self.dovecots()[1].items()}
        self.assertEqual({name: (theirs.get(name), flags, in_files[name]) for name, flags in messages.items()
                          if theirs.get(name) != flags}, {}, "Dovecot's, ours, those of the files")
        self.assertEqual(set(theirs), set(messages))
        self.check_store()


class Crash(Case):
    settings = ('resolver.servers=["127.0.0.1@9"]',)

    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("CRASH_SEED", str(random.randrange(1 << 32))))
        self.random = random.Random(self.seed)
        self.count, self.lock = 0, threading.Lock()

    def load(self, accepted, sent):
        """Letters, and flags and copies meanwhile, until the connection dies."""
        def deliver():
            try:
                with self.demo.smtp() as client:
                    while True:
                        with self.lock:
                            self.count += 1
                            name = f"crash{self.count}"
                            sent.add(name)
                        body = "x" * self.random.choice((10, 3000, 40_000)) + "\r\n"
                        client.sendmail("ann@far.test", [self.demo.address("carol"), self.demo.address("alice")],
                                        letter(name, "\r\n".join(body[i:i + 70] for i in range(0, len(body), 70))))
                        with self.lock:
                            accepted.add(name)
            except (OSError, smtplib.SMTPException):
                pass

        def change():
            try:
                with Imap(self.demo) as imap:
                    while True:
                        imap.client.noop()
                        imap.client.store("*", "+FLAGS.SILENT", r"(\Seen k1)")
                        imap.client.copy("*", "Archive")
                        imap.client.store("*", "-FLAGS.SILENT", "(k1)")
            except (OSError, imaplib.IMAP4.error, AssertionError):
                pass

        threads = [threading.Thread(target=work, daemon=True) for work in (deliver, deliver, deliver, deliver, change)]
        for thread in threads:
            thread.start()
        return threads

    def test_sigkill_loses_and_doubles_nothing(self):
        print(f"seed {self.seed}")
        accepted, sent = set(), set()
        for number in range(ROUNDS):
            threads = self.load(accepted, sent)
            # The moment of the kill is random; it is the test's subject, not a wait for something.
            threading.Event().wait(self.random.uniform(0.02, 0.5))
            children = subprocess.run(["pgrep", "-P", str(self.demo.pid)], capture_output=True, text=True).stdout.split()
            self.demo.kill()
            for pid in children:
                subprocess.run(["kill", "-KILL", pid], stderr=subprocess.DEVNULL)
            for thread in threads:
                thread.join(60)
                self.assertFalse(thread.is_alive())
            if number % 5 == 4:   # what others may look at before the next start: nothing is there twice
                self.assertEqual({n: f for n, f in files_of(self.root).items() if len(f) > 1}, {})
            self.demo.start()
        self.assertGreater(len(accepted), ROUNDS)
        in_files = files_of(self.root)
        with Imap(self.demo) as imap:
            messages = imap.messages()
        self.assertEqual(accepted - set(messages), set())
        self.assertLessEqual(set(messages) - {"welcome"}, sent)
        in_files = files_of(self.root)
        self.assertEqual({n: f for n, f in in_files.items() if len(f) > 1}, {})
        self.assertEqual(set(in_files), set(messages))
        with Imap(self.demo, "Archive") as imap:   # copied perhaps more than once, but index and files agree
            exists = int(imap.client.select("Archive")[1][0])
        self.assertEqual(exists, sum(len(files) for files in files_of(self.root / ".Archive").values()))
        self.check_store()


if __name__ == "__main__":
    unittest.main()
