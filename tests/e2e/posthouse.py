"""Starts a Posthouse on free ports for a test, and stops it.

    with Demo() as demo:                     # or Demo(directory="/some/where") to keep what is there
        smtp = demo.smtp()                   # smtplib, port 25's role
        imap = demo.imap("alice")            # imaplib, logged in
        demo.ports["submission"]

The program is the one named by the environment variable POSTHOUSE.
"""

import atexit
import contextlib
import imaplib
import json
import os
import select
import shutil
import signal
import smtplib
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from peers.postfix_dovecot import free_port  # noqa: E402, F401  (tests take it from here)

BINARY = os.environ.get("POSTHOUSE", "posthouse")
# What only ends a wait for something that never comes is many times what it takes: the machine may be busy.
PATIENCE = float(os.environ.get("POSTHOUSE_PATIENCE", "3"))
START_SECONDS = 60
STOP_SECONDS = 30


class Failed(Exception):
    """The program ended, or did not say what was awaited in time."""


def check_reports(text):
    """Fails if a program built with sanitizers told of a mistake in itself: a supervisor would only restart it."""
    for mark in ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", ": runtime error: "):
        if mark in text:
            raise Failed(text[max(0, text.index(mark) - 200):][:8000])


def wait_until(condition, seconds=20, what="the condition"):
    """Calls condition() until it gives something true, which is returned; `seconds` of a machine with nothing else to do."""
    seconds *= PATIENCE
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"{what} did not come true within {seconds} s")
        time.sleep(0.02)


