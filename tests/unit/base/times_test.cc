#include "base/times.h"

#include <doctest/doctest.h>

#include "random_values.h"

using namespace tidemark;

namespace {

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kSecond = 1'000'000'000;

}  // namespace

TEST_CASE("durations are read in every unit and combination") {
  struct Row {
    std::string_view text;
    std::int64_t ns;
  };
  const Row rows[] = {
      {"0", 0},
      {"0s", 0},
      {"1ns", 1},
      {"2us", 2'000},
      {"250ms", 250'000'000},
      {"10s", 10 * kSecond},
      {"010s", 10 * kSecond},
      {"3m", 180 * kSecond},
      {"1h30m", 5'400 * kSecond},
      {"90m", 5'400 * kSecond},
      {"2d", 172'800 * kSecond},
      {"1w", 604'800 * kSecond},
      {"1w1d1h1m1s1ms1us1ns", (604'800 + 86'400 + 3'600 + 60 + 1) * kSecond + 1'001'001},
      {"0h5m", 300 * kSecond},
      {"9223372036854775807ns", kMax},
      {"9223372036s854775807ns", kMax},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const Result<Duration> read = parse_duration(row.text);
    REQUIRE(read);
    CHECK(read->count() == row.ns);
  }
}

TEST_CASE("what is no duration is refused, with the text in the message") {
  const std::string_view bad[] = {
      "",       " ",    "s",   "10",   "00",  "-1s",  "-0",     "+1s",      "1.5h",  "1,5h",
      "1h 30m", " 1s",  "1s ", "10 s", "1x",  "1sec", "1H",     "1min",     "30m1h", "1s1s",
      "1ms1s",  "1h30", "h1",  "1hh",  "1µs", "0x1s", "1s-1ms", "infinite", "1e3s",
  };
  for (const std::string_view text : bad) {
    INFO(text);
    const Result<Duration> read = parse_duration(text);
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == Error::Kind::usage);
    CHECK(read.error().message.find('"' + std::string(text) + '"') != std::string::npos);
  }
}

TEST_CASE("a duration that leaves the range is refused in its number, its product and its sum") {
  const std::string_view bad[] = {
      "9223372036854775808ns",
      "99999999999999999999999s",
      "9223372037s",
      "106752d",
      "15251w",
      "9223372036s854775808ns",
      "292y",
  };
  for (const std::string_view text : bad) {
    INFO(text);
    CHECK_FALSE(parse_duration(text));
  }
}

TEST_CASE("durations are written as they are read") {
  struct Row {
    std::int64_t ns;
    std::string_view text;
  };
  const Row rows[] = {
      {0, "0s"},
      {1, "1ns"},
      {250'000'000, "250ms"},
      {1'500'000'000, "1s500ms"},
      {5'400 * kSecond, "1h30m"},
      {3'600 * kSecond, "1h"},
      {14 * 86'400 * kSecond, "14d"},
      {-5 * kSecond, "-5s"},
      {kMax, "106751d23h47m16s854ms775us807ns"},
      {kMin, "-106751d23h47m16s854ms775us808ns"},
  };
  for (const Row& row : rows) CHECK(to_text(Duration(row.ns)) == row.text);

  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  for (int i = 0; i < 5'000; ++i) {
    const Duration d(random.integer() & kMax);
    const Result<Duration> back = parse_duration(to_text(d));
    REQUIRE(back);
    REQUIRE(*back == d);
  }
}

TEST_CASE("times are written in UTC with the digits they need") {
  struct Row {
    std::int64_t ns;
    std::string_view text;
  };
  const Row rows[] = {
      {0, "1970-01-01T00:00:00Z"},
      {1, "1970-01-01T00:00:00.000000001Z"},
      {1'000, "1970-01-01T00:00:00.000001Z"},
      {1'000'000, "1970-01-01T00:00:00.001Z"},
      {1'001'000, "1970-01-01T00:00:00.001001Z"},
      {500'000'000, "1970-01-01T00:00:00.500Z"},
      {-1, "1969-12-31T23:59:59.999999999Z"},
      {-kSecond, "1969-12-31T23:59:59Z"},
      {-kSecond - 1'000'000, "1969-12-31T23:59:58.999Z"},
      {951'782'400 * kSecond, "2000-02-29T00:00:00Z"},
      {1'709'251'199 * kSecond, "2024-02-29T23:59:59Z"},
      {1'740'830'400 * kSecond, "2025-03-01T12:00:00Z"},
      {4'107'542'400 * kSecond, "2100-03-01T00:00:00Z"},
      {4'107'542'400 * kSecond - 1, "2100-02-28T23:59:59.999999999Z"},
      {kMax, "2262-04-11T23:47:16.854775807Z"},
      {kMin, "1677-09-21T00:12:43.145224192Z"},
  };
  for (const Row& row : rows) {
    CHECK(to_rfc3339(row.ns) == row.text);
    const Result<std::int64_t> back = parse_rfc3339(row.text);
    REQUIRE(back);
    CHECK(*back == row.ns);
  }
}

TEST_CASE("every time reads back as it was written") {
  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  for (int i = 0; i < 20'000; ++i) {
    const std::int64_t ns = random.integer();
    const Result<std::int64_t> back = parse_rfc3339(to_rfc3339(ns));
    REQUIRE(back);
    REQUIRE(*back == ns);
  }
}

TEST_CASE("zones, fractions and leap seconds are read") {
  struct Row {
    std::string_view text;
    std::string_view same_as;
  };
  const Row rows[] = {
      {"2025-03-01T13:00:00+01:00", "2025-03-01T12:00:00Z"},
      {"2025-03-01T06:30:00-05:30", "2025-03-01T12:00:00Z"},
      {"2025-03-01T12:00:00-00:00", "2025-03-01T12:00:00Z"},
      {"2025-01-01T00:30:00+01:00", "2024-12-31T23:30:00Z"},
      {"2024-02-28T23:30:00-00:45", "2024-02-29T00:15:00Z"},
      {"2025-03-01t12:00:00z", "2025-03-01T12:00:00Z"},
      {"2025-03-01 12:00:00Z", "2025-03-01T12:00:00Z"},
      {"2025-03-01T12:00:00.5Z", "2025-03-01T12:00:00.500Z"},
      {"2025-03-01T12:00:00.000000000Z", "2025-03-01T12:00:00Z"},
      {"2025-03-01T12:00:00.1234567891Z", "2025-03-01T12:00:00.123456789Z"},
      {"2025-03-01T12:00:00.00000000099999999999999999999999999Z", "2025-03-01T12:00:00Z"},
      {"1969-12-31T23:59:59.9999999999Z", "1969-12-31T23:59:59.999999999Z"},
      {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
      {"2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500Z"},
      {"2017-01-01T08:59:60+09:00", "2017-01-01T00:00:00Z"},
      {"2262-04-12T00:47:16.854775807+01:00", "2262-04-11T23:47:16.854775807Z"},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const Result<std::int64_t> ns = parse_rfc3339(row.text);
    REQUIRE(ns);
    CHECK(to_rfc3339(*ns) == row.same_as);
  }
}

TEST_CASE("what is no RFC 3339 time is refused") {
  const std::string_view bad[] = {
      "",
      "2025-03-01",
      "2025-03-01T12:00:00",
      "2025-03-01T12:00Z",
      "2025-03-01T12:00:00.Z",
      "2025-03-01T12:00:00,5Z",
      "2025-03-01T12:00:00+0100",
      "2025-03-01T12:00:00+01",
      "2025-03-01T12:00:00+24:00",
      "2025-03-01T12:00:00+01:60",
      "2025-03-01T12:00:00Z ",
      " 2025-03-01T12:00:00Z",
      "2025-03-01T12:00:00ZZ",
      "2025-3-01T12:00:00Z",
      "25-03-01T12:00:00Z",
      "+2025-03-01T12:00:00Z",
      "2025-00-01T12:00:00Z",
      "2025-13-01T12:00:00Z",
      "2025-03-00T12:00:00Z",
      "2025-03-32T12:00:00Z",
      "2025-04-31T12:00:00Z",
      "2025-02-29T12:00:00Z",
      "2100-02-29T12:00:00Z",
      "2025-03-01T24:00:00Z",
      "2025-03-01T12:60:00Z",
      "2025-03-01T12:00:61Z",
      "2025-03-01T12:00:60Z",
      "2016-12-31T23:59:60+09:00",
      "2025-03-01T12:00:00.5 Z",
      "1677-09-21T00:12:43.145224191Z",
      "2262-04-11T23:47:16.854775808Z",
      "2262-04-11T23:47:16.854775807-00:01",
      "0000-01-01T00:00:00Z",
      "9999-12-31T23:59:59Z",
  };
  for (const std::string_view text : bad) {
    INFO(text);
    const Result<std::int64_t> ns = parse_rfc3339(text);
    REQUIRE_FALSE(ns);
    CHECK(ns.error().kind == Error::Kind::usage);
  }
}

TEST_CASE("adding to an event time stops at the ends of the range") {
  const EventTime zero = time_from_ns<EventTime>(0);
  CHECK(saturating_add(zero, 5ns) == time_from_ns<EventTime>(5));
  CHECK(saturating_add(zero, -5ns) == time_from_ns<EventTime>(-5));
  CHECK(saturating_add(kEventTimeMax, 1ns) == kEventTimeMax);
  CHECK(saturating_add(kEventTimeMax, -1ns) == time_from_ns<EventTime>(kMax - 1));
  CHECK(saturating_add(kEventTimeMin, -1ns) == kEventTimeMin);
  CHECK(saturating_add(kEventTimeMin, 1ns) == time_from_ns<EventTime>(kMin + 1));
  CHECK(saturating_add(kEventTimeMin, Duration::max()) == time_from_ns<EventTime>(-1));
  CHECK(saturating_add(time_from_ns<EventTime>(-2), Duration::min()) == kEventTimeMin);
}
