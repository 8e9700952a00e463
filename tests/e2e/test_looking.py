"""What can be seen of a running instance and of what it leaves: state, export, tap, top; and what can be removed."""

import csv
import json
import signal
import sqlite3
import subprocess

import pytest

import harness
import peers
import rows

CONFIG = """
[checkpoint]
store = "{store}"
interval = "1h"

[sources.lines]
type = "tcp"
listen = "127.0.0.1:{port}"
format = "csv"
fields = ["line:string", "device:string", "n:int", "ts:int"]
timestamp = {{ field = "ts", format = "ms" }}
ack = true

[pipelines.totals]
from = ["lines"]
key_by = ["line", "device"]
ttl = "1h"
select = ["count(*) AS n", "sum(n) AS total", "max(n) - min(n) AS span"]
to = ["out"]

[pipelines.minutes]
from = ["lines"]
key_by = ["line"]
window = {{ type = "tumbling", size = "1m" }}
select = ["sum(n) AS total"]
to = ["minutes"]

[pipelines.loud]
from = ["lines"]
where = "n > 2"
select = ["device"]
to = ["out"]

[sinks.out]
type = "null"

[sinks.minutes]
type = "file"
path = "minutes.jsonl"
"""

BEGIN = 1740830400000  # 2025-03-01T12:00:00Z
LINES = ["a,press,1,{0}", "a,press,2,{0}", "b,saw,5,{0}", 'a,"dr,ill",7,{0}']
TOTALS = [
    {"line": "a", "device": "dr,ill", "n": 1, "total": 7, "max(n)": 7, "min(n)": 7},
    {"line": "a", "device": "press", "n": 2, "total": 3, "max(n)": 2, "min(n)": 1},
    {"line": "b", "device": "saw", "n": 1, "total": 5, "max(n)": 5, "min(n)": 5},
]
MINUTES = [
    {"line": "a", "window_start": "2025-03-01T12:00:00Z", "window_end": "2025-03-01T12:01:00Z", "total": 10},
    {"line": "b", "window_start": "2025-03-01T12:00:00Z", "window_end": "2025-03-01T12:01:00Z", "total": 5},
]


@pytest.fixture(params=["files", "sqlite"])
def instance(tidemark, free_port, request):
    """Runs, and has taken in four lines."""
    made = tidemark(CONFIG.format(port=(port := free_port()), store=request.param)).start()
    made.port = port
    peer = peers.Peer(port, "p")
    peer.send(*(line.format(BEGIN) for line in LINES))
    peer.flush().close()
    return made


def create_checkpoint(instance):
    return instance.command("checkpoint", "create").stdout.strip()


