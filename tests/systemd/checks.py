"""What the units of packaging/systemd promise, on a machine that systemd has booted. run.sh makes one and starts this.

Everything is done as docs/operations.md tells an operator to do it, as root: never run it on a machine with letters on it.
"""
import email.message
import imaplib
import json
import os
import pathlib
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import time
import unittest

CONFIG = pathlib.Path("/etc/posthouse/posthouse.toml")
DATA = pathlib.Path("/var/lib/posthouse")
UNITS = pathlib.Path("/lib/systemd/system")
DROP_INS = pathlib.Path("/etc/systemd/system/posthouse.service.d")
ME = "postmaster@example.test"
PLAIN, TLS = (25, 587, 143), (465, 993)
EXPOSURE = {"": 2.8, "User=posthouse\nCapabilityBoundingSet=": 1.5}  # at most; as docs/operations.md has it
FOREVER = 60

state = {"password": None, "config": None}


def run(*command, check=True, stdin=""):
    done = subprocess.run([str(c) for c in command], input=stdin, capture_output=True, text=True, timeout=120)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}"
                             + "\n".join(m["MESSAGE"] for m in journal()[-20:]))
    return done


def systemctl(*arguments, check=True):
    return run("systemctl", *arguments, check=check)


def show(name, unit="posthouse.service"):
    return systemctl("show", "-P", name, unit).stdout.strip()


def wait_until(condition, what, seconds=FOREVER):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            lines = "\n".join(m["MESSAGE"] for m in journal()[-30:])
            raise AssertionError(f"not within {seconds} s: {what}\n{lines}")
        time.sleep(0.02)


def journal(*narrower):
    """What the units have logged since the test began; every entry with MESSAGE and PRIORITY."""
    run("journalctl", "--sync")
    lines = run("journalctl", "-u", "posthouse.service", "-u", "posthouse.socket", "-o", "json", *narrower,
                check=False).stdout.splitlines()
    return [entry for entry in map(json.loads, lines)
            if isinstance(entry.get("MESSAGE"), str) and int(entry["__REALTIME_TIMESTAMP"]) > state.get("since", 0)]


def logged(text):
    return [entry for entry in journal() if text in entry["MESSAGE"]]


def await_log(text, count=1):
    return wait_until(lambda: len(found := logged(text)) >= count and found, f"{count} x {text} in the journal")


def tls_context():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def greeting(port, address="127.0.0.1"):
    with socket.create_connection((address, port), timeout=FOREVER) as plain:
        if port not in TLS:
            return plain.recv(1000)
        with tls_context().wrap_socket(plain) as client:
            return client.recv(1000)


def certificate(port=993):
    with socket.create_connection(("127.0.0.1", port), timeout=FOREVER) as plain:
        with tls_context().wrap_socket(plain) as client:
            return client.getpeercert(True)


def announced_size():
    with smtplib.SMTP("127.0.0.1", 25, timeout=FOREVER) as client:
        client.ehlo("client.test")
        return client.esmtp_features["size"]


def letter(subject, sender="someone@elsewhere.test"):
    out = email.message.EmailMessage()
    out["From"], out["To"], out["Subject"] = sender, ME, subject
    out.set_content("Hello.\n")
    return out


def subjects():
    with imaplib.IMAP4_SSL("127.0.0.1", 993, ssl_context=tls_context(), timeout=FOREVER) as client:
        client.login(ME, state["password"])
        client.select("INBOX")
        found = client.fetch("1:*", "(BODY[HEADER.FIELDS (SUBJECT)])")[1]
        return [part[1].decode().partition(":")[2].strip() for part in found if isinstance(part, tuple)]


def send_to_25(subject):
    with smtplib.SMTP("127.0.0.1", 25, timeout=FOREVER) as client:
        client.send_message(letter(subject), "someone@elsewhere.test", [ME])


def main_pid():
    return int(show("MainPID"))


def worker():
    children = pathlib.Path(f"/proc/{main_pid()}/task/{main_pid()}/children").read_text().split()
    return int(children[0]) if children else None


def status_of(pid):
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                if ":\t" in line)


def drop_in(text):
    """What `systemctl edit posthouse` writes."""
    DROP_INS.mkdir(exist_ok=True)
    (DROP_INS / "override.conf").write_text(text)
    systemctl("daemon-reload")


def strangers(folder=DATA):
    """Files there that are not the server's."""
    return run("find", folder, "(", "!", "-user", "posthouse", "-o", "!", "-group", "posthouse", ")").stdout


