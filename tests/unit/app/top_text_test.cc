#include "app/top_text.h"

#include <doctest/doctest.h>

#include "base/json.h"

namespace tidemark {
namespace {

constexpr std::int64_t kNow = 1'740'830'400'000'000'000;

StatusReport report(std::uint64_t records, std::uint64_t results) {
  StatusReport out;
  out.node = "press-hall-3";
  out.phase = "running";
  out.longest_stall = 12ms;
  out.longest_slice = 2ms;
  SourceReport& source = out.sources.emplace_back();
  source.name = "plant";
  source.records = records;
  source.watermark = time_from_ns<EventTime>(kNow - 3'000'000'000);
  PipelineReport& pipeline = out.pipelines.emplace_back();
  pipeline.name = "health";
  pipeline.records = records;
  pipeline.results = results;
  SinkReport& sink = out.sinks.emplace_back();
  sink.name = "history";
  sink.delivered = results;
  sink.waiting = 2;
  return out;
}

TEST_CASE("rates are what was counted between two looks, lags what event time is behind") {
  const StatusReport before = report(100, 10), now = report(350, 15);
  const Looks looks{.before = before, .now = now, .apart = 2s, .wall_ns = kNow};
  const Result<JsonValue> json = JsonValue::parse(top_json(looks));
  REQUIRE(json.has_value());
  const JsonValue& source = json->find("sources")->items[0];
  CHECK(source.number_of("records_per_second") == 125.0);
  CHECK(source.number_of("lag_seconds") == 3.0);
  const JsonValue& pipeline = json->find("pipelines")->items[0];
  CHECK(pipeline.number_of("results_per_second") == 2.5);
  CHECK(pipeline.find("lag_seconds")->type == JsonValue::Type::null);
  CHECK(json->find("sinks")->items[0].number_of("delivered_per_second") == 2.5);
  CHECK(json->number_of("longest_stall_seconds") == 0.012);
  CHECK(json->number_of("longest_slice_seconds") == 0.002);
  const std::string text = top_text(looks);
  for (const char* part : {"125", "2.5", "3.0s", "12ms", "press-hall-3", "none yet"})
    CHECK(text.contains(part));
}

TEST_CASE("an instance that was started anew in between, or a part that is new, has no rate yet") {
  const StatusReport before = report(1000, 10), now = report(3, 1);
  CHECK(top_json({.before = before, .now = now, .apart = 1s, .wall_ns = kNow})
            .contains("\"records_per_second\":0.0"));
  const StatusReport nothing;
  CHECK(top_json({.before = nothing, .now = now, .apart = 1s, .wall_ns = kNow})
            .contains("\"records_per_second\":0.0"));
}

}  // namespace
}  // namespace tidemark
