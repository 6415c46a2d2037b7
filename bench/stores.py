#!/usr/bin/env -S /usr/bin/python3 -u
"""Measures the three stores of Posthouse beside those of Dovecot, like against like, in one run at equal durability.

    bench/stores.py [--quick] [--rows REGEX] [--sides REGEX] [--letters N] [--huge N] [--folder DIR] [--write FILE]

Sides: database, maildir and mbox of Posthouse; mdbox, maildir and mbox of Dovecot (mail_fsync = always). Row by row all
sides are measured in turn. As root: servers change to users of their own, and the cold rows drop the page cache.
"""
import argparse
import json
import os
import pathlib
import random
import re
import shutil
import socket
import statistics
import subprocess
import time

from measure import Meter, figures_of, memory_kib, put_table, show, tell, tree
from servers import Posthouse, USERS, load, prepare, wait_for
from peers.postfix_dovecot import Dovecot

BIG = "big@bench.test"      # the account of the large mailbox
HUGE = "huge@bench.test"    # and of the one with a million letters
PAIRS = (("database", "mdbox"), ("maildir", "maildir"), ("mbox", "mbox"))
EVERY_SIDE = [("ours", ours) for ours, _ in PAIRS] + [("theirs", theirs) for _, theirs in PAIRS]


class Ours(Posthouse):
    def __init__(self, folder, store, compression="lz4"):
        super().__init__(folder, store, compression=compression)
        self.name, self.store, self.mail = f"Posthouse {store}", store, self.folder / "data"

    def start(self):
        super().start()
        if not getattr(self, "known", False):
            self.known = True
            for address in (BIG, HUGE):
                self.cli("account", "add", address, "--password-stdin", stdin="secret\n")
        return self

    def take_in(self, address, source):
        self.cli("import", address, str(source))

    def back_up(self, target):
        self.cli("backup", str(target))

    def keep_nothing(self):
        self.config.write_text(self.config.read_text().replace("[store]\n", "[store]\nkeep_expunged = \"0s\"\n"))
        self.restart()


class Theirs:
    def __init__(self, folder, store, extra=""):
        self.name, self.store, self.folder = f"Dovecot {store}", store, pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.dovecot = Dovecot(self.folder / "dovecot", store, extra="mail_fsync = always\n" + extra)
        self.mail = self.folder / "dovecot/mail"

    def start(self):
        self.dovecot.start()
        self.ports = {"lmtp": self.dovecot.lmtp_port, "imap": self.dovecot.imap_port, "pop3": self.dovecot.pop3_port}
        return self

    def stop(self):
        self.dovecot.stop()

    def restart(self):
        self.stop()
        self.start()

    def pids(self):
        return [self.dovecot.pid()]

    def doveadm(self, *args):
        return subprocess.run(["doveadm", "-c", self.folder / "dovecot/dovecot.conf", *map(str, args)], check=True,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900).stdout

    def take_in(self, address, source, fsync="always"):
        self.doveadm("-o", f"mail_fsync={fsync}", "import", "-u", address,
                     f"mbox:{source.parent}/none:INBOX={source}:INDEX=MEMORY", "", "all")

    def back_up(self, target):
        target.mkdir(exist_ok=True)
        shutil.chown(target, "vmail", "vmail")
        store = {"mdbox": "mdbox", "maildir": "maildir", "mbox": "mdbox"}[self.store]   # dsync can't write mbox
        # An fsync for each letter would take an hour; the caller flushes all of it at the end.
        self.doveadm("-o", "mail_fsync=never", "backup", "-u", BIG, f"{store}:{target}/mail")


class Imap:
    """A client that does nothing but wait for the tagged answer, so that the time is the server's."""

    def __init__(self, server, address):
        self.socket = socket.create_connection(("127.0.0.1", server.ports["imap"]))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(600)
        self.socket.recv(65536)
        self.tag = 0
        self.command(f"LOGIN {address} secret")

    def command(self, text):
        """Milliseconds until the tagged OK."""
        self.tag += 1
        mark = b"\r\nt%d " % self.tag
        start = time.perf_counter()
        self.socket.sendall(b"t%d %s\r\n" % (self.tag, text.encode()))
        tail = b"\r\n"
        while not (tail.endswith(b"\r\n") and mark in tail):
            more = self.socket.recv(1 << 20)
            if not more:
                raise RuntimeError(f"{text}: the server hung up")
            tail = (tail + more)[-4096:]
        took = 1000 * (time.perf_counter() - start)
        answer = tail[tail.rindex(mark) + 2:].decode()
        if answer.split()[1] != "OK":
            raise RuntimeError(f"{text}: {answer}")
        return took

    def close(self):
        self.command("LOGOUT")
        self.socket.close()


# ---- what the mailboxes hold

