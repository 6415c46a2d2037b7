"""Letters that no file of the format gives back as they came (fields that belong to the mbox, bare LFs), sent to
accounts in files: clients get the very octets, with the size and the parts that the index tells."""
import imaplib
import re
import shutil
import smtplib
import unittest
from unittest import mock

from mbox_peers import AS_USER, Peers, USER, folder_of_user
from posthouse import Demo

ACCOUNTS = ("carol", "dave")   # a Maildir, an mbox
FIELDS = (b"Status: RO\r\nX-Status: D\r\nX-UID: 7\r\n\tgoes on\r\nX-IMAPbase: 99 1000 evil\r\nX-Keywords: one\r\n two\r\n"
          b"content-length : 3\r\nLines: 1\r\nX-Posthouse-Form: open\r\n")


def odd(name, end=b""):
    return (b"From: a@far.test\r\n" + FIELDS + b"Subject: " + name.encode() +
            b"\r\nStatus" + b" " * 50 + b": RO\r\n\r\nStatus: of the body\r\nFrom here\r\n" + end)


class OddLetters(unittest.TestCase):
    def setUp(self):
        self.folder = folder_of_user()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        where = self.folder / "data"
        where.mkdir()
        if AS_USER:
            shutil.chown(where, USER, "nogroup")
        self.demo = Demo(directory=str(where), wrapper=AS_USER, env={"HOME": str(self.folder)})
        self.addCleanup(lambda: self.demo.stop())
        self.demo.start()
        home = where / "data/mbox/example.test/dave"
        self.peers = Peers(self.folder / "peers", home / "inbox", home / "folders")

    def fetch(self, name, mailbox="INBOX"):
        """subject -> (UID, flags, octets) of the letters here; their parts must fit together."""
        found = {}
        client = self.demo.imap(name)
        self.assertEqual(client.select(mailbox, readonly=True)[0], "OK")
        for uid in client.uid("SEARCH", None, "SUBJECT", "odd")[1][0].split():
            status, answer = client.uid(
                "FETCH", uid, "(FLAGS RFC822.SIZE BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT])")
            self.assertEqual(status, "OK", answer)
            told, parts = answer[0][0], [item[1] for item in answer if isinstance(item, tuple)]
            self.assertEqual(len(parts), 3, answer)
            self.assertEqual(int(re.search(rb"RFC822.SIZE (\d+)", told)[1]), len(parts[0]))
            self.assertEqual(parts[1] + parts[2], parts[0])
            flags = re.search(rb"FLAGS \(([^)]*)\)", b" ".join(
                item if isinstance(item, bytes) else item[0] for item in answer))[1]
            subject = re.search(rb"(?m)^Subject: ([^\r\n]*)", parts[0])[1].decode()
            found[subject] = (int(uid), set(flags.decode().split()) - {"\\Recent"}, parts[0])
        client.logout()
        return found

    def append(self, name, letter, mailbox="INBOX"):
        client = self.demo.imap(name)
        with mock.patch.object(imaplib, "MapCRLF", re.compile(rb"\r\n")):   # else it mends bare LFs itself
            status, answer = client.append(mailbox, None, None, letter)
        self.assertEqual(status, "OK", answer)
        client.logout()

    def send_all(self):
        with self.demo.smtp() as client:
            client.sendmail("a@far.test", [self.demo.address(name) for name in ("alice", *ACCOUNTS)], odd("odd smtp"))
        with smtplib.LMTP("127.0.0.1", self.demo.ports["lmtp"], timeout=30) as client:
            for name in ACCOUNTS:   # smtplib reads one reply a letter
                client.sendmail("a@far.test", [self.demo.address(name)], odd("odd lmtp"))
        for name in ACCOUNTS:
            self.append(name, odd("odd append"))
            self.append(name, b"Subject: odd bare\n\nbare\nFrom x\r\n\r\r\n\n")
            self.append(name, b"Status: RO\r\nSubject: odd as long\r\n\r\n" + b"\n" * 12)

    def expect_all(self, name, mailbox="INBOX"):
        found = self.fetch(name, mailbox)
        self.assertEqual(sorted(found), ["odd append", "odd as long", "odd bare", "odd lmtp", "odd smtp"])
        for way in ("smtp", "lmtp"):
            self.assertTrue(found[f"odd {way}"][2].endswith(odd(f"odd {way}")), found[f"odd {way}"][2])
        self.assertEqual(found["odd append"][2], odd("odd append"))
        self.assertEqual(found["odd bare"][2], b"Subject: odd bare\n\nbare\nFrom x\r\n\r\r\n\n")
        self.assertEqual(found["odd as long"][2], b"Status: RO\r\nSubject: odd as long\r\n\r\n" + b"\n" * 12)
        return found

    def test_they_are_read_as_they_came(self):
        self.send_all()
        before = {name: self.expect_all(name) for name in ACCOUNTS}
        for name in ACCOUNTS:
            self.assertEqual({str(flags) for _, flags, _ in before[name].values()}, {"set()"}, "forged flags")
        self.demo.stop()
        self.demo.start()
        self.assertEqual({name: self.expect_all(name) for name in ACCOUNTS}, before)
        for name in ACCOUNTS:
            client = self.demo.imap(name)
            client.create("Other")
            client.select("INBOX")
            self.assertEqual(client.uid("COPY", ",".join(str(uid) for uid, _, _ in before[name].values()), "Other")[0], "OK")
            client.logout()
            self.expect_all(name, "Other")
        self.demo.run("store", "check", check=True)

    def test_after_a_kill(self):
        self.send_all()
        before = {name: self.expect_all(name) for name in ACCOUNTS}
        self.demo.kill()
        self.demo.start()
        self.assertEqual({name: self.expect_all(name) for name in ACCOUNTS}, before)

    def test_others_flag_and_remove_them(self):
        self.send_all()
        before = self.expect_all("dave")
        uid = before["odd append"][0]
        self.peers.imap(f"uid store {uid} +flags (\\Flagged \\Seen work)", "noop")
        after = self.expect_all("dave")
        self.assertEqual(after["odd append"], (uid, {"\\Flagged", "\\Seen", "work"}, before["odd append"][2]))
        self.peers.expunge(uid)
        self.assertEqual(set(before) - set(self.fetch("dave")), {"odd append"})
        self.demo.run("store", "check", check=True)

    def test_convert_and_back(self):
        self.append("alice", b"Subject: odd bare\n\nbare\n")
        self.append("alice", odd("odd append"))
        before = self.fetch("alice")
        for form in ("maildir", "mbox", "database"):
            self.demo.run("store", "convert", self.demo.address("alice"), "--to", form, check=True)
            self.assertEqual(self.fetch("alice"), before, form)


if __name__ == "__main__":
    unittest.main()
