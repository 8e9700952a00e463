"""Settings one by one: each is changed, and what the program does changes with it.

Most runs read standard input to its end and are over. What needs brokers, crashes or a broken disk has tests of its own.
"""

import json
import re
import subprocess

import pytest

import harness
import peers
import rows

SCREEN = """
[sinks.screen]
type = "stdout"
"""


def pipeline(keys='select = ["a"]', source="", further=SCREEN, tables=""):
    """A configuration: standard input to one pipeline to the screen, with further keys."""
    return f"""{tables}
[sources.input]
type = "stdin"
{source}

[pipelines.all]
from = ["input"]
to = ["screen"]
{keys}
{further}"""


def run(tidemark, config, *records, text=None):
    """Feeds the records to a run of its own and returns it, ended."""
    instance = tidemark(config)
    lines = text if text is not None else "".join(json.dumps(record) + "\n" for record in records)
    instance.result = instance.command("run", input=lines)
    return instance


def shown(tidemark, config, *records, text=None):
    """The rows that such a run shows."""
    return [json.loads(line) for line in run(tidemark, config, *records, text=text).result.stdout.splitlines()]


KEYS = 'select = ["a"]'
READINGS = [{"device": "a", "temp": 1, "ts": 1000}, {"device": "b", "temp": 2, "ts": 2000},
            {"device": "a", "temp": 3, "ts": 61000}, {"device": "c", "temp": 4, "ts": 181000}]
BY_TIME = 'timestamp = { field = "ts" }'


# ---- pipelines


@pytest.mark.interface("pipelines.where", "pipelines.from", "pipelines.to")
def test_where_leaves_records_out(tidemark):
    keys = 'select = ["temp"]\n'
    assert len(shown(tidemark, pipeline(keys), *READINGS)) == 4
    assert [row["temp"] for row in shown(tidemark, pipeline(keys + 'where = "temp > 2"'), *READINGS)] == [3, 4]


@pytest.mark.interface("pipelines.derive", "pipelines.select")
def test_derive_adds_fields_and_select_chooses(tidemark):
    keys = 'derive = ["temp * 2 AS twice"]\nselect = ["twice + 1 AS more"]'
    assert shown(tidemark, pipeline(keys), *READINGS[:2]) == [{"more": 3}, {"more": 5}]


@pytest.mark.interface("pipelines.key_by", "pipelines.having")
def test_key_by_forms_groups_and_having_holds_results_back(tidemark):
    keys = 'select = ["count(*) AS n"]'
    assert [row["n"] for row in shown(tidemark, pipeline(keys), *READINGS)] == [1, 2, 3, 4]
    keys += '\nkey_by = ["device"]'
    assert [(row["device"], row["n"]) for row in shown(tidemark, pipeline(keys), *READINGS)] \
        == [("a", 1), ("b", 1), ("a", 2), ("c", 1)]
    keys += '\nhaving = "n > 1"'
    assert shown(tidemark, pipeline(keys), *READINGS) == [{"device": "a", "n": 2}]


@pytest.mark.interface("pipelines.window.type", "pipelines.window.type=tumbling", "pipelines.window.type=none",
                       "pipelines.window.size", "pipelines.window.offset", "sources.timestamp.field")
@pytest.mark.parametrize("window, starts", [
    ('{ type = "none" }', [None] * 4),
    ('{ type = "tumbling", size = "1m" }', ["00:00:00", "00:01:00"]),
    ('{ type = "tumbling", size = "2m" }', ["00:00:00"]),
    ('{ type = "tumbling", size = "1m", offset = "1s" }', ["00:00:01", "00:01:01"]),
])
def test_a_window_cuts_time(tidemark, window, starts):
    keys = f'select = ["count(*) AS n"]\nwindow = {window}'
    found = shown(tidemark, pipeline(keys, BY_TIME), *READINGS)
    assert [row.get("window_start", "")[11:19] or None for row in found][:len(starts)] == starts
    assert len({row.get("window_start") for row in found}) == len(set(starts))


@pytest.mark.interface("pipelines.window.type=hopping", "pipelines.window.type=cumulating",
                       "pipelines.window.type=session", "pipelines.window.type=count", "pipelines.window.slide",
                       "pipelines.window.step", "pipelines.window.gap", "pipelines.window.max",
                       "pipelines.window.zone")
