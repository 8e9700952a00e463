#include "pipeline/key_sort.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace tidemark {
namespace {

constexpr std::size_t kFew = 32;         // compared with each other
constexpr std::size_t kRadixFrom = 128;  // below it, counting digits costs more than it saves
// Keys that are made to share ever longer beginnings must not make this a sort of n² steps.
constexpr unsigned kDeepest = 6;
constexpr std::size_t kAhead = 8;  // entries asked of the memory before they are needed

std::uint64_t head_of(std::string_view key, std::size_t at) {
  std::uint64_t head = 0;
  for (std::size_t i = 0; i < 8; ++i)
    head = head << 8 | (at + i < key.size() ? static_cast<unsigned char>(key[at + i]) : 0u);
  return head;
}

// How many bytes from `from` on are the same, at most `most`.
std::size_t alike(std::string_view a, std::string_view b, std::size_t from, std::size_t most) {
  const std::size_t end = std::min({a.size(), b.size(), from + most});
  std::size_t i = from;
  while (i < end && a[i] == b[i]) ++i;
  return i - from;
}

}  // namespace

void KeySort::sort(std::span<Entry*> entries) {
  cells_.clear();
  for (Entry* entry : entries) cells_.push_back({0, entry});
  other_.resize(cells_.size());
  sort_from(cells_, skipped_, 0);
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i] = cells_[i].entry;
}

void KeySort::sort_from(std::span<Cell> cells, std::size_t depth, unsigned level) {
  if (cells.size() <= kFew || level == kDeepest) {
    std::ranges::sort(cells, [this](const Cell& a, const Cell& b) {
      return EntryTable::key(a.entry).substr(skipped_) < EntryTable::key(b.entry).substr(skipped_);
    });
    return;
  }
  const std::string_view first = EntryTable::key(cells.front().entry);
  std::size_t common = first.size() - depth;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i + kAhead < cells.size()) __builtin_prefetch(cells[i + kAhead].entry);
    common = alike(first, EntryTable::key(cells[i].entry), depth, common);
  }
  depth += common;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i + kAhead < cells.size()) __builtin_prefetch(cells[i + kAhead].entry);
    cells[i].head = head_of(EntryTable::key(cells[i].entry), depth);
  }
  sort_by_head(cells);
  sort_equal_heads(cells, depth + sizeof(Cell::head), level + 1);
}

void KeySort::sort_equal_heads(std::span<Cell> cells, std::size_t depth, unsigned level) {
  for (std::size_t begin = 0, end; begin < cells.size(); begin = end) {
    bool short_keys = false;
    for (end = begin; end < cells.size() && cells[end].head == cells[begin].head; ++end)
      if (EntryTable::key(cells[end].entry).size() < depth) short_keys = true;
    if (end - begin < 2) continue;
    // One that has ended is filled up with zeros: it may be equal to one that has such bytes.
    sort_from(cells.subspan(begin, end - begin), depth, short_keys ? kDeepest : level);
  }
}

void KeySort::sort_by_head(std::span<Cell> cells) {
  if (cells.size() < kRadixFrom) {
    std::ranges::sort(cells, {}, &Cell::head);
    return;
  }
  constexpr unsigned kDigits = 8;
  std::array<std::array<std::uint32_t, 256>, kDigits> counts{};
  for (const Cell& cell : cells)
    for (unsigned d = 0; d < kDigits; ++d) ++counts[d][cell.head >> (8 * d) & 0xff];
  std::span<Cell> from = cells, to = std::span(other_).first(cells.size());
  for (unsigned d = 0; d < kDigits; ++d) {
    std::array<std::uint32_t, 256>& places = counts[d];
    if (places[from.front().head >> (8 * d) & 0xff] == cells.size()) continue;  // the same in all
    std::uint32_t place = 0;
    for (std::uint32_t& count : places) place += std::exchange(count, place);
    for (const Cell& cell : from) to[places[cell.head >> (8 * d) & 0xff]++] = cell;
    std::swap(from, to);
  }
  if (from.data() != cells.data()) std::ranges::copy(from, cells.begin());
}

}  // namespace tidemark
