"""Memory, and what an idle appliance costs."""

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks import results
from benchmarks.program import Program
from benchmarks.report import Figure
from benchmarks.throughput import Job, run_bare, run_tidemark

IDLE_SECONDS = 60
ROWS = {
    "memory-idle": "memory, nothing configured, as installed",
    "memory-10k": "memory at 10,000 keys of 16 bytes, 4 aggregates, at full speed, a checkpoint a second",
    "memory-1m": "memory at 1,000,000 keys of 16 bytes, 4 aggregates, at full speed, a checkpoint a second",
    "idle": f"an idle appliance with sources, a window and a journal, over {IDLE_SECONDS} s",
}

# Everything that could tick has something to do it with.
IDLE = """
[sources.lines]
type = "tcp"
listen = "127.0.0.1:0"
timestamp = { field = "ts", format = "ms" }
idle_after = "30s"

[pipelines.minutes]
from = ["lines"]
key_by = ["device"]
window = { type = "tumbling", size = "1m" }
select = ["count(*) AS n", "avg(x) AS mean"]
to = ["history"]

[sinks.history]
type = "sqlite"
path = "history.db"
table = "minutes"
"""


def measure(names, context):
    if "memory-idle" in names:
        measure_idle_memory(context)
    for name, keys, bar in (("memory-10k", 10_000, 20), ("memory-1m", 1_000_000, 160)):
        if name in names:
            measure_peak(name, keys, bar, context)
    if "idle" in names:
        measure_idle(context)


def measure_idle_memory(context):
    anonymous, resident = [], []
    for _ in range(context.pairs):
        with tempfile.TemporaryDirectory(dir=context.folder) as own:
            instance = Program(own, "")
            try:
                instance.start()
                instance.status()
                memory = instance.memory()
            finally:
                instance.close()
        anonymous.append(memory["RssAnon"] / 1e6)
        resident.append(memory["VmRSS"] / 1e6)
    row = f"memory-idle: {ROWS['memory-idle']}"
    context.report.add(Figure(row, "anonymous (RssAnon)", anonymous, "MB", ("<=", 3)))
    context.report.add(Figure(row, "resident (VmRSS)", resident, "MB", ("<=", 11)))


def measure_peak(name, keys, bar, context):
    """The most over whole runs, journal on, with its default settings."""
    job = Job(name, ROWS[name], keys=keys, journal=True)
    made = context.inputs.get("plain", keys, max(context.records, 8 * keys))
    totals, _ = run_bare(context.folder, job.transport, made)
    comparison, peaks = results.Comparison(), []
    for pair in range(context.pairs):
        context.show(f"{name}: round {pair + 1} of {context.pairs}")
        with tempfile.TemporaryDirectory(dir=context.folder) as own:
            peaks.append(run_tidemark(Path(own), job, made, totals, comparison)["peak"] / 1e6)
    context.show("")
    # A limit that one run of nine exceeds is exceeded.
    context.report.add(Figure(f"{name}: {ROWS[name]}", "peak (VmHWM), the highest of all runs", [max(peaks)], "MB",
                              ("<=", bar), f"of {len(peaks)}, median {statistics.median(peaks):.1f}"))


def measure_idle(context):
    with tempfile.TemporaryDirectory(dir=context.folder) as own:
        instance = Program(own, IDLE)
        try:
            instance.start()
            # What the start leaves behind is written, and idle_after has passed.
            context.show("idle: waiting until it is")
            time.sleep(40)
            cpu, wakes, written = instance.cpu_seconds(), instance.wake_ups(), instance.written_bytes()
            context.show(f"idle: {IDLE_SECONDS} s")
            time.sleep(IDLE_SECONDS)
            cpu, wakes = instance.cpu_seconds() - cpu, instance.wake_ups() - wakes
            written = instance.written_bytes() - written
        finally:
            instance.close()
    context.show("")
    row = f"idle: {ROWS['idle']}"
    context.report.add(Figure(row, "processor", [cpu / IDLE_SECONDS * 100], "%", ("<=", 0.1)))
    context.report.add(Figure(row, "wake-ups a second", [wakes / IDLE_SECONDS], "", ("<=", 2)))
    context.report.add(Figure(row, "bytes written", [written], "", ("<=", 0)))
