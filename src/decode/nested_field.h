// NestedField: the members and elements of a nested record (json, msgpack, cbor) that are read, typed, or on
// the way to one that is, as a tree. Its root stands for the record.
//
// Built once for a decoder. What it says is constant afterwards; it remembers the names of the record before,
// to find them quickly. Threads: one at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/value.h"
#include "config/settings.h"
#include "decode/fields.h"

namespace tidemark {

struct NestedField {
  static constexpr std::size_t kNoSlot = static_cast<std::size_t>(-1);

  std::string path;  // for messages
  std::size_t slot = kNoSlot;
  FieldSetting::Type type = FieldSetting::Type::any;

  std::vector<std::pair<std::string, std::unique_ptr<NestedField>>> members;
  std::vector<std::pair<std::uint32_t, std::unique_ptr<NestedField>>> elements;
  std::vector<std::size_t> slots_inside;  // of everything below

  // Its own text or number matters, not only what is inside of it.
  bool is_read() const { return slot != kNoSlot || type != FieldSetting::Type::any; }

  // The member of this name, which is the nth of the object in hand; null when nothing of it is wanted.
  NestedField* member(std::size_t nth, std::string_view name) {
    return nth < last_.size() && last_[nth].is(name) ? last_[nth].field : look_up(nth, name);
  }
  // The same of a member whose name stands at `quoted`, in quotes and without escapes, where kMostQuoted
  // bytes may be read: of the one that the object before had in this place, nothing else is looked at.
  // `name()` is the name.
  static constexpr std::size_t kMostQuoted = 54;
  template <class Name>
  NestedField* member(std::size_t nth, const char* quoted, const Name& name) {
    return nth < last_.size() && last_[nth].stands_at(quoted) ? last_[nth].field : look_up(nth, name());
  }
  NestedField* element(std::uint64_t index) const {
    for (const auto& [wanted_index, wanted] : elements)
      if (wanted_index == index) return wanted.get();
    return nullptr;
  }

 private:
  // A member of the object before: most records repeat the names and their order, wanted or not.
  struct Seen {
    std::array<char, kMostQuoted> quoted;  // its name; it holds neither quotes nor backslashes
    std::uint32_t size;                    // with both quotes
    NestedField* field;
    bool is(std::string_view name) const {
      return name.size() + 2 == size && same_bytes(name.data(), quoted.data() + 1, name.size());
    }
    bool stands_at(const char* at) const { return same_bytes(at, quoted.data(), size); }
  };
  static bool same_bytes(const char* a, const char* b, std::size_t size);
  NestedField* look_up(std::size_t nth, std::string_view name);

  std::vector<Seen> last_;
};

// A call of memcmp() takes longer than the few bytes of a name.
inline bool NestedField::same_bytes(const char* a, const char* b, std::size_t size) {
  const auto same = [&]<typename Word>(std::size_t at, Word) {
    Word x, y;
    std::memcpy(&x, a + at, sizeof x);
    std::memcpy(&y, b + at, sizeof y);
    return x == y;
  };
  constexpr std::uint64_t kEight{};
  constexpr std::uint32_t kFour{};
  if (size >= 8) {
    for (std::size_t at = 0; at + 8 < size; at += 8)
      if (!same(at, kEight)) return false;
    return same(size - 8, kEight);
  }
  if (size >= 4) return same(0, kFour) && same(size - 4, kFour);
  return size == 0 || (a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1]);
}

NestedField nested_fields(const FormatSettings& format, const FieldSet& fields);

}  // namespace tidemark
