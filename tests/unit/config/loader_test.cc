// What the loader makes of whole configurations: several files, variables, secrets, defaults, paths.
#include "config/loader.h"

#include <doctest/doctest.h>

#include "reports.h"

using namespace tidemark;

TEST_CASE("without a word the defaults stand") {
  const auto settings = load("");
  REQUIRE(settings);
  CHECK(*settings->node.name == "box");
  CHECK(*settings->node.data_dir == "/var/lib/tidemark");
  CHECK(*settings->checkpoint.interval == 10s);
  CHECK(!settings->checkpoint.interval.given());
  CHECK(settings->journal.enabled);
  CHECK(settings->sources.empty());
}

TEST_CASE("tables of several files merge") {
  Diagnostics diagnostics;
  const auto settings =
      load_settings({{"t.toml", "[checkpoint]\nretain = 5\n[sources.a]\ntype = 'stdin'\n"},
                     {"conf.d/b.toml", "checkpoint.interval = '1s'\n[sources.b]\ntype='file'\npath='x'\n"},
                     {"conf.d/c.toml",
                      "[pipelines.p]\nfrom = ['a', 'b']\nto = ['n']\n"
                      "[sinks.n]\ntype = 'null'\n"}},
                    test_environment(), diagnostics);
  REQUIRE(settings);
  CHECK(settings->checkpoint.retain == 5);
  CHECK(*settings->checkpoint.interval == 1s);
  CHECK(settings->checkpoint.interval.place.file == 1);
  CHECK(settings->sources.size() == 2);
  CHECK(diagnostics.to_text().empty());
}

TEST_CASE("a key that two files set is an error that names both places") {
  CHECK(report({{"t.toml", "[log]\nlevel = 'info'\n"}, {"conf.d/a.toml", "[log]\nlevel = 'debug'\n"}}) ==
        R"(conf.d/a.toml:2:1: error: `level` is set twice
    2 | level = 'debug'
      | ^^^^^
      set before at t.toml:2:1
)");
  CHECK(report({{"t.toml", "log = { level = 'info' }\n"}, {"conf.d/a.toml", "log = 3\n"}}) ==
        R"(conf.d/a.toml:1:1: error: `log` is set twice
    1 | log = 3
      | ^^^
      set before at t.toml:1:1
)");
}

TEST_CASE("a mistake of grammar in each of two files is reported in each") {
  CHECK(report({{"t.toml", "a =\n"}, {"conf.d/a.toml", "b =\n"}}) ==
        R"(t.toml:1:4: error: `a` has no value
    1 | a =
      |    ^
conf.d/a.toml:1:4: error: `b` has no value
    1 | b =
      |    ^
)");
}

TEST_CASE("sources, pipelines and sinks come in the order of their names") {
  const auto settings = load(R"(
[sinks.z]
type = "null"
[sinks.a]
type = "null"
[sources.c]
type = "stdin"
[sources.b]
type = "file"
path = "x"
[pipelines.y]
from = ["c"]
to = ["z"]
[pipelines.x]
from = ["b"]
to = ["a"]
)");
  REQUIRE(settings);
  CHECK(settings->sources[0].name == "b");
  CHECK(settings->sources[1].name == "c");
  CHECK(settings->pipelines[0].name == "x");
  CHECK(settings->sinks[0].name == "a");
  CHECK(settings->sinks[1].name == "z");
  CHECK(settings->sinks[1].place.line == 2);
  CHECK(settings->sinks[1].place.column == 8);
}

TEST_CASE("variables are put into strings after parsing") {
  const auto environment = test_environment({{"HALL", "3\"\n[log]\nlevel=\"debug"},
                                             {"N", "17"},
                                             {"YES", "true"},
                                             {"WAIT", "3s"},
                                             {"SIZE", "1MiB"},
                                             {"NONE", ""},
                                             {"REF", "${N}"}});
  const auto name = [&](const std::string& written) {
    const auto settings = load("[node]\nname = '" + written + "'\n[log]\nlevel = \"info\"\n", environment);
    return settings ? *settings->node.name : std::string("refused");
  };
  CHECK(name("hall-${N}-${N}") == "hall-17-17");
  CHECK(name("${OTHER:-else}") == "else");
  CHECK(name("${OTHER:-}x") == "x");
  CHECK(name("${N:-else}") == "17");
  CHECK(name("$${N}") == "${N}");
  CHECK(name("$$${N}") == "$${N}");
  CHECK(name("$N") == "$N");
  CHECK(name("${REF}") == "${N}");      // not looked through again
  CHECK(name("${NONE}") == "box");      // an empty one is none
  CHECK(name("${HALL}") == "refused");  // for its characters; and it changed no structure

  const auto settings = load(R"(
[limits]
max_fields = "${N}"
max_record = "${SIZE}"
[journal]
enabled = "${YES}"
[checkpoint]
interval = "${WAIT}"
)",
                             environment);
  REQUIRE(settings);
  CHECK(settings->limits.max_fields == 17);
  CHECK(settings->limits.max_record == 1u << 20);
  CHECK(settings->journal.enabled);
  CHECK(*settings->checkpoint.interval == 3s);
}

