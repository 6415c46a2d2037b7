"""What has gone wrong in other mail systems, tried against the running program: smuggled letters, injected commands,
relaying, shell characters, loops, backscatter, other people's mail, tickets of one service shown to another."""
import base64
import os
import re
import socketserver
import ssl
import threading
import time
import unittest

from posthouse import Demo, free_port, tls_context, wait_until
from raw import Raw
from scram import scram

# What pretends to be the end of a letter. Only CR LF . CR LF is.
FAKE_ENDS = {
    "LF . LF": b"\n.\n",
    "LF . CRLF": b"\n.\r\n",
    "CRLF . LF": b"\r\n.\n",
    "CR . CR": b"\r.\r",
    "CR . CRLF": b"\r.\r\n",
    "CRLF . CR": b"\r\n.\r",
    "LF . CR": b"\n.\r",
    "CR . LF": b"\r.\n",
    "CRLF . CR CRLF": b"\r\n.\r\r\n",
    "CR CRLF . CRLF": b"\r\r\n.\r\n",
    "LF CR . LF CR": b"\n\r.\n\r",
    "CRLF NUL . CRLF": b"\r\n\0.\r\n",
    "CRLF . NUL CRLF": b"\r\n.\0\r\n",
    "CRLF . blank CRLF": b"\r\n. \r\n",
    "CRLF .. CRLF": b"\r\n..\r\n",
    "LF LF . CRLF": b"\n\n.\r\n",
}
SOUND = {"CRLF NUL . CRLF", "CRLF . NUL CRLF", "CRLF . blank CRLF", "CRLF .. CRLF"}  # every line ends with CRLF

# Programs and expansions that others have run out of an address.
COMMANDS = (";touch {0};@", ";sleep 66;", "`touch {0}`", "$(touch {0})", "|touch {0}", "${{run{{/bin/touch {0}}}}}",
            "${{run{{\\x2fbin\\x2ftouch\\t{0}}}}}", "../../../../{0}", "/dev/tcp/127.0.0.1/25", "%s%n%p", "() {{ :;}}; touch {0}",
            "-oQ/tmp -X{0}", "*)(uid=*", "' OR 1--", "\\00")


class OneDemo(unittest.TestCase):
    """Tests that share a running demo."""

    @classmethod
    def setUpClass(cls):
        cls.demo = Demo().start()
        cls.addClassCleanup(cls.demo.clean)
        cls.addClassCleanup(cls.demo.stop)

    def letters(self, name="bob", mailbox="INBOX"):
        """The letters of a mailbox, whole."""
        client = self.demo.imap(name)
        client.select(mailbox, readonly=True)
        data = client.fetch("1:*", "(BODY.PEEK[])")[1] if client.search(None, "ALL")[1][0] else []
        client.logout()
        return [item[1] for item in data if isinstance(item, tuple)]

    def subjects(self, *args):
        return [match[1].decode() for letter in self.letters(*args)
                if (match := re.search(rb"(?im)^Subject: (.*)\r$", letter.split(b"\r\n\r\n")[0] + b"\r"))]

    def open(self, port="smtp", **options):
        connection = Raw(self.demo.ports[port], **options)
        self.addCleanup(connection.close)
        return connection

    def greeted(self, port="smtp", **options):
        connection = self.open(port, **options)
        hello = "LHLO" if port == "lmtp" else "EHLO"
        self.assertTrue(connection.ask(hello + " client.test").startswith(b"250"))
        return connection

    def submitter(self, name="alice"):
        """A connection to the submission port, logged in."""
        connection = self.greeted("submission")
        word = base64.b64encode(f"\0{self.demo.address(name)}\0{self.demo.password(name)}".encode()).decode()
        self.assertTrue(connection.ask("AUTH PLAIN " + word).startswith(b"235"))
        return connection


