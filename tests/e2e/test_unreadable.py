"""A disk that can't read some of its sectors: a letter whose bytes are there fails, and nothing else does. No look takes
for gone what can't be read, nothing is written over it, and what goes over all letters names it. On all three stores."""
import base64
import imaplib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from posthouse import Demo, run, tls_context, wait_until
from test_serve import Serve

# Reads that touch a range of a file fail as on a disk with bad sectors, and so does opening a directory. The ranges are
# in a file, DEVICE INODE FROM TO a line; without that file all is well. Everything else is the kernel's own.
LIBRARY = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
static int fails(int fd, unsigned long long at, unsigned long long size) {
  char text[4096]; struct stat facts; char *line; int bad = 0; const int before = errno;
  const int list = (int)syscall(SYS_openat, AT_FDCWD, TRIGGER, O_RDONLY | O_CLOEXEC);
  if (list < 0) { errno = before; return 0; }
  const long got = syscall(SYS_read, list, text, sizeof text - 1);
  syscall(SYS_close, list);
  text[got > 0 ? got : 0] = 0;
  if (fstat(fd, &facts) == 0) {
    for (line = text; line != NULL && *line != 0; line = strchr(line, '\n'), line = line ? line + 1 : line) {
      unsigned long long device, inode, from, to;
      if (sscanf(line, "%llu %llu %llu %llu", &device, &inode, &from, &to) != 4) { break; }
      if (facts.st_dev == device && facts.st_ino == inode && at < to && at + size > from) { bad = 1; }
    }
  }
  errno = bad ? EIO : before;
  return bad;
}
ssize_t pread(int fd, void *to, size_t size, off_t at) { return fails(fd, at, size) ? -1 : syscall(SYS_pread64, fd, to, size, at); }
ssize_t pread64(int fd, void *to, size_t size, off_t at) { return pread(fd, to, size, at); }
ssize_t read(int fd, void *to, size_t size) {
  const off_t at = (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
  return at >= 0 && fails(fd, at, size) ? -1 : syscall(SYS_read, fd, to, size);
}
static int opened(int fd, int flags) {
  if (fd < 0 || (flags & O_DIRECTORY) == 0 || !fails(fd, 0, 1)) { return fd; }
  syscall(SYS_close, fd); errno = EIO; return -1;
}
int openat(int folder, const char *path, int flags, ...) {
  va_list more; va_start(more, flags); const int mode = va_arg(more, int); va_end(more);
  return opened((int)syscall(SYS_openat, folder, path, flags, mode), flags);
}
int open(const char *path, int flags, ...) {
  va_list more; va_start(more, flags); const int mode = va_arg(more, int); va_end(more);
  return opened((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), flags);
}
int openat64(int folder, const char *path, int flags, ...) __attribute__((alias("openat")));
int open64(const char *path, int flags, ...) __attribute__((alias("open")));
DIR *opendir(const char *path) {
  const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 ? NULL : fdopendir(fd);
}
"""


def body(name, size=30_000):
    """Text that no compression makes small, and that is in no other letter."""
    text = base64.encodebytes(name.encode() + b" " + os.urandom(size)).decode()
    return text.replace("\n", "\r\n")


class Case(unittest.TestCase):
    person = "carol"

    def setUp(self):
        self.where = pathlib.Path(tempfile.mkdtemp(prefix="posthouse-unreadable-"))
        self.addCleanup(shutil.rmtree, self.where, ignore_errors=True)
        (self.where / "data").mkdir()
        self.trigger = self.where / "data/unreadable"
        source = self.where / "unreadable.c"
        source.write_text(LIBRARY)
        library = source.with_suffix(".so")
        subprocess.run(["gcc-12", "-shared", "-fPIC", f'-DTRIGGER="{self.trigger}"', "-o", library, source], check=True)
        self.broken = {"LD_PRELOAD": str(library)}
        self.demo = Demo(directory=str(self.where / "data"), env=self.broken)
        self.demo.start()
        self.addCleanup(lambda: self.demo.stop())
        self.files = self.where / "data/data"
        self.sent = {}
        client = self.demo.imap(self.person)
        client.select("INBOX")
        client.uid("STORE", "1:*", "+FLAGS.SILENT", "(\\Deleted)")
        client.expunge()
        client.logout()

    def send(self, *names):
        with self.demo.smtp() as client:
            for name in names:
                self.sent[name] = body(name)
                client.sendmail("ann@far.test", [self.demo.address(self.person)],
                                f"Subject: {name}\r\n\r\n{self.sent[name]}")

    def make_unreadable(self, *ranges):
        lines = []
        for path, begin, end in ranges:
            facts = os.stat(path)
            lines.append(f"{facts.st_dev} {facts.st_ino} {begin} {end}\n")
        fresh = self.trigger.with_suffix(".new")
        fresh.write_text("".join(lines))
        fresh.rename(self.trigger)

    def make_readable(self):
        self.trigger.unlink()

    def fetch_each(self, mailbox="INBOX"):
        """Of each message in one session the body, or the code of the refusal; UIDs as keys."""
        client = self.demo.imap(self.person)
        try:
            status, answer = client.select(mailbox)
            self.assertEqual(status, "OK", answer)
            found = {}
            for uid in client.uid("SEARCH", None, "ALL")[1][0].decode().split():
                try:
                    status, data = client.uid("FETCH", uid, "(UID BODY.PEEK[TEXT])")
                except imaplib.IMAP4.error as refused:
                    status, data = "NO", [str(refused).encode()]
                texts = [item[1].decode() for item in data if isinstance(item, tuple)]
                found[int(uid)] = texts[0] if status == "OK" and texts else str(data[-1])
            return found
        finally:
            client.logout()

    def check_only(self, unreadable, found):
        """All but these can be read, and these are refused for now."""
        for name, (uid, text) in zip(self.sent, sorted(found.items()), strict=True):
            if name in unreadable:
                self.assertIn("[UNAVAILABLE]", text[:200], name)
            else:
                self.assertEqual(text[:200], self.sent[name][:200], name)
                self.assertTrue(text == self.sent[name], name)

    def check_all_back(self, uids):
        self.make_readable()
        found = self.fetch_each()
        self.assertEqual(list(found), uids)
        self.check_only([], found)

    def check_export(self, uid):
        """It tells which it could not read, and takes the others."""
        to = self.where / "exported"
        done = self.demo.run("export", self.demo.address(self.person), to, "--format", "eml")
        self.assertNotEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"INBOX UID {uid}", done.stdout + done.stderr)
        self.assertEqual(len(list(to.rglob("*.eml"))), len(self.sent) - 1, done.stdout + done.stderr)

    def check_store(self, word):
        done = self.demo.run("store", "check")
        self.assertEqual(done.returncode, 70, done.stdout + done.stderr)
        self.assertIn(word, done.stdout + done.stderr)


class InMaildir(Case):
    def root(self):
        return self.files / "maildir/example.test/carol"

    def file_of(self, name, folder=None):
        for path in [*(folder or self.root()).glob("new/*"), *(folder or self.root()).glob("cur/*")]:
            if f"Subject: {name}\n".encode() in path.read_bytes():
                return path
        return self.fail(name)

    def test_a_letter(self):
        self.send("one", "two", "three")
        uids = list(self.fetch_each())
        bad = self.file_of("two")
        before = bad.read_bytes()
        self.make_unreadable((bad, 8192, 12288))
        self.demo.stop()
        self.demo.start()
        for _ in range(2):
            self.check_only(["two"], self.fetch_each())
        self.send("four")
        self.check_only(["two"], self.fetch_each())
        self.check_export(uids[1])
        self.check_store(f"UID {uids[1]}")
        self.assertEqual(bad.read_bytes(), before)
        self.check_all_back(list(self.fetch_each()))

    def test_a_letter_of_others(self):
        """It comes in when it can be read."""
        self.send("one")
        (self.root() / "tmp/1.others").write_bytes(b"Subject: theirs\n\nx\n")
        self.make_unreadable((self.root() / "tmp/1.others", 0, 4096))
        os.rename(self.root() / "tmp/1.others", self.root() / "new/1.others")
        self.assertEqual(len(self.fetch_each()), 1)
        self.make_readable()
        self.assertEqual([text for text in self.fetch_each().values() if text not in self.sent.values()], ["x\r\n"])

    def test_folders(self):
        """A folder that can't be opened is not empty, and not gone."""
        client = self.demo.imap("carol")
        client.create("Sub")
        client.append("Sub", None, None, b"Subject: below\r\n\r\nx\r\n")
        client.select("Sub")
        validity = client.response("UIDVALIDITY")[1]
        client.logout()
        self.send("one", "two")
        uids = list(self.fetch_each())
        sub = self.root() / ".Sub"
        for directory in (sub, sub / "cur", sub / "new", self.root() / "cur", self.root()):
            with self.subTest(directory=directory):
                self.make_unreadable((directory, 0, 1))
                for _ in range(2):
                    client = self.demo.imap("carol")
                    names = b" ".join(client.list()[1])
                    self.assertIn(b"Sub", names)
                    for mailbox, exists in (("Sub", b"1"), ("INBOX", b"2")):
                        self.assertEqual(client.select(mailbox)[1], [exists])
                    client.logout()
                self.make_readable()
                client = self.demo.imap("carol")
                client.select("Sub")
                self.assertEqual(client.response("UIDVALIDITY")[1], validity)
                self.assertEqual(client.uid("FETCH", "1:*", "(BODY.PEEK[TEXT])")[1][0][1], b"x\r\n")
                client.logout()
                self.assertEqual(list(self.fetch_each()), uids)


class InMbox(Case):
    person = "dave"

    def inbox(self):
        return self.files / "mbox/example.test/dave/inbox"

    def range_of(self, name):
        """A sector in the middle of the letter."""
        at = self.inbox().read_bytes().index(f"Subject: {name}\n".encode())
        sector = (at + 15_000) // 4096 * 4096
        return self.inbox(), sector, sector + 4096

    def test_a_letter(self):
        self.send("one", "two", "three")
        uids = list(self.fetch_each())
        self.make_unreadable(self.range_of("two"))
        before = self.inbox().read_bytes()
        self.demo.stop()   # nothing of it is in memory
        self.demo.start()
        for _ in range(2):
            self.check_only(["two"], self.fetch_each())
        self.check_export(uids[1])
        self.check_store(f"UID {uids[1]}")
        # Flags and removals wait in the index; nothing is written over what can't be read.
        client = self.demo.imap("dave")
        client.select("INBOX")
        client.uid("STORE", str(uids[0]), "+FLAGS", "(\\Flagged)")
        client.uid("STORE", str(uids[2]), "+FLAGS", "(\\Deleted)")
        client.expunge()
        client.logout()
        self.assertTrue(self.inbox().read_bytes().startswith(before[:len(before) // 3]))
        self.assertIn(before[len(before) // 2:].split(b"\n")[0], self.inbox().read_bytes())
        del self.sent["three"]
        self.check_only(["two"], self.fetch_each())
        self.check_all_back(uids[:2])
        wait_until(lambda: b"three\n" not in self.inbox().read_bytes(), 20, "the removal from the file")

    def test_a_mailbox(self):
        client = self.demo.imap("dave")
        client.create("Sub/Below")
        client.append("Sub/Below", None, None, b"Subject: below\r\n\r\nx\r\n")
        client.select("Sub/Below")
        validity = client.response("UIDVALIDITY")[1]
        client.logout()
        folders = self.files / "mbox/example.test/dave/folders"
        for path in (folders / "Sub/Below", folders / "Sub", folders):
            with self.subTest(path=path):
                self.make_unreadable((path, 0, 4096))
                for _ in range(2):
                    client = self.demo.imap("dave")
                    self.assertIn(b"Sub/Below", b" ".join(client.list()[1]))
                    self.assertEqual(client.select("Sub/Below")[1], [b"1"])
                    client.logout()
                self.make_readable()
                client = self.demo.imap("dave")
                client.select("Sub/Below")
                self.assertEqual(client.response("UIDVALIDITY")[1], validity)
                self.assertEqual(client.uid("FETCH", "1:*", "(BODY.PEEK[TEXT])")[1][0][1], b"x\r\n")
                client.logout()


@unittest.skipUnless(os.geteuid() == 0, "only root can give a file to itself")
class OfSomebodyElse(unittest.TestCase):
    """A file that the server's user may not read (root made it, 0600): nothing that a client may not do, so it is told to
    try again (RFC 5530: UNAVAILABLE), and all is there when it can be read."""

    def setUp(self):
        self.server = Serve("[resolver]\nservers = [\"127.0.0.1@9\"]\n")
        self.addCleanup(self.server.clean)
        for kind in ("mbox", "maildir"):
            run("account", "add", f"{kind}@serve.test", "--store", kind, "--password-stdin", "--config", self.server.config,
                stdin="secret\n", check=True)
        self.server.start()
        self.addCleanup(lambda: self.server.stop())

    def imap(self, kind):
        client = imaplib.IMAP4_SSL("127.0.0.1", self.server.ports["imaps"], ssl_context=tls_context(), timeout=30)
        client.login(f"{kind}@serve.test", "secret")
        return client

    def refused(self, answer):
        status, text = answer
        self.assertEqual(status, "NO", text)
        self.assertIn(b"[UNAVAILABLE] ", text[0])
        self.assertIn(b"try again later", text[0])

    def check(self, kind, path):
        for name in ("one", "two", "three"):
            run("deliver", f"{kind}@serve.test", "--config", self.server.config, stdin=f"Subject: {name}\n\n{name}\n",
                check=True)
        client = self.imap(kind)
        client.select("INBOX")
        self.assertEqual(client.uid("STORE", "1", "+FLAGS", "(\\Deleted)")[0], "OK")
        self.assertEqual(client.noop()[0], "OK")
        path = path()
        before = path.stat()
        os.chown(path, 0, 0)
        path.chmod(0o700 if path.is_dir() else 0o600)
        self.refused(client.uid("EXPUNGE", "1"))
        second = self.imap(kind)
        self.assertEqual(second.select("INBOX"), ("OK", [b"3"]), "from the index")
        self.refused(second.uid("FETCH", "2", "(BODY.PEEK[TEXT])"))
        second.logout()
        os.chown(path, before.st_uid, before.st_gid)
        path.chmod(before.st_mode & 0o777)
        client.logout()
        client = self.imap(kind)

        def all_is_there():
            status, exists = client.select("INBOX")
            return status == "OK" and exists in ([b"3"], [b"2"])
        wait_until(all_is_there, 20, "the mailbox")
        client.uid("STORE", "1", "+FLAGS.SILENT", "(\\Deleted)")
        wait_until(lambda: client.uid("EXPUNGE", "1:*")[0] == "OK", 20, "the removal")
        texts = [item[1] for item in client.uid("FETCH", "1:*", "(BODY.PEEK[TEXT])")[1] if isinstance(item, tuple)]
        self.assertEqual(texts, [b"two\r\n", b"three\r\n"])
        client.logout()

    def test_mbox(self):
        self.check("mbox", lambda: pathlib.Path(self.server.directory, "data/mbox/serve.test/mbox/inbox"))

    def test_maildir(self):
        self.check("maildir", lambda: pathlib.Path(self.server.directory, "data/maildir/serve.test/maildir/new"))


class InTheDatabase(Case):
    person = "alice"

    def test_a_letter(self):
        self.send("one", "two", "three")
        self.demo.stop()   # what is in the log gets into tables
        self.demo.start()
        uids = list(self.fetch_each())
        line = self.sent["two"].split("\r\n")[200].encode()
        found = [(path, path.read_bytes().find(line)) for path in (self.files / "store").iterdir()
                 if path.suffix in (".sst", ".blob")]
        ranges = [(path, at // 4096 * 4096, at // 4096 * 4096 + 4096) for path, at in found if at >= 0]
        self.assertEqual(len(ranges), 1, found)
        self.make_unreadable(*ranges)
        for restarted in (False, True):
            if restarted:
                self.demo.stop()
                self.demo.start()
            self.check_only(["two"], self.fetch_each())
        self.send("four")
        self.check_only(["two"], self.fetch_each())
        self.check_export(uids[1])
        self.check_store(ranges[0][0].name)
        done = self.demo.run("backup", self.where / "backup", env=self.broken)
        self.assertNotEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(ranges[0][0].name, done.stdout + done.stderr)
        self.check_all_back(list(self.fetch_each()))


if __name__ == "__main__":
    unittest.main()
