"""One mbox shared by our room, Dovecot's IMAP, mutt, procmail and Python: at the same time, and one after the other."""
import json
import mailbox
import os
import pathlib
import shutil
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from mbox_peers import AS_USER, IMAP, Peers, USER, folder_of_user  # noqa: E402

TOOL = str(pathlib.Path(os.environ["BUILD_DIR"]) / "bin/mbox_tool")


def letter(subject, body="From here to there\r\n"):
    return f"From: a@example\r\nSubject: {subject}\r\n\r\n{body}"


class Shared(unittest.TestCase):
    def setUp(self):
        self.folder = folder_of_user()
        self.addCleanup(shutil.rmtree, self.folder)
        self.box, folders = self.folder / "inbox", self.folder / "mail"
        folders.mkdir()
        if AS_USER:
            shutil.chown(folders, USER, "nogroup")
        self.peers = Peers(self.folder, self.box, folders, dovecot="")

    def tool(self, command, *args, text=""):
        return self.peers.run(TOOL, command, self.box, *args, text=text)

    def ours(self):
        return [json.loads(line) for line in self.tool("list").splitlines()]

    def dovecot(self):
        """uid -> (flags, size) as Dovecot has it."""
        seen = {}
        for line in self.peers.imap("fetch 1:* (uid flags rfc822.size)"):
            if " FETCH (UID " in line:
                words = line.replace("(", " ").replace(")", " ").split()
                flags = words[words.index("FLAGS") + 1:words.index("RFC822.SIZE")]
                seen[int(words[words.index("UID") + 1])] = (set(flags) - {"\\Recent"}, int(words[-1]))
        return seen

    def subjects(self):
        return sorted(m["subject"] for m in self.ours())


class OneAfterTheOther(Shared):
    def test_dovecot_agrees_with_us(self):
        self.tool("append", 1, "-", "-", text=letter("one"))
        self.tool("append", 2, "ROFA", "work,$Forwarded", text=letter("two", "x\r\n"))
        self.tool("append", 7, "OTD", "-", text=letter("three"))
        ours = self.ours()
        self.assertEqual(self.dovecot(), {
            1: (set(), ours[0]["size"] + 1),     # Dovecot leaves ">From " as it stands
            2: ({"\\Seen", "\\Flagged", "\\Answered", "work", "$Forwarded"}, ours[1]["size"]),
            7: ({"\\Draft", "\\Deleted"}, ours[2]["size"] + 1)})
        self.assertIn("* OK [UIDVALIDITY 1606564800] UIDs valid", self.peers.imap("noop"))

    def test_we_agree_with_dovecot(self):
        for i in range(1, 4):
            self.tool("append", i, "-", "-", text=letter(f"m{i}"))
        self.peers.imap("store 2 +flags (\\Seen \\Flagged new-keyword)", "uid store 3 +flags (\\Deleted \\Answered)")
        ours = {m["uid"]: m for m in self.ours()}
        self.assertLessEqual({"R", "F"}, set(ours[2]["flags"]))
        self.assertEqual(ours[2]["keywords"], "new-keyword")
        self.assertLessEqual({"A", "D"}, set(ours[3]["flags"]))
        texts = {m["uid"]: m["text"] for m in ours.values()}
        self.peers.imap("uid store 1 +flags (\\Deleted)", "expunge")
        self.assertEqual({m["uid"]: m["text"] for m in self.ours()}, {2: texts[2]})
        self.assertEqual(self.ours()[0]["validity"], 1606564800)
        self.tool("append", 0, "R", "-", text=letter("m4"))
        self.assertEqual([m["uid"] for m in self.ours()], [2, 4])
        self.assertEqual(sorted(self.dovecot()), [2, 4])

    def test_dovecot_saves_and_we_read_the_same(self):
        text = letter("saved", "From me\r\n>From you\r\n")
        self.peers.run(IMAP, "-c", self.peers.config, text=f"a append INBOX (\\Flagged kw) {{{len(text)}+}}\r\n{text}\r\nb logout\r\n")
        ours = self.ours()
        self.assertEqual(ours[0]["text"], text)
        self.assertEqual(ours[0]["keywords"], "kw")
        self.assertEqual(ours[0]["size"], self.dovecot()[ours[0]["uid"]][1])

    def test_mutt_changes_flags_and_leaves_the_messages(self):
        for i in range(1, 5):
            self.tool("append", i, "O", "kw" if i == 2 else "-", text=letter(f"m{i}"))
        before = {m["uid"]: m["text"] for m in self.ours()}
        self.peers.mutt("<last-entry><delete-message><first-entry><flag-message><sync-mailbox><quit>")
        ours = {m["uid"]: m for m in self.ours()}
        self.assertEqual({uid: m["text"] for uid, m in ours.items()}, {uid: before[uid] for uid in (1, 2, 3)})
        self.assertIn("F", ours[1]["flags"])
        self.assertEqual(ours[2]["keywords"], "kw")
        # With the first message mutt drops the file's own data: then the UIDs are claims.
        self.peers.mutt("<first-entry><delete-message><sync-mailbox><quit>")
        ours = {m["claimed"]: m for m in self.ours()}
        self.assertEqual({uid: m["text"] for uid, m in ours.items()}, {uid: before[uid] for uid in (2, 3)})
        self.assertEqual([m["uid"] for m in ours.values()], [0, 0])

    def test_mutt_sees_our_flags(self):
        self.tool("append", 1, "RO", "-", text=letter("seen"))
        self.tool("append", 2, "-", "-", text=letter("new"))
        self.tool("append", 3, "ROF", "-", text=letter("flagged"))
        # What mutt takes for new or flagged goes.
        self.peers.mutt("<tag-pattern>~N|~F<enter><tag-prefix><delete-message><sync-mailbox><quit>")
        self.assertEqual(self.subjects(), ["seen"])

    def test_letters_of_procmail_and_python(self):
        self.tool("append", 1, "-", "-", text=letter("ours"))
        self.peers.procmail(letter("procmail") + "X-UID: 1\r\n")
        self.peers.python(letter("python"))
        ours = self.ours()
        self.assertEqual([m["subject"] for m in ours], ["ours", "procmail", "python"])
        self.assertEqual([m["uid"] for m in ours], [1, 0, 0])
        self.assertEqual(ours[2]["text"], letter("python"))
        self.tool("flag", "procmail", "RF")
        self.tool("expunge", "ours")
        with_python = mailbox.mbox(self.box)
        self.addCleanup(with_python.close)
        self.assertEqual([m["Subject"] for m in with_python], ["procmail", "python"])
        self.assertEqual(with_python[0].get_flags().replace(" ", ""), "RF")
        self.assertEqual([flags for flags, _ in self.dovecot().values()], [{"\\Seen", "\\Flagged"}, set()])


