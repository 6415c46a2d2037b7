"""Expunged letters: they come back while clients look on, and go for good when their time is over, also when the
program is killed meanwhile. What an account and a domain may keep."""
import json
import pathlib
import random
import threading
import unittest
import urllib.request

from posthouse import Demo, wait_until
from raw import Raw

LETTER = b"From: Ann <ann@far.test>\r\nSubject: number %d\r\nMessage-ID: <u-%d@far.test>\r\n\r\n%s\r\n"


class Case(unittest.TestCase):
    settings = ()

    def setUp(self):
        words = []
        for setting in self.settings:
            words += ["--set", setting]
        self.demo = Demo(*words)
        self.addCleanup(self.demo.clean)
        self.demo.start()
        self.addCleanup(self.demo.stop)

    def ask(self, *words):
        return json.loads(self.demo.run(*words, "--json", check=True).stdout)

    def fill(self, mailbox, numbers, size=100):
        client = self.demo.imap("alice")
        for number in numbers:
            status, answer = client.append(mailbox, None, None, LETTER % (number, number, b"x" * size))
            self.assertEqual(status, "OK", answer)
        client.logout()

    def expunge(self, mailbox, uids="1:*"):
        client = self.demo.imap("alice")
        client.select(mailbox)
        self.assertEqual(client.uid("STORE", uids, "+FLAGS", "(\\Deleted $Gone)")[0], "OK")
        self.assertEqual(client.expunge()[0], "OK")
        client.logout()

    def subjects(self, mailbox):
        client = self.demo.imap("alice")
        if client.select(mailbox, readonly=True)[0] != "OK":
            return None
        found = []
        if client.search(None, "ALL")[1][0]:
            for item in client.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
                if isinstance(item, tuple):
                    self.assertNotIn(b"\\Deleted", item[0])
                    found.append(int(item[1].split(b"number ")[1]))
        client.logout()
        return found

    def check_store(self):
        self.assertEqual(self.ask("store", "check")["problems"], [])


