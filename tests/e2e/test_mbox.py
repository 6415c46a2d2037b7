"""An account kept in mbox files that others use at the same time: Dovecot's IMAP, mutt, procmail, Python."""
import contextlib
import fcntl
import json
import mailbox
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
import unittest
from concurrent.futures import ThreadPoolExecutor

from mbox_peers import AS_USER, Peers, USER, folder_of_user
from posthouse import Demo, run, wait_until

KILLS = int(os.environ.get("MBOX_CRASH_ROUNDS", "20"))


def letter(subject, body="From here to there\r\n"):
    return f"From: a@far.test\r\nTo: dave@example.test\r\nSubject: {subject}\r\nMessage-ID: <{subject}@far.test>\r\n\r\n{body}"


class Case(unittest.TestCase):
    settings = ()

    def setUp(self):
        self.folder = folder_of_user()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.demo = self.new_demo("data")
        self.home = self.folder / "data/data/mbox/example.test/dave"
        self.inbox, self.folders = self.home / "inbox", self.home / "folders"
        self.peers = Peers(self.folder / "peers", self.inbox, self.folders)
        self.addCleanup(lambda: self.demo.stop())

    def new_demo(self, name):
        where = self.folder / name
        where.mkdir(exist_ok=True)
        if AS_USER:
            shutil.chown(where, USER, "nogroup")
        words = [word for setting in self.settings for word in ("--set", setting)]
        return Demo(*words, directory=str(where), wrapper=AS_USER, env={"HOME": str(self.folder)})

    def send(self, *subjects, body="From here to there\r\n"):
        with self.demo.smtp() as client:
            for subject in subjects:
                client.sendmail("a@far.test", [self.demo.address("dave")], letter(subject, body))

    def clear(self):
        """Takes the demo's letters of welcome away."""
        client = self.demo.imap("dave")
        client.select("INBOX")
        client.uid("STORE", "1:*", "+FLAGS.SILENT", "(\\Deleted)")
        client.expunge()
        client.logout()

    def in_file(self, path=None):
        """The messages of an mbox as Python has them."""
        box = mailbox.mbox(path or self.inbox, create=False)
        try:
            return list(box)
        finally:
            box.close()

    def subjects_in_file(self, path=None):
        return [message["Subject"] for message in self.in_file(path)]

    def over_imap(self, folder="INBOX", name="dave"):
        """UID -> (subject, flags)."""
        client = self.demo.imap(name)
        try:
            status, answer = client.select(folder, readonly=True)
            self.assertEqual(status, "OK", answer)
            found = {}
            if client.uid("SEARCH", None, "ALL")[1][0]:
                for item in client.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
                    if isinstance(item, tuple):
                        uid = int(re.search(rb"UID (\d+)", item[0])[1])
                        flags = set(re.search(rb"FLAGS \(([^)]*)\)", item[0])[1].decode().split()) - {"\\Recent"}
                        found[uid] = (item[1].decode().split(":", 1)[1].strip(), flags)
            self.validity = int(client.response("UIDVALIDITY")[1][0])
            return found
        finally:
            client.logout()

    def subjects(self, folder="INBOX"):
        return [subject for subject, _ in self.over_imap(folder).values()]


