#include "pipeline/event_time.h"

#include <cmath>
#include <limits>

#include "base/format.h"

namespace tidemark {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

// A year inside the range of nanoseconds in 64 bits, so that adding a lateness does not leave it.
constexpr double kMostNs = 9.19e18;

}  // namespace

std::int64_t epoch_unit_ns(TimestampSetting::Unit unit) {
  switch (unit) {
    case TimestampSetting::Unit::s:
      return 1'000'000'000;
    case TimestampSetting::Unit::ms:
      return kMillisecond;
    case TimestampSetting::Unit::us:
      return 1'000;
    case TimestampSetting::Unit::ns:
      return 1;
    case TimestampSetting::Unit::rfc3339:
    case TimestampSetting::Unit::pattern:
      return 0;
  }
  return 0;
}

std::int64_t whole_milliseconds(std::int64_t ns) {
  if (ns < std::numeric_limits<std::int64_t>::min() + kMillisecond) return ns;
  return to_ms(ns) * kMillisecond;
}

Result<EventTime> read_event_time(const Value& value, const TimestampSetting& timestamp) {
  using Unit = TimestampSetting::Unit;
  const Unit unit = timestamp.unit;
  if (value.is_null()) return fail("the field is missing or NULL");
  if (unit == Unit::rfc3339 || unit == Unit::pattern) {
    if (!value.is_text())
      return fail(format("{} instead of {}", type_name(value.type()),
                         unit == Unit::rfc3339 ? "an RFC 3339 text" : "a text"));
    const auto ns =
        unit == Unit::rfc3339 ? parse_rfc3339(value.as_text()) : timestamp.pattern.read(value.as_text());
    if (!ns) return std::unexpected(ns.error());
    return time_from_ns<EventTime>(*ns);
  }
  if (!value.is_number()) return fail(format("{} instead of a number", type_name(value.type())));
  const double scaled = value.as_number() * static_cast<double>(epoch_unit_ns(unit));
  if (!(std::fabs(scaled) < kMostNs)) return fail("outside the years 1678 to 2261; is the unit right?");
  if (value.is_integer()) return time_from_ns<EventTime>(value.as_integer() * epoch_unit_ns(unit));
  return time_from_ns<EventTime>(static_cast<std::int64_t>(std::floor(scaled)));
}

std::string_view to_payload(ClockEvent event) {
  static constexpr char kBytes[] = {0, 1, 2};
  return {&kBytes[static_cast<std::size_t>(event)], 1};
}

ClockEvent clock_event(std::string_view payload) {
  if (payload.size() != 1 || static_cast<unsigned char>(payload[0]) > 2) return ClockEvent::step_back;
  return static_cast<ClockEvent>(payload[0]);
}

}  // namespace tidemark
