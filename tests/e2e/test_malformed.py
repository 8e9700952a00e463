"""A hundred kinds of malformed input beside good records: each is counted, and every good record too."""

import json

import pytest

import harness
import peers
import publisher
import rows

DEEP = "[" * 100 + "]" * 100

# None of these is a record; no two are wrong in the same way.
JSON = [line.encode() for line in [
    "{", "}", "[", "]", '"', ",", ":", "nul", "null", "true", "7", '"text"', "[{}", "[1 2]", "hello", "{}{}", "{} {}",
    "}{", "{]", "{[}", '{"', '{"v', '{"v"', '{"v":', '{"v":}', '{"v":1', '{"v":1,', '{"v":1,}', '{,"v":1}',
    '{"v" 1}', '{"v"::1}', '{"v"=1}', "{v:1}", "{'v':1}", '{"v":1]', '{"v":1}}', '{"v":1}x', '{"v":1},', '{1:1}',
    '{null:1}', '{"v":01}', '{"v":+1}', '{"v":.5}', '{"v":1.}', '{"v":1e}', '{"v":1e+}', '{"v":--1}', '{"v":-}',
    '{"v":0x10}', '{"v":1_000}', '{"v":1e400}', '{"v":NaN}', '{"v":Infinity}', '{"v":tru}', '{"v":True}',
    '{"v":None}', '{"v":undefined}', '{"v":1 2}', '{"v":1 "w":2}', '{"v":9223372036854775808}',
    '{"v":-9223372036854775809}', '{"v":"text"}', '{"v":1.5}', '{"v":true}', '{"v":[1]}', '{"v":{"a":1}}',
    '{"k":1,"v":1}', '{"k":["a"],"v":1}', '{"k":"\\x","v":1}', '{"k":"\\u12","v":1}', '{"k":"\\ud800","v":1}',
    '{"k":"a\tb","v":1}', '{"k":"a,"v":1}', '{"v":1 /* c */}', '{"v":1} // c', '{"junk":[1,2,}', '{"junk":nul}',
    '{"junk":"a"b"}', '{"junk":' + DEEP + "}", '{"junk":[1 2]}', '{"junk":[,1]}', '{"junk":[1,]}',
    '{"junk":{"a":1,}}', '{"junk":{"a"}}', "<v>1</v>", "v=1", "device v=1 1700000000", "---", "%PDF-1.4",
    '{"junk":"' + "x" * 70_000 + '"}',
]] + [b'{"k":"\xff","v":1}', b'{"k":"\xc3","v":1}', b'{"k":"\xed\xa0\x80","v":1}', b'{"k":"\x00","v":1}', b"\x00",
      b"\xff\xfe{\x00", b"\x1f\x8b\x08", b"\x80\x81\x82"]

CSV = [line.encode() for line in [
    "k", "k,,", "k,1,2", "k,x", "k,1.5", "k,1x", "k,0x1", "k, 1", "k,1e2", "k,--1", "k,+", "k,9223372036854775808",
    'k,"1', '"k,1', '"k"x,1', 'k"k,1', '"k""", "1"', "k;1", "k\t1", ",,,", '{"k":1}', "k,true", "k," + "1" * 70_000,
]] + [b"\xff,1", b"k,\xff", b"\x00,x", b"k,1\x00"]

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

[limits]
max_record = "64KiB"
max_depth = 64
"""

TCP = """type = "tcp"
listen = "127.0.0.1:{port}"
format = "{format}"
fields = ["k:string", "v:int"]"""

MQTT = """type = "mqtt"
url = "{url}"
topics = ["in/+"]
topic_fields = "in/{{device}}"
format = "json"
fields = ["k:string", "v:int"]"""


def settle(instance, bad, good):
    """Waits until all is applied, and compares."""
    def source():
        return instance.command("status", json=True)["sources"][0]

    harness.wait_until(lambda: source()["records"] >= bad + good, 60, f"{bad + good} records in {source()}")
    assert source()["bad"] == bad
    database = instance.data_dir / "sums.db"
    expected = [(good, sum(range(good)))]
    harness.wait_until(lambda: rows.query(database, "SELECT n, total FROM sums") == expected, 30, "the sums")
    assert instance.terminate() == 0
    instance.start()  # counts and counters come out of the checkpoint
    assert source()["bad"] == bad
    assert rows.query(database, "SELECT n, total FROM sums") == expected


@pytest.mark.parametrize("format, malformed", [("json", JSON), ("csv", CSV)], ids=["json", "csv"])
def test_malformed_lines_beside_good_ones(format, malformed, tidemark, free_port):
    port = free_port()
    instance = tidemark(CONFIG.format(source=TCP.format(port=port, format=format))).start()
    good = '{{"k":"a","v":{}}}' if format == "json" else "a,{}"
    lines = []
    for n, bad in enumerate(malformed):
        lines += [good.format(n).encode(), bad]
    peers.send(port, b"\n".join(lines) + b"\n")
    settle(instance, len(malformed), len(malformed))


def test_malformed_messages_beside_good_ones(mosquitto, tidemark):
    instance = tidemark(CONFIG.format(source=MQTT.format(url=mosquitto.url))).start()
    harness.wait_until(lambda: instance.command("status", json=True)["sources"][0]["state"] == "connected",
                       what="the connection")
    sender = publisher.Publisher(mosquitto.port)
    # A payload is one record here, so what is no line at all, or two, is malformed too.
    malformed = JSON + [b"", b"\n", b'{"v":1}\n{"v":2}']
    for n, payload in enumerate(malformed):
        sender.publish("in/a", json.dumps({"k": "a", "v": n}))
        sender.publish("in/a", payload)
    sender.flush()
    sender.close()
    settle(instance, len(malformed), len(malformed))


def test_there_are_a_hundred_kinds():
    assert len(set(JSON + CSV)) == len(JSON + CSV) >= 100
