"""Shared mailboxes (RFC 4314, RFC 2342) on the real server, with accounts of all three formats: alice's mail is in the
database, carol's in a Maildir, dave's in mbox files; bob is given some of it."""
import imaplib
import json
import re
import tempfile
import unittest

from posthouse import Demo, run

OWNERS = ("alice", "carol", "dave")
LETTER = b"From: ann@far.test\r\nSubject: %s\r\nMessage-ID: <%s@far.test>\r\n\r\n%s\r\n"


def letter(name):
    return LETTER % (name.encode(), name.encode(), name.encode() * 20)


class Sharing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = Demo()
        cls.demo.start()
        cls.addClassCleanup(cls.demo.clean)
        cls.addClassCleanup(cls.demo.stop)

    def other(self, owner, mailbox="INBOX"):
        return f'"Other Users/{self.demo.address(owner)}/{mailbox}"'

    def ok(self, answer):
        self.assertEqual(answer[0], "OK", answer)
        return answer[1]

    def refused(self, answer, code):
        self.assertEqual(answer[0], "NO", answer)
        self.assertIn(b"[" + code.encode() + b"]", answer[1][0])

    def imap(self, name):
        client = self.demo.imap(name)
        self.addCleanup(client.shutdown)
        return client

    def ask(self, *words):
        return json.loads(self.demo.run(*words, "--json", check=True).stdout)

    def names(self, client, pattern='"Other Users/*"'):
        lines = self.ok(client.list('""', pattern))
        return sorted(re.search(rb'"/" "?([^"]*)"?$', line)[1].decode() for line in lines if line)

    def flags(self, client, uid):
        data = self.ok(client.uid("FETCH", str(uid), "(FLAGS)"))
        return set(imaplib.ParseFlags(data[0])) - {b"\\Recent"}

    def test_the_whole_way_in_all_formats(self):
        for owner in OWNERS:
            with self.subTest(owner):
                hers, his = self.imap(owner), self.imap("bob")
                self.ok(hers.create("Team"))
                self.ok(hers.append("Team", "(\\Flagged)", None, letter("first")))
                self.refused(his.select(self.other(owner, "Team")), "NONEXISTENT")
                self.assertEqual(self.names(his, f'"Other Users/{self.demo.address(owner)}*"'), [])
                self.ok(hers.setacl("Team", self.demo.address("bob"), "lrsi"))
                self.assertIn(f"Other Users/{self.demo.address(owner)}/Team", self.names(his))
                self.reads_and_writes(owner, hers, his)
                self.moves(owner, hers, his)
                self.makes_mailboxes(owner, hers, his)
                self.ok(hers.deleteacl("Team", self.demo.address("bob")))
                self.refused(his.status(self.other(owner, "Team"), "(MESSAGES)"), "NONEXISTENT")
        self.assertIn("Nothing is damaged", self.demo.run("store", "check", check=True).stdout)

    def reads_and_writes(self, owner, hers, his):
        team = self.other(owner, "Team")
        self.ok(his.select(team))
        self.assertIn(b"Subject: first", self.ok(his.fetch("1", "(BODY[])"))[0][1])
        self.assertEqual(self.flags(his, 1), {b"\\Seen", b"\\Flagged"})
        self.refused(his.store("1", "+FLAGS", "(\\Deleted)"), "NOPERM")
        self.refused(his.expunge(), "NOPERM")
        self.ok(his.append(team, "(\\Seen \\Deleted $Key)", None, letter("second")))
        self.assertEqual(self.flags(his, 2), {b"\\Seen"})
        self.assertEqual(self.ok(his.search(None, "SUBJECT", "second")), [b"2"])
        # What he does is hers, in her files too.
        self.ok(hers.select("Team"))
        self.assertEqual(self.flags(hers, 1), {b"\\Seen", b"\\Flagged"})
        self.assertIn(b"second", self.ok(hers.uid("FETCH", "2", "(BODY.PEEK[])"))[0][1])
        self.ok(hers.setacl("Team", self.demo.address("bob"), "+wtek"))
        self.ok(his.store("2", "+FLAGS", "(\\Deleted $Key)"))
        self.ok(his.expunge())
        self.ok(hers.noop())
        self.assertEqual(self.ok(hers.search(None, "ALL")), [b"1"])

    def moves(self, owner, hers, his):
        team = self.other(owner, "Team")
        self.ok(his.select("INBOX"))
        before = int(self.ok(his.status("INBOX", "(MESSAGES)"))[0].split()[-1].rstrip(b")"))
        self.ok(his.append("INBOX", "(\\Flagged $Mine)", None, letter(f"mine-{owner}")))
        uid = self.ok(his.uid("SEARCH", None, "SUBJECT", f"mine-{owner}"))[0].decode()
        self.ok(his.uid("COPY", uid, team))
        self.ok(his.uid("MOVE", uid, team))
        self.assertEqual(self.ok(his.uid("SEARCH", None, "SUBJECT", f"mine-{owner}"))[0], b"")
        self.ok(hers.noop())
        found = self.ok(hers.uid("SEARCH", None, "SUBJECT", f"mine-{owner}"))[0].split()
        self.assertEqual(len(found), 2)
        for one in found:
            self.assertEqual(self.flags(hers, one.decode()), {b"\\Flagged", b"$Mine"})
            self.assertIn(letter(f"mine-{owner}"), self.ok(hers.uid("FETCH", one, "(BODY.PEEK[])"))[0][1])
        self.ok(his.select(team))
        self.ok(his.uid("MOVE", found[0].decode(), "INBOX"))
        after = int(self.ok(his.status("INBOX", "(MESSAGES)"))[0].split()[-1].rstrip(b")"))
        self.assertEqual(after, before + 1)
        self.ok(his.unselect())

    def makes_mailboxes(self, owner, hers, his):
        below = self.other(owner, "Team/Below")
        self.ok(his.create(below))
        self.ok(his.subscribe(below))
        self.assertIn(f"Other Users/{self.demo.address(owner)}/Team/Below".encode(),
                      b"".join(self.ok(his.lsub('"Other Users/"', "*"))))
        self.assertIn(b"Team/Below", b"".join(self.ok(hers.list())))
        self.refused(his.delete(below), "NOPERM")
        self.ok(hers.setacl("Team/Below", self.demo.address("bob"), "+x"))
        self.ok(his.rename(below, self.other(owner, "Team/Other")))
        self.ok(his.delete(self.other(owner, "Team/Other")))
        self.assertNotIn(b"Team/Other", b"".join(self.ok(hers.list())))

    def test_it_is_there_after_a_restart_and_goes_with_an_account(self):
        with tempfile.TemporaryDirectory() as folder:
            demo = Demo(directory=folder)
            demo.start()
            self.addCleanup(demo.stop)
            demo.run("account", "add", f"erin@{demo.domain}", "--password-stdin", stdin="demo\n", check=True)
            for owner in OWNERS:
                imap = demo.imap(owner)
                self.ok(imap.setacl("INBOX", f"erin@{demo.domain}", "lr"))
                self.ok(imap.setacl("Sent", "anyone", "l"))
                imap.logout()
            demo.kill_all()
            demo.start()
            erin = self.login(demo, f"erin@{demo.domain}")
            listed = b"".join(self.ok(erin.list('""', '"Other Users/*"')))
            for owner in OWNERS:
                self.assertIn(f"{demo.address(owner)}/INBOX".encode(), listed)
                self.assertIn(f"{demo.address(owner)}/Sent".encode(), listed)
            # Who is made anew under the name has nothing of it.
            demo.run("account", "remove", f"erin@{demo.domain}", check=True)
            demo.run("account", "add", f"erin@{demo.domain}", "--password-stdin", stdin="demo\n", check=True)
            erin = self.login(demo, f"erin@{demo.domain}")
            self.assertNotIn(b"/INBOX", b"".join(self.ok(erin.list('""', '"Other Users/*"'))))
            self.refused(erin.select(f'"Other Users/{demo.address("alice")}/INBOX"'), "NONEXISTENT")
            entries = json.loads(demo.run("mailbox", "acl", "list", demo.address("alice"), "INBOX", "--json", check=True).stdout)
            self.assertEqual([entry["identifier"] for entry in entries], [demo.address("alice")])
            # And what an owner gave goes with the owner.
            demo.run("account", "remove", demo.address("dave"), check=True)
            self.assertNotIn(demo.address("dave").encode(), b"".join(self.ok(erin.list('""', "*"))))
            erin.shutdown()
            demo.stop()
            self.assertIn("Nothing is damaged", demo.run("store", "check", check=True).stdout)
            # The same commands without a server.
            demo.run("mailbox", "acl", "set", demo.address("alice"), "INBOX", demo.address("bob"), "lra", check=True)
            demo.run("mailbox", "acl", "set", demo.address("alice"), "INBOX", demo.address("bob"), "~a", check=True)
            listed = demo.run("mailbox", "acl", "list", demo.address("alice"), "INBOX", check=True).stdout
            self.assertRegex(listed, rf"{re.escape(demo.address('bob'))} +lr\n")

    def login(self, demo, address):
        imap = imaplib.IMAP4("127.0.0.1", demo.ports["imap"], timeout=30)
        imap.login(address, "demo")
        return imap

    def test_an_account_that_is_shared(self):
        info = f"info@{self.demo.domain}"
        made = self.ask("account", "add", info, "--shared")
        self.assertNotIn("password", made)
        self.assertTrue(self.ask("account", "show", info)["shared"])
        self.demo.run("mailbox", "acl", "set", info, "INBOX", self.demo.address("bob"), "lrswitek", check=True)
        self.demo.run("mailbox", "acl", "set", info, "INBOX", "anyone", "lr", check=True)
        run("mailbox", "acl", "set", "--config", self.demo.config, info, "INBOX", "--", "-" + self.demo.address("dave"), "lr", check=True)
        with self.demo.smtp() as smtp:
            smtp.sendmail("ann@far.test", [info], letter("to-all"))
        name = f'"Shared Folders/{info}/INBOX"'
        for who, seen in (("bob", True), ("alice", True), ("dave", False)):
            client = self.imap(who)
            self.assertEqual(bool(self.names(client, '"Shared Folders/*"')), seen, who)
            if not seen:
                self.refused(client.select(name, readonly=True), "NONEXISTENT")
                continue
            self.ok(client.select(name, readonly=True))
            self.assertIn(b"to-all", self.ok(client.fetch("1", "(BODY.PEEK[])"))[0][1])
        listed = self.ask("mailbox", "acl", "list", info, "INBOX")
        self.assertEqual({entry["identifier"]: entry["rights"] for entry in listed},
                         {info: "lrswipkxtea", "anyone": "lr", self.demo.address("bob"): "lrswikte",
                          "-" + self.demo.address("dave"): "lr"})
        self.demo.run("mailbox", "acl", "delete", info, "INBOX", "anyone", check=True)
        self.assertEqual(self.names(self.imap("alice"), '"Shared Folders/*"'), [])
        wrong = self.demo.run("mailbox", "acl", "set", info, "INBOX", "nobody", "lr")
        self.assertNotEqual(wrong.returncode, 0)
        self.assertIn("no such account", wrong.stderr)

    def test_who_is_given_something_keeps_mail_in_files(self):
        hers = self.imap("alice")
        self.ok(hers.create("Given"))
        for who in ("carol", "dave"):
            self.ok(hers.setacl("Given", self.demo.address(who), "lri"))
            his = self.imap(who)
            given = self.other("alice", "Given")
            self.ok(his.subscribe(given))
            self.ok(his.append("INBOX", "(\\Flagged)", None, letter(f"from-{who}")))
            self.ok(his.select("INBOX"))
            uid = self.ok(his.uid("SEARCH", None, "SUBJECT", f"from-{who}"))[0].decode()
            self.ok(his.uid("MOVE", uid, given))
            self.ok(hers.select("Given"))
            found = self.ok(hers.uid("SEARCH", None, "SUBJECT", f"from-{who}"))[0].decode()
            self.assertIn(letter(f"from-{who}"), self.ok(hers.uid("FETCH", found, "(BODY.PEEK[])"))[0][1])
            again = self.imap(who)
            self.assertIn(b"/Given", b"".join(self.ok(again.lsub('"Other Users/"', "*"))))
            self.ok(again.unsubscribe(given))
            self.assertEqual(self.ok(again.lsub('"Other Users/"', "*")), [None])

    def test_rights_that_are_withdrawn_end_the_session(self):
        hers, his = self.imap("alice"), self.imap("bob")
        self.ok(hers.create("Short"))
        self.ok(hers.append("Short", None, None, letter("short")))
        self.ok(hers.setacl("Short", self.demo.address("bob"), "lr"))
        self.ok(his.select(self.other("alice", "Short"), readonly=True))
        his.send(b"i IDLE\r\n")
        while not his.readline().startswith(b"+"):
            pass
        self.ok(hers.deleteacl("Short", self.demo.address("bob")))
        self.assertIn(b"* BYE", his.readline())
        self.assertEqual(his.readline(), b"")

    def test_the_quota_is_the_owners(self):
        hers, his = self.imap("carol"), self.imap("bob")
        self.demo.run("account", "change", self.demo.address("carol"), "--quota", "50KiB", check=True)
        self.addCleanup(self.demo.run, "account", "change", self.demo.address("carol"), "--quota", "none")
        self.ok(hers.setacl("INBOX", self.demo.address("bob"), "li"))
        big = letter("big") + b"x" * 60_000 + b"\r\n"
        self.refused(his.append(self.other("carol"), None, None, big), "OVERQUOTA")
        self.ok(his.append("INBOX", None, None, big))
        self.ok(his.select("INBOX"))
        self.refused(his.copy("*", self.other("carol")), "OVERQUOTA")
        self.ok(hers.deleteacl("INBOX", self.demo.address("bob")))


class Restored(unittest.TestCase):
    def test_rights_come_back_with_what_is_restored(self):
        with tempfile.TemporaryDirectory() as folder, Demo() as demo:
            imap = demo.imap("alice")
            imap.create("Team")
            imap.append("Team", None, None, letter("kept"))
            imap.setacl("Team", demo.address("bob"), "lr")
            imap.setacl("INBOX", demo.address("bob"), "l")
            demo.run("backup", folder, check=True)
            imap.delete("Team")
            imap.deleteacl("INBOX", demo.address("bob"))
            demo.run("restore", folder, "--account", demo.address("alice"), check=True)
            self.assertIn(f"{demo.address('bob')} lr".encode(), imap.getacl("Team")[1][0])
            # What was taken back from a mailbox that is there stays taken back.
            self.assertNotIn(demo.address("bob").encode(), imap.getacl("INBOX")[1][0])
            imap.logout()


if __name__ == "__main__":
    unittest.main()
