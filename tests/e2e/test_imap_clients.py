"""IMAP clients as their users set them up, each on an account in the database, one in a Maildir and one in mbox files:
OfflineIMAP, NeoMutt, Alpine, getmail and imapflow. test_clients.py has mbsync, mutt, curl and imaplib."""
import contextlib
import email
import mailbox
import os
import pathlib
import re
import select
import ssl
import subprocess
import tempfile
import unittest

import getmail
from mutt import Terminal
from posthouse import Demo

ACCOUNTS = ("alice", "carol", "dave")  # database, Maildir, mbox
ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULES = ROOT / "build/imapflow/node_modules"
CLIENT_SECONDS = 300  # for one run of a client, with sanitizers on a busy machine


def letter(number):
    return (f"From: Ann <ann@far.test>\r\nTo: you@example.test\r\nSubject: number {number}\r\n"
            f"Message-ID: <{number}@far.test>\r\nDate: Mon, 23 Nov 2026 12:00:00 +0000\r\n\r\nwords {number}\r\n").encode()


def setUpModule():
    global DEMO, CERTIFICATE
    DEMO = Demo().start()
    unittest.addModuleCleanup(DEMO.clean)
    unittest.addModuleCleanup(DEMO.stop)
    CERTIFICATE = ssl.get_server_certificate(("127.0.0.1", DEMO.ports["imaps"]))


class EachFormat:
    """check() with an account of each."""

    def test_database(self):
        self.check("alice")

    def test_maildir(self):
        self.check("carol")

    def test_mbox(self):
        self.check("dave")


class ClientCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="posthouse-imap-clients-")
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name)
        self.certificate = self.write("certificate.pem", CERTIFICATE)

    def write(self, name, text):
        path = self.home / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def run_client(self, *command):
        done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=CLIENT_SECONDS, env={**os.environ, "HOME": str(self.home), "LC_ALL": "C.UTF-8"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def other(self, name):
        """Another session of that account, which has INBOX."""
        imap = DEMO.imap(name)
        self.addCleanup(imap.shutdown)
        imap.select("INBOX")
        return imap

    def fill(self, name, count):
        """Another session, after it left nothing but letters 1 to `count`, all in INBOX."""
        imap = self.other(name)
        for box in ("Archive", "INBOX"):
            imap.select(box)
            imap.store("1:*", "+FLAGS.SILENT", "\\Deleted")
            imap.expunge()
        for number in range(1, count + 1):
            imap.append("INBOX", None, None, letter(number))
        return imap

    def held(self, imap, box="INBOX"):
        """What a mailbox holds: number of the letter -> its flags, without \\Recent."""
        self.assertEqual(imap.select(box)[0], "OK", box)
        out = {}
        for uid in imap.uid("SEARCH", "ALL")[1][0].split():
            head, body = imap.uid("FETCH", uid, "(FLAGS BODY.PEEK[HEADER])")[1][0]
            flags = set(re.search(rb"FLAGS \(([^)]*)\)", head).group(1).decode().split()) - {"\\Recent"}
            number = int(email.message_from_bytes(body)["Subject"].split()[-1])
            self.assertNotIn(number, out, "it is there twice")
            out[number] = flags
        return out

    def delete(self, imap, number):
        uid = imap.uid("SEARCH", "SUBJECT", f'"number {number}"')[1][0].decode()
        imap.uid("STORE", uid, "+FLAGS.SILENT", "(\\Deleted)")
        imap.expunge()

    def flag(self, imap, number, change, flags):
        uid = imap.uid("SEARCH", "SUBJECT", f'"number {number}"')[1][0].decode()
        self.assertEqual(imap.uid("STORE", uid, change, flags)[0], "OK")


class OfflineImap(ClientCase):
    """Both sides change between two runs; one run brings all of them together, the next has nothing to do."""
    FAR, FAR_UTF7, NEAR = "Größe/日本", "Gr&APYA3w-e/&ZeVnLA-", "Übersicht & Rest"

    def sync(self):
        return self.run_client("offlineimap", "-o", "-c", self.rc)

    def near(self, name, box="INBOX"):
        return mailbox.Maildir(self.home / name / box.replace("/", "."), create=False)

    def near_held(self, name, box="INBOX"):
        """As held() tells it, of the local Maildir."""
        words = {"S": "\\Seen", "F": "\\Flagged", "R": "\\Answered", "D": "\\Draft", "T": "\\Deleted"}
        with contextlib.closing(self.near(name, box)) as box:
            return {int(m["Subject"].split()[-1]): {words[flag] for flag in m.get_flags()} for m in box}

    def near_key(self, box, number):
        return next(key for key, m in box.items() if m["Subject"] == f"number {number}")

    def test_both_ways_and_again(self):
        parts = [f"[general]\naccounts = {','.join(ACCOUNTS)}\nmetadata = {self.home}/meta\nui = basic\nmaxsyncaccounts = 3\n"]
        for name in ACCOUNTS:
            parts.append(f"[Account {name}]\nlocalrepository = near-{name}\nremoterepository = far-{name}\n"
                         f"utf8foldernames = yes\n[Repository near-{name}]\ntype = Maildir\n"
                         f"localfolders = {self.home}/{name}\n[Repository far-{name}]\ntype = IMAP\nremotehost = localhost\n"
                         f"remoteport = {DEMO.ports['imaps']}\nremoteuser = {DEMO.address(name)}\n"
                         f"remotepass = {DEMO.password(name)}\nssl = yes\nsslcacertfile = {self.certificate}\n")
        self.rc = self.write("offlineimaprc", "".join(parts))
        far = {name: self.fill(name, 4) for name in ACCOUNTS}
        for imap in far.values():
            self.flag(imap, 2, "+FLAGS", "(\\Flagged \\Seen)")
            self.assertEqual(imap.create(f'"{self.FAR_UTF7}"')[0], "OK")
            imap.append(f'"{self.FAR_UTF7}"', None, None, letter(10))
        self.sync()
        for name in ACCOUNTS:
            self.assertEqual(self.near_held(name), {1: set(), 2: {"\\Flagged", "\\Seen"}, 3: set(), 4: set()}, name)
            self.assertEqual(self.near_held(name, self.FAR), {10: set()}, name)

        for name, imap in far.items():
            # Far: one comes, one changes, one goes, as on the near side; and a folder on the near side.
            imap.append("INBOX", "\\Answered", None, letter(5))
            self.flag(imap, 2, "-FLAGS", "(\\Flagged)")
            self.delete(imap, 1)
            with contextlib.closing(self.near(name)) as box:
                new = mailbox.MaildirMessage(letter(6).replace(b"\r\n", b"\n"))
                new.set_subdir("cur")
                new.set_flags("FS")
                box.add(new)
                key = self.near_key(box, 4)
                changed = box[key]
                changed.set_subdir("cur")
                changed.set_flags("RS")
                box[key] = changed
                box.discard(self.near_key(box, 3))
            with contextlib.closing(mailbox.Maildir(self.home / name / self.NEAR, create=True)) as box:
                box.add(mailbox.MaildirMessage(letter(11).replace(b"\r\n", b"\n")))
        self.sync()
        expected = {2: {"\\Seen"}, 4: {"\\Answered", "\\Seen"}, 5: {"\\Answered"}, 6: {"\\Flagged", "\\Seen"}}
        before = {}
        for name, imap in far.items():
            self.assertEqual(self.held(imap), expected, name)
            self.assertEqual(self.near_held(name), expected, name)
            self.assertEqual(self.held(imap, '"&ANw-bersicht &- Rest"'), {11: set()}, name)
            before[name] = self.state(imap, name)
        told = self.sync()
        self.assertNotRegex(told, r"(?i)copy message|adding|deleting|creating|error|warning")
        self.assertEqual({name: self.state(imap, name) for name, imap in far.items()}, before)

    def test_mailboxes_of_others(self):
        """Their names have the owner's address with its dots in them, which `sep = /` leaves alone."""
        bob = self.other("bob")
        bob.create("Team")
        bob.append("Team", None, None, letter(21))
        self.assertEqual(bob.setacl("Team", DEMO.address("alice"), "lrs")[0], "OK")
        self.addCleanup(bob.delete, "Team")
        self.rc = self.write("offlineimaprc", (
            f"[general]\naccounts = alice\nmetadata = {self.home}/meta\nui = basic\n"
            "[Account alice]\nlocalrepository = near\nremoterepository = far\n"
            f"[Repository near]\ntype = Maildir\nsep = /\nlocalfolders = {self.home}/alice\n"
            f"[Repository far]\ntype = IMAP\nremotehost = localhost\nremoteport = {DEMO.ports['imaps']}\n"
            f"remoteuser = {DEMO.address('alice')}\nremotepass = {DEMO.password('alice')}\nssl = yes\n"
            f"sslcacertfile = {self.certificate}\n"))
        theirs = f"Other Users/{DEMO.address('bob')}/Team"
        for _ in range(3):
            self.assertNotRegex(self.sync(), r"(?i)error|warning")
            with contextlib.closing(mailbox.Maildir(self.home / "alice" / theirs, create=False)) as near:
                self.assertEqual([m["Subject"] for m in near], ["number 21"])

    def state(self, imap, name):
        """All that another run would change: MODSEQs of the mailboxes, files of the Maildir."""
        boxes = ("INBOX", f'"{self.FAR_UTF7}"', '"&ANw-bersicht &- Rest"')
        far = [imap.status(box, "(MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)") for box in boxes]
        return far, sorted(str(path) for path in (self.home / name).rglob("*") if path.is_file())


class Screens(ClientCase):
    """Clients on a terminal."""

    def terminal(self, *command):
        terminal = Terminal([str(c) for c in command], self.home)
        self.addCleanup(terminal.close)
        return terminal

    def step(self, terminal, keys, *words):
        """Types, again if the program showed no reaction at all: Alpine throws away what was typed just before it asks."""
        for _ in range(3):
            terminal.type(keys)
            if select.select([terminal.fd], [], [], 5)[0]:
                break
        for word in words:
            terminal.see(word)
        return terminal.text()

    def end(self, terminal, keys):
        """Types the last keys and waits until the program ends by itself."""
        terminal.type(keys)
        while True:
            try:
                if not os.read(terminal.fd, 65536):
                    return
            except OSError:  # the other side is closed
                return


class NeoMutt(EachFormat, Screens):
    def start(self, name, run):
        for folder in ("headers", "bodies"):
            (self.home / folder).mkdir(exist_ok=True)
        rc = self.write(f"{name}.rc", f"""
set imap_user="{DEMO.address(name)}" imap_pass="{DEMO.password(name)}"
set folder="imaps://127.0.0.1:{DEMO.ports['imaps']}/" spoolfile="=INBOX" ssl_verify_host=no
set certificate_file="{self.certificate}" ssl_ca_certificates_file="{self.certificate}"
set header_cache="{self.home}/headers/" message_cachedir="{self.home}/bodies/" tmpdir="{self.home}"
set imap_condstore=yes imap_qresync=yes delete=yes quit=yes confirmappend=no confirmcreate=no move=no mark_old=no
set sort=mailbox-order wait_key=no beep=no pager_stop=yes
""")
        log = self.home / f"{name}-{run}-"
        return self.terminal("neomutt", "-F", rc, "-d", "2", "-l", log), pathlib.Path(f"{log}0")

    def sent(self, log):
        """The commands that went to the server."""
        text = log.read_text(errors="replace")
        return "\n".join(re.findall(r"^(?:.*mutt_socket_write_d\(\) \d+> )?(a\d{4} .*)$", text, re.M)), text

    def check(self, name):
        other = self.fill(name, 5)
        neomutt, log = self.start(name, 1)
        neomutt.see("number 5")
        self.step(neomutt, "1\r\r", "words 1")
        self.step(neomutt, "q", "number 5")
        self.step(neomutt, "2\rF", "!")
        self.step(neomutt, "3\rd", "D")
        self.step(neomutt, "4\rs", "Save to mailbox")
        self.step(neomutt, "\x15=Archive\r", "D")
        self.end(neomutt, "q")
        self.assertEqual(self.held(other, "Archive"), {4: set()}, name)
        self.assertEqual(self.held(other), {1: {"\\Seen"}, 2: {"\\Flagged"}, 5: set()}, name)
        self.assertIn("BODY.PEEK[HEADER", self.sent(log)[0])

        # The next start asks for what changed, and for the header of the new letter alone.
        self.flag(other, 2, "-FLAGS", "(\\Flagged)")
        self.flag(other, 5, "+FLAGS", "(\\Answered)")
        other.append("INBOX", None, None, letter(6))
        neomutt, log = self.start(name, 2)
        neomutt.see("number 6")
        screen = neomutt.see("Msgs:4")
        self.assertRegex(screen, r"2 N +Nov 23 Ann[^!]{0,40}number 2")
        self.assertRegex(screen, r"r +Nov 23 Ann.{0,40}number 5")
        self.end(neomutt, "q")
        commands, text = self.sent(log)
        self.assertRegex(commands, r"UID FETCH 1:\d+ \(FLAGS\) \(CHANGEDSINCE \d+ VANISHED\)")
        self.assertEqual(re.findall(r" FETCH ([\d:,*]+) \(UID FLAGS .*BODY\.PEEK\[HEADER", commands), ["4"])
        self.assertNotIn("QRESYNC failed", text)

        # What went elsewhere is told by VANISHED.
        self.delete(other, 1)
        neomutt, log = self.start(name, 3)
        neomutt.see("Msgs:3")
        screen = neomutt.see("number 6")
        self.assertNotIn("number 1", screen)
        self.end(neomutt, "q")
        self.assertIn("Handling VANISHED", self.sent(log)[1])
        self.assertEqual(self.held(other), {2: set(), 5: {"\\Answered"}, 6: set()}, name)

class Alpine(EachFormat, Screens):
    def check(self, name):
        other = self.fill(name, 5)
        far = f"{{127.0.0.1:{DEMO.ports['imaps']}/ssl/novalidate-cert/user={DEMO.address(name)}}}"
        rc = self.write("pinerc", f"user-domain=example.test\ninbox-path={far}INBOX\nfolder-collections=far {far}[]\n"
                        "last-time-prune-questions=999.12\nlast-version-used=6.26\nsort-key=arrival\n"
                        "feature-list=disable-password-file-saving,expunge-without-confirm,quit-without-confirm\n")
        alpine = self.terminal("alpine", "-p", rc, "-i")
        alpine.see("ENTER PASSWORD")
        self.step(alpine, DEMO.password(name) + "\r", "number 5")
        self.step(alpine, "j", "Message number to jump to")
        self.step(alpine, "1\r", "ViewMsg")
        self.step(alpine, "v", "words 1")
        self.step(alpine, "<", "number 5")
        self.step(alpine, "j", "Message number to jump to")
        self.step(alpine, "3\r", "ViewMsg")
        self.step(alpine, "d", "D   3 ")    # the date behind it looks otherwise after a week
        self.step(alpine, "j", "Message number to jump to")
        self.step(alpine, "4\r", "ViewMsg")
        self.step(alpine, "s", "SAVE Msg #4 to folder")
        # What is said at the foot of the screen may wait for the next key: the letters' own lines don't.
        self.step(alpine, "Archive\r", "D   4 ")
        self.step(alpine, "x", "Message 3 of 3")
        self.step(alpine, "\x0c", "number 1", "number 2", "number 5")
        self.step(alpine, "q", "Alpine finished")
        self.assertEqual(self.held(other), {1: {"\\Seen"}, 2: set(), 5: set()}, name)
        self.assertEqual(set(self.held(other, "Archive")), {4}, name)

class Getmail(ClientCase):
    def fetch(self, name):
        box = self.home / name
        rc = self.write(f"{name}.rc", "[retriever]\ntype = SimpleIMAPSSLRetriever\nserver = 127.0.0.1\n"
                        f"port = {DEMO.ports['imaps']}\nusername = {DEMO.address(name)}\npassword = {DEMO.password(name)}\n"
                        f"mailboxes = (\"INBOX\", \"Archive\")\n{getmail.destination(self.home, box)}"
                        "[options]\nread_all = false\ndelete = true\ndelivered_to = false\nreceived = false\n")
        self.run_client("getmail", f"--getmaildir={self.home}", f"--rcfile={rc}")
        with contextlib.closing(mailbox.Maildir(box, create=False)) as opened:
            letters = [m.as_bytes().replace(b"\r\n", b"\n") for m in opened]
        numbers = sorted(int(mailbox.email.message_from_bytes(m)["Subject"].split()[1]) for m in letters)
        for number in numbers:
            self.assertTrue(any(m.endswith(b"\n\nwords %d\n" % number) for m in letters), letters)
        return numbers

    def test_takes_letters_away(self):
        for name in ACCOUNTS:
            with self.subTest(name):
                other = self.fill(name, 2)
                other.append("Archive", None, None, letter(3))
                self.assertEqual(self.fetch(name), [1, 2, 3])
                self.assertEqual((self.held(other, "Archive"), self.held(other)), ({}, {}))
                other.append("INBOX", None, None, letter(4))
                self.assertEqual(self.fetch(name), [1, 2, 3, 4])
                self.assertEqual(self.held(other), {})


class ImapFlow(ClientCase):
    def check(self, name, security):
        if not (MODULES / "imapflow").is_dir():
            self.fail(f"{MODULES} is missing: scripts/fetch-imapflow.sh brings it")
        self.fill(name, 0)
        port = DEMO.ports["imaps" if security == "tls" else "imap"]
        with subprocess.Popen(["node", pathlib.Path(__file__).parent / "imapflow/client.js", str(port), security,
                               DEMO.address(name), DEMO.password(name)], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={**os.environ, "NODE_PATH": str(MODULES)}) as client:
            said = []
            for line in client.stdout:
                said.append(line)
                if line == "idling\n":
                    with DEMO.smtp() as smtp:
                        smtp.sendmail("ann@far.test", [DEMO.address(name)], "Subject: for who idles\r\n\r\nwords\r\n")
        self.assertEqual((client.returncode, said[-1:]), (0, ["done\n"]), "".join(said))

    def test_database_tls(self):
        self.check("alice", "tls")

    def test_maildir_starttls(self):
        self.check("carol", "starttls")

    def test_mbox_tls(self):
        self.check("dave", "tls")


if __name__ == "__main__":
    unittest.main()
