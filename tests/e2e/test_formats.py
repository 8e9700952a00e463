"""Formats with real peers: payloads as independent programs write them, over the sources that people send them to."""

import socket

import pytest

import harness
import peers
import publisher
import rows

CONFIG = """
[sources.input]
{source}
dead_letter_to = "bad"

[pipelines.copy]
from = ["input"]
select = [{select}]
to = ["copy"]

[sinks.copy]
type = "file"
path = "copy.jsonl"
flush = "50ms"

[sinks.bad]
type = "file"
path = "bad.jsonl"
flush = "50ms"
"""

TCP = 'type = "tcp"\nlisten = "127.0.0.1:{port}"\n'
UDP = 'type = "udp"\nlisten = "127.0.0.1:{port}"\n'
MQTT = 'type = "mqtt"\nurl = "{url}"\ntopics = ["in/#"]\n'


def config(source, *select):
    return CONFIG.format(source=source, select=", ".join(f'"{one}"' for one in select))


def copied(instance):
    return rows.json_lines(instance.data_dir / "copy.jsonl")


def expect(instance, *records):
    harness.wait_until(lambda: len(copied(instance)) >= len(records), what=f"{len(records)} rows")
    assert copied(instance) == list(records)


def dead_letters(instance):
    return [(row["position"], row["payload"]) for row in rows.json_lines(instance.data_dir / "bad.jsonl")]


def source_of(instance):
    return instance.command("status", json=True)["sources"][0]


def connected(instance):
    harness.wait_until(lambda: source_of(instance)["state"] == "connected", what="the connection")
    return instance


def publish(mosquitto, *payloads, topic="in/a"):
    sender = publisher.Publisher(mosquitto.port)
    for payload in payloads:
        sender.publish(topic, payload)
    sender.flush()
    sender.close()


INFLUX = 'format = "influx"\ntimestamp = { field = "_timestamp", format = "ns" }\n'
NOON = 1_740_830_400_000_000_000  # 2025-03-01T12:00:00Z


@pytest.mark.interface("sources.format=influx")
def test_influx_lines_over_tcp_and_udp(tidemark, free_port):
    for source in (TCP, UDP):
        port = free_port()
        instance = tidemark(config(source.format(port=port) + INFLUX, "_measurement AS m", "host", "load", "_time")).start()
        text = f"# as telegraf writes it\ncpu,host=a\\ b load=0.5,n=4i {NOON}\n\ncpu,host=c load=1 {NOON + 10**9}\n"
        if source is TCP:
            peers.send(port, text)
        else:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(text.encode(), ("127.0.0.1", port))
        expect(instance, {"m": "cpu", "host": "a b", "load": 0.5, "_time": NOON // 10**6},
               {"m": "cpu", "host": "c", "load": 1.0, "_time": NOON // 10**6 + 1000})
        assert (source_of(instance)["records"], source_of(instance)["bad"]) == (2, 0)
        assert instance.terminate() == 0


@pytest.mark.interface("sources.format=influx", "sources.dead_letter_to")
def test_an_mqtt_message_of_many_influx_lines_over_a_kill(mosquitto, tidemark):
    instance = connected(tidemark(config(MQTT.format(url=mosquitto.url) + INFLUX, "_topic", "n")).start())
    lines = [f"m n={n}i {NOON + n}" for n in range(5000)]
    message = "\n".join([*lines[:100], "m n=", "m n=1", *lines[100:]])
    publish(mosquitto, message, f"m n=5000i {NOON}")
    instance.kill9()  # with some of the rows written, or none
    publish(mosquitto, "# a comment", "m,", f"m n=5001i {NOON}\n")
    instance.start()
    expect(instance, *[{"_topic": "in/a", "n": n} for n in range(5002)])
    harness.wait_until(lambda: source_of(instance)["bad"] == 3, what="the bad records")
    assert source_of(instance)["records"] == 5005
    assert instance.terminate() == 0
    (first, one), (second, other), (_, alone) = dead_letters(instance)
    assert (one, other, alone) == ("m n=", "m n=1", "m,") and first == second
