"""Logins with tokens: OAUTHBEARER and XOAUTH2 over IMAP, POP3 and submission, against a small authorization server."""
import base64
import contextlib
import http.server
import imaplib
import json
import os
import poplib
import shutil
import smtplib
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

from posthouse import Demo, run, tls_context, wait_until
from raw import Raw

LONG = "j" * 2000  # as long as a signed token with some claims


class Introspection(http.server.ThreadingHTTPServer):
    """Answers POST with what `tokens` has for a token: a dict, an HTTP status, or an Event to wait for before that."""
    daemon_threads = True

    def __init__(self, certificate=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.tokens, self.asked = {}, []
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f"{'https' if certificate else 'http'}://{'localhost' if certificate else '127.0.0.1'}:{self.server_port}/introspect?x=1"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.asked.append((self.path, self.headers, form))
        answer = self.server.tokens.get(form["token"][0], {"active": False})
        if isinstance(answer, threading.Event):
            answer.wait(60)
            answer = {"active": False}
        body = answer if isinstance(answer, bytes) else json.dumps(answer if isinstance(answer, dict) else {}).encode()
        with contextlib.suppress(OSError):
            self.send_response(answer if isinstance(answer, int) else 200)
            self.send_header("Content-Type", "application/json")
            if len(body) % 2:  # both ways to tell where it ends
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            else:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                half = len(body) // 2
                for piece in (body[:half], body[half:]):
                    if piece:
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args):
        pass


def bearer(token, name=""):
    return f"n,{'a=' + name if name else ''},\x01host=localhost\x01port=993\x01auth=Bearer {token}\x01\x01".encode()


def xoauth2(token, name):
    return f"user={name}\x01auth=Bearer {token}\x01\x01".encode()


class OauthCase(unittest.TestCase):
    options = {}

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="posthouse-oauth-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.server = Introspection()
        cls.addClassCleanup(cls.server.stop)
        secret = os.path.join(cls.folder, "secret")
        with open(secret, "w") as file:
            file.write("s3cret&more\n")
        os.chmod(secret, 0o600)
        options = {"introspection_url": cls.server.url, "client_id": "post house", "client_secret_file": secret,
                   "scope": "mail", "audience": "mail.test", "issuer": "https://id.test",
                   "openid_configuration": "https://id.test/.well-known/openid-configuration", "timeout": "2s", **cls.options}
        args = [f"--set=oauth.{key}={json.dumps(value)}" for key, value in options.items()]
        cls.demo = Demo(*args).start()
        cls.addClassCleanup(cls.demo.clean)
        cls.addClassCleanup(cls.demo.stop)
        cls.server.tokens[LONG] = cls.claims("alice")

    @classmethod
    def claims(cls, name, **more):
        return {"active": True, "username": f"{name}@example.test", "scope": "openid mail", "aud": ["web", "mail.test"],
                "iss": "https://id.test", "exp": int(time.time()) + 3600, **more}

    def imap(self):
        client = imaplib.IMAP4_SSL("127.0.0.1", self.demo.ports["imaps"], ssl_context=tls_context(), timeout=30)
        self.addCleanup(client.sock.close)
        return client

    def imap_login(self, token, name="", mechanism="OAUTHBEARER"):
        """True, or what the server said at last; the error of RFC 7628 is in self.told."""
        client, said = self.imap(), []

        def answer(challenge):
            said.append(challenge)
            if len(said) == 1:
                return bearer(token, name) if mechanism == "OAUTHBEARER" else xoauth2(token, name)
            return b"\x01"
        try:
            client.authenticate(mechanism, answer)
            return True
        except imaplib.IMAP4.error as error:
            return str(error)
        finally:
            self.told = json.loads(said[1]) if len(said) > 1 else None


