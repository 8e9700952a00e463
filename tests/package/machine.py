"""A fresh Debian, booted with systemd in a container of its own, with a network of its own.

mmdebstrap makes it, once a release and run of the tests; systemd-nspawn boots a copy. What apt would fetch lies in its
cache before it boots, so that it needs no network. Both need root; cannot_boot() says what else is in the way.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

SUITES = {"12": "bookworm", "13": "trixie"}
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
               "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "TERM": "dumb"}


def missing():
    """What keeps this machine from booting others, or None."""
    if os.getuid() != 0:
        return "not root"
    for program in ("mmdebstrap", "systemd-nspawn", "nsenter"):
        if not shutil.which(program):
            return f"{program} is not installed (tools/setup --package)"
    return None


def bootstrap(debian, to):
    """A Debian that boots, as a folder."""
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", "--include=systemd,systemd-sysv,dbus,procps",
         "--skip=cleanup/apt/lists", SUITES[debian], to], check=True, timeout=900)
    # What an installer would have written.
    (to / "etc/machine-id").write_text("")
    (to / "etc/hostname").write_text("press-hall\n")
    (to / "etc/hosts").write_text("127.0.0.1 localhost press-hall\n::1 localhost ip6-localhost\n")


class Machine:
    def __init__(self, folder, base):
        self.folder = Path(folder)
        subprocess.run(["cp", "-a", "--reflink=auto", base, self.folder], check=True)
        self.log = self.folder.with_suffix(".log")
        self.process = None
        self.leader = None

    def fetch(self, *packages):
        """Puts what these packages need into apt's cache; before boot."""
        shutil.copy("/etc/resolv.conf", self.folder / "etc/resolv.conf")
        try:
            subprocess.run(["chroot", self.folder, "apt-get", "install", "-qq", "-y", "--no-install-recommends",
                            "--download-only", *packages], check=True, env=ENVIRONMENT, cwd="/", timeout=600)
        finally:
            (self.folder / "etc/resolv.conf").unlink()

    def boot(self, timeout=120):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["systemd-nspawn", "--quiet", f"--directory={self.folder}", f"--machine=tidemark-{os.getpid()}",
                 "--boot", "--register=no", "--keep-unit", "--link-journal=no", "--private-network",
                 "--resolv-conf=off", "--console=pipe"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + timeout
        while True:
            assert self.process.poll() is None, f"it does not boot:\n{self.log.read_text(errors='replace')[-3000:]}"
            self.leader = self._leader()
            if self.leader:
                state = self.run("systemctl is-system-running", check=False).stdout.strip()
                if state in ("running", "degraded"):
                    return self
            assert time.monotonic() < deadline, f"not up after {timeout} s:\n{self.log.read_text(errors='replace')[-3000:]}"
            time.sleep(0.2)

    def _leader(self):
        try:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        except FileNotFoundError:
            return None
        return int(children[0]) if children else None

    def enter(self, *options):
        return ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--root", *options]

    def run(self, script, check=True, user=None, timeout=120, cwd="/root", input=None):
        """Runs a script in the machine, as root or another user."""
        line = [*self.enter(), "--", "env", "-i", *(f"{k}={v}" for k, v in ENVIRONMENT.items())]
        if user:
            cwd = "/"
            line += ["runuser", "-u", user, "--"]
        result = subprocess.run([*line, "bash", "-c", f"cd {cwd}\n{script}"], capture_output=True, text=True, timeout=timeout,
                                errors="replace", input=input)
        assert not check or result.returncode == 0, \
            f"{script}\nexit {result.returncode}\n{result.stdout}{result.stderr}{self.journal() if check else ''}"
        return result

    def output(self, script, **options):
        return self.run(script, **options).stdout.strip()

    def journal(self):
        return self.run("journalctl --no-pager -u tidemark | tail -40", check=False).stdout

    def wait(self, script, what=None, timeout=60):
        """Runs a script until it succeeds."""
        deadline = time.monotonic() + timeout
        while (result := self.run(script, check=False)).returncode != 0:
            assert time.monotonic() < deadline, \
                f"waited {timeout} s in vain for {what or script}\n{result.stdout}{result.stderr}{self.journal()}"
            time.sleep(0.2)
        return result.stdout

    def beside(self, command, **options):
        """Starts a program of the testing machine in this machine's network."""
        return subprocess.Popen(["nsenter", f"--target={self.leader}", "--net", "--", *map(str, command)], **options)

    def cut(self):
        """Everything ends at once, as when the power goes."""
        if self.process and self.process.poll() is None:
            if self.leader:
                os.kill(self.leader, signal.SIGKILL)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.leader = None

    def remove(self):
        self.cut()
        shutil.rmtree(self.folder, ignore_errors=True)
