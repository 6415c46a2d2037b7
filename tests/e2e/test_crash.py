"""SIGKILL at random moments under load: every letter answered 250 is there afterwards, in both mailboxes exactly once or
in the queue, and the store opens clean. CRASH_ROUNDS sets how many kills (200; more for a night)."""
import base64
import os
import random
import socket
import threading
import time
import unittest

from posthouse import Demo, run, wait_until

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "200"))
SENDERS = 8
SIZES = (300, 4000, 30_000, 300_000)


class Sender(threading.Thread):
    """Sends letters until the connection dies; remembers which were answered 250. With a `login` it submits them, each
    to a recipient of its own at a far host."""

    def __init__(self, port, recipients, serial, seed, login=None):
        super().__init__(daemon=True)
        self.login = login
        self.port, self.recipients, self.serial = port, recipients, serial
        self.random = random.Random(seed)
        self.accepted, self.sent = [], []

    def run(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 10) as s:
                s.settimeout(20)
                self.talk(s, s.makefile("rb"))
        except OSError:
            pass

    def talk(self, s, replies):
        def expect(code):
            line = replies.readline()
            while line[3:4] == b"-":
                line = replies.readline()
            if not line.startswith(code):
                raise OSError(f"{code}: {line}")
        expect(b"220")
        s.sendall(b"EHLO crash.test\r\n")
        expect(b"250")
        sender = "sender@crash.test"
        if self.login:
            sender = self.login[0]
            response = base64.b64encode("\0{}\0{}".format(*self.login).encode())
            s.sendall(b"AUTH PLAIN " + response + b"\r\n")
            expect(b"235")
        while True:
            name = f"crash-{self.serial()}"
            if self.login:
                self.recipients = [f"{name}@far.example"]
            body = b"x" * 70 + b"\r\n"
            text = f"Subject: {name}\r\nMessage-ID: <{name}@crash.test>\r\n\r\n".encode()
            text += body * (self.random.choice(SIZES) // len(body))
            for command in (f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in self.recipients)):
                s.sendall(command.encode() + b"\r\n")
                expect(b"250")
            s.sendall(b"DATA\r\n")
            expect(b"354")
            self.sent.append(name)
            s.sendall(text + b".\r\n")
            expect(b"250")
            self.accepted.append(name)


class Crash(unittest.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("CRASH_SEED", str(random.randrange(1 << 32))))
        self.random = random.Random(self.seed)
        self.count = 0
        self.lock = threading.Lock()

    def serial(self):
        with self.lock:
            self.count += 1
            return self.count

    def round(self, demo):
        """Returns the senders to local mailboxes and the one to a far host, after the kill."""
        recipients = [demo.address("alice"), demo.address("bob")]
        senders = [Sender(demo.ports["smtp"], recipients, self.serial, self.random.random()) for _ in range(SENDERS)]
        senders.append(Sender(demo.ports["submission"], [], self.serial, self.random.random(),
                              (demo.address("alice"), demo.password("alice"))))
        for sender in senders:
            sender.start()
        # The moment of the kill is random; it is the test's subject, not a wait for something.
        threading.Event().wait(self.random.uniform(0.0, 0.25))
        demo.kill_all()
        for sender in senders:
            sender.join(30)
            self.assertFalse(sender.is_alive())
        return senders

    @staticmethod
    def log_of(demo, words):
        with open(os.path.join(demo.ready["dir"], "posthouse.log"), errors="replace") as log:
            return [line.rstrip() for line in log if words in line]

    def message_ids(self, demo, name):
        client = demo.imap(name)
        client.select("INBOX", readonly=True)
        found = []
        uids = client.uid("SEARCH", None, "ALL")[1][0].split()
        if uids:
            for item in client.uid("FETCH", b"1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]:
                if isinstance(item, tuple) and b"crash-" in item[1]:
                    found.append(item[1].split(b"<")[1].split(b"@")[0].decode())
        client.logout()
        return found

    def test_nothing_acknowledged_is_lost(self):
        # No name server answers, so what goes to far hosts stays in the queue.
        demo = Demo("--set", 'resolver.servers=["127.0.0.1@9"]', "--set", 'queue.retry=["1h"]')
        self.addCleanup(demo.clean)
        accepted, sent, queued = set(), set(), set()
        started = time.monotonic()
        for number in range(ROUNDS):
            demo.start()
            *local, far = self.round(demo)
            for sender in local:
                accepted.update(sender.accepted)
                sent.update(sender.sent)
            queued.update(far.accepted)
        demo.start()
        self.addCleanup(demo.stop)
        print(f"seed {self.seed}: {ROUNDS} kills, {len(sent)} sent, {len(accepted)} answered 250, {len(queued)} queued, "
              f"{time.monotonic() - started:.0f} s")
        self.assertGreater(len(accepted), ROUNDS, "the load did not get through")
        self.assertGreater(len(queued), ROUNDS // 10, "the load to far hosts did not get through")
        listed = demo.run("queue", "list", "--json", "--most", "1000000", check=True).stdout
        lost = sorted(name for name in queued if f"{name}@far.example" not in listed)
        self.assertEqual(lost, [], f"the queue lost letters, seed {self.seed}; the log of the first: "
                         + "\n".join(self.log_of(demo, lost[0] + "@") if lost else []))
        for name in ("alice", "bob"):
            there = self.message_ids(demo, name)
            self.assertEqual(len(there), len(set(there)), f"{name} has letters twice, seed {self.seed}")
            self.assertEqual(accepted - set(there), set(), f"{name} lost letters, seed {self.seed}")
            self.assertEqual(set(there) - sent, set(), f"{name} has letters nobody sent")
        demo.stop()
        check = run("store", "check", "--config", demo.config)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)


if __name__ == "__main__":
    unittest.main()