def setUpModule():
    if subprocess.run(["systemd-detect-virt", "--quiet", "--container"]).returncode != 0:
        raise AssertionError("not in a container: run.sh starts this")
    if "AfterReboot" in sys.argv:
        return
    run("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", "posthouse")
    run("useradd", "--create-home", "olga")
    # Before setup: the unit is to say what is missing, and not to try for ever.
    systemctl("daemon-reload")
    state["without_setup"] = (systemctl("start", "posthouse", check=False), journal())
    done = run("posthouse", "setup", ME)
    state["password"] = re.search(r"^Password\s+(\S+)$", done.stdout, re.M).group(1)
    run("posthouse", "serve", "--check-sandbox")
    state["config"] = CONFIG.read_text()


def tearDownModule():
    if state["config"]:
        CONFIG.write_text(state["config"])
        (DROP_INS / "override.conf").unlink(missing_ok=True)


class Machine(unittest.TestCase):
    """Every test begins with the service as installed, running, and without the sockets."""

    def setUp(self):
        systemctl("stop", "posthouse.socket", "posthouse.service", check=False)
        systemctl("reset-failed", check=False)
        CONFIG.write_text(state["config"])
        (DROP_INS / "override.conf").unlink(missing_ok=True)
        systemctl("daemon-reload")
        run("journalctl", "--sync")
        state["since"] = int(json.loads(run("journalctl", "-n", "1", "-o", "json").stdout)["__REALTIME_TIMESTAMP"])
        self.start()

    def start(self):
        systemctl("enable", "--now", "posthouse")

    def configure(self, key, value):
        text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", CONFIG.read_text(), count=1)
        self.assertEqual(count, 1, key)
        CONFIG.write_text(text)


class Unit(Machine):
    def test_what_systemd_says_of_the_units(self):
        done = run("systemd-analyze", "verify", UNITS / "posthouse.service", UNITS / "posthouse.socket")
        self.assertEqual(done.stdout + done.stderr, "")

    def test_exposure(self):
        for more, highest in EXPOSURE.items():
            drop_in(f"[Service]\n{more}\n")
            text = run("systemd-analyze", "security", "--no-pager", "posthouse.service").stdout
            exposure = float(re.search(r"Overall exposure level for posthouse.service: ([0-9.]+)", text).group(1))
            print(f"\n  systemd-analyze security: {exposure} {more}", file=sys.stderr)
            self.assertLessEqual(exposure, highest)

    def test_before_setup_it_says_what_is_missing(self):
        done, entries = state["without_setup"]
        self.assertNotEqual(done.returncode, 0)
        errors = [e["MESSAGE"] for e in entries if e["PRIORITY"] == "3" and str(CONFIG) in e["MESSAGE"]]
        self.assertEqual(errors, [f"{CONFIG}: can't be read: No such file or directory"])  # tried once

    def test_started_means_that_every_port_answers(self):
        for _ in range(3):
            systemctl("restart", "posthouse")
            for port in PLAIN + TLS:
                for address in ("127.0.0.1", "::1"):
                    self.assertRegex(greeting(port, address), rb"^(220 |\* OK )", port)
        self.assertEqual(show("ActiveState"), "active")
        self.assertEqual(show("StatusText"), "Serving.")
        self.assertIn("active (running)", systemctl("status", "--no-pager", "posthouse").stdout)
        self.assertEqual(systemctl("is-enabled", "posthouse").stdout.strip(), "enabled")

    def test_letters(self):
        send_to_25("at 25")
        with smtplib.SMTP("127.0.0.1", 587, timeout=FOREVER) as client:
            client.starttls(context=tls_context())
            client.login(ME, state["password"])
            client.send_message(letter("at 587", ME), ME, [ME])
        with smtplib.SMTP_SSL("127.0.0.1", 465, timeout=FOREVER, context=tls_context()) as client:
            client.login(ME, state["password"])
            client.send_message(letter("at 465", ME), ME, [ME])
        run("swaks", "--server", "127.0.0.1", "--to", ME, "--from", "swaks@elsewhere.test", "--header", "Subject: swaks")
        for subject in ("at 25", "at 587", "at 465", "swaks"):
            self.assertIn(subject, subjects())
        metrics = run("curl", "-fsS", "http://127.0.0.1:9464/metrics").stdout
        self.assertRegex(metrics, r"(?m)^posthouse_letters_accepted_total\S* [1-9]")

    def test_stop_is_graceful(self):
        with socket.create_connection(("127.0.0.1", 25), timeout=FOREVER) as client:
            file = client.makefile("rb")
            self.assertTrue(file.readline().startswith(b"220 "))
            begin = time.monotonic()
            systemctl("stop", "posthouse")
            self.assertTrue(file.readline().startswith(b"421 "))
        self.assertLess(time.monotonic() - begin, 15)
        await_log("server.stopped")
        self.assertEqual((show("ActiveState"), show("Result")), ("inactive", "success"))
        self.assertEqual([e["MESSAGE"] for e in journal() if int(e["PRIORITY"]) <= 3], [])

    def test_a_killed_worker_is_started_again(self):
        supervisor, before = main_pid(), worker()
        send_to_25("before the worker was killed")
        begin = time.monotonic()
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: worker() not in (None, before), "another worker")
        self.assertTrue(greeting(25).startswith(b"220 "))
        self.assertLess(time.monotonic() - begin, 10)
        self.assertIn("before the worker was killed", subjects())
        self.assertEqual((main_pid(), show("NRestarts")), (supervisor, "0"))
        self.assertEqual([e["PRIORITY"] for e in await_log("supervisor.worker_ended")], ["3"])
        wait_until(lambda: show("StatusText") == "Serving.", "the status")

    def test_a_killed_supervisor_is_started_again(self):
        supervisor, before = main_pid(), worker()
        send_to_25("before the supervisor was killed")
        os.kill(supervisor, signal.SIGKILL)
        wait_until(lambda: main_pid() not in (0, supervisor) and show("ActiveState") == "active", "another supervisor")
        self.assertEqual(show("NRestarts"), "1")
        self.assertFalse(pathlib.Path(f"/proc/{before}").exists())
        self.assertTrue(greeting(25).startswith(b"220 "))
        self.assertIn("before the supervisor was killed", subjects())

    def test_without_the_data_folder_it_says_what_to_do(self):
        systemctl("stop", "posthouse")
        DATA.rename("/var/lib/elsewhere")
        try:
            self.assertNotEqual(systemctl("start", "posthouse", check=False).returncode, 0)
            self.assertEqual({e["PRIORITY"] for e in await_log(f"there is no folder {DATA}")}, {"3"})
        finally:
            systemctl("stop", "posthouse")
            pathlib.Path("/var/lib/elsewhere").rename(DATA)


