"""Letters from a live account on another IMAP server: Posthouse, Dovecot, and one that breaks off and lies."""
import base64
import hashlib
import json
import os
import pathlib
import pty
import re
import resource
import select
import shutil
import socket
import ssl
import subprocess
import threading
import unittest

from imap_stub import Stub
from posthouse import BINARY, Demo, run, wait_until
from test_import import Base, contents, fill, letter
from test_serve import Serve

DOVECOT = "/usr/lib/dovecot/imap"
SECRET = {"POSTHOUSE_IMPORT_PASSWORD": "sesame"}


def digests(letters):
    return sorted(hashlib.sha256(one).hexdigest() for one in letters)


class Case(Base):
    def setUp(self):
        super().setUp()
        self.demo = Demo()
        self.addCleanup(self.demo.clean)
        self.demo.start()
        self.addCleanup(self.demo.stop)
        self.empty(self.demo, "bob")

    def bring_imap(self, url, *args, status=0, env=SECRET):
        done = self.demo.run("import", self.demo.address("bob"), url, "--json", *args, env=env)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return json.loads(done.stdout) if done.stdout else done.stderr

    def found(self, mailbox="INBOX"):
        return sorted(row[0] for row in contents(self.demo, "bob")[mailbox])


class FromPosthouse(Case):
    def setUp(self):
        super().setUp()
        self.other = Demo()
        self.addCleanup(self.other.clean)
        self.other.start()
        self.addCleanup(self.other.stop)
        fill(self.other)
        self.env = {"POSTHOUSE_IMPORT_PASSWORD": self.other.password("alice")}
        self.url = f"imap://{self.other.address('alice')}@127.0.0.1:{self.other.ports['imap']}"
        self.imaps = f"imaps://{self.other.address('alice')}@127.0.0.1:{self.other.ports['imaps']}"

    def test_all_of_it_and_again(self):
        before = contents(self.other)
        total = sum(len(rows) for rows in before.values())
        would = self.bring_imap(self.url, "--dry-run", env=self.env)
        self.assertEqual(would["imported"], total)
        self.assertEqual(self.found(), [])
        done = self.bring_imap(self.url, env=self.env)
        self.assertEqual((done["imported"], done["skipped_count"]), (total, 0))
        self.assertEqual(contents(self.demo, "bob"), before)
        self.assertEqual(self.bring_imap(self.url, env=self.env)["imported"], 0)
        imap = self.other.imap()
        imap.append("INBOX", "(\\Flagged)", None, letter(999))
        imap.logout()
        self.assertEqual(self.bring_imap(self.url, "--dry-run", env=self.env)["imported"], 1)
        self.assertEqual(self.bring_imap(self.url, env=self.env)["imported"], 1)
        self.assertEqual(contents(self.demo, "bob"), contents(self.other))
        # Without what it remembers it fetches everything, and doubles nothing all the same.
        shutil.rmtree(pathlib.Path(self.demo.ready["dir"], "data/import"))
        self.assertEqual(self.bring_imap(self.url, env=self.env)["imported"], 0)
        self.assertEqual(contents(self.demo, "bob"), contents(self.other))

    def test_flags_that_changed_there(self):
        self.bring_imap(self.url, env=self.env)
        imap = self.other.imap()
        imap.select("INBOX")
        imap.store("1:5", "FLAGS", "(\\Deleted later)")
        imap.store("9", "FLAGS", "()")
        imap.logout()
        here = self.demo.imap("bob")
        here.select("INBOX")
        here.store("20", "FLAGS", "(\\Draft)")
        here.logout()
        before = contents(self.demo, "bob")
        self.assertEqual(self.bring_imap(self.url, env=self.env)["imported"], 0)
        self.assertEqual(contents(self.demo, "bob"), before, "only when asked for")
        would = self.bring_imap(self.url, "--sync-flags", "--dry-run", env=self.env)
        self.assertGreaterEqual(would["flagged"], 6)
        self.assertEqual(contents(self.demo, "bob"), before)
        self.assertEqual(self.bring_imap(self.url, "--sync-flags", env=self.env)["flagged"], would["flagged"])
        self.assertEqual(contents(self.demo, "bob"), contents(self.other))
        self.assertEqual(self.bring_imap(self.url, "--sync-flags", env=self.env)["flagged"], 0)
        # The same of letters that have to be fetched to be known.
        imap = self.other.imap()
        imap.select("INBOX")
        imap.store("3", "+FLAGS", "\\Flagged")
        imap.logout()
        shutil.rmtree(pathlib.Path(self.demo.ready["dir"], "data/import"))
        done = self.bring_imap(self.url, "--sync-flags", env=self.env)
        self.assertEqual((done["flagged"], done["imported"]), (1, 0))
        self.assertEqual(contents(self.demo, "bob"), contents(self.other))

    def test_without_a_server_of_ours(self):
        before = contents(self.other)
        self.demo.stop()
        self.bring_imap(self.url, env=self.env)
        self.assertEqual(self.bring_imap(self.url, env=self.env)["imported"], 0)
        self.assertIn("Nothing is damaged", self.demo.run("store", "check", check=True).stdout)
        self.demo.start()
        self.assertEqual(contents(self.demo, "bob"), before)

    def test_tls_is_checked(self):
        told = self.bring_imap(self.imaps, status=77, env=self.env)
        self.assertIn("certificate", told)
        self.assertGreater(self.bring_imap(self.imaps, "--insecure", env=self.env)["imported"], 0)
        pem = ssl.get_server_certificate(("127.0.0.1", self.other.ports["imaps"]))
        pathlib.Path(self.path("ca.pem")).write_text(pem)
        self.assertEqual(self.bring_imap(self.imaps, "--ca-file", self.path("ca.pem"), env=self.env)["imported"], 0)

    def test_passwords(self):
        told = self.bring_imap(self.url, status=77)
        self.assertIn("AUTHENTICATIONFAILED", told)
        pathlib.Path(self.path("password")).write_text(self.other.password("alice") + "\nmore\n")
        self.assertGreater(self.bring_imap(self.url, "--password-file", self.path("password"), env={})["imported"], 0)
        told = self.bring_imap(self.url.replace("@", ":demo@", 1).replace("%40", "@"), status=65)
        self.assertIn("--password-file", told)

    def on_terminal(self, typed):
        """What is shown until the end, and the exit status."""
        environment = {k: v for k, v in os.environ.items() if k != "POSTHOUSE_IMPORT_PASSWORD"}
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe(BINARY, [BINARY, "import", self.demo.address("bob"), self.url, "--folder", "Sent", "--config",
                                self.demo.config], environment)
        shown = b""

        def read():
            nonlocal shown
            if select.select([terminal], [], [], 20)[0]:
                try:
                    shown += os.read(terminal, 4096)
                except OSError:   # it ended
                    return False
                return True
            self.fail(shown)

        while b"Password of" not in shown and read():
            pass
        os.write(terminal, typed)
        while read():
            pass
        os.close(terminal)
        return shown, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def test_the_password_is_asked_on_a_terminal(self):
        shown, status = self.on_terminal(b"wrong\x7f\x7f\x15" + self.other.password("alice").encode() + b"\n")
        self.assertEqual(status, 0, shown)
        self.assertIn(b"3 letters imported", shown)
        self.assertNotIn(self.other.password("alice").encode() + b"\r", shown, "what is typed is not shown")
        for keys in (b"\n", b"demo\x03"):   # Ctrl-C
            shown, status = self.on_terminal(keys)
            self.assertEqual(status, 65, shown)
            self.assertIn(b"no password", shown)

    def test_folders_are_chosen(self):
        done = self.bring_imap(self.url, "--folder", "Work", "--folder", "Sent", "--into", "Old", env=self.env)
        self.assertEqual([(m["from"], m["to"]) for m in done["mailboxes"]],
                         [("Sent", "Old/Sent"), ("Work", "Old/Work"), ("Work/Plans.2026", "Old/Work/Plans.2026")])
        done = self.bring_imap(self.url, "--exclude", "Work", "--exclude", "INBOX", env=self.env)
        names = {m["from"] for m in done["mailboxes"]}
        self.assertNotIn("INBOX", names)
        self.assertNotIn("Work/Plans.2026", names)
        self.assertIn("日本語/ok", names)
        done = self.demo.run("import", "--folder", "Sent", "--exclude", "Work", self.demo.address("bob"), self.url, env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.bring_imap(self.url, "--folder", "Nowhere", status=66, env=self.env).count("chosen"), 1)

    def test_files_too_have_folders_to_choose(self):
        out = self.path("out")
        self.take(self.other, out)
        done = self.bring(self.demo, out, "--folder", "Sent", "--folder", "v1.2", "--exclude", "v1.2")
        self.assertEqual([m["from"] for m in done["mailboxes"]], ["Sent"])
        self.assertEqual(done["imported"], 3)
        self.assertEqual(self.demo.run("import", self.demo.address("bob"), out, "--all-mail").returncode, 65)

    def test_what_was_expunged_here(self):
        self.bring_imap(self.url, env=self.env)
        self.empty(self.demo, "bob")
        count = len(contents(self.other)["INBOX"])
        self.assertEqual(self.bring_imap(self.url, "--only-new", env=self.env)["imported"], 0)
        self.assertEqual(self.bring_imap(self.url, env=self.env)["imported"], count)


