#!/usr/bin/env python3
"""Checks the limits that keep the tree readable: ARCHITECTURE.md at most 150 lines, no source over 700 lines, no
rooms called common, util or helpers, no clock or resolver used behind the interfaces' back."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
problems = []
lines = len((root / "ARCHITECTURE.md").read_text().splitlines())
if lines > 150:
    problems.append(f"ARCHITECTURE.md: {lines} lines, at most 150")
for path in sorted((root / "src").rglob("*")):
    if path.is_dir() and path.name in ("common", "util", "utils", "helpers", "misc"):
        problems.append(f"{path.relative_to(root)}: a room needs a purpose in its name")
    if path.suffix not in (".h", ".cpp"):
        continue
    text = path.read_text()
    name = path.relative_to(root)
    if text.count("\n") > 700:
        problems.append(f"{name}: {text.count(chr(10))} lines; split it")
    room = name.parts[1] if len(name.parts) > 2 else ""
    if room != "base" and re.search(r"\b(system_clock|steady_clock)::now\(", text):
        problems.append(f"{name}: time enters by Clock")
    if re.search(r"\b(getaddrinfo|gethostbyname)\s*\(", text):
        problems.append(f"{name}: names are resolved by Resolver")
    if re.search(r"\b(system|popen)\s*\(\s*[\"a-z]", text) and room != "base":
        problems.append(f"{name}: no shell")
    if "#ifdef TEST" in text:
        problems.append(f"{name}: no test code in the product")
print("\n".join(problems) or "sizes and habits are kept")
sys.exit(1 if problems else 0)
