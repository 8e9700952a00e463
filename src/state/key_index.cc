#include "state/key_index.h"

#include "base/invariant.h"

namespace tidemark {
namespace {

constexpr std::size_t kSmallest = 192;
constexpr std::size_t kShrinksFrom = 1024;
// Cells moved with each insert or erase. A growing index has been moved long before the next array is full. A
// shrinking one moves cells that are mostly empty, and may shrink to an eighth at once: its next growth must
// not come before it has done so.
constexpr std::size_t kMovedGrowing = 32;
constexpr std::size_t kMovedShrinking = 64;
constexpr std::size_t kShrinkAtOnce = 8;

}  // namespace

std::size_t KeyIndex::Array::memory_bytes() const {
  const auto made = static_cast<std::size_t>(
      std::ranges::count_if(pieces_, [](const auto& piece) { return piece != nullptr; }));
  return pieces_.capacity() * sizeof(pieces_[0]) + made * kPiece * sizeof(Cell);
}

void KeyIndex::Array::set(std::size_t i, Cell cell) {
  auto& piece = pieces_[i >> kPieceBits];
  if (!piece) piece = std::make_unique<Cell[]>(kPiece);
  piece[i & (kPiece - 1)] = cell;
}

void KeyIndex::Array::insert(Cell cell) {
  std::size_t i = home(hash_of(cell));
  while (at(i) != 0) ++i;
  if (i >> kPieceBits == pieces_.size() - 1) pieces_.emplace_back();
  set(i, cell);
}

// Closes the gap by moving back what probing would no longer reach (Knuth, The Art of Computer Programming,
// volume 3, 6.4, algorithm R).
bool KeyIndex::Array::erase(Cell cell) {
  if (pieces_.empty()) return false;
  std::size_t gap = home(hash_of(cell));
  for (; at(gap) != cell; ++gap)
    if (at(gap) == 0) return false;
  for (std::size_t i = gap + 1; at(i) != 0; ++i) {
    if (home(hash_of(at(i))) > gap) continue;
    set(gap, at(i));
    gap = i;
  }
  set(gap, 0);
  return true;
}

void KeyIndex::insert(std::uint32_t hash, std::uint32_t id) {
  if (old_.size() > 0) move_some();
  if ((count_ + 1) * 5 > now_.size() * 4) resize(std::max(kSmallest, now_.size() + now_.size() / 4));
  array_of(hash).insert(cell_of(hash, id));
  ++count_;
}

void KeyIndex::erase(std::uint32_t hash, std::uint32_t id) {
  const bool found = array_of(hash).erase(cell_of(hash, id));
  invariant(found, "an entry that is erased is in the index");
  --count_;
  if (old_.size() > 0)
    move_some();
  else if (now_.size() > kShrinksFrom && count_ * 8 < now_.size())
    resize(std::max(count_ * 2, now_.size() / kShrinkAtOnce));
}

void KeyIndex::resize(std::size_t size) {
  while (old_.size() > 0) move_some();
  old_ = std::move(now_);
  now_ = Array(size);
  progress_ = 0;
  if (old_.size() > 0) move_some();
}

void KeyIndex::move_some() {
  const std::size_t cells = old_.size() > now_.size() ? kMovedShrinking : kMovedGrowing;
  for (std::size_t left = cells;; left -= left > 0 ? 1 : 0) {
    if (progress_ >= old_.size() && old_.at(progress_) == 0) {
      old_ = {};
      progress_ = 0;
      return;
    }
    const Cell cell = old_.at(progress_);
    if (cell == 0 && left == 0) return;
    if (cell != 0) {
      now_.insert(cell);
      old_.set(progress_, 0);
    }
    old_.free_before(++progress_);
  }
}

}  // namespace tidemark
