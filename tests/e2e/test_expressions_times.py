"""Times on the walls of the world: the functions of time agree with Python's datetime and zoneinfo, at random and around
every hour at which a clock is set."""

import datetime
import json
import random
import subprocess

import pytest

from expressions_oracle import UTC, iso, ms, wall, zone

# Whole and half hours, summer in the south, winter as the exception, a day that was left out, two hours of summer time.
ZONES = ("UTC", "+05:30", "-03:30", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "America/Havana",
         "Australia/Lord_Howe", "Asia/Kathmandu", "Europe/Dublin", "Africa/Casablanca", "Pacific/Apia", "Antarctica/Troll",
         "Africa/Cairo")
DAY = 86_400_000


def around_changes(name):
    """Times around the changes of the clock from 1990 to 2040."""
    if "/" not in name:
        return []
    out = []
    hour = 3_600_000
    at = ms(datetime.datetime(1990, 1, 1, tzinfo=UTC))
    end = ms(datetime.datetime(2040, 1, 1, tzinfo=UTC))
    offset = wall(at, name).utcoffset()
    while at < end:
        at += 6 * hour
        now = wall(at, name).utcoffset()
        if now != offset:
            out += [at - k * hour // 2 - 1 for k in range(0, 28)]
            offset = now
    return out


def instants(name, seed):
    source = random.Random(seed)
    near = around_changes(name)
    times = source.sample(near, min(len(near), 250))
    times += [source.randrange(-2_208_988_800_000, 4_102_444_800_000) for _ in range(250)]
    return [(t, t + source.choice((-1, 1)) * source.randrange(0, 900 * DAY)) for t in times]


def exists(when):
    return when.astimezone(UTC).astimezone(when.tzinfo).replace(tzinfo=None) == when.replace(tzinfo=None)


def resolved(naive, name, preferred=None):
    """ms of a time on the wall: of two the one with the offset that is preferred, else the first; what no wall shows is
    what it would have shown."""
    first, second = (naive.replace(tzinfo=zone(name), fold=fold) for fold in (0, 1))
    if exists(first) and exists(second) and preferred == second.utcoffset():
        return ms(second)
    return ms(first)


def add_months(naive, months):
    year, month = divmod(naive.year * 12 + naive.month - 1 + months, 12)
    for day in (naive.day, 30, 29, 28):
        try:
            return naive.replace(year=year, month=month + 1, day=day)
        except ValueError:
            pass


def later(t, unit, n, name):
    """date_add, the slow and obvious way."""
    here = wall(t, name)
    naive = here.replace(tzinfo=None, fold=0)
    if unit == "day":
        return resolved(naive + datetime.timedelta(days=n), name, here.utcoffset())
    return resolved(add_months(naive, n), name, here.utcoffset())


def between(t, u, unit, name):
    """date_diff, by counting."""
    if t > u:
        return -between(u, t, unit, name)
    n = (u - t) // ((DAY if unit == "day" else 31 * DAY) + DAY // 12) // 2
    while later(t, unit, n + 1, name) <= u:
        n += 1
    return n


def expected(t, u, name):
    here = wall(t, name)
    naive = here.replace(tzinfo=None, fold=0)
    midnight = naive.replace(hour=0, minute=0, second=0, microsecond=0)
    week = here.isocalendar()
    return {
        "iso": iso(t, name),
        "written": here.strftime("%a %A %b %B %d %j %y %I %p %u %V %G"),
        "offset": here.strftime("%z"),
        "parts": [here.year, here.month, here.day, here.hour, here.minute, here.second, here.microsecond // 1000,
                  (here.month + 2) // 3, week.week, week.year, here.isoweekday() % 7, here.isoweekday(),
                  here.timetuple().tm_yday, t // 1000],
        "hour": resolved(naive.replace(minute=0, second=0, microsecond=0), name, here.utcoffset()),
        "day": resolved(midnight, name),
        "week": resolved(midnight - datetime.timedelta(days=here.weekday()), name),
        "month": resolved(midnight.replace(day=1), name),
        "quarter": resolved(midnight.replace(day=1, month=(here.month - 1) // 3 * 3 + 1), name),
        "year": resolved(midnight.replace(day=1, month=1), name),
        "next_day": later(t, "day", 1, name),
        "past_days": later(t, "day", -100, name),
        "next_month": later(t, "month", 1, name),
        "past_months": later(t, "month", -17, name),
        "days": between(t, u, "day", name),
        "months": between(t, u, "month", name),
        "read": resolved(naive, name),
    }


def columns(name):
    parts = ("year", "month", "day", "hour", "minute", "second", "millisecond", "quarter", "week", "isoyear", "dow", "isodow",
             "doy", "epoch")
    return {
        "iso": f"format_time(t, 'rfc3339', '{name}')",
        "written": f"format_time(t, '%a %A %b %B %d %j %y %I %p %u %V %G', '{name}')",
        "offset": f"format_time(t, '%z', '{name}')",
        "parts": "json_array(" + ", ".join(f"date_part('{part}', t, '{name}')" for part in parts) + ")",
        **{unit: f"date_trunc('{unit}', t, '{name}')" for unit in ("hour", "day", "week", "month", "quarter", "year")},
        "next_day": f"date_add('day', 1, t, '{name}')",
        "past_days": f"date_add('day', -100, t, '{name}')",
        "next_month": f"date_add('month', 1, t, '{name}')",
        "past_months": f"date_add('month', -17, t, '{name}')",
        "days": f"date_diff('day', t, u, '{name}')",
        "months": f"date_diff('month', t, u, '{name}')",
        "read": f"parse_time(format_time(t, '%Y-%m-%d %H:%M:%S.%f', '{name}'), '%Y-%m-%d %H:%M:%S.%f', '{name}')",
    }


@pytest.mark.parametrize("name", ZONES)
def test_times_on_the_wall_are_pythons(tidemark_binary, tmp_path, name):
    seed = random.randrange(10**9)
    print("seed", seed)
    pairs = instants(name, seed)
    (tmp_path / "times.jsonl").write_text("".join(json.dumps({"t": t, "u": u}) + "\n" for t, u in pairs))
    select = ", ".join(json.dumps(f"{expression} AS {column}") for column, expression in columns(name).items())
    (tmp_path / "times.toml").write_text(f"""
[node]
data_dir = "{tmp_path}/data"
[sources.in]
type = "stdin"
format = "json"
fields = ["t:int", "u:int"]
[pipelines.times]
from = ["in"]
select = [{select}]
to = ["out"]
[sinks.out]
type = "stdout"
""")
    shown = subprocess.run([tidemark_binary, "check", "-c", tmp_path / "times.toml", "--input", tmp_path / "times.jsonl"],
                           capture_output=True, text=True, timeout=120, env={"TZ": "Asia/Tokyo", "LC_ALL": "de_DE.UTF-8"})
    assert shown.returncode == 0, shown.stderr
    rows = [json.loads(line) for line in shown.stdout.splitlines()]
    assert len(rows) == len(pairs)
    for (t, u), row in zip(pairs, rows):
        row.pop("_pipeline", None)
        assert row == expected(t, u, name), (t, iso(t, name))


def test_a_zone_that_there_is_not_is_a_mistake_of_the_configuration(tidemark_binary, tmp_path):
    (tmp_path / "t.toml").write_text("""
[node]
data_dir = "data"
[sources.in]
type = "stdin"
format = "json"
[pipelines.times]
from = ["in"]
select = ["hour(t, 'Europe/Berln') AS h", "hour(t, '../../etc/passwd') AS g"]
to = ["out"]
[sinks.out]
type = "stdout"
""")
    shown = subprocess.run([tidemark_binary, "check", "-c", tmp_path / "t.toml"], capture_output=True, text=True)
    assert shown.returncode == 2
    assert "there is no time zone 'Europe/Berln' in /usr/share/zoneinfo" in shown.stderr + shown.stdout
    assert "'../../etc/passwd' is no name of a time zone" in shown.stderr + shown.stdout