class Logins(OauthCase):
    def test_curl_everywhere(self):
        letter = os.path.join(self.folder, "letter")
        with open(letter, "w") as file:
            file.write("From: alice@example.test\r\nSubject: by token\r\n\r\nx\r\n")
        for scheme, path, more in (
                ("imaps", "/INBOX", []), ("pop3s", "/", []),
                ("smtps", "/x.test", ["--mail-from", "alice@example.test", "--mail-rcpt", "bob@example.test", "-T", letter])):
            port = self.demo.ports["submissions" if scheme == "smtps" else scheme]
            for options in ([], ["--login-options", "AUTH=XOAUTH2"], ["--sasl-ir"]):
                done = subprocess.run(["curl", "-sS", "-k", "--user", "alice@example.test", "--oauth2-bearer", LONG, *options,
                                       *more, f"{scheme}://127.0.0.1:{port}{path}"], capture_output=True, timeout=60)
                self.assertEqual(done.returncode, 0, (scheme, options, done.stderr))
        self.demo.wait_for_letter("bob", "by token")
        path, headers, form = self.server.asked[0]
        self.assertEqual(path, "/introspect?x=1")
        self.assertEqual(headers["Authorization"], "Basic " + base64.b64encode(b"post%20house:s3cret%26more").decode())
        self.assertEqual(form["token_type_hint"], ["access_token"])
        self.assertNotIn(LONG, self.demo.log())
        self.assertNotIn("s3cret", self.demo.log())

    def test_imaplib(self):
        self.assertTrue(self.imap_login(LONG) is True)
        self.assertTrue(self.imap_login(LONG, "alice@example.test") is True)
        self.assertTrue(self.imap_login(LONG, "alice", "XOAUTH2") is True)

    def test_pop3_and_smtp_by_hand(self):
        client = smtplib.SMTP("127.0.0.1", self.demo.ports["submission"], timeout=30)
        self.addCleanup(client.close)
        client.starttls(context=tls_context())
        client.ehlo("x.test")
        self.assertIn("OAUTHBEARER XOAUTH2", client.esmtp_features["auth"])
        code, text = client.docmd("AUTH", "OAUTHBEARER " + base64.b64encode(bearer(LONG + "x")).decode())
        self.assertEqual(code, 334)
        self.assertEqual(json.loads(base64.b64decode(text))["status"], "invalid_token")
        self.assertEqual(client.docmd("AQ==")[0], 535)
        self.assertEqual(client.docmd("AUTH", "OAUTHBEARER " + base64.b64encode(bearer(LONG)).decode())[0], 235)
        client = poplib.POP3_SSL("127.0.0.1", self.demo.ports["pop3s"], context=tls_context(), timeout=30)
        self.addCleanup(client.close)
        self.assertIn("XOAUTH2", client.capa()["SASL"])
        # Some clients send it all in one line, though it is longer than RFC 5034 section 4 lets them.
        self.assertIn(b"+OK", client._shortcmd("AUTH XOAUTH2 " + base64.b64encode(xoauth2(LONG, "alice@example.test")).decode()))

    def test_refused_tokens(self):
        refused = {"inactive": {"active": False}, "over": self.claims("alice", exp=int(time.time()) - 1),
                   "early": self.claims("alice", nbf=int(time.time()) + 3600), "elsewhere": self.claims("alice", aud="web"),
                   "issuer": self.claims("alice", iss="https://evil.test"), "nobody": self.claims("nobody"),
                   "noname": self.claims("alice", username=7)}
        for token, claims in refused.items():
            self.server.tokens[token] = claims
            self.assertIn("AUTHENTICATIONFAILED", self.imap_login(token), token)
            self.assertEqual(self.told, {"status": "invalid_token", "scope": "mail",
                                         "openid-configuration": "https://id.test/.well-known/openid-configuration"}, token)
            self.imap_login(LONG)  # what strangers fail with slows them; who gets in is known here
        self.server.tokens["narrow"] = self.claims("alice", scope="openid")
        self.assertIn("AUTHENTICATIONFAILED", self.imap_login("narrow"))
        self.assertEqual(self.told["status"], "insufficient_scope")
        # Somebody else's mailbox by one's own token.
        self.assertIn("AUTHENTICATIONFAILED", self.imap_login(LONG, "bob@example.test"))
        self.imap_login("inactive", "alice@example.test", "XOAUTH2")
        self.assertEqual(self.told["status"], "401")
        wait_until(lambda: 'user=bob@example.test reason="token: of another user"' in self.demo.log())

    def test_only_under_tls(self):
        with Raw(self.demo.ports["imap"]) as connection:
            self.assertNotIn(b"OAUTH", connection.greeting)
            word = base64.b64encode(bearer(LONG)).decode()
            self.assertIn(b"a NO [PRIVACYREQUIRED]", connection.imap("a", f"AUTHENTICATE OAUTHBEARER {word}"))
        self.assertIn("AUTH=XOAUTH2", self.imap().capabilities)

    def test_no_answer_is_nobodys_fault_and_keeps_nobody_waiting(self):
        self.server.tokens["broken"] = 500
        self.server.tokens["nonsense"] = b"<html>not JSON</html>"
        self.server.tokens["huge"] = b"x" * (1 << 20)
        for token in ("broken", "nonsense", "huge"):
            self.assertIn("UNAVAILABLE", self.imap_login(token), token)
            self.assertIsNone(self.told)
        silent = threading.Event()
        self.addCleanup(silent.set)
        self.server.tokens["silent"] = silent
        waiting = [threading.Thread(target=lambda: outcomes.append(self.imap_login("silent"))) for _ in range(4)]
        outcomes, before = [], len(self.server.asked)
        for thread in waiting:
            thread.start()
        wait_until(lambda: len(self.server.asked) >= before + 4)
        self.demo.imap("bob").logout()
        self.assertEqual(outcomes, [], "the others wait still")
        for thread in waiting:
            thread.join(30)
        self.assertEqual(len(outcomes), 4)
        for outcome in outcomes:
            self.assertIn("UNAVAILABLE", outcome)
        self.assertIn("oauth.no_answer", self.demo.log())
        self.assertTrue(self.imap_login(LONG) is True, "and none of that counts against anybody")

    def test_good_answers_are_remembered_and_disabled_accounts_are_not(self):
        self.server.tokens["bobs"] = self.claims("bob")
        self.assertTrue(self.imap_login("bobs") is True)
        before = len(self.server.asked)
        self.assertTrue(self.imap_login("bobs") is True)
        self.assertEqual(len(self.server.asked), before)
        self.demo.run("account", "change", self.demo.address("bob"), "--disable", check=True)
        self.assertIn("AUTHENTICATIONFAILED", self.imap_login("bobs"))
        self.demo.run("account", "change", self.demo.address("bob"), "--enable", check=True)
        self.assertTrue(self.imap_login("bobs") is True)


