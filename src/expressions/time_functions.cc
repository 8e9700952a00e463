// Functions of time. A time is an integer: milliseconds since 1970 in UTC, as _time and _received are; years
// 0 to 9999. There is no clock here: a replay must see what the first run saw.
//
// Zones and units are literals. UTC and fixed offsets are always there, named zones as far as Zones has them.
#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/civil_time.h"
#include "base/format.h"
#include "base/nearest.h"
#include "base/time_format.h"
#include "base/time_pattern.h"
#include "base/times.h"
#include "base/zone.h"
#include "expressions/functions_list.h"
#include "expressions/lexer.h"
#include "expressions/text_builder.h"

namespace tidemark::function {
namespace {

using Kind = EvalError::Kind;

// --- units

// In the order of kUnits. What stands after `year` is a part of a time and no length.
enum class Unit : std::uint8_t {
  millisecond,
  second,
  minute,
  hour,
  day,
  week,
  month,
  quarter,
  year,
  dow,
  isodow,
  doy,
  isoyear,
  epoch
};
constexpr std::array<std::string_view, 14> kUnits = {"millisecond", "second", "minute",  "hour", "day",
                                                     "week",        "month",  "quarter", "year", "dow",
                                                     "isodow",      "doy",    "isoyear", "epoch"};
constexpr std::size_t kLengths = 9;

// Of the units whose length is always the same.
constexpr std::array<std::int64_t, 4> kMs = {1, 1000, 60'000, 3'600'000};

bool is_fixed(Unit unit) {
  return unit <= Unit::hour;
}

// --- what is prepared: the unit and the zone, and the pattern of those that have one

struct TimeCall : Prepared {
  Unit unit = Unit::millisecond;
  std::shared_ptr<const Zone> zone;
};

const TimeCall& time_call(const Arguments& arguments) {
  return static_cast<const TimeCall&>(*arguments.prepared);
}

using Made = std::expected<std::monostate, BadArgument>;

// The literal at that place; UTC when there is none.
Made take_zone(std::span<const KnownArgument> arguments, std::size_t index, Zones& zones, TimeCall& call) {
  if (index >= arguments.size()) {
    call.zone = std::make_shared<const Zone>();
    return {};
  }
  const std::string_view name = arguments[index].literal->as_text();
  if (auto fixed = Zone::fixed(name)) {
    call.zone = std::make_shared<const Zone>(std::move(*fixed));
    return {};
  }
  auto named = zones.zone(name);
  if (!named) return std::unexpected(BadArgument{index, std::move(named.error())});
  call.zone = std::move(*named);
  return {};
}

Made take_unit(const KnownArgument& argument, std::size_t known, TimeCall& call) {
  const std::string name = to_lower(argument.literal->as_text());
  const auto units = std::span(kUnits).first(known);
  const auto found = std::ranges::find(units, name);
  if (found != units.end()) {
    call.unit = static_cast<Unit>(found - units.begin());
    return {};
  }
  const auto near = nearest(name, units);
  std::string message = format("there is no unit '{}'", name);
  if (near) {
    message += format("; did you mean '{}'?", *near);
  } else {
    message += "; there are";
    for (const std::string_view unit : units) message += format(" {}", unit);
  }
  return std::unexpected(BadArgument{0, std::move(message)});
}

// Of functions that begin with a unit, of the first `kKnown`, and may end with a zone.
template <std::size_t kKnown, std::size_t kZoneAt>
Function::Preparation with_unit(std::span<const KnownArgument> arguments, Zones& zones) {
  auto call = std::make_unique<TimeCall>();
  if (auto made = take_unit(arguments[0], kKnown, *call); !made)
    return std::unexpected(std::move(made.error()));
  if (auto made = take_zone(arguments, kZoneAt, zones, *call); !made)
    return std::unexpected(std::move(made.error()));
  return call;
}

// Of those that are named after their unit.
template <Unit kUnit, std::size_t kZoneAt>
Function::Preparation of_unit(std::span<const KnownArgument> arguments, Zones& zones) {
  auto call = std::make_unique<TimeCall>();
  call->unit = kUnit;
  if (auto made = take_zone(arguments, kZoneAt, zones, *call); !made)
    return std::unexpected(std::move(made.error()));
  return call;
}

// --- an instant on the wall

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

struct Wall {
  std::int64_t seconds = 0;  // local
  int millisecond = 0;
  Zone::Offset offset;
  CivilTime civil;
};

// Nothing outside the years that there are.
std::optional<Wall> wall_of(std::int64_t ms, const Zone& zone) {
  Wall wall;
  const std::int64_t utc = floor_divide(ms, 1000);
  if (!civil_time(utc)) return std::nullopt;  // nor could the least of all milliseconds be had by * 1000
  wall.millisecond = static_cast<int>(ms - utc * 1000);
  wall.offset = zone.at(utc);
  wall.seconds = utc + wall.offset.ahead;
  const auto civil = civil_time(wall.seconds);
  if (!civil) return std::nullopt;
  wall.civil = *civil;
  return wall;
}

// The time at which the wall shows this.
std::optional<std::int64_t> ms_of(std::int64_t local, int millisecond, const Zone& zone,
                                  std::optional<std::int32_t> preferred = std::nullopt) {
  const std::int64_t utc = zone.to_utc(local, preferred);
  if (!civil_time(utc)) return std::nullopt;
  return utc * 1000 + millisecond;
}

Fault give(std::optional<std::int64_t> ms, Value& out) {
  if (!ms) return Kind::out_of_range;
  out = Value::integer(*ms);
  return {};
}

// --- parts and beginnings

std::int64_t part_of(const Wall& wall, Unit unit) {
  const CivilTime& t = wall.civil;
  switch (unit) {
    case Unit::millisecond:
      return wall.millisecond;
    case Unit::second:
      return t.second;
    case Unit::minute:
      return t.minute;
    case Unit::hour:
      return t.hour;
    case Unit::day:
      return t.day;
    case Unit::week:
      return civil_day(t).week;
    case Unit::month:
      return t.month;
    case Unit::quarter:
      return (t.month + 2) / 3;
    case Unit::year:
      return t.year;
    case Unit::dow:
      return civil_day(t).weekday % 7;
    case Unit::isodow:
      return civil_day(t).weekday;
    case Unit::doy:
      return civil_day(t).of_year;
    case Unit::isoyear:
      return civil_day(t).week_year;
    case Unit::epoch:
      break;
  }
  return wall.seconds - wall.offset.ahead;
}

Fault part(const Value& ms, const TimeCall& call, Value& out) {
  const auto wall = wall_of(ms.as_integer(), *call.zone);
  if (!wall) return Kind::out_of_range;
  out = Value::integer(part_of(*wall, call.unit));
  return {};
}

Fault date_part(const Arguments& arguments, Value& out) {
  return part(arguments[1], time_call(arguments), out);
}

Fault named_part(const Arguments& arguments, Value& out) {
  return part(arguments[0], time_call(arguments), out);
}

Fault date_trunc(const Arguments& arguments, Value& out) {
  const TimeCall& call = time_call(arguments);
  const auto wall = wall_of(arguments[1].as_integer(), *call.zone);
  if (!wall) return Kind::out_of_range;
  if (is_fixed(call.unit)) {
    // With the offset of now: the second 02:30 of the night in which the clock is set back is of the second
    // 02:00.
    const std::int64_t local = wall->seconds * 1000 + wall->millisecond;
    const std::int64_t unit = kMs[static_cast<std::size_t>(call.unit)];
    const std::int64_t begin = floor_divide(local, unit) * unit, seconds = floor_divide(begin, 1000);
    return give(ms_of(seconds, static_cast<int>(begin - seconds * 1000), *call.zone, wall->offset.ahead),
                out);
  }
  CivilTime day{.year = wall->civil.year, .month = wall->civil.month, .day = wall->civil.day};
  if (call.unit == Unit::year || call.unit == Unit::quarter || call.unit == Unit::month) day.day = 1;
  if (call.unit == Unit::year) day.month = 1;
  if (call.unit == Unit::quarter) day.month = (day.month - 1) / 3 * 3 + 1;
  std::int64_t local = local_seconds(day).value_or(0);
  if (call.unit == Unit::week) local -= (civil_day(day).weekday - 1) * kSecondsPerDay;
  return give(ms_of(local, 0, *call.zone), out);
}

// --- sums and differences

// A number of units later, on the wall for days and longer ones.
std::optional<std::int64_t> later(std::int64_t ms, Unit unit, std::int64_t n, const Zone& zone) {
  if (is_fixed(unit)) {
    std::int64_t by = 0, sum = 0;
    if (__builtin_mul_overflow(n, kMs[static_cast<std::size_t>(unit)], &by) ||
        __builtin_add_overflow(ms, by, &sum) || !civil_time(floor_divide(sum, 1000)))
      return std::nullopt;
    return sum;
  }
  const auto wall = wall_of(ms, zone);
  if (!wall) return std::nullopt;
  // Beyond this nothing is within the years that there are; within it no sum overflows.
  constexpr std::int64_t kFar = 4'000'000;
  n = std::clamp(n, -kFar, kFar);
  std::int64_t local = 0;
  if (unit == Unit::day || unit == Unit::week) {
    local = wall->seconds + n * (unit == Unit::week ? 7 : 1) * kSecondsPerDay;
  } else {
    const std::int64_t months = n * (unit == Unit::year ? 12 : unit == Unit::quarter ? 3 : 1);
    const auto seconds = local_seconds(add_months(wall->civil, months));
    if (!seconds) return std::nullopt;
    local = *seconds;
  }
  return ms_of(local, wall->millisecond, zone, wall->offset.ahead);
}

Fault date_add(const Arguments& arguments, Value& out) {
  const TimeCall& call = time_call(arguments);
  const std::int64_t ms = arguments[2].as_integer();
  if (!civil_time(floor_divide(ms, 1000))) return Kind::out_of_range;
  return give(later(ms, call.unit, arguments[1].as_integer(), *call.zone), out);
}

// How many whole units fit between them, from <= to: the largest n for which `later` by n is not after `to`.
std::optional<std::int64_t> units_between(std::int64_t from, std::int64_t to, Unit unit, const Zone& zone) {
  if (is_fixed(unit)) return (to - from) / kMs[static_cast<std::size_t>(unit)];
  const auto a = wall_of(from, zone), b = wall_of(to, zone);
  if (!a || !b) return std::nullopt;
  std::int64_t n = 0;
  if (unit == Unit::day || unit == Unit::week) {
    n = (b->seconds - a->seconds) / (unit == Unit::week ? 7 * kSecondsPerDay : kSecondsPerDay);
  } else {
    const std::int64_t months = (b->civil.year - a->civil.year) * 12 + b->civil.month - a->civil.month;
    n = months / (unit == Unit::year ? 12 : unit == Unit::quarter ? 3 : 1);
  }
  // A time of day, the end of a month or a clock that was set may make it one less or one more.
  const auto fits = [&](std::int64_t count) {
    const auto at = later(from, unit, count, zone);
    return at && *at <= to;
  };
  while (n > 0 && !fits(n)) --n;
  while (fits(n + 1)) ++n;
  return n;
}

Fault date_diff(const Arguments& arguments, Value& out) {
  const TimeCall& call = time_call(arguments);
  const std::int64_t from = arguments[1].as_integer(), to = arguments[2].as_integer();
  if (!civil_time(floor_divide(from, 1000)) || !civil_time(floor_divide(to, 1000))) return Kind::out_of_range;
  const auto n = units_between(std::min(from, to), std::max(from, to), call.unit, *call.zone);
  return give(n && from > to ? std::optional(-*n) : n, out);
}

// --- times out of parts

Fault make_time(const Arguments& arguments, Value& out) {
  int parts[6] = {};
  for (std::size_t i = 0; i < std::min<std::size_t>(arguments.size(), 6); ++i) {
    const std::int64_t part = arguments[i].as_integer();
    if (part < 0 || part > 9999) return Kind::out_of_range;
    parts[i] = static_cast<int>(part);
  }
  const auto local = local_seconds({.year = parts[0],
                                    .month = parts[1],
                                    .day = parts[2],
                                    .hour = parts[3],
                                    .minute = parts[4],
                                    .second = parts[5]});
  return give(local ? ms_of(*local, 0, *time_call(arguments).zone) : std::nullopt, out);
}

// --- texts

struct TimeReading final : TimeCall {
  std::optional<TimePattern> pattern;  // RFC 3339 without one
};

Function::Preparation prepare_parse(std::span<const KnownArgument> arguments, Zones& zones) {
  auto call = std::make_unique<TimeReading>();
  if (arguments.size() > 1 && arguments[1].literal->as_text() != "rfc3339") {
    auto pattern = TimePattern::parse(arguments[1].literal->as_text());
    if (!pattern) return std::unexpected(BadArgument{1, std::move(pattern.error().message)});
    call->pattern = std::move(*pattern);
  }
  if (arguments.size() > 2 && (!call->pattern || call->pattern->has_zone())) {
    return std::unexpected(BadArgument{2, "times of this pattern say their own zone; leave this one out"});
  }
  if (auto made = take_zone(arguments, 2, zones, *call); !made)
    return std::unexpected(std::move(made.error()));
  return call;
}

Fault parse_time(const Arguments& arguments, Value& out) {
  const auto& call = static_cast<const TimeReading&>(*arguments.prepared);
  const std::string_view text = arguments[0].as_text();
  if (!call.pattern) {
    const auto ns = parse_rfc3339(text);
    if (!ns) return Kind::malformed;
    out = Value::integer(floor_divide(*ns, 1'000'000));
    return {};
  }
  const auto moment = call.pattern->moment(text);
  if (!moment) return Kind::malformed;
  const int millisecond = static_cast<int>(moment->ns / 1'000'000);
  if (!civil_time(moment->seconds)) return Kind::out_of_range;
  if (call.pattern->has_zone()) {
    out = Value::integer(moment->seconds * 1000 + millisecond);
    return {};
  }
  return give(ms_of(moment->seconds, millisecond, *call.zone), out);
}

struct TimeWriting final : TimeCall {
  TimeFormat pattern;
};

Function::Preparation prepare_format(std::span<const KnownArgument> arguments, Zones& zones) {
  auto call = std::make_unique<TimeWriting>();
  auto pattern =
      TimeFormat::parse(arguments.size() > 1 ? arguments[1].literal->as_text() : std::string_view("rfc3339"));
  if (!pattern) return std::unexpected(BadArgument{1, std::move(pattern.error().message)});
  call->pattern = std::move(*pattern);
  if (auto made = take_zone(arguments, 2, zones, *call); !made)
    return std::unexpected(std::move(made.error()));
  return call;
}

Fault format_time(const Arguments& arguments, Value& out) {
  const auto& call = static_cast<const TimeWriting&>(*arguments.prepared);
  const auto wall = wall_of(arguments[0].as_integer(), *call.zone);
  if (!wall) return Kind::out_of_range;
  char* const to = room_for_text(arguments.arena, call.pattern.most());
  if (to == nullptr) return Kind::text_too_long;
  const char* const end = call.pattern.write({.wall = wall->civil,
                                              .millisecond = wall->millisecond,
                                              .offset = wall->offset,
                                              .utc_seconds = wall->seconds - wall->offset.ahead},
                                             to);
  out = Value::text({to, static_cast<std::size_t>(end - to)});
  return {};
}

// --- lengths of time

struct Width final : Prepared {
  std::int64_t ms = 0;
};

Function::Preparation prepare_bucket(std::span<const KnownArgument> arguments, Zones&) {
  const auto duration = parse_duration(arguments[0].literal->as_text());
  if (!duration) return std::unexpected(BadArgument{0, duration.error().message});
  auto width = std::make_unique<Width>();
  width->ms = duration->count() / 1'000'000;
  if (width->ms == 0 || duration->count() % 1'000'000 != 0)
    return std::unexpected(BadArgument{0, "a bucket is a whole number of milliseconds wide, at least one"});
  return width;
}

Fault time_bucket(const Arguments& arguments, Value& out) {
  const std::int64_t width = static_cast<const Width&>(*arguments.prepared).ms;
  const std::int64_t origin = arguments.size() > 2 ? arguments[2].as_integer() : 0;
  std::int64_t since = 0;
  if (__builtin_sub_overflow(arguments[1].as_integer(), origin, &since)) return Kind::integer_overflow;
  std::int64_t in_bucket = since % width;
  if (in_bucket < 0) in_bucket += width;
  std::int64_t begin = 0;
  if (__builtin_sub_overflow(arguments[1].as_integer(), in_bucket, &begin)) return Kind::integer_overflow;
  out = Value::integer(begin);
  return {};
}

Fault duration(const Arguments& arguments, Value& out) {
  const auto length = parse_duration(arguments[0].as_text());
  if (!length) return Kind::malformed;
  out = Value::integer(length->count() / 1'000'000);
  return {};
}

Fault format_duration(const Arguments& arguments, Value& out) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 1'000'000;
  const std::int64_t ms = arguments[0].as_integer();
  if (ms < -kMost || ms > kMost) return Kind::out_of_range;
  const std::string text = (ms < 0 ? "-" : "") + to_text(Duration((ms < 0 ? -ms : ms) * 1'000'000));
  out = Value::text(arguments.arena.copy(text));
  return {};
}

constexpr Function kTimes[] = {
    {.signature = "date_add(unit, n, time[, zone])",
     .doc = "the time n units later; days and longer ones as the wall of the zone counts them, in months "
            "that are shorter their last day",
     .example =
         "format_time(date_add('month', 1, parse_time('2025-01-31T12:00:00Z'))) => '2025-02-28T12:00:00Z'",
     .takes = {kText, kInteger, kInteger, kText},
     .optional = 1,
     .literals = 0b1001,
     .zone = 4,
     .gives = kInteger,
     .evaluate = date_add,
     .prepare = with_unit<kLengths, 3>},
    {.signature = "date_diff(unit, from, to[, zone])",
     .doc = "how many whole units lie between two times: the largest n for which date_add(unit, n, from) is "
            "not after to; negative when to is before from",
     .example = "date_diff('day', 0, 200000000) => 2",
     .takes = {kText, kInteger, kInteger, kText},
     .optional = 1,
     .literals = 0b1001,
     .zone = 4,
     .gives = kInteger,
     .evaluate = date_diff,
     .prepare = with_unit<kLengths, 3>},
    {.signature = "date_part(unit, time[, zone])",
     .doc = "a part of a time: year, quarter, month, week (ISO 8601), day, hour, minute, second, millisecond "
            "(0 to 999), dow (0 Sunday to 6), isodow (1 Monday to 7), doy (day of the year), isoyear (the "
            "year of the week), epoch (seconds since 1970); EXTRACT(unit FROM time) is the same",
     .example = "date_part('hour', 0, '+05:30') => 5",
     .takes = {kText, kInteger, kText},
     .optional = 1,
     .literals = 0b101,
     .zone = 3,
     .gives = kInteger,
     .evaluate = date_part,
     .prepare = with_unit<kUnits.size(), 2>},
    {.signature = "date_trunc(unit, time[, zone])",
     .doc = "the beginning of the year, quarter, month, week (Monday), day, hour, minute or second that the "
            "time lies in",
     .example = "format_time(date_trunc('day', 1740830400123)) => '2025-03-01T00:00:00Z'",
     .also = "time_trunc",
     .takes = {kText, kInteger, kText},
     .optional = 1,
     .literals = 0b101,
     .zone = 3,
     .gives = kInteger,
     .evaluate = date_trunc,
     .prepare = with_unit<kLengths, 2>},
    {.signature = "day(time[, zone])",
     .doc = "the day of the month",
     .example = "day(1740830400123) => 1",
     .takes = {kInteger, kText},
     .optional = 1,
     .literals = 0b10,
     .zone = 2,
     .gives = kInteger,
     .evaluate = named_part,
     .prepare = of_unit<Unit::day, 1>},
    {.signature = "hour(time[, zone])",
     .doc = "the hour of the day",
     .example = "hour(1740830400123, '+02:00') => 14",
     .takes = {kInteger, kText},
     .optional = 1,
     .literals = 0b10,
     .zone = 2,
     .gives = kInteger,
     .evaluate = named_part,
     .prepare = of_unit<Unit::hour, 1>},
    {.signature = "duration(text)",
     .doc = "milliseconds of a length of time that is written as in the configuration",
     .example = "duration('1h30m') => 5400000",
     .takes = {kText},
     .gives = kInteger,
     .evaluate = duration},
    {.signature = "format_duration(ms)",
     .doc = "a length of time as the configuration writes it",
     .example = "format_duration(5400000) => '1h30m'",
     .takes = {kInteger},
     .gives = kText,
     .evaluate = format_duration},
    {.signature = "format_time(time[, pattern[, zone]])",
     .doc = "a time as a text, in RFC 3339 or by strftime's pattern: %Y %m %d %H %M %S %f (milliseconds) %j "
            "%y %e %b %B %a %A %I %p %u %w %V %G %z %:z %Z %s %F %T %R %D %%; the pattern 'rfc3339' is RFC "
            "3339 in a zone",
     .example = "format_time(1740830400123, '%d.%m.%Y %H:%M', '+01:00') => '01.03.2025 13:00'",
     .takes = {kInteger, kText, kText},
     .optional = 2,
     .literals = 0b110,
     .zone = 3,
     .gives = kText,
     .evaluate = format_time,
     .prepare = prepare_format},
    {.signature = "make_time(year, month, day[, hour, minute, second[, zone]])",
     .doc = "the time with these parts; what is left out is 0",
     .example = "make_time(2025, 3, 1, 12, 0, 0) => 1740830400000",
     .takes = {kInteger, kInteger, kInteger, kInteger, kInteger, kInteger, kText},
     .optional = 4,
     .literals = 0b1000000,
     .zone = 7,
     .gives = kInteger,
     .evaluate = make_time,
     .prepare = of_unit<Unit::day, 6>},
    {.signature = "minute(time[, zone])",
     .doc = "the minute of the hour",
     .example = "minute(1740830400123) => 0",
     .takes = {kInteger, kText},
     .optional = 1,
     .literals = 0b10,
     .zone = 2,
     .gives = kInteger,
     .evaluate = named_part,
     .prepare = of_unit<Unit::minute, 1>},
    {.signature = "month(time[, zone])",
     .doc = "the month of the year",
     .example = "month(1740830400123) => 3",
     .takes = {kInteger, kText},
     .optional = 1,
     .literals = 0b10,
     .zone = 2,
     .gives = kInteger,
     .evaluate = named_part,
     .prepare = of_unit<Unit::month, 1>},
    {.signature = "parse_time(text[, pattern[, zone]])",
     .doc = "the time that a text says, in RFC 3339 (years 1677 to 2262) or by strptime's pattern, of which "
            "timestamp.format tells; the zone is that of texts that say none",
     .example = "parse_time('01.03.2025 13:00', '%d.%m.%Y %H:%M', '+01:00') => 1740830400000",
     .takes = {kText, kText, kText},
     .optional = 2,
     .literals = 0b110,
     .zone = 3,
     .gives = kInteger,
     .evaluate = parse_time,
     .prepare = prepare_parse},
    {.signature = "second(time[, zone])",
     .doc = "the second of the minute",
     .example = "second(1740830400123) => 0",
     .takes = {kInteger, kText},
     .optional = 1,
     .literals = 0b10,
     .zone = 2,
     .gives = kInteger,
     .evaluate = named_part,
     .prepare = of_unit<Unit::second, 1>},
    {.signature = "time_bucket(width, time[, origin])",
     .doc = "the beginning of the bucket that the time lies in; buckets are as wide as a literal such as "
            "'15m' says and begin with 1970 or another time",
     .example = "time_bucket('15m', 1740831000123) => 1740830400000",
     .takes = {kText, kInteger, kInteger},
     .optional = 1,
     .literals = 1,
     .gives = kInteger,
     .evaluate = time_bucket,
     .prepare = prepare_bucket},
    {.signature = "year(time[, zone])",
     .doc = "the year",
     .example = "year(1740830400123) => 2025",
     .takes = {kInteger, kText},
     .optional = 1,
     .literals = 0b10,
     .zone = 2,
     .gives = kInteger,
     .evaluate = named_part,
     .prepare = of_unit<Unit::year, 1>},
};

}  // namespace

std::span<const Function> times() {
  return kTimes;
}

}  // namespace tidemark::function
