"""Pipelines run in memory: `check --input` over a file of records, `replay` over the retained journal."""

import json
import os
import subprocess

import pytest

import peers

CONFIG = """
[checkpoint]
store = "{store}"
interval = "1h"

[sources.lines]
type = "tcp"
listen = "127.0.0.1:{port}"
format = "csv"
fields = ["word:string", "n:int", "ts:int"]
timestamp = {{ field = "ts", format = "ms" }}
ack = true

[pipelines.totals]
from = ["lines"]
key_by = ["word"]
select = ["sum(n) AS total"]
{where}
to = ["out"]

[pipelines.minutes]
from = ["lines"]
window = {{ type = "tumbling", size = "1m" }}
select = ["count(*) AS n"]
to = ["out"]

[sinks.out]
type = "null"
"""

BEGIN = 1740830400000  # 2025-03-01T12:00:00Z
MINUTE = {"_pipeline": "minutes", "window_start": "2025-03-01T12:00:00Z", "window_end": "2025-03-01T12:01:00Z"}


def total(word, n):
    return {"_pipeline": "totals", "word": word, "total": n}


def run(instance, *arguments):
    return subprocess.run([instance.binary, "replay", *arguments], capture_output=True, text=True, timeout=60,
                          cwd=instance.directory, env=instance.env)