class Undelete(Case):
    def test_a_client_sees_it_come_back_and_a_mailbox_is_made_again(self):
        alice = self.demo.address("alice")
        self.fill("Archive", range(1, 4))
        idle = self.enterContext(Raw(self.demo.ports["imap"]))
        idle.imap("l", f"LOGIN {alice} {self.demo.password('alice')}")
        self.expunge("Archive", "1:2")
        self.assertIn(b"* 1 EXISTS", idle.imap("s", "SELECT Archive"))
        idle.send("i IDLE\r\n")
        self.assertTrue(idle.line().startswith(b"+"))

        listed = self.ask("mailbox", "expunged", alice)
        self.assertEqual([(m["mailbox"], m["uid"], m["subject"], m["from"]) for m in listed],
                         [("Archive", n, f"number {n}", "ann@far.test") for n in (1, 2)])
        shown = self.ask("account", "show", alice)
        self.assertEqual(shown["expunged_messages"], 2)
        text = self.demo.run("mailbox", "expunged", alice, check=True).stdout
        self.assertIn("KEPT UNTIL", text)
        self.assertIn("number 2", text)
        self.assertEqual(self.ask("mailbox", "undelete", alice, "--dry-run")["would_restore"], 2)
        self.assertEqual(self.ask("mailbox", "undelete", alice, "--mailbox", "INBOX")["restored"], 0)
        none = self.demo.run("mailbox", "undelete", alice, "--mailbox", "Archive", "--uid", 4711)
        self.assertEqual(none.returncode, 67, none.stdout + none.stderr)
        done = self.ask("mailbox", "undelete", alice, "--mailbox", "Archive", "--uid", 2, "--since", "1h")
        self.assertEqual(done["restored"], 1)
        line = idle.line()
        while b"EXISTS" not in line:
            self.assertTrue(line, "the connection ended")
            line = idle.line()
        self.assertEqual(line, b"* 2 EXISTS\r\n")
        idle.send("DONE\r\n")
        idle.imap_reply("i")
        self.assertIn(b"UID 4 FLAGS ($Gone)", idle.imap("f", "FETCH 2 (UID FLAGS)").replace(b"\\Recent ", b"")
                      .replace(b" \\Recent", b""))

        client = self.demo.imap("alice")
        client.create("Projects/Old")
        client.logout()
        self.fill("Projects/Old", range(7, 9))
        client = self.demo.imap("alice")
        self.assertEqual(client.delete("Projects/Old")[0], "OK")
        client.logout()
        self.assertIsNone(self.subjects("Projects/Old"))
        self.demo.stop()   # the verbs work without the server too
        self.assertEqual(self.ask("mailbox", "undelete", alice, "--mailbox", "Projects/Old")["restored"], 2)
        self.assertEqual([m["subject"] for m in self.ask("mailbox", "expunged", alice)], ["number 1"])
        self.assertIn("Projects/Old", [m["name"] for m in self.ask("mailbox", "list", alice)])
        self.assertEqual(self.demo.run("mailbox", "undelete", alice, "--uid", 1).returncode, 64)
        self.assertEqual(self.demo.run("mailbox", "undelete", alice, "--since", "soon").returncode, 65)
        self.demo.start()
        self.assertEqual(self.subjects("Projects/Old"), [7, 8])
        self.assertEqual(self.subjects("Archive"), [3, 2])
        self.check_store()
        self.assertEqual(self.ask("mailbox", "purge", alice, "--older-than", "1d")["purged"], 0)
        self.assertEqual(self.ask("mailbox", "purge", alice)["purged"], 1)
        self.check_store()

    def test_inbox_in_any_case(self):
        alice = self.demo.address("alice")
        self.fill("INBOX", range(1))
        client = self.demo.imap("alice")
        client.select("INBOX")
        client.store("1:*", "+FLAGS", "\\Deleted")
        gone = len(client.expunge()[1])
        client.logout()
        self.assertEqual(len(self.ask("mailbox", "expunged", alice, "--mailbox", "InBox")), gone)
        self.assertEqual(self.ask("mailbox", "undelete", alice, "--mailbox", "inbox")["restored"], gone)

    def test_a_kill_within_an_undelete_loses_nothing(self):
        alice = self.demo.address("alice")
        self.fill("Trash", range(1000), size=10)
        client = self.demo.imap("alice")
        client.select("Trash")
        for _ in range(3):   # 8,000
            client.copy("1:*", "Trash")
            client.noop()
        client.logout()
        letters = sorted(list(range(1000)) * 8)
        halves = 0
        for _ in range(4):
            self.expunge("Trash")
            with Raw(self.demo.ports["imap"]) as idle:
                idle.imap("l", f"LOGIN {alice} {self.demo.password('alice')}")
                idle.imap("s", "SELECT Trash")
                idle.send("i IDLE\r\n")
                idle.line()
                pids = self.demo.pids()
                undelete = threading.Thread(target=self.demo.run, args=("mailbox", "undelete", alice), daemon=True)
                undelete.start()
                self.assertIn(b"EXISTS", idle.line())   # the first of them are back
                self.demo.kill_all(pids)
            undelete.join(60)
            self.demo.start()
            there = self.subjects("Trash")
            kept = self.ask("account", "show", alice)["expunged_messages"]
            print(f"{len(there)} back, {kept} kept")
            halves += 1 if there and kept else 0
            self.assertEqual(len(there) + kept, len(letters))
            self.check_store()
            self.ask("mailbox", "undelete", alice)
            self.assertEqual(sorted(self.subjects("Trash")), letters)
        self.assertGreater(halves, 0, "no kill came within an undelete")


