"""The store's log is damaged, or a file of the store is gone: what was acknowledged and is still there is found again,
and nobody is told that nothing is damaged."""
import imaplib
import os
import pathlib
import shutil
import signal
import struct
import unittest

from posthouse import run, tls_context
from test_serve import Serve

LETTERS = 12
HURT = 6
BLOCK = 32768
HEADER = 7


def records(log):
    """Where each record of the log begins; all are in the first block."""
    found, at = [], 0
    data = log.read_bytes()
    while at + HEADER <= min(len(data), BLOCK):
        length = struct.unpack_from("<H", data, at + 4)[0]
        if data[at + 6] == 0:
            break
        found.append((at, data[at:at + HEADER + length]))
        at += HEADER + length
    return found


class DamagedLog(unittest.TestCase):
    def setUp(self):
        self.server = Serve("[resolver]\nservers = [\"127.0.0.1@9\"]\n")
        self.addCleanup(self.server.clean)
        self.store = pathlib.Path(self.server.directory) / "data/store"
        self.server.start()
        self.letters = []
        for number in range(LETTERS):
            subject = f"letter{number:02}"
            run("deliver", "me@serve.test", "--config", self.server.config, stdin=f"Subject: {subject}\n\nx\n", check=True)
            self.letters.append(subject)
        worker = self.server.worker()
        os.kill(self.server.pid, signal.SIGKILL)
        os.kill(worker, signal.SIGKILL)
        self.server.process.wait()
        self.server.process.stdout.close()
        self.log = max(self.store.glob("*.log"), key=lambda path: path.stat().st_size)

    def check(self):
        return run("store", "check", "--config", self.server.config)

    def mailbox(self):
        client = imaplib.IMAP4_SSL("127.0.0.1", self.server.ports["imaps"], ssl_context=tls_context(), timeout=30)
        client.login("me@serve.test", "secret")
        client.select("INBOX", readonly=True)
        found = []
        for uid in client.uid("SEARCH", None, "ALL")[1][0].split():
            data = client.uid("FETCH", uid, "BODY.PEEK[HEADER.FIELDS (SUBJECT)]")[1]
            found.append(data[0][1].decode().strip().removeprefix("Subject: "))
        client.logout()
        return found

    def header_of(self, letter):
        return next(at for at, record in records(self.log) if b"Subject: " + self.letters[letter].encode() in record)

    def overwrite(self, at, with_what):
        with open(self.log, "r+b") as file:
            file.seek(at)
            file.write(with_what)

    def expect_told(self, missing):
        before = self.log.read_bytes()
        name = self.log.name
        done = self.check()
        self.assertEqual(done.returncode, 70, done.stdout + done.stderr)
        self.assertIn("could not be read to its end", done.stdout)
        kept = list((self.store.parent / "store.damaged").rglob(name))
        self.assertEqual([path.read_bytes() for path in kept], [before])
        self.server.start()
        self.assertEqual(self.mailbox(), [letter for letter in self.letters if letter not in missing])
        self.server.stop()
        shutil.rmtree(self.store.parent / "store.damaged")
        done = self.check()
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_header_of_zeros_costs_one_letter(self):
        self.overwrite(self.header_of(HURT), bytes(16))
        self.expect_told({self.letters[HURT]})

    def test_a_wrong_length_costs_one_letter(self):
        self.overwrite(self.header_of(HURT) + 4, b"\xff\xff")
        self.expect_told({self.letters[HURT]})

    def test_an_undamaged_log_is_read_without_a_word(self):
        done = self.check()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.server.start()
        self.assertEqual(self.mailbox(), self.letters)
        self.server.stop()

    def test_a_log_that_is_gone_is_told(self):
        self.log.unlink()
        done = self.check()
        self.assertEqual(done.returncode, 70, done.stdout + done.stderr)
        self.assertIn(f"the store's log {self.log.name} is missing", done.stdout)


if __name__ == "__main__":
    unittest.main()
