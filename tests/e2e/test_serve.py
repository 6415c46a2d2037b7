"""`posthouse serve`: privileges, confinement, supervision, reload, certificates, metrics."""
import contextlib
import imaplib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

from namespace import propagation
from posthouse import BINARY, Demo, Failed, Program, free_port, run, take_care_of, wait_until

CONFIG = """\
[server]
hostname = "mail.serve.test"
default_domain = "serve.test"
data_directory = "{folder}/data"
user = "{user}"
loops = 2
[listen]
smtp = ["127.0.0.1:{smtp}"]
submission = ["127.0.0.1:{submission}"]
submissions = "off"
imap = "off"
imaps = ["127.0.0.1:{imaps}"]
metrics = ["127.0.0.1:{metrics}"]
[log]
file = "{folder}/data/posthouse.log"
"""


class Serve(Program):
    def __init__(self, extra="", args=(), env=None):
        # World-readable on the way: as root the worker becomes nobody.
        folder = tempfile.mkdtemp(prefix="posthouse-serve-")
        os.chmod(folder, 0o755)
        super().__init__("serve", "--config", folder + "/posthouse.toml", *args, directory=folder, env=env)
        self.own_directory = True
        self.ports = {name: free_port() for name in ("smtp", "submission", "imaps", "metrics")}
        self.config = folder + "/posthouse.toml"
        self.text = CONFIG.format(folder=folder, user="nobody" if os.geteuid() == 0 else "", **self.ports) + extra
        self.write_config(self.text)
        run("store", "create", "--config", self.config, check=True)
        run("domain", "add", "serve.test", "--config", self.config, check=True)
        run("account", "add", "me@serve.test", "--password-stdin", "--config", self.config, stdin="secret\n",
            check=True)

    def write_config(self, text):
        pathlib.Path(self.config).write_text(text)

    def start(self):
        before = self.own_log().count("server.ready")
        super().start()
        self.wait_for_log("server.ready", before + 1)
        return self

    def own_log(self):
        try:
            return (pathlib.Path(self.directory) / "data/posthouse.log").read_text()
        except FileNotFoundError:
            return ""

    def wait_for_log(self, event, count=1):
        def look():
            if self.process.poll() is not None:
                raise Failed(f"ended with {self.process.returncode}: {self.log()}{self.own_log()}")
            return self.own_log().count(event) >= count
        wait_until(look, 30, f"{count} x {event} in {self.own_log()[-3000:]}")

    def worker(self):
        with open(f"/proc/{self.pid}/task/{self.pid}/children") as file:
            children = file.read().split()
        return int(children[0]) if children else None

    def worker_starts(self):
        return self.own_log().count("supervisor.worker_started")

    def greeting(self):
        with socket.create_connection(("127.0.0.1", self.ports["smtp"]), timeout=10) as client:
            return client.recv(200)

    def certificate(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.ports["imaps"]), timeout=10) as plain:
            with context.wrap_socket(plain) as client:
                return client.getpeercert(True)


