"""Talks to a server line by line, as hostile clients do: nothing is checked, completed or escaped on the way out."""
import socket

from posthouse import PATIENCE, tls_context


class Raw:
    """A connection. `source` is the address to come from; all of 127.0.0.0/8 is this machine."""

    def __init__(self, port, source="127.0.0.1", timeout=30 * PATIENCE, greeting=True):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout, source_address=(source, 0))
        self.file = self.socket.makefile("rb")
        self.greeting = self.line() if greeting else None

    def send(self, data):
        """Sends bytes as they are; False if the server has closed."""
        try:
            self.socket.sendall(data if isinstance(data, bytes) else data.encode())
            return True
        except OSError:
            return False

    def line(self):
        """The next line, b"" at the end."""
        try:
            return self.file.readline()
        except ConnectionError:
            return b""

    def rest(self):
        """Everything until the server closes."""
        out = b""
        while line := self.line():
            out += line
        return out

    def reply(self):
        """An SMTP reply with all its lines; b"" at the end."""
        out = line = self.line()
        while line[3:4] == b"-":
            line = self.line()
            out += line
        return out

    def ask(self, command):
        """Sends an SMTP command, adding CRLF, and gives its reply."""
        self.send((command if isinstance(command, bytes) else command.encode()) + b"\r\n")
        return self.reply()

    def imap(self, tag, command):
        """Sends an IMAP command and gives all lines up to its own status (or the end)."""
        self.send((tag if isinstance(tag, bytes) else tag.encode()) + b" " +
                  (command if isinstance(command, bytes) else command.encode()) + b"\r\n")
        return self.imap_reply(tag)

    def imap_reply(self, tag):
        tag = tag if isinstance(tag, bytes) else tag.encode()
        out = b""
        while line := self.line():
            out += line
            if line.startswith(tag + b" "):
                break
        return out

    def start_tls(self, context=None, session=None):
        """Goes on under TLS; what was read ahead in clear text is forgotten."""
        self.file.close()
        self.socket = (context or tls_context()).wrap_socket(self.socket, session=session)
        self.file = self.socket.makefile("rb")
        return self

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