class Forgetful(OauthCase):
    options = {"cache": "0s", "username_claim": "email"}

    @classmethod
    def claims(cls, name, **more):
        return super().claims(name, email=f"{name}@example.test", **more)

    def test_a_revoked_token_is_nothing_at_once(self):
        self.assertTrue(self.imap_login(LONG) is True)
        self.server.tokens[LONG] = {"active": False}
        self.assertIn("AUTHENTICATIONFAILED", self.imap_login(LONG))
        self.server.tokens[LONG] = self.claims("alice")

    def test_addresses_that_are_not_verified(self):
        self.server.tokens["mine"] = self.claims("alice", email_verified=False)
        self.assertIn("AUTHENTICATIONFAILED", self.imap_login("mine"))
        self.server.tokens["mine"] = self.claims("alice", email_verified=True)
        self.assertTrue(self.imap_login("mine") is True)


class Https(unittest.TestCase):
    def test_its_certificate_is_checked(self):
        folder = tempfile.mkdtemp(prefix="posthouse-oauth-")
        self.addCleanup(shutil.rmtree, folder)
        files = [os.path.join(folder, name) for name in ("cert.pem", "key.pem")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-out", files[0], "-keyout", files[1]],
                       check=True, capture_output=True)
        server = Introspection(files)
        self.addCleanup(server.stop)
        server.tokens["t"] = {"active": True, "username": "alice@example.test"}
        for trust, expected in ((["--set", f'tls.ca_file="{files[0]}"'], True), ([], False)):
            with Demo("--set", f'oauth.introspection_url="{server.url}"', *trust) as demo:
                client = imaplib.IMAP4_SSL("127.0.0.1", demo.ports["imaps"], ssl_context=tls_context(), timeout=30)
                try:
                    client.authenticate("OAUTHBEARER", lambda _: bearer("t"))
                    good = True
                except imaplib.IMAP4.error as error:
                    good = False
                    self.assertIn("UNAVAILABLE", str(error))
                client.shutdown()
                self.assertEqual(good, expected)


class Configuration(unittest.TestCase):
    def problems(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(text)
            file.flush()
            return run("config", "check", file.name).stderr + run("config", "check", file.name).stdout

    def test_mistakes_are_told(self):
        self.assertIn("expected https://", self.problems('[oauth]\nintrospection_url = "http://id.example.org/i"\n'))
        self.assertIn("expected a URL", self.problems('[oauth]\nintrospection_url = "id.example.org"\n'))
        self.assertIn("expected a URL", self.problems('[oauth]\nscope = "mail"\n'))
        self.assertNotIn("oauth.", self.problems('[oauth]\nintrospection_url = "http://[::1]:8080/i"\n'))


if __name__ == "__main__":
    unittest.main()
