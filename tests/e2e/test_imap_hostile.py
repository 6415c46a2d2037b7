"""IMAP under a flood of commands, sound ones, broken ones and those made to hurt: memory stays flat, and nobody else is hurt."""
import contextlib
import random
import socket
import threading
import unittest

from posthouse import Demo
from raw import Raw
from test_limits import SANITIZED, memory, processor_seconds, room

MIB = 1 << 20
SEED = 5

LETTERS = [
    b"Subject: plain\r\nFrom: a@b.test\r\n\r\nwords\r\n",
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nReferences: <1@x> <2@x>\r\n\r\n" + b"a line of it\r\n" * 400,
    b"Subject: parts\r\nContent-Type: multipart/mixed; boundary=X\r\n\r\n--X\r\n\r\nfirst\r\n--X\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: inner\r\nContent-Type: multipart/mixed; boundary=Y\r\n\r\n--Y\r\n\r\n\xff\0deep\r\n--Y--\r\n--X--\r\n",
]
SOUND = [
    b"NOOP", b"CHECK", b"CAPABILITY", b"NAMESPACE", b'ID ("name" "x")', b"IDLE\r\nDONE", b"SELECT INBOX", b"EXAMINE Archive", b"UNSELECT",
    b"CLOSE", b"ENABLE CONDSTORE", b'LIST "" *', b'LIST (SUBSCRIBED) "" (% INBOX) RETURN (STATUS (MESSAGES SIZE) MYRIGHTS)', b'LSUB "" %',
    b"STATUS INBOX (MESSAGES UNSEEN HIGHESTMODSEQ SIZE)", b"FETCH 1:* (FLAGS UID)", b"FETCH 1:3 FULL", b"UID FETCH 1:* (ENVELOPE BODYSTRUCTURE)",
    b"FETCH 3 (BODY.PEEK[1] BODY.PEEK[2.MIME] BODY.PEEK[2.1.TEXT])", b"FETCH 2 BODY.PEEK[TEXT]<100.20>", b"FETCH 1 BINARY.PEEK[1]",
    b"FETCH 1:* (PREVIEW (LAZY))", b"SEARCH ALL", b"SEARCH OR TEXT words NOT SUBJECT inner", b"UID SEARCH RETURN (ALL COUNT SAVE) UNSEEN",
    b"SEARCH RETURN (UPDATE) SEEN", b'CANCELUPDATE "a"', b"SORT (REVERSE SUBJECT DATE) UTF-8 ALL", b"THREAD REFERENCES UTF-8 ALL",
    b"UID THREAD ORDEREDSUBJECT US-ASCII 1:*", b"GETQUOTAROOT INBOX", b'GETMETADATA "" /shared/admin', b"GETACL INBOX", b"MYRIGHTS INBOX",
    b"LANGUAGE DE", b"NOTIFY SET (SELECTED (MessageNew MessageExpunge)) (PERSONAL (MessageNew MessageExpunge))", b"NOTIFY NONE",
]
# Those that write, seldom: what the store has in memory of them is not the session's.
WRITES = [
    b"STORE 1:* +FLAGS (\\Seen work)", b"STORE 1:* -FLAGS.SILENT (\\Seen work)", b"APPEND Trash {14+}\r\nSubject: x\r\n\r\n",
    b"APPEND Trash (\\Deleted) CATENATE (TEXT {5+}\r\nabcde URL \"/INBOX/;UID=1\")", b"SUBSCRIBE x", b"UNSUBSCRIBE x", b"CREATE x/y",
    b"DELETE x/y", b"DELETE x", b"RENAME x z", b"DELETE z", b'SETMETADATA INBOX (/private/comment {3+}\r\nabc)', b"SELECT Trash",
    b"STORE 1:* +FLAGS.SILENT (\\Deleted)", b"EXPUNGE", b"COPY 1 Trash", b"LOGOUT", b"UNAUTHENTICATE", b"COMPRESS DEFLATE",
]
BROKEN = [
    b"", b" ", b"\0" * 100, b"\x80\xff" * 50, b"x" * 5000, b"FETCH", b"FETCH 1", b"FETCH 0 FLAGS", b"FETCH 4294967296 FLAGS",
    b"FETCH 1:4294967295 (FLAGS)", b"FETCH *:* FLAGS", b"FETCH " + b"1," * 4000 + b"1 UID", b"FETCH " + b"4294967295:1," * 900 + b"1 UID",
    b"FETCH 1 " + b"(" * 3000, b"FETCH 1 BODY[" + b"1." * 3000 + b"1]", b"FETCH 1 BODY.PEEK[" + b"1." * 30 + b"MIME]",
    b"FETCH 1 BODY.PEEK[]<4294967295.4294967295>", b"FETCH 1 BODY.PEEK[]<0.0>", b"FETCH 1 BODY.PEEK[HEADER.FIELDS (" + b"A " * 200 + b"B)]",
    b"FETCH 1 (" + b"BODY.PEEK[] " * 200 + b"UID)", b"SEARCH " + b"NOT " * 900 + b"ALL", b"SEARCH " + b"(" * 900 + b"ALL" + b")" * 900,
    b"SEARCH " + b"OR ALL " * 400 + b"ALL", b"SEARCH CHARSET nonsense TEXT x", b'SEARCH TEXT "' + b"x" * 4000, b"SEARCH TEXT \"\\",
    b"SEARCH BEFORE 31-Feb-0000", b"SEARCH SENTSINCE x", b"SEARCH LARGER 99999999999999999999", b"SEARCH FILTER nothing",
    b'LIST "" ' + b"%*" * 500, b'LIST "" "' + b"*a" * 200 + b'"', b'STATUS "' + b"../" * 80 + b'etc/passwd" (MESSAGES)',
    b"SELECT &\xff-", b"SELECT " + b"&AAA" * 200, b"SELECT INBOX (QRESYNC (1 2 3:4 (5 6)))", b"SELECT INBOX (NONSENSE)", b"STORE 1 FLAGS " + b"(" * 900,
    b"STORE 1 +FLAGS (" + b"k%d " * 70 + b")", b"STORE 1 (UNCHANGEDSINCE 18446744073709551616) +FLAGS x", b"COPY 1 nowhere", b"MOVE 9 nowhere",
    b"AUTHENTICATE PLAIN ####", b"AUTHENTICATE SCRAM-SHA-256", b"*", b"STARTTLS now", b"LOGIN a b c", b"ID (" + b'"k" "v" ' * 40 + b")",
    b"ENABLE " + b"X " * 80, b"SORT (" + b"REVERSE " * 200 + b"DATE) UTF-8 ALL", b"THREAD NONSENSE UTF-8 ALL", b"GETQUOTA nothing",
    b"SETACL INBOX anyone " + b"lr" * 60, b'GETMETADATA "" (' + b"/private/x " * 300 + b")", b"IDLE x", b"NOTIFY SET (" + b"(" * 100,
    # literals: empty, in pieces, of the wrong kind or place, larger than what may be
    b"SELECT {0+}\r\n", b"SELECT {5+}\r\nINBOX", b"SEARCH TEXT {3}\r\nabc", b"SEARCH TEXT ~{3+}\r\na\0c", b"LIST {0+}\r\n {1+}\r\n*", b"SELECT {-1}",
    b"SELECT {99999999999999999999}", b"SELECT {5", b"SELECT {5}}", b"NOOP {3+}\r\nabc", b"SEARCH SUBJECT {100000}", b"APPEND Trash {60000000}",
    b"APPEND nowhere {10+}\r\n0123456789", b"APPEND Trash {0+}\r\n", b"APPEND Trash UTF8 ({3+}\r\nabc)", b"APPEND Trash CATENATE (URL {3+}\r\nabc)",
    b"APPEND Trash CATENATE (" + b'URL "/INBOX/;UID=7" ' * 50 + b")", b"APPEND Trash (" + b"(" * 50, b"REPLACE 9 Trash {3+}\r\nabc",
    b"SEARCH " + b"TEXT {3+}\r\nabc " * 500 + b"ALL",
]
# Longer than a command may be.
HUGE = [b"SEARCH " + b"NOT (" * 14_000, b"X " + b"y" * 70_000, b'LIST "" "' + b"z" * 70_000 + b'"', b"SEARCH TEXT {66000+}\r\n" + b"w" * 66_000,
        b"SEARCH " + b"SUBJECT {60+}\r\n" + b"v" * 60 + b" " + b"(" * 66_000]


