"""SIGKILL at random moments while accounts move between database, Maildir and mbox, while letters come and a client
appends, moves and expunges: in the end every letter is there exactly as often as its sender was told. CONVERT_KILLS sets
how many kills (20; more for a night), CONVERT_SEED repeats a run, CONVERT_FORMATS takes some formats only (database,mbox)."""
import collections
import imaplib
import json
import os
import pathlib
import random
import re
import shutil
import smtplib
import subprocess
import threading
import time
import unittest

from posthouse import BINARY, Demo

KILLS = int(os.environ.get("CONVERT_KILLS", "20"))
LETTERS = 60    # of each sender between two kills
FORMATS = tuple(os.environ.get("CONVERT_FORMATS", "database,maildir,mbox").split(","))
ACCOUNTS = ("alice", "bob")
BOXES = ("INBOX", "Work")
BODIES = ("short\r\n", "From here\r\n>From there\r\n\r\nFrom the end", ("x" * 70 + "\r\n") * 40, ("y" * 70 + "\r\n") * 4000)


def letter(name, body):
    return f"From: <a@sender.test>\r\nSubject: {name}\r\nMessage-ID: <{name}@sender.test>\r\n\r\n{body}".encode()


def names_in(client, box):
    """[(UID, name)] of the letters in a mailbox, which is selected then."""
    client.select(box)
    found = []
    for item in client.uid("FETCH", "1:*", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
        if isinstance(item, tuple) and b"Subject: " in item[1]:
            uid = re.search(rb"UID (\d+)", item[0])[1].decode()
            found.append((uid, item[1].split(b"Subject: ")[1].split(b"\r\n")[0].decode()))
    return found


class Work(threading.Thread):
    """Does one thing after the other while the server is up, and notes what it was told."""

    def __init__(self, demo, up, account, seed):
        super().__init__(daemon=True)
        self.demo, self.up, self.account = demo, up, account
        self.random = random.Random(seed)
        self.ending = threading.Event()
        self.count, self.enough = 0, LETTERS
        self.more = threading.Event()
        self.tried, self.done = set(), set()                # letters
        self.gone_tried, self.gone_done = set(), set()      # their removal
        self.failed = None

    def run(self):
        while not self.ending.is_set():
            if not self.up.wait(0.1):
                continue
            try:
                self.session()
            except (OSError, EOFError, imaplib.IMAP4.abort, smtplib.SMTPException):
                continue
            except Exception as failure:    # told at the end
                self.failed = failure
                return

    def new_letter(self, kind):
        """Waits for the next kill if there were enough letters since the last one."""
        while self.count >= self.enough and not self.ending.is_set():
            self.more.wait(0.1)
        self.count += 1
        name = f"{kind}-{self.account}-{self.count}"
        self.tried.add(name)
        return name, letter(name, self.random.choices(BODIES, (10, 10, 5, 1))[0])

    def go_on(self):
        self.enough = self.count + LETTERS
        self.more.set()
        self.more.clear()


class Deliveries(Work):
    def session(self):
        with smtplib.LMTP("127.0.0.1", self.demo.ports["lmtp"], timeout=30) as lmtp:
            while not self.ending.is_set():
                name, text = self.new_letter("lmtp")
                lmtp.sendmail("a@sender.test", [self.demo.address(self.account)], text)
                self.done.add(name)


class Client(Work):
    def session(self):
        client = self.demo.imap(self.account, tls=False)
        try:
            self.use(client)
        finally:
            client.shutdown()

    def use(self, client):
        client.create("Work")
        while not self.ending.is_set():
            for _ in range(5):
                name, text = self.new_letter("imap")
                self.expect_ok(client.append(self.random.choice(BOXES), self.random.choice(("", "(\\Seen $Label1)")), None,
                                             text))
                self.done.add(name)
            box = self.random.choice(BOXES)
            there = names_in(client, box)
            for uid, name in self.random.sample(there, min(2, len(there))):
                self.gone_tried.add(name)
                self.expect_ok(client.uid("STORE", uid, "+FLAGS", "(\\Deleted)"))
                self.expect_ok(client.uid("EXPUNGE", uid))
                self.gone_done.add(name)
            for uid, name in self.random.sample(there, min(2, len(there))):
                if name not in self.gone_tried:
                    self.expect_ok(client.uid("MOVE", uid, "Work" if box == "INBOX" else "INBOX"))

    @staticmethod
    def expect_ok(answer):
        if answer[0] != "OK":
            raise AssertionError(answer)


class ConvertCrash(unittest.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("CONVERT_SEED", str(random.randrange(1 << 32))))
        self.random = random.Random(self.seed)
        self.demo = Demo()
        self.addCleanup(self.demo.clean)
        self.up = threading.Event()
        self.workers = []
        self.start()
        self.addCleanup(self.demo.stop)

    def start(self):
        self.demo.start()
        self.up.set()
        for worker in self.workers:
            worker.go_on()

    def place(self, name, form):
        return pathlib.Path(self.demo.config).parent / "data" / form / self.demo.domain / name

    def convert(self, name, to):
        return subprocess.Popen([BINARY, "store", "convert", self.demo.address(name), "--to", to, "--config",
                                 self.demo.config], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def store_of(self, name):
        return json.loads(self.demo.run("account", "show", self.demo.address(name), "--json", check=True).stdout)["store"]

    def kill_in_the_middle(self, name, to):
        """True if the server was killed before the conversion came to its end."""
        before = self.convert(name, to)
        # The moment of the kill is random; it is the test's subject, not a wait for something.
        time.sleep(self.random.expovariate(8))
        unfinished = before.poll() is None
        self.up.clear()
        self.demo.kill_all()
        before.communicate(timeout=60)
        self.start()
        return unfinished

    def move(self, name, to):
        """Moves the account, in spite of kills, and clears away what it left."""
        hits = self.kill_in_the_middle(name, to)
        if self.random.random() < 0.4:
            hits += self.kill_in_the_middle(name, to)
        last = self.convert(name, to)
        told = last.communicate(timeout=120)[1].decode()
        self.assertEqual(last.returncode, 0, f"{name} to {to}: {told} seed {self.seed}")
        self.assertEqual(self.store_of(name), to)
        for other in ("maildir", "mbox"):
            if other != to:
                shutil.rmtree(self.place(name, other), ignore_errors=True)
        return hits

    def test_every_letter_is_there_once(self):
        self.workers = workers = [kind(self.demo, self.up, name, self.random.random()) for name in ACCOUNTS
                                  for kind in (Deliveries, Client)]
        for worker in workers:
            worker.start()
        kills = hits = 0
        now = dict.fromkeys(ACCOUNTS, "database")
        while kills < KILLS:
            for name in ACCOUNTS:
                now[name] = self.random.choice([form for form in FORMATS if form != now[name]])
                hits += self.move(name, now[name])
                kills += 1
        for worker in workers:
            worker.ending.set()
        for worker in workers:
            worker.join(60)
            self.assertFalse(worker.is_alive())
            self.assertIsNone(worker.failed)
        print(f"seed {self.seed}: {hits} conversions interrupted, {sum(len(w.done) for w in workers)} letters")
        self.assertGreater(hits, KILLS // 4, "the conversions were over before the kills")
        for name in ACCOUNTS:
            self.count_letters(name, [worker for worker in workers if worker.account == name])
            if now[name] != "database":    # and once more as files that others read
                self.assertEqual(self.move_quietly(name, "database"), 0)
                self.count_letters(name, [worker for worker in workers if worker.account == name])
        self.demo.stop()
        self.assertIn("Nothing is damaged", self.demo.run("store", "check", check=True).stdout)
        self.demo.start()

    def move_quietly(self, name, to):
        done = self.convert(name, to)
        done.communicate(timeout=120)
        return done.returncode

    def count_letters(self, name, workers):
        client = self.demo.imap(name, tls=False)
        there = collections.Counter(letter_name for box in BOXES for _, letter_name in names_in(client, box))
        client.logout()
        tried, done, gone_tried, gone_done = (set().union(*(getattr(w, what) for w in workers))
                                              for what in ("tried", "done", "gone_tried", "gone_done"))
        self.assertGreater(len(done), KILLS, "the load did not get through")
        why = f"of {name}, seed {self.seed}"
        self.assertEqual(sorted(gone_done & set(there)), [], f"expunged letters came back {why}")
        self.assertEqual([n for n, c in there.items() if c > 1], [], f"letters twice {why}")
        self.assertEqual(sorted(done - gone_tried - set(there)), [], f"letters lost {why}")
        self.assertEqual(sorted(set(there) - tried - {"Welcome to Posthouse"}), [], f"letters that nobody sent {why}")


if __name__ == "__main__":
    unittest.main()
