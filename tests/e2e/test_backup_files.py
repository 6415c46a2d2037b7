"""Backups of accounts that keep their mail in files: carol's Maildir and dave's mbox."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from posthouse import BINARY, Demo, run, wait_until
from test_backup import Base, contents, letter, send
from test_serve import Serve

NAMES = ("carol", "dave")


def fill(demo, count=12):
    for name in NAMES:
        send(demo, range(count), to=name)
        send(demo, [900], to=name, size=300_000)
        imap = demo.imap(name)
        imap.create("Work")
        imap.select("INBOX")
        imap.copy("2:5", "Work")
        imap.store("3", "+FLAGS", "(\\Seen \\Flagged $Label1)")
        imap.store("4", "+FLAGS", "(\\Answered)")
        imap.append("Work", "(\\Draft)", '"01-Feb-2020 10:20:30 +0100"', letter(77).encode())
        imap.store("6", "+FLAGS", "(\\Deleted)")
        imap.expunge()
        imap.logout()


def places(demo, directory=None):
    data = pathlib.Path(directory or os.path.dirname(demo.config), "data")
    return {"carol": data / "maildir" / demo.domain / "carol", "dave": data / "mbox" / demo.domain / "dave"}


def without_uids(boxes):
    return {box: sorted(row[1:] for row in rows) for box, rows in boxes.items()}


class OfFiles(Base):
    def lists(self, answer):
        return [f for f in self.files_of(answer["id"]) if f["part"] == "letters"]

    def letters(self, answer):
        return self.letters_of(answer["id"])

    def back(self, demo, *args, check=True):
        return json.loads(demo.run("restore", self.backups, "--json", *args, check=check).stdout)

    def numbers(self, answer, what):
        return {m["mailbox"]: m[what] for m in answer["accounts"][0]["mailboxes"] if m[what]}

    def expunge_all(self, demo, name, *boxes):
        imap = demo.imap(name)
        for box in boxes:
            imap.select(box)
            imap.store("1:*", "+FLAGS", "(\\Deleted)")
            imap.expunge()
        imap.logout()

    def test_everything_comes_back_as_files(self):
        with Demo() as demo:
            fill(demo)
            before = {name: contents(demo, name) for name in NAMES}
            done = self.back_up(demo)
            self.assertGreaterEqual(done["letters_in_files"], 2 * 17)
            self.assertEqual((done["letters_gone"], done["letters_unread"]), (0, 0))
            run("backup", "verify", self.backups, check=True)
            where, config, told = self.restore(demo)
            self.assertEqual(told.stderr, "")
            with self.restored(where) as new:
                for name in NAMES:
                    boxes, validity = contents(new, name)
                    self.assertEqual(boxes, before[name][0])
                    for box, old in before[name][1].items():
                        self.assertGreater(validity[box], old)
                    shown = json.loads(new.run("account", "show", new.address(name), "--json", check=True).stdout)
                    self.assertTrue(shown["inbox"].startswith(where), shown)
                maildir, mbox = places(demo, where).values()
                self.assertEqual(sum(1 for sub in ("new", "cur") for _ in (maildir / sub).iterdir()),
                                 len(before["carol"][0]["INBOX"]))
                self.assertEqual((mbox / "inbox").read_bytes().count(b"\nFrom ") + 1,
                                 len(before["dave"][0]["INBOX"]))
                send(new, [5000], to="carol")
                new.wait_for_letter("carol", "Subject: letter 5000")
            self.assertIn("Nothing is damaged", run("store", "check", "--config", config, check=True).stdout)

    def test_the_last_state_without_a_server(self):
        with Demo() as demo:
            fill(demo)
            before = {name: contents(demo, name) for name in NAMES}
            demo.stop()
            self.back_up(demo)
            where, _, _ = self.restore(demo, "--latest")
            with self.restored(where) as new:
                self.assertEqual({name: contents(new, name) for name in NAMES}, before)
            demo.start()

    def test_what_did_not_change_is_not_read_again(self):
        with Demo() as demo:
            fill(demo)
            first = self.back_up(demo)
            for path in places(demo)["carol"].rglob("cur/*"):    # whoever reads these reads something else
                with open(path, "r+b") as file:
                    file.write(b"X")
            second = self.back_up(demo)
            self.assertEqual(self.letters(second), self.letters(first))
            self.assertEqual(self.lists(second), self.lists(first))
            self.assertLess(second["copied_bytes"], first["bytes"] / 2)
            imap = demo.imap("carol")    # by name only: the file stays
            imap.select("INBOX")
            imap.store("1", "+FLAGS", "(\\Flagged)")
            imap.logout()
            send(demo, [333], to="carol")
            third = self.back_up(demo)
            self.assertLess(len(self.packs_of(third["id"]) - self.packs_of(first["id"])), 2, "one letter, one pack")
            self.assertEqual(len(self.letters(third) - self.letters(first)), 1)
            self.assertLess(third["copied_bytes"], first["bytes"] / 2)
            # Of an mbox that changed a moment ago only what is new is read: stamps stay, though the file's times don't.
            before = self.rows(third)
            send(demo, [334], to="dave")
            imap = demo.imap("dave")
            imap.select("INBOX")
            imap.store("2", "+FLAGS", "(\\Flagged)")
            imap.move("1", "Work") if hasattr(imap, "move") else imap.uid("MOVE", imap.fetch("1", "UID")[1][0].split()[2]
                                                                        .strip(b")").decode(), "Work")
            imap.logout()
            fourth = self.rows(self.back_up(demo))
            self.assertEqual(len(fourth - before), 1)
            self.assertEqual(before - fourth, set())
            self.assertNotIn("-", {stamp for _, _, stamp in fourth})
            run("backup", "verify", self.backups, check=True)

    def rows(self, answer):
        """What the lists of a backup say of each letter, whatever its mailbox and UID."""
        return {row[:3] for row in self.listed(answer["id"])}

    def test_what_others_did_up_to_the_backup_is_in_it(self):
        with Demo() as demo:
            fill(demo)
            maildir, mbox = places(demo).values()
            (maildir / "new" / "1.other.host").write_bytes(letter(4711).replace("\r\n", "\n").encode())
            one = sorted((maildir / "cur").iterdir())[0]
            one.rename(maildir / ".Work" / "cur" / one.name)
            with open(mbox / "inbox", "ab") as file:
                file.write(b"From x@y.test Sat Nov 28 10:00:00 2026\n" + letter(4712).replace("\r\n", "\n").encode() + b"\n")
            demo.stop()
            self.back_up(demo)
            demo.start()
            before = {name: contents(demo, name)[0] for name in NAMES}
            where, _, _ = self.restore(demo)
            with self.restored(where) as new:
                self.assertEqual({name: contents(new, name)[0] for name in NAMES}, before)

    def test_an_inbox_that_cannot_be_looked_at_is_told(self):
        inbox = pathlib.Path(self.folder, "spool")
        inbox.mkdir()
        with Demo("--set", f"store.mbox_inbox={inbox}/{{local}}") as demo:
            fill(demo)
            for make in (lambda path: path.write_bytes(b"garbage first\nFrom a@b.test Sat Nov 28 12:00:00 2020\n\nx\n"),
                         lambda path: path.symlink_to(inbox / "elsewhere"), lambda path: path.mkdir()):
                path = inbox / "dave"
                path.unlink(missing_ok=True)
                make(path)
                done = demo.run("backup", self.backups)
                self.assertEqual(done.returncode, 65, done.stderr)
                self.assertIn(f"{demo.address('dave')}: ", done.stderr)
                self.assertIn("are not in the backup", done.stderr)
            path.rmdir()
            demo.run("backup", self.backups, check=True)

    def test_what_is_missing_comes_back_into_any_format(self):
        with Demo() as demo:
            fill(demo)
            before = {name: contents(demo, name)[0] for name in NAMES}
            self.back_up(demo)
            for name in NAMES:
                address = demo.address(name)
                self.assertEqual(self.numbers(self.back(demo, "--account", address, "--check"), "missing"), {})
                self.expunge_all(demo, name, "Work")
                check = self.back(demo, "--account", address, "--check")
                self.assertEqual(self.numbers(check, "missing"), {"Work": 5})
                self.assertEqual(contents(demo, name)[0]["Work"], [])
                one = self.back(demo, "--account", address, "--mailbox", "Work", "--message-id", "77@sender.test")
                self.assertEqual(self.numbers(one, "restored"), {"Work": 1})
                for count in ({"Work": 4}, {}):
                    self.assertEqual(self.numbers(self.back(demo, "--account", address), "restored"), count)
                self.assertEqual(without_uids(contents(demo, name)[0]), without_uids(before[name]))
                # In another format it finds what is there by the bytes, and puts back what is not.
                demo.run("store", "convert", address, "--to", "database", check=True)
                self.assertEqual(self.numbers(self.back(demo, "--account", address), "restored"), {})
                self.expunge_all(demo, name, "INBOX", "Work")
                restored = self.numbers(self.back(demo, "--account", address), "restored")
                self.assertEqual(restored, {box: len(rows) for box, rows in before[name].items() if rows})
                self.assertEqual(without_uids(contents(demo, name)[0]), without_uids(before[name]))
            self.assertIn("Nothing is damaged", demo.run("store", "check", check=True).stdout)

    def test_killed_and_repeated(self):
        """However often the restore or the server is killed: in the end every letter is there once, in the files too."""
        with Demo("--set", "server.loops=1") as demo:
            for name in NAMES:
                # Some batches of what one transaction takes, so that there is a middle to be killed in.
                send(demo, range(150), to=name)
                send(demo, range(150, 156), to=name, size=400 * 1024)
                imap = demo.imap(name)
                imap.create("Work")
                imap.select("INBOX")
                imap.copy("2:60", "Work")
                imap.store("3:90", "+FLAGS", "(\\Seen $Label1)")
                imap.logout()
            before = {name: contents(demo, name)[0] for name in NAMES}
            self.back_up(demo)
            for name in NAMES:
                self.expunge_all(demo, name, "INBOX", "Work")
                killed = sum(self.kill_a_restore(demo, name, server=n % 2 == 1) for n in range(8))
                self.assertGreater(killed, 2, "the restores were over before the kills")
                self.back(demo, "--account", demo.address(name))
                self.assertEqual(without_uids(contents(demo, name)[0]), without_uids(before[name]), name)
                self.assertEqual(self.numbers(self.back(demo, "--account", demo.address(name)), "restored"), {})
                self.assertEqual(self.letters_in_files(demo, name), {box: len(rows) for box, rows in before[name].items()
                                                                     if rows})
            # Read from the files once more, as others read them.
            for name in NAMES:
                demo.run("store", "convert", demo.address(name), "--to", "database", check=True)
                self.assertEqual(without_uids(contents(demo, name)[0]), without_uids(before[name]), name)
            self.assertIn("Nothing is damaged", demo.run("store", "check", check=True).stdout)

    def kill_a_restore(self, demo, name, server):
        """Kills it, or the server, once letters have come back. True if it was under way."""
        process = subprocess.Popen([BINARY, "restore", self.backups, "--account", demo.address(name), "--config",
                                    demo.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen = self.messages(demo, name)
        wait_until(lambda: self.messages(demo, name) > seen or process.poll() is not None, what="letters coming back")
        under_way = process.poll() is None
        if server:
            demo.kill_all()
            process.wait(60)
            demo.start()
        else:
            process.kill()
            process.wait()
        return under_way

    def messages(self, demo, name):
        shown = demo.run("account", "show", demo.address(name), "--json", check=True)
        return json.loads(shown.stdout)["messages"]

    def letters_in_files(self, demo, name):
        """{mailbox: how many} as other programs see them."""
        maildir, mbox = places(demo).values()
        found = {}
        for box in ("INBOX", "Work"):
            if name == "carol":
                folder = maildir if box == "INBOX" else maildir / f".{box}"
                found[box] = sum(1 for sub in ("new", "cur") for _ in (folder / sub).iterdir())
            else:
                file = mbox / "inbox" if box == "INBOX" else mbox / "folders" / box
                found[box] = len(re.findall(rb"(?m)^From ", file.read_bytes()))
        return found

    def test_an_account_that_was_removed_is_made_in_its_format(self):
        with Demo() as demo:
            fill(demo)
            before = {name: contents(demo, name)[0] for name in NAMES}
            self.back_up(demo)
            for name in NAMES:
                demo.run("account", "remove", demo.address(name), check=True)
                shutil.rmtree(places(demo)[name])
                self.back(demo, "--account", demo.address(name))
                shown = json.loads(demo.run("account", "show", demo.address(name), "--json", check=True).stdout)
                self.assertEqual(shown["store"], {"carol": "maildir", "dave": "mbox"}[name])
                self.assertEqual(without_uids(contents(demo, name)[0]), without_uids(before[name]))

    def test_an_account_that_was_removed_whose_files_are_still_there(self):
        """An mbox has whole seconds, where the backup has milliseconds: nothing is doubled for it."""
        with Demo() as demo:
            for name in NAMES:
                send(demo, range(5), to=name)
                send(demo, [7, 7], to=name)
                imap = demo.imap(name)
                imap.append("INBOX", None, '"01-Feb-2020 10:20:30 +0100"', letter(77).encode())
                imap.logout()
            before = {name: contents(demo, name)[0] for name in NAMES}
            self.back_up(demo)
            for name in NAMES:
                demo.run("account", "remove", demo.address(name), check=True)
                self.assertTrue(places(demo)[name].exists())
                told = self.back(demo, "--account", demo.address(name))
                there = self.numbers(told, "there")
                self.assertEqual(there, self.numbers(told, "in_backup"), name)
                self.assertEqual(there["INBOX"], len(before[name]["INBOX"]))
                self.assertEqual(self.numbers(told, "restored"), {}, name)
                self.assertEqual(without_uids(contents(demo, name)[0]), without_uids(before[name]), name)

    def test_damage_is_found_and_mended_by_the_next(self):
        with Demo() as demo:
            fill(demo)
            done = self.back_up(demo)
            victim = sorted(self.packs_of(done["id"]))[0]
            path = pathlib.Path(self.backups, "pool", victim[:2], victim)
            whole = path.read_bytes()
            path.write_bytes(whole[:-1] + b"X")
            found = run("backup", "verify", self.backups)
            self.assertEqual(found.returncode, 70)
            self.assertIn(victim, found.stdout)
            self.assertIn(done["id"], found.stdout)
            named = re.findall(r"damaged: (\S+@\S+), (INBOX|Work), UID \d+ \((?:Message-ID <\d+@sender.test>|Subject: .*)\)",
                               found.stdout)
            self.assertTrue({address for address, _ in named} <= {demo.address(name) for name in NAMES})
            self.assertGreater(len(named), 0, found.stdout)
            _, _, refused = self.restore(demo, check=False)
            self.assertEqual(refused.returncode, 70, refused.stderr)
            self.assertIn(victim, refused.stderr)
            damaged = 0
            for name in NAMES:
                self.expunge_all(demo, name, "INBOX", "Work")
                told = self.back(demo, "--account", demo.address(name), check=False)
                damaged += len(told["damaged"])
            self.assertGreater(damaged, 0)
            path.unlink()
            self.assertEqual(run("backup", "verify", self.backups).returncode, 70)
            lists = self.lists(done)
            at = pathlib.Path(self.backups, "pool", lists[0]["sha256"][:2], lists[0]["sha256"])
            text = at.read_text()
            at.write_text(text.replace(" ", "  ", 1))
            self.assertEqual(run("backup", "verify", self.backups).returncode, 70)
            kept = self.back_up(demo, "--keep", "1")
            self.assertEqual([p.stem for p in pathlib.Path(self.backups, "backups").glob("*.json")], [kept["id"]])
            run("backup", "verify", self.backups, check=True)
            self.assertEqual({p.name for p in self.pool()}, self.named())

    def test_files_that_are_there_stay(self):
        """As if /home had survived and /var had not."""
        homes = pathlib.Path(self.folder, "homes")
        with Demo("--set", f"store.maildir={homes}/{{local}}") as demo:
            fill(demo)
            before = contents(demo, "carol")[0]["INBOX"]
            self.back_up(demo)
            demo.stop()
            lost = sorted((homes / "carol" / "cur").iterdir())[0]
            lost.unlink()
            where, _, told = self.restore(demo)
            self.assertIn(f"{homes}/carol is there and was left as it is", told.stderr)
            with self.restored(where) as new:
                after = contents(new, "carol")[0]["INBOX"]
                self.assertEqual(len(after), len(before) - 1)
                self.assertTrue(set(after) < set(before))
                done = self.back(new, "--account", new.address("carol"))
                self.assertEqual(self.numbers(done, "restored"), {"INBOX": 1})
                self.assertEqual(sorted(row[1:] for row in contents(new, "carol")[0]["INBOX"]),
                                 sorted(row[1:] for row in before))

    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_files_are_read_with_the_rights_of_their_owner(self):
        """`serve` as in real life: root makes the backup, and reads no more of a Maildir than the server may."""
        server = Serve()
        server.start()
        try:
            data = pathlib.Path(server.directory, "data")
            owner = data.stat().st_uid
            self.assertNotEqual(owner, 0)
            run("account", "add", "jo@serve.test", "--store", "maildir", "--password-stdin", "--config", server.config,
                stdin="demo\n", check=True)
            for n in range(5):
                run("deliver", "jo@serve.test", "--config", server.config, stdin=f"Subject: {n}\n\nx\n", check=True)
            maildir = data / "maildir/serve.test/jo"
            letters = sorted((maildir / "new").iterdir())
            self.assertEqual(len(letters), 5)
            for running in (True, False):
                done = run("backup", self.backups, "--json", "--config", server.config, check=True)
                self.assertEqual(json.loads(done.stdout)["letters_in_files"], 5)
                if running:
                    server.stop()
            secret = pathlib.Path(self.folder, "secret")
            secret.write_bytes(letters[0].read_bytes())
            secret.chmod(0o600)
            shutil.copy(letters[1], letters[1].with_name("copy"))
            letters[1].unlink()
            letters[1].with_name("copy").rename(letters[1])    # root's own now, and of another inode
            letters[1].chmod(0o600)
            letters[0].unlink()
            letters[0].symlink_to(secret)
            # What a backup has is not read again; one that has nothing reads all.
            done = run("backup", self.backups + "2", "--json", "--config", server.config)
            self.assertEqual(done.returncode, 65, done.stderr)
            told = json.loads(done.stdout)
            self.assertEqual(told["letters_unread"], 1, done.stderr)
            self.assertEqual(told["letters_in_files"], 3)
            self.assertIn("jo@serve.test: 1 letters can't be read", done.stderr)
            first = json.loads(run("backup", "list", self.backups, "--json", check=True).stdout)[0]["id"]
            shutil.rmtree(data)
            run("restore", self.backups, "--backup", first, "--config", server.config, check=True)
            self.assertEqual({p.lstat().st_uid for p in [data, *data.rglob("*")]}, {owner})
            pathlib.Path(server.log_path).unlink()
            server.start()
            wait_until(lambda: maildir.exists() and len(list((maildir / "new").iterdir())) == 5, what="the files")
            shown = json.loads(run("account", "show", "jo@serve.test", "--json", "--config", server.config).stdout)
            self.assertEqual((shown["messages"], shown["store"]), (5, "maildir"))
            self.assertEqual({p.lstat().st_uid for p in maildir.rglob("*")}, {owner})
        finally:
            server.stop()
            server.clean()

    def test_killed_and_repeated(self):
        with Demo() as demo:
            fill(demo, count=150)
            before = {name: contents(demo, name)[0] for name in NAMES}
            for _ in range(3):
                process = subprocess.Popen([BINARY, "backup", self.backups, "--config", demo.config],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                unfinished = pathlib.Path(self.backups, "unfinished")
                wait_until(lambda: process.poll() is not None or (unfinished.exists() and any(unfinished.iterdir())))
                process.kill()
                process.wait()
            self.back_up(demo)
            run("backup", "verify", self.backups, check=True)
            where, config, _ = self.restore(demo)
            with self.restored(where) as new:
                # The server makes the files; killed, it goes on.
                new.kill()
                new.start()
                self.assertEqual({name: contents(new, name)[0] for name in NAMES}, before)


if __name__ == "__main__":
    unittest.main()
