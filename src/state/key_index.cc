#include "state/key_index.h"

#include <algorithm>
#include <bit>

#include "base/invariant.h"

namespace tidemark {
namespace {

constexpr std::size_t kSmallest = 64;
// Cells moved with each insert or erase. A growing index has been moved long before the next array is full. A
// shrinking one moves cells that are mostly empty, and may shrink to an eighth at once: its next growth must
// not come before it has done so.
constexpr std::size_t kMovedGrowing = 16;
constexpr std::size_t kMovedShrinking = 64;
constexpr std::size_t kShrinkAtOnce = 8;

}  // namespace

KeyIndex::Array KeyIndex::Array::make(std::size_t size) {
  Array array;
  array.cells.reset(static_cast<Cell*>(std::calloc(size, sizeof(Cell))));
  invariant(array.cells != nullptr, "memory for the index of keys");
  array.mask = size - 1;
  return array;
}

void KeyIndex::Array::insert(Cell cell) {
  std::size_t at = hash_of(cell) & mask;
  while (cells[at] != 0) at = (at + 1) & mask;
  cells[at] = cell;
}

// Closes the gap by moving back what probing would no longer reach (Knuth, The Art of Computer Programming,
// volume 3, 6.4, algorithm R).
bool KeyIndex::Array::erase(Cell cell) {
  if (!cells) return false;
  std::size_t gap = hash_of(cell) & mask;
  while (cells[gap] != cell) {
    if (cells[gap] == 0) return false;
    gap = (gap + 1) & mask;
  }
  for (std::size_t at = (gap + 1) & mask; cells[at] != 0; at = (at + 1) & mask) {
    const std::size_t home = hash_of(cells[at]) & mask;
    if (((at - home) & mask) < ((at - gap) & mask)) continue;  // its home lies after the gap
    cells[gap] = cells[at];
    gap = at;
  }
  cells[gap] = 0;
  return true;
}

void KeyIndex::insert(std::uint32_t hash, std::uint32_t id) {
  if (old_.cells) move_some();
  if (!now_.cells || (count_ + 1) * 4 > (now_.mask + 1) * 3) resize(std::max(kSmallest, (now_.mask + 1) * 2));
  now_.insert(cell_of(hash, id));
  ++count_;
}

void KeyIndex::erase(std::uint32_t hash, std::uint32_t id) {
  const Cell cell = cell_of(hash, id);
  const bool found = (old_.cells && !moved(hash) && old_.erase(cell)) || now_.erase(cell);
  invariant(found, "an entry that is erased is in the index");
  --count_;
  if (old_.cells)
    move_some();
  else if (now_.mask + 1 > kSmallest * 16 && count_ * 8 < now_.mask + 1)
    resize(std::max(std::bit_ceil(count_ * 2), (now_.mask + 1) / kShrinkAtOnce));
}

void KeyIndex::clear() {
  now_ = {};
  old_ = {};
  count_ = 0;
}

void KeyIndex::resize(std::size_t size) {
  while (old_.cells) move_some();
  old_ = std::move(now_);
  now_ = Array::make(std::max(size, kSmallest));
  progress_ = 0;
  start_ = 0;
  if (!old_.cells) return;
  while (old_.cells[start_] != 0) ++start_;
  move_some();
}

void KeyIndex::move_some() {
  const std::size_t cells = old_.mask > now_.mask ? kMovedShrinking : kMovedGrowing;
  for (std::size_t left = cells;; left -= left > 0 ? 1 : 0) {
    if (progress_ > old_.mask) {
      old_ = {};
      return;
    }
    Cell& cell = old_.cells[(start_ + progress_) & old_.mask];
    if (cell == 0 && left == 0) return;  // only before an empty cell: no run of full ones is cut in two
    if (cell != 0) now_.insert(cell);
    cell = 0;
    ++progress_;
  }
}

}  // namespace tidemark
