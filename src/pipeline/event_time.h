// Event times as records and expressions carry them, and what clock entries of the journal say.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/times.h"
#include "base/value.h"
#include "config/settings.h"

namespace tidemark {

// Nanoseconds as milliseconds, towards the past.
constexpr std::int64_t to_ms(std::int64_t ns) {
  return ns / 1'000'000 - (ns % 1'000'000 < 0 ? 1 : 0);
}
// The nanoseconds of whole milliseconds, towards the past; the far past stays what it is.
std::int64_t whole_milliseconds(std::int64_t ns);

// The event time that a record's field says. NULL, another type, text that does not parse and times outside
// the years 1678 to 2261 are errors.
Result<EventTime> read_event_time(const Value& value, const TimestampSetting& timestamp);
// The nanoseconds in a unit of counted time; 0 of one that is text.
std::int64_t epoch_unit_ns(TimestampSetting::Unit unit);
// What read_event_time() says of an ordinary whole number; false of any other value. Not an optional: to
// write its halves and to read it whole right after makes a processor wait.
inline bool whole_event_time(const Value& value, std::int64_t unit_ns, EventTime& time) {
  constexpr std::int64_t kOrdinary = 9'000'000'000'000'000'000;
  std::int64_t ns = 0;
  if (unit_ns == 0 || !value.is_integer() || __builtin_mul_overflow(value.as_integer(), unit_ns, &ns) ||
      ns > kOrdinary || ns < -kOrdinary)
    return false;
  time = time_from_ns<EventTime>(ns);
  return true;
}

// The payload of a clock_step entry (1 byte).
enum class ClockEvent : std::uint8_t {
  step_back = 0,     // the synchronised wall clock went back
  believed = 1,      // the wall clock is synchronised from here on
  not_believed = 2,  // it is not
};
std::string_view to_payload(ClockEvent event);
ClockEvent clock_event(std::string_view payload);

}  // namespace tidemark
