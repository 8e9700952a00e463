"""The systemd unit as a file. tests/package has it run under systemd."""

import shutil
import subprocess

import pytest

import harness

UNIT = harness.ROOT / "systemd/tidemark.service"


def test_it_leaves_little_exposed():
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    rated = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", UNIT],
                           capture_output=True, text=True)
    assert rated.returncode == 0, rated.stdout + rated.stderr


@pytest.mark.parametrize("line", ["Type=notify", "Restart=on-failure", "RestartPreventExitStatus=2", "User=tidemark",
                                  "StateDirectory=tidemark", "RuntimeDirectory=tidemark", "ProtectSystem=strict",
                                  "ExecStart=/usr/bin/tidemark run", "ExecReload=/bin/kill -HUP $MAINPID"])
def test_it_says_what_the_program_relies_on(line):
    assert line in UNIT.read_text().splitlines()
