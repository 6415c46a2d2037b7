"""IMAP over real sockets: what is announced where, what clients pipeline, several sessions at once, and strangers."""
import imaplib
import os
import random
import re
import socket
import threading
import time
import unittest
import zlib

from posthouse import Demo, tls_context, wait_until
from raw import Raw

OPERATIONS = int(os.environ.get("FOLDER_OPERATIONS", "150"))  # of each session
BASE = (b"IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE IDLE NAMESPACE UIDPLUS MOVE UNSELECT CHILDREN SPECIAL-USE "
        b"CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS CONDSTORE QRESYNC STATUS=DELETED ESEARCH SEARCHRES WITHIN SORT SORT=DISPLAY "
        b"ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES I18NLEVEL=1 PARTIAL BINARY PREVIEW MULTIAPPEND "
        b"QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE COMPRESS=DEFLATE OBJECTID SAVEDATE UNAUTHENTICATE "
        b"UTF8=ACCEPT REPLACE CATENATE UIDONLY INPROGRESS METADATA LIST-METADATA FILTERS "
        b"ACL RIGHTS=kxte LIST-MYRIGHTS LANGUAGE CONTEXT=SEARCH CONTEXT=SORT NOTIFY MULTISEARCH SEARCH=FUZZY "
        b"STATUS=SIZE APPENDLIMIT=52428800")
LOGIN = b" AUTH=SCRAM-SHA-256 AUTH=PLAIN AUTH=LOGIN"
TLS_LOGIN = b" AUTH=SCRAM-SHA-256-PLUS" + LOGIN


class ImapCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = Demo().start()
        cls.addClassCleanup(cls.demo.clean)
        cls.addClassCleanup(cls.demo.stop)

    def connect(self, port="imap"):
        if port == "imap":
            connection = Raw(self.demo.ports[port])
        else:
            connection = Raw(self.demo.ports[port], greeting=False).start_tls()
            connection.greeting = connection.line()
        self.addCleanup(connection.close)
        return connection

    def login(self, name="alice"):
        connection = self.connect()
        answer = connection.imap("login", f"LOGIN {self.demo.address(name)} {self.demo.password(name)}")
        self.assertIn(b"login OK", answer)
        return connection

    def append(self, connection, mailbox, message):
        answer = connection.imap("ap", b"APPEND %s {%d+}\r\n%s" % (mailbox.encode(), len(message), message))
        self.assertIn(b"ap OK", answer)
        return answer


class LockedOut(ImapCase):
    """Whoever is logged in to an account goes with its password, and when it is disabled or removed."""

    def check_ended(self, *command, stdin=""):
        idle, selected, other = self.login("bob"), self.login("bob"), self.login("alice")
        self.assertIn(b"s OK", selected.imap("s", "SELECT INBOX"))
        idle.imap("s", "SELECT INBOX")
        idle.send("i IDLE\r\n")
        self.assertTrue(idle.line().startswith(b"+"))
        self.demo.run(*command, stdin=stdin, check=True)
        for session in (idle, selected):
            self.assertIn(b"* BYE", session.rest())
        self.assertIn(b"n OK", other.imap("n", "NOOP"))

    def test_disabled_then_enabled_with_a_new_password(self):
        bob = self.demo.address("bob")
        self.check_ended("account", "change", bob, "--disable")
        self.demo.run("account", "change", bob, "--enable", check=True)
        self.check_ended("account", "password", bob, "--password-stdin", stdin=self.demo.password("bob") + "\n")


class LettersWithoutAHeader(ImapCase):
    """Their text is a body: clients skip letters whose header does not end."""

    def check_last(self, text):
        session = self.login("bob")
        session.imap("s", "SELECT INBOX")
        answer = session.imap("f", "FETCH * (BODY.PEEK[TEXT] BODY.PEEK[HEADER])")
        self.assertIn(b"BODY[TEXT] {%d}\r\n%s " % (len(text), text), answer)
        self.assertTrue(answer.endswith(b"\r\n\r\n)\r\nf OK FETCH done\r\n"), answer)

    def test_over_smtp_and_by_deliver(self):
        for text in (b"no header at all\r\n", b""):
            with Raw(self.demo.ports["smtp"]) as smtp:
                for command in ("EHLO x.test", "MAIL FROM:<>", f"RCPT TO:<{self.demo.address('bob')}>", "DATA"):
                    smtp.ask(command)
                self.assertTrue(smtp.ask(text + b".").startswith(b"250"))
            self.check_last(text)
            self.demo.run("deliver", "bob", stdin=text.replace(b"\r", b""), check=True)
            self.check_last(text)


