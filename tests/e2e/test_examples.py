"""Every file of config/examples holds, and does with sample input what its head says."""

import json
import socket
import subprocess
import time

import pytest

import examples
import harness
import publisher
import rows
import sparkplug

NAMES = sorted(path.stem for path in examples.FOLDER.glob("*.toml"))


def watch(mosquitto, topic):
    """A subscriber that ends with the first message under the topic."""
    watcher = subprocess.Popen(["mosquitto_sub", "-p", str(mosquitto.port), "-i", "watcher", "-t", topic, "-q", "1",
                                "-C", "1", "-W", "60", "-F", "%t %p"], stdout=subprocess.PIPE, text=True)
    harness.wait_until(lambda: "as watcher" in mosquitto.log_file.read_text(), what="the watcher of the alerts")
    return watcher


def connected(instance):
    harness.wait_until(lambda: all(one["state"] in ("connected", "ready") for kind in ("sources", "sinks")
                                   for one in instance.command("status", json=True)[kind]), what="the connections")
    return instance


@pytest.mark.parametrize("name", NAMES)
def test_it_passes_the_check(name, tidemark):
    instance = examples.use(tidemark, name, READINGS=examples.FOLDER / "readings.csv",
                            FLEET=examples.FOLDER / "fleet.jsonl", DEVICES=examples.FOLDER / "devices.csv",
                            COLD_CHAIN=examples.FOLDER / "cold-chain.jsonl")
    assert instance.command("check").returncode == 0


def test_each_is_run_by_a_test():
    here = {"file-once", "roll-up", "plant", "access-log", "telegraf", "fleet", "cold-chain", "limits", "sparkplug"}
    by_their_own_tests = {"energy", "oee", "vibration", "air-quality", "deduplicate"}  # test_configured_tests.py
    elsewhere = {"word-count", "word-count-sqlite", "retained-count", "upsert", "word-count-error", "gateway",
                 "gateway-server"}
    assert set(NAMES) == here | by_their_own_tests | elsewhere


def test_file_once_sums_up_its_windows_and_ends(tidemark):
    instance = examples.use(tidemark, "file-once", READINGS=examples.FOLDER / "readings.csv")
    assert instance.command("run").returncode == 0
    summary = (instance.data_dir / "summary.csv").read_text()
    assert summary.splitlines() == [
        "sensor,window_start,window_end,n,fahrenheit,hot_readings",
        "KILN,2025-03-01T12:00:00Z,2025-03-01T12:01:00Z,3,177.0,2",
        "KILN,2025-03-01T12:01:00Z,2025-03-01T12:02:00Z,2,183.0,2",
        "PUMP,2025-03-01T12:01:00Z,2025-03-01T12:02:00Z,2,70.0,0",
    ]
    assert instance.command("run").returncode == 0  # the same file again: it stands at its end
    assert (instance.data_dir / "summary.csv").read_text() == summary


def test_fleet_tells_of_nights_away_and_of_days_by_the_calendar_of_the_depot(tidemark):
    instance = examples.use(tidemark, "fleet", FLEET=examples.FOLDER / "fleet.jsonl")
    assert instance.command("run").returncode == 0
    assert [row["text"] for row in rows.json_lines(instance.data_dir / "alerts.jsonl")] == [
        "van-1 is 27.2 km away (238°) at Sat 23:30 CET",
        "van-1 is 27.2 km away (238°) at Sun 01:30 CET",
        "van-1 is 26.9 km away (238°) at Sun 03:30 CEST",  # the clock was set forward in between
    ]
    query = "SELECT vehicle, day, positions, farthest_km, lowest_fuel, driven_km FROM days ORDER BY 1, 2"
    assert rows.query(instance.data_dir / "fleet.db", query) == [
        ("van-1", "2025-03-29", 2, 27.2, 55.0, 0), ("van-1", "2025-03-30", 4, 27.2, 50.25, 0),
        ("van-1", "2025-03-31", 1, 0.0, 50.25, None), ("van-2", "2025-03-29", 1, 0.0, 40.0, 0),
        ("van-2", "2025-03-30", 1, 24.6, 38.0, 0)]


