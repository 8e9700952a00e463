"""What is written to the disk: counted by what it is for, in step with what the kernel counts; nothing when idle."""

import json
import re
from pathlib import Path

import harness
import peers
import pytest

CONFIGURATION = """
[checkpoint]
store = "{store}"
interval = "200ms"
min_pause = "0s"

[sources.lines]
type = "tcp"
listen = "127.0.0.1:{port}"
timestamp = {{ field = "ts", format = "ms" }}
idle_after = "500ms"

[pipelines.seconds]
from = ["lines"]
key_by = ["device"]
window = {{ type = "tumbling", size = "1s" }}
select = ["count(*) AS n"]
to = ["file", "table"]

[sinks.file]
type = "file"
path = "rows.jsonl"

[sinks.table]
type = "sqlite"
path = "rows.db"
table = "rows"
"""


def by_kernel(instance):
    """Pages that the process has dirtied, in bytes."""
    return int(re.search(r"^write_bytes: (\d+)", Path(f"/proc/{instance.process.pid}/io").read_text(), re.MULTILINE)[1])


def status(instance):
    return instance.command("status", json=True)


@pytest.fixture(params=["files", "sqlite"])
def fed(request, tidemark, free_port):
    """An instance that was given records, and has written everything that it writes for them."""
    port = free_port()
    instance = tidemark(CONFIGURATION.format(port=port, store=request.param)).start()
    lines = "".join(json.dumps({"ts": 1_700_000_000_000 + i, "device": f"d{i % 50}"}) + "\n" for i in range(20_000))
    peers.send(port, lines)

    def settled():
        now = status(instance)
        return now["sources"][0]["records"] == 20_000 and now["checkpoint"]["position"] == now["journal"]["appended"] and \
            not now["checkpoint"]["under_way"] and all(sink["waiting"] == 0 for sink in now["sinks"])

    harness.wait_until(settled, what="a checkpoint of everything")
    return instance, len(lines)


def test_what_is_written_is_counted_by_what_it_is_for(fed):
    instance, sent = fed
    written = status(instance)["written"]
    assert written["received_bytes"] == sent - 20_000  # without line ends
    parts = [written[part] for part in ("journal_bytes", "checkpoint_bytes", "sink_bytes", "other_bytes")]
    assert min(parts) > 0 and written["outbox_bytes"] == 0
    assert written["total_bytes"] == sum(parts)
    assert written["sink_bytes"] > (instance.data_dir / "rows.jsonl").stat().st_size
    assert written["journal_bytes"] >= sum(file.stat().st_size for file in (instance.data_dir / "journal").iterdir())
    # The kernel counts whole pages, and one page once until it is on the disk.
    assert written["total_bytes"] / 20 < by_kernel(instance) + 65_536
    assert "for " in next(line for line in instance.command("status").stdout.splitlines() if line.startswith("written"))


def test_an_idle_appliance_writes_nothing(fed):
    instance, _ = fed
    # The source turns idle, once: that is journaled, and a checkpoint covers it.
    harness.wait_until(lambda: status(instance)["sources"][0]["watermark"] is not None, what="a watermark")
    begun = status(instance)["uptime_seconds"]
    harness.wait_until(lambda: status(instance)["uptime_seconds"] > begun + 2, what="two seconds")
    before, kernel = status(instance), by_kernel(instance)
    harness.wait_until(lambda: status(instance)["uptime_seconds"] > before["uptime_seconds"] + 3, what="three seconds")
    after = status(instance)
    assert by_kernel(instance) == kernel
    assert after["written"] == before["written"]
    assert after["journal"] == before["journal"]
    assert after["checkpoint"] == before["checkpoint"]
