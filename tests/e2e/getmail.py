"""getmail: a Maildir that it delivers to without losing sight of its own children."""
import os

# getmail misses a child that ends before it has begun to wait for it, and then waits for three minutes: so the program
# that delivers waits until getmail sleeps with a handler of SIGCHLD (signal 17, bit 16 of the mask).
DELIVERS = r"""#!/bin/sh
until grep -Eq '^SigCgt:.*[13579bdf].{4}$' /proc/$PPID/status && grep -q '^State:.S' /proc/$PPID/status; do :; done
cat > "$1/tmp/$$" && mv "$1/tmp/$$" "$1/new/$$.$(date +%s%N)"
"""


def destination(home, box):
    """The [destination] of a getmailrc that delivers to the Maildir `box`, which is made if need be."""
    for folder in ("tmp", "new", "cur"):
        (box / folder).mkdir(parents=True, exist_ok=True)
    program = home / "deliver"
    program.write_text(DELIVERS)
    program.chmod(0o755)
    root = "allow_root_commands = true\n" if 0 in (os.geteuid(), os.getegid()) else ""
    return f"[destination]\ntype = MDA_external\npath = {program}\narguments = (\"{box}\",)\n{root}"
