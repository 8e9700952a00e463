// What a format remembers from payload to payload, as part of the engine's state: Sparkplug B, whose data
// mean something only with the births before them.
#include <doctest/doctest.h>

#include "strict_world.h"
#include "support/sparkplug_message.h"

using namespace tidemark;
using test::Message;
using test::Metric;

namespace {

std::string plant(std::string_view rest, std::string_view limits = {}) {
  return format(R"(
[node]
name = "test"
data_dir = "/data"
[limits]
{}
[sources.plant]
type = "mqtt"
url = "mqtt://broker"
topics = ["spBv1.0/#"]
format = "sparkplug"
dead_letter_to = "dead"
[sinks.out]
type = "file"
path = "out.jsonl"
[sinks.dead]
type = "file"
path = "dead.jsonl"
{}
)",
                limits, rest);
}

constexpr const char* kValues = R"(
[pipelines.values]
from = ["plant"]
where = "metric IS NOT NULL OR event = 'death'"
select = ["node", "device", "event", "metric", "value"]
to = ["out"]
)";

struct Sent {
  std::string topic, payload;
};

// A life in which births, deaths and names change while data go on by alias.
std::vector<Sent> life() {
  std::vector<Sent> out;
  std::uint64_t seq = 0;
  const auto node_birth = [&](std::uint64_t session, std::string_view name) {
    seq = 0;
    out.push_back({"spBv1.0/G/NBIRTH/N", Message()
                                             .time(1000)
                                             .seq(seq++)
                                             .metric(Metric("bdSeq").type(4).wide(session))
                                             .metric(Metric(name).alias(1).type(1).integer(1))});
  };
  const auto device_birth = [&](std::string_view name) {
    out.push_back(
        {"spBv1.0/G/DBIRTH/N/D", Message().seq(seq++).metric(Metric(name).alias(2).type(10).real(0.5))});
  };
  const auto data = [&](std::uint64_t value) {
    out.push_back({"spBv1.0/G/NDATA/N", Message().seq(seq++).metric(Metric().alias(1).integer(value))});
    out.push_back({"spBv1.0/G/DDATA/N/D", Message()
                                              .seq(seq++)
                                              .metric(Metric().alias(2).real(static_cast<double>(value)))
                                              .metric(Metric().alias(7).real(1))});
  };
  const auto death = [&](std::uint64_t session) {
    out.push_back({"spBv1.0/G/NDEATH/N", Message().metric(Metric("bdSeq").type(4).wide(session))});
  };
  data(1);  // nothing is known
  node_birth(0, "Up");
  data(2);  // of the device nothing
  device_birth("Temp");
  data(0xff);
  node_birth(1, "Ready");  // without a death, whose message comes late
  device_birth("Temp");
  death(0);
  data(3);
  seq += 5;  // a gap
  data(4);
  device_birth("Heat");
  data(5);
  death(1);
  data(6);
  node_birth(2, "Up");
  data(7);
  return out;
}

void send(EngineWorld& world, const Sent& sent, Duration at) {
  world.entry(EntryKind::record, at, sent.payload, "plant", sent.topic);
}

std::vector<std::pair<std::string, std::string>> sections(const EngineWorld& world) {
  std::vector<std::pair<std::string, std::string>> out;
  world.engine->save(out);
  return out;
}

}  // namespace

TEST_CASE("restored between births and the data that need them, results and state are the same") {
  const std::vector<Sent> sent = life();
  EngineWorld live(plant(kValues));
  for (std::size_t i = 0; i < sent.size(); ++i) send(live, sent[i], Duration(1s) * i);
  CHECK(live.output.lines.size() > 30);
  const auto count = [&](const char* text) {
    return std::ranges::count_if(live.output.lines,
                                 [&](const std::string& line) { return line.contains(text); });
  };
  CHECK(count("values N NULL data Up -1") == 1);
  CHECK(count("values N D data Temp 255.0") == 1);
  CHECK(count("values N NULL data Ready 4") == 1);
  CHECK(count("values N D data Heat 5.0") == 1);
  CHECK(count("values N D death NULL NULL") == 1);
  CHECK(count("alias 2 of G/N/D is not known: no birth of it is remembered") == 4);
  CHECK(count("alias 7 of G/N/D is not known: its birth did not say it") == 4);
  for (std::size_t cut = 0; cut <= sent.size(); ++cut) {
    CAPTURE(cut);
    EngineWorld world(plant(kValues));
    for (std::size_t i = 0; i < sent.size(); ++i) {
      if (i == cut) world.save_and_load(100 + cut);
      send(world, sent[i], Duration(1s) * i);
    }
    if (cut == sent.size()) world.save_and_load(99);
    CHECK(world.output.lines == live.output.lines);
    CHECK(sections(world) == sections(live));
    CHECK(world.engine->format_counters(0) == live.engine->format_counters(0));
  }
}

