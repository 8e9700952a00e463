#include <doctest/doctest.h>

#include "windows/time_windows.h"
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

std::shared_ptr<const Zone> berlin() {
  return std::make_shared<const Zone>(*Zone::of_rule("CET-1CEST,M3.5.0,M10.5.0/3"));
}
std::int64_t utc(std::string_view text) {
  return *parse_rfc3339(text);
}

TEST_CASE("days of a time zone begin at its midnight, and last 23 or 25 hours when clocks change") {
  const TumblingWindows days(24h, 0s, berlin());
  struct Day {
    const char *start, *end;
  };
  for (const Day& day : {Day{"2025-01-14T23:00:00Z", "2025-01-15T23:00:00Z"},
                         Day{"2025-03-29T23:00:00Z", "2025-03-30T22:00:00Z"},
                         Day{"2025-07-14T22:00:00Z", "2025-07-15T22:00:00Z"},
                         Day{"2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z"}}) {
    CAPTURE(day.start);
    const std::int64_t start = utc(day.start), end = utc(day.end);
    for (const std::int64_t inside : {start, start + 1, (start + end) / 2, end - 1})
      CHECK(days.start_of(inside) == start);
    CHECK(days.end_of(start) == end);
    CHECK(days.start_of(end) == end);
    CHECK(days.moved(end, -1) == start);
  }
}

TEST_CASE("the offset of days of a time zone is one on its wall") {
  const TumblingWindows shifts(24h, 6h, berlin());
  CHECK(shifts.start_of(utc("2025-03-30T12:00:00Z")) == utc("2025-03-30T04:00:00Z"));
  CHECK(shifts.start_of(utc("2025-03-30T03:59:59Z")) == utc("2025-03-29T05:00:00Z"));
}

TEST_CASE("a midnight that the wall does not show, or shows twice, begins one day") {
  // Clocks are set forward from 0:00 to 1:00 on the first Sunday of September, back from 0:00 to 23:00 in
  // April.
  const auto zone = std::make_shared<const Zone>(*Zone::of_rule("<-04>4<-03>,M9.1.0/0,M4.1.0/0"));
  const TumblingWindows days(24h, 0s, zone);
  for (std::int64_t ns = utc("2025-01-01T00:00:00Z"); ns < utc("2026-01-01T00:00:00Z");
       ns += Duration(23min).count()) {
    const std::int64_t start = days.start_of(ns), end = days.end_of(start);
    REQUIRE((start <= ns && ns < end));
    REQUIRE(days.start_of(end) == end);
    REQUIRE(days.start_of(end - 1) == start);
    const Duration length(end - start);
    REQUIRE((length == 24h || length == 23h || length == 25h));
  }
}

TEST_CASE("every time lies in its pane, and every window is a run of whole panes") {
  std::vector<TimeWindows::Cut> cuts;
  for (const int size : {1, 2, 6, 7, 30})
    for (const int part : {1, 2, 3, 7})
      for (const int offset : {0, 1}) {
        if (part <= size && offset < part)
          cuts.push_back({.size = Duration(size), .offset = Duration(offset), .slide = Duration(part)});
        if (size % part == 0 && offset < size)
          cuts.push_back({.size = Duration(size),
                          .offset = Duration(offset),
                          .slide = Duration(size),
                          .step = Duration(part)});
      }
  for (const TimeWindows::Cut& cut : cuts) {
    const TimeWindows windows(cut);
    const bool cumulates = cut.step != Duration(0);
    for (std::int64_t ns = -70; ns < 70; ++ns) {
      const std::int64_t pane = windows.pane_start(ns);
      REQUIRE((pane <= ns && ns < windows.pane_end(pane)));
      REQUIRE(windows.pane_start(pane) == pane);
      REQUIRE(windows.pane_of_number(windows.pane_number(pane)) == pane);
      REQUIRE(windows.pane_number(windows.pane_end(pane)) == windows.pane_number(pane) + 1);
      const std::int64_t end = windows.first_end_after(ns), start = windows.start_of_window(end);
      REQUIRE((start <= ns && ns < end));
      REQUIRE(windows.pane_start(start) == start);
      REQUIRE(windows.pane_start(end) == end);
      if (cumulates)
        REQUIRE(end - start <= cut.size.count());
      else
        REQUIRE(end - start == cut.size.count());
      const std::int64_t last = windows.last_end(pane);
      REQUIRE(last >= end);
      REQUIRE(windows.start_of_window(last) <= pane);
      REQUIRE(windows.start_of_window(windows.first_end_after(last)) > pane);
    }
  }
}

TEST_CASE("cumulating windows of a day with 23 hours end with the day") {
  const TimeWindows hours({.size = 24h, .slide = 24h, .step = 4h, .zone = berlin()});
  const std::int64_t day = utc("2025-03-29T23:00:00Z"), end = utc("2025-03-30T22:00:00Z");
  CHECK(hours.first_end_after(day) == utc("2025-03-30T03:00:00Z"));
  CHECK(hours.first_end_after(utc("2025-03-30T19:30:00Z")) == end);
  CHECK(hours.start_of_window(end) == day);
  CHECK(hours.last_end(hours.pane_start(utc("2025-03-30T01:00:00Z"))) == end);
  const TimeWindows weeks({.size = 7 * 24h, .slide = 24h, .zone = berlin()});
  CHECK(weeks.start_of_window(end) == utc("2025-03-23T23:00:00Z"));
  CHECK(weeks.last_end(day) == utc("2025-04-05T22:00:00Z"));
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