class Reload(Machine):
    def test_options_and_certificates(self):
        supervisor, before, old = main_pid(), worker(), certificate()
        folder = CONFIG.parent / "tls"
        folder.mkdir(exist_ok=True)
        systemctl("restart", "posthouse")
        self.configure("message_size", '"7MiB"')
        systemctl("reload", "posthouse")
        wait_until(lambda: announced_size() == str(7 << 20), "the new SIZE")

        # A pair in a folder that the worker saw at its start.
        def renew():
            run("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=mail.example.test", "-days", "9",
                "-keyout", folder / "key.pem", "-out", folder / "chain.pem")
            run("chown", "-R", "root:posthouse", folder)
            run("chmod", "-R", "u=rwX,g=rX,o=", folder)
        renew()
        self.configure("certificates", f'[{{ chain = "{folder}/chain.pem", key = "{folder}/key.pem" }}]')
        systemctl("reload", "posthouse")
        second = wait_until(lambda: (now := certificate()) != old and now, "the certificate of the new configuration")
        renew()
        systemctl("reload", "posthouse")
        wait_until(lambda: certificate() not in (old, second), "the renewed certificate")
        self.assertEqual(show("NRestarts"), "0")
        self.assertTrue(supervisor and before)

    def test_mistakes_fail_the_reload_and_change_nothing(self):
        supervisor, before, size = main_pid(), worker(), announced_size()
        self.configure("message_size", '"large"')
        self.assertNotEqual(systemctl("reload", "posthouse", check=False).returncode, 0)
        named = await_log(f"{CONFIG}:")
        self.assertEqual({e["PRIORITY"] for e in named}, {"3"})
        self.assertIn("message_size", named[0]["MESSAGE"])
        self.assertEqual((main_pid(), worker(), announced_size()), (supervisor, before, size))
        self.assertEqual(show("ActiveState"), "active")

    def test_the_log_file_is_opened_again(self):
        log = pathlib.Path("/var/log/posthouse/posthouse.log")
        run("install", "-d", "-o", "posthouse", "-g", "posthouse", "-m", "750", log.parent)  # as the docs tell
        self.configure("file", f'"{log}"')
        systemctl("restart", "posthouse")
        wait_until(lambda: log.exists() and "server.ready" in log.read_text(), f"server.ready in {log}")
        log.rename(log.with_suffix(".1"))
        systemctl("reload", "posthouse")
        wait_until(log.exists, f"{log} anew")
        self.assertEqual(log.owner(), "posthouse")


