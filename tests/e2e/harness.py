"""What end-to-end tests and the demo start: a private mosquitto and Tidemark itself, as real processes.

Both listen on loopback only, keep everything in the directory they are given, and are ended by their own
process id. Waiting is for an event (a port that accepts, READY=1), with a deadline; the deadlines are long
because sanitizer builds are slow, not because anything is expected to take that time.
"""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What says that a sanitizer found something, whatever the exit code.
SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:")


def sanitizer_lines(stderr):
    return [line for line in stderr.splitlines() if any(mark in line for mark in SANITIZER_MARKS)]


def tidemark_binary():
    """The program under test: $TIDEMARK_BINARY, else the release build's."""
    return Path(os.environ.get("TIDEMARK_BINARY") or ROOT / "build/release/tidemark")


def free_port():
    """A TCP port of 127.0.0.1 on which nothing listened a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, timeout=30, what="the condition"):
    """Polls until condition() is true and returns its value; an AssertionError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {timeout} s in vain for {what}"
        time.sleep(0.01)
    return value


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def end(process, sig, timeout=30):
    """Sends `sig` to a process that still runs, and returns its exit code once it has ended."""
    if process.poll() is None:
        process.send_signal(sig)
    return process.wait(timeout)


class Mosquitto:
    """A real broker on a port of its own. It may be started again: the port, and what it persisted, stay."""

    def __init__(self, directory, persistence=True, **settings):
        """`settings` are lines of mosquitto.conf, e.g. max_inflight_messages=1."""
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.log_file = self.directory / "mosquitto.log"
        self.process = None
        lines = {
            "listener": f"{self.port} 127.0.0.1",
            "allow_anonymous": "true",
            "persistence": "true" if persistence else "false",
            "persistence_location": f"{self.directory}/",
            "max_queued_messages": 0,  # the default drops what a client that is away has missed beyond 1000
            "log_dest": "stderr",
            "log_timestamp_format": "%H:%M:%S",
            **settings,
        }
        if os.getuid() == 0:
            lines.setdefault("user", "root")  # else it becomes a user who may not write here
        self.config_file = self.directory / "mosquitto.conf"
        self.config_file.write_text("".join(f"{key} {value}\n" for key, value in lines.items()))

    def start(self):
        path = os.environ["PATH"] + ":/usr/sbin"
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                ["mosquitto", "-c", self.config_file], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "PATH": path})

        def up():
            assert self.process.poll() is None, f"mosquitto ended:\n{self.log_file.read_text()}"
            return accepts(self.port)

        wait_until(up, what=f"mosquitto on port {self.port}")
        return self

    def stop(self):
        """Ends it cleanly: sessions and queues are saved."""
        if self.process:
            end(self.process, signal.SIGTERM)

    def kill9(self):
        """Ends it as a crash does: what it had not saved is gone."""
        if self.process:
            end(self.process, signal.SIGKILL)

    def save(self):
        """Makes it write its database now; kill9() afterwards brings back this moment."""
        before = self._saved_at()
        self.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: self._saved_at() != before, what="mosquitto's database")

    def _saved_at(self):
        try:
            stat = (self.directory / "mosquitto.db").stat()
            return stat.st_ino, stat.st_mtime_ns
        except FileNotFoundError:
            return None


class NotifySocket:
    """The other end of sd_notify: collects what a service says to $NOTIFY_SOCKET."""

    def __init__(self, path):
        self.path = Path(path)
        self.path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._lines = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while message := self._socket.recv(65536):
            self._lines += message.decode().split("\n")

    @property
    def lines(self):
        """All so far, e.g. ["READY=1", "STATUS=…"]."""
        return list(self._lines)

    def close(self):
        """Returns when all that was sent before has been read."""
        if self._thread.is_alive():
            self._socket.sendto(b"", str(self.path))
            self._thread.join()
        self._socket.close()
        self.path.unlink(missing_ok=True)


