"""Every kind of source with a real peer: sockets of all kinds, files that are rotated under it, regular expressions."""

import json
import os
import signal
import socket

import pytest

import harness
import peers
import rows

CONFIG = """
[sources.input]
{source}

[pipelines.sums]
from = ["input"]
key_by = ["k"]
select = ["count(*) AS n", "sum(v) AS total"]
to = ["sums"]

[sinks.sums]
type = "sqlite"
path = "sums.db"
table = "sums"
mode = "upsert"
flush = "50ms"
"""

FIELDS = 'format = "csv"\nfields = ["k:string", "v:int"]\n'


def config(source):
    return CONFIG.format(source=source + FIELDS)


def source_of(instance):
    return instance.command("status", json=True)["sources"][0]


def counter(instance, name):
    return source_of(instance)["counters"][name]


def expect(instance, *expected):
    """Waits until the sums are these: (key, count, total)."""
    def sums():
        return rows.query(instance.data_dir / "sums.db", "SELECT k, n, total FROM sums ORDER BY k")

    harness.wait_until(lambda: sums() == list(expected), what=f"{expected}")


class Server:
    """A program that tidemark connects to: takes one connection at a time."""

    def __init__(self, port=0, family=socket.AF_INET):
        self.socket = socket.create_server(("::1" if family == socket.AF_INET6 else "127.0.0.1", port), family=family)
        self.port = self.socket.getsockname()[1]

    def accept(self):
        self.socket.settimeout(60)
        connection, _ = self.socket.accept()
        connection.settimeout(60)
        return connection

    def close(self):
        self.socket.close()


@pytest.mark.interface("sources.connect", "sources.type=tcp")
def test_tcp_that_connects_comes_back_to_its_server(tidemark, free_port):
    port = free_port()
    instance = tidemark(config(f'type = "tcp"\nconnect = "localhost:{port}"\n')).start()
    harness.wait_until(lambda: source_of(instance)["state"] == "waiting", what="the first refusal")
    server = Server(port)
    with server.accept() as connection:
        connection.sendall(b"a,1\nb,2\nb,40")  # the last line is whole when the server closes in order
    with server.accept() as connection:
        connection.sendall(b"a,3\n")
        expect(instance, ("a", 2, 4), ("b", 2, 42))
    server.close()
    assert instance.terminate() == 0


def test_tcp_connects_over_ipv6(tidemark):
    try:
        server = Server(family=socket.AF_INET6)
    except OSError:
        return  # no IPv6 here
    instance = tidemark(config(f'type = "tcp"\nconnect = "[::1]:{server.port}"\n')).start()
    with server.accept() as connection:
        connection.sendall(b"a,1\n")
        expect(instance, ("a", 1, 1))
    server.close()


def test_a_half_closed_peer_gets_its_last_ack(tidemark, free_port):
    port = free_port()
    instance = tidemark(config(f'type = "tcp"\nlisten = "127.0.0.1:{port}"\nack = true\n')).start()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"a,1\na,2\n")
        connection.shutdown(socket.SHUT_WR)
        said = b""
        while part := connection.recv(4096):
            said += part
    assert json.loads(said.splitlines()[-1]) == {"ack": 2}
    expect(instance, ("a", 2, 3))


@pytest.mark.interface("sources.type=unix", "sources.mode", "sources.path", "sources.ack")
def test_unix_peers_are_acknowledged_over_a_kill(tidemark):
    instance = tidemark("")
    path = instance.directory / "in.sock"
    instance.write_config(config(f'type = "unix"\npath = "{path}"\nack = true\nmode = "0600"\n'))
    instance.start()
    assert path.stat().st_mode & 0o777 == 0o600
    peer = peers.Peer(path, "press")
    peer.send(*[f"a,{n}" for n in range(100)])
    peer.flush()
    instance.kill9()
    assert path.exists()  # a stale socket, which the next start replaces
    peer.send(*[f"b,{n}" for n in range(100)])
    instance.start()
    peer.flush()
    expect(instance, ("a", 100, 4950), ("b", 100, 4950))
    assert instance.terminate() == 0
    assert not path.exists()