class Confinement(Machine):
    def test_processes_have_no_rights(self):
        for pid in (main_pid(), worker()):
            status = status_of(pid)
            self.assertNotIn("0", status["Uid"].split())
            self.assertEqual(status["Groups"].split(), [])
            self.assertEqual(status["NoNewPrivs"], "1")
            self.assertEqual(status["Seccomp"], "2")
            for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                self.assertEqual(int(status[kind], 16), 0, kind)
        more = int(status_of(worker()).get("Seccomp_filters", 1)) - int(status_of(main_pid()).get("Seccomp_filters", 0))
        self.assertEqual(more, 1)  # the program's own list

    def test_the_sandbox_under_the_unit(self):
        kernel_has_landlock = "sandbox.landlock" in run("posthouse", "serve", "--check-sandbox").stderr
        self.assertEqual(bool(logged("sandbox.landlock")), kernel_has_landlock)
        self.assertEqual(bool(logged("sandbox.no_landlock")), not kernel_has_landlock)
        self.assertTrue(logged("sandbox.seccomp"))
        text = (UNITS / "posthouse.service").read_text().replace("Type=notify", "Type=oneshot")
        text = re.sub(r"(?m)^ExecStart=.*$", r"\g<0> --check-sandbox", text)
        text = re.sub(r"(?m)^(ExecReload|Restart)=.*\n", "", text)
        unit = pathlib.Path("/run/systemd/system/posthouse-sandbox.service")
        unit.write_text(text)
        self.addCleanup(unit.unlink)
        systemctl("daemon-reload")
        systemctl("start", "posthouse-sandbox")
        run("journalctl", "--sync")
        said = run("journalctl", "-u", "posthouse-sandbox", "-o", "cat", "--no-pager").stdout
        self.assertIn("The sandbox is tight.", said)
        self.assertIn("read /etc/shadow: as it must be", said)
        self.assertIn("start the program /bin/false: as it must be", said)