class FromDovecot(Case):
    """Its IMAP process for each connection, logged in already, with a prefix, other separators and special uses."""

    def setUp(self):
        super().setUp()
        self.as_user = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] if os.geteuid() == 0 else []
        home = pathlib.Path(self.folder, "home")
        home.mkdir()
        self.conf = pathlib.Path(self.folder, "dovecot.conf")
        self.conf.write_text(
            f"log_path={home}/log\nmail_location = maildir:{home}/Maildir\nfirst_valid_uid = 0\n"
            "namespace inbox {\n  inbox = yes\n  separator = .\n  prefix = INBOX.\n"
            "  mailbox Gesendet {\n    special_use = \\Sent\n    auto = create\n  }\n"
            "  mailbox Everything {\n    special_use = \\All\n    auto = create\n  }\n}\n")
        if self.as_user:
            pathlib.Path(self.folder).chmod(0o755)
            shutil.chown(home, "nobody", "nogroup")
        self.environment = dict(os.environ, HOME=str(home), USER="nobody")
        self.processes = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()
        self.addCleanup(self.stop_serving)
        self.url = f"imap://nobody@127.0.0.1:{self.socket.getsockname()[1]}"

    def serve(self):
        while True:
            try:
                peer = self.socket.accept()[0]
            except OSError:
                return
            with peer:
                self.processes.append(subprocess.Popen([*self.as_user, DOVECOT, "-c", self.conf], stdin=peer, stdout=peer,
                                                       stderr=subprocess.DEVNULL, env=self.environment))

    def stop_serving(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for process in self.processes:
            process.wait(60)

    def dovecot(self, *commands):
        script = b"".join(b"c%d %s\r\n" % (i, c) for i, c in enumerate(commands)) + b"q LOGOUT\r\n"
        done = subprocess.run([*self.as_user, DOVECOT, "-c", self.conf], input=script, capture_output=True, timeout=60,
                              env=self.environment)
        for i in range(len(commands)):
            self.assertIn(b"c%d OK" % i, done.stdout)

    def append(self, mailbox, flags, text):
        return b'APPEND "%s" (%s) "17-Jul-2016 02:44:25 -0700" {%d+}\r\n%s' % (mailbox, flags, len(text), text)

    def test_all_of_it(self):
        large = letter(7, size=3_000_000)
        odd = b"Subject: \xe4\xff raw\r\n\r\n\r\n.\r\n{5}\r\n) OK\r\n"
        self.dovecot(self.append(b"INBOX", b"\\Seen \\Flagged $Label1 travel", letter(1)), self.append(b"INBOX", b"", large),
                     self.append(b"INBOX", b"\\Answered \\Draft \\Deleted", odd), self.append(b"INBOX", b"", letter(1)),
                     b'CREATE "INBOX.Gro&AN8-.A B"', self.append(b"INBOX.Gro&AN8-.A B", b"", letter(3)),
                     self.append(b"INBOX.Gesendet", b"\\Seen", letter(4)), self.append(b"INBOX.Everything", b"", letter(1)))
        done = self.bring_imap(self.url)
        self.assertEqual((done["imported"], done["skipped"]), (6, []))
        self.assertEqual(len(done["left_out"]), 1)
        self.assertIn("INBOX.Everything", done["left_out"][0])
        got = contents(self.demo, "bob")
        self.assertEqual(self.found(), digests([letter(1), large, odd, letter(1)]))
        self.assertIn((hashlib.sha256(letter(1)).hexdigest(), ("$Label1", "\\Flagged", "\\Seen", "travel"), 1468748665),
                      got["INBOX"])
        self.assertIn((hashlib.sha256(odd).hexdigest(), ("\\Answered", "\\Deleted", "\\Draft"), 1468748665), got["INBOX"])
        self.assertEqual([row[1] for row in got["Sent"]], [("\\Seen",)], "\\Sent is ours, whatever its name there")
        self.assertEqual(self.found("Gro&AN8-/A B"), digests([letter(3)]))
        self.assertNotIn("Everything", got)
        self.assertEqual(self.bring_imap(self.url)["imported"], 0)
        self.dovecot(self.append(b"INBOX", b"", letter(9)))
        self.assertEqual(self.bring_imap(self.url, "--all-mail")["imported"], 2)
        self.assertEqual(contents(self.demo, "bob")["Everything"][0][0], digests([letter(1)])[0])

    def test_a_thousand(self):
        letters = [letter(n) for n in range(1000)]
        self.dovecot(*(self.append(b"INBOX", b"", one) for one in letters))
        self.assertEqual(self.bring_imap(self.url)["imported"], 1000)
        self.assertEqual(self.found(), digests(letters))


class Breaking(Case):
    """The scripted server."""

    LETTERS = [letter(n) for n in range(30)]

    def stub(self, mailboxes=None, **more):
        return self.enterContext(Stub(mailboxes or {"INBOX": self.LETTERS}, **more))

    def test_a_repeat_fetches_nothing(self):
        stub = self.stub()
        self.assertEqual(self.bring_imap(stub.url())["imported"], 30)
        self.assertEqual(stub.sent, 30)
        self.assertEqual(self.bring_imap(stub.url())["imported"], 0)
        self.assertEqual(stub.sent, 30)
        stub.mailboxes["INBOX"].append((1000, letter(77)))
        self.assertEqual(self.bring_imap(stub.url())["imported"], 1)
        self.assertEqual(stub.sent, 31)
        stub.validity = 8   # all UIDs may mean something else now
        stub.mailboxes["INBOX"].reverse()
        stub.mailboxes["INBOX"] = [(uid, one) for (uid, _), (_, one) in
                                   zip(sorted(stub.mailboxes["INBOX"]), stub.mailboxes["INBOX"])]
        self.assertEqual(self.bring_imap(stub.url())["imported"], 0)
        self.assertEqual(stub.sent, 62)
        self.assertEqual(self.found(), digests([*self.LETTERS, letter(77)]))

    def test_what_is_twice_comes_twice(self):
        stub = self.stub({"INBOX": [letter(1), letter(1)]})
        self.assertEqual(self.bring_imap(stub.url())["imported"], 2)
        stub.mailboxes["INBOX"].append((30, letter(1)))
        self.assertEqual(self.bring_imap(stub.url())["imported"], 1)
        self.assertEqual(self.bring_imap(stub.url())["imported"], 0)
        self.assertEqual(self.found(), digests([letter(1)] * 3))

    def test_more_keywords_than_there_is_room_for(self):
        stub = self.stub({"INBOX": [letter(1), letter(2)]})
        stub.flags = {10: "\\Seen \\Odd $A " + "x" * 200, 20: " ".join(f"k{n}" for n in range(300))}
        self.assertEqual(self.bring_imap(stub.url())["imported"], 2)
        rows = contents(self.demo, "bob")["INBOX"]
        self.assertIn((digests([letter(1)])[0], ("$A", "\\Seen"), 1422784800), rows)
        self.assertEqual(self.bring_imap(stub.url(), "--sync-flags")["imported"], 0)

    def test_letters_that_files_keep_in_another_form(self):
        """They are shown as they came, and don't come again either."""
        odd = [b"Subject: a\r\n\r\nno end", b"Subject: b\r\n\r\nbare\nlf\r\n", b"Subject: c\r\n\r\nbare\rcr\r\n",
               b"Subject: d\r\n\r\nFrom x\r\n>From y\r\n", b"Subject: f\r\n",
               b"Status: RO\r\nX-UID: 7\r\nFrom: z@y\r\nContent-Length: 5\r\n\r\nhi\r\n\r\n\r\n", b"no header at all",
               b"\r\n\r\nbody\r\n", b"Subject: g\r\n\r\ncrcr\r\r\n",
               b"Status: O\r\nSubject: long\r\n\r\n" + b"bare\nFrom here\r\n" * 100_000]
        stub = self.stub({"INBOX": odd})
        for name in ("bob", "carol", "dave"):
            for imported in (len(odd), 0):
                done = self.demo.run("import", self.demo.address(name), stub.url(), "--into", "Odd", "--json", env=SECRET)
                self.assertEqual(json.loads(done.stdout)["imported"], imported, name)
            self.assertEqual(sorted(row[0] for row in contents(self.demo, name)["Odd"]), digests(odd), name)
        shutil.rmtree(pathlib.Path(self.demo.ready["dir"], "data/import"))
        for name in ("bob", "carol", "dave"):
            done = self.demo.run("import", self.demo.address(name), stub.url(), "--into", "Odd", "--json", env=SECRET)
            self.assertEqual(json.loads(done.stdout)["imported"], 0, name)

    def test_connections_that_break(self):
        stub = self.stub()
        broken = set()

        def once(connection, number, uid, text):
            if uid % 70 == 0 and uid not in broken:   # in the middle of the letter
                broken.add(uid)
                connection.send(b"* %d FETCH (UID %d BODY[] {%d}\r\n%s" % (number, uid, len(text), text[:20]))
                connection.close()
                return True
            return False

        stub.before_letter = once
        self.assertEqual(self.bring_imap(stub.url())["imported"], 30)
        self.assertEqual(len(broken), 4)
        self.assertEqual(self.found(), digests(self.LETTERS))
        self.assertEqual(self.bring_imap(stub.url())["imported"], 0)

    def test_a_letter_at_which_every_connection_ends(self):
        stub = self.stub()

        def always(connection, number, uid, text):
            if uid == 120:
                connection.close()
            return uid == 120

        stub.before_letter = always
        done = self.bring_imap(stub.url(), status=65)
        self.assertEqual(done["imported"], 29)
        self.assertIn("UID 120", done["skipped"][0])
        self.assertEqual(done["skipped_count"], 1)

    def test_a_literal_that_lies(self):
        for size in (5, 1_000_000):
            stub = self.stub()

            def lie(connection, number, uid, text, size=size):
                if uid == 40:
                    connection.letter(number, uid, text, size)
                    connection.close()
                return uid == 40

            stub.before_letter = lie
            done = self.bring_imap(stub.url(), "--into", f"Lies{size}", status=65)
            self.assertEqual((done["imported"], done["skipped_count"]), (29, 1))
            self.assertEqual(self.found(f"Lies{size}"), digests(one for n, one in enumerate(self.LETTERS) if n != 3))

    def test_letters_that_are_refused_or_not_sent(self):
        stub = self.stub()

        def fetch(connection, tag, words):
            wanted = [uid for _, uid, _ in connection.wanted(words[2])]
            if 50 in wanted and b"BODY.PEEK[]" in b" ".join(words):
                for number, uid, text in connection.wanted(words[2]):
                    if uid < 50:
                        connection.letter(number, uid, text)
                connection.send(tag + b" NO [EXPUNGEISSUED] a letter is damaged\x1b[31m\r\n")
            else:
                connection.do_uid_fetch(tag, b" ".join(words), words)

        def skip(connection, number, uid, text):
            if uid == 100:     # it is there, and does not come
                connection.send(b"* %d FETCH (UID %d FLAGS ())\r\n" % (number, uid))
            if uid == 110:     # no word of it
                pass
            if uid == 120:     # NIL
                connection.send(b"* %d FETCH (UID %d BODY[] NIL)\r\n" % (number, uid))
            if uid == 130:     # gone meanwhile
                connection.stub.mailboxes["INBOX"][:] = [m for m in connection.stub.mailboxes["INBOX"] if m[0] != 130]
            if uid == 140:     # as a quoted string
                connection.send(b'* %d FETCH (BODY[] "Subject: x" UID %d)\r\n' % (number, uid))
            return uid in (100, 110, 120, 130, 140)

        stub.on["UID FETCH"] = fetch
        stub.before_letter = skip
        done = self.bring_imap(stub.url(), status=65)
        told = "\n".join(done["skipped"])
        for uid in (50, 100, 110, 120):
            self.assertIn(f"UID {uid}:", told)
        self.assertEqual(done["skipped_count"], 4, told)
        self.assertNotIn("\x1b", told)
        left_out = {4, 9, 10, 11, 12, 13}
        self.assertEqual(self.found(), digests([*(one for n, one in enumerate(self.LETTERS) if n not in left_out),
                                                b"Subject: x"]))

    def test_prefixes_views_and_other_people(self):
        stub = self.stub({"INBOX": [letter(1)], "INBOX.Lists.C&APY-": [letter(2)], "INBOX.Sent Mail": [letter(3)],
                          "[Gmail]": [], "INBOX.All Mail": [letter(1)], "INBOX.Important": [letter(1)],
                          "user.ben": [letter(4)]})
        stub.attributes = {"[Gmail]": "\\Noselect", "INBOX.Sent Mail": "\\Sent", "INBOX.All Mail": "\\All",
                           "INBOX.Important": "\\Important"}
        stub.namespace = b'(("INBOX." ".")) (("user." ".")) NIL'
        stub.on["LIST"] = lambda connection, tag, words: (
            [connection.send(f'* LIST ({stub.attributes.get(name, "")}) "." "{name}"\r\n'.encode())
             for name in stub.mailboxes], connection.ok(tag))
        done = self.bring_imap(stub.url())
        self.assertEqual({(m["from"], m["to"]) for m in done["mailboxes"]},
                         {("INBOX", "INBOX"), ("Lists/Cö", "Lists/Cö"), ("Sent Mail", "Sent")})
        self.assertEqual(len(done["left_out"]), 3)
        self.assertEqual(done["imported"], 3)

    def test_names_in_utf8(self):
        stub = self.stub({"INBOX": [], "Entwürfe & Co": [letter(1)]})
        stub.capabilities = b"IMAP4rev1 ENABLE UTF8=ACCEPT AUTH=PLAIN SASL-IR"
        stub.on["ENABLE"] = lambda c, tag, words: (c.send(b"* ENABLED UTF8=ACCEPT\r\n"), c.ok(tag))
        self.assertEqual(self.bring_imap(stub.url())["imported"], 1)
        self.assertEqual(self.found("Entw&APw-rfe &- Co"), digests([letter(1)]))

    def test_tokens(self):
        pathlib.Path(self.path("token")).write_text("abc.def\n")
        for mechanism, said in (("XOAUTH2", "user=ann\1auth=Bearer abc.def\1\1"),
                                ("OAUTHBEARER", "n,a=ann,\1host=127.0.0.1\1port=PORT\1auth=Bearer abc.def\1\1")):
            stub = self.stub()
            stub.capabilities = b"IMAP4rev1 SASL-IR AUTH=" + mechanism.encode()
            self.bring_imap(stub.url(), "--token-file", self.path("token"), "--into", mechanism)
            sent = stub.wait_commands("AUTHENTICATE " + mechanism)[0].split()[-1]
            self.assertEqual(base64.b64decode(sent).decode(), said.replace("PORT", str(stub.port)))
        # Without SASL-IR, and refused with a reason that wants an answer.
        stub = self.stub()
        stub.capabilities = b"IMAP4rev1 AUTH=XOAUTH2"
        heard = []

        def refuse(connection, tag, words):
            with connection.peer.makefile("rb") as lines:
                connection.send(b"+ \r\n")
                heard.append(lines.readline())
                connection.send(b"+ eyJ9\r\n")
                heard.append(lines.readline())
                connection.send(tag + b" NO [AUTHENTICATIONFAILED] old\r\n")

        stub.on["AUTHENTICATE"] = refuse
        self.bring_imap(stub.url(), "--token-file", self.path("token"), status=77)
        self.assertEqual(heard[1], b"\r\n")

    def test_no_password_in_clear_text(self):
        stub = self.stub(host="0.0.0.0")
        url = stub.url(host="0.0.0.0")   # this host, under a name that is not known as such
        self.assertIn("no TLS", self.bring_imap(url, status=77))
        stub.greeting = b"* PREAUTH hello\r\n"
        self.assertIn("no TLS", self.bring_imap(url, status=77))
        self.assertEqual((stub.logins, stub.wait_commands("LOGIN")), (0, []))
        stub.greeting = Stub.greeting
        self.assertEqual(self.bring_imap(url, "--plaintext")["imported"], 30)
        # What comes with the answer to STARTTLS was not protected.
        stub.capabilities += b" STARTTLS"
        stub.on["STARTTLS"] = lambda c, tag, words: c.send(tag + b" OK go\r\n* CAPABILITY IMAP4rev1\r\n")
        self.assertIn("before TLS", self.bring_imap(url, status=77))

    def test_servers_that_talk_without_end(self):
        def flood(text):
            def talk(connection, tag, words):
                while True:
                    connection.send(text)
            return talk

        for command, text, status, told in (
                ("CAPABILITY", b"* OK still here\r\n" * 1000, 69, "without end"),
                ("LIST", b"* " + b"x" * 65536, 65, "too long"),
                ("LIST", b'* LIST () "/" "a"\r\n' * 1000, 69, "mailboxes"),
                ("EXAMINE", b"* 5 EXPUNGE\r\n" * 1000, 69, "without end"),
                ("UID FETCH", b"* 1 FETCH (UID 7 RFC822.SIZE 9)\r\n" * 1000, 69, "more letters"),
                ("STATUS", b"* LIST () NIL {16385}\r\n", 65, "too long"),
                ("NAMESPACE", b"HTTP/1.1 200 OK\r\n", 65, "can't be read")):
            with self.subTest(command=command, told=told):
                stub = self.stub()
                stub.on[command] = flood(text)
                self.assertIn(told, self.bring_imap(stub.url(), status=status))
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        self.assertLess(peak, 256 * 1024 * (8 if "asan" in BINARY or "tsan" in BINARY else 1))

    def test_servers_that_take_for_ever(self):
        """One says nothing, one drips octets, one only says that it is there, and one drips a letter."""
        ended = threading.Event()
        self.addCleanup(ended.set)

        def drip(text):
            def talk(connection, *_):
                while not ended.wait(0.4):
                    connection.send(text)
            return talk

        def letter_by_octets(connection, number, uid, text):
            connection.send(b"* %d FETCH (UID %d BODY[] {5000}\r\n" % (number, uid))
            drip(b"x")(connection)

        stubs = {name: self.stub() for name in ("silent", "dripping", "useless", "letter")}
        stubs["silent"].on["CAPABILITY"] = lambda *_: ended.wait()
        stubs["dripping"].on["LIST"] = drip(b"x")
        stubs["useless"].on["EXAMINE"] = drip(b"* OK still here\r\n")
        stubs["letter"].before_letter = letter_by_octets
        accounts = dict(zip(stubs, ("alice", "bob", "carol", "dave")))
        commands = {name: subprocess.Popen(
            [BINARY, "import", self.demo.address(accounts[name]), stub.url(), "--timeout", "1s", "--config", self.demo.config],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **SECRET}) for name, stub in stubs.items()}
        try:
            for name in ("useless", "letter"):   # given up and tried anew; the end is that of the others
                wait_until(lambda stub=stubs[name]: len(stub.connections) > 1, 60, f"a second connection: {name}")
                commands[name].kill()
            for name, told in (("silent", "said nothing of use for 1 s"), ("dripping", "too slow")):
                _, words = commands[name].communicate(timeout=180)
                self.assertEqual(commands[name].returncode, 75, (name, words))
                self.assertIn(told, words.decode())
        finally:
            for command in commands.values():
                command.kill()
                command.communicate()

    def test_letters_without_measure(self):
        """Nothing is held in memory, or on the disk, of what is too large to be true."""
        for size in (b"1073741825", b"99999999999999999999999", b"-1"):  # each is tried again for a while
            with self.subTest(size=size):
                stub = self.stub()

                def flood(connection, number, uid, text, size=size):
                    connection.send(b"* %d FETCH (UID %d BODY[] {%s}\r\n" % (number, uid, size))
                    while True:
                        connection.send(b"x" * 65536)

                stub.before_letter = flood
                done = self.demo.run("import", self.demo.address("bob"), stub.url(), "--json", env=SECRET)
                self.assertIn(done.returncode, (65, 75), done.stdout + done.stderr)
                self.assertRegex(done.stdout + done.stderr, "a letter of|does not speak IMAP|too long")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        self.assertLess(peak, 256 * 1024 * (8 if "asan" in BINARY or "tsan" in BINARY else 1))

    def test_later(self):
        stub = self.stub()
        stub.on["AUTHENTICATE"] = lambda c, tag, words: c.send(tag + b" NO [UNAVAILABLE] later\r\n")
        self.assertIn("UNAVAILABLE", self.bring_imap(stub.url(), status=75))
        stub.on = {"CAPABILITY": lambda c, tag, words: c.send(b"* BYE too many\r\n")}
        self.assertIn("too many", self.bring_imap(stub.url(), status=75))
        tries = []

        def throttle(connection, tag, words):   # once
            if b"BODY.PEEK[]" in b" ".join(words) and not tries:
                tries.append(1)
                connection.send(tag + b" NO [THROTTLED] slowly\r\n")
            else:
                connection.do_uid_fetch(tag, b" ".join(words), words)

        stub.on = {"UID FETCH": throttle}
        self.assertEqual(self.bring_imap(stub.url())["imported"], 30)

    def test_a_login_that_is_refused_in_the_middle(self):
        stub = self.stub()
        refused = []

        def close_once(connection, number, uid, text):
            if uid == 150 and not refused:
                refused.append(1)
                connection.close()
                return True
            return False

        def login(connection, tag, words):
            if len(refused) == 1:
                refused.append(2)
                connection.send(tag + b" NO [ALERT] Too many simultaneous connections\r\n")
            else:
                connection.do_authenticate(tag, b"", words)

        stub.before_letter = close_once
        stub.on["AUTHENTICATE"] = login
        self.assertEqual(self.bring_imap(stub.url())["imported"], 30)
        self.assertEqual(refused, [1, 2])

    def test_a_mailbox_that_may_not_be_read(self):
        stub = self.stub({"INBOX": self.LETTERS, "Secret": [letter(1)]})

        def examine(connection, tag, words):
            if b"Secret" in words[1]:
                connection.send(tag + b" NO [NOPERM] no\r\n")
            else:
                connection.do_examine(tag, b" ".join(words), words)

        stub.on["EXAMINE"] = examine
        done = self.bring_imap(stub.url(), status=65)
        self.assertEqual(done["imported"], 30)
        self.assertIn("NOPERM", done["skipped"][0])


