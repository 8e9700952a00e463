// Mistakes of single keys: unknown, missing, of another type or range, words that are none.
#include <doctest/doctest.h>

#include "reports.h"

namespace tidemark {
namespace {

// clang-format off
const Mistake kMistakes[] = {
{"an unknown table",
R"toml([chekpoint]
interval = "10s"
)toml",
R"text(t.toml:1:2: error: unknown table `chekpoint`; did you mean `checkpoint`?
    1 | [chekpoint]
      |  ^^^^^^^^^
      there are: node, checkpoint, journal, limits, log, restart, sources, pipelines, sinks, lookups,
      tests
)text"},

{"an unknown key",
R"toml([checkpoint]
intervall = "10s"
)toml",
R"text(t.toml:2:1: error: unknown key `intervall`; did you mean `interval`?
    2 | intervall = "10s"
      | ^^^^^^^^^
      known in checkpoint: store, mode, interval, min_pause, timeout, retain, on_stop, tolerable_failures
)text"},

{"an unknown key far from all others",
R"toml([log]
colour = true
)toml",
R"text(t.toml:2:1: error: unknown key `colour`
    2 | colour = true
      | ^^^^^^
      known in log: level, format
)text"},

{"an unknown key in an inline table",
R"toml([pipelines.p]
from = ["p2"]
window = { typ = "tumbling", size = "1m" }
)toml",
R"text(t.toml:2:9: error: there is no source or pipeline "p2"; did you mean "p"?
    2 | from = ["p2"]
      |         ^^^^
      there are: p
t.toml:3:12: error: unknown key `typ`; did you mean `type`?
    3 | window = { typ = "tumbling", size = "1m" }
      |            ^^^
      known in pipelines.p.window: type, size, slide, step, offset, zone, gap, max, timeout
)text"},

{"a dotted key that is unknown",
R"toml(log.levle = "info"
)toml",
R"text(t.toml:1:5: error: unknown key `levle`; did you mean `level`?
    1 | log.levle = "info"
      |     ^^^^^
      known in log: level, format
)text"},

{"wrong types",
R"toml([node]
name = 3
[checkpoint]
interval = 10
retain = "3"
mode = true
[journal]
enabled = "true"
max_size = 1024
sync = 0.5
[pipelines.p]
from = "a"
select = ["count(*) AS n", 4]
window = "tumbling"
[log]
level = 1979-05-27
)toml",
R"text(t.toml:2:8: error: `name` takes a string, not an integer
    2 | name = 3
      |        ^
      strings stand in quotes
t.toml:4:12: error: `interval` takes a duration, not an integer
    4 | interval = 10
      |            ^^
      a string such as "250ms", "10s" or "1h30m"
t.toml:5:10: error: `retain` takes an integer, not a string
    5 | retain = "3"
      |          ^^^
      write it without quotes and fraction
t.toml:6:8: error: `mode` takes a string, not a boolean
    6 | mode = true
      |        ^^^^
      strings stand in quotes
t.toml:8:11: error: `enabled` takes true or false, not a string
    8 | enabled = "true"
      |           ^^^^^^
      write it without quotes
t.toml:9:12: error: `max_size` takes a size, not an integer
    9 | max_size = 1024
      |            ^^^^
      a string such as "64KiB" or "1MB"
t.toml:10:8: error: `sync` takes a duration, not a number with a fraction
   10 | sync = 0.5
      |        ^^^
      a string such as "250ms", "10s" or "1h30m"
t.toml:12:8: error: `from` takes a list of strings, not a string
   12 | from = "a"
      |        ^^^
      write it as ["...", "..."]
t.toml:13:28: error: `select` takes strings, not an integer
   13 | select = ["count(*) AS n", 4]
      |                            ^
t.toml:14:10: error: `window` takes a table, not a string
   14 | window = "tumbling"
      |          ^^^^^^^^^^
      write it as { name = value, ... }
t.toml:16:9: error: `level` takes a string, not a date or time
   16 | level = 1979-05-27
      |         ^^^^^^^^^^
      strings stand in quotes
)text"},

{"a table where a value is wanted",
R"toml([node.name]
x = 1
)toml",
R"text(t.toml:1:1: error: `name` takes a string, not a table
    1 | [node.name]
      | ^^^^^^^^^^^
      strings stand in quotes
)text"},

