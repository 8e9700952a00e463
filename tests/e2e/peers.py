"""TCP peers: one that just sends, and one that is acknowledged and resends what was not."""

import json
import select
import socket
import time


def send(port, text):
    """Sends all of it over a connection of its own and closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(text.encode() if isinstance(text, str) else text)


class Peer:
    """Introduces itself, so that after a break it resends exactly the lines that were not acknowledged.

    `port` is one of 127.0.0.1, or the path of a unix socket. Everything happens on the caller's thread, within the calls.
    """

    def __init__(self, port, name, stream="1"):
        self.acked = 0
        self.reconnects = 0
        self._port = port
        self._hello = json.dumps({"peer": name, "stream": stream}).encode() + b"\n"
        self._unacked = []  # lines from number self.acked on
        self._sent = 0      # of those, on this connection
        self._out = b""     # handed to nobody yet
        self._in = b""
        self._greeted = False
        self._socket = None

    def send(self, *lines):
        """Adds lines (without newline) to what flush() delivers."""
        self._unacked += [line.encode() if isinstance(line, str) else line for line in lines]

    def waiting(self):
        return len(self._unacked)

    def flush(self, timeout=60):
        """Returns when every line is acknowledged."""
        deadline = time.monotonic() + timeout
        while self._unacked:
            assert time.monotonic() < deadline, f"{len(self._unacked)} lines without ack after {timeout} s"
            self.run(0.05)
        return self

    def run(self, seconds):
        """One turn: connects, writes what the socket takes, reads acknowledgements."""
        if not self._socket and not self._connect():
            time.sleep(0.02)
            return
        if self._greeted and not self._out and self._sent < len(self._unacked):
            batch = self._unacked[self._sent:self._sent + 1000]
            self._sent += len(batch)
            self._out = b"\n".join(batch) + b"\n"
        try:
            readable, writable, _ = select.select(
                [self._socket], [self._socket] if self._out else [], [], seconds)
            if writable:
                self._out = self._out[self._socket.send(self._out):]
            if readable:
                self._read()
        except OSError:
            self.close()

    def close(self):
        if self._socket:
            self._socket.close()
            self._socket = None

    def _connect(self):
        try:
            if isinstance(self._port, int):
                self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=5)
            else:
                self._socket = socket.socket(socket.AF_UNIX)
                self._socket.connect(str(self._port))
        except OSError:
            self.close()
            return False
        self._socket.setblocking(False)
        self.reconnects += 1
        self._out, self._in, self._sent, self._greeted = self._hello, b"", 0, False
        return True

    def _read(self):
        got = self._socket.recv(65536)
        if not got:
            return self.close()
        *lines, self._in = (self._in + got).split(b"\n")
        for line in lines:
            number = json.loads(line)["ack"]
            assert self.acked <= number <= self.acked + len(self._unacked), f"ack {number} after {self.acked}"
            del self._unacked[:number - self.acked]
            self._sent = max(0, self._sent - (number - self.acked))
            self.acked = number
            self._greeted = True
