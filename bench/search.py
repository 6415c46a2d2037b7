#!/usr/bin/env -S /usr/bin/python3 -u
"""Measures SEARCH in a mailbox with and without the search index, what the index costs to make and the room it takes.

    bench/search.py [--letters N] [--size BYTES] [--folder DIR] [--times N] [--without] [--delivery] [--pause]

Letters have words as people use them, half of them some of a newsletter's links, and headers as mail has them by now. --without measures
the same without an index as well, which takes a while; --delivery what LMTP takes in meanwhile and without; --pause waits for a line
on standard input before anything is timed. As root: the server changes to a user of its own.
"""
import argparse
import base64
import json
import pathlib
import random
import re
import shutil
import socket
import statistics
import tempfile
import time

from servers import Posthouse, load

ADDRESS = "big@bench.test"


def make_mbox(path, count, mean, seed=1):
    rng = random.Random(seed)
    words = []
    for _ in range(60000):
        words.append("".join(rng.choice(("b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v")) +
                             rng.choice(("a", "e", "e", "i", "o", "u", "an", "en", "er")) for _ in range(rng.randint(1, 5))))
    stock = rng.choices(words, weights=[1 / (n + 3) for n in range(len(words))], k=2_000_000)

    def junk(n):
        return base64.urlsafe_b64encode(rng.randbytes(n)).decode().rstrip("=")

    with open(path, "w", buffering=1 << 20) as box:
        for n in range(count):
            size = rng.randint(mean // 2, mean + mean // 2)
            at = rng.randrange(len(stock) - size // 3)
            text = []
            while size > 0:
                line = " ".join(stock[at:at + 10])
                at += 10
                size -= len(line) + 1
                text.append(line)
            if n % 2:
                text.insert(3, f"https://click.far.test/ls/click?upn={junk(90)}")
            if n % 20000 == 777:
                text.append("here is the quagmirish word")
            box.write(
                f"From s{n % 977}@far.test Sat Nov 28 12:00:00 2020\n"
                f"Received: from mail{n % 13}.far.test (mail{n % 13}.far.test [192.0.2.{n % 250}])\n"
                f"\tby mx.bench.test with ESMTPS id {junk(9)} for <{ADDRESS}>;\n\tSat, 28 Nov 2020 12:{n % 60:02}:00 +0000\n"
                f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=far.test; s=s1;\n"
                f"\tt=1606564{n % 1000:03}; h=from:to:subject:date; bh={junk(32)};\n\tb={junk(64)}\n\t {junk(64)}\n\t {junk(60)}\n"
                f"From: Sender {n % 977} <s{n % 977}@far.test>\nTo: <{ADDRESS}>\n"
                f"Subject: letter {n} about {stock[n % 5000]}\nDate: Sat, 28 Nov 2020 12:00:00 +0000\n"
                f"Message-ID: <{junk(15)}@far.test>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n" +
                "\n".join(text) + "\n\n")
    path.chmod(0o644)
    counts = {}
    for word in stock:
        counts[word] = counts.get(word, 0) + 1
    return sorted((word for word in counts if len(word) > 3), key=counts.get, reverse=True)


class Imap:
    """A client that does nothing but wait for the tagged answer, so that the time is the server's."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.ports["imap"]))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(900)
        self.socket.recv(65536)
        self.command(f"LOGIN {ADDRESS} secret")

    def command(self, text):
        """(milliseconds until the tagged OK, the answer)."""
        start = time.perf_counter()
        self.socket.sendall(b"tag %s\r\n" % text.encode())
        answer = b"\r\n"
        while b"\r\ntag " not in answer[-4096:] or not answer.endswith(b"\r\n"):
            more = self.socket.recv(1 << 20)
            if not more:
                raise RuntimeError(f"{text}: the server hung up")
            answer += more
        took = 1000 * (time.perf_counter() - start)
        if b"\r\ntag OK" not in answer[-4096:]:
            raise RuntimeError(f"{text}: {answer[-200:]}")
        return took, answer


def measure(server, searches, times):
    client = Imap(server)
    client.command("SELECT INBOX")
    out = {}
    for name, command in searches.items():
        took = [client.command(command) for _ in range(times)]
        hits = re.search(rb"\* SEARCH([ \d]*)", took[0][1])
        out[name] = (took[0][0], statistics.median(ms for ms, _ in took[1:] or took), len(hits[1].split()))
    return out


def deliver(server):
    result = load("lmtp", "--port", server.ports["lmtp"], "--sessions", 16, "--count", 40_000, "--size", 4096, "--per-connection", 0)
    return result["rate"]


def show(title, figures):
    print(f"\n{title}\n{'':34} {'first ms':>9} {'ms':>9} {'found':>8}")
    for name, (first, median, found) in figures.items():
        print(f"{name:34} {first:9.1f} {median:9.1f} {found:8}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--without", action="store_true")
    parser.add_argument("--delivery", action="store_true")
    parser.add_argument("--pause", action="store_true")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="posthouse-search-", dir=options.folder))
    folder.chmod(0o755)
    server = Posthouse(folder / "server")
    server.config.write_text(server.config.read_text() + '\n[search]\nrate = "0B"\n')
    try:
        words = make_mbox(folder / "letters", options.letters, options.size)
        searches = {
            "BODY, a rare word": "SEARCH BODY quagmirish",
            "BODY, an absent word": "SEARCH BODY zyxwvut",
            "BODY, the commonest word": f"SEARCH BODY {words[0]}",
            "BODY, a word in the middle": f"SEARCH BODY {words[len(words) // 20]}",
            "BODY, three letters": "SEARCH BODY ran",
            "BODY, two words of a phrase": f'SEARCH BODY "{words[3000]} {words[5]}"',
            "BODY, two common words": f'SEARCH BODY "{words[1]} {words[2]}"',
            "BODY, two very common ones": f'SEARCH BODY "{words[0]} {words[1]}"',
            "TEXT, a rare word": "SEARCH TEXT quagmirish",
            "SUBJECT, a word": f"SEARCH SUBJECT {words[10]}",
            "SUBJECT, what all have": "SEARCH SUBJECT letter",
            "SUBJECT, absent": "SEARCH SUBJECT zyxwvut",
            "FROM": "SEARCH FROM s123@",
            "HEADER Message-ID": "SEARCH HEADER Message-ID zzzyyyxxx",
        }
        server.start()
        server.cli("account", "add", ADDRESS, "--password-stdin", stdin="secret\n")
        start = time.monotonic()
        server.cli("import", ADDRESS, str(folder / "letters"))
        print(f"import: {options.letters / (time.monotonic() - start):.0f} letters/s, the index is made meanwhile")
        while True:
            status = json.loads(server.cli("search", "status", "--json", ADDRESS))
            if status["indexed"] >= status["letters"] - 31:
                break
            time.sleep(0.5)
        server.cli("search", "rebuild", ADDRESS)
        start = time.monotonic()
        while True:
            status = json.loads(server.cli("search", "status", "--json", ADDRESS))
            if status["indexed"] >= status["letters"] - 31:
                break
            time.sleep(0.2)
        print(f"made anew within {time.monotonic() - start:.1f} s (up to 10 s of it waiting)")
        before = None    # merging goes on for a moment
        while before != status["segments"]:
            before = status["segments"]
            time.sleep(5)
            status = json.loads(server.cli("search", "status", "--json", ADDRESS))
        text = status["text_bytes"]
        print(f"{status['letters']} letters, {text / 1e6:.1f} MB of text; index {status['index_bytes'] / 1e6:.1f} MB "
              f"({100 * status['index_bytes'] / text:.1f} %), {status['segments']} segments")
        server.restart()
        status = json.loads(server.cli("search", "status", "--json", ADDRESS))
        print(f"on disk {status['disk_bytes'] / 1e6:.1f} MB ({100 * status['disk_bytes'] / text:.1f} % of the text)")
        if options.pause:
            print("ready")
            input()
        show("With the index", measure(server, searches, options.times))
        if options.delivery:
            # At the rate that is the default. Letters of 100 accounts are spread thin, so that each round has some to index.
            server.config.write_text(server.config.read_text().replace('rate = "0B"\n', ""))
            server.restart()
            time.sleep(1)
            print(f"\nLMTP: {deliver(server):.0f} letters/s with the index", end="")
        if options.without or options.delivery:
            server.config.write_text(server.config.read_text().replace("[search]\n", "[search]\nenabled = false\n"))
            server.restart()
        if options.delivery:
            print(f", {deliver(server):.0f} without")
        if options.without:
            show("Without", measure(server, searches, 3))
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
