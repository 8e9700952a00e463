// KeyIndex finds the id of an entry by the hash of its key: open addressing, linear probing, no marks left by
// erased keys.
//
// A cell is 8 bytes, the hash and the id, so that neither a probe past other keys nor rehashing looks at an
// entry. Probing begins where the hash stands among all hashes: the cells lie nearly in the order of their
// hashes, whatever the size of the array, which need not be a power of two and is mostly full.
//
// Growing and shrinking never stop the world: the cells move to the new array some at a time, from the front,
// with each insert and erase. While they do, what belongs before the cells that are still to be moved is in
// the new array, the rest in the old one, new keys too: so the two together are no larger than the larger
// one. Arrays are made of pieces, each allocated with its first cell and freed when its cells have moved: no
// moment clears or frees megabytes. Threads: loop only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/prefetch.h"

namespace tidemark {

class KeyIndex {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  // The id among those of the hash for which same(id) holds, or kNone.
  template <class Same>
  std::uint32_t find(std::uint32_t hash, const Same& same) const {
    return array_of(hash).find(hash, same);
  }

  // Asks for the memory that find() will look at first.
  void bring_near(std::uint32_t hash) const { array_of(hash).bring_near(hash); }

  // The key must not be there yet; id is less than kNone.
  void insert(std::uint32_t hash, std::uint32_t id);
  void erase(std::uint32_t hash, std::uint32_t id);

  std::size_t size() const { return count_; }
  std::size_t memory_bytes() const { return now_.memory_bytes() + old_.memory_bytes(); }

 private:
  using Cell = std::uint64_t;  // hash << 32 | id + 1; 0 when empty

  class Array {
   public:
    Array() = default;
    explicit Array(std::size_t size) : pieces_(size / kPiece + 2), size_(size) {}

    std::size_t size() const { return size_; }  // the last ones may stand behind it
    std::size_t memory_bytes() const;
    std::size_t home(std::uint32_t hash) const {
      return static_cast<std::size_t>(std::uint64_t{hash} * size_ >> 32);
    }
    // At most one piece behind the last cell.
    Cell at(std::size_t i) const {
      const Cell* const piece = pieces_[i >> kPieceBits].get();
      return piece ? piece[i & (kPiece - 1)] : 0;
    }
    void bring_near(std::uint32_t hash) const {
      if (pieces_.empty()) return;
      const std::size_t i = home(hash);
      if (const Cell* const piece = pieces_[i >> kPieceBits].get()) prefetch(piece + (i & (kPiece - 1)));
    }
    void set(std::size_t i, Cell cell);
    // Every cell before `i` is empty and stays so.
    void free_before(std::size_t i) {
      if (i % kPiece == 0 && i > 0) pieces_[(i >> kPieceBits) - 1].reset();
    }
    void insert(Cell cell);
    bool erase(Cell cell);
    template <class Same>
    std::uint32_t find(std::uint32_t hash, const Same& same) const {
      if (pieces_.empty()) return kNone;
      for (std::size_t i = home(hash);; ++i) {
        const Cell cell = at(i);
        if (cell == 0) return kNone;
        if (hash_of(cell) == hash && same(id_of(cell))) return id_of(cell);
      }
    }

   private:
    static constexpr unsigned kPieceBits = 8;
    static constexpr std::size_t kPiece = std::size_t{1} << kPieceBits;

    std::vector<std::unique_ptr<Cell[]>> pieces_;  // null: its cells are empty, as those of the last one
    std::size_t size_ = 0;
  };

  static Cell cell_of(std::uint32_t hash, std::uint32_t id) {
    return static_cast<Cell>(hash) << 32 | (id + std::uint32_t{1});
  }
  static std::uint32_t hash_of(Cell cell) { return static_cast<std::uint32_t>(cell >> 32); }
  static std::uint32_t id_of(Cell cell) { return static_cast<std::uint32_t>(cell) - 1; }

  // That which holds the keys of this hash.
  bool in_old(std::uint32_t hash) const { return old_.size() > 0 && old_.home(hash) >= progress_; }
  const Array& array_of(std::uint32_t hash) const { return in_old(hash) ? old_ : now_; }
  Array& array_of(std::uint32_t hash) { return in_old(hash) ? old_ : now_; }
  void resize(std::size_t size);
  void move_some();

  Array now_;
  Array old_;  // while its cells move
  std::size_t progress_ =
      0;  // cells moved, from the front; the next is empty: no run of full ones is cut in two
  std::size_t count_ = 0;
};

}  // namespace tidemark
