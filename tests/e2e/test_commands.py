"""The command line: what each command prints, in text and as JSON, and its exit codes."""

import json
import os
import re
import signal
import stat
import subprocess

import pytest

import harness
import peers

CONFIG = """
[sources.words]
type = "tcp"
listen = "127.0.0.1:{port}"
format = "csv"
fields = ["word:string", "n:int"]
ack = true

[pipelines.counts]
from = ["words"]
key_by = ["word"]
select = ["sum(n) AS total"]
to = ["history"]

[sinks.history]
type = "file"
path = "history.jsonl"
"""

WRONG_WORDS = """
[checkpoint]
intervall = "1s"
retain = "three"

[sources.words]
type = "tpc"
listen = "127.0.0.1:1"

[pipelines.counts]
from = ["wrods"]
window = { type = "tumbling", size = "1 fortnight" }
select = ["count(*) AS n"]
to = ["history"]

[sinks.history]
type = "file"
path = 7
"""

WRONG_EXPRESSIONS = """
[sources.words]
type = "tcp"
listen = "127.0.0.1:1"
format = "csv"
fields = ["word:string", "n:int"]

[pipelines.counts]
from = ["words"]
where = "n > AND 3"
key_by = ["word"]
select = ["sum(n) AS total", "max(m) AS most"]
to = ["history"]

[pipelines.loud]
from = ["words"]
select = ["uper(word) AS loud"]
to = ["history"]

[sinks.history]
type = "null"
"""


WRONG_AGGREGATE = """
[sources.words]
type = "tcp"
listen = "127.0.0.1:1"
format = "csv"
fields = ["word:string", "n:int"]

[pipelines.counts]
from = ["words"]
key_by = ["word"]
select = [
  "cout(*) AS n",
  "avg(n, 2) AS mean",
  "max_by(n) AS most",
]
to = ["history"]

[sinks.history]
type = "null"
"""

WRONG_BOTH = """
[checkpoint]
intervall = "1s"

[sources.words]
type = "tcp"
listen = "127.0.0.1:1"
format = "csv"
fields = ["word:string", "n:int"]

[pipelines.counts]
from = ["words"]
derive = ["uper(word) AS loud"]
key_by = ["wrod"]
select = ["sum(n) AS total"]
to = ["history"]

[sinks.history]
type = "null"
"""


@pytest.fixture
def instance(tidemark, free_port):
    """Runs, and has taken in three lines."""
    port = free_port()
    made = tidemark(CONFIG.format(port=port)).start()
    peer = peers.Peer(port, "p")
    peer.send("a,1", "b,2", "a,3")
    peer.flush().close()
    return made


def run(binary, *arguments):
    return subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.interface("version", "version --json", "--version")
def test_version_names_the_program_and_its_libraries(tidemark_binary):
    text = run(tidemark_binary, "version")
    assert text.returncode == 0 and re.search(r"\d+\.\d+\.\d+", text.stdout)
    assert all(library in text.stdout.lower() for library in ("sqlite", "mosquitto", "lz4", "simdjson"))
    assert "version" in json.loads(run(tidemark_binary, "version", "--json").stdout)
    assert run(tidemark_binary, "--version").stdout == text.stdout


@pytest.mark.parametrize("command", [
    [], ["run"], ["check"], ["status"], ["checkpoint"], ["checkpoint", "create"], ["checkpoint", "list"],
    ["checkpoint", "show"], ["checkpoint", "verify"], ["stop"], ["version"]], ids=" ".join)
@pytest.mark.interface("--help")
def test_every_command_has_help(tidemark_binary, command):
    result = run(tidemark_binary, *command, "--help")
    assert result.returncode == 0 and result.stdout and not result.stderr


