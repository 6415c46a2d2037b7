#!/usr/bin/env python3
"""Checks that every C++ file is formatted as .clang-format says (`make format` mends it)."""
import shutil
import subprocess
import sys

root = sys.argv[1]
tool = shutil.which("clang-format-19")
if not tool:
    sys.exit("clang-format-19 is missing: scripts/install-deps.sh test")
files = subprocess.run(["git", "-C", root, "ls-files", "*.cpp", "*.h"], check=True, capture_output=True,
                       text=True).stdout.split()
if not files:
    sys.exit("no files to check")
result = subprocess.run([tool, "--dry-run", "-Werror", *files], cwd=root, capture_output=True, text=True)
bad = sorted({line.split(":")[0] for line in result.stderr.splitlines() if "error:" in line})
print("\n".join(f"{name}: not formatted" for name in bad) or f"{len(files)} files are formatted")
sys.exit(1 if bad or result.returncode else 0)