class Capabilities(ImapCase):
    """Word by word: a lost IDLE is push mail that is dead, and nobody notices."""

    def announced(self, text):
        return re.search(rb"CAPABILITY ([^\]\r\n]*)", text).group(1)

    def check(self, connection, before):
        self.assertEqual(self.announced(connection.imap("a", "CAPABILITY")), before)
        answer = connection.imap("b", f"LOGIN {self.demo.address('bob')} {self.demo.password('bob')}")
        self.assertEqual(self.announced(answer), BASE)
        self.assertEqual(self.announced(connection.imap("c", "CAPABILITY")), BASE)

    def test_plain(self):
        connection = self.connect()
        self.assertEqual(self.announced(connection.greeting), BASE + b" STARTTLS" + LOGIN)
        self.check(connection, BASE + b" STARTTLS" + LOGIN)

    def test_starttls(self):
        connection = self.connect()
        self.assertIn(b"t OK", connection.imap("t", "STARTTLS"))
        connection.start_tls()
        self.check(connection, BASE + TLS_LOGIN)

    def test_implicit_tls(self):
        connection = self.connect("imaps")
        self.assertEqual(self.announced(connection.greeting), BASE + TLS_LOGIN)
        self.check(connection, BASE + TLS_LOGIN)


class LimitOfMessages(unittest.TestCase):
    """`limits.imap_messages` (RFC 9738): announced, and kept."""

    def test_more_messages_than_one_command_may_process(self):
        with Demo("--set", "limits.imap_messages=1000") as demo:
            connection = Raw(demo.ports["imap"])
            self.addCleanup(connection.close)
            self.assertIn(b" MESSAGELIMIT=1000 ", connection.greeting)
            connection.imap("a", f"LOGIN {demo.address('alice')} {demo.password('alice')}")
            connection.imap("b", "CREATE Many")
            letter = b" {14+}\r\nSubject: x\r\n\r\n"
            for count, answer in ((1001, b"c NO [MESSAGELIMIT 1000]"), (1000, b"c OK [APPENDUID"), (2, b"c OK [APPENDUID")):
                self.assertIn(answer, connection.imap("c", b"APPEND Many" + letter * count))
            connection.imap("d", "SELECT Many")
            answer = connection.imap("e", "UID SEARCH RETURN (COUNT) ALL")
            self.assertIn(b"COUNT 1000\r\ne OK [MESSAGELIMIT 1000 3]", answer)
            self.assertIn(b"f OK SEARCH", connection.imap("f", "UID SEARCH UIDBEFORE 3"))
            answer = connection.imap("g", "UID FETCH 1:* UID")
            self.assertTrue(answer.startswith(b"* 1002 FETCH (UID 1002)\r\n* 1001 FETCH"), answer[:80])
            self.assertIn(b"* 3 FETCH (UID 3)\r\ng OK [MESSAGELIMIT 1000 3]", answer)


