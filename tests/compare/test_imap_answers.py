"""What we answer to FETCH (ENVELOPE BODY BODYSTRUCTURE) beside what Dovecot answers (RFC 9051 section 7.5.2), over the
same messages as test_message_shapes.py. Every difference must be explained by a row of docs/message-differences.md whose
second cell names Dovecot, and every message that such a row names must have one.
    BUILD_DIR=build/release python3 test_imap_answers.py [GLOB...]   prints the differences nobody explains
"""
import fnmatch
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

import imap_answers
import test_message_shapes as shapes

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from peers.postfix_dovecot import Dovecot  # noqa: E402

ITEMS = b"(ENVELOPE BODY BODYSTRUCTURE)"


def with_crlf(data):
    """As a message comes in over the network."""
    return re.sub(rb"(?<!\r)\n", b"\r\n", data)


class Imap:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.file = self.socket.makefile("rb")
        self.file.readline()

    def ask(self, command):
        """The untagged answers, literals included; an error if it is not OK."""
        self.socket.sendall(b"a " + command + b"\r\n")
        answers = []
        while not (line := self.file.readline()).startswith(b"a "):
            if not line:
                raise AssertionError("Dovecot closed the connection")
            while literal := re.search(rb"\{(\d+)\}\r\n$", line):
                line += self.file.read(int(literal.group(1))) + self.file.readline()
            answers.append(line.rstrip(b"\r\n"))
        if not line.startswith(b"a OK"):
            raise AssertionError(f"{command[:60]!r}: {line!r}")
        return answers

    def close(self):
        self.file.close()
        self.socket.close()


def of_dovecot(messages):
    folder = tempfile.mkdtemp(prefix="posthouse-compare-")
    dovecot = Dovecot(folder)
    try:
        dovecot.start()
        imap = Imap(dovecot.imap_port)
        imap.ask(b"LOGIN joe secret")
        for data in messages:
            imap.ask(b"APPEND INBOX {%d+}\r\n%s" % (len(data), data))
        imap.ask(b"SELECT INBOX")
        answers = [a for a in imap.ask(b"FETCH 1:* " + ITEMS) if re.match(rb"\* \d+ FETCH ", a)]
        imap.close()
    finally:
        dovecot.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return [re.sub(rb"^\* \d+ FETCH ", b"", a) for a in answers]


def of_us(messages):
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder) / str(i) for i in range(len(messages))]
        for path, data in zip(paths, messages):
            path.write_bytes(data)
        done = subprocess.run([shapes.program("imap_shape")], input="".join(f"{p}\n" for p in paths).encode(),
                              stdout=subprocess.PIPE, check=True, timeout=60)
    return done.stdout.splitlines()


def parts(answer):
    """{(item, number): fields} of one answer."""
    values = imap_answers.read_all(answer)
    items = dict(zip(values[::2], values[1::2]))
    out = {("ENVELOPE", ""): imap_answers.envelope(items["ENVELOPE"])}
    for item in ("BODY", "BODYSTRUCTURE"):
        out |= {(item, number): fields for number, fields in imap_answers.structure(items[item])}
    return out


def differences(name, ours, theirs):
    a, b = parts(ours), parts(theirs)
    trees = [[f"{item} {number} {f.get('type')}/{f.get('subtype')}" for (item, number), f in p.items()] for p in (a, b)]
    if trees[0] != trees[1]:
        yield shapes.Difference(name, "Dovecot", "structure", "", *trees)
    for key in a.keys() & b.keys():
        for field in a[key].keys() | b[key].keys():
            one, other = a[key].get(field), b[key].get(field)
            if field == "envelope" and one and other:
                for inner in one:
                    if one[inner] != other[inner]:
                        yield shapes.Difference(name, "Dovecot", inner, " ".join(key), one[inner], other[inner])
            elif one != other:
                yield shapes.Difference(name, "Dovecot", field, " ".join(key), one, other)


def all_differences():
    found = shapes.messages(shapes.BUILD / "compare-imap")
    data = [with_crlf(path.read_bytes()) for path in found.values()]
    kept = [i for i, d in enumerate(data) if d]   # APPEND takes no empty message
    names, data = [list(found)[i] for i in kept], [data[i] for i in kept]
    for name, ours, theirs in zip(names, of_us(data), of_dovecot(data), strict=True):
        yield from differences(name, ours, theirs)


class ImapAnswers(unittest.TestCase):
    def test_every_difference_is_explained_and_every_explanation_is_needed(self):
        shapes.check(self, all_differences(), ("Dovecot",))


def main(globs):
    table = shapes.rows()
    for d in all_differences():
        named = any(fnmatch.fnmatchcase(d.message, g) for g in globs or ["*"])
        if named and not any(shapes.explanations(row, d) for row in table):
            print(shapes.report(d))


if __name__ == "__main__":
    main(sys.argv[1:])
