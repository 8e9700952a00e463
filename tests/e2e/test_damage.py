"""Every file of a data directory damaged in turn: recovered exactly and named, or refused with what helps.

What must never happen is a start that says nothing and is wrong. A start counts as right when everything that the
sinks held is still there once, and when the next record meets the state that the undamaged directory has.
"""

import os
import random
import re
import shutil

import pytest

import harness
import peers
import rows

CONFIG = """
[checkpoint]
store = "{store}"
interval = "1h"
retain = 3

[journal]
sync = "10ms"

[sources.words]
type = "tcp"
listen = "127.0.0.1:{port}"
format = "csv"
fields = ["word:string", "n:int"]
ack = true

[pipelines.counts]
from = ["words"]
key_by = ["word"]
select = ["count(*) AS times", "sum(n) AS total"]
to = ["history", "table"]

[sinks.history]
type = "file"
path = "history.jsonl"
flush = "10ms"

[sinks.table]
type = "sqlite"
path = "history.db"
table = "counts"
mode = "upsert"
flush = "10ms"
"""

SEED = 7
WORDS = ["anchor", "buoy", "cable", "dock"]
# What an operator can type; a refusal must name one of them.
HELPS = re.compile(r"--from |--abandon-replay|tidemark (run|check|checkpoint|restore|stop)|remove |restore |install Tidemark")
# The sinks' own files are the user's: nothing in them can be checked.
NOT_OURS = re.compile(r"^history\.(jsonl|db.*)$|\.sock$")


class Tree:
    """A data directory as it was, which can be put back: same bytes, same inodes."""

    def __init__(self, data_dir, keep):
        self.data_dir, self.keep = data_dir, keep
        keep.mkdir()
        self.folders = [path.relative_to(data_dir) for path in sorted(data_dir.rglob("*")) if path.is_dir()]
        self.files = {}
        for path in sorted(data_dir.rglob("*")):
            if path.is_file():
                name = path.relative_to(data_dir)
                self.files[str(name)] = path.read_bytes()
                os.link(path, keep / str(len(self.files)))

    def put_back(self):
        shutil.rmtree(self.data_dir)
        self.data_dir.mkdir()
        for folder in self.folders:
            (self.data_dir / folder).mkdir(parents=True, exist_ok=True)
        for number, (name, content) in enumerate(self.files.items(), 1):
            os.link(self.keep / str(number), self.data_dir / name)
            (self.data_dir / name).write_bytes(content)


def damages(content, generator):
    """(name, new content or None for removal) for one file."""
    size = len(content)
    yield "removed", None
    if not size:
        return
    yield "emptied", b""
    parts = {"beginning": (0, 16), "middle": (size // 3, 2 * size // 3), "end": (size - 16, size)}
    for part, (low, high) in parts.items():
        at = generator.randrange(max(0, min(low, size - 1)), max(1, min(high, size)))
        yield f"byte {at} of {size} flipped ({part})", content[:at] + bytes([content[at] ^ 0x40]) + content[at + 1:]
    cut = generator.randrange(1, size) if size > 1 else 0
    yield f"truncated to {cut} of {size}", content[:cut]


def feed(port, stream, lines):
    peer = peers.Peer(port, stream)
    peer.send(*lines)
    peer.flush().close()


def settled(instance):
    return all(sink["waiting"] == 0 for sink in instance.command("status", json=True)["sinks"])


def prepare(instance, port, ending):
    """Four checkpoints' worth of input, and some after the last one that stands in the sinks too."""
    instance.start()
    for turn in range(4):
        feed(port, f"turn {turn}", [f"{word},{turn}" for word in WORDS for _ in range(20)])
        instance.command("checkpoint", "create")
    feed(port, "tail", [f"{word},100" for word in WORDS])
    history = instance.data_dir / "history.jsonl"
    harness.wait_until(lambda: len(rows.json_lines(history)) == 81 * len(WORDS), what="the tail's rows")
    harness.wait_until(lambda: settled(instance), what="the sinks")
    assert (instance.terminate() if ending == "stopped" else instance.kill9()) in (0, -9)
    if ending == "killed twice":
        instance.start()
        assert instance.kill9() == -9
    return rows.json_lines(history)


@pytest.mark.parametrize("store", ["files", "sqlite"])
@pytest.mark.parametrize("ending", ["killed", "killed twice", "stopped"])
def test_damage_is_recovered_from_exactly_or_refused(store, ending, tidemark, free_port, tmp_path):
    print(f"seed {SEED}")
    port = free_port()
    instance = tidemark(CONFIG.format(store=store, port=port))
    held = prepare(instance, port, ending)
    tree = Tree(instance.data_dir, tmp_path / "kept")
    assert judge(instance, port, held).startswith("recovered"), "not even the undamaged directory"
    generator = random.Random(f"{SEED} {store} {ending}")
    wrong, outcomes = [], {}
    for name, content in tree.files.items():
        if NOT_OURS.search(name):
            continue
        for damage, changed in damages(content, generator):
            tree.put_back()
            if changed is None:
                (instance.data_dir / name).unlink()
            else:
                (instance.data_dir / name).write_bytes(changed)
            outcomes[f"{name}: {damage}"] = outcome = judge(instance, port, held)
            if outcome.startswith("WRONG"):
                wrong.append(f"{name}: {damage}: {outcome}")
    print("\n".join(f"{case}: {outcome}" for case, outcome in outcomes.items()))
    assert not wrong, f"{len(wrong)} of {len(outcomes)}:\n" + "\n".join(wrong)


def judge(instance, port, held):
    """Starts on the damaged directory and says how that went, in a word or in a sentence that begins with WRONG."""
    instance.stderr_file.unlink(missing_ok=True)
    try:
        instance.start(timeout=30)
    except AssertionError as error:
        if instance.running():
            instance.kill9()
            return f"WRONG: neither READY nor an end: {error}"
        said = instance.stderr()
        if instance.process.returncode not in (1, 3):
            return f"WRONG: exit code {instance.process.returncode}: {said[-2000:]}"
        return "refused" if HELPS.search(said) else f"WRONG: the refusal names nothing that helps: {said[-2000:]}"
    feed(port, "after the damage", [f"{word},1" for word in WORDS])
    code = instance.terminate()
    said = instance.stderr()
    if code != 0:
        return f"WRONG: exit code {code}: {said[-2000:]}"
    got = rows.json_lines(instance.data_dir / "history.jsonl")
    table = rows.query(instance.data_dir / "history.db", "SELECT word, times, total FROM counts ORDER BY word")
    after = expected_after(held)
    exact = table == [(row["word"], row["times"], row["total"]) for row in after]
    named = re.search(r" (warning|error) ", said)
    if exact and got == held + after:
        return "recovered, named" if named else "recovered, not needed"
    if exact and got == held and re.search(r" error sinks.history: ", said) and HELPS.search(said):
        return "recovered, and one sink waits for somebody"
    if exact and got[:len(held)] == held and "results that it already holds may stand twice" in said:
        return "recovered, with the cursor of a sink gone: rows stand twice, and that is said"
    return f"WRONG: {'named, but' if named else 'silently'}: {got[len(held):]}\n{table}\n{said[-2000:]}"


def expected_after(held):
    """The rows of one more record a word."""
    last = {row["word"]: row for row in held}
    return [{"word": word, "times": last[word]["times"] + 1, "total": last[word]["total"] + 1} for word in WORDS]