class Clients(ImapCase):
    def test_the_next_commands_stand_behind_done(self):
        """iOS sends them in one segment, also the next IDLE."""
        connection = self.login()
        connection.send(b"a SELECT INBOX\r\nb IDLE\r\nDONE\r\nc NOOP\r\nd IDLE\r\nDONE\r\ne NOOP\r\n")
        said = connection.imap_reply("e")
        for tag in (b"b", b"c", b"d"):
            self.assertIn(b"\r\n%s OK" % tag, said)
        self.assertEqual(said.count(b"+ idling"), 2)

    def test_a_thousand_pairs_of_store_and_expunge_in_one_go(self):
        connection = self.login()
        connection.imap("c", "CREATE pairs")
        batch = b"".join(b"ap APPEND pairs {18+}\r\nSubject: %04d\r\n\r\nx\r\n" % n for n in range(1000))
        sender = threading.Thread(target=connection.send, args=(batch + b"z NOOP\r\n",))
        sender.start()
        self.assertEqual(connection.imap_reply("z").count(b"ap OK [APPENDUID"), 1000)
        sender.join()
        connection.imap("s", "SELECT pairs")
        batch = b"p STORE 1 +FLAGS.SILENT (\\Deleted)\r\ne EXPUNGE\r\n" * 999
        sender = threading.Thread(target=connection.send, args=(batch + b"z NOOP\r\n",))
        sender.start()
        said = connection.imap_reply("z")
        sender.join()
        self.assertEqual(said.count(b"p OK"), 999)
        self.assertEqual(said.count(b"e OK"), 999)
        self.assertEqual(said.count(b"* 1 EXPUNGE\r\n"), 999)
        self.assertIn(b"Subject: 0999", connection.imap("f", "FETCH 1:* BODY.PEEK[]"))
        self.assertIn(b"MESSAGES 1)", connection.imap("t", "STATUS pairs (MESSAGES)"))

    def test_what_another_session_moves_in_is_seen_at_once(self):
        one, other = self.login(), self.login()
        one.imap("c", "CREATE target")
        one.imap("c", "CREATE source")
        self.append(one, "source", b"Subject: moved\r\n\r\nx\r\n")
        one.imap("s", "SELECT target")
        other.imap("s", "SELECT source")
        self.assertIn(b"m OK", other.imap("m", "MOVE 1 target"))
        said = one.imap("f", "UID FETCH 1:* (FLAGS BODY.PEEK[HEADER])")
        self.assertIn(b"* 1 EXISTS", said)
        self.assertIn(b"Subject: moved", said)

    def test_copies_of_copies(self):
        connection = self.login()
        connection.imap("c", "CREATE copies")
        self.append(connection, "copies", b"Subject: again\r\n\r\nx\r\n")
        connection.imap("s", "SELECT copies")
        for _ in range(3):
            self.assertIn(b"k OK [COPYUID", connection.imap("k", "UID COPY 1 copies"))
        self.assertIn(b"m OK", connection.imap("m", "UID MOVE 1 copies"))
        self.assertEqual(connection.imap("f", "FETCH 1:* BODY.PEEK[]").count(b"Subject: again"), 4)

    def test_folders_of_any_script(self):
        connection = self.login("bob")
        for name in ("a&-b", "&-", "&-&-", "&2D3eAA-", "&2D3cZtg93Gc-", "&ZeVnLIqe-", "&U,BTFw-", "&AOk-t&AOk-", "x/&2D3cqQ-"):
            self.assertIn(b"a OK", connection.imap("a", f'CREATE "{name}"'), name)
            self.assertIn(name.encode(), connection.imap("b", 'LIST "" *'), name)
            self.assertIn(b"c OK", connection.imap("c", f'SELECT "{name}"'), name)
            self.assertIn(b"d OK", connection.imap("d", f'RENAME "{name}" "r{name}"'), name)
            self.assertIn(b"e OK", connection.imap("e", f'DELETE "r{name}"'), name)


class Imaplib(ImapCase):
    """What Python's imaplib makes of the answers."""

    def setUp(self):
        self.client = self.demo.imap("bob")
        self.addCleanup(self.client.logout)
        self.client.create("sorted")
        self.client.select("sorted")
        if self.client.search(None, "ALL")[1] == [b""]:
            for subject, sent, extra in (("pear", 3, ""), ("Re: apple", 2, "References: <1@x>\r\n"), ("apple", 1, "Message-ID: <1@x>\r\n")):
                text = f"Subject: {subject}\r\nDate: {sent} Nov 2026 12:00:00 +0000\r\n{extra}\r\nx\r\n"
                self.client.append("sorted", None, None, text.encode())
            self.client.noop()

    def test_sort_and_thread(self):
        self.assertEqual(self.client.sort("SUBJECT REVERSE DATE", "UTF-8", "ALL"), ("OK", [b"2 3 1"]))
        self.assertEqual(self.client.uid("SORT", "(REVERSE SUBJECT)", "US-ASCII", "NOT", "SUBJECT", "x"), ("OK", [b"1 2 3"]))
        self.assertEqual(self.client.thread("REFERENCES", "UTF-8", "ALL"), ("OK", [b"(3 2)(1)"]))
        self.assertEqual(self.client.thread("ORDEREDSUBJECT", "UTF-8", "1:2"), ("OK", [b"(2)(1)"]))

    def test_quota(self):
        status, (roots, quotas) = self.client.getquotaroot("sorted")
        self.assertEqual((status, roots, quotas), ("OK", [b"sorted"], [None]), "no limit, no quota root")
        self.assertEqual(self.client.getquota('""')[0], "NO")

    def test_preview_and_binary(self):
        self.assertEqual(self.client.fetch("1", "(PREVIEW (LAZY))"), ("OK", [b'1 (PREVIEW "x")']))
        self.assertEqual(self.client.fetch("1", "(BINARY.SIZE[1])"), ("OK", [b"1 (BINARY.SIZE[1] 3)"]))
        self.assertEqual(self.client.fetch("1", "(BINARY.PEEK[1])"), ("OK", [(b"1 (BINARY[1] {3}", b"x\r\n"), b")"]))