class WeToOthers(Case):
    def setUp(self):
        super().setUp()
        self.demo.start()
        self.clear()

    def test_a_letter_is_in_the_file_when_it_is_answered(self):
        with self.demo.smtp() as client:
            for number in range(20):
                client.sendmail("a@far.test", [self.demo.address("dave")], letter(f"n{number}"))
                self.assertEqual(self.subjects_in_file()[-1], f"n{number}")
        got = self.in_file()[3]
        self.assertEqual(got.get_from().split()[0], "a@far.test")
        self.assertIn(">From here to there", got.get_payload())
        self.assertEqual(self.peers.flags().keys(), self.over_imap().keys())
        self.assertEqual(self.peers.validity(), self.validity)

    def test_flags_keywords_and_expunge(self):
        self.send("one", "two", "three", "four")
        uids = list(self.over_imap())
        client = self.demo.imap("dave")
        client.select("INBOX")
        client.uid("STORE", str(uids[0]), "+FLAGS", "(\\Seen \\Answered)")
        client.uid("STORE", str(uids[1]), "+FLAGS", "(\\Flagged work $Forwarded)")
        client.uid("STORE", str(uids[2]), "+FLAGS", "(\\Deleted)")
        client.check()   # until then the file may still be behind
        flags = [set(message.get_flags()) - {"O", " "} for message in self.in_file()]
        self.assertEqual(flags, [{"R", "A"}, {"F"}, {"D"}, set()])
        self.assertEqual(self.in_file()[1]["X-Keywords"].split(), ["$Forwarded", "work"])
        self.assertEqual(self.peers.flags(), {
            uids[0]: {"\\Seen", "\\Answered"}, uids[1]: {"\\Flagged", "work", "$Forwarded"},
            uids[2]: {"\\Deleted"}, uids[3]: set()})
        client.uid("STORE", str(uids[1]), "-FLAGS", "(\\Flagged work)")
        client.check()
        self.assertEqual(self.peers.flags()[uids[1]], {"$Forwarded"})
        client.expunge()
        client.logout()
        self.assertEqual(self.subjects_in_file(), ["one", "two", "four"])
        self.assertEqual(list(self.peers.flags()), [uids[0], uids[1], uids[3]])
        self.peers.mutt("<tag-pattern>!~R<enter><tag-prefix><delete-message><sync-mailbox><quit>")
        self.assertEqual(self.subjects_in_file(), ["one"])   # what mutt takes for read

    def test_copies_moves_folders_and_subscriptions(self):
        self.send("one", "two", "three")
        client = self.demo.imap("dave")
        client.create("Work/Gr&APwA3w-e")
        client.create("Old")
        client.subscribe("Old")
        client.select("INBOX")
        uids = client.uid("SEARCH", None, "ALL")[1][0].split()
        self.assertEqual(client.uid("COPY", uids[0], '"Work/Gr&APwA3w-e"')[0], "OK")
        self.assertEqual(client.uid("MOVE", uids[1], "Old")[0], "OK")
        self.assertEqual(self.subjects_in_file(self.folders / "Work/Gr&APwA3w-e"), ["one"])
        self.assertEqual(self.subjects_in_file(self.folders / "Old"), ["two"])
        self.assertEqual(self.subjects_in_file(), ["one", "three"])
        self.assertIn("Old", (self.folders / ".subscriptions").read_text().split("\n"))
        self.assertEqual(client.rename("Old", "Older")[0], "OK")
        self.assertEqual(self.subjects_in_file(self.folders / "Older"), ["two"])
        self.assertFalse((self.folders / "Old").exists())
        self.assertTrue(any('"Older"' in line or line.endswith(" Older")
                            for line in self.peers.imap('list "" "*"')))
        self.assertEqual(client.delete("Older")[0], "OK")
        self.assertFalse((self.folders / "Older").exists())
        client.logout()

    def test_undelete_puts_it_back_into_the_file(self):
        self.send("keep", "lost")
        uid = list(self.over_imap())[1]
        client = self.demo.imap("dave")
        client.select("INBOX")
        client.uid("STORE", str(uid), "+FLAGS", "(\\Deleted \\Flagged)")
        client.expunge()
        client.logout()
        self.assertEqual(self.subjects_in_file(), ["keep"])
        self.demo.run("mailbox", "undelete", self.demo.address("dave"), check=True)
        self.assertEqual(self.subjects_in_file().count("lost"), 1)
        self.assertEqual(sorted(self.subjects()), sorted(self.subjects_in_file()))
        self.assertGreater(max(self.over_imap()), uid)

    def test_a_mailbox_has_letters_and_holds_others(self):
        """Its file is NAME, and what is below it in NAME.sbd: all of it is in files, and others see it there."""
        client = self.demo.imap("dave")
        client.create("a")
        client.append("a", None, None, letter("in a").encode())
        client.create("a/b")
        client.append("a/b", None, None, letter("in b").encode())
        client.create("c/d")
        client.append("c/d", None, None, letter("in d").encode())
        self.assertTrue(os.path.isfile(os.path.join(self.folders, "c", "d")), "as Dovecot has it")
        client.append("c", None, None, letter("in c").encode())
        client.rename("a", "z")
        client.logout()
        for path, subject in (("z", "in a"), ("z.sbd/b", "in b"), ("c.sbd/d", "in d"), ("c", "in c")):
            self.assertEqual(self.subjects_in_file(os.path.join(self.folders, path)), [subject])
        pathlib.Path(self.folders, "z.sbd", "other").write_text(
            "From s@x Sat Nov 28 12:00:00 2020\nSubject: of others\n\nx\n\n")
        self.demo.stop()
        self.demo.start()
        names = [line.decode().split()[-1].strip('"') for line in self.listed()]
        self.assertIn("z/other", names)
        for name, subject in (("z", "in a"), ("z/b", "in b"), ("c/d", "in d"), ("c", "in c"), ("z/other", "of others")):
            self.assertEqual(self.subjects(name), [subject])
        log = self.demo.log()
        self.assertNotIn("only_in_index", log)
        self.assertNotIn("store.files_wait", log)

    def listed(self):
        client = self.demo.imap("dave")
        try:
            return client.list()[1]
        finally:
            client.logout()


