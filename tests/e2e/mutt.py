"""mutt on a terminal of its own: opens a mailbox, shows the letter whose body has some words, returns the screen."""
import os
import pathlib
import pty
import re
import select
import signal
import tempfile
import time


class Terminal:
    """A program on a pseudo-terminal: type() keys, see() what it wrote."""

    def __init__(self, command, home):
        self.screen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", HOME=str(home), COLUMNS="120", LINES="60", LC_ALL="C.UTF-8")
            os.execvp(command[0], command)

    def type(self, keys):
        self.screen = b""
        os.write(self.fd, keys.encode())

    def see(self, words, seconds=60):
        """Reads until `words` are on the screen, or the time is over."""
        end = time.monotonic() + seconds
        while words not in self.text() and time.monotonic() < end:
            if select.select([self.fd], [], [], 1)[0]:
                try:
                    self.screen += os.read(self.fd, 65536)
                except OSError:
                    break
        text = self.text()
        if words not in text:
            raise AssertionError(f"{words!r} did not appear; the screen got {text[-2000:]!r}")
        return text

    def text(self):
        """What was written since the last keys, without the terminal's control sequences."""
        return re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|\(B|[=>78])", "", self.screen.decode("utf-8", "replace"))

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def shows(url, needle, folder, last_words=None):
    """Limits the mailbox to letters with `needle` in them, displays the last, and returns the screen once
    `last_words` (default: `needle`) are on it."""
    home = pathlib.Path(tempfile.mkdtemp(dir=folder))
    rc = home / "muttrc"
    rc.write_text("set ssl_starttls=no\nset ssl_force_tls=no\nset wait_key=no\nset header_cache=\"\"\n"
                  f"set folder={home}\nset tmpdir={home}\nset markers=no\nset beep=no\n")
    terminal = Terminal(["mutt", "-F", str(rc), "-R", "-f", url], home)
    try:
        terminal.see("[Msgs:")
        terminal.type("l")
        terminal.see("Limit to")
        terminal.type(f"~b {needle}\r")
        terminal.see("limit to")
        terminal.type("*\r")
        return terminal.see(last_words or needle)
    finally:
        terminal.close()
