"""BODY[section] of every part, with and without its MIME header, from our server beside Dovecot's (RFC 9051 section
6.4.5.1), over the same messages as test_message_shapes.py. They are the same octet for octet, but for messages whose
parts begin or end elsewhere: those that docs/message-differences.md explains for Dovecot.
"""
import fnmatch
import os
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

import imap_answers
import test_imap_answers as answers
import test_message_shapes as shapes

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "e2e")]
os.environ.setdefault("POSTHOUSE", str(shapes.BUILD / "posthouse"))
from peers.postfix_dovecot import Dovecot  # noqa: E402
from posthouse import Demo  # noqa: E402

OF_THE_MESSAGE = ["HEADER", "TEXT", "HEADER.FIELDS (Subject From)", "HEADER.FIELDS.NOT (Subject Received)", "1", "1.MIME"]
FETCH_ITEMS = 100  # at once
MBOX_LINE = re.compile(rb"\A>?From .*\r\n")


def explained(name):
    rows = [r for r in shapes.rows() if "Dovecot" in r.peers and {"structure", "octets", "lines"} & set(r.fields)]
    return any(fnmatch.fnmatchcase(name, m) for r in rows for m in r.messages)


def messages():
    for name, path in shapes.messages(shapes.BUILD / "compare-sections").items():
        data = answers.with_crlf(path.read_bytes())
        if data and b"\0" not in data and not explained(name):  # Dovecot takes no NUL
            yield name, data


def filled(port, user, password, data):
    imap = answers.Imap(port)
    imap.ask(f"LOGIN {user} {password}".encode())
    imap.ask(b"CREATE all")
    for text in data:
        imap.ask(b"APPEND all {%d+}\r\n%s" % (len(text), text))
    imap.ask(b"SELECT all")
    return imap


def ask(imap, number, items):
    answer = next(a for a in imap.ask(b"FETCH %d (%s)" % (number, items.encode())) if b" FETCH (" in a)
    return re.sub(rb"^\* \d+ FETCH ", b"", answer)


ITEM = re.compile(rb'[( ]BODY\[([^\]]*)\] (?:NIL|"((?:[^"\\]|\\.)*)"|\{(\d+)\}\r\n)')


def fetch(imap, number, wanted):
    """{section: octets}; NIL and "" alike say that there is nothing."""
    answer, at, out = ask(imap, number, " ".join(f"BODY.PEEK[{s}]" for s in wanted)), 0, {}
    while item := ITEM.match(answer, at):
        at = item.end()
        octets = re.sub(rb"\\(.)", rb"\1", item[2] or b"")
        if item[3]:
            octets = answer[at:at + int(item[3])]
            at += len(octets)
        out[item[1].upper()] = octets
    if answer[at:] != b")":
        raise AssertionError(f"not an answer to FETCH: {answer[at:at + 100]!r}")
    return out


def sections(imap, number):
    """Of every part that the structure has; HEADER and TEXT exist of messages alone."""
    out = list(OF_THE_MESSAGE)
    for part, _ in imap_answers.structure(imap_answers.read_all(ask(imap, number, "BODYSTRUCTURE"))[1]):
        if re.fullmatch(r"[\d.]+", part):
            out += [part + rest for rest in ("", ".MIME", ".HEADER", ".TEXT", ".HEADER.FIELDS (Subject)")]
    return list(dict.fromkeys(out))


def same(ours, theirs):
    """One line end at the end makes no difference. The one before a delimiter belongs to it (RFC 2046 section 5.1.1):
    Dovecot gives it to an inner multipart, and not to the header of a part without body; and a header that has no empty
    line gets one from it where fields are selected. An mbox line is no field for us."""
    ours, theirs = (MBOX_LINE.sub(b"", octets) for octets in (ours, theirs))
    return ours == theirs or ours + b"\r\n" == theirs or ours == theirs + b"\r\n"


class ImapSections(unittest.TestCase):
    def test_all_octets_are_the_same(self):
        names, data = zip(*messages())
        folder = tempfile.mkdtemp(prefix="posthouse-compare-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        dovecot = Dovecot(folder)
        self.addCleanup(dovecot.stop)
        dovecot.start()
        demo = self.enterContext(Demo())
        ours = filled(demo.ports["imap"], demo.address("alice"), demo.password("alice"), data)
        theirs = filled(dovecot.imap_port, "joe", "secret", data)
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        compared, differ = 0, []
        for number, name in enumerate(names, 1):
            wanted = sections(ours, number)
            for at in range(0, len(wanted), FETCH_ITEMS):
                one, other = (fetch(imap, number, wanted[at:at + FETCH_ITEMS]) for imap in (ours, theirs))
                self.assertEqual(one.keys(), other.keys(), name)
                for section in one:
                    if not same(one[section], other[section]):
                        differ.append(f"{name} {section}\n    we:      {one[section]}\n    Dovecot: {other[section]}")
                compared += len(one)
        self.assertFalse(differ, f"{len(differ)} sections differ:\n" + "\n".join(differ[:20]))
        self.assertGreater(compared, 10_000)


if __name__ == "__main__":
    unittest.main()
