"""A Maildir on a disk of its own, in a mount namespace: one that is full while the store has room, and one that is not
mounted."""
import os
import pathlib
import re
import subprocess
import unittest

from namespace import enter
from posthouse import Demo, wait_until

MIB = 1 << 20

enter("test_maildir_disk")


class OwnDisk(unittest.TestCase):
    def setUp(self):
        self.where = pathlib.Path(f"/tmp/posthouse-maildir-disk-{os.getpid()}")
        self.where.mkdir()
        self.addCleanup(subprocess.run, ["rm", "-rf", str(self.where)])
        self.disk = self.where / "disk"
        self.disk.mkdir()
        self.source = self.where / "source"   # a file system that is mounted at `disk` too
        self.source.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={8 * MIB},mode=0755", "tmpfs", self.source], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.source], check=True)
        self.mount()
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.disk], stderr=subprocess.DEVNULL)
        self.demo = Demo("--set", f'store.maildir="{self.disk}/{{local}}"')
        self.addCleanup(self.demo.clean)
        self.demo.start()
        self.addCleanup(self.demo.stop)
        self.root = self.source / "carol"

    def mount(self):
        subprocess.run(["mount", "--bind", self.source, self.disk], check=True)

    def send(self, name, size=100):
        body = ("x" * 70 + "\r\n") * (size // 72 + 1)
        with self.demo.smtp() as client:
            client.sendmail("ann@far.test", [self.demo.address("carol")], f"Subject: {name}\r\n\r\n{body}")

    def subjects(self):
        client = self.demo.imap("carol")
        client.select("INBOX", readonly=True)
        data = client.fetch("1:*", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[TEXT])")[1]
        client.logout()
        return sorted(item[1].split(b":")[1].strip().decode() for item in data
                      if isinstance(item, tuple) and b"HEADER.FIELDS" in item[0] and b"letter-" in item[1])

    def in_files(self):
        found = []
        for path in [*(self.root / "new").iterdir(), *(self.root / "cur").iterdir()]:
            with open(path, "rb") as file:
                line = file.read(2000)
            found += [name.decode() for name in re.findall(rb"letter-\d+", line)]
        return sorted(found)

    def test_letters_come_to_the_files_when_there_is_room(self):
        self.send("letter-1")
        filler = self.source / "filler"
        disk = os.statvfs(self.source)
        with open(filler, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, disk.f_bavail * disk.f_frsize - 64 * 1024)
        names = ["letter-1"]
        for number in range(2, 6):
            names.append(f"letter-{number}")
            self.send(names[-1], 300_000)
        self.assertEqual(self.in_files(), ["letter-1"])
        self.assertEqual(self.subjects(), names)
        self.assertEqual(list((self.root / "tmp").iterdir()), [])
        self.demo.kill()
        self.demo.start()
        self.assertEqual(self.subjects(), names)
        filler.unlink()
        wait_until(lambda: self.in_files() == names, 20, "the letters to come to the files")
        self.assertEqual(self.subjects(), names)

    def test_a_disk_that_is_not_mounted(self):
        for number in range(3):
            self.send(f"letter-{number}")
        for put_there in (False, True):
            with self.subTest(put_there=put_there):
                client = self.demo.imap("carol")
                client.select("INBOX")
                uids = client.uid("SEARCH", None, "ALL")[1][0]
                subprocess.run(["umount", "--lazy", self.disk], check=True)
                if put_there:   # others make an empty Maildir in its place
                    for sub in ("new", "cur", "tmp"):
                        (self.disk / "carol" / sub).mkdir(parents=True)
                client.noop()
                self.assertEqual(client.uid("SEARCH", None, "ALL")[1][0], uids)
                client.logout()
                self.send(f"letter-{3 + put_there}")   # kept in the index
                client = self.demo.imap("carol")
                client.select("INBOX")
                self.assertEqual(len(client.uid("SEARCH", None, "ALL")[1][0].split()), len(uids.split()) + 1)
                client.logout()
                if not put_there:
                    self.assertEqual(list(self.disk.iterdir()), [])
                    self.mount()
                    expected = [f"letter-{number}" for number in range(4)]
                    wait_until(lambda: self.in_files() == expected, 20, "the letter to come to the files")
                    self.assertEqual(self.subjects(), expected)


if __name__ == "__main__":
    unittest.main()