@pytest.mark.parametrize("window, expected", [
    ('{ type = "tumbling", size = "1d", zone = "+02:00" }', [("22:00:00", "22:00:00", 4)]),
    ('{ type = "tumbling", size = "1d", zone = "Asia/Kolkata" }', [("18:30:00", "18:30:00", 4)]),
    ('{ type = "hopping", size = "2m", slide = "1m" }',
     [("23:59:00", "00:01:00", 2), ("00:00:00", "00:02:00", 3), ("00:01:00", "00:03:00", 1),
      ("00:02:00", "00:04:00", 1), ("00:03:00", "00:05:00", 1)]),
    ('{ type = "cumulating", size = "2m", step = "1m" }',
     [("00:00:00", "00:01:00", 2), ("00:00:00", "00:02:00", 3), ("00:02:00", "00:04:00", 1)]),
    ('{ type = "session", gap = "20s" }',
     [("00:00:01", "00:00:22", 2), ("00:01:01", "00:01:21", 1), ("00:03:01", "00:03:21", 1)]),
    ('{ type = "session", gap = "20s", max = "20s" }',
     [("00:00:01", "00:00:21", 2), ("00:01:01", "00:01:21", 1), ("00:03:01", "00:03:21", 1)]),
    ('{ type = "count", size = 2 }', [("00:00:01", "00:00:02", 2), ("00:01:01", "00:03:01", 2)]),
    ('{ type = "count", size = 3, slide = 1 }',
     [("00:00:01", "00:01:01", 3), ("00:00:02", "00:03:01", 3), ("00:01:01", "00:00:00", 3)]),
])
def test_windows_of_every_type(tidemark, window, expected):
    keys = f'select = ["count(*) AS n"]\nwindow = {window}'
    two_days_on = {"device": "z", "temp": 0, "ts": 172_800_000}
    found = shown(tidemark, pipeline(keys, BY_TIME), *READINGS, two_days_on)
    assert [(row["window_start"][11:19], row["window_end"][11:19], row["n"]) for row in found] == expected


def test_early_results_come_before_the_last_one(tidemark):
    keys = 'select = ["count(*) AS n"]\nwindow = { type = "tumbling", size = "1h" }\nemit = "every 10ms"'
    instance = tidemark(pipeline(keys, BY_TIME))
    instance.start(stdin=subprocess.PIPE)

    def feed(record, expected):
        instance.process.stdin.write((json.dumps(record) + "\n").encode())
        instance.process.stdin.flush()
        harness.wait_until(lambda: f'"n":{expected}' in instance.stdout_file.read_text(), what=f"n = {expected}")

    feed(READINGS[0], 1)
    feed(READINGS[1], 2)


@pytest.mark.interface("pipelines.late_to", "pipelines.allowed_lateness")
def test_late_records_go_where_late_to_says_unless_they_are_allowed(tidemark):
    keys = 'select = ["count(*) AS n"]\nwindow = { type = "tumbling", size = "1m" }\nlate_to = "late"'
    further = SCREEN + '[sinks.late]\ntype = "file"\npath = "late.jsonl"\n'
    late = [*READINGS[:3], {"device": "late", "ts": 5000}, READINGS[3]]
    strict = run(tidemark, pipeline(keys, BY_TIME, further), *late)
    assert [row["event_time"] for row in rows.json_lines(strict.data_dir / "late.jsonl")] == ["1970-01-01T00:00:05Z"]
    patient = run(tidemark, pipeline(keys + '\nallowed_lateness = "1m"', BY_TIME, further), *late)
    assert not (patient.data_dir / "late.jsonl").exists() or rows.json_lines(patient.data_dir / "late.jsonl") == []
    assert [json.loads(line)["n"] for line in patient.result.stdout.splitlines()][:2] == [2, 3]


@pytest.mark.interface("pipelines.time")
def test_processing_time_is_that_of_arrival(tidemark):
    keys = 'select = ["count(*) AS n"]\nwindow = { type = "tumbling", size = "1m" }\n'
    assert len(shown(tidemark, pipeline(keys + 'time = "event"', BY_TIME), *READINGS)) == 2
    assert shown(tidemark, pipeline(keys + 'time = "processing"', BY_TIME), *READINGS) == []


