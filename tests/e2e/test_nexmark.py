"""config/nexmark: every query gives, row for row, what SQLite makes of the same events; also over kill -9."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import harness
import rows

sys.path.insert(0, str(harness.ROOT / "tools"))

from benchmarks import nexmark, nexmark_events, nexmark_oracle  # noqa: E402

BY_EVENTS = list(nexmark_oracle.ORACLE)
ALL = sorted((path.stem for path in nexmark_oracle.QUERIES.glob("*.toml")), key=lambda name: int(name[1:]))
# Events, and how many of them a second: windows with hundreds of bids, and windows with a few, many of which are equal.
STREAMS = {"dense": (40_000, 200), "sparse": (5_000, 1)}


@pytest.fixture(scope="module", params=STREAMS)
def stream(request, tmp_path_factory):
    """(file, its events)"""
    path = tmp_path_factory.mktemp("nexmark") / "events.jsonl"
    count, rate = STREAMS[request.param]
    with path.open("w") as file:
        file.writelines(nexmark_events.lines(count, seed=7, rate=rate))
    return path, nexmark_oracle.Events(path)


def use(tidemark, events, config):
    """An instance on the configuration, not yet started, that reads that file."""
    instance = tidemark("", {"EVENTS": str(events)})
    instance.env["TIDEMARK_DATA"] = str(instance.data_dir)
    instance.config_file.write_text(config)
    return instance


def drain(instance, events):
    """Ends it for good when it has read them all."""
    harness.wait_until(lambda: nexmark_oracle.bytes_read(instance.command("status", json=True)) == events.stat().st_size,
                       what="the events")
    instance.command("stop", "--drain")
    assert instance.wait() == 0


def results(instance, query):
    """The rows of its sink, a file or a table."""
    if (table := instance.data_dir / f"{query}.db").exists():
        names = [name for _, name, *_ in rows.query(table, f"PRAGMA table_info({query})")]
        return [dict(zip(names, row)) for row in rows.query(table, f"SELECT * FROM {query}")]
    return list(nexmark_oracle.rows_of(instance.data_dir / f"{query}.jsonl"))


def compare(query, found, expected):
    seen, expected = Counter(nexmark_oracle.seen(query, found)), Counter(expected)
    assert expected, "a stream of which nothing is said shows nothing"
    assert not (missing := expected - seen), f"{sum(missing.values())} are missing, such as {next(iter(missing))}"
    assert not (more := seen - expected), f"{sum(more.values())} too many, such as {next(iter(more))}"


@pytest.mark.parametrize("query", ALL)
def test_it_holds_and_its_own_tests_pass(query, tidemark, tmp_path):
    instance = use(tidemark, tmp_path / "none", nexmark_oracle.configuration(query))
    assert instance.command("check").returncode == 0
    report = instance.command("test", json=True)
    assert report["passed"] >= 1 and report["failed"] == 0


def test_every_query_has_an_oracle():
    assert set(ALL) == {*BY_EVENTS, nexmark_oracle.BY_THE_CLOCK}


@pytest.mark.parametrize("query", BY_EVENTS)
def test_its_results_are_those_of_sql_over_kills(query, stream, tidemark, tmp_path):
    """Killed with everything read, killed while it reads, and drained when the rest is read."""
    path, events = stream
    growing = tmp_path / "growing.jsonl"
    growing.touch()
    quick = '\n[checkpoint]\ninterval = "200ms"\nmin_pause = "0s"\n'
    instance = use(tidemark, growing, nexmark_oracle.configuration(query) + quick)
    lines = path.read_bytes().splitlines(keepends=True)
    tenth = len(lines) // 10

    def grow(some):
        with growing.open("ab") as file:
            file.writelines(some)

    def all_is_delivered():
        status = instance.command("status", json=True)
        return nexmark_oracle.bytes_read(status) == growing.stat().st_size and status["sinks"][0]["waiting"] == 0

    grow(lines[:tenth])
    instance.start()
    harness.wait_until(all_is_delivered, what="the first results")
    instance.kill9()
    grow(lines[tenth:-tenth])
    instance.start()
    read = sum(map(len, lines[:tenth]))
    harness.wait_until(lambda: nexmark_oracle.bytes_read(instance.command("status", json=True)) > read, what="more")
    instance.kill9()
    instance.start()
    grow(lines[-tenth:])
    harness.wait_until(all_is_delivered, what="the last results before the end")
    if nexmark_oracle.waits(query):
        compare(query, results(instance, query), events.expected(query, events.watermark))
    drain(instance, growing)
    compare(query, results(instance, query), events.expected(query))


@pytest.mark.parametrize("stream", ["dense"], indirect=True)
def test_windows_of_the_clock_hold_what_arrived_in_them(stream, tidemark):
    """Arrivals are known only afterwards, so a second pipeline writes them down; and ten seconds would be long. Killed
    while it reads, it cuts the same windows again."""
    path, events = stream
    query, size = nexmark_oracle.BY_THE_CLOCK, 5
    text = nexmark_oracle.configuration(query).replace('size = "10s"', f'size = "{size}ms"')
    instance = use(tidemark, path, text + """
