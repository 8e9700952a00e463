"""More peers than there are descriptors: files and the control socket keep theirs, and the good records are counted."""

import resource
import socket

import harness
import rows

CONFIG = """
[sources.lines]
type = "tcp"
listen = "127.0.0.1:{port}"
format = "csv"
fields = ["device:string"]

[pipelines.counts]
from = ["lines"]
key_by = ["device"]
select = ["count(*) AS n"]
emit = "on-update"
to = ["table"]

[sinks.table]
type = "sqlite"
path = "counts.db"
table = "counts"
mode = "upsert"
"""


def test_peers_leave_descriptors_for_checkpoints_and_commands(tidemark, free_port):
    port = free_port()
    instance = tidemark(CONFIG.format(port=port)).start()
    resource.prlimit(instance.process.pid, resource.RLIMIT_NOFILE, (128, 128))
    crowd = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(300)]

    assert instance.command("status", json=True)["phase"] == "running"
    instance.command("checkpoint", "create")
    # Some were let in and are served; the last one was not.
    crowd[0].sendall(b"first\n")
    crowd[-1].settimeout(30)
    try:
        refused = crowd[-1].recv(1) == b""
    except ConnectionResetError:
        refused = True
    assert refused

    for peer in crowd:
        peer.close()
    late = peer_that_is_let_in(port)
    late.sendall(b"late\n")
    database = instance.data_dir / "counts.db"
    harness.wait_until(
        lambda: dict(rows.query(database, "SELECT device, n FROM counts")) == {"first": 1, "late": 1}, what="the counts")
    late.close()
    assert instance.terminate() == 0


def peer_that_is_let_in(port):
    """Connects again until it is not closed at once: those before it need not have been seen to leave yet."""
    while True:
        peer = socket.create_connection(("127.0.0.1", port), timeout=30)
        peer.settimeout(0.5)
        try:
            if peer.recv(1) == b"":
                peer.close()
                continue
        except ConnectionResetError:
            continue
        except TimeoutError:
            return peer
