// Three clocks that must not be mixed; mixing them does not compile.
//
//   EventTime      when it happened, by the record's own account; drives event-time windows
//   JournalTime    when it arrived, as the journal says; drives processing-time windows and idleness.
//                  Moves only by journal entries, so that a replay sees the same times
//   MonotonicTime  the machine's steady clock; only for scheduling real waits, never stored
//
// All count nanoseconds; EventTime and JournalTime since 1970-01-01T00:00:00Z (range 1677 to 2262).
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidemark {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;

struct EventClock {};
struct JournalClock {};
struct MonotonicClock {};

using EventTime = std::chrono::time_point<EventClock, Duration>;
using JournalTime = std::chrono::time_point<JournalClock, Duration>;
using MonotonicTime = std::chrono::time_point<MonotonicClock, Duration>;

template <class Time>
constexpr Time time_from_ns(std::int64_t ns) {
  return Time(Duration(ns));
}
template <class Time>
constexpr std::int64_t to_ns(Time t) {
  return t.time_since_epoch().count();
}

// The far past: the watermark of a source that has said nothing. The far future: of one that has ended.
constexpr EventTime kEventTimeMin = time_from_ns<EventTime>(std::numeric_limits<std::int64_t>::min());
constexpr EventTime kEventTimeMax = time_from_ns<EventTime>(std::numeric_limits<std::int64_t>::max());

// a - b and a + b without leaving the range: the result stops at its ends.
EventTime saturating_add(EventTime t, Duration d);

// RFC 3339 in UTC, with as many fractional digits (0, 3, 6 or 9) as the time needs: "2025-03-01T12:00:00Z".
std::string to_rfc3339(std::int64_t ns_since_epoch);

// Reads RFC 3339 with a zone ("Z" or "+01:00"), any number of fractional digits; nanoseconds since 1970.
Result<std::int64_t> parse_rfc3339(std::string_view text);

// "250ms", "10s", "1h30m", "2d"; units ns us ms s m h d w, largest first. Also "0". Never negative.
Result<Duration> parse_duration(std::string_view text);

// The inverse of parse_duration: "1h30m", "250ms", "0s".
std::string to_text(Duration d);

}  // namespace tidemark