TEST_CASE("a secret is read from a file, without its line end") {
  const std::string source = "[sources.s]\ntype = 'mqtt'\nurl = 'mqtt://h'\ntopics = ['t']\nusername = 'u'\n";
  const std::string rest = "[pipelines.p]\nfrom = ['s']\nto = ['n']\n[sinks.n]\ntype = 'null'\n";
  const auto settings = load(source + "password_file = '/run/secret'\n" + rest);
  REQUIRE(settings);
  CHECK(settings->sources[0].password == "from-file");
  CHECK(report(source + "password_file = '/run/other'\n" + rest) ==
        R"(t.toml:6:17: error: `password_file`: read /run/other: no such file
    6 | password_file = '/run/other'
      |                 ^^^^^^^^^^^^
)");
}

TEST_CASE("paths of sinks are below data_dir, paths of sources stay as they are") {
  const auto settings = load(R"(
[node]
data_dir = "/data/"
[sources.f]
type = "file"
path = "in/./x"
[pipelines.p]
from = ["f"]
to = ["a", "b", "c"]
[sinks.a]
type = "file"
path = "out/../a.jsonl"
[sinks.b]
type = "sqlite"
path = "/elsewhere/b.db"
[sinks.c]
type = "null"
)");
  REQUIRE(settings);
  CHECK(*settings->sources[0].path == "in/./x");
  CHECK(*settings->sinks[0].path == "/data/a.jsonl");
  CHECK(settings->sinks[0].path.given());
  CHECK(*settings->sinks[1].path == "/elsewhere/b.db");
  CHECK(settings->sinks[2].path->empty());
}

TEST_CASE("the default of emit follows from the window, that of uid from the name") {
  const auto settings = load(R"(
[sources.s]
type = "stdin"
[sinks.n]
type = "null"
[pipelines.a]
from = ["s"]
to = ["n"]
[pipelines.b]
from = ["s"]
to = ["n"]
window = { type = "tumbling", size = "1m" }
select = ["count(*) AS n"]
)");
  REQUIRE(settings);
  CHECK(*settings->pipelines[0].emit == EmitPolicy::on_update);
  CHECK(settings->pipelines[0].uid == "a");
  CHECK(*settings->pipelines[1].emit == EmitPolicy::on_close);
  CHECK(settings->pipelines[1].window.place.line == 12);
}

TEST_CASE("brokers' urls are taken apart") {
  struct Row {
    const char* url;
    const char* host;
    std::uint16_t port;
    bool tls;
  };
  const Row rows[] = {{"mqtt://a", "a", 1883, false},
                      {"mqtts://a", "a", 8883, true},
                      {"mqtt://a:1/", "a", 1, false},
                      {"mqtts://[::1]", "::1", 8883, true},
                      {"mqtt://[fe80::2]:77", "fe80::2", 77, false},
                      {"mqtt://10.0.0.1:1883", "10.0.0.1", 1883, false}};
  for (const Row& row : rows) {
    CAPTURE(row.url);
    const auto settings =
        load("[sinks.m]\ntype = 'mqtt'\ntopic = 't'\nurl = '" + std::string(row.url) + "'\n");
    REQUIRE(settings);
    CHECK(settings->sinks[0].host == row.host);
    CHECK(settings->sinks[0].port == row.port);
    CHECK(settings->sinks[0].tls == row.tls);
  }
  for (const char* url : {"mqtt://", "mqtt://:1883", "mqtt://a:", "mqtt://a:0", "mqtt://[::1", "mqtt://a/b",
                          "mqtt://a b", "tcp://a", "a:1883", "mqtt://u@a"}) {
    CAPTURE(url);
    CHECK(!load("[sinks.m]\ntype = 'mqtt'\ntopic = 't'\nurl = '" + std::string(url) + "'\n"));
  }
}

TEST_CASE("quality of service 2 becomes 1, with a warning") {
  const char* const toml = "[sinks.m]\ntype = 'mqtt'\ntopic = 't'\nurl = 'mqtt://a'\nqos = 2\n";
  CHECK(load(toml)->sinks[0].qos == 1);
  CHECK(report(toml).starts_with("t.toml:5:1: warning: qos 2 is not in this release; 1 is used\n"));
}
