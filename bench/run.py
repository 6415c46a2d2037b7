#!/usr/bin/env -S /usr/bin/python3 -u
"""Measures Posthouse beside Postfix + Dovecot in one run, at equal durability, and prints a table.

    bench/run.py [--quick] [--rows REGEX] [--folder DIR] [--write docs/benchmarks-latest.md]

Both servers are measured row by row in turn, so that whatever else the machine does meets both. As root (Postfix).
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import time

from measure import Meter, figures_of, memory_kib, peak_rss_kib, put_table, show, steal_and_other, tell, tree
from servers import Peer, Posthouse, USERS, free_port, load, prepare, wait_for

ROWS = []
ROUNDS = {}    # of rows whose figures swing from run to run: the sides take turns, and the median of each figure counts


def row(name, rounds=1):
    def add(function):
        ROWS.append((name, function))
        ROUNDS[name] = rounds
        return function
    return add


@row("idle IMAP sessions")
def idle(server, quick):
    """On a server that has just started: memory that other rows gave back would hide what the sessions take, and
    what they leave behind (Dovecot keeps their processes for a minute) would disturb others."""
    server.restart()
    sessions = 2000
    hold_idle(server, USERS)    # what is made once is not theirs; each password is checked in earnest once
    before = memory_kib(server.pids())
    opened, after = hold_idle(server, sessions)
    server.restart()
    return {"KiB a session": (after - before) / sessions, "opened per s": opened["rate"]}


def hold_idle(server, sessions):
    """Opens IDLE sessions; returns what the load generator says of that, and the memory while they are held."""
    holder = load("idle", "--port", server.ports["imap"], "--sessions", sessions, "--login", "user%03d@bench.test",
                  "--seconds", 120, background=True)
    opened = json.loads(holder.stdout.readline())
    memory = memory_kib(server.pids())
    holder.stdin.close()
    holder.wait(60)
    return opened, memory


def letters(sessions, size, server, quick, protocol="smtp", per_connection=20, flags=()):
    """Socket to mailbox: sends until accepted, waits until all are in mailboxes; the whole time counts. Each side gets
    as many letters as keep it busy for some seconds."""
    fast = not isinstance(server, Peer)
    count = (16000 if fast else 800) * (1 if quick else 4)
    if sessions == 1:
        count //= 4
    if size > 10000:
        count //= 4
    before = server.delivered()
    with Meter(server.pids(), server.folder) as meter:
        start = time.monotonic()
        result = load(protocol, "--port", server.ports[protocol], "--sessions", sessions, "--count", count, "--size",
                      size, "--per-connection", per_connection, *flags)
        if not fast:   # our 250 means that it is in the mailbox; counted after the clock stopped, below
            wait_for(lambda: server.delivered() >= before + count, "letters in mailboxes", 300)
        seconds = time.monotonic() - start
    arrived = server.delivered() - before
    if arrived != count:
        raise RuntimeError(f"{server.name}: {count} sent, {arrived} arrived")
    return {"per s": count / seconds, "accepted/s": result["rate"], "p50 ms": result["p50_us"] / 1000,
            "p99 ms": result["p99_us"] / 1000, "CPU ms": 1000 * meter.cpu / count,
            "flushes": meter.flushes / count, "KiB written": meter.written / count / 1024}


for kib in (4, 64):
    for n in (1, 16, 64):
        row(f"SMTP to mailbox, {kib} KiB, {n} sessions", rounds=3 if kib == 4 and n > 1 else 1)(
            lambda server, quick, n=n, kib=kib: letters(n, kib * 1024, server, quick))
for n in (16, 64):
    ROWS.append((f"SMTP to mailbox without pipelining, 4 KiB, {n} sessions",
                 lambda server, quick, n=n: letters(n, 4096, server, quick, flags=["--one-at-a-time"])))
for n in (1, 16, 64):
    ROWS.append((f"LMTP, 4 KiB, {n} sessions",
                 lambda server, quick, n=n: letters(n, 4096, server, quick, "lmtp", 0)))


@row("relay out, 4 KiB, 16 sessions", rounds=5)
def relay(server, quick):
    fast = not isinstance(server, Peer)
    count = (8000 if fast else 1000) * (1 if quick else 2)
    sink = load("sink", "--port", server.sink_port, "--count", count, "--seconds", 300, background=True)
    assert sink.stdout.readline().strip() == "ready"
    port = server.ports["smtp"] if server.relays_from_anyone else None
    with Meter(server.pids(), server.folder) as meter:
        start = time.monotonic()
        if port:
            load("smtp", "--port", port, "--sessions", 16, "--count", count, "--to", "user%03d@sink.test")
        else:
            load("smtp", "--port", server.ports["submission"], "--sessions", 16, "--count", count, "--to",
                 "user%03d@sink.test", "--auth", "user000@bench.test", "--from", "user000@bench.test")
        sink.wait(300)
        seconds = time.monotonic() - start
    return {"per s": count / seconds, "CPU ms": 1000 * meter.cpu / count, "flushes": meter.flushes / count}


def none_failed(result):
    if result["failed"]:
        raise RuntimeError(f"{result['failed']} failed")


@row("IMAP APPEND, 4 KiB, 16 sessions")
def append(server, quick):
    count = 2000 if quick else 8000
    server.delivered()   # each password is checked in earnest once
    with Meter(server.pids(), server.folder) as meter:
        r = load("imap-append", "--port", server.ports["imap"], "--sessions", 16, "--count", count, "--login",
                 "user%03d@bench.test")
    none_failed(r)
    return {"per s": r["rate"], "p50 ms": r["p50_us"] / 1000, "p99 ms": r["p99_us"] / 1000,
            "CPU ms": 1000 * meter.cpu / count}


@row("IMAP login + select + logout, 16 sessions")
def login(server, quick):
    count = 1000 if quick else 5000
    server.delivered()
    with Meter(server.pids(), server.folder) as meter:
        r = load("imap-login", "--port", server.ports["imap"], "--sessions", 16, "--count", count, "--login",
                 "user%03d@bench.test")
    none_failed(r)
    return {"per s": r["rate"], "p50 ms": r["p50_us"] / 1000, "p99 ms": r["p99_us"] / 1000,
            "CPU ms": 1000 * meter.cpu / count}


def fill(server, user, count):
    """A mailbox of `count` letters for the FETCH rows."""
    load("imap-append", "--port", server.ports["imap"], "--sessions", 8, "--count", count, "--users", 1, "--login",
         user, "--size", 4096, "--seconds", 600)


def imap_command(server, command, times, prepare=None):
    if not getattr(server, "filled", False):
        fill(server, "user099@bench.test", 10000)
        server.filled = True
    results = []
    with Meter(server.pids(), server.folder) as meter:
        for n in range(times):
            text = command(n) if callable(command) else command
            results.append(load("imap-command", "--port", server.ports["imap"], "--sessions", 1, "--count", 1,
                                "--users", 1, "--login", "user099@bench.test", "--command", text))
    if any(r["failed"] for r in results):
        raise RuntimeError(f"{server.name}: {command} failed")
    return {"ms": statistics.median(r["p50_us"] for r in results) / 1000, "first ms": results[0]["p50_us"] / 1000,
            "MB": results[0]["octets"] / 1e6, "CPU ms": 1000 * meter.cpu / times}


for title, text in (
        ("FETCH envelopes of 10,000", "FETCH 1:10000 (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"),
        ("FETCH body structures of 10,000", "FETCH 1:10000 (UID BODYSTRUCTURE)"),
        ("FETCH flags of 10,000", "FETCH 1:10000 (UID FLAGS)"),
        ("FETCH bodies of 10,000 x 4 KiB", "FETCH 1:10000 BODY.PEEK[]"),
        ("SEARCH SUBJECT in 10,000", 'SEARCH SUBJECT "generator"'),
        ("SEARCH BODY in 10,000", 'SEARCH BODY "goes on its way"')):
    # The kernel counts processor time in steps of 10 ms: often enough to tell.
    ROWS.append((f"IMAP {title}", lambda server, quick, text=text: imap_command(server, text, 5 if quick else 20)))
ROWS.append(("IMAP STORE 10,000 flags", lambda server, quick: imap_command(
    server, lambda n: f"STORE 1:10000 {'+-'[n % 2]}FLAGS.SILENT (\\Flagged)", 4)))


def pop3(server, times, *flags):
    """All letters of the mailbox of the FETCH rows, left where they are."""
    if not getattr(server, "filled", False):
        fill(server, "user099@bench.test", 10000)
        server.filled = True
    results = []
    with Meter(server.pids(), server.folder) as meter:
        for _ in range(times):
            results.append(load("pop3", "--port", server.ports["pop3"], "--login", "user099@bench.test", *flags))
    if any(r["failed"] or r["done"] != 10000 for r in results):
        raise RuntimeError(f"{server.name}: {results}")
    return {"ms": statistics.median(r["p50_us"] for r in results) / 1000, "first ms": results[0]["p50_us"] / 1000,
            "STAT + UIDL ms": statistics.median(r["list_us"] for r in results) / 1000,
            "MB": results[0]["octets"] / 1e6, "CPU ms": 1000 * meter.cpu / times}


for title, flags in (("", []), (", one at a time", ["--one-at-a-time"])):
    ROWS.append((f"POP3 download of 10,000 x 4 KiB{title}",
                 lambda server, quick, flags=flags: pop3(server, 5 if quick else 20, *flags)))


@row("new-mail notice to IDLE, 100 sessions")
def notice(server, quick):
    r = load("notice", "--port", server.ports["smtp"], "--imap-port", server.ports["imap"], "--sessions", 100,
             "--count", 20 if quick else 50, "--login", "user%03d@bench.test")
    return {"p50 ms": r["p50_us"] / 1000, "p99 ms": r["p99_us"] / 1000}


# Mailboxes of the same size on both sides first; the rows behind put as many letters into them as each side can take.
ORDER = ("idle", "IMAP login", "IMAP FETCH", "IMAP SEARCH", "IMAP STORE", "POP3", "new-mail", "relay", "IMAP APPEND", "SMTP", "LMTP")
ROWS.sort(key=lambda named: next(n for n, prefix in enumerate(ORDER) if named[0].startswith(prefix)))


def measure(server, name, function, quick):
    busy0, idle0, steal0 = steal_and_other()
    result = figures_of(function, server, quick)
    if "failed" in result:
        return result
    busy1, idle1, steal1 = steal_and_other()
    total = (busy1 - busy0) + (idle1 - idle0) + (steal1 - steal0)
    result["steal %"] = 100 * (steal1 - steal0) / max(total, 1)
    return result


def measure_in_turns(servers, name, function, quick):
    """{server's name: figures}, each the median of the row's rounds; a round that failed is what is told."""
    seen = {server.name: [] for server in servers}
    for _ in range(ROUNDS.get(name, 1)):
        for server in servers:
            seen[server.name].append(measure(server, name, function, quick))
    return {server: median_of(rounds) for server, rounds in seen.items()}


def median_of(rounds):
    for figures in rounds:
        if "failed" in figures:
            return figures
    return {key: statistics.median(figures[key] for figures in rounds) for key in rounds[0]}


def table(results):
    lines = ["| row | figure | " + " | ".join(results) + " | ratio |", "| --- | --- |" + " --- |" * (len(results) + 1)]
    names = list(results)
    for name, _ in ROWS:
        if any(name not in results[server] for server in names):
            continue
        keys = [k for k in results[names[0]][name]]
        for key in keys:
            values = [results[server][name].get(key, "") for server in names]
            ratio = ""
            if len(values) > 1 and key not in ("MB", "steal %") and all(isinstance(v, float) and v > 0 for v in values[:2]):
                better = values[0] / values[1] if key.endswith("per s") or key.endswith("/s") else values[1] / values[0]
                ratio = f"{better:.1f}"
            lines.append(f"| {name} | {key} | " + " | ".join(show(v) for v in values) + f" | {ratio} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a quarter of the letters")
    parser.add_argument("--rows", default=".", help="only rows that match")
    parser.add_argument("--folder", help="where the servers live (default: a temporary folder on /var/tmp)")
    parser.add_argument("--only", choices=["posthouse", "peer"], help="measure one side alone")
    parser.add_argument("--write", help="write the table to this file")
    options = parser.parse_args()
    folder = prepare(parser, options.folder, "bench", "posthouse-bench-")
    servers = []
    results = {}
    try:
        for kind in (Posthouse, Peer):
            if options.only and options.only != kind.__name__.lower():
                continue
            sink = free_port()
            server = kind(folder / kind.__name__.lower(), sink_port=sink)
            server.sink_port = sink
            servers.append(server.start())
            results[server.name] = {}
        for name, function in ROWS:
            if not re.search(options.rows, name):
                continue
            for server, result in measure_in_turns(servers, name, function, options.quick).items():
                results[server][name] = result
                tell(name, server, result)
        for server in servers:
            if isinstance(server, Posthouse):
                worker = max(tree(server.pids()), key=peak_rss_kib)
                print(f"Posthouse: peak memory {peak_rss_kib(worker) / 1024:.0f} MiB")
    finally:
        for server in servers:
            server.stop()
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)
    put_table(table(results), options.write)


if __name__ == "__main__":
    os.chdir(pathlib.Path(__file__).resolve().parent)
    main()
