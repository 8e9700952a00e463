#include "base/civil_time.h"

#include <doctest/doctest.h>

using namespace tidemark;

namespace {

bool same(const CivilTime& a, const CivilTime& b) {
  return a.year == b.year && a.month == b.month && a.day == b.day && a.hour == b.hour &&
         a.minute == b.minute && a.second == b.second;
}

}  // namespace

TEST_CASE("every day of the calendar follows the one before, and reads back") {
  CivilTime expected{.year = 0, .month = 1, .day = 1, .hour = 12, .minute = 34, .second = 56};
  std::int64_t seconds = *local_seconds(expected);
  int weekday = 6;  // the first of January of the year 0 was a Saturday
  for (; expected.year < 10'000; seconds += kSecondsPerDay, weekday = weekday % 7 + 1) {
    const auto t = civil_time(seconds);
    const bool right =
        t && same(*t, expected) && local_seconds(*t) == seconds && civil_day(*t).weekday == weekday;
    if (!right) FAIL(expected.year, "-", expected.month, "-", expected.day);
    static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = expected.year % 4 == 0 && (expected.year % 100 != 0 || expected.year % 400 == 0);
    const int days = kDays[expected.month - 1] + (expected.month == 2 && leap ? 1 : 0);
    if (++expected.day <= days) continue;
    expected.day = 1;
    if (++expected.month <= 12) continue;
    expected.month = 1;
    ++expected.year;
  }
  CHECK_FALSE(civil_time(seconds));
}

TEST_CASE("there are no times before the year 0 or after 9999") {
  const std::int64_t first = *local_seconds({.year = 0});
  const std::int64_t last =
      *local_seconds({.year = 9999, .month = 12, .day = 31, .hour = 23, .minute = 59, .second = 59});
  CHECK(civil_time(first));
  CHECK_FALSE(civil_time(first - 1));
  CHECK(civil_time(last));
  CHECK_FALSE(civil_time(last + 1));
  CHECK_FALSE(local_seconds({.year = 10'000}));
  CHECK_FALSE(local_seconds({.year = -1}));
}

TEST_CASE("parts that no clock shows are no time") {
  CHECK_FALSE(local_seconds({.year = 2025, .month = 2, .day = 29}));
  CHECK(local_seconds({.year = 2024, .month = 2, .day = 29}));
  CHECK_FALSE(local_seconds({.year = 2025, .month = 13}));
  CHECK_FALSE(local_seconds({.year = 2025, .month = 0}));
  CHECK_FALSE(local_seconds({.year = 2025, .day = 0}));
  CHECK_FALSE(local_seconds({.year = 2025, .hour = 24}));
  CHECK_FALSE(local_seconds({.year = 2025, .minute = 60}));
  CHECK_FALSE(local_seconds({.year = 2025, .second = 60}));
}

TEST_CASE("the first week of a year is the one with its first Thursday") {
  struct Row {
    int year, month, day, week, week_year, of_year;
  };
  const Row rows[] = {
      {2021, 1, 3, 53, 2020, 3},     {2021, 1, 4, 1, 2021, 4},  {2024, 12, 30, 1, 2025, 365},
      {2020, 12, 31, 53, 2020, 366}, {2023, 1, 1, 52, 2022, 1}, {2026, 7, 15, 29, 2026, 196},
      {0, 1, 1, 52, -1, 1},
  };
  for (const Row& row : rows) {
    const CivilDay day = civil_day({.year = row.year, .month = row.month, .day = row.day});
    CAPTURE(row.year);
    CHECK(day.week == row.week);
    CHECK(day.week_year == row.week_year);
    CHECK(day.of_year == row.of_year);
  }
}

TEST_CASE("a month later is the same day, or the last one of a shorter month") {
  struct Row {
    CivilTime from;
    std::int64_t months;
    CivilTime to;
  };
  const Row rows[] = {
      {{.year = 2025, .month = 1, .day = 31}, 1, {.year = 2025, .month = 2, .day = 28}},
      {{.year = 2024, .month = 1, .day = 31}, 1, {.year = 2024, .month = 2, .day = 29}},
      {{.year = 2025, .month = 1, .day = 15}, -1, {.year = 2024, .month = 12, .day = 15}},
      {{.year = 2025, .month = 3, .day = 31}, -13, {.year = 2024, .month = 2, .day = 29}},
      {{.year = 2025, .month = 11, .day = 30}, 14, {.year = 2027, .month = 1, .day = 30}},
  };
  for (const Row& row : rows) CHECK(same(add_months(row.from, row.months), row.to));
  CHECK_FALSE(local_seconds(add_months({.year = 2025}, 9'000'000'000'000'000'000)));
  CHECK_FALSE(local_seconds(add_months({.year = 2025}, -9'000'000'000'000'000'000)));
}
