// Mistakes between tables: names that lead nowhere, combinations that cannot be.
#include <doctest/doctest.h>

#include "reports.h"

namespace tidemark {
namespace {

// clang-format off
const Mistake kMistakes[] = {
{"a reference to nothing",
R"toml([sources.plant]
type = "stdin"
dead_letter_to = "histroy"
[pipelines.p]
from = ["plnat"]
to = ["history", "nowhere"]
[sinks.history]
type = "null"
)toml",
R"text(t.toml:3:18: error: there is no sink "histroy"; did you mean "history"?
    3 | dead_letter_to = "histroy"
      |                  ^^^^^^^^^
      there are: history
t.toml:5:9: error: there is no source or pipeline "plnat"; did you mean "plant"?
    5 | from = ["plnat"]
      |         ^^^^^^^
      there are: plant, p
t.toml:6:18: error: there is no sink "nowhere"
    6 | to = ["history", "nowhere"]
      |                  ^^^^^^^^^
      there are: history
)text"},

{"a reference when there is nothing",
R"toml([pipelines.p]
from = ["plant"]
)toml",
R"text(t.toml:2:9: error: there is no source or pipeline "plant"
    2 | from = ["plant"]
      |         ^^^^^^^
      there are: p
)text"},

{"a reference to another kind",
R"toml([sources.s]
type = "stdin"
[pipelines.p]
from = ["k"]
to = ["s", "p"]
[sinks.k]
type = "null"
)toml",
R"text(t.toml:4:9: error: "k" is a sink; a source or pipeline is wanted here
    4 | from = ["k"]
      |         ^^^
      there are: s, p
t.toml:5:7: error: "s" is a source; a sink is wanted here
    5 | to = ["s", "p"]
      |       ^^^
      there are: k
t.toml:5:12: error: "p" is a pipeline; a sink is wanted here
    5 | to = ["s", "p"]
      |            ^^^
      there are: k
)text"},

{"a circle",
R"toml([pipelines.a]
from = ["c"]
[pipelines.b]
from = ["a"]
[pipelines.c]
from = ["b"]
[pipelines.d]
from = ["d", "a"]
)toml",
R"text(t.toml:2:9: error: pipelines read each other in a circle: a -> b -> c -> a
    2 | from = ["c"]
      |         ^^^
      results flow from sources to sinks, never back
t.toml:8:9: error: pipelines read each other in a circle: d -> d
    8 | from = ["d", "a"]
      |         ^^^
      results flow from sources to sinks, never back
)text"},

{"one name for a source and a pipeline",
R"toml([sources.x]
type = "stdin"
[pipelines.x]
from = ["x"]
)toml",
R"text(t.toml:3:12: error: "x" is the name of a source, too
    3 | [pipelines.x]
      |            ^
      `from` could not tell them apart; give one of them another name
)text"},

{"bad names",
R"toml([sources."a b"]
type = "stdin"
[pipelines.9a]
from = ["a b"]
)toml",
R"text(t.toml:1:10: error: "a b" is no name for a source
    1 | [sources."a b"]
      |          ^^^^^
      names are of A-Z a-z 0-9 _ - and begin with a letter or _
t.toml:3:12: error: "9a" is no name for a pipeline
    3 | [pipelines.9a]
      |            ^^
      names are of A-Z a-z 0-9 _ - and begin with a letter or _
)text"},

{"one uid twice",
R"toml([sources.s]
type = "stdin"
[pipelines.a]
from = ["s"]
to = ["n"]
[pipelines.b]
from = ["s"]
to = ["n"]
uid = "a"
[pipelines.c]
from = ["s"]
to = ["n"]
uid = "s"
[sinks.n]
type = "null"
)toml",
R"text(t.toml:9:1: error: uid "a" belongs to pipeline a, too
    9 | uid = "a"
      | ^^^
      state is kept by uid; left out, it is the pipeline's name
t.toml:13:1: error: uid "s" is the name of a source
   13 | uid = "s"
      | ^^^
      state is kept by uid, and a source's name is its uid
)text"},

