"""`tidemark test`: the tests that stand in a configuration, run over time, crashes and restarts."""

import re

import pytest

import examples
import harness

NAMES = sorted(path.stem for path in examples.FOLDER.glob("*.toml") if "\n[[tests]]\n" in path.read_text())

CONFIG = """
[sources.lines]
type = "tcp"
listen = "127.0.0.1:1"
format = "csv"
fields = ["word:string", "n:int"]

[pipelines.totals]
from = ["lines"]
key_by = ["word"]
select = ["sum(n) AS total"]
to = ["out"]

[sinks.out]
type = "sqlite"
path = "out.db"

[[tests]]
name = "sums go on over a kill"
start = "2025-03-01T12:00:00Z"
steps = [
  { source = "lines", input = ["a,1", "a,2"] },
  { at = "10s", event = "kill", down = "1m" },
  { source = "lines", input = "a,4" },
  { sink = "out", expect = [{ total = 1 }, { total = 3 }, { total = 7 }] },
  { pipeline = "totals", expect = [{ word = "a" }, { word = "a" }, { word = "a" }] },
]

[[tests]]
name = "this one is wrong"
steps = [
  { input = ["b,1", "c"] },
  { advance = "1s" },
  { sink = "out", expect = [{ word = "b", total = 2 }] },
]
"""


@pytest.mark.parametrize("name", NAMES)
def test_the_tests_of_an_example_pass(name, tidemark):
    made = examples.use(tidemark, name, DEVICES=examples.FOLDER / "devices.csv")
    report = made.command("test", json=True)
    assert report["passed"] >= 1 and report["failed"] == 0
    assert not made.data_dir.exists()


@pytest.mark.interface("test", "tests.name", "tests.start", "tests.steps", "tests.steps.source", "tests.steps.input",
                       "tests.steps.at", "tests.steps.advance", "tests.steps.event", "tests.steps.down",
                       "tests.steps.expect", "tests.steps.sink", "tests.steps.pipeline")
def test_what_came_otherwise_is_shown_and_the_exit_code_says_so(tidemark):
    made = tidemark(CONFIG)
    result = made.command("test", check=False)
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "ok    sums go on over a kill"
    assert lines[1] == "FAIL  this one is wrong"
    assert lines[2].endswith("step 3, sink out")
    assert lines[3:6] == ['        - {"word":"b","total":2}', "            total is 1, and 2 was expected",
                          '        + {"word":"b","total":1}']
    assert lines[6].startswith("      log: sources.lines: bad record")
    assert lines[-1] == "1 passed, 1 failed"
    assert not made.data_dir.exists()


@pytest.mark.interface("test --json", "test NAME")
def test_tests_are_chosen_by_name_and_reported_as_json(tidemark):
    made = tidemark(CONFIG)
    assert made.command("test", "over a kill").returncode == 0
    report = made.command("test", "wrong", json=True, check=False)
    assert [(test["name"], test["ok"]) for test in report["tests"]] == [("this one is wrong", False)]
    difference = report["tests"][0]["differences"][0]
    assert (difference["step"], difference["at"]) == (3, "sink out")
    assert difference["missing"] == ['{"word":"b","total":2}'] and difference["unexpected"] == ['{"word":"b","total":1}']
    nothing = made.command("test", "no such", check=False)
    assert nothing.returncode == 3 and "sums go on over a kill" in nothing.stderr


@pytest.mark.interface("tests.steps.topic")
def test_a_message_brings_its_topic(tidemark):
    made = tidemark("""
[sources.plant]
type = "mqtt"
url = "mqtt://localhost"
topics = ["t/#"]
topic_fields = "t/{device}"
[pipelines.seen]
from = ["plant"]
select = ["device", "v"]
[[tests]]
name = "device"
steps = [
  { topic = "t/x", input = '{"v": 1}' },
  { pipeline = "seen", expect = [{ device = "x", v = 1 }] },
]
""")
    made.command("test")


def test_a_configuration_without_tests_and_one_that_does_not_hold_are_told_apart(tidemark):
    without = tidemark(CONFIG.split("[[tests]]")[0]).command("test", check=False)
    assert without.returncode == 3 and "[[tests]]" in without.stderr
    broken = tidemark(CONFIG.replace('sink = "out"', 'sink = "outt"')).command("check", check=False)
    assert broken.returncode == 2 and 'there is no sink "outt"; did you mean "out"?' in broken.stderr


def test_tests_may_stand_in_files_of_their_own_and_running_does_not_look_at_them(tidemark):
    first, *tests = CONFIG.split("[[tests]]")
    made = tidemark(first.replace('type = "tcp"\nlisten = "127.0.0.1:1"', 'type = "stdin"'))
    folder = made.config_file.parent / "conf.d"
    folder.mkdir()
    for number, test in enumerate(tests):
        (folder / f"{number}.toml").write_text("[[tests]]" + test)
    assert made.command("test", json=True, check=False)["passed"] == 1
    assert made.command("run", input="a,1\n").returncode == 0
    for path in folder.glob("*.toml"):
        path.unlink()
    assert made.command("run", input="a,1\n").returncode == 0  # the configuration is the same without them
    assert len(list((made.data_dir / "config").iterdir())) == 1


def test_the_test_that_the_readme_shows_passes(tidemark):
    blocks = re.findall(r"(?s)```toml\n(.*?)```", (harness.ROOT / "README.md").read_text())
    shown = [block for block in blocks if "[sources.plant]" in block or block.startswith("[[tests]]")]
    assert len(shown) == 2
    tidemark("\n".join(shown)).command("test")