class OthersToUs(Case):
    def setUp(self):
        super().setUp()
        self.demo.start()
        self.clear()

    def test_deliveries(self):
        self.send("ours")
        self.peers.procmail(letter("procmail"))
        self.peers.python(letter("python"))
        text = letter("dovecot", "Dovecot does not quote\r\n")
        self.peers.imap(f"append INBOX (\\Flagged kw) {{{len(text)}+}}\r\n{text}")
        seen = self.over_imap()
        self.assertEqual([subject for subject, _ in seen.values()], ["ours", "procmail", "python", "dovecot"])
        self.assertEqual(list(seen.values())[3][1], {"\\Flagged", "kw"})
        self.assertEqual(list(seen), sorted(seen))
        self.assertEqual(list(self.peers.flags()), list(seen))
        # What we change in letters of others is in the file, and what we expunge is gone there.
        client = self.demo.imap("dave")
        client.select("INBOX")
        uids = list(seen)
        client.uid("STORE", str(uids[1]), "+FLAGS", "(\\Seen mine)")
        client.uid("STORE", str(uids[2]), "+FLAGS", "(\\Deleted)")
        client.expunge()
        client.logout()
        self.assertEqual(self.subjects_in_file(), ["ours", "procmail", "dovecot"])
        self.assertEqual(self.peers.flags()[uids[1]], {"\\Seen", "mine"})
        self.assertEqual(list(self.over_imap()), [uids[0], uids[1], uids[3]])

    def test_flags_and_expunges_of_dovecot(self):
        self.send("one", "two", "three")
        uids = list(self.over_imap())
        self.peers.imap(f"uid store {uids[0]} +flags (\\Seen work)")
        self.peers.expunge(uids[1])
        self.assertEqual(self.over_imap(), {uids[0]: ("one", {"\\Seen", "work"}), uids[2]: ("three", set())})

    def test_folders_that_others_named_in_their_way(self):
        text = "From a@far.test Sat Nov 28 10:00:00 2026\n" + letter("inside").replace("\r\n", "\n") + "\n"
        raw = {b"caf\xe9": "caf%E9 [raw]", b"Br\xc3\xbc": "Br&APw-", b"a & b": "a &- b", b"x\x01": "x%01 [raw]"}
        client = self.demo.imap("dave")
        client.create("Made")
        for name in raw:
            path = pathlib.Path(os.fsdecode(bytes(self.folders) + b"/" + name))
            path.write_text(text)
            shutil.chown(path, self.folders.stat().st_uid, self.folders.stat().st_gid)
        listed = b"\n".join(client.list()[1]).decode()
        for number, (name, shown) in enumerate(raw.items()):
            with self.subTest(name=shown):
                path = pathlib.Path(os.fsdecode(bytes(self.folders) + b"/" + name))
                quoted, proper = f'"{shown}"', f"Proper{number}"
                self.assertIn(shown, listed)
                self.assertEqual(self.subjects(quoted), ["inside"])
                self.assertEqual(client.append(quoted, None, None, letter("ours").encode())[0], "OK")
                client.select(quoted)
                client.uid("STORE", "1", "+FLAGS", r"(\Deleted)")
                self.assertEqual(client.expunge()[0], "OK")
                client.unselect()
                self.assertEqual(self.subjects_in_file(path), ["ours"])
                before = self.over_imap(quoted), self.validity
                self.assertEqual(client.rename(quoted, proper)[0], "OK")
                self.assertFalse(path.exists())
                self.assertEqual(self.subjects_in_file(self.folders / proper), ["ours"])
                self.assertEqual((self.over_imap(proper), self.validity), before)
        client.logout()

    def test_mutt_deletes_the_first_and_with_it_the_uids(self):
        self.send("one", "two", "three")
        uids = list(self.over_imap())
        validity = self.validity
        self.peers.mutt("<first-entry><delete-message><next-entry><flag-message><sync-mailbox><quit>")
        # The server may have noticed already, and have put X-IMAPbase back.
        seen = self.over_imap()
        self.assertEqual([(uid, subject) for uid, (subject, _) in seen.items()], [(uids[1], "two"), (uids[2], "three")])
        self.assertEqual(self.validity, validity)
        self.send("four")
        self.assertEqual(list(self.over_imap()), [uids[1], uids[2], uids[2] + 1])
        self.assertEqual(list(self.peers.flags()), [uids[1], uids[2], uids[2] + 1])
        self.assertEqual(self.peers.validity(), validity)

    def test_a_file_under_another_uidvalidity_gives_no_uid_twice(self):
        self.send("one", "two")
        uids = list(self.over_imap())
        box = self.inbox.read_text().replace("Subject: one", "Subject: other")
        box = re.sub(r"X-IMAPbase: \d+", "X-IMAPbase: 1234567890", box)
        new = self.home / "new"
        new.write_text(box)
        if AS_USER:
            shutil.chown(new, USER, "nogroup")
        os.rename(new, self.inbox)
        seen = self.over_imap()
        self.assertEqual({subject for subject, _ in seen.values()}, {"other", "two"})
        self.assertEqual(seen[uids[1]][0], "two")
        self.assertNotIn(uids[0], seen)
        self.send("three")
        self.assertEqual(len(self.over_imap()), 3)
        self.assertEqual(len(self.peers.flags()), 3)

    def test_a_file_that_goes_and_comes_back(self):
        self.send("one", "two")
        uids = list(self.over_imap())
        os.rename(self.inbox, self.home / "away")
        self.assertEqual(self.over_imap(), {})
        os.rename(self.home / "away", self.inbox)
        seen = self.over_imap()
        self.assertEqual([subject for subject, _ in seen.values()], ["one", "two"])
        self.assertGreater(min(seen), max(uids))
        self.send("three")
        self.assertEqual(self.subjects(), ["one", "two", "three"])
        self.assertEqual(self.over_imap().keys(), self.peers.flags().keys())

    def test_a_forged_uid_leaves_uids_for_others(self):
        self.inbox.write_text("")
        self.peers.procmail("X-IMAPbase: 77 4294967294\r\nX-UID: 4294967294\r\n" + letter("forged"))
        self.assertEqual(self.subjects(), ["forged"])
        self.send("after")
        self.assertEqual(self.subjects(), ["forged", "after"])
        self.assertLess(max(self.over_imap()), 1000)


