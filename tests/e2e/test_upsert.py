"""Upsert by primary key: columns that triggers keep show that nothing was written twice."""

import re
import sqlite3

import pytest

import examples
import harness
import peers
import rows


@pytest.fixture
def stock(tidemark, free_port):
    """A running instance on the user's own table, and its port."""
    port = free_port()
    instance = examples.use(tidemark, "upsert", PORT=port)
    instance.data_dir.mkdir()
    sql = "\n".join(re.findall(r"^#\| ?(.*)$", instance.config_file.read_text(), re.MULTILINE))
    with sqlite3.connect(instance.data_dir / "stock.db") as database:
        database.executescript(sql)
    database.close()
    return instance.start(), port


def table(instance):
    return rows.query(instance.data_dir / "stock.db", "SELECT * FROM stock ORDER BY item")


def feed(instance, port, text, expected):
    """Sends, and returns the table when (item, pieces, moves) of its rows are as expected."""
    peers.send(port, text)
    harness.wait_until(lambda: [row[:3] for row in table(instance)] == expected, what=f"{expected}")
    return table(instance)


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_a_restart_writes_nothing_that_stands_there(stock, ending):
    instance, port = stock
    feed(instance, port, "bolt,10\nnut,5\n", [("bolt", 10, 1), ("nut", 5, 1)])
    feed(instance, port, "bolt,-3\n", [("bolt", 7, 2), ("nut", 5, 1)])
    before = feed(instance, port, "screw,1\n", [("bolt", 7, 2), ("nut", 5, 1), ("screw", 1, 1)])
    assert all(row[3] for row in before) and [bool(row[4]) for row in before] == [True, False, False]

    for _ in range(3):
        assert (instance.terminate() if ending == "stop" else instance.kill9()) in (0, -9)
        instance.start()
        harness.wait_until(lambda: instance.command("status", json=True)["sinks"][0]["waiting"] == 0, what="the sink")
        assert table(instance) == before

    after = feed(instance, port, "nut,1\n", [("bolt", 7, 2), ("nut", 6, 2), ("screw", 1, 1)])
    assert [row for row in after if row[0] != "nut"] == [row for row in before if row[0] != "nut"]
    was, now = before[1], after[1]
    assert now[3] == was[3] and now[4] > now[3]


def test_a_table_without_the_key_is_named_with_the_statement_that_helps(tidemark, free_port):
    port = free_port()
    instance = examples.use(tidemark, "upsert", PORT=port)
    instance.data_dir.mkdir()
    database = sqlite3.connect(instance.data_dir / "stock.db")
    database.execute("CREATE TABLE stock (item TEXT, pieces INTEGER, moves INTEGER)")
    with pytest.raises(AssertionError):
        instance.start()  # waiting would not mend it: the start refuses
    assert instance.process.returncode == 2
    said = re.search(r'sink "stock": .*(CREATE UNIQUE INDEX .*;)', instance.stderr())
    assert said, instance.stderr()
    database.execute(said[1])
    database.close()
    instance.start()
    peers.send(port, "bolt,10\n")
    harness.wait_until(lambda: table(instance) == [("bolt", 10, 1)], what="the row")
