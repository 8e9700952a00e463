"""kill -9 at random moments while a real broker delivers: every acknowledged message is counted once."""

import collections
import json
import random
import subprocess

import pytest

import harness
import publisher
import rows

MESSAGES = 20_000
KILLS = 8
DEVICES = 20
SEED = 20_250_301

CONFIG = """
[checkpoint]
store = "{store}"
interval = "300ms"
min_pause = "50ms"

[journal]
enabled = {journal}
sync = "20ms"

[sources.plant]
type = "mqtt"
url = "{url}"
topics = ["plant/+"]
topic_fields = "plant/{{device}}"
format = "json"

[pipelines.totals]
from = ["plant"]
key_by = ["device"]
select = ["count(*) AS n", "sum(v) AS total"]
to = ["totals", "steps"]

[pipelines.copies]
from = ["plant"]
select = ["device", "v"]
to = ["copies"]

[sinks.totals]
type = "sqlite"
path = "history.db"
table = "totals"
mode = "upsert"
flush = "50ms"

[sinks.steps]
type = "sqlite"
path = "history.db"
table = "steps"
mode = "append"
flush = "50ms"

[sinks.copies]
type = "sqlite"
path = "history.db"
table = "copies"
mode = "append"
flush = "50ms"
"""


def messages(generator):
    """Few different payloads, so that a redelivered message looks like a new one."""
    return [{"topic": f"plant/d{generator.randrange(DEVICES)}", "payload": json.dumps({"v": generator.randrange(5)})}
            for _ in range(MESSAGES)]


def connected(instance):
    return instance.command("status", json=True)["sources"][0]["state"] == "connected"


@pytest.mark.parametrize("journal", ["true", "false"], ids=["journal", "no journal"])
@pytest.mark.parametrize("store", ["files", "sqlite"])
def test_every_message_is_counted_once_over_eight_kills(store, journal, mosquitto, tidemark, tmp_path):
    print(f"seed {SEED}")
    generator = random.Random(f"{SEED} {store} {journal}")
    instance = tidemark(CONFIG.format(store=store, journal=journal, url=mosquitto.url)).start()
    harness.wait_until(lambda: connected(instance), what="the first connection to the broker")

    plan = tmp_path / "messages.jsonl"
    plan.write_text("".join(json.dumps(message) + "\n" for message in messages(generator)))
    acked = tmp_path / "acked.jsonl"
    acked.touch()
    with plan.open() as lines:
        sender = subprocess.Popen(
            ["/usr/bin/python3", publisher.__file__, "--port", str(mosquitto.port), "--acked", acked,
             "--rate", "2500"], stdin=lines)
    try:
        for mark in sorted(generator.sample(range(100, MESSAGES - 100), KILLS)):
            harness.wait_until(lambda: len(acked.read_bytes().splitlines()) >= mark, 120, f"{mark} messages")
            assert instance.kill9() == -9
            instance.start(ready=generator.random() < 0.7)  # else the next kill may find it in its replay
        assert sender.wait(120) == 0
    finally:
        harness.end(sender, 9)
    instance.wait_ready()

    database = instance.data_dir / "history.db"
    harness.wait_until(lambda: (rows.value(database, "SELECT sum(n) FROM totals") or 0) >= MESSAGES, 120,
                       "the last message's result")
    assert instance.terminate() == 0

    published = [json.loads(line) for line in acked.read_text().splitlines()]
    assert len(published) == MESSAGES
    pairs = [(message["topic"].split("/")[1], json.loads(message["payload"])["v"]) for message in published]
    counts, sums = collections.Counter(), collections.Counter()
    for device, v in pairs:
        counts[device] += 1
        sums[device] += v
    assert rows.query(database, "SELECT device, n, total FROM totals ORDER BY device") == [
        (device, counts[device], sums[device]) for device in sorted(counts)]
    # Row by row: each message's copy, and each step of each count, stands there exactly once.
    assert collections.Counter(rows.query(database, "SELECT device, v FROM copies")) == collections.Counter(pairs)
    steps = collections.defaultdict(list)
    for device, n, total in rows.query(database, "SELECT device, n, total FROM steps ORDER BY rowid"):
        steps[device].append((n, total))
    for device, count in counts.items():
        assert [n for n, _ in steps[device]] == list(range(1, count + 1)), device
        assert steps[device][-1] == (count, sums[device])
