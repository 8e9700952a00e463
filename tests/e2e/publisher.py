#!/usr/bin/python3
"""A QoS 1 publisher that knows what the broker has acknowledged.

As a library, Publisher: publish() and flush(). As a program:

    publisher.py --port PORT --acked ACKED.jsonl [--rate N] < MESSAGES.jsonl

Each line of MESSAGES, and of ACKED in the order of the PUBACKs, is {"topic": …, "payload": "…"}. ACKED is what
the tests count with: a message stands there exactly once however often it had to be sent.

A lost connection is made again and what was not acknowledged is sent again, with DUP. Note that a broker which
dies between passing a message on and acknowledging it has then been given it twice: a test that kills the broker
must count with that. Everything happens on the caller's thread, within the calls. Works with paho 1.6 and 2.
"""

import argparse
import json
import sys
import time

import paho.mqtt.client as mqtt


class Publisher:
    def __init__(self, port, client_id="publisher", window=100, acked_file=None):
        """`window`: how many messages may be unacknowledged. `acked_file`: a path to log the acknowledged to."""
        self.acked = []  # (topic, payload) in the order of the PUBACKs
        self.reconnects = 0
        self._port = port
        self._window = window
        self._waiting = {}  # packet id -> (topic, payload)
        self._log = open(acked_file, "a", encoding="utf-8") if acked_file else None
        # Version 2 asks which signatures the callbacks have; ours take either.
        version = [mqtt.CallbackAPIVersion.VERSION2] if hasattr(mqtt, "CallbackAPIVersion") else []
        self._client = mqtt.Client(*version, client_id=client_id, clean_session=False)
        self._client.max_inflight_messages_set(window)
        self._client.on_publish = self._on_puback
        self._client.on_connect = self._on_connack
        self._opened = False  # there is a connection; it carries publications from the CONNACK on
        self._connected = False

    def publish(self, topic, payload, retain=False, timeout=60):
        """Hands one message over, waiting only for the connection and while the window is full.

        Messages reach the broker in this order: one sent before the CONNACK would overtake those that are sent
        again at it.
        """
        self._run_until(lambda: self._connected and len(self._waiting) < self._window, timeout)
        self._waiting[self._client.publish(topic, payload, qos=1, retain=retain).mid] = (topic, payload)
        self._run(0)

    def flush(self, timeout=60):
        """Returns when every message is acknowledged."""
        self._run_until(lambda: not self._waiting, timeout)

    def idle(self, seconds):
        """Keeps the connection served for a while: the pause between two messages."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._run(left)

    def close(self):
        self._client.disconnect()
        if self._log:
            self._log.close()

    def _run_until(self, condition, timeout):
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                state = "connected" if self._connected else "not connected"
                raise TimeoutError(f"{state}, {len(self._waiting)} messages without a PUBACK after {timeout} s")
            self._run(0.05)

    def _run(self, seconds):
        if self._opened and self._client.loop(seconds) == mqtt.MQTT_ERR_SUCCESS:
            return
        self.reconnects += self._connected
        self._opened = self._connected = False
        try:
            self._client.connect("127.0.0.1", self._port, keepalive=30)
            self._opened = True
        except OSError:
            time.sleep(0.02)

    def _on_connack(self, *_):
        self._connected = True

    def _on_puback(self, _client, _userdata, packet_id, *_version2):
        topic, payload = self._waiting.pop(packet_id)
        self.acked.append((topic, payload))
        if self._log:
            self._log.write(json.dumps({"topic": topic, "payload": payload}) + "\n")
            self._log.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--acked", help="where acknowledged messages are logged")
    parser.add_argument("--rate", type=float, default=0, help="messages a second; 0: as fast as it goes")
    parser.add_argument("--client-id", default="publisher")
    options = parser.parse_args()

    publisher = Publisher(options.port, options.client_id, acked_file=options.acked)
    start = time.monotonic()
    for number, line in enumerate(sys.stdin):
        if options.rate:
            publisher.idle(start + number / options.rate - time.monotonic())
        message = json.loads(line)
        publisher.publish(message["topic"], message["payload"])
    publisher.flush()
    publisher.close()


if __name__ == "__main__":
    main()