{"combinations of windows",
R"toml([sources.s]
type = "stdin"
[sinks.n]
type = "null"
[pipelines.a]
from = ["s"]
to = ["n"]
window = { type = "tumbling", size = "1m" }
[pipelines.b]
from = ["s"]
to = ["n"]
select = ["count(*) AS n"]
allowed_lateness = "1m"
late_to = "n"
emit = "on-close"
[pipelines.c]
from = ["s"]
to = ["n"]
select = ["count(*) AS n"]
window = { type = "tumbling", size = "1m", offset = "1m" }
time = "processing"
allowed_lateness = "1m"
late_to = "n"
emit = "on-update"
[pipelines.d]
from = ["s"]
to = ["n"]
select = ["count(*) AS n"]
window = { type = "tumbling", size = "1m" }
emit = "every 5s"
)toml",
R"text(t.toml:8:1: error: a window needs `select`: without it a result would be empty
    8 | window = { type = "tumbling", size = "1m" }
      | ^^^^^^
      name aggregates, as in select = ["count(*) AS n"]
t.toml:13:20: error: `allowed_lateness` needs a window in event time
   13 | allowed_lateness = "1m"
      |                    ^^^^
      without a window nothing is late
t.toml:14:11: error: `late_to` needs a window in event time
   14 | late_to = "n"
      |           ^^^
      without a window nothing is late
t.toml:15:8: error: emit = "on-close" needs a window
   15 | emit = "on-close"
      |        ^^^^^^^^^^
      without one: "on-update", or "every 5s"
t.toml:20:1: error: the window's offset must be less than its size
   20 | window = { type = "tumbling", size = "1m", offset = "1m" }
      | ^^^^^^
t.toml:22:20: error: `allowed_lateness` needs a window in event time
   22 | allowed_lateness = "1m"
      |                    ^^^^
      with time = "processing" nothing is late
t.toml:23:11: error: `late_to` needs a window in event time
   23 | late_to = "n"
      |           ^^^
      with time = "processing" nothing is late
t.toml:24:8: error: emit = "on-update" is for running aggregates
   24 | emit = "on-update"
      |        ^^^^^^^^^^^
      with a window: "on-close", or as in "every 5s" before that too
)text"},

{"windows that do not come out even",
R"toml([sources.s]
type = "stdin"
[sinks.n]
type = "null"
[pipelines.a]
from = ["s"]
to = ["n"]
select = ["count(*) AS n"]
window = { type = "hopping", size = "1m", slide = "2m" }
[pipelines.b]
from = ["s"]
to = ["n"]
select = ["count(*) AS n"]
window = { type = "hopping", size = "1h", slide = "7001ms", offset = "7001ms" }
[pipelines.c]
from = ["s"]
to = ["n"]
select = ["count(*) AS n"]
window = { type = "cumulating", size = "1h", step = "7m" }
[pipelines.d]
from = ["s"]
to = ["n"]
select = ["count(*) AS n"]
window = { type = "cumulating", size = "1d", step = "1ms", offset = "1d" }
[pipelines.e]
from = ["s"]
to = ["n"]
select = ["count(*) AS n"]
window = { type = "session", gap = "1m", max = "30s" }
[pipelines.f]
from = ["s"]
to = ["n"]
select = ["count(*) AS n"]
window = { type = "count", size = 10, slide = 11 }
[pipelines.g]
from = ["s"]
to = ["n"]
select = ["count(*) AS n"]
window = { type = "count", size = 1001, slide = 1 }
emit = "every 5s"
late_to = "n"
[pipelines.h]
from = ["s"]
to = ["n"]
select = ["count(*) AS n"]
window = { type = "tumbling", size = "1h", zone = "+01:00" }
[pipelines.i]
from = ["s"]
to = ["n"]
select = ["count(*) AS n"]
window = { type = "hopping", size = "7d", slide = "12h", zone = "+01:00", offset = "500ms" }
)toml",
R"text(t.toml:9:1: error: slide is longer than size: what lies between two windows is in none
    9 | window = { type = "hopping", size = "1m", slide = "2m" }
      | ^^^^^^
      a slide of at most size; equal, they are tumbling windows
t.toml:14:1: error: a window is put together of panes of 1ms, the longest that size and slide are multiples of: more than 100000 of them
   14 | window = { type = "hopping", size = "1h", slide = "7001ms", offset = "7001ms" }
      | ^^^^^^
      a slide that divides size, or is longer
t.toml:14:1: error: the window's offset must be less than its slide
   14 | window = { type = "hopping", size = "1h", slide = "7001ms", offset = "7001ms" }
      | ^^^^^^
t.toml:19:1: error: size is no multiple of step: the last window would be cut short
   19 | window = { type = "cumulating", size = "1h", step = "7m" }
      | ^^^^^^
      for a step of 7m: size = "1h3m"
t.toml:24:1: error: more than 100000 steps to a window
   24 | window = { type = "cumulating", size = "1d", step = "1ms", offset = "1d" }
      | ^^^^^^
      a longer step
