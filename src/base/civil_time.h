// CivilTime is an instant as calendars and clocks on the wall show it: Gregorian, also before 1582; 24 hours;
// weeks by ISO 8601, which begin on Monday, the first being the one with the year's first Thursday.
//
// Seconds here are local: since 1970-01-01T00:00:00 of the same wall (see base/zone.h). Years 0 to 9999.
// Pure.
#pragma once

#include <cstdint>
#include <optional>

namespace tidemark {

constexpr std::int64_t kSecondsPerDay = 86400;

struct CivilTime {
  int year = 1970, month = 1, day = 1;
  int hour = 0, minute = 0, second = 0;
};

// Nothing outside the years 0 to 9999.
std::optional<CivilTime> civil_time(std::int64_t local_seconds);

// The inverse; nothing when there is no such day or second, or no such year here.
std::optional<std::int64_t> local_seconds(const CivilTime& t);

struct CivilDay {
  int weekday;  // 1 Monday to 7 Sunday
  int of_year;  // from 1
  int week;     // from 1
  int week_year;
};
CivilDay civil_day(const CivilTime& t);

// That many months later; where the month is shorter, its last day.
CivilTime add_months(CivilTime t, std::int64_t months);

}  // namespace tidemark