class Many(Case):
    """EXPUNGE of many letters is one row; theirs, and their files, go behind the answer."""
    COUNT = 300
    STORES = ("alice", "carol", "dave")

    def setUp(self):
        super().setUp()
        self.maildir = pathlib.Path(self.demo.ready["dir"], "data/maildir", self.demo.domain, "carol", ".Archive")

    def fill_deleted(self, name):
        client = self.demo.imap(name)
        for number in range(self.COUNT):
            client.append("Archive", "(\\Seen \\Deleted $Work)", None, LETTER % (number, number, b"x" * 100))
        client.append("Archive", None, None, LETTER % (self.COUNT, self.COUNT, b"stays"))
        client.logout()

    def open(self, name):
        client = self.enterContext(Raw(self.demo.ports["imap"]))
        client.imap("l", f"LOGIN {self.demo.address(name)} {self.demo.password(name)}")
        client.imap("s", "SELECT Archive")
        return client

    def files(self):
        return sum(1 for part in ("new", "cur") for _ in (self.maildir / part).iterdir())

    def flags(self, name):
        """Of each letter, by its number."""
        client = self.demo.imap(name)
        client.select("Archive", readonly=True)
        found = {}
        for item in client.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
            if isinstance(item, tuple):
                number = int(item[1].split(b"number ")[1])
                self.assertNotIn(number, found)
                found[number] = item[0].split(b"FLAGS (")[1].split(b")")[0].replace(b"\\Recent", b"").split()
        client.logout()
        return found

    def test_a_kill_right_behind_the_answer_brings_none_back_and_loses_none(self):
        for name in self.STORES:
            self.fill_deleted(name)
        clients = [self.open(name) for name in self.STORES]
        pids = self.demo.pids()
        for client in clients:
            client.send(b"e EXPUNGE\r\n")
        for client in clients:
            self.assertEqual(client.imap_reply("e").count(b" EXPUNGE\r\n"), self.COUNT)
        self.demo.kill_all(pids)
        self.assertGreater(self.files(), 1, "the kill came too late")
        self.demo.start()
        for name in self.STORES:
            self.assertEqual(list(self.flags(name)), [self.COUNT])
        wait_until(lambda: self.files() == 1, 60, "the files to go")
        self.check_store()
        for name in self.STORES:
            self.ask("mailbox", "undelete", self.demo.address(name))
            there = self.flags(name)
            self.assertEqual(sorted(there), list(range(self.COUNT + 1)))
            self.assertEqual(sorted(there[7]), [b"$Work", b"\\Seen"])
        self.check_store()

    def marked_files(self):
        return sum(1 for file in (self.maildir / "cur").iterdir() if "R" in file.name.partition(":2,")[2])

    def test_flags_are_there_after_a_kill_right_behind_the_answer(self):
        """STORE of many is one row, too (docs/formats/database.md); rows and files follow."""
        for name in self.STORES:
            self.fill_deleted(name)
        clients = [self.open(name) for name in self.STORES]
        pids = self.demo.pids()
        for client in clients:
            client.send(b"s STORE 1:* FLAGS.SILENT (\\Answered $New)\r\n")
        for client in clients:
            self.assertIn(b"s OK", client.imap_reply("s"))
        self.demo.kill_all(pids)
        self.assertEqual(self.marked_files(), 0, "the kill came too late")
        self.demo.start()
        for name in self.STORES:
            there = self.flags(name)
            self.assertEqual(sorted(there), list(range(self.COUNT + 1)))
            self.assertEqual({tuple(sorted(flags)) for flags in there.values()}, {(b"$New", b"\\Answered")})
        wait_until(lambda: self.marked_files() == self.COUNT + 1, 60, "the files to follow")
        self.check_store()

    def test_others_see_it_too(self):
        """What follows behind the answer comes without being asked for."""
        self.fill_deleted("carol")
        first, second = self.open("carol"), self.open("carol")
        first.imap("e", "EXPUNGE")
        self.assertEqual(second.imap("n", "NOOP").count(b" EXPUNGE\r\n"), self.COUNT)
        self.assertIn(b"* SEARCH 1\r\n", second.imap("q", "SEARCH ALL"))
        wait_until(lambda: self.files() == 1, 60, "the files to go")


class Purge(Case):
    settings = ('store.keep_expunged="2s"', "store.purge_rate=1000000")

    def store_size(self):
        folder = pathlib.Path(self.demo.ready["dir"])
        return sum(f.stat().st_blocks * 512 for f in folder.rglob("*") if f.is_file())

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.demo.ports['metrics']}/metrics") as page:
            for line in page.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[1])
        return None

    def test_space_is_freed_when_the_time_is_over(self):
        alice = self.demo.address("alice")
        client = self.demo.imap("alice")
        rand = random.Random(1)
        for number in range(100):   # does not compress
            client.append("Archive", None, None, LETTER % (number, number, rand.randbytes(1 << 20).hex().encode()[:1 << 20]))
        client.logout()
        before = self.ask("store", "check")["blobs"]
        self.expunge("Archive")
        wait_until(lambda: self.ask("account", "show", alice)["expunged_messages"] == 0, 60, "the purge")
        wait_until(lambda: self.metric("posthouse_store_purged_messages_total") == 100, 10, "the metric")
        wait_until(lambda: self.metric("posthouse_store_purge_accounts_left") == 0, 10, "the end of the purge")
        wait_until(lambda: "store.purged" in self.demo.log(), 10, "the log")
        wait_until(lambda: self.store_size() < 30 << 20, 60, "the space to be freed")
        self.assertEqual(self.ask("mailbox", "expunged", alice), [])
        wait_until(lambda: self.ask("store", "check")["blobs"] <= before - 100, 60, "the blobs to go")
        self.check_store()

    def test_a_kill_within_a_purge_leaves_nothing_for_ever(self):
        self.demo.stop()
        self.demo.args += ["--set", "store.purge_rate=1000"]
        self.demo.start()
        alice = self.demo.address("alice")
        seed = random.randrange(1 << 32)
        rand = random.Random(seed)
        print(f"seed {seed}")
        for _ in range(3):
            self.fill("Trash", range(1200), size=10)
            self.expunge("Trash")
            pids = self.demo.pids()
            began = self.metric("posthouse_store_purged_messages_total") or 0
            wait_until(lambda: (self.metric("posthouse_store_purged_messages_total") or 0) > began, 30, "the purge")
            threading.Event().wait(rand.uniform(0.0, 0.3))   # the moment of the kill
            self.demo.kill_all(pids)
            self.demo.start()
            self.check_store()
        wait_until(lambda: self.ask("account", "show", alice)["expunged_messages"] == 0, 60, "the purge")
        self.assertEqual(self.ask("account", "show", alice)["messages"], 1)   # the welcome
        self.check_store()