@pytest.mark.interface("pipelines.emit")
def test_emit_every_shows_fewer_results_than_on_update(tidemark):
    keys = 'select = ["count(*) AS n"]\n'
    assert len(shown(tidemark, pipeline(keys + 'emit = "on-update"'), *READINGS)) == 4
    assert len(shown(tidemark, pipeline(keys + 'emit = "every 1h"'), *READINGS)) < 4


@pytest.mark.interface("pipelines.on_error", "pipelines.dead_letter_to")
def test_on_error_decides_what_becomes_of_a_record_that_fails(tidemark):
    records = [{"temp": 1}, {"temp": "hot"}, {"temp": 3}]
    further = SCREEN + '[sinks.dead]\ntype = "file"\npath = "dead.jsonl"\n'
    keys = 'select = ["temp + 1 AS more"]\n'
    assert [row["more"] for row in shown(tidemark, pipeline(keys), *records)] == [2, 4]
    kept = run(tidemark, pipeline(keys + 'on_error = "dead-letter"\ndead_letter_to = "dead"', "", further), *records)
    assert [json.loads(line)["more"] for line in kept.result.stdout.splitlines()] == [2, 4]
    dead, = rows.json_lines(kept.data_dir / "dead.jsonl")
    assert "hot" in json.dumps(dead)


# ---- sources


@pytest.mark.interface("sources.format", "sources.format=csv", "sources.format=json", "sources.fields",
                       "sources.delimiter", "sources.type", "sources.type=stdin")
@pytest.mark.parametrize("source, text, expected", [
    ('format = "json"', '{"word":"a","n":1}\n', {"word": "a", "n": 1}),
    ('format = "csv"\nfields = ["word:string", "n:int"]', "a,1\n", {"word": "a", "n": 1}),
    ('format = "csv"\nfields = ["word:string", "n:string"]', "a,1\n", {"word": "a", "n": "1"}),
    ('format = "csv"\nfields = ["word", "n:int"]\ndelimiter = ";"', "a;1\n", {"word": "a", "n": 1}),
])
def test_the_format_decides_how_bytes_become_records(tidemark, source, text, expected):
    assert shown(tidemark, pipeline('select = ["word", "n"]', source), text=text) == [expected]


@pytest.mark.interface("sources.timestamp.format")
@pytest.mark.parametrize("unit, ts", [("s", 86400), ("ms", 86400_000), ("us", 86400_000_000),
                                      ("ns", 86400_000_000_000), ("rfc3339", "1970-01-02T01:00:00+01:00")])
def test_the_format_of_a_timestamp_is_its_unit(tidemark, unit, ts):
    source = f'timestamp = {{ field = "at", format = "{unit}" }}'
    assert shown(tidemark, pipeline('select = ["_time AS t"]', source), {"at": ts}) == [{"t": 86400_000}]


@pytest.mark.interface("sources.max_out_of_orderness")
def test_a_watermark_waits_for_records_out_of_order(tidemark):
    keys = 'select = ["count(*) AS n"]\nwindow = { type = "tumbling", size = "1m" }'
    records = [{"ts": 1000}, {"ts": 61000}, {"ts": 2000}, {"ts": 200000}]
    assert shown(tidemark, pipeline(keys, BY_TIME), *records)[0]["n"] == 1
    patient = BY_TIME + '\nmax_out_of_orderness = "5s"'
    assert shown(tidemark, pipeline(keys, patient), *records)[0]["n"] == 2


@pytest.mark.interface("sources.dead_letter_to")
def test_what_cannot_be_decoded_goes_to_the_dead_letters(tidemark):
    records = '{"a":1}\nno record\n'
    assert shown(tidemark, pipeline(), text=records) == [{"a": 1}]
    further = SCREEN + '[sinks.bad]\ntype = "file"\npath = "bad.jsonl"\n'
    kept = run(tidemark, pipeline(source='dead_letter_to = "bad"', further=further), text=records)
    bad, = rows.json_lines(kept.data_dir / "bad.jsonl")
    assert bad["payload"] == "no record"


