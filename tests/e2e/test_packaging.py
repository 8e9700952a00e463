"""The files that the package is made of. tests/package installs it and has it run under systemd."""

import re
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
                                  "ExecStart=/usr/bin/tidemark run", "ExecReload=/usr/bin/tidemark check",
                                  "ExecReload=/bin/kill -HUP $MAINPID"])
def test_it_says_what_the_program_relies_on(line):
    assert line in UNIT.read_text().splitlines()


def control(field):
    """A field of packaging/debian/control, as a list without versions."""
    text = (harness.ROOT / "packaging/debian/control").read_text()
    value = re.search(rf"(?m)^{field}: (.*(?:\n .*)*)", text).group(1)
    return [re.split(r"[ (:]", entry.strip())[0] for entry in value.split(",")]


def test_the_package_is_built_with_the_libraries_that_setup_installs():
    setup = (harness.ROOT / "tools/setup").read_text()
    libraries = setup.split("# libraries that the program uses")[1].split("\n\n")[0]
    names = re.findall(r"(?m)^  ([a-z][a-z0-9.+-]+)", libraries)
    assert len(names) > 8 and set(names) <= set(control("Build-Depends"))


def test_the_package_has_the_program_s_version():
    version = re.search(r"project\(tidemark VERSION ([\d.]+)", (harness.ROOT / "CMakeLists.txt").read_text()).group(1)
    changelog = (harness.ROOT / "packaging/debian/changelog").read_text()
    assert changelog.startswith(f"tidemark ({version}) ")


@pytest.mark.parametrize("script", ["postinst", "postrm"])
def test_a_maintainer_script_is_a_shell_script_that_debhelper_completes(script):
    path = harness.ROOT / "packaging/debian" / script
    assert subprocess.run(["sh", "-n", path], capture_output=True).stderr == b""
    text = path.read_text()
    assert text.startswith("#!/bin/sh\nset -e\n") and "\n#DEBHELPER#\n" in text
