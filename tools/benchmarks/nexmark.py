"""Nexmark, the queries of config/nexmark: events a second, and events a second of processor time.

A run is the program as it stands there, under default settings, journal and checkpoints on, but that results go to a
file: it reads a file of events to its end and is drained, which closes every window. Wall time is that of the process,
from its start to its end, with its last checkpoint; processor time that of all its threads, and events a second and
core are events over it. Results are compared with what SQLite makes of the same events (nexmark_oracle).
"""

import collections
import hashlib
import tempfile
import time
from pathlib import Path

from benchmarks import nexmark_events, nexmark_oracle
from benchmarks.program import Program, end_and_account
from benchmarks.report import Figure

SHARE = 6  # of the records that other rows are about: an event has two to five times their bytes
ALL = "nexmark"


def queries():
    """{query: what it is about}, as the first line of its configuration says."""
    names = sorted((path.stem for path in nexmark_oracle.QUERIES.glob("q*.toml")), key=lambda name: int(name[1:]))
    return {name: nexmark_oracle.configuration(name).splitlines()[0].split(", ", 1)[1].partition(":")[0] for name in names}


QUERIES = queries()
ROWS = {ALL: "Nexmark, all of the following",
        **{f"{ALL}-{query}": f"Nexmark query {query[1:]}, {text}, journal on" for query, text in QUERIES.items()}}


def measure(names, context):
    wanted = [query for query in QUERIES if ALL in names or f"{ALL}-{query}" in names]
    if not wanted:
        return
    count = context.records // SHARE
    path = context.folder / "nexmark.jsonl"
    context.show(f"nexmark: making {count:,} events")
    with path.open("w") as file:
        file.writelines(nexmark_events.lines(count))
    context.show("nexmark: reading them into SQLite")
    events = nexmark_oracle.Events(path)
    runs, right = {query: [] for query in wanted}, set()
    for pair in range(context.pairs):
        for query in wanted:
            context.show(f"nexmark-{query}: round {pair + 1} of {context.pairs}")
            with tempfile.TemporaryDirectory(dir=context.folder) as own:
                runs[query].append(run(Path(own), query, path, events, right))
    context.show("")
    path.unlink()
    for query in wanted:
        report(query, count, runs[query], context)


def report(query, count, runs, context):
    row = f"nexmark-{query}: {ROWS[f'nexmark-{query}']}, {count:,} events"

    def add(what, values, unit=""):
        context.report.add(Figure(row, what, values, unit))

    add("events a second", [count / run["wall"] / 1e6 for run in runs], "million")
    add("events a second and core", [count / run["cpu"] / 1e6 for run in runs], "million")
    add("CPU an event", [run["cpu"] / count * 1e9 for run in runs], "ns")
    add("peak memory", [run["peak"] / 1e6 for run in runs], "MB")
    add("results", [run["results"] for run in runs])


def run(folder, query, path, events, right):
    """One run: wall and CPU seconds, most resident bytes, and how many results. Those that were seen to be right are
    remembered in `right` by their bytes."""
    written, size = folder / "results.jsonl", path.stat().st_size
    instance = Program(folder, nexmark_oracle.configuration(query, written))
    instance.env |= {"EVENTS": str(path), "TIDEMARK_DATA": str(instance.data_dir)}
    start = time.monotonic()
    try:
        instance.start()
        instance.wait_for(lambda status: nexmark_oracle.bytes_read(status) == size, "the last event")
        peak = instance.memory()["VmHWM"]
        instance.command("stop", "--drain")
        account = end_and_account(instance.process, start)
    finally:
        instance.close()
    if (content := content_of(written)) not in right:
        check(query, written, events)
        right.add(content)
    with written.open("rb") as file:
        return {**account, "peak": peak, "results": sum(1 for _ in file)}


def content_of(path):
    """What tells apart what files hold."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()


def check(query, written, events):
    if query == nexmark_oracle.BY_THE_CLOCK:
        return check_by_the_clock(written, events)
    got = nexmark_oracle.digest(nexmark_oracle.seen(query, nexmark_oracle.rows_of(written)))
    expected = nexmark_oracle.digest(events.expected(query))
    assert got == expected, f"{query}: {got[0]} rows of sum {got[1]}, not {expected[0]} of {expected[1]}"


def check_by_the_clock(written, events):
    """Nobody knows when events arrived, but each is in one window."""
    counts = collections.Counter()
    for row in nexmark_oracle.rows_of(written):
        counts[row["bidder"]] += row["bid_count"]
    assert counts == dict(events.ask("SELECT bidder, count(*) FROM bid GROUP BY bidder")), "other bids than there were"
