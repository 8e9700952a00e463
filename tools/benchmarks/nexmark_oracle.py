"""What the Nexmark queries must give, computed by SQLite from all events at once, and what the rows of config/nexmark
say of it. Neither shares anything with Tidemark; a query is written as SQL has it, with time in milliseconds.

Answers are those in the end, when all windows are closed, or those up to a watermark. Queries that group without a
window have one row a key then, and Tidemark a result whenever it shows what has changed: the last of each key counts.
"""

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

QUERIES = Path(__file__).resolve().parents[2] / "config/nexmark"
OUT_OF_ORDER = 4000  # max_out_of_orderness of all of them
TABLES = {
    "person": ["id", "name", "dateTime"],
    "auction": ["id", "seller", "dateTime"],
    "bid": ["auction", "bidder", "price", "channel", "url", "dateTime", "extra"],
}


@dataclass(frozen=True)
class Query:
    sql: str
    seen: Callable    # what a row of Tidemark says: tuples as the SQL has them
    key: tuple = ()   # of results that replace each other, by these columns


def ms(text):
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def columns(*names):
    return lambda row: [tuple(row[name] for name in names)]


def window(*names):
    """The columns, and when the window begins and ends."""
    return lambda row: [(*(row[name] for name in names), ms(row["window_start"]), ms(row["window_end"]))]


def lists(*names):
    """The columns hold lists that belong together: a tuple a place, with its number from 1 on."""
    return lambda row: [(*values, place) for place, values in enumerate(zip(*(json.loads(row[name]) for name in names)), 1)]


def hot_items(row):
    return [(auction, row["num"], ms(row["window_end"])) for auction in json.loads(row["auctions"])]


def highest_bids(row):
    assert ms(row["window_end"]) - ms(row["window_start"]) == 10_000
    return [(*bid, row["price"], ms(row["window_end"]))
            for *bid, _ in lists("auctions", "bidders", "dateTimes", "extras")(row)]


CLASSES = ["TRUE", "price < 10000", "price >= 10000 AND price < 1000000", "price >= 1000000"]
STATISTICS = ", ".join([f"count(*) FILTER (WHERE {one})" for one in CLASSES]
                       + [f"count(DISTINCT {what}) FILTER (WHERE {one})" for what in ("bidder", "auction") for one in CLASSES])
STATISTICS_NAMES = [f"{group}_{what}" for what in ("bids", "bidders", "auctions")
                    for group in ("total", "rank1", "rank2", "rank3")]
DAY = "date(dateTime / 1000, 'unixepoch')"
BID = ["auction", "bidder", "price", "dateTime", "extra"]

ORACLE = {
    "q0": Query("SELECT auction, bidder, price, dateTime, extra FROM bid", columns(*BID)),
    # In thousandths of a cent, which the price that is shown must be to the last digit.
    "q1": Query("SELECT auction, bidder, 908 * price, dateTime, extra FROM bid",
                lambda row: [(row["auction"], row["bidder"], row["price"] * 1000, row["dateTime"], row["extra"])]),
    "q2": Query("SELECT auction, price FROM bid WHERE auction % 123 = 0", columns("auction", "price")),
    "q5": Query("""
        WITH count AS (SELECT auction, (dateTime / 2000 + step) * 2000 AS ends, count(*) AS num
                       FROM bid, (SELECT 1 AS step UNION VALUES (2), (3), (4), (5)) GROUP BY auction, ends)
        SELECT auction, num, ends FROM count
        JOIN (SELECT ends AS at, max(num) AS most FROM count GROUP BY ends) AS highest ON at = ends AND num = most
        WHERE ends <= :watermark""", hot_items),
    "q7": Query("""
        SELECT auction, bidder, dateTime, extra, price, (number + 1) * 10000 FROM bid
        JOIN (SELECT dateTime / 10000 AS number, max(price) AS most FROM bid GROUP BY number) AS highest
          ON highest.number = dateTime / 10000 AND price = most
        WHERE (number + 1) * 10000 <= :watermark""", highest_bids),
    "q8": Query("""
        SELECT DISTINCT person.id, name, person.dateTime / 10000 * 10000, (person.dateTime / 10000 + 1) * 10000
        FROM person JOIN auction ON person.id = seller AND person.dateTime / 10000 = auction.dateTime / 10000
        WHERE (person.dateTime / 10000 + 1) * 10000 <= :watermark""", window("id", "name")),
    "q11": Query("""
        WITH pause AS (SELECT bidder, dateTime, dateTime - lag(dateTime) OVER bids >= 10000 AS long FROM bid
                       WINDOW bids AS (PARTITION BY bidder ORDER BY dateTime)),
             session AS (SELECT bidder, dateTime, sum(coalesce(long, 1)) OVER bids AS number FROM pause
                         WINDOW bids AS (PARTITION BY bidder ORDER BY dateTime ROWS UNBOUNDED PRECEDING))
        SELECT bidder, count(*), min(dateTime), max(dateTime) + 10000 FROM session GROUP BY bidder, number
        HAVING max(dateTime) + 10000 <= :watermark""", window("bidder", "bid_count")),
    "q14": Query("""
        SELECT auction, bidder, 908 * price, CASE WHEN hour BETWEEN 8 AND 18 THEN 'dayTime'
               WHEN hour <= 6 OR hour >= 20 THEN 'nightTime' ELSE 'otherTime' END, dateTime, extra,
               length(extra) - length(replace(extra, 'c', ''))
        FROM (SELECT *, dateTime / 3600000 % 24 AS hour FROM bid)
        WHERE 908 * price > 1000000000 AND 908 * price < 50000000000""",
                 lambda row: [(row["auction"], row["bidder"], row["price"] * 1000, row["bidTimeType"], row["dateTime"],
                               row["extra"], row["c_counts"])]),
    "q15": Query(f"SELECT {DAY} AS day, {STATISTICS} FROM bid GROUP BY day", columns("day", *STATISTICS_NAMES), ("day",)),
    "q16": Query(f"""
        SELECT channel, {DAY} AS day, max(strftime('%H:%M', dateTime / 1000, 'unixepoch')), {STATISTICS}
        FROM bid GROUP BY channel, day""", columns("channel", "day", "minute", *STATISTICS_NAMES), ("channel", "day")),
    "q17": Query(f"""
        SELECT auction, {DAY} AS day, {", ".join(f"count(*) FILTER (WHERE {one})" for one in CLASSES)},
               min(price), max(price), sum(price) / count(*), sum(price) FROM bid GROUP BY auction, day""",
                 columns("auction", "day", *STATISTICS_NAMES[:4], "min_price", "max_price", "avg_price", "sum_price"),
                 ("auction", "day")),
    "q18": Query("""
        SELECT auction, bidder, price, channel, url, dateTime, extra
        FROM (SELECT *, row_number() OVER (PARTITION BY bidder, auction ORDER BY dateTime DESC, rowid DESC) AS place FROM bid)
        WHERE place = 1""", columns("auction", "bidder", "price", "channel", "url", "dateTime", "extra"),
                 ("auction", "bidder")),
    "q19": Query("""
        SELECT auction, bidder, price, channel, url, dateTime, extra, place
        FROM (SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC, rowid) AS place FROM bid)
        WHERE place <= 10""",
                 lambda row: [(row["auction"], *bid) for bid in
                              lists("bidders", "prices", "channels", "urls", "dateTimes", "extras")(row)], ("auction",)),
    "q21": Query("""
        SELECT auction, bidder, price, channel, CASE channel WHEN 'Apple' THEN '0' WHEN 'Google' THEN '1'
               WHEN 'Facebook' THEN '2' WHEN 'Baidu' THEN '3' ELSE substr(url, instr(url, '&channel_id=') + 12) END
        FROM bid WHERE channel NOT LIKE 'channel%' OR url LIKE '%&channel_id=%'""",
                 columns("auction", "bidder", "price", "channel", "channel_id")),
    "q22": Query("SELECT auction, bidder, price, channel, folder(url, 1), folder(url, 2), folder(url, 3) FROM bid",
                 columns("auction", "bidder", "price", "channel", "dir1", "dir2", "dir3")),
}
# Its windows are cut by the clock: what they hold depends on when events arrived.
BY_THE_CLOCK = "q12"


