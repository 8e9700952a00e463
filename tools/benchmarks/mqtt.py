"""CPU a message that comes through mosquitto, beside a bare libmosquitto subscriber that parses and adds.

How fast messages come is the broker's doing, so wall time says little here.
"""

import contextlib
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks import results
from benchmarks.program import Program, bench, cpu_seconds, end_and_account, harness
from benchmarks.report import Figure
from benchmarks.throughput import PIPELINE, SINKS

BAR = 1.15
ROWS = {
    "mqtt-qos0": "MQTT QoS 0, JSON, 10,000 keys, journal off",
    "mqtt-qos0-journal": "MQTT QoS 0, JSON, 10,000 keys, journal on",
    "mqtt-qos1": "MQTT QoS 1, JSON, 10,000 keys, journal off",
    "mqtt-qos1-journal": "MQTT QoS 1, JSON, 10,000 keys, journal on",
}
TOPIC = "plant/feed"

CONFIGURATION = """
[checkpoint]
interval = "1s"

[journal]
enabled = {journal}

[sources.feed]
type = "mqtt"
url = "{url}"
topics = ["{topic}"]
qos = {qos}
format = "json"
timestamp = {{ field = "ts", format = "ms" }}
{pipeline}
{sink}
"""


def measure(names, context):
    made = context.inputs.get("plain", 10_000, min(context.records, 500_000))
    for qos in (0, 1):
        rows = [name for name in ROWS if name in names and name.startswith(f"mqtt-qos{qos}")]
        if rows:
            measure_quality(qos, rows, made, context)


def measure_quality(qos, rows, made, context):
    bare, runs, comparison = [], {row: [] for row in rows}, results.Comparison()
    for pair in range(context.pairs):
        context.show(f"MQTT QoS {qos}: round {pair + 1} of {context.pairs}")
        with tempfile.TemporaryDirectory(dir=context.folder) as own:
            totals, run = run_bare(Path(own), qos, made)
        bare.append(run)
        for row in rows:
            with tempfile.TemporaryDirectory(dir=context.folder) as own:
                runs[row].append(run_tidemark(Path(own), qos, row.endswith("journal"), made, totals, comparison))
    context.show("")
    name = f"bare subscriber, QoS {qos}"
    context.report.add(Figure(name, "CPU a message", [run["cpu"] / made.records * 1e6 for run in bare], "µs"))
    context.report.add(Figure(name, "messages a second", [made.records / run["wall"] / 1e3 for run in bare], "thousand"))
    for row in rows:
        name = f"{row}: {ROWS[row]}"
        ratios = [run["cpu"] / b["cpu"] for b, run in zip(bare, runs[row])]
        context.report.add(Figure(name, "CPU a message ÷ bare subscriber", ratios, "", ("<=", BAR)))
        context.report.add(Figure(name, "messages a second",
                                  [made.records / run["wall"] / 1e3 for run in runs[row]], "thousand"))


def broker(folder):
    # What mosquitto's defaults would drop or hold back, it queues.
    return harness.Mosquitto(folder / "broker", persistence=False, max_inflight_messages=0, set_tcp_nodelay="true")


def run_bare(folder, qos, made):
    with started(broker(folder)) as server:
        process = subprocess.Popen([*bench("subscribe"), str(server.port), TOPIC, str(qos), "add", folder / "bare.tsv"],
                                   stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        idle, start = cpu_seconds(process.pid), time.monotonic()
        publish(server, qos, made)
        run = end_and_account(process, start)
        process.stdout.close()
    return results.totals_of(folder / "bare.tsv"), {**run, "cpu": run["cpu"] - idle}


def run_tidemark(folder, qos, journal, made, totals, comparison):
    with started(broker(folder)) as server:
        instance = Program(folder, CONFIGURATION.format(
            journal=str(journal).lower(), url=server.url, topic=TOPIC, qos=qos, sink=SINKS["file"],
            pipeline=PIPELINE.format(name="windows", to="results")))
        try:
            instance.start()
            instance.wait_for(lambda status: status["sources"][0]["state"] == "connected", "the subscription")
            idle, start = instance.cpu_seconds(), time.monotonic()
            publish(server, qos, made)
            content = results.wait_for_lines(instance.data_dir / "results.jsonl", made.results, instance)
            run = {"wall": time.monotonic() - start, "cpu": instance.cpu_seconds() - idle}
        finally:
            instance.close()
    comparison.lines(content, made.results, totals)
    return run


def publish(server, qos, made):
    subprocess.run([*bench("publish"), made.path, str(server.port), TOPIC, str(qos)], check=True)


@contextlib.contextmanager
def started(server):
    try:
        yield server.start()
    finally:
        server.stop()
