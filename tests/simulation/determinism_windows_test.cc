// Windows of every kind: the same input gives the same bytes, however it is cut, hashed, scheduled and
// interrupted.
#include <doctest/doctest.h>

#include "simulation/determinism_law.h"

namespace tidemark {
namespace {

TEST_CASE("determinism: windows in event time, with late records and corrections") {
  obeys_the_law(R"(
[pipelines.strict]
from = ["a", "b"]
key_by = ["k"]
window = { type = "tumbling", size = "5s" }
select = ["count(*) AS n", "avg(x) AS mean", "last(v) AS v"]
to = ["out"]
late_to = "late"
[pipelines.patient]
from = ["a"]
key_by = ["v"]
window = { type = "tumbling", size = "10s", offset = "3s" }
allowed_lateness = "45s"
select = ["count(*) AS n", "sum(x) AS total"]
to = ["corrected"]
late_to = "late"
[sinks.late]
type = "file"
path = "late.jsonl"
ids = true
[sinks.corrected]
type = "sqlite"
path = "rows.db"
mode = "upsert"
)");
}

TEST_CASE("determinism: windows in processing time") {
  obeys_the_law(R"(
[pipelines.arrived]
from = ["a", "b"]
time = "processing"
key_by = ["k"]
window = { type = "tumbling", size = "4s" }
select = ["count(*) AS n", "sum(x) AS total"]
having = "n > 1"
to = ["out"]
)");
}

TEST_CASE("determinism: hopping and cumulating windows") {
  obeys_the_law(R"(
[pipelines.hopping]
from = ["a", "b"]
key_by = ["k"]
window = { type = "hopping", size = "9s", slide = "2s", offset = "1s" }
select = ["count(*) AS n", "sum(x) AS total", "stddev_pop(x) AS spread", "last(v) AS v", "quantile(x, 0.9) AS q",
          "count_distinct(v) AS kinds", "rate(x) AS climb", "max_by(v, x) AS at_most",
          "min_by(v, x, 3) AS least"]
to = ["out"]
late_to = "late"
[pipelines.long]
from = ["a", "b"]
key_by = ["_source"]
window = { type = "hopping", size = "40s", slide = "1s" }
allowed_lateness = "20s"
select = ["count(*) AS n", "sum(x) AS total", "var_pop(x) AS spread"]
to = ["long"]
[sinks.long]
type = "sqlite"
path = "long.db"
mode = "upsert"
[pipelines.patient]
from = ["a"]
key_by = ["v"]
window = { type = "hopping", size = "12s", slide = "4s" }
allowed_lateness = "35s"
emit = "every 3s"
select = ["count(*) AS n", "avg(x) AS mean"]
to = ["corrected"]
late_to = "late"
[pipelines.growing]
from = ["a", "b"]
window = { type = "cumulating", size = "20s", step = "4s" }
select = ["count(*) AS n", "sum(x) AS total", "count_distinct(k) AS keys"]
to = ["out"]
[pipelines.arrived]
from = ["b"]
key_by = ["k"]
time = "processing"
window = { type = "hopping", size = "6s", slide = "3s" }
emit = "every 2s"
select = ["count(*) AS n", "sum(x) AS total"]
to = ["seen"]
[pipelines.above]
from = ["hopping"]
window = { type = "tumbling", size = "10s" }
select = ["sum(n) AS n", "sum(total) AS total"]
to = ["out"]
[sinks.late]
type = "file"
path = "late.jsonl"
ids = true
[sinks.corrected]
type = "sqlite"
path = "rows.db"
mode = "upsert"
[sinks.seen]
type = "sqlite"
path = "seen.db"
mode = "upsert"
)");
}

TEST_CASE("determinism: sessions, in event time and in processing time") {
  obeys_the_law(R"(
[pipelines.strict]
from = ["a", "b"]
key_by = ["v"]
window = { type = "session", gap = "3s" }
select = ["count(*) AS n", "sum(x) AS total", "first(k) AS k1", "increase(x) AS climb"]
to = ["out"]
late_to = "late"
[pipelines.patient]
from = ["a"]
key_by = ["v"]
window = { type = "session", gap = "2s", max = "8s" }
allowed_lateness = "40s"
emit = "every 3s"
select = ["count(*) AS n", "avg(x) AS mean"]
to = ["corrected"]
late_to = "late"
[pipelines.arrived]
from = ["a", "b"]
key_by = ["k"]
time = "processing"
window = { type = "session", gap = "4s", max = "10s" }
select = ["count(*) AS n", "sum(x) AS total"]
to = ["out"]
[sinks.late]
type = "file"
path = "late.jsonl"
ids = true
[sinks.corrected]
type = "sqlite"
path = "rows.db"
mode = "upsert"
)");
}

TEST_CASE("determinism: windows of so many records") {
  obeys_the_law(R"(
[pipelines.fives]
from = ["a", "b"]
key_by = ["v"]
window = { type = "count", size = 5 }
select = ["count(*) AS n", "sum(x) AS total", "collect(v, 3) AS some"]
to = ["out"]
[pipelines.sliding]
from = ["a"]
key_by = ["_source"]
window = { type = "count", size = 40, slide = 15 }
select = ["avg(x) AS mean", "median(x) AS middle"]
to = ["out"]
)");
}

TEST_CASE("determinism: early results of tumbling windows, and days of a time zone") {
  obeys_the_law(R"(
[pipelines.early]
from = ["a", "b"]
key_by = ["k"]
window = { type = "tumbling", size = "10s" }
emit = "every 3s"
allowed_lateness = "20s"
select = ["count(*) AS n", "sum(x) AS total"]
to = ["rows"]
[pipelines.arrived]
from = ["a"]
key_by = ["v"]
time = "processing"
window = { type = "tumbling", size = "8s" }
emit = "every 3s"
select = ["count(*) AS n"]
to = ["rows"]
[pipelines.days]
from = ["a", "b"]
window = { type = "tumbling", size = "1d", zone = "-11:59", offset = "60s" }
emit = "every 5s"
select = ["count(*) AS n", "sum(x) AS total"]
to = ["rows"]
[sinks.rows]
type = "sqlite"
path = "rows.db"
table = "{pipeline}"
mode = "upsert"
)");
}

}  // namespace
}  // namespace tidemark
