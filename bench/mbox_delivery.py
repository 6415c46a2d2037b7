#!/usr/bin/env python3
"""Deliveries and flag changes on an mbox of 50,000 messages: Posthouse over SMTP and IMAP, beside dovecot-lda and Dovecot's
IMAP. POSTHOUSE names the program.

    POSTHOUSE=build/release/posthouse bench/mbox_delivery.py [MESSAGES [LETTERS]]
"""
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/e2e"))
from mbox_peers import AS_USER, Peers, USER, folder_of_user  # noqa: E402
from posthouse import Demo  # noqa: E402

MESSAGES = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
LETTERS = int(sys.argv[2]) if len(sys.argv) > 2 else 200
BODY = "words and more words, as letters have them\n" * 20


def fill(path):
    with open(path, "w") as box:
        for number in range(MESSAGES):
            box.write(f"From a@far.test Sat Nov 28 12:00:00 2020\nFrom: a@far.test\nSubject: m{number}\n"
                      f"Message-ID: <m{number}@far.test>\n\n{BODY}\n")
    if AS_USER:
        shutil.chown(path, USER, "nogroup")


def rate(what, count, work):
    start = time.monotonic()
    work()
    took = time.monotonic() - start
    print(f"{what}: {count / took:.0f} a second, {1000 * took / count:.2f} ms each", flush=True)


def posthouse(folder):
    where = folder / "data"
    where.mkdir()
    home = folder / "posthouse"
    (home / "folders").mkdir(parents=True)
    fill(home / "inbox")
    if AS_USER:
        subprocess.run(["chown", "-R", f"{USER}:nogroup", where, home], check=True)
    demo = Demo("--set", f'store.mbox_inbox="{home}/inbox"', "--set", f'store.mbox_folders="{home}/folders"',
                directory=str(where), wrapper=AS_USER, env={"HOME": str(folder), "POSTHOUSE_START_SECONDS": "600"})
    start = time.monotonic()
    demo.start()
    print(f"Posthouse takes {MESSAGES} messages over: {time.monotonic() - start:.1f} s", flush=True)
    text = "Subject: new\r\n\r\n" + BODY.replace("\n", "\r\n")
    with demo.smtp() as client:
        client.sendmail("a@far.test", [demo.address("dave")], text)
        rate("Posthouse, letters by SMTP", LETTERS,
             lambda: [client.sendmail("a@far.test", [demo.address("dave")], text) for _ in range(LETTERS)])
    imap = demo.imap("dave")
    imap.select("INBOX")
    imap.store("1", "+FLAGS", "(\\Seen)")
    rate("Posthouse, STORE of one flag", LETTERS,
         lambda: [imap.store(str(100 + n), "+FLAGS", "(\\Flagged)") for n in range(LETTERS)])
    imap.logout()
    demo.stop()


def dovecot(folder):
    home = folder / "dovecot"
    (home / "folders").mkdir(parents=True)
    fill(home / "inbox")
    if AS_USER:
        subprocess.run(["chown", "-R", f"{USER}:nogroup", home], check=True)
    peers = Peers(folder / "peers", home / "inbox", home / "folders")
    start = time.monotonic()
    peers.imap()
    print(f"Dovecot takes {MESSAGES} messages over: {time.monotonic() - start:.1f} s", flush=True)
    text = "Subject: new\n\n" + BODY
    lda = ["/usr/lib/dovecot/dovecot-lda", "-c", peers.config, "-f", "a@far.test"]
    rate("Dovecot, letters by dovecot-lda", LETTERS, lambda: [peers.run(*lda, text=text) for _ in range(LETTERS)])
    commands = [f"store {100 + n} +flags (\\Flagged)" for n in range(LETTERS)]
    rate("Dovecot, STORE of one flag, one session, pipelined", LETTERS, lambda: peers.imap(*commands))


def main():
    folder = folder_of_user()
    try:
        posthouse(folder)
        dovecot(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
