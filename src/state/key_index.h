// KeyIndex finds the id of an entry by the hash of its key: open addressing, linear probing, no marks left by
// erased keys.
//
// A cell is 8 bytes, the hash and the id, so that neither a probe past other keys nor rehashing looks at an
// entry. Growing and shrinking never stop the world: the cells move to the new array some at a time, with
// each insert and erase. While they do, a key is looked for in both arrays, unless its part of the old one
// has already been moved. Threads: loop only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace tidemark {

class KeyIndex {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  // The id among those of the hash for which same(id) holds, or kNone.
  template <class Same>
  std::uint32_t find(std::uint32_t hash, const Same& same) const {
    if (old_.cells && !moved(hash)) {
      const std::uint32_t id = old_.find(hash, same);
      if (id != kNone) return id;
    }
    return now_.find(hash, same);
  }

  // The key must not be there yet; id is less than kNone.
  void insert(std::uint32_t hash, std::uint32_t id);
  void erase(std::uint32_t hash, std::uint32_t id);
  void clear();

  std::size_t size() const { return count_; }
  std::size_t memory_bytes() const { return now_.bytes() + old_.bytes(); }

 private:
  using Cell = std::uint64_t;  // hash << 32 | id + 1; 0 when empty
  struct Free {
    void operator()(Cell* cells) const { std::free(cells); }
  };
  struct Array {
    std::unique_ptr<Cell[], Free> cells;  // from calloc: large arrays cost a page when it is first used
    std::size_t mask = 0;                 // their number less one; a power of two less one

    static Array make(std::size_t size);
    std::size_t bytes() const { return cells ? (mask + 1) * sizeof(Cell) : 0; }
    void insert(Cell cell);
    bool erase(Cell cell);
    template <class Same>
    std::uint32_t find(std::uint32_t hash, const Same& same) const {
      if (!cells) return kNone;
      for (std::size_t at = hash & mask; cells[at] != 0; at = (at + 1) & mask)
        if (hash_of(cells[at]) == hash && same(id_of(cells[at]))) return id_of(cells[at]);
      return kNone;
    }
  };

  static Cell cell_of(std::uint32_t hash, std::uint32_t id) {
    return static_cast<Cell>(hash) << 32 | (id + std::uint32_t{1});
  }
  static std::uint32_t hash_of(Cell cell) { return static_cast<std::uint32_t>(cell >> 32); }
  static std::uint32_t id_of(Cell cell) { return static_cast<std::uint32_t>(cell) - 1; }

  // Whether the keys whose probing begins where this hash's does have left the old array.
  bool moved(std::uint32_t hash) const { return (((hash & old_.mask) - start_) & old_.mask) < progress_; }
  void resize(std::size_t size);
  void move_some();

  Array now_;
  Array old_;                 // while its cells move; no key is inserted into it
  std::size_t start_ = 0;     // in old_: an empty cell, so that no run of full ones reaches across
  std::size_t progress_ = 0;  // cells moved, counted from start_ around; the next is empty
  std::size_t count_ = 0;
};

}  // namespace tidemark
