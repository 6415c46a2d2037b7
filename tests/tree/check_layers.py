#!/usr/bin/env python3
"""Checks every #include under src/ against tools/layers.txt: rooms include only what the list allows them."""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def read_rules(path):
    rooms, siblings, outside = {}, set(), {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        if line.startswith("siblings "):
            siblings.update(line.split()[1:])
        elif line.startswith("outside "):
            prefix, allowed = line[len("outside "):].split(":")
            outside[prefix.strip()] = set(allowed.split())
        elif ":" in line:
            room, allowed = line.split(":")
            unknown = set(allowed.split()) - set(rooms)
            if unknown:
                sys.exit(f"{path}:{number}: {room.strip()} names rooms that are not below it: {sorted(unknown)}")
            rooms[room.strip()] = set(allowed.split()) | {room.strip()}
        else:
            sys.exit(f"{path}:{number}: cannot read: {line}")
    return rooms, siblings, outside


def violations(source, relative, rules):
    rooms, siblings, outside = rules
    room = relative.parts[0]
    for kind, target in INCLUDE.findall(source):
        first = target.split("/")[0]
        if kind == '"' and first in rooms:
            if first not in rooms[room]:
                yield f"src/{relative}: room {room} may not include {target}"
            elif first == room and room in siblings and len(relative.parts) > 2:
                inner = target.split("/")
                if len(inner) > 2 and inner[1] != relative.parts[1]:
                    yield f"src/{relative}: {room}/{relative.parts[1]} may not include its sibling {target}"
        elif kind == '"' and not (relative.parent / target).name == target and "/" not in target:
            continue
        prefix = max((p for p in outside if target.startswith(p)), key=len, default=None)  # the closest rule counts
        if prefix is not None and room not in outside[prefix]:
            yield f"src/{relative}: {target} may only be included in {', '.join(sorted(outside[prefix]))}"


def main():
    root = pathlib.Path(sys.argv[1])
    rules = read_rules(root / "tools/layers.txt")
    checked, problems = 0, []
    for path in sorted((root / "src").rglob("*")):
        relative = path.relative_to(root / "src")
        if path.suffix not in (".h", ".cpp") or len(relative.parts) < 2:
            continue
        if relative.parts[0] not in rules[0]:
            problems.append(f"src/{relative}: room {relative.parts[0]} is not in tools/layers.txt")
            continue
        checked += 1
        problems += violations(path.read_text(), relative, rules)
    # The check must be able to fail: a made-up violation is found.
    assert list(violations('#include "app/main.h"\n', pathlib.Path("base/x.h"), rules)), "the check finds nothing"
    print("\n".join(problems) or f"{checked} files keep the layers")
    sys.exit(1 if problems or checked == 0 else 0)


main()