@pytest.mark.interface("sources.idle_after", "sources.listen")
def test_an_idle_source_no_longer_holds_the_watermark_back(tidemark, free_port):
    silent, busy = free_port(), free_port()
    instance = tidemark(f"""
[sources.silent]
type = "tcp"
listen = "127.0.0.1:{silent}"
{BY_TIME}
idle_after = "50ms"

[sources.busy]
type = "tcp"
listen = "127.0.0.1:{busy}"
{BY_TIME}

[pipelines.both]
from = ["silent", "busy"]
window = {{ type = "tumbling", size = "1m" }}
select = ["count(*) AS n"]
to = ["screen"]
{SCREEN}""").start()
    peers.send(busy, '{"ts":1000}\n{"ts":61000}\n')
    harness.wait_until(lambda: '"n":1' in instance.stdout_file.read_text(), what="the window")
    assert instance.terminate() == 0

    instance.write_config(instance.config_file.read_text().replace('idle_after = "50ms"', 'idle_after = "never"'))
    instance.start("--from", "none")
    before = instance.stdout_file.read_text()
    peers.send(busy, '{"ts":1000}\n{"ts":61000}\n')
    harness.wait_until(lambda: sum(source["records"] for source in instance.command("status", json=True)["sources"]) == 2)
    assert instance.terminate() == 0
    assert instance.stdout_file.read_text() == before


@pytest.mark.interface("sources.path", "sources.type=file")
def test_a_file_is_read_where_path_says(tidemark, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).write_text(f'{{"name":"{name}"}}\n')
        config = pipeline('select = ["name"]').replace('type = "stdin"', f'type = "file"\npath = "{tmp_path / name}"')
        assert shown(tidemark, config) == [{"name": name}]


# ---- sinks


@pytest.mark.interface("sinks.ids", "node.name")
def test_ids_are_given_with_the_name_of_the_node(tidemark):
    assert shown(tidemark, pipeline(), {"a": 1}) == [{"a": 1}]
    row, = shown(tidemark, pipeline(further=SCREEN + "ids = true\n"), {"a": 1})
    assert re.fullmatch(r"test/\d+/all/1", row["_id"])
    instance = tidemark("")
    instance.write_config(f'[node]\nname = "press"\ndata_dir = "{instance.data_dir}"\n'
                          + pipeline(further=SCREEN + "ids = true\n"))
    assert json.loads(instance.command("run", input='{"a":1}\n').stdout)["_id"].startswith("press/")


@pytest.mark.interface("node.data_dir")
def test_data_dir_is_where_everything_is_kept(tidemark, tmp_path):
    instance = tidemark(f'[node]\ndata_dir = "{tmp_path}/elsewhere"\n' + pipeline())
    assert instance.command("run", input='{"a":1}\n').returncode == 0
    assert (tmp_path / "elsewhere/checkpoints").is_dir() and not instance.data_dir.exists()


@pytest.mark.interface("--config")
def test_the_configuration_is_the_file_that_is_named(tidemark):
    instance = tidemark(pipeline())
    for option in ("-c", "--config"):
        line = [instance.binary, "check", option, instance.config_file]
        assert subprocess.run(line, capture_output=True).returncode == 0
        missing = subprocess.run([*line[:-1], instance.directory / "missing.toml"], capture_output=True, text=True)
        assert missing.returncode == 2 and "missing.toml" in missing.stderr


@pytest.mark.interface("sinks.timestamps")
@pytest.mark.parametrize("form, expected", [("rfc3339", "1970-01-01T00:01:00Z"), ("s", 60), ("ms", 60_000),
                                            ("us", 60_000_000), ("ns", 60_000_000_000)])
def test_timestamps_are_written_as_the_sink_says(tidemark, form, expected):
    keys = 'select = ["count(*) AS n"]\nwindow = { type = "tumbling", size = "1m" }'
    config = pipeline(keys, BY_TIME, SCREEN + f'timestamps = "{form}"\n')
    assert [row["window_start"] for row in shown(tidemark, config, {"ts": 61_000}, {"ts": 120_000})] == [expected]


@pytest.mark.interface("sinks.format", "sinks.format=json", "sinks.format=csv", "sinks.type", "sinks.type=stdout")
def test_the_format_of_a_sink_is_json_or_csv(tidemark):
    further = SCREEN + 'format = "{}"\n'
    config = pipeline('select = ["a", "b"]', "", further)
    record = {"a": 1, "b": "x,y"}
    assert run(tidemark, config.replace("{}", "json"), record).result.stdout == '{"a":1,"b":"x,y"}\n'
    assert run(tidemark, config.replace("{}", "csv"), record).result.stdout == 'a,b\n1,"x,y"\n'


