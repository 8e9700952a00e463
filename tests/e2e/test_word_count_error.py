"""A record that a pipeline fails on: it stands still, counts on, is FAILED, and is let go on; the other one never stops."""

import json

import pytest

import examples
import harness
import peers
import rows


def shown(instance):
    """What the screen has shown so far, without repetitions: the counts by word, and the lines in all."""
    lines = [json.loads(line) for line in instance.stdout_file.read_text().splitlines()]
    words = [(row["word"], row["n"]) for row in lines if "word" in row]
    return list(dict.fromkeys(words)), max((row["total"] for row in lines if "total" in row), default=0)


def pipeline(instance, name):
    return next(one for one in instance.command("status", json=True)["pipelines"] if one["name"] == name)


def feed(instance, port, words, then, total):
    peers.send(port, "".join(f"{word}\n" for word in words))
    harness.wait_until(lambda: shown(instance) == (then, total), what=f"{then}, {total} lines")


@pytest.mark.interface("pipeline resume", "pipeline resume NAME", "pipelines.poison_after")
def test_counts_go_on_after_an_error_and_the_next_one_ends_it(tidemark, free_port):
    port = free_port()
    instance = examples.use(tidemark, "word-count-error", PORT=port).start()
    counts = [("a", 1), ("b", 1), ("b", 2)]
    feed(instance, port, ["a", "b", "b"], counts, 3)
    counts.append(("b", 3))
    feed(instance, port, ["ERROR", "b"], counts, 5)

    feed(instance, port, ["ERROR", "b"], counts, 7)  # the other pipeline has seen both
    harness.wait_until(lambda: pipeline(instance, "word_count")["state"] == "FAILED", what="FAILED")
    report = pipeline(instance, "word_count")
    assert (report["keys"], report["set_aside"], report["attempts"]) == (2, 1, 1)
    assert "FAILED" in instance.command("status").stdout
    assert any("word_count" in reason for reason in instance.command("status", json=True)["degraded"])

    # FAILED outlives a crash and a stop, with its state and what it has not seen.
    assert instance.kill9() == -9
    instance.start()
    assert pipeline(instance, "word_count")["state"] == "FAILED"
    assert instance.terminate() == 0
    instance.start()
    feed(instance, port, ["a"], counts, 8)
    assert pipeline(instance, "word_count")["state"] == "FAILED"

    assert instance.command("pipeline", "resume", "word_count").stdout == "resumed: word_count\n"
    counts += [("b", 4), ("a", 2)]
    harness.wait_until(lambda: shown(instance) == (counts, 8), what="what it had missed")
    assert pipeline(instance, "word_count")["state"] == "running"
    feed(instance, port, ["b"], counts + [("b", 5)], 9)
    assert instance.terminate() == 0
    letters = rows.json_lines(instance.data_dir / "quarantine.jsonl")
    assert [(row["source"], row["payload"]) for row in letters] == [("words", "ERROR")] * 2
    assert letters[0]["position"] < letters[1]["position"]


def test_resume_says_what_cannot_be_resumed(tidemark, free_port):
    instance = examples.use(tidemark, "word-count-error", PORT=free_port()).start()
    unknown = instance.command("pipeline", "resume", "nothing", check=False)
    assert (unknown.returncode, "there is no pipeline \"nothing\"" in unknown.stderr) == (3, True)
    running = instance.command("pipeline", "resume", "word_count", check=False)
    assert (running.returncode, "is running" in running.stderr) == (2, True)
    assert instance.command("pipeline", "resume", check=False).returncode == 2
    assert instance.terminate() == 0
