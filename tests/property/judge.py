"""Compares what the machine says with what the oracle says. Everything found wrong is a sentence."""

import json
import math
from dataclasses import replace

from case import WITNESS
from oracle import Row, World


class Wrong(Exception):
    pass


def same(found, expected):
    if isinstance(found, bool) or isinstance(expected, bool):
        return found is expected
    if isinstance(expected, float):
        if not isinstance(found, float):
            return False
        return found == expected or math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    return type(found) is type(expected) and found == expected


def result_of(line):
    """A result as the oracle has it: what stands as JSON in it is a text there."""
    return {name: json.dumps(value, separators=(",", ":")) if isinstance(value, list) else value
            for name, value in json.loads(line).items()}


def same_row(found, expected):
    return found.keys() == expected.keys() and all(same(found[name], expected[name]) for name in expected)


def came_in(case, told):
    """The records in the order and at the times at which they came; whether these can be true is looked at."""
    sent = {name: peer["sent"] for name, peer in told["peers"].items()}
    records = case.records()
    good = {name: [r for r in of_source if r.fields is not None] for name, of_source in records.items()}
    by_arrival = {source.name for source in case.sources if source.by_arrival}
    rows, seen = [], {name: 0 for name in good}
    for line in told["files"][f"{WITNESS}.jsonl"]:
        witness = json.loads(line)
        name, received = witness["source"], witness["received"]
        if seen[name] >= len(good[name]):
            raise Wrong(f"P2: {line} came in once more")
        record = good[name][seen[name]]
        seen[name] += 1
        if witness["i"] != record.fields["i"]:
            raise Wrong(f"P2: {line} instead of record {record.fields['i']} of {name}")
        if rows and received < rows[-1].received:
            raise Wrong(f"P5: {line} is earlier than the record before it")
        times = sent[name][record.fields["i"]]
        if received not in times:
            raise Wrong(f"P5: {line} was sent at {times}")
        for lines, at in told["peers"][name]["acknowledged"]:
            if lines > record.fields["i"] and received > at:
                raise Wrong(f"P1: {line} was acknowledged at {at}")
        rows.append(Row(record.fields, received if name in by_arrival else record.time, received, name))
    for name in good:
        if seen[name] != len(good[name]):
            raise Wrong(f"P2: {seen[name]} of {len(good[name])} records of {name} came in")
        bad = [r.line for r in records[name] if r.fields is None]
        dead = [json.loads(line)["payload"] for line in told["files"][f"dead_{name}.jsonl"]]
        if dead != bad:
            raise Wrong(f"P7: the dead letters of {name} are {dead} instead of {bad}")
    return rows


def expected_of(case, told, rows, stop_takes):
    world = World(case.sources, case.pipelines, told["began"])
    for row in rows:
        world.record(row)
    if told["drained"]:
        world.drain(told["drained"] + stop_takes)
    world.pass_time(told["ended"] + stop_takes)
    return world


def compare_groups(where, found, results):
    """One after another; those of one group in any order."""
    at = 0
    while at < len(results):
        group = [r for r in results[at:] if r.group == results[at].group]
        left = list(group)
        for row in found[at : at + len(group)]:
            match = next((r for r in left if same_row(row, r.values)), None)
            if match is None:
                raise Wrong(f"{where}: {row} instead of {' or '.join(str(r.values) for r in left)}")
            left.remove(match)
        if left:
            raise Wrong(f"{where}: {left[0].values} is missing")
        at += len(group)
    if len(found) > len(results):
        raise Wrong(f"{where}: {found[len(results)]} is too much")


def stored(value):
    """As SQLite holds it."""
    return int(value) if isinstance(value, bool) else value


def table_rows(lines, pipeline):
    if len(lines) == 1 and lines[0].startswith("error: "):
        if "no such table" in lines[0] or "no /data/out.db" in lines[0]:
            return []
        raise Wrong(lines[0])
    return [dict(zip(pipeline.columns(), json.loads(line))) for line in lines]


def stored_results(results):
    return [replace(r, values={name: stored(value) for name, value in r.values.items()}) for r in results]


def compare_table(where, found, results):
    latest = {}
    for result in results:
        latest[result.key] = {name: stored(value) for name, value in result.values.items()}
    left = list(latest.values())
    for row in found:
        match = next((r for r in left if same_row(row, r)), None)
        if match is None:
            raise Wrong(f"{where}: {row} is none of {left}")
        left.remove(match)
    if left:
        raise Wrong(f"{where}: {left[0]} is missing")


def of_the_other_machine(told, case):
    """By pipeline; each numbered from 1 on."""
    found = {pipeline.name: [] for pipeline in case.pipelines}
    for line in told["received"].splitlines():
        row = result_of(line)
        name = row.pop("_id").split("/")
        found[name[2]].append(row)
        if int(name[3]) != len(found[name[2]]):
            raise Wrong(f"P3: the other machine was told {line} as number {len(found[name[2]])}")
    return found


def compare_late(where, found, expected):
    """Their time, and of the fields those that the pipeline reads."""
    for i, row in enumerate(expected):
        if i >= len(found):
            raise Wrong(f"{where}: {row} is missing")
        if any(not same(value, row.get(name)) for name, value in found[i].items()):
            raise Wrong(f"{where}: {found[i]} instead of {row}")
    if len(found) > len(expected):
        raise Wrong(f"{where}: {found[len(expected)]} is too much")


def compare_all(case, told, world):
    """How many results there are; raises where they are not those of the machine."""
    other = of_the_other_machine(told, case)
    compared = 0
    for pipeline in case.pipelines:
        operator = world.operators[pipeline.name]
        compared += len(operator.results) + len(operator.late)
        if pipeline.late_to:
            late = [result_of(line) for line in told["files"][f"{pipeline.name}_late.jsonl"]]
            compare_late(f"late records of {pipeline.name}", late, operator.late)
        if pipeline.dead_letters:
            found = [json.loads(json.loads(line)["payload"]) for line in told["files"][f"{pipeline.name}_dead.jsonl"]]
            if found != operator.dead:
                raise Wrong(f"dead letters of {pipeline.name}: {found} instead of {operator.dead}")
        if "file" in pipeline.sinks:
            found = [result_of(line) for line in told["files"][pipeline.sink("file") + ".jsonl"]]
            compare_groups(f"file of {pipeline.name}", found, operator.results)
        if "other" in pipeline.sinks:
            compare_groups(f"{pipeline.name} at the other machine", other[pipeline.name], operator.results)
        if "upsert" in pipeline.sinks:
            found = table_rows(told["tables"][pipeline.sink("upsert")], pipeline)
            compare_table(f"table of {pipeline.name}", found, operator.results)
        if "append" in pipeline.sinks:
            found = table_rows(told["tables"][pipeline.sink("append")], pipeline)
            compare_groups(f"rows of {pipeline.name}", found, stored_results(operator.results))
    return compared


# A stop begins when the appliance next looks whether everything is applied, which it does every 2 ms.
LOOKS = (0, 2, 4)


def judge(case, told):
    """What is wrong, or nothing; and how many results were compared."""
    try:
        if told["trouble"]:
            raise Wrong("; ".join(told["trouble"]))
        rows = came_in(case, told)
    except Wrong as wrong:
        return str(wrong), 0
    first = None
    for ms in LOOKS:
        try:
            return None, compare_all(case, told, expected_of(case, told, rows, ms))
        except Wrong as wrong:
            first = first or str(wrong)
    return first, 0
