"""Too much of everything, against the running program: endless lines, thousands of strangers, wrong passwords, no
descriptors, letters made to hurt, many large letters at once, full mailboxes, damaged bytes."""
import base64
import concurrent.futures
import contextlib
import glob
import json
import os
import re
import resource
import signal
import threading
import time
import unittest

from posthouse import Demo, wait_until
from raw import Raw

MIB = 1 << 20
BUILD = os.environ.get("BUILD_DIR", "")
# Sanitizers keep freed memory, pad what is allocated and take their time.
SANITIZED = any(word in BUILD for word in ("asan", "tsan"))
PATIENCE = 10 if SANITIZED or "debug" in BUILD else 1


def room(size):
    """The memory that `size` bytes may take in this build."""
    return 6 * size + 512 * MIB if SANITIZED else size


def memory(pid, what="VmRSS"):
    """Of the process, in bytes. VmHWM: the most it ever had."""
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(rf"{what}:\s+(\d+) kB", file.read())[1]) * 1024


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def enough_descriptors(wanted):
    """For this process and what it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))


class Endless(unittest.TestCase):
    SIZE = 64 * MIB

    @classmethod
    def setUpClass(cls):
        cls.demo = Demo().start()
        cls.addClassCleanup(cls.demo.clean)
        cls.addClassCleanup(cls.demo.stop)

    def flood(self, connection, piece, size=SIZE):
        """Sends until all is sent or the server closes; how much went out."""
        sent = 0
        while sent < size and connection.send(piece):
            sent += len(piece)
        return sent

    def check(self, work, growth=24 * MIB, seconds=20):
        before, begun = memory(self.demo.pid), time.monotonic()
        work()
        self.assertLess(memory(self.demo.pid) - before, room(growth))
        self.assertLess(time.monotonic() - begun, seconds * PATIENCE)
        with Raw(self.demo.ports["smtp"]) as other:
            self.assertTrue(other.ask("EHLO x.test").startswith(b"250"))

    def test_smtp_command_line(self):
        for first in (b"", b"EHLO ", b"MAIL FROM:<", b"AUTH PLAIN "):
            for port in ("smtp", "submission"):
                def work():
                    with Raw(self.demo.ports[port]) as connection:
                        connection.send(first)
                        self.assertLess(self.flood(connection, b"x" * 65536), self.SIZE)
                self.check(work)

    def test_smtp_auth_answer(self):
        def work():
            with Raw(self.demo.ports["submission"]) as connection:
                connection.ask("EHLO x.test")
                self.assertTrue(connection.ask("AUTH PLAIN").startswith(b"334"))
                self.assertLess(self.flood(connection, b"QUFB" * 16384), self.SIZE)
        self.check(work)

    def test_smtp_commands_without_end(self):
        def work():
            with Raw(self.demo.ports["smtp"]) as connection:
                connection.ask("EHLO x.test")
                reader = threading.Thread(target=connection.rest)
                reader.start()
                self.assertLess(self.flood(connection, b"NOOP\r\n" * 10000), self.SIZE)
                reader.join(30)
                self.assertFalse(reader.is_alive())
        self.check(work)

    def test_imap_command_line(self):
        for first in (b"", b"a LOGIN ", b"a LIST ", b"((((", b'a LOGIN "'):
            def work():
                with Raw(self.demo.ports["imap"]) as connection:
                    connection.send(first)
                    self.assertLess(self.flood(connection, b"(" * 65536), self.SIZE)
            self.check(work)

    def test_imap_literals_before_login(self):
        def work():
            with Raw(self.demo.ports["imap"]) as connection:
                reader = threading.Thread(target=connection.rest)
                reader.start()
                self.assertLess(self.flood(connection, b"a LOGIN {1000+}\r\n" + b"x" * 1000 + b" "), self.SIZE)
                reader.join(30)
                self.assertFalse(reader.is_alive())
            with Raw(self.demo.ports["imap"]) as connection:
                said = connection.imap("a", "LOGIN {4294967295}")
                self.assertRegex(said, rb"^(a|\*) (BAD|BYE)")
        self.check(work)

    def test_imap_command_after_login(self):
        def work():
            with Raw(self.demo.ports["imap"]) as connection:
                self.assertIn(b"l OK", connection.imap("l", f"LOGIN {self.demo.address('bob')} demo"))
                connection.send(b"a SEARCH " + b"NOT (" * 14000)
                self.assertEqual(connection.line(), b"a BAD Command too long\r\n")   # at the limit, not at its end
                self.assertLess(self.flood(connection, b"NOT (" * 13000, 512 * MIB), 512 * MIB)
        self.check(work, seconds=60)

    def test_header_and_line_of_a_letter(self):
        bob = self.demo.address("bob")
        for start, piece in ((b"Subject: ", b"x" * 65536), (b"", b"X-Field: 1\r\n" * 5000), (b"\r\n", b"y" * 65536)):
            def work():
                with Raw(self.demo.ports["smtp"]) as connection:
                    connection.ask("EHLO x.test")
                    connection.ask("MAIL FROM:<x@far.test>")
                    connection.ask(f"RCPT TO:<{bob}>")
                    connection.ask("DATA")
                    connection.send(start)
                    self.flood(connection, piece, 40 * MIB)
                    connection.send(b"\r\n.\r\n")
                    self.assertRegex(connection.reply(), rb"^(250|55\d|421)")
            self.check(work, growth=100 * MIB)   # a letter is in the buffers of the store for a while


class Bombs(unittest.TestCase):
    def letters(self):
        deep = "".join(f"--b{i}\r\nContent-Type: multipart/mixed; boundary=b{i + 1}\r\n\r\n" for i in range(100_000))
        yield "deep", "Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + deep
        yield "wide", ("Content-Type: multipart/mixed; boundary=b\r\n\r\n" + "--b\r\n\r\n" * 1_000_000 + "--b--\r\n")
        yield "circle", ("Content-Type: multipart/mixed; boundary=b\r\n\r\n" +
                         "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 100_000)
        yield "embedded", "Content-Type: message/rfc822\r\n\r\n" * 200_000
        yield "addresses", "To: " + ",\r\n ".join(f"a{i}@b.test" for i in range(1_000_000)) + "\r\n\r\nx\r\n"
        yield "groups", "To: " + "g:" * 300_000 + "\r\n\r\nx\r\n"
        yield "comments", "From: " + "(" * 900_000 + "\r\n\r\nx\r\n"
        yield "parameters", ("Content-Type: text/plain" + "".join(f";\r\n a*{i}*=x" for i in range(100_000)) +
                             "\r\n\r\nx\r\n")
        yield "fields", "".join(f"F{i}: 1\r\n" for i in range(200_000)) + "\r\nx\r\n"
        yield "words", "Subject: " + "=?utf-8?q?=41?=\r\n " * 50_000 + "x\r\n\r\nx\r\n"
        yield "prototype", "__proto__: 1\r\nconstructor: 2\r\n\r\nx\r\n"

    def test_all_are_stored_and_can_be_read(self):
        with Demo() as demo:
            client = demo.imap("alice")
            client.select("INBOX")
            for name, text in self.letters():
                with self.subTest(name), Raw(demo.ports["smtp"], timeout=60) as connection:
                    connection.ask("EHLO x.test")
                    connection.ask("MAIL FROM:<x@far.test>")
                    connection.ask(f"RCPT TO:<{demo.address('alice')}>")
                    connection.ask("DATA")
                    begun = time.monotonic()
                    connection.send(f"X-Bomb: {name}\r\n{text}\r\n.\r\n")
                    self.assertTrue(connection.reply().startswith(b"250"))
                    client.noop()
                    number = client.search(None, "HEADER", "X-Bomb", name)[1][0].split()[-1]
                    for items in ("(ENVELOPE BODYSTRUCTURE RFC822.SIZE)", "(BODY.PEEK[HEADER.FIELDS (TO SUBJECT)])",
                                  "(BODY.PEEK[1.1.1.MIME])", "(BODY.PEEK[TEXT])"):
                        self.assertEqual(client.fetch(number, items)[0], "OK", items)
                    self.assertEqual(client.search(None, "TEXT", "zebra")[0], "OK")
                    whole = client.fetch(number, "(BODY.PEEK[])")[1][0][1]
                    self.assertIn(f"X-Bomb: {name}\r\n{text}".encode(), whole)
                    self.assertLess(time.monotonic() - begun, 15 * PATIENCE)
            client.logout()
            self.assertLess(memory(demo.pid, "VmHWM"), room(600 * MIB))


class Strangers(unittest.TestCase):
    def test_thousands_who_never_log_in(self):
        enough_descriptors(6000)
        with Demo() as demo, contextlib.ExitStack() as open_ones:
            demo.imap("alice").logout()   # her password is known from now on, as that of anybody who polls
            before = memory(demo.pid)
            openings = {"smtp": (b"", b"EHLO x", b"EHLO x.test\r\nMAIL FROM:<"), "submission": (b"EHLO x.test\r\nAUTH PLAIN\r\n",),
                        "imap": (b"", b"a LOGIN {900+}\r\n" + b"x" * 500, b"a (((((((((((((((((((((")}
            kinds = [(port, text) for port, texts in openings.items() for text in texts]
            for number in range(2000):
                port, text = kinds[number % len(kinds)]
                stranger = open_ones.enter_context(Raw(demo.ports[port], source=f"127.{1 + number % 200}.0.1", greeting=False))
                stranger.send(text)
            longest = 0
            for _ in range(20):
                begun = time.monotonic()
                demo.imap("alice", tls=False).logout()
                longest = max(longest, time.monotonic() - begun)
            grown = memory(demo.pid) - before
            print(f"2,000 connections before login: {grown / 2000 / 1024:.1f} KiB each, "
                  f"the slowest login of another {longest * 1000:.0f} ms")
            self.assertLess(longest, 0.5 * PATIENCE)
            self.assertLess(grown, room(2000 * 16 * 1024))

    def test_above_the_limit_only_the_new_ones_are_refused(self):
        with Demo("--set", "limits.connections=20", "--set", "limits.imap_connections=20", "--set",
                  "limits.connections_per_network=10", "--set", "limits.imap_connections_per_network=15") as demo, contextlib.ExitStack() as stack:
            first = [stack.enter_context(Raw(demo.ports["smtp"])) for _ in range(10)]
            self.assertTrue(all(c.greeting.startswith(b"220") for c in first))
            one_more = stack.enter_context(Raw(demo.ports["smtp"]))
            self.assertRegex(one_more.greeting, rb"^421 4\.")
            self.assertEqual(one_more.rest(), b"")
            other = stack.enter_context(Raw(demo.ports["smtp"], source="127.7.0.1"))
            self.assertTrue(other.greeting.startswith(b"220"))
            imap = [stack.enter_context(Raw(demo.ports["imap"])) for _ in range(16)]
            self.assertEqual([c.greeting[:6] for c in imap], [b"* OK ["] * 15 + [b"* BYE "])
            elsewhere = [stack.enter_context(Raw(demo.ports["imap"], source="127.7.0.1")) for _ in range(6)]
            self.assertEqual([c.greeting[:6] for c in elsewhere], [b"* OK ["] * 5 + [b"* BYE "])
            self.assertTrue(first[0].ask("EHLO x.test").startswith(b"250"))
            self.assertIn(b"OK", imap[0].imap("a", "NOOP"))


class WrongPasswords(unittest.TestCase):
    def auth(self, demo, name, password, source):
        with Raw(demo.ports["submission"], source=source) as connection:
            connection.ask("EHLO x.test")
            word = base64.b64encode(f"\0{demo.address(name)}\0{password}".encode()).decode()
            return connection.ask("AUTH PLAIN " + word)

    def test_they_are_slowed_and_hurt_nobody_else(self):
        with Demo() as demo:
            self.assertTrue(self.auth(demo, "alice", "demo", "127.0.0.1").startswith(b"235"))
            refused = 0
            for number in range(12):
                # The right password among wrong ones does not help whoever tries many.
                reply = self.auth(demo, "alice", "demo" if number == 11 else f"guess {number}", "127.66.0.1")
                self.assertFalse(reply.startswith(b"235"), number)
                refused += 1
            wait_until(lambda: "try again in" in demo.log(), 20, "the log to say so")
            # The owner, from where she has logged in before, and others from where the guesses came:
            self.assertTrue(self.auth(demo, "alice", "demo", "127.0.0.1").startswith(b"235"))
            self.assertTrue(self.auth(demo, "bob", "demo", "127.66.0.1").startswith(b"235"))
            # The network of the guesses is slowed for names it hasn't proved.
            for number in range(20):
                self.auth(demo, "alice", "x", "127.67.0.1")
                with Raw(demo.ports["imap"], source="127.67.0.1") as imap:
                    answer = imap.imap("a", f"LOGIN nobody{number} x")
                    # The network may be slowed before the last of them, if alice's pause is over by then.
                    expected = rb"a NO \[AUTHENTICATIONFAILED\]" if number < 9 else rb"a NO \[(AUTHENTICATIONFAILED|UNAVAILABLE)\]"
                    self.assertRegex(answer, expected)
            self.assertFalse(self.auth(demo, "bob", "demo", "127.67.0.1").startswith(b"235"))
            self.assertTrue(self.auth(demo, "bob", "demo", "127.0.0.1").startswith(b"235"))

    def test_a_flood_of_them_does_not_hold_up_those_who_are_known(self):
        with Demo() as demo:
            self.assertTrue(self.auth(demo, "bob", "demo", "127.0.0.1").startswith(b"235"))
            before = memory(demo.pid)
            stop = threading.Event()

            def guess(number):
                tries = 0
                while not stop.is_set():
                    with Raw(demo.ports["submission"], source=f"127.{1 + number}.{tries % 250}.1") as connection:
                        connection.ask("EHLO x.test")
                        tries += 1
                        for junk in ("AUTH PLAIN ====", "AUTH PLAIN AGEAYg==", f"AUTH PLAIN {'A' * 9000}"):
                            connection.ask(junk)
            with concurrent.futures.ThreadPoolExecutor(40) as pool:
                guessers = [pool.submit(guess, n) for n in range(40)]
                longest = 0
                try:
                    for _ in range(30):
                        begun = time.monotonic()
                        self.assertTrue(self.auth(demo, "bob", "demo", "127.0.0.1").startswith(b"235"))
                        longest = max(longest, time.monotonic() - begun)
                finally:
                    stop.set()
                for guesser in guessers:
                    guesser.result(60)
            print(f"slowest known login among 40 guessers: {longest * 1000:.0f} ms")
            self.assertLess(longest, 2 * PATIENCE)   # the guessers' own work on the same processors included
            self.assertLess(memory(demo.pid) - before, room(150 * MIB))


class Descriptors(unittest.TestCase):
    LIMIT = 96    # what store and index have open takes about 60

    def test_without_descriptors_it_waits_quietly_and_recovers(self):
        demo = Demo("--set", "server.loops=1", wrapper=["prlimit", f"--nofile={self.LIMIT}:{self.LIMIT}"])
        with demo, contextlib.ExitStack() as stack:
            held = []
            while len(held) < 2 * self.LIMIT:
                connection = stack.enter_context(Raw(demo.ports["smtp"], greeting=False))
                held.append(connection)
            wait_until(lambda: "net.out_of_descriptors" in demo.log(), 20, "the alarm")
            served = [c for c in held if c.line().startswith(b"220")]
            self.assertGreater(len(served), 2)
            self.assertLess(len(served), self.LIMIT)
            # With more waiting outside than can come in, a second costs next to nothing.
            stranger = stack.enter_context(Raw(demo.ports["imap"], greeting=False))
            begun, worked = time.monotonic(), processor_seconds(demo.pid)
            stranger.socket.settimeout(2)
            with contextlib.suppress(TimeoutError):
                stranger.line()   # turned away, or not even that: either takes its time
            with contextlib.suppress(TimeoutError, OSError):
                stranger.socket.recv(1)
            passed = time.monotonic() - begun
            self.assertLess(processor_seconds(demo.pid) - worked, 0.2 + passed * 0.2)
            self.assertTrue(served[0].ask("EHLO x.test").startswith(b"250"))
            for connection in held:
                connection.close()

            def well_again():
                with Raw(demo.ports["smtp"]) as connection:
                    return connection.greeting.startswith(b"220")
            wait_until(well_again, 20, "a greeting")
            demo.run("deliver", "bob", stdin="Subject: after the shortage\n\nx\n", check=True)
            demo.wait_for_letter("bob", "after the shortage")

    def test_it_takes_as_many_as_it_may(self):
        with Demo(wrapper=["prlimit", "--nofile=256:4096"]) as demo:
            with open(f"/proc/{demo.pid}/limits") as file:
                self.assertRegex(file.read(), r"Max open files\s+4096\s+4096")


class LargeLetters(unittest.TestCase):
    SIZE = 50_000_000
    COUNT = 20

    def send(self, demo, chunk):
        with Raw(demo.ports["smtp"], timeout=110) as connection:
            connection.ask("EHLO x.test")
            connection.ask(f"MAIL FROM:<x@far.test> SIZE={self.SIZE}")
            connection.ask(f"RCPT TO:<{demo.address('bob')}>")
            connection.ask("DATA")
            connection.send(b"Subject: large\r\n\r\n")
            for _ in range(self.SIZE // len(chunk)):
                connection.send(chunk)
            connection.send(b".\r\n")
            return connection.reply()

    def test_twenty_at_once_stay_small_in_memory(self):
        text = base64.b64encode(os.urandom(MIB * 3 // 4))   # nothing to gain by compression within a chunk
        chunk = b"".join(text[i:i + 76] + b"\r\n" for i in range(0, len(text), 76))
        with Demo() as demo:
            begun = time.monotonic()
            with concurrent.futures.ThreadPoolExecutor(self.COUNT) as pool:
                replies = list(pool.map(lambda _: self.send(demo, chunk), range(self.COUNT)))
            self.assertEqual([r[:3] for r in replies], [b"250"] * self.COUNT)
            peak = memory(demo.pid, "VmHWM")
            print(f"{self.COUNT} letters of {self.SIZE / 1e6:.0f} MB at once: peak {peak / MIB:.0f} MiB, "
                  f"{time.monotonic() - begun:.0f} s")
            self.assertLess(peak, room(600 * MIB))
            client = demo.imap("bob", timeout=60)
            client.select("INBOX")
            number = client.search(None, "ALL")[1][0].split()[-1]
            size = int(re.search(rb"RFC822.SIZE (\d+)", client.fetch(number, "(RFC822.SIZE)")[1][0])[1])
            whole = client.fetch(number, "(BODY.PEEK[])")[1][0][1]
            self.assertEqual(len(whole), size)
            self.assertTrue(whole.endswith(chunk))
            client.logout()


class Quota(unittest.TestCase):
    def attempt(self, demo, size, declare=False):
        with Raw(demo.ports["smtp"]) as connection:
            connection.ask("EHLO x.test")
            connection.ask("MAIL FROM:<x@far.test>" + (f" SIZE={size}" if declare else ""))
            reply = connection.ask(f"RCPT TO:<full@{demo.domain}>")
            if not reply.startswith(b"250"):
                return reply
            connection.ask("DATA")
            return connection.ask(b"Subject: s\r\n\r\n" + b"x" * 76 + (b"\r\n" + b"x" * 76) * (size // 78) + b"\r\n.")

    def test_by_policy(self):
        for settings, code in (((), b"452 4.2.2"), (("--set", "quota.over_is_permanent=true"), b"552 5.2.2")):
            with Demo(*settings) as demo:
                demo.run("account", "add", f"full@{demo.domain}", "--quota", "100KiB", "--password-stdin", stdin="demo\n",
                         check=True)
                self.assertTrue(self.attempt(demo, 50_000).startswith(b"250"))
                for declare in (False, True):
                    self.assertTrue(self.attempt(demo, 60_000, declare).startswith(code), (settings, declare))
                shown = json.loads(demo.run("account", "show", f"full@{demo.domain}", "--json", check=True).stdout)
                self.assertLessEqual(shown["bytes"], 100 * 1024)
                demo.accounts["full"] = {"address": f"full@{demo.domain}", "password": "demo"}
                client = demo.imap("full")
                self.assertIn(b"OVERQUOTA", b"".join(client.append("INBOX", None, None, b"x" * 90_000)[1]))
                client.select("INBOX")
                client.store("1", "+FLAGS", "(\\Deleted)")
                client.expunge()
                client.logout()
                self.assertTrue(self.attempt(demo, 50_000).startswith(b"250"))


class Damage(unittest.TestCase):
    """Bytes that changed on the disk, under everything that checks them."""

    def test_a_damaged_letter_is_reported_and_stops_no_other(self):
        with Demo() as demo:
            bodies = [base64.b64encode(os.urandom(30_000)) for _ in range(5)]
            for number, body in enumerate(bodies):
                text = b"Subject: number %d\n\n" % number + b"\n".join(body[i:i + 76] for i in range(0, len(body), 76)) + b"\n"
                demo.run("deliver", "bob", stdin=text, check=True)
            demo.stop()
            demo.start()   # what was in the log is in files of their own now
            demo.stop()
            self.damage(os.path.join(demo.directory, "data/store"), bodies[2][304:360])
            demo.start()
            client = demo.imap("bob")
            client.select("INBOX")
            found = {}
            for uid in client.uid("SEARCH", None, "ALL")[1][0].split():
                status, data = client.uid("FETCH", uid, "(BODY.PEEK[])")
                whole = b"".join(item[1] for item in data if isinstance(item, tuple)) if status == "OK" else b""
                for number, body in enumerate(bodies):
                    if body in whole.replace(b"\r\n", b""):
                        found[number] = uid
            self.assertEqual(sorted(found), [0, 1, 3, 4])
            self.assertEqual(client.noop()[0], "OK")
            client.logout()
            check = demo.run("store", "check", timeout=60)
            self.assertNotEqual(check.returncode, 0)
            self.assertEqual(check.stdout.count("damaged"), 1, check.stdout)
            # New letters come in, and the damaged one can be thrown away.
            demo.run("deliver", "bob", stdin="Subject: afterwards\n\nx\n", check=True)
            client = demo.imap("bob")
            client.select("INBOX")
            self.assertEqual(len(client.search(None, "SUBJECT", "afterwards")[1][0].split()), 1)
            self.assertIn("store.damaged_row", demo.log())
            damaged = [uid for uid in client.uid("SEARCH", None, "ALL")[1][0].split()
                       if client.uid("FETCH", uid, "(BODY.PEEK[])")[0] != "OK"]
            self.assertEqual(len(damaged), 1)
            client.uid("STORE", damaged[0], "+FLAGS", "(\\Deleted)")
            self.assertEqual(client.expunge()[0], "OK")
            client.logout()
            # It may still come back, as far as it can be read, until it is thrown away for good.
            self.assertEqual(demo.run("store", "check").stdout.count("damaged"), 1)
            demo.run("mailbox", "purge", demo.address("bob"), check=True)
            # What nobody refers to any more is swept, damaged or not.
            wait_until(lambda: demo.run("store", "check").returncode == 0, 60, "a clean store")

    def damage(self, folder, needle):
        for path in glob.glob(folder + "/*.blob") + glob.glob(folder + "/*.sst"):
            with open(path, "r+b") as file:
                at = file.read().find(needle)
                if at >= 0:
                    file.seek(at + 10)
                    file.write(bytes(b ^ 0x55 for b in needle[10:20]))
                    return
        self.fail("the letter's bytes are nowhere in " + ", ".join(os.listdir(folder)))


class Signals(unittest.TestCase):
    def test_a_storm_of_signals_interrupts_nothing(self):
        with Demo() as demo:
            stop = threading.Event()

            def storm():
                while not stop.is_set():
                    os.kill(demo.pid, signal.SIGHUP)
                    os.kill(demo.pid, signal.SIGCONT)
                    stop.wait(0.001)
            thread = threading.Thread(target=storm)
            thread.start()
            try:
                for number in range(20):
                    demo.run("deliver", "bob", stdin=f"Subject: storm {number}\n\nx\n", check=True)
                    client = demo.imap("bob")
                    client.select("INBOX")
                    self.assertEqual(len(client.search(None, "SUBJECT", "storm")[1][0].split()), number + 1)
                    client.logout()
            finally:
                stop.set()
                thread.join()


if __name__ == "__main__":
    unittest.main()
