#include "base/times.h"

#include <array>
#include <optional>

#include "base/format.h"

namespace tidemark {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

struct Unit {
  std::string_view name;
  std::int64_t ns;
};

constexpr std::array<Unit, 8> kUnits = {{{"w", 7 * 24 * 3600 * kNsPerSecond},
                                         {"d", 24 * 3600 * kNsPerSecond},
                                         {"h", 3600 * kNsPerSecond},
                                         {"m", 60 * kNsPerSecond},
                                         {"s", kNsPerSecond},
                                         {"ms", 1'000'000},
                                         {"us", 1'000},
                                         {"ns", 1}}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Reads a text from left to right; every take_ answers whether it found what it looks for.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool at_digit() const { return !rest_.empty() && is_digit(rest_.front()); }

  bool take_any_of(std::string_view characters) {
    if (rest_.empty() || characters.find(rest_.front()) == std::string_view::npos) return false;
    taken_ = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }
  char taken() const { return taken_; }

  // Exactly `digits` digits, a number from 0 to `most`.
  bool take_number(std::size_t digits, int most, int& number) {
    if (rest_.size() < digits) return false;
    number = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (!is_digit(rest_[i])) return false;
      number = number * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return number <= most;
  }

  // One or more digits after the decimal point, as nanoseconds; what is finer is cut off.
  bool take_fraction(std::int64_t& ns) {
    std::int64_t unit = kNsPerSecond;
    std::size_t digits = 0;
    ns = 0;
    for (; digits < rest_.size() && is_digit(rest_[digits]); ++digits) {
      unit /= 10;
      ns += unit * (rest_[digits] - '0');
    }
    rest_.remove_prefix(digits);
    return digits > 0;
  }

  // Lower-case letters, as many as follow.
  std::string_view take_letters() {
    std::size_t n = 0;
    while (n < rest_.size() && rest_[n] >= 'a' && rest_[n] <= 'z') ++n;
    const std::string_view letters = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return letters;
  }

  // One or more digits; nothing when there are none or the number leaves the range.
  std::optional<std::int64_t> take_integer() {
    std::int64_t number = 0;
    std::size_t n = 0;
    for (; n < rest_.size() && is_digit(rest_[n]); ++n) {
      if (__builtin_mul_overflow(number, std::int64_t{10}, &number)) return std::nullopt;
      if (__builtin_add_overflow(number, std::int64_t{rest_[n] - '0'}, &number)) return std::nullopt;
    }
    if (n == 0) return std::nullopt;
    rest_.remove_prefix(n);
    return number;
  }

 private:
  std::string_view rest_;
  char taken_ = '\0';
};

struct Rfc3339 {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::int64_t fraction_ns = 0;
  int offset_minutes = 0;
};

// The form alone; whether the day exists is for the caller.
bool scan(std::string_view text, Rfc3339& t) {
  Scanner in(text);
  if (!in.take_number(4, 9999, t.year) || !in.take_any_of("-")) return false;
  if (!in.take_number(2, 12, t.month) || !in.take_any_of("-")) return false;
  if (!in.take_number(2, 31, t.day) || !in.take_any_of("Tt ")) return false;
  if (!in.take_number(2, 23, t.hour) || !in.take_any_of(":")) return false;
  if (!in.take_number(2, 59, t.minute) || !in.take_any_of(":")) return false;
  if (!in.take_number(2, 60, t.second)) return false;
  if (in.take_any_of(".") && !in.take_fraction(t.fraction_ns)) return false;
  if (!in.take_any_of("Zz+-")) return false;
  if (in.taken() == '+' || in.taken() == '-') {
    const int sign = in.taken() == '-' ? -1 : 1;
    int hours = 0;
    int minutes = 0;
    if (!in.take_number(2, 23, hours) || !in.take_any_of(":") || !in.take_number(2, 59, minutes))
      return false;
    t.offset_minutes = sign * (hours * 60 + minutes);
  }
  return in.at_end();
}

// seconds * 10^9 + ns without leaving int64 on the way; nothing when the sum leaves it.
std::optional<std::int64_t> join(std::int64_t seconds, std::int64_t ns) {
  if (seconds < 0 && ns > 0) {
    seconds += 1;
    ns -= kNsPerSecond;
  }
  std::int64_t total = 0;
  if (__builtin_mul_overflow(seconds, kNsPerSecond, &total)) return std::nullopt;
  if (__builtin_add_overflow(total, ns, &total)) return std::nullopt;
  return total;
}

std::unexpected<Error> bad_duration(std::string_view text, std::string_view why) {
  return fail(format("\"{}\" is no duration: {}", text, why), Error::Kind::usage);
}

}  // namespace

EventTime saturating_add(EventTime t, Duration d) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(to_ns(t), std::int64_t{d.count()}, &sum))
    return d.count() < 0 ? kEventTimeMin : kEventTimeMax;
  return time_from_ns<EventTime>(sum);
}

