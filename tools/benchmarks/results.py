"""Reading what a run has written, and holding it against what the yardstick has counted."""

import hashlib
import json
import sqlite3
import time


def totals_of(path):
    """What bench_bare or bench_subscribe has counted: {device: [count, sum, low, high]}."""
    totals = {}
    for line in path.read_text().splitlines():
        device, count, total, low, high = line.split("\t")
        totals[device] = [int(count), float(total), float(low), float(high)]
    del totals["the-last"]  # its window stays open
    return totals


def wait_for_lines(path, expected, instance, timeout=900):
    """The file's bytes as soon as they hold that many lines."""
    parts, lines, deadline = [], 0, time.monotonic() + timeout
    while not path.exists():
        give_up(instance, deadline, f"{path}")
        time.sleep(0.005)
    with path.open("rb") as file:
        while lines < expected:
            if part := file.read():
                parts.append(part)
                lines += part.count(b"\n")
                continue
            give_up(instance, deadline, f"{lines} of {expected} results")
            time.sleep(0.005)
    return b"".join(parts)


def wait_for_table(path, expected, instance, timeout=900):
    deadline = time.monotonic() + timeout
    while not path.exists():
        give_up(instance, deadline, f"{path}")
        time.sleep(0.005)
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        while (rows := rows_of_table(reader)) < expected:
            give_up(instance, deadline, f"{rows} of {expected} results")
            time.sleep(0.01)
        return {device: [n, total, low, high] for device, n, total, low, high in reader.execute(
            "SELECT device, sum(n), sum(mean * n), min(low), max(high) FROM results GROUP BY device")}
    finally:
        reader.close()


def rows_of_table(reader):
    try:
        return reader.execute("SELECT coalesce(max(rowid), 0) FROM results").fetchone()[0]
    except sqlite3.OperationalError:  # not yet made
        return 0


def give_up(instance, deadline, what):
    assert instance.running(), f"tidemark ended:\n{instance.stderr_tail()}"
    assert time.monotonic() < deadline, f"waited in vain for {what}:\n{instance.stderr_tail()}"


class Comparison:
    """Holds results against the yardstick's. Bytes that were seen to be right are not read again."""

    def __init__(self):
        self._right = set()

    def lines(self, content, expected, totals):
        digest = hashlib.blake2b(content).digest()
        if digest in self._right:
            return
        sums, rows = {}, 0
        for line in content.splitlines():
            row = json.loads(line)
            rows += 1
            add(sums, row["device"], row["n"], row["mean"] * row["n"], row["low"], row["high"])
        assert rows == expected, f"{rows} results, not {expected}"
        self.sums(sums, totals)
        self._right.add(digest)

    @staticmethod
    def sums(sums, totals):
        """Every window's row, added up a device, gives what the yardstick has counted."""
        assert sums.keys() == totals.keys(), "other devices than the yardstick has seen"
        for device, (count, total, low, high) in totals.items():
            got = sums[device]
            assert got[0] == count and got[2:] == [low, high] and abs(got[1] - total) < 1e-9 * total + 1e-6, \
                f"{device}: {got}, the yardstick has {[count, total, low, high]}"


def records_in(content):
    return sum(json.loads(line)["n"] for line in content.splitlines())


def add(sums, device, n, total, low, high):
    if of := sums.get(device):
        of[0] += n
        of[1] += total
        of[2] = min(of[2], low)
        of[3] = max(of[3], high)
    else:
        sums[device] = [n, total, low, high]
