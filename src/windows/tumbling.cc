#include "windows/tumbling.h"

#include <limits>

#include "base/invariant.h"

namespace tidemark {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

std::int64_t in_nanoseconds(std::int64_t seconds) {
  std::int64_t ns;
  if (!__builtin_mul_overflow(seconds, kSecond, &ns)) return ns;
  return seconds < 0 ? kFirst : kLast;
}

}  // namespace

TumblingWindows::TumblingWindows(Duration size, Duration offset, std::shared_ptr<const Zone> zone)
    : size_(size), offset_(offset), zone_(std::move(zone)) {
  invariant(size > Duration(0), "a window has a size");
  offset_ = Duration(((offset.count() % size.count()) + size.count()) % size.count());
}

std::int64_t TumblingWindows::start_of(std::int64_t ns) const {
  if (zone_ != nullptr) return in_nanoseconds(second_of(number_at(floor_divide(ns, kSecond))));
  const std::int64_t size = size_.count();
  // Remainders are taken before subtracting, so that nothing overflows near the ends of time.
  std::int64_t into = ns % size - offset_.count() % size;
  if (into < 0) into += size;
  if (into < 0) into += size;
  if (ns < kFirst + into) return kFirst;
  return ns - into;
}

std::int64_t TumblingWindows::moved(std::int64_t start, std::int64_t windows) const {
  if (zone_ != nullptr) return in_nanoseconds(second_of(number_at(floor_divide(start, kSecond)) + windows));
  std::int64_t by, to;
  if (!__builtin_mul_overflow(size_.count(), windows, &by) && !__builtin_add_overflow(start, by, &to))
    return to;
  return windows < 0 ? kFirst : kLast;
}

// Of the windows of local time, counted from 1970 on, the last that has begun. What a wall shows that was set
// back, it may show once more when the next window has begun, or the one before.
std::int64_t TumblingWindows::number_at(std::int64_t seconds) const {
  const std::int64_t local = seconds + zone_->at(seconds).ahead;
  std::int64_t number = floor_divide(local - offset_.count() / kSecond, size_.count() / kSecond);
  while (second_of(number) > seconds) --number;
  while (second_of(number + 1) <= seconds) ++number;
  return number;
}

std::int64_t TumblingWindows::second_of(std::int64_t number) const {
  return zone_->to_utc(number * (size_.count() / kSecond) + offset_.count() / kSecond);
}

}  // namespace tidemark
