"""Keys that fall silent and return: told once each, over kills, and by arrival unless event time is asked for."""

import json

import pytest

import harness
import peers
import rows

CONFIG = """
[checkpoint]
interval = "200ms"
min_pause = "50ms"

[journal]
sync = "10ms"

[sources.devices]
type = "tcp"
listen = "127.0.0.1:{port}"
format = "json"

[pipelines.silent]
from = ["devices"]
key_by = ["device"]
window = {{ type = "absence", timeout = "{timeout}" }}
select = ["count(*) AS n"]
to = ["alerts", "state"]

[sinks.alerts]
type = "file"
path = "alerts.jsonl"
flush = "10ms"

[sinks.state]
type = "sqlite"
path = "state.db"
mode = "upsert"
flush = "10ms"
"""


def alerts(instance):
    path = instance.data_dir / "alerts.jsonl"
    return [(row["device"], row["absent"], row["n"]) for row in rows.json_lines(path)] if path.exists() else []


def send(port, *devices):
    peers.send(port, "".join(json.dumps({"device": device}) + "\n" for device in devices))


def durable(instance, records):
    status = instance.command("status", json=True)
    return status["sources"][0]["records"] == records and status["journal"]["durable"] == status["journal"]["appended"]


def shows(instance, *expected):
    harness.wait_until(lambda: alerts(instance) == list(expected), what=f"the alerts {expected}")


@pytest.mark.interface("pipelines.window.type=absence", "pipelines.window.timeout")
def test_a_silence_over_kills_is_told_once(tidemark, free_port):
    port = free_port()
    instance = tidemark(CONFIG.format(port=port, timeout="2s"))
    instance.start()
    send(port, "press", "press", "pump")
    harness.wait_until(lambda: durable(instance, 3), what="the records")
    instance.kill9()  # both fall silent while nothing runs, or soon afterwards
    instance.start()
    shows(instance, ("press", True, 2), ("pump", True, 1))
    instance.kill9()
    instance.start()
    send(port, "pump")
    told = [("press", True, 2), ("pump", True, 1), ("pump", False, 1)]
    shows(instance, *told)
    instance.kill9()
    instance.start()
    shows(instance, *told, ("pump", True, 1))
    # A row a device in the sink that replaces, and the state as a table.
    query = "SELECT device, absent, since > last_seen FROM silent ORDER BY device"
    harness.wait_until(lambda: rows.query(instance.data_dir / "state.db", query) == [("press", 1, 1), ("pump", 1, 1)],
                       what="the rows")
    state = instance.command("state", "get", "silent", json=True)
    assert [(row["device"], row["absent"], row["n"]) for row in state] == [("press", True, 2), ("pump", True, 1)]
    assert all(row["last_seen"].endswith("Z") for row in state)
    assert instance.terminate() == 0
    assert alerts(instance) == [*told, ("pump", True, 1)]


def test_another_timeout_goes_on_with_the_state(tidemark, free_port):
    port = free_port()
    instance = tidemark(CONFIG.format(port=port, timeout="1h"))
    instance.start()
    send(port, "press")
    harness.wait_until(lambda: durable(instance, 1), what="the record")
    instance.write_config(CONFIG.format(port=port, timeout="100ms"))
    instance.process.send_signal(1)  # SIGHUP; nothing more arrives
    shows(instance, ("press", True, 1))
    assert instance.terminate() == 0


EVENT_TIME = """
[sources.input]
type = "stdin"
timestamp = {{ field = "ts", format = "s" }}

[pipelines.silent]
from = ["input"]
key_by = ["device"]
{time}
window = {{ type = "absence", timeout = "5m" }}
select = ["last(temp) AS temp"]
to = ["screen"]

[sinks.screen]
type = "stdout"
timestamps = "s"
"""


@pytest.mark.interface("pipelines.time")
def test_event_time_tells_of_a_past_that_arrival_knows_nothing_of(tidemark):
    records = [("a", 0, 7), ("b", 10, 8), ("b", 200, 9), ("b", 330, 10), ("a", 1000, 11)]
    text = "".join(json.dumps({"device": d, "ts": ts, "temp": temp}) + "\n" for d, ts, temp in records)

    def told(time):
        instance = tidemark(EVENT_TIME.format(time=time))
        return [tuple(json.loads(line).values()) for line in instance.command("run", input=text).stdout.splitlines()]

    assert told('time = "event"') == [("a", True, 0, 300, 7), ("a", False, 0, 1000, 11), ("b", True, 330, 630, 10)]
    assert told("") == []
