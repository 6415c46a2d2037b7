"""Hosts of the tests' own small internet (network.py): each a Posthouse for one domain, on its own address."""
import imaplib
import json
import pathlib
import shutil
import smtplib
import subprocess

from network import wait_for
from posthouse import BINARY, check_reports, run, take_care_of

HOSTS = {"a.test": "127.0.0.2", "b.test": "127.0.0.3", "c.test": "127.0.0.4"}
CONFIG = """\
[server]
hostname = "mx.{domain}"
default_domain = "{domain}"
data_directory = "{folder}/data"
user = "nobody"
[listen]
smtp = ["{address}:25"{more}]
submission = ["{address}:587"]
submissions = ["{address}:465"]
imap = ["{address}:143"]
imaps = ["{address}:993"]
metrics = ["{address}:9464"]
[tls]
certificates = [{{ chain = "{folder}/cert.pem", key = "{folder}/key.pem" }}]
[auth]
plain_without_tls = true
[queue]
allow_loopback = true
retry = ["1s"]
[log]
level = "info"
"""


class Host:
    """A Posthouse for one domain on its own address, as `serve` runs it."""

    def __init__(self, folder, domain, users, more_listeners="", more_config=""):
        self.folder, self.domain, self.address = pathlib.Path(folder), domain, HOSTS[domain]
        self.folder.mkdir(parents=True)
        (self.folder / "data").mkdir()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", self.folder / "key.pem", "-out", self.folder / "cert.pem", "-days", "30", "-subj",
                        f"/CN=mx.{domain}"], check=True, capture_output=True)
        self.config = self.folder / "posthouse.toml"
        self.config.write_text(CONFIG.format(domain=domain, folder=self.folder, address=self.address,
                                             more=more_listeners) + more_config)
        shutil.chown(self.folder / "data", "nobody", "nogroup")   # serve, started as root, becomes nobody
        (self.folder / "key.pem").chmod(0o644)
        self.users = users
        self.cli("store", "create")

    def cli(self, *args, stdin=""):
        return run(*args, "--config", self.config, stdin=stdin, check=True).stdout

    def start(self):
        self.log = open(self.folder / "log", "ab")
        self.process = take_care_of(subprocess.Popen([BINARY, "serve", "--config", str(self.config)],
                                                     stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log))
        wait_for(self.answers, f"{self.domain}: {self.folder}/log")
        return self

    def populate(self, domain, users):
        self.cli("domain", "add", domain)
        for user in users:
            self.cli("account", "add", f"{user}@{domain}", "--password-stdin", stdin="secret\n")

    def answers(self):
        try:
            smtplib.SMTP(self.address, 25, timeout=10).quit()
            self.imap_plain().logout()
            return True
        except (OSError, smtplib.SMTPException, imaplib.IMAP4.error):
            return False

    def imap_plain(self):
        return imaplib.IMAP4(self.address, 143, timeout=60)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()
        check_reports((self.folder / "log").read_text(errors="replace"))

    def kill(self):
        """SIGKILL for all of it: the worker first, so that the supervisor can't end it in order."""
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True)
        for pid in [*children.stdout.split(), str(self.process.pid)]:
            subprocess.run(["kill", "-KILL", pid], check=False)
        self.process.wait(60)
        self.log.close()

    def submit(self, user, to, text, **options):
        with smtplib.SMTP(self.address, 587, timeout=90) as client:
            client.login(f"{user}@{self.domain}", "secret")
            return client.sendmail(f"{user}@{self.domain}", to, text, **options)

    def letters(self, user):
        client = self.imap_plain()
        client.login(f"{user}@{self.domain}", "secret")
        client.select("INBOX", readonly=True)
        found = [client.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in client.search(None, "ALL")[1][0].split()]
        client.logout()
        return found

    def queued_recipient(self, address):
        """What the queue says of the recipient, or None when it is not there (any more)."""
        for found in json.loads(self.cli("queue", "list", "--json")):
            shown = run("queue", "show", found["id"], "--json", "--config", self.config)
            if shown.returncode != 0:
                continue   # it went between the two questions
            for recipient in json.loads(shown.stdout)["recipients"]:
                if recipient["address"] == address:
                    return recipient
        return None

    def wait_for_letter(self, user, needle):
        found = []

        def look():
            found[:] = [letter for letter in self.letters(user) if needle.encode() in letter]
            return found
        wait_for(look, f"a letter with {needle} for {user}@{self.domain}; log: {self.folder}/log", 60)
        return found[0]


def letter(subject, body="Hello over there.\r\n"):
    return f"From: Alice <alice@a.test>\r\nTo: you\r\nSubject: {subject}\r\n\r\n{body}"
