// The canonical text: what a replay reads back, perhaps years later, with a newer program.
#include <doctest/doctest.h>

#include "base/format.h"
#include "config/tree.h"
#include "reports.h"

using namespace tidemark;

namespace {

constexpr const char* kWritten = R"(
# comments, order and spelling of durations do not matter
[sinks.m]
type = "mqtt"
url = "mqtts://${BROKER}"
topic = "alerts/{line}"
username = "u"
password = "geheim"
[sinks.h]
path = "h.db"
type = "sqlite"
mode = "upsert"
[sources.plant]
type = "mqtt"
url = "mqtt://localhost"
topics = ["plant/#", "$share/g/a"]
username = "${USER}"
password = "${PASS:-geheim}"
timestamp.field = "ts"
idle_after = "90s"
[sources.lines]
type = "tcp"
listen = "127.0.0.1:9999"
format = "csv"
fields = ["word:string", "n:int", "any"]
delimiter = "\t"
[pipelines.p]
from = ["plant", "lines"]
where = "a <> \"${LIMIT}\" AND b = '$${x}\\'"
window = { size = "60s", type = "tumbling" }
select = ["count(*) AS n"]
to = ["m", "h"]
[checkpoint]
interval = "${EVERY:-2s}"
)";

constexpr const char* kCanonical = R"([node]
name = "box"
data_dir = "/var/lib/tidemark"

[checkpoint]
store = "files"
mode = "exactly-once"
interval = "${EVERY:-2s}"
min_pause = "500ms"
timeout = "1m"
retain = 3
on_stop = "retain"
tolerable_failures = 3

[journal]
enabled = true
sync = "200ms"
max_size = "256MiB"
compression = "lz4"

[log]
level = "info"
format = "text"

[limits]
max_record = "1MiB"
max_connections = 1024
max_fields = 4096
max_depth = 64
max_peers = 4096
births = "64MiB"
min_free = "16MiB"
memory = "1GiB"
max_keys = 10000000

[restart]
strategy = "exponential-delay"
initial = "1s"
max = "1m"
multiplier = 1.5
reset_after = "1h"
jitter = 0.1

[sources.lines]
type = "tcp"
format = "csv"
fields = ["word:string", "n:int", "any"]
delimiter = "\t"
quote = "\""
header = false
multiline = false
max_out_of_orderness = "0s"
idle_after = "never"
max_ahead = "1h"
listen = "127.0.0.1:9999"
ack = false

[sources.plant]
type = "mqtt"
format = "json"
timestamp = { field = "ts", format = "ms" }
max_out_of_orderness = "0s"
idle_after = "1m30s"
max_ahead = "1h"
url = "mqtt://localhost"
topics = ["plant/#", "$share/g/a"]
qos = 1
session_expiry = "1d"
keep_alive = "1m"
receive_maximum = 4096
protocol = "auto"
retained = "first"
username = "${USER}"
password = "${PASS:-}"

[pipelines.p]
from = ["plant", "lines"]
where = "a <> \"${LIMIT}\" AND b = '$${x}\\'"
window = { type = "tumbling", size = "1m", offset = "0s" }
select = ["count(*) AS n"]
to = ["m", "h"]
emit = "on-close"
allowed_lateness = "0s"
time = "event"
on_error = "skip"
poison_after = 3
uid = "p"
ttl = "0s"
max_keys = 0
on_max_keys = "refuse"

[sinks.h]
type = "sqlite"
ids = false
timestamps = "rfc3339"
flush = "auto"
buffer = "64MiB"
full = "pause"
path = "h.db"
table = "{pipeline}"
mode = "upsert"
on_reject = "pause"

[sinks.m]
type = "mqtt"
ids = false
timestamps = "rfc3339"
flush = "auto"
buffer = "64MiB"
full = "pause"
url = "mqtts://${BROKER}"
topic = "alerts/{line}"
qos = 1
retain = false
username = "u"

# resolved: pipelines.p.where 6ce8bdbb8d4d1d4a
)";

LoaderEnvironment environment(std::string limit = "5") {
  return test_environment({{"BROKER", "b"}, {"USER", "me"}, {"LIMIT", limit}, {"PASS", "geheim"}});
}

std::uint64_t fingerprint(const std::string& toml, const LoaderEnvironment& from = environment()) {
  const auto settings = load(toml, from);
  REQUIRE(settings);
  return settings->fingerprint;
}