class Tidemark:
    """One configuration and its data_dir; the instance that runs on them may be killed and started again.

    `config` is the TOML text; without a [node] table it gets one that names data_dir. A test that brings its own
    [node] must use the same: `directory / "data"`.
    """

    def __init__(self, directory, config, binary=None, env=None):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.binary = Path(binary or tidemark_binary())
        self.data_dir = self.directory / "data"
        self.config_file = self.directory / "tidemark.toml"
        self.stdout_file = self.directory / "stdout"
        self.stderr_file = self.directory / "stderr"
        self.process = None
        self.notify = None
        self.write_config(config)
        # The control socket, and all else, stays in data_dir: nothing of the caller's own service is inherited.
        own = ("XDG_RUNTIME_DIR", "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY",
               "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
        self.env = {key: value for key, value in os.environ.items() if key not in own} | (env or {})

    def write_config(self, config):
        if "[node]" not in config:
            config = f'[node]\nname = "test"\ndata_dir = "{self.data_dir}"\n\n{config}'
        self.config_file.write_text(config)

    def start(self, *args, ready=True, stdin=subprocess.DEVNULL, stdout=None, timeout=120):
        """Runs `tidemark run` and returns when it has said READY=1; with ready=False at once. Its standard output
        goes to `stdout`, by default to a file.
        """
        assert self.process is None or self.process.poll() is not None, "it runs already"
        self._close_notify()
        self.notify = NotifySocket(self.directory / "notify")
        with self.stdout_file.open("ab") as out, self.stderr_file.open("ab") as err:
            self.process = subprocess.Popen(
                [self.binary, "run", "-c", self.config_file, *args], stdin=stdin, stdout=stdout or out,
                stderr=err, cwd=self.directory, env={**self.env, "NOTIFY_SOCKET": str(self.notify.path)})
        if ready:
            self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=120):
        def ready():
            code = self.process.poll()
            if code is not None:
                self.notify.close()
                assert "READY=1" in self.notify.lines, \
                    f"tidemark ended with {code} before READY=1:\n{self.stderr_tail()}"
            return "READY=1" in self.notify.lines

        wait_until(ready, timeout, "READY=1")

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill9(self):
        """The crash. Returns the exit code, -9 unless it had ended before."""
        return end(self.process, signal.SIGKILL)

    def terminate(self, timeout=120):
        """SIGTERM, as systemd stops it. Returns the exit code, 0 after a clean stop."""
        return end(self.process, signal.SIGTERM, timeout)

    def wait(self, timeout=120):
        """Waits until it ends by itself and returns the exit code."""
        return self.process.wait(timeout)

    def command(self, *args, json=False, check=True, input=None, timeout=120):
        """Runs another subcommand on the same configuration: command("checkpoint", "list", json=True).

        Returns the parsed output with json=True, else the CompletedProcess; fails unless it exits with 0 or
        check is False.
        """
        line = [self.binary, *args, "-c", self.config_file] + (["--json"] if json else [])
        result = subprocess.run(
            line, capture_output=True, text=True, input=input, timeout=timeout, cwd=self.directory, env=self.env)
        shown = " ".join(map(str, line))
        found = sanitizer_lines(result.stderr)
        assert not found, f"{shown}: sanitizer: {found[0]}\n{result.stderr}"
        assert not check or result.returncode == 0, f"{shown}: exit {result.returncode}\n{result.stdout}{result.stderr}"
        return parse_json(result.stdout, shown) if json else result

    def stderr(self):
        return self.stderr_file.read_text(errors="replace") if self.stderr_file.exists() else ""

    def stderr_tail(self, lines=60):
        return "\n".join(self.stderr().splitlines()[-lines:])

    def close(self):
        """Ends what still runs; an AssertionError if a sanitizer had anything to say in any of the runs."""
        if self.running():
            self.kill9()
        self._close_notify()
        found = sanitizer_lines(self.stderr())
        assert not found, f"sanitizer: {found[0]}\n(all of it: {self.stderr_file})"

    def _close_notify(self):
        if self.notify:
            self.notify.close()
            self.notify = None


def parse_json(text, shown):
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise AssertionError(f"{shown}: not JSON ({error}):\n{text}") from error