def run(*args, stdin=b"", timeout=60, check=False, env=None):
    """Runs `posthouse ARGS` to its end; the result has returncode, stdout and stderr as text."""
    if isinstance(stdin, str):
        stdin = stdin.encode()
    done = subprocess.run([BINARY, *map(str, args)], input=stdin, capture_output=True, timeout=timeout * PATIENCE,
                          env={**os.environ, **(env or {})})
    done.stdout = done.stdout.decode("utf-8", "replace")
    done.stderr = done.stderr.decode("utf-8", "replace")
    if check and done.returncode != 0:
        raise Failed(f"posthouse {' '.join(map(str, args))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def tls_context():
    """A client context that takes the demo's self-signed certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Undertaker:
    """A process that outlives this one by a moment, and ends what it leaves running: also when it is killed, or fails where
    nobody stops what was started. PR_SET_PDEATHSIG would do for neither: it goes by the thread, and when root becomes
    somebody else. The pipe to it is closed when this process ends, however it does."""

    CODE = """
import os, signal, sys
running = set()
def born(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[19]
    except OSError:
        return None
def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(child) for child in f.read().split()]
    except OSError:
        return []
for line in sys.stdin.buffer:
    what, pid, start = line.decode().split()
    (running.add if what == "+" else running.discard)((int(pid), start))
for pid, start in running:
    if born(pid) != start:
        continue
    for each in [pid, *children(pid)]:  # first who would start another
        try:
            os.kill(each, signal.SIGKILL)
        except ProcessLookupError:
            pass
"""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-c", self.CODE], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)

    @staticmethod
    def born(pid):
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[19]

    def close(self):
        """What still runs ends now."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)

    def tell(self, what, pid, start):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{what} {pid} {start}\n".encode())
            self.process.stdin.flush()


undertaker = None


def take_care_of(process):
    """From now on the process (subprocess.Popen) and its children end when this one does. Returns it."""
    global undertaker
    if undertaker is None:
        undertaker = Undertaker()
        atexit.register(undertaker.close)
    with contextlib.suppress(OSError):
        process.born = Undertaker.born(process.pid)
        undertaker.tell("+", process.pid, process.born)
    return process


def release(process):
    if undertaker is not None and getattr(process, "born", None):
        undertaker.tell("-", process.pid, process.born)


class Program:
    """A running posthouse whose standard output is read line by line; standard error goes to a file."""

    def __init__(self, *args, directory=None, env=None, wrapper=()):
        """`wrapper`: a command that becomes the program, such as ["prlimit", "--nofile=64"]."""
        self.own_directory = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix="posthouse-test-")
        self.log_path = os.path.join(self.directory, "stderr.log")
        self.args = [str(a) for a in args]
        self.wrapper = list(wrapper)
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self._buffer = b""

    def start(self):
        os.makedirs(self.directory, exist_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = take_care_of(subprocess.Popen([*self.wrapper, BINARY, *self.args], stdout=subprocess.PIPE,
                                                         stderr=log, stdin=subprocess.DEVNULL, env=self.env))
        self._buffer = b""
        return self

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        """What it wrote to standard error and, as a demo, to its log."""
        out = ""
        for path in (self.log_path, os.path.join(self.directory, "posthouse.log")):
            if os.path.exists(path):
                with open(path, errors="replace") as f:
                    out += f.read()
        return out

    def read_line(self, seconds=START_SECONDS):
        """The next line of standard output without its end; Failed if there is none in time."""
        seconds *= PATIENCE
        end = time.monotonic() + seconds
        fd = self.process.stdout.fileno()
        while b"\n" not in self._buffer:
            left = end - time.monotonic()
            ready = left > 0 and select.select([fd], [], [], left)[0]
            chunk = os.read(fd, 65536) if ready else b""
            if not chunk:
                state = self.process.poll()
                why = f"ended with {state}" if ready else f"said nothing for {seconds} s"
                raise Failed(f"posthouse {' '.join(self.args)}: {why}\n{self.log()[-4000:]}")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    def stop(self, sig=signal.SIGTERM, seconds=STOP_SECONDS):
        """Asks it to end and waits; returns the exit status (negative: the signal that ended it)."""
        if self.process is None:
            return None
        seconds *= PATIENCE
        if self.process.poll() is None:
            self.process.send_signal(sig)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failed(f"did not end within {seconds} s of signal {sig}\n{self.log()[-4000:]}")
        if self.process.stdout is not None and not self.process.stdout.closed:
            self.process.stdout.close()
        status = self.process.returncode
        release(self.process)
        self.process = None
        check_reports(self.log())
        return status

    def kill(self):
        """SIGKILL, as a power cut would."""
        return self.stop(signal.SIGKILL)

    def pids(self):
        """Its own and those of the processes it started."""
        children = subprocess.run(["pgrep", "-P", str(self.pid)], capture_output=True, text=True).stdout.split()
        return [self.pid, *map(int, children)]

    def kill_all(self, pids=None):
        """SIGKILL to all of these, or to all of its own; a child that ended with its parent is no error."""
        for pid in pids or self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return self.kill()

    def clean(self):
        """Also of what a test that failed left running."""
        if self.process is not None:
            with contextlib.suppress(Failed):
                self.kill_all()
        if self.own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is not None:
            print(f"the end of the log of {self.directory}:\n{self.log()[-8000:]}", file=sys.stderr)
        try:
            self.stop()
        finally:
            self.clean()


class Demo(Program):
    """`posthouse demo` on free ports. `args`: more options, such as "--set", "queue.warn=\"1s\""."""

    def __init__(self, *args, directory=None, env=None, wrapper=()):
        super().__init__(directory=directory, env=env, wrapper=wrapper)
        self.args = ["demo", "--base-port", "0", "--json", "--dir", self.directory, *map(str, args)]

    def start(self):
        super().start()
        ready = json.loads(self.read_line())
        if ready.get("ready") is not True:
            raise Failed(f"unexpected first line: {ready}")
        self.ready = ready
        self.ports = ready["ports"]
        self.accounts = {a["address"].split("@")[0]: a for a in ready["accounts"]}
        self.domain = ready["accounts"][0]["address"].split("@")[1]
        self.config = os.path.join(ready["dir"], "posthouse.toml")
        return self

    def address(self, name):
        return self.accounts[name]["address"]

    def password(self, name):
        return self.accounts[name]["password"]

    def run(self, *args, **kwargs):
        """`posthouse ARGS` with this server's config."""
        return run(*args, "--config", self.config, **kwargs)

    # ---- clients
    def smtp(self, port="smtp", timeout=30 * PATIENCE):
        """smtplib connected to the port of that name; speaks TLS at once on "submissions"."""
        if port == "submissions":
            return smtplib.SMTP_SSL("127.0.0.1", self.ports[port], timeout=timeout, context=tls_context())
        return smtplib.SMTP("127.0.0.1", self.ports[port], timeout=timeout)

    def submission(self, name="alice", tls=True, timeout=30 * PATIENCE):
        """smtplib on the submission port, logged in."""
        client = self.smtp("submission", timeout)
        if tls:
            client.starttls(context=tls_context())
        client.login(self.address(name), self.password(name))
        return client

    def imap(self, name="alice", tls=True, timeout=30 * PATIENCE):
        """imaplib, logged in, nothing selected."""
        if tls:
            client = imaplib.IMAP4_SSL("127.0.0.1", self.ports["imaps"], ssl_context=tls_context(), timeout=timeout)
        else:
            client = imaplib.IMAP4("127.0.0.1", self.ports["imap"], timeout=timeout)
        client.login(self.address(name), self.password(name))
        return client

    def wait_for_letter(self, name, needle, mailbox="INBOX", seconds=20):
        """The bytes of the first letter in the mailbox that contains `needle` (bytes)."""
        if isinstance(needle, str):
            needle = needle.encode()
        client = self.imap(name)
        try:
            def look():
                status, _ = client.select(mailbox, readonly=True)
                if status != "OK":
                    return None
                for number in client.search(None, "ALL")[1][0].split():
                    data = client.fetch(number, "(BODY.PEEK[])")[1][0][1]
                    if needle in data:
                        return data
                return None

            return wait_until(look, seconds, f"a letter with {needle!r} for {name}")
        finally:
            client.logout()
