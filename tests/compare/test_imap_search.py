"""SEARCH, SORT and THREAD from our server beside Dovecot's, over one mailbox of made letters (RFC 3501 section 6.4.4, RFC
5256, RFC 5957). Every question with another answer must be explained by a row of docs/imap-differences.md, and every row must
still explain one.
    BUILD_DIR=build/release python3 test_imap_search.py   prints the differences nobody explains
"""
import email.header
import fnmatch
import os
import pathlib
import random
import re
import shutil
import sys
import tempfile
import unittest

import test_imap_answers as answers
import test_message_shapes as shapes

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "e2e")]
os.environ.setdefault("POSTHOUSE", str(shapes.BUILD / "posthouse"))
from peers.postfix_dovecot import Dovecot  # noqa: E402
from posthouse import Demo  # noqa: E402

DIFFERENCES = TESTS.parent / "docs" / "imap-differences.md"
LETTERS = 600
SUBJECTS = ["lunch", "Lunch", "meeting", "Äpfel", "äpfel", "Zürich", "apple", "10", "9", "naïve plan", "Привет", "привет", "日本",
            "[list] lunch", "[a] [b] meeting", "[only a blob]", "re", "fw: ", "(fwd)", "lunch (fwd)", "lunch (fwd) (fwd) ",
            "[Fwd: lunch]", "[fwd: Re: meeting (fwd)]", "Re[2]: lunch", "re [x]: lunch", "Fwd [y] : apple", "FW:RE:fwd:lunch", "",
            " ", "two  spaces   here", "tab\there", "ＦＵＬＬ", "straße", "STRASSE", "[[nested]] x", "[open lunch", "re:[x]"]
PREFIXES = ["", "", "", "Re: ", "RE: ", "Fwd: ", "Re: Re: ", "[list] Re: ", "Re: [list] ", "fw : "]
NAMES = ["", "", "Ann", "ann", "Bob Q. Public", '"Zed, A."', "Ärger", "ärger", "Öz", "zed", "日本", "Élan"]
LOCALS = ["ann", "Bob", "zoe", "carol", "BOB", "dave.x", "root"]
KEYS = ['SUBJECT "lunch"', 'SUBJECT "LUNCH"', 'SUBJECT ""', 'FROM "ann"', 'TO "BOB@"', 'CC "example"', 'BCC "x"',
        'TEXT "meeting"', 'BODY "fox"', 'NOT BODY "fox"', 'HEADER X-Odd ""', 'HEADER X-Odd "value"', 'HEADER Subject "re:"',
        'HEADER Message-ID "@x"', 'OR SUBJECT "apple" FROM "zoe"', "LARGER 600", "SMALLER 500", "SENTBEFORE 10-Nov-2026",
        "SENTSINCE 10-Nov-2026", "SENTON 10-Nov-2026", "BEFORE 10-Nov-2026", "SINCE 10-Nov-2026", "ON 10-Nov-2026",
        "SEEN", "UNSEEN", "FLAGGED DRAFT", "NOT (SEEN FLAGGED)", "KEYWORD $Work", "UNKEYWORD $Work", "1:50,100,590:*",
        "UID 5:20", "NOT 3:*", "OR NOT SEEN OR FLAGGED SUBJECT lunch", "ALL",
        'HEADER X-Folded "one two"', 'HEADER X-Folded "one\tTWO"', 'SUBJECT "tab here"']
WORDS = ["äpfel", "ÄPFEL", "zürich", "apfel", "zur", "привет", "ПРИВЕТ", "日本", "naïve", "NAIVE", "fish", "full", "straße", "élan"]
CRITERIA = ["ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO", "DISPLAYFROM", "DISPLAYTO"]


def encoded(text):
    return text if text.isascii() else email.header.Header(text, "utf-8", maxlinelen=900).encode()


def address(rng):
    name = rng.choice(NAMES)
    spec = f"{rng.choice(LOCALS)}@{rng.choice(['example.test', 'example.org'])}"
    return f"{encoded(name)} <{spec}>" if name else spec


def date(rng):
    zone = rng.choice(["+0000", "+0200", "-0800", "+0530", "GMT", "EST"])
    return (f"{rng.randrange(1, 29)} Nov 2026 {rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02} {zone}")


