"""Real clients on one Posthouse: swaks, msmtp and smtplib submit; curl, mbsync, mutt and imaplib read."""
import email
import email.message
import email.policy
import hashlib
import mailbox
import os
import pathlib
import re
import shutil
import smtplib
import subprocess
import tempfile
import unittest

import mutt
from posthouse import Demo, wait_until


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], stdin=options.pop("stdin", subprocess.DEVNULL),
                          capture_output=True, timeout=120, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}\n"
                             f"{done.stdout.decode(errors='replace')}\n{done.stderr.decode(errors='replace')}")
    return done.stdout


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = Demo().start()
        cls.addClassCleanup(cls.demo.clean)
        cls.addClassCleanup(cls.demo.stop)
        cls.home = pathlib.Path(tempfile.mkdtemp(prefix="posthouse-clients-"))
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)

    def port(self, name):
        return self.demo.ports[name]

    # ---- submitting
    def swaks(self, *args):
        return run("swaks", "--server", "127.0.0.1", "--from", self.demo.address("alice"),
                   "--auth-user", self.demo.address("alice"), "--auth-password", self.demo.password("alice"),
                   "--header", "X-Test: " + self.id(), *args).decode(errors="replace")

    def test_swaks_starttls(self):
        out = self.swaks("--port", self.port("submission"), "--tls", "--to", self.demo.address("bob"), "--auth",
                         "PLAIN", "--h-Subject", "swaks over starttls")
        self.assertIn("250 2.0.0 Ok: queued as", out)
        self.assertIn(b"swaks over starttls", self.demo.wait_for_letter("bob", "swaks over starttls"))

    def test_swaks_implicit_tls_and_login_mechanism(self):
        out = self.swaks("--port", self.port("submissions"), "--tls-on-connect", "--auth", "LOGIN", "--to",
                         self.demo.address("bob"), "--h-Subject", "swaks over tls")
        self.assertIn("250 2.0.0 Ok: queued as", out)
        self.demo.wait_for_letter("bob", "swaks over tls")

    def test_swaks_attachment_to_port_25(self):
        attachment = self.home / "data.bin"
        attachment.write_bytes(bytes(range(256)) * 500)
        run("swaks", "--server", "127.0.0.1", "--port", self.port("smtp"), "--from", "stranger@example.org", "--to",
            self.demo.address("bob"), "--h-Subject", "with data", "--attach", f"@{attachment}")
        got = email.message_from_bytes(self.demo.wait_for_letter("bob", "with data"))
        parts = [p for p in got.walk() if p.get_filename()]
        self.assertEqual(parts[0].get_payload(decode=True), attachment.read_bytes())

    def test_msmtp_completes_what_is_missing(self):
        rc = self.home / "msmtprc"
        rc.write_text(f"account demo\nhost 127.0.0.1\nport {self.port('submission')}\nauth scram-sha-256\n"
                      f"user {self.demo.address('alice')}\npassword {self.demo.password('alice')}\ntls on\n"
                      "tls_starttls on\ntls_certcheck off\n"
                      f"from {self.demo.address('alice')}\nset_date_header off\nset_msgid_header off\n"
                      "account default : demo\n")
        rc.chmod(0o600)
        text = f"Subject: by msmtp\nBcc: {self.demo.address('alice')}\n\nplain words\n".encode()
        done = subprocess.run(["msmtp", "-C", str(rc), self.demo.address("bob")],
                              input=text, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        got = email.message_from_bytes(self.demo.wait_for_letter("bob", "by msmtp"))
        self.assertIsNotNone(got["Date"])
        self.assertIsNotNone(got["Message-ID"])
        self.assertIsNone(got["Bcc"])
        self.assertNotIn("127.0.0.1", "".join(got.get_all("Received")))

    def test_addresses_without_a_domain_are_completed(self):
        with self.demo.submission("alice") as client:
            client.sendmail("alice", ["Bob", "postmaster"], b"From: Alice <alice>\r\nTo: bob, Carol <carol>\r\n"
                                                            b"Subject: without domains\r\n\r\nwords\r\n")
            self.assertEqual(client.docmd("MAIL FROM:<bob>")[0], 553)
            self.assertEqual(client.docmd("MAIL FROM:<alice>")[0], 250)
            self.assertEqual(client.docmd("RCPT TO:<nobody>"), (550, b"5.1.1 Error: no such user here"))
        got = self.demo.wait_for_letter("bob", "without domains")
        domain = self.demo.domain
        self.assertTrue(got.startswith(f"Return-Path: <alice@{domain}>\r\n".encode()))
        message = email.message_from_bytes(got)
        self.assertEqual(message["From"], f"Alice <alice@{domain}>")
        self.assertEqual(message["To"], f"bob@{domain}, Carol <carol@{domain}>")

    # ---- the kinds of letters
    def send_and_read(self, message, needle, **options):
        with self.demo.submission("alice") as client:
            client.send_message(message, self.demo.address("alice"), [self.demo.address("bob")], **options)
        return self.demo.wait_for_letter("bob", needle)

    def test_utf8_headers_and_8bit_body(self):
        raw = (f"From: J\u00f6rg <{self.demo.address('alice')}>\r\nTo: {self.demo.address('bob')}\r\n"
               "Subject: Gr\u00fc\u00dfe \u2603 aus K\u00f6ln\r\nMIME-Version: 1.0\r\n"
               "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
               "Zw\u00f6lf Boxk\u00e4mpfer \u65e5\u672c\u8a9e\r\n").encode()
        with self.demo.submission("alice") as client:
            client.sendmail(self.demo.address("alice"), [self.demo.address("bob")], raw,
                            mail_options=["SMTPUTF8", "BODY=8BITMIME"])
        got = self.demo.wait_for_letter("bob", "Gr\u00fc\u00dfe \u2603".encode())
        self.assertIn("Zw\u00f6lf Boxk\u00e4mpfer \u65e5\u672c\u8a9e".encode(), got)
        client = self.demo.imap("bob")
        client.select("INBOX", readonly=True)
        number = client.search(None, "ALL")[1][0].split()[-1]
        line = client.fetch(number, "(ENVELOPE)")[1][0]
        self.assertTrue(all(byte < 128 for byte in (line if isinstance(line, bytes) else b"".join(line))))
        client.logout()

    def test_dot_stuffing_is_invisible(self):
        body = ".\r\n..\r\n.leading\r\n...\r\nend.\r\n.\r\n"
        message = f"Subject: dots\r\nFrom: {self.demo.address('alice')}\r\nTo: x@example.org\r\n\r\n{body}"
        with self.demo.submission("alice") as client:
            client.sendmail(self.demo.address("alice"), [self.demo.address("bob")], message)
        got = self.demo.wait_for_letter("bob", "Subject: dots")
        self.assertEqual(got.split(b"\r\n\r\n", 1)[1], body.encode())

    def test_25_megabytes_with_attachment(self):
        payload = os.urandom(18 * 1024 * 1024)
        message = email.message.EmailMessage(policy=email.policy.SMTP)
        message["From"], message["To"] = self.demo.address("alice"), self.demo.address("bob")
        message["Subject"] = "twenty-five"
        message.set_content("see attachment")
        message.add_attachment(payload, maintype="application", subtype="octet-stream", filename="big.bin")
        self.assertGreater(len(bytes(message)), 24 * 1024 * 1024)
        got = email.message_from_bytes(self.send_and_read(message, "twenty-five"))
        attachment = [p for p in got.walk() if p.get_filename() == "big.bin"][0].get_payload(decode=True)
        self.assertEqual(hashlib.sha256(attachment).digest(), hashlib.sha256(payload).digest())

    def test_too_large_is_refused_by_its_size(self):
        with self.demo.submission("alice") as client:
            with self.assertRaises(smtplib.SMTPSenderRefused) as refused:
                client.sendmail(self.demo.address("alice"), [self.demo.address("bob")], "x" * (60 << 20))
            self.assertEqual(refused.exception.smtp_code, 552)

    # ---- reading
    def letter_for(self, name, subject, body=""):
        with self.demo.smtp() as client:
            client.sendmail("sender@example.org", [self.demo.address(name)],
                            f"From: sender@example.org\r\nTo: {name}\r\nSubject: {subject}\r\n\r\nFor {name}.\r\n{body}\r\n")
        return self.demo.wait_for_letter(name, subject)

    def test_curl_reads_and_searches(self):
        self.letter_for("alice", "for curl")
        user = f"{self.demo.address('alice')}:{self.demo.password('alice')}"
        base = f"imaps://127.0.0.1:{self.port('imaps')}"
        self.assertIn(b"INBOX", run("curl", "-sk", base, "--user", user))
        found = run("curl", "-sk", f"{base}/INBOX?SUBJECT%20%22for%20curl%22", "--user", user).split()
        self.assertTrue(found[2:], found)
        got = run("curl", "-sk", f"{base}/INBOX;MAILINDEX={int(found[2])}", "--user", user)
        self.assertIn(b"Subject: for curl", got)

    def test_mbsync_both_ways_and_again(self):
        self.letter_for("alice", "for mbsync")
        store = self.home / "mbsync"
        store.mkdir()
        rc = self.home / "mbsyncrc"
        rc.write_text(f"""
IMAPAccount demo
Host localhost
Port {self.port('imaps')}
User {self.demo.address('alice')}
Pass {self.demo.password('alice')}
SSLType IMAPS
CertificateFile {self.certificate()}

IMAPStore far
Account demo

MaildirStore near
Path {store}/
Inbox {store}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
""")
        run("mbsync", "-c", rc, "-a")
        inbox = mailbox.Maildir(store / "INBOX", create=False)
        self.assertTrue(any("for mbsync" in (m["Subject"] or "") for m in inbox))
        self.assertTrue((store / "Sent").is_dir())
        # One more on each side, one flagged here, then both sides agree.
        inbox.add(mailbox.MaildirMessage(b"Subject: from the near side\r\n\r\nHello.\r\n"))
        self.letter_for("alice", "second for mbsync")
        run("mbsync", "-c", rc, "-a")
        client = self.demo.imap("alice")
        client.select("INBOX")
        self.assertTrue(client.search(None, 'SUBJECT "from the near side"')[1][0])
        near = {m["Subject"] for m in mailbox.Maildir(store / "INBOX", create=False)}
        far = {email.message_from_bytes(client.fetch(n, "(BODY.PEEK[HEADER])")[1][0][1])["Subject"]
               for n in client.search(None, "ALL")[1][0].split()}
        self.assertEqual(near, far)
        client.logout()

    def certificate(self):
        path = self.home / "certificate.pem"
        if not path.exists():
            done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.port('imaps')}"],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
            found = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", done.stdout, re.S)
            path.write_text(found.group(0))
        return path

    def test_imaplib_idle_is_told_of_new_mail(self):
        client = self.demo.imap("bob")
        client.select("INBOX")
        client.send(b"i1 IDLE\r\n")
        self.assertTrue(client.readline().startswith(b"+"))
        self.letter_for("bob", "wake up")
        lines = []
        wait_until(lambda: lines.append(client.readline()) or b"EXISTS" in lines[-1], what="EXISTS")
        client.send(b"DONE\r\n")
        wait_until(lambda: client.readline().startswith(b"i1 OK"), what="the end of IDLE")
        client.logout()

    def test_imaplib_flags_folders_and_moves(self):
        self.letter_for("bob", "to be filed")
        client = self.demo.imap("bob")
        self.assertEqual(client.create('"Projects/2026 &AOQ-"')[0], "OK")
        client.select("INBOX")
        uid = client.uid("SEARCH", None, 'SUBJECT "to be filed"')[1][0].split()[-1]
        client.uid("STORE", uid, "+FLAGS", r"(\Flagged $Important)")
        self.assertEqual(client.uid("MOVE", uid, "Archive")[0], "OK")
        self.assertEqual(client.uid("SEARCH", None, 'SUBJECT "to be filed"')[1][0], b"")
        client.select("Archive")
        found = client.search(None, "FLAGGED", "KEYWORD", "$Important", "SUBJECT", '"to be filed"')[1][0].split()
        self.assertEqual(len(found), 1)
        self.assertIn(b'"Projects/2026 &AOQ-"', b"\n".join(client.list('""', "Projects/*")[1]))
        client.logout()

    def test_mutt_shows_a_letter(self):
        self.letter_for("bob", "for the eyes of mutt", "spectacles")
        url = (f"imap://{self.demo.address('bob').replace('@', '%40')}:{self.demo.password('bob')}"
               f"@127.0.0.1:{self.port('imap')}/INBOX")
        screen = mutt.shows(url, "spectacles", self.home)
        self.assertIn("for the eyes of mutt", screen)
        self.assertIn("For bob.", screen)


if __name__ == "__main__":
    unittest.main()