t.toml:24:1: error: the window's offset must be less than its size
   24 | window = { type = "cumulating", size = "1d", step = "1ms", offset = "1d" }
      | ^^^^^^
t.toml:29:1: error: max is shorter than gap: every session would end by max
   29 | window = { type = "session", gap = "1m", max = "30s" }
      | ^^^^^^
      a longer max, or tumbling windows
t.toml:34:1: error: slide is more than size: records between two windows would be in none
   34 | window = { type = "count", size = 10, slide = 11 }
      | ^^^^^^
      a slide of at most size
t.toml:39:1: error: a window is put together of pieces of one record, the most that size and slide are multiples of: more than 1000 of them
   39 | window = { type = "count", size = 1001, slide = 1 }
      | ^^^^^^
      a slide that divides size, or is more
t.toml:40:8: error: a count has no early results: it ends with its last record
   40 | emit = "every 5s"
      |        ^^^^^^^^^^
      leave out `emit`, or take another window
t.toml:41:11: error: `late_to` needs a window in event time
   41 | late_to = "n"
      |           ^^^
      a count takes records as they come: nothing is late
t.toml:46:51: error: windows of a time zone are days: hours are the same everywhere
   46 | window = { type = "tumbling", size = "1h", zone = "+01:00" }
      |                                                   ^^^^^^^^
      a size of whole days, as in "1d", or no zone
t.toml:51:65: error: windows of a time zone are days: hours are the same everywhere
   51 | window = { type = "hopping", size = "7d", slide = "12h", zone = "+01:00", offset = "500ms" }
      |                                                                 ^^^^^^^^
      size and slide of whole days, as in "7d" and "1d", or no zone
t.toml:51:65: error: with a zone, `offset` is of whole seconds
   51 | window = { type = "hopping", size = "7d", slide = "12h", zone = "+01:00", offset = "500ms" }
      |                                                                 ^^^^^^^^
)text"},

{"results that come before the last one",
R"toml([sources.s]
type = "stdin"
[sinks.f]
type = "file"
path = "f"
[sinks.u]
type = "sqlite"
path = "u.db"
mode = "upsert"
[pipelines.a]
from = ["s"]
to = ["f"]
select = ["count(*) AS n"]
window = { type = "hopping", size = "1m", slide = "10s" }
emit = "every 5s"
[pipelines.b]
from = ["a"]
to = ["u"]
select = ["count(*) AS n"]
window = { type = "count", size = 5 }
)toml",
R"text(t.toml:12:7: error: early results would stand beside the last one in sink f: pipeline a has emit = "every 5s"
   12 | to = ["f"]
      |       ^^^
      use an sqlite sink with mode = "upsert"
t.toml:17:9: error: pipeline a has early results, and cannot be read by another
   17 | from = ["a"]
      |         ^^^
      they would be counted beside the last one; another pipeline without `emit` can
t.toml:18:7: error: sink u replaces rows by key and window, and two counts may begin and end at the same time
   18 | to = ["u"]
      |       ^^^
      give the sink mode = "append"
)text"},

{"dead letters",
R"toml([sources.s]
type = "stdin"
dead_letter_to = "u"
[sinks.n]
type = "null"
[sinks.u]
type = "sqlite"
path = "u.db"
mode = "upsert"
[pipelines.a]
from = ["s"]
to = ["n"]
on_error = "dead-letter"
[pipelines.b]
from = ["s"]
to = ["n"]
dead_letter_to = "n"
)toml",
R"text(t.toml:3:18: error: dead letters have no key, and sink u replaces rows by key
    3 | dead_letter_to = "u"
      |                  ^^^
      send them to a sink with mode = "append"
t.toml:13:1: error: on_error = "dead-letter" needs `dead_letter_to`
   13 | on_error = "dead-letter"
      | ^^^^^^^^
      dead_letter_to = "NAME" of the sink that gets them
t.toml:17:18: error: `dead_letter_to` does nothing here
   17 | dead_letter_to = "n"
      |                  ^^^
      it needs on_error = "dead-letter" or "fail"
)text"},

