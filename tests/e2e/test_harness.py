"""The tests' own broker and publisher do what the other tests count on."""

import collections
import subprocess
import time

import paho.mqtt.client as mqtt
import pytest

import harness
import publisher


@pytest.fixture
def tidemark_program(tmp_path):
    """A function that makes a harness.Tidemark whose program is the given lines of shell."""
    made = []

    def make(script):
        directory = tmp_path / str(len(made))
        directory.mkdir()
        program = directory / "program"
        program.write_text("#!/bin/sh\n" + script + "\n")
        program.chmod(0o755)
        made.append(harness.Tidemark(directory, "", binary=program))
        return made[-1]

    yield make
    for instance in made:
        if instance.running():
            instance.kill9()


def subscriber(port, client_id="subscriber"):
    version = [mqtt.CallbackAPIVersion.VERSION2] if hasattr(mqtt, "CallbackAPIVersion") else []
    client = mqtt.Client(*version, client_id=client_id, clean_session=False)
    client.got = []
    client.on_message = lambda _client, _userdata, message: client.got.append(message.payload.decode())
    client.subscribed = False

    def on_subscribe(*_):
        client.subscribed = True

    client.on_subscribe = on_subscribe
    client.connect("127.0.0.1", port)
    client.subscribe("#", qos=1)
    run_until(client, lambda: client.subscribed)
    return client


def run_until(client, condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert client.loop(0.05) == mqtt.MQTT_ERR_SUCCESS and time.monotonic() < deadline, len(client.got)


def test_the_publisher_logs_each_message_once_in_order(mosquitto, tmp_path):
    client = subscriber(mosquitto.port)
    sender = publisher.Publisher(mosquitto.port, window=5, acked_file=tmp_path / "acked")
    for n in range(200):
        sender.publish(f"t/{n % 3}", str(n))
    sender.flush()
    run_until(client, lambda: len(client.got) >= 200)
    assert client.got == [str(n) for n in range(200)]
    assert [payload for _, payload in sender.acked] == client.got
    assert len((tmp_path / "acked").read_text().splitlines()) == 200


def test_a_broker_that_is_killed_has_every_message_afterwards(mosquitto):
    subscriber(mosquitto.port).disconnect()
    sender = publisher.Publisher(mosquitto.port)
    for n in range(1000):
        sender.publish("t", str(n))
        if n == 300:
            mosquitto.save()
            mosquitto.kill9()
            mosquitto.start()
        if n == 600:
            mosquitto.stop()
            mosquitto.start()
    sender.flush()
    assert sender.reconnects == 2
    assert collections.Counter(payload for _, payload in sender.acked) == {str(n): 1 for n in range(1000)}


def test_a_stopped_broker_keeps_what_a_session_has_missed(mosquitto):
    subscriber(mosquitto.port).disconnect()
    sender = publisher.Publisher(mosquitto.port)
    for n in range(2000):
        sender.publish("t", str(n))
    sender.flush()
    mosquitto.stop()
    mosquitto.start()
    client = subscriber(mosquitto.port)
    run_until(client, lambda: len(client.got) >= 2000)
    assert client.got == [str(n) for n in range(2000)]


def test_the_publisher_runs_as_a_program(mosquitto, tmp_path):
    lines = "".join('{"topic": "a", "payload": "%d"}\n' % n for n in range(50))
    subprocess.run(
        ["/usr/bin/python3", publisher.__file__, "--port", str(mosquitto.port), "--acked", tmp_path / "acked",
         "--rate", "500"], input=lines, text=True, check=True, timeout=30)
    assert (tmp_path / "acked").read_text() == lines


def test_ready_is_waited_for_and_an_early_end_is_told(tidemark_program):
    told = tidemark_program('echo "args $*" >&2; exec python3 -c \'import os,socket,time; '
                            's=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); '
                            's.sendto(b"STATUS=up\\nREADY=1",os.environ["NOTIFY_SOCKET"]); time.sleep(60)\'')
    told.start("--from", "none")
    assert told.running() and told.notify.lines == ["STATUS=up", "READY=1"]
    assert told.stderr() == f"args run -c {told.config_file} --from none\n"
    assert told.kill9() == -9

    ended = tidemark_program('echo "no such sink" >&2; exit 2')
    with pytest.raises(AssertionError, match="ended with 2 before READY=1:\nno such sink"):
        ended.start()


def test_what_a_sanitizer_says_is_a_failure(tidemark_program):
    bad = tidemark_program('echo "src/a.cc:1: runtime error: overflow" >&2; exit 0')
    bad.start(ready=False)
    bad.wait()
    with pytest.raises(AssertionError, match="runtime error: overflow"):
        bad.close()
    with pytest.raises(AssertionError, match="runtime error: overflow"):
        bad.command("status", check=False)
