"""Results over tcp: to another Tidemark that acknowledges, each once whatever is killed; to anybody else, in order, with
their ids, over kill -9, restarts and a full outbox."""

import json
import random
import socket
import threading

import pytest

import examples
import harness
import peers
import rows

RECORDS = 20_000
KILLS = 10
SEED = 20_250_301

GATEWAY = """
[checkpoint]
interval = "300ms"
min_pause = "50ms"
[journal]
enabled = {journal}
sync = "20ms"
[sources.machines]
type = "tcp"
listen = "127.0.0.1:{port}"
ack = true
format = "csv"
fields = ["n:int", "machine:string"]
[pipelines.copies]
from = ["machines"]
select = ["n", "machine"]
to = ["server"]
[pipelines.counts]
from = ["machines"]
key_by = ["machine"]
select = ["count(*) AS count"]
to = ["server"]
[sinks.server]
type = "tcp"
connect = "127.0.0.1:{server}"
ack = true
peer = "gateway-7"
"""

SERVER = """
[checkpoint]
interval = "300ms"
min_pause = "50ms"
[journal]
sync = "20ms"
[sources.gateways]
type = "tcp"
listen = "127.0.0.1:{server}"
ack = true
format = "json"
fields = ["n:int", "machine:string", "count:int"]
[pipelines.copies]
from = ["gateways"]
where = "n IS NOT NULL"
select = ["n", "machine"]
to = ["copies"]
[pipelines.counts]
from = ["gateways"]
where = "count IS NOT NULL"
select = ["machine", "count"]
to = ["counts"]
[sinks.copies]
type = "sqlite"
path = "plant.db"
flush = "50ms"
[sinks.counts]
type = "sqlite"
path = "plant.db"
flush = "50ms"
"""


@pytest.mark.interface("sinks.type=tcp", "sinks.connect", "sinks.ack", "sinks.peer")
@pytest.mark.parametrize("journal", ["true", "false"], ids=["journal", "no journal"])
def test_a_chain_of_two_counts_each_record_once_over_ten_kills(journal, tidemark, free_port):
    print(f"seed {SEED}")
    generator = random.Random(f"{SEED} {journal}")
    port, server_port = free_port(), free_port()
    gateway = tidemark(GATEWAY.format(port=port, server=server_port, journal=journal)).start()
    server = tidemark(SERVER.format(server=server_port)).start()
    machine = peers.Peer(port, "machine")
    lines = [f"{n},m{n % 7}" for n in range(RECORDS)]
    kills = sorted(generator.sample(range(1000, RECORDS - 1000), KILLS))
    sent = 0
    while sent < RECORDS or machine.waiting():
        if sent < RECORDS and machine.waiting() < 3000:
            machine.send(*lines[sent:sent + 500])
            sent += 500
        machine.run(0.01)
        if kills and machine.acked >= kills[0]:
            kills.pop(0)
            killed = generator.choice([gateway, server])
            assert killed.kill9() == -9
            killed.start(ready=False)
    machine.close()
    gateway.wait_ready()
    server.wait_ready()
    database = server.data_dir / "plant.db"
    harness.wait_until(lambda: rows.value(database, "SELECT max(n) FROM copies") == RECORDS - 1
                       and rows.value(database, "SELECT count(*) FROM counts") >= RECORDS, 180, "the last result")
    assert gateway.terminate() == 0
    assert server.terminate() == 0
    assert not kills
    assert rows.query(database, "SELECT n, machine FROM copies ORDER BY rowid") == [
        (n, f"m{n % 7}") for n in range(RECORDS)]
    for m in range(7):
        counted = [count for (count,) in rows.query(
            database, "SELECT count FROM counts WHERE machine = ? ORDER BY rowid", f"m{m}")]
        assert counted == list(range(1, len(range(m, RECORDS, 7)) + 1)), m
    status = server.stderr() + gateway.stderr()
    assert "A new stream is begun" not in status and "missing" not in status


def test_a_gateway_moves_while_its_server_is_away_and_no_result_is_lost_or_doubled(tidemark, free_port, tmp_path):
    port, server_port, file = free_port(), free_port(), tmp_path / "moving.savepoint"
    config = GATEWAY.format(port=port, server=server_port, journal="true")
    gateway = tidemark(config).start()
    server = tidemark(SERVER.format(server=server_port)).start()
    machine = peers.Peer(port, "machine")
    machine.send(*(f"{n},m{n % 7}" for n in range(2000)))
    machine.flush()
    server.kill9()
    machine.send(*(f"{n},m{n % 7}" for n in range(2000, 4000)))
    machine.flush()
    machine.close()
    said = gateway.command("savepoint", "create", "--stop", str(file)).stdout
    assert gateway.wait() == 0
    assert "results that sinks have not taken, and the instance has stopped" in said

    moved = tidemark(config)
    moved.start("--from", str(file))
    assert any("not connected" in why for why in moved.command("status", json=True)["degraded"])
    server.start()
    other = peers.Peer(port, "another machine")
    other.send(*(f"{n},m{n % 7}" for n in range(4000, 5000)))
    other.flush()
    other.close()
    database = server.data_dir / "plant.db"
    harness.wait_until(lambda: rows.value(database, "SELECT count(*) FROM counts") >= 5000, 90, "the last result")
    assert moved.terminate() == 0
    assert server.terminate() == 0
    assert rows.query(database, "SELECT n FROM copies ORDER BY rowid") == [(n,) for n in range(5000)]
    assert rows.query(database, "SELECT machine, max(count), count(*) FROM counts GROUP BY 1 ORDER BY 1") == [
        (f"m{m}", len(range(m, 5000, 7)), len(range(m, 5000, 7))) for m in range(7)]


