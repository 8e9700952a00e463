#include "base/zone.h"

#include <algorithm>
#include <chrono>

#include "base/civil_time.h"
#include "base/format.h"

namespace tidemark {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// One or two digits, no more than `most`.
std::optional<int> take_number(std::string_view& text, int most) {
  int n = 0;
  std::size_t digits = 0;
  for (; digits < 2 && digits < text.size() && is_digit(text[digits]); ++digits)
    n = n * 10 + (text[digits] - '0');
  if (digits == 0 || n > most) return std::nullopt;
  text.remove_prefix(digits);
  return n;
}

}  // namespace

Zone::Zone() : kinds_{{0, "UTC"}} {}

std::optional<Zone> Zone::fixed(std::string_view text) {
  Zone zone;
  if (text == "UTC" || text == "Z") return zone;
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const bool behind = text[0] == '-';
  text.remove_prefix(1);
  const auto hours = take_number(text, 23);
  if (!hours) return std::nullopt;
  const bool colon = text.starts_with(':');
  if (colon) text.remove_prefix(1);
  const auto minutes = colon || !text.empty() ? take_number(text, 59) : 0;
  if (!minutes || !text.empty()) return std::nullopt;
  const std::int32_t ahead = *hours * 3600 + *minutes * 60;
  if (ahead == 0) return zone;
  zone.kinds_[0] = {behind ? -ahead : ahead, format("{}{:02}:{:02}", behind ? '-' : '+', *hours, *minutes)};
  return zone;
}

Zone::Offset Zone::at(std::int64_t utc) const {
  if (!transitions_.empty() && utc < transitions_.front()) return offset(first_);
  if (rule_ && (transitions_.empty() || utc >= transitions_.back())) return offset(kind_by_rule(utc));
  if (transitions_.empty()) return offset(first_);
  const auto after = std::upper_bound(transitions_.begin(), transitions_.end(), utc);
  return offset(after_[static_cast<std::size_t>(after - transitions_.begin()) - 1]);
}

// Between a day before and a day after at most one transition is taken to lie.
std::int64_t Zone::to_utc(std::int64_t local, std::optional<std::int32_t> preferred) const {
  const auto shows = [&](std::int32_t ahead) { return at(local - ahead).ahead == ahead; };
  if (preferred && shows(*preferred)) return local - *preferred;
  const std::int32_t before = at(local - kSecondsPerDay).ahead, after = at(local + kSecondsPerDay).ahead;
  if (before != after && !shows(before) && shows(after)) return local - after;
  return local - before;
}

std::int64_t Zone::Change::in_year(int year) const {
  using namespace std::chrono;
  const std::chrono::year y(year);
  const sys_days first(y / 1 / 1);
  sys_days on = first;
  switch (day) {
    case Day::julian_without_leap_day:
      on = first + days(number - 1 + (number >= 60 && y.is_leap() ? 1 : 0));
      break;
    case Day::day_of_year:
      on = first + days(number);
      break;
    case Day::month_week: {
      const std::chrono::month m(static_cast<unsigned>(month));
      const std::chrono::weekday w(static_cast<unsigned>(weekday));
      on = week == 5 ? sys_days(y / m / w[last]) : sys_days(y / m / w[static_cast<unsigned>(week)]);
      break;
    }
  }
  return on.time_since_epoch().count() * kSecondsPerDay + second;
}

std::uint8_t Zone::kind_by_rule(std::int64_t utc) const {
  if (!rule_->has_summer) return rule_->standard;
  const std::int32_t standard = kinds_[rule_->standard].ahead, summer = kinds_[rule_->summer].ahead;
  // A change may lie in the neighbouring year of UTC; the last one of these that has come decides.
  const auto civil = civil_time(utc + standard);
  const int year = civil ? civil->year : utc < 0 ? 0 : 9999;
  std::uint8_t kind = rule_->standard;
  std::optional<std::int64_t> last;
  const auto consider = [&](std::int64_t at, std::uint8_t becomes) {
    if (at > utc || (last && at < *last)) return;
    last = at;
    kind = becomes;
  };
  for (int y = year - 1; y <= year + 1; ++y) {
    consider(rule_->to_summer.in_year(y) - standard, rule_->summer);
    consider(rule_->to_standard.in_year(y) - summer, rule_->standard);
  }
  return kind;
}

}  // namespace tidemark
