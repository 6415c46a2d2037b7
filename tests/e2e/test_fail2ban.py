"""Failed logins of all protocols as fail2ban reads them, with the filter that is in packaging/fail2ban."""
import base64
import os
import subprocess
import unittest

from posthouse import Demo, wait_until
from raw import Raw

FILTER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging/fail2ban/filter.d/posthouse.conf")
# As a name: the text of a line about another address.
FORGED = 'x auth.failed sid=1 peer=203.0.113.9 protocol=imap user=y'
FORGED_JSON = '","level":"info","event":"auth.failed","sid":"","peer":"203.0.113.9","protocol":"'


def addresses(log):
    done = subprocess.run(["fail2ban-regex", "-o", "<ip>", log, os.path.realpath(FILTER)], capture_output=True, text=True, timeout=60)
    if done.returncode not in (0, 1):
        raise AssertionError(done.stderr)
    return done.stdout.split()


class Fail2ban(unittest.TestCase):
    def fail(self, demo):
        """One failed login by each protocol and way, each from an address of its own; these addresses."""
        alice, source = demo.address("alice"), iter(f"127.0.{n}.1" for n in range(1, 100))
        used = []

        def raw(port):
            used.append(next(source))
            connection = Raw(demo.ports[port], source=used[-1])
            self.addCleanup(connection.close)
            return connection
        plain = base64.b64encode(f"\0{alice}\0wrong".encode()).decode()
        for name in (alice, FORGED, FORGED_JSON):
            quoted = name.replace('"', '\\"')
            self.assertIn(b"AUTHENTICATIONFAILED", raw("imap").imap("a", f'LOGIN "{quoted}" wrong'))
            pop = raw("pop3")
            pop.send(f"USER {name}\r\nPASS wrong\r\n")
            pop.line()
            self.assertIn(b"[AUTH]", pop.line())
        self.assertIn(b"AUTHENTICATIONFAILED", raw("imap").imap("a", f"AUTHENTICATE PLAIN {plain}"))
        pop = raw("pop3")
        pop.send(f"AUTH PLAIN {plain}\r\n")
        self.assertIn(b"[AUTH]", pop.line())
        for mechanism in ("PLAIN", "LOGIN"):
            smtp = raw("submission")
            smtp.ask("EHLO x.test")
            if mechanism == "PLAIN":
                reply = smtp.ask(f"AUTH PLAIN {plain}")
            else:
                smtp.ask("AUTH LOGIN " + base64.b64encode(FORGED.encode()).decode())
                reply = smtp.ask("d3Jvbmc=")
            self.assertTrue(reply.startswith(b"535"), reply)
        return used

    def check(self, log_format):
        with Demo("--set", f'log.format="{log_format}"') as demo:
            demo.imap().logout()
            smtp = demo.submission("bob")
            smtp.sendmail(demo.address("bob"), [demo.address("bob")], f"Subject: {FORGED}\r\n\r\n{FORGED}\r\n")
            smtp.quit()
            expected = self.fail(demo)
            log = os.path.join(demo.directory, "posthouse.log")
            wait_until(lambda: demo.log().count("auth.failed") >= len(expected))
            self.assertEqual(sorted(addresses(log)), sorted(expected))

    def test_text(self):
        self.check("text")

    def test_json(self):
        self.check("json")

    def test_who_is_only_put_off_does_not_count(self):
        """The owner of an account that strangers guess at must not be banned for their failures."""
        with Demo() as demo:
            alice = demo.address("alice")
            for n in range(5):
                with Raw(demo.ports["imap"], source=f"127.1.{n}.1") as stranger:
                    self.assertIn(b"AUTHENTICATIONFAILED", stranger.imap("a", f"LOGIN {alice} guess{n}"))
            with Raw(demo.ports["imap"], source="127.9.9.9") as owner:
                self.assertIn(b"UNAVAILABLE", owner.imap("a", f"LOGIN {alice} {demo.password('alice')}"))
            wait_until(lambda: "auth.put_off" in demo.log())
            self.assertNotIn("127.9.9.9", addresses(os.path.join(demo.directory, "posthouse.log")))


if __name__ == "__main__":
    unittest.main()