{"a value where tables are wanted",
R"toml(sources = 3
)toml",
R"text(t.toml:1:11: error: `sources` takes tables of their own, not an integer
    1 | sources = 3
      |           ^
      write them as [sources.name-of-your-choice]
)text"},

{"a list of tables",
R"toml([[sources]]
type = "tcp"
)toml",
R"text(t.toml:1:1: error: `sources` takes tables of their own, not a list
    1 | [[sources]]
      | ^^^^^^^^^^^
      write them as [sources.name-of-your-choice]
)text"},

{"a source that is no table",
R"toml([sources]
plant = "mqtt"
)toml",
R"text(t.toml:2:1: error: source plant is a table, not a string
    2 | plant = "mqtt"
      | ^^^^^
      write [sources.plant] and its keys below
)text"},

{"bad durations and sizes",
R"toml([checkpoint]
interval = "10"
min_pause = "-1s"
timeout = "1 m"
[journal]
max_size = "256 MB"
)toml",
R"text(t.toml:2:12: error: `interval`: "10" is no duration: each number needs a unit: w d h m s ms us ns
    2 | interval = "10"
      |            ^^^^
t.toml:3:13: error: `min_pause`: "-1s" is no duration: durations are never negative
    3 | min_pause = "-1s"
      |             ^^^^^
t.toml:4:11: error: `timeout`: "1 m" is no duration: each number needs a unit: w d h m s ms us ns
    4 | timeout = "1 m"
      |           ^^^^^
t.toml:6:12: error: `max_size`: "256 MB" is no size; units are B KB MB GB TB and KiB MiB GiB TiB
    6 | max_size = "256 MB"
      |            ^^^^^^^^
)text"},

{"out of range",
R"toml([checkpoint]
interval = "1ms"
retain = 0
[journal]
max_size = "1KiB"
sync = "2m"
[limits]
max_depth = 5000
)toml",
R"text(t.toml:2:12: error: `interval` is 1ms; the least is 10ms
    2 | interval = "1ms"
      |            ^^^^^
t.toml:3:10: error: `retain` is 0; the least is 1
    3 | retain = 0
      |          ^
t.toml:5:12: error: `max_size` is 1KiB; the least is 64KiB
    5 | max_size = "1KiB"
      |            ^^^^^^
t.toml:6:8: error: `sync` is 2m; the most is 1m
    6 | sync = "2m"
      |        ^^^^
t.toml:8:13: error: `max_depth` is 5000; the most is 1024
    8 | max_depth = 5000
      |             ^^^^
)text"},

{"an integer beyond its type",
R"toml([limits]
max_fields = 5000000000
)toml",
R"text(t.toml:2:14: error: `max_fields` is 5000000000; the most is 4294967295
    2 | max_fields = 5000000000
      |              ^^^^^^^^^^
)text"},

{"unknown words",
R"toml([checkpoint]
store = "file"
mode = "exactly_once"
[log]
format = "xml"
)toml",
R"text(t.toml:2:9: error: unknown store "file"; did you mean "files"?
    2 | store = "file"
      |         ^^^^^^
      allowed: files, sqlite
t.toml:3:8: error: unknown mode "exactly_once"; did you mean "exactly-once"?
    3 | mode = "exactly_once"
      |        ^^^^^^^^^^^^^^
      allowed: exactly-once, at-least-once
t.toml:5:10: error: unknown format "xml"
    5 | format = "xml"
      |          ^^^^^
      allowed: text, json
)text"},

{"an empty string",
R"toml([node]
name = ""
)toml",
R"text(t.toml:2:8: error: `name` is empty
    2 | name = ""
      |        ^^
      leave the key out for none
)text"},

{"an empty list",
R"toml([sources.s]
type = "stdin"
[pipelines.p]
from = []
)toml",
R"text(t.toml:4:8: error: `from` is an empty list
    4 | from = []
      |        ^^
      it takes at least one
)text"},

{"an empty string in a list, and one twice",
R"toml([sources.s]
type = "stdin"
[pipelines.p]
from = ["s", "s", ""]
)toml",
R"text(t.toml:4:14: error: "s" stands twice in `from`
    4 | from = ["s", "s", ""]
      |              ^^^
