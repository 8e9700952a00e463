"""A pipeline that holds as many keys as it may says so, and goes on with those that it has."""

import json

import harness
import peers

CONFIG = """
[node]
data_dir = "{data_dir}"
[limits]
memory = "{memory}"
[sources.words]
type = "tcp"
listen = "127.0.0.1:{port}"
format = "csv"
fields = ["word:string"]
[pipelines.count]
from = ["words"]
key_by = ["word"]
select = ["count(*) AS n"]
to = ["screen"]
{more}
[sinks.screen]
type = "stdout"
"""


def run(tidemark, port, more="", memory="1GiB"):
    instance = tidemark("")
    instance.config_file.write_text(CONFIG.format(data_dir=instance.data_dir, port=port, more=more, memory=memory))
    return instance.start()


def shown(instance):
    return [(row["word"], row["n"]) for row in map(json.loads, instance.stdout_file.read_text().splitlines())]


def test_new_keys_beyond_max_keys_are_refused_and_status_says_so(tidemark, free_port):
    port = free_port()
    instance = run(tidemark, port, "max_keys = 2")
    peers.send(port, "a\nb\nc\nd\na\n")
    harness.wait_until(lambda: ("a", 2) in shown(instance), what="a,2")
    assert shown(instance) == [("a", 1), ("b", 1), ("a", 2)]
    status = instance.command("status", json=True)
    assert status["pipelines"][0]["refused"] == 2
    assert any("max_keys (2)" in reason for reason in status["degraded"])
    assert "2 refused" in instance.command("status").stdout
    assert instance.terminate() == 0


def test_the_memory_of_all_state_is_bounded_and_status_says_so(tidemark, free_port):
    port = free_port()
    instance = run(tidemark, port, memory="4KiB")
    peers.send(port, "".join(f"word{i}\n" for i in range(200)) + "word0\n")
    harness.wait_until(lambda: ("word0", 2) in shown(instance), what="word0,2")
    status = instance.command("status", json=True)
    assert status["pipelines"][0]["keys"] + status["pipelines"][0]["refused"] == 200
    assert any("limits.memory" in reason for reason in status["degraded"])
    assert instance.terminate() == 0