def test_cold_chain_tells_of_warmth_that_stands_of_doors_and_of_boxes_that_are_silent(tidemark):
    instance = examples.use(tidemark, "cold-chain", COLD_CHAIN=examples.FOLDER / "cold-chain.jsonl")
    assert instance.command("run").returncode == 0

    def at(minute):
        return f"2025-07-01T08:{minute:02}:00Z"

    alarms = rows.json_lines(instance.data_dir / "alarms.jsonl")
    told = [(row["box"], row.get("too_warm"), row.get("door"), row.get("absent"), row.get("since")) for row in alarms]
    assert told == [
        ("box-1", None, "open", None, None),
        ("box-1", True, None, None, None),  # at 8:07, the third report above 8; the one at 8:03 stood alone
        ("box-1", False, None, None, None),  # at 8:12, the third report below 6
        ("box-2", None, None, True, at(14)),
        ("box-2", None, None, False, at(25)),
    ]
    assert alarms[1] == {"box": "box-1", "too_warm": True, "temp": 9.1, "mean": 5.96, "at": 1751357220000}
    assert [(row["reports"], row["temp"]) for row in alarms[3:]] == [(5, 3.2), (1, 5.8)]
    # A row a box that has ever been silent.
    query = "SELECT box, absent, last_seen, since FROM boxes"
    assert rows.query(instance.data_dir / "boxes.db", query) == [("box-2", 0, at(4), at(25))]


@pytest.mark.interface("lookups.type", "lookups.path", "lookups.key", "lookups.fields")
def test_limits_takes_each_limit_out_of_a_table_that_changes(tidemark, tmp_path):
    table = tmp_path / "devices.csv"
    table.write_text((examples.FOLDER / "devices.csv").read_text())
    port = harness.free_port()
    instance = examples.use(tidemark, "limits", DEVICES=table, PORT=port)
    text = instance.config_file.read_text()
    instance.config_file.write_text(text.replace('check_every = "5s"', 'check_every = "100ms"'))
    instance.start()
    peer = socket.create_connection(("127.0.0.1", port))

    def alerts():
        return [(row["device"], row["site"], row["above"]) for row in rows.json_lines(instance.data_dir / "alerts.jsonl")]

    peer.sendall(b'{"device":"press-1","temp":81}\n{"device":"press-2","temp":81}\n{"device":"other","temp":999}\n')
    harness.wait_until(lambda: len(alerts()) == 1, what="the first alert")
    assert alerts() == [("press-1", "hall 1", 1.0)]
    table.write_text("device,site,limit\npress-1,hall 9,100\npress-2,hall 9,80.5\n")
    harness.wait_until(lambda: instance.command("status", json=True)["lookups"][0]["rows"] == 2, what="the new table")
    instance.kill9()
    instance.start()
    peer = socket.create_connection(("127.0.0.1", port))
    peer.sendall(b'{"device":"press-1","temp":81}\n{"device":"press-2","temp":81}\n')
    harness.wait_until(lambda: len(alerts()) == 2, what="the second alert")
    assert alerts() == [("press-1", "hall 1", 1.0), ("press-2", "hall 9", 0.5)]
    table.write_text("device,limit\npress-1,100\n")  # it reads well, and lacks what an expression names
    harness.wait_until(lambda: instance.command("status", json=True)["lookups"][0]["failures"] == 1, what="a refusal")
    assert "there is no column 'site'" in instance.command("status").stdout
    table.write_text("device,site,limit\npress-1,hall 9,100\npress-1,hall 9,100\n")
    harness.wait_until(lambda: instance.command("status", json=True)["lookups"][0]["failures"] == 2, what="the next")
    assert "stands in it twice" in instance.command("status").stdout
    assert instance.terminate() == 0
    assert instance.command("check", check=False).returncode == 2