{"pipelines that stand still, and bounds of state",
R"toml([journal]
enabled = false
[sources.s]
type = "stdin"
[sinks.n]
type = "null"
[pipelines.a]
from = ["s"]
to = ["n"]
on_error = "fail"
[pipelines.b]
from = ["s"]
to = ["n"]
restart = { strategy = "none" }
[pipelines.c]
from = ["s"]
to = ["n"]
select = ["count(*) AS n"]
window = { type = "tumbling", size = "1m" }
ttl = "1h"
on_max_keys = "evict-oldest"
[pipelines.d]
from = ["s"]
to = ["n"]
emit = "every 5s"
on_max_keys = "evict-oldest"
)toml",
R"text(t.toml:10:1: error: on_error = "fail" needs the journal: a pipeline that stood still reads there what it has missed
   10 | on_error = "fail"
      | ^^^^^^^^
      set journal.enabled = true, or on_error = "dead-letter" or "skip"
t.toml:14:1: error: `restart` does nothing here
   14 | restart = { strategy = "none" }
      | ^^^^^^^
      it needs on_error = "fail"
t.toml:20:7: error: `ttl` is for running aggregates: a window ends by itself
   20 | ttl = "1h"
      |       ^^^^
      leave out `ttl`, or the window
t.toml:21:1: error: on_max_keys = "evict-oldest" is for running aggregates
   21 | on_max_keys = "evict-oldest"
      | ^^^^^^^^^^^
      half a window is a wrong result; with a window: "refuse"
t.toml:26:1: error: on_max_keys = "evict-oldest" needs emit = "on-update"
   26 | on_max_keys = "evict-oldest"
      | ^^^^^^^^^^^
      a key that waits for its beat cannot be forgotten
)text"},

{"a pipeline that stands still reads sources",
R"toml([sources.s]
type = "stdin"
[sinks.n]
type = "null"
[pipelines.a]
from = ["s"]
to = ["n"]
[pipelines.b]
from = ["s", "a"]
to = ["n"]
on_error = "fail"
)toml",
R"text(t.toml:11:1: error: on_error = "fail" is for pipelines that read sources, and this one reads pipeline a: its results are not in the journal, so what was missed could not be read again
   11 | on_error = "fail"
      | ^^^^^^^^
      set on_error = "dead-letter" or "skip" here, or "fail" in the pipeline it reads
)text"},

{"keys and corrections of sinks",
R"toml([sources.s]
type = "stdin"
[sinks.u]
type = "sqlite"
path = "u.db"
mode = "upsert"
[sinks.a]
type = "sqlite"
path = "a.db"
[sinks.f]
type = "file"
path = "f.csv"
format = "csv"
[pipelines.a]
from = ["s"]
to = ["u"]
[pipelines.b]
from = ["s"]
to = ["u", "a", "f"]
select = ["count(*) AS n"]
window = { type = "tumbling", size = "1m" }
allowed_lateness = "1m"
late_to = "f"
[pipelines.c]
from = ["b"]
to = ["a"]
[pipelines.d]
from = ["s"]
to = ["f"]
select = ["count(*) AS n"]
window = { type = "tumbling", size = "1m" }
late_to = "u"
)toml",
R"text(t.toml:16:7: error: sink u replaces rows by key, and pipeline a has no key
   16 | to = ["u"]
      |       ^^^
      give the pipeline key_by or a window, or the sink mode = "append"
t.toml:19:12: error: corrected results would stand twice in sink a: pipeline b has allowed_lateness
   19 | to = ["u", "a", "f"]
      |            ^^^
      use an sqlite sink with mode = "upsert"
t.toml:19:17: error: corrected results would stand twice in sink f: pipeline b has allowed_lateness
   19 | to = ["u", "a", "f"]
      |                 ^^^
      use an sqlite sink with mode = "upsert"
t.toml:23:11: error: sink f gets the pipeline's results, which have other columns
   23 | late_to = "f"
      |           ^^^
      give late records and dead letters a sink of their own
t.toml:25:9: error: pipeline b has allowed_lateness, and cannot be read by another
   25 | from = ["b"]
      |         ^^^
      its corrected results would be counted again
t.toml:32:11: error: late records have no key, and sink u replaces rows by key
   32 | late_to = "u"
      |           ^^^
      send them to a sink with mode = "append"
)text"},

{"two sinks on one path",
R"toml([sources.s]
type = "stdin"
[sinks.a]
type = "sqlite"
path = "x.db"
table = "T"
[sinks.b]
type = "sqlite"
path = "/var/lib/tidemark/./x.db"
table = "t"
[sinks.c]
type = "sqlite"
path = "x.db"
table = "other"
[sinks.d]
type = "file"
path = "y.jsonl"
[sinks.e]
type = "file"
path = "sub/../y.jsonl"
[pipelines.p]
from = ["s"]
to = ["a", "b", "c", "d", "e"]
)toml",
R"text(t.toml:10:9: error: sink a writes table "t" of this file, too
   10 | table = "t"
      |         ^^^
      the other is at t.toml:6:9
