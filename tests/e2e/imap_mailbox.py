"""A mailbox of an account by a session of its own, for tests that append letters and search them."""
import re

from raw import Raw


class ImapMailbox:
    def __init__(self, demo, name, mailbox="INBOX", create=False):
        self.raw, self.mailbox = Raw(demo.ports["imap"]), mailbox
        self.ask(f"LOGIN {demo.address(name)} {demo.password(name)}")
        if create:
            self.ask(f"CREATE {mailbox}")
        self.ask(f"SELECT {mailbox}")

    def ask(self, command):
        """Octets or text; the answer, which must be OK."""
        answer = self.raw.imap("t", command)
        if b"t OK" not in answer:
            raise AssertionError(f"{command}: {answer}")
        return answer

    def append(self, *letters):
        """All with one command (RFC 3502)."""
        self.ask(f"APPEND {self.mailbox}".encode() + b"".join(b" {%d+}\r\n" % len(one) + one for one in letters))

    def search(self, key, word=None):
        """Sequence numbers. `word`: the argument of the key, with any characters."""
        command = f"SEARCH {key}".encode()
        if word is not None:
            octets = word.encode()
            command = f"SEARCH CHARSET UTF-8 {key} ".encode() + b"{%d+}\r\n" % len(octets) + octets
        found = re.search(rb"\* SEARCH([ \d]*)\r\n", self.ask(command))
        return [int(number) for number in found[1].split()]
