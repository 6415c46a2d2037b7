"""A scripted IMAP server, for what real ones do seldom: breaking off, lying, talking without end.

    with Stub({"INBOX": [b"...", ...]}) as stub:
        stub.on["UID FETCH"] = lambda connection, tag, words: ...   # instead of the usual answer
"""
import re
import socket
import threading


class Stub:
    capabilities = b"IMAP4rev1 NAMESPACE AUTH=PLAIN SASL-IR SPECIAL-USE"
    greeting = b"* OK stub\r\n"

    def __init__(self, mailboxes, host="127.0.0.1"):
        """`mailboxes`: name -> letters; their UIDs are 10, 20, 30 ..."""
        self.mailboxes = {name: [(10 * (i + 1), letter) for i, letter in enumerate(letters)]
                          for name, letters in mailboxes.items()}
        self.attributes = {}
        self.namespace = b'(("" "/")) NIL NIL'
        self.validity = 7
        self.flags = {}              # UID -> flags
        self.on = {}                 # command -> function(connection, tag, words)
        self.before_letter = None    # function(connection, uid): says whether it was answered
        self.logins, self.sent, self.commands = 0, 0, []
        self.socket = socket.create_server((host, 0))
        self.port = self.socket.getsockname()[1]
        self.connections = []

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *exc):
        # A thread that waits in accept() is not woken by close().
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for connection in self.connections:
            connection.close()

    def url(self, scheme="imap", host="127.0.0.1"):
        return f"{scheme}://ann@{host}:{self.port}"

    def accept(self):
        while True:
            try:
                peer = self.socket.accept()[0]
            except OSError:
                return
            connection = Connection(self, peer)
            self.connections.append(connection)
            threading.Thread(target=connection.run, daemon=True).start()

    def wait_commands(self, name):
        return [c for c in self.commands if c.startswith(name)]


class Connection:
    def __init__(self, stub, peer):
        self.stub, self.peer = stub, peer
        self.selected = []

    def close(self):
        try:
            self.peer.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.peer.close()

    def send(self, data):
        self.peer.sendall(data)

    def run(self):
        try:
            self.send(self.stub.greeting)
            with self.peer.makefile("rb") as lines:
                for line in lines:
                    tag, _, command = line.strip().partition(b" ")
                    self.stub.commands.append(command.decode("latin-1"))
                    self.answer(tag, command)
        except (OSError, ValueError):   # either side went away
            pass
        finally:
            self.close()

    def answer(self, tag, command):
        words = command.split(b" ")
        name = words[0].upper().decode()
        if name == "UID":
            name += " " + words[1].upper().decode()
        if name in self.stub.on:
            return self.stub.on[name](self, tag, words)
        usual = getattr(self, "do_" + name.lower().replace(" ", "_"), None)
        if usual is None:
            return self.send(tag + b" BAD what?\r\n")
        return usual(tag, command, words)

    def ok(self, tag):
        self.send(tag + b" OK done\r\n")

    def do_capability(self, tag, command, words):
        self.send(b"* CAPABILITY " + self.stub.capabilities + b"\r\n")
        self.ok(tag)

    def do_authenticate(self, tag, command, words):
        self.stub.logins += 1
        self.ok(tag)

    do_login = do_authenticate

    def do_namespace(self, tag, command, words):
        self.send(b"* NAMESPACE " + self.stub.namespace + b"\r\n")
        self.ok(tag)

    def do_list(self, tag, command, words):
        for name in self.stub.mailboxes:
            attributes = self.stub.attributes.get(name, "")
            self.send(f'* LIST ({attributes}) "/" "{name}"\r\n'.encode())
        self.ok(tag)

    def mailbox(self, command):
        return self.stub.mailboxes[re.search(rb'"(.*)"', command)[1].decode()]

    def do_status(self, tag, command, words):
        name = re.search(rb'".*"', command)[0]
        self.send(b"* STATUS %s (MESSAGES %d)\r\n" % (name, len(self.mailbox(command))))
        self.ok(tag)

    def do_examine(self, tag, command, words):
        self.selected = self.mailbox(command)
        self.send(b"* %d EXISTS\r\n* OK [UIDVALIDITY %d] ok\r\n" % (len(self.selected), self.stub.validity))
        self.ok(tag)

    def wanted(self, ranges):
        for number, (uid, letter) in enumerate(self.selected, 1):
            for part in ranges.split(b","):
                first, _, last = part.partition(b":")
                if int(first) <= uid and (last == b"*" or uid <= int(last or first)):
                    yield number, uid, letter

    def do_uid_fetch(self, tag, command, words):
        for number, uid, letter in self.wanted(words[2]):
            if b"BODY.PEEK[]" in command:
                if self.stub.before_letter is None or not self.stub.before_letter(self, number, uid, letter):
                    self.letter(number, uid, letter)
            else:
                self.send(b"* %d FETCH (UID %d RFC822.SIZE %d)\r\n" % (number, uid, len(letter)))
        self.ok(tag)

    def letter(self, number, uid, letter, size=None):
        flags = self.stub.flags.get(uid, "")
        self.stub.sent += 1
        self.send(b'* %d FETCH (UID %d FLAGS (%s) INTERNALDATE "01-Feb-2015 10:00:00 +0000" BODY[] {%d}\r\n%s)\r\n' %
                  (number, uid, flags.encode(), len(letter) if size is None else size, letter))

    def do_logout(self, tag, command, words):
        self.send(b"* BYE\r\n")
        self.ok(tag)
        self.close()
