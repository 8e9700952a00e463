#include "base/civil_time.h"

#include <algorithm>
#include <chrono>

namespace tidemark {
namespace {

using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr std::int64_t kFirst = -62'167'219'200;  // of the year 0
constexpr std::int64_t kEnd = 253'402'300'800;    // of the year 9999

year_month_day date_of(const CivilTime& t) {
  return {std::chrono::year(t.year), std::chrono::month(static_cast<unsigned>(t.month)),
          std::chrono::day(static_cast<unsigned>(t.day))};
}

sys_days first_day(int year) {
  return sys_days(std::chrono::year(year) / 1 / 1);
}

}  // namespace

std::optional<CivilTime> civil_time(std::int64_t seconds) {
  if (seconds < kFirst || seconds >= kEnd) return std::nullopt;
  std::int64_t days = seconds / kSecondsPerDay, in_day = seconds % kSecondsPerDay;
  if (in_day < 0) {
    in_day += kSecondsPerDay;
    --days;
  }
  const year_month_day date{sys_days(std::chrono::days(days))};
  return CivilTime{.year = static_cast<int>(date.year()),
                   .month = static_cast<int>(static_cast<unsigned>(date.month())),
                   .day = static_cast<int>(static_cast<unsigned>(date.day())),
                   .hour = static_cast<int>(in_day / 3600),
                   .minute = static_cast<int>(in_day / 60 % 60),
                   .second = static_cast<int>(in_day % 60)};
}

std::optional<std::int64_t> local_seconds(const CivilTime& t) {
  const auto within = [](int n, int least, int most) { return n >= least && n <= most; };
  if (!within(t.year, 0, 9999) || !within(t.month, 1, 12) || !within(t.day, 1, 31) || !date_of(t).ok() ||
      !within(t.hour, 0, 23) || !within(t.minute, 0, 59) || !within(t.second, 0, 59))
    return std::nullopt;
  const std::int64_t days = sys_days(date_of(t)).time_since_epoch().count();
  return days * kSecondsPerDay + t.hour * 3600 + t.minute * 60 + t.second;
}

CivilDay civil_day(const CivilTime& t) {
  const sys_days day(date_of(t));
  const int weekday = static_cast<int>(std::chrono::weekday(day).iso_encoding());
  // The week belongs to the year of its Thursday.
  const sys_days thursday = day + std::chrono::days(4 - weekday);
  const int week_year = static_cast<int>(year_month_day(thursday).year());
  return {.weekday = weekday,
          .of_year = static_cast<int>((day - first_day(t.year)).count()) + 1,
          .week = static_cast<int>((thursday - first_day(week_year)).count()) / 7 + 1,
          .week_year = week_year};
}

CivilTime add_months(CivilTime t, std::int64_t months) {
  // Beyond this every year is outside the range; within it no sum overflows.
  constexpr std::int64_t kFar = 12 * 20'000;
  const std::int64_t since_0 = t.year * 12 + (t.month - 1) + std::clamp(months, -kFar, kFar);
  std::int64_t year = since_0 / 12, month = since_0 % 12;
  if (month < 0) {
    month += 12;
    --year;
  }
  t.year = static_cast<int>(year);
  t.month = static_cast<int>(month) + 1;
  const auto last = std::chrono::year_month_day_last(
      std::chrono::year(t.year),
      std::chrono::month_day_last(std::chrono::month(static_cast<unsigned>(t.month))));
  t.day = std::min(t.day, static_cast<int>(static_cast<unsigned>(last.day())));
  return t;
}

}  // namespace tidemark