class Smuggling(OneDemo):
    def attempt(self, connection, sender, label, end, pieces):
        for command in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{self.demo.address('bob')}>"):
            self.assertTrue(connection.ask(command).startswith(b"250"), command)
        self.assertTrue(connection.ask("DATA").startswith(b"354"))
        letter = (f"From: <{sender}>\r\nSubject: outer {label}\r\n\r\ntext".encode() + end +
                  f"MAIL FROM:<{sender}>\r\nRCPT TO:<{self.demo.address('bob')}>\r\nDATA\r\n"
                  f"From: <{sender}>\r\nSubject: inner {label}\r\n\r\nsmuggled\r\n.\r\nQUIT\r\n".encode())
        for start in range(0, len(letter), pieces):
            if not connection.send(letter[start:start + pieces]):
                break
        return connection.rest()

    def check(self, label, replies):
        if label in SOUND:
            # One letter, with what looked like commands as its text; then QUIT is obeyed.
            self.assertRegex(replies, rb"^250 2\.0\.0 Ok: queued as \w+\r\n221 ", label)
        else:
            self.assertRegex(replies, rb"^5\d\d 5\.\d\.\d [^\r\n]*bare (CR|LF)[^\r\n]*\r\n$", label)

    def run_all(self, connect, sender, tag):
        for pieces in (1 << 20, 7):
            for name, end in FAKE_ENDS.items():
                label = f"{name} {tag} {pieces}"
                replies = self.attempt(connect(), sender, label, end, pieces)
                self.check(name, replies)
        expected = [f"outer {name} {tag} {pieces}" for pieces in (1 << 20, 7) for name in FAKE_ENDS if name in SOUND]
        found = [s for s in self.subjects() if s.endswith((f"{tag} {1 << 20}", f"{tag} 7"))]
        self.assertCountEqual(found, expected)

    def test_reception(self):
        self.run_all(self.greeted, "sender@far.test", "in")

    def test_submission(self):
        self.run_all(self.submitter, self.demo.address("alice"), "out")

    def test_lmtp(self):
        self.run_all(lambda: self.greeted("lmtp"), "sender@far.test", "lmtp")

    def test_append_keeps_commands_as_text(self):
        client = self.demo.imap("bob")
        text = b"Subject: appended\r\n\r\na\r\n.\r\nMAIL FROM:<x@y.test>\r\na9 NOOP\r\n"
        self.assertEqual(client.append("Drafts", None, None, text)[0], "OK")
        client.logout()
        self.assertIn(text, self.letters("bob", "Drafts"))


class StartTls(OneDemo):
    def test_smtp_commands_behind_it_are_never_answered(self):
        for port in ("smtp", "submission"):
            for injected in (b"NOOP\r\n", b"RSET\r\nMAIL FROM:<evil@far.test>\r\n", b"EHLO evil.test\r\nAUTH PLAIN AGEAYg==\r\n",
                             b"\r\n", b"\x16\x03\x01"):
                with self.subTest(port=port, injected=injected):
                    connection = self.greeted(port)
                    connection.send(b"STARTTLS\r\n" + injected)
                    self.assertEqual(connection.rest(), b"")
        self.assertIn("smtp.starttls_injection", self.demo.log())

    def test_imap_commands_behind_it_are_never_answered(self):
        for injected in (b"b NOOP\r\n", b"b LOGIN alice@example.test demo\r\n", b"\r\n", b"b"):
            with self.subTest(injected=injected):
                connection = self.open("imap")
                connection.send(b"a STARTTLS\r\n" + injected)
                said = connection.rest()
                self.assertNotIn(b"a OK", said)
                self.assertNotIn(b"b ", said)

    def test_nothing_from_before_counts_after(self):
        connection = self.greeted("smtp")
        self.assertTrue(connection.ask("MAIL FROM:<evil@far.test>").startswith(b"250"))
        self.assertTrue(connection.ask("STARTTLS").startswith(b"220"))
        connection.start_tls()
        bob = self.demo.address("bob")
        self.assertTrue(connection.ask(f"RCPT TO:<{bob}>").startswith(b"503"))
        self.assertTrue(connection.ask("MAIL FROM:<x@far.test>").startswith(b"503"))  # no EHLO yet
        self.assertNotIn(b"STARTTLS", connection.ask("EHLO again.test"))
        self.assertTrue(connection.ask("STARTTLS").startswith(b"503"))

    def test_plain_text_login_is_not_carried_into_tls(self):
        connection = self.submitter()
        self.assertTrue(connection.ask("STARTTLS").startswith(b"220"))
        connection.start_tls()
        connection.ask("EHLO again.test")
        self.assertTrue(connection.ask(f"MAIL FROM:<{self.demo.address('alice')}>").startswith(b"530"))


