"""Backups: of a running server under load, verified, restored to a host that has nothing, and letter by letter."""
import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import unittest

from posthouse import BINARY, Demo, run, wait_until
from test_serve import Serve

LARGE = 400 * 1024


def letter(n, size=0):
    body = "".join(f"line {n}.{i} of a letter that is meant to be kept\r\n" for i in range(5 + size // 45))
    return f"From: <a@sender.test>\r\nSubject: letter {n}\r\nMessage-ID: <{n}@sender.test>\r\n\r\n{body}"


def send(demo, numbers, to="alice", size=0):
    with demo.smtp() as smtp:
        for n in numbers:
            smtp.sendmail("a@sender.test", [demo.address(to)], letter(n, size))


def empty(demo):
    """Takes all letters out of the INBOX, as a client does."""
    imap = demo.imap()
    imap.select("INBOX")
    imap.store("1:*", "+FLAGS", "(\\Deleted)")
    imap.expunge()
    imap.logout()


def contents(demo, name="alice"):
    """{mailbox: [(uid, flags, date, hash of the message)]}, {mailbox: UIDVALIDITY}."""
    imap = demo.imap(name)
    out, validity = {}, {}
    for line in imap.list()[1]:
        mailbox = re.match(rb'\(.*?\) "/" (.*)', line)[1].decode().strip('"')
        imap.select(f'"{mailbox}"', readonly=True)
        validity[mailbox] = int(imap.response("UIDVALIDITY")[1][0])
        rows = []
        data = imap.fetch("1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])")[1] if imap.search(None, "ALL")[1][0] else []
        for item in data:
            if not isinstance(item, tuple):
                continue
            head = item[0].decode()
            rows.append((int(re.search(r"UID (\d+)", head)[1]),
                         tuple(sorted(set(re.search(r"FLAGS \((.*?)\)", head)[1].split()) - {"\\Recent"})),
                         re.search(r'INTERNALDATE "(.*?)"', head)[1], hashlib.sha256(item[1]).hexdigest()))
        out[mailbox] = sorted(rows)
    imap.logout()
    return out, validity


class Base(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="posthouse-backup-test-")
        self.backups = os.path.join(self.folder, "backups")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def back_up(self, demo, *args):
        return json.loads(demo.run("backup", self.backups, "--json", *args, check=True).stdout)

    def pool(self):
        return sorted(pathlib.Path(self.backups, "pool").glob("*/*"))

    def files_of(self, backup):
        catalog = pathlib.Path(self.backups, "backups", backup + ".json")
        return json.loads(catalog.read_text().splitlines()[0])["files"]

    def listed(self, backup):
        """Of each letter that was in a file: its size, hash and stamp, and the file of the pool that has it."""
        out = []
        for file in self.files_of(backup):
            if file["part"] == "letters":
                text = pathlib.Path(self.backups, "pool", file["sha256"][:2], file["sha256"]).read_text()
                rows = [line.split(" ") for line in text.splitlines()[1:]]
                packs = [row[1] for row in rows if row[0] == "pack"]
                for _, size, sha256, stamp, *place in rows[len(packs):]:
                    out.append((int(size), sha256, stamp, packs[int(place[0]) - 1] if place else sha256))
        return out

    def letters_of(self, backup):
        """Hashes of the letters that were in files."""
        return {sha256 for _, sha256, _, _ in self.listed(backup)} - {"-"}

    def packs_of(self, backup):
        """Files of the pool that have them."""
        return {name for _, _, _, name in self.listed(backup)} - {"-"}

    def named(self):
        """All that any backup consists of."""
        out = set()
        for path in pathlib.Path(self.backups, "backups").glob("*.json"):
            out |= {f["sha256"] for f in self.files_of(path.stem)} | self.packs_of(path.stem)
        return out

    def restore(self, demo, *args, name="new", check=True):
        """Everything into a folder of its own, with the demo's configuration on other ports."""
        where = os.path.join(self.folder, name)
        os.makedirs(where, exist_ok=True)
        config = os.path.join(where, "posthouse.toml")
        text = pathlib.Path(demo.config).read_text().replace(os.path.dirname(demo.config), where)
        pathlib.Path(config).write_text(text)
        pathlib.Path(where, ".posthouse-demo").touch()
        done = run("restore", self.backups, "--config", config, *args, check=check)
        return where, config, done

    def restored(self, where):
        return Demo(directory=where)


class Everything(Base):
    def test_under_load_and_back_on_a_new_host(self):
        """What was acknowledged before the backup is in it, byte by byte, with flags, dates and UIDs; the clients'
        UIDVALIDITY rises."""
        with Demo() as demo:
            send(demo, range(20))
            send(demo, range(20, 24), size=LARGE)
            imap = demo.imap()
            imap.create("Work/Plans")
            imap.select("INBOX")
            imap.copy("1:5", "Work/Plans")
            imap.store("2:4", "+FLAGS", "(\\Seen \\Flagged $Label1)")
            imap.store("7", "+FLAGS", "(\\Deleted)")
            imap.expunge()
            imap.logout()
            before, old_validity = contents(demo)
            stop = threading.Event()
            sent = []

            def load():
                n = 1000
                while not stop.is_set():
                    send(demo, [n])
                    sent.append(n)
                    n += 1

            threads = [threading.Thread(target=load)]
            for thread in threads:
                thread.start()
            wait_until(lambda: len(sent) > 5, what="load")
            acknowledged = len(sent)
            done = self.back_up(demo)
            self.assertTrue(done["running"])
            stop.set()
            for thread in threads:
                thread.join()
            self.assertGreater(len(sent), acknowledged, "letters came in meanwhile")
            run("backup", "verify", self.backups, check=True)
            where, config, _ = self.restore(demo)
            self.assertIn("Nothing is damaged", run("store", "check", "--config", config, check=True).stdout)
            with self.restored(where) as new:
                after, new_validity = contents(new)
                for mailbox, rows in before.items():
                    if mailbox != "INBOX":
                        self.assertEqual(after[mailbox], rows, mailbox)
                self.assertEqual(after["INBOX"][:len(before["INBOX"])], before["INBOX"])
                self.assertGreaterEqual(len(after["INBOX"]), len(before["INBOX"]) + acknowledged)
                for mailbox, validity in old_validity.items():
                    self.assertGreater(new_validity[mailbox], validity, mailbox)
                send(new, [5000])
                new.wait_for_letter("alice", "Subject: letter 5000")
            for name in ("keys", "tls"):
                for file in pathlib.Path(os.path.dirname(demo.config), "data", name).glob("*"):
                    self.assertEqual(pathlib.Path(where, "data", name, file.name).read_bytes(), file.read_bytes())

    def test_the_second_copies_what_is_new(self):
        with Demo() as demo:
            send(demo, range(40), size=LARGE)
            first = self.back_up(demo)
            self.assertEqual(first["copied_bytes"], sum(p.stat().st_size for p in self.pool()))
            send(demo, [100])
            second = self.back_up(demo)
            self.assertLess(second["copied_bytes"], first["copied_bytes"] / 20)
            self.assertEqual(second["messages"], first["messages"] + 1)
            third = self.back_up(demo, "--keep", "2")
            listed = json.loads(run("backup", "list", self.backups, "--json", check=True).stdout)
            self.assertEqual([b["id"] for b in listed], [second["id"], third["id"]])
            self.assertEqual({p.name for p in self.pool()}, self.named())

    def test_without_a_server_and_with_its_state_kept(self):
        demo = Demo()
        try:
            demo.start()
            send(demo, range(3))
            before, old_validity = contents(demo)
            hot = self.back_up(demo)
            demo.stop()
            done = self.back_up(demo)
            self.assertFalse(done["running"])
            self.assertEqual(run("backup", self.backups, "--config", demo.config).returncode, 0)
            _, _, refused = self.restore(demo, "--latest", "--backup", hot["id"], name="hot", check=False)
            self.assertEqual(refused.returncode, 77, refused.stderr)
            where, _, _ = self.restore(demo, "--latest", "--backup", done["id"])
            with self.restored(where) as new:
                self.assertEqual(contents(new), (before, old_validity))
        finally:
            demo.clean()

    def test_only_into_an_empty_folder(self):
        with Demo() as demo:
            self.back_up(demo)
            refused = demo.run("restore", self.backups)
            self.assertEqual(refused.returncode, 73, refused.stderr)
            self.assertIn("empty folder", refused.stderr)
            where, config, _ = self.restore(demo)
            again = run("restore", self.backups, "--config", config)
            self.assertEqual(again.returncode, 73)

    def test_the_configuration_comes_along(self):
        demo = Demo()
        demo.start()
        text = pathlib.Path(demo.config).read_bytes()
        self.back_up(demo)
        demo.stop()
        demo.clean()    # the host is gone
        run("restore", self.backups, "--config", demo.config, check=True)
        try:
            self.assertEqual(pathlib.Path(demo.config).read_bytes(), text)
            self.assertIn("alice@", run("account", "list", "--config", demo.config, check=True).stdout)
        finally:
            demo.clean()

    def test_of_a_confined_worker_and_its_files_belong_to_it_again(self):
        """`serve` as in real life: as root it becomes nobody, and its worker reaches its own folders only."""
        server = Serve()
        server.start()
        try:
            data = pathlib.Path(server.directory, "data")
            owner = data.stat().st_uid
            for n in range(3):
                run("deliver", "me@serve.test", "--config", server.config, stdin=f"Subject: {n}\n\nx\n", check=True)
            hot = json.loads(run("backup", self.backups, "--json", "--config", server.config, check=True).stdout)
            self.assertTrue(hot["running"])
            self.assertEqual(hot["messages"], 3)
            server.stop()
            cold = json.loads(run("backup", self.backups, "--json", "--config", server.config, check=True).stdout)
            self.assertFalse(cold["running"])
            self.assertEqual({p.stat().st_uid for p in data.rglob("*")}, {owner})
            shutil.rmtree(data)
            run("restore", self.backups, "--config", server.config, check=True)
            self.assertEqual({p.stat().st_uid for p in [data, *data.rglob("*")]}, {owner})
            self.assertEqual(data.stat().st_mode & 0o777, 0o700)
            pathlib.Path(server.log_path).unlink()
            server.start()
            shown = json.loads(run("account", "show", "me@serve.test", "--json", "--config", server.config).stdout)
            self.assertEqual(shown["messages"], 3)
        finally:
            server.stop()
            server.clean()

    def test_letters_of_the_queue_are_on_hold(self):
        with Demo("--set", "queue.port=1", "--set", "queue.allow_loopback=true") as demo:
            with demo.submission() as smtp:
                smtp.sendmail(demo.address("alice"), ["far@[127.0.0.1]"],
                              letter(1).replace("a@sender.test", demo.address("alice"), 1))
            wait_until(lambda: json.loads(demo.run("queue", "list", "--json").stdout), what="a queued letter")
            self.back_up(demo)
            for queue, states in (("hold", ["held"]), ("keep", ["waiting"]), ("drop", [])):
                _, config, done = self.restore(demo, "--queue", queue, name=queue)
                self.assertIn({"hold": "on hold", "keep": "will be sent", "drop": "dropped"}[queue], done.stdout)
                letters = json.loads(run("queue", "list", "--json", "--config", config, check=True).stdout)
                self.assertEqual([r["state"] for l in letters for r in l["recipients"]], states, queue)


class SingleLetters(Base):
    def back(self, demo, *args, check=True):
        done = demo.run("restore", self.backups, "--json", *args, check=check)
        return json.loads(done.stdout) if done.stdout else done

    def numbers(self, answer, what):
        return {m["mailbox"]: m[what] for m in answer["accounts"][0]["mailboxes"]}

    def test_what_is_missing_comes_back_and_a_client_sees_it(self):
        with Demo() as demo:
            address = demo.address("alice")
            send(demo, range(10))
            send(demo, range(10, 12), size=LARGE)
            imap = demo.imap()
            imap.create("Work")
            imap.select("INBOX")
            imap.copy("2:4", "Work")
            imap.store("3", "+FLAGS", "(\\Flagged $Label1)")
            before, _ = contents(demo)
            self.back_up(demo)
            check = self.back(demo, "--account", address, "--check")
            self.assertEqual(self.numbers(check, "missing"), {m: 0 for m in before})
            imap.store("1:6", "+FLAGS", "(\\Deleted)")
            imap.store("13", "+FLAGS", "(\\Deleted)")
            imap.expunge()
            imap.uid("MOVE", str(before["INBOX"][7][0]), "Archive")
            imap.delete("Work")
            send(demo, [50])
            imap.noop()
            known = {row[0] for row in contents(demo)[0]["INBOX"]}
            check = self.back(demo, "--account", address, "--check")
            self.assertEqual(self.numbers(check, "missing"), {**{m: 0 for m in before}, "INBOX": 7, "Work": 3})
            self.assertGreater(check["sampled"], 0)
            self.assertNotIn("Work", contents(demo)[0], "--check changes nothing")
            # One letter by its Message-ID, while a client looks.
            imap.select("INBOX")
            imap.send(b"w IDLE\r\n")
            self.assertTrue(imap.readline().startswith(b"+"))
            one = self.back(demo, "--account", address, "--mailbox", "INBOX", "--message-id", "2@sender.test")
            self.assertEqual(self.numbers(one, "restored"), {"INBOX": 1})
            self.assertRegex(imap.readline(), rb"\* \d+ EXISTS")
            imap.send(b"DONE\r\n")
            while not imap.readline().startswith(b"w OK"):
                pass
            imap.logout()
            # Everything else of the account, twice.
            for restored in ({"INBOX": 6, "Work": 3}, {"INBOX": 0, "Work": 0}):
                done = self.back(demo, "--account", address)
                self.assertEqual({m: n for m, n in self.numbers(done, "restored").items() if m in restored}, restored)
            after, _ = contents(demo)
            moved = before["INBOX"][7]
            kept = [row[1:] for row in before["INBOX"] if row != moved]
            for row in kept:
                self.assertEqual([r[1:] for r in after["INBOX"]].count(row), kept.count(row), row)
            self.assertEqual([r[1:] for r in after["Archive"]], [moved[1:]])
            self.assertEqual(sorted(r[1:] for r in after["Work"]), sorted(r[1:] for r in before["Work"]))
            back = {r[0] for r in after["INBOX"]} - known
            self.assertGreater(min(back), max(known), "no UID names two letters")
            self.assertIn("Nothing is damaged", demo.run("store", "check", check=True).stdout)

    def test_by_uid_into_another_mailbox(self):
        with Demo() as demo:
            address = demo.address("alice")
            send(demo, range(3))
            before, _ = contents(demo)
            self.back_up(demo)
            empty(demo)
            wanted = before["INBOX"][2]
            arguments = ("--account", address, "--mailbox", "INBOX", "--uid", wanted[0], "--into", "Found/Again")
            for count in (1, 0):
                self.assertEqual(self.numbers(self.back(demo, *arguments), "restored"), {"INBOX": count})
            after, _ = contents(demo)
            self.assertEqual([r[1:] for r in after["Found/Again"]], [wanted[1:]])
            self.assertEqual(after["INBOX"], [])
            other = self.back(demo, "--account", address, "--mailbox", "inbox", "--uid", wanted[0], "--into", "Found/Again")
            self.assertEqual(self.numbers(other, "restored"), {"INBOX": 0}, "INBOX in any case")
            nothing = demo.run("restore", self.backups, "--account", address, "--mailbox", "INBOX", "--uid", "9999")
            self.assertEqual(nothing.returncode, 67, nothing.stderr)
            self.assertEqual(demo.run("restore", self.backups, "--account", "nobody@example.test").returncode, 67)
            self.assertEqual(demo.run("restore", self.backups, "--uid", "1").returncode, 64)

    def test_an_account_that_was_removed(self):
        with Demo() as demo:
            address = demo.address("alice")
            send(demo, range(5))
            demo.run("alias", "add", "sales@example.test", address, check=True)
            notes = {"INBOX": b'(/private/comment "mine \x07")', '""': b'(/private/vendor/x/y "z")'}
            imap = demo.imap()
            for mailbox, note in notes.items():
                self.assertEqual(imap.xatom("SETMETADATA", mailbox, note.decode())[0], "OK")
            imap.logout()
            before, _ = contents(demo)
            self.back_up(demo)
            demo.run("alias", "remove", "sales@example.test", check=True)
            demo.run("account", "remove", address, check=True)
            self.back(demo, "--account", address)
            after, _ = contents(demo)    # logs in with the password of old
            self.assertEqual({m: [r[1:] for r in rows] for m, rows in after.items()},
                             {m: [r[1:] for r in rows] for m, rows in before.items()})
            self.assertIn(address, demo.run("alias", "show", "sales@example.test", check=True).stdout)
            imap = demo.imap()
            for mailbox, note in notes.items():
                entry = note.split()[0].strip(b"(").decode()
                imap.xatom("GETMETADATA", mailbox, entry)
                self.assertIn(note, imap.response("METADATA")[1][0])
            imap.logout()

    def test_killed_and_repeated(self):
        """However often the restore or the server is killed: in the end every letter is there once."""
        demo = Demo("--set", "server.loops=1")
        try:
            demo.start()
            address = demo.address("alice")
            # Some batches of what one transaction takes, so that there is a middle to be killed in.
            send(demo, range(150))
            send(demo, range(150, 160), size=LARGE)
            before, _ = contents(demo)
            self.back_up(demo)
            empty(demo)
            for n in range(6):
                process = subprocess.Popen([BINARY, "restore", self.backups, "--account", address, "--config",
                                            demo.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                seen = self.count(demo)
                wait_until(lambda: self.count(demo) > seen or process.poll() is not None, what="letters coming back")
                if n % 2:
                    demo.kill()
                    process.wait(60)
                    demo.start()
                else:
                    process.kill()
                    process.wait()
            self.back(demo, "--account", address)
            after, _ = contents(demo)
            self.assertEqual(sorted(r[3] for r in after["INBOX"]), sorted(r[3] for r in before["INBOX"]))
        finally:
            demo.stop()
            demo.clean()

    def count(self, demo):
        return json.loads(demo.run("account", "show", demo.address("alice"), "--json", check=True).stdout)["messages"]

    def test_check_of_everything(self):
        with Demo() as demo:
            send(demo, range(3), size=LARGE)
            self.back_up(demo)
            there = demo.run("restore", self.backups, "--check", "--json")
            self.assertEqual(there.returncode, 0, there.stdout + there.stderr)
            self.assertIn("into an empty folder only", json.loads(there.stdout)["refused"])
            self.assertIn("a restore would be refused here", there.stderr)
            self.assertEqual(sum(m["missing"] for a in json.loads(there.stdout)["accounts"] for m in a["mailboxes"]
                                 if a["address"] == demo.address("alice")), self.count(demo))
            self.assertIn("letters would come", demo.run("restore", self.backups, "--check", check=True).stdout)
            config = os.path.join(self.folder, "none.toml")
            text = pathlib.Path(demo.config).read_text().replace(os.path.dirname(demo.config), self.folder + "/none")
            pathlib.Path(config).write_text(text)
            done = run("restore", self.backups, "--check", "--json", "--config", config, check=True)
            told = json.loads(done.stdout)
            accounts = {a["address"]: {m["mailbox"]: m["missing"] for m in a["mailboxes"]} for a in told["accounts"]}
            self.assertEqual(accounts[demo.address("alice")]["INBOX"], len(contents(demo)[0]["INBOX"]))
            self.assertFalse(os.path.exists(self.folder + "/none"))
            blobs = []
            for catalog in pathlib.Path(self.backups, "backups").glob("*.json"):
                blobs += [f["sha256"] for f in json.loads(catalog.read_text().splitlines()[0])["files"]
                          if f["path"].endswith(".blob")]
            for sha in blobs:
                path = pathlib.Path(self.backups, "pool", sha[:2], sha)
                path.write_bytes(bytes(b ^ 0x55 if i > 200 else b for i, b in enumerate(path.read_bytes())))
            self.assertEqual(run("restore", self.backups, "--check", "--config", config).returncode, 70)


class Trouble(Base):
    def test_damage_is_found(self):
        with Demo() as demo:
            send(demo, range(5), size=LARGE)
            done = self.back_up(demo)
            largest = max(self.pool(), key=lambda p: p.stat().st_size)
            bytes_ = bytearray(largest.read_bytes())
            bytes_[len(bytes_) // 2] ^= 1
            largest.write_bytes(bytes_)
            found = run("backup", "verify", self.backups)
            self.assertEqual(found.returncode, 70)
            self.assertIn(largest.name, found.stdout)
            self.assertIn(done["id"], found.stdout)
            self.assertRegex(found.stdout, re.escape(demo.address("alice")) +
                             r", INBOX, UID \d+ \(Message-ID <\d@sender.test>\): belongs to " + done["id"])
            _, config, refused = self.restore(demo, check=False)
            self.assertEqual(refused.returncode, 70, refused.stderr)
            self.assertIn(largest.name, refused.stderr)
            self.assertFalse(os.path.exists(os.path.join(os.path.dirname(config), "data", "store")))
            largest.unlink()
            self.assertEqual(run("backup", "verify", self.backups).returncode, 70)
            self.back_up(demo)    # copies it again
            run("backup", "verify", self.backups, check=True)
            self.restore(demo)
            catalog = next(pathlib.Path(self.backups, "backups").glob(done["id"] + ".json"))
            catalog.write_text(catalog.read_text().replace('"messages":', '"messages":1', 1))
            found = run("backup", "verify", self.backups)
            self.assertEqual(found.returncode, 70)
            self.assertIn("No later backup makes a damaged list", found.stdout)
            self.assertNotIn("Remove", found.stdout)
            self.assertEqual(run("backup", "list", self.backups).returncode, 70)

    def test_a_missing_file_is_damage_and_no_missing_account(self):
        with Demo() as demo:
            send(demo, range(3))
            done = self.back_up(demo)
            table = next(f for f in self.files_of(done["id"]) if f["part"] == "store" and f["path"].endswith(".sst"))
            path = pathlib.Path(self.backups, "pool", table["sha256"][:2], table["sha256"])
            whole = path.read_bytes()
            for spoil in (lambda: path.write_bytes(whole[:-1]), path.unlink):
                spoil()
                for check in (("--account", demo.address("alice"), "--check"), ("--account", demo.address("alice")),
                              ("--check",)):
                    refused = demo.run("restore", self.backups, *check)
                    self.assertEqual(refused.returncode, 70, (check, refused.stdout, refused.stderr))
                    self.assertIn(table["sha256"], refused.stderr)

    def test_backups_of_a_newer_program_are_not_to_be_removed(self):
        with Demo() as demo:
            send(demo, range(3))
            self.back_up(demo)
            later = self.back_up(demo)
            catalog = pathlib.Path(self.backups, "backups", later["id"] + ".json")
            text = catalog.read_text().splitlines(keepends=True)[0]
            text = re.sub(r'"version":"[^"]*"', '"version":"9.1.0"', text.replace('"format":3', '"format":9'))
            catalog.write_text(text + f"sha256 {hashlib.sha256(text.encode()).hexdigest()}\n")
            found = run("backup", "verify", self.backups)
            self.assertEqual(found.returncode, 70, found.stdout + found.stderr)
            self.assertIn("made by posthouse 9.1.0, which is newer than this one", found.stdout)
            self.assertNotIn("damaged", found.stdout)
            self.assertNotIn("Remove", found.stdout)
            told = json.loads(run("backup", "verify", self.backups, "--json").stdout)
            self.assertEqual((told["problems"], len(told["newer"])), ([], 1))

    def test_lost_bodies_are_named_and_all_else_is_kept(self):
        """Also by those who look at that backup later; after they were deleted and purged backups are complete again."""
        for loss in ("spoilt", "missing"):
            with self.subTest(loss), Demo() as demo:
                self.backups = os.path.join(self.folder, loss)
                send(demo, range(2), to="bob")
                big = base64.b64encode(os.urandom(150000)).decode()
                demo.run("deliver", demo.address("alice"), stdin=f"Message-ID: <lost@x>\n\n{big}\n", check=True)
                self.assertEqual(self.back_up(demo)["letters_lost"], 0)
                demo.stop()
                blobs = list(pathlib.Path(os.path.dirname(demo.config), "data/store").glob("*.blob"))
                bodies = {path: path.read_bytes() for path in blobs}
                path = max(blobs, key=lambda path: path.stat().st_size)
                if loss == "spoilt":
                    path.write_bytes(bytes(b ^ 0x55 if 2000 < i < 90000 else b for i, b in enumerate(bodies[path])))
                else:
                    path.unlink()
                demo.start()
                send(demo, range(2, 4), to="carol")
                done = demo.run("backup", self.backups)
                self.assertEqual(done.returncode, 65, done.stdout + done.stderr)
                name = re.escape(demo.address("alice")) + r", INBOX, UID \d+ \(Message-ID <lost@x>\)"
                self.assertRegex(done.stderr, name + ": its body is lost")
                again = demo.run("backup", self.backups, "--json")
                self.assertEqual(again.returncode, 65)
                told = json.loads(again.stdout)
                self.assertGreaterEqual(told["letters_lost"], 1)
                self.assertEqual("MISSING" in [file["path"] for file in self.files_of(told["id"])], loss == "missing")
                found = run("backup", "verify", self.backups, "--backup", told["id"])
                self.assertEqual(found.returncode, 65, found.stdout)
                self.assertRegex(found.stdout, "lost: " + name)
                where, config, tried = self.restore(demo, "--check", check=False, name=loss + "-checked")
                self.assertEqual(tried.returncode, 65, tried.stdout + tried.stderr)
                self.assertRegex(tried.stdout, "lost: " + re.escape(demo.address("alice")) + r" INBOX UID \d+: its body")
                where, config, _ = self.restore(demo, name=loss + "-back")
                with self.restored(where) as back:
                    self.assertEqual(contents(back, "carol")[0], contents(demo, "carol")[0])
                demo.stop()
                if loss == "missing":   # the disk is back
                    path.write_bytes(bodies[path])
                    demo.start()
                else:
                    demo.start()
                    empty(demo)
                    demo.run("mailbox", "purge", demo.address("alice"), check=True)
                self.assertEqual(self.back_up(demo)["letters_lost"], 0)

    def test_killed_at_any_moment(self):
        """Of the backup and of the restore: older backups stay whole, the next run completes it and cleans up."""
        with Demo() as demo:
            send(demo, range(8), size=LARGE)
            self.back_up(demo)
            for n in range(8):
                send(demo, range(100 + 10 * n, 105 + 10 * n), size=LARGE)
                process = subprocess.Popen([BINARY, "backup", self.backups, "--config", demo.config, "--rate", "8MiB"],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                try:
                    process.wait(0.03 * (n + 1))
                except subprocess.TimeoutExpired:
                    process.kill()
                process.wait()
                run("backup", "verify", self.backups, check=True)
            done = self.back_up(demo)
            self.assertEqual(os.listdir(os.path.join(self.backups, "unfinished")), [])
            self.assertEqual({p.name for p in self.pool()}, self.named())
            before, _ = contents(demo)
            where, config = os.path.join(self.folder, "new"), ""
            killed = 0
            for n in range(30):
                os.makedirs(where, exist_ok=True)
                config = os.path.join(where, "posthouse.toml")
                text = pathlib.Path(demo.config).read_text().replace(os.path.dirname(demo.config), where)
                pathlib.Path(config).write_text(text)
                pathlib.Path(where, ".posthouse-demo").touch()
                process = subprocess.Popen([BINARY, "restore", self.backups, "--config", config],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                try:
                    process.wait(0.01 * n)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    killed += 1
                process.stderr.close()
                if os.path.exists(os.path.join(where, "data", "store", "CURRENT")):
                    break
            self.assertGreater(killed, 0)
            if not os.path.exists(os.path.join(where, "data", "store", "CURRENT")):
                run("restore", self.backups, "--config", config, check=True)
            self.assertEqual(json.loads(run("backup", "list", self.backups, "--json").stdout)[-1]["id"], done["id"])
            with self.restored(where) as new:
                self.assertEqual(contents(new)[0], before)

    def test_snapshots_do_not_stay(self):
        with Demo() as demo:
            self.back_up(demo)
            self.assertEqual(os.listdir(os.path.join(os.path.dirname(demo.config), "data", "store.snapshots")), [])

    def test_folders_that_are_something_else(self):
        with Demo() as demo:
            os.makedirs(self.backups)
            pathlib.Path(self.backups, "something").touch()
            refused = demo.run("backup", self.backups)
            self.assertEqual(refused.returncode, 77)
            self.assertIn("something", refused.stderr)
            for command in (("backup", "list"), ("backup", "verify"), ("restore",)):
                self.assertEqual(run(*command, self.folder).returncode, 66, command)
            self.assertEqual(demo.run("backup", "/proc/nothing").returncode, 73)
            self.assertEqual(demo.run("backup").returncode, 64)

    def test_within_the_data_directory(self):
        with Demo() as demo:
            inside = os.path.join(os.path.dirname(demo.config), "data", "backups")
            for _ in range(2):
                self.assertIn("keep them elsewhere", demo.run("backup", inside, check=True).stderr)
            self.assertEqual(demo.run("backup", self.backups, check=True).stderr, "")

    def test_a_value_is_no_command(self):
        self.assertIn("--keep", run("backup", self.backups, "--keep", "0").stderr)
        self.assertIn("did you mean backup list?", run("backup", "lsit", self.backups).stderr)

    def test_a_folder_without_lists_is_no_backup(self):
        with Demo() as demo:
            send(demo, range(3))
            self.back_up(demo)
            demo.run("backup", "verify", self.backups, check=True)
            demo.run("backup", "list", self.backups, check=True)
            shutil.rmtree(os.path.join(self.backups, "backups"))
            for command in (("backup", "verify"), ("restore",), ("restore", "--check")):
                done = demo.run(*command, self.backups)
                self.assertEqual(done.returncode, 66, (command, done.stdout, done.stderr))
                self.assertIn("no backup", done.stderr)
                self.assertNotIn("Every file", done.stdout)


if __name__ == "__main__":
    unittest.main()
