// How an entry lies in memory: 3 bytes of header, the key, both padded to 8, the payload. Seen by this folder
// only.
//
// A key longer than kLongestInline lies on the heap, behind a pointer in the key's place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "state/entry_table.h"

namespace tidemark {

// The header; the key and the payload follow it. Only EntrySlabs makes them.
class EntryTable::Entry {
 public:
  static constexpr std::size_t kHeader = 3;
  static constexpr std::size_t kLongestInline = 255;

  // flags; of a slot without an entry: none
  static constexpr std::uint8_t kLive = 1;    // the slot holds an entry
  static constexpr std::uint8_t kStored = 2;  // a checkpoint may hold a row of it: erasing leaves a tombstone
  static constexpr std::uint8_t kSettled = 4;  // the walk of the base under way has nothing to capture here
  static constexpr std::uint8_t kListA = 8;    // stands in list A of changed entries, or in B, or in none
  static constexpr std::uint8_t kListB = 16;
  static constexpr std::uint8_t kLists = kListA | kListB;
  static constexpr std::uint8_t kLong = 32;  // the key lies on the heap

  std::uint8_t slot;      // of its slab
  std::uint8_t key_size;  // of a key that is not long; in a free slot: the next free one
  std::uint8_t flags;

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
  void set(std::uint8_t flag) { flags = static_cast<std::uint8_t>(flags | flag); }
  void unset(std::uint8_t flag) { flags = static_cast<std::uint8_t>(flags & ~flag); }
  std::uint8_t list() const { return flags & kLists; }
  void set_list(std::uint8_t list) { flags = static_cast<std::uint8_t>((flags & ~kLists) | list); }

  // The bytes that the header and a key of this size take in the slot.
  static constexpr std::size_t front_room(std::size_t size) {
    return (kHeader + (size > kLongestInline ? sizeof(char*) : size) + 7) & ~std::size_t{7};
  }
  std::size_t front_room() const { return front_room(key_size); }

  std::byte* key_place() { return reinterpret_cast<std::byte*>(this) + kHeader; }
  const std::byte* key_place() const { return reinterpret_cast<const std::byte*>(this) + kHeader; }
  std::byte* payload_place() { return reinterpret_cast<std::byte*>(this) + front_room(); }
  const std::byte* payload_place() const { return reinterpret_cast<const std::byte*>(this) + front_room(); }

  void place_key(std::string_view key);
  void free_key();
  std::string_view key_text() const {
    if (!has(kLong)) return {reinterpret_cast<const char*>(key_place()), key_size};
    return long_key();
  }

 private:
  std::string_view long_key() const;
  char* heap() const;
};

static_assert(sizeof(EntryTable::Entry) == EntryTable::Entry::kHeader);

}  // namespace tidemark