def test_unix_does_not_take_a_file_for_a_stale_socket(tidemark):
    instance = tidemark("")
    path = instance.directory / "precious"
    path.write_text("not a socket\n")
    instance.write_config(config(f'type = "unix"\npath = "{path}"\n'))
    result = instance.command("run", check=False)
    assert result.returncode == 1 and str(path) in result.stderr
    assert path.read_text() == "not a socket\n"


@pytest.mark.interface("sources.type=udp", "sources.rcvbuf", "sources.listen")
def test_udp_counts_what_it_gets_and_what_the_kernel_drops(tidemark, free_port):
    port = free_port()
    instance = tidemark(config(f'type = "udp"\nlisten = "127.0.0.1:{port}"\nrcvbuf = "4KiB"\n')).start()
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(text):
        sender.sendto(text.encode(), ("127.0.0.1", port))

    send("a,1\na,2\n\na,3")
    expect(instance, ("a", 3, 6))
    os.kill(instance.process.pid, signal.SIGSTOP)  # nobody reads, and the buffer overflows
    for _ in range(2000):
        send("x" * 1000)
    os.kill(instance.process.pid, signal.SIGCONT)

    def told():
        send("b,1")
        return counter(instance, "datagrams dropped by the kernel") > 0

    harness.wait_until(told, what="the count of the kernel")
    assert "raise rcvbuf" in instance.stderr()
    sender.close()
    assert instance.terminate() == 0


@pytest.mark.interface("sources.follow")
def test_a_followed_log_over_rotations_and_a_kill(tidemark):
    instance = tidemark("")
    log = instance.directory / "app.log"
    instance.write_config(config(f'type = "file"\npath = "{log}"\nfollow = true\n'))
    instance.start()
    assert source_of(instance)["state"] == "waiting"
    sent = 0

    def write(count):
        nonlocal sent
        with log.open("a") as out:
            for _ in range(count):
                out.write(f"a,{sent}\n")
                sent += 1

    def rotate():
        for number in (2, 1):
            older = log.with_name(f"app.log.{number}")
            if older.exists():
                older.rename(log.with_name(f"app.log.{number + 1}"))
        log.rename(log.with_name("app.log.1"))

    write(1000)
    expect(instance, ("a", sent, sum(range(sent))))
    write(500)
    rotate()
    write(500)
    expect(instance, ("a", sent, sum(range(sent))))
    instance.kill9()
    write(300)  # to the file that was open
    rotate()
    write(300)  # to one that comes and goes while nobody looks
    rotate()
    write(300)
    instance.start()
    expect(instance, ("a", sent, sum(range(sent))))
    with log.open("a") as out:
        out.write("a,")  # half a line
        out.flush()
        write(100)  # behind it: "a,a,N" is one bad line
    harness.wait_until(lambda: source_of(instance)["bad"] == 1, what="the torn line")
    os.truncate(log, 0)
    harness.wait_until(lambda: counter(instance, "truncations") == 1, what="the truncation")
    assert "copytruncate" in instance.stderr()
    assert instance.terminate() == 0


def test_a_file_that_is_not_there_says_what_to_do(tidemark):
    result = tidemark(config('type = "file"\npath = "/nowhere/readings.csv"\n')).command("run", check=False)
    assert result.returncode == 3
    assert "/nowhere/readings.csv" in result.stderr and "follow = true" in result.stderr


TEXT = r"""
[sources.access]
type = "file"
path = "{path}"
format = "text"
pattern = '(?P<host>\S+) \S+ \S+ \[(?P<at>[^]]+)\] "(?P<verb>[A-Z]+) [^"]*" (?P<status>\d+) (?P<bytes>\d+)'
fields = ["status:int", "bytes:int"]
timestamp = {{ field = "at", format = "%d/%b/%Y:%H:%M:%S %z" }}
dead_letter_to = "bad"

[pipelines.traffic]
from = ["access"]
where = "status < 400"
key_by = ["verb"]
window = {{ type = "tumbling", size = "1m" }}
select = ["count(*) AS n", "sum(bytes) AS bytes"]
to = ["traffic"]

[sinks.traffic]
type = "file"
path = "traffic.jsonl"

[sinks.bad]
type = "file"
path = "bad.jsonl"
"""


