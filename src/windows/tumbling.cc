#include "windows/tumbling.h"

#include <limits>

#include "base/invariant.h"

namespace tidemark {

TumblingWindows::TumblingWindows(Duration size, Duration offset) : size_(size), offset_(offset) {
  invariant(size > Duration(0), "a window has a size");
  offset_ = Duration(((offset.count() % size.count()) + size.count()) % size.count());
}

std::int64_t TumblingWindows::start_of(std::int64_t ns) const {
  const std::int64_t size = size_.count();
  // Remainders are taken before subtracting, so that nothing overflows near the ends of time.
  std::int64_t into = ns % size - offset_.count() % size;
  if (into < 0) into += size;
  if (into < 0) into += size;
  if (ns < std::numeric_limits<std::int64_t>::min() + into) return std::numeric_limits<std::int64_t>::min();
  return ns - into;
}

std::int64_t TumblingWindows::end_of(std::int64_t start) const {
  const std::int64_t size = size_.count();
  if (start > std::numeric_limits<std::int64_t>::max() - size)
    return std::numeric_limits<std::int64_t>::max();
  return start + size;
}

}  // namespace tidemark