[pipelines.arrivals]
from = ["events"]
where = "event = 'bid'"
select = ["bidder", "_received AS at"]
to = ["arrivals"]

[sinks.arrivals]
type = "file"
path = "arrivals.jsonl"
""")
    instance.start()
    harness.wait_until(lambda: nexmark_oracle.bytes_read(instance.command("status", json=True)) > 0, what="some events")
    instance.kill9()
    drain(instance.start(), path)
    arrivals = Counter((row["bidder"], row["at"] // size * size)
                       for row in rows.json_lines(instance.data_dir / "arrivals.jsonl"))
    assert sum(arrivals.values()) == events.bids
    seen = Counter()
    for row in results(instance, query):
        begins, ends = (nexmark_oracle.ms(row[name]) for name in ("window_start", "window_end"))
        assert ends - begins == size
        seen[row["bidder"], begins] += row["bid_count"]
    assert seen == arrivals
    assert len({begins for _, begins in seen}) > 1


@pytest.mark.parametrize("stream", ["sparse"], indirect=True)
def test_some_auctions_are_as_hot_as_others(stream):
    _, events = stream
    hot = list(events.expected("q5"))
    assert len(hot) > len({ends for _, _, ends in hot}) > 1000


def test_events_are_the_same_for_the_same_seed_and_in_their_proportions():
    lines = list(nexmark_events.lines(5000, seed=3, rate=50))
    assert lines == list(nexmark_events.lines(5000, seed=3, rate=50)) != list(nexmark_events.lines(5000, seed=4, rate=50))
    events = [json.loads(line) for line in lines]
    assert Counter(event["event"] for event in events) == {"person": 100, "auction": 300, "bid": 4600}
    for kind in ("person", "auction"):
        ids = [event["id"] for event in events if event["event"] == kind]
        assert ids == list(range(1000, 1000 + len(ids)))
    late = [nexmark_events.BEGIN + number * 20 - event["dateTime"] for number, event in enumerate(events)]
    assert 0 == min(late) < max(late) < nexmark_events.MOST_DELAYED < nexmark_oracle.OUT_OF_ORDER
    hot, = Counter(event["auction"] for event in events[:1500] if event["event"] == "bid").most_common(1)
    assert hot[0] == 1000 and 0.4 < hot[1] / 1380 < 0.6
    printed = subprocess.run([harness.ROOT / "tools/benchmarks/nexmark_events.py", "5000", "--seed", "3", "--rate", "50"],
                             capture_output=True, text=True, check=True).stdout
    assert printed == "".join(lines)


def test_a_digest_tells_a_row_that_is_missing_doubled_or_changed():
    right = [(1, "a"), (2, "b"), (2, "b")]
    assert nexmark_oracle.digest(right) == nexmark_oracle.digest(reversed(right))
    for wrong in (right[1:], [*right, right[0]], [(1, "a"), (2, "b"), (3, "b")], [(1, "a"), (1, "a"), (2, "b")]):
        assert nexmark_oracle.digest(wrong) != nexmark_oracle.digest(right)


@pytest.mark.parametrize("query", ["q2", "q17", nexmark_oracle.BY_THE_CLOCK])
@pytest.mark.parametrize("stream", ["sparse"], indirect=True)
def test_a_measurement_ends_at_a_result_that_is_missing(query, stream, tidemark, tmp_path):
    path, events = stream
    written = tmp_path / "results.jsonl"
    drain(use(tidemark, path, nexmark_oracle.configuration(query, written)).start(), path)
    nexmark.check(query, written, events)
    written.write_text("".join(written.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(AssertionError):
        nexmark.check(query, written, events)


def test_rows_are_queries():
    assert set(nexmark.ROWS) == {"nexmark", *(f"nexmark-{query}" for query in ALL)}
    assert nexmark.ROWS["nexmark-q5"] == "Nexmark query 5, hot items, journal on"


def test_results_go_to_another_file_when_that_is_asked_for():
    for query in ALL:
        text = nexmark_oracle.configuration(query, Path("/elsewhere"))
        assert 'path = "/elsewhere"' in text and f"{query}.db" not in text.partition("[sinks")[2]
        assert text.count("[sinks.") == 1 and "[[tests]]" in text