class TakingOver(Case):
    def setUp(self):
        super().setUp()
        self.home = self.folder / "others/dave"
        self.inbox, self.folders = self.home / "inbox", self.home / "folders"
        self.peers = Peers(self.folder / "peers", self.inbox, self.folders)
        self.demo.args += self.places(self.home)

    @staticmethod
    def places(home):
        home = home.parent / "{local}"
        return ["--set", f'store.mbox_inbox="{home}/inbox"', "--set", f'store.mbox_folders="{home}/folders"']

    def fill(self):
        for number in range(5):
            self.peers.procmail(letter(f"m{number}"))

    def prepare(self):
        """The files stand elsewhere, so that the demo finds them when it makes its accounts."""
        self.folders.mkdir(parents=True)
        self.inbox.touch()
        if AS_USER:
            subprocess.run(["chown", "-R", f"{USER}:nogroup", self.home], check=True)

    def test_from_dovecot(self):
        self.prepare()
        self.fill()
        self.peers.imap("store 2 +flags (\\Seen work)")
        self.peers.expunge(1)
        self.peers.imap("create Old/Done", "copy 1 Old/Done", "subscribe Old/Done")
        flags, validity = self.peers.flags(), self.peers.validity()
        self.assertEqual(min(flags), 2)
        old = self.peers.flags("Old/Done"), self.peers.validity("Old/Done")
        self.demo.start()
        seen = self.over_imap()
        mine = {uid: seen[uid][1] for uid in flags}
        self.assertEqual(mine, flags)
        self.assertEqual(self.validity, validity)
        self.assertEqual([seen[uid][0] for uid in flags], ["m1", "m2", "m3", "m4"])
        copied = self.over_imap("Old/Done")
        self.assertEqual(({uid: flags for uid, (_, flags) in copied.items()}, self.validity), old)
        client = self.demo.imap("dave")
        self.assertTrue(any(b"Old/Done" in line for line in client.lsub()[1]))
        client.logout()
        self.assertEqual(self.peers.validity(), validity)
        self.assertEqual(self.peers.flags().keys(), seen.keys())

    def test_from_mutt(self):
        self.prepare()
        self.fill()
        self.peers.mutt("<first-entry><flag-message><delete-message><sync-mailbox><quit>")
        self.demo.start()
        seen = [(subject, flags) for subject, flags in self.over_imap().values() if subject.startswith("m")]
        self.assertEqual([subject for subject, _ in seen], ["m0", "m2", "m3", "m4"])
        self.assertIn("\\Flagged", seen[0][1])

    def test_the_index_is_lost(self):
        self.demo.start()
        self.clear()
        self.send("one", "two", "three", "four")
        self.peers.procmail(letter("five"))
        uids = list(self.over_imap())
        client = self.demo.imap("dave")
        client.create("Old")
        client.select("INBOX")
        client.uid("STORE", str(uids[1]), "+FLAGS", "(\\Flagged work)")
        client.uid("STORE", str(uids[0]), "+FLAGS", "(\\Deleted)")
        client.expunge()
        client.uid("COPY", str(uids[4]), "Old")
        client.logout()
        before, validity = self.over_imap(), self.validity
        old, old_validity = self.over_imap("Old"), self.validity
        self.demo.stop()
        self.demo = self.new_demo("second")
        self.demo.args += self.places(self.home)
        self.demo.start()
        after = {uid: what for uid, what in self.over_imap().items() if uid in before}
        self.assertEqual(after, before)
        self.assertEqual(self.validity, validity)
        self.assertEqual(self.over_imap("Old"), old)
        self.assertEqual(self.validity, old_validity)


