"""Results for a broker that is away wait on disk, over kill -9 and restarts, and arrive in order with their ids."""

import json
import subprocess

import harness
import peers

RESULTS = 3000


def config(port, broker):
    return f"""
[sources.lines]
type = "tcp"
listen = "127.0.0.1:{port}"
format = "csv"
fields = ["n:int"]
[pipelines.all]
from = ["lines"]
select = ["n"]
to = ["alerts"]
[sinks.alerts]
type = "mqtt"
url = "{broker.url}"
topic = "out/all"
ids = true
[checkpoint]
interval = "1s"
"""


def subscribe(broker, *options, timeout=120):
    command = ["mosquitto_sub", "-p", str(broker.port), "-i", "watcher", "-c", "-q", "1", "-t", "out/#", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=timeout).stdout


def in_outbox(instance):
    return dict(instance.command("status", json=True)["sinks"][0]["counters"]).get("in its outbox", 0)


def test_results_for_a_broker_that_is_away_arrive_in_order(tidemark, start_mosquitto, free_port):
    broker, port = start_mosquitto(), free_port()
    subscribe(broker, "-E")  # a session that the broker keeps
    broker.stop()
    instance = tidemark(config(port, broker)).start()
    for begin in range(0, RESULTS, 1000):
        peers.send(port, "".join(f"{n}\n" for n in range(begin, begin + 1000)))
        harness.wait_until(lambda: in_outbox(instance) >= begin + 1000, what="the outbox")
        instance.kill9()
        instance.start()
    assert any("not connected" in reason for reason in instance.command("status", json=True)["degraded"])
    broker.start()
    got = [json.loads(line) for line in subscribe(broker, "-C", str(RESULTS), "-W", "90").splitlines()]
    harness.wait_until(lambda: in_outbox(instance) == 0, what="an empty outbox")
    assert [row["n"] for row in got] == list(range(RESULTS))
    assert [int(row["_id"].rsplit("/", 1)[1]) for row in got] == list(range(1, RESULTS + 1))
    assert instance.terminate() == 0
