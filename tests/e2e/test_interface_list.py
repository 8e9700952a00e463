"""tools/interface/coverage, which says whether every key, command and option has a test, finds what it is for."""

import json
import shutil
import subprocess

import pytest

import harness

INTERFACE = {
    "settings": [{"name": "sources.listen", "table": "sources", "key": "listen", "type": "a string", "words": []},
                 {"name": "sources.type", "table": "sources", "key": "type", "type": "a string", "words": ["tcp", "udp"]},
                 {"name": "sources.timestamp", "table": "sources", "key": "timestamp", "type": "a table", "words": []}],
    "commands": [{"name": "run", "options": [{"names": ["--help", "-h"]}, {"names": ["--from"]}], "arguments": []}],
}
PYTHON = """
import pytest

@pytest.mark.interface("sources.listen", "--help", "--config", "--version")
def test_a():
    listen("its --help", "its --config", "its --version")

@pytest.mark.interface("sources.type", "sources.type=tcp", "sources.type=udp", "run")
def test_b():
    run('type = "tcp"', "udp")
"""
DOCTEST = """
// interface: run --from
TEST_CASE("starts from somewhere") { run("--from"); }
"""


@pytest.fixture
def coverage(tmp_path):
    """A function: the report over these tests, and its exit code."""
    tool = tmp_path / "tools/interface/coverage"
    tool.parent.mkdir(parents=True)
    shutil.copy(harness.ROOT / "tools/interface/coverage", tool)
    (tmp_path / "tests/e2e").mkdir(parents=True)
    (tmp_path / "interface.json").write_text(json.dumps(INTERFACE))

    def report(python=PYTHON, doctest=DOCTEST):
        (tmp_path / "tests/e2e/test_x.py").write_text(python)
        (tmp_path / "tests/x_test.cc").write_text(doctest)
        result = subprocess.run([tool, tmp_path / "interface.json"], capture_output=True, text=True)
        return result.returncode, result.stdout

    return report


def test_without_a_gap_it_lists_each_with_its_tests(coverage):
    code, report = coverage()
    assert code == 0
    lines = dict(line.split(maxsplit=1) for line in report.splitlines() if line.startswith("sources."))
    assert lines["sources.listen"] == "tests/e2e/test_x.py::test_a"
    assert "sources.timestamp" not in lines
    assert "run --from" in report and "tests/x_test.cc: starts from somewhere" in report


@pytest.mark.parametrize("old, new, says", [
    ('"sources.listen", ', "", "no test changes sources.listen"),
    ('"sources.type=udp", ', "", "no test changes sources.type=udp"),
    ('"sources.listen"', '"sources.listne"', "the mark 'sources.listne' names nothing in the interface"),
    ('listen("its', 'hear("its', "is marked 'sources.listen' and its file never says 'listen'"),
    ('"sources.listen", "--help"', '"sources.listen", "sources.mode"', "no test changes --help"),
])
def test_a_gap_and_a_wrong_mark_are_failures(coverage, old, new, says):
    code, report = coverage(PYTHON.replace(old, new))
    assert code == 1 and says in report


def test_a_mark_of_doctest_belongs_to_the_case_below_it(coverage):
    assert coverage(doctest=DOCTEST.replace("// interface: run --from\n", ""))[0] == 1
    assert coverage(doctest=DOCTEST.replace("run --from\n", "run --form\n"))[0] == 1