class AtTheSameTime(Shared):
    """Everybody delivers, flags and expunges in one file; what should be there is there, once, and whole."""
    ROUNDS = 12

    def test_nothing_is_lost(self):
        self.tool("append", 0, "-", "-", text=letter("start"))
        self.expected = {"start"}
        failures = []

        def worker(work):
            try:
                work()
            except BaseException as error:  # reported by the test itself
                failures.append(error)

        def we():
            for i in range(self.ROUNDS):
                self.tool("append", 0, "-", "-", text=letter(f"we-{i}"))
                if i % 3 == 2:
                    self.tool("flag", f"we-{i - 1}", "RF")
                    self.tool("expunge", f"we-{i}")

        def we_too():
            for i in range(self.ROUNDS):
                self.tool("append", 0, "RO", "kw", text=letter(f"too-{i}", "From\r\n" * 500))

        def procmail():
            for i in range(self.ROUNDS):
                self.peers.procmail(letter(f"procmail-{i}"))

        def python():
            for i in range(self.ROUNDS):
                self.peers.python(letter(f"python-{i}"))

        def dovecot():
            for i in range(self.ROUNDS):
                text = letter(f"dovecot-{i}", "Hello\r\n")
                self.peers.run(IMAP, "-c", self.peers.config, text=(
                    f"a append INBOX (\\Flagged) {{{len(text)}+}}\r\n{text}\r\nb select INBOX\r\n"
                    f"c search subject dovecot-{i - 1}\r\nd store 1 +flags (\\Seen k{i % 3})\r\ne logout\r\n"))

        threads = [threading.Thread(target=worker, args=(work,)) for work in (we, we_too, procmail, python, dovecot)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        wanted = {"start"}
        for who in ("we", "too", "procmail", "python", "dovecot"):
            wanted |= {f"{who}-{i}" for i in range(self.ROUNDS) if who != "we" or i % 3 != 2}
        ours = self.ours()
        self.assertEqual(sorted(m["subject"] for m in ours), sorted(wanted))
        for message in ours:
            body = {"too": "From\r\n" * 500, "dov": "Hello\r\n"}.get(message["subject"][:3], "From here to there\r\n")
            self.assertTrue(message["text"].endswith("\r\n\r\n" + body), message)
        # Dovecot has the same, and after it gave UIDs to all, so have we, in order.
        dovecot = self.dovecot()
        self.peers.imap("check")
        uids = [m["uid"] for m in self.ours()]
        self.assertEqual(uids, sorted(dovecot))
        self.assertEqual(len(set(uids)), len(wanted))
        with_python = mailbox.mbox(self.box)
        self.addCleanup(with_python.close)
        self.assertEqual(len(with_python), len(wanted))
        self.assertEqual([n.name for n in self.folder.iterdir() if "lock" in n.name or "journal" in n.name], [])


if __name__ == "__main__":
    unittest.main()
