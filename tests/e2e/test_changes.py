"""Change functions: what a key said before is remembered over kills, looked at, and explained when it cannot be."""

import json

import harness
import peers
import rows

CONFIG = """
[checkpoint]
interval = "100ms"
min_pause = "20ms"

[journal]
sync = "5ms"

[sources.machines]
type = "tcp"
listen = "127.0.0.1:{port}"
format = "json"

[pipelines.turns]
from = ["machines"]
key_by = ["machine"]
where = "changed(state) OR consecutive(temp > 8) = 3"
select = ["state", "lag(state, 2) AS before", "diff(temp) AS step"]
to = ["turns"]

[sinks.turns]
type = "file"
path = "turns.jsonl"
flush = "5ms"
"""

RECORDS = [("press", "on", 5), ("pump", "on", 9), ("press", "on", 7), ("pump", "on", 9.5), ("press", "off", 9),
           ("pump", "on", 10), ("press", "off", 10), ("pump", None, 11), ("press", "off", 10), ("pump", "off", 1)]
# (machine, state, before, step)
TURNS = [("press", "on", None, None), ("pump", "on", None, None), ("press", "off", "on", 2), ("pump", "on", "on", 0.5),
         ("press", "off", "off", 0), ("pump", "off", "on", -10)]


def turns(instance):
    path = instance.data_dir / "turns.jsonl"
    return [tuple(row.values()) for row in rows.json_lines(path)] if path.exists() else []


def test_courses_go_on_over_kills(tidemark, free_port):
    port = free_port()
    instance = tidemark(CONFIG.format(port=port))
    for n, (machine, state, temp) in enumerate(RECORDS, 1):
        instance.start()
        peers.send(port, json.dumps({"machine": machine, "state": state, "temp": temp}) + "\n")

        def applied():
            status = instance.command("status", json=True)
            return status["sources"][0]["records"] == n and status["journal"]["durable"] == status["journal"]["appended"]

        harness.wait_until(applied, what=f"record {n}")
        if n < len(RECORDS):
            instance.kill9()
    harness.wait_until(lambda: turns(instance) == TURNS, what=f"the turns, now {turns(instance)}")
    state = instance.command("state", "get", "turns", "--key", "machine=press", json=True)
    assert state == [{"machine": "press", "changed(state)": "off", "consecutive(temp > 8)": 3, "lag(state, 2)": "off",
                      "diff(temp)": 10}]
    assert instance.terminate() == 0
    assert turns(instance) == TURNS


def test_check_says_where_they_cannot_stand(tidemark):
    config = CONFIG.format(port=1).replace('key_by = ["machine"]', "")
    result = tidemark(config).command("check", check=False)
    assert result.returncode == 2
    assert "changed compares the records of one key, and this pipeline has no key_by" in result.stderr
    assert "^^^^^^^^^^^^^^" in result.stderr
