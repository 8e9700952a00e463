"""What the README says is there is there."""

import re

import pytest

import harness

README = (harness.ROOT / "README.md").read_text()


def section(heading):
    return README.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def flink_rows():
    lines = [line for line in section("Coming from Flink").splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("row", flink_rows(), ids=lambda row: row[0][:40])
def test_each_row_of_flink_names_tests_that_exist(row):
    tests = re.findall(r"`(\w+\.(?:py|cc)): ([^`]*)`", row[3] if len(row) > 3 else "")
    assert tests or row[1].startswith("none")
    for file, name in tests:
        found = list((harness.ROOT / "tests").rglob(file))
        assert found, f"there is no {file}"
        text = found[0].read_text()
        pattern = rf"def {name}\(" if file.endswith(".py") else rf'"[^"]*{re.escape(name)}'
        assert re.search(pattern, text), f"{file} has no test {name}"


def test_every_path_it_names_exists():
    for path in set(re.findall(r"`((?:src|tests|tools|config|packaging|systemd)/[\w./-]+)`", README)):
        assert (harness.ROOT / path).exists(), path


def test_every_key_it_names_exists(interface):
    """In prose and tables, not in examples."""
    prose = re.sub(r"(?s)```.*?```", "", README)
    known = {key["name"] for key in interface["settings"]}
    tables = {key["table"] for key in interface["settings"]}
    for name in set(re.findall(r"`([a-z]+\.[a-z_]+)`", prose)):
        if name.split(".")[0] in tables:
            assert name in known, name
