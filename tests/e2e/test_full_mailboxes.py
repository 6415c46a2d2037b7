"""Senders and postmasters who have no room for a notice: the letters of all others go on."""
import network

if __name__ != "__main__":
    network.enter("test_full_mailboxes")

import json
import os
import pathlib
import shutil
import smtplib
import subprocess
import tempfile
import time
import unittest

from mailhosts import HOSTS, Host, letter
from network import Dns, wait_for


class FullMailboxes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="posthouse-full-", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        # A small disk, so that a reserve can be larger than what is free on it.
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g,mode=755", "posthouse", cls.folder], check=True)
        cls.addClassCleanup(subprocess.run, ["umount", "-l", cls.folder], check=True)
        zones = {"": [". NS ns.invalid."]}
        for domain, address in HOSTS.items():   # nobody answers for c.test
            zones[domain] = ["@ MX 10 mx", f"mx A {address}"]
        cls.dns = Dns(cls.folder / "dns", zones).start()
        cls.addClassCleanup(cls.dns.stop)
        cls.a = Host(cls.folder / "a", "a.test", ["alice", "carol"])
        cls.b = Host(cls.folder / "b", "b.test", ["bob"])
        for host in (cls.a, cls.b):
            host.start()
            cls.addClassCleanup(host.stop)
            host.populate(host.domain, host.users)
        cls.a.cli("account", "add", "boss@a.test", "--admin", "--password-stdin", stdin="secret\n")
        cls.a.cli("alias", "add", "away@a.test", "nobody@b.test")
        cls.config = cls.a.config.read_text()

    def setUp(self):
        self.quota("alice", "none")
        self.quota("boss", "none")

    def quota(self, user, size):
        self.a.cli("account", "change", f"{user}@a.test", "--quota", size)

    def forward_from_nobody(self, subject):
        """A letter from <> that leads to a recipient who does not exist."""
        with smtplib.SMTP(self.a.address, 25, timeout=30) as client:
            client.sendmail("", ["away@a.test"], letter(subject))

    def check_others_go_on(self, subject):
        """Also to the destination that refused; and the outcome that was to be told is recorded."""
        self.a.submit("carol", "bob@b.test", letter(subject).replace("alice@", "carol@"))
        self.b.wait_for_letter("bob", subject)
        wait_for(lambda: self.queue() == [], "the queue to be empty")
        self.assertNotIn("record_failed", (self.a.folder / "log").read_text())

    def queue(self):
        return json.loads(self.a.cli("queue", "list", "--json"))

    def waiting(self, recipient):
        """The id of the letter to that recipient, once it was tried."""
        def look():
            return [found["id"] for found in self.queue() for r in found["recipients"]
                    if r["address"] == recipient and r["attempts"]]
        wait_for(look, f"the letter to {recipient} to wait")
        return look()[0]

    def test_a_full_sender(self):
        self.quota("alice", "1B")
        self.a.submit("alice", ["nobody@b.test", "bob@b.test"], letter("to nobody of alice"))
        self.b.wait_for_letter("bob", "to nobody of alice")
        got = self.a.wait_for_letter("boss", "to nobody of alice")
        self.assertIn(b"Undeliverable bounce", got)
        self.assertIn(b"alice@a.test", got)
        self.check_others_go_on("after a full sender")

    def test_a_full_postmaster(self):
        self.quota("boss", "1B")
        self.forward_from_nobody("from nobody to nobody")
        self.a.wait_for_letter("boss", "from nobody to nobody")
        self.check_others_go_on("after a full postmaster")

    def test_both_full(self):
        self.quota("alice", "1B")
        self.quota("boss", "1B")
        self.a.submit("alice", "nobody@b.test", letter("to nobody of alice and the boss"))
        self.a.wait_for_letter("boss", "to nobody of alice and the boss")
        self.check_others_go_on("after both were full")

    def test_nobody_can_be_told(self):
        """The postmaster's letters go to an address that does not exist."""
        self.a.cli("alias", "add", "postmaster@a.test", "ghost@b.test")
        self.addCleanup(self.a.cli, "alias", "remove", "postmaster@a.test")
        self.quota("alice", "1B")
        self.a.submit("alice", "nobody@b.test", letter("told to nobody"))

        def aside():
            return json.loads(self.a.cli("queue", "list", "--set-aside", "--json"))
        wait_for(aside, "the notice to be set aside")
        found = aside()[0]["id"]
        shown = json.loads(self.a.cli("queue", "show", found, "--json"))
        self.assertEqual(shown["recipients"][0]["address"], "ghost@b.test")
        self.assertIn("postmaster", shown["set_aside"])
        self.assertIn("ghost@b.test", self.a.cli("queue", "show", found))
        self.check_others_go_on("after nobody was told")
        self.a.cli("queue", "delete", found)

    def test_the_operators_bounce_to_a_full_sender(self):
        self.quota("alice", "1B")
        self.quota("boss", "1B")
        self.a.submit("alice", "someone@c.test", letter("returned by hand"))
        found = self.waiting("someone@c.test")
        begin = time.monotonic()
        answer = json.loads(self.a.cli("queue", "bounce", found, "--json"))
        self.assertLess(time.monotonic() - begin, 20)
        self.assertEqual(answer, {"letters": 1, "ids": [found], "to_postmaster": 1})
        self.a.wait_for_letter("boss", "returned by hand")
        self.check_others_go_on("after a bounce by hand")

    def restart_with(self, more_config):
        self.a.stop()
        self.a.config.write_text(self.config + more_config)
        self.a.start()

    def test_a_disk_without_room_for_a_bounce(self):
        """Below the reserve small rows are still written: outcomes, but no new letters."""
        self.a.submit("alice", "nobody@c.test", letter("no room to tell"))
        self.a.submit("carol", "carl@c.test", letter("to carl").replace("alice@", "carol@"))
        nobodys, carls = self.waiting("nobody@c.test"), self.waiting("carl@c.test")
        self.a.cli("queue", "hold", nobodys, carls)     # until there is no room
        c = Host(self.folder / "c", "c.test", ["carl"]).start()
        self.addCleanup(c.stop)
        c.populate(c.domain, c.users)
        with open(self.folder / "filler", "wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, 64 << 20)
        self.addCleanup(os.unlink, self.folder / "filler")
        self.addCleanup(self.restart_with, "")
        self.restart_with('[store]\nreserve = "1000MiB"\n')
        self.a.cli("queue", "release", nobodys)

        def refused():
            found = self.a.queued_recipient("nobody@c.test")
            return found and found["last_status"] == "5.1.1"
        wait_for(refused, "the refusal to be recorded")
        self.assertEqual(self.a.queued_recipient("nobody@c.test")["state"], "waiting")
        self.a.cli("queue", "release", carls)
        c.wait_for_letter("carl", "to carl")
        log = (self.a.folder / "log").read_text()
        self.assertIn("bounce_put_off", log)
        self.assertNotIn("record_failed", log)
        self.restart_with("")
        self.a.wait_for_letter("alice", "no room to tell")
        self.check_others_go_on("after there was room")

    def test_mail_for_a_full_postmaster_is_taken(self):
        """RFC 5321 section 4.5.1, with and without the domain; under his own name his quota counts."""
        self.quota("boss", "1B")
        for recipient in ("postmaster", "Postmaster@a.test"):
            with smtplib.SMTP(self.a.address, 25, timeout=30) as client:
                client.ehlo()
                self.assertEqual(client.mail("someone@c.test", ["SIZE=5000"])[0], 250)
                code, text = client.docmd(f"RCPT TO:<{recipient}>")
                self.assertEqual(code, 250, text)
                self.assertEqual(client.rcpt("boss@a.test")[0], 452)
                self.assertEqual(client.data(letter("complaint to " + recipient))[0], 250)
            self.a.wait_for_letter("boss", "complaint to " + recipient)

    def test_a_stop_is_quick(self):
        self.quota("alice", "1B")
        self.quota("boss", "1B")
        self.a.submit("alice", "nobody@b.test", letter("before the stop"))
        self.a.wait_for_letter("boss", "before the stop")
        begin = time.monotonic()
        self.a.stop()
        took = time.monotonic() - begin
        log = (self.a.folder / "log").read_text()
        self.a.start()
        self.assertLess(took, 8)
        self.assertNotIn("in_time=no", log)


if __name__ == "__main__":
    unittest.main()
