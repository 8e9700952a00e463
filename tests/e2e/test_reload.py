"""The configuration changes while Tidemark runs: SIGHUP, conf.d, files that do not hold."""

import signal

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
select = [{select}]
to = ["history"]

[sinks.history]
type = "file"
path = "history.jsonl"
flush = "10ms"
"""
TOTAL = '"sum(n) AS total"'
MORE = '"count(*) AS times", "sum(n) AS total"'


def started(tidemark, port):
    return tidemark(CONFIG.format(port=port, select=TOTAL)).start()


def last(instance, name="history.jsonl"):
    found = rows.json_lines(instance.data_dir / name)
    return found[-1] if found else None


def hang_up(instance):
    """SIGHUP, and the status after it was obeyed or refused."""
    before = instance.command("status", json=True)
    instance.process.send_signal(signal.SIGHUP)

    def refusals(status):
        return [reason for reason in status["degraded"] if "refused" in reason]

    def obeyed():
        now = instance.command("status", json=True)
        return now if (now["configuration_loaded"], refusals(now)) != (
            before["configuration_loaded"], refusals(before)) else None

    return harness.wait_until(obeyed, what="the reload")


def test_a_reload_keeps_counts_and_connections_and_survives_a_kill(tidemark, free_port):
    port = free_port()
    instance = started(tidemark, port)
    peer = peers.Peer(port, "p")
    peer.send("a,1", "a,2")
    peer.flush()
    old = instance.command("status", json=True)["configuration"]
    instance.write_config(CONFIG.format(port=port, select=MORE))
    status = hang_up(instance)
    assert status["configuration"] != old and not status["degraded"]
    peer.send("a,4")  # over the connection from before
    peer.flush()
    harness.wait_until(lambda: last(instance) == {"word": "a", "times": 1, "total": 7}, what="the row")
    instance.kill9()
    instance.start()
    peer = peers.Peer(port, "q")
    peer.send("a,8")
    peer.flush()
    harness.wait_until(lambda: last(instance) == {"word": "a", "times": 2, "total": 15}, what="the row")
    assert len(rows.json_lines(instance.data_dir / "history.jsonl")) == 4


def test_a_file_that_does_not_hold_changes_nothing_and_a_good_one_mends_it(tidemark, free_port):
    port = free_port()
    instance = started(tidemark, port)
    peer = peers.Peer(port, "p")
    peer.send("a,1")
    peer.flush()
    instance.write_config(CONFIG.format(port=port, select=TOTAL).replace("key_by", "key_bi"))
    status = hang_up(instance)
    assert any("unknown key `key_bi`" in reason for reason in status["degraded"])
    instance.write_config(CONFIG.format(port=port, select=TOTAL).replace('["word"]', '["word", "n"]'))
    status = hang_up(instance)
    assert any("key_by was word and is word, n" in reason for reason in status["degraded"])
    peer.send("a,2")
    peer.flush()
    harness.wait_until(lambda: last(instance) == {"word": "a", "total": 3}, what="the row")
    instance.write_config(CONFIG.format(port=port, select=TOTAL))
    assert not hang_up(instance)["degraded"]


def test_what_runs_is_looked_at_and_stopped_whatever_its_file_has_become(tidemark, free_port):
    instance = started(tidemark, free_port())
    good = instance.config_file.read_text()
    for broken in (good.replace("key_by", "key_bi"), good.replace("sum(n)", "sum(")):
        instance.write_config(broken)
        for words in (["status"], ["checkpoint", "list"], ["checkpoint", "create"], ["state", "get", "counts"]):
            instance.command(*words)
    instance.write_config(good.replace("key_by", "key_bi"))
    shown = instance.command("status")
    assert "the configuration has mistakes (tidemark check -c " in shown.stderr and "counts" in shown.stdout
    instance.command("stop")
    assert instance.wait() == 0
    refused = instance.command("status", check=False)
    assert refused.returncode == 2 and "unknown key `key_bi`" in refused.stderr


def test_a_file_in_conf_d_is_read_too(tidemark, free_port):
    port = free_port()
    instance = started(tidemark, port)
    folder = instance.config_file.parent / "conf.d"
    folder.mkdir()
    (folder / "more.toml").write_text(
        '[pipelines.lines]\nfrom = ["words"]\nselect = ["count(*) AS lines"]\nto = ["lines"]\n'
        '[sinks.lines]\ntype = "file"\npath = "lines.jsonl"\nflush = "10ms"\n')
    assert not hang_up(instance)["degraded"]
    peer = peers.Peer(port, "p")
    peer.send("a,1", "b,2")
    peer.flush()
    harness.wait_until(lambda: last(instance, "lines.jsonl") == {"lines": 2}, what="the row")
    (folder / "zz.toml").write_text("[pipelines.lines]\nhaving = 3\nfrom = []\n")
    status = hang_up(instance)
    assert any("zz.toml:3:1" in reason and "more.toml:2:1" in reason for reason in status["degraded"])


@pytest.mark.interface("run --allow-non-restored-state")
def test_state_without_an_owner_is_given_up_only_when_that_is_allowed(tidemark, free_port):
    port = free_port()
    instance = started(tidemark, port)
    peer = peers.Peer(port, "p")
    peer.send("a,1", "a,2")
    peer.flush()
    assert instance.terminate() == 0
    instance.write_config(CONFIG.format(port=port, select=TOTAL).replace("pipelines.counts", "pipelines.tallies"))
    instance.start(ready=False)
    assert instance.wait() == 2
    assert '"counts"' in instance.stderr_tail() and "--allow-non-restored-state" in instance.stderr_tail()
    instance.start("--allow-non-restored-state")
    peer = peers.Peer(port, "q")
    peer.send("a,8")
    peer.flush()
    harness.wait_until(lambda: last(instance) == {"word": "a", "total": 8}, what="the row")
