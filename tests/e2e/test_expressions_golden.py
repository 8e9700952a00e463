"""sqlite3 agrees with every line of the expressions' golden file, but for the differences it names; Python with every
line of the other one, of what sqlite3 has not."""

import re
import sqlite3
from pathlib import Path

import pytest

import expressions_oracle

GOLDEN = Path(__file__).resolve().parents[1] / "unit/expressions/golden.txt"
PYTHON = GOLDEN.with_name("golden_python.txt")
LINE = re.compile(r"(?P<expression>.+) => (?P<value>.+?)(?:\s+!(?P<mark>difference|since) (?P<name>\S+))?")

PYTHON_LINE = re.compile(r"(?P<expression>.+) => (?P<value>.+?)  !python (?P<python>.+)")


def lines():
    for number, line in enumerate(GOLDEN.read_text(encoding="utf-8").splitlines(), 1):
        if line and not line.startswith("#"):
            found = LINE.fullmatch(line)
            assert found, f"{GOLDEN}:{number}: no golden line: {line}"
            yield pytest.param(found.groupdict(), id=f"{number}: {found['expression']}")


def named_differences():
    """The names in the table at the top of the file."""
    table = GOLDEN.read_text(encoding="utf-8").split("# difference ")[1].split("\n\n")[0]
    return set(re.findall(r"^# ([a-z-]+) ", table, re.MULTILINE))


def agrees(value, answer):
    """Whether sqlite3's answer, or its error, is the value as the golden file writes it."""
    if value.startswith("error: "):
        return isinstance(answer, sqlite3.Error)
    if value == "NULL":
        return answer is None
    if value in ("TRUE", "FALSE"):
        return type(answer) is int and answer == (value == "TRUE")
    if value.startswith("'"):
        return answer == value[1:-1].replace("''", "'")
    number = int(value) if re.fullmatch(r"-?\d+", value) else float(value)
    return type(answer) is type(number) and answer == number


def ask_sqlite(expression):
    connection = sqlite3.connect(":memory:")
    try:
        return connection.execute(f"SELECT {expression}").fetchone()[0]
    except sqlite3.Error as error:
        return error
    finally:
        connection.close()


@pytest.mark.parametrize("line", list(lines()))
def test_sqlite_gives_the_same_value(line):
    if line["mark"] == "since" and sqlite3.sqlite_version_info < tuple(map(int, line["name"].split("."))):
        pytest.skip(f"sqlite3 is {sqlite3.sqlite_version}")
    answer = ask_sqlite(line["expression"])
    if line["mark"] == "difference":
        assert not agrees(line["value"], answer), "named as a difference, and there is none"
    else:
        assert agrees(line["value"], answer), f"sqlite3 says {answer!r}"


def test_every_difference_is_in_the_table_and_used():
    used = {param.values[0]["name"] for param in lines() if param.values[0]["mark"] == "difference"}
    assert used == named_differences()


def test_there_are_enough_lines():
    assert len(list(lines())) >= 200


def python_lines():
    for number, line in enumerate(PYTHON.read_text(encoding="utf-8").splitlines(), 1):
        if line and not line.startswith("#"):
            found = PYTHON_LINE.fullmatch(line)
            assert found, f"{PYTHON}:{number}: no golden line: {line}"
            yield pytest.param(found.groupdict(), id=f"{number}: {found['expression']}")


@pytest.mark.parametrize("line", list(python_lines()))
def test_python_gives_the_same_value(line):
    if line["value"].startswith("error: "):
        with pytest.raises(Exception):
            expressions_oracle.evaluate(line["python"])
    else:
        assert expressions_oracle.written(expressions_oracle.evaluate(line["python"])) == line["value"]