std::string to_rfc3339(std::int64_t ns_since_epoch) {
  const std::chrono::sys_time<Duration> t{Duration(ns_since_epoch)};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(t);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::int64_t in_day = (seconds - day).count();
  // Not t - seconds: the first instant of the range lies less than a second after a second outside it.
  const std::int64_t ns = ((ns_since_epoch % kNsPerSecond) + kNsPerSecond) % kNsPerSecond;

  std::string out = format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                           static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                           in_day / 3600, in_day / 60 % 60, in_day % 60);
  if (ns % 1'000 != 0) {
    out += format(".{:09}", ns);
  } else if (ns % 1'000'000 != 0) {
    out += format(".{:06}", ns / 1'000);
  } else if (ns != 0) {
    out += format(".{:03}", ns / 1'000'000);
  }
  out += 'Z';
  return out;
}

Result<std::int64_t> parse_rfc3339(std::string_view text) {
  Rfc3339 t;
  if (!scan(text, t))
    return fail(format("\"{}\" is no RFC 3339 time; write it as 2025-03-01T12:00:00Z or with +01:00", text),
                Error::Kind::usage);
  const std::chrono::year_month_day date(std::chrono::year(t.year),
                                         std::chrono::month(static_cast<unsigned>(t.month)),
                                         std::chrono::day(static_cast<unsigned>(t.day)));
  if (!date.ok())
    return fail(format("\"{}\" is no RFC 3339 time: there is no such day", text), Error::Kind::usage);

  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t minutes = days * 1440 + t.hour * 60 + t.minute - t.offset_minutes;
  // A leap second is the last second of a UTC day; like POSIX, it reads as the first of the next.
  if (t.second == 60 && (minutes % 1440 + 1440) % 1440 != 1439)
    return fail(format("\"{}\" is no RFC 3339 time: second 60 is only at 23:59 UTC", text),
                Error::Kind::usage);
  const std::optional<std::int64_t> ns = join(minutes * 60 + t.second, t.fraction_ns);
  if (!ns) return fail(format("\"{}\" is outside the years 1677 to 2262", text), Error::Kind::usage);
  return *ns;
}

Result<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration::zero();
  if (text.empty()) return bad_duration(text, "write it as 250ms, 10s or 1h30m");
  Scanner in(text);
  std::int64_t total = 0;
  std::size_t next_unit = 0;
  while (!in.at_end()) {
    if (in.take_any_of("-")) return bad_duration(text, "durations are never negative");
    if (in.take_any_of("+., \t")) return bad_duration(text, "write whole numbers and units only, as 1h30m");
    if (!in.at_digit()) return bad_duration(text, "write it as 250ms, 10s or 1h30m");
    const std::optional<std::int64_t> number = in.take_integer();
    if (!number) return bad_duration(text, "longer than 292 years");
    const std::string_view name = in.take_letters();
    std::size_t unit = 0;
    while (unit < kUnits.size() && kUnits[unit].name != name) ++unit;
    if (unit == kUnits.size()) return bad_duration(text, "each number needs a unit: w d h m s ms us ns");
    if (unit < next_unit) return bad_duration(text, "units go from the largest to the smallest, each once");
    next_unit = unit + 1;
    std::int64_t part = 0;
    if (__builtin_mul_overflow(*number, kUnits[unit].ns, &part) ||
        __builtin_add_overflow(total, part, &total))
      return bad_duration(text, "longer than 292 years");
  }
  return Duration(total);
}

std::string to_text(Duration d) {
  if (d.count() == 0) return "0s";
  std::string out;
  std::uint64_t left = static_cast<std::uint64_t>(d.count());
  if (d.count() < 0) {
    out = "-";
    left = 0 - left;
  }
  // Days are the largest unit written: "14d" is read faster than "2w".
  for (std::size_t i = 1; i < kUnits.size(); ++i) {
    const std::uint64_t unit = static_cast<std::uint64_t>(kUnits[i].ns);
    if (left >= unit) out += format("{}{}", left / unit, kUnits[i].name);
    left %= unit;
  }
  return out;
}

}  // namespace tidemark
