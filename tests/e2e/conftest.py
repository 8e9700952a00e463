"""Fixtures of the end-to-end tests. What they hand out is in harness.py; everything started ends with its test."""

import json
import subprocess

import pytest

import harness


def pytest_configure(config):
    config.addinivalue_line("markers", "interface(NAMES): what it changes and sees change; see tools/interface/coverage")


@pytest.fixture(scope="session")
def tidemark_binary():
    binary = harness.tidemark_binary()
    assert binary.exists(), f"{binary} is missing: build the release preset, or set TIDEMARK_BINARY"
    return binary


@pytest.fixture(scope="session")
def interface(tidemark_binary):
    """Every key and command, as the program that stands beside it prints them."""
    printed = subprocess.run([tidemark_binary.with_name("tidemark_interface")], capture_output=True, check=True)
    return json.loads(printed.stdout)


@pytest.fixture
def free_port():
    """A function: each call names another free port of 127.0.0.1."""
    return harness.free_port


@pytest.fixture
def start_mosquitto(tmp_path):
    """A function that starts a broker: start_mosquitto(persistence=False, max_inflight_messages=1)."""
    brokers = []

    def start(**settings):
        brokers.append(harness.Mosquitto(tmp_path / f"mosquitto{len(brokers) or ''}", **settings))
        return brokers[-1].start()

    yield start
    for broker in brokers:
        broker.kill9()


@pytest.fixture
def mosquitto(start_mosquitto):
    """A running broker that persists its sessions."""
    return start_mosquitto()


@pytest.fixture
def tidemark(tmp_path, tidemark_binary, request):
    """A function that makes a Tidemark from a configuration text, not yet started: tidemark(text).start()."""
    made = request.node.tidemarks = []

    def make(config, env=None):
        made.append(harness.Tidemark(tmp_path / f"tidemark{len(made) or ''}", config, tidemark_binary, env))
        return made[-1]

    yield make
    errors = []
    for instance in made:
        try:
            instance.close()
        except AssertionError as error:
            errors.append(str(error))
    assert not errors, "\n".join(errors)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Shows what each Tidemark of a failed test wrote to stderr."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for instance in getattr(item, "tidemarks", []):
            report.sections.append((f"stderr of {instance.directory.name}", instance.stderr_tail()))