@contextlib.contextmanager
def service_manager():
    """A socket that hears what a service tells its manager (sd_notify), and its path."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        os.chmod(folder, 0o777)
        path = os.path.join(folder, "notify")
        manager.bind(path)
        os.chmod(path, 0o777)
        manager.settimeout(30)
        yield manager, path


class Confinement(unittest.TestCase):
    def test_it_can_neither_read_shadow_nor_start_a_program(self):
        server = Serve()
        self.addCleanup(server.clean)
        done = run("serve", "--check-sandbox", "--config", server.config)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("read /etc/shadow: as it must be", done.stdout)
        self.assertIn("start the program /bin/false: as it must be (Operation not permitted)", done.stdout)
        self.assertIn("The sandbox is tight.", done.stdout)

    def test_the_running_worker_has_no_rights(self):
        with Serve() as server:
            for pid in (server.pid, server.worker()):
                status = dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines()
                              if ":\t" in line)
                self.assertEqual(status["NoNewPrivs"], "1")
                self.assertEqual(int(status["CapEff"], 16), 0)
                self.assertEqual(int(status["CapPrm"], 16), 0)
                self.assertNotIn("0", status["Uid"].split() if os.geteuid() == 0 else [])
                self.assertNotIn("0", status["Groups"].split())
            self.assertEqual(status["Seccomp"], "2")
            for task in os.listdir(f"/proc/{server.worker()}/task"):
                self.assertIn("Seccomp:\t2", open(f"/proc/{server.worker()}/task/{task}/status").read())
            self.assertIn("sandbox.seccomp", server.own_log())
            if "sandbox.no_landlock" not in server.own_log():
                self.assertIn("sandbox.landlock", server.own_log())

    def test_it_does_its_work_there(self):
        with Serve() as server:
            run("deliver", "--config", server.config, "me", stdin="Subject: here\n\nit is\n", check=True)
            shown = json.loads(run("account", "show", "me@serve.test", "--json", "--config", server.config,
                                   check=True).stdout)
            self.assertEqual(shown["messages"], 1)
            run("store", "check", "--config", server.config, check=True)

    def test_a_lock_of_a_process_that_is_gone_holds_up_nobody(self):
        """The confined worker may not signal others, and has to know all the same who is still there."""
        with Serve() as server:
            run("account", "add", "box@serve.test", "--store", "mbox", "--password-stdin", "--config", server.config,
                stdin="secret\n", check=True)
            run("deliver", "--config", server.config, "box", stdin="Subject: first\n\n", check=True)
            inbox = pathlib.Path(server.directory, "data/mbox/serve.test/box/inbox")
            gone = subprocess.Popen(["true"])
            gone.wait()
            lock = pathlib.Path(f"{inbox}.lock")
            lock.write_text(f"{gone.pid}\n")
            owner = inbox.stat()
            os.chown(lock, owner.st_uid, owner.st_gid)
            run("deliver", "--config", server.config, "box", stdin="Subject: second\n\n", check=True)
            self.assertIn("Subject: second", inbox.read_text())
            wait_until(lambda: not lock.exists(), 10, "the end of the lock")

    def test_root_must_name_a_user(self):
        server = Serve()
        self.addCleanup(server.clean)
        server.write_config(server.text.replace('user = "nobody"\n', ""))
        if os.geteuid() == 0:
            done = run("serve", "--config", server.config)
            self.assertEqual(done.returncode, 78)
            self.assertIn(f"{server.config}: server.user: expected the user to run as", done.stderr)
            done = run("serve", "--check-sandbox", "--config", server.config)
            self.assertEqual(done.returncode, 78)
            self.assertIn(f"{server.config}: server.user: expected the user to run as", done.stderr)
            server.write_config(server.text.replace('user = "nobody"', 'user = "nosuchuser"'))
            done = run("serve", "--config", server.config)
            self.assertEqual(done.returncode, 78)
            self.assertIn(f'{server.config}:5: server.user: there is no user "nosuchuser"', done.stderr)
        else:
            with server:  # who is nobody special stays who he is
                self.assertIn(f"Uid:\t{os.geteuid()}", open(f"/proc/{server.worker()}/status").read())


class Stores(unittest.TestCase):
    @unittest.skipIf(os.geteuid() != 0, "only root can give a folder to another user")
    def test_a_store_of_another_user_is_not_one_that_is_missing(self):
        server = Serve()
        self.addCleanup(server.clean)
        store = pathlib.Path(server.directory) / "data/store"
        os.chown(store, 0, 0)
        done = run("serve", "--config", server.config)
        self.assertEqual(done.returncode, os.EX_CONFIG, done.stderr + server.own_log())
        self.assertRegex(done.stderr, rf"{server.config}:4: server.data_directory: .*{store}.*Permission denied")
        self.assertNotIn("there is no store", done.stderr + server.own_log())
        for command, status in (("deliver me@serve.test", os.EX_TEMPFAIL), ("store check", os.EX_NOPERM),
                                ("account list", os.EX_NOPERM)):
            done = run(*command.split(), "--config", server.config, stdin="Subject: x\n\nx\n")
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn("Permission denied", done.stderr)
            self.assertNotIn("store create", done.stderr)

    @unittest.skipIf(os.geteuid() != 0, "only root can be somebody else")
    def test_who_may_not_read_the_store_is_told_so(self):
        server = Serve()
        self.addCleanup(server.clean)
        for command, status in (("account list", os.EX_NOPERM), ("deliver me@serve.test", os.EX_TEMPFAIL)):
            done = subprocess.run([BINARY, *command.split(), "--config", server.config], capture_output=True, text=True,
                                  input="Subject: x\n\nx\n", timeout=60, user=65533, group=65533, extra_groups=[])
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn("Permission denied", done.stderr)

    def test_an_empty_folder_does_not_become_a_store_by_itself(self):
        """It may be a disk that is not mounted: everybody's letters would be refused for good."""
        server = Serve()
        self.addCleanup(server.clean)
        store = pathlib.Path(server.directory) / "data/store"
        shutil.rmtree(store)
        done = run("serve", "--config", server.config)
        self.assertEqual(done.returncode, 74)
        self.assertIn(f"{server.config}:4: server.data_directory: there is no store in {store}", done.stderr)
        for command, status in (("deliver me@serve.test", 75), ("store check", 74), ("account list", 74)):
            done = run(*command.split(), "--config", server.config, stdin="Subject: x\n\nx\n")
            self.assertEqual((done.returncode, done.stdout), (status, ""))
            self.assertIn("posthouse store create", done.stderr)
        self.assertFalse(store.exists())
        run("store", "create", "--config", server.config, check=True)
        self.assertEqual(run("store", "create", "--config", server.config).returncode, 73)
        self.assertEqual(json.loads(run("account", "list", "--json", "--config", server.config, check=True).stdout), [])

    def test_nothing_is_made_in_the_place_of_a_disk_that_is_not_mounted(self):
        server = Serve()
        self.addCleanup(server.clean)
        mount = pathlib.Path(server.directory) / "mnt"
        mount.mkdir()
        os.chmod(mount, 0o777)
        server.write_config(server.text.replace(f'"{server.directory}/data"', f'"{mount}/mail"'))
        for command, status in (("serve", 74), ("serve --foreground", 74), ("serve --check-sandbox", 74), ("account list", 74),
                                ("status", 74), ("deliver me@serve.test", 75)):
            done = run(*command.split(), "--config", server.config, stdin="Subject: x\n\nx\n", timeout=30)
            self.assertEqual(done.returncode, status, (command, done.stderr))
            self.assertIn(f"there is no store in {mount}/mail/store: is its disk mounted", done.stderr)
            self.assertEqual(list(mount.iterdir()), [], command)
        done = run("config", "check", server.config)
        self.assertIn(f"posthouse.toml:4: warning: server.data_directory: there is no store in {mount}/mail/store", done.stderr)
        self.assertEqual(list(mount.iterdir()), [])

    def test_a_read_only_data_folder_is_told_at_once(self):
        """As a unit of systemd's shows it when ReadWritePaths does not name it."""
        server = Serve()
        self.addCleanup(server.clean)
        data = server.directory + "/data"
        script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        done = subprocess.run([*sudo, "unshare", "--mount", "--propagation", propagation(), "sh", "-c", script, data,
                               os.environ["POSTHOUSE"], *server.args], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertRegex(done.stderr, rf"posthouse\.toml:\d+: .*{data} is on a read-only file system")
        self.assertIn(f"ReadWritePaths={data}", done.stderr)

    def test_a_lock_file_that_cannot_be_opened_is_not_waited_for(self):
        server = Serve()
        self.addCleanup(server.clean)
        lock = pathlib.Path(server.directory) / "data/store/LOCK"
        lock.unlink()
        lock.mkdir()
        done = run("serve", "--config", server.config)
        self.assertEqual(done.returncode, 74)
        self.assertIn("Is a directory", server.own_log())
        self.assertNotIn("server.waits_for_store", server.own_log())

    def test_a_log_damaged_in_its_middle_is_told(self):
        server = Serve()
        self.addCleanup(server.clean)
        for number in range(20):
            run("alias", "add", f"a{number}@serve.test", "me@serve.test", "--config", server.config, check=True)
        logs = sorted((pathlib.Path(server.directory) / "data/store").glob("*.log"), key=lambda p: p.stat().st_size)
        with open(logs[-1], "r+b") as file:
            file.seek(logs[-1].stat().st_size // 2)
            file.write(b"twelve bytes")
        with server:
            self.assertIn("engine.log_damaged", server.own_log())
            for check in range(2):
                done = run("store", "check", "--config", server.config)
                self.assertEqual(done.returncode, 70)
                self.assertIn("could not be read to its end", done.stdout)
            shutil.rmtree(server.directory + "/data/store.damaged")
            run("store", "check", "--config", server.config, check=True)


class Supervision(unittest.TestCase):
    def test_a_crashed_worker_is_back_within_a_second_and_the_reason_is_told(self):
        # AddressSanitizer, if it is there, would turn the signal into an exit.
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0"
        with Serve(env={"ASAN_OPTIONS": sanitizer}) as server:
            before = server.worker()
            os.kill(before, signal.SIGSEGV)
            wait_until(lambda: server.own_log().count("server.ready") >= 2, 20, "a second start")
            self.assertNotEqual(server.worker(), before)
            self.assertTrue(server.greeting().startswith(b"220 "))
            log = server.own_log()
            self.assertRegex(log, r'supervisor.worker_ended pid=\d+ why="signal 11 \(Segmentation fault.*restart_in_ms=100')

    def test_also_the_sixth_crash_in_a_row_is_over_within_a_second(self):
        with Serve() as server:
            for start in range(2, 8):
                os.kill(server.worker(), signal.SIGKILL)
                server.wait_for_log("server.ready", start)
            pauses = [int(n) for n in re.findall(r"restart_in_ms=(\d+)", server.own_log())]
            self.assertEqual(pauses, [100, 200, 400, 800, 1000, 1000])

    def test_a_worker_that_is_told_to_stop_by_others_comes_back(self):
        with Serve() as server:
            os.kill(server.worker(), signal.SIGTERM)
            server.wait_for_log("server.ready", 2)
            self.assertTrue(server.greeting().startswith(b"220 "))

    def test_connections_made_meanwhile_are_served(self):
        with Serve() as server:
            os.kill(server.worker(), signal.SIGKILL)
            # The listening sockets are the supervisor's, so nobody is refused.
            self.assertTrue(server.greeting().startswith(b"220 "))

    def test_the_worker_goes_with_its_supervisor(self):
        with Serve() as server:
            worker = server.worker()
            server.kill()
            wait_until(lambda: not os.path.exists(f"/proc/{worker}"), 20, "the worker's end")

    def test_a_start_that_can_not_succeed_is_not_tried_again(self):
        server = Serve()
        self.addCleanup(server.clean)
        lock = pathlib.Path(server.directory) / "data/store/LOCK"
        lock.unlink()
        lock.mkdir()
        done = run("serve", "--config", server.config, timeout=30)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(server.own_log().count("supervisor.worker_started"), 1)
        self.assertRegex(server.own_log(), r"server.cannot_start reason=.*posthouse.toml:4: server.data_directory: .*Is a directory")

    def test_values_that_can_not_be_used_are_told_with_their_line_before_anything_is_made(self):
        server = Serve()
        self.addCleanup(server.clean)
        shutil.rmtree(server.directory + "/data")
        pathlib.Path(server.directory, "file").write_text("")
        data = f'data_directory = "{server.directory}/data"'
        log = f'file = "{server.directory}/data/posthouse.log"'
        for text, told in (
                (server.text.replace(data, 'data_directory = "/proc/1"'), "4: server.data_directory: expected a folder"),
                (server.text.replace(data, f'data_directory = "{server.directory}/file"'),
                 "4: server.data_directory: expected a folder"),
                (server.text.replace(log, f'file = "{server.directory}/file/log"'), "15: log.file: expected a file"),
                (server.text + '[tls]\ncertificates = [{ chain = "/no/c.pem", key = "/no/k.pem" }]\n',
                 "17: tls.certificates: expected certificates in PEM with their keys, but /no/c.pem"),
                (server.text + '[resolver]\ntrust_anchor = "/no/root.key"\n', "17: resolver.trust_anchor: expected a file")):
            server.write_config(text)
            done = run("serve", "--config", server.config, timeout=30)
            self.assertEqual(done.returncode, 78, told)
            self.assertIn(f"{server.config}:{told}", done.stderr)
            self.assertEqual(sorted(os.listdir(server.directory)), sorted(["file", "log", "posthouse.toml"]
                             if os.path.exists(server.log_path) else ["file", "posthouse.toml"]))

    def test_an_address_of_another_machine_is_told_with_its_line(self):
        server = Serve()
        self.addCleanup(server.clean)
        server.write_config(server.text.replace(f'smtp = ["127.0.0.1:{server.ports["smtp"]}"]', 'smtp = ["203.0.113.7:2525"]'))
        done = run("serve", "--config", server.config, timeout=30)
        self.assertEqual(done.returncode, 69)
        self.assertIn(f"{server.config}:8: listen.smtp: listen on 203.0.113.7:2525: this machine does not", done.stderr)

    def test_a_port_in_use_names_port_and_holder(self):
        with Serve() as server:
            other = Serve()
            self.addCleanup(other.clean)
            other.write_config(other.text.replace(str(other.ports["smtp"]), str(server.ports["smtp"])))
            done = run("serve", "--config", other.config)
            self.assertEqual(done.returncode, 69)
            self.assertIn(f"127.0.0.1:{server.ports['smtp']}", done.stderr)
            self.assertIn("posthouse", done.stderr.split("127.0.0.1", 1)[1])

    def test_descriptors_that_are_closed_are_not_taken_for_others(self):
        for closed in ("2>&-", "<&- >&- 2>&-"):
            with Serve() as server:
                server.stop()
                command = f'exec "$0" "$@" {closed}'
                server.process = take_care_of(subprocess.Popen(
                    ["sh", "-c", command, os.environ["POSTHOUSE"], *server.args], stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL))
                server.wait_for_log("server.ready", 2)
                self.assertTrue(server.greeting().startswith(b"220 "))
                for pid in (server.pid, server.worker()):
                    kinds = {os.path.realpath(f"/proc/{pid}/fd/{fd}") for fd in (0, 1, 2)}
                    self.assertFalse({k for k in kinds if "socket" in k or "data" in k}, kinds)
                self.assertEqual(server.stop(), 0)

    def test_stop(self):
        with Serve() as server:
            client = socket.create_connection(("127.0.0.1", server.ports["smtp"]), timeout=20)
            file = client.makefile("rb")
            self.assertTrue(file.readline().startswith(b"220 "))
            self.assertEqual(server.stop(), 0)
            self.assertTrue(file.read().startswith(b"421 "))
            client.close()
            self.assertIn("server.stopped", server.own_log())

    def test_the_service_manager_is_told(self):
        with service_manager() as (manager, path), Serve(env={"NOTIFY_SOCKET": path}) as server:
            self.assertEqual(manager.recv(100), b"READY=1\nSTATUS=Serving.")
            server.stop()
            self.assertEqual(manager.recv(100), b"STOPPING=1")

    def test_the_service_manager_learns_that_a_new_worker_serves(self):
        with service_manager() as (manager, path), Serve(env={"NOTIFY_SOCKET": path}) as server:
            manager.recv(100)
            os.kill(server.worker(), signal.SIGKILL)
            self.assertIn(b"STATUS=The worker ended (signal 9", manager.recv(100))
            self.assertEqual(manager.recv(100), b"READY=1\nSTATUS=Serving.")

    def start_with_sockets(self, server, *sockets):
        """Starts it as a service manager does that passes `sockets`."""
        script = ("import os, sys\n"
                  "passed = [int(fd) for fd in sys.argv[1].split(',')]\n"
                  "high = [os.dup2(fd, 100 + i) for i, fd in enumerate(passed)]\n"
                  "for i, fd in enumerate(high): os.dup2(fd, 3 + i)\n"
                  "os.environ['LISTEN_PID'] = str(os.getpid())\n"
                  "os.environ['LISTEN_FDS'] = str(len(passed))\n"
                  "os.closerange(3 + len(passed), 200)\n"
                  "os.execv(sys.argv[2], sys.argv[2:])\n")
        fds = [s.fileno() for s in sockets]
        with open(server.log_path, "ab") as log:
            server.process = take_care_of(subprocess.Popen(
                ["/usr/bin/python3", "-c", script, ",".join(map(str, fds)), os.environ["POSTHOUSE"], *server.args],
                pass_fds=fds, stdout=subprocess.PIPE, stderr=log))
        server.wait_for_log("server.ready")

    def listening(self, address, port, v6only=True):
        listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.addCleanup(listening.close)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ":" in address:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
        listening.bind((address, port))
        listening.listen(10)
        return listening

    def listen_on(self, server, *addresses):
        """Lets its SMTP listen on these instead."""
        port = server.ports["smtp"]
        wanted = ", ".join(f'"{address}:{port}"' for address in addresses)
        server.write_config(re.sub(r"(?m)^smtp = .*$", f"smtp = [{wanted}]", server.text))
        return port

    def greeting_at(self, address, port):
        with socket.create_connection((address, port), timeout=10) as client:
            return client.recv(200)

    def test_sockets_of_the_service_manager_are_taken(self):
        server = Serve()
        self.addCleanup(server.clean)
        with self.listening("127.0.0.1", server.ports["smtp"]) as listening:
            self.start_with_sockets(server, listening)
        self.assertTrue(server.greeting().startswith(b"220 "))
        self.assertEqual(server.stop(), 0)

    def test_a_passed_socket_for_both_families_serves_both(self):
        server = Serve()  # what systemd makes of "ListenStream=25", with what setup writes
        self.addCleanup(server.clean)
        port = self.listen_on(server, "0.0.0.0", "[::]")
        with self.listening("::", port, v6only=False) as both:
            self.start_with_sockets(server, both)
        self.assertTrue(self.greeting_at("127.0.0.1", port).startswith(b"220 "))
        self.assertTrue(self.greeting_at("::1", port).startswith(b"220 "))
        self.assertEqual(server.stop(), 0)

    def test_of_passed_sockets_the_one_with_the_address_is_taken(self):
        server = Serve()
        self.addCleanup(server.clean)
        port = self.listen_on(server, "[::]")
        with self.listening("0.0.0.0", port) as four, self.listening("::", port) as six:
            self.start_with_sockets(server, four, six)
        self.assertTrue(self.greeting_at("::1", port).startswith(b"220 "))
        self.assertIn(f"server.passed_socket_unused address=0.0.0.0:{port}", server.log())
        self.assertEqual(server.stop(), 0)

    def test_the_journal_gets_priorities_and_files_do_not(self):
        server = Serve()
        self.addCleanup(server.clean)
        server.write_config(re.sub(r"(?m)^file = .*$", "", server.text))
        stderr = pathlib.Path(server.log_path)
        stderr.touch()
        info = stderr.stat()
        for stream, infos in ((f"{info.st_dev}:{info.st_ino}", "<6>"), (f"{info.st_dev}:1", "")):
            stderr.write_text("")
            server.env["JOURNAL_STREAM"] = stream
            Program.start(server)
            wait_until(lambda: "server.ready" in stderr.read_text(), 30, "server.ready")
            os.kill(server.worker(), signal.SIGKILL)
            wait_until(lambda: stderr.read_text().count("server.ready") == 2, 30, "the second server.ready")
            self.assertEqual(server.stop(), 0)
            lines = stderr.read_text().splitlines()
            levels = {"info": infos, "warn": infos and "<4>", "error": infos and "<3>"}
            for line in lines:
                self.assertRegex(line, r"^(<\d>)?\d{4}-\d\d-\d\dT\S+ \w+ ")
                self.assertEqual(line[:line.index("2")], levels[line.split(" ")[1]], line)
            self.assertTrue(any(" error supervisor.worker_ended" in line for line in lines))
            server.write_config(server.text.replace("[listen]", "[listen]\nsmpt = \"off\""))
            stderr.write_text("")
            with stderr.open("ab") as to:
                self.assertEqual(subprocess.run([os.environ["POSTHOUSE"], *server.args], stderr=to,
                                                env=server.env).returncode, 78)
            self.assertTrue(stderr.read_text().startswith((infos and "<3>") + server.config))
            server.write_config(re.sub(r"(?m)^file = .*$", "", server.text))


class Reload(unittest.TestCase):
    def test_options_that_can_change_do(self):
        with Serve() as server:
            server.write_config(server.text + '[limits]\nmessage_size = "1MiB"\nreceived = 50\n')
            os.kill(server.pid, signal.SIGHUP)
            server.wait_for_log("server.option_changed")
            log = server.own_log()
            self.assertIn("server.option_changed key=limits.message_size", log)
            self.assertIn("server.restart_needed key=limits.received", log)

            def size():
                with socket.create_connection(("127.0.0.1", server.ports["smtp"]), timeout=10) as client:
                    client.recv(500)
                    client.sendall(b"EHLO x.test\r\n")
                    return b"SIZE 1048576" in client.recv(1000)
            wait_until(size, 20, "the new SIZE")

    def test_what_was_reloaded_holds_for_the_next_worker_too(self):
        with Serve(extra='[limits]\nmessage_size = "1MiB"\n') as server:
            def announced():
                with socket.create_connection(("127.0.0.1", server.ports["smtp"]), timeout=10) as client:
                    file = client.makefile("rb")
                    file.readline()
                    client.sendall(b"EHLO x.test\r\n")
                    return next(line for line in file if b"SIZE" in line).split()[1]
            self.assertEqual(announced(), b"1048576")
            log = pathlib.Path(server.directory) / "data/posthouse.log"
            log.rename(server.directory + "/data/rotated.log")
            server.write_config(server.text.replace("1MiB", "2MiB"))
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("server.option_changed")
            self.assertEqual(announced(), b"2097152")
            os.kill(server.worker(), signal.SIGKILL)
            server.wait_for_log("server.ready")   # in the new log
            self.assertEqual(announced(), b"2097152")

    def test_signals_that_mean_nothing_end_nothing(self):
        with Serve() as server:
            for one in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGPIPE):
                server.process.send_signal(one)
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("server.certificates_loaded")
            self.assertTrue(server.greeting().startswith(b"220 "))

    def test_a_file_with_mistakes_changes_nothing(self):
        with Serve() as server:
            server.write_config(server.text + "[limits]\nmessage_siz = 3\n")
            os.kill(server.pid, signal.SIGHUP)
            server.wait_for_log("server.reload_refused")
            self.assertIn(f"{server.config}:17: limits.message_siz: unknown key", server.own_log())
            self.assertTrue(server.greeting().startswith(b"220 "))

    def test_what_the_next_start_could_not_use_is_refused_and_what_stands_as_before_is_not_looked_at(self):
        with Serve() as server:
            for text, told in ((server.text.replace(f"{server.directory}/data\"", "/proc/1\""), "4: server.data_directory: "),
                               (server.text.replace('loops = 2', 'loops = 2\ngroup = "nosuchgroup"'), "7: server.group: "),
                               (server.text + '[resolver]\ntrust_anchor = "/tmp"\n', "17: resolver.trust_anchor: "),
                               (server.text.replace(str(server.ports["smtp"]) + '"', '2525", "203.0.113.7:25"'),
                                "8: listen.smtp: ")):
                if os.geteuid() != 0 and "group" in told:
                    continue  # nobody is to become anybody
                server.write_config(text + '[limits]\nerrors = 5\n')
                server.process.send_signal(signal.SIGHUP)
                server.wait_for_log(f"server.reload_refused problem=\"{server.config}:{told}")
            self.assertNotIn("server.option_changed", server.own_log())
            self.assertTrue(server.greeting().startswith(b"220 "))

    def test_what_stands_as_before_is_not_looked_at_again(self):
        folder = tempfile.mkdtemp(prefix="posthouse-secret-")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        secret = pathlib.Path(folder, "secret")
        secret.write_text("x\n")
        with Serve(extra=f'[smarthost]\nhost = "h.test"\nuser = "u"\npassword_file = "{secret}"\n') as server:
            secret.unlink()
            server.write_config(server.text + '[limits]\nerrors = 5\n')
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("server.option_changed key=limits.errors")
            self.assertNotIn("server.reload_refused", server.own_log())

    def test_certificates_that_can_not_be_used_refuse_the_whole_file_and_the_next_worker_starts(self):
        with Serve() as server:
            before = server.certificate()
            bad = '[tls]\ncertificates = [{ chain = "data/no.pem", key = "data/no.pem" }]\n[limits]\nmessage_size = "1MiB"\n'
            server.write_config(server.text + bad)
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("server.reload_refused")
            self.assertRegex(server.own_log(), rf"reload_refused problem=.*{server.config}:17: tls.certificates: .*/data/no.pem")
            self.assertNotIn("server.option_changed", server.own_log())
            self.assertEqual(server.certificate(), before)
            os.kill(server.worker(), signal.SIGKILL)
            server.wait_for_log("server.ready", 2)  # with what was in force
            self.assertEqual(server.certificate(), before)

    def test_a_log_that_can_not_be_opened_changes_nothing_and_is_mended_by_the_next_reload(self):
        with Serve() as server:
            server.write_config(server.text.replace("data/posthouse.log", "nowhere/posthouse.log"))
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("server.reload_refused")
            self.assertRegex(server.own_log(), rf"{server.config}:15: log.file: .*nowhere/posthouse.log")
            server.write_config(server.text)
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("server.certificates_loaded")
            self.assertTrue(server.greeting().startswith(b"220 "))

    def test_log_files_can_be_moved_away(self):
        with Serve() as server:
            path = pathlib.Path(server.directory) / "data/posthouse.log"
            path.rename(path.with_suffix(".old"))
            os.kill(server.pid, signal.SIGHUP)
            server.wait_for_log("server.certificates_loaded")

    def test_renewed_certificates_are_served_without_a_restart(self):
        with Serve() as server:
            before = server.certificate()
            tls = pathlib.Path(server.directory) / "data/tls"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-subj", "/CN=renewed.test", "-days", "2", "-keyout", tls / "new-key.pem", "-out",
                            tls / "new-certificate.pem"], check=True, capture_output=True)
            os.chmod(tls / "new-key.pem", 0o644)
            (tls / "new-key.pem").rename(tls / "key.pem")
            (tls / "new-certificate.pem").rename(tls / "certificate.pem")
            wait_until(lambda: server.certificate() != before, 30, "the new certificate")
            self.assertTrue(server.greeting().startswith(b"220 "))

    def test_a_certificate_that_does_not_fit_is_not_taken(self):
        with Serve() as server:
            before = server.certificate()
            (pathlib.Path(server.directory) / "data/tls/certificate.pem").write_text("nonsense\n")
            server.wait_for_log("server.certificates_kept")
            self.assertRegex(server.own_log(), rf"certificates_kept reason=.*{server.config}:4: tls.certificates: .*/certificate.pem")
            self.assertEqual(server.certificate(), before)