def make_mbox(path, count, mean, seed):
    """`count` letters as an mbox; texts are words as people use them, so that they can be packed like letters."""
    rng = random.Random(seed)
    words = ["".join(rng.choice("bcdfghlmnprst") + rng.choice("aeiou") for _ in range(rng.randint(1, 4)))
             for _ in range(20000)]
    stock = rng.choices(words, weights=[1 / (n + 10) for n in range(len(words))], k=1_000_000)
    text = "\n".join(" ".join(stock[n:n + 10]) for n in range(0, len(stock), 10))
    with open(path, "w", buffering=1 << 20) as box:
        for n in range(count):
            size = rng.randint(mean // 2, mean + mean // 2)
            at = rng.randrange(len(text) - size)
            box.write(f"From s{n % 977}@far.test Sat Nov 28 12:00:00 2020\nFrom: Sender {n % 977} <s{n % 977}@far.test>\n"
                      f"To: <{BIG}>\nSubject: letter {n} about {stock[n % 5000]}\n"
                      f"Date: Sat, 28 Nov 2020 12:00:00 +0000\nMessage-ID: <m{n}@far.test>\n"
                      f"Content-Type: text/plain; charset=utf-8\n\n{text[at:at + size]}\n\n")
    path.chmod(0o644)
    return path


def space(path):
    """Bytes of the disk that are taken below `path`."""
    return sum(os.lstat(pathlib.Path(where, name)).st_blocks * 512
               for where, folders, files in os.walk(path) for name in folders + files)


def settled_space(server):
    """While the server is down, after a start that found nothing to do: what it writes in the background is written, and
    no log has letters that are in their place by then, or room that it may need."""
    server.restart()
    server.stop()
    taken = space(server.mail)
    server.start()
    return taken


def drop_page_cache():
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")


def messages_in(server, address):
    import imaplib
    client = imaplib.IMAP4("127.0.0.1", server.ports["imap"])
    client.login(address, "secret")
    count = int(client.status("INBOX", "(MESSAGES)")[1][0].split()[-1].rstrip(b")"))
    client.logout()
    return count


# ---- rows; each returns {figure: value}, of which those "per s" are the better the higher, others the lower

ROWS = []


def row(name, needs=None):
    def add(function):
        ROWS.append((name, function, needs))
        return function
    return add


@row("import of an mbox")
def import_rate(server, run):
    fill_big(server, run)
    return server.imported


def fill_big(server, run):
    if getattr(server, "imported", None):
        return
    before = settled_space(server)
    with Meter(server.pids(), server.folder) as meter:
        start = time.monotonic()
        server.take_in(BIG, run.source)
        seconds = time.monotonic() - start
    there = messages_in(server, BIG)
    if there != run.letters:
        raise RuntimeError(f"{there} of {run.letters} letters arrived")
    server.imported = {"letters per s": run.letters / seconds}
    server.space = (settled_space(server) - before) / run.letters
    server.server_cpu = meter.cpu


@row("space on disk")
def space_used(server, run):
    """As the letters came, and when a client has shown its list of them: the peer then remembers what ours wrote at once."""
    fill_big(server, run)
    figures = {"bytes a letter, nobody looked": server.space, "bytes a letter, listed once": space_when_listed(server, run)}
    if server.store in ("database", "mdbox"):
        packed = (Ours(server.folder.parent / "ours-zstd", "database", "zstd") if isinstance(server, Ours) else
                  Theirs(server.folder.parent / "theirs-zstd", "mdbox",
                         "mail_plugins = zlib\nplugin {\n  zlib_save = zstd\n}\n")).start()
        try:
            fill_big(packed, run)
            figures["bytes a letter with zstd, nobody looked"] = packed.space
            figures["bytes a letter with zstd, listed once"] = space_when_listed(packed, run)
        finally:
            packed.stop()
            shutil.rmtree(packed.folder)
    return figures


def space_when_listed(server, run):
    before = settled_space(server)
    client = open_mailbox(server, BIG)[0]
    client.command("FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE PREVIEW)")
    client.close()
    return server.space + (settled_space(server) - before) / run.letters


@row("backup")
def backup(server, run):
    fill_big(server, run)
    if isinstance(server, Ours) and server.store != "database" and not run.files_are_backed_up:
        send(server, 1, 100, to=BIG)
        return {}
    target = server.folder / "backup"
    start = time.monotonic()
    server.back_up(target)
    os.sync()
    full = time.monotonic() - start
    send(server, 1, 100, to=BIG)
    start = time.monotonic()
    server.back_up(target)
    os.sync()
    again = time.monotonic() - start
    shutil.rmtree(target)
    return {"letters per s": run.letters / full, "s, incremental with 100 new": again}


def open_mailbox(server, address):
    start = time.perf_counter()
    client = Imap(server, address)
    selected = client.command("SELECT INBOX")
    return client, 1000 * (time.perf_counter() - start), selected


def time_to_open(server):
    client, whole, selected = open_mailbox(server, BIG)
    client.close()
    return whole, selected


def medians_of_opening(times):
    return {"ms, login and SELECT": statistics.median(t[0] for t in times),
            "ms, SELECT": statistics.median(t[1] for t in times)}


@row("open, warm")
def open_warm(server, run):
    fill_big(server, run)
    open_mailbox(server, BIG)[0].close()
    times = []
    for _ in range(11):
        times.append(time_to_open(server))
    return medians_of_opening(times)


@row("open, cold")
def open_cold(server, run):
    fill_big(server, run)
    open_mailbox(server, BIG)[0].close()     # the peer has its index then
    times = []
    for _ in range(3):
        server.restart()
        Imap(server, BIG).close()    # the password is checked in earnest once (Argon2id on our side)
        drop_page_cache()
        times.append(time_to_open(server))
    return medians_of_opening(times)


@row("FETCH 1:* FLAGS")
def fetch_flags(server, run):
    fill_big(server, run)
    client = open_mailbox(server, BIG)[0]
    times = [client.command("FETCH 1:* (UID FLAGS)") for _ in range(6)]
    client.close()
    return {"ms": statistics.median(times[1:])}


@row("STORE of one flag")
def store_single(server, run):
    fill_big(server, run)
    client = open_mailbox(server, BIG)[0]
    rng = random.Random(1)
    client.command("STORE 5 +FLAGS.SILENT (\\Answered)")
    times = [client.command(f"STORE {rng.randint(1, run.letters)} +FLAGS.SILENT (\\Flagged)") for _ in range(50)]
    start = time.perf_counter()
    client.command("UNSELECT")
    left = 1000 * (time.perf_counter() - start)
    client.close()
    return {"ms": statistics.median(times), "ms each, with what UNSELECT writes": (sum(times) + left) / len(times)}


@row("STORE of 10,000 flags")
def store_many(server, run):
    fill_big(server, run)
    client = open_mailbox(server, BIG)[0]
    client.command("STORE 1:10 +FLAGS.SILENT (\\Answered)")
    many = min(10000, run.letters // 2)
    times, whole = [], []
    for n in range(4):
        times.append(client.command(f"STORE 1:{many} {'+-'[n % 2]}FLAGS.SILENT (\\Draft)"))
        whole.append(times[-1] + client.command("UNSELECT"))
        client.command("SELECT INBOX")
    client.close()
    return {"ms": statistics.median(times), "ms with what UNSELECT writes": statistics.median(whole)}


def expunge_many(server, run):
    client = open_mailbox(server, BIG)[0]
    client.command("FETCH 1:* (UID FLAGS)")     # what clients do that keep a list of their own
    many = min(10000, run.letters // 2 - 100)
    before = messages_in(server, BIG)
    client.command(f"STORE 101:{100 + many} +FLAGS.SILENT (\\Deleted)")
    client.command("UNSELECT")
    client.command("SELECT INBOX")
    took = client.command("EXPUNGE")
    client.close()
    left = messages_in(server, BIG)
    if left != before - many:
        raise RuntimeError(f"{left} letters are left, not {before - many}")
    return took


@row("EXPUNGE of 10,000")
def expunge(server, run):
    """Ours may be had back for a week; beside it, without that, as the peer does it."""
    fill_big(server, run)
    figures = {"ms (ours can be undeleted)": expunge_many(server, run)}
    if isinstance(server, Ours):
        server.keep_nothing()
    figures["ms, nothing kept"] = expunge_many(server, run)
    return figures


def send(server, sessions, count, to="user%03d@bench.test"):
    return load("lmtp", "--port", server.ports["lmtp"], "--sessions", sessions, "--count", count, "--size", 4096,
                "--per-connection", 0, "--to", to)


def deliver(server, run, sessions):
    """As many letters as keep the side busy for some seconds, to 100 accounts."""
    pilot = send(server, sessions, 100 if sessions == 1 else 400)
    count = max(200, int(pilot["rate"] * (1 if run.quick else 3)))
    before = sum(messages_in(server, f"user{n:03}@bench.test") for n in range(USERS))
    with Meter(server.pids(), server.folder) as meter:
        result = send(server, sessions, count)
    arrived = sum(messages_in(server, f"user{n:03}@bench.test") for n in range(USERS)) - before
    if arrived != count:
        raise RuntimeError(f"{server.name}: {count} sent, {arrived} arrived")
    return {"letters per s": result["rate"], "p50 ms": result["p50_us"] / 1000, "p99 ms": result["p99_us"] / 1000,
            "CPU ms": 1000 * meter.cpu / count, "flushes": meter.flushes / count}


for number in (1, 16, 64):
    row(f"LMTP, 4 KiB, {number} sessions")(lambda server, run, n=number: deliver(server, run, n))


def fill_huge(server, run):
    if getattr(server, "huge", False):
        return
    source = run.huge_source()
    if isinstance(server, Ours):
        server.take_in(HUGE, source)
    else:
        server.take_in(HUGE, source, "never")    # not what this row measures
    open_mailbox(server, HUGE)[0].close()
    server.huge = True


@row("restore")
def restore(server, run):
    """An account that was removed, with its files, comes back into the running server. Ours only."""
    if not isinstance(server, Ours):
        return {}
    fill_big(server, run)
    target = server.folder / "backup-to-restore"
    server.back_up(target)
    server.cli("account", "remove", BIG)
    for path in (server.folder / "data").glob(f"{server.store}/*/{BIG.split('@')[0]}"):
        shutil.rmtree(path)
    start = time.monotonic()
    told = server.cli("restore", str(target), "--account", BIG)
    took = time.monotonic() - start
    shutil.rmtree(target)
    return {"letters per s": int(re.search(r"(\d+) letters are back", told)[1]) / took}


@row("huge mailbox", needs="huge")
def huge(server, run):
    fill_huge(server, run)
    server.restart()
    open_mailbox(server, BIG)[0].close()
    before = memory_kib(server.pids())
    first, _, opening = open_mailbox(server, HUGE)
    one = memory_kib(server.pids())
    others = [open_mailbox(server, HUGE) for _ in range(4)]
    five = memory_kib(server.pids())
    times = [o[2] for o in others] + [first.command("SELECT INBOX") for _ in range(5)]
    for client, *_ in others:
        client.close()
    first.close()
    return {"ms, first SELECT": opening, "ms, SELECT": statistics.median(times), "MiB, first session": (one - before) / 1024,
            "MiB, each further session": (five - one) / 4 / 1024}


# ---- the run

class Run:
    def __init__(self, options, folder):
        self.quick, self.folder = options.quick, folder
        self.letters = options.letters or (10_000 if options.quick else 100_000)
        self.huge, self.huge_sides = options.huge, options.huge_sides
        self.files_are_backed_up = options.back_up_files
        self.source = make_mbox(folder / "big.mbox", self.letters, 2048, 1)

    def huge_source(self):
        path = self.folder / "huge.mbox"
        return path if path.exists() else make_mbox(path, self.huge, 512, 2)


def times_better(key, ours, theirs):
    if not (isinstance(ours, float) and isinstance(theirs, float) and ours > 0 and theirs > 0):
        return ""
    return f"{ours / theirs if 'per s' in key else theirs / ours:.1f}"


def table(results, run):
    head = ["row", "figure"] + [text for ours, theirs in PAIRS for text in (f"our {ours}", f"Dovecot {theirs}", "times better")]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for name, *_ in ROWS:
        keys = dict.fromkeys(key for figures in results.get(name, {}).values() for key in figures)
        for key in keys:
            cells = [name, key]
            for pair in PAIRS:
                values = [results[name].get(side, {}).get(key) for side in zip(("ours", "theirs"), pair)]
                cells += [show(v) for v in values] + [times_better(key, *values)]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the letters")
    parser.add_argument("--rows", default=".", help="only rows that match")
    parser.add_argument("--sides", default=".", help="only sides that match, for instance 'mbox' or 'ours database'")
    parser.add_argument("--letters", type=int, help="how many the large mailbox has (100,000)")
    parser.add_argument("--huge", type=int, default=1_000_000, help="how many the huge one has (1,000,000; 0: without)")
    parser.add_argument("--huge-sides", default="ours database|theirs mdbox", help="sides that get the huge mailbox")
    parser.add_argument("--back-up-files", action="store_true", help="the backup takes letters of accounts in files")
    parser.add_argument("--folder", help="where the servers live (default: a temporary folder on /var/tmp)")
    parser.add_argument("--write", help="write the table to this file")
    options = parser.parse_args()
    folder = prepare(parser, options.folder, "bench-stores", "posthouse-stores-")
    servers, results = {}, {}
    try:
        run = Run(options, folder)
        for side in EVERY_SIDE:
            if re.search(options.sides, " ".join(side)):
                kind = Ours if side[0] == "ours" else Theirs
                servers[side] = kind(folder / "-".join(side), side[1]).start()
        for name, function, needs in ROWS:
            if not re.search(options.rows, name) or (needs == "huge" and not run.huge):
                continue
            for side, server in servers.items():
                if needs == "huge" and not re.search(run.huge_sides, " ".join(side)):
                    continue
                result = figures_of(function, server, run)
                results.setdefault(name, {})[side] = result
                tell(name, server.name, result)
    finally:
        for server in servers.values():
            server.stop()
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)
    put_table(table(results, run), options.write)


if __name__ == "__main__":
    os.chdir(pathlib.Path(__file__).resolve().parent)
    main()