def mutant(rng, command):
    """The command with a few octets changed, missing, doubled or cut off. No literal becomes so large that it takes all that follows."""
    octets = bytearray(command)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(octets) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            octets[at:at + 1] = bytes([rng.choice(b'\0\t "%()*+,-./0159:;<>[]\\{}~\x7f\x80\xff')])
        elif kind == 1:
            del octets[at:at + rng.randint(1, 8)]
        elif kind == 2:
            octets[at:at] = octets[at:at + rng.randint(1, 20)]
        elif kind == 3:
            del octets[at:]
        else:
            octets[at:at] = rng.choice([b"{3+}\r\nabc", b"{1000}", b'"', b"(", b"\r", b"1:*", b"$", b"&", b"BODY[]"])
    return bytes(octets)


class Hostile(unittest.TestCase):
    COMMANDS = 40_000 if SANITIZED else 1_000_000
    BATCH = 2000

    def commands(self, rng):
        """Lines to choose from, each as often as it comes."""
        sound = [b"a " + command + b"\r\n" for command in SOUND]
        broken = [b"a " + command + b"\r\n" for command in BROKEN]
        broken += [b"a " + mutant(rng, rng.choice(SOUND + WRITES + BROKEN)) + b"\r\n" for _ in range(600)]
        broken += [mutant(rng, b"a " + rng.choice(SOUND)) + b"\r\n" for _ in range(100)]   # tags too
        out = sound * 60 + broken * 2 + [b"a " + command + b"\r\n" for command in WRITES]
        return out, [b"a " + command + b"\r\n" for command in HUGE]

    def flood(self, demo, octets):
        """Sends all and reads until the server closes; what it said."""
        with Raw(demo.ports["imap"], timeout=120) as raw:
            def write():
                raw.send(octets)
                with contextlib.suppress(OSError):
                    raw.socket.shutdown(socket.SHUT_WR)   # the last command may be taken for a literal
            writer = threading.Thread(target=write)
            writer.start()
            said = []
            try:
                while piece := raw.socket.recv(1 << 18):
                    said.append(piece)
            except ConnectionError:
                pass
            writer.join(120)
            self.assertFalse(writer.is_alive())
        return b"".join(said)

    def test_a_million_commands(self):
        demo = Demo("--set", "limits.imap_bad_commands=1000", "--set", "search.enabled=false", "--set", 'store.memory="16MiB"').start()
        self.addCleanup(demo.clean)
        self.addCleanup(demo.stop)
        for name in ("alice", "bob"):
            client = demo.imap(name)
            for letter in LETTERS:
                client.append("INBOX", None, None, letter)
            client.logout()
        rng = random.Random(SEED)
        lines, huge = self.commands(rng)
        login = f"l LOGIN {demo.address('bob')} {demo.password('bob')}\r\nl SELECT INBOX\r\n".encode()
        answered, before, sent = 0, None, 0
        while sent < self.COMMANDS:
            batch = rng.choices(lines, k=self.BATCH)
            if rng.random() < 0.5:
                batch.insert(rng.randrange(self.BATCH), rng.choice(huge))
            sent += len(batch)
            said = self.flood(demo, (login if rng.random() < 0.97 else b"") + b"".join(batch) + b"\r\nz LOGOUT\r\n")
            self.assertNotIn(b"SERVERBUG", said)
            answered += said.count(b"\na ")
            if before is None and sent >= self.COMMANDS // 10:
                before = memory(demo.pid)
        print(f"{sent} commands, {answered} answered, memory {(memory(demo.pid) - before) / MIB:+.1f} MiB, "
              f"{processor_seconds(demo.pid):.1f} s of a processor")
        self.assertGreater(answered, self.COMMANDS // 3)   # others are taken for literals, or come behind the end
        self.assertLess(memory(demo.pid) - before, room(16 * MIB))
        client = demo.imap("alice")   # whom nobody touched
        count = int(client.select("INBOX", readonly=True)[1][0])
        self.assertEqual(client.fetch(str(count - 1), "(BODY.PEEK[])")[1][0][1], LETTERS[1])
        client.logout()
        self.assertIn("Nothing is damaged", demo.run("store", "check", check=True).stdout)


if __name__ == "__main__":
    unittest.main()
