#include <doctest/doctest.h>

#include "windows/tumbling.h"
#include "windows/watermark.h"

namespace tidemark {
namespace {

EventTime event(Duration d) {
  return EventTime(d);
}
JournalTime at(Duration d) {
  return JournalTime(d);
}

TEST_CASE("tumbling windows cut time from the epoch on, before it too") {
  const TumblingWindows minutes(1min, 0s);
  CHECK(minutes.start_of(0) == 0);
  CHECK(minutes.start_of(Duration(1min).count() - 1) == 0);
  CHECK(minutes.start_of(Duration(1min).count()) == Duration(1min).count());
  CHECK(minutes.start_of(-1) == -Duration(1min).count());
  CHECK(minutes.start_of(-Duration(1min).count()) == -Duration(1min).count());
  CHECK(minutes.end_of(0) == Duration(1min).count());
}

TEST_CASE("the offset of tumbling windows shifts them, modulo their size") {
  for (const Duration offset : {Duration(7s), Duration(67s), Duration(-53s)}) {
    const TumblingWindows windows(1min, offset);
    CHECK(windows.start_of(0) == Duration(-53s).count());
    CHECK(windows.start_of(Duration(7s).count()) == Duration(7s).count());
    CHECK(windows.start_of(Duration(7s).count() - 1) == Duration(-53s).count());
  }
}

TEST_CASE("every time lies in its window, and windows meet without gap or overlap") {
  for (const std::int64_t size : {1, 7, 60, 1'000'003})
    for (const std::int64_t offset : {0, 1, 5, 59, 1'000'002}) {
      const TumblingWindows windows{Duration(size), Duration(offset)};
      for (std::int64_t ns = -3 * size - 5; ns < 3 * size + 5; ns += 1 + size / 40) {
        const std::int64_t start = windows.start_of(ns), end = windows.end_of(start);
        REQUIRE((start <= ns && ns < end));
        REQUIRE(end - start == size);
        REQUIRE(windows.start_of(end) == end);
        REQUIRE(windows.start_of(end - 1) == start);
      }
    }
}

TEST_CASE("windows at the ends of time do not overflow") {
  const TumblingWindows days(24h, 1h);
  CHECK(days.start_of(to_ns(kEventTimeMin)) == to_ns(kEventTimeMin));
  const std::int64_t last = days.start_of(to_ns(kEventTimeMax));
  CHECK(last <= to_ns(kEventTimeMax));
  CHECK(days.end_of(last) == to_ns(kEventTimeMax));
}

TEST_CASE("a watermark follows the newest event time at its distance, and never goes back") {
  SourceWatermark watermark(2s, std::nullopt);
  watermark.begin(at(0s));
  CHECK(watermark.watermark() == kEventTimeMin);
  watermark.observe(event(10s), at(1s));
  CHECK(watermark.watermark() == event(8s));
  watermark.observe(event(5s), at(2s));
  CHECK(watermark.watermark() == event(8s));
  watermark.observe(event(11s), at(3s));
  CHECK(watermark.watermark() == event(9s));
}

TEST_CASE("a watermark near the beginning of time does not overflow") {
  SourceWatermark watermark(2s, std::nullopt);
  watermark.observe(kEventTimeMin, at(0s));
  CHECK(watermark.watermark() == kEventTimeMin);
}

TEST_CASE("a source that is silent for idle_after is idle, also when it never said anything") {
  SourceWatermark watermark(0s, 30s);
  CHECK_FALSE(watermark.idle_due());
  watermark.begin(at(100s));
  CHECK(watermark.idle_due() == at(130s));
  CHECK_FALSE(watermark.idle(at(130s) - Duration(1)));
  CHECK(watermark.idle(at(130s)));
  watermark.observe(event(1s), at(131s));
  CHECK_FALSE(watermark.idle(at(131s)));
  CHECK(watermark.idle_due() == at(161s));
  watermark.begin(at(150s));  // begun before: its silence counts from its last record
  CHECK(watermark.idle_due() == at(161s));
}

TEST_CASE("a source without idle_after is never idle") {
  SourceWatermark watermark(0s, std::nullopt);
  watermark.begin(at(0s));
  CHECK_FALSE(watermark.idle(at(1000h)));
  CHECK_FALSE(watermark.idle_due());
}

TEST_CASE("after a clock step silence counts from there, and arrival times begin anew") {
  SourceWatermark by_event(0s, 30s), by_arrival(0s, 30s);
  for (SourceWatermark* watermark : {&by_event, &by_arrival}) watermark->observe(event(500s), at(500s));
  by_event.clock_stepped(at(100s), false);
  by_arrival.clock_stepped(at(100s), true);
  CHECK(by_event.watermark() == event(500s));
  CHECK(by_arrival.watermark() == kEventTimeMin);
  CHECK(by_event.idle_due() == at(130s));
  CHECK_FALSE(by_arrival.idle(at(129s)));
}

TEST_CASE("a watermark saved and loaded goes on as it was") {
  SourceWatermark fresh(2s, 30s), begun(2s, 30s), moved(2s, 30s);
  begun.begin(at(5s));
  moved.observe(event(10s), at(7s));
  for (const SourceWatermark* original : {&fresh, &begun, &moved}) {
    Encoder out;
    original->save(out);
    SourceWatermark loaded(2s, 30s);
    loaded.observe(event(1000s), at(1000s));
    Decoder in(out.view());
    REQUIRE(loaded.load(in));
    CHECK(in.complete());
    CHECK(loaded.watermark() == original->watermark());
    CHECK(loaded.idle_due() == original->idle_due());
    for (std::size_t size = 0; size < out.size(); ++size) {
      Decoder cut(out.view().substr(0, size));
      CHECK_FALSE(SourceWatermark(2s, 30s).load(cut));
    }
  }
}

}  // namespace
}  // namespace tidemark