t.toml:20:8: error: sink d writes this file, too
   20 | path = "sub/../y.jsonl"
      |        ^^^^^^^^^^^^^^^^
      the other is at t.toml:17:8
)text"},

{"a sink on Tidemark's own files",
R"toml([sinks.a]
type = "sqlite"
path = "checkpoints.db"
[sinks.b]
type = "file"
path = "journal/x"
)toml",
R"text(t.toml:3:8: error: /var/lib/tidemark/checkpoints.db is Tidemark's own
    3 | path = "checkpoints.db"
      |        ^^^^^^^^^^^^^^^^
      choose another name in data_dir
t.toml:6:8: error: /var/lib/tidemark/journal/x is Tidemark's own
    6 | path = "journal/x"
      |        ^^^^^^^^^^^
      choose another name in data_dir
)text"},

{"a sink that holds each result once, and may drop some",
R"toml([sources.s]
type = "stdin"
[sinks.a]
type = "file"
path = "x.jsonl"
full = "drop-oldest"
[pipelines.p]
from = ["s"]
to = ["a"]
)toml",
R"text(t.toml:6:1: error: full = "drop-oldest" is for mqtt and tcp sinks
    6 | full = "drop-oldest"
      | ^^^^
      other sinks hold each result once; write full = "pause"
)text"},

{"tcp sinks that connect to nothing, to one address, and with a name for nobody",
R"toml([sources.s]
type = "stdin"
[sinks.a]
type = "tcp"
[sinks.b]
type = "tcp"
connect = "plant"
[sinks.c]
type = "tcp"
connect = "plant:9999"
peer = "me"
[sinks.d]
type = "tcp"
connect = "plant:9999"
ack = true
path = "x"
format = "influx"
[sinks.e]
type = "tcp"
connect = "plant:9999"
ack = true
[pipelines.p]
from = ["s"]
to = ["a", "b", "c", "d", "e"]
)toml",
R"text(t.toml:3:1: error: `connect` is missing; tcp sinks need it
    3 | [sinks.a]
      | ^^^^^^^^^
      connect: the address to connect to: "host:port"; with growing pauses, when it is away
t.toml:7:11: error: "plant" is no address to connect to
    7 | connect = "plant"
      |           ^^^^^^^
      write host:port, as in "scale.local:9999", "192.168.1.7:9999" or "[::1]:9999"
t.toml:11:1: error: `peer` needs ack = true
   11 | peer = "me"
      | ^^^^
      it is the name that the sink introduces itself by
t.toml:16:1: error: `path` belongs to file and sqlite sinks; this one is tcp
   16 | path = "x"
      | ^^^^
t.toml:17:10: error: format "influx" is not in this release
   17 | format = "influx"
      |          ^^^^^^^^
      allowed: json, csv
t.toml:20:11: error: sink c connects to this address, too
   20 | connect = "plant:9999"
      |           ^^^^^^^^^^^^
      the other is at t.toml:10:11
)text"},

{"addresses of tcp and unix sources",
R"toml([sources.a]
type = "tcp"
[sources.b]
type = "tcp"
listen = ":1"
connect = "h:1"
[sources.c]
type = "tcp"
connect = "scale"
[sources.d]
type = "tcp"
connect = ":9"
[sources.e]
type = "unix"
path = "/run/a/../s"
[sources.f]
type = "unix"
path = "/run/s"
[sources.g]
type = "unix"
path = "/run/t"
mode = "rw-rw----"
[pipelines.p]
from = ["a", "b", "c", "d", "e", "f", "g"]
to = ["n"]
[sinks.n]
type = "null"
)toml",
R"text(t.toml:1:10: error: `listen` or `connect` is missing; a tcp source has one of them
    1 | [sources.a]
      |          ^
      listen: the address that peers connect to; connect: the server to read from
t.toml:6:1: error: `listen` and `connect` are both set
    6 | connect = "h:1"
      | ^^^^^^^
      a tcp source either waits for its peers or goes to a server; make two sources for both
t.toml:9:11: error: "scale" is no address to connect to
    9 | connect = "scale"
      |           ^^^^^^^
      write host:port, as in "scale.local:9999", "192.168.1.7:9999" or "[::1]:9999"
