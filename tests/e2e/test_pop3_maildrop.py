"""POP3 and what happens around it: clients that vanish, SIGKILL at QUIT, restarts, backups, very many letters, floods
of hostile commands, what is written of failed logins."""
import base64
import os
import random
import re
import subprocess
import tempfile
import threading
import time
import unittest

from posthouse import Demo, tls_context, wait_until
from raw import Raw
from test_limits import PATIENCE, SANITIZED, memory, room
from test_pop3 import LETTER, Pop3Case

MIB = 1 << 20


def write_mbox(path, count, first=0, size=0):
    with open(path, "wb") as f:
        for n in range(first, first + count):
            f.write(b"From x Mon Nov 23 12:00:00 2026\nFrom: a@b.test\nSubject: number %d\nMessage-ID: <%d@b.test>\n\n%s\n\n"
                    % (n, n, b"x" * size))


class Filled(Pop3Case):
    def import_letters(self, name, count, size=0):
        with tempfile.TemporaryDirectory(prefix="posthouse-pop3-") as folder:
            path = os.path.join(folder, "mbox")
            write_mbox(path, count, size=size)
            self.demo.run("import", self.demo.address(name), path, "--into", "INBOX", check=True, timeout=300)

    def empty(self, name):
        imap = self.demo.imap(name)
        imap.select("INBOX")
        imap.store("1:*", "+FLAGS", "\\Deleted")
        imap.expunge()
        imap.logout()

    def free(self, name):
        raw = Raw(self.demo.ports["pop3"])
        try:
            raw.send(f"USER {self.demo.address(name)}\r\nPASS {self.demo.password(name)}\r\nQUIT\r\n")
            raw.line()
            return raw.line().startswith(b"+OK")
        finally:
            raw.close()


