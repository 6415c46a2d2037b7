"""Moving in and out: Maildir, mbox and .eml to an account and back, repeats, crashes, damage, formats of accounts."""
import contextlib
import base64
import hashlib
import imaplib
import itertools
import json
import os
import pathlib
import re
import shutil
import smtplib
import subprocess
import tempfile
import threading
import time
import unittest
from unittest import mock

from posthouse import BINARY, Demo, run, wait_until
from test_serve import Serve

numbers = itertools.count(100_000)    # of letters, each once
NAMES = ["Entwürfe & Co", "😀 fun", "v1.2", "Work/Plans.2026", "日本語/ok"]


def letter(n, size=0, ends="\r\n"):
    body = "".join(f"line {n}.{i} of a letter{ends}" for i in range(3 + size // 25))
    head = [f"From: <a{n}@sender.test>", f"Subject: letter {n}", f"Message-ID: <{n}@sender.test>"]
    return (ends.join(head) + ends + ends + body + f"From here on, {n}{ends}>From there{ends}").encode()


def mangled(name):
    """For imaplib: names in modified UTF-7 with "&" as "&-"."""
    out = ""
    for part in re.split("([^\x20-\x7e]+)", name):
        if not part:
            continue
        if ord(part[0]) > 126:
                out += "&" + base64.b64encode(part.encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"
        else:
            out += part.replace("&", "&-")
    return out


def contents(demo, name="alice", uids=False):
    """{mailbox: sorted [(hash, flags, date in seconds)]}; with `uids` each row begins with the UID."""
    imap = demo.imap(name)
    out = {}
    for line in imap.list()[1]:
        box = re.match(rb'\(.*?\) "/" (.*)', line)[1].decode().strip('"')
        imap.select(f'"{box}"', readonly=True)
        rows = []
        data = imap.fetch("1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])")[1] if imap.search(None, "ALL")[1][0] else []
        for item in data:
            if isinstance(item, tuple):
                head = item[0].decode()
                when = imaplib.Internaldate2tuple(item[0])
                row = (hashlib.sha256(item[1]).hexdigest(),
                       tuple(sorted(set(re.search(r"FLAGS \((.*?)\)", head)[1].split()) - {"\\Recent"})),
                       int(time.mktime(when)))
                rows.append((int(re.search(r"UID (\d+)", head)[1]), *row) if uids else row)
        if uids:
            out[box, int(imap.response("UIDVALIDITY")[1][0])] = sorted(rows)
        else:
            out[box] = sorted(rows)
    imap.logout()
    return out


def fill(demo, name="alice", count=30):
    imap = demo.imap(name)
    n = 0
    for box in ["INBOX", "Sent", *map(mangled, NAMES)]:
        if box not in ("INBOX", "Sent"):
            imap.create(f'"{box}"')
            imap.subscribe(f'"{box}"')
        for i in range(count if box == "INBOX" else 3):
            flags = ["()", "(\\Seen)", "(\\Answered \\Flagged $Label1)", "(\\Seen $Forwarded \\Draft work)"][i % 4]
            imap.append(f'"{box}"', flags, imaplib.Time2Internaldate(1_400_000_000 + 86_400 * n),
                        letter(n, size=2_000_000 if n == 7 else 0))
            n += 1
    imap.logout()


@contextlib.contextmanager
def letters_coming(demo):
    """alice gets one letter after the other meanwhile: a list that grows with them."""
    stop, sent = threading.Event(), []

    def load():
        while not stop.is_set():
            with demo.smtp() as smtp:
                smtp.sendmail("a@sender.test", [demo.address("alice")], letter(10_000 + len(sent)))
            sent.append(1)

    sender = threading.Thread(target=load)
    sender.start()
    try:
        wait_until(lambda: sent)
        yield sent
    finally:
        stop.set()
        sender.join()


@contextlib.contextmanager
def coming(demo, box):
    """One letter after the other, by LMTP into INBOX, else by APPEND, as long as the server is up."""
    stop = threading.Event()

    def deliver():
        with smtplib.LMTP("127.0.0.1", demo.ports["lmtp"], timeout=30) as lmtp:
            while not stop.is_set():
                lmtp.sendmail("a@sender.test", [demo.address("alice")], letter(next(numbers)))

    def append():
        imap = demo.imap(tls=False)
        while not stop.is_set():
            imap.append(box, "(\\Seen)", None, letter(next(numbers)))

    def load():
        try:
            deliver() if box == "INBOX" else append()
        except (OSError, smtplib.SMTPException, imaplib.IMAP4.abort):
            pass    # killed

    sender = threading.Thread(target=load)
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join()


class Base(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="posthouse-import-test-")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def bring(self, demo, source, *args, name="bob", status=0):
        done = demo.run("import", demo.address(name), source, "--json", *args)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def take(self, demo, to, *args, name="alice", status=0):
        done = demo.run("export", demo.address(name), to, "--json", *args)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def empty(self, demo, name):
        imap = demo.imap(name)
        imap.select("INBOX")
        if imap.search(None, "ALL")[1][0]:
            imap.store("1:*", "+FLAGS", "\\Deleted")
            imap.expunge()
        imap.logout()


class RoundTrips(Base):
    def round_trip(self, form):
        with Demo() as demo:
            fill(demo)
            self.empty(demo, "bob")
            before = contents(demo)
            out = self.path("out")
            done = self.take(demo, out, "--format", form)
            total = sum(len(rows) for rows in before.values())
            self.assertEqual(done["exported"], total)
            self.assertEqual(self.take(demo, out, "--format", form)["exported"], 0, "a repeat adds nothing")
            imap = demo.imap()
            imap.append("INBOX", None, None, letter(999))
            imap.logout()
            self.assertEqual(self.take(demo, out, "--format", form)["exported"], 1, "a repeat adds what is new")
            before = contents(demo)
            would = self.bring(demo, out, "--dry-run")
            self.assertEqual(would["imported"], total + 1)
            self.assertEqual(contents(demo, "bob")["INBOX"], [])
            self.assertEqual(self.bring(demo, out)["imported"], total + 1)
            self.assertEqual(contents(demo, "bob"), before)
            self.assertEqual(self.bring(demo, out)["imported"], 0, "a repeat doubles nothing")
            self.assertEqual(contents(demo, "bob"), before)

    def test_maildir(self):
        self.round_trip("maildir")

    def test_mbox(self):
        self.round_trip("mbox")

    def test_eml(self):
        self.round_trip("eml")

    def test_without_a_server(self):
        with Demo(directory=self.path("demo")) as demo:
            fill(demo)
            self.empty(demo, "bob")
            before = contents(demo)
        demo.run("export", demo.address("alice"), self.path("out"), check=True)
        demo.run("import", demo.address("bob"), self.path("out"), check=True)
        with Demo(directory=self.path("demo")) as demo:
            self.assertEqual(contents(demo, "bob"), before)
            self.assertEqual(contents(demo), before)
        self.assertIn("Nothing is damaged", demo.run("store", "check", check=True).stdout)


class Octets(Base):
    """Export, import, export: octet for octet where the format can hold it, and nothing twice by a repeat."""

    EXACT = {   # first line end CRLF: the file is the letter
        "mixed": b"Subject: mixed\r\n\r\nbare\nline feeds\r\n\n",
        "cr": b"Subject: cr\r\n\r\na\rb\r\r\n\r\r\n",
        "nul": b"Subject: nul\r\n\r\na\0b\r\n",
        "open": b"Subject: open\r\n\r\nno end",
        "cr at end": b"Subject: cr at end\r\n\r\nx\r",
        "8bit": b"Subject: \xe4\xff\r\n\r\n\xe4\xf6\x80\r\n",
        "long": b"Subject: long\r\n\r\n" + b"x" * 150_000 + b"\r\n",
        "status": b"Status: RO\r\nSubject: status\r\n\r\nFrom here\r\n>From there\r\n",
    }
    LF = b"Subject: lf\n\nall of\nthem\n"
    APPENDED = b"Subject: appended\n\nas it came\n"

    def octets(self, demo, name):
        """What an account has, by an export in the format that holds everything."""
        out = self.path(f"look-{name}-{len(os.listdir(self.folder))}")
        self.take(demo, out, "--format", "eml", name=name)
        return sorted(path.read_bytes() for path in pathlib.Path(out).rglob("*.eml"))

    def test_round_and_round(self):
        source = pathlib.Path(self.path("source"))
        source.mkdir()
        for name, octets in {**self.EXACT, "lf": self.LF}.items():
            (source / f"{name}.eml").write_bytes(octets)
        with Demo() as demo:
            for name in ("alice", "bob", "carol"):
                self.empty(demo, name)
            self.assertEqual(self.bring(demo, source, name="alice")["imported"], len(self.EXACT) + 1)
            self.assertEqual(self.bring(demo, source, name="alice")["imported"], 0)
            imap = demo.imap()
            with mock.patch.object(imaplib, "MapCRLF", re.compile(rb"\r\n")):   # else it mends bare LFs itself
                self.assertEqual(imap.append("INBOX", None, None, self.APPENDED)[0], "OK")
            imap.logout()
            wanted = sorted([*self.EXACT.values(), self.LF.replace(b"\n", b"\r\n"), self.APPENDED])
            self.assertEqual(self.octets(demo, "alice"), wanted)
            out = self.path("eml")
            self.take(demo, out, "--format", "eml")
            self.assertEqual(self.bring(demo, out, name="alice")["imported"], 0, "nothing is doubled")
            self.assertEqual(self.bring(demo, out, name="bob")["imported"], len(wanted))
            self.assertEqual(self.octets(demo, "bob"), wanted)
            # Maildir and mbox: a bare line feed comes back as a line end, an mbox has fields of its own. Both is told.
            for form, odd, gone in (("maildir", 2, b"-"), ("mbox", 3, b"Status: RO\r\n")):
                self.empty(demo, "bob")
                out = self.path(form)
                told = self.take(demo, out, "--format", form)
                self.assertEqual(len(told["left_out"]), odd, told)
                there = sorted(re.sub(rb"(?<!\r)\n", b"\r\n", octets).replace(gone, b"") for octets in wanted)
                self.assertEqual(self.bring(demo, out, name="bob")["imported"], len(wanted))
                self.assertEqual(self.octets(demo, "bob"), there)
                self.assertEqual(self.bring(demo, out, name="bob")["imported"], 0)
                again = self.path(form + "-again")
                self.assertEqual(self.take(demo, again, "--format", form, name="bob")["left_out"], [])
                self.assertEqual(self.bring(demo, again, name="bob")["imported"], 0)


class Sources(Base):
    def test_maildir_of_dovecot(self):
        root = pathlib.Path(self.path("Maildir"))
        for folder in ("", ".Sent", ".Gro&AN8-e Namen", ".A.B"):
            for part in ("cur", "new", "tmp"):
                (root / folder / part).mkdir(parents=True)
        (root / "dovecot-keywords").write_text("0 $Label1\n1 travel\n")
        (root / "dovecot-uidlist").write_text("3 V1400000000 N9 G0123456789abcdef0123456789abcdef\n")
        for n, (name, mtime) in enumerate([("cur/1.M1P1.h,S=9,W=9:2,FSab", 1_300_000_000), ("new/2.M2P2.h", 1_300_000_050),
                                           (".Sent/cur/3.M3P3.h:2,S", 1_300_000_100),
                                           (".Gro&AN8-e Namen/cur/4.M4P4.h:2,", 1_300_000_150),
                                           (".A.B/cur/5.M5P5.h:2,R", 1_300_000_200)]):
            (root / name).write_bytes(letter(n, ends="\n"))
            os.utime(root / name, (mtime, mtime))
        (root / "cur" / "link:2,").symlink_to("/etc/passwd")
        with Demo() as demo:
            self.empty(demo, "bob")
            self.bring(demo, root)
            got = contents(demo, "bob")
            self.assertEqual([(flags, when) for _, flags, when in got["INBOX"]
                              if when == 1_300_000_000], [(("$Label1", "\\Flagged", "\\Seen", "travel"), 1_300_000_000)])
            self.assertEqual(len(got["INBOX"]), 2)
            self.assertEqual(got["Sent"], [(hashlib.sha256(letter(2)).hexdigest(), ("\\Seen",), 1_300_000_100)])
            self.assertEqual(len(got["Gro&AN8-e Namen"]), 1)
            self.assertEqual(got["A/B"][0][1], ("\\Answered",))

    def test_mbox_file_and_damage(self):
        path = self.path("mbox")
        with open(path, "wb") as f:
            f.write(b"\0\1 rubbish before it\nmore\n")
            for n in range(5):
                f.write(b"From a@b Thu Jan  1 10:00:0%d 2015\nStatus: RO\nX-Keywords: work\n" % n)
                f.write(letter(n, ends="\n").replace(b"\nFrom ", b"\n>From ").replace(b"\n>From there", b"\n>>From there"))
                f.write(b"\n")
            f.write(b"From a@b Thu Jan  1 10:00:09 2015\nSubject: torn")
        with Demo() as demo:
            self.empty(demo, "bob")
            done = self.bring(demo, path, "--format", "mbox", "--into", "Old/2015", status=65)
            self.assertEqual(done["imported"], 6)
            self.assertEqual(done["skipped_count"], 1)
            self.assertIn("before the first letter", done["skipped"][0])
            got = contents(demo, "bob")["Old/2015"]
            self.assertIn((hashlib.sha256(letter(3)).hexdigest(), ("\\Seen", "work"), 1_420_106_403), got)
            self.assertEqual(self.bring(demo, path, "--format", "mbox", "--into", "Old/2015", status=65)["imported"], 0)

    def test_what_is_twice_comes_twice(self):
        box = pathlib.Path(self.path("letters/In&AOQ-/Deep"))
        box.mkdir(parents=True)
        for n in range(3):
            (box / f"{n}.eml").write_bytes(letter(1))
        (box / "empty.eml").write_bytes(b"")
        (box / "notes.txt").write_bytes(b"none of them")
        with Demo() as demo:
            done = self.bring(demo, self.path("letters"), status=65)
            self.assertEqual(done["imported"], 3)
            self.assertEqual(done["skipped_count"], 1)
            self.assertEqual(self.bring(demo, self.path("letters"), status=65)["imported"], 0)
            self.assertEqual(len(contents(demo, "bob")["In&AOQ-/Deep"]), 3)

    def test_mistakes(self):
        with Demo() as demo:
            self.assertEqual(demo.run("import", demo.address("bob"), self.path("nothing")).returncode, 66)
            (pathlib.Path(self.folder) / "void").mkdir()
            self.assertEqual(demo.run("import", demo.address("bob"), self.path("void")).returncode, 66)
            pathlib.Path(self.path("one.eml")).write_bytes(letter(1))
            self.assertEqual(demo.run("import", "who@example.test", self.path("one.eml")).returncode, 67)


class AsRoot(Base):
    @unittest.skipUnless(os.geteuid() == 0, "only root can read what the server's user can't")
    def test_what_only_root_may_read_without_a_server(self):
        """The store is opened by its owner, the files by root."""
        source = pathlib.Path(self.path("secret"))
        source.mkdir(mode=0o700)
        for n in range(3):
            (source / f"{n}.eml").write_bytes(letter(n))
            (source / f"{n}.eml").chmod(0o600)
        server = Serve()
        try:
            done = run("import", "me@serve.test", source, "--json", "--config", server.config, check=True)
            self.assertEqual(json.loads(done.stdout)["imported"], 3)
            out = self.path("out")
            done = run("export", "me@serve.test", out, "--format", "eml", "--json", "--config", server.config, check=True)
            self.assertEqual(json.loads(done.stdout)["exported"], 3)
            self.assertEqual(sorted(p.read_bytes() for p in pathlib.Path(out).rglob("*.eml")), [letter(n) for n in range(3)])
            self.assertEqual({os.stat(p).st_uid for p in pathlib.Path(server.directory, "data").rglob("*")},
                             {os.stat(os.path.join(server.directory, "data")).st_uid}, "nothing there became root's")
            self.assertEqual(run("import", "me@serve.test", source, "--json", "--config", server.config,
                                 check=True).stdout.count('"imported":0'), 2)
        finally:
            server.clean()


class Crashes(Base):
    def test_the_server_is_killed_in_the_middle(self):
        source = self.path("big")
        with open(source, "wb") as f:
            for n in range(20_000):
                f.write(b"From a@b Thu Jan  1 10:00:00 2015\n" + letter(n, ends="\n").replace(b"\nFrom ", b"\n>From ") + b"\n")
        with Demo(directory=self.path("demo")) as demo:
            self.empty(demo, "bob")
            command = [BINARY, "import", demo.address("bob"), source, "--config", demo.config]
            client = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            imap = demo.imap("bob")
            wait_until(lambda: int(re.search(rb"MESSAGES (\d+)", imap.status("INBOX", "(MESSAGES)")[1][0])[1]) > 1000)
            imap.shutdown()
            demo.kill()
            self.assertNotEqual(client.wait(60), 0)
            client.stderr.close()
            demo.start()
            imap = demo.imap("bob")
            some = int(re.search(rb"MESSAGES (\d+)", imap.status("INBOX", "(MESSAGES)")[1][0])[1])
            self.assertGreater(some, 1000)
            client = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_until(lambda: int(re.search(rb"MESSAGES (\d+)", imap.status("INBOX", "(MESSAGES)")[1][0])[1]) > some
                       or client.poll() is not None)
            client.kill()
            client.wait()
            imap.logout()
            self.bring(demo, source)
            imap = demo.imap("bob")
            self.assertEqual(imap.status("INBOX", "(MESSAGES)")[1][0].split()[-1], b"20000)")
            imap.select("INBOX", readonly=True)
            subjects = re.findall(rb"letter (\d+)", b"".join(
                item[1] for item in imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1] if isinstance(item, tuple)))
            self.assertEqual(sorted(map(int, subjects)), list(range(20_000)))
            imap.logout()


class Formats(Base):
    def convert(self, demo, to, name="alice"):
        done = demo.run("store", "convert", demo.address(name), "--to", to)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def expect_more(self, before, after, more):
        """All is as it was, and so many have come into INBOX, which is given back."""
        self.assertEqual(set(after), set(before), "names and UIDVALIDITYs")
        for key, rows in before.items():
            self.assertEqual(after[key][:len(rows)], rows, key)
        inbox = [rows for (box, _), rows in after.items() if box == "INBOX"][0]
        old = [rows for (box, _), rows in before.items() if box == "INBOX"][0]
        self.assertEqual(len(inbox), len(old) + more)
        return inbox

    def there_and_back(self, form):
        with Demo(directory=self.path("demo")) as demo:
            fill(demo)
            before = contents(demo, uids=True)
            with letters_coming(demo) as sent:
                self.convert(demo, form)
                shown = json.loads(demo.run("account", "show", demo.address("alice"), "--json", check=True).stdout)
                self.assertEqual(shown["store"], form)
                self.assertTrue(os.path.exists(shown["inbox"]))
                at_files = len(sent)
                wait_until(lambda: len(sent) > at_files)
                self.convert(demo, "database")
                after_convert = len(sent)
                wait_until(lambda: len(sent) > after_convert)
            after = contents(demo, uids=True)
            inbox = self.expect_more(before, after, len(sent))
            self.assertEqual(len(set(row[1] for row in inbox)), len(inbox), "none is doubled")
            self.assertTrue(os.path.exists(shown["inbox"]), "a copy stays")
            again = demo.run("store", "convert", demo.address("alice"), "--to", form)
            self.assertEqual(again.returncode, 73, "the copy would be doubled")
            demo.stop()
            self.assertIn("Nothing is damaged", demo.run("store", "check", check=True).stdout)
            demo.start()
            self.assertEqual(contents(demo, uids=True), after)

    def test_maildir_and_back(self):
        self.there_and_back("maildir")

    def test_mbox_and_back(self):
        self.there_and_back("mbox")

    def test_from_maildir_to_mbox_and_back_while_letters_come(self):
        with Demo(directory=self.path("demo")) as demo:
            fill(demo)
            before = contents(demo, uids=True)
            root = pathlib.Path(demo.config).parent / "data"
            self.convert(demo, "maildir")
            with letters_coming(demo) as sent:
                for to in ("mbox", "maildir"):
                    self.convert(demo, to)
                    shown = json.loads(demo.run("account", "show", demo.address("alice"), "--json", check=True).stdout)
                    self.assertEqual(shown["store"], to)
                    so_far = len(sent)
                    wait_until(lambda: len(sent) > so_far)
                    if to == "mbox":    # the copy is in the way
                        again = demo.run("store", "convert", demo.address("alice"), "--to", "maildir")
                        self.assertEqual(again.returncode, 73, again.stdout + again.stderr)
                        shutil.rmtree(root / "maildir" / demo.domain / "alice")
            after = contents(demo, uids=True)
            inbox = self.expect_more(before, after, len(sent))
            demo.stop()
            self.assertIn("Nothing is damaged", demo.run("store", "check", check=True).stdout)
            demo.start()
            self.assertEqual(contents(demo, uids=True), after)

    def test_uids_of_an_mbox_rise_although_letters_come(self):
        """Two mailboxes, kills in the middle: whoever came meanwhile stands behind those who were there."""
        source = self.path("many")
        with open(source, "wb") as out:
            for n in range(2500):
                out.write(b"From a@sender.test Sat Nov 28 12:00:00 2020\n" + letter(n, ends="\n").replace(b"\nFrom ", b"\n>From ") + b"\n")
        with Demo(directory=self.path("demo")) as demo:
            self.bring(demo, source, name="alice")
            self.bring(demo, source, "--into", "Work", name="alice")
            before = contents(demo, uids=True)
            place = pathlib.Path(demo.config).parent / "data" / "mbox" / demo.domain / "alice"
            for kill in (True, True, False):
                with coming(demo, "INBOX"), coming(demo, "Work"):
                    client = subprocess.Popen([BINARY, "store", "convert", demo.address("alice"), "--to", "mbox", "--config",
                                               demo.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    if kill:
                        wait_until(lambda: client.poll() is not None or (place / "inbox").exists())
                        demo.kill()
                    client.wait(120)
                if kill:
                    demo.start()
            self.convert(demo, "mbox")
            after = contents(demo, uids=True)
            for (box, validity), rows in before.items():
                now = after[box, validity]
                self.assertEqual(now[:len(rows)], rows, box)
                if box not in ("INBOX", "Work"):
                    continue
                self.assertGreater(len(now), len(rows), box)
                self.assertEqual(len(now), len(set(row[1] for row in now)), "none is doubled")
                path = place / "inbox" if box == "INBOX" else place / "folders" / box
                uids = [int(uid) for uid in re.findall(rb"(?m)^X-UID: *(\d+)", path.read_bytes())]
                self.assertEqual(uids, [row[0] for row in now], box)
            demo.stop()
            self.assertNotIn("mirror.uids_renewed", demo.log())
            demo.start()
            self.assertEqual(contents(demo, uids=True), after)

    def test_killed_in_the_middle(self):
        with Demo(directory=self.path("demo")) as demo:
            fill(demo, count=800)
            before = contents(demo, uids=True)
            for to in ("maildir", "mbox", "database"):
                client = subprocess.Popen([BINARY, "store", "convert", demo.address("alice"), "--to", to, "--config",
                                           demo.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                root = pathlib.Path(demo.config).parent / "data" / "maildir"
                wait_until(lambda: client.poll() is not None or to != "maildir" or
                           sum("cur" in folder for folder, _, files in os.walk(root) for _ in files) > 50)
                demo.kill()
                client.wait(60)
                demo.start()

                def now():
                    shown = json.loads(demo.run("account", "show", demo.address("alice"), "--json", check=True).stdout)
                    return shown["store"] == to or client.returncode

                # The server goes on with it by itself, unless it was killed before anything began.
                wait_until(now)
                self.convert(demo, to)
                self.assertEqual(contents(demo, uids=True), before, to)
            demo.stop()
            self.assertIn("Nothing is damaged", demo.run("store", "check", check=True).stdout)
            demo.start()


if __name__ == "__main__":
    unittest.main()
