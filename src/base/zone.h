// Zone is a time zone: how far local time is ahead of UTC at every instant.
//
// UTC and fixed offsets are always there. The rules of named zones (Europe/Berlin) change with laws and come
// from the machine's database; here they are only read, from the bytes of a file in its form (TZif, RFC
// 8536). Who loads them keeps them with the configuration, so that a replay goes by the rules that were in
// force (config/loader.h). Instants and offsets are seconds. Years 0 to 9999 are asked for; the rules hold
// without end. Values.  Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidemark {

class Zone {
 public:
  struct Offset {
    std::int32_t ahead = 0;  // of UTC
    std::string_view name;   // "CET", "UTC", "+02:00"; lives as long as the zone
  };

  Zone();  // UTC
  // "UTC", "Z", "+02:00", "-0330", "+2"; nothing for any other text.
  static std::optional<Zone> fixed(std::string_view text);
  // Error::corrupt when these are not the bytes of a zone.
  static Result<Zone> parse(std::string_view tzif);
  // A rule alone, in the form of POSIX's TZ: "CET-1CEST,M3.5.0,M10.5.0/3".
  static Result<Zone> of_rule(std::string_view rule);

  Offset at(std::int64_t utc) const;
  // The instant at which the wall shows this. Of two (the clock was set back) the one with the offset that is
  // preferred, else the first; where there is none (it was set forward) what the clock would have shown, had
  // it not been.
  std::int64_t to_utc(std::int64_t local, std::optional<std::int32_t> preferred = std::nullopt) const;

 private:
  // When the rule of a year changes the clock: the day, and the second of it in the time that was in force.
  struct Change {
    enum class Day : std::uint8_t { month_week, julian_without_leap_day, day_of_year };
    Day day = Day::month_week;
    int month = 0, week = 0, weekday = 0, number = 0;
    std::int32_t second = 7200;
    std::int64_t in_year(int year) const;  // local
  };
  // What holds after the last transition of the list.
  struct Rule {
    std::uint8_t standard = 0, summer = 0;  // in offsets_
    bool has_summer = false;
    Change to_summer, to_standard;
  };
  struct Kind {
    std::int32_t ahead;
    std::string name;
  };

  static std::optional<Rule> rule(std::string_view text, std::vector<Kind>& kinds);
  std::uint8_t kind_by_rule(std::int64_t utc) const;
  Offset offset(std::uint8_t kind) const { return {kinds_[kind].ahead, kinds_[kind].name}; }

  std::vector<Kind> kinds_;
  std::uint8_t first_ = 0;                 // before all transitions
  std::vector<std::int64_t> transitions_;  // ascending; from each on the kind in its place holds
  std::vector<std::uint8_t> after_;
  std::optional<Rule> rule_;

  friend class ZoneReader;
};

}  // namespace tidemark