class Rev2(ImapCase):
    """Old and new clients beside each other (RFC 9051 appendix A)."""

    def test_names_and_letters_in_both_forms(self):
        old, new = self.login(), self.login()
        self.assertIn(b"* ENABLED IMAP4rev2\r\n", new.imap("e", "ENABLE IMAP4rev2"))
        self.assertIn(b"c OK", new.imap("c", 'CREATE "Grüße/R&D"'.encode()))
        self.assertIn(b"Gr&APwA3w-e/R&-D\r\n", old.imap("l", 'LIST "" Gr*'))
        letter = "Subject: Grüße\r\n\r\nHallo\r\n".encode()
        self.append(old, "Gr&APwA3w-e/R&-D", letter)
        self.assertIn('LIST (\\HasNoChildren) "/" "Grüße/R&D"'.encode(), new.imap("s", 'SELECT "Grüße/R&D"'.encode()))
        self.assertIn('"Grüße"'.encode(), new.imap("f", "FETCH 1 ENVELOPE"))
        self.assertIn(b'* ESEARCH (TAG "h") ALL 1\r\n', new.imap("h", 'SEARCH SUBJECT "grüße"'.encode()))
        old.imap("s", "SELECT Gr&APwA3w-e/R&-D")
        self.assertIn(b'"=?utf-8?', old.imap("f", "FETCH 1 ENVELOPE"))
        self.assertIn(letter, old.imap("g", "FETCH 1 BODY.PEEK[]"))
        self.assertIn(b"* SEARCH 1\r\n", old.imap("h", "SEARCH ALL"))

    def test_a_draft_is_replaced_by_parts_of_itself(self):
        client, other = self.login("bob"), self.login("bob")
        picture = b"x" * 1_000_000
        self.append(client, "Drafts", b"Subject: one\r\n\r\n" + picture)
        client.imap("s", "SELECT Drafts")
        other.imap("s", "SELECT Drafts")
        head = b"Subject: two\r\n\r\n"
        answer = client.imap("r", b'UID REPLACE 1 Drafts CATENATE (TEXT {%d+}\r\n%s URL "/Drafts/;UID=1/;SECTION=TEXT")'
                             % (len(head), head))
        self.assertRegex(answer, rb"^\* OK \[APPENDUID \d+ 2\] [^*]*\* 2 EXISTS\r\n\* \d RECENT\r\n\* 1 EXPUNGE\r\nr OK ")
        self.assertIn(b"* 1 FETCH (UID 2 RFC822.SIZE %d)" % (len(head) + len(picture)),
                      client.imap("f", "UID FETCH 1:* (UID RFC822.SIZE)"))
        self.assertIn(b"* 1 EXPUNGE\r\n* 1 EXISTS\r\n", other.imap("n", "NOOP"))

    def test_imaplib_with_utf8(self):
        client = self.demo.imap("alice")
        self.addCleanup(client.logout)
        self.assertEqual(client.enable("UTF8=ACCEPT")[0], "OK")
        self.assertEqual(client.create('"Übung"')[0], "OK")
        self.assertIn('"Übung"'.encode(), b"".join(client.list()[1]))
        self.assertEqual(client.select('"Übung"')[0], "OK")
        self.assertEqual(client.search(None, "SUBJECT", '"ü"'), ("OK", [b""]))


class MendedImaplib(imaplib.IMAP4):
    """imaplib as of python/cpython#78319: the UTF8 data item is around the literal."""

    def append(self, mailbox, flags, date_time, message):
        arguments = [mailbox, *([flags] if flags else []), *([imaplib.Time2Internaldate(date_time)] if date_time else [])]
        tag = self._new_tag()
        self.send(tag + (" APPEND %s UTF8 (~{%d}\r\n" % (" ".join(arguments), len(message))).encode())
        while self._get_response():
            if self.tagged_commands[tag]:
                break
        self.send(message + b")\r\n")
        return self._command_complete("APPEND", tag)


