// The engine by itself: entries in, results out, no journal, no loop.
#include "pipeline/engine.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/format.h"
#include "config/diagnostics.h"
#include "config/loader.h"
#include "pipeline/event_time.h"
#include "pipeline/result_codec.h"

using namespace tidemark;

namespace {

std::string shown(const Value& value) {
  return value.is_text() ? std::string(value.as_text()) : to_text(value);
}

class CollectedRows final : public EngineOutput {
 public:
  void result(const Emission& emission) override {
    std::vector<Value> values(emission.schema->columns.size());
    REQUIRE(decode_values(emission.bytes, values));
    std::string row;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (emission.schema->columns[i].kind == ResultColumn::Kind::time) continue;
      row += (row.empty() ? "" : " ") + shown(values[i]);
    }
    rows.push_back(std::move(row));
  }
  bool full() const override { return false; }
  void noticed(std::string_view, std::string_view, std::string_view) override {}
  std::vector<std::string> rows;
};

struct Machine {
  explicit Machine(const std::string& text) {
    Diagnostics diagnostics;
    auto loaded = load_settings({{"test.toml", text}},
                                {.host_name = "test",
                                 .variable = [](const std::string&) { return std::nullopt; },
                                 .secret_file = [](const std::string&) -> Result<std::string> { return ""; }},
                                diagnostics);
    REQUIRE_MESSAGE(loaded, diagnostics.to_text());
    settings = std::move(*loaded);
    plan = make_plan(settings, diagnostics);
    REQUIRE_MESSAGE(plan, diagnostics.to_text());
    auto made = Engine::make({.plan = *plan, .settings = settings, .output = output, .hash_seed = 7});
    REQUIRE(made);
    engine = std::move(*made);
    REQUIRE(engine->take_over({}));
  }

  // How many slices it took.
  std::size_t apply(EntryKind kind, std::chrono::milliseconds at, std::string topic, std::string payload) {
    std::size_t slices = 1;
    const Entry entry{.kind = kind,
                      .source = 1,
                      .time = time_from_ns<JournalTime>(std::chrono::nanoseconds(at).count()),
                      .resume = {},
                      .topic = topic,
                      .payload = payload};
    position = position.next();
    bool done = engine->apply(position, entry, 0);
    topic.assign(topic.size(), '?');  // the caller's bytes end with apply()
    payload.assign(payload.size(), '?');
    for (; !done; ++slices) done = engine->go_on();
    return slices;
  }

  Settings settings;
  std::unique_ptr<Plan> plan;
  CollectedRows output;
  std::unique_ptr<Engine> engine;
  Position position;
};

constexpr const char* kPlant = R"(
[node]
name = "test"
data_dir = "/data"
[sources.plant]
type = "mqtt"
url = "mqtt://localhost"
topics = ["plant/+"]
topic_fields = "plant/{device}"
format = "json"
[sinks.out]
type = "null"
[pipelines.p]
from = ["plant"]
to = ["out"]
key_by = ["device"]
select = ["count(*) AS n"]
)";
constexpr const char* kWindowed = R"(
time = "processing"
window = { type = "tumbling", size = "1m" }
)";

}  // namespace

TEST_CASE("a record that comes while a timer closes many windows keeps its topic") {
  Machine machine(std::string(kPlant) + kWindowed);
  constexpr std::size_t kDevices = 3 * Engine::kStepsPerSlice;
  for (std::size_t i = 0; i < kDevices; ++i)
    machine.apply(EntryKind::record, 1s, format("plant/{:05}", i), "{}");
  // The first record of the next minute comes before any tick does.
  CHECK(machine.apply(EntryKind::record, 61s, "plant/late", "{}") > 1);
  CHECK(machine.output.rows.size() == kDevices);
  machine.output.rows.clear();
  machine.apply(EntryKind::tick, 121s, "", "");
  CHECK(machine.output.rows == std::vector<std::string>{"late 1"});
}