class Relaying(OneDemo):
    def outside(self):
        here = self.demo.domain
        return ("x@far.test", f"x%far.test@{here}", f'"x@far.test"@{here}', f"@{here}:x@far.test", "x@[127.0.0.1]",
                "x@[IPv6:::1]", f"far.test!x@{here}", "far.test!x", f"x@far.test@{here}", "x@localhost", "x@127.0.0.1",
                f'"x@far.test@{here}"', f"x@sub.{here}", f"x@{here}.far.test", "x@far.test\0@" + here)

    def test_loopback_is_nobody_special(self):
        for port in ("smtp", "lmtp"):
            for sender in ("x@far.test", self.demo.address("alice"), ""):
                connection = self.greeted(port)
                self.assertTrue(connection.ask(f"MAIL FROM:<{sender}>").startswith(b"250"))
                for number, address in enumerate(self.outside()):
                    if number == 9:  # no more refused commands than one session may have
                        connection = self.greeted(port)
                        self.assertTrue(connection.ask(f"MAIL FROM:<{sender}>").startswith(b"250"))
                    reply = connection.ask(f"RCPT TO:<{address}>")
                    self.assertTrue(reply.startswith(b"5"), (address, reply))
        self.assertEqual(self.demo.run("queue", "list", "--json", check=True).stdout.strip(), "[]")

    def test_submission_wants_a_login(self):
        connection = self.greeted("submission")
        self.assertTrue(connection.ask(f"MAIL FROM:<{self.demo.address('alice')}>").startswith(b"530"))

    def test_a_login_sends_as_itself_only(self):
        connection = self.submitter("alice")
        self.assertTrue(connection.ask(f"MAIL FROM:<{self.demo.address('bob')}>").startswith(b"5"))
        self.assertTrue(connection.ask("MAIL FROM:<alice@far.test>").startswith(b"5"))
        bob = self.demo.address("bob")
        for author in (bob, f"alice@far.test, {self.demo.address('alice')}", f"{bob} (", f"=?utf-8?q?{bob}?= <{bob}>"):
            self.assertTrue(connection.ask(f"MAIL FROM:<{self.demo.address('alice')}>").startswith(b"250"))
            self.assertTrue(connection.ask(f"RCPT TO:<{bob}>").startswith(b"250"))
            self.assertTrue(connection.ask("DATA").startswith(b"354"))
            reply = connection.ask(f"From: {author}\r\nSubject: forged\r\n\r\n.")
            self.assertTrue(reply.startswith(b"5"), (author, reply))
        self.assertNotIn("forged", self.subjects())