@pytest.mark.parametrize("arguments, says", [
    ([], "which command"),
    (["chekc"], 'did you mean "check"'),
    (["run", "--form", "none"], 'did you mean "--from"'),
    (["run", "--from", "42"], "chk-N"),
    (["checkpoint", "show"], "REF"),
    (["checkpoint", "show", "42"], 'did you mean "chk-42"'),
    (["check", "-c"], "config"),
    (["check", "-c", "/no/such/file.toml"], "/no/such/file.toml"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_wrong_use_exits_with_2_and_says_what_was_meant(tidemark_binary, arguments, says):
    result = run(tidemark_binary, *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert says in result.stderr


@pytest.mark.interface("check", "check --json")
def test_check_passes_a_configuration_that_holds(tidemark):
    made = tidemark(CONFIG.format(port=1))
    assert made.command("check").returncode == 0
    assert made.command("check", json=True)
    assert not made.data_dir.exists()


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize("config, mistakes", [
    (WRONG_WORDS, {"intervall =": "`interval`", "retain =": "integer", '"tpc"': '"tcp"', '"wrods"': '"words"',
                   "fortnight": "1 fortnight", "path = 7": "string"}),
    (WRONG_EXPRESSIONS, {"n > AND 3": "AND", "uper(": "did you mean 'upper'?", "max(m)": "no column m"}),
    (WRONG_BOTH, {"intervall =": "`interval`", '"wrod"': "did you mean word?", "uper(": "did you mean 'upper'?"}),
    (WRONG_AGGREGATE, {"cout(*)": "did you mean 'count'?", "avg(n, 2)": "avg takes 1 value, 2 given",
                       "max_by(n)": "max_by takes 2 or 3 values, 1 given"}),
], ids=["words", "expressions", "both", "aggregate"])
@pytest.mark.interface("check")
def test_every_mistake_is_reported_at_its_place(tidemark, command, config, mistakes):
    made = tidemark(config)
    result = made.command(command, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    text = made.config_file.read_text().splitlines()
    for wrong, says in mistakes.items():
        number = next(n for n, line in enumerate(text, 1) if wrong in line)
        place = rf"{re.escape(str(made.config_file))}:{number}:\d+: error: (.*)\n +{number} \| (.*)\n +\| +\^"
        found = re.search(place, result.stderr)
        assert found, f"nothing about line {number}, {wrong}:\n{result.stderr}"
        assert says in found.group(1) and found.group(2) == text[number - 1]
    assert result.stderr.count(": error: ") == len(mistakes)


@pytest.mark.interface("status", "status --json")
def test_status_tells_what_has_come_in_and_gone_out(instance):
    status = instance.command("status", json=True)
    assert status["phase"] == "running" and status["degraded"] == []
    assert [(source["name"], source["records"], source["bad"]) for source in status["sources"]] == [("words", 3, 0)]
    assert [(one["name"], one["records"], one["keys"]) for one in status["pipelines"]] == [("counts", 3, 2)]
    text = instance.command("status").stdout
    assert all(word in text for word in ("words", "counts", "history", "running"))


@pytest.mark.interface("checkpoint create", "checkpoint create --json", "checkpoint list",
                       "checkpoint list --json", "checkpoint show", "checkpoint show --json",
                       "checkpoint show REF", "checkpoint verify", "checkpoint verify --json",
                       "checkpoint verify REF", "stop")
def test_checkpoints_are_taken_listed_shown_and_verified(instance):
    name = instance.command("checkpoint", "create").stdout.split()[-1]
    assert re.fullmatch(r"chk-\d+", name)
    assert instance.command("checkpoint", "create", json=True)["id"] != name
    listed = instance.command("checkpoint", "list", json=True)
    assert name in [row["id"] for row in listed] and all(row["ok"] for row in listed)
    assert name in instance.command("checkpoint", "list").stdout

    shown = instance.command("checkpoint", "show", name, json=True)
    assert shown["id"] == name and shown["pipelines"][0]["keys"] == 2
    assert instance.command("checkpoint", "show", "latest", json=True)["id"] == listed[-1]["id"]
    assert name in instance.command("checkpoint", "show", name).stdout
    assert instance.command("checkpoint", "verify").returncode == 0
    assert instance.command("checkpoint", "verify", name, "latest").returncode == 0
    assert name in json.dumps(instance.command("checkpoint", "verify", json=True))

    for verb in ("show", "verify"):
        missing = instance.command("checkpoint", verb, "chk-999", check=False)
        assert missing.returncode == 3 and "chk-999" in missing.stderr

    # With nothing running the same questions are answered from the files.
    instance.command("stop")
    assert instance.wait() == 0
    assert name in [row["id"] for row in instance.command("checkpoint", "list", json=True)]
    assert instance.command("checkpoint", "show", name, json=True) == shown
    assert instance.command("checkpoint", "verify").returncode == 0
    assert instance.command("checkpoint", "show", "chk-999", check=False).returncode == 3


@pytest.mark.interface("checkpoint verify")
def test_a_damaged_checkpoint_does_not_verify(instance):
    name = instance.command("checkpoint", "create").stdout.split()[-1]
    assert instance.kill9() == -9
    for file in (instance.data_dir / "checkpoints" / name).iterdir():
        damaged = bytearray(file.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        file.write_bytes(damaged)
    result = instance.command("checkpoint", "verify", check=False)
    assert result.returncode == 1 and name in result.stdout + result.stderr


def test_starting_from_a_checkpoint_that_does_not_exist_is_not_found(instance):
    assert instance.terminate() == 0
    instance.start("--from", "chk-999", ready=False)
    assert instance.wait() == 3
    assert "chk-999" in instance.stderr()


@pytest.mark.parametrize("command", [["status"], ["stop"], ["checkpoint", "create"]], ids=" ".join)
def test_a_command_that_needs_an_instance_says_that_none_runs(tidemark, command):
    result = tidemark(CONFIG.format(port=1)).command(*command, check=False)
    assert result.returncode == 1 and result.stdout == ""
    assert "running" in result.stderr


@pytest.mark.parametrize("command", [["status"], ["stop"]], ids=" ".join)
def test_a_suspended_instance_is_named_and_does_later_nothing_that_was_given_up(instance, command):
    os.kill(instance.process.pid, signal.SIGSTOP)
    try:
        result = instance.command(*command, check=False)
    finally:
        os.kill(instance.process.pid, signal.SIGCONT)
    assert (result.returncode, result.stdout) == (1, "")
    assert "suspended" in result.stderr and f"kill -CONT {instance.process.pid}" in result.stderr
    assert instance.command("status", json=True)["phase"] == "running"
    assert instance.running()


def test_the_control_socket_is_for_its_owner_and_group_only(instance):
    assert stat.S_IMODE((instance.data_dir / "control.sock").stat().st_mode) == 0o660


def test_a_killed_instance_is_not_taken_for_a_running_one(instance):
    assert instance.kill9() == -9
    assert instance.command("status", check=False).returncode == 1
    assert instance.command("checkpoint", "list").returncode == 0
    instance.start()
    assert instance.command("status").returncode == 0


@pytest.mark.interface("run", "sources.type=stdin")
def test_a_bounded_input_ends_the_run(tidemark):
    made = tidemark("""
[sources.input]
type = "stdin"
format = "json"

[pipelines.all]
from = ["input"]
select = ["count(*) AS n"]
to = ["screen"]

[sinks.screen]
type = "stdout"
format = "json"
""")
    result = made.command("run", input='{"a":1}\n{"a":2}')
    assert result.stdout == '{"n":1}\n{"n":2}\n'
    assert harness.wait_until(lambda: not made.running())