t.toml:4:19: error: `from` holds an empty string
    4 | from = ["s", "s", ""]
      |                   ^^
)text"},

{"a source without a type",
R"toml([sources.s]
listen = ":1"
)toml",
R"text(t.toml:1:1: error: `type` is missing; every source has one
    1 | [sources.s]
      | ^^^^^^^^^^^
      type: where records come from; one of mqtt, tcp, udp, unix, file, stdin
)text"},

{"required keys of a type",
R"toml([sources.a]
type = "tcp"
[sources.b]
type = "mqtt"
[sources.c]
type = "file"
format = "csv"
[sinks.d]
type = "sqlite"
[sinks.e]
type = "mqtt"
[pipelines.f]
to = ["d"]
window = { type = "tumbling" }
)toml",
R"text(t.toml:1:10: error: `listen` or `connect` is missing; a tcp source has one of them
    1 | [sources.a]
      |          ^
      listen: the address that peers connect to; connect: the server to read from
t.toml:3:1: error: `url` is missing; mqtt sources need it
    3 | [sources.b]
      | ^^^^^^^^^^^
      url: the broker: mqtt://host:port, or mqtts://host:port for TLS
t.toml:3:1: error: `topics` is missing; mqtt sources need it
    3 | [sources.b]
      | ^^^^^^^^^^^
      topics: topic filters to subscribe to, also $share/GROUP/FILTER
t.toml:5:1: error: `fields` is missing; csv sources need it
    5 | [sources.c]
      | ^^^^^^^^^^^
      fields: names of the fields, each with a type if it is known: "name" or "name:int" (string, int,
      float, bool)
t.toml:5:1: error: `path` is missing; unix and file sources need it
    5 | [sources.c]
      | ^^^^^^^^^^^
      path: the file to read, once, to its end; of a unix source: the socket to listen on
t.toml:8:1: error: `path` is missing; file and sqlite sinks need it
    8 | [sinks.d]
      | ^^^^^^^^^
      path: the file to write; relative to data_dir
t.toml:10:1: error: `url` is missing; mqtt sinks need it
   10 | [sinks.e]
      | ^^^^^^^^^
      url: the broker: mqtt://host:port, or mqtts://host:port for TLS
t.toml:10:1: error: `topic` is missing; mqtt sinks need it
   10 | [sinks.e]
      | ^^^^^^^^^
      topic: where results are published; {name} stands for a field of the result
t.toml:12:1: error: `from` is missing; every pipeline has one
   12 | [pipelines.f]
      | ^^^^^^^^^^^^^
      from: the sources or pipelines whose records it reads
t.toml:14:10: error: `size` is missing; tumbling, hopping, cumulating and count windows need it
   14 | window = { type = "tumbling" }
      |          ^^^^^^^^^^^^^^^^^^^^^
      size: length of a window, of a cumulating one the longest; of a count, its records, as in 100
)text"},

{"keys of another type",
R"toml([sources.s]
type = "mqtt"
url = "mqtt://localhost"
topics = ["t"]
listen = ":1"
delimiter = ";"
[sinks.t]
type = "null"
format = "csv"
password_file = "x"
)toml",
R"text(t.toml:5:1: error: `listen` belongs to tcp and udp sources; this one is mqtt
    5 | listen = ":1"
      | ^^^^^^
t.toml:6:1: error: `delimiter` belongs to csv sources; this one is json
    6 | delimiter = ";"
      | ^^^^^^^^^
t.toml:9:1: error: `format` belongs to stdout, file and tcp sinks; this one is null
    9 | format = "csv"
      | ^^^^^^
t.toml:10:1: error: `password_file` belongs to mqtt sinks; this one is null
   10 | password_file = "x"
      | ^^^^^^^^^^^^^
)text"},

{"an unknown type",
R"toml([sources.s]
type = "tpc"
listen = ":1"
)toml",
R"text(t.toml:2:8: error: unknown source type "tpc"; did you mean "tcp"?
    2 | type = "tpc"
      |        ^^^^^
      allowed: mqtt, tcp, udp, unix, file, stdin
)text"},

