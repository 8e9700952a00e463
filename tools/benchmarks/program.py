"""The programs of a measurement: Tidemark as an end-to-end test starts it, with what /proc says of it, and the
bench_* programs beside it."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/release"
sys.path.insert(0, str(ROOT / "tests/e2e"))

import harness  # noqa: E402

TIDEMARK = BUILD / "tidemark"
EMULATED = None  # the machine whose programs run, in qemu


def emulate(machine):
    """From now on the programs are those of another machine: "amd64", "arm64" or "armhf"."""
    global EMULATED, TIDEMARK
    EMULATED, TIDEMARK = machine, ROOT / "tools/foreign/tidemark"
    os.environ["TIDEMARK_ARCH"] = machine


def bench(name):
    """The words of a command that begin with this program."""
    program = f"tools/benchmarks/bench_{name}"
    return [ROOT / "tools/foreign/emulate", EMULATED, program] if EMULATED else [BUILD / program]


def build():
    """The release build of Tidemark and of the programs that measure it."""
    subprocess.run([ROOT / "tools/setup", "--package" if EMULATED else "--bench"], check=True)
    targets = ["tidemark", "bench_programs"]
    for command in [[ROOT / "tools/foreign/build", EMULATED, *targets]] if EMULATED else [
            ["cmake", "--preset", "release"], ["cmake", "--build", "--preset", "release", "--target", *targets]]:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)


class Program(harness.Tidemark):
    """A running instance, and what the kernel and it itself say of it."""

    def __init__(self, directory, config):
        super().__init__(directory, config, TIDEMARK)
        self._control = None

    @property
    def proc(self):
        return Path("/proc") / str(self.process.pid)

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid)

    def waited_seconds(self):
        """How long the loop's thread was ready to run and had no processor; 0 of a kernel that does not say."""
        with contextlib.suppress(OSError):
            return int((self.proc / "task" / str(self.process.pid) / "schedstat").read_text().split()[1]) / 1e9
        return 0.0

    def memory(self):
        """{"RssAnon": bytes, "VmRSS": …, "VmHWM": …}"""
        found = re.findall(r"^(\w+):\s+(\d+) kB$", (self.proc / "status").read_text(), re.MULTILINE)
        return {name: int(size) * 1024 for name, size in found}

    def wake_ups(self):
        """How often its threads have gone to sleep, so far."""
        return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read_text(), re.MULTILINE)[1])
                   for status in self.proc.glob("task/*/status"))

    def written_bytes(self):
        """What it has caused to be written to a disk, as the kernel counts it: pages, when they are dirtied."""
        return int(re.search(r"^write_bytes: (\d+)", (self.proc / "io").read_text(), re.MULTILINE)[1])

    def ask(self, command, **arguments):
        """Asks it through its control socket, which costs it less than another process on its processor."""
        if not self._control:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(str(self.data_dir / "control.sock"))
            self._control = connection.makefile("rw")
        self._control.write(json.dumps({"command": command, **arguments}) + "\n")
        self._control.flush()
        while "progress" in (answer := json.loads(self._control.readline())):
            pass
        assert answer["ok"], f"{command}: {answer}"
        return answer["result"]

    def status(self):
        return self.ask("status")

    def wait_for(self, reached, what, timeout=600):
        """Asks for its status, not too often, until `reached` says yes to it."""
        deadline = time.monotonic() + timeout
        while not reached(status := self.status()):
            assert self.running(), f"tidemark ended:\n{self.stderr_tail()}"
            assert time.monotonic() < deadline, f"waited in vain for {what}: {json.dumps(status)}"
            time.sleep(0.02)
        return status

    def close(self):
        if self._control:
            with contextlib.suppress(OSError):
                self._control.close()
            self._control = None
        super().close()


def cpu_seconds(pid):
    """User and system time of all its threads. The kernel counts it in nanoseconds and shows hundredths of seconds."""
    fields = (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_and_account(command, **options):
    """Runs a program to its end: (wall, CPU seconds, most resident bytes)."""
    start = time.monotonic()
    process = subprocess.Popen(command, **options)
    return end_and_account(process, start)


def end_and_account(process, start):
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{process.args} ended with {process.returncode}"
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * 1024}
