"""Postfix and Dovecot in a folder of their own on loopback: the other side in tests, the peer in measurements.

Everything they write (queue, mail, logs, sockets) is below the folder; nothing under /etc is changed. Postfix needs
root, so a user without it needs sudo. The folder must be reachable by other users (below /tmp or /srv).
"""
import os
import pathlib
import random
import socket
import subprocess
import time

SUDO = [] if os.geteuid() == 0 else ["sudo", "-n"]


given = set()    # ports of this program; thousands are left


def free_port(low=12000, high=32000):
    """A port nobody listens on at this moment (for servers that can't pick one themselves), each once. Below the range from
    which the kernel picks ports for others: one of those may be taken again before the server has it."""
    while True:
        port = random.SystemRandom().randrange(low, high)   # not what a test has seeded
        if port in given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                given.add(port)
                return port
            except OSError:
                continue


def wait_for(condition, what, seconds=90):
    """Polls until condition() is true; for other programs' states that send no event."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise TimeoutError(f"{what}: not within {seconds} s")


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as s:
            s.settimeout(2)
            return bool(s.recv(16))
    except OSError:
        return False


def as_root(*command, **options):
    return subprocess.run([*SUDO, *map(str, command)], check=True, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, **options)


def ensure_user(name):
    if subprocess.run(["getent", "passwd", name], capture_output=True).returncode:
        as_root("useradd", "-r", "-U", "-d", "/nonexistent", "-s", "/usr/sbin/nologin", name)


class Postfix:
    """domains: those it takes mail for (any local part in users, or none: everything there is refused unless listed).
    route: Postfix `transport_maps` entries, or None to go by MX through the system resolver."""

    def __init__(self, folder, domains=(), users=(), lmtp_socket=None, route=None, hostname="mx.bench.test",
                 extra=None):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.domains, self.users, self.lmtp_socket = list(domains), list(users), lmtp_socket
        self.route, self.hostname, self.extra = route or {}, hostname, extra or {}
        self.etc, self.spool, self.log = self.folder / "etc", self.folder / "spool", self.folder / "log"

    def settings(self):
        mailboxes = " ".join(f"{{ {user} = {user}/ }}" for user in self.users)
        routes = " ".join(f"{{ {domain} = {target} }}" for domain, target in self.route.items())
        values = {
            "compatibility_level": "3.6",
            "queue_directory": self.spool, "data_directory": self.folder / "data",
            "command_directory": "/usr/sbin", "daemon_directory": "/usr/lib/postfix/sbin",
            "meta_directory": "/etc/postfix", "shlib_directory": "/usr/lib/postfix",
            "mail_owner": "postfix", "setgid_group": "postdrop",
            "maillog_file": self.log / "postfix.log", "maillog_file_prefixes": self.log,
            "myhostname": self.hostname, "mydestination": "", "mynetworks": "127.0.0.0/8",
            "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4",
            "alias_maps": "", "alias_database": "", "local_recipient_maps": "",
            "virtual_mailbox_domains": " ".join(self.domains),
            "virtual_mailbox_maps": f"inline:{{ {mailboxes} }}" if mailboxes else "inline:{ { nobody@invalid = x } }",
            "virtual_transport": f"lmtp:unix:{self.lmtp_socket}" if self.lmtp_socket else "virtual",
            "virtual_mailbox_base": self.folder / "mail", "virtual_uid_maps": "static:65534",
            "virtual_gid_maps": "static:65534", "virtual_minimum_uid": "100",
            "smtp_host_lookup": "native", "default_process_limit": "100", "in_flow_delay": "0s",
            "lmtp_destination_concurrency_limit": "20", "smtp_destination_concurrency_limit": "20",
            "message_size_limit": "52428800", "mailbox_size_limit": "0", "virtual_mailbox_limit": "0",
        }
        if routes:
            values["transport_maps"] = f"inline:{{ {routes} }}"
        values.update(self.extra)
        return "".join(f"{key} = {value}\n" for key, value in values.items())

    def start(self):
        for part in ("etc", "spool", "data", "log", "mail"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        (self.etc / "main.cf").write_text(self.settings())
        (self.etc / "master.cf").write_text(MASTER_CF.format(port=self.port))
        as_root("chown", "root:root", self.spool, self.etc)
        as_root("chown", "postfix", self.folder / "data")
        as_root("chown", "65534:65534", self.folder / "mail")
        with open(self.folder / "start.log", "w") as log:
            subprocess.run([*SUDO, "postfix", "-c", str(self.etc), "start"], check=True, stdin=subprocess.DEVNULL,
                           stdout=log, stderr=log)
        wait_for(lambda: answers(self.port), f"Postfix on port {self.port} ({self.folder}/log/postfix.log)")
        return self

    def pid(self):
        return int(as_root("cat", self.spool / "pid/master.pid").stdout)

    def stop(self):
        try:
            pid = self.pid()
        except subprocess.CalledProcessError:
            return
        as_root("kill", "-TERM", pid)
        wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "Postfix to stop")

    def queue_is_empty(self):
        return "empty" in as_root("postqueue", "-c", self.etc, "-p").stdout


class Dovecot:
    """Any user name, password `secret`, no TLS; LMTP on a unix socket and a port."""

    LOCATIONS = {"maildir": "maildir:~/Maildir", "mdbox": "mdbox:~/mdbox", "sdbox": "sdbox:~/sdbox",
                 "mbox": "mbox:~/mbox:INBOX=~/inbox"}

    def __init__(self, folder, store="maildir", hibernate=0, extra=""):
        """`extra` are further lines of the configuration."""
        self.folder = pathlib.Path(folder)
        self.store, self.hibernate, self.extra = store, hibernate, extra
        self.imap_port, self.lmtp_port, self.pop3_port = free_port(), free_port(), free_port()
        self.lmtp_socket = self.folder / "run/lmtp"

    def start(self):
        for part in ("run", "state", "mail", "log"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        ensure_user("vmail")
        as_root("chown", "vmail:vmail", self.folder / "mail")
        hibernate = f"imap_hibernate_timeout = {self.hibernate}s" if self.hibernate else ""
        config = self.folder / "dovecot.conf"
        config.write_text(DOVECOT_CONF % {
            "folder": self.folder, "imap": self.imap_port, "lmtp": self.lmtp_port, "pop3": self.pop3_port,
            "location": self.LOCATIONS[self.store], "hibernate": hibernate, "extra": self.extra})
        self.raise_inotify()
        with open(self.folder / "start.log", "w") as log:
            subprocess.run([*SUDO, "sh", "-c", f"ulimit -n 65536; exec dovecot -c {config}"], check=True,
                           stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for port in (self.imap_port, self.lmtp_port):
            wait_for(lambda: answers(port), f"Dovecot on port {port} ({self.folder}/log/dovecot.log)")
        return self

    def raise_inotify(self):
        """One inotify instance for each IMAP session; put back by stop()."""
        path = pathlib.Path("/proc/sys/fs/inotify/max_user_instances")
        self.inotify = int(path.read_text())
        if self.inotify < 20000:
            as_root("sysctl", "-q", "fs.inotify.max_user_instances=20000")

    def pid(self):
        return int(as_root("cat", self.folder / "run/master.pid").stdout)

    def stop(self):
        try:
            pid = self.pid()
        except subprocess.CalledProcessError:
            return
        as_root("kill", "-TERM", pid)
        wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "Dovecot to stop")
        as_root("sysctl", "-q", f"fs.inotify.max_user_instances={self.inotify}")


MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       n       -       -       lmtp
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""

DOVECOT_CONF = """\
base_dir = %(folder)s/run
state_dir = %(folder)s/state
log_path = %(folder)s/log/dovecot.log
protocols = imap lmtp pop3
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
auth_username_format = %%Ln
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=vmail gid=vmail home=%(folder)s/mail/%%n allow_all_users=yes
}
mail_location = %(location)s
first_valid_uid = 1
namespace inbox {
  inbox = yes
  separator = /
}
mail_max_userip_connections = 100000
maildir_very_dirty_syncs = yes
pop3_no_flag_updates = yes
default_vsz_limit = 2G
default_client_limit = 18000
default_process_limit = 200
%(hibernate)s
%(extra)s
service imap-login {
  service_count = 0
  process_min_avail = 2
  process_limit = 4
  client_limit = 18000
  inet_listener imap {
    address = 127.0.0.1
    port = %(imap)s
  }
  inet_listener imaps {
    port = 0
  }
}
service pop3-login {
  service_count = 0
  process_min_avail = 1
  process_limit = 4
  client_limit = 18000
  inet_listener pop3 {
    address = 127.0.0.1
    port = %(pop3)s
  }
  inet_listener pop3s {
    port = 0
  }
}
service imap {
  service_count = 256
  process_min_avail = 4
  process_limit = 12000
  unix_listener imap-master {
    user = dovecot
  }
}
service imap-hibernate {
  unix_listener imap-hibernate {
    mode = 0660
    group = vmail
  }
}
service pop3 {
  service_count = 256
  process_min_avail = 2
  process_limit = 1000
}
service lmtp {
  process_min_avail = 4
  process_limit = 100
  unix_listener lmtp {
    mode = 0666
  }
  inet_listener lmtp {
    address = 127.0.0.1
    port = %(lmtp)s
  }
}
service auth {
  client_limit = 18000
}
service anvil {
  client_limit = 18000
}
service stats {
  client_limit = 18000
}
"""
