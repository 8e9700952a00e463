#include "base/time_pattern.h"

#include <array>
#include <chrono>
#include <optional>
#include <set>

#include "base/format.h"

namespace tidemark {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::string_view kDirectives = "YymdejbBhaAHIpMSfzZs%";

constexpr std::array<std::string_view, 12> kMonths = {"january",   "february", "march",    "april",
                                                      "may",       "june",     "july",     "august",
                                                      "september", "october",  "november", "december"};
constexpr std::array<std::string_view, 7> kDays = {"monday", "tuesday",  "wednesday", "thursday",
                                                   "friday", "saturday", "sunday"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_space(char c) {
  return c == ' ' || c == '\t';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// What one directive says; two that say the same must not stand in one pattern.
char meaning_of(char directive) {
  switch (directive) {
    case 'y':
      return 'Y';
    case 'e':
      return 'd';
    case 'b':
    case 'B':
    case 'h':
      return 'm';
    case 'A':
      return 'a';
    case 'I':
      return 'H';
    case 'Z':
      return 'z';
    default:
      return directive;
  }
}

struct Parts {
  std::int64_t year = 0;
  int month = 1, day = 1, day_of_year = 0;
  int hour = 0, minute = 0, second = 0;
  bool half_day = false, afternoon = false;
  std::int64_t fraction_ns = 0;
  int offset_minutes = 0;
  std::optional<std::int64_t> since_1970;
};

// Reads a text from left to right; every take_ answers whether it found what it looks for.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  void skip_spaces() {
    while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
  }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take_number(std::size_t least_digits, std::size_t most_digits, int least, int most, int& number) {
    std::size_t n = 0;
    number = 0;
    for (; n < rest_.size() && n < most_digits && is_digit(rest_[n]); ++n)
      number = number * 10 + (rest_[n] - '0');
    rest_.remove_prefix(n);
    return n >= least_digits && number >= least && number <= most;
  }
  // The index of the name that stands here, whole or its first three letters.
  template <std::size_t N>
  std::optional<int> take_name(const std::array<std::string_view, N>& names) {
    for (std::size_t i = 0; i < N; ++i)
      for (const std::string_view name : {names[i], names[i].substr(0, 3)})
        if (take_word(name)) return static_cast<int>(i);
    return std::nullopt;
  }
  bool take_word(std::string_view word) {
    if (rest_.size() < word.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i)
      if (lower(rest_[i]) != word[i]) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool take_fraction(std::int64_t& ns) {
    std::int64_t unit = kNsPerSecond;
    std::size_t n = 0;
    for (; n < rest_.size() && is_digit(rest_[n]); ++n) {
      unit /= 10;
      ns += unit * (rest_[n] - '0');
    }
    rest_.remove_prefix(n);
    return n > 0;
  }
  bool take_offset(int& minutes) {
    if (take('Z') || take('z')) return true;
    const bool behind = take('-');
    if (!behind && !take('+')) return false;
    int hours = 0, rest = 0;
    if (!take_number(2, 2, 0, 23, hours)) return false;
    const bool more = take(':') || (!rest_.empty() && is_digit(rest_.front()));
    if (more && !take_number(2, 2, 0, 59, rest)) return false;
    minutes = (hours * 60 + rest) * (behind ? -1 : 1);
    return true;
  }
  bool take_seconds(std::optional<std::int64_t>& seconds) {
    const bool negative = take('-');
    std::int64_t value = 0;
    std::size_t n = 0;
    for (; n < rest_.size() && n < 12 && is_digit(rest_[n]); ++n) value = value * 10 + (rest_[n] - '0');
    rest_.remove_prefix(n);
    seconds = negative ? -value : value;
    return n > 0;
  }

 private:
  std::string_view rest_;
};

bool read_directive(char directive, Reader& in, Parts& t) {
  int number = 0;
  switch (directive) {
    case 'Y':
      if (!in.take_number(4, 4, 0, 9999, number)) return false;
      t.year = number;
      return true;
    case 'y':
      if (!in.take_number(2, 2, 0, 99, number)) return false;
      t.year = number + (number < 69 ? 2000 : 1900);
      return true;
    case 'm':
      return in.take_number(1, 2, 1, 12, t.month);
    case 'd':
    case 'e':
      in.skip_spaces();
      return in.take_number(1, 2, 1, 31, t.day);
    case 'j':
      return in.take_number(1, 3, 1, 366, t.day_of_year);
    case 'b':
    case 'B':
    case 'h': {
      const auto month = in.take_name(kMonths);
      if (month) t.month = *month + 1;
      return month.has_value();
    }
    case 'a':
    case 'A':
      return in.take_name(kDays).has_value();
    case 'H':
      return in.take_number(1, 2, 0, 23, t.hour);
    case 'I':
      t.half_day = true;
      return in.take_number(1, 2, 1, 12, t.hour);
    case 'p':
      t.afternoon = in.take_word("pm");
      return t.afternoon || in.take_word("am");
    case 'M':
      return in.take_number(1, 2, 0, 59, t.minute);
    case 'S':
      return in.take_number(1, 2, 0, 60, t.second);
    case 'f':
      return in.take_fraction(t.fraction_ns);
    case 'z':
      return in.take_offset(t.offset_minutes);
    case 'Z':
      return in.take_word("utc") || in.take_word("gmt") || in.take_word("z");
    case 's':
      return in.take_seconds(t.since_1970);
    default:
      return in.take('%');
  }
}

// Seconds since 1970; nothing when there is no such day or second.
std::optional<std::int64_t> seconds_of(const Parts& t) {
  if (t.since_1970) return t.since_1970;
  using namespace std::chrono;
  const year y{static_cast<int>(t.year)};
  std::int64_t days = 0;
  if (t.day_of_year > 0) {
    if (t.day_of_year == 366 && !y.is_leap()) return std::nullopt;
    days = sys_days(year_month_day(y, January, day(1))).time_since_epoch().count() + t.day_of_year - 1;
  } else {
    const year_month_day date(y, month(static_cast<unsigned>(t.month)), day(static_cast<unsigned>(t.day)));
    if (!date.ok()) return std::nullopt;
    days = sys_days(date).time_since_epoch().count();
  }
  int hour = t.hour;
  if (t.half_day) hour = hour % 12 + (t.afternoon ? 12 : 0);
  const std::int64_t minutes = days * 1440 + hour * 60 + t.minute - t.offset_minutes;
  // A leap second is the last second of a UTC day; like POSIX, it reads as the first of the next.
  if (t.second == 60 && (minutes % 1440 + 1440) % 1440 != 1439) return std::nullopt;
  return minutes * 60 + t.second;
}

std::unexpected<Error> bad_pattern(std::string_view pattern, std::string why) {
  return fail(format("\"{}\" is no pattern of times: {}", pattern, why), Error::Kind::usage);
}

std::string expanded(std::string_view pattern) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool directive = pattern[i] == '%' && i + 1 < pattern.size();
    const char c = directive ? pattern[++i] : pattern[i];
    if (directive && c == 'F')
      out += "%Y-%m-%d";
    else if (directive && c == 'T')
      out += "%H:%M:%S";
    else if (directive && c == 'R')
      out += "%H:%M";
    else if (directive && c == 'D')
      out += "%m/%d/%y";
    else
      (directive ? out += '%' : out) += c;
  }
  return out;
}

}  // namespace

