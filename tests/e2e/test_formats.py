"""Formats with real peers: payloads as independent programs write them, over the sources that people send them to."""

import datetime
import json
import socket
import struct
import subprocess

import cbor2
import msgpack
import pytest

import harness
import peers
import publisher
import rows
import sparkplug

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


def send(port, *datagrams):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, ("127.0.0.1", port))


# What every one of the three encodes, each in its own way.
RECORDS = [
    {"k": "a", "v": 1, "x": 1.5, "ok": True, "pos": {"lat": 52.5, "lon": 13.4}, "s": [1, 2.5, "three", None]},
    {"k": "ä€𐅑", "v": -(2**63), "x": 1e300, "ok": False, "pos": {}, "s": []},
    {"k": "x" * 300, "v": 2**63 - 1, "x": -0.1, "pos": None, "more": {str(n): list(range(n)) for n in range(40)}},
    {},
]
SELECT = ["k", "v", "x", "ok", "pos.lat AS lat", "s[2] AS third", "s"]
ROWS = [
    {"k": "a", "v": 1, "x": 1.5, "ok": True, "lat": 52.5, "third": "three", "s": '[1,2.5,"three",null]'},
    {"k": "ä€𐅑", "v": -(2**63), "x": 1e300, "ok": False, "lat": None, "third": None, "s": "[]"},
    {"k": "x" * 300, "v": 2**63 - 1, "x": -0.1, "ok": None, "lat": None, "third": None, "s": None},
    dict.fromkeys(["k", "v", "x", "ok", "lat", "third", "s"]),
]
ENCODERS = {"json": lambda value: json.dumps(value).encode(), "msgpack": msgpack.packb, "cbor": cbor2.dumps}


@pytest.mark.interface("sources.format=msgpack", "sources.format=cbor", "sources.format=json")
@pytest.mark.parametrize("name", ENCODERS)
def test_the_same_records_in_each_format_over_mqtt_and_udp(name, mosquitto, tidemark, free_port):
    encode = ENCODERS[name]
    port = free_port()
    instance = connected(tidemark(config(MQTT.format(url=mosquitto.url) + f'format = "{name}"\n', *SELECT)).start())
    publish(mosquitto, *map(encode, RECORDS), encode(RECORDS), encode([]), encode([RECORDS[0], 7, RECORDS[3]]))
    expect(instance, *ROWS, *ROWS, ROWS[0], ROWS[3])
    harness.wait_until(lambda: source_of(instance)["bad"] == 1, what="the bad one")
    assert instance.terminate() == 0
    (_, text), = dead_letters(instance)
    assert text == ("7" if name == "json" else encode(7).hex())

    instance = tidemark(config(UDP.format(port=port) + f'format = "{name}"\n', *SELECT)).start()
    send(port, *map(encode, RECORDS), encode(RECORDS[:2]))
    expect(instance, *ROWS, *ROWS[:2])
    assert instance.terminate() == 0


@pytest.mark.interface("sources.records")
@pytest.mark.parametrize("name", ENCODERS)
def test_records_at_a_path_in_each_format(name, mosquitto, tidemark):
    encode = ENCODERS[name]
    instance = connected(tidemark(config(MQTT.format(url=mosquitto.url) + f'format = "{name}"\nrecords = "data.rows"\n',
                                         "device", "v")).start())
    publish(mosquitto, encode({"device": "d1", "data": {"rows": [{"v": 1}, {"v": 2, "device": "own"}]}}),
            encode({"device": "d2", "data": {"rows": {"v": 3}}}), encode({"device": "d3", "data": {}}),
            encode({"data": {"rows": []}}))
    expect(instance, {"device": "d1", "v": 1}, {"device": "own", "v": 2}, {"device": "d2", "v": 3})
    harness.wait_until(lambda: (source_of(instance)["records"], source_of(instance)["bad"]) == (4, 1), what="all records")
    assert instance.terminate() == 0


