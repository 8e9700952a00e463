// How an entry lies in memory: 8 bytes of header, the key padded to 8, the payload. Seen by this folder only.
//
// A key longer than kLongestInline lies on the heap, behind a pointer in the key's place.
// The header of a slot without an entry keeps its list mark: the slot's id may still stand in a list of
// changes.
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
  static constexpr std::size_t kHeader = 8;
  static constexpr std::size_t kLongestInline = 255;
  static constexpr std::uint16_t kLong = 0xffff;  // key_size of a key on the heap

  // flags
  static constexpr std::uint8_t kLive = 1;    // the slot holds an entry
  static constexpr std::uint8_t kStored = 2;  // a checkpoint may hold a row of it: erasing leaves a tombstone
  static constexpr std::uint8_t kSettled = 4;  // the walk of the base under way has nothing to capture here
  static constexpr std::uint8_t kListA = 8;    // stands in list A of changed entries, or in B, or in none
  static constexpr std::uint8_t kListB = 16;
  static constexpr std::uint8_t kLists = kListA | kListB;

  std::uint32_t id;
  std::uint16_t key_size;  // in a free slot: the next free one
  std::uint8_t flags;

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
  void set(std::uint8_t flag) { flags = static_cast<std::uint8_t>(flags | flag); }
  void unset(std::uint8_t flag) { flags = static_cast<std::uint8_t>(flags & ~flag); }
  std::uint8_t list() const { return flags & kLists; }
  void set_list(std::uint8_t list) { flags = static_cast<std::uint8_t>((flags & ~kLists) | list); }

  // The bytes that a key of this size takes in the slot.
  static constexpr std::size_t key_room(std::size_t size) {
    return size > kLongestInline ? 8 : (size + 7) & ~std::size_t{7};
  }

  std::byte* key_place() { return reinterpret_cast<std::byte*>(this) + kHeader; }
  const std::byte* key_place() const { return reinterpret_cast<const std::byte*>(this) + kHeader; }
  std::byte* payload_place() { return key_place() + key_room(key_size); }
  const std::byte* payload_place() const { return key_place() + key_room(key_size); }

  void place_key(std::string_view key);
  void free_key();
  std::string_view key_text() const {
    if (key_size != kLong) return {reinterpret_cast<const char*>(key_place()), key_size};
    return long_key();
  }

 private:
  std::string_view long_key() const;
  char* heap() const;
};

static_assert(sizeof(EntryTable::Entry) == EntryTable::Entry::kHeader);

}  // namespace tidemark