Result<TimePattern> TimePattern::parse(std::string_view text) {
  TimePattern pattern;
  pattern.text_ = text;
  pattern.expanded_ = expanded(text);
  std::set<char> said;
  for (std::size_t i = 0; i < pattern.expanded_.size(); ++i) {
    if (pattern.expanded_[i] != '%') continue;
    if (++i == pattern.expanded_.size()) return bad_pattern(text, "a % stands alone at its end");
    const char directive = pattern.expanded_[i];
    if (kDirectives.find(directive) == std::string_view::npos)
      return bad_pattern(text, format("it has no %{}", directive));
    if (directive != '%' && !said.insert(meaning_of(directive)).second)
      return bad_pattern(text, format("%{} says what another directive says", directive));
  }
  const bool has_day = said.contains('m') && said.contains('d');
  if (said.contains('s')) {
    if (said.size() > (said.contains('f') ? 2u : 1u))
      return bad_pattern(text, "%s says all that is to be said");
  } else if (!said.contains('Y')) {
    return bad_pattern(text, "without %Y or %y nobody knows the year");
  } else if (has_day == said.contains('j')) {
    return bad_pattern(text, "it takes the day either as %m and %d or as %j");
  } else if (said.contains('p') != (pattern.expanded_.find("%I") != std::string::npos)) {
    return bad_pattern(text, "%I and %p go together");
  }
  return pattern;
}

std::expected<TimePattern::Moment, TimePattern::Fault> TimePattern::parts(std::string_view text) const {
  Reader in(text);
  Parts t;
  for (std::size_t i = 0; i < expanded_.size(); ++i) {
    const char c = expanded_[i];
    if (is_space(c)) {
      in.skip_spaces();
    } else if (c == '%') {
      if (!read_directive(expanded_[++i], in, t)) return std::unexpected(Fault::form);
    } else if (!in.take(c)) {
      return std::unexpected(Fault::form);
    }
  }
  if (!in.at_end()) return std::unexpected(Fault::form);
  const std::optional<std::int64_t> seconds = seconds_of(t);
  if (!seconds) return std::unexpected(Fault::day);
  return Moment{*seconds, t.fraction_ns};
}

Result<std::int64_t> TimePattern::read(std::string_view text) const {
  const auto moment = parts(text);
  if (!moment && moment.error() == Fault::form)
    return fail(format("\"{}\" is no time of the form \"{}\"", text.substr(0, 60), text_),
                Error::Kind::usage);
  if (!moment) return fail(format("\"{}\" is no time: there is no such day or second", text.substr(0, 60)));
  std::int64_t ns = 0;
  if (__builtin_mul_overflow(moment->seconds, kNsPerSecond, &ns) ||
      __builtin_add_overflow(ns, moment->ns, &ns))
    return fail(format("\"{}\" is outside the years 1677 to 2262", text.substr(0, 60)));
  return ns;
}

std::optional<TimePattern::Moment> TimePattern::moment(std::string_view text) const {
  const auto moment = parts(text);
  return moment ? std::optional(*moment) : std::nullopt;
}

bool TimePattern::has_zone() const {
  for (std::size_t i = 0; i + 1 < expanded_.size(); ++i) {
    if (expanded_[i] == '%' && (expanded_[++i] == 'z' || expanded_[i] == 'Z' || expanded_[i] == 's'))
      return true;
  }
  return false;
}

}  // namespace tidemark
