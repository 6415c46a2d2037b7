"""Posthouse and Dovecot deliver into, move in and expunge from one mbox: no UID names two letters, and both show the same."""
import random
import re
import threading
import time
import unittest
import zlib

from posthouse import wait_until
from test_mbox import Case, letter

LDA = "/usr/lib/dovecot/dovecot-lda"
SECONDS = 12


def fetched(text):
    """UID -> (Message-ID, flags) of the lines that answered `uid fetch 1:* (uid flags body.peek[...])`."""
    found = {}
    for part in text.split(" FETCH (")[1:]:
        if "BODY[" not in part:    # told unasked: others' changes of flags
            continue
        uid = int(re.search(r"UID (\d+)", part)[1])
        flags = set(re.search(r"FLAGS \(([^)]*)\)", part)[1].split()) - {"\\Recent"}
        name = re.search(r"(?i)message-id: <([^>]*)@far", part)
        if name:    # else the message that Dovecot puts into an empty mbox, for the moment in which it does so
            found[uid] = (name[1], flags)
    return found


class Shared(Case):
    def setUp(self):
        super().setUp()
        self.demo.start()
        self.clear()
        with_archive = self.demo.imap("dave")
        with_archive.create("Archive")
        with_archive.logout()
        self.named = {}   # (validity, UID) -> Message-ID that bore it in the file

    def lda(self, subject):
        self.peers.run(LDA, "-c", self.peers.config, "-f", "d@far.test", "-o", "postmaster_address=p@far.test",
                       text=letter(subject, "x\r\n").replace("\r\n", "\n"))   # Dovecot quotes no From_ line

    def send(self, *subjects, body="x\r\n"):
        super().send(*subjects, body=body)

    def ours(self, folder="INBOX"):
        client = self.demo.imap("dave")
        try:
            self.assertEqual(client.select(folder, readonly=True)[0], "OK")
            validity = int(client.response("UIDVALIDITY")[1][0])
            data = client.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]
            text = "".join(" FETCH (" + d[0].decode() + d[1].decode() if isinstance(d, tuple) else (d or b"").decode()
                           for d in data)
            return validity, fetched(text)
        finally:
            client.logout()

    def theirs(self, folder="INBOX"):
        lines = self.peers.imap("uid fetch 1:* (uid flags body.peek[header.fields (message-id)])", mailbox=folder)
        return self.peers.validity(folder), fetched("\n".join(lines))

    def same_view(self, folder):
        """Of an empty one each may have a UIDVALIDITY of its own until a letter comes: no UID stands for anything."""
        ours, theirs = self.ours(folder), self.theirs(folder)
        return ours == theirs or (folder != "INBOX" and not ours[1] and not theirs[1])

    def agree(self, *folders):
        """All UIDs, flags and letters are the same, once both have seen what the other did. (X-IMAP is in the message that
        Dovecot puts into an empty mbox.)"""
        for folder in folders or ("INBOX",):
            wait_until(lambda: self.same_view(folder), 20, f"one view of {folder}")
            path = self.inbox if folder == "INBOX" else self.folders / folder
            self.assertEqual(sorted(m["Message-ID"] for m in self.in_file(path) if "X-IMAP" not in m),
                             sorted(f"<{name}@far.test>" for name, _ in self.ours(folder)[1].values()))

    def check_file(self):
        """UIDs rise, are covered, and name what they named."""
        text = self.inbox.read_text()
        validity, last = map(int, re.search(r"X-IMAPbase: (\d+) (\d+)", text).groups())
        before = 0
        for record in re.split(r"(?m)^(?=From \S+ +\w{3} \w{3} )", text)[1:]:
            head = record.split("\n\n")[0]
            uid = re.search(r"(?m)^X-UID: *(\d+)", head)
            if not uid:
                continue
            uid, name = int(uid[1]), re.search(r"Message-ID: <([^>]*)>", head)[1]
            self.assertLess(before, uid, text)
            self.assertLessEqual(uid, last)
            self.assertEqual(self.named.setdefault((validity, uid), name), name, "a UID named two letters")
            before = uid

    def move(self, client, uids, target, may_be_gone=False):
        """Again, as a client does it, where the other program was in the way for too long. `may_be_gone`: the letters may have
        got other UIDs meanwhile, as Dovecot gave theirs to others; then none is moved."""
        for _ in range(20):
            kind, answer = client.uid("MOVE", uids, target)
            if kind == "OK" or (may_be_gone and b"[EXPUNGEISSUED]" in answer[0]):
                return
            self.assertIn(b"[UNAVAILABLE]", answer[0])
        self.fail(f"MOVE {uids}: {answer}")