{"types of later releases",
R"toml([sources.s]
type = "http"
[sinks.u]
type = "http"
)toml",
R"text(t.toml:2:8: error: source type "http" is not in this release
    2 | type = "http"
      |        ^^^^^^
      allowed: mqtt, tcp, udp, unix, file, stdin
t.toml:4:8: error: sink type "http" is not in this release
    4 | type = "http"
      |        ^^^^^^
      allowed: stdout, file, sqlite, mqtt, tcp, null
)text"},

{"sizes that are durations, and those that are numbers",
R"toml([sources.s]
type = "stdin"
[pipelines.a]
from = ["s"]
window = { type = "count", size = "1m", slide = 0 }
[pipelines.b]
from = ["s"]
window = { type = "hopping", size = 100, slide = "0s" }
[pipelines.c]
from = ["s"]
window = { type = "session", size = "1m", step = "1s" }
[pipelines.d]
from = ["s"]
window = { type = "hopping" }
)toml",
R"text(t.toml:5:35: error: `size` of a count is a number of records, not a string
    5 | window = { type = "count", size = "1m", slide = 0 }
      |                                   ^^^^
      write it without quotes, as in 100
t.toml:5:49: error: `slide` is 0; the least is 1
    5 | window = { type = "count", size = "1m", slide = 0 }
      |                                                 ^
t.toml:8:37: error: `size` is a duration here, not an integer
    8 | window = { type = "hopping", size = 100, slide = "0s" }
      |                                     ^^^
      a string such as "10s" or "1h30m"; only a count has so many records
t.toml:8:50: error: `slide` is 0s; the least is 1ms
    8 | window = { type = "hopping", size = 100, slide = "0s" }
      |                                                  ^^^^
t.toml:11:10: error: `gap` is missing; session windows need it
   11 | window = { type = "session", size = "1m", step = "1s" }
      |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      gap: a session ends when no record has come for so long
t.toml:11:30: error: `size` belongs to tumbling, hopping, cumulating and count windows; this one is session
   11 | window = { type = "session", size = "1m", step = "1s" }
      |                              ^^^^
t.toml:11:43: error: `step` belongs to cumulating windows; this one is session
   11 | window = { type = "session", size = "1m", step = "1s" }
      |                                           ^^^^
t.toml:14:10: error: `size` is missing; tumbling, hopping, cumulating and count windows need it
   14 | window = { type = "hopping" }
      |          ^^^^^^^^^^^^^^^^^^^^
      size: length of a window, of a cumulating one the longest; of a count, its records, as in 100
t.toml:14:10: error: `slide` is missing; hopping windows need it
   14 | window = { type = "hopping" }
      |          ^^^^^^^^^^^^^^^^^^^^
      slide: a window begins every so often, or after so many records, at most size; of a count, left out:
      size
)text"},

{"an unknown window",
R"toml([sources.s]
type = "stdin"
[pipelines.p]
from = ["s"]
window = { type = "tumbeling", size = "1m" }
)toml",
R"text(t.toml:5:19: error: unknown window type "tumbeling"; did you mean "tumbling"?
    5 | window = { type = "tumbeling", size = "1m" }
      |                   ^^^^^^^^^^^
      allowed: tumbling, hopping, cumulating, session, count, absence, none
)text"},

{"tables of later releases",
R"toml([http]
listen = "127.0.0.1:8630"
)toml",
R"text(t.toml:1:2: error: `http` is not in this release
    1 | [http]
      |  ^^^^
)text"},

{"restart strategies",
R"toml([restart]
strategy = "fixed-dealy"
multiplier = 0.5
[sources.s]
type = "stdin"
[sinks.n]
type = "null"
[pipelines.a]
from = ["s"]
to = ["n"]
on_error = "fail"
restart = { strategy = "failure-rate", attempts = 3, max_failures = "2" }
[pipelines.b]
from = ["s"]
to = ["n"]
on_error = "fail"
restart = { jitter = 2, multiplier = "1.5" }
)toml",
R"text(t.toml:2:12: error: unknown strategy "fixed-dealy"; did you mean "fixed-delay"?
    2 | strategy = "fixed-dealy"
      |            ^^^^^^^^^^^^^
      allowed: none, fixed-delay, failure-rate, exponential-delay