std::string changed(std::string_view from, std::string_view to) {
  std::string text = kWritten;
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("the canonical text holds every default, references as they stand, and no secret") {
  const auto settings = load(kWritten, environment());
  REQUIRE(settings);
  CHECK(settings->canonical_text == kCanonical);
  CHECK(settings->canonical_text.find("geheim") == std::string::npos);
}

TEST_CASE("the canonical text reads back as itself") {
  const auto settings = load(kWritten, environment());
  const auto again = load(settings->canonical_text, environment());
  REQUIRE(again);
  CHECK(again->canonical_text == settings->canonical_text);
  CHECK(again->fingerprint == settings->fingerprint);
  CHECK(*again->pipelines[0].where == "a <> \"5\" AND b = '${x}\\'");
  CHECK(again->sources[0].format.delimiter == '\t');
  CHECK(again->sources[1].password == "geheim");
  CHECK(*again->sinks[0].path == "/var/lib/tidemark/h.db");
}

TEST_CASE("a stored configuration can be read where its secrets are not") {
  const auto settings = load(kWritten, environment());
  LoaderEnvironment bare = test_environment({{"BROKER", "b"}, {"USER", "me"}, {"LIMIT", "5"}});
  CHECK(load(settings->canonical_text, bare).has_value());
}

TEST_CASE("what was read from many files is read back as one") {
  std::vector<ConfigFile> files{{"t.toml", "[sources.s]\ntype='stdin'\n[sinks.n]\ntype='null'\n"}};
  for (int file = 0; file < 4; ++file) {
    std::string pipelines;
    for (int i = 0; i < 1200; ++i)
      pipelines += format("[pipelines.p{}_{}]\nfrom=['s']\nselect=['count(*) AS n']\nto=['n']\n", file, i);
    files.push_back({format("conf.d/{}.toml", file), std::move(pipelines)});
  }
  Diagnostics diagnostics;
  const auto settings = load_settings(files, test_environment(), diagnostics);
  REQUIRE_MESSAGE(settings, diagnostics.to_text());
  CHECK(settings->canonical_text.size() > kMaxConfigBytes);
  const auto again = load_stored_settings({"stored", settings->canonical_text}, test_environment(),
                                          diagnostics, StoredValues::as_they_were);
  REQUIRE_MESSAGE(again, diagnostics.to_text());
  CHECK(again->canonical_text == settings->canonical_text);
  CHECK(again->fingerprint == settings->fingerprint);
}

TEST_CASE("the fingerprint follows what decides results, and nothing else") {
  const std::uint64_t before = fingerprint(kWritten);
  CHECK(fingerprint(changed("# comments, order", "#")) == before);
  CHECK(fingerprint(changed("\"60s\"", "\"1m\"")) == before);
  CHECK(fingerprint(changed("${EVERY:-2s}", "4s")) == before);        // how often, not what
  CHECK(fingerprint(changed("\"geheim\"", "\"anders\"")) == before);  // a secret
  CHECK(fingerprint(std::string(kWritten) + "[journal]\nsync='0'\n") == before);

  CHECK(fingerprint(changed("\"60s\"", "\"61s\"")) != before);
  CHECK(fingerprint(changed("count(*)", "count(x)")) != before);
  CHECK(fingerprint(changed("n:int", "n:float")) != before);
  CHECK(fingerprint(changed("\"h.db\"", "\"i.db\"")) != before);
  CHECK(fingerprint(std::string(kWritten) + "[limits]\nmax_depth=5\n") != before);
  CHECK(fingerprint(std::string(kWritten) + "[node]\nname='other'\n") != before);
  CHECK(fingerprint(kWritten, environment("6")) != before);  // a variable's value
}

TEST_CASE("long lists and strings can be read back") {
  std::string select;
  for (int i = 0; i < 2000; ++i) select += "'count(*) AS n" + std::to_string(i) + "',\n";
  const std::string toml =
      "[sources.s]\ntype='stdin'\n[sinks.n]\ntype='null'\n[pipelines.p]\nfrom=['s']\nto=['n']\nselect=[" +
      select + "]\nwhere = '" + std::string(4000, 'x') + "'\n";
  const auto settings = load(toml);
  REQUIRE(settings);
  const auto again = load(settings->canonical_text);
  REQUIRE(again);
  CHECK(again->canonical_text == settings->canonical_text);
  CHECK(again->pipelines[0].select.size() == 2000);
}

TEST_CASE("a string that would not stand on one line is refused") {
  CHECK(report("[node]\ndata_dir = \"\"\"" + std::string(2500, '\n') + "\"\"\"\n") ==
        R"(t.toml:2:12: error: a string in `data_dir` is longer than 4096 bytes
    2 | data_dir = """
      |            ^^^
)");
}

TEST_CASE("names and strings with quotes, line ends and backslashes survive the canonical text") {
  const std::string odd =
      "[sources.s]\ntype='file'\npath = \"a\\\"b\\\\c\\n\\t\\u0001ä$${x}\"\n"
      "[pipelines.p]\nfrom=['s']\nto=['n']\n[sinks.n]\ntype='null'\n";
  const auto settings = load(odd);
  REQUIRE(settings);
  const auto again = load(settings->canonical_text);
  REQUIRE(again);
  CHECK(*again->sources[0].path == "a\"b\\c\n\t\x01ä${x}");
  CHECK(again->canonical_text == settings->canonical_text);
}