TEST_CASE("after the clock was set back, windows of processing time fill and close again") {
  Machine machine(std::string(kPlant) + kWindowed);
  machine.apply(EntryKind::record, 601s, "plant/a", "{}");
  machine.apply(EntryKind::clock_step, 100s, "", std::string(to_payload(ClockEvent::step_back)));
  CHECK(machine.output.rows == std::vector<std::string>{"a 1"});
  machine.output.rows.clear();
  machine.apply(EntryKind::record, 101s, "plant/a", "{}");
  machine.apply(EntryKind::record, 102s, "plant/a", "{}");
  CHECK(machine.output.rows.empty());
  CHECK(machine.engine->next_due() == time_from_ns<JournalTime>(std::chrono::nanoseconds(120s).count()));
  machine.apply(EntryKind::tick, 120s, "", "");
  CHECK(machine.output.rows == std::vector<std::string>{"a 2"});
}

TEST_CASE("after the clock was set back, results of every beat do not wait for the old time to come again") {
  Machine machine(std::string(kPlant) + "emit = \"every 10s\"\n");
  machine.apply(EntryKind::record, 601s, "plant/a", "{}");
  machine.apply(EntryKind::clock_step, 100s, "", std::string(to_payload(ClockEvent::step_back)));
  CHECK(machine.output.rows == std::vector<std::string>{"a 1"});
  machine.output.rows.clear();
  machine.apply(EntryKind::record, 101s, "plant/a", "{}");
  CHECK(machine.output.rows.empty());
  machine.apply(EntryKind::tick, 110s, "", "");
  CHECK(machine.output.rows == std::vector<std::string>{"a 2"});
}

TEST_CASE(
    "after the clock was set back, windows by time of arrival and those behind them begin anew as well") {
  Machine machine(std::string(kPlant) + R"(window = { type = "tumbling", size = "1m" }
[pipelines.total]
from = ["p"]
to = ["out"]
key_by = ["1 AS one"]
select = ["sum(n) AS all"]
window = { type = "tumbling", size = "1m" }
)");
  const auto step_back = std::string(to_payload(ClockEvent::step_back));
  machine.apply(EntryKind::record, 541s, "plant/a", "{}");
  machine.apply(EntryKind::record, 601s, "plant/a", "{}");  // closes the minute before
  machine.apply(EntryKind::clock_step, 100s, "", step_back);
  CHECK(machine.output.rows == std::vector<std::string>{"a 1", "1 1", "a 1", "1 1"});
  machine.output.rows.clear();
  machine.apply(EntryKind::record, 101s, "plant/a", "{}");
  machine.apply(EntryKind::record, 121s, "plant/a", "{}");
  machine.apply(EntryKind::record, 181s, "plant/a", "{}");
  CHECK(machine.output.rows == std::vector<std::string>{"a 1", "1 1", "a 1", "1 1"});
  CHECK(machine.engine->pipeline_counters(0).late == 0);
  CHECK(machine.engine->pipeline_counters(1).late == 0);
}

TEST_CASE(
    "after the clock was set back, a window that was emitted and waits for late records is not emitted "
    "again") {
  Machine machine(std::string(kPlant) + R"(window = { type = "tumbling", size = "1m" }
allowed_lateness = "5m"
)");
  machine.apply(EntryKind::record, 541s, "plant/a", "{}");
  machine.apply(EntryKind::record, 601s, "plant/b", "{}");
  CHECK(machine.output.rows == std::vector<std::string>{"a 1"});
  machine.apply(EntryKind::clock_step, 100s, "", std::string(to_payload(ClockEvent::step_back)));
  CHECK(machine.output.rows == std::vector<std::string>{"a 1", "b 1"});
  CHECK(machine.engine->pipeline_table(0)->size() == 0);
}

TEST_CASE("windows whose lateness is over go in slices") {
  Machine machine(std::string(kPlant) + R"(window = { type = "tumbling", size = "1m" }
allowed_lateness = "1m"
)");
  constexpr std::size_t kDevices = 3 * Engine::kStepsPerSlice;
  for (std::size_t i = 0; i < kDevices; ++i)
    machine.apply(EntryKind::record, 1s, format("plant/{:05}", i), "{}");
  CHECK(machine.apply(EntryKind::record, 61s, "plant/b", "{}") >= 3);
  CHECK(machine.output.rows.size() == kDevices);
  CHECK(machine.engine->pipeline_table(0)->size() == kDevices + 1);
  CHECK(machine.apply(EntryKind::record, 125s, "plant/b", "{}") >= 3);
  CHECK(machine.engine->pipeline_table(0)->size() == 2);
  CHECK(machine.output.rows.size() == kDevices + 1);
}
