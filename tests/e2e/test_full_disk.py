"""A disk that fills up: on a small file system of its own, in a mount namespace. Letters are refused with 452 and nothing
that was answered 250 is lost; reading goes on; when there is room again, so does delivery."""
import base64
import os
import re
import subprocess
import unittest

from namespace import enter
from posthouse import BINARY, Demo, run, wait_until
from raw import Raw

MIB = 1 << 20
DISK = 300 * MIB

enter("test_full_disk")


class SmallDisk(unittest.TestCase):
    def setUp(self):
        self.where = f"/tmp/posthouse-disk-{os.getpid()}"
        os.makedirs(self.where)
        self.addCleanup(os.rmdir, self.where)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0755", "tmpfs", self.where], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.where], check=True)
        self.accepted, self.refused, self.serial = [], [], 0

    def free(self):
        disk = os.statvfs(self.where)
        return disk.f_bavail * disk.f_frsize

    def send(self, demo, size, declare=False):
        """Sends one letter and notes what became of it; the last reply."""
        self.serial += 1
        name = f"letter-{self.serial}-end"
        with Raw(demo.ports["smtp"]) as connection:
            connection.ask("EHLO x.test")
            reply = connection.ask("MAIL FROM:<x@far.test>" + (f" SIZE={size}" if declare else ""))
            if reply.startswith(b"250"):
                reply = connection.ask(f"RCPT TO:<{demo.address('bob')}>")
            if reply.startswith(b"250"):
                reply = connection.ask("DATA")
            if reply.startswith(b"354"):
                text = base64.b64encode(os.urandom(size * 3 // 4))
                body = b"".join(text[i:i + 76] + b"\r\n" for i in range(0, len(text), 76))
                reply = connection.ask(f"Subject: {name}\r\n\r\n".encode() + body + b".")
        (self.accepted if reply.startswith(b"250 2.0.0 Ok: queued") else self.refused).append((name, reply))
        return reply

    def subjects(self, demo):
        client = demo.imap("bob")
        client.select("INBOX", readonly=True)
        data = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        client.logout()
        return [m[0].decode() for item in data if isinstance(item, tuple) and (m := re.search(rb"letter-\d+-end", item[1]))]

    def check_all_there(self, demo):
        self.assertEqual(self.subjects(demo), [name for name, _ in self.accepted])

    def fill_by_letters(self, demo):
        """Until one is refused for want of room; then smaller ones too."""
        for size in (4 * MIB, MIB, 100_000, 4_000):
            for _ in range(2000):   # a log that becomes unnecessary now and then makes room for some
                reply = self.send(demo, size, declare=self.serial % 2 == 0)
                if not reply.startswith(b"250"):
                    self.assertTrue(reply.startswith(b"452 4.3.1"), reply)
                    break
            else:
                self.fail(f"{size}: never full with {self.free()} bytes free")

    def delete_all(self, demo):
        client = demo.imap("bob")
        client.select("INBOX")
        self.assertEqual(client.store("1:*", "+FLAGS.SILENT", "(\\Deleted)")[0], "OK")
        self.assertEqual(client.expunge()[0], "OK")
        client.logout()
        self.accepted.clear()

    def test_a_demo_without_room_for_its_welcome_says_so(self):
        with Demo("--set", "store.reserve=1GiB", directory=self.where + "/demo") as demo:
            with open(demo.log_path) as errors:
                told = errors.read()
            self.assertRegex(told, "the welcome letter was not taken: .*; see " + demo.directory + "/posthouse.log")
            self.assertIn("demo.welcome_not_sent", demo.log())

    def test_below_the_reserve(self):
        """The ordinary way: the program keeps a reserve, so the disk itself never fills."""
        with Demo("--set", 'store.reserve="64MiB"', "--set", 'store.memory="16MiB"', directory=self.where + "/demo") as demo:
            self.fill_by_letters(demo)
            self.assertGreater(len(self.accepted), 10)
            self.assertGreater(self.free(), 16 * MIB)   # tables being merged take some of the reserve
            self.check_all_there(demo)
            # Somebody else takes a part of the reserve too: still nothing but refusals.
            filler = os.path.join(self.where, "filler")
            with open(filler, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.free() - 16 * MIB)
            wait_until(lambda: self.send(demo, 1000).startswith(b"452 4.3.1"), 20, "a refusal")
            client = demo.imap("bob")
            wait_until(lambda: "UNAVAILABLE" in str(client.append("Drafts", None, None, b"Subject: x\r\n\r\n")[1]), 20,
                       "APPEND to be refused")
            client.logout()
            self.assertEqual(demo.run("deliver", "bob", stdin="Subject: x\n\n").returncode, 75)
            with demo.submission("alice") as client:
                self.assertEqual(client.mail(demo.address("alice"))[0], 452)
            self.check_all_there(demo)
            self.delete_all(demo)   # what makes room is never refused
            os.unlink(filler)
            for _ in range(10):   # as many as the deleted ones made room for
                wait_until(lambda: self.send(demo, 4 * MIB).startswith(b"250"), 60, "delivery to go on")
            self.assertIn("store.purged_early", demo.log())
            self.check_all_there(demo)
            demo.kill()
            demo.start()
            self.check_all_there(demo)

    def test_what_was_deleted_may_be_kept_though_the_disk_is_full(self):
        with Demo("--set", 'store.reserve="200MiB"', "--set", "store.purge_when_full=false",
                  directory=self.where + "/demo") as demo:
            self.fill_by_letters(demo)
            names = [name for name, _ in self.accepted]
            self.delete_all(demo)
            # Space is looked for whenever there is something that may be given back.
            wait_until(lambda: "server.space_reclaimed" in demo.log(), 60, "space to be looked for")
            self.assertEqual(demo.run("mailbox", "undelete", demo.address("bob")).returncode, 0)
            self.assertEqual(sorted(self.subjects(demo)), sorted(names))
            self.assertNotIn("store.purged", demo.log())

    def fill(self, path, leave):
        """Whether it could be done: somebody else writes meanwhile."""
        with open(path, "wb") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, self.free() - leave)
            except OSError:
                return False
        return True

    def test_a_disk_of_backups_that_fills_up(self):
        """Told before anything is copied where that can be known, else in the middle; older backups stay whole."""
        with Demo() as demo:
            backups, filler = self.where + "/backups", self.where + "/filler"
            demo.run("backup", backups, check=True)
            for _ in range(12):
                self.assertTrue(self.send(demo, 4 * MIB).startswith(b"250"))
            with open(filler, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.free() - 20 * MIB)
            refused = demo.run("backup", backups)
            self.assertEqual(refused.returncode, 75, refused.stderr)
            self.assertRegex(refused.stderr, "the disk has .* left and this backup needs")
            os.unlink(filler)
            slow = subprocess.Popen([BINARY, "backup", backups, "--config", demo.config, "--rate", "12MiB"],
                                    stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
            wait_until(lambda: os.listdir(backups + "/unfinished"), 20, "copying to begin")
            wait_until(lambda: self.fill(filler, 4 * MIB), 20, "the disk to be full")
            self.assertIn("No space left on device", slow.communicate(timeout=120)[1].decode())
            self.assertEqual(slow.returncode, 75)
            self.assertEqual(os.listdir(backups + "/unfinished"), [])
            run("backup", "verify", backups, check=True)
            os.unlink(filler)
            demo.run("backup", backups, check=True)
            run("backup", "verify", backups, check=True)
            self.check_all_there(demo)

    def test_without_a_reserve(self):
        """The disk fills in the middle of a write: the store says so and comes back by itself or with a start."""
        with Demo("--set", 'store.reserve="0B"', "--set", 'store.memory="16MiB"', directory=self.where + "/demo") as demo:
            self.send(demo, 100_000)
            filler = os.path.join(self.where, "filler")
            with open(filler, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.free() - 24 * MIB)
            for size in (300_000, 30_000, 3_000):
                for _ in range(300):
                    reply = self.send(demo, size)
                    if not reply.startswith(b"250"):
                        break
            self.assertTrue(all(reply[:4] in (b"452 ", b"451 ") for _, reply in self.refused), self.refused)
            self.assertTrue(self.refused)
            self.check_all_there(demo)   # reading goes on
            os.unlink(filler)
            wait_until(lambda: self.send(demo, 3_000).startswith(b"250"), 60, "delivery to go on")
            self.check_all_there(demo)
            demo.kill()
            demo.start()
            self.check_all_there(demo)
            self.assertTrue(self.send(demo, 3_000).startswith(b"250"))
            check = demo.run("store", "check", "--json")
            self.assertEqual(check.returncode, 0, check.stdout)

    def test_a_start_on_a_full_disk(self):
        """It starts, lets people read and delete, and refuses the rest."""
        settings = ("--set", 'store.memory="16MiB"')
        with Demo(*settings, directory=self.where + "/demo") as demo:
            for _ in range(3):
                self.assertTrue(self.send(demo, MIB).startswith(b"250"))
            demo.stop()
            filler = os.path.join(self.where, "filler")
            with open(filler, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.free() - 20 * MIB)
            demo.start()
            self.check_all_there(demo)
            self.assertTrue(self.send(demo, 1000).startswith(b"452 4.3.1"))
            self.delete_all(demo)
            os.unlink(filler)
            wait_until(lambda: self.send(demo, 1000).startswith(b"250"), 60, "delivery to go on")


if __name__ == "__main__":
    unittest.main()
