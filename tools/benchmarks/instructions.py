"""Instructions a record, counted by valgrind's callgrind: the same on a busy machine as on a quiet one.

Each job reads a file twice, a short and a long one; the difference of the two counts, over the difference in
records, leaves out the start and the end. The counts that are kept stand in instructions.json, with the machine's
architecture and the compiler; others are not comparable.
"""

import json
import os
import platform
import re
import subprocess
import tempfile
from pathlib import Path

from benchmarks.inputs import Inputs
from benchmarks.program import TIDEMARK
from benchmarks.throughput import PIPELINE

KEPT = Path(__file__).with_name("instructions.json")
RECORDS = (100_000, 300_000)
TOLERANCE = 0.02  # batches are cut by time in places, and malloc's state is not the same twice

CONFIGURATION = """
[node]
name = "bench"
data_dir = "{data_dir}"

[checkpoint]
interval = "1h"
timeout = "1h"

[journal]
enabled = {journal}
sync = "1m"

[sources.feed]
type = "file"
path = "{path}"
format = "json"
timestamp = {{ field = "ts", format = "ms" }}
{pipeline}
"""

RUNNING = """
[pipelines.running]
from = ["feed"]
key_by = ["device"]
select = ["count(*) AS n", "avg(temperature_celsius) AS mean", "min(temperature_celsius) AS low",
          "max(temperature_celsius) AS high"]
to = ["results"]

[sinks.results]
type = "sqlite"
path = "results.db"
table = "results"
mode = "upsert"
"""

FILE = '[sinks.results]\ntype = "file"\npath = "results.jsonl"\n'
JOBS = {
    "windows": ("JSON, 10,000 keys, windows of a second, to a file; journal off", "false",
                PIPELINE.format(name="windows", to="results") + FILE),
    "windows-journal": ("the same, journal on", "true", PIPELINE.format(name="windows", to="results") + FILE),
    "running-sqlite": ("JSON, 10,000 keys, a running figure each, every update to SQLite; journal on", "true", RUNNING),
}


def compare(keep):
    """Prints the counts beside those that are kept. 1 when a job needs more instructions than those allow."""
    about = {"architecture": platform.machine(), "compiler": compiler(), "records": list(RECORDS)}
    counts = {name: count(name) for name in JOBS}
    if keep:
        KEPT.write_text(json.dumps({**about, "instructions_a_record": counts}, indent=1) + "\n")
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    comparable = {key: kept.get(key) for key in about} == about
    worse = False
    for name, (text, _, _) in JOBS.items():
        before = kept.get("instructions_a_record", {}).get(name) if comparable else None
        change = f"{counts[name] / before - 1:+.1%}" if before else "no count of this machine is kept"
        too_many = bool(before) and counts[name] > before * (1 + TOLERANCE)
        worse |= too_many
        print(f"{name:18} {counts[name]:8.0f} instructions a record  {change}{'  MORE' if too_many else ''}  ({text})")
    return 1 if worse else 0


def count(name):
    totals = []
    with tempfile.TemporaryDirectory(prefix="tidemark-instructions-") as folder:
        inputs = Inputs(folder)
        for records in RECORDS:
            totals.append(run(Path(folder) / str(records), inputs.get("plain", 10_000, records), JOBS[name]))
    return round((totals[1] - totals[0]) / (RECORDS[1] - RECORDS[0]), 1)


def run(folder, made, job):
    """All instructions of one run in user space, threads and libraries included."""
    _, journal, pipeline = job
    folder.mkdir()
    config = folder / "tidemark.toml"
    config.write_text(CONFIGURATION.format(data_dir=folder / "data", journal=journal, path=made.path, pipeline=pipeline))
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--fair-sched=yes", f"--callgrind-out-file={folder / 'callgrind.out'}",
         TIDEMARK, "run", "-c", config], cwd=folder, capture_output=True, text=True,
        # The widest instructions that valgrind knows differ between machines.
        env={**os.environ, "SIMDJSON_FORCE_IMPLEMENTATION": "westmere"})
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr}"
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


def compiler():
    return re.search(r"GNU [\d.]+|Clang [\d.]+",
                     subprocess.check_output([TIDEMARK, "version"], text=True))[0]