t.toml:12:11: error: ":9" is no address to connect to
   12 | connect = ":9"
      |           ^^^^
      write host:port, as in "scale.local:9999", "192.168.1.7:9999" or "[::1]:9999"
t.toml:18:8: error: source e listens on this socket, too
   18 | path = "/run/s"
      |        ^^^^^^^^
      the other is at t.toml:15:8
t.toml:22:8: error: "rw-rw----" is no file mode
   22 | mode = "rw-rw----"
      |        ^^^^^^^^^^^
      write it in octal, such as "0660" (owner and group may connect) or "0666" (everybody)
)text"},

{"binary formats over streams, and paths that are none",
R"toml([sources.a]
type = "tcp"
listen = ":1"
format = "msgpack"
[sources.b]
type = "file"
path = "x"
format = "cbor"
[sources.c]
type = "udp"
listen = ":1"
format = "cbor"
records = "data..rows"
[sources.d]
type = "stdin"
records = "rows."
[sources.e]
type = "udp"
listen = ":2"
format = "influx"
records = "rows"
[pipelines.p]
from = ["a", "b", "c", "d", "e"]
to = ["n"]
[sinks.n]
type = "null"
)toml",
R"text(t.toml:4:1: error: format "msgpack" is for messages: mqtt and udp sources
    4 | format = "msgpack"
      | ^^^^^^
      a stream has no place where a binary record would end; json and influx go over lines
t.toml:8:1: error: format "cbor" is for messages: mqtt and udp sources
    8 | format = "cbor"
      | ^^^^^^
      a stream has no place where a binary record would end; json and influx go over lines
t.toml:13:11: error: "data..rows" is no path
   13 | records = "data..rows"
      |           ^^^^^^^^^^^^
      names with dots between them, such as "metrics" or "data.rows"
t.toml:16:11: error: "rows." is no path
   16 | records = "rows."
      |           ^^^^^^^
      names with dots between them, such as "metrics" or "data.rows"
t.toml:21:1: error: `records` belongs to json, msgpack and cbor sources; this one is influx
   21 | records = "rows"
      | ^^^^^^^
)text"},

{"Sparkplug B elsewhere than over MQTT, and columns that it does not have",
R"toml([sources.a]
type = "udp"
listen = ":1"
format = "sparkplug"
[sources.b]
type = "mqtt"
url = "mqtt://h"
topics = ["spBv1.0/#"]
format = "sparkplug"
fields = ["vlaue:float", "Temperature:float", "properties.Quality:int", "value:float"]
[sources.c]
type = "mqtt"
url = "mqtt://h"
topics = ["spBv1.0/#"]
format = "sparkplug"
records = "metrics"
[pipelines.p]
from = ["a", "b", "c"]
to = ["n"]
[sinks.n]
type = "null"
)toml",
R"text(t.toml:4:1: error: format "sparkplug" is for mqtt sources
    4 | format = "sparkplug"
      | ^^^^^^
      what a message means stands in its topic, spBv1.0/GROUP/NDATA/NODE
t.toml:10:11: error: Sparkplug B records have no column "vlaue"; did you mean "value"?
   10 | fields = ["vlaue:float", "Temperature:float", "properties.Quality:int", "value:float"]
      |           ^^^^^^^^^^^^^
      a metric is a record of its own, with its name in the column metric
t.toml:10:26: error: Sparkplug B records have no column "Temperature"
   10 | fields = ["vlaue:float", "Temperature:float", "properties.Quality:int", "value:float"]
      |                          ^^^^^^^^^^^^^^^^^^^
      a metric is a record of its own, with its name in the column metric
t.toml:16:1: error: `records` belongs to json, msgpack and cbor sources; this one is sparkplug
   16 | records = "metrics"
      | ^^^^^^^
)text"},

{"what csv and text sources ask for",
R"toml([sources.a]
type = "tcp"
listen = ":1"
ack = true
format = "csv"
fields = ["k"]
header = true
[sources.b]
type = "udp"
listen = ":1"
format = "csv"
fields = ["k"]
header = true
[sources.c]
type = "stdin"
format = "csv"
fields = ["k"]
quote = "none"
multiline = true
[sources.d]
type = "file"
path = "x"
format = "csv"
fields = ["k"]
quote = "''"
[sources.e]
type = "file"
path = "x"
format = "text"
pattern = '(?P<level>\w+'
[sources.f]
type = "file"
path = "x"
format = "text"
pattern = '\w+'
[sources.g]
type = "file"
path = "x"
format = "text"
pattern = '(?P<level>\w+)'
fields = ["levle:int"]
[sources.h]
type = "file"
path = "x"
timestamp = { field = "t", format = "rfc3393" }
[sources.i]
type = "file"
path = "x"
timestamp = { field = "t", format = "%b %d %T" }
[pipelines.p]
from = ["a", "b", "c", "d", "e", "f", "g", "h", "i"]
to = ["n"]
[sinks.n]
type = "null"
)toml",
R"text(t.toml:7:1: error: `header` does not go with `ack`
    7 | header = true
      | ^^^^^^
      a peer that comes back goes on in the middle of its lines; let it leave the header out