TEST_CASE("what a format counts and notices is told of its source") {
  EngineWorld world(plant(kValues));
  for (const Sent& sent : life()) send(world, sent, 1s);
  using Counts = std::vector<std::pair<std::string, std::uint64_t>>;
  CHECK(world.engine->format_counters(0) == Counts{{"sequence gaps", 1},
                                                   {"deaths of earlier sessions", 1},
                                                   {"births without room", 0},
                                                   {"metrics before a birth", 10},
                                                   {"aliases that no birth said", 4}});
  const auto noticed = [&](std::string_view text) {
    return std::ranges::any_of(world.output.notices,
                               [&](const std::string& notice) { return notice.contains(text); });
  };
  CHECK(noticed("stale death: the death of an earlier session of G/N: bdSeq 0, and it was born with 1"));
  CHECK(noticed("sequence gap: messages of G/N are missing or out of order"));
}

// interface: limits.max_record
TEST_CASE("a birth longer than limits.max_record ends what was known") {
  EngineWorld world(plant(kValues));
  const std::vector<Sent> sent = life();
  send(world, sent[2], 1s);  // the node's birth
  send(world, sent[3], 2s);
  world.output.take();
  world.entry(EntryKind::oversized, 3s, "\x12", "plant", "spBv1.0/G/NBIRTH/N");
  send(world, sent[3], 4s);
  const std::vector<std::string> lines = world.output.take();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].contains("a record longer than limits.max_record"));
  CHECK(lines[1].contains("alias 1 of G/N is not known"));
}

TEST_CASE("a pipeline that stood still reads what it missed with the births of that time") {
  const std::string strict = R"(
[pipelines.strict]
from = ["plant"]
where = "event = 'data'"
select = ["metric", "CAST(CASE value WHEN 0 THEN 'x' ELSE '100' END AS INTEGER) / value AS share"]
to = ["out"]
on_error = "fail"
poison_after = 3
)";
  const std::string other = R"(
[pipelines.other]
from = ["plant"]
select = ["event", "metric"]
to = ["dead"]
)";
  const auto birth = [](std::string_view name) {
    return Message().seq(0).metric(Metric(name).alias(1).type(3).integer(1)).str();
  };
  const auto data = [](std::initializer_list<std::uint64_t> values) {
    Message message;
    for (const std::uint64_t value : values) message.metric(Metric().alias(1).integer(value));
    return message.str();
  };
  constexpr const char *kBirth = "spBv1.0/G/NBIRTH/N", *kData = "spBv1.0/G/NDATA/N";
  for (const bool fails_in_its_birth : {false, true}) {
    CAPTURE(fails_in_its_birth);
    const std::string in_births =
        fails_in_its_birth ? [&] {
          std::string text = strict;
          return text.replace(text.find("event = 'data'"), 14, "metric IS NOT NULL");
        }() : strict;
    StrictWorld world(StrictWorld::Whole{plant(in_births + other)});
    std::vector<std::string> strict_lines;
    const auto take = [&] {
      for (std::string& line : world.output.take())
        if (line.starts_with("strict")) strict_lines.push_back(std::move(line));
    };
    world.put(EntryKind::record, 1s, birth("first"), kBirth);
    world.put(EntryKind::record, 2s, data({1, 2, 3}), kData);
    if (fails_in_its_birth)
      // A birth changes what is remembered, and is itself what fails.
      world.put(EntryKind::record, 3s,
                Message().seq(0).metric(Metric("second").alias(1).type(3).integer(0)).str(), kBirth);
    else
      world.put(EntryKind::record, 3s, data({4, 0, 5}), kData);
    REQUIRE(world.standing());
    world.put(EntryKind::record, 4s, data({10}), kData);
    world.put(EntryKind::record, 5s, birth("third"), kBirth);
    world.put(EntryKind::record, 6s, data({20}), kData);
    for (int attempt = 0; attempt < 2; ++attempt) {
      world.save_and_load(40 + static_cast<std::uint64_t>(attempt));  // while it stands still
      world.restart(Duration(7s) + attempt * Duration(1s));
    }
    CHECK(!world.standing());
    world.put(EntryKind::record, 9s, data({25}), kData);
    take();
    if (fails_in_its_birth)
      CHECK(strict_lines == std::vector<std::string>{"strict first 100", "strict first 100",
                                                     "strict first 50", "strict first 33", "strict second 10",
                                                     "strict third 100", "strict third 5", "strict third 4"});
    else
      CHECK(strict_lines == std::vector<std::string>{"strict first 100", "strict first 50", "strict first 33",
                                                     "strict first 25", "strict first 20", "strict first 10",
                                                     "strict third 5", "strict third 4"});
    const std::vector<std::string> all = world.replayed(1);
    CHECK(world.replayed(2, 1) == all);
    CHECK(world.replayed(3, 2) == all);
  }
}

