#!/usr/bin/env python3
"""Checks docs/hazards.md: every row is there once, and every test that it names exists."""
import ast
import pathlib
import re
import sys

ROWS = [f"{part}.{n}" for part, rows in ((1, 27), (2, 13), (3, 12), (4, 16)) for n in range(1, rows + 1)]
LINE = re.compile(r"^\| (\d+\.\d+) \| (.+) \| (.+) \|$")
NAME = re.compile(r"`([^`]+)`")
UNIT = re.compile(r"^\s*(?:TEST|TEST_F|TEST_P|RC_GTEST_PROP|RC_GTEST_FIXTURE_PROP)\(\s*(\w+),\s*(\w+)", re.M)


def unit_tests(root):
    return {".".join(found) for path in (root / "tests/unit").rglob("*_test.cpp") for found in UNIT.findall(path.read_text())}


def e2e_tests(root):
    names = set()
    for path in (root / "tests/e2e").glob("test_*.py"):
        for item in ast.parse(path.read_text()).body:
            if isinstance(item, ast.ClassDef):
                names.update(f"{path.stem}.{item.name}.{f.name}" for f in item.body
                             if isinstance(f, ast.FunctionDef) and f.name.startswith("test_"))
    return names


def problems(root):
    known = unit_tests(root) | e2e_tests(root)
    seen = []
    for number, line in enumerate((root / "docs/hazards.md").read_text().splitlines(), 1):
        if not re.match(r"^\| \d", line):
            continue
        row = LINE.match(line)
        if not row:
            yield f"docs/hazards.md:{number}: not a row: {line}"
            continue
        seen.append(row[1])
        names = NAME.findall(row[3])
        if not names and not row[3].startswith("Waits for "):
            yield f"docs/hazards.md:{number}: row {row[1]} names no test and waits for nothing"
        for name in names:
            if not ((root / name).is_file() if "/" in name else name in known):
                yield f"docs/hazards.md:{number}: there is no test {name}"
    if seen != ROWS:
        missing, odd = sorted(set(ROWS) - set(seen)), [r for r in seen if r not in ROWS or seen.count(r) > 1]
        yield f"docs/hazards.md: rows missing: {missing}; unknown or twice: {odd}; or out of order"


def main():
    found = list(problems(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