class ShellAndLines(OneDemo):
    def setUp(self):
        self.marks = os.path.join(self.demo.directory, "mark")
        self.words = [word.format(self.marks) for word in COMMANDS]
        self.started = time.monotonic()

    def check_nothing_ran(self):
        self.assertFalse(os.path.exists(self.marks))
        self.assertLess(time.monotonic() - self.started, 60)
        # The one that would start programs for attached documents, of which there are none here.
        beside = self.check_started_nothing(self.demo.pid)
        for pid in beside:
            with open(f"/proc/{pid}/comm") as file:
                self.assertEqual(file.read(), "ph-extract\n")
            self.assertEqual(self.check_started_nothing(pid), [])
        self.assertLessEqual(len(beside), 1)

    def check_started_nothing(self, pid):
        """Its children that are there."""
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        # Page faults of children that ended: none has ever been.
        self.assertEqual((fields[8], fields[10]), ("0", "0"), "a process was started")
        found = []
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += file.read().split()
        return found

    def test_in_every_smtp_command(self):
        here, bob = self.demo.domain, self.demo.address("bob")
        for word in self.words:
            quoted = word.replace("\\", "\\\\").replace('"', '\\"')
            forms = (f"HELO {word}", f"EHLO {word}", f"MAIL FROM:<{word}@far.test>", f'MAIL FROM:<"{quoted}"@far.test>',
                     f"MAIL FROM:<x@{word}>", f"MAIL FROM:<x@far.test> {word}", f"MAIL FROM:<x@far.test> SIZE={word}",
                     f"MAIL FROM:<x@far.test> BODY={word}", f"MAIL FROM:<x@far.test> AUTH={word}", f"VRFY {word}",
                     f"ETRN {word}", f"EXPN {word}", f"HELP {word}", word)
            for form in forms:
                with self.greeted() as connection:
                    self.assertRegex(connection.ask(form), rb"^\d\d\d[ -]", form)
            with self.greeted() as connection:
                connection.ask(f'MAIL FROM:<"{quoted}"@far.test>')
                connection.ask("RSET")
                connection.ask("MAIL FROM:<>")
                for form in (f"{word}@{here}", f'"{quoted}"@{here}', f"bob+{word}@{here}", f'"bob+{quoted}"@{here}',
                             f"x@{word}"):
                    self.assertRegex(connection.ask(f"RCPT TO:<{form}>"), rb"^[245]\d\d ", form)
                self.assertRegex(connection.ask(f"RCPT TO:<{bob}> ORCPT={word}"), rb"^5\d\d ", word)
        self.check_nothing_ran()

    def test_in_logins(self):
        for number, word in enumerate(self.words):
            source = f"127.{40 + number}.0.1"   # so that no network runs out of patience
            with self.greeted("submission", source=source) as connection:
                for plain in (f"\0{word}\0{word}", f"{word}\0alice\0{word}", f"\0alice\0{word}\0x", f"\0{word}@x\0"):
                    reply = connection.ask("AUTH PLAIN " + base64.b64encode(plain.encode()).decode())
                    self.assertRegex(reply, rb"^(5|421)", plain)
            with self.open("imap", source=source) as connection:
                for tag, name in enumerate((word, f"{word}@{self.demo.domain}")):
                    literal = name.encode()
                    connection.send(f"{tag} LOGIN {{{len(literal)}+}}\r\n".encode() + literal +
                                    f" {{{len(literal)}+}}\r\n".encode() + literal + b"\r\n")
                    self.assertRegex(connection.imap_reply(str(tag)), rb"^\d (NO|BAD) ", name)
        self.check_nothing_ran()

    def test_in_headers(self):
        bob = self.demo.address("bob")
        names = ("From", "To", "Cc", "Subject", "Date", "Message-ID", "Content-Type", "Content-Disposition", "Received",
                 "X-Mailer", "Return-Path", "Reply-To", "Delivered-To", "In-Reply-To")
        for word in self.words:
            with self.greeted() as connection:
                connection.ask("MAIL FROM:<x@far.test>")
                connection.ask(f"RCPT TO:<{bob}>")
                connection.ask("DATA")
                header = "".join(f"{name}: {word}\r\n" for name in names)
                self.assertTrue(connection.ask(header + f"\r\n{word}\r\n.").startswith(b"250"))
        client = self.demo.imap("bob")
        client.select("INBOX")
        self.assertEqual(client.fetch("1:*", "(ENVELOPE BODYSTRUCTURE)")[0], "OK")
        for word in self.words:
            self.assertIn(client.search(None, "SUBJECT", '"' + word.replace("\\", "\\\\") + '"')[0], ("OK",))
        client.logout()
        self.check_nothing_ran()

    def test_line_ends_and_nul_in_commands(self):
        here = self.demo.domain
        for bad in (b"\r", b"\n", b"\0", b"\nRCPT TO:<x@far.test>", b"\rDATA"):
            for form in (b"MAIL FROM:<a%sb@far.test>", b"MAIL FROM:<a@far.test> SIZE=1%s", b"EHLO a%sb"):
                with self.greeted() as connection:
                    self.assertRegex(connection.ask(form % bad), rb"^5\d\d ", form % bad)
            with self.greeted() as connection:
                connection.ask("MAIL FROM:<x@far.test>")
                self.assertRegex(connection.ask(b"RCPT TO:<bob%s@%s>" % (bad, here.encode())), rb"^5\d\d ")
            with self.open("imap") as connection:
                connection.send(b'a LOGIN "alice' + bad + b'" "demo"\r\n')
                self.assertRegex(connection.line(), rb"^(a|\*) (BAD|NO|BYE) ")
        # With the escapes of RFC 3461: the parameter is not offered, so it is refused whatever it holds.
        with self.greeted() as connection:
            connection.ask("MAIL FROM:<x@far.test>")
            for escape in ("+0A", "+0D+0A.+0D+0A", "+00"):
                reply = connection.ask(f"RCPT TO:<bob@{here}> ORCPT=rfc822;bob{escape}")
                self.assertTrue(reply.startswith(b"555"), reply)

    def test_in_names_from_the_command_line(self):
        for word in self.words:
            for verb in (("account", "add", f"<{word}>@{self.demo.domain}"), ("alias", "add", word, word),
                         ("domain", "add", word), ("queue", "show", word), ("account", "show", word)):
                self.assertNotEqual(self.demo.run(*verb).returncode, 0, verb)
            self.assertNotEqual(self.demo.run("deliver", "-f", word, word, stdin="x\n").returncode, 0)
        self.check_nothing_ran()