class Together(Case):
    ROUNDS = 8

    def test_nothing_is_lost_or_doubled(self):
        self.demo.start()
        self.clear()
        self.send(*(f"doomed{n}" for n in range(self.ROUNDS)), *(f"flag{n}" for n in range(self.ROUNDS)), "last")
        faults = []

        def repeat(work):
            def body():
                try:
                    for number in range(self.ROUNDS):
                        work(number)
                except Exception as fault:  # told by the test's own thread
                    faults.append(fault)
            return threading.Thread(target=body)

        def flag(number):
            client = self.demo.imap("dave")
            client.select("INBOX")
            found = client.uid("SEARCH", None, "SUBJECT", f"flag{number}")[1][0].split()
            if len(found) != 1:
                raise AssertionError(f"flag{number}: {found}")
            client.uid("STORE", found[0], "+FLAGS", "(\\Flagged ours)")
            client.logout()

        def expunge(number):
            lines = self.peers.imap(f"uid search subject doomed{number}")
            uid = next(line for line in lines if line.startswith("* SEARCH")).split()[2]
            self.peers.expunge(uid)

        workers = [repeat(lambda n: self.send(f"smtp{n}", body="x" * 70_000 if n % 2 else "short\r\n")),
                   repeat(lambda n: self.peers.procmail(letter(f"procmail{n}"))),
                   repeat(lambda n: self.peers.python(letter(f"python{n}"))),
                   repeat(flag), repeat(expunge),
                   repeat(lambda n: self.peers.mutt("<last-entry><flag-message><sync-mailbox><quit>", must=False))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(400)
            self.assertFalse(worker.is_alive())
        self.assertEqual(faults, [])
        self.peers.imap("expunge")   # what it marked and left for later
        wanted = sorted([f"{who}{n}" for who in ("smtp", "procmail", "python", "flag") for n in range(self.ROUNDS)]
                        + ["last"])
        self.assertEqual(sorted(self.subjects()), wanted)
        self.assertEqual(sorted(self.subjects_in_file()), wanted)
        seen = self.over_imap()
        for subject, flags in seen.values():
            if subject.startswith("flag"):
                self.assertLessEqual({"\\Flagged", "ours"}, flags, subject)
        self.assertEqual(len(self.peers.flags()), len(wanted))
        self.assertEqual(sorted(sorted(flags) for _, flags in self.over_imap().values()),
                         sorted(sorted(flags) for flags in self.peers.flags().values()))


class Moved(unittest.TestCase):
    def test_the_data_directory_takes_its_files_along(self):
        where = pathlib.Path(tempfile.mkdtemp(prefix="posthouse-test-moved-"))
        self.addCleanup(shutil.rmtree, where, ignore_errors=True)

        def send(demo, subject):
            with demo.smtp() as client:
                client.sendmail("a@far.test", [demo.address(n) for n in ("carol", "dave")], letter(subject))

        def subjects(demo, name):
            client = demo.imap(name)
            client.select("INBOX")
            data = client.fetch("1:*", "(BODY.PEEK[])")[1]
            return [re.search(rb"Subject: (\S+)", d[1])[1].decode() for d in data if isinstance(d, tuple)]

        with Demo(directory=str(where / "old")) as demo:
            send(demo, "before")
        (where / "old").rename(where / "new")
        shown = json.loads(run("account", "show", "dave@example.test", "--json", "--config",
                               self.moved_config(where), check=True).stdout)
        self.assertTrue(shown["inbox"].startswith(f"{where}/new/"), shown)
        for name in ("new", "newer"):     # the second time below the first
            if name == "newer":
                (where / "new/newer").mkdir()
                for path in list((where / "new").iterdir()):
                    if path.name != "newer":
                        path.rename(where / "new/newer" / path.name)
            with Demo(directory=str(where / ("new" if name == "new" else "new/newer"))) as demo:
                send(demo, name)
                for account in ("carol", "dave"):
                    self.assertEqual(subjects(demo, account)[1:3], ["before", "new"], account)
                    self.assertIn(name, subjects(demo, account))
                found = list((where / "new").rglob("inbox"))
                self.assertEqual(len(found), 1, found)
                self.assertIn(f"Subject: {name}", found[0].read_text())
        self.assertFalse((where / "old").exists())

    @staticmethod
    def moved_config(where):
        config = where / "new/posthouse.toml"
        config.write_text(config.read_text().replace(f"{where}/old", f"{where}/new"))
        return config


class Locked(Case):
    PEOPLE = [f"locked{n}" for n in range(6)]

    def setUp(self):
        super().setUp()
        self.demo.start()

    def test_files_that_others_keep_locked_hold_up_nobody_else(self):
        for name in self.PEOPLE:
            self.demo.run("account", "add", f"{name}@example.test", "--password-stdin", "--store", "mbox",
                          stdin="secret\n", check=True)
        inboxes = [self.home.parent / name / "inbox" for name in self.PEOPLE]
        watching = self.demo.imap("carol")
        watching.select("INBOX")
        watching.send(b"i IDLE\r\n")
        self.assertIn(b"+", watching.readline())

        def send(to, subject):
            with self.demo.smtp(timeout=90) as client:
                client.sendmail("a@far.test", [f"{to}@example.test"], letter(subject))

        for name in self.PEOPLE:
            send(name, "first")
        locks = [open(path, "r+b") for path in inboxes]
        for lock in locks:
            fcntl.lockf(lock, fcntl.LOCK_EX)
        waiting = [threading.Thread(target=send, args=(name, "second")) for name in self.PEOPLE]
        for thread in waiting:
            thread.start()
        begin = time.monotonic()
        for number in range(5):
            send("carol", f"carol{number}")
            self.assertIn(f"carol{number}", self.subjects_of("carol"))
        took = time.monotonic() - begin
        while b"EXISTS" not in watching.readline():
            pass
        took_idle = time.monotonic() - begin
        for lock in locks:
            lock.close()
        for thread in waiting:
            thread.join(60)
        watching.shutdown()
        self.assertLess(took, 10)
        self.assertLess(took_idle, 10)
        wait_until(lambda: all(b"second" in path.read_bytes() for path in inboxes), 30, "the letters in the files")

    def test_a_locked_mailbox_is_shown_as_it_was(self):
        """Sessions get the index at once, and what the other program did once it has let go."""
        self.clear()
        self.send("one")
        self.assertEqual(self.subjects(), ["one"])
        with open(self.inbox, "r+b") as locked:
            fcntl.lockf(locked, fcntl.LOCK_EX)
            begin = time.monotonic()
            self.assertEqual(self.numbers_of_letters(), (1, 1), "nothing has changed")
            locked.seek(0, os.SEEK_END)
            locked.write(b"From a@far.test Sat Nov 28 10:00:00 2026\n" + letter("two", "to you\r\n").replace("\r\n", "\n").encode() + b"\n")
            locked.flush()
            self.assertEqual(self.numbers_of_letters(), (1, 1), "another program is about to change it")
            before = self.demo.log().count("letter.accepted")
            waiting = threading.Thread(target=self.send, args=("three",))
            waiting.start()
            wait_until(lambda: self.demo.log().count("letter.accepted") > before, what="the letter in the index")
            watching = self.demo.imap("dave")
            watching.select("INBOX")
            self.assertEqual(self.numbers_of_letters(), (2, 2), "a letter of ours is in the index")
            took = time.monotonic() - begin
        self.assertLess(took, 20)
        watching.send(b"i IDLE\r\n")
        while not watching.readline().startswith(b"* 3 EXISTS"):
            pass
        watching.shutdown()
        waiting.join(60)
        self.assertEqual(sorted(self.subjects()), ["one", "three", "two"])
        self.assertEqual(sorted(self.subjects_in_file()), ["one", "three", "two"])

    def test_one_locked_mailbox_holds_up_no_other(self):
        self.clear()
        client = self.demo.imap("dave")

        def do(*command):
            status, answer = getattr(client, command[0])(*command[1:])
            self.assertEqual(status, "OK", (command, answer))
            return answer

        def add(box, name):
            do("append", box, None, None, letter(name).encode())

        for box in ("Held", "Free", "Old"):
            do("create", box)
            for number in range(3):
                add(box, f"{box}{number}")
        held, free = self.folders / "Held", self.folders / "Free"
        lock = self.folders / "Held.lock"
        lock.write_text(f"{os.getpid()}\n")
        begin = time.monotonic()
        for number in range(5):
            add("Held", f"new{number}")
            add("Free", f"new{number}")
            self.assertIn(f"new{number}", self.subjects_in_file(free), "it is told when it is in the file")
        self.assertEqual(self.subjects("Held"), ["Held0", "Held1", "Held2"] + [f"new{n}" for n in range(5)])
        do("select", "Held")
        do("uid", "STORE", "1", "+FLAGS", r"(\Flagged)")
        do("uid", "MOVE", "2", "Free")
        do("select", "Free")
        do("uid", "MOVE", "1", "Held")
        do("uid", "COPY", "2", "Held")
        do("uid", "STORE", "2", "+FLAGS", r"(\Answered)")
        do("rename", "Old", "Renamed")
        do("create", "Later")
        self.send("delivered")
        self.assertIn("delivered", self.subjects_in_file())
        self.assertIn("Held1", self.subjects_in_file(free))
        self.assertNotIn("Free0", self.subjects_in_file(free))
        self.assertTrue((self.folders / "Renamed").exists() and (self.folders / "Later").exists())
        wait_until(lambda: any(m["Subject"] == "Free1" and "A" in m.get("X-Status", "") for m in self.in_file(free)),
                   10, "the flag in the file")
        do("rename", "Held", "Moved")
        do("create", "Held")
        add("Held", "another")
        took = time.monotonic() - begin
        self.assertEqual(self.subjects_in_file(held), ["Held0", "Held1", "Held2"])
        expected = ["Held0", "Held2", "new0", "new1", "new2", "new3", "new4", "Free0", "Free1"]
        self.assertEqual(self.subjects("Moved"), expected, "the letters can be read under the new name")
        self.assertEqual(self.demo.log().count("mirror.locked"), 1, self.demo.log())
        client.logout()
        self.kill()
        self.demo.start()
        self.assertEqual(self.subjects("Moved"), expected)
        self.assertEqual(self.subjects("Held"), ["another"])
        lock.unlink()
        wait_until(lambda: (self.folders / "Moved").exists() and held.exists() and
                   self.subjects_in_file(held) == ["another"], 30, "the letters in the file")
        self.assertEqual(self.subjects_in_file(self.folders / "Moved"), expected)
        self.assertEqual([m.get("X-Status", "").strip() for m in self.in_file(self.folders / "Moved")][0], "F")
        self.assertEqual(self.subjects("Moved"), expected)
        wait_until(lambda: "trouble=mirror.locked" in self.demo.log(), 10, "the line that it is over")
        self.assertLess(took, 25)
        self.assertIn('"problems":[]', self.demo.run("store", "check", "--json").stdout.replace(" ", ""))

    def numbers_of_letters(self):
        """Of dave's INBOX, by SELECT and by STATUS."""
        client = self.demo.imap("dave")
        selected = int(client.select("INBOX", readonly=True)[1][0])
        client.unselect()
        status = int(re.search(rb"MESSAGES (\d+)", client.status("INBOX", "(MESSAGES)")[1][0])[1])
        client.list()
        client.logout()
        return selected, status

    def test_the_server_starts_all_the_same(self):
        """Another program keeps the lock file; something is still to be done in the file."""
        self.clear()
        lock = self.inbox.parent / "inbox.lock"
        lock.write_text(f"{os.getpid()}\n")
        before = self.demo.log().count("letter.accepted")
        waiting = threading.Thread(target=self.send_and_be_cut_off, args=("while-locked",))
        waiting.start()
        wait_until(lambda: self.demo.log().count("letter.accepted") > before, what="the letter in the index")
        self.kill()
        waiting.join(30)
        self.demo.start()
        self.assertIn(b"OK", self.demo.imap("carol").noop()[0].encode())
        self.assertNotIn("while-locked", self.inbox.read_text())
        lock.unlink()
        wait_until(lambda: "while-locked" in self.inbox.read_text(), 60, "the letter in the file")
        self.assertIn("while-locked", self.subjects_of("dave"))

    def kill(self):
        children = subprocess.run(["pgrep", "-P", str(self.demo.pid)], capture_output=True, text=True).stdout.split()
        self.demo.kill()
        for pid in children:
            subprocess.run(["kill", "-KILL", pid], stderr=subprocess.DEVNULL)

    def send_and_be_cut_off(self, subject):
        with contextlib.suppress(OSError, smtplib.SMTPException):
            self.send(subject)

    def subjects_of(self, name):
        return [subject for subject, _ in self.over_imap(name=name).values()]


class Crash(Case):
    def test_nothing_acknowledged_is_lost(self):
        seed = int(os.environ.get("CRASH_SEED", str(random.randrange(1 << 32))))
        choice = random.Random(seed)
        self.demo.start()
        self.clear()
        self.demo.stop()
        self.peers.procmail(letter("stranger"))
        accepted, sent, lock = set(), set(), threading.Lock()

        def deliver(port, address, sizes):
            try:
                with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
                    for size in sizes:
                        with lock:
                            name = f"crash{len(sent)}"
                            sent.add(name)
                        client.sendmail("a@far.test", [address], letter(name, "From x\r\n" * (size // 8)))
                        with lock:
                            accepted.add(name)
            except (OSError, smtplib.SMTPException):
                pass

        for kill in range(KILLS):
            self.demo.start()
            before = len(accepted)
            threads = [threading.Thread(target=deliver, args=(
                self.demo.ports["smtp"], self.demo.address("dave"),
                [choice.choice((300, 4000, 100_000)) for _ in range(200)])) for _ in range(4)]
            for thread in threads:
                thread.start()
            if kill % 2 == 0:
                wait_until(lambda: len(accepted) > before, 30, "a letter that gets through")
            # The moment of the kill is random; it is the test's subject, not a wait for something.
            threading.Event().wait(choice.uniform(0.0, 0.4))
            children = subprocess.run(["pgrep", "-P", str(self.demo.pid)], capture_output=True, text=True).stdout.split()
            self.demo.kill()
            for pid in children:
                subprocess.run(["kill", "-KILL", pid], stderr=subprocess.DEVNULL)
            for thread in threads:
                thread.join(60)
                self.assertFalse(thread.is_alive())
        self.demo.start()
        self.assertGreaterEqual(len(accepted), KILLS // 2)
        wait_until(lambda: sorted(self.subjects()) == sorted(self.subjects_in_file()), 60, "file and index agree")
        there = self.subjects_in_file()
        self.assertEqual(len(there), len(set(there)), f"doubled, seed {seed}")
        self.assertEqual(accepted - set(there), set(), f"lost, seed {seed}")
        self.assertEqual(set(there) - sent, {"stranger"}, f"seed {seed}")
        self.assertEqual(len(self.over_imap()), len(self.peers.flags()))

    def test_an_import_of_many_that_is_killed_again_and_again(self):
        """Its letters go to the file in parts, each while the index still takes note of the one before."""
        seed = int(os.environ.get("CRASH_SEED", str(random.randrange(1 << 32))))
        choice = random.Random(seed)
        self.demo.start()
        self.clear()
        wanted = [f"many{number}" for number in range(6000)]
        source = self.folder / "source"
        source.write_text("".join(f"From a@far.test Sat Nov 28 12:00:00 2020\n{letter(name)}\n".replace("\r\n", "\n")
                                  for name in wanted))
        source.chmod(0o644)
        bring = ("import", self.demo.address("dave"), str(source))
        for _ in range(5):
            ends = self.inbox.stat().st_size + choice.randrange(100_000, 1_000_000)
            with ThreadPoolExecutor(1) as beside:
                brought = beside.submit(self.demo.run, *bring)
                wait_until(lambda: brought.done() or self.inbox.stat().st_size >= ends, 60, "more in the file")
                self.demo.kill_all()
                brought.result(60)
            self.demo.start()
        done = self.demo.run(*bring)
        self.assertEqual(done.returncode, 0, (done.stderr, seed))
        wait_until(lambda: len(self.subjects_in_file()) == len(self.over_imap()), 60, "file and index agree")
        self.assertEqual(sorted(self.subjects_in_file()), sorted(wanted), f"seed {seed}")
        self.assertEqual(self.subjects(), self.subjects_in_file(), f"seed {seed}")
        uids = [int(message["X-UID"]) for message in self.in_file()]
        self.assertEqual(uids, sorted(self.over_imap()), f"seed {seed}")
        self.assertEqual(len(self.peers.flags()), len(wanted))


if __name__ == "__main__":
    unittest.main()
