"""What checkpoints cost: bytes by the share of keys that changed, pauses of the loop, and the start from one."""

import random
import socket
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.program import Program, harness
from benchmarks.report import Figure
from benchmarks.throughput import JOBS, run_bare, run_tidemark
from benchmarks import results

SHARES = {"checkpoint-bytes-0.1": 0.001, "checkpoint-bytes-1": 0.01, "checkpoint-bytes-10": 0.1,
          "checkpoint-bytes-100": 1.0}
ROWS = {
    **{name: f"checkpoint bytes when {share:.1%} of the keys, at random, changed" for name, share in SHARES.items()},
    "stall": "longest slice of the loop: 1,000,000 keys arrive, their windows close, a checkpoint a second",
    "restore": "start: 1,000,000 keys from a checkpoint, 1,000,000 records from the journal, all in the page cache",
}

# One running figure a key; nothing is written but checkpoints and the journal.
RUNNING = """
[checkpoint]
interval = "1h"

[journal]
max_size = "1GiB"

[sources.feed]
type = "tcp"
listen = "127.0.0.1:{port}"
format = "json"

[pipelines.running]
from = ["feed"]
key_by = ["device"]
select = ["count(*) AS n", "avg(x) AS mean", "min(x) AS low", "max(x) AS high"]
to = ["nothing"]

[sinks.nothing]
type = "null"
"""


def measure(names, context):
    shares = [name for name in SHARES if name in names]
    if shares:
        measure_bytes(shares, context)
    if "stall" in names:
        measure_stall(context)
    if "restore" in names:
        measure_restore(context)


def lines(numbers, value):
    """A record for each key; 16 bytes a key."""
    return "".join(f'{{"device":"hall-{n % 16:02}/d-{n:06}","x":{value}}}\n' for n in numbers).encode()


class Feeder:
    """Sends records and waits until they are applied."""

    def __init__(self, instance, port):
        self.instance, self.sent = instance, 0
        self.connection = socket.create_connection(("127.0.0.1", port))

    def send(self, content):
        self.connection.sendall(content)
        self.sent += content.count(b"\n")
        self.instance.wait_for(lambda status: status["sources"][0]["records"] == self.sent, "the records")

    def checkpoint(self):
        """(bytes written for it, whether it was one with a base)"""
        name = self.instance.ask("checkpoint-create")["id"]
        segments = self.instance.ask("checkpoint-show", id=name)["segments"]
        number = name.removeprefix("chk-")
        own = [segment for segment in segments if segment["name"].startswith(f"{number}-")]
        return sum(segment["bytes"] for segment in own), any(segment["base_to"] for segment in own)


def measure_bytes(names, context):
    """A whole cycle a share: from one base over its increments to the next base, all of it counted."""
    keys = context.keys
    for name in names:
        share = SHARES[name]
        port = harness.free_port()
        with tempfile.TemporaryDirectory(dir=context.folder) as own:
            instance = Program(own, RUNNING.format(port=port))
            try:
                instance.start()
                feeder = Feeder(instance, port)
                feeder.send(lines(range(keys), 20.5))
                full, _ = feeder.checkpoint()
                written, based, draws = [], False, random.Random(1)
                while not based:
                    context.show(f"{name}: {len(written)} increments")
                    feeder.send(lines(draws.sample(range(keys), round(keys * share)), 20.5 + len(written) % 10))
                    size, based = feeder.checkpoint()
                    written.append(size)
            finally:
                instance.close()
        context.show("")
        increments = written[:-1] or written
        ratios = [size / full * 100 for size in increments]
        mean = statistics.mean(written) / full * 100
        row = f"{name}: {ROWS[name]} (of {keys:,})"
        bars = {"checkpoint-bytes-1": (2, 4)}.get(name)
        context.report.add(Figure(row, "of a full one, an increment", ratios, "%", bars and ("<=", bars[0])))
        context.report.add(Figure(row, "of a full one, mean over a cycle", [mean], "%",
                                  bars and ("<=", bars[1]), f"{len(written)} checkpoints, the last a base",
                                  {"full_bytes": full, "written_bytes": written}))


def measure_stall(context):
    """The run that has everything in it: growth, windows that close, bases, segments of the journal."""
    job = next(job for job in JOBS if job.name == "keys-1m-journal")
    made = context.inputs.get("plain", context.keys, max(8 * context.keys, context.records))
    totals, _ = run_bare(context.folder, job.transport, made)
    runs, comparison = [], results.Comparison()
    for pair in range(context.pairs):
        context.show(f"stall: round {pair + 1} of {context.pairs}")
        with tempfile.TemporaryDirectory(dir=context.folder) as own:
            runs.append(run_tidemark(Path(own), job, made, totals, comparison))
    context.show("")
    context.report.add(Figure(f"stall: {ROWS['stall']}", "longest slice, thread CPU time",
                              [run["slice"] * 1e3 for run in runs], "ms", ("<=", 2)))


def measure_restore(context):
    keys = records = context.keys
    port = harness.free_port()
    starts, memory = [], []
    with tempfile.TemporaryDirectory(dir=context.folder) as own:
        instance = Program(own, RUNNING.format(port=port))
        try:
            instance.start()
            feeder = Feeder(instance, port)
            feeder.send(lines(range(keys), 20.5))
            feeder.checkpoint()
            feeder.send(lines(random.Random(1).sample(range(keys), records), 21.5))
            instance.wait_for(lambda status: status["journal"]["durable"] == status["journal"]["appended"], "the fsync")
            for pair in range(context.pairs):
                context.show(f"restore: start {pair + 1} of {context.pairs}")
                instance.kill9()
                instance.close()
                begun = time.monotonic()
                instance.start()
                starts.append(time.monotonic() - begun)
                status = instance.status()
                memory.append(instance.memory()["VmHWM"] / 1e6)
                assert f"{records} entries replayed" in status["resumed_from"], status["resumed_from"]
                assert status["pipelines"][0]["keys"] == keys, status["pipelines"]
        finally:
            instance.close()
    context.show("")
    row = f"restore: {ROWS['restore']}"
    context.report.add(Figure(row, "until READY=1", starts, "s", ("<=", 2)))
    context.report.add(Figure(row, "peak memory (VmHWM)", memory, "MB"))