TEST_CASE("a pipeline that stands still goes on when its source has another format") {
  const std::string strict = R"(
[pipelines.strict]
from = ["plant"]
select = ["CAST('x' AS INTEGER) AS never"]
to = ["out"]
on_error = "fail"
)";
  std::string json = plant(strict);
  json.replace(json.find("\"sparkplug\""), 11, "\"json\"");
  StrictWorld world(StrictWorld::Whole{plant(strict)}), other(StrictWorld::Whole{json}),
      again(StrictWorld::Whole{plant(strict)});
  world.put(EntryKind::record, 1s, Message().seq(0).metric(Metric("m").alias(1).type(3).integer(1)),
            "spBv1.0/G/NBIRTH/N");
  REQUIRE(world.standing());
  REQUIRE(!world.standing()->inputs[0].memory.empty());
  for (auto [from, to] : {std::pair(&world, &other), std::pair(&other, &again)}) {
    to->engine = to->make(5);
    REQUIRE(to->engine->take_over(from->engine->take_apart()));
    REQUIRE(to->standing());
  }
  CHECK(other.standing()->inputs[0].memory.empty());
}

TEST_CASE("of another format a source begins with nothing, and back again, too") {
  EngineWorld world(plant(kValues));
  const std::vector<Sent> sent = life();
  send(world, sent[2], 1s);
  std::vector<std::string> notes;
  const auto change = [&notes](EngineWorld& from, EngineWorld& to) {
    to.engine = to.make(5);
    auto evolution = to.engine->take_over(from.engine->take_apart());
    REQUIRE(evolution);
    to.position = from.position;
    notes = evolution->notes;
    return evolution->rewritten;
  };
  std::string json = plant(R"(
[pipelines.values]
from = ["plant"]
select = ["v"]
to = ["out"]
)");
  json.replace(json.find("\"sparkplug\""), 11, "\"json\"");
  EngineWorld other(json), again(plant(kValues)), same(plant(kValues));
  CHECK(change(world, same).empty());
  send(same, sent[3], 2s);
  CHECK(same.output.take() == std::vector<std::string>{"values N NULL data Up 2"});
  CHECK(notes.empty());
  CHECK(change(same, other).empty());
  CHECK(notes ==
        std::vector<std::string>{"source \"plant\" is no sparkplug source any more: what it remembered "
                                 "of earlier messages is dropped"});
  CHECK(other.engine->tables().empty());
  CHECK(change(other, again) == std::vector<std::string>{"memory/plant"});  // old segments say nothing of it
  send(again, sent[3], 3s);
  REQUIRE(again.output.lines.size() == 1);
  CHECK(again.output.lines[0].contains("no birth of it is remembered"));
}

TEST_CASE("a pipeline that stood still in the middle of a death reads the rest of it") {
  StrictWorld world(StrictWorld::Whole{plant(R"(
[pipelines.strict]
from = ["plant"]
where = "event = 'death'"
select = ["device", "CAST(CASE WHEN device = 'E' THEN 'x' ELSE '1' END AS INTEGER) AS one"]
to = ["out"]
on_error = "fail"
)")});
  for (const char* device : {"D", "E", "F"})
    world.put(EntryKind::record, 1s, Message().metric(Metric("m").alias(1).type(3).integer(1)),
              std::string("spBv1.0/G/DBIRTH/N/") + device);
  world.put(EntryKind::record, 2s, Message(), "spBv1.0/G/NDEATH/N");
  REQUIRE(world.standing());
  CHECK(world.standing()->records == 2);
  for (int attempt = 0; attempt < 2; ++attempt) {
    world.save_and_load(40 + static_cast<std::uint64_t>(attempt));
    world.restart(Duration(3s) + attempt * Duration(1s));
  }
  CHECK(!world.standing());
  CHECK(world.output.lines == std::vector<std::string>{"strict NULL 1", "strict D 1", "strict F 1"});
}
