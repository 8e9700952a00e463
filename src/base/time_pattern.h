// TimePattern reads times that are written in a form of the user's: strptime's patterns, without locales and
// without a database of time zones, so that the same text is the same time on every machine and in every
// year.
//
//   %Y four digits   %y two (69-99: 19xx, else 20xx)   %m month   %d or %e day   %j day of the year
//   %b %B %h the month's English name, short or long   %a %A the day's English name, which decides nothing
//   %H hour   %I with %p hour of the half day   %M minute   %S second   %f fraction of a second, 1 to 9
//   digits %z Z, +01, +0100 or +01:00   %Z UTC, GMT or Z; without either a time is in UTC %s seconds since
//   1970, alone   %F = %Y-%m-%d   %T = %H:%M:%S   %R = %H:%M   %D = %m/%d/%y   %% a percent sign
// A space stands for any number of spaces and tabs, any other character for itself. Numbers may have fewer
// digits than they could. What a pattern leaves out of the time of day is 0.
// Values.  Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidemark {

class TimePattern {
 public:
  TimePattern() = default;  // reads nothing
  // Fails when a directive is unknown, stands twice, or the pattern does not say the day.
  static Result<TimePattern> parse(std::string_view pattern);

  // Nanoseconds since 1970.
  Result<std::int64_t> read(std::string_view text) const;

  // The same without words for what is wrong, and of every year that can be written.
  struct Moment {
    std::int64_t seconds = 0;  // since 1970, as a wall shows them when the pattern has no zone
    std::int64_t ns = 0;       // of the second
  };
  std::optional<Moment> moment(std::string_view text) const;
  // Whether what it reads says its own zone: %z, %Z or %s.
  bool has_zone() const;
  const std::string& text() const { return text_; }

 private:
  enum class Fault : std::uint8_t { form, day };  // not of this form; no such day or second
  std::expected<Moment, Fault> parts(std::string_view text) const;

  std::string text_;
  std::string expanded_;  // without the abbreviations %F, %T, %R, %D
};

}  // namespace tidemark