t.toml:3:14: error: `multiplier` is 0.5; the least is 1
    3 | multiplier = 0.5
      |              ^^^
t.toml:12:40: error: `attempts` belongs to fixed-delay restarts; this one is failure-rate
   12 | restart = { strategy = "failure-rate", attempts = 3, max_failures = "2" }
      |                                        ^^^^^^^^
t.toml:12:69: error: `max_failures` takes an integer, not a string
   12 | restart = { strategy = "failure-rate", attempts = 3, max_failures = "2" }
      |                                                                     ^^^
      write it without quotes and fraction
t.toml:17:22: error: `jitter` is 2; the most is 1
   17 | restart = { jitter = 2, multiplier = "1.5" }
      |                      ^
t.toml:17:38: error: `multiplier` takes a number, not a string
   17 | restart = { jitter = 2, multiplier = "1.5" }
      |                                      ^^^^^
      write it without quotes, as in 1.5
)text"},

{"bad emits",
R"toml([sources.s]
type = "stdin"
[sinks.n]
type = "null"
[pipelines.a]
from = ["s"]
to = ["n"]
emit = "every 5"
[pipelines.b]
from = ["s"]
to = ["n"]
emit = "each"
[pipelines.c]
from = ["s"]
to = ["n"]
emit = "every 0s"
)toml",
R"text(t.toml:8:15: error: "5" is no duration: each number needs a unit: w d h m s ms us ns
    8 | emit = "every 5"
      |               ^
t.toml:12:8: error: unknown emit "each"
   12 | emit = "each"
      |        ^^^^^^
      allowed: "on-close" (windows), "on-update" (without a window), "every 5s"
t.toml:16:15: error: the least is "every 1ms"
   16 | emit = "every 0s"
      |               ^^
)text"},

{"bad addresses",
R"toml([sources.a]
type = "tcp"
listen = "9999"
[sources.b]
type = "mqtt"
url = "http://localhost"
topics = ["a/b+", "#/a", "$share/g", "ok/#"]
[sources.c]
type = "mqtt"
url = "mqtt://me:geheim@localhost"
topics = ["t"]
[sinks.d]
type = "mqtt"
url = "mqtt://localhost:99999"
topic = "alerts/{}/x"
[sinks.e]
type = "mqtt"
url = "mqtt://localhost"
topic = "alerts/+"
)toml",
R"text(t.toml:3:10: error: "9999" is no address to listen on
    3 | listen = "9999"
      |          ^^^^^^
      write host:port, as in "127.0.0.1:9999" or "[::1]:9999"; ":9999" is every address
t.toml:6:7: error: this is no url of an MQTT broker
    6 | url = "http://localhost"
      |       ^^^^^^^^^^^^^^^^^^
      write mqtt://host:port, or mqtts://host:port for TLS
t.toml:7:11: error: "a/b+" is no topic filter: + stands for a whole level
    7 | topics = ["a/b+", "#/a", "$share/g", "ok/#"]
      |           ^^^^^^
      such as "plant/+/+/telemetry" or "plant/#"
t.toml:7:19: error: "#/a" is no topic filter: # stands for all levels that follow and is the last
    7 | topics = ["a/b+", "#/a", "$share/g", "ok/#"]
      |                   ^^^^^
      such as "plant/+/+/telemetry" or "plant/#"
t.toml:7:26: error: "$share/g" is no topic filter: shared ones are $share/GROUP/FILTER
    7 | topics = ["a/b+", "#/a", "$share/g", "ok/#"]
      |                          ^^^^^^^^^^
      such as "plant/+/+/telemetry" or "plant/#"
t.toml:10:7: error: a url holds no user and password; use the keys `username` and `password`
   10 | (not shown: it holds a password)
      write mqtt://host:port, or mqtts://host:port for TLS
t.toml:14:7: error: the port of this url is no number from 1 to 65535
   14 | url = "mqtt://localhost:99999"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^
      write mqtt://host:port, or mqtts://host:port for TLS
t.toml:15:17: error: "alerts/{}/x" is no topic to publish to: {} names no field
   15 | topic = "alerts/{}/x"
      |                 ^^
      such as "alerts/{line}/{device}"; {} holds the name of a field of the result
