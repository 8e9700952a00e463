"""State, journal and savepoints move between this machine and another kind of processor, and mean the same there.

TIDEMARK_BINARY is the program of this machine, TIDEMARK_FOREIGN that of the other one (a script that runs it in qemu).
Each test does one half of the work here and the other half there, and expects, byte for byte, the results of a run
that stayed here.
"""

import os
import random
from pathlib import Path

import pytest

import harness

HERE = harness.tidemark_binary()
THERE = Path(os.environ["TIDEMARK_FOREIGN"])

CONFIGURATION = """
[node]
name = "mover"
data_dir = "{data_dir}"

[checkpoint]
store = "{store}"
interval = "1h"

[sources.lines]
type = "tcp"
listen = "127.0.0.1:{port}"
timestamp = {{ field = "ts", format = "ms" }}

[pipelines.minutes]
from = ["lines"]
key_by = ["device", "kind"]
window = {{ type = "tumbling", size = "1m" }}
select = ["count(*) AS n", "sum(x) AS total", "avg(x) AS mean", "min(x) AS low", "max(i) AS high",
          "last(device) AS device_again", "max_by(i, x) AS at_the_highest"]
to = ["results"]

[pipelines.ever]
from = ["lines"]
key_by = ["device"]
select = ["count(*) AS n", "sum(x) AS total", "sum(i) AS whole", "first(x) AS first"]
to = ["results"]

[sinks.results]
type = "file"
path = "results.jsonl"
ids = true
"""


def records():
    """Two halves: floats whose sums depend on their order, large and negative integers, text of several bytes, NULLs."""
    draw = random.Random(7)
    lines = []
    for i in range(4000):
        fields = [f'"ts":{1_700_000_000_000 + i * 100}', f'"device":"größe-{draw.randrange(40)}"']
        if draw.random() < 0.8:
            fields.append(f'"kind":{draw.choice(["1", "1.5", "true", "null", chr(34) + "k" + chr(34)])}')
        if draw.random() < 0.9:
            fields.append(f'"x":{draw.uniform(-1, 1) * 10 ** draw.randrange(-8, 9)!r}')
        fields.append(f'"i":{draw.randrange(-2**40, 2**40)}')
        lines.append("{" + ",".join(fields) + "}\n")
    half = len(lines) // 2
    return "".join(lines[:half]), "".join(lines[half:])


class Mover(harness.Tidemark):
    """One data directory; each start says on which kind of machine."""

    def __init__(self, directory, store="files"):
        self.port = harness.free_port()
        super().__init__(directory, CONFIGURATION.format(data_dir=Path(directory) / "data", store=store, port=self.port),
                         binary=HERE)

    def run_on(self, binary, *args):
        self.binary = binary
        return self.start(*args, timeout=300)

    def feed(self, text):
        import peers
        before = self.command("status", json=True)["sources"][0]["records"]
        peers.send(self.port, text)
        wanted = before + text.count("\n")

        def applied():
            status = self.command("status", json=True)
            return status["sources"][0]["records"] == wanted and \
                status["journal"]["durable"] == status["journal"]["appended"]

        harness.wait_until(applied, timeout=300, what=f"{wanted} records")

    def results(self):
        return (self.data_dir / "results.jsonl").read_bytes()


@pytest.fixture
def mover(tmp_path):
    made = []

    def make(name, store="files"):
        made.append(Mover(tmp_path / name, store))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The results of a run that stays here, without its ids' random parts: the node names them."""
    stayed = Mover(tmp_path_factory.mktemp("stayed"))
    try:
        stayed.run_on(HERE)
        for half in records():
            stayed.feed(half)
        assert stayed.terminate() == 0
        return stayed.results()
    finally:
        stayed.close()


ways = pytest.mark.parametrize("first, then", [(HERE, THERE), (THERE, HERE)], ids=["there", "and back"])


@ways
@pytest.mark.parametrize("store", ["files", "sqlite"])
def test_a_checkpoint_goes_on_on_the_other_machine(first, then, store, mover, expected):
    moved = mover("moved", store)
    one, two = records()
    moved.run_on(first)
    moved.feed(one)
    assert moved.terminate() == 0
    moved.binary = then
    assert moved.command("checkpoint", "verify").returncode == 0
    moved.run_on(then)
    moved.feed(two)
    assert moved.terminate() == 0
    assert moved.results() == expected


@ways
def test_a_journal_is_replayed_on_the_other_machine(first, then, mover, expected):
    moved = mover("moved")
    one, two = records()
    moved.run_on(first)
    moved.command("checkpoint", "create")
    moved.feed(one)
    moved.kill9()
    moved.run_on(then)
    moved.feed(two)
    assert moved.terminate() == 0
    assert moved.results() == expected


@ways
def test_a_savepoint_is_restored_on_the_other_machine(first, then, mover, expected, tmp_path):
    left, arrived = mover("left"), mover("arrived")
    one, two = records()
    left.run_on(first)
    left.feed(one)
    savepoint = tmp_path / "moving.savepoint"
    left.command("savepoint", "create", "--stop", savepoint, timeout=300)
    assert left.wait(300) == 0
    arrived.run_on(then, "--from", savepoint)
    arrived.feed(two)
    assert arrived.terminate() == 0
    # Another directory begins another timeline, which stands in the ids; the values are the same.
    assert without_ids(left.results() + arrived.results()) == without_ids(expected)


@ways
def test_exported_state_is_the_same_text(first, then, mover, tmp_path):
    moved = mover("moved")
    moved.run_on(first)
    moved.feed(records()[0])
    assert moved.terminate() == 0
    texts = []
    for i, binary in enumerate((first, then)):
        moved.binary = binary
        file = tmp_path / f"state-{i}.csv"
        moved.command("checkpoint", "export", "latest", "--to", file, "--pipeline", "minutes")
        texts.append(file.read_bytes())
    assert texts[0] == texts[1] and texts[0].count(b"\n") > 100


def without_ids(content):
    import json
    return [{name: value for name, value in json.loads(line).items() if name != "_id"} for line in content.splitlines()]
