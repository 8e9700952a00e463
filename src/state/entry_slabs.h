// EntrySlabs is where entries live: slabs of 256 slots of one size, a size for every length of key.
//
// An entry never moves. Its id names its slab and slot; it follows from where the entry lies. A slab that
// holds no entry is given back, except some that are kept for the next ones, so that windows that open and
// close do not go through the allocator each time. Threads: loop only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/prefetch.h"
#include "state/changed_entries.h"
#include "state/entry.h"

namespace tidemark {

class EntrySlabs {
 public:
  using Entry = EntryTable::Entry;
  static constexpr std::uint32_t kSlotBits = 8;
  static constexpr std::uint32_t kSlots = 1u << kSlotBits;
  static_assert(kSlots == SlabHead::kSlots);

  explicit EntrySlabs(std::size_t payload_size);

  // A live entry with the key and no other flag; its payload is raw bytes.
  Entry* allocate(std::string_view key);
  // The payload must have been destroyed.
  void free(Entry* entry);

  Entry* at(std::uint32_t id) const { return slot(slabs_[id >> kSlotBits], id & (kSlots - 1)); }
  // Of a live entry.
  SlabHead& head_of(Entry* entry) const {
    const std::size_t slot_size = entry->front_room() + payload_size_;
    return *reinterpret_cast<SlabHead*>(reinterpret_cast<std::byte*>(entry) - entry->slot * slot_size -
                                        sizeof(SlabHead));
  }
  std::uint32_t id_of(Entry* entry) const { return head_of(entry).number << kSlotBits | entry->slot; }
  // Null when the slab has been given back.
  const SlabHead* head_or_null(std::uint32_t number) const {
    return reinterpret_cast<const SlabHead*>(slabs_[number].bytes.get());
  }
  // Asks for the memory of an entry, or of the beginning of a large one.
  void bring_near(std::uint32_t id) const {
    constexpr std::uint32_t kLine = 64, kMost = 4 * kLine;
    const auto* const entry = reinterpret_cast<const std::byte*>(at(id));
    const std::uint32_t size = std::min(slabs_[id >> kSlotBits].slot_size, kMost);
    for (std::uint32_t i = 0; i < size; i += kLine) prefetch(entry + i);
  }
  // The header of the slot whether an entry lives in it or not; null when its slab has been given back or the
  // slot was never used.
  Entry* slot_or_null(std::uint32_t id) const;

  // Ids below this one may name entries.
  std::uint32_t id_end() const { return static_cast<std::uint32_t>(slabs_.size()) << kSlotBits; }
  // The first live entry at or after `id`, looking at no more than `slots` slots; `id` moves past what was
  // looked at, to id_end() at the end.
  Entry* next_live(std::uint32_t& id, std::size_t& slots) const;

  std::size_t size() const { return live_; }
  std::size_t memory_bytes() const { return bytes_ + slabs_.capacity() * sizeof(Slab); }

 private:
  static constexpr std::uint32_t kNoSlab = 0xffffffff;

  struct Slab {
    std::unique_ptr<std::byte[]> bytes;  // null: given back; its number waits for reuse
    std::uint32_t slot_size = 0;
    std::uint16_t used = 0;  // slots from the front that were ever used
    std::uint16_t live = 0;
    std::uint8_t first_free = 0;  // where fewer are live than were used
    std::uint16_t size_class = 0;
    std::uint32_t before = kNoSlab, after = kNoSlab;  // in its class's chain of slabs with room
  };
  struct SizeClass {
    std::uint32_t with_room = kNoSlab;  // the first of the chain
    std::uint32_t slabs = 0, empty = 0;
  };

  static std::byte* place(const Slab& slab, std::uint32_t number) {
    return slab.bytes.get() + sizeof(SlabHead) + std::size_t{number} * slab.slot_size;
  }
  static std::size_t bytes_of(std::size_t slot_size) { return sizeof(SlabHead) + slot_size * kSlots; }
  static Entry* slot(const Slab& slab, std::uint32_t number) {
    return reinterpret_cast<Entry*>(place(slab, number));
  }
  std::uint32_t make_slab(std::uint16_t size_class);
  void give_back(std::uint32_t number);
  void link(std::uint32_t number);
  void unlink(std::uint32_t number);

  const std::size_t payload_size_;
  std::vector<Slab> slabs_;
  std::vector<std::uint32_t> unused_numbers_;
  std::vector<SizeClass> classes_;  // by front_room / 8
  std::size_t live_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace tidemark
