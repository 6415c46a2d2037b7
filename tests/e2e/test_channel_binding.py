"""SCRAM-SHA-256-PLUS over IMAP, POP3 and submission by each type of channel binding (RFC 5802 section 6, RFC 5929, RFC 9266)."""
import base64
import hashlib
import ssl
import unittest

from posthouse import Demo, tls_context, wait_until
from raw import Raw
from scram import scram

MECHANISM = "SCRAM-SHA-256-PLUS"
# How each says AUTH, goes on, and what ends it well.
PROTOCOLS = {"imaps": (b"a AUTHENTICATE ", b"+ ", b"a OK"), "pop3s": (b"AUTH ", b"+ ", b"+OK"),
             "submissions": (b"AUTH ", b"334 ", b"235")}
REFUSALS = {"imaps": b"a NO [CANNOT] This channel binding can't be used", "pop3s": b"-ERR This channel binding can't be used",
            "submissions": b"504 5.5.4 Error: channel binding type not supported"}


class Secure(Raw):
    """A connection with TLS, of TLS 1.2 if `old`."""

    def __init__(self, port, old=False):
        super().__init__(port, greeting=False)
        context = tls_context()
        if old:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.socket = context.wrap_socket(self.socket)
        self.file = self.socket.makefile("rb")
        self.greeting = self.line()

    def end_point(self):
        """RFC 5929 section 4.1; our own certificates are signed with SHA-256."""
        return "tls-server-end-point", hashlib.sha256(self.socket.getpeercert(True)).digest()

    def unique(self):
        return "tls-unique", self.socket.get_channel_binding("tls-unique") or b"x" * 12


class ChannelBinding(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = Demo().start()
        cls.addClassCleanup(cls.demo.clean)
        cls.addClassCleanup(cls.demo.stop)

    def log_in(self, protocol, binding, old=False, name="alice"):
        """Whether it was let in, and the last line."""
        auth, goes_on, good = PROTOCOLS[protocol]
        with Secure(self.demo.ports[protocol], old) as connection:
            if protocol == "submissions":
                connection.ask("EHLO client.example.test")
            last = []

            def challenge(message):
                if not last:
                    connection.send(auth + MECHANISM.encode() + b" " + base64.b64encode(message) + b"\r\n")
                else:
                    connection.send(base64.b64encode(message) + b"\r\n")
                last[:] = [connection.line()]
                return base64.b64decode(last[0][len(goes_on):]) if last[0].startswith(goes_on) else None
            if scram(self.demo.address(name), self.demo.password(name), challenge, binding(connection)):
                challenge(b"")
            return last[0].startswith(good), last[0].rstrip()

    def test_by_the_certificate(self):
        for protocol in PROTOCOLS:
            for old in (False, True):
                with self.subTest(protocol=protocol, old=old):
                    self.assertEqual(self.log_in(protocol, Secure.end_point, old)[0], True)
                    wrong = self.log_in(protocol, lambda c: ("tls-server-end-point", b"x" * 32), old)
                    self.assertFalse(wrong[0])
                    self.assertNotEqual(wrong[1], REFUSALS[protocol])

    def test_by_the_handshake_of_tls_1_2(self):
        for protocol in PROTOCOLS:
            with self.subTest(protocol=protocol):
                self.assertEqual(self.log_in(protocol, Secure.unique, old=True)[0], True)

    def test_a_type_that_is_not_there_is_no_wrong_password(self):
        before = self.demo.log().count("auth.failed")
        for protocol in PROTOCOLS:
            with self.subTest(protocol=protocol):
                self.assertEqual(self.log_in(protocol, Secure.unique, name="bob"), (False, REFUSALS[protocol]))
                unknown = self.log_in(protocol, lambda c: ("sun-spots", b"x"), name="bob")
                self.assertEqual(unknown, (False, REFUSALS[protocol]))
        told = lambda: [line for line in self.demo.log().splitlines() if "no channel binding by" in line]  # noqa: E731
        wait_until(lambda: len(told()) == 2 * len(PROTOCOLS))
        for line in told():
            self.assertIn("auth.put_off", line)
            self.assertIn(self.demo.address("bob"), line)
        self.assertEqual(self.demo.log().count("auth.failed"), before)


if __name__ == "__main__":
    unittest.main()