class AsRoot(Base):
    @unittest.skipUnless(os.geteuid() == 0, "only root can become the server's user")
    def test_root_becomes_the_servers_user(self):
        pathlib.Path(self.path("password")).write_text("sesame\n")
        pathlib.Path(self.path("password")).chmod(0o600)
        pathlib.Path(self.folder).chmod(0o700)
        server = Serve()
        self.addCleanup(server.clean)
        stub = self.enterContext(Stub({"INBOX": [letter(1)]}))
        who = []

        def look(connection, tag, words):   # whose process it is that talks
            port = connection.peer.getpeername()[1]
            for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[1].endswith(f":{port:04X}") and fields[2].endswith(f":{stub.port:04X}"):
                    who.append(int(fields[7]))
            connection.do_list(tag, b"", words)

        stub.on["LIST"] = look
        data = os.path.join(server.directory, "data")

        def bring(imported):
            done = run("import", "me@serve.test", stub.url(), "--password-file", self.path("password"), "--json",
                       "--config", server.config, check=True)
            self.assertEqual(json.loads(done.stdout)["imported"], imported)
            self.assertEqual({os.stat(p).st_uid for p in pathlib.Path(data).rglob("*")}, {os.stat(data).st_uid})

        bring(1)
        bring(0)
        server.start()
        self.addCleanup(server.stop)
        stub.mailboxes["INBOX"].append((20, letter(2)))
        bring(1)
        bring(0)
        self.assertEqual(set(who), {os.stat(data).st_uid})
        self.assertEqual(len(who), 4)