class InTurn(Shared):
    def test_deliveries_in_turn(self):
        self.send("p0")
        self.theirs()
        for number in range(1, 4):
            self.lda(f"d{number}")
            self.check_file()
            self.send(f"p{number}")
            self.check_file()
        self.agree()
        self.check_file()
        self.lda("d4")
        self.check_file()
        self.send("p4")
        self.check_file()
        self.agree()
        self.check_file()
        self.assertEqual([name for name, _ in self.ours()[1].values()],
                         ["p0", "d1", "p1", "d2", "p2", "d3", "p3", "d4", "p4"])

    def test_a_letter_without_uid_before_ours(self):
        self.send("p0")
        self.theirs()
        self.peers.procmail(letter("stranger"))
        self.send("p1")
        self.check_file()
        self.agree()
        self.peers.procmail(letter("stranger2"))
        self.send("p2")
        self.theirs()     # Dovecot names them
        self.check_file()
        self.agree()
        self.check_file()

    def test_flags_and_removals_of_what_dovecot_named_anew(self):
        self.send("p0")
        self.theirs()
        client = self.demo.imap("dave")
        client.select("INBOX")
        for number in range(4):
            self.lda(f"d{number}")
            self.send(f"p{number + 1}")
        self.theirs()
        client.noop()
        names = {name: uid for uid, (name, _) in self.ours()[1].items()}
        client.noop()
        self.assertEqual(client.uid("STORE", str(names["p2"]), "+FLAGS", "(\\Flagged ours)")[0], "OK")
        self.assertEqual(client.uid("MOVE", f"{names['p1']},{names['d1']}", "Archive")[0], "OK")
        client.uid("STORE", str(names["d2"]), "+FLAGS", "(\\Deleted)")
        client.uid("EXPUNGE", str(names["d2"]))
        client.logout()
        self.agree("INBOX", "Archive")
        self.assertEqual({name for name, _ in self.ours("Archive")[1].values()}, {"p1", "d1"})
        self.assertEqual({name for name, _ in self.ours()[1].values()}, {"p0", "d0", "p2", "p3", "d3", "p4"})
        self.check_file()

    def test_what_came_and_went_between_two_looks_of_dovecot(self):
        """The file has the size of before, and perhaps changed in the same second."""
        self.send("p0")
        self.theirs()
        for number in range(5):
            size = self.inbox.stat().st_size
            self.send(f"gone{number}")
            self.check_file()
            client = self.demo.imap("dave")
            client.select("INBOX")
            uid = client.uid("SEARCH", None, "SUBJECT", f"gone{number}")[1][0].decode()
            client.uid("STORE", uid, "+FLAGS", "(\\Deleted)")
            client.uid("EXPUNGE", uid)
            client.logout()
            self.assertLessEqual(self.inbox.stat().st_size - size, 400)
            self.lda(f"d{number}")
            self.check_file()
        self.agree()
        self.assertEqual([name for name, _ in self.ours()[1].values()], ["p0", *(f"d{n}" for n in range(5))])


