"""DNSSEC from the trust anchor in the configuration to where letters go: signed and unsigned zones of a real DNS server
are used, those whose signatures are wrong never, and their letters wait."""
import network

if __name__ != "__main__":
    network.enter("test_dnssec")

import json
import pathlib
import shutil
import tempfile
import unittest

from mailhosts import HOSTS, Host, letter
from network import Dns, wait_for

CHILDREN = ("good", "unsigned", "forged", "expired", "stripped")


class Dnssec(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="posthouse-dnssec-", dir="/var/tmp"))
        cls.folder.chmod(0o755)
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.dns = Dns(cls.folder / "dns", cls.zones())
        cls.anchor = cls.folder / "anchor.key"
        cls.anchor.write_text(cls.sign())
        cls.dns.start()
        cls.addClassCleanup(cls.dns.stop)
        cls.a = Host(cls.folder / "a", "a.test", ["alice"],
                     more_config=f'[resolver]\ntrust_anchor = "{cls.anchor}"\n').start()
        cls.addClassCleanup(cls.a.stop)
        cls.b = Host(cls.folder / "b", "b.test", []).start()
        cls.addClassCleanup(cls.b.stop)
        cls.a.populate("a.test", ["alice"])
        for child in CHILDREN:
            cls.b.populate(f"{child}.sec.test", ["x"])

    @staticmethod
    def zones():
        zones = {"": [". NS ns.invalid."], "sec.test": [f"{child} NS ns.invalid." for child in CHILDREN]}
        for domain, address in HOSTS.items():
            zones[domain] = ["@ MX 10 mx", f"mx A {address}"]
        for child in CHILDREN:
            # A host that has no IPv6 address: that there is none must be proved too.
            zones[f"{child}.sec.test"] = ["@ MX 10 mx", f"mx A {HOSTS['b.test']}"]
        return zones

    @classmethod
    def sign(cls):
        """Signs what is to be signed, each in its way; the key of the zone above all."""
        above = cls.dns.zones["sec.test"]
        for child in ("good", "forged", "expired", "stripped"):
            key, _, ds = cls.dns.make_key(f"{child}.sec.test")
            above.append(ds)
            if child == "forged":   # by somebody with a key of his own
                key = cls.dns.make_key(f"{child}.sec.test")[0]
            if child != "stripped":
                old = ["-i", "20200101", "-e", "20200201"] if child == "expired" else []
                cls.dns.sign(f"{child}.sec.test", key, *old)
        key, dnskey, _ = cls.dns.make_key("sec.test")
        cls.dns.sign("sec.test", key)
        return dnskey

    def letters(self, address):
        listed = json.loads(self.b.cli("queue", "list", "--json"))
        self.assertEqual(listed, [])
        client = self.b.imap_plain()
        client.login(address, "secret")
        found = client.select("INBOX", readonly=True)[1][0]
        client.logout()
        return int(found)

    def test_signed_and_unsigned_zones_are_used(self):
        for address in ("x@good.sec.test", "x@unsigned.sec.test"):
            self.a.submit("alice", address, letter("secured or not"))
            wait_for(lambda: self.letters(address) == 1, f"the letter for {address}; log: {self.a.folder}/log", 60)

    def test_bogus_zones_are_never_used(self):
        for address in ("x@forged.sec.test", "x@expired.sec.test", "x@stripped.sec.test"):
            self.a.submit("alice", address, letter("not to whom it may concern"))
            wait_for(lambda: self.last_words(address), f"an attempt for {address}", 60)
            self.assertIn("4.4.3", self.last_words(address))
            self.assertEqual(self.letters(address), 0)

    def last_words(self, address):
        recipient = self.a.queued_recipient(address)
        return str(recipient) if recipient and recipient["attempts"] else None


if __name__ == "__main__":
    unittest.main()
