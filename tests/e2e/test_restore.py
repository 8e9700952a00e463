"""Going back: restores and savepoints of the socket word count, with a real process."""

import json

import pytest

import examples
import harness
import peers


def shown(instance):
    rows = map(json.loads, instance.stdout_file.read_text().splitlines())
    return [(row["word"], row["n"]) for row in rows]


def hellos(instance, port, count, total):
    peers.send(port, "hello\n" * count)
    harness.wait_until(lambda: shown(instance)[-1:] == [("hello", total)], what=f"hello,{total}")


@pytest.fixture
def word_count(tidemark, free_port):
    """A function: a word count on the store, not yet started, and its port."""
    def make(store="files"):
        port = free_port()
        return examples.use(tidemark, "word-count" if store == "files" else "word-count-sqlite", PORT=port), port
    return make


@pytest.mark.parametrize("store", ["files", "sqlite"])
@pytest.mark.interface("restore", "restore REF", "restore --discard-later")
def test_discarded_hellos_are_counted_no_more(store, word_count):
    instance, port = word_count(store)
    instance.start()
    hellos(instance, port, 2, 2)
    name = instance.command("checkpoint", "create").stdout.strip()
    hellos(instance, port, 3, 5)
    refused = instance.command("restore", name, check=False)
    assert refused.returncode == 1 and "tidemark stop" in refused.stderr
    assert instance.terminate() == 0
    assert name in instance.command("restore", name, "--discard-later").stdout
    instance.start()
    assert instance.command("status", json=True)["timeline"] == 2
    hellos(instance, port, 1, 3)
    assert instance.kill9() == -9
    instance.start()
    hellos(instance, port, 1, 4)
    assert instance.terminate() == 0


@pytest.mark.interface("restore --until")
def test_back_to_a_position_and_to_a_moment(word_count):
    instance, port = word_count()
    instance.start()
    hellos(instance, port, 2, 2)
    name = instance.command("checkpoint", "create").stdout.strip()
    hellos(instance, port, 3, 5)
    position = instance.command("checkpoint", "show", name, json=True)["position"]
    assert instance.terminate() == 0
    assert instance.command("restore", name, "--until", "yesterday", check=False).returncode == 2
    assert instance.command("restore", name, "--until", "1970-01-01T00:00:00Z", check=False).returncode == 2
    instance.command("restore", name, "--until", str(position + 1))
    instance.start()
    hellos(instance, port, 1, 4)
    assert instance.terminate() == 0


@pytest.mark.parametrize("to", ["files", "sqlite"])
@pytest.mark.parametrize("by_run", [False, True])
@pytest.mark.interface("savepoint create", "savepoint create FILE", "savepoint create --stop", "run --from")
def test_a_savepoint_moves_to_another_directory_and_store(to, by_run, word_count, tmp_path):
    instance, port = word_count("sqlite" if to == "files" else "files")
    file = tmp_path / "moving.savepoint"
    instance.start()
    hellos(instance, port, 7, 7)
    assert instance.command("savepoint", "create", str(tmp_path / "none" / "x"), check=False).returncode == 1
    instance.command("savepoint", "create", "--stop", str(file))
    assert instance.wait() == 0
    assert [path.name for path in tmp_path.glob("*savepoint*")] == [file.name]

    other, port = word_count(to)
    if by_run:
        other.start("--from", str(file))
    else:
        assert other.command("restore", str(tmp_path / "no.savepoint"), check=False).returncode == 3
        other.command("restore", str(file))
        file.unlink()
        other.start()
    hellos(other, port, 1, 8)
    assert other.kill9() == -9
    file.unlink(missing_ok=True)
    other.start(*(["--from", str(file)] if by_run else []))
    hellos(other, port, 1, 9)
    assert other.terminate() == 0


@pytest.mark.interface("savepoint create --json", "restore --json")
def test_programs_are_answered_in_json(word_count, tmp_path):
    instance, port = word_count()
    instance.start()
    hellos(instance, port, 2, 2)
    file = tmp_path / "two.savepoint"
    said = instance.command("savepoint", "create", str(file), json=True)
    assert (said["file"], said["results"]) == (str(file), 0)
    name = instance.command("checkpoint", "create").stdout.strip()
    assert instance.terminate() == 0
    assert name in json.dumps(instance.command("restore", name, json=True))