class LineServer:
    """Takes lines of one connection after another and keeps them; it may be away for a while."""

    def __init__(self, port):
        self.port, self.lines, self.socket, self.connection = port, [], None, None

    def start(self):
        self.socket = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, args=(self.socket,), daemon=True).start()
        return self

    def _serve(self, listening):
        while True:
            try:
                self.connection, _ = listening.accept()
                with self.connection.makefile("rb") as file:
                    for line in file:
                        if line.endswith(b"\n"):
                            self.lines.append(line.decode())
            except OSError:
                if listening.fileno() < 0:
                    return

    def stop(self):
        self.socket.close()
        if self.connection:
            self.connection.close()


LINES = """
[sources.lines]
type = "tcp"
listen = "127.0.0.1:{port}"
format = "csv"
fields = ["n:int"]
[pipelines.all]
from = ["lines"]
select = ["n"]
to = ["out"]
[sinks.out]
type = "tcp"
connect = "127.0.0.1:{server}"
ids = true
{more}
[checkpoint]
interval = "1s"
"""


def counter(instance, name):
    return dict(instance.command("status", json=True)["sinks"][0]["counters"]).get(name, 0)


def test_results_for_a_server_that_is_away_arrive_in_order_with_their_ids(tidemark, free_port):
    port, server = free_port(), LineServer(free_port())
    instance = tidemark(LINES.format(port=port, server=server.port, more="")).start()
    for begin in range(0, 3000, 1000):
        peers.send(port, "".join(f"{n}\n" for n in range(begin, begin + 1000)))
        harness.wait_until(lambda: counter(instance, "in its outbox") >= begin + 1000, what="the outbox")
        instance.kill9()
        instance.start()
    assert any("not connected" in reason for reason in instance.command("status", json=True)["degraded"])
    server.start()
    harness.wait_until(lambda: len(server.lines) == 3000, 90, "all results")
    harness.wait_until(lambda: counter(instance, "in its outbox") == 0, what="an empty outbox")
    got = [json.loads(line) for line in server.lines]
    assert [row["n"] for row in got] == list(range(3000))
    assert [row["_id"] for row in got] == [f"test/1/all/{n}" for n in range(1, 3001)]
    assert instance.terminate() == 0
    server.stop()


@pytest.mark.interface("sinks.buffer", "sinks.full", "sinks.format")
def test_a_full_outbox_drops_the_oldest_results_and_counts_them(tidemark, free_port):
    port, server, total = free_port(), LineServer(free_port()), 20_000
    more = 'buffer = "64KiB"\nfull = "drop-oldest"\nformat = "csv"\n'
    instance = tidemark(LINES.format(port=port, server=server.port, more=more)).start()
    for begin in range(0, total, 2000):
        peers.send(port, "".join(f"{n}\n" for n in range(begin, begin + 2000)))
        harness.wait_until(lambda: instance.command("status", json=True)["sources"][0]["records"] == begin + 2000,
                           what="the records")
        instance.command("checkpoint", "create")  # what waits goes to disk
    sink = instance.command("status", json=True)["sinks"][0]
    dropped = sink["counters"]["dropped"]
    assert 0 < dropped and sink["waiting"] == total - dropped
    server.start()
    harness.wait_until(lambda: len(server.lines) == total - dropped, 90, "what is left")
    # What the sink had been given when the server was not there, and then the newest.
    numbers = [int(line.split(",")[0]) for line in server.lines]
    assert numbers == sorted(set(numbers)) and numbers[-1] == total - 1
    assert all(line.split(",")[1] == f"test/1/all/{int(line.split(',')[0]) + 1}\n" for line in server.lines)
    assert instance.terminate() == 0
    server.stop()


def test_a_server_that_takes_nothing_fills_the_outbox_and_holds_nobody_up(tidemark, free_port):
    port, server_port = free_port(), free_port()
    with socket.create_server(("127.0.0.1", server_port)) as deaf:
        instance = tidemark(LINES.format(port=port, server=server_port, more="")).start()
        connection, _ = deaf.accept()
        total = 400_000
        sender = threading.Thread(
            target=peers.send, args=(port, "".join(f"1{n:06}\n" for n in range(total))), daemon=True)
        sender.start()
        harness.wait_until(
            lambda: instance.command("status", json=True)["sources"][0]["records"] == total, 120, "every record")
        harness.wait_until(lambda: counter(instance, "in its outbox") > 0, what="results in the outbox")
        got = b""
        connection.settimeout(60)
        while got.count(b"\n") < total:
            got += connection.recv(1 << 20)
        numbers = [json.loads(line)["n"] for line in got.splitlines()]
        assert numbers == [1_000_000 + n for n in range(total)]
        connection.close()
    assert instance.terminate() == 0


def test_the_examples_of_a_gateway_and_its_server_go_together(tidemark, free_port):
    machines, server_port = free_port(), free_port()
    gateway = examples.use(tidemark, "gateway", MACHINES_PORT=machines, SERVER_PORT=server_port).start()
    server = examples.use(tidemark, "gateway-server", SERVER_PORT=server_port)
    peers.send(machines, '{"machine":"press-1","watts":2300}\n{"machine":"press-1","watts":2500}\n')
    server.start()
    database = server.data_dir / "load.db"
    query = "SELECT machine, n, mean_watts FROM load"
    # The window ends by the clock; the two may stand on both sides of its end.
    harness.wait_until(lambda: sum(n for _, n, _ in rows.query(database, query)) == 2, 60, "the window")
    assert sum(n * mean for _, n, mean in rows.query(database, query)) == 4800
    assert gateway.terminate() == 0
    assert server.terminate() == 0
