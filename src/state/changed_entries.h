// ChangedEntries: a list of entries, as a bit for every slot of their slabs and the numbers of those slabs.
//
// A million entries that change in a second would be megabytes of ids. The bits stand in the slab itself, for
// each of two lists; what a list held before it was begun anew is told by a generation, so that beginning one
// anew touches no slab. An entry is listed once however often it is added. What leaves its slot stays listed:
// who goes over a list asks the entry in the slot whether it is meant. Threads: loop only.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace tidemark {

// What is in front of the slots of a slab. All zero but for the number when it is made.
struct SlabHead {
  static constexpr unsigned kSlots = 256;
  struct Listed {
    std::uint32_t generation = 0;  // of the list
    std::array<std::uint64_t, kSlots / 64> slots{};
  };

  std::uint32_t number = 0;
  std::array<Listed, 2> listed{};
};

class ChangedEntries {
 public:
  // `list`: 0 or 1; no two lists of the same slabs may be the same one.
  explicit ChangedEntries(unsigned list) : list_(list) {}

  void add(SlabHead& head, unsigned slot) {
    SlabHead::Listed& listed = head.listed[list_];
    if (listed.generation != generation_) {
      listed = {.generation = generation_, .slots = {}};
      slabs_.push_back(head.number);
    }
    listed.slots[slot / 64] |= std::uint64_t{1} << slot % 64;
  }
  void begin_anew() {
    ++generation_;
    slabs_.clear();
  }

  // Slabs that may hold entries of the list.
  std::size_t slabs() const { return slabs_.size(); }
  std::uint32_t slab(std::size_t i) const { return slabs_[i]; }
  // The first slot of the slab at or after `slot` that is listed; kSlots: there is none.
  unsigned next(const SlabHead& head, unsigned slot) const {
    const SlabHead::Listed& listed = head.listed[list_];
    if (listed.generation != generation_) return SlabHead::kSlots;
    for (unsigned word = slot / 64; word < listed.slots.size(); ++word) {
      std::uint64_t bits = listed.slots[word];
      if (word == slot / 64) bits &= ~std::uint64_t{0} << slot % 64;
      if (bits != 0) return word * 64 + static_cast<unsigned>(std::countr_zero(bits));
    }
    return SlabHead::kSlots;
  }

  std::size_t memory_bytes() const { return slabs_.size() * sizeof(std::uint32_t); }

 private:
  unsigned list_;
  std::uint32_t generation_ = 1;
  std::deque<std::uint32_t> slabs_;
};

}  // namespace tidemark
