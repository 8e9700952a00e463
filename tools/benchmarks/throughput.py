"""Records a second and CPU a record, beside a bare loop that reads the same bytes, parses and adds.

A round runs the yardstick and every row once, in turn, on the same bytes from the page cache, and ratios are taken
within a round: a machine that is slower for a while is so for both. Wall time runs from the connection (with a file:
from the start of the program) to the last result; the yardstick's to its end. CPU is user + system of all threads.
Where others are at work, wall time is theirs too: so it is also shown less the time that the loop (the yardstick) was
ready to run and had no processor, which a processor that is shared in caches and clock still makes longer.
The results of every run are compared with the yardstick's.
"""

import subprocess
import tempfile
import time
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from benchmarks import results
from benchmarks.program import Program, bench, end_and_account, harness
from benchmarks.report import Figure

DESIGN_BARS = {False: (0.75, 1.35), True: (0.55, 2.2)}  # speed and CPU, each a multiple of bare's; by `journal`


@dataclass(frozen=True)
class Job:
    name: str
    text: str
    transport: str = "tcp"
    shape: str = "plain"
    keys: int = 10_000
    journal: bool = False
    store: str = "files"
    sink: str = "file"
    pipelines: int = 1
    expressions: bool = False
    barred: bool = False

    @property
    def yardstick(self):
        return self.transport, self.shape, self.keys


def both(name, text, **of):
    """Without and with the journal."""
    return [Job(name, f"{text}, journal off", **of), Job(f"{name}-journal", f"{text}, journal on", journal=True, **of)]


JOBS = [
    *both("tcp-json", "TCP, JSON, 10,000 keys", barred=True),
    Job("store-sqlite", "the same, checkpoints in SQLite, journal on", journal=True, store="sqlite"),
    Job("sink-null", "the same, sink null, journal on", journal=True, sink="null"),
    Job("sink-sqlite", "the same, sink SQLite, journal on", journal=True, sink="sqlite"),
    Job("sink-mqtt", "the same, sink MQTT (QoS 1), journal on", journal=True, sink="mqtt"),
    *both("pipelines-10", "the same, 10 pipelines on the source", pipelines=10),
    *both("expressions", "the same, each record through `where` and two derived columns", expressions=True),
    *both("tcp-json-shuffled", "TCP, JSON with its fields in another order each time", shape="shuffled", barred=True),
    *both("tcp-json-noise", "TCP, JSON, a third of it unread and incompressible", shape="noise", barred=True),
    *both("keys-1", "TCP, JSON, 1 key", keys=1),
    *both("keys-1m", "TCP, JSON, 1,000,000 keys", keys=1_000_000),
    *both("tcp-csv", "TCP, CSV, 10,000 keys", shape="csv"),
    *both("file-json", "followed file, JSON, 10,000 keys", transport="file"),
    *both("udp-json", "UDP, JSON, 10,000 keys, 200,000 records a second", transport="udp"),
]
ROWS = {job.name: job.text for job in JOBS}
DATAGRAM_RATE = 200_000
THE_LAST = "2023-11-15T12"  # bench_feed begins the evening before, and ends a day later

CONFIGURATION = """
[checkpoint]
interval = "1s"
store = "{store}"

[journal]
enabled = {journal}

[sources.feed]
{source}
{format}
timestamp = {{ field = "ts", format = "ms" }}
{pipelines}
{sink}
[sinks.nothing]
type = "null"
"""

PIPELINE = """
[pipelines.{name}]
from = ["feed"]
key_by = ["device"]
window = {{ type = "tumbling", size = "1s" }}
select = ["count(*) AS n", "avg(temperature_celsius) AS mean", "min(temperature_celsius) AS low",
          "max(temperature_celsius) AS high"]
to = ["{to}"]
"""