t.toml:19:17: error: "alerts/+" is no topic to publish to: + is for subscribing
   19 | topic = "alerts/+"
      |                 ^
      such as "alerts/{line}/{device}"; {} holds the name of a field of the result
)text"},

{"bad fields",
R"toml([sources.a]
type = "stdin"
format = "csv"
fields = ["word:strin", "n:int", "n", ":int"]
delimiter = "||"
timestamp = { field = "ts", format = "%Y" }
)toml",
R"text(t.toml:4:17: error: unknown field type "strin"; did you mean "string"?
    4 | fields = ["word:strin", "n:int", "n", ":int"]
      |                 ^^^^^
      allowed: string, int, float, bool; without a type a field is what it looks like
t.toml:4:34: error: field "n" is named twice
    4 | fields = ["word:strin", "n:int", "n", ":int"]
      |                                  ^^^
t.toml:4:39: error: this field has no name
    4 | fields = ["word:strin", "n:int", "n", ":int"]
      |                                       ^^^^^^
      write it as name or name:type
t.toml:5:13: error: a delimiter is one ASCII character, and no quote or line end
    5 | delimiter = "||"
      |             ^^^^
      such as ",", ";" or "\t"
t.toml:6:38: error: "%Y" is no pattern of times: it takes the day either as %m and %d or as %j
    6 | timestamp = { field = "ts", format = "%Y" }
      |                                      ^^^^
      allowed: s, ms, us, ns, rfc3339, or a pattern such as "%d.%m.%Y %H:%M:%S"
)text"},

{"a timestamp without a field",
R"toml([sources.a]
type = "stdin"
timestamp = { format = "ms" }
)toml",
R"text(t.toml:3:13: error: `field` is missing; every timestamp has one
    3 | timestamp = { format = "ms" }
      |             ^^^^^^^^^^^^^^^^^
      field: the field that holds the event time
)text"},

{"variables",
R"toml([node]
name = "${NOT_SET}"
data_dir = "${TWO WORDS}"
[checkpoint]
interval = "x${OPEN"
[limits]
max_fields = "${WORD}"
[journal]
enabled = "${WORD}"
)toml",
R"text(t.toml:2:9: error: the environment variable NOT_SET is not set
    2 | name = "${NOT_SET}"
      |         ^^^^^^^^^^
      set it, or give a default: ${NOT_SET:-default}
t.toml:3:13: error: this is no name of an environment variable
    3 | data_dir = "${TWO WORDS}"
      |             ^^^^^^^^^^^^
      write ${NAME} or ${NAME:-default}, $${ for the characters themselves
t.toml:5:14: error: this ${ is not closed
    5 | interval = "x${OPEN"
      |              ^^
      write ${NAME} for an environment variable, $${ for the characters themselves
t.toml:7:14: error: `max_fields` takes an integer, and the variable gives "word"
    7 | max_fields = "${WORD}"
      |              ^^^^^^^^^
t.toml:9:11: error: `enabled` takes true or false, and the variable gives "word"
    9 | enabled = "${WORD}"
      |           ^^^^^^^^^
)text"},

{"both forms of a secret",
R"toml([sources.a]
type = "mqtt"
url = "mqtt://localhost"
topics = ["t"]
username = "me"
password = "geheim"
password_file = "/run/secret"
)toml",
R"text(t.toml:7:1: error: `password` and `password_file` are both set
    7 | password_file = "/run/secret"
      | ^^^^^^^^^^^^^
      `password` at t.toml:6:1; keep one of them
)text"},

{"a node's name with a slash",
R"toml([node]
name = "a/b"
)toml",
R"text(t.toml:2:8: error: a node's name holds no slashes, spaces or control characters
    2 | name = "a/b"
      |        ^^^^^
      it is a part of output ids: node/timeline/pipeline/sequence
)text"},
};
// clang-format on

}  // namespace

TEST_CASE("a key that does not hold is reported with its place and what is allowed") {
  for (const Mistake& mistake : kMistakes) {
    CAPTURE(mistake.name);
    CHECK(report(mistake.toml) == mistake.report);
  }
}

}  // namespace tidemark
