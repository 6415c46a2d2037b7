#!/usr/bin/env -S /usr/bin/python3 -u
"""Measures the access agents beside Dovecot's, with mailboxes of the same 10,000 letters, in one run at equal durability.

    bench/access.py [--quick] [--rows REGEX] [--sides REGEX] [--letters N] [--folder DIR] [--write FILE]

Sides: Posthouse with its database, Dovecot with mdbox and with Maildir (mail_fsync = always). Row by row all sides are
measured in turn. As root: the servers change to users of their own.
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import re
import resource
import shutil
import socket
import ssl
import statistics
import time

from measure import Meter, figures_of, memory_kib, put_table, show, tell
from servers import Posthouse, USERS, load, prepare
from stores import BIG, Imap, Ours, Theirs, drop_page_cache

ROWS = []


def row(name):
    def add(function):
        ROWS.append((name, function))
        return function
    return add


# ---- what the mailbox holds

def make_letters(path, count):
    """An mbox: conversations of four, every tenth letter with an attachment, texts of some 4 KiB."""
    rng = random.Random(4)
    words = ["".join(rng.choice("bcdfghlmnprst") + rng.choice("aeiou") for _ in range(rng.randint(1, 4))) for _ in range(20000)]
    stock = rng.choices(words, weights=[1 / (n + 10) for n in range(len(words))], k=500_000)
    text = "\n".join(" ".join(stock[n:n + 10]) for n in range(0, len(stock), 10))
    with open(path, "w", buffering=1 << 20) as box:
        for n in range(count):
            at = rng.randrange(len(text) - 6000)
            body = text[at:at + rng.randint(2000, 6000)]
            if n % 1000 == 7:
                body += "\nthe lighthouse keeper\n"
            first = n - n % 4
            box.write(f"From s{n % 977}@far.test Sat Nov 28 12:00:00 2020\nFrom: Sender {n % 977} <s{n % 977}@far.test>\n"
                      f"To: <{BIG}>\nSubject: {'Re: ' if n % 4 else ''}letter {first} about {stock[first % 5000]}\n"
                      f"Date: Sat, {1 + n % 28:02} Nov 2020 12:{n % 60:02}:00 +0000\nMessage-ID: <m{n}@far.test>\n")
            if n % 4:
                box.write(f"In-Reply-To: <m{n - 1}@far.test>\nReferences: {' '.join(f'<m{m}@far.test>' for m in range(first, n))}\n")
            if n % 10:
                box.write(f"Content-Type: text/plain; charset=utf-8\n\n{body}\n\n")
            else:
                box.write("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n"
                          f"{body}\n--b\nContent-Type: application/pdf; name=a.pdf\nContent-Disposition: attachment\n"
                          f"Content-Transfer-Encoding: base64\n\n{'QUJD' * 18}\n--b--\n\n")
    path.chmod(0o644)


def filled(server, run):
    if not getattr(server, "is_filled", False):
        server.take_in(BIG, run.source)
        client = Imap(server, BIG)
        client.command("SELECT INBOX")
        client.command("FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)")    # the peer has its list then
        if isinstance(server, Posthouse):
            server.wait_for_index()
        client.close()
        server.is_filled = True


class OursIndexed(Ours):
    def wait_for_index(self):
        """The index for searches is made in the background."""
        while True:
            status = json.loads(self.cli("search", "status", BIG, "--json"))
            if status["indexed"] == status["letters"]:
                return
            time.sleep(0.2)


# ---- rows of one command

def command_row(name, command, times=10, before=None, select="SELECT INBOX"):
    def measure(server, run):
        filled(server, run)
        client = Imap(server, BIG)
        client.command(select)
        took = []
        with Meter(server.pids(), server.folder) as meter:
            for n in range(times + 1):
                text = command(n) if callable(command) else command
                took.append(client.command(text))
        client.close()
        return {"ms": statistics.median(took[1:]), "first ms": took[0], "CPU ms": 1000 * meter.cpu / (times + 1)}
    row(name)(measure)


@row("login + select + logout, 16 sessions")
def login(server, run):
    load("imap-login", "--port", server.ports["imap"], "--sessions", 16, "--count", USERS, "--login", "user%03d@bench.test")
    with Meter(server.pids(), server.folder) as meter:
        count = 500 if run.quick else 4000
        r = load("imap-login", "--port", server.ports["imap"], "--sessions", 16, "--count", count, "--login", "user%03d@bench.test")
    return {"per s": r["rate"], "p99 ms": r["p99_us"] / 1000, "CPU ms": 1000 * meter.cpu / count}


@row("idle sessions")
def idle(server, run):
    sessions = 100 if run.quick else 1000

    def hold(count):
        holder = load("idle", "--port", server.ports["imap"], "--sessions", count, "--login", "user%03d@bench.test", "--seconds", 120,
                      background=True)
        opened = json.loads(holder.stdout.readline())
        memory = memory_kib(server.pids())
        holder.stdin.close()
        holder.wait(60)
        return opened, memory
    server.restart()
    hold(USERS)
    before = memory_kib(server.pids())
    opened, after = hold(sessions)
    server.restart()
    return {"KiB a session": (after - before) / sessions, "opened per s": opened["rate"]}


@row("idle sessions with TLS")
def idle_with_tls(server, run):
    """STARTTLS where the port has no TLS of its own."""
    sessions = 100 if run.quick else 1000
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def open_one(user):
        """None where there is no TLS."""
        with socket.create_connection(("127.0.0.1", server.ports["imap"])) as plain:
            plain.recv(1000)
            plain.sendall(b"a STARTTLS\r\n")
            if b"a OK" not in plain.recv(1000):
                return None
            session = context.wrap_socket(plain)
        with session.makefile("rwb") as talk:
            for command, answer in ((f"b LOGIN user{user:03}@bench.test secret", b"b OK"), ("c SELECT INBOX", b"c OK"), ("d IDLE", b"+")):
                talk.write(command.encode() + b"\r\n")
                talk.flush()
                while not (line := talk.readline()).startswith(answer):
                    if not line:
                        raise RuntimeError(f"{server.name}: closed after {command}")
        return session

    def hold(count):
        with contextlib.ExitStack() as held:
            for n in range(count):
                session = open_one(n % USERS)
                if session is None:
                    return None
                held.callback(session.close)
            return memory_kib(server.pids())
    server.restart()
    if hold(USERS) is None:
        return {}
    before = memory_kib(server.pids())
    after = hold(sessions)
    server.restart()
    return {"KiB a session": (after - before) / sessions}


# Of a server's descriptors some are not for connections (net/acceptor.cpp), and the letters come in by some.
SPARE = 300


@row("20,000 idle sessions, or as many as the system lets a process have descriptors")
def idle_many(server, run):
    """Ours alone: the peer has a process, and half a MiB, for each."""
    if not isinstance(server, Posthouse):
        return {}
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    server.restart()
    sessions = min(20000, limit - min(limit // 32, 1024) - SPARE) // (10 if run.quick else 1)
    watching = 100
    before = memory_kib(server.pids())
    holder = load("idle", "--port", server.ports["imap"], "--sessions", sessions - watching, "--login", "user%03d@bench.test",
                  "--seconds", 120, background=True)
    try:
        opened = json.loads(holder.stdout.readline())
        after = memory_kib(server.pids())
        r = load("notice", "--port", server.ports["smtp"], "--imap-port", server.ports["imap"], "--sessions", watching, "--count", 20,
                 "--login", "user%03d@bench.test")
    finally:
        holder.stdin.close()
        holder.wait(60)
        server.restart()
    return {"sessions": float(opened["sessions"] + watching), "opened per s": opened["rate"],
            "KiB a session": (after - before) / opened["sessions"],
            "notice p50 ms": r["p50_us"] / 1000, "notice p99 ms": r["p99_us"] / 1000}


command_row("SELECT", lambda n: "SELECT INBOX")
command_row("FETCH flags", "FETCH 1:* (UID FLAGS)")
command_row("FETCH envelopes, dates, sizes", "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)")


@row("SELECT and FETCH envelopes, dates, sizes, cold")
def fetch_cold(server, run):
    """The server started anew, one login so that the password has been checked, the page cache dropped."""
    filled(server, run)
    selected, fetched = [], []
    for _ in range(1 if run.quick else 5):
        server.restart()
        Imap(server, "user000@bench.test").close()
        drop_page_cache()
        client = Imap(server, BIG)
        selected.append(client.command("SELECT INBOX"))
        fetched.append(client.command("FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"))
        client.close()
    return {"SELECT ms": statistics.median(selected), "FETCH ms": statistics.median(fetched)}


command_row("FETCH body structures", "FETCH 1:* (UID BODYSTRUCTURE)")
command_row("FETCH header fields", "FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE REFERENCES)])")
command_row("FETCH whole letters", "FETCH 1:* BODY.PEEK[]", 5)
command_row("FETCH the first KiB", "FETCH 1:* BODY.PEEK[]<0.1024>", 5)
command_row("FETCH text parts", "FETCH 1:* BODY.PEEK[1]", 5)
command_row("SEARCH UNSEEN", "SEARCH UNSEEN")
command_row("SEARCH SUBJECT", 'SEARCH SUBJECT "letter 4000 "')
command_row("SEARCH FROM", 'SEARCH FROM "s123@far"')
command_row("SEARCH BODY, rare words", 'SEARCH BODY "lighthouse keeper"', 5)
command_row("SEARCH BODY, nowhere", 'SEARCH BODY "nowhereatall"', 5)
command_row("SORT by date", "SORT (DATE) UTF-8 ALL", 5)
command_row("SORT by subject", "SORT (SUBJECT) UTF-8 ALL", 5)
command_row("THREAD by references", "THREAD REFERENCES UTF-8 ALL", 5)
command_row("STORE a flag for all", lambda n: f"STORE 1:* {'+-'[n % 2]}FLAGS.SILENT (\\Flagged)", 4)


def median_of_three(server, run, prepare):
    """`prepare(client, n)` leads to a command, of which the time is taken."""
    filled(server, run)
    client = Imap(server, BIG)
    took = [client.command(prepare(client, n)) for n in range(3)]
    client.close()
    return {"ms": statistics.median(took)}


def copied(client, to):
    client.command("SELECT INBOX")
    client.command(f"CREATE {to}")
    client.command(f"COPY 1:* {to}")
    client.command(f"SELECT {to}")


@row("COPY of all")
def copy_all(server, run):
    def prepare(client, n):
        client.command("SELECT INBOX")
        client.command(f"CREATE Copy{n}")
        return f"COPY 1:* Copy{n}"
    return median_of_three(server, run, prepare)


@row("MOVE of all")
def move_all(server, run):
    def prepare(client, n):
        copied(client, f"From{n}")
        client.command(f"CREATE To{n}")
        return f"MOVE 1:* To{n}"
    return median_of_three(server, run, prepare)


@row("EXPUNGE of all")
def expunge_all(server, run):
    def prepare(client, n):
        copied(client, f"Gone{n}")
        client.command("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        return "EXPUNGE"
    return median_of_three(server, run, prepare)


@row("APPEND, 4 KiB, 16 sessions")
def append(server, run):
    count = 500 if run.quick else 4000
    with Meter(server.pids(), server.folder) as meter:
        r = load("imap-append", "--port", server.ports["imap"], "--sessions", 16, "--count", count, "--login", "user%03d@bench.test")
    return {"per s": r["rate"], "p99 ms": r["p99_us"] / 1000, "CPU ms": 1000 * meter.cpu / count}


for title, flags in (("", []), (", one at a time", ["--one-at-a-time"])):
    @row(f"POP3 download{title}")
    def pop3(server, run, flags=flags):
        filled(server, run)
        results = [load("pop3", "--port", server.ports["pop3"], "--login", BIG, *flags) for _ in range(3)]
        if any(r["failed"] or r["done"] != run.letters for r in results):
            raise RuntimeError(f"{server.name}: {results}")
        return {"ms": statistics.median(r["p50_us"] for r in results) / 1000,
                "STAT + UIDL ms": statistics.median(r["list_us"] for r in results) / 1000}


class Run:
    def __init__(self, options, folder):
        self.quick, self.letters = options.quick, options.letters // (10 if options.quick else 1)
        self.source = folder / "letters.mbox"
        make_letters(self.source, self.letters)


def table(results, sides):
    lines = ["| row | figure | " + " | ".join(sides) + " | times better |", "| --- | --- |" + " --- |" * (len(sides) + 1)]
    for name, _ in ROWS:
        figures = [results[side].get(name) for side in sides]
        if not any(figures):
            continue
        for key in next(f for f in figures if f):
            values = [f.get(key) if f else None for f in figures]
            best = [v for v in values[1:] if isinstance(v, float) and v > 0]
            ratio = ""
            if best and isinstance(values[0], float) and values[0] > 0:    # beside the better one of the peer's stores
                ratio = f"{values[0] / max(best) if key.endswith('per s') else min(best) / values[0]:.1f}"
            lines.append(f"| {name} | {key} | " + " | ".join(show(v) for v in values) + f" | {ratio} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the letters")
    parser.add_argument("--rows", default=".", help="only rows that match")
    parser.add_argument("--sides", default=".", help="only sides that match")
    parser.add_argument("--letters", type=int, default=10000, help="of the large mailbox (10,000)")
    parser.add_argument("--folder", help="where the servers live (default: a temporary folder on /var/tmp)")
    parser.add_argument("--write", help="write the table to this file")
    options = parser.parse_args()
    folder = prepare(parser, options.folder, "bench-stores", "posthouse-bench-")
    servers, results = [], {}
    try:
        run = Run(options, folder)
        for make in (lambda: OursIndexed(folder / "ours", "database"), lambda: Theirs(folder / "mdbox", "mdbox"),
                     lambda: Theirs(folder / "maildir", "maildir")):
            server = make()
            if re.search(options.sides, server.name):
                servers.append(server.start())
                results[server.name] = {}
        for name, measure in ROWS:
            if not re.search(options.rows, name):
                continue
            for server in servers:
                results[server.name][name] = figures_of(measure, server, run)
                tell(name, server.name, results[server.name][name])
    finally:
        for server in servers:
            server.stop()
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)
    put_table(table(results, list(results)), options.write)


if __name__ == "__main__":
    os.chdir(pathlib.Path(__file__).resolve().parent)
    main()