@pytest.mark.interface("state get", "state get PIPELINE", "state get --key", "state get --from", "state get --json")
def test_state_is_shown_while_it_runs_and_afterwards(instance):
    assert instance.command("state", "get", "totals", json=True) == TOTALS
    assert instance.command("state", "get", "minutes", json=True) == MINUTES
    one = instance.command("state", "get", "totals", "--key", "line=a", "--key", "device=press", json=True)
    assert one == TOTALS[1:2]
    assert "press" in instance.command("state", "get", "totals").stdout

    name = create_checkpoint(instance)
    peer = peers.Peer(instance.port, "q")
    peer.send(f"c,saw,1,{BEGIN}")
    peer.flush().close()
    assert len(instance.command("state", "get", "totals", json=True)) == 4
    assert instance.command("state", "get", "totals", "--from", name, json=True) == TOTALS

    assert instance.terminate() == 0
    assert instance.command("state", "get", "minutes", "--from", name, json=True) == MINUTES
    assert len(instance.command("state", "get", "totals", json=True)) == 4


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
@pytest.mark.parametrize("arguments, code, says", [
    (["nobody"], 3, "totals"),
    (["totals", "--key", "line=z"], 3, ""),
    (["totals", "--key", "colour=red"], 2, "line, device"),
    (["totals", "--key", "line"], 2, "COLUMN=VALUE"),
    (["totals", "--from", "chk-99"], 3, "chk-99"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_state_that_is_not_there(instance, running, arguments, code, says):
    if not running:
        assert instance.terminate() == 0
    result = instance.command("state", "get", *arguments, check=False)
    assert result.returncode == code and says in result.stderr


@pytest.mark.interface("checkpoint export", "checkpoint export REF", "checkpoint export --to", "checkpoint export --pipeline")
@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_a_checkpoint_is_exported_as_tables(instance, running, tmp_path):
    name = create_checkpoint(instance)
    if not running:
        assert instance.terminate() == 0
    database = tmp_path / "state.sqlite"
    assert "5 rows" in instance.command("checkpoint", "export", name, "--to", database).stdout
    with sqlite3.connect(database) as rows:
        rows.row_factory = sqlite3.Row
        assert [dict(row) for row in rows.execute("SELECT * FROM totals")] == TOTALS
        assert [dict(row) for row in rows.execute("SELECT * FROM minutes")] == MINUTES
    assert sorted(file.name for file in tmp_path.glob("state*")) == ["state.sqlite"]

    lines = tmp_path / "state.jsonl"
    instance.command("checkpoint", "export", "latest", "--to", lines)
    every = [json.loads(line) for line in lines.read_text().splitlines()]
    assert every == [{"pipeline": "minutes", **row} for row in MINUTES] + [
        {"pipeline": "totals", **row} for row in TOTALS]

    table = tmp_path / "totals.csv"
    instance.command("checkpoint", "export", name, "--to", table, "--pipeline", "totals")
    with table.open(newline="") as text:
        assert list(csv.DictReader(text)) == [{key: str(value) for key, value in row.items()} for row in TOTALS]


@pytest.mark.interface("checkpoint export --force")
def test_what_cannot_be_exported_is_refused_and_leaves_nothing(instance, tmp_path):
    name = create_checkpoint(instance)
    there = tmp_path / "there.csv"
    there.write_text("mine")

    def export(*arguments):
        return instance.command("checkpoint", "export", *arguments, check=False)

    both = export(name, "--to", tmp_path / "both.csv")
    assert both.returncode == 2 and "--pipeline" in both.stderr
    kept = export(name, "--to", there, "--pipeline", "totals")
    assert kept.returncode == 2 and "--force" in kept.stderr and there.read_text() == "mine"
    assert export(name, "--to", tmp_path / "state.xlsx").returncode == 2
    assert export(name, "--to", tmp_path / "loud.csv", "--pipeline", "loud").returncode == 3
    assert export("chk-99", "--to", tmp_path / "x.jsonl").returncode == 3
    assert export(name, "--to", tmp_path / "no" / "x.jsonl").returncode in (1, 3)
    assert sorted(file.name for file in tmp_path.glob("*.*")) == ["there.csv"]
    assert export(name, "--to", there, "--pipeline", "totals", "--force").returncode == 0
    assert there.read_text().startswith("line,device,")


@pytest.mark.interface("checkpoint delete", "checkpoint delete REF", "checkpoint delete --force")
def test_a_checkpoint_is_deleted_but_not_the_last_one(instance):
    names = [create_checkpoint(instance) for _ in range(3)]
    assert instance.command("checkpoint", "delete", names[0]).returncode == 0
    newest = instance.command("checkpoint", "delete", names[2], check=False)
    assert newest.returncode == 2 and "newest" in newest.stderr
    assert instance.command("checkpoint", "delete", "chk-99", check=False).returncode == 3
    assert [row["id"] for row in instance.command("checkpoint", "list", json=True)] == names[1:]
    assert instance.command("checkpoint", "verify").returncode == 0

    assert instance.kill9() == -9
    assert instance.command("checkpoint", "delete", names[2]).returncode == 0
    last = instance.command("checkpoint", "delete", names[1], check=False)
    assert last.returncode == 2 and "--force" in last.stderr
    # What is left is enough: the journal leads on from it.
    instance.start()
    assert instance.command("state", "get", "totals", json=True) == TOTALS
    assert instance.terminate() == 0
    for row in instance.command("checkpoint", "list", json=True):
        instance.command("checkpoint", "delete", row["id"], "--force")
    assert instance.command("checkpoint", "list", json=True) == []


def tap(instance, *arguments):
    return subprocess.Popen(
        [instance.binary, "tap", *arguments, "-c", instance.config_file], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, cwd=instance.directory, env=instance.env)


def feed_until_seen(instance, watching):
    """A tap begins some time after its process does: sends one line after another until one is shown."""
    import threading
    shown = []
    reader = threading.Thread(target=lambda: shown.append(watching.stdout.readline()))
    reader.start()
    while reader.is_alive():
        peers.send(instance.port, f"t,saw,9,{BEGIN}\n")
        reader.join(0.05)
    return json.loads(shown[0])


def test_tap_shows_what_passes_a_source_and_ends_at_ctrl_c(instance):
    watching = tap(instance, "lines")
    record = feed_until_seen(instance, watching)
    assert record["payload"] == f"t,saw,9,{BEGIN}" and record["position"] > 0
    assert harness.end(watching, signal.SIGINT) == 0
    watching.communicate()
    assert instance.command("status", json=True)["phase"] == "running"


@pytest.mark.interface("tap", "tap NAME", "tap --limit")
def test_tap_shows_what_a_pipeline_emits_and_ends_at_its_limit(instance):
    watching = tap(instance, "loud", "--limit", "1")
    assert feed_until_seen(instance, watching) == {"device": "saw"}
    assert watching.wait(30) == 0
    watching.communicate()


def test_tap_of_nobody_names_who_there_is(instance):
    result = instance.command("tap", "nobody", check=False)
    assert result.returncode == 3 and "lines" in result.stderr and "totals" in result.stderr


def test_a_tap_that_nobody_reads_slows_and_grows_nothing(instance):
    watching = tap(instance, "lines")
    feed_until_seen(instance, watching)
    peer = peers.Peer(instance.port, "flood")
    for _ in range(20):
        peer.send(*(f"flood,{'x' * 500},1,{BEGIN}" for _ in range(1000)))
    peer.flush().close()
    assert harness.end(watching, signal.SIGKILL) == -9
    watching.communicate()
    rows = instance.command("state", "get", "totals", "--key", "line=flood", json=True)
    assert [row["n"] for row in rows] == [20000]


@pytest.mark.interface("top", "top --once", "top --json", "top --interval")
def test_top_shows_rates(instance):
    looked = instance.command("top", json=True)
    assert [source["name"] for source in looked["sources"]] == ["lines"]
    assert {"records_per_second", "lag_seconds"} <= looked["sources"][0].keys()
    assert [pipeline["name"] for pipeline in looked["pipelines"]] == ["loud", "minutes", "totals"]
    assert looked["longest_stall_seconds"] >= 0 and looked["interval_seconds"] > 0
    text = instance.command("top", "--once", "--interval", "200ms").stdout
    assert all(word in text for word in ("RECORDS/S", "LAG", "longest stall", "totals"))


@pytest.mark.interface("stop --drain")
def test_drain_closes_every_window_and_keeps_the_rest(instance):
    assert instance.command("stop", "--drain").stdout.startswith("drained")
    assert instance.wait() == 0
    rows = [json.loads(line) for line in (instance.data_dir / "minutes.jsonl").read_text().splitlines()]
    assert [row["total"] for row in rows] == [10, 5]
    assert instance.command("state", "get", "minutes", json=True) == []
    assert instance.command("state", "get", "totals", json=True) == TOTALS
    instance.start()
    assert instance.command("stop", "--drain").returncode == 0
    assert instance.wait() == 0
    assert (instance.data_dir / "minutes.jsonl").read_text().count("\n") == 2


@pytest.mark.parametrize("command", [["stop", "--drain"], ["top"], ["tap", "lines"]], ids=" ".join)
def test_what_needs_an_instance_says_that_none_runs(instance, command):
    assert instance.terminate() == 0
    result = instance.command(*command, check=False)
    assert result.returncode == 1 and "no instance is running" in result.stderr


@pytest.mark.interface("state drop", "state drop PIPELINE")
def test_dropped_state_is_gone_and_results_go_on(instance):
    running = instance.command("state", "drop", "minutes", check=False)
    assert running.returncode == 1 and "tidemark stop" in running.stderr
    assert instance.kill9() == -9
    unclean = instance.command("state", "drop", "minutes", check=False)
    assert unclean.returncode in (2, 3)
    instance.start()
    assert instance.command("stop").returncode == 0
    assert instance.wait() == 0
    assert instance.command("state", "drop", "nobody", check=False).returncode == 3
    assert "2 keys" in instance.command("state", "drop", "minutes").stdout
    assert instance.command("checkpoint", "verify").returncode == 0
    instance.start()
    assert instance.command("state", "get", "minutes", json=True) == []
    assert instance.command("state", "get", "totals", json=True) == TOTALS
    peer = peers.Peer(instance.port, "q")
    peer.send(f"z,saw,4,{BEGIN}")
    peer.flush().close()
    assert instance.command("stop", "--drain").returncode == 0
    assert instance.wait() == 0
    rows = [json.loads(line) for line in (instance.data_dir / "minutes.jsonl").read_text().splitlines()]
    assert [(row["line"], row["total"]) for row in rows] == [("z", 4)]


FREQUENT = """
[sources.words]
type = "tcp"
listen = "127.0.0.1:{port}"
format = "csv"
fields = ["line", "word"]

[pipelines.frequent]
from = ["words"]
key_by = ["line"]
select = ["top(word, 2) AS often", "json_object('n', count(*), 'first', collect(word, 1)) AS both", "last(word) AS word"]
to = ["json", "csv", "sqlite"]

[sinks.json]
type = "file"
path = "frequent.jsonl"
flush = "50ms"

[sinks.csv]
type = "file"
path = "frequent.csv"
format = "csv"
flush = "50ms"

[sinks.sqlite]
type = "sqlite"
path = "frequent.db"
table = "frequent"
flush = "50ms"
"""


def test_what_is_json_is_json_where_json_is_spoken_and_a_text_elsewhere(tidemark, free_port, tmp_path):
    made = tidemark(FREQUENT.format(port=(port := free_port()))).start()
    peers.send(port, "a,x\n")
    often, both = [{"value": "x", "count": 1}], {"n": 1, "first": ["x"]}
    row = {"line": "a", "often": often, "both": both, "word": "x"}
    table = made.data_dir / "frequent.db"
    query = "SELECT often, both, word FROM frequent"
    written = [made.data_dir / "frequent.jsonl", made.data_dir / "frequent.csv"]
    harness.wait_until(lambda: rows.query(table, query) and all(path.exists() and path.read_text() for path in written),
                       what="the results")
    assert rows.json_lines(written[0]) == [row]
    as_text = [json.dumps(one, separators=(",", ":")) for one in (often, both)]
    assert rows.query(table, query) == [(*as_text, "x")]
    with written[1].open() as lines:
        assert list(csv.reader(lines)) == [["line", "often", "both", "word"], ["a", *as_text, "x"]]
    state = {"line": "a", "often": often, "count(*)": 1, "collect(word, 1)": ["x"], "word": "x"}
    assert made.command("state", "get", "frequent", json=True) == [state]
    assert as_text[0] in made.command("state", "get", "frequent").stdout
    made.command("checkpoint", "create")
    exported = tmp_path / "state.jsonl"
    made.command("checkpoint", "export", "latest", "--to", exported, "--pipeline", "frequent")
    assert rows.json_lines(exported) == [state]
    assert made.terminate() == 0
    words = tmp_path / "words.csv"
    words.write_text("a,x\n")
    shown = made.command("check", "--input", words)
    assert json.loads(shown.stdout) == {"_pipeline": "frequent", **row}
