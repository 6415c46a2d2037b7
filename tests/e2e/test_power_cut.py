"""The power goes at random moments while letters come in for accounts in the database, in a Maildir and in an mbox, are
flagged and copied, and go into the queue: whatever was answered OK is there afterwards, once, byte by byte, and the
store opens clean. POWER_CUTS sets how many (12; more for a night), CRASH_SEED repeats."""
import hashlib
import imaplib
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

from disk import Disk
from namespace import enter
from posthouse import Demo, run, wait_until

CUTS = int(os.environ.get("POWER_CUTS", "12"))
NAMES = ("alice", "carol", "dave")   # database, Maildir, mbox
SIZES = (10, 3000, 40_000, 300_000)

enter("test_power_cut")


def text_of(name, size, sender):
    words = hashlib.sha256(name.encode()).hexdigest()
    lines = [words] * (size // 66 + 1)
    return (f"From: {sender}\r\nSubject: {name}\r\nMessage-ID: <{name}@cut.test>\r\n\r\n" + "\r\n".join(lines)
            + "\r\n").encode()


class Told:
    """What the server has said OK to, all rounds together."""

    def __init__(self):
        self.lock = threading.Lock()
        self.count = 0
        self.sent = {}           # name: the bytes that were sent, whether or not they were answered
        self.accepted = {name: set() for name in NAMES}
        self.queued = set()
        self.flagged = {name: set() for name in NAMES}     # Message-IDs that have the keyword for certain
        self.copied = {name: set() for name in NAMES}      # and a copy in Archive

    def counts(self):
        """How much, of everything that somebody is told."""
        return [len(told) for of in (self.accepted, self.flagged, self.copied) for told in of.values()] + [len(self.queued)]

    def new_letter(self, size, sender="ann@far.test"):
        with self.lock:
            self.count += 1
            name = f"cut{self.count}"
            self.sent[name] = text_of(name, size, sender)
            return name, self.sent[name]


class Load:
    """Threads that use the server until their connections die."""

    def __init__(self, demo, told, chance):
        self.demo, self.told, self.chance = demo, told, chance
        work = [(self.deliver, [name]) for name in NAMES] + [(self.deliver, list(NAMES)), (self.submit, None)]
        work += [(self.change, name) for name in NAMES]
        self.threads = [threading.Thread(target=self.until_it_ends, args=job, daemon=True) for job in work]
        for thread in self.threads:
            thread.start()

    def until_it_ends(self, work, argument):
        try:
            work(argument)
        except (OSError, EOFError, smtplib.SMTPException, imaplib.IMAP4.error):
            pass

    def deliver(self, names):
        with self.demo.smtp() as client:
            while True:
                name, text = self.told.new_letter(self.chance.choice(SIZES))
                client.sendmail("ann@far.test", [self.demo.address(n) for n in names], text)
                for to in names:
                    self.told.accepted[to].add(name)

    def submit(self, _):
        with self.demo.submission("alice", tls=False) as client:
            while True:
                name, text = self.told.new_letter(self.chance.choice(SIZES), self.demo.address("alice"))
                client.sendmail(self.demo.address("alice"), [f"{name}@far.example"], text)
                self.told.queued.add(name)

    def change(self, account):
        client = self.demo.imap(account, tls=False)
        try:
            client.select("INBOX")
            self.change_with(client, account)
        finally:
            client.shutdown()

    def change_with(self, client, account):
        while True:
            client.noop()
            data = client.fetch("*", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
            name = data[0][1].split()[1].decode() if isinstance(data[0], tuple) else ""
            if not name.startswith("cut"):
                continue
            uid = re.search(rb"UID (\d+)", data[0][0])[1]
            if client.uid("STORE", uid, "+FLAGS", "(k1)")[0] == "OK":
                self.told.flagged[account].add(name)
            if name not in self.told.copied[account] and client.uid("COPY", uid, "Archive")[0] == "OK":
                self.told.copied[account].add(name)

    def join(self):
        for thread in self.threads:
            thread.join(60)
        return not any(thread.is_alive() for thread in self.threads)


class PowerCut(unittest.TestCase):
    def setUp(self):
        if not os.path.exists("/dev/loop-control"):
            self.skipTest("NOT SHOWN: a machine without loop devices can't have a disk whose power is cut")
        self.seed = int(os.environ.get("CRASH_SEED", str(random.randrange(1 << 32))))
        self.chance = random.Random(self.seed)
        self.where = tempfile.mkdtemp(prefix="posthouse-power-", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, self.where, ignore_errors=True)
        self.disk = Disk(self.where, 2048)
        self.addCleanup(self.disk.remove)
        # No name server answers, so what goes to far hosts stays in the queue.
        self.demo = Demo("--set", 'resolver.servers=["127.0.0.1@9"]', "--set", 'queue.retry=["1h"]',
                         directory=str(self.disk.path / "demo"))
        self.told = Told()

    def cut_the_power(self):
        workers = subprocess.run(["pgrep", "-P", str(self.demo.pid)], capture_output=True, text=True).stdout.split()
        self.disk.cut([self.demo.pid, *map(int, workers)])
        self.demo.process.wait()
        self.demo.process.stdout.close()
        self.demo.process = None
        wait_until(lambda: not any(pathlib.Path("/proc", pid).exists() for pid in workers), what="the end of the workers")

    def round(self, under_way):
        """`under_way`: the cut comes after everybody was told something, else perhaps before."""
        self.demo.start()
        before = self.told.counts()
        load = Load(self.demo, self.told, self.chance)
        if under_way:
            wait_until(lambda: all(now > then for now, then in zip(self.told.counts(), before)), 120, "the load to get through")
        # The moment of the cut is random; it is the test's subject, not a wait for something.
        threading.Event().wait(self.chance.uniform(0.05, 1.0))
        self.cut_the_power()
        self.assertTrue(load.join())
        self.disk.unmount()
        self.disk.mount()
        self.disk.start_machine()

    def letters(self, client, mailbox):
        """name: (flags, bytes) of those that came in; a name that is there twice fails."""
        client.select(mailbox, readonly=True)
        found = {}
        for item in client.fetch("1:*", "(FLAGS BODY.PEEK[])")[1]:
            if not isinstance(item, tuple) or b"\r\nMessage-ID: <cut" not in item[1]:
                continue
            name = item[1].split(b"\r\nMessage-ID: <")[1].split(b"@")[0].decode()
            if mailbox == "INBOX":
                self.assertNotIn(name, found, f"seed {self.seed}: {mailbox} has it twice")
            found[name] = (imaplib.ParseFlags(item[0]), item[1])
        return found

    def check_account(self, account):
        client = self.demo.imap(account)
        inbox, archive = self.letters(client, "INBOX"), self.letters(client, "Archive")
        client.logout()
        told = self.told
        self.assertEqual(told.accepted[account] - set(inbox), set(), f"{account} lost letters, seed {self.seed}")
        self.assertEqual(told.copied[account] - set(archive), set(), f"{account} lost copies, seed {self.seed}")
        for name, (flags, text) in {**archive, **inbox}.items():
            self.assertTrue(text.endswith(told.sent[name]), f"{account}: {name} is not as it was sent, seed {self.seed}")
        unflagged = {name for name in told.flagged[account] if b"k1" not in inbox[name][0]}
        self.assertEqual(unflagged, set(), f"{account} lost flags, seed {self.seed}")

    def test_what_was_told_is_there(self):
        started = time.monotonic()
        for i in range(CUTS):
            self.round(under_way=i % 3 != 0)
        self.demo.start()
        self.addCleanup(lambda: self.demo.stop())
        told = self.told
        print(f"seed {self.seed}: {CUTS} cuts, {len(told.sent)} sent, accepted "
              + ", ".join(f"{name} {len(told.accepted[name])}, flagged {len(told.flagged[name])}, copied {len(told.copied[name])}"
                          for name in NAMES) + f", queued {len(told.queued)}, {time.monotonic() - started:.0f} s")
        for name in NAMES:
            self.check_account(name)
        listed = self.demo.run("queue", "list", "--json", "--most", "1000000", check=True).stdout
        lost = sorted(name for name in told.queued if f'"{name}@far.example"' not in listed)
        self.assertEqual(lost, [], f"the queue lost letters, seed {self.seed}")
        self.demo.stop()
        check = run("store", "check", "--config", self.demo.config, timeout=300)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
        self.demo.start()


if __name__ == "__main__":
    unittest.main()