t.toml:13:1: error: `header` belongs to streams: tcp, unix, file and stdin sources
   13 | header = true
      | ^^^^^^
      each message is records only
t.toml:19:1: error: `multiline` needs quotes, and `quote` is "none"
   19 | multiline = true
      | ^^^^^^^^^
      a line end belongs to a value only inside quotes
t.toml:25:9: error: a quote is one visible ASCII character
   25 | quote = "''"
      |         ^^^^
      such as "'", or "none" for no quotes
t.toml:30:11: error: this is no pattern: missing ): (?P<level>\w+
   30 | pattern = '(?P<level>\w+'
      |           ^^^^^^^^^^^^^^^
      RE2's syntax, such as '(?P<level>\w+) (?P<took_ms>\d+)ms .*'; in '' TOML leaves \ alone
t.toml:35:11: error: this is no pattern: it has no named group, and so no field; name one as in (?P<level>\w+)
   35 | pattern = '\w+'
      |           ^^^^^
      RE2's syntax, such as '(?P<level>\w+) (?P<took_ms>\d+)ms .*'; in '' TOML leaves \ alone
t.toml:41:11: error: `pattern` has no group "levle"; did you mean "level"?
   41 | fields = ["levle:int"]
      |           ^^^^^^^^^^^
      name it in the pattern: (?P<levle>...)
t.toml:45:37: error: unknown timestamp format "rfc3393"; did you mean "rfc3339"?
   45 | timestamp = { field = "t", format = "rfc3393" }
      |                                     ^^^^^^^^^
      allowed: s, ms, us, ns, rfc3339, or a pattern such as "%d.%m.%Y %H:%M:%S"
t.toml:49:37: error: "%b %d %T" is no pattern of times: without %Y or %y nobody knows the year
   49 | timestamp = { field = "t", format = "%b %d %T" }
      |                                     ^^^^^^^^^^
      allowed: s, ms, us, ns, rfc3339, or a pattern such as "%d.%m.%Y %H:%M:%S"
)text"},

{"two listeners on one address",
R"toml([sources.a]
type = "tcp"
listen = "127.0.0.1:9999"
[sources.b]
type = "tcp"
listen = "127.0.0.1:9999"
[sources.c]
type = "tcp"
listen = ":9999"
[sources.d]
type = "tcp"
listen = "127.0.0.1:9998"
[pipelines.p]
from = ["a", "b", "c", "d"]
to = ["n"]
[sinks.n]
type = "null"
)toml",
R"text(t.toml:6:10: error: source a listens on this address, too
    6 | listen = "127.0.0.1:9999"
      |          ^^^^^^^^^^^^^^^^
      the other is at t.toml:3:10
t.toml:9:10: error: source a listens on this address, too
    9 | listen = ":9999"
      |          ^^^^^^^
      the other is at t.toml:3:10
)text"},

{"stdin twice",
R"toml([sources.a]
type = "stdin"
[sources.b]
type = "stdin"
[pipelines.p]
from = ["a", "b"]
to = ["n"]
[sinks.n]
type = "null"
)toml",
R"text(t.toml:3:10: error: source a reads stdin, too
    3 | [sources.b]
      |          ^
      the other is at t.toml:1:10
)text"},

{"journal off and a slow checkpoint",
R"toml([journal]
enabled = false
[checkpoint]
interval = "30s"
[sources.a]
type = "mqtt"
url = "mqtt://localhost"
topics = ["t"]
[sources.b]
type = "mqtt"
url = "mqtt://localhost"
topics = ["t"]
qos = 0
[pipelines.p]
from = ["a", "b"]
to = ["n"]
[sinks.n]
type = "null"
)toml",
R"text(t.toml:4:12: error: without a journal, checkpoint.interval (30s) may be at most a third of keep_alive (1m) of source a
    4 | interval = "30s"
      |            ^^^^^
      messages are acknowledged with the checkpoint that covers them, and the broker waits no longer
)text"},