@pytest.mark.interface("sinks.path", "sinks.type=file", "sinks.type=null")
def test_a_file_is_written_where_path_says_and_null_writes_nothing(tidemark):
    to_file = '[sinks.screen]\ntype = "file"\npath = "out/{}.jsonl"\n'
    for name in ("one", "two"):
        instance = run(tidemark, pipeline(further=to_file.replace("{}", name)), {"a": 1})
        assert rows.json_lines(instance.data_dir / f"out/{name}.jsonl") == [{"a": 1}]
    nothing = run(tidemark, pipeline(further='[sinks.screen]\ntype = "null"\n'), {"a": 1})
    assert nothing.result.stdout == "" and not (nothing.data_dir / "out").exists()


@pytest.mark.interface("sinks.table", "sinks.mode", "sinks.type=sqlite")
@pytest.mark.parametrize("mode, expected", [("append", [(1,), (2,)]), ("upsert", [(2,)])])
def test_sqlite_writes_the_table_and_as_mode_says(tidemark, mode, expected):
    further = '[sinks.screen]\ntype = "sqlite"\npath = "h.db"\n' + f'mode = "{mode}"\n'
    keys = 'select = ["count(*) AS n"]\nkey_by = ["device"]'
    records = [{"device": "a"}, {"device": "a"}]
    named = run(tidemark, pipeline(keys, "", further + 'table = "figures"\n'), *records)
    assert rows.query(named.data_dir / "h.db", "SELECT n FROM figures ORDER BY n") == expected
    unnamed = run(tidemark, pipeline(keys, "", further), *records)
    assert rows.query(unnamed.data_dir / "h.db", 'SELECT n FROM "all" ORDER BY n') == expected


# ---- the machine


def taken_in(instance):
    return sum(source["records"] for source in instance.command("status", json=True)["sources"])


def listening(port, keys=KEYS, tables=""):
    return pipeline(keys, tables=tables).replace('type = "stdin"', f'type = "tcp"\nlisten = "127.0.0.1:{port}"')


@pytest.mark.interface("checkpoint.interval", "checkpoint list")
def test_checkpoints_are_taken_at_the_interval(tidemark, free_port):
    port = free_port()
    often = tidemark(listening(port, tables='[checkpoint]\ninterval = "20ms"\nmin_pause = "0s"\n')).start()
    peers.send(port, '{"a":1}\n')
    harness.wait_until(lambda: often.command("checkpoint", "list", json=True), what="a checkpoint")
    assert often.terminate() == 0

    seldom = tidemark(listening(port, tables='[checkpoint]\ninterval = "1h"\n')).start()
    peers.send(port, '{"a":1}\n')
    harness.wait_until(lambda: taken_in(seldom) == 1)
    assert seldom.command("checkpoint", "list", json=True) == []


@pytest.mark.interface("checkpoint.mode", "journal.sync")
def test_results_leave_once_their_input_is_durable_or_at_once(tidemark, free_port):
    port = free_port()
    tables = '[checkpoint]\ninterval = "1h"\nmode = "{}"\n[journal]\nsync = "1m"\n'
    early = tidemark(listening(port, tables=tables.replace("{}", "at-least-once"))).start()
    peers.send(port, '{"a":1}\n')
    harness.wait_until(lambda: early.stdout_file.read_text() == '{"a":1}\n', timeout=50, what="the result before its sync")
    assert early.kill9() == -9

    exact = tidemark(listening(port, tables=tables.replace("{}", "exactly-once"))).start()
    peers.send(port, '{"a":1}\n')
    harness.wait_until(lambda: taken_in(exact) == 1)
    assert exact.stdout_file.read_text() == ""
    assert exact.kill9() == -9


