"""Programs that share an mbox with Posthouse: Dovecot's IMAP, mutt, procmail, Python. Dovecot's don't run as root, so
all of them, and the server, run as another user then."""
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

IMAP = "/usr/lib/dovecot/imap"
USER = "nobody"
AS_USER = ["setpriv", "--reuid", USER, "--regid", "nogroup", "--clear-groups"] if os.geteuid() == 0 else []


def folder_of_user():
    """A new folder that belongs to the user."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="posthouse-mbox-", dir="/tmp"))
    if AS_USER:
        shutil.chown(folder, USER, "nogroup")
    return folder


# Else Dovecot does not look for flags that others changed, and writes what it remembers over them.
ATTENTIVE = "mbox_dirty_syncs = no\nmbox_lazy_writes = no\n"


class Peers:
    def __init__(self, home, inbox, folders, dovecot=ATTENTIVE):
        self.home, self.inbox, self.folders = pathlib.Path(home), pathlib.Path(inbox), pathlib.Path(folders)
        self.home.mkdir(exist_ok=True)
        if AS_USER:
            shutil.chown(self.home, USER, "nogroup")
        self.config = self.home / "dovecot.conf"
        self.config.write_text(
            f"log_path={self.home}/log\nmail_location = mbox:{self.folders}:INBOX={self.inbox}\n"
            f"mbox_write_locks = dotlock fcntl\nmbox_read_locks = fcntl\nfirst_valid_uid = 0\n{dovecot}")
        self.environment = dict(os.environ, HOME=str(self.home), USER=USER, TERM="xterm", LC_ALL="C.UTF-8", TZ="UTC")

    def run(self, *command, text=b""):
        if isinstance(text, str):
            text = text.encode("latin-1")
        done = subprocess.run([*AS_USER, *map(str, command)], input=text, capture_output=True, env=self.environment,
                              cwd=self.home, timeout=300)
        if done.returncode != 0:
            raise AssertionError(f"{command}: {done.returncode} {done.stderr!r} {done.stdout!r}")
        return done.stdout.decode("latin-1")

    # ---- Dovecot
    def converse(self, script):
        """What it says, its exit status, and what it complained of. Its input stays open until it has said all: at the end
        of its input it forgets what is still to be said."""
        command = [*AS_USER, IMAP, "-c", str(self.config)]
        with tempfile.TemporaryFile() as complaints:
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints,
                                  env=self.environment, cwd=self.home) as session:
                limit = threading.Timer(300, session.kill)
                limit.start()
                try:
                    session.stdin.write(script.encode("latin-1"))
                    session.stdin.flush()
                    out = session.stdout.read().decode("latin-1")
                finally:
                    limit.cancel()
            complaints.seek(0)
            return out, session.returncode, complaints.read().decode("latin-1")

    def imap(self, *commands, mailbox="INBOX"):
        """Runs the commands in one session that has the mailbox selected; gives the lines. A session that ends before it has
        answered the SELECT (seen once, of a file that grew meanwhile) was asked for nothing yet: it is tried again."""
        script = f"s select {mailbox}\r\n" + "".join(f"c{i} {c}\r\n" for i, c in enumerate(commands)) + "q logout\r\n"
        for _ in range(3):
            out, status, complaints = self.converse(script)
            if "\ns " in "\n" + out:
                break
            print(f"Dovecot ended a session in SELECT: {status} {out} {complaints}", file=sys.stderr, flush=True)
        answered = all(f"\n{tag} OK" in "\n" + out for tag in ["s", *(f"c{i}" for i in range(len(commands)))])
        if status != 0 or not answered:
            raise AssertionError(f"{commands}: {status} {complaints} {out}")
        return out.splitlines()

    def validity(self, mailbox="INBOX"):
        return next(int(line.split("[UIDVALIDITY ")[1].split("]")[0])
                    for line in self.imap(mailbox=mailbox) if "[UIDVALIDITY " in line)

    def flags(self, mailbox="INBOX"):
        """UID -> flags."""
        seen = {}
        for line in self.imap("fetch 1:* (uid flags)", mailbox=mailbox):
            if " FETCH (UID " in line:
                words = line.replace("(", " ").replace(")", " ").split()
                seen[int(words[words.index("UID") + 1])] = set(words[words.index("FLAGS") + 1:]) - {"\\Recent"}
        return seen

    def expunge(self, uid):
        """In two sessions: the first leaves the message in the file as long as others read it."""
        self.imap(f"uid store {uid} +flags (\\Deleted)")
        self.imap("expunge")

    def log(self):
        """What Dovecot's programs complained of."""
        path = self.home / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    # ---- mutt
    def mutt(self, keys, box=None, must=True):
        rc = self.home / "muttrc"
        if not rc.exists():
            rc.write_text(f"set folder={self.home}\nset delete=yes quit=yes move=no wait_key=no mark_old=no beep=no\n"
                          f"set tmpdir={self.home}\nset header_cache=\"\"\n")
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.home)
            command = [*AS_USER, "mutt", "-F", str(rc), "-f", str(box or self.inbox), "-e", f"push {keys}"]
            os.execvpe(command[0], command, self.environment)
        end = time.monotonic() + (120 if must else 20)   # it may ask about a lock that Dovecot has, which waits for mutt's
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
        status = os.waitpid(pid, 0)[1]
        if must and status != 0:
            raise AssertionError(screen[-2000:])

    # ---- deliveries
    def procmail(self, text):
        rc = self.home / "procmailrc"
        if not rc.exists():
            rc.write_text(f"SHELL=/bin/sh\nDEFAULT={self.inbox}\nLOCKSLEEP=1\n:0:\n{self.inbox}\n")
        self.run("procmail", "-m", rc, text="From p@far.test Sat Nov 28 12:00:00 2020\n" + text.replace("\r\n", "\n"))

    def python(self, text):
        script = ("import mailbox, sys, time\n"
                  f"box = mailbox.mbox({str(self.inbox)!r})\n"
                  "for attempt in range(6000):\n"
                  "    try:\n"
                  "        box.lock()\n"
                  "        break\n"
                  "    except mailbox.ExternalClashError:\n"
                  "        time.sleep(0.01)\n"
                  "else:\n"
                  "    sys.exit('never got the lock')\n"
                  "box.add(sys.stdin.buffer.read())\nbox.flush()\nbox.unlock()\n")
        self.run("/usr/bin/python3", "-c", script, text=text.replace("\r\n", "\n"))