class AtOnce(Shared):
    def settle(self, inbox, archive):
        """A letter in each, so that the two have one UIDVALIDITY: Dovecot ends a session that sees it change."""
        self.send(inbox, archive)
        client = self.demo.imap("dave")
        client.select("INBOX")
        uid = client.uid("SEARCH", None, "SUBJECT", archive)[1][0].decode()
        self.assertEqual(client.uid("MOVE", uid, "Archive")[0], "OK")
        client.logout()
        self.agree("INBOX", "Archive")

    def test_nothing_is_lost_or_doubled(self):
        self.settle("first", "second")
        seed = random.randrange(1 << 32)
        choice = random.Random(seed)
        end = time.monotonic() + SECONDS
        lock, delivered, expunged, doubtful, faults = threading.Lock(), {"first", "second"}, set(), set(), []

        def lot(name):
            return zlib.crc32(name.encode()) % 8

        def deliver(who, how):
            number = 0
            while time.monotonic() < end:
                number += 1
                how(f"{who}{number}")
                with lock:
                    delivered.add(f"{who}{number}")
                threading.Event().wait(choice.uniform(0, 0.15))   # of random length: who comes between whom

        def ours():
            client = self.demo.imap("dave")
            while time.monotonic() < end:
                folder = choice.choice(("INBOX", "Archive"))
                client.select(folder)
                data = client.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]
                seen = fetched("".join(" FETCH (" + d[0].decode() + d[1].decode() for d in data if isinstance(d, tuple)))
                def do(*words):
                    if words[0] == "MOVE":
                        return self.move(client, *words[1:], may_be_gone=True)
                    self.assertEqual(client.uid(*words)[0], "OK", words)
                    return len([one for one in client.response("EXPUNGE")[1] if one])

                self.work(seen, (0, 2), folder, expunged, doubtful, lock, do)
            client.logout()

        def theirs():
            while time.monotonic() < end:
                folder = choice.choice(("INBOX", "Archive"))
                seen = self.theirs(folder)[1]
                def do(*words, where=folder):
                    try:
                        lines = self.peers.imap("uid " + " ".join(words), mailbox=where)
                    except AssertionError as fault:
                        # Of letters that we removed before Dovecot had copied them; it then moves none.
                        if words[0] != "MOVE" or "NO [EXPUNGEISSUED]" not in str(fault):
                            raise
                        return 0
                    return sum(line.endswith(" EXPUNGE") for line in lines)

                self.work(seen, (1, 3), folder, expunged, doubtful, lock, do)

        def guarded(work):
            def body():
                try:
                    work()
                except Exception as fault:  # told by the test's own thread
                    faults.append(str(fault)[:1000] + str(fault)[1000:][-300:] + self.peers.log()[-1000:])
            return threading.Thread(target=body)

        self.lot = lot
        threads = [guarded(w) for w in (lambda: deliver("p", self.send), lambda: deliver("d", self.lda), ours, theirs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
            self.assertFalse(thread.is_alive())
        self.assertEqual(faults, [], f"seed {seed}")
        self.peers.imap("expunge")
        self.peers.imap("expunge", mailbox="Archive")
        self.agree("INBOX", "Archive")
        there = [name for folder in ("INBOX", "Archive") for name, _ in self.ours(folder)[1].values()]
        self.assertEqual(len(there), len(set(there)), f"seed {seed}")
        self.assertEqual(set(there) - doubtful, delivered - expunged - doubtful, f"seed {seed}")
        self.assertGreater(len(delivered), 20)
        self.assertGreater(len(expunged), 2)

    def work(self, seen, lots, folder, expunged, doubtful, lock, do):
        """Moves some to Archive, expunges some; both only those of their own lot. An expunge is in doubt when its UIDs were
        given up between the two sessions of Dovecot that look and that expunge, as two letters had the same."""
        move, expunge = ([u for u, (name, _) in seen.items() if self.lot(name) == which][:2] for which in lots)
        if move and folder == "INBOX":
            do("MOVE", ",".join(map(str, move)), "Archive")
        if expunge:
            uids = ",".join(map(str, expunge))
            do("STORE", uids, "+FLAGS", "(\\Deleted)")
            gone = do("EXPUNGE", uids)
            with lock:
                (expunged if gone == len(expunge) else doubtful).update(seen[u][0] for u in expunge)


class BothMove(Shared):
    """To Archive and back, at once."""

    def move_all(self, ours, theirs):
        """Each program moves what it may; how often each letter is there in the end."""
        names = [f"m{number}" for number in range(12)]
        self.send(*names)
        faults = []

        def we():
            client = self.demo.imap("dave")
            for source, target in (("INBOX", "Archive"), ("Archive", "INBOX")):
                uids = [str(uid) for uid, (name, _) in self.ours(source)[1].items() if ours(name)]
                client.select(source)
                for first in range(0, len(uids), 2):
                    self.move(client, ",".join(uids[first:first + 2]), target, may_be_gone=True)
            client.logout()

        def they():
            for source, target in (("INBOX", "Archive"), ("Archive", "INBOX")):
                uids = [str(uid) for uid, (name, _) in self.theirs(source)[1].items() if theirs(name)]
                for part in (uids[:len(uids) // 2], uids[len(uids) // 2:]):
                    if part:
                        self.peers.imap(f"uid move {','.join(part)} {target}", mailbox=source)

        def guarded(work):
            try:
                work()
            except Exception as fault:  # told by the test's own thread
                faults.append(str(fault)[:1000] + str(fault)[1000:][-300:] + self.peers.log()[-1000:])

        threads = [threading.Thread(target=guarded, args=(work,)) for work in (we, they)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
            self.assertFalse(thread.is_alive())
        self.assertEqual(faults, [])
        self.peers.imap("expunge")
        self.peers.imap("expunge", mailbox="Archive")
        self.agree("INBOX", "Archive")
        there = [name for folder in ("INBOX", "Archive") for name, _ in self.ours(folder)[1].values()]
        return {name: there.count(name) for name in names}

    def test_each_its_own(self):
        there = self.move_all(lambda name: int(name[1:]) % 2 == 0, lambda name: int(name[1:]) % 2 == 1)
        self.assertEqual(set(there.values()), {1}, there)

    def test_the_same_letters(self):
        """Between the copy and the expunge that Dovecot's MOVE is, a letter is at both places, and we may move it, too. It
        is there twice then (docs/formats/mbox.md), but never lost."""
        there = self.move_all(lambda name: True, lambda name: True)
        self.assertLessEqual(set(there.values()), {1, 2, 3, 4}, there)


if __name__ == "__main__":
    unittest.main()