@pytest.mark.interface("sources.format=text", "sources.pattern", "sources.timestamp.format")
def test_text_lines_are_taken_apart_by_a_pattern(tidemark):
    instance = tidemark("")
    log = instance.directory / "access.log"
    log.write_text('10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 100\n'
                   '10.0.0.2 - - [10/Oct/2000:22:55:40 +0200] "GET /x HTTP/1.0" 200 50\n'
                   "what is this\n"
                   '10.0.0.2 - - [10/Oct/2000:13:55:41 -0700] "POST /x HTTP/1.0" 500 50\n'
                   '10.0.0.2 - - [10/Oct/2000:13:57:41 -0700] "GET /x HTTP/1.0" 200 50\n')
    instance.write_config(TEXT.format(path=log))
    assert instance.command("run").returncode == 0
    assert rows.json_lines(instance.data_dir / "traffic.jsonl") == [
        {"verb": "GET", "window_start": "2000-10-10T20:55:00Z", "window_end": "2000-10-10T20:56:00Z", "n": 2,
         "bytes": 150}]
    bad = rows.json_lines(instance.data_dir / "bad.jsonl")
    assert [row["payload"] for row in bad] == ["what is this"] and "pattern" in bad[0]["error"]


CSV = """
[sources.table]
type = "{type}"
{where}
format = "csv"
fields = ["name:string", "v:int"]
delimiter = ";"
quote = "'"
header = true
multiline = true

[pipelines.copy]
from = ["table"]
select = ["name", "v"]
to = ["copy"]

[sinks.copy]
type = "file"
path = "copy.jsonl"
flush = "50ms"
"""


@pytest.mark.interface("sources.header", "sources.quote", "sources.multiline", "sources.delimiter")
def test_csv_with_header_quotes_and_line_ends_inside_of_values(tidemark, free_port):
    table = "name;v\nplain;1\n'semi;colon and ''quote''';2\n'two\nlines';3\n"
    expected = [("plain", 1), ("semi;colon and 'quote'", 2), ("two\nlines", 3)]

    def copied(instance):
        return [(row["name"], row["v"]) for row in rows.json_lines(instance.data_dir / "copy.jsonl")]

    instance = tidemark("")
    file = instance.directory / "table.csv"
    file.write_text(table)
    instance.write_config(CSV.format(type="file", where=f'path = "{file}"'))
    assert instance.command("run").returncode == 0
    assert copied(instance) == expected

    port = free_port()
    instance = tidemark(CSV.format(type="tcp", where=f'listen = "127.0.0.1:{port}"')).start()
    for _ in range(2):  # each connection begins with a header
        peers.send(port, table)
    harness.wait_until(lambda: len(copied(instance)) == 6, what="the rows")
    assert copied(instance) == expected * 2
    assert instance.terminate() == 0


def test_hostile_peers_are_bounded_and_the_stream_goes_on(tidemark, free_port):
    port = free_port()
    settings = config(f'type = "tcp"\nlisten = "127.0.0.1:{port}"\nmultiline = true\n') + """
[limits]
max_record = "64KiB"
max_connections = 100
"""
    instance = tidemark(settings).start()
    idle = []
    for _ in range(500):  # most of them are refused
        connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        idle.append(connection)
    harness.wait_until(lambda: counter(instance, "refused connections") >= 400, what="the refusals")
    endless = idle[0]
    for _ in range(64):
        endless.sendall(b'k,"' + b"x" * (1 << 20))  # a value without end, 64 MiB of it
    endless.sendall(b"\n")
    endless.sendall(b"a,1\n")
    for connection in idle[1:]:
        connection.close()
    expect(instance, ("a", 1, 1))
    assert counter(instance, "oversized lines") == 1
    harness.wait_until(lambda: "0 connected" in source_of(instance)["detail"] or
                       "1 connected" in source_of(instance)["detail"], what="the closes")
    peers.send(port, "a,2\n")
    expect(instance, ("a", 2, 3))
    peak = next(line for line in open(f"/proc/{instance.process.pid}/status") if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 200_000, peak  # KiB; sanitizer builds need more than the program alone
    endless.close()
    assert instance.terminate() == 0
