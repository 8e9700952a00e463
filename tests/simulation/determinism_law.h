// The law of determinism (design.md, determinism.h), as the tests of it say it: pipelines over readings of
// two sources, or any settings over any arrivals, must give the same bytes whatever happens.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/format.h"
#include "simulation/determinism.h"
#include "support/fake_random.h"

namespace tidemark {

inline constexpr std::int64_t kBegin =
    1'740'830'400'000;  // the wall clock when machines are switched on, in ms

using MakeArrival = std::function<Arrival(FakeRandom& random, std::int64_t at_ms)>;

// Moments of one record up to thousands, so that a cut makes a difference.
inline std::vector<Moment> broad_input(const MakeArrival& make, std::uint64_t seed, std::size_t largest) {
  FakeRandom random(seed);
  std::vector<Moment> out;
  Duration at = 1s;
  for (const std::size_t size : {std::size_t{1}, std::size_t{5}, std::size_t{64}, std::size_t{150}, largest,
                                 std::size_t{3}, std::size_t{70}, std::size_t{1}, std::size_t{1}}) {
    Moment& moment = out.emplace_back(Moment{at, {}});
    for (std::size_t i = 0; i < size; ++i)
      moment.arrivals.push_back(
          make(random, kBegin + std::chrono::duration_cast<std::chrono::milliseconds>(at).count()));
    at += std::chrono::milliseconds(500 + random.below(9000));
  }
  return out;
}

// A few records at a time, so that there is room for a restart in between.
inline std::vector<Moment> fine_input(const MakeArrival& make, std::uint64_t seed) {
  FakeRandom random(seed);
  std::vector<Moment> out;
  Duration at = 1s;
  for (int i = 0; i < 50; ++i) {
    Moment& moment = out.emplace_back(Moment{at, {}});
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n)
      moment.arrivals.push_back(
          make(random, kBegin + std::chrono::duration_cast<std::chrono::milliseconds>(at).count()));
    at += std::chrono::milliseconds(300 + random.below(2500));
  }
  return out;
}

inline void obeys_the_law(const Settings& settings, const MakeArrival& make, std::size_t largest = 4200,
                          const FilesBefore& files = {}) {
  constexpr std::uint64_t kSeed = 11;
  const std::vector<std::string> found =
      differences(settings, broad_input(make, kSeed, largest), fine_input(make, kSeed + 1), kSeed, files);
  for (const std::string& text : found) FAIL_CHECK(text);
}

// Readings of two sources: keys in the hundreds, event times up to seconds out of order, some far too late,
// some lines that are none.
inline Arrival reading(FakeRandom& random, std::int64_t at_ms) {
  const std::string source = random.one_in(4) ? "b" : "a";
  if (random.one_in(60)) return {source, "{\"k\":\"broken\","};
  if (random.one_in(60)) return {source, R"({"k":"k1","v":"no number","ts":)" + std::to_string(at_ms) + "}"};
  const std::int64_t behind = random.one_in(25) ? static_cast<std::int64_t>(30'000 + random.below(60'000))
                                                : static_cast<std::int64_t>(random.below(3000));
  const std::string x =
      random.one_in(10) ? "null" : format("{}.{:03}", random.below(1000), random.below(1000));
  return {source, format(R"({{"k":"k{}","v":{},"x":{},"ts":{}}})", random.below(900),
                         static_cast<std::int64_t>(random.below(200)) - 50, x, at_ms - behind)};
}

inline std::string config_with(std::string_view pipelines) {
  return format(R"(
[node]
name = "sim"
data_dir = "/data"
[checkpoint]
interval = "2s"
[journal]
sync = "0s"
[sources.a]
type = "tcp"
listen = "127.0.0.1:9001"
format = "json"
timestamp = {{ field = "ts", format = "ms" }}
max_out_of_orderness = "4s"
idle_after = "20s"
dead_letter_to = "dead"
[sources.b]
type = "tcp"
listen = "127.0.0.1:9002"
format = "json"
timestamp = {{ field = "ts", format = "ms" }}
max_out_of_orderness = "2s"
idle_after = "5s"
dead_letter_to = "dead"
[sinks.dead]
type = "file"
path = "dead.jsonl"
ids = true
[sinks.out]
type = "file"
path = "out.jsonl"
ids = true
{}
)",
                pipelines);
}

inline void obeys_the_law(std::string_view pipelines) {
  const auto settings = settings_of(config_with(pipelines));
  REQUIRE_MESSAGE(settings, settings.error().message);
  obeys_the_law(*settings, reading);
}

}  // namespace tidemark