@pytest.mark.interface("journal.enabled")
def test_without_a_journal_what_no_checkpoint_covers_is_lost_with_the_process(tidemark, free_port):
    totals = {}
    for enabled in ("true", "false"):
        port = free_port()
        tables = f'[checkpoint]\ninterval = "1h"\n[journal]\nenabled = {enabled}\nsync = "0s"\n'
        instance = tidemark(listening(port, 'select = ["count(*) AS n"]', tables)).start()
        peers.send(port, '{"a":1}\n')
        harness.wait_until(lambda: taken_in(instance) == 1)
        if enabled == "true":
            harness.wait_until(lambda: '"n":1' in instance.stdout_file.read_text())
        assert instance.kill9() == -9
        instance.start()
        peers.send(port, '{"a":1}\n')
        harness.wait_until(lambda: taken_in(instance) >= 1)
        assert instance.terminate() == 0
        totals[enabled] = json.loads(instance.stdout_file.read_text().splitlines()[-1])["n"]
    assert totals == {"true": 2, "false": 1}


@pytest.mark.interface("journal.compression")
def test_a_compressed_journal_is_smaller(tidemark, free_port):
    sizes = {}
    for compression in ("lz4", "none"):
        port = free_port()
        tables = f'[checkpoint]\ninterval = "1h"\n[journal]\ncompression = "{compression}"\nsync = "0s"\n'
        instance = tidemark(listening(port, tables=tables)).start()
        peers.send(port, ('{"a":"' + "x" * 1000 + '"}\n') * 1000)
        harness.wait_until(lambda: taken_in(instance) == 1000)
        assert instance.terminate() == 0
        sizes[compression] = sum(path.stat().st_size for path in (instance.data_dir / "journal").iterdir())
    assert sizes["none"] > 1_000_000 > 5 * sizes["lz4"]


@pytest.mark.interface("limits.max_record", "limits.max_fields", "limits.max_depth")
@pytest.mark.parametrize("limit, record", [("max_record = 100", {"a": "x" * 200}), ("max_fields = 2", {"a": 1, "b": 2, "c": 3}),
                                           ("max_depth = 2", {"a": {"b": {"c": 1}}})])
def test_a_record_beyond_a_limit_is_a_bad_one(tidemark, limit, record):
    assert len(shown(tidemark, pipeline('select = ["1 AS one"]'), record)) == 1
    name, value = limit.split(" = ")
    tables = f'[limits]\n{name} = ' + (f'"{value}B"\n' if name == "max_record" else value + "\n")
    limited = run(tidemark, pipeline('select = ["1 AS one"]', tables=tables), record, {"a": 1})
    assert limited.result.stdout == '{"one":1}\n'


@pytest.mark.interface("limits.min_free")
def test_with_too_little_room_on_the_disk_sources_wait(tidemark, free_port):
    port = free_port()
    instance = tidemark(listening(port, tables='[limits]\nmin_free = "1000000GiB"\n')).start()
    peers.send(port, '{"a":1}\n')
    harness.wait_until(lambda: "min_free" in json.dumps(instance.command("status", json=True)["degraded"]), what="the reason")
    assert taken_in(instance) == 0


@pytest.mark.interface("log.level", "log.format")
def test_the_log_is_text_or_json_and_says_as_much_as_its_level(tidemark):
    text = run(tidemark, pipeline(tables='[log]\nformat = "text"\n'), {"a": 1}).result.stderr
    assert "running" in text and not text.startswith("{")
    lines = run(tidemark, pipeline(tables='[log]\nformat = "json"\n'), {"a": 1}).result.stderr.splitlines()
    assert lines and all(isinstance(json.loads(line), dict) for line in lines)
    assert run(tidemark, pipeline(tables='[log]\nlevel = "error"\n'), {"a": 1}).result.stderr == ""


@pytest.mark.interface("pipelines.uid")
def test_state_belongs_to_the_uid_and_not_to_the_name(tidemark):
    config = pipeline('select = ["count(*) AS n"]\nuid = "counts"')
    instance = run(tidemark, config, {"a": 1})
    renamed = instance.config_file.read_text().replace("[pipelines.all]", "[pipelines.other]")
    instance.config_file.write_text(renamed)
    assert instance.command("run", input='{"a":1}\n').stdout == '{"n":2}\n'
    instance.config_file.write_text(renamed.replace('uid = "counts"', 'uid = "others"'))
    refused = instance.command("run", input='{"a":1}\n', check=False)
    assert refused.returncode != 0 and 'uid "counts"' in refused.stderr
