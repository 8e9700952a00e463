// Pace says how much to do before others on the loop have their turn, from how long it took before: one and
// the same piece of work takes a tenth of a millisecond while its memory is near, and several when it is far.
// Pure.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/times.h"

namespace tidemark {

// What one turn on the loop should take at most, so that timers, keep-alives and acknowledgements are served.
constexpr Duration kLoopSlice = std::chrono::microseconds(300);

class Pace {
 public:
  Pace(std::size_t least, std::size_t most) : least_(least), most_(most), size_(most) {}
  std::size_t size() const { return size_; }
  void took(Duration time) {
    if (time > kLoopSlice)
      size_ = std::max(least_, size_ / 2);
    else if (time < kLoopSlice / 4)
      size_ = std::min(most_, size_ * 2);
  }

 private:
  std::size_t least_, most_, size_;
};

}  // namespace tidemark
