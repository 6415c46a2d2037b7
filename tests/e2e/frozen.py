"""The frozen stores of tests/fixtures: where they have to be, and what is compared."""
import contextlib
import fcntl
import hashlib
import json
import pathlib
import re
import shutil
import tarfile
import tempfile

from posthouse import Demo

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
# Accounts kept in files have the paths of these in the store, so they are where they were: a link leads to a
# folder of the test's own.
PLACE = pathlib.Path("/tmp/posthouse-frozen-store")
STORES = ("alice", "carol", "dave")    # an account of each format
EMPTIED = 120    # letters of each that the store of format 4 had expunged a moment before its end
SETTINGS = ("--set", 'store.keep_expunged="3650d"', "--set", "queue.port=1", "--set", "queue.allow_loopback=true")


@contextlib.contextmanager
def place():
    """An empty folder that PLACE leads to; one test at a time on a machine."""
    with open(f"{PLACE}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = tempfile.mkdtemp(prefix="posthouse-frozen-")
        try:
            if PLACE.is_symlink():    # of one that was killed
                PLACE.unlink()
            PLACE.symlink_to(folder)
            yield PLACE
        finally:
            PLACE.unlink(missing_ok=True)
            shutil.rmtree(folder)


@contextlib.contextmanager
def unpacked(name):
    """The fixture's folder, and what is expected of it."""
    with place() as folder:
        with tarfile.open(FIXTURES / f"{name}.tar.xz") as archive:
            archive.extractall(folder)
        yield folder, json.loads((FIXTURES / f"{name}.json").read_text())


def demo(folder):
    return Demo(*SETTINGS, directory=str(folder))


def letters(server, name):
    """{mailbox: {"uid_validity", "uid_next", "letters": [uid, flags, date, size, hash]}}, by UID."""
    imap = server.imap(name)
    out = {}
    for line in imap.list()[1]:
        mailbox = re.match(rb'\(.*?\) "/" (.*)', line)[1].decode().strip('"')
        if mailbox.startswith(("Other Users", "Shared Folders")):
            continue
        status = imap.status(f'"{mailbox}"', "(UIDVALIDITY UIDNEXT)")[1][0].decode()
        imap.select(f'"{mailbox}"', readonly=True)
        rows = []
        data = imap.fetch("1:*", "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")[1]
        for item in data:
            if not isinstance(item, tuple):
                continue
            head = item[0].decode()
            found = {key: re.search(pattern, head)[1] for key, pattern in (
                ("uid", r"UID (\d+)"), ("flags", r"FLAGS \((.*?)\)"), ("date", r'INTERNALDATE "(.*?)"'),
                ("size", r"RFC822.SIZE (\d+)"))}
            flags = sorted(set(found["flags"].split()) - {"\\Recent"})
            rows.append([int(found["uid"]), flags, found["date"], int(found["size"]),
                         hashlib.sha256(item[1]).hexdigest()])
        out[mailbox] = {"uid_validity": int(re.search(r"UIDVALIDITY (\d+)", status)[1]),
                        "uid_next": int(re.search(r"UIDNEXT (\d+)", status)[1]), "letters": sorted(rows)}
    imap.logout()
    return out


def ask(server, *args):
    return json.loads(server.run(*args, "--json", check=True).stdout)


def described(server):
    """All that has to be there again."""
    accounts = sorted(server.accounts)
    return {
        "letters": {name: letters(server, name) for name in accounts},
        "accounts": {name: {key: value for key, value in ask(server, "account", "show", server.address(name)).items()
                            if key in ("address", "store", "quota_bytes", "quota_messages", "messages", "bytes",
                                       "kept_messages", "kept_bytes", "admin", "enabled", "display_name")}
                     for name in accounts},
        "expunged": {name: ask(server, "mailbox", "expunged", server.address(name)) for name in accounts},
        "domains": ask(server, "domain", "list"),
        "aliases": ask(server, "alias", "list"),
        "queue": [[letter["sender"], letter["size"], [[r["address"], r["state"]] for r in letter["recipients"]]]
                  for letter in ask(server, "queue", "list")],
    }