def make_pair(folder, name):
    """Writes NAME.pem and NAME.key into `folder`; gives the certificate as DER."""
    fresh = pathlib.Path(folder, name + ".fresh")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", f"/CN={name}.test", "-addext", f"subjectAltName=DNS:{name}.test", "-days", "2",
                    "-keyout", f"{fresh}.key", "-out", f"{fresh}.pem"], check=True, capture_output=True)
    os.chmod(f"{fresh}.key", 0o644)
    for end in (".key", ".pem"):
        os.rename(f"{fresh}{end}", pathlib.Path(folder, name + end))
    return ssl.PEM_cert_to_DER_cert(pathlib.Path(folder, name + ".pem").read_text())


class TwoCertificates(unittest.TestCase):
    """Pairs a and b; the key of a breaks while the program runs."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="posthouse-tls-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.a, self.b = make_pair(self.folder, "a"), make_pair(self.folder, "b")
        pairs = ", ".join(f'{{ chain = "{self.folder}/{n}.pem", key = "{self.folder}/{n}.key" }}' for n in "ab")
        self.server = Serve(extra=f"[tls]\ncertificates = [{pairs}]\n")
        self.addCleanup(self.server.clean)

    def start(self):
        self.server.start()
        self.addCleanup(self.server.stop)

    def break_key(self):
        shutil.copy(f"{self.folder}/b.key", f"{self.folder}/a.key.new")
        os.rename(f"{self.folder}/a.key.new", f"{self.folder}/a.key")

    def served(self, name):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.server.ports["imaps"]), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname=name + ".test") as client:
                return client.getpeercert(True)

    def next_worker(self, count=2):
        old = self.server.worker()
        os.kill(old, signal.SIGKILL)
        self.server.wait_for_log("server.ready", count)
        self.assertNotEqual(self.server.worker(), old)

    def test_a_bad_pair_keeps_its_old_one_and_the_renewal_of_the_other_is_taken(self):
        self.start()
        self.assertEqual((self.served("a"), self.served("b")), (self.a, self.b))
        self.break_key()
        self.server.wait_for_log("server.certificates_kept")
        self.assertRegex(self.server.own_log(), rf"certificates_kept reason=.*:17: tls.certificates: .*{self.folder}/a.pem")
        renewed = make_pair(self.folder, "b")
        wait_until(lambda: self.served("b") == renewed, 30, "the new certificate of b")
        self.assertEqual(self.served("a"), self.a)

    def test_the_next_worker_starts_with_what_was_good(self):
        self.start()
        renewed = make_pair(self.folder, "a")
        wait_until(lambda: self.served("a") == renewed, 30, "the new certificate of a")
        self.break_key()
        self.server.wait_for_log("server.certificates_kept")
        for count in (2, 3):
            self.next_worker(count)
            self.assertEqual((self.served("a"), self.served("b")), (renewed, self.b))
        self.assertEqual(self.server.own_log().count("supervisor.worker_ended"), 2)
        self.a = make_pair(self.folder, "a")
        wait_until(lambda: self.served("a") == self.a, 30, "the mended certificate of a")

    def test_no_pair_is_left_on_disk(self):
        self.start()
        for file in pathlib.Path(self.folder).iterdir():
            file.unlink()
        self.next_worker()
        self.assertEqual((self.served("a"), self.served("b")), (self.a, self.b))

    def test_at_a_first_start_it_is_a_mistake(self):
        self.break_key()
        done = run("serve", "--config", self.server.config)
        self.assertEqual(done.returncode, os.EX_CONFIG, done.stderr)
        self.assertRegex(done.stderr, rf"{self.server.config}:17: tls.certificates: .*{self.folder}/a.pem")


class Shutdown(unittest.TestCase):
    """`limits.shutdown`: what is under way may be finished, the idle are sent away at once."""

    def letter_begun(self, server):
        import smtplib
        client = smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=30)
        self.addCleanup(client.close)
        client.ehlo("a.test")
        client.mail("you@a.test")
        self.assertEqual(client.rcpt("me@serve.test")[0], 250)
        self.assertEqual(client.docmd("DATA")[0], 354)
        client.send("Subject: begun\r\n\r\nfirst half\r\n")
        return client

    def imap(self, server):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=context, timeout=30)
        self.addCleanup(client.shutdown)
        client.login("me@serve.test", "secret")
        return client

    def wait_for_end(self, server):
        self.assertEqual(server.process.wait(30), 0, server.log())

    def test_a_letter_and_an_append_come_to_their_end(self):
        with Serve() as server:
            letter, append, idle, waiting = (self.letter_begun(server), self.imap(server), self.imap(server),
                                             self.imap(server))
            body = b"Subject: kept\r\n\r\nboth halves\r\n"
            append.send(b"x1 APPEND INBOX {%d}\r\n" % len(body))
            self.assertTrue(append.readline().startswith(b"+ "))
            append.send(body[:10])
            waiting.select()
            waiting.send(b"x2 IDLE\r\n")
            self.assertTrue(waiting.readline().startswith(b"+ "))
            server.process.send_signal(signal.SIGTERM)
            for client in (idle, waiting):
                self.assertTrue(client.readline().startswith(b"* BYE"))
                self.assertEqual(client.readline(), b"")
            # They are told while the others are still there, and nobody new is let in.
            self.assertIsNone(server.process.poll())
            self.assertNotIn("server.stopped", server.own_log())
            for service in ("smtp", "submission"):
                self.assertTrue(self.newcomer_hears(server.ports[service]).startswith(b"421 4.3.2 "))
            self.assertEqual(self.newcomer_hears(server.ports["imaps"]), b"")
            letter.send("second half\r\n.\r\n")
            self.assertEqual(letter.getreply()[0], 250)
            self.assertEqual(letter.getreply()[0], 421)
            append.send(body[10:] + b"\r\n")
            answers = [append.readline() for _ in range(2)]
            self.assertTrue(answers[0].startswith(b"x1 OK [APPENDUID "), answers)
            self.assertTrue(answers[1].startswith(b"* BYE"), answers)
            self.wait_for_end(server)
            self.assertIn("server.stopped", server.own_log())
            shown = json.loads(run("account", "show", "me@serve.test", "--json", "--config", server.config,
                                   check=True).stdout)
            self.assertEqual(shown["messages"], 2)

    @staticmethod
    def newcomer_hears(port):
        """All of it; nothing if it is turned away without a word."""
        heard = b""
        with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            while more := client.recv(4096):
                heard += more
        return heard

    def test_a_worker_that_stops_alone_loses_nobody(self):
        """Its supervisor starts another one on the same sockets."""
        with Serve() as server:
            letter = self.letter_begun(server)
            os.kill(server.worker(), signal.SIGTERM)
            wait_until(lambda: self.newcomer_hears(server.ports["smtp"]).startswith(b"421 4.3.2 "))
            letter.send("second half\r\n.\r\n")
            self.assertEqual(letter.getreply()[0], 250)
            wait_until(lambda: server.greeting().startswith(b"220 "), 30, "the next worker's greeting")
            self.assertEqual(server.worker_starts(), 2)

    def test_newcomers_of_imap_and_lmtp_are_told_too(self):
        with Demo() as demo:
            client = demo.smtp()
            self.addCleanup(client.close)
            client.ehlo("a.test")
            client.mail("you@a.test")
            client.rcpt(demo.address("alice"))
            client.docmd("DATA")
            client.send("Subject: begun\r\n\r\n")
            demo.process.send_signal(signal.SIGTERM)
            wait_until(lambda: self.newcomer_hears(demo.ports["smtp"]).startswith(b"421 4.3.2 "))
            self.assertTrue(self.newcomer_hears(demo.ports["imap"]).startswith(b"* BYE [UNAVAILABLE] "))
            self.assertTrue(self.newcomer_hears(demo.ports["lmtp"]).startswith(b"421 4.3.2 "))
            self.assertEqual(self.newcomer_hears(demo.ports["submissions"]), b"")
            client.send("over\r\n.\r\n")
            self.assertEqual(client.getreply()[0], 250)
            self.assertEqual(demo.process.wait(30), 0)

    def test_after_the_limit_all_are_cut(self):
        with Serve(extra='[limits]\nshutdown = "1s"\n') as server:
            letter = self.letter_begun(server)
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(letter.getreply()[0], 421)
            self.wait_for_end(server)
            self.assertIn("server.sessions_cut", server.own_log())
            self.assertNotIn("supervisor.worker_does_not_stop", server.own_log())

    def test_who_waits_does_not_hold_it_up(self):
        with Serve(extra='[limits]\nshutdown = "10m"\n') as server:
            with socket.create_connection(("127.0.0.1", server.ports["smtp"]), timeout=30) as client:
                self.assertTrue(client.recv(200).startswith(b"220 "))
                server.process.send_signal(signal.SIGTERM)
                self.assertTrue(client.recv(200).startswith(b"421 "))
            self.wait_for_end(server)


class Metrics(unittest.TestCase):
    def test_page(self):
        with Serve() as server:
            server.greeting()
            url = f"http://127.0.0.1:{server.ports['metrics']}"
            text = urllib.request.urlopen(url + "/metrics", timeout=10).read().decode()
            self.assertRegex(text, r'posthouse_app_connections_total\{service="smtp"\} [1-9]')
            self.assertIn("posthouse_queue_letters 0", text)
            self.assertIn("posthouse_store_free_bytes", text)
            with self.assertRaises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(url + "/secret", timeout=10)
            self.assertEqual(caught.exception.code, 404)
            caught.exception.close()


class Logs(unittest.TestCase):
    def test_a_session_id_on_every_line_and_no_secret_on_any(self):
        with Serve() as server:
            import smtplib
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            client = smtplib.SMTP("127.0.0.1", server.ports["submission"], timeout=20)
            client.starttls(context=context)
            with self.assertRaises(smtplib.SMTPAuthenticationError):
                client.login("me@serve.test", "hunter2-is-wrong")
            imap = imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=context, timeout=20)
            with self.assertRaises(imaplib.IMAP4.error):
                imap.login("me@serve.test", "hunter2-is-wrong-too")
            imap.logout()
            client.login("me@serve.test", "secret")
            client.sendmail("me@serve.test", ["me@serve.test"], "Subject: x\r\n\r\nprivate words\r\n")
            client.quit()
            server.stop()
            log = server.own_log()
            for line in log.splitlines():
                if " smtp." in line or " letter." in line or "login" in line:
                    self.assertIn("sid=", line)
            for protocol in ("submission", "imap"):
                self.assertRegex(log, f"auth.failed sid=.*peer=127.0.0.1 protocol={protocol} user=me@serve.test ")
            self.assertNotIn("hunter2", log)
            self.assertNotIn("secret", log)
            self.assertNotIn("private words", log)

    def test_a_reader_of_the_log_who_stopped_stops_nobody(self):
        """The journal, for instance. What does not fit is counted."""
        server = Serve()
        self.addCleanup(server.clean)
        server.write_config(re.sub(r"(?m)^file = .*$", "", server.text))
        log, end = os.pipe()
        self.addCleanup(os.close, log)
        server.process = take_care_of(subprocess.Popen([os.environ["POSTHOUSE"], *server.args], stdout=subprocess.PIPE,
                                                       stderr=end))
        os.close(end)
        text = b""
        while b"server.ready" not in text:
            text += os.read(log, 65536)
        each = b"RCPT TO:<" + b"x" * 60 + b"@nowhere.test>\r\n"

        def be_refused():
            with socket.create_connection(("127.0.0.1", server.ports["smtp"]), timeout=10) as client:
                client.sendall(b"EHLO x.test\r\nMAIL FROM:<a@b.test>\r\n" + each * 9 + b"QUIT\r\n")
                while client.recv(65536):
                    pass
        for _ in range(1000):  # some 3 MiB of log
            be_refused()
        os.set_blocking(log, False)

        def told():
            nonlocal text
            try:
                text += os.read(log, 65536)
            except BlockingIOError:
                be_refused()  # something to write down
            return b"log.lines_lost count=" in text
        wait_until(told, 30, "log.lines_lost")
        self.assertRegex(text.decode(), r"(?m)^\S+ warn log\.lines_lost count=[1-9]\d+$")
        lines = text.decode().splitlines()[:-1]
        self.assertEqual([line for line in lines if not re.match(r"\d{4}-\S+Z \w+ \S", line)], [])
        reader = threading.Thread(target=lambda: [None for _ in iter(lambda: self.read_on(log), b"")], daemon=True)
        reader.start()
        self.assertEqual(server.stop(), 0)
        reader.join(30)
        self.assertFalse(reader.is_alive())

    def read_on(self, log):
        os.set_blocking(log, True)
        return os.read(log, 65536)


if __name__ == "__main__":
    unittest.main()
