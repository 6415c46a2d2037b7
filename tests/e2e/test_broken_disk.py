"""A disk that fails under load: while a file is there, no flush of the disk succeeds. The worker ends by itself, the
supervisor starts another, and once the disk works again everything that was answered 250 is there, nothing twice."""
import imaplib
import pathlib
import random
import subprocess
import threading
import unittest

from posthouse import run, tls_context, wait_until
from test_crash import Sender
from test_serve import Serve

# Both calls fail as a dying disk makes them fail, while the file is there. The calls before that are the kernel's own.
LIBRARY = """\
#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>
static int fails(void) { if (access(TRIGGER, F_OK) != 0) { return 0; } errno = EIO; return 1; }
int fdatasync(int fd) { return fails() ? -1 : (int)syscall(SYS_fdatasync, fd); }
int fsync(int fd) { return fails() ? -1 : (int)syscall(SYS_fsync, fd); }
"""


class BrokenDisk(unittest.TestCase):
    def setUp(self):
        extra = '[queue]\nretry = ["1h"]\n[resolver]\nservers = ["127.0.0.1@9"]\n[auth]\nplain_without_tls = true\n'
        self.server = Serve(extra)
        self.addCleanup(self.server.clean)
        self.trigger = pathlib.Path(self.server.directory) / "data/broken"
        source = pathlib.Path(self.server.directory) / "broken.c"
        source.write_text(LIBRARY)
        library = source.with_suffix(".so")
        subprocess.run(["gcc-12", "-shared", "-fPIC", f'-DTRIGGER="{self.trigger}"', "-o", library, source], check=True)
        self.server.env["LD_PRELOAD"] = str(library)
        self.count, self.lock = 0, threading.Lock()

    def serial(self):
        with self.lock:
            self.count += 1
            return self.count

    def load(self):
        ports = self.server.ports
        senders = [Sender(ports["smtp"], ["me@serve.test"], self.serial, random.random()) for _ in range(4)]
        senders.append(Sender(ports["submission"], [], self.serial, random.random(), ("me@serve.test", "secret")))
        for sender in senders:
            sender.start()
        wait_until(lambda: all(len(s.accepted) >= 3 for s in senders), 30, "the load")
        return senders

    def test_the_worker_ends_and_nothing_is_lost(self):
        accepted, queued = [], []
        server = self.server.start()
        self.addCleanup(server.stop)
        for round_number in range(1, 4):
            senders = self.load()
            worker = server.worker()
            self.trigger.touch()
            server.wait_for_log("engine.broken", round_number)
            wait_until(lambda: server.worker() not in (worker, None), 30, "another worker")
            self.trigger.unlink()
            server.wait_for_log("server.ready", round_number + 1)
            for sender in senders:
                sender.join(30)
                self.assertFalse(sender.is_alive(), "a sender was left without an answer")
            accepted += [name for sender in senders[:-1] for name in sender.accepted]
            queued += senders[-1].accepted
            self.assertGreaterEqual(server.own_log().count("exit status 74"), round_number)
        self.check(accepted, queued)
        server.stop()
        self.assertNotIn("server.sessions_left", server.own_log())
        done = run("store", "check", "--config", server.config)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def subjects(self):
        client = imaplib.IMAP4_SSL("127.0.0.1", self.server.ports["imaps"], ssl_context=tls_context(), timeout=30)
        client.login("me@serve.test", "secret")
        client.select("INBOX", readonly=True)
        found = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        client.logout()
        return [item[1].split()[1].decode() for item in found if isinstance(item, tuple)]

    def check(self, accepted, queued):
        there = self.subjects()
        self.assertEqual([name for name in accepted if there.count(name) != 1], [])
        listed = run("queue", "list", "--json", "--most", "1000000", "--config", self.server.config, check=True).stdout
        self.assertEqual([name for name in queued if listed.count(f"{name}@far.example") != 1], [])


if __name__ == "__main__":
    unittest.main()
