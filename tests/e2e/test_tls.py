"""TLS as openssl s_client sees it: versions, certificates by name, ALPN, tickets that are one service's alone."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from posthouse import Demo

SERVICES = ("imaps", "pop3s", "submissions")
STARTTLS = {"imap": "imap", "pop3": "pop3", "submission": "smtp", "smtp": "smtp"}


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="posthouse-tls-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        pairs = [cls.certificate("first.test", "DNS:mail.first.test"),
                 cls.certificate("second.test", "DNS:mail.second.test,DNS:*.wild.test")]
        listed = ", ".join(f'{{ chain = "{chain}", key = "{key}" }}' for chain, key in pairs)
        cls.demo = Demo("--set", f"tls.certificates=[{listed}]").start()
        cls.addClassCleanup(cls.demo.clean)
        cls.addClassCleanup(cls.demo.stop)

    @classmethod
    def certificate(cls, name, alternatives):
        files = os.path.join(cls.folder, name + ".pem"), os.path.join(cls.folder, name + ".key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", f"/CN={name}", "-addext", f"subjectAltName={alternatives}", "-out", files[0], "-keyout", files[1]],
                       check=True, capture_output=True)
        return files

    def s_client(self, port, *options):
        """What it prints; ended in order by QUIT or LOGOUT, which every service answers in its own way."""
        starttls = ["-starttls", STARTTLS[port]] if port in STARTTLS else []
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.demo.ports[port]}", "-crlf", "-ign_eof",
                               *starttls, *options], capture_output=True, timeout=60,
                              input=b"a LOGOUT\n" if port.startswith("imap") else b"QUIT\n")
        return done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")

    def test_versions(self):
        for port in (*SERVICES, *STARTTLS):
            self.assertIn("New, TLSv1.3, Cipher is TLS_", self.s_client(port, "-tls1_3"), port)
            self.assertRegex(self.s_client(port, "-tls1_2"), r"New, TLSv1.2, Cipher is ECDHE", port)
            for old in ("-tls1_1", "-tls1"):
                said = self.s_client(port, old, "-cipher", "DEFAULT@SECLEVEL=0")
                self.assertIn("Cipher is (NONE)", said, (port, old))

    def test_certificates_by_name(self):
        for port in (*SERVICES, *STARTTLS):
            for name, subject in (("mail.first.test", "first.test"), ("mail.second.test", "second.test"),
                                  ("MAIL.second.test", "second.test"), ("mail.second.test.", "second.test"), ("any.wild.test", "second.test"),
                                  ("unknown.test", "first.test"), (None, "first.test")):
                said = self.s_client(port, *(["-servername", name] if name else ["-noservername"]))
                self.assertIn(f"subject=CN = {subject}\n", said, (port, name))

    def test_alpn(self):
        for port, own in (("imaps", "imap"), ("pop3s", "pop3"), ("imap", "imap"), ("pop3", "pop3")):
            self.assertIn(f"ALPN protocol: {own}\n", self.s_client(port, "-alpn", own), port)
            self.assertIn(f"ALPN protocol: {own}\n", self.s_client(port, "-alpn", f"h2,{own}"), port)
        # SMTP has no registered name; Exim offers these two.
        self.assertIn("ALPN protocol: smtp\n", self.s_client("submissions", "-alpn", "smtp"))
        for port in SERVICES:
            self.assertIn("No ALPN negotiated", self.s_client(port), port)
            for other in {"imap", "pop3", "http/1.1"} - {port.rstrip("s")}:
                said = self.s_client(port, "-alpn", other)
                self.assertIn("alert no application protocol", said, (port, other))

    def reused(self, made_at, shown_to, version):
        """Whether a ticket of one service resumes at another."""
        path = os.path.join(self.folder, "session")
        if os.path.exists(path):
            os.remove(path)
        self.s_client(made_at, version, "-sess_out", path)
        self.assertTrue(os.path.exists(path), made_at)
        said = self.s_client(shown_to, version, "-sess_in", path)
        self.assertRegex(said, r"(New|Reused), TLSv1\.[23]", (made_at, shown_to))
        return re.search(r"^(New|Reused), ", said, re.M)[1] == "Reused"

    def test_tickets(self):
        for version in ("-tls1_3", "-tls1_2"):
            for made_at in SERVICES:
                for shown_to in SERVICES:
                    self.assertEqual(self.reused(made_at, shown_to, version), made_at == shown_to, (version, made_at, shown_to))
            # Of one service, by whichever way.
            self.assertTrue(self.reused("imaps", "imap", version))
            self.assertFalse(self.reused("submissions", "smtp", version), "port 25 is another service")


if __name__ == "__main__":
    unittest.main()