def letters(seed=20261129):
    """(flags, internal date, text)."""
    rng = random.Random(seed)
    for n in range(LETTERS):
        lines = [f"From: {address(rng)}", f"Subject: {rng.choice(PREFIXES)}{encoded(rng.choice(SUBJECTS))}"]
        if rng.random() < 0.9:
            lines.append(f"Date: {date(rng)}")
        if rng.random() < 0.8:
            lines.append("To: " + ", ".join(address(rng) for _ in range(rng.randrange(1, 3))))
        if rng.random() < 0.5:
            lines.append(f"Cc: {address(rng)}")
        if rng.random() < 0.95:
            lines.append(f"Message-ID: <{rng.choice([n, n, n, n // 3 * 3])}@x>")
        known = [f"<{rng.randrange(max(1, n - 30), n + 5)}@x>" for _ in range(rng.randrange(1, 4))]
        if n and rng.random() < 0.5:
            lines.append("References: " + " ".join(known))
        if n and rng.random() < 0.4:
            lines.append(f"In-Reply-To: {known[0]}")
        if rng.random() < 0.2:
            lines.append(f"X-Odd: {rng.choice(['', 'a value', 'other'])}")
        if n % 7 == 0:
            lines.append("X-Folded: one\r\n\ttwo")
        lines += ["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", "",
                  rng.choice(["The quick fox.", "Ein Äpfelchen.", "nothing", "ﬁsh"]) + "x" * rng.randrange(300)]
        flags = [f for f in ("\\Seen", "\\Flagged", "\\Draft", "\\Answered", "$Work") if rng.random() < 0.4]
        arrived = f'"{rng.randrange(1, 29):02}-Nov-2026 {rng.randrange(24):02}:00:00 +0000"'
        yield " ".join(flags), arrived, "".join(line + "\r\n" for line in lines).encode()


def questions():
    for key in KEYS:
        yield f"SEARCH {key}", f"UID SEARCH {key}".encode()
    for word in WORDS:
        literal = b"{%d+}\r\n%s" % (len(word.encode()), word.encode())
        for name in ("SUBJECT", "FROM", "TEXT", "BODY"):
            yield f"SEARCH {name} {word}", b"SEARCH CHARSET UTF-8 " + name.encode() + b" " + literal
    for criterion in CRITERIA:
        for order in ("", "REVERSE "):
            yield f"SORT ({order}{criterion})", f"UID SORT ({order}{criterion}) UTF-8 ALL".encode()
    for pair in ("SUBJECT DATE", "REVERSE FROM SIZE", "TO REVERSE CC DATE", "DISPLAYFROM SUBJECT REVERSE ARRIVAL"):
        yield f"SORT ({pair})", f"SORT ({pair}) UTF-8 ALL".encode()
        yield f"SORT ({pair}) SEEN", f"SORT ({pair}) UTF-8 SEEN".encode()
        yield f"SORT RETURN ({pair})", f"UID SORT RETURN (MIN MAX ALL) ({pair}) UTF-8 SEEN".encode()
    yield "SORT RETURN COUNT", b"UID SORT RETURN (MIN MAX COUNT ALL) (DATE) UTF-8 SEEN"
    for algorithm in ("REFERENCES", "ORDEREDSUBJECT"):
        for key in ("ALL", "SEEN", "1:100", "1:20", "NOT SUBJECT lunch", "UNDRAFT FLAGGED"):
            yield f"THREAD {algorithm} {key}", f"UID THREAD {algorithm} UTF-8 {key}".encode()


def filled(port, user, password):
    imap = answers.Imap(port)
    imap.ask(f"LOGIN {user} {password}".encode())
    imap.ask(b"CREATE all")
    for flags, arrived, text in letters():
        imap.ask(b"APPEND all (%s) %s {%d+}\r\n%s" % (flags.encode(), arrived.encode(), len(text), text))
    imap.ask(b"SELECT all")
    return imap


def answer(imap, question):
    said = [a for a in imap.ask(question) if re.match(rb"\* (SEARCH|SORT|THREAD|ESEARCH)\b", a)]
    return b"\n".join(said).decode()


def explanations():
    """Patterns of the questions that docs/imap-differences.md explains."""
    rows = [line.split("|")[1].strip().strip("`") for line in DIFFERENCES.read_text().splitlines() if line.startswith("| `")]
    if not rows:
        raise AssertionError(f"no rows in {DIFFERENCES}")
    return rows


def differences(ours, theirs):
    for name, question in questions():
        one, other = answer(ours, question), answer(theirs, question)
        if one != other:
            yield name, one, other


class ImapSearch(unittest.TestCase):
    def test_the_same_is_found_in_the_same_order(self):
        folder = tempfile.mkdtemp(prefix="posthouse-compare-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        dovecot = Dovecot(folder)
        self.addCleanup(dovecot.stop)
        dovecot.start()
        demo = self.enterContext(Demo())
        ours = filled(demo.ports["imap"], demo.address("alice"), demo.password("alice"))
        theirs = filled(dovecot.imap_port, "joe", "secret")
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        rows, used, bad = explanations(), set(), []
        for name, one, other in differences(ours, theirs):
            explains = [row for row in rows if fnmatch.fnmatchcase(name, row)]
            used.update(explains)
            if not explains:
                bad.append(f"{name}\n    we:      {one[:3000]}\n    Dovecot: {other[:3000]}")
        self.assertFalse(bad, f"{len(bad)} answers differ:\n" + "\n".join(bad))
        self.assertEqual(set(rows), used, "rows of docs/imap-differences.md that explain nothing")


if __name__ == "__main__":
    unittest.main()
