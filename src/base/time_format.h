// TimeFormat writes times in a form of the user's: strftime's patterns, without locales and the machine's
// zone. What TimePattern (time_pattern.h) can read back is written with the same directives.
//
//   %Y four digits   %y two   %m month   %d day, two digits   %e, with a space   %j day of the year, three
//   digits %b %h the month's English name, short   %B long   %a %A the day's   %u weekday, 1 Monday to 7 %w,
//   0 Sunday to 6 %V week   %G its year (ISO 8601)   %H hour   %I with %p AM or PM hour of the half day   %M
//   minute   %S second %f milliseconds, three digits   %z +0100   %:z +01:00   %Z the zone's name   %s
//   seconds since 1970 %F = %Y-%m-%d   %T = %H:%M:%S   %R = %H:%M   %D = %m/%d/%y   %% a percent sign
// The word rfc3339 instead of a pattern is RFC 3339: milliseconds where there are any, Z for UTC.
// Values.  Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/civil_time.h"
#include "base/result.h"
#include "base/zone.h"

namespace tidemark {

class TimeFormat {
 public:
  struct Time {
    CivilTime wall;
    int millisecond = 0;
    Zone::Offset offset;
    std::int64_t utc_seconds = 0;
  };

  // Fails when a directive is unknown.
  static Result<TimeFormat> parse(std::string_view pattern);

  // Bytes that a time may take at most; write() returns the end of what it wrote.
  std::size_t most() const { return most_; }
  char* write(const Time& time, char* to) const;

 private:
  std::string pattern_;  // without abbreviations; a directive's colon is left out: %:z is %E
  bool rfc3339_ = false;
  std::size_t most_ = 0;
};

}  // namespace tidemark