class Quotas(Case):
    def rcpt(self, *names):
        with self.demo.smtp() as smtp:
            smtp.ehlo("far.test")
            smtp.mail("ann@far.test", ["SIZE=1000"])
            return [smtp.rcpt(self.demo.address(name))[0] for name in names]

    def test_of_accounts_and_domains(self):
        alice, domain = self.demo.address("alice"), self.demo.domain
        there = self.ask("account", "show", alice)["messages"]
        self.ask("account", "change", alice, "--quota-messages", there + 1)
        self.assertEqual(self.rcpt("alice"), [250])
        self.fill("INBOX", [1])
        self.assertEqual(self.rcpt("alice", "bob"), [452, 250])
        client = self.demo.imap("alice")
        status, answer = client.append("INBOX", None, None, LETTER % (2, 2, b""))
        self.assertEqual((status, b"OVERQUOTA" in answer[0]), ("NO", True))
        client.logout()
        # What was expunged doesn't count, and comes back only where there is room.
        self.expunge("INBOX", "2")
        self.assertEqual(self.rcpt("alice"), [250])
        self.fill("INBOX", [3])
        refused = self.demo.run("mailbox", "undelete", alice)
        self.assertEqual(refused.returncode, 75, refused.stderr)
        self.ask("account", "change", alice, "--quota-messages", "none")

        shown = self.ask("domain", "show", domain)
        self.ask("domain", "change", domain, "--total", f"{shown['bytes'] + 500}B")
        self.assertEqual(self.rcpt("alice", "bob"), [452, 452])
        client = self.demo.imap("bob")
        status, answer = client.append("INBOX", None, None, LETTER % (2, 2, b"x" * 1000))
        self.assertEqual((status, b"OVERQUOTA" in answer[0]), ("NO", True))
        self.assertEqual(client.append("INBOX", None, None, LETTER % (2, 2, b"x" * 100))[0], "OK")
        client.logout()
        self.ask("domain", "change", domain, "--total", "none")
        self.assertEqual(self.rcpt("alice", "bob"), [250, 250])
        self.assertEqual(self.ask("domain", "recount", domain)["messages"],
                         self.ask("domain", "show", domain)["messages"])
        self.check_store()

    def test_many_at_once_never_pass_the_limit_of_a_domain(self):
        domain = self.demo.domain
        limit = self.ask("domain", "show", domain)["messages"] + 40
        self.ask("domain", "change", domain, "--total-messages", limit)
        taken = []

        def deliver(name, number):
            with self.demo.smtp() as smtp:
                for i in range(20):
                    try:
                        smtp.sendmail("ann@far.test", [self.demo.address(name)], LETTER % (number, i, b"x"))
                        taken.append(1)
                    except Exception as refused:   # noqa: BLE001
                        self.assertIn("452", str(refused))

        threads = [threading.Thread(target=deliver, args=(name, n))
                   for n, name in enumerate(["alice", "bob"] * 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(len(taken), 40)
        self.assertEqual(self.ask("domain", "show", domain)["messages"], limit)
        self.check_store()


if __name__ == "__main__":
    unittest.main()