class Killed(Case):
    def test_sigkill_of_the_command_and_of_the_server(self):
        letters = [letter(n, size=1000) for n in range(4000)]
        stub = self.enterContext(Stub({"INBOX": letters}))
        gate = threading.Semaphore(0)

        def pace(connection, number, uid, text):
            gate.acquire()
            return False

        stub.before_letter = pace
        command = [BINARY, "import", self.demo.address("bob"), stub.url(), "--config", self.demo.config]

        def begin():
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **SECRET})

        def count():
            imap = self.demo.imap("bob")
            told = imap.status("INBOX", "(MESSAGES)")[1][0]
            imap.logout()
            return int(re.search(rb"MESSAGES (\d+)", told)[1])

        client = begin()
        gate.release(1500)
        wait_until(lambda: count() > 500)
        client.kill()
        client.wait()
        first = count()
        self.assertLess(first, 1600)
        client = begin()
        gate.release(1500)
        wait_until(lambda: count() > first + 300)
        self.demo.kill()
        gate.release(10_000)
        self.assertNotEqual(client.wait(60), 0)
        self.demo.start()
        second = count()
        self.assertLess(second, 4000)
        sent = stub.sent
        done = self.bring_imap(stub.url())
        self.assertEqual(done["imported"], 4000 - second)
        self.assertLess(stub.sent - sent, 4000 - first, "what was noted is not fetched again")
        self.assertEqual(self.found(), digests(letters))
        self.assertEqual(self.bring_imap(stub.url())["imported"], 0)


if __name__ == "__main__":
    unittest.main()
