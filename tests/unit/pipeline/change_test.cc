// Pipelines with change functions.
#include "engine_world.h"

namespace tidemark {
namespace {

using Lines = std::vector<std::string>;

std::string config(std::string_view keys) {
  return with_source_a(format("[pipelines.p]\nfrom = [\"a\"]\nto = [\"out\"]\n{}\n", keys));
}
std::string by_key(std::string_view keys) {
  return config("key_by = [\"k\"]\n" + std::string(keys));
}

// v of key a, one a second; what came out.
Lines fed(EngineWorld& world, const std::vector<int>& values) {
  Duration at = 0s;
  for (const int v : values) world.event(at += 1s, "a", v);
  return world.output.take();
}
Lines fed(const std::string& keys, const std::vector<int>& values) {
  EngineWorld world(by_key(keys));
  return fed(world, values);
}

TEST_CASE("changes: only when it changed, and only after three in a row, are one line") {
  CHECK(fed("where = \"changed(v)\"\nselect = [\"v\"]", {1, 1, 2, 2, 1}) == Lines{"p a 1", "p a 2", "p a 1"});
  CHECK(fed("where = \"consecutive(v > 8) = 3\"\nselect = [\"v\"]", {9, 9, 9, 9, 1, 9, 9, 10}) ==
        Lines{"p a 9", "p a 10"});
  CHECK(fed("where = \"changed(debounce(v > 8, 3))\"\nselect = [\"v > 8 AS hot\"]",
            {1, 1, 1, 9, 9, 1, 9, 9, 9, 9, 1, 1, 1}) == Lines{"p a false", "p a true", "p a false"});
}

TEST_CASE("changes: each record that passes is a result, with its key and what is selected") {
  CHECK(fed("select = [\"v\", \"lag(v) AS before\", \"diff(v) AS d\"]\nhaving = \"d IS NULL OR d > 1\"",
            {3, 4, 8}) == Lines{"p a 3 NULL NULL", "p a 8 4 4"});
  CHECK(fed("derive = [\"hysteresis(v, 6, 8) AS alarm\", \"NOT alarm AS calm\"]\n"
            "where = \"changed(calm)\"\nselect = [\"alarm\", \"v\"]",
            {7, 9, 7, 6, 5, 9}) == Lines{"p a false 7", "p a true 9", "p a false 5", "p a true 9"});
}

TEST_CASE("changes: a record that where leaves out has been seen all the same") {
  CHECK(fed("where = \"v > 5\"\nselect = [\"v\", \"lag(v) AS before\"]", {3, 6, 2, 9}) ==
        Lines{"p a 6 3", "p a 9 2"});
}

TEST_CASE("changes: keys do not hear of each other") {
  EngineWorld world(by_key("where = \"changed(v)\"\nselect = [\"v\"]"));
  world.event(1s, "a", 1);
  world.event(2s, "b", 1);
  world.event(3s, "a", 1);
  world.event(4s, "b", 2);
  CHECK(world.output.take() == Lines{"p a 1", "p b 1", "p b 2"});
}

TEST_CASE("changes: a record that cannot be evaluated, wherever, changes nothing") {
  EngineWorld world(
      by_key("derive = [\"100 / v AS x\", \"CASE WHEN v = 7 THEN v + 9223372036854775807 ELSE 0 END "
             "AS late\"]\nwhere = \"lag(v) IS NULL OR x > 0\"\n"
             "select = [\"v\", \"lag(v) AS before\", \"late\"]"));
  CHECK(fed(world, {3, 7, 4}) == Lines{"p a 3 NULL 0", "p a 4 3 0"});
  CHECK(world.engine->pipeline_counters(0).errors == 1);
  world.record(9s, R"({"ts":0,"k":"a","v":"text"})");
  CHECK(world.engine->pipeline_counters(0).errors == 2);
  world.event(10s, "a", 5);
  CHECK(world.output.take() == Lines{"p a 5 4 0"});
  // The first record of a key that fails leaves no key behind.
  world.event(11s, "new", 7);
  CHECK(world.engine->pipeline_table(0)->size() == 1);
}

TEST_CASE("changes: they count in aggregates, each record that passes giving the newest result") {
  CHECK(fed("select = [\"count(*) FILTER (WHERE changed(v)) AS turns\", \"sum(diff(v)) AS way\", "
            "\"max(lag(v)) AS m\"]\nwhere = \"v < 100\"",
            {1, 1, 3, 100, 3}) == Lines{"p a 1 NULL NULL", "p a 1 0 1", "p a 2 2 1", "p a 3 -95 100"});
  EngineWorld world(by_key("select = [\"count(*) AS n\", \"sum(v) AS s\"]\nwhere = \"changed(v)\""));
  world.record(1s, R"({"ts":0,"k":"a","v":9223372036854775807})");
  world.record(2s, R"({"ts":0,"k":"a","v":1})");  // the sum overflows: it was never there
  world.record(3s, R"({"ts":0,"k":"a","v":9223372036854775807})");
  CHECK(world.output.take() == Lines{"p a 1 9223372036854775807"});
  CHECK(world.engine->pipeline_counters(0).errors == 1);
}

TEST_CASE("changes: a key without input for its ttl starts from nothing, and keys have their bounds") {
  EngineWorld world(by_key("ttl = \"10s\"\nmax_keys = 2\nselect = [\"lag(v) AS l\"]"));
  world.event(0s, "a", 1);
  world.event(9s, "a", 2);
  world.event(19s, "a", 3);
  CHECK(world.output.take() == Lines{"p a NULL", "p a 1", "p a NULL"});
  CHECK(world.engine->pipeline_counters(0).expired == 1);
  for (const char* key : {"b", "c"}) world.event(20s, key, 1);
  CHECK(world.engine->pipeline_counters(0).refused == 1);
  CHECK(world.output.take() == Lines{"p b NULL"});
  world.event(40s, "b", 1);
  CHECK(world.output.take() == Lines{"p b NULL"});
  CHECK(world.engine->pipeline_table(0)->size() == 1);

  EngineWorld evicting(by_key("max_keys = 2\non_max_keys = \"evict-oldest\"\nselect = [\"lag(v) AS l\"]"));
  for (const char* key : {"a", "b", "c", "b", "a"}) evicting.event(1s, key, 4);
  CHECK(evicting.output.take() == Lines{"p a NULL", "p b NULL", "p c NULL", "p b 4", "p a NULL"});
  CHECK(evicting.engine->pipeline_counters(0).evicted == 2);
}

TEST_CASE("changes: the time that counts is the pipeline's") {
  const std::string keys = "select = [\"ewma(v, '10s') AS m\", \"debounce(v, '10s') AS d\"]\n";
  for (const bool processing : {false, true}) {
    EngineWorld world(by_key(keys + (processing ? "time = \"processing\"\n" : "")));
    world.record(0s, EngineWorld::json(0s, "a", 8));
    world.record(1s, EngineWorld::json(10s, "a", 8));
    world.record(10s, EngineWorld::json(11s, "a", 8));
    CHECK(world.output.take() == (processing ? Lines{"p a 8.0 NULL", "p a 8.0 NULL", "p a 8.0 8"}
                                             : Lines{"p a 8.0 NULL", "p a 8.0 8", "p a 8.0 8"}));
  }
}

TEST_CASE("changes: the same comes out however often it is saved and loaded in between") {
  const auto run = [](bool saves, std::string_view time) {
    EngineWorld world(by_key(format(
        "time = \"{}\"\nttl = \"30s\"\nmax_keys = 9\non_max_keys = \"evict-oldest\"\n"
        "derive = [\"debounce(v, 2) AS d\", \"lag(d, 3) AS l\"]\nwhere = \"v <> 5\"\n"
        "select = [\"v\", \"d\", \"l\", \"ewma(v, '20s') AS e\", \"hysteresis(v, 3, 6) AS h\", "
        "\"consecutive(v > 4) AS c\", \"diff(e) AS de\", \"changed(CASE WHEN v < 3 THEN k END) AS ch\"]",
        time)));
    std::uint64_t random = 5;
    Duration at = 100s;
    for (int i = 0; i < 500; ++i) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      at += std::chrono::milliseconds((random >> 33) % 3000);
      if (i == 250) {
        at -= 60s;
        world.entry(EntryKind::clock_step, at, std::string(to_payload(ClockEvent::step_back)));
      }
      world.event(at, std::string(1, static_cast<char>('a' + (random >> 40) % 12)),
                  static_cast<int>((random >> 50) % 10));
      if (saves) world.save_and_load(random);
    }
    Lines lines = world.output.take();
    CHECK(lines.size() > 300);
    return lines;
  };
  for (const char* time : {"event", "processing"}) CHECK(run(false, time) == run(true, time));
}

TEST_CASE("changes: state goes on when change functions and aggregates come, go and change places") {
  EngineWorld before(by_key("select = [\"lag(v) AS l\", \"changed(v) AS c\"]"));
  fed(before, {4, 6});
  EngineWorld after(
      by_key("ttl = \"1h\"\nselect = [\"count(*) AS n\", \"max(lag(v)) AS m\", \"max(lag(v, 2)) AS m2\"]"));
  after.engine = after.make(3);
  after.position = before.position;
  auto evolved = after.engine->take_over(before.engine->take_apart());
  REQUIRE(evolved);
  std::string notes;
  for (const std::string& note : evolved->notes) notes += note + "\n";
  CHECK(notes.contains("lag(v, 2) is new and starts empty"));
  CHECK(notes.contains("changed(v) is dropped"));
  after.event(5s, "a", 7);
  CHECK(after.output.take() == Lines{"p a 1 6 NULL"});

  EngineWorld plain(by_key("select = [\"count(*) AS n\"]"));
  plain.engine = plain.make(9);
  plain.position = after.position;
  REQUIRE(plain.engine->take_over(after.engine->take_apart()));
  plain.event(6s, "a", 7);
  CHECK(plain.output.take() == Lines{"p a 2"});
}

std::string mistakes(const std::string& text) {
  Diagnostics diagnostics;
  auto settings = settings_of(text, diagnostics);
  if (settings) make_plan(*settings, diagnostics);
  return diagnostics.to_text();
}

TEST_CASE("changes: where they cannot stand, the message says why and what can be done") {
  struct Mistake {
    std::string keys;
    std::vector<const char*> says;
  };
  const Mistake table[] = {
      {"where = \"v > 1 AND changed(v)\"\nselect = [\"v\"]",
       {"where = \"v > 1 AND changed(v)\"", "^^^^^^^^^^",
        "changed compares the records of one key, and this pipeline has no key_by: add one, such as key_by = "
        "[\"device\"]"}},
      {"key_by = [\"k\"]\nwindow = { type = \"tumbling\", size = \"1m\" }\nselect = [\"max(diff(v)) AS d\"]",
       {"diff compares the records of a key, one after another, and a window puts them together",
        "use it in a pipeline without a window, which this one reads"}},
      {"key_by = [\"k\"]\nwindow = { type = \"absence\", timeout = \"1m\" }\nselect = [\"lag(absent) AS d\"]",
       {"lag compares the records of a key, one after another, and a window puts them together"}},
      {"key_by = [\"k\"]\nselect = [\"count(*) AS n\", \"lag(v) AS l\"]",
       {"lag is of a record, and a result is of aggregates; write last(lag(v)) for its newest value"}},
      {"key_by = [\"changed(v)\"]\nselect = [\"v\"]",
       {"changed cannot stand in key_by: the key tells which records it compares"}},
      {"key_by = [\"k\"]\nemit = \"every 5s\"\nselect = [\"lag(v) AS l\"]",
       {"with lag(v) results leave with their records", "leave out `emit`"}},
      {"key_by = [\"k\"]\nselect = [\"v * 2 AS w\"]\nhaving = \"changed(w)\"",
       {"changed is computed before the column \"w\" is; derive that, or write it out here"}},
      {"key_by = [\"k\"]\nwhere = \"delta(v) > 1\"\nselect = [\"lag(v) AS l\"]",
       {"delta is an aggregate, which only select and having can hold; diff(x) is x less its value before"}},
      {"key_by = [\"k\"]\nwhere = \"changd(v)\"\nselect = [\"v\"]", {"did you mean 'changed'?"}},
      {"key_by = [\"k\"]\nselect = [\"diff(upper(k)) AS d\", \"hysteresis(v, 8) AS h\"]",
       {"is needed", "hysteresis: it is hysteresis(x, low, high)"}},
      {"key_by = [\"k\"]\nwhere = \"lag(count(*)) > 1\"\nselect = [\"v\"]",
       {"count is an aggregate, which only select and having can hold"}},
  };
  for (const Mistake& mistake : table) {
    CAPTURE(mistake.keys);
    const std::string text = mistakes(config(mistake.keys));
    CAPTURE(text);
    for (const char* part : mistake.says) CHECK(text.contains(part));
  }
  CHECK(mistakes(by_key("derive = [\"lag(v) AS l\"]\nselect = [\"l\", \"v\"]")) == "");
}

TEST_CASE("changes: a key that needs what it decides is a mistake") {
  const std::string text =
      mistakes(config("derive = [\"lag(v) AS l\"]\nkey_by = [\"k\", \"l + 1 AS m\"]\nselect = [\"v\"]"));
  CAPTURE(text);
  CHECK(text.contains("key_by needs what lag(v) gives, which needs the key"));
}

}  // namespace
}  // namespace tidemark
