"""One mbox shared by our room, Dovecot's IMAP, mutt, procmail and Python: at the same time, and one after the other."""
import json
import mailbox
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

TOOL = str(pathlib.Path(os.environ["BUILD_DIR"]) / "bin/mbox_tool")
IMAP = "/usr/lib/dovecot/imap"
USER = "nobody"


def letter(subject, body="From here to there\r\n"):
    return f"From: a@example\r\nSubject: {subject}\r\n\r\n{body}"


class Shared(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="posthouse-mbox-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.box = self.folder / "inbox"
        self.config = self.folder / "dovecot.conf"
        self.config.write_text(
            f"log_path={self.folder}/log\nmail_location = mbox:{self.folder}/mail:INBOX={self.box}\n"
            "mbox_write_locks = dotlock fcntl\nmbox_read_locks = fcntl\nfirst_valid_uid = 0\n")
        (self.folder / "mail").mkdir()
        self.as_user = []
        if os.geteuid() == 0:   # Dovecot's programs don't run as root; ours and the others then do as that user
            shutil.chown(self.folder, USER)
            shutil.chown(self.folder / "mail", USER)
            self.as_user = ["setpriv", "--reuid", USER, "--regid", "nogroup", "--clear-groups"]
        self.environment = dict(os.environ, HOME=str(self.folder), USER=USER, TERM="xterm", LC_ALL="C.UTF-8", TZ="UTC")

    def run_as_user(self, *command, text=""):
        done = subprocess.run([*self.as_user, *map(str, command)], input=text.encode("latin-1"), capture_output=True,
                              env=self.environment, cwd=self.folder, timeout=120)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stderr.decode()}{done.stdout.decode()}")
        return done.stdout.decode("latin-1")

    def tool(self, command, *args, text=""):
        return self.run_as_user(TOOL, command, self.box, *args, text=text)

    def ours(self):
        return [json.loads(line) for line in self.tool("list").splitlines()]

    def imap(self, *commands):
        """Runs the commands in one session that has INBOX selected; gives the lines."""
        script = "s select INBOX\r\n" + "".join(f"c{i} {c}\r\n" for i, c in enumerate(commands)) + "q logout\r\n"
        out = self.run_as_user(IMAP, "-c", self.config, text=script)
        for i in range(len(commands)):
            self.assertIn(f"c{i} OK", out)
        return out.splitlines()

    def dovecot(self):
        """uid -> (flags, size) as Dovecot has it."""
        seen = {}
        for line in self.imap("fetch 1:* (uid flags rfc822.size)"):
            if " FETCH (UID " in line:
                words = line.replace("(", " ").replace(")", " ").split()
                flags = words[words.index("FLAGS") + 1:words.index("RFC822.SIZE")]
                seen[int(words[words.index("UID") + 1])] = (set(flags) - {"\\Recent"}, int(words[-1]))
        return seen

    def mutt(self, keys):
        rc = self.folder / "muttrc"
        rc.write_text(f"set folder={self.folder}\nset delete=yes quit=yes move=no wait_key=no mark_old=yes beep=no\n"
                      f"set tmpdir={self.folder}\nset header_cache=\"\"\n")
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            command = [*self.as_user, "mutt", "-F", str(rc), "-f", str(self.box), "-e", f"push {keys}"]
            os.execvpe(command[0], command, self.environment)
        end = time.monotonic() + 60
        screen = b""
        while time.monotonic() < end:
            if select.select([terminal], [], [], 1)[0]:
                try:
                    piece = os.read(terminal, 65536)
                except OSError:
                    break
                if not piece:
                    break
                screen += piece
        else:
            os.kill(pid, signal.SIGKILL)
        os.close(terminal)
        self.assertEqual(os.waitpid(pid, 0)[1], 0, screen[-2000:])

    def procmail(self, text):
        rc = self.folder / "procmailrc"
        rc.write_text(f"SHELL=/bin/sh\nDEFAULT={self.box}\nLOCKSLEEP=1\n:0:\n{self.box}\n")
        self.run_as_user("procmail", "-m", rc, text="From p@example Sat Nov 28 12:00:00 2020\n" + text.replace("\r\n", "\n"))

    def python_delivers(self, text):
        script = ("import mailbox, sys\n"
                  "import time\n"
                  f"box = mailbox.mbox({str(self.box)!r})\n"
                  "for attempt in range(3000):\n"
                  "    try:\n"
                  "        box.lock()\n"
                  "        break\n"
                  "    except mailbox.ExternalClashError:\n"
                  "        time.sleep(0.01)\n"
                  "else:\n"
                  "    sys.exit('never got the lock')\n"
                  "box.add(sys.stdin.buffer.read())\nbox.flush()\nbox.unlock()\n")
        self.run_as_user("/usr/bin/python3", "-c", script, text=text.replace("\r\n", "\n"))

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
        self.assertIn("* OK [UIDVALIDITY 1606564800] UIDs valid", self.imap("noop"))

    def test_we_agree_with_dovecot(self):
        for i in range(1, 4):
            self.tool("append", i, "-", "-", text=letter(f"m{i}"))
        self.imap("store 2 +flags (\\Seen \\Flagged new-keyword)", "uid store 3 +flags (\\Deleted \\Answered)")
        ours = {m["uid"]: m for m in self.ours()}
        self.assertLessEqual({"R", "F"}, set(ours[2]["flags"]))
        self.assertEqual(ours[2]["keywords"], "new-keyword")
        self.assertLessEqual({"A", "D"}, set(ours[3]["flags"]))
        texts = {m["uid"]: m["text"] for m in ours.values()}
        self.imap("uid store 1 +flags (\\Deleted)", "expunge")
        self.assertEqual({m["uid"]: m["text"] for m in self.ours()}, {2: texts[2]})
        self.assertEqual(self.ours()[0]["validity"], 1606564800)
        self.tool("append", 0, "R", "-", text=letter("m4"))
        self.assertEqual([m["uid"] for m in self.ours()], [2, 4])
        self.assertEqual(sorted(self.dovecot()), [2, 4])

    def test_dovecot_saves_and_we_read_the_same(self):
        text = letter("saved", "From me\r\n>From you\r\n")
        self.run_as_user(IMAP, "-c", self.config, text=f"a append INBOX (\\Flagged kw) {{{len(text)}+}}\r\n{text}\r\nb logout\r\n")
        ours = self.ours()
        self.assertEqual(ours[0]["text"], text)
        self.assertEqual(ours[0]["keywords"], "kw")
        self.assertEqual(ours[0]["size"], self.dovecot()[ours[0]["uid"]][1])

    def test_mutt_changes_flags_and_leaves_the_messages(self):
        for i in range(1, 5):
            self.tool("append", i, "O", "kw" if i == 2 else "-", text=letter(f"m{i}"))
        before = {m["uid"]: m["text"] for m in self.ours()}
        self.mutt("<last-entry><delete-message><first-entry><flag-message><sync-mailbox><quit>")
        ours = {m["uid"]: m for m in self.ours()}
        self.assertEqual({uid: m["text"] for uid, m in ours.items()}, {uid: before[uid] for uid in (1, 2, 3)})
        self.assertIn("F", ours[1]["flags"])
        self.assertEqual(ours[2]["keywords"], "kw")
        # With the first message mutt drops the file's own data: then the UIDs are claims.
        self.mutt("<first-entry><delete-message><sync-mailbox><quit>")
        ours = {m["claimed"]: m for m in self.ours()}
        self.assertEqual({uid: m["text"] for uid, m in ours.items()}, {uid: before[uid] for uid in (2, 3)})
        self.assertEqual([m["uid"] for m in ours.values()], [0, 0])

    def test_mutt_sees_our_flags(self):
        self.tool("append", 1, "RO", "-", text=letter("seen"))
        self.tool("append", 2, "-", "-", text=letter("new"))
        self.tool("append", 3, "ROF", "-", text=letter("flagged"))
        # What mutt takes for new or flagged goes.
        self.mutt("<tag-pattern>~N|~F<enter><tag-prefix><delete-message><sync-mailbox><quit>")
        self.assertEqual(self.subjects(), ["seen"])

    def test_letters_of_procmail_and_python(self):
        self.tool("append", 1, "-", "-", text=letter("ours"))
        self.procmail(letter("procmail") + "X-UID: 1\r\n")
        self.python_delivers(letter("python"))
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
                self.procmail(letter(f"procmail-{i}"))

        def python():
            for i in range(self.ROUNDS):
                self.python_delivers(letter(f"python-{i}"))

        def dovecot():
            for i in range(self.ROUNDS):
                text = letter(f"dovecot-{i}", "Hello\r\n")
                self.run_as_user(IMAP, "-c", self.config, text=(
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
        self.imap("check")
        uids = [m["uid"] for m in self.ours()]
        self.assertEqual(uids, sorted(dovecot))
        self.assertEqual(len(set(uids)), len(wanted))
        with_python = mailbox.mbox(self.box)
        self.addCleanup(with_python.close)
        self.assertEqual(len(with_python), len(wanted))
        self.assertEqual([n.name for n in self.folder.iterdir() if "lock" in n.name or "journal" in n.name], [])


if __name__ == "__main__":
    unittest.main()
