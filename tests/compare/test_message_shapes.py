"""Message by message, field by field: what src/message reads beside what GMime and Python's email package read, over the
sample mails of Debian packages (scripts/fetch-corpus.sh), generated ones (hostile_messages.py) and those that we write
ourselves (write_messages.cpp).

Every difference must be explained by a row of docs/message-differences.md, and every message that a row names
must have one.
    BUILD_DIR=build/release python3 test_message_shapes.py [--list] [GLOB...]   prints the differences nobody explains
"""
import collections
import fnmatch
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import hostile_messages
import python_shape

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build/release"))
CORPUS = ROOT / "build/corpus"
TABLE = ROOT / "docs/message-differences.md"
SEED, OF_EACH_KIND = 20261123, 24
FEWEST_SAMPLES = 250  # a corpus that lost a package is no corpus

Difference = collections.namedtuple("Difference", "message peer field part ours theirs")
Row = collections.namedtuple("Row", "id peers fields messages")


def messages(folder=BUILD / "compare"):
    """Names and paths of all messages, the generated ones written anew."""
    if not (CORPUS / "complete").is_file():
        raise AssertionError(f"{CORPUS} is missing: scripts/fetch-corpus.sh brings it")
    found = {f"{p.parent.name}/{p.name}": p for p in sorted(CORPUS.glob("*/*"))}
    if len(found) < FEWEST_SAMPLES:
        raise AssertionError(f"{CORPUS} has only {len(found)} messages: run scripts/fetch-corpus.sh")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "generated").mkdir(parents=True)
    for name, data in hostile_messages.generate(SEED, OF_EACH_KIND):
        (folder / "generated" / name).write_bytes(data)
    (folder / "written").mkdir()
    subprocess.run([program("write_messages"), folder / "written"], check=True, timeout=60)
    return found | {f"{p.parent.name}/{p.name}": p for p in sorted(folder.glob("*/*"))}


def program(name):
    path = BUILD / "bin" / name
    if not path.is_file():
        raise AssertionError(f"{path} is missing: 'make test-deps' and a build make it")
    return path


def shapes(reader, found):
    names = "".join(f"{p}\n" for p in found.values())
    done = subprocess.run([program(reader)], input=names.encode(), stdout=subprocess.PIPE, check=True, timeout=60)
    return dict(zip(found, (json.loads(line) for line in done.stdout.splitlines()), strict=True))


def without_default(shape):
    """A charset that is the default (RFC 2045 section 5.2) says nothing."""
    for part in shape.get("parts", ()):
        if part["parameters"].get("charset", "").lower() == "us-ascii":
            del part["parameters"]["charset"]
    return shape


def compare_fields(message, peer, part, ours, theirs, skip=()):
    for field in theirs.keys() & ours.keys() - set(skip):
        if ours[field] != theirs[field]:
            yield Difference(message, peer, field, part, ours[field], theirs[field])


def compare(message, peer, ours, theirs):
    if "error" in theirs:
        yield Difference(message, peer, "error", "", None, theirs["error"])
        return
    yield from compare_fields(message, peer, "", ours, theirs, ["parts"])
    tree = [[f"{p['number']} {p['type']}" for p in shape["parts"]] for shape in (ours, theirs)]
    if tree[0] != tree[1]:
        yield Difference(message, peer, "structure", "", *tree)
        return
    for a, b in zip(ours["parts"], theirs["parts"]):
        number = a["number"]
        yield from compare_fields(message, peer, number, a, b, ["envelope"])
        if "envelope" in a and "envelope" in b:
            yield from compare_fields(message, peer, number, a["envelope"], b["envelope"])


def rows():
    """Of the table: | id | peers | fields | messages | why |."""
    found = []
    for line in TABLE.read_text().splitlines():
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 5 and re.fullmatch(r"[A-Z]\d+", cells[0]):
            lists = [re.findall(r"[^\s,`]+", c) for c in cells[1:4]]
            if not cells[4] or any(not l for l in lists):
                raise AssertionError(f"{TABLE.name}: row {cells[0]} has an empty cell")
            found.append(Row(cells[0], *lists))
    ids = [r.id for r in found]
    if len(set(ids)) != len(ids):
        raise AssertionError(f"{TABLE.name}: an id stands twice")
    return found


def explanations(row, d):
    """The names of messages in a row that hold for a difference."""
    if d.peer not in row.peers or d.field not in row.fields:
        return []
    return [m for m in row.messages if fnmatch.fnmatchcase(d.message, m)]


def all_differences():
    found = messages()
    ours = {k: without_default(v) for k, v in shapes("message_shape", found).items()}
    gmime = {k: without_default(v) for k, v in shapes("gmime_shape", found).items()}
    for name, path in found.items():
        yield from compare(name, "GMime", ours[name], gmime[name])
        yield from compare(name, "Python", ours[name], without_default(python_shape.shape(path.read_bytes())))


def report(d):
    return f"{d.message} part {d.part or '(root)'}: {d.field}\n    we:     {d.ours}\n    {d.peer + ':':7} {d.theirs}"


def check(case, differences, peers):
    """Fails for what no row explains, and for rows of these peers, or messages in them, that explain nothing."""
    table = [row for row in rows() if set(row.peers) & set(peers)]
    used, unexplained = set(), []
    for d in differences:
        because = [(row.id, m) for row in table for m in explanations(row, d)]
        used.update(because)
        if not because:
            unexplained.append(report(d))
    case.assertFalse(unexplained, f"{len(unexplained)} differences that {TABLE.name} does not explain:\n"
                     + "\n".join(unexplained[:40]))
    idle = [f"{row.id}: {m}" for row in table for m in row.messages if (row.id, m) not in used]
    case.assertFalse(idle, "rows, or messages in them, that explain nothing any more")


class MessageShapes(unittest.TestCase):
    def test_every_difference_is_explained_and_every_explanation_is_needed(self):
        check(self, all_differences(), ("GMime", "Python"))


def main(arguments):
    globs = [a for a in arguments if not a.startswith("-")] or ["*"]
    table = rows() if TABLE.is_file() else []
    counts = collections.Counter()
    for d in all_differences():
        if any(explanations(row, d) for row in table) or not any(fnmatch.fnmatchcase(d.message, g) for g in globs):
            continue
        counts[d.peer, d.field] += 1
        if "--list" in arguments:
            print(report(d))
    for (peer, field), n in sorted(counts.items()):
        print(f"{n:5} {peer} {field}")


if __name__ == "__main__":
    main(sys.argv[1:])
