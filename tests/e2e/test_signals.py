"""How an instance stops, what it tells the service manager, and that a data directory has one instance."""

import signal
import time

import pytest

import harness
import peers
import rows

CONFIG = """
[sources.words]
type = "tcp"
listen = "127.0.0.1:{port}"
format = "csv"
fields = ["word:string", "n:int"]
ack = true

[pipelines.counts]
from = ["words"]
key_by = ["word"]
select = ["sum(n) AS total"]
to = ["history"]

[sinks.history]
type = "file"
path = "history.jsonl"
"""


@pytest.fixture
def counting(tidemark, free_port):
    """A running instance whose history holds three rows, and its port."""
    port = free_port()
    instance = tidemark(CONFIG.format(port=port)).start()
    peer = peers.Peer(port, "p")
    peer.send("a,1", "b,2", "a,3")
    peer.flush().close()
    return instance, port


def totals(instance):
    return [(row["word"], row["total"]) for row in rows.json_lines(instance.data_dir / "history.jsonl")]


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_cleanly_and_the_next_start_replays_nothing(counting, sig):
    instance, _ = counting
    assert harness.end(instance.process, sig) == 0
    assert totals(instance) == [("a", 1), ("b", 2), ("a", 4)]
    newest = instance.command("checkpoint", "list", json=True)[-1]
    instance.start()
    resumed = instance.command("status", json=True)["resumed_from"]
    assert resumed.startswith(f"{newest['id']}, 0 entries replayed")
    assert totals(instance) == [("a", 1), ("b", 2), ("a", 4)]


def test_the_stop_command_returns_when_the_instance_has_ended(counting):
    instance, _ = counting
    instance.command("stop")
    assert instance.wait(10) == 0
    assert totals(instance) == [("a", 1), ("b", 2), ("a", 4)]
    assert instance.command("stop", check=False).returncode == 1


def test_on_stop_delete_is_for_the_command_and_not_for_a_signal(tidemark, free_port):
    port = free_port()
    instance = tidemark('[checkpoint]\non_stop = "delete"\n' + CONFIG.format(port=port)).start()
    peer = peers.Peer(port, "p")
    peer.send("a,1")
    peer.flush().close()
    assert instance.terminate() == 0
    assert instance.command("checkpoint", "list", json=True)
    instance.start()
    instance.command("stop")
    assert instance.wait(10) == 0
    assert not instance.command("checkpoint", "list", json=True)
    instance.start()  # from nothing, and what the file holds stays
    peer = peers.Peer(port, "q")
    peer.send("a,5")
    peer.flush().close()
    assert instance.terminate() == 0
    assert totals(instance) == [("a", 1), ("a", 5)]


def test_a_second_instance_on_one_data_directory_is_refused(counting, tidemark, free_port):
    instance, _ = counting
    second = tidemark(CONFIG.format(port=free_port()))
    second.write_config(f'[node]\ndata_dir = "{instance.data_dir}"\n' + CONFIG.format(port=free_port()))
    second.start(ready=False)
    assert second.wait() == 1
    assert f"another instance runs on {instance.data_dir}" in second.stderr()
    assert instance.command("status").returncode == 0


def test_the_service_manager_hears_ready_status_watchdog_and_stopping(tidemark, free_port):
    instance = tidemark(CONFIG.format(port=free_port()), env={"WATCHDOG_USEC": "200000"}).start()
    started = time.monotonic()
    harness.wait_until(lambda: instance.notify.lines.count("WATCHDOG=1") >= 5, 30, "the watchdog")
    assert time.monotonic() - started < 5
    assert any(line.startswith("STATUS=") and "running" in line for line in instance.notify.lines)
    assert "STOPPING=1" not in instance.notify.lines
    assert instance.terminate() == 0
    harness.wait_until(lambda: "STOPPING=1" in instance.notify.lines, what="STOPPING=1")
