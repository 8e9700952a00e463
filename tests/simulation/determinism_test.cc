// Pipelines, sources, formats and sinks of every kind: the same input gives the same bytes, however it is
// cut, hashed, scheduled and interrupted.
#include <doctest/doctest.h>

#include "base/format.h"
#include "platform/sqlite.h"
#include "simulation/determinism_law.h"
#include "support/fake_random.h"
#include "support/sqlite_vfs.h"

namespace tidemark {
namespace {

TEST_CASE("determinism: records one by one, with errors sent to the dead letters") {
  obeys_the_law(R"(
[pipelines.hot]
from = ["a", "b"]
where = "v > 0"
derive = ["100 / (v - 7) AS share", "upper(k) AS name"]
select = ["name", "share", "_time AS t", "_received AS r", "_source AS s"]
having = "share < 60"
to = ["out"]
on_error = "dead-letter"
dead_letter_to = "dead"
)");
}

// Where several records stand in a read, these are evaluated over all of them at once.
TEST_CASE("determinism: conditions, columns and arguments, some of which cannot be evaluated") {
  obeys_the_law(R"(
[pipelines.windows]
from = ["a", "b"]
derive = ["v * v AS square", "square / (v - 7) AS share", "CASE WHEN x IS NULL THEN v ELSE x + 0.1 END AS y",
          "_time - ts AS behind"]
where = "(v IN (3, 5, 9) OR y BETWEEN -20 AND 700) AND square > 4"
key_by = ["k"]
window = { type = "tumbling", size = "2s" }
select = ["count(*) AS n", "sum(share) AS share", "max(y) AS y", "max(behind) AS behind", "avg(x) AS mean",
          "count(*) FILTER (WHERE x > 500 AND v <> 11) AS high", "sum(square - 100 / (v - 13)) AS odd"]
to = ["out"]
late_to = "late"
on_error = "dead-letter"
dead_letter_to = "dead"
[pipelines.each]
from = ["a", "b"]
where = "x > 500 OR v < 0"
derive = ["x * 1.8 + 32 AS warm", "100 * (v + 50) / v AS share"]
select = ["k", "warm", "share", "share * v AS back", "9223372036854775807 - v * v * share AS rest"]
to = ["each"]
[sinks.late]
type = "file"
path = "late.jsonl"
[sinks.each]
type = "file"
path = "each.jsonl"
)");
}

TEST_CASE("determinism: running aggregates on every update") {
  obeys_the_law(R"(
[pipelines.running]
from = ["a", "b"]
key_by = ["k"]
select = ["count(*) AS n", "sum(x) AS total", "avg(x) AS mean", "min(v) AS least", "max(v) AS most",
          "first(x) AS x1", "last(x) AS x2", "min_by(x, v) AS at_least", "max_by(x, v) AS at_most",
          "max_by(x, v, 3) AS first_three"]
to = ["out", "rows"]
[sinks.rows]
type = "sqlite"
path = "rows.db"
mode = "upsert"
flush = "700ms"
)");
}

TEST_CASE("determinism: running aggregates by the clock") {
  obeys_the_law(R"(
[pipelines.beat]
from = ["a", "b"]
key_by = ["k"]
emit = "every 3s"
select = ["count(*) AS n", "sum(x) AS total"]
to = ["out"]
)");
}

TEST_CASE("determinism: a pipeline that reads pipelines and a source") {
  obeys_the_law(R"(
[pipelines.seconds]
from = ["a"]
key_by = ["k"]
window = { type = "tumbling", size = "2s" }
select = ["count(*) AS n", "sum(x) AS total"]
to = ["rows"]
[pipelines.tens]
from = ["seconds"]
window = { type = "tumbling", size = "10s" }
select = ["sum(n) AS n", "sum(total) AS total", "first(k) AS k1", "last(k) AS k2"]
to = ["out"]
[pipelines.mixed]
from = ["seconds", "b", "tens"]
key_by = ["_source"]
select = ["count(*) AS n", "last(k) AS k", "sum(total) AS total", "last(_time) AS t"]
to = ["out"]
[sinks.rows]
type = "sqlite"
path = "rows.db"
)");
}

TEST_CASE("determinism: two pipelines into one sink") {
  obeys_the_law(R"(
[pipelines.early]
from = ["b", "a"]
select = ["k", "v"]
to = ["out"]
[pipelines.late]
from = ["a"]
key_by = ["k"]
window = { type = "tumbling", size = "3s" }
select = ["count(*) AS n"]
to = ["out"]
)");
}

TEST_CASE("determinism: keys that expire, are evicted or refused") {
  obeys_the_law(R"(
[pipelines.expiring]
from = ["a", "b"]
key_by = ["k"]
ttl = "6s"
select = ["count(*) AS n", "sum(x) AS total"]
to = ["out"]
[pipelines.arrived]
from = ["a"]
time = "processing"
key_by = ["v"]
ttl = "4s"
select = ["count(*) AS n"]
to = ["out"]
[pipelines.evicting]
from = ["a", "b"]
key_by = ["k"]
max_keys = 40
on_max_keys = "evict-oldest"
select = ["count(*) AS n", "last(v) AS v"]
to = ["out"]
[pipelines.refusing]
from = ["a", "b"]
key_by = ["k"]
max_keys = 60
window = { type = "tumbling", size = "5s" }
select = ["count(*) AS n"]
to = ["out"]
on_error = "dead-letter"
dead_letter_to = "dead"
[limits]
memory = "64KiB"
)");
}

TEST_CASE("determinism: keys that fall silent and return") {
  obeys_the_law(R"(
[pipelines.arrived]
from = ["a", "b"]
key_by = ["v"]
window = { type = "absence", timeout = "3s" }
ttl = "20s"
max_keys = 150
select = ["count(*) AS n", "last(x) AS x", "since - last_seen AS gap"]
to = ["out", "rows"]
[pipelines.by_event]
from = ["a", "b"]
time = "event"
key_by = ["v"]
window = { type = "absence", timeout = "2s" }
max_keys = 60
on_max_keys = "evict-oldest"
select = ["sum(x) AS total", "first(k) AS k"]
having = "NOT absent OR total > 300"
to = ["out"]
late_to = "late"
[pipelines.of_absences]
from = ["arrived", "by_event"]
key_by = ["absent"]
select = ["count(*) AS n", "last(_time) AS t"]
to = ["out"]
[sinks.rows]
type = "sqlite"
path = "rows.db"
mode = "upsert"
flush = "700ms"
[sinks.late]
type = "file"
path = "late.jsonl"
ids = true
)");
}

TEST_CASE("determinism: what records say against those of their key before them") {
  obeys_the_law(R"(
[pipelines.courses]
from = ["a", "b"]
key_by = ["v"]
ttl = "15s"
max_keys = 150
derive = ["debounce(x > 500, 2) AS high", "ewma(x, '5s') AS mean"]
where = "changed(high) OR consecutive(x > mean) = 2"
select = ["k", "x", "high", "mean", "lag(x, 3) AS x3", "diff(x) AS d"]
having = "d IS NULL OR d < 600"
to = ["out", "rows"]
on_error = "dead-letter"
dead_letter_to = "dead"
[pipelines.counted]
from = ["a", "b"]
time = "processing"
key_by = ["v"]
max_keys = 40
on_max_keys = "evict-oldest"
select = ["count(*) FILTER (WHERE hysteresis(x, 300, 700)) AS hot", "sum(diff(x)) AS way",
          "last(debounce(k, '2s')) AS k"]
to = ["out"]
[sinks.rows]
type = "sqlite"
path = "rows.db"
mode = "upsert"
flush = "700ms"
)");
}

// ---- every way in, every format, and files that end

// A source a record, of each its own form of "k, v and when".
Arrival of_any_source(FakeRandom& random, std::int64_t at_ms) {
  static constexpr const char* kSources[] = {"near", "gauges", "back", "pipe", "plain"};
  const std::string source = kSources[random.below(5)];
  const std::int64_t ts = at_ms - static_cast<std::int64_t>(random.below(random.one_in(15) ? 40'000 : 2500));
  const std::string k = format("k{}", random.below(60)), v = std::to_string(random.below(500));
  const bool broken = random.one_in(40);
  if (source == "near") return {source, broken ? "only one" : format("'{};{}''';{};{}", k, k, v, ts)};
  if (source == "back") return {source, format("\"{}\nx\",{},{}", k, broken ? "v" : v, ts)};
  if (source == "pipe") return {source, broken ? "nothing" : format("{}: {} at {}", k, v, ts)};
  return {source, format(R"({{"k":"{}","v":{},"ts":{}{})", k, v, ts, broken ? "" : "}")};
}

// The user's table, which does not take everything.
FilesBefore picky_table() {
  FaultFiles scratch;
  const SqliteVfs vfs(scratch);
  {
    const auto database = make_sqlite_opener(vfs.name())->open("/picky.db", {});
    REQUIRE(
        (*database)->execute("CREATE TABLE picky (_source TEXT, k TEXT, window_start TEXT, window_end TEXT, "
                             "n INTEGER CHECK (n % 4 <> 2), total INTEGER, _id TEXT)"));
  }
  return {{"/data/picky.db", scratch.content("/picky.db")}};
}

TEST_CASE("determinism: every way in and every format, into files that rotate and a table that rejects") {
  const auto settings = settings_of(R"(
[node]
name = "sim"
data_dir = "/data"
[checkpoint]
interval = "2s"
store = "sqlite"
[journal]
sync = "0s"
[sources.near]
type = "unix"
path = "/run/near.sock"
format = "csv"
delimiter = ";"
quote = "'"
fields = ["k", "v:int", "ts:int"]
timestamp = { field = "ts", format = "ms" }
max_out_of_orderness = "3s"
idle_after = "9s"
dead_letter_to = "dead"
[sources.gauges]
type = "udp"
listen = "127.0.0.1:9003"
format = "json"
timestamp = { field = "ts", format = "ms" }
max_out_of_orderness = "3s"
idle_after = "9s"
dead_letter_to = "dead"
[sources.back]
type = "tcp"
connect = "10.0.0.1:7000"
format = "csv"
header = true
multiline = true
fields = ["k", "v:int", "ts:int"]
timestamp = { field = "ts", format = "ms" }
max_out_of_orderness = "3s"
idle_after = "9s"
dead_letter_to = "dead"
[sources.pipe]
type = "stdin"
format = "text"
pattern = '(?P<k>\w+): (?P<v>\d+) at (?P<ts>\d+)'
fields = ["v:int", "ts:int"]
timestamp = { field = "ts", format = "ms" }
max_out_of_orderness = "3s"
idle_after = "9s"
dead_letter_to = "dead"
[sources.plain]
type = "tcp"
listen = "127.0.0.1:9001"
format = "json"
timestamp = { field = "ts", format = "ms" }
max_out_of_orderness = "3s"
idle_after = "9s"
dead_letter_to = "dead"
[pipelines.all]
from = ["near", "gauges", "back", "pipe", "plain"]
key_by = ["k"]
ttl = "20s"
max_keys = 50
on_max_keys = "evict-oldest"
select = ["count(*) AS n", "last(_source) AS s", "sum(v) AS total"]
to = ["turned"]
[pipelines.windows]
from = ["plain", "pipe", "back", "gauges", "near"]
key_by = ["_source", "k"]
window = { type = "tumbling", size = "5s" }
select = ["count(*) AS n", "sum(v) AS total"]
to = ["picky"]
late_to = "late"
[sinks.turned]
type = "file"
path = "turned.csv"
format = "csv"
ids = true
rotate_size = "8KiB"
flush = "500ms"
[sinks.picky]
type = "sqlite"
path = "picky.db"
table = "picky"
ids = true
on_reject = "dead-letter"
flush = "500ms"
[sinks.dead]
type = "file"
path = "dead.jsonl"
rotate_every = "10s"
[sinks.late]
type = "file"
path = "late.jsonl"
rotate_size = "2KiB"
)");
  REQUIRE_MESSAGE(settings, settings.error().message);
  obeys_the_law(*settings, of_any_source, 1500, picky_table());
}

// When the file is looked at is decided live: event times alone decide here.
TEST_CASE("determinism: a file that is followed and rotated away") {
  const auto settings = settings_of(R"(
[node]
name = "sim"
data_dir = "/data"
[checkpoint]
interval = "2s"
[journal]
sync = "0s"
[sources.log]
type = "file"
path = "/var/log/press.log"
follow = true
format = "text"
pattern = '(?P<ts>\d+) (?P<k>\w+)=(?P<v>\d+)'
fields = ["v:int", "ts:int"]
timestamp = { field = "ts", format = "ms" }
max_out_of_orderness = "2s"
[pipelines.windows]
from = ["log"]
key_by = ["k"]
window = { type = "tumbling", size = "5s" }
allowed_lateness = "2s"
select = ["count(*) AS n", "sum(v) AS total", "first(v) AS v1"]
to = ["windows"]
late_to = "late"
[pipelines.newest]
from = ["log"]
key_by = ["k"]
ttl = "8s"
select = ["count(*) AS n", "last(v) AS v"]
to = ["newest"]
[sinks.windows]
type = "sqlite"
path = "windows.db"
mode = "upsert"
[sinks.newest]
type = "file"
path = "newest.jsonl"
ids = true
[sinks.late]
type = "file"
path = "late.jsonl"
ids = true
)");
  REQUIRE_MESSAGE(settings, settings.error().message);
  const auto logged = [](FakeRandom& random, std::int64_t at_ms) -> Arrival {
    const auto behind = static_cast<std::int64_t>(random.below(random.one_in(15) ? 40'000 : 1900));
    return {"log", format("{} k{}={}", at_ms - behind, random.below(40), random.below(300))};
  };
  obeys_the_law(*settings, logged, 1500);
}

// When a pipeline that stands still tries again is decided live, so its dead letters stand at other positions
// each time. Its own results, and those of whoever reads it, are the same to the byte.
TEST_CASE("determinism: pipelines that stand still at records they cannot evaluate") {
  const auto settings = settings_of(config_with(R"(
[pipelines.strict]
from = ["a", "b"]
derive = ["CAST(CASE v WHEN 7 THEN 'x' ELSE '100' END AS INTEGER) / v AS share"]
key_by = ["k"]
select = ["count(*) AS n", "sum(share) AS total", "last(v) AS v"]
to = ["strict"]
on_error = "fail"
poison_after = 3
dead_letter_to = "poison"
restart = { strategy = "exponential-delay", initial = "2ms", max = "4ms" }
[pipelines.windows]
from = ["a"]
where = "CAST(CASE v WHEN 9 THEN 'x' ELSE '1' END AS INTEGER) = 1"
key_by = ["k"]
window = { type = "tumbling", size = "5s" }
select = ["count(*) AS n", "avg(x) AS mean"]
to = ["windows"]
late_to = "late"
on_error = "fail"
poison_after = 2
restart = { strategy = "fixed-delay", attempts = 1000000, delay = "3ms" }
[pipelines.over]
from = ["strict"]
key_by = ["v"]
select = ["count(*) AS n"]
to = ["over"]
[pipelines.other]
from = ["a"]
select = ["k", "v"]
to = ["out"]
[sinks.strict]
type = "file"
path = "strict.jsonl"
ids = true
[sinks.windows]
type = "file"
path = "windows.jsonl"
ids = true
[sinks.over]
type = "sqlite"
path = "over.db"
mode = "upsert"
[sinks.late]
type = "file"
path = "late.jsonl"
ids = true
[sinks.poison]
type = "file"
path = "poison.jsonl"
)"));
  REQUIRE_MESSAGE(settings, settings.error().message);
  // At the end time enough to catch up, and nothing that fails.
  const auto with_an_end = [](std::vector<Moment> input) {
    for (int i = 0; i < 3; ++i)
      input.push_back(
          {input.back().at + 20s,
           {{"a", format(R"({{"k":"end","v":1,"x":1.5,"ts":{}}})",
                         kBegin + std::chrono::duration_cast<std::chrono::milliseconds>(input.back().at + 20s)
                                      .count())}}});
    return input;
  };
  constexpr std::uint64_t kSeed = 31;
  for (const std::string& text : differences(*settings, with_an_end(broad_input(reading, kSeed, 1500)),
                                             with_an_end(fine_input(reading, kSeed + 1)), kSeed))
    FAIL_CHECK(text);
}

// ---- the examples

}  // namespace
}  // namespace tidemark
