// Zone::parse: the bytes of a zone's file (TZif, RFC 8536) and the rule in its last line (POSIX TZ, as the
// RFC extends it).
#include <algorithm>
#include <limits>

#include "base/format.h"
#include "base/zone.h"

namespace tidemark {
namespace {

// More than any zone has; bounds what a broken file can make of itself.
constexpr std::size_t kMostTransitions = 4096;
constexpr std::int32_t kMostAhead = 26 * 3600;

// Reads a file from front to back, big-endian; beyond its end everything is 0 and failed().
class BigEndian {
 public:
  explicit BigEndian(std::string_view bytes) : rest_(bytes) {}

  std::string_view take(std::size_t n) {
    failed_ = failed_ || n > rest_.size();
    if (failed_) return {};
    const std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }
  std::uint64_t number(std::size_t bytes) {
    std::uint64_t n = 0;
    for (const char c : take(bytes)) n = n << 8 | static_cast<unsigned char>(c);
    return n;
  }
  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::int32_t i32() { return static_cast<std::int32_t>(number(4)); }
  std::int64_t i64() { return static_cast<std::int64_t>(number(8)); }
  std::string_view rest() const { return rest_; }
  bool failed() const { return failed_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

struct Header {
  std::uint8_t version = 0;
  std::size_t utc_flags = 0, standard_flags = 0, leap_seconds = 0, transitions = 0, kinds = 0, names = 0;
  // Of the data after it, when instants take that many bytes.
  std::size_t size(std::size_t instant) const {
    return transitions * (instant + 1) + kinds * 6 + names + leap_seconds * (instant + 4) + standard_flags +
           utc_flags;
  }
};

std::optional<Header> take_header(BigEndian& in) {
  Header h;
  if (in.take(4) != "TZif") return std::nullopt;
  h.version = in.u8();
  in.take(15);
  for (std::size_t* const count :
       {&h.utc_flags, &h.standard_flags, &h.leap_seconds, &h.transitions, &h.kinds, &h.names})
    *count = in.number(4);
  if (in.failed() || h.transitions > kMostTransitions || h.kinds > 256 || h.names > 4096 ||
      h.utc_flags > h.kinds || h.standard_flags > h.kinds || h.leap_seconds > kMostTransitions)
    return std::nullopt;
  return h;
}

// Reads the text of a rule from left to right.
class RuleText {
 public:
  explicit RuleText(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool at_digit_or_sign() const {
    return !rest_.empty() && (rest_[0] == '+' || rest_[0] == '-' || (rest_[0] >= '0' && rest_[0] <= '9'));
  }
  // "CET" or "<+03>", without the brackets.
  std::optional<std::string> name() {
    const bool quoted = take('<');
    std::size_t n = 0;
    const auto belongs = [&](char c) {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      return letter || (quoted && (c == '+' || c == '-' || (c >= '0' && c <= '9')));
    };
    while (n < rest_.size() && belongs(rest_[n])) ++n;
    std::string name(rest_.substr(0, n));
    rest_.remove_prefix(n);
    if (name.empty() || name.size() > 32 || (quoted && !take('>'))) return std::nullopt;
    return name;
  }
  std::optional<int> number(int least, int most) {
    int n = 0;
    std::size_t digits = 0;
    for (; digits < 3 && digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits)
      n = n * 10 + (rest_[digits] - '0');
    if (digits == 0 || n < least || n > most) return std::nullopt;
    rest_.remove_prefix(digits);
    return n;
  }
  // [+-]hh[:mm[:ss]]
  std::optional<std::int32_t> seconds(int most_hours) {
    const bool negative = take('-');
    if (!negative) take('+');
    const auto hours = number(0, most_hours);
    std::optional<int> minutes = 0, second = 0;
    if (hours && take(':')) {
      minutes = number(0, 59);
      if (minutes && take(':')) second = number(0, 59);
    }
    if (!hours || !minutes || !second) return std::nullopt;
    const std::int32_t total = *hours * 3600 + *minutes * 60 + *second;
    return negative ? -total : total;
  }

 private:
  std::string_view rest_;
};

}  // namespace

class ZoneReader {
 public:
  // Two-digit years and the like have no place here: what is not exactly of the form is no zone.
  static std::optional<Zone> read(std::string_view bytes) {
    BigEndian in(bytes);
    std::optional<Header> header = take_header(in);
    if (!header) return std::nullopt;
    std::size_t instant = 4;
    if (header->version >= '2') {
      in.take(header->size(4));
      header = take_header(in);
      instant = 8;
    }
    // Leap seconds ("right/…") would count time otherwise than everything else here does.
    if (!header || header->kinds == 0 || header->leap_seconds > 0) return std::nullopt;
    Zone zone;
    if (!read_data(in, *header, instant, zone)) return std::nullopt;
    if (instant == 8 && !read_rule(in.rest(), zone)) return std::nullopt;
    return zone;
  }

 private:
  static bool read_data(BigEndian& in, const Header& header, std::size_t instant, Zone& zone) {
    for (std::size_t i = 0; i < header.transitions; ++i) {
      zone.transitions_.push_back(instant == 8 ? in.i64() : in.i32());
      if (i > 0 && zone.transitions_[i] <= zone.transitions_[i - 1]) return false;
    }
    for (std::size_t i = 0; i < header.transitions; ++i) {
      zone.after_.push_back(in.u8());
      if (zone.after_.back() >= header.kinds) return false;
    }
    zone.kinds_.clear();
    std::vector<std::uint8_t> names;
    for (std::size_t i = 0; i < header.kinds; ++i) {
      zone.kinds_.push_back({in.i32(), {}});
      in.u8();  // whether it is summer time
      names.push_back(in.u8());
      if (std::abs(zone.kinds_.back().ahead) > kMostAhead) return false;
    }
    const std::string_view text = in.take(header.names);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::size_t end = text.find('\0', names[i]);
      if (end == std::string_view::npos) return false;
      zone.kinds_[i].name = text.substr(names[i], end - names[i]);
    }
    in.take(header.standard_flags + header.utc_flags);
    return !in.failed();
  }

  // The line at the end of the file; it may be empty.
  static bool read_rule(std::string_view rest, Zone& zone) {
    if (!rest.starts_with('\n')) return false;
    rest.remove_prefix(1);
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return false;
    rest = rest.substr(0, end);
    if (rest.empty()) return true;
    zone.rule_ = Zone::rule(rest, zone.kinds_);
    return zone.rule_.has_value();
  }
};

// Offsets in the text are what is to be added to local time, contrary to everywhere else.
std::optional<Zone::Rule> Zone::rule(std::string_view text, std::vector<Kind>& kinds) {
  RuleText in(text);
  const auto add_kind = [&](std::string name, std::int32_t ahead) {
    kinds.push_back({ahead, std::move(name)});
    return static_cast<std::uint8_t>(kinds.size() - 1);
  };
  const auto day = [&](Change& to) {
    if (in.take('M')) {
      const auto month = in.number(1, 12);
      const auto week = month && in.take('.') ? in.number(1, 5) : std::nullopt;
      const auto weekday = week && in.take('.') ? in.number(0, 6) : std::nullopt;
      if (!weekday) return false;
      to.month = *month;
      to.week = *week;
      to.weekday = *weekday;
    } else {
      const bool julian = in.take('J');
      const auto number = in.number(julian ? 1 : 0, 365);
      if (!number) return false;
      to.day = julian ? Change::Day::julian_without_leap_day : Change::Day::day_of_year;
      to.number = *number;
    }
    if (!in.take('/')) return true;
    const auto second = in.seconds(167);
    if (second) to.second = *second;
    return second.has_value();
  };

  Rule rule;
  if (kinds.size() > 254) return std::nullopt;
  auto name = in.name();
  auto ahead = name ? in.seconds(24) : std::nullopt;
  if (!ahead) return std::nullopt;
  rule.standard = add_kind(std::move(*name), -*ahead);
  if (in.at_end()) return rule;
  rule.has_summer = true;
  name = in.name();
  if (!name) return std::nullopt;
  std::optional<std::int32_t> summer = *ahead - 3600;
  if (in.at_digit_or_sign()) summer = in.seconds(24);
  if (!summer) return std::nullopt;
  rule.summer = add_kind(std::move(*name), -*summer);
  if (!in.take(',') || !day(rule.to_summer) || !in.take(',') || !day(rule.to_standard) || !in.at_end())
    return std::nullopt;
  return rule;
}

Result<Zone> Zone::parse(std::string_view tzif) {
  auto zone = ZoneReader::read(tzif);
  if (!zone) return fail("it is no file of a time zone (TZif, without leap seconds)", Error::Kind::corrupt);
  return std::move(*zone);
}

Result<Zone> Zone::of_rule(std::string_view text) {
  Zone zone;
  zone.rule_ = rule(text, zone.kinds_);
  if (!zone.rule_)
    return fail(format("\"{}\" is no rule of a time zone; write it as CET-1CEST,M3.5.0,M10.5.0/3", text),
                Error::Kind::usage);
  return zone;
}

}  // namespace tidemark