# Every record passes, as the yardstick counts them all.
EXPRESSIONS = """
[pipelines.{name}]
from = ["feed"]
derive = ["temperature_celsius * 1.8 + 32 AS fahrenheit",
          "(temperature_celsius - 20) * (temperature_celsius - 20) AS strain"]
where = "temperature_celsius BETWEEN -40 AND 125 AND unit <> 'degree Fahrenheit'"
key_by = ["device"]
window = {{ type = "tumbling", size = "1s" }}
select = ["count(*) AS n", "avg(temperature_celsius) AS mean", "min(temperature_celsius) AS low",
          "max(temperature_celsius) AS high", "max(fahrenheit) AS high_fahrenheit", "avg(strain) AS strain"]
to = ["{to}"]
"""

# `flush`: else rows would wait in the program for the next checkpoint.
SINKS = {
    "null": "",
    "file": '[sinks.results]\ntype = "file"\npath = "results.jsonl"\nflush = "100ms"\n',
    "sqlite": '[sinks.results]\ntype = "sqlite"\npath = "results.db"\ntable = "results"\nflush = "100ms"\n',
    "mqtt": '[sinks.results]\ntype = "mqtt"\nurl = "{url}"\ntopic = "results"\nqos = 1\n',
}

FORMATS = {"json": 'format = "json"',
           "csv": 'format = "csv"\nfields = ["device:string", "ts:int", "temperature_celsius:float", "unit:string"]'}


def measure(names, context):
    jobs = [job for job in JOBS if job.name in names]
    for yardstick, group in groupby(sorted(jobs, key=lambda job: job.yardstick), key=lambda job: job.yardstick):
        measure_group(yardstick, list(group), context)


def measure_group(yardstick, jobs, context):
    transport, shape, keys = yardstick
    # Slow enough not to be lost, a run of datagrams takes as long whoever receives them.
    records = min(context.records, 10 * DATAGRAM_RATE) if transport == "udp" else context.records
    made = context.inputs.get(shape, keys, max(records, 4 * keys))
    runs = {job.name: [] for job in jobs}
    bare, comparison = [], results.Comparison()
    for pair in range(context.pairs):
        context.show(f"{transport} {shape}, {keys:,} keys: round {pair + 1} of {context.pairs}, bare")
        totals, run = run_bare(context.folder, transport, made)
        bare.append(run)
        for job in jobs:
            context.show(f"{job.name}: round {pair + 1} of {context.pairs}")
            with tempfile.TemporaryDirectory(dir=context.folder) as own:
                runs[job.name].append(run_tidemark(Path(own), job, made, totals, comparison))
    context.show("")
    speeds = [made.records / run["wall"] / 1e6 for run in bare]
    name = f"bare, {transport} {shape}, {keys:,} keys"
    context.report.add(Figure(name, "records a second", speeds, "million"))
    context.report.add(Figure(name, "CPU a record", [run["cpu"] / made.records * 1e9 for run in bare], "ns"))
    for job in jobs:
        report(job, made, bare, runs[job.name], context)


def report(job, made, bare, runs, context):
    speed_bar, cpu_bar = DESIGN_BARS[job.journal] if job.barred else (None, None)
    name = f"{job.name}: {job.text}"

    def add(what, values, unit="", bar=None):
        context.report.add(Figure(name, what, values, unit, bar))

    add("records a second", [made.records / run["wall"] / 1e6 for run in runs], "million")
    if job.transport == "udp":  # its wall time is the sender's
        add("records lost by the kernel", [run["lost"] for run in runs])
        add("records lost by the kernel, bare", [b["lost"] for b in bare])
    else:
        add("speed ÷ bare", [b["wall"] / run["wall"] for b, run in zip(bare, runs)], "",
            speed_bar and (">=", speed_bar))
        add("the same, less waits for a processor",
            [(b["wall"] - b["waited"]) / (run["wall"] - run["waited"]) for b, run in zip(bare, runs)])
    add("CPU a record ÷ bare", [run["cpu"] / b["cpu"] for b, run in zip(bare, runs)], "", cpu_bar and ("<=", cpu_bar))
    add("CPU a record", [run["cpu"] / made.records * 1e9 for run in runs], "ns")
    add("peak memory (VmHWM)", [run["peak"] / 1e6 for run in runs], "MB")
    add("longest slice of the loop", [run["slice"] * 1e3 for run in runs], "ms")


