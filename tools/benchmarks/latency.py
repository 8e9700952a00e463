"""How long a record takes until its result leaves, while others keep the program at half of what it can do.

Probes travel with the load through the same source; a pipeline of their own passes them on to standard output. The
load is that of tcp-json, at half the speed that a run of it at full speed has reached just before.
"""

import subprocess
import tempfile
from pathlib import Path

from benchmarks import results
from benchmarks.program import Program, bench, harness
from benchmarks.report import Figure
from benchmarks.throughput import CONFIGURATION, FORMATS, JOBS, PIPELINE, SINKS, run_bare, run_tidemark

PROBE = """
[pipelines.probes]
from = ["feed"]
where = "sent IS NOT NULL"
select = ["sent"]
to = ["seen"]

[sinks.seen]
type = "stdout"
"""
# name, text, journal, more settings
KINDS = [
    ("latency", "latency at half load, journal off, mode at-least-once", False, '[checkpoint]\nmode = "at-least-once"'),
    ("latency-journal", "latency at half load, default settings: results leave once their input is durable (sync 200ms)",
     True, ""),
    ("latency-sync-0", "latency at half load, journal on, sync = 0", True, '[journal]\nsync = "0s"'),
]
ROWS = {name: text for name, text, _, _ in KINDS}
SECONDS = 10
PROBES_A_SECOND = 1000


def measure(names, context):
    for name, text, journal, settings in KINDS:
        if name in names:
            measure_kind(f"{name}: {text}", journal, settings, context)


def measure_kind(row, journal, settings, context):
    job = next(job for job in JOBS if job.name == ("tcp-json-journal" if journal else "tcp-json"))
    made = context.inputs.get("plain", 10_000, context.records)
    context.show(f"{row}: full speed")
    totals, _ = run_bare(context.folder, "tcp", made)
    with tempfile.TemporaryDirectory(dir=context.folder) as own:
        full = made.records / run_tidemark(Path(own), job, made, totals, results.Comparison())["wall"]
    rate = int(full / 2)
    load = context.inputs.get("plain", 10_000, rate * SECONDS)
    found = {0.5: [], 0.99: [], 0.999: []}
    for pair in range(context.pairs):
        context.show(f"{row}: round {pair + 1} of {context.pairs}")
        with tempfile.TemporaryDirectory(dir=context.folder) as own:
            latencies = sorted(probe(Path(own), journal, settings, load, rate))
        for share, values in found.items():
            values.append(latencies[int(len(latencies) * share)] / 1e6)
    context.show("")
    for share, values in found.items():
        context.report.add(Figure(row, f"p{share * 100:g}", values, "ms", None,
                                  f"{rate:,} records a second" if share == 0.5 else ""))


def probe(folder, journal, settings, load, rate):
    port = harness.free_port()
    text = CONFIGURATION.format(store="files", journal=str(journal).lower(), format=FORMATS["json"],
                                source=f'type = "tcp"\nlisten = "127.0.0.1:{port}"', sink=SINKS["file"],
                                pipelines=PIPELINE.format(name="windows", to="results") + PROBE)
    for table in ("[checkpoint]\n", "[journal]\n"):
        if settings.startswith(table):
            text = text.replace(table, settings + "\n")
    instance = Program(folder, text)
    try:
        instance.start(stdout=subprocess.PIPE)
        done = subprocess.run([*bench("probe"), load.path, str(port), str(rate), str(rate // PROBES_A_SECOND)],
                              stdin=instance.process.stdout, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"not every probe came back:\n{done.stderr}{instance.stderr_tail()}"
    finally:
        if instance.process:
            instance.process.stdout.close()
        instance.close()
    return [int(line) for line in done.stdout.split()]