class Utf8Append(ImapCase):
    """What imaplib appends once UTF8=ACCEPT is enabled is stored as it is, in accounts of each format."""
    LETTER = "Subject: Grüße (eins)\r\nFrom: Jürgen <jürgen@example.test>\r\n\r\nHallo (wohl)\r\n".encode()

    def check(self, kind):
        for name in ("alice", "carol", "dave"):
            with self.subTest(name):
                client = kind("127.0.0.1", self.demo.ports["imap"], timeout=30)
                self.addCleanup(client.__exit__)
                client.login(self.demo.address(name), self.demo.password(name))
                self.assertEqual(client.enable("UTF8=ACCEPT")[0], "OK")
                client.create('"Entwürfe"')
                large = self.LETTER + b"more of it\r\n" * 30_000
                for letter, flags, date in ((self.LETTER, None, None), (self.LETTER, "(\\Seen)", None),
                                            (large, "(\\Draft)", time.time())):
                    self.assertEqual(client.append('"Entwürfe"', flags, date, letter)[0], "OK")
                    client.select('"Entwürfe"')
                    status, answer = client.fetch("*", "(RFC822.SIZE FLAGS BODY.PEEK[])")
                    self.assertEqual((status, answer[0][1]), ("OK", letter))
                    self.assertIn(b"RFC822.SIZE %d " % len(letter), answer[0][0])
                    client.close()

    def test_imaplib_as_it_is(self):
        self.check(imaplib.IMAP4)

    def test_imaplib_as_it_will_be(self):
        self.check(MendedImaplib)


class Compressed(ImapCase):
    """RFC 4978 over TLS, with zlib on this side."""

    def test_a_mailbox_shrinks(self):
        connection = self.connect("imaps")
        connection.imap("l", f"LOGIN {self.demo.address('bob')} {self.demo.password('bob')}")
        self.assertIn(b"c OK", connection.imap("c", "COMPRESS DEFLATE"))
        out, back = zlib.compressobj(wbits=-15), zlib.decompressobj(wbits=-15)
        received = 0

        def ask(tag, text):
            nonlocal received
            connection.send(out.compress(f"{tag} {text}\r\n".encode()) + out.flush(zlib.Z_SYNC_FLUSH))
            answer = b""
            while not re.search(rb"(^|\n)%s (OK|NO|BAD)[^\n]*\n$" % tag.encode(), answer):
                piece = connection.socket.recv(65536)
                self.assertTrue(piece)
                received += len(piece)
                answer += back.decompress(piece)
            return answer

        text = "Subject: zip\r\n\r\n" + "the same line again\r\n" * 5000
        self.assertIn(b"a OK", ask("a", f"APPEND INBOX {{{len(text)}+}}\r\n{text}"))
        self.assertIn(b"s OK", ask("s", "SELECT INBOX"))
        self.assertIn(text.encode(), ask("f", "FETCH * BODY.PEEK[]"))
        self.assertLess(received, 5000)


class ManyAtOnce(ImapCase):
    """RFC 3502 over a real socket: all letters or none."""

    def test_five_hundred_letters_in_one_command(self):
        connection = self.login()
        connection.imap("c", "CREATE many")
        letter = b" {20+}\r\nSubject: %04d\r\n\r\nx\r\n"
        command = b"m APPEND many" + b"".join(letter % n for n in range(500)) + b"\r\n"
        sender = threading.Thread(target=connection.send, args=(command,))
        sender.start()
        self.assertRegex(connection.imap_reply("m"), rb"m OK \[APPENDUID \d+ 1:500\]")
        sender.join()
        connection.send(b"n APPEND many" + letter % 1 + b" {20}\r\n")
        connection.line()   # "+": the connection breaks before the second letter
        connection.close()
        other = self.login()
        self.assertIn(b"MESSAGES 500 UIDNEXT 501)", other.imap("t", "STATUS many (MESSAGES UIDNEXT)"))


