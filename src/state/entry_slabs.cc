#include "state/entry_slabs.h"

#include <cstring>
#include <new>

#include "base/invariant.h"

namespace tidemark {
namespace {

// One in so many slabs of a size may be kept although it is empty.
constexpr std::uint32_t kKeptShare = 16;

}  // namespace

void EntryTable::Entry::place_key(std::string_view key) {
  if (key.size() <= kLongestInline) {
    key_size = static_cast<std::uint8_t>(key.size());
    if (!key.empty()) std::memcpy(key_place(), key.data(), key.size());
    return;
  }
  const std::uint64_t size = key.size();
  char* const heap = new char[sizeof size + key.size()];
  std::memcpy(heap, &size, sizeof size);
  std::memcpy(heap + sizeof size, key.data(), key.size());
  std::memcpy(key_place(), &heap, sizeof heap);
  key_size = sizeof heap;
  set(kLong);
}

void EntryTable::Entry::free_key() {
  if (has(kLong)) delete[] heap();
}

char* EntryTable::Entry::heap() const {
  char* heap;
  std::memcpy(&heap, key_place(), sizeof heap);
  return heap;
}

std::string_view EntryTable::Entry::long_key() const {
  std::uint64_t size;
  std::memcpy(&size, heap(), sizeof size);
  return {heap() + sizeof size, static_cast<std::size_t>(size)};
}

EntrySlabs::EntrySlabs(std::size_t payload_size)
    : payload_size_(payload_size), classes_(Entry::front_room(Entry::kLongestInline) / 8 + 1) {
  static_assert(sizeof(SlabHead) % 8 == 0, "slots begin at a multiple of 8 bytes");
  invariant(payload_size % 8 == 0, "payloads are a multiple of 8 bytes");
}

EntrySlabs::Entry* EntrySlabs::allocate(std::string_view key) {
  const auto size_class = static_cast<std::uint16_t>(Entry::front_room(key.size()) / 8);
  const std::uint32_t chain = classes_[size_class].with_room;
  const std::uint32_t number = chain != kNoSlab ? chain : make_slab(size_class);
  Slab& slab = slabs_[number];
  Entry* entry;
  if (slab.live < slab.used) {
    entry = slot(slab, slab.first_free);
    slab.first_free = entry->key_size;
  } else {
    const std::uint32_t fresh = slab.used++;
    entry = new (place(slab, fresh)) Entry{};
    entry->slot = static_cast<std::uint8_t>(fresh);
  }
  if (slab.live++ == 0) --classes_[size_class].empty;
  if (slab.live == kSlots) unlink(number);
  ++live_;
  entry->flags = Entry::kLive;
  entry->place_key(key);
  return entry;
}

void EntrySlabs::free(Entry* entry) {
  const std::uint32_t number = head_of(entry).number;
  Slab& slab = slabs_[number];
  SizeClass& of_size = classes_[slab.size_class];
  entry->free_key();
  entry->flags = 0;
  entry->key_size = slab.first_free;
  slab.first_free = entry->slot;
  --live_;
  if (slab.live-- == kSlots) link(number);
  if (slab.live > 0) return;
  ++of_size.empty;
  if (of_size.empty * kKeptShare > of_size.slabs + kKeptShare - 1) give_back(number);
}

EntrySlabs::Entry* EntrySlabs::slot_or_null(std::uint32_t id) const {
  const Slab& slab = slabs_[id >> kSlotBits];
  const std::uint32_t number = id & (kSlots - 1);
  return slab.bytes && number < slab.used ? slot(slab, number) : nullptr;
}

EntrySlabs::Entry* EntrySlabs::next_live(std::uint32_t& id, std::size_t& slots) const {
  while (id < id_end() && slots > 0) {
    const Slab& slab = slabs_[id >> kSlotBits];
    const std::uint32_t number = id & (kSlots - 1);
    --slots;
    if (slab.live == 0 || number >= slab.used) {
      id = ((id >> kSlotBits) + 1) << kSlotBits;
      continue;
    }
    ++id;
    Entry* const entry = slot(slab, number);
    if (entry->has(Entry::kLive)) return entry;
  }
  return nullptr;
}

std::uint32_t EntrySlabs::make_slab(std::uint16_t size_class) {
  std::uint32_t number;
  if (!unused_numbers_.empty()) {
    number = unused_numbers_.back();
    unused_numbers_.pop_back();
  } else {
    number = static_cast<std::uint32_t>(slabs_.size());
    invariant(number < (1u << (32 - kSlotBits)) - 1, "less than four thousand million entries in a table");
    slabs_.emplace_back();
  }
  Slab& slab = slabs_[number];
  slab = {};
  slab.size_class = size_class;
  slab.slot_size = static_cast<std::uint32_t>(std::size_t{size_class} * 8 + payload_size_);
  slab.bytes = std::make_unique_for_overwrite<std::byte[]>(bytes_of(slab.slot_size));
  new (slab.bytes.get()) SlabHead{.number = number};
  bytes_ += bytes_of(slab.slot_size);
  ++classes_[size_class].slabs;
  ++classes_[size_class].empty;
  link(number);
  return number;
}

void EntrySlabs::give_back(std::uint32_t number) {
  Slab& slab = slabs_[number];
  unlink(number);
  --classes_[slab.size_class].slabs;
  --classes_[slab.size_class].empty;
  bytes_ -= bytes_of(slab.slot_size);
  slab = {};
  unused_numbers_.push_back(number);
}

void EntrySlabs::link(std::uint32_t number) {
  Slab& slab = slabs_[number];
  SizeClass& of_size = classes_[slab.size_class];
  slab.before = kNoSlab;
  slab.after = of_size.with_room;
  if (slab.after != kNoSlab) slabs_[slab.after].before = number;
  of_size.with_room = number;
}

void EntrySlabs::unlink(std::uint32_t number) {
  Slab& slab = slabs_[number];
  if (slab.before != kNoSlab)
    slabs_[slab.before].after = slab.after;
  else
    classes_[slab.size_class].with_room = slab.after;
  if (slab.after != kNoSlab) slabs_[slab.after].before = slab.before;
  slab.before = slab.after = kNoSlab;
}

}  // namespace tidemark