class PortInUse(Machine):
    HOLD = ("import socket, sys; s = socket.create_server(('0.0.0.0', 25)); print('held', flush=True); sys.stdin.read()")

    def check_holder(self, *wrapper):
        systemctl("stop", "posthouse")
        holder = subprocess.Popen([*wrapper, "/usr/bin/python3", "-c", self.HOLD], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(holder.stdout.readline(), "held\n")
            name = pathlib.Path(f"/proc/{holder.pid}/comm").read_text().strip()
            self.assertNotEqual(systemctl("start", "posthouse", check=False).returncode, 0)
            said = await_log("listen on 0.0.0.0:25")[0]
            self.assertIn(f"port 25 is held by {name} (pid {holder.pid})", said["MESSAGE"])
            self.assertEqual(said["PRIORITY"], "3")
        finally:
            holder.communicate("")

    def test_root_holds_it(self):
        self.check_holder()

    def test_another_user_holds_it(self):
        self.check_holder("setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups",
                          "--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service")

    def test_it_starts_once_the_port_is_free(self):
        systemctl("stop", "posthouse")
        with socket.create_server(("0.0.0.0", 25)):
            self.assertNotEqual(systemctl("start", "posthouse", check=False).returncode, 0)
        wait_until(lambda: show("ActiveState") == "active", "the service")
        self.assertTrue(greeting(25).startswith(b"220 "))


class Journal(Machine):
    def test_lines_priorities_and_secrets(self):
        wrong = "swordfish-and-more"
        with smtplib.SMTP_SSL("127.0.0.1", 465, timeout=FOREVER, context=tls_context()) as client:
            with self.assertRaises(smtplib.SMTPAuthenticationError):
                client.login(ME, wrong)
            client.login(ME, state["password"])
            client.send_message(letter("for the journal", ME), ME, [ME])
        await_log("auth.failed")
        await_log("letter.accepted")
        words = {"debug": "7", "info": "6", "warn": "4", "error": "3"}
        own = [e for e in journal() if e.get("_COMM") == "posthouse"]
        self.assertTrue(own)
        for entry in own:
            match = re.match(r"\d{4}-\d\d-\d\dT[0-9:.]+Z (\w+) [a-z_0-9]+\.[a-z_0-9]+( |$)", entry["MESSAGE"])
            self.assertTrue(match, entry["MESSAGE"])
            self.assertEqual(entry["PRIORITY"], words[match.group(1)], entry["MESSAGE"])
            for secret in (wrong, state["password"]):
                self.assertNotIn(secret, entry["MESSAGE"])
        os.kill(worker(), signal.SIGKILL)
        await_log("supervisor.worker_ended")
        self.assertEqual([e["MESSAGE"].split()[1:3] for e in journal("-p", "err")], [["error", "supervisor.worker_ended"]])


    def test_a_busy_minute_leaves_no_gap(self):
        sessions, each = 2800, 9  # two lines each: more than systemd-journald takes from a service in 30 s by itself
        for _ in range(sessions):
            with socket.create_connection(("127.0.0.1", 25), timeout=FOREVER) as client:
                client.recv(1000)
                client.sendall(b"EHLO x\r\nMAIL FROM:<a@b.test>\r\n" + b"RCPT TO:<x@nowhere.test>\r\n" * each + b"QUIT\r\n")
                while client.recv(10000):
                    pass
        systemctl("stop", "posthouse")
        self.assertEqual(len(logged("smtp.rcpt_refused")), sessions * each)


class CommandLine(Machine):
    def by(self, user, *command):
        return run("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "posthouse", *command, check=False)

    def test_while_it_runs(self):
        run("posthouse", "account", "add", "carol@example.test")
        self.addCleanup(run, "posthouse", "account", "remove", "carol@example.test")
        self.assertIn("carol@example.test", run("posthouse", "account", "list").stdout)
        self.assertIn("carol@example.test", self.by("posthouse", "account", "list").stdout)
        run("posthouse", "queue", "list")
        run("posthouse", "store", "check")
        run("posthouse", "deliver", "-f", "x@elsewhere.test", ME, stdin="Subject: delivered\n\nHello.\n")
        self.assertIn("delivered", subjects())
        self.assertEqual(strangers(), "")

    def test_when_it_is_stopped(self):
        systemctl("stop", "posthouse")
        self.assertIn("Nothing is damaged.", run("posthouse", "store", "check").stdout)
        run("posthouse", "account", "add", "dave@example.test")
        run("posthouse", "deliver", "-f", "x@elsewhere.test", ME, stdin="Subject: while stopped\n\nHello.\n")
        run("posthouse", "queue", "list")
        run("posthouse", "account", "remove", "dave@example.test")
        self.assertEqual(strangers(), "")
        systemctl("start", "posthouse")
        self.assertIn("while stopped", subjects())

    def test_an_ordinary_user_is_told_that_he_may_not(self):
        for stopped in (False, True):
            if stopped:
                systemctl("stop", "posthouse")
            for command in (("account", "list"), ("queue", "list"), ("store", "check")):
                done = self.by("olga", *command)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("Permission denied", done.stderr)
        self.assertEqual(strangers(), "")


class Elsewhere(Machine):
    def test_data_in_another_folder(self):
        systemctl("stop", "posthouse")
        folder = pathlib.Path("/srv/mail")
        run("rm", "-rf", folder)
        run("cp", "-a", DATA, folder)
        self.configure("data_directory", f'"{folder}"')
        # As docs/operations.md has it.
        drop_in(f"[Unit]\nRequiresMountsFor={folder}\n[Service]\nReadWritePaths={folder}\n")
        systemctl("start", "posthouse")
        send_to_25("elsewhere")
        self.assertIn("elsewhere", subjects())
        self.assertEqual(strangers(folder), "")

    def test_a_folder_that_the_unit_does_not_know_of(self):
        systemctl("stop", "posthouse")
        run("rm", "-rf", "/srv/mail")
        run("cp", "-a", DATA, "/srv/mail")
        self.configure("data_directory", '"/srv/mail"')
        self.assertNotEqual(systemctl("start", "posthouse", check=False).returncode, 0)
        await_log("/srv/mail is on a read-only file system; when systemd starts this, its unit needs ReadWritePaths=")
        self.assertFalse(logged("engine.rocksdb"))


class Sockets(Machine):
    def start(self):
        systemctl("enable", "--now", "posthouse.socket", "posthouse.service")

    def tearDown(self):
        systemctl("disable", "--now", "posthouse.socket")

    def inodes(self):
        """Of all listening sockets, by address."""
        lines = run("ss", "-Hltne").stdout.splitlines()
        return {line.split()[3]: re.search(r"ino:(\d+)", line).group(1) for line in lines}

    def test_they_are_used_and_kept(self):
        before = self.inodes()
        for port in PLAIN + TLS:
            for address in ("0.0.0.0", "[::]"):
                self.assertIn(f"{address}:{port}", before)
            for address in ("127.0.0.1", "::1"):
                self.assertRegex(greeting(port, address), rb"^(220 |\* OK )")
        self.assertFalse(logged("server.passed_socket_unused"))
        systemctl("stop", "posthouse.service")
        systemctl("start", "posthouse.service")
        after = self.inodes()
        ours = [a for a in before if int(a.rpartition(":")[2]) in PLAIN + TLS]
        self.assertEqual(len(ours), 10)
        self.assertEqual({a: before[a] for a in ours}, {a: after[a] for a in ours})
        send_to_25("by passed sockets")
        self.assertIn("by passed sockets", subjects())

    def test_who_connects_during_a_restart_waits_and_is_served(self):
        restart = subprocess.Popen(["systemctl", "restart", "posthouse.service"])
        served = 0
        while restart.poll() is None or served == 0:
            with socket.create_connection(("127.0.0.1", 25), timeout=FOREVER) as client:
                # One that the old worker has taken may be told 421, but none is refused or left without a word.
                self.assertRegex(client.recv(1000), rb"^(220|421) ")
                served += 1
        self.assertEqual(restart.returncode, 0)
        self.assertTrue(greeting(25).startswith(b"220 "))

    def test_a_connection_starts_a_service_that_was_stopped(self):
        systemctl("stop", "posthouse.service")
        self.assertEqual(show("ActiveState", "posthouse.socket"), "active")
        with socket.create_connection(("127.0.0.1", 993), timeout=FOREVER) as plain:
            with tls_context().wrap_socket(plain) as client:
                self.assertTrue(client.recv(1000).startswith(b"* OK "))
        self.assertEqual(show("ActiveState"), "active")

    def test_stopping_both_closes_the_ports(self):
        systemctl("stop", "posthouse.socket", "posthouse.service")
        with self.assertRaises(ConnectionRefusedError):
            greeting(25)
        self.assertEqual(show("ActiveState"), "inactive")

    def test_a_killed_supervisor_leaves_the_ports(self):
        supervisor = main_pid()
        os.kill(supervisor, signal.SIGKILL)
        for _ in range(5):
            self.assertRegex(greeting(25), rb"^(220|421) ")
        wait_until(lambda: main_pid() not in (0, supervisor) and show("ActiveState") == "active", "another supervisor")
        self.assertTrue(greeting(25).startswith(b"220 "))

    def test_as_its_user_from_the_beginning(self):
        drop_in("[Service]\nUser=posthouse\nCapabilityBoundingSet=\n")
        self.configure("user", '""')
        systemctl("restart", "posthouse.service")
        self.assertNotIn("0", status_of(main_pid())["Uid"].split())
        self.assertEqual(int(status_of(main_pid())["CapEff"], 16), 0)
        send_to_25("as its user")
        self.assertIn("as its user", subjects())
        self.configure("message_size", '"7MiB"')
        systemctl("reload", "posthouse.service")
        wait_until(lambda: announced_size() == str(7 << 20), "the new SIZE")
        self.assertEqual(strangers(), "")

    def test_a_socket_for_both_families(self):
        systemctl("stop", "posthouse.socket", "posthouse.service")
        folder = pathlib.Path("/etc/systemd/system/posthouse.socket.d")
        folder.mkdir(exist_ok=True)
        (folder / "override.conf").write_text("[Socket]\nListenStream=\nListenStream=25\nBindIPv6Only=both\n")
        try:
            systemctl("daemon-reload")
            systemctl("start", "posthouse.socket", "posthouse.service")
            for address in ("127.0.0.1", "::1"):
                self.assertTrue(greeting(25, address).startswith(b"220 "))
        finally:
            systemctl("stop", "posthouse.socket", "posthouse.service")
            (folder / "override.conf").unlink()
            systemctl("daemon-reload")


class AfterReboot(unittest.TestCase):
    """Asked for by name, once the machine was booted again."""

    def test_it_serves(self):
        self.assertEqual(show("ActiveState"), "active")
        self.assertTrue(greeting(25).startswith(b"220 "))


if __name__ == "__main__":
    names = sys.argv[1:]
    if not names:
        kinds = (Unit, Reload, Confinement, PortInUse, Journal, CommandLine, Elsewhere, Sockets)
        names = [kind.__name__ for kind in kinds]
    unittest.main(argv=[sys.argv[0], "-v", *names])
