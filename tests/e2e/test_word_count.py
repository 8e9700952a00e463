"""The socket word count: seven hellos, a stop, a kill, a start from an older checkpoint; one more makes eight."""

import json
import socket

import pytest

import examples
import harness
import peers


def shown(instance):
    """What the screen has shown so far: (word, n) a line."""
    lines = instance.stdout_file.read_text().splitlines()
    return [(row["word"], row["n"]) for row in map(json.loads, lines)]


def hellos(instance, port, count, total):
    """Sends so many hellos, and returns when the screen shows the total."""
    peers.send(port, "hello\n" * count)
    harness.wait_until(lambda: ("hello", total) in shown(instance), what=f"hello,{total}")


@pytest.mark.parametrize("store", ["files", "sqlite"])
@pytest.mark.interface("run --from", "checkpoint.store", "sources.type=tcp", "sources.listen")
def test_seven_hellos_and_one_more_make_eight(store, tidemark, free_port):
    port = free_port()
    instance = examples.use(tidemark, "word-count" if store == "files" else "word-count-sqlite", PORT=port)
    instance.start()
    hellos(instance, port, 3, 3)
    peers.send(port, "world\nhello\nworld\n")
    harness.wait_until(lambda: ("world", 2) in shown(instance), what="world,2")
    instance.command("stop")
    assert instance.wait() == 0

    instance.start()
    hellos(instance, port, 3, 7)
    name = instance.command("checkpoint", "create").stdout.strip()
    assert instance.kill9() == -9
    instance.start("--from", name)
    assert instance.command("status", json=True)["resumed_from"].startswith(name)
    hellos(instance, port, 1, 8)
    assert instance.terminate() == 0
    # The screen cannot say what it has shown, so a crash may repeat lines; it never shows a wrong one.
    assert [n for word, n in dict.fromkeys(shown(instance)) if word == "hello"] == list(range(1, 9))
    assert shown(instance)[-1] == ("hello", 8)


@pytest.mark.interface("sources.connect")
def test_it_may_connect_to_the_server_of_the_words(tidemark):
    """As socketTextStream("localhost", 9999) does: the words come from `nc -lk 9999`, or whatever listens there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        port = server.getsockname()[1]
        instance = examples.use(tidemark, "word-count", PORT=port)
        text = instance.config_file.read_text()
        assert 'listen = "127.0.0.1:' in text
        instance.config_file.write_text(text.replace('listen = "127.0.0.1:', 'connect = "localhost:'))

        def serve(count, total, end, code):
            """The program ends before the connection does: else it would connect again, and leave that one in the queue."""
            instance.start()
            with server.accept()[0] as words:
                words.sendall(b"hello\n" * count)
                harness.wait_until(lambda: ("hello", total) in shown(instance), what=f"hello,{total}")
                assert end() == code

        def stop():
            instance.command("stop")
            return instance.wait()

        serve(7, 7, stop, 0)
        serve(1, 8, instance.kill9, -9)
        serve(1, 9, instance.terminate, 0)
        assert [n for word, n in dict.fromkeys(shown(instance))] == list(range(1, 10))


@pytest.mark.parametrize("store", ["files", "sqlite"])
def test_what_was_journaled_after_the_checkpoint_is_counted_again(store, tidemark, free_port):
    port = free_port()
    instance = examples.use(tidemark, "word-count" if store == "files" else "word-count-sqlite", PORT=port)
    instance.start()
    hellos(instance, port, 2, 2)
    name = instance.command("checkpoint", "create").stdout.strip()
    hellos(instance, port, 5, 7)  # on the screen, so durable
    assert instance.kill9() == -9
    instance.start("--from", name)
    hellos(instance, port, 1, 8)
    assert instance.terminate() == 0


def test_without_a_word_the_start_is_from_the_newest_and_none_begins_anew(tidemark, free_port):
    port = free_port()
    instance = examples.use(tidemark, "word-count", PORT=port).start()
    hellos(instance, port, 7, 7)
    assert instance.kill9() == -9
    instance.start()
    hellos(instance, port, 1, 8)
    assert instance.kill9() == -9
    instance.stdout_file.write_text("")
    instance.start("--from", "none")
    hellos(instance, port, 1, 1)
    assert instance.terminate() == 0
    assert shown(instance)[-1] == ("hello", 1)