def test_roll_up_adds_minutes_up_to_hours(tidemark):
    instance = examples.use(tidemark, "roll-up")
    readings = [{"time": f"2025-03-01T{hour}:{minute:02}:{second:02}Z", "meter": meter, "watts": 100.0 + minute}
                for hour in (12, 13) for minute in range(60) for second in (0, 20, 40) for meter in ("m1", "m2")]
    readings.append({"time": "2025-03-01T14:02:00Z", "meter": "m1", "watts": 1.0})
    half = len(readings) // 2
    for part in (readings[:half], readings[half:]):  # the second run goes on with the first one's windows
        lines = "".join(json.dumps(reading) + "\n" for reading in part)
        assert instance.command("run", input=lines).returncode == 0
    minutes = rows.json_lines(instance.data_dir / "minutes.jsonl")
    assert len(minutes) == 240 and all(row["n"] == 3 for row in minutes)
    assert minutes[0] == {"meter": "m1", "window_start": "2025-03-01T12:00:00Z", "window_end": "2025-03-01T12:01:00Z",
                          "n": 3, "total": 300.0, "lowest": 100.0, "highest": 100.0}
    assert rows.json_lines(instance.data_dir / "hours.jsonl") == [
        {"meter": meter, "window_start": f"2025-03-01T{hour}:00:00Z", "window_end": f"2025-03-01T{hour + 1}:00:00Z",
         "n": 180, "mean": 129.5, "lowest": 100.0, "highest": 159.0}
        for hour in (12, 13) for meter in ("m1", "m2")]


@pytest.mark.interface("sources.type=mqtt", "sources.url", "sources.topics", "sources.topic_fields",
                       "sinks.type=mqtt", "sinks.url", "sinks.topic")
def test_plant_keeps_history_late_and_bad_ones_and_raises_alerts(tidemark, mosquitto):
    instance = connected(examples.use(tidemark, "plant", MQTT_PORT=mosquitto.port).start())
    alerts = watch(mosquitto, "alerts/#")
    begin = time.time_ns() // 10_000_000_000 * 10_000  # ms, of a ten-second window
    sender = publisher.Publisher(mosquitto.port)
    for topic, ts, temp in [("press/p1", 0, 20.0), ("press/p1", 9_999, 30.0), ("pack/p9", 5_000, 95.5),
                            ("press/p1", 12_000, 50.0),  # the watermark reaches the end of the first window
                            ("press/p1", 3_000, 40.0)]:  # and this one is late
        sender.publish(f"plant/{topic}/telemetry", json.dumps({"ts": begin + ts, "temp": temp}))
    sender.publish("plant/press/p1/telemetry", '{"ts": ')
    sender.flush()
    sender.close()

    database = instance.data_dir / "history.db"
    query = "SELECT line, device, n, mean, hottest FROM per_device ORDER BY line"
    harness.wait_until(lambda: rows.query(database, query), what="the first window")
    assert rows.query(database, query) == [("pack", "p9", 1, 95.5, 95.5), ("press", "p1", 2, 25.0, 30.0)]
    topic, alert = alerts.communicate(timeout=60)[0].split(" ", 1)
    assert (topic, json.loads(alert)["temp"]) == ("alerts/pack/p9", 95.5) and json.loads(alert)["_id"]
    assert instance.terminate() == 0
    late = rows.json_lines(instance.data_dir / "late.jsonl")
    assert [(row["line"], row["device"], row["temp"]) for row in late] == [("press", "p1", 40.0)]
    bad = rows.json_lines(instance.data_dir / "bad.jsonl")
    assert [(row["source"], row["payload"]) for row in bad] == [("plant", '{"ts": ')]


def test_access_log_counts_requests_over_a_rotation(tidemark, tmp_path):
    log = tmp_path / "access.log"

    def request(time, method, status):
        with log.open("a") as out:
            out.write(f'::1 - - [01/Mar/2025:{time} +0100] "{method} / HTTP/1.1" {status} 100 "-" "curl"\n')

    request("12:00:01", "GET", 200)
    request("12:00:02", "GET", 503)
    instance = examples.use(tidemark, "access-log", LOG=log).start()
    log.rename(tmp_path / "access.log.1")
    request("12:00:03", "POST", 200)
    with log.open("a") as out:
        out.write("what is this\n")
    request("12:02:00", "GET", 200)  # the watermark reaches the end of the first minute
    query = "SELECT method, window_start, requests, errors, bytes FROM traffic ORDER BY method"
    database = instance.data_dir / "traffic.db"
    harness.wait_until(lambda: len(rows.query(database, query)) == 2, what="the first minute")
    assert rows.query(database, query) == [("GET", "2025-03-01T11:00:00Z", 2, 1, 200),
                                           ("POST", "2025-03-01T11:00:00Z", 1, 0, 100)]
    assert instance.terminate() == 0
    assert [row["payload"] for row in rows.json_lines(instance.data_dir / "bad.jsonl")] == ["what is this"]