@pytest.mark.interface("sources.timestamp.format")
def test_times_of_msgpack_and_cbor_are_event_times(mosquitto, tidemark):
    noon = datetime.datetime(2025, 3, 1, 12, 0, 0, 500000, tzinfo=datetime.timezone.utc)
    for name, unit, payload in (
            ("msgpack", "rfc3339", msgpack.packb({"t": noon}, datetime=True)),
            ("cbor", "rfc3339", cbor2.dumps({"t": noon})),
            ("cbor", "s", cbor2.dumps({"t": noon}, datetime_as_timestamp=True))):
        source = MQTT.format(url=mosquitto.url) + f'format = "{name}"\ntimestamp = {{ field = "t", format = "{unit}" }}\n'
        instance = connected(tidemark(config(source, "_time")).start())
        publish(mosquitto, payload)
        expect(instance, {"_time": NOON // 10**6 + 500})
        assert instance.terminate() == 0


def test_binary_messages_are_shown_in_hex_and_tried_from_it(mosquitto, tidemark, tmp_path):
    source = MQTT.format(url=mosquitto.url) + 'format = "cbor"\ntopic_fields = "in/{device}"\n'
    instance = connected(tidemark(config(source, "device", "v")).start())
    payloads = [cbor2.dumps({"v": 1}), cbor2.dumps({"v": 2})[:-1]]
    tap = subprocess.Popen([instance.binary, "tap", "input", "--limit", "2", "-c", instance.config_file],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=instance.directory, env=instance.env)
    seen = []

    def tapped():
        publish(mosquitto, *payloads)
        try:
            seen.append(tap.communicate(timeout=1)[0])
        except subprocess.TimeoutExpired:
            pass
        return seen

    harness.wait_until(tapped, what="two messages")
    assert [json.loads(line)["payload"] for line in seen[0].splitlines()][0] in [payload.hex() for payload in payloads]
    assert instance.terminate() == 0
    records = tmp_path / "records"
    records.write_text("".join(f"in/d7 {payload.hex()}\n" for payload in payloads))
    result = instance.command("check", "--input", records)
    shown = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row for row in shown if "_channel" not in row] == [{"_pipeline": "copy", "device": "d7", "v": 1}]
    assert [row["payload"] for row in shown if row.get("_channel") == "dead"] == [payloads[1].hex()]
    assert "1 problem" in result.stderr and "ends in the middle" in result.stderr
    records.write_text("in/d7 a1617g\n")
    refused = instance.command("check", "--input", records, check=False)
    assert refused.returncode == 1 and "no message in hex digits" in refused.stderr and "a1617g" in refused.stderr


# Every type of the specification, with what comes out of it.
VALUES = {
    "i8": (sparkplug.INT8, -5, -5), "i16": (sparkplug.INT16, -30_000, -30_000), "i32": (sparkplug.INT32, -(2**31), -(2**31)),
    "i64": (sparkplug.INT64, -(2**63), -(2**63)), "u8": (sparkplug.UINT8, 255, 255), "u16": (sparkplug.UINT16, 65_535, 65_535),
    "u32": (sparkplug.UINT32, 2**32 - 1, 2**32 - 1), "u64": (sparkplug.UINT64, 2**63 - 1, 2**63 - 1),
    "float": (sparkplug.FLOAT, 0.5, 0.5), "double": (sparkplug.DOUBLE, -0.1, -0.1), "bool": (sparkplug.BOOLEAN, True, True),
    "string": (sparkplug.STRING, "grün", "grün"), "when": (sparkplug.DATETIME, NOON // 10**6, NOON // 10**6),
    "text": (sparkplug.TEXT, "", ""), "uuid": (sparkplug.UUID, "6f1e", "6f1e"), "bytes": (sparkplug.BYTES, b"\x00\xff", "00ff"),
    "file": (sparkplug.FILE, b"a", "61"), "nothing": (sparkplug.DOUBLE, None, None),
    "table": (sparkplug.DATASET, sparkplug.data_set({"n": sparkplug.INT8, "s": sparkplug.STRING}, (-1, "x"), (None, "y")),
              '[{"n":-1,"s":"x"},{"n":null,"s":"y"}]'),
    "motor": (sparkplug.TEMPLATE, sparkplug.template(sparkplug.metric("rpm", sparkplug.UINT16, 900),
                                                     parameters={"maker": (sparkplug.STRING, "M")}), '{"rpm":900,"maker":"M"}'),
    "array": (sparkplug.INT32_ARRAY, struct.pack("<2i", 1, -2), "[1,-2]"),
    "doubles": (sparkplug.DOUBLE_ARRAY, struct.pack("<2d", 1.5, -2.0), "[1.5,-2.0]"),
}
SPARKPLUG = 'type = "mqtt"\nurl = "{url}"\ntopics = ["spBv1.0/#"]\nformat = "sparkplug"\n'


@pytest.mark.interface("sources.format=sparkplug")
def test_each_type_of_sparkplug_values_at_birth_and_by_alias_after_a_kill(mosquitto, tidemark):
    source = SPARKPLUG.format(url=mosquitto.url) + "timestamp = { field = 'timestamp', format = 'ms' }\n"
    columns = ["event", "metric", "value", "type", "properties.engUnit AS unit", "_time AS at"]
    instance = connected(tidemark(config(source, *columns)).start())
    types = dict(zip(VALUES, "Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float Double Boolean String DateTime Text UUID Bytes "
                             "File Double DataSet Template Int32Array DoubleArray".split()))
    births = [sparkplug.metric(name, kind, value, alias=n, properties={"engUnit": (sparkplug.STRING, "bar")})
              for n, (name, (kind, value, _)) in enumerate(VALUES.items())]
    data = [sparkplug.metric(None, kind, value, alias=n, declare=False) for n, (kind, value, _) in enumerate(VALUES.values())]
    birth = sparkplug.message(*births, time=NOON // 10**6, seq=0)
    publish(mosquitto, birth, topic="spBv1.0/G/NBIRTH/N")
    expected = [{"event": "birth", "metric": None, "value": None, "type": None, "unit": None, "at": NOON // 10**6}]
    expected += [{"event": "birth", "metric": name, "value": value, "type": types[name], "unit": "bar", "at": NOON // 10**6}
                 for name, (_, _, value) in VALUES.items()]
    expect(instance, *expected)
    instance.kill9()  # the journal holds the birth, perhaps no checkpoint
    connected(instance.start())
    publish(mosquitto, sparkplug.message(*data, time=NOON // 10**6 + 1, seq=1), topic="spBv1.0/G/NDATA/N")
    expected += [{"event": "data", "metric": name, "value": value, "type": types[name], "unit": None, "at": NOON // 10**6 + 1}
                 for name, (_, _, value) in VALUES.items()]
    expect(instance, *expected)
    assert source_of(instance)["bad"] == 0
    assert instance.terminate() == 0


@pytest.mark.interface("sources.format=sparkplug", "sources.dead_letter_to", "limits.births")
def test_what_sparkplug_nodes_do_wrong_is_counted_and_kept_with_its_reason(mosquitto, tidemark):
    limits = '\n[limits]\nbirths = "4KiB"\n'
    instance = connected(tidemark(config(SPARKPLUG.format(url=mosquitto.url), "event", "node", "metric") + limits).start())
    alone = sparkplug.metric(None, sparkplug.INT8, 1, alias=1, declare=False)

    def send(kind, payload, node="N"):
        publish(mosquitto, payload, topic=f"spBv1.0/G/{kind}/{node}")

    send("NDATA", sparkplug.message(alone, sparkplug.metric("m", sparkplug.INT8, 1, declare=False), seq=9))  # before a birth
    send("NBIRTH", sparkplug.message(sparkplug.metric("bdSeq", sparkplug.INT64, 7), seq=0))
    send("NDATA", sparkplug.message(alone, seq=1))  # an alias that it did not say
    send("NDATA", sparkplug.message(sparkplug.metric("m", sparkplug.INT8, 300), seq=5))  # a gap; and 300 is no Int8
    send("NDEATH", sparkplug.death(6))  # of an earlier session
    send("NBIRTH", sparkplug.message(*(sparkplug.metric(f"metric {n}", sparkplug.INT8, n, alias=n) for n in range(99)), seq=0), "big")
    send("NDATA", sparkplug.message(alone, seq=1), "big")  # its birth was not remembered
    send("NDATA", sparkplug.message(alone)[:-1])
    publish(mosquitto, b"{}", topic="spBv1.0/G/NDATA")
    publish(mosquitto, b"ONLINE", topic="spBv1.0/STATE/scada")  # no record, and no mistake
    harness.wait_until(lambda: source_of(instance)["bad"] == 7, what="the bad ones")
    counters = source_of(instance)["counters"]
    assert {name: counters[name] for name in ("sequence gaps", "deaths of earlier sessions", "births without room",
                                              "metrics before a birth", "aliases that no birth said")} == {
        "sequence gaps": 1, "deaths of earlier sessions": 1, "births without room": 1, "metrics before a birth": 3,
        "aliases that no birth said": 1}
    assert "sequence gaps 1" in instance.command("status").stdout
    expect(instance, *[{"event": "birth", "node": "N", "metric": None}, {"event": "birth", "node": "N", "metric": "bdSeq"},
                       {"event": "birth", "node": "big", "metric": None},
                       *({"event": "birth", "node": "big", "metric": f"metric {n}"} for n in range(99))])
    assert instance.terminate() == 0
    reasons = [row["error"] for row in rows.json_lines(instance.data_dir / "bad.jsonl")]
    forgotten = "no birth of it is remembered; a rebirth of its node says it again"
    assert reasons == [
        f"alias 1 of G/N is not known: {forgotten}",
        "metric m: an integer of an unknown type: neither it nor a birth says one",
        "alias 1 of G/N is not known: its birth did not say it",
        "metric m: 300 is no Int8",
        f"alias 1 of G/big is not known: {forgotten}",
        "no Sparkplug B payload: its protobuf is broken at byte 2",
        "the topic spBv1.0/G/NDATA is none of Sparkplug B: spBv1.0/GROUP/NDATA/NODE and the like"]
    assert "no room to remember the birth of G/big; raise limits.births" in instance.stderr()