class FarHost(threading.Thread):
    """A host that refuses every recipient, with words of its choice."""

    def __init__(self, reply):
        super().__init__(daemon=True)
        host = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.wfile.write(b"220 far.test\r\n")
                for line in self.rfile:
                    verb = line[:4].upper()
                    if verb == b"MAIL":
                        host.senders.append(line)
                    self.wfile.write(reply if verb == b"RCPT" else b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                    if verb == b"QUIT":
                        return

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self.senders = []
        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.start()

    def run(self):
        self.server.serve_forever()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Backscatter(unittest.TestCase):
    def test_bounces_are_never_bounced_and_hostile_replies_are_text(self):
        far = FarHost(b"550-5.1.1 no\r\n550 5.1.1 evil\x00\x1b[2J\xff \rX-Injected: 1\r\n")
        self.addCleanup(far.stop)
        with Demo("--set", f"queue.port={far.port}") as demo:
            away = f"away@{demo.domain}"
            demo.run("alias", "add", away, "x@[127.0.0.1]", check=True)
            with Raw(demo.ports["smtp"]) as connection:
                connection.ask("EHLO x.test")
                for sender in ("", demo.address("bob")):
                    connection.ask(f"MAIL FROM:<{sender}>")
                    self.assertTrue(connection.ask(f"RCPT TO:<{away}>").startswith(b"250"))
                    connection.ask("DATA")
                    self.assertTrue(connection.ask(f"Subject: from <{sender}>\r\n\r\ntext\r\n.").startswith(b"250"))
            bounce = demo.wait_for_letter("bob", "multipart/report")
            self.assertTrue(bounce.startswith(b"Return-Path: <>\r\n"))
            self.assertIn(b"Final-Recipient: rfc822;x@[127.0.0.1]", bounce)
            self.assertIn(b"5.1.1", bounce)
            self.assertNotRegex(bounce, rb"(?m)^X-Injected")
            for bad in (b"\0", b"\x1b"):
                self.assertNotIn(bad, bounce)
            self.assertNotRegex(bounce, rb"\r(?!\n)|(?<!\r)\n")
            # The one that had no sender goes to the postmaster, who here is alice, or is set aside: not to anybody else.
            demo.wait_for_letter("alice", "from <>")
            wait_until(lambda: demo.run("queue", "list", "--json", check=True).stdout.strip() == "[]", 20, "empty queue")
            client = demo.imap("bob")
            client.select("INBOX")
            self.assertEqual(len(client.search(None, "ALL")[1][0].split()), 2)  # the welcome and one bounce
            client.logout()


class Loops(unittest.TestCase):
    def test_two_hosts_that_forward_to_each_other(self):
        port = free_port()
        smarthost = ('--set', 'smarthost.host="127.0.0.1"', '--set', 'smarthost.verify=false', '--set', 'limits.received=20')
        with Demo("--local-domain", "b.test", "--set", f"smarthost.port={port}", *smarthost) as b:
            with Demo("--local-domain", "a.test", "--set", f'listen.smtp=["127.0.0.1:{port}"]',
                      "--set", f"smarthost.port={b.ports['smtp']}", *smarthost) as a:
                a.run("alias", "add", "loop@a.test", "loop@b.test", check=True)
                b.run("alias", "add", "loop@b.test", "loop@a.test", check=True)
                client = a.submission("alice")
                client.sendmail("alice@a.test", ["loop@a.test"], "Subject: round and round\r\n\r\n")
                client.quit()
                bounce = a.wait_for_letter("alice", "multipart/report")
                self.assertIn(b"5.4.6", bounce)
                with Raw(port) as stranger:   # without a sender nobody is told but a postmaster
                    stranger.ask("EHLO x.test")
                    stranger.ask("MAIL FROM:<>")
                    stranger.ask("RCPT TO:<loop@a.test>")
                    stranger.ask("DATA")
                    self.assertTrue(stranger.ask("Subject: nobody's\r\n\r\n.").startswith(b"250"))

                def told():
                    for host, name in ((a, "alice"), (b, "alice")):
                        client = host.imap(name)
                        client.select("INBOX", readonly=True)
                        found = client.fetch("1:*", "(BODY.PEEK[])")[1]
                        client.logout()
                        if any(isinstance(item, tuple) and b"Subject: nobody's" in item[1] for item in found):
                            return True
                    return False
                wait_until(told, 30, "the postmaster to be told")
                for host in (a, b):
                    wait_until(lambda h=host: h.run("queue", "list", "--json", check=True).stdout.strip() == "[]", 20,
                               "empty queues")

    def test_received_fields_are_counted(self):
        with Demo("--set", "limits.received=30") as demo:
            with Raw(demo.ports["smtp"]) as connection:
                connection.ask("EHLO x.test")
                for count, code in ((29, b"250"), (30, b"554 5.4.6")):
                    connection.ask("MAIL FROM:<x@far.test>")
                    connection.ask(f"RCPT TO:<{demo.address('bob')}>")
                    connection.ask("DATA")
                    trace = "Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n" * count
                    reply = connection.ask(trace + "Subject: far\r\n\r\n.")
                    self.assertTrue(reply.startswith(code), (count, reply))


class OtherPeoplesMail(OneDemo):
    def test_what_is_not_ones_own_does_not_exist(self):
        alice = self.demo.imap("alice")
        self.assertEqual(alice.create("Secret")[0], "OK")
        alice.append("Secret", None, None, b"Subject: private\r\n\r\n")
        alice.logout()
        bob = self.open("imap")
        self.assertIn(b"L OK", bob.imap("L", f"LOGIN {self.demo.address('bob')} demo"))
        alices = ("Secret", "alice/Secret", "user/alice/Secret", "#shared/alice/Secret", "~alice/Secret", "../alice/Secret")
        for name in alices:
            for form in ('SELECT "{}"', 'EXAMINE "{}"', 'STATUS "{}" (MESSAGES UIDNEXT)', 'RENAME "{}" "x/y"', 'DELETE "{}"',
                         'LIST "" "{}"', 'LSUB "" "{}"', 'UNSUBSCRIBE "{}"'):
                random = "Zqx" + name[3:]
                seen = bob.imap("t", form.format(name)).replace(name.encode(), b"?")
                other = bob.imap("t", form.format(random)).replace(random.encode(), b"?")
                self.assertEqual(seen, other, form.format(name))
        bob.imap("s", "SELECT INBOX")
        for form in ("COPY 1 Secret", "MOVE 1 Secret", "UID COPY 1 Secret"):
            self.assertEqual(bob.imap("t", form), bob.imap("t", form.replace("Secret", "Zqxret")), form)
        for form in ("UID FETCH 1:4294967295 (BODY.PEEK[])", "UID SEARCH TEXT private", "SEARCH ALL"):
            self.assertNotIn(b"Subject: private", bob.imap("t", form), form)

    def test_a_new_account_of_an_old_name_is_empty(self):
        address = f"again@{self.demo.domain}"
        for round_ in (1, 2):
            self.demo.run("account", "add", address, "--password-stdin", stdin="demo\n", check=True)
            self.demo.accounts["again"] = {"address": address, "password": "demo"}
            self.assertEqual(self.letters("again"), [], round_)
            self.demo.run("deliver", address, stdin=f"Subject: first life {round_}\n\nx\n", check=True)
            self.assertEqual(len(self.letters("again")), 1)
            self.demo.run("account", "remove", address, check=True)


class Logins(OneDemo):
    """SCRAM by hand (RFC 5802), and what TLS binds to a service."""

    def smtp_scram(self, name, password):
        connection = self.open("submissions", greeting=False)
        connection.start_tls()
        connection.reply()
        self.assertIn(b"SCRAM-SHA-256-PLUS", connection.ask("EHLO x.test"))
        first = True

        def challenge(message):
            nonlocal first
            word = base64.b64encode(message).decode()
            reply = connection.ask(("AUTH SCRAM-SHA-256 " if first else "") + word)
            first = False
            return base64.b64decode(reply[4:]) if reply.startswith(b"334") else None
        done = scram(name, password, challenge)
        return done and connection.ask("").startswith(b"235")

    def imap_scram(self, name, password):
        connection = self.open("imaps", greeting=False)
        connection.start_tls()
        connection.line()
        first = True

        def challenge(message):
            nonlocal first
            word = base64.b64encode(message).decode()
            connection.send((("a AUTHENTICATE SCRAM-SHA-256 " if first else "") + word + "\r\n").encode())
            first = False
            line = connection.line()
            return base64.b64decode(line[2:]) if line.startswith(b"+ ") else None
        done = scram(name, password, challenge)
        if not done:
            return False
        connection.send(b"\r\n")
        return b"a OK" in connection.imap_reply("a")

    def test_scram(self):
        for login in (self.smtp_scram, self.imap_scram):
            self.assertTrue(login(self.demo.address("alice"), "demo"))
            self.assertFalse(login(self.demo.address("alice"), "wrong"))
            self.assertFalse(login("nobody@" + self.demo.domain, "demo"))

    def handshake(self, port, context, session=None):
        with Raw(self.demo.ports[port], greeting=False) as connection:
            connection.start_tls(context, session)
            connection.line()  # tickets come with the first data
            return connection.socket.session, connection.socket.session_reused

    def test_tickets_of_one_service_are_nothing_to_another(self):
        context = tls_context()
        session, _ = self.handshake("imaps", context)
        self.assertTrue(session.has_ticket)
        self.assertTrue(self.handshake("imaps", context, session)[1])
        session, _ = self.handshake("imaps", context)
        self.assertFalse(self.handshake("submissions", context, session)[1])
        session, _ = self.handshake("submissions", context)
        self.assertFalse(self.handshake("imaps", context, session)[1])

    def test_another_protocol_is_refused_in_the_handshake(self):
        for port, own in (("imaps", "imap"), ("submissions", "smtp")):
            context = tls_context()
            context.set_alpn_protocols(["http/1.1"])
            with self.assertRaises(ssl.SSLError, msg=port):
                self.handshake(port, context)
            if own == "imap":
                context = tls_context()
                context.set_alpn_protocols([own])
                self.handshake(port, context)

    def test_a_web_page_cannot_speak_to_a_mail_server(self):
        for port in ("smtp", "submission"):
            connection = self.open(port)
            connection.send(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<x@far.test>\r\n")
            self.assertNotIn(b"250", connection.rest())

    def test_both_forms_of_auth_login(self):
        name, word = (base64.b64encode(t.encode()).decode() for t in (self.demo.address("alice"), "demo"))
        connection = self.greeted("submission")
        self.assertTrue(connection.ask("AUTH LOGIN").startswith(b"334"))
        self.assertTrue(connection.ask(name).startswith(b"334"))
        self.assertTrue(connection.ask(word).startswith(b"235"))
        connection = self.greeted("submission")
        self.assertTrue(connection.ask("AUTH LOGIN " + name).startswith(b"334"))
        self.assertTrue(connection.ask(word).startswith(b"235"))

    def test_a_disabled_account_is_out_at_once(self):
        address = f"leaver@{self.demo.domain}"
        self.demo.run("account", "add", address, "--password-stdin", stdin="demo\n", check=True)
        self.demo.accounts["leaver"] = {"address": address, "password": "demo"}
        connection = self.submitter("leaver")
        self.demo.run("account", "change", address, "--disable", check=True)
        self.assertTrue(connection.rest().startswith(b"421 4.7.0"))
        with self.greeted("submission") as again:
            word = base64.b64encode(f"\0{address}\0demo".encode()).decode()
            self.assertTrue(again.ask("AUTH PLAIN " + word).startswith(b"535"))
        self.demo.run("account", "remove", address, check=True)


if __name__ == "__main__":
    unittest.main()
