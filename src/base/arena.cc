#include "base/arena.h"

#include <algorithm>

namespace tidemark {
namespace {

// No block larger than this is kept by clear(). Blocks double up to it, so that texts of an ordinary record
// soon lie in one block.
constexpr std::size_t kLargestKept = 256 << 10;

}  // namespace

char* Arena::allocate(std::size_t size) {
  if (blocks_.empty() || blocks_.back().size - used_ < size) {
    const std::size_t doubled = blocks_.empty() ? kBlock : 2 * blocks_.back().size;
    const std::size_t block = std::max(size, std::min(doubled, kLargestKept));
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(block), block});
    used_ = 0;
  }
  char* const at = blocks_.back().bytes.get() + used_;
  used_ += size;
  size_ += size;
  return at;
}

void Arena::clear() {
  used_ = 0;
  size_ = 0;
  if (blocks_.empty() || (blocks_.size() == 1 && blocks_.front().size <= kLargestKept)) return;
  std::erase_if(blocks_, [](const Block& b) { return b.size > kLargestKept; });
  if (blocks_.size() > 1) {
    const auto largest = std::max_element(blocks_.begin(), blocks_.end(),
                                          [](const Block& a, const Block& b) { return a.size < b.size; });
    std::iter_swap(blocks_.begin(), largest);
    blocks_.resize(1);
  }
}

}  // namespace tidemark