{"brokers",
R"toml([sources.a]
type = "mqtt"
url = "mqtt://localhost"
topics = ["t"]
qos = 2
client_id = "me"
ca_file = "ca.pem"
password = "geheim"
[sinks.n]
type = "mqtt"
url = "mqtt://localhost"
topic = "x"
client_id = "me"
[sinks.o]
type = "mqtt"
url = "mqtts://localhost"
topic = "x"
cert_file = "c.pem"
[pipelines.p]
from = ["a"]
to = ["n", "o"]
)toml",
R"text(t.toml:5:1: warning: qos 2 is not in this release; 1 is used
    5 | qos = 2
      | ^^^
      Tidemark counts each message of qos 1 once, also when the broker repeats it
t.toml:7:1: error: `ca_file` needs TLS
    7 | ca_file = "ca.pem"
      | ^^^^^^^
      write mqtts:// in `url`
t.toml:8:1: error: a password without `username`
    8 | (not shown: it holds a password)
t.toml:13:1: error: client_id "me" stands twice for one broker
   13 | client_id = "me"
      | ^^^^^^^^^
      the other is at t.toml:6:1
t.toml:18:1: error: `cert_file` and `key_file` go together
   18 | cert_file = "c.pem"
      | ^^^^^^^^^
)text"},

{"a journal too small for a record",
R"toml([journal]
max_size = "1MiB"
)toml",
R"text(t.toml:2:1: error: journal.max_size (1MiB) must be at least twice limits.max_record (1MiB)
    2 | max_size = "1MiB"
      | ^^^^^^^^
      a record that does not fit would stop the source for ever
)text"},

{"absence with what belongs to other windows",
R"toml([sources.s]
type = "stdin"
[pipelines.p]
from = ["s"]
window = { type = "absence", timeout = "5m", size = "1m" }
[pipelines.q]
from = ["s"]
window = { type = "absence", timeout = "5m" }
emit = "every 5s"
allowed_lateness = "1m"
late_to = "k"
ttl = "5m"
to = ["k", "rows"]
[pipelines.r]
from = ["s"]
window = { type = "absence" }
to = ["k"]
[sinks.k]
type = "null"
[sinks.rows]
type = "sqlite"
path = "rows.db"
mode = "upsert"
)toml",
R"text(t.toml:5:46: error: `size` belongs to tumbling, hopping, cumulating and count windows; this one is absence
    5 | window = { type = "absence", timeout = "5m", size = "1m" }
      |                                              ^^^^
t.toml:9:8: error: a result of absence leaves when a key falls silent, and when it returns
    9 | emit = "every 5s"
      |        ^^^^^^^^^^
      leave out `emit`
t.toml:10:20: error: `allowed_lateness` means nothing to absence
   10 | allowed_lateness = "1m"
      |                    ^^^^
      what counts is `timeout`; the source's max_out_of_orderness waits for late records
t.toml:11:11: error: `late_to` needs time = "event"
   11 | late_to = "k"
      |           ^^^
      absence is decided by the time of arrival unless told otherwise, and nothing is late
t.toml:12:7: error: a key would be forgotten before it has fallen silent, after 5m
   12 | ttl = "5m"
      |       ^^^^
      give `ttl` more than the window's timeout
t.toml:13:12: error: sink rows replaces rows by key, and pipeline q has no key
   13 | to = ["k", "rows"]
      |            ^^^^^^
      give the pipeline key_by or a window, or the sink mode = "append"
t.toml:16:10: error: `timeout` is missing; absence windows need it
   16 | window = { type = "absence" }
      |          ^^^^^^^^^^^^^^^^^^^^
      timeout: how long a key may send nothing before it has fallen silent
)text"},

{"a source that nobody reads, a pipeline that leads nowhere",
R"toml([sources.s]
type = "stdin"
[pipelines.p]
from = ["t"]
[sources.t]
type = "tcp"
listen = ":1"
)toml",
R"text(t.toml:1:10: warning: no pipeline reads source s
    1 | [sources.s]
      |          ^
t.toml:3:12: warning: the results of pipeline p go nowhere
    3 | [pipelines.p]
      |            ^
      `to` names the sinks
)text"},
};
// clang-format on

}  // namespace

TEST_CASE("tables that do not fit together is reported with its place and what is allowed") {
  for (const Mistake& mistake : kMistakes) {
    CAPTURE(mistake.name);
    CHECK(report(mistake.toml) == mistake.report);
  }
}

}  // namespace tidemark