@pytest.mark.interface("sources.format=influx")
def test_telegraf_keeps_minutes_and_says_which_disk_is_full(tidemark, mosquitto):
    instance = connected(examples.use(tidemark, "telegraf", MQTT_PORT=mosquitto.port).start())
    alerts = watch(mosquitto, "alerts/#")
    sender = publisher.Publisher(mosquitto.port)
    sender.publish("telegraf/web1/cpu", (examples.FOLDER / "telegraf.influx").read_text())
    sender.flush()
    sender.close()
    database = instance.data_dir / "minutes.db"
    query = "SELECT host, window_start, n, mean, highest FROM load ORDER BY host"
    harness.wait_until(lambda: rows.query(database, query), what="the first minute")
    assert rows.query(database, query) == [("db 1", "2025-03-01T12:00:00Z", 1, 95.0, 95.0),
                                           ("web1", "2025-03-01T12:00:00Z", 2, 40.0, 50.0)]
    topic, alert = alerts.communicate(timeout=60)[0].split(" ", 1)
    assert (topic, json.loads(alert)) == ("alerts/web1", {"host": "web1", "path": "/", "used_percent": 93.75})
    assert instance.terminate() == 0
    assert ["usage_idle=" in row["payload"] for row in rows.json_lines(instance.data_dir / "bad.jsonl")] == [True]


@pytest.mark.interface("sources.format=sparkplug")
def test_sparkplug_keeps_minutes_by_alias_over_a_kill_and_tells_of_a_death(tidemark, mosquitto):
    instance = connected(examples.use(tidemark, "sparkplug", MQTT_PORT=mosquitto.port).start())
    begin = time.time_ns() // 60_000_000_000 * 60_000 - 180_000  # ms, of a minute that is over
    node, press = "spBv1.0/hall-3/{}/edge-1".format, "spBv1.0/hall-3/{}/edge-1/press-1".format

    def temperatures(*values, seq):
        """(seconds after the beginning, degrees)"""
        return [(press("DDATA"), sparkplug.message(sparkplug.metric(kind=sparkplug.DOUBLE, value=value, alias=1, declare=False),
                                                   time=begin + at * 1000, seq=seq + n)) for n, (at, value) in enumerate(values)]

    def durable(records):
        status = instance.command("status", json=True)
        return status["sources"][0]["records"] == records and status["journal"]["durable"] == status["journal"]["appended"]

    edge = sparkplug.Node(mosquitto.port, node("NDEATH"), session=0)
    edge.publish(node("NBIRTH"), sparkplug.message(sparkplug.metric("bdSeq", sparkplug.INT64, 0), time=begin, seq=0))
    edge.publish(press("DBIRTH"), sparkplug.message(
        sparkplug.metric("Temp", sparkplug.DOUBLE, 20.0, alias=1), time=begin, seq=1))
    for topic, payload in temperatures((20, 24.0), (40, 30.0), seq=2):
        edge.publish(topic, payload)
    harness.wait_until(lambda: durable(6), what="the births and the first data")
    instance.command("checkpoint", "create")  # with the births; what comes after it is known by alias only
    for topic, payload in temperatures((50, 31.0), seq=4):
        edge.publish(topic, payload)
    harness.wait_until(lambda: durable(7), what="one more")
    instance.kill9()
    connected(instance.start())
    alarms = watch(mosquitto, "alarms/#")
    for topic, payload in temperatures((70, 40.0), seq=5):  # the watermark reaches the end of the first minute
        edge.publish(topic, payload)
    query = "SELECT place, metric, n, mean, lowest, highest FROM minutes ORDER BY window_start"
    database = instance.data_dir / "minutes.db"
    harness.wait_until(lambda: rows.query(database, query), what="the first minute")
    assert rows.query(database, query) == [("edge-1/press-1", "Temp", 4, 23.6, 20.0, 31.0)]
    edge.vanish()
    topic, alarm = alarms.communicate(timeout=60)[0].split(" ", 1)
    assert topic == "alarms/edge-1"
    assert json.loads(alarm)["alive"] is False
    assert instance.terminate() == 0
    assert not rows.json_lines(instance.data_dir / "bad.jsonl")