def run_bare(folder, transport, made):
    written = folder / "bare.tsv"
    command = [*bench("bare"), transport, made.format, written] + ([made.path] if transport == "file" else [])
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    if transport != "file":
        port = int(process.stdout.readline())
        start = time.monotonic()
        feed(transport, made, port)
    waited = int(process.stdout.readline()) / 1e9
    run = end_and_account(process, start)
    process.stdout.close()
    totals = results.totals_of(written)
    return totals, {**run, "waited": waited, "lost": made.records - sum(count for count, *_ in totals.values())}


def feed(transport, made, port):
    if transport == "udp":
        subprocess.run([*bench("feed"), "datagrams", made.path, str(port), str(DATAGRAM_RATE)], check=True)
    else:
        subprocess.run([*bench("feed"), "send", made.path, str(port)], check=True)


def configuration(job, made, port, url=""):
    source = {"tcp": f'type = "tcp"\nlisten = "127.0.0.1:{port}"',
              "udp": f'type = "udp"\nlisten = "127.0.0.1:{port}"\nrcvbuf = "4MiB"',
              "file": f'type = "file"\npath = "{made.path}"\nfollow = true'}[job.transport]
    sinks = ["nothing" if job.sink == "null" else "results"] + ["nothing"] * (job.pipelines - 1)
    pipeline = EXPRESSIONS if job.expressions else PIPELINE
    pipelines = "".join(pipeline.format(name=f"windows_{i}", to=to) for i, to in enumerate(sinks))
    return CONFIGURATION.format(store=job.store, journal=str(job.journal).lower(), source=source,
                                format=FORMATS[made.format], pipelines=pipelines,
                                sink=SINKS[job.sink].format(url=url))


def run_tidemark(folder, job, made, totals, comparison):
    port = harness.free_port()
    broker = harness.Mosquitto(folder / "broker", persistence=False).start() if job.sink == "mqtt" else None
    keeper = None
    if broker:
        keeper = subprocess.Popen([*bench("subscribe"), str(broker.port), "results", "1", "keep", folder / "kept",
                                   str(made.results)], stdout=subprocess.PIPE, text=True)
        keeper.stdout.readline()
    instance = Program(folder, configuration(job, made, port, broker.url if broker else ""))
    start = time.monotonic()
    try:
        instance.start()
        idle, waited = 0, 0
        if job.transport != "file":
            idle, waited, start = instance.cpu_seconds(), instance.waited_seconds(), time.monotonic()
            feed(job.transport, made, port)
        content = wait_for_results(instance, folder, job, made, keeper)
        wall = time.monotonic() - start
        waited = instance.waited_seconds() - waited
        status = instance.status()
        run = {"wall": wall, "waited": waited, "cpu": instance.cpu_seconds() - idle, "peak": instance.memory()["VmHWM"],
               "slice": status.get("longest_slice_seconds", 0)}
    finally:
        instance.close()
        if keeper and keeper.poll() is None:
            keeper.kill()
        if broker:
            broker.stop()
    if job.transport == "udp":  # what the kernel has no room for is lost, to either of them
        run["lost"] = made.records - results.records_in(content)
    elif job.sink in ("file", "mqtt"):
        comparison.lines(content, made.results, totals)
    elif job.sink == "sqlite":
        comparison.sums(content, totals)
    return run


def wait_for_results(instance, folder, job, made, keeper):
    if job.sink == "mqtt":
        assert keeper.wait(900) == 0
        return (folder / "kept").read_bytes()
    if job.sink == "sqlite":
        return results.wait_for_table(instance.data_dir / "results.db", made.results, instance)
    if job.transport == "udp":
        # Some may be lost, and with them results: it is over when the last record has moved the watermark.
        instance.wait_for(lambda status: (status["sources"][0]["watermark"] or "") > THE_LAST
                          and all(sink["waiting"] == 0 for sink in status["sinks"]), "the last record")
        return (instance.data_dir / "results.jsonl").read_bytes()
    if job.sink == "null":
        instance.wait_for(lambda status: status["pipelines"][0]["results"] >= made.results
                          and all(sink["waiting"] == 0 for sink in status["sinks"]), "the results")
        return b""
    return results.wait_for_lines(instance.data_dir / "results.jsonl", made.results, instance)