def printed(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.interface("check --input")
def test_check_runs_the_pipelines_over_the_records_of_a_file(tidemark, tmp_path):
    records = tmp_path / "sample.csv"
    records.write_text(f"a,1,{BEGIN}\nb,2,{BEGIN}\nbroken\na,3,{BEGIN}")
    made = tidemark(CONFIG.format(port=1, where="", store="files"))
    result = made.command("check", "--input", records)
    assert printed(result) == [total("a", 1), total("b", 2), total("a", 4), {**MINUTE, "n": 3}]
    assert "sources.lines: bad record" in result.stderr and "4 records, 4 results, 1 problem" in result.stderr
    assert not made.data_dir.exists()


@pytest.mark.interface("check --source")
def test_records_of_an_mqtt_source_may_bring_their_topics(tidemark, tmp_path):
    records = tmp_path / "sample.txt"
    records.write_text('plant/a/press/t {"v": 1}\nplant/b/saw/t {"v": 2}\n{"v": 3}\n')
    made = tidemark("""
[sources.plant]
type = "mqtt"
url = "mqtt://localhost:1"
topics = ["plant/+/+/t"]
topic_fields = "plant/{line}/{device}/t"
format = "json"
[sources.other]
type = "stdin"
format = "json"
[pipelines.seen]
from = ["plant", "other"]
select = ["device", "v"]
to = ["out"]
[sinks.out]
type = "null"
""")
    result = made.command("check", "--input", records, "--source", "plant")
    assert [(row["device"], row["v"]) for row in printed(result)] == [("press", 1), ("saw", 2), (None, 3)]
    unnamed = made.command("check", "--input", records, check=False)
    assert unnamed.returncode == 2 and "other, plant" in unnamed.stderr
    assert made.command("check", "--input", records, "--source", "nobody", check=False).returncode == 3
    assert made.command("check", "--input", "/no/such/file", "--source", "plant", check=False).returncode == 3


@pytest.fixture(params=["files", "sqlite"])
def instance(tidemark, free_port, request):
    """Runs; has taken in two lines, a checkpoint, and two lines more."""
    made = tidemark(CONFIG.format(port=(port := free_port()), where="", store=request.param)).start()
    made.store = request.param
    for lines in ([f"a,1,{BEGIN}", f"b,2,{BEGIN}"], [f"a,3,{BEGIN}", f"b,4,{BEGIN}"]):
        peer = peers.Peer(port, "p" + lines[0])
        peer.send(*lines)
        peer.flush().close()
        made.command("checkpoint", "create")
    return made


@pytest.mark.interface("replay", "replay --from", "replay --journal-of")
@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_the_retained_journal_is_replayed(instance, running):
    if not running:
        assert instance.terminate() == 0
    after = [total("a", 4), total("b", 6)]
    assert printed(instance.command("replay")) == after
    assert printed(run(instance, "--journal-of", instance.config_file, "--config", instance.config_file)) == after
    if not os.path.exists("/etc/tidemark/tidemark.toml"):  # then the other configuration says whose journal
        assert printed(run(instance, "--config", instance.config_file)) == after
    assert printed(instance.command("replay", "--from", "latest")) == []
    assert instance.command("replay", "--from", "chk-99", check=False).returncode == 3
    if running:
        assert instance.command("status", json=True)["phase"] == "running"


@pytest.mark.interface("replay --until", "replay --drain")
def test_a_replay_ends_where_it_is_told_to_and_may_close_its_windows(instance):
    assert printed(instance.command("replay", "--until", "2001-01-01T00:00:00Z")) == []
    assert len(printed(instance.command("replay", "--until", "2200-01-01T00:00:00Z"))) == 2
    assert printed(instance.command("replay", "--until", "1")) == []
    assert printed(instance.command("replay", "--drain"))[-1] == {**MINUTE, "n": 4}
    assert instance.command("replay", "--until", "yesterday", check=False).returncode == 2


def test_a_replay_under_another_configuration(instance):
    other = instance.directory / "other.toml"
    other.write_text(instance.config_file.read_text().replace('select = ["sum(n) AS total"]',
                                                              'select = ["sum(n) AS total"]\nwhere = "n > 3"'))
    assert printed(instance.command("replay", "--config", other)) == [total("b", 6)]
    other.write_text(instance.config_file.read_text().replace("sum(n)", "max(n)"))
    result = instance.command("replay", "--config", other)
    assert printed(result) == [total("a", 3), total("b", 4)]
    assert 'max(n) of pipeline "totals" begins empty' in result.stderr


@pytest.mark.interface("replay --compare", "replay --json")
def test_two_configurations_are_compared_side_by_side(instance):
    other = instance.directory / "other.toml"
    mine = instance.config_file.read_text()
    other.write_text(mine)
    alike = instance.command("replay", "--config", other, "--compare", "--drain")
    assert alike.stdout == "" and "3 results alike, 0 differ, 0 only in" in alike.stderr
    other.write_text(mine.replace("sum(n) AS total", "sum(n) AS total, count(*) AS times").replace(
        "[pipelines.minutes]", '[pipelines.minutes]\nwhere = "n > 3"').replace('"sum(n) AS total, ', '"sum(n) AS total", "'))
    result = instance.command("replay", "--config", other, "--compare", "--drain")
    assert result.stdout == """\
totals word="a"
    times  - | 1
totals word="b"
    times  - | 1
minutes window_start="2025-03-01T12:00:00Z" window_end="2025-03-01T12:01:00Z"
    n  4 | 3
"""
    assert f"{other}: count(*) of pipeline \"totals\" begins empty" in result.stderr
    assert "0 results alike, 3 differ" in result.stderr
    other.write_text(mine.replace("key_by", 'where = "n > 3"\nkey_by'))
    assert printed(instance.command("replay", "--config", other, "--compare", "--json")) == [
        {"_pipeline": "totals", "key": {"word": "a"}, "first": {"total": 4}, "second": None}]
    assert f'totals word="a": only in {instance.config_file}\n    total  4\n' == instance.command(
        "replay", "--config", other, "--compare").stdout
    alone = instance.command("replay", "--compare", check=False)
    assert alone.returncode == 2 and "--compare needs --config OTHER" in alone.stderr


def test_two_configurations_may_name_their_sources_in_another_order(instance):
    other = instance.directory / "other.toml"
    more = '[sources.another]\ntype = "stdin"\nformat = "json"\n'
    other.write_text(more + instance.config_file.read_text().replace('from = ["lines"]', 'from = ["another", "lines"]'))
    result = instance.command("replay", "--config", other, "--compare")
    assert result.stdout == "" and "2 results alike, 0 differ" in result.stderr


def test_lines_that_begin_like_a_topic_are_none(tidemark, tmp_path):
    config = """
[sources.plant]
type = "mqtt"
url = "mqtt://127.0.0.1:1883"
topics = ["disks/#", "$share/g/+/x"]
format = "influx"
[pipelines.copy]
from = ["plant"]
select = ["_topic", "_measurement AS m", "path", "v"]
to = ["out"]
[sinks.out]
type = "null"
"""
    records = tmp_path / "records"
    records.write_text("disk,path=/ v=1i\ndisks disk,path=/ v=2i\ndisks/a/b disk,path=/a v=3i\na/x m,path=p v=4i\n"
                       "a/y m,path=p v=5i\n")
    result = tidemark(config).command("check", "--input", records)
    assert [list(json.loads(line).values())[1:] for line in result.stdout.splitlines()] == [
        [None, "disk", "/", 1], ["disks", "disk", "/", 2], ["disks/a/b", "disk", "/a", 3], ["a/x", "m", "p", 4]]
    assert "4 records" not in result.stderr and "1 problem" in result.stderr
