// EngineWorld: an engine by itself, from a configuration's text. The test is the journal: it says what comes
// in and when, and reads what comes out.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/format.h"
#include "config/diagnostics.h"
#include "pipeline/engine.h"
#include "pipeline/event_time.h"
#include "pipeline/result_codec.h"
#include "state/row.h"
#include "support/simulation.h"

namespace tidemark {

// Tables that every configuration of these tests begins with: source `a`, with event times in `ts`
// (milliseconds), and a few sinks.
inline std::string with_source_a(std::string_view rest) {
  return format(R"(
[node]
name = "test"
data_dir = "/data"
[sources.a]
type = "tcp"
listen = "127.0.0.1:9001"
ack = true
format = "json"
timestamp = {{ field = "ts", format = "ms" }}
dead_letter_to = "dead"
[sinks.out]
type = "file"
path = "out.jsonl"
[sinks.late]
type = "file"
path = "late.jsonl"
[sinks.dead]
type = "file"
path = "dead.jsonl"
{}
)",
                rest);
}

// Results as "PIPELINE VALUE VALUE …", of late and dead channels as "PIPELINE/late …"; window times in
// seconds since 1970, other times left out.
class ResultLines final : public EngineOutput {
 public:
  void result(const Emission& emission) override {
    std::vector<Value> values(emission.schema->columns.size());
    REQUIRE(decode_values(emission.bytes, values));
    std::string line = emission.schema->pipeline;
    if (emission.schema->channel.kind != ChannelKind::main)
      line += "/" + std::string(to_text(emission.schema->channel.kind));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const ResultColumn& column = emission.schema->columns[i];
      if (column.kind == ResultColumn::Kind::time && !column.name.starts_with("window")) continue;
      const bool window = column.kind == ResultColumn::Kind::time;
      line += " " + (window                ? std::to_string(values[i].as_integer() / 1'000'000'000)
                     : values[i].is_text() ? std::string(values[i].as_text())
                                           : to_text(values[i]));
    }
    lines.push_back(std::move(line));
    positions.push_back(emission.position);
  }
  bool full() const override { return is_full; }
  void noticed(std::string_view subject, std::string_view kind, std::string_view text) override {
    notices.push_back(format("{}: {}: {}", subject, kind, text));
  }

  std::vector<std::string> take() {
    positions.clear();
    return std::exchange(lines, {});
  }

  std::vector<std::string> lines, notices;
  std::vector<Position> positions;
  bool is_full = false;
};

template <class Output>
class BasicEngineWorld {
 public:
  explicit BasicEngineWorld(const std::string& config, std::uint64_t hash_seed = 7) {
    auto loaded = settings_of(config);
    REQUIRE_MESSAGE(loaded, loaded.error().message);
    settings = std::move(*loaded);
    Diagnostics diagnostics;
    plan = make_plan(settings, diagnostics);
    REQUIRE_MESSAGE(plan, diagnostics.to_text());
    engine = make(hash_seed);
    REQUIRE(engine->take_over({}));
  }

  std::unique_ptr<Engine> make(std::uint64_t hash_seed) {
    auto made = Engine::make(
        {.plan = *plan, .settings = settings, .output = output, .hash_seed = hash_seed, .foresees_from = 0});
    REQUIRE(made);
    return std::move(*made);
  }

  // Everything a checkpoint would hold, in another engine.
  void save_and_load(std::uint64_t hash_seed) {
    Manifest manifest;
    manifest.position = engine->position();
    engine->save(manifest.sections);
    auto other = make(hash_seed);
    auto prior = prior_state(manifest, hash_seed);
    REQUIRE(prior);
    for (const Engine::Table& table : engine->tables()) {
      std::string rows;
      table.table->begin_snapshot({0, EntryTable::kPartitions});
      while (!table.table->capture(rows, 1 << 20)) {
      }
      table.table->complete_snapshot();
      for (const auto& [owner, its] : prior->tables()) {
        if (owner != table.owner) continue;
        Decoder in(rows);
        Row row;
        while (take_row(in, row)) REQUIRE(its->restore_row(row.key, row.erased, row.payload));
      }
    }
    REQUIRE(other->take_over(std::move(*prior)));
    engine = std::move(other);
  }

  // Arrives `at` after 12:00 of the simulation's day; how many slices it took.
  std::size_t entry(EntryKind kind, Duration at, std::string payload, const std::string& source = "a",
                    const std::string& topic = {}) {
    std::size_t index = 0;
    while (index < settings.sources.size() && settings.sources[index].name != source) ++index;
    const Entry entry{.kind = kind,
                      .source = static_cast<std::uint16_t>(index + 1),
                      .time = begin + at,
                      .resume = {},
                      .topic = topic,
                      .payload = payload};
    position = position.next();
    bool done = engine->apply(position, entry, index);
    payload.assign(payload.size(), '?');  // the caller's bytes end with apply()
    std::size_t slices = 1;
    for (; !done; ++slices) done = engine->go_on();
    return slices;
  }
  std::size_t record(Duration at, std::string payload, const std::string& source = "a") {
    return entry(EntryKind::record, at, std::move(payload), source);
  }
  // A record in bytes that the engine was told to expect, and which stay as they are.
  void expected_record(Duration at, std::string_view payload) {
    position = position.next();
    const Entry entry{.kind = EntryKind::record,
                      .source = 1,
                      .time = begin + at,
                      .resume = {},
                      .topic = {},
                      .payload = payload};
    for (bool done = engine->apply(position, entry, 0); !done; done = engine->go_on()) {
    }
  }
  void tick(Duration at) { entry(EntryKind::tick, at, ""); }

  // A record of key `k` whose event time is `event` after 12:00, arriving at that time.
  std::size_t event(Duration event, const std::string& k, int v = 1, const std::string& source = "a") {
    return record(event, json(event, k, v), source);
  }
  static std::string json(Duration event, const std::string& k, int v = 1) {
    return format(R"({{"ts":{},"k":"{}","v":{}}})",
                  kBeginMs + std::chrono::duration_cast<std::chrono::milliseconds>(event).count(), k, v);
  }

  static constexpr std::int64_t kBeginMs = 1'740'830'400'000;  // 2025-03-01T12:00:00Z
  static constexpr JournalTime begin = time_from_ns<JournalTime>(kBeginMs * 1'000'000);
  // The same in seconds, as windows are shown.
  static std::string second(std::int64_t after) { return std::to_string(kBeginMs / 1000 + after); }

  Settings settings;
  std::unique_ptr<Plan> plan;
  Output output;
  std::unique_ptr<Engine> engine;
  Position position;
};

using EngineWorld = BasicEngineWorld<ResultLines>;

}  // namespace tidemark