class KilledAtQuit(Filled):
    """All that were marked are gone after that, or none; whatever others there are, stays."""

    def check(self, name, count, rounds):
        self.empty(name)
        self.import_letters(name, count)
        outcomes = set()
        pause = 0.0
        for _ in range(rounds):
            raw = self.raw(name)
            raw.send("STAT\r\n")
            there = int(raw.line().split()[1])
            if there < count:
                raw.close()
                wait_until(lambda: self.free(name))
                self.empty(name)
                self.import_letters(name, count)
                raw = self.raw(name)
            raw.send(b"".join(b"DELE %d\r\n" % n for n in range(2, count)))
            for _ in range(count - 2):
                self.assertEqual(raw.line(), b"+OK Marked\r\n")
            raw.send("QUIT\r\n")
            time.sleep(pause)   # not awaited: where in the removal it ends is what differs from round to round
            self.demo.kill()
            raw.close()
            self.demo.start()
            pop = self.pop(name)
            left = pop.stat()[0]
            self.assertIn(left, (2, count), f"killed after {pause} s")
            if left == 2:
                self.assertEqual(self.subjects(pop), [0, count - 1])
            pop.quit()
            outcomes.add(left)
            pause = pause + 0.004 if left == count else pause / 2
        check = self.demo.run("store", "check", check=True)
        self.assertNotIn("problem:", check.stdout)
        self.assertEqual(outcomes, {2, count})

    def test_database(self):
        self.check("alice", 12_000 // PATIENCE, 8)

    def test_maildir(self):
        self.check("carol", 200, 6)

    def test_mbox(self):
        self.check("dave", 200, 6)


class Vanished(Filled):
    def test_a_dead_client_is_noticed_within_a_minute(self):
        """The kernel probes it; what `ss` shows of the timer says when."""
        raw = self.raw("bob")
        raw.send("STAT\r\n")
        raw.line()
        port = raw.socket.getsockname()[1]

        def probes():
            shown = subprocess.run(["ss", "-Htno", "state", "established", "sport", "=", f":{self.demo.ports['pop3']}", "and",
                                    "dport", "=", f":{port}"], capture_output=True, text=True, check=True).stdout
            return re.search(r"keepalive,(\d+)(?:sec|\.\d+)", shown)
        found = wait_until(probes, what="a keepalive timer")
        self.assertLessEqual(int(found[1]), 30)


class Forever(Filled):
    """A letter's unique id stays: over a restart, in every format, after a backup came back."""

    def ids(self, name):
        pop = self.pop(name)
        out = {}
        for line in pop.uidl()[1]:
            number, unique = line.split()
            out[re.search(rb"Subject: number (\d+)", b"\n".join(pop.top(int(number), 0)[1]))[1]] = unique
        pop.quit()
        return out

    def test_restart_and_formats(self):
        self.fill("alice", 5)
        before = self.ids("alice")
        self.assertEqual(len(set(before.values())), 5)
        self.demo.stop()
        self.demo.start()
        self.assertEqual(self.ids("alice"), before)
        for step in ("maildir", "mbox", "database"):   # what each leaves behind stays where it is
            self.demo.run("store", "convert", self.demo.address("alice"), "--to", step, check=True)
            self.assertEqual(self.ids("alice"), before, step)
            self.demo.kill()
            self.demo.start()
            self.assertEqual(self.ids("alice"), before, step)
        pop = self.pop("alice")
        pop.dele(5)
        pop.quit()
        self.imap("alice").append("INBOX", None, None, LETTER % 7)
        after = self.ids("alice")
        self.assertNotIn(after.pop(b"7"), before.values())
        before.pop(b"4")
        self.assertEqual(after, before)


class VeryMany(Filled):
    OPTIONS = ("--set", "search.enabled=false")   # the index works in the process whose memory is looked at here
    COUNT = 5_000 if SANITIZED else 100_000

    def test_a_large_maildrop_streams(self):
        self.empty("bob")
        self.import_letters("bob", self.COUNT)
        raw = self.raw("bob")     # what the store remembers of a large mailbox is not the session's
        raw.send("LIST\r\nUIDL\r\nQUIT\r\n")
        raw.file.read()
        worker = max(self.tree(), key=memory)
        before = memory(worker)
        raw = self.raw("bob")
        raw.send("STAT\r\n")
        self.assertEqual(int(raw.line().split()[1]), self.COUNT)
        opened = memory(worker)
        self.assertLess(opened - before, room(2 * MIB))
        # Nobody reads: what waits is a buffer or two.
        raw.send("LIST\r\nUIDL\r\n" * 20)
        wait_until(lambda: self.waits(raw), what="a full connection")
        self.assertLess(memory(worker) - before, room(4 * MIB))
        for _ in range(20):
            for kind in (rb"%d \d+\r\n", rb"%d [0-9a-f]{16}\r\n"):
                self.assertTrue(raw.line().startswith(b"+OK"))
                lines = [raw.line() for _ in range(self.COUNT)]
                self.assertEqual(raw.line(), b".\r\n")
                for number in (1, 2, self.COUNT // 2, self.COUNT):
                    self.assertRegex(lines[number - 1], kind % number)
        # A bit a letter.
        commands = b"".join(b"DELE %d\r\n" % n for n in range(1, self.COUNT + 1, 2))
        writer = threading.Thread(target=raw.send, args=(commands,))
        writer.start()
        for _ in range(0, self.COUNT, 2):
            self.assertEqual(raw.line(), b"+OK Marked\r\n")
        writer.join(30)
        self.assertLess(memory(worker) - before, room(6 * MIB))
        raw.send("STAT\r\n")
        self.assertEqual(int(raw.line().split()[1]), self.COUNT // 2)
        raw.send("QUIT\r\n")
        self.assertEqual(raw.rest(), b"+OK Goodbye\r\n")
        raw = self.raw("bob")
        raw.send("STAT\r\n")
        self.assertEqual(int(raw.line().split()[1]), self.COUNT // 2)

    def test_large_letters_that_nobody_reads(self):
        self.empty("bob")
        size = 8 * MIB
        self.imap("bob").append("INBOX", None, None, b"Subject: large\r\n\r\n" + (b"y" * 1022 + b"\r\n") * (size // 1024))
        worker = max(self.tree(), key=memory)
        with self.raw("bob") as raw:
            raw.send("TOP 1 99999999\r\n")
            raw.line()
            while raw.line() != b".\r\n":
                pass
        before = memory(worker)
        wait_until(lambda: self.free("bob"))
        raw = self.raw("bob")
        raw.send("RETR 1\r\n" * 500)
        wait_until(lambda: self.waits(raw), what="a full connection")
        self.assertLess(memory(worker) - before, room(3 * MIB))
        for _ in range(20):
            self.assertTrue(raw.line().startswith(b"+OK"))
            octets = 0
            while (line := raw.line()) != b".\r\n":
                octets += len(line)
            self.assertGreater(octets, size)
        self.assertLess(memory(worker) - before, room(3 * MIB))

    def tree(self):
        out = [self.demo.pid]
        for pid in out:
            with open(f"/proc/{pid}/task/{pid}/children") as f:
                out += map(int, f.read().split())
        return out

    def waits(self, raw):
        """Whether the server has filled what the kernel takes for this client."""
        shown = subprocess.run(["ss", "-Htn", "state", "established", "dport", "=", f":{raw.socket.getsockname()[1]}"],
                               capture_output=True, text=True, check=True).stdout
        return any(int(line.split()[1]) > 64 * 1024 for line in shown.splitlines())


class Hostile(unittest.TestCase):
    COMMANDS = 100_000 if SANITIZED else 1_000_000
    WORDS = [b"STAT", b"LIST", b"LIST 1", b"LIST 4294967295", b"LIST 0", b"UIDL", b"UIDL 2", b"UIDL -1", b"RETR 1", b"RETR 9",
             b"TOP 1 0", b"TOP 1 18446744073709551615", b"TOP", b"DELE 1", b"DELE 2", b"DELE x", b"RSET", b"NOOP",
             b"NOOP " + b"x" * 200, b"CAPA", b"LANG", b"LANG " + b"\xff" * 100, b"UTF8", b"STLS x", b"USER " + b"u" * 240,
             b"PASS", b"APOP a b", b"AUTH", b"AUTH PLAIN ###", b"\x80\xff" * 50, b"\0" * 100, b"x" * 5000, b"", b" ", b"RETR \0"]

    def test_a_million_commands(self):
        demo = Demo("--set", "limits.pop3_bad_commands=1000").start()
        self.addCleanup(demo.clean)
        self.addCleanup(demo.stop)
        rng = random.Random(4)
        login = f"USER {demo.address('bob')}\r\nPASS {demo.password('bob')}\r\n".encode()
        worker, said, before, sent = demo.pid, 0, None, 0
        while sent < self.COMMANDS:
            batch = [rng.choice(self.WORDS) for _ in range(1500)]
            sent += len(batch)
            with Raw(demo.ports["pop3"], timeout=60) as raw:
                writer = threading.Thread(target=raw.send, args=((login if rng.random() < 0.9 else b"") +
                                                                 b"\r\n".join(batch) + b"\r\nQUIT\r\n",))
                writer.start()
                said += raw.rest().count(b"\n")
                writer.join(60)
                self.assertFalse(writer.is_alive())
            if before is None and sent >= self.COMMANDS // 10:
                before = memory(worker)
        self.assertGreater(said, self.COMMANDS // 2)
        self.assertLess(memory(worker) - before, room(8 * MIB))
        with Raw(demo.ports["pop3"]) as raw:
            raw.send(login + b"QUIT\r\n")
            self.assertRegex(raw.rest(), rb"^\+OK .*\r\n\+OK Logged in\r\n\+OK Goodbye\r\n$")

    def test_lines_without_end(self):
        demo = Demo().start()
        self.addCleanup(demo.clean)
        self.addCleanup(demo.stop)
        before = memory(demo.pid)
        for first in (b"", b"USER ", b"PASS ", b"AUTH PLAIN ", b"AUTH PLAIN\r\n", b"RETR "):
            with Raw(demo.ports["pop3"]) as raw:
                raw.send(first)
                sent = 0
                while sent < 64 * MIB and raw.send(b"QUFB" * 16384):
                    sent += 65536
                self.assertLess(sent, 64 * MIB)
        self.assertLess(memory(demo.pid) - before, room(16 * MIB))


class FailedLogins(Pop3Case):
    def say(self, raw, *lines):
        for line in lines:
            raw.send(line + "\r\n")
            answer = raw.line()
        return answer

    # What packaging/fail2ban gives for the log as text, with <ADDR> as fail2ban fills it in.
    def pattern(self):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging/fail2ban/filter.d/posthouse.conf")
        with open(path) as f:
            given = re.search(r"^ *failregex = (.*)$", f.read(), re.M)[1]
        return re.compile(given.replace("<ADDR>", r"(?P<host>\d+\.\d+\.\d+\.\d+|[0-9a-f]*:[0-9a-f:]*)"))

    def found(self, event):
        return [self.pattern().search(line) for line in self.demo.log().splitlines() if event + " " in line]

    def test_one_form_for_all_protocols_and_mechanisms(self):
        raw = self.raw()
        name = self.demo.address("bob")
        self.assertIn(b"[AUTH]", self.say(raw, f"USER {name}", "PASS hunter2"))
        self.assertIn(b"[AUTH]", self.say(raw, "USER nobody@nowhere.test", "PASS hunter2"))
        plain = base64.b64encode(f"\0{name}\0hunter2".encode()).decode()
        self.assertIn(b"[AUTH]", self.say(raw, f"AUTH PLAIN {plain}"))
        raw.close()
        found = wait_until(lambda: len(self.found("auth.failed")) == 3 and self.found("auth.failed"))
        for match in found:
            self.assertTrue(match)
            self.assertEqual(match["host"], "127.0.0.1")
        with self.assertRaises(Exception):
            self.demo.smtp("submissions").login(name, "hunter2")
        with Raw(self.demo.ports["imap"]) as imap:
            self.assertIn(b"AUTHENTICATIONFAILED", imap.imap("a", f"LOGIN {name} hunter2"))
        found = wait_until(lambda: "protocol=imap" in self.demo.log() and self.found("auth.failed"))
        self.assertEqual({match["host"] for match in found}, {"127.0.0.1"})
        log = self.demo.log()
        self.assertEqual(set(re.findall(r"auth\.failed sid=\S+ peer=\S+ protocol=(\w+)", log)), {"pop3", "imap", "submission"})
        self.assertNotIn("hunter2", log)
        self.assertIn(f"user={name} ", next(line for line in log.splitlines() if "auth.failed" in line))
        # A login that worked is no failure, whatever it is called.
        for line in log.splitlines():
            if "auth.failed" not in line:
                self.assertFalse(self.pattern().search(line), line)

    def test_they_are_slowed_and_hurt_nobody_else(self):
        name = self.demo.address("bob")
        self.pop("bob").quit()   # who was here before is known by where he comes from
        told = set()
        for n in range(30):
            with Raw(self.demo.ports["pop3"], source="127.77.0.9") as raw:
                told.add(self.say(raw, f"USER {name}", f"PASS wrong{n}")[:12])
            if any(b"SYS" in answer for answer in told):
                break
        # Not "wrong password" any more: nobody is told whether the next one is right.
        self.assertIn(b"-ERR [SYS/TE", told)
        with Raw(self.demo.ports["pop3"], source="127.77.0.9") as raw:
            self.assertIn(b"[SYS/TEMP]", self.say(raw, f"USER {name}", f"PASS {self.demo.password('bob')}"))
        self.pop("bob").quit()

    def test_connections_of_one_network_are_counted(self):
        self.demo.stop()
        self.demo = Demo("--set", "limits.pop3_connections_per_network=3").start()
        self.addCleanup(self.demo.clean)
        self.addCleanup(self.demo.stop)
        held = [self.raw() for _ in range(3)]
        more = Raw(self.demo.ports["pop3"], greeting=False)
        self.addCleanup(more.close)
        self.assertEqual(more.rest(), b"-ERR [SYS/TEMP] too many connections, try again later\r\n")
        held[0].close()

        def welcome():
            with Raw(self.demo.ports["pop3"]) as raw:
                return raw.greeting.startswith(b"+OK")
        wait_until(welcome)


class Tls(Pop3Case):
    def handshake(self, port, context, session=None):
        with Raw(self.demo.ports[port], greeting=False) as connection:
            connection.start_tls(context, session)
            connection.line()  # tickets come with the first data
            return connection.socket.session, connection.socket.session_reused, connection.socket.selected_alpn_protocol()

    def test_tickets_are_those_of_pop3(self):
        context = tls_context()
        session, _, _ = self.handshake("pop3s", context)
        self.assertTrue(session.has_ticket)
        self.assertTrue(self.handshake("pop3s", context, session)[1])
        for other in ("imaps", "submissions"):
            self.assertFalse(self.handshake(other, context, session)[1])
        session, _, _ = self.handshake("imaps", context)
        self.assertFalse(self.handshake("pop3s", context, session)[1])

    def test_alpn(self):
        context = tls_context()
        context.set_alpn_protocols(["pop3"])
        self.assertEqual(self.handshake("pop3s", context)[2], "pop3")
        for wrong in ("imap", "http/1.1"):
            context = tls_context()
            context.set_alpn_protocols([wrong])
            with self.assertRaises(OSError):
                self.handshake("pop3s", context)


if __name__ == "__main__":
    unittest.main()
