#include "base/time_format.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/format.h"

namespace tidemark {
namespace {

constexpr std::string_view kDirectives = "YymdejbhBaAuwVGHIpMSfzZs%";
constexpr std::size_t kLongest = 48;  // of one directive: a zone's name

constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> kDays = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                   "Friday", "Saturday", "Sunday"};

char* put(std::string_view text, char* to) {
  return std::copy(text.begin(), text.end(), to);
}

// n >= 0, filled to that many digits.
char* put(int n, int digits, char* to, char fill = '0') {
  char text[12];
  const char* const end = std::to_chars(text, text + sizeof text, n).ptr;
  for (auto missing = digits - (end - text); missing > 0; --missing) *to++ = fill;
  return put({text, static_cast<std::size_t>(end - text)}, to);
}

// +hh:mm, or +hh:mm:ss where there are seconds, as there were before there were zones.
char* put_offset(std::int32_t ahead, bool colons, char* to) {
  *to++ = ahead < 0 ? '-' : '+';
  const int seconds = ahead < 0 ? -ahead : ahead;
  to = put(seconds / 3600, 2, to);
  if (colons) *to++ = ':';
  to = put(seconds / 60 % 60, 2, to);
  if (seconds % 60 == 0) return to;
  if (colons) *to++ = ':';
  return put(seconds % 60, 2, to);
}

char* put_directive(char directive, const TimeFormat::Time& t, char* to) {
  const CivilTime& wall = t.wall;
  const auto month = [&] { return kMonths[static_cast<std::size_t>(wall.month) - 1]; };
  const auto weekday = [&] { return civil_day(wall).weekday; };
  const auto day = [&] { return kDays[static_cast<std::size_t>(weekday()) - 1]; };
  switch (directive) {
    case 'Y':
      return put(wall.year, 4, to);
    case 'y':
      return put(wall.year % 100, 2, to);
    case 'm':
      return put(wall.month, 2, to);
    case 'd':
      return put(wall.day, 2, to);
    case 'e':
      return put(wall.day, 2, to, ' ');
    case 'j':
      return put(civil_day(wall).of_year, 3, to);
    case 'b':
    case 'h':
      return put(month().substr(0, 3), to);
    case 'B':
      return put(month(), to);
    case 'a':
      return put(day().substr(0, 3), to);
    case 'A':
      return put(day(), to);
    case 'u':
      return put(weekday(), 1, to);
    case 'w':
      return put(weekday() % 7, 1, to);
    case 'V':
      return put(civil_day(wall).week, 2, to);
    case 'G':
      return put(std::max(0, civil_day(wall).week_year), 4, to);
    case 'H':
      return put(wall.hour, 2, to);
    case 'I':
      return put(wall.hour % 12 == 0 ? 12 : wall.hour % 12, 2, to);
    case 'p':
      return put(wall.hour < 12 ? "AM" : "PM", to);
    case 'M':
      return put(wall.minute, 2, to);
    case 'S':
      return put(wall.second, 2, to);
    case 'f':
      return put(t.millisecond, 3, to);
    case 'z':
      return put_offset(t.offset.ahead, false, to);
    case 'E':
      return put_offset(t.offset.ahead, true, to);
    case 'Z':
      return put(t.offset.name.substr(0, kLongest), to);
    case 's':
      return std::to_chars(to, to + kLongest, t.utc_seconds).ptr;
    default:
      *to++ = '%';
      return to;
  }
}

std::string_view abbreviated(char directive) {
  switch (directive) {
    case 'F':
      return "%Y-%m-%d";
    case 'T':
      return "%H:%M:%S";
    case 'R':
      return "%H:%M";
    case 'D':
      return "%m/%d/%y";
    default:
      return {};
  }
}

}  // namespace

Result<TimeFormat> TimeFormat::parse(std::string_view pattern) {
  TimeFormat made;
  made.rfc3339_ = pattern == "rfc3339";
  if (made.rfc3339_) pattern = "%Y-%m-%dT%H:%M:%S";
  const auto refuse = [&](std::string why) {
    return fail(format("\"{}\" is no pattern of times: {}", pattern, why), Error::Kind::usage);
  };
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      made.pattern_ += pattern[i];
      continue;
    }
    if (++i == pattern.size()) return refuse("a % stands alone at its end");
    if (const std::string_view whole = abbreviated(pattern[i]); !whole.empty()) {
      made.pattern_ += whole;
    } else if (pattern.substr(i).starts_with(":z")) {
      ++i;
      made.pattern_ += "%E";
    } else if (kDirectives.find(pattern[i]) != std::string_view::npos) {
      made.pattern_ += '%';
      made.pattern_ += pattern[i];
    } else {
      return refuse(format("it has no %{}", pattern[i]));
    }
  }
  const auto directives = static_cast<std::size_t>(std::ranges::count(made.pattern_, '%'));
  made.most_ = made.pattern_.size() + (directives + 2) * kLongest;
  return made;
}

char* TimeFormat::write(const Time& time, char* to) const {
  for (std::size_t i = 0; i < pattern_.size(); ++i) {
    if (pattern_[i] == '%')
      to = put_directive(pattern_[++i], time, to);
    else
      *to++ = pattern_[i];
  }
  if (!rfc3339_) return to;
  if (time.millisecond != 0) {
    *to++ = '.';
    to = put(time.millisecond, 3, to);
  }
  return time.offset.ahead == 0 ? put("Z", to) : put_offset(time.offset.ahead, true, to);
}

}  // namespace tidemark
