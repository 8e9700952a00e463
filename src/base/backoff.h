// Backoff: how long to wait before the next attempt at something that failed.
//
// Doubles from `first` to `longest`; each pause lies between half of that and all of it, so that a hall of
// devices does not come back in step. Randomness comes from the caller. Threads: values.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/times.h"

namespace tidemark {

class Backoff {
 public:
  constexpr Backoff(Duration first, Duration longest) : first_(first), longest_(longest), next_(first) {}

  Duration next(std::uint64_t random) {
    const Duration whole = next_;
    next_ = std::min(next_ * 2, longest_);
    const auto half = static_cast<std::uint64_t>(whole.count() / 2);
    return Duration(static_cast<std::int64_t>(half + random % (half + 1)));
  }
  void reset() { next_ = first_; }

 private:
  Duration first_;
  Duration longest_;
  Duration next_;
};

}  // namespace tidemark