class Folders(ImapCase):
    def worker(self, number, problems, mine):
        """Creates, fills, renames and deletes below its own name while the others do the same below theirs."""
        dice = random.Random(number)
        connection = self.login()
        mine[f"s{number}"] = []
        connection.imap("a", f"CREATE s{number}")
        for step in range(OPERATIONS):
            name = dice.choice(list(mine))
            fresh = f"s{number}/{step}"
            kind = dice.randrange(5)
            if kind == 0:
                answer = connection.imap("a", f"CREATE {fresh}")
                mine[fresh] = []
            elif kind == 1 and name != f"s{number}":
                answer = connection.imap("a", f"RENAME {name} {fresh}")
                mine[fresh] = mine.pop(name)
            elif kind == 2 and name != f"s{number}":
                answer = connection.imap("a", f"DELETE {name}")
                del mine[name]
            else:
                mark = b"Subject: %d.%d\r\n\r\n" % (number, step)
                answer = connection.imap("a", b"APPEND %s {%d+}\r\n%s" % (name.encode(), len(mark), mark))
                mine[name].append(mark)
            if not answer.splitlines()[-1].startswith(b"a OK"):
                problems.append((number, step, kind, name, answer))
                return

    def test_four_sessions_at_once(self):
        problems, folders = [], [{} for _ in range(4)]
        threads = [threading.Thread(target=self.worker, args=(n, problems, folders[n])) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        connection = self.login()
        listed = set(re.findall(rb'"/" "?(s\d[^"\r]*)', connection.imap("l", 'LIST "" s*')))
        self.assertEqual(listed, {name.encode() for mine in folders for name in mine})
        for mine in folders:
            for name, marks in mine.items():
                self.assertIn(b"s OK", connection.imap("s", f"EXAMINE {name}"))
                found = re.findall(rb"Subject: [\d.]+\r\n\r\n", connection.imap("f", "UID FETCH 1:* BODY.PEEK[]"))
                self.assertEqual(found, marks, name)


class Watcher:
    """A client that believes what it is told, in a thread of its own: sequence numbers and flags of one mailbox."""
    FLAGS = ("\\Seen", "\\Deleted", "\\Flagged", "\\Answered", "work", "$Junk")

    def __init__(self, connection, mailbox, seed):
        self.connection, self.dice = connection, random.Random(seed)
        self.messages = []
        self.command(f"SELECT {mailbox}", True)

    def listen(self, answer, may_expunge):
        for line in answer.replace(b"{0}\r\n", b"").splitlines():
            found = re.match(rb"\* (\d+) (EXISTS|EXPUNGE|FETCH)(?:.*FLAGS \(([^)]*)\))?", line)
            if not found:
                if b" BAD " in line:
                    raise AssertionError(line)
                continue
            number, kind = int(found[1]), found[2]
            if kind == b"EXISTS":
                if number < len(self.messages):
                    raise AssertionError(f"EXISTS shrank: {line}, {len(self.messages)}")
                self.messages += [None] * (number - len(self.messages))
            elif not 1 <= number <= len(self.messages):
                raise AssertionError(f"no such message: {line}, {len(self.messages)}")
            elif kind == b"EXPUNGE":
                if not may_expunge:
                    raise AssertionError(f"not now: {line}")
                del self.messages[number - 1]
            elif found[3] is not None:
                self.messages[number - 1] = {f for f in found[3].decode().split() if f != "\\Recent"}

    def command(self, text, may_expunge):
        self.listen(self.connection.imap("x", text), may_expunge)
        # Asks for what it does not know. No flags: another session has expunged it, and EXPUNGE is to come.
        while unknown := [n + 1 for n, flags in enumerate(self.messages) if flags is None]:
            self.listen(self.connection.imap("x", f"FETCH {','.join(map(str, unknown))} (FLAGS)"), False)
            for number in unknown:
                self.messages[number - 1] = self.messages[number - 1] or set()

    def silent(self, first, last, mode, flags):
        for number in range(first - 1, last):
            old = self.messages[number]
            self.messages[number] = old | flags if mode == "+" else old - flags if mode == "-" else set(flags)

    def move(self, mailbox):
        count, kind = len(self.messages), self.dice.randrange(10)
        if count == 0 or kind == 0:
            return self.command(f"APPEND {mailbox} {{14+}}\r\nSubject: x\r\n\r\n", True)
        first = self.dice.randint(1, count)
        last = min(count, first + self.dice.randrange(3))
        flags = set(self.dice.sample(self.FLAGS, self.dice.randint(1, 3)))
        mode = self.dice.choice(("+", "-", ""))
        if kind < 4:
            silent = self.dice.random() < 0.5
            if silent:
                self.silent(first, last, mode, flags)
            return self.command(f"STORE {first}:{last} {mode}FLAGS{'.SILENT' if silent else ''} ({' '.join(flags)})", False)
        text, may_expunge = self.dice.choice((
            ("NOOP", True), ("EXPUNGE", True), (f"FETCH {first}:{last} (BODY[TEXT])", False), ("SEARCH DELETED", False),
            (f"COPY {first}:{last} {mailbox}", True), (f"MOVE {first} {mailbox}", True), ("UID SEARCH ALL", True),
            (f"UID FETCH {first}:* (FLAGS)", True), ("IDLE\r\nDONE", True)))
        return self.command(text, may_expunge)


class Views(ImapCase):
    def test_what_four_sessions_are_told_of_one_mailbox(self):
        self.login().imap("c", "CREATE shared")
        watchers = [Watcher(self.login(), "shared", seed) for seed in range(4)]
        problems = []

        def work(watcher):
            try:
                for _ in range(OPERATIONS):
                    watcher.move("shared")
            except AssertionError as problem:
                problems.append(str(problem))

        threads = [threading.Thread(target=work, args=(w,)) for w in watchers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        fresh = Watcher(self.login(), "shared", 9)
        for watcher in watchers:
            watcher.command("NOOP", True)
            self.assertEqual(watcher.messages, fresh.messages)


class News(ImapCase):
    """METADATA, CONTEXT and NOTIFY, of an account of each format (tests/e2e/frozen.py)."""
    ALL = (b"NOTIFY SET (selected (MessageNew (UID) MessageExpunge FlagChange)) (personal (MessageNew MessageExpunge FlagChange "
           b"MailboxName SubscriptionChange MailboxMetadataChange))")

    def until(self, client, *wanted):
        """Lines that come without a command, until all that is wanted came."""
        lines, left = [], list(wanted)
        while left:
            line = client.line()
            self.assertTrue(line, (left, lines))
            lines.append(line)
            left = [want for want in left if not re.search(want, line)]
        return lines

    def test_of_each_format(self):
        for name in ("alice", "carol", "dave"):
            with self.subTest(name):
                self.of_one(name)

    def of_one(self, name):
        watching, acting = self.login(name), self.login(name)
        self.assertIn(b"a OK", acting.imap("a", "CREATE Lists/One"))
        self.assertIn(b"a OK", watching.imap("a", "SELECT INBOX"))
        self.assertIn(b"b OK", watching.imap("b", self.ALL))
        self.assertIn(b"c OK", watching.imap("c", "UID SEARCH RETURN (UPDATE COUNT) UNSEEN"))
        with self.demo.smtp() as smtp:
            smtp.sendmail("a@far.test", [self.demo.address(name)], "Subject: news\r\n\r\nx\r\n")
        self.until(watching, rb"\* \d+ EXISTS", rb"FETCH \(UID \d+\)", rb'ESEARCH \(TAG "c"\) UID ADDTO \(0 \d+\)')
        letter = b"Subject: elsewhere\r\n\r\nx\r\n"
        acting.send(b"b APPEND Lists/One {%d+}\r\n%s\r\n" % (len(letter), letter))
        self.assertIn(b"b OK", acting.imap_reply("b"))
        self.until(watching, rb"\* STATUS Lists/One \(MESSAGES 1 UIDNEXT 2 ")
        self.assertIn(b"c OK", acting.imap("c", 'SETMETADATA Lists/One (/private/comment "x")'))
        self.until(watching, rb"\* METADATA Lists/One /private/comment\r")
        self.assertIn(b"d OK", acting.imap("d", "RENAME Lists Groups"))
        self.until(watching, rb'\* LIST \(\\HasChildren\) "/" Groups \("OLDNAME" \(Lists\)\)')
        self.assertIn(b'(/private/comment "x")', acting.imap("e", "GETMETADATA Groups/One /private/comment"))
        self.assertIn(b"f OK", acting.imap("f", "SELECT INBOX"))
        acting.imap("g", "STORE 1:* +FLAGS.SILENT (\\Seen \\Deleted)")
        self.until(watching, rb"FETCH .*\\Seen", rb'ESEARCH \(TAG "c"\) UID REMOVEFROM \(0 ')
        self.assertIn(b"h OK", acting.imap("h", "EXPUNGE"))
        self.until(watching, rb"\* \d+ EXPUNGE")
        self.assertIn(b"i OK", acting.imap("i", "DELETE Groups/One"))
        self.until(watching, rb'\* LIST \(\\NonExistent \\HasNoChildren\) "/" Groups/One')
        # The line is quiet then: nothing is told twice.
        self.assertRegex(watching.imap("d", "NOOP"), rb'^(\* LIST \(\\HasNoChildren\) "/" Groups\r\n)?d OK')
        self.assertEqual(watching.imap("e", "NOOP"), b"e OK NOOP done\r\n")
        self.assertIn("Nothing is damaged", self.demo.run("store", "check", check=True).stdout)


class Strangers(ImapCase):
    """Before login: short lines, literals for login only, and nobody else is hurt."""

    def test_lines_of_eight_kilobytes(self):
        connection = self.connect()
        fits = b"a LOGIN x " + b"y" * (8192 - 12) + b"\r\n"
        self.assertEqual(len(fits), 8192)
        connection.send(fits)
        self.assertIn(b"a NO [AUTHENTICATIONFAILED]", connection.imap_reply("a"))
        connection.send(fits[:-2] + b"y\r\n")
        self.assertIn(b"a BAD", connection.imap_reply("a"))
        self.assertIn(b"b OK", connection.imap("b", "NOOP"))

    def test_literals_are_for_login_only(self):
        connection = self.connect()
        for command in ("SELECT", "STATUS", "LIST", "APPEND INBOX", "SEARCH TEXT", "X", "UID FETCH", "CREATE", "ENABLE"):
            self.assertIn(b"a BAD", connection.imap("a", command + " {3}"), command)
        self.assertIn(b"a BAD", connection.imap("a", "LOGIN {1025}"))

    def test_nesting(self):
        connection = self.connect()
        for command in (b"SEARCH " + b"(" * 4000, b"SEARCH " + b"NOT " * 1900, b"ID " + b"(" * 4000,
                        b"FETCH 1 BODY[" + b"1." * 3900 + b"1]", b"STORE 1 FLAGS " + b"(" * 4000):
            self.assertIn(b"a BAD", connection.imap("a", command))

    def test_bad_ones_hurt_nobody_else(self):
        """Bad base64, half commands and broken literals on many connections; a login beside them works at once."""
        junk = (b"a AUTHENTICATE PLAIN ====\r\n", b"a AUTHENTICATE PLAIN\r\n\xff\xfe\r\n", b"a LOGIN {10+}\r\nx",
                b"a LOGIN {5}\r\n", b"\0\0\0\0\r\n", b"((((((((", b"a AUTHENTICATE SCRAM-SHA-256 biwsbj0scj0=\r\n*\r\n")
        crowd = []
        for n in range(140):
            connection = socket.create_connection(("127.0.0.1", self.demo.ports["imap"]), 20,
                                                  source_address=(f"127.0.{n}.9", 0))
            self.addCleanup(connection.close)
            connection.sendall(junk[n % len(junk)])
            crowd.append(connection)
        begin = time.monotonic()
        self.assertIn(b"f OK", self.login("bob").imap("f", "SELECT INBOX"))
        self.assertLess(time.monotonic() - begin, 5)


class Renames(ImapCase):
    def test_a_renamed_folder_stays_in_sight(self):
        connection, watcher = self.login("bob"), self.login("bob")
        for command in ("CREATE work/2025", "SUBSCRIBE work/2025", "DELETE work"):
            self.assertIn(b"a OK", connection.imap("a", command))
        watcher.imap("s", "SELECT work/2025")
        self.assertIn(b"b OK", connection.imap("b", "RENAME work done"))
        self.append(connection, "done/2025", b"Subject: late\r\n\r\n")
        wait_until(lambda: b"EXISTS" in watcher.imap("n", "NOOP"), what="the letter in the renamed folder")
        self.assertIn(b'"/" done/2025', connection.imap("c", 'LSUB "" *'))
        # RFC 3501 section 6.3.6: who takes the old name off the list is the client.
        self.assertIn(b'"/" work/2025', connection.imap("d", 'LSUB "" *'))
        self.assertIn(b"e OK", connection.imap("e", "UNSUBSCRIBE work/2025"))
        self.assertNotIn(b"work", connection.imap("f", 'LSUB "" *'))


if __name__ == "__main__":
    unittest.main()
