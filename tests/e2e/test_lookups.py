"""[lookups.NAME]: tables that expressions look things up in."""

import sqlite3

import pytest

CONFIG = """
[sources.lines]
type = "stdin"
[lookups.devices]
type = "sqlite"
path = "devices.db"
query = "SELECT line, device, site, hot FROM devices"
key = ["line", "device"]
max_size = "{size}"
[pipelines.seen]
from = ["lines"]
select = ["device", "lookup('devices', line, device, '{column}') AS found"]
to = ["out"]
[sinks.out]
type = "stdout"
"""


def make(tidemark, column="site", size="1MiB"):
    made = tidemark(CONFIG.format(column=column, size=size))
    with sqlite3.connect(made.directory / "devices.db") as database:
        database.execute("CREATE TABLE devices (line TEXT, device INTEGER, site TEXT, hot REAL)")
        database.executemany("INSERT INTO devices VALUES (?, ?, ?, ?)",
                             [("a", 1, "hall 1", 80.5), ("a", 2, None, 90.0), ("b", 1, "hall 2", None)])
    database.close()
    return made


@pytest.mark.interface("lookups.type", "lookups.query", "lookups.key")
def test_rows_of_a_query_are_found_by_a_key_of_two_columns(tidemark):
    made = make(tidemark)
    result = made.command("run", input='{"line":"a","device":1}\n{"line":"b","device":1}\n{"line":"a","device":"1"}\n'
                                       '{"line":"a","device":2}\n{"device":1}\n')
    assert result.stdout.splitlines() == [
        '{"device":1,"found":"hall 1"}', '{"device":1,"found":"hall 2"}', '{"device":"1","found":null}',
        '{"device":2,"found":null}', '{"device":1,"found":null}']


@pytest.mark.interface("lookups.max_size")
def test_a_table_that_is_too_large_is_refused_at_the_start(tidemark):
    result = make(tidemark, size="64").command("run", input="", check=False)
    assert result.returncode == 2 and "it has more than the 64 bytes of `max_size`" in result.stderr


def test_a_column_and_a_lookup_that_there_are_not_are_told_with_what_was_meant(tidemark):
    result = make(tidemark, column="sit").command("check", check=False)
    assert result.returncode == 2
    assert "there is no column 'sit'; did you mean 'site'?; there are line, device, site, hot" in result.stderr
    made = make(tidemark)
    made.config_file.write_text(made.config_file.read_text().replace("lookup('devices', line, device, ", "lookup('device', line, "))
    assert "there is no lookup 'device'; did you mean \"devices\"?" in made.command("check", check=False).stderr
    made.config_file.write_text(made.config_file.read_text().replace("lookup('device', line, ", "lookup('devices', line, "))
    assert "its key is line, device" in made.command("check", check=False).stderr
