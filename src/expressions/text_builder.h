// TextBuilder makes a text whose length is not known before, in the arena of a call.
//
// No text grows beyond kMaxResultText, nor the texts of one record together beyond kMaxRecordTexts: what
// would is the record's error. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/value.h"
#include "expressions/operators.h"
#include "expressions/program.h"

namespace tidemark {

// Bound of all the texts that the expressions of one pipeline make of one record.
constexpr std::size_t kMaxRecordTexts = 4 * kMaxResultText;

// Bytes for a text of that size; null when it is beyond the bounds.
char* room_for_text(Arena& arena, std::size_t size);

class TextBuilder {
 public:
  // Takes `expected` bytes at once; more are found when they are needed.
  explicit TextBuilder(Arena& arena, std::size_t expected = 64);

  void add(char c) {
    if (size_ < capacity_ || grow(1)) at_[size_++] = c;
  }
  void add(std::string_view text);
  void repeat(std::string_view text, std::uint64_t times);

  // Whether the bounds were reached: what was added since is lost.
  bool full() const { return full_; }
  std::string_view text() const { return {at_, size_}; }
  Fault give(Value& out) const;

 private:
  // Room for that many bytes more.
  bool grow(std::size_t more);

  Arena& arena_;
  char* at_;
  std::size_t size_ = 0;
  std::size_t capacity_;
  bool full_;
};

}  // namespace tidemark