def waits(query):
    """Whether it has windows, whose results wait for the watermark."""
    return ":watermark" in ORACLE[query].sql


class Events:
    """All events of a file, to be asked about in SQL."""

    def __init__(self, path):
        self._tables = sqlite3.connect(":memory:")
        self._tables.create_function("folder", 2, lambda url, number: urlsplit(url).path.split("/")[number])
        rows = {name: [] for name in TABLES}
        self.count, newest = 0, 0
        with Path(path).open() as file:
            for line in file:
                event = json.loads(line)
                rows[event["event"]].append([event[column] for column in TABLES[event["event"]]])
                newest = max(newest, event["dateTime"])
                self.count += 1
        for name, names in TABLES.items():
            self._tables.execute(f"CREATE TABLE {name} ({', '.join(names)})")
            self._tables.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(names))})", rows[name])
        self.bids = len(rows["bid"])
        self.watermark = newest - OUT_OF_ORDER  # when all of them are read

    def ask(self, sql, **parameters):
        return self._tables.execute(sql, parameters)

    def expected(self, query, watermark=2**62):
        sql = ORACLE[query].sql
        return self.ask(sql, watermark=watermark) if waits(query) else self.ask(sql)


def configuration(query, results=None):
    """The text of config/nexmark; with `results` its results go to this file instead of where they go to."""
    text = (QUERIES / f"{query}.toml").read_text()
    if results is None:
        return text
    sink = f'[sinks.results]\ntype = "file"\npath = "{results}"\n'
    changed, times = re.subn(r"(?ms)^\[sinks\.results\]$.*?(?=^\[|\Z)", sink + "\n", text)
    assert times == 1, f"{query}: one sink called results"
    return changed


def bytes_read(status):
    """How far an instance has read the file of events that it follows."""
    return int(status["sources"][0]["detail"].rpartition(" at byte ")[2] or 0)


def rows_of(path):
    """The results in a file, one after another; prices with all their digits."""
    with Path(path).open() as file:
        for line in file:
            yield json.loads(line, parse_float=Decimal)


def seen(query, rows):
    """What the rows say, as tuples like those that are expected."""
    key = ORACLE[query].key
    if key:
        rows = {tuple(row[column] for column in key): row for row in rows}.values()
    for row in rows:
        yield from ORACLE[query].seen(row)


def digest(tuples):
    """How many, and a sum of hashes that does not depend on their order."""
    count, total = 0, 0
    for one in tuples:
        plain = tuple(int(value) if isinstance(value, Decimal) and value == int(value) else value for value in one)
        total += int.from_bytes(hashlib.blake2b(repr(plain).encode(), digest_size=8).digest(), "little")
        count += 1
    return count, total % 2**64
