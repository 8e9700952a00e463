// JsonWalk reads a record from the tokens of its line (json_tokens.h), without building anything in between.
//
// It checks the whole record as the DOM parser would, and is certain of what it accepts. What it does not
// accept may still be a good record: texts with escapes, objects and arrays read as a scalar, and whatever is
// wrong are left to the DOM parser. Threads: one at a time.
#pragma once

#include <cstdint>
#include <span>

#include "base/value.h"
#include "decode/json_tokens.h"
#include "decode/nested_field.h"

namespace tidemark {

class JsonWalk {
 public:
  JsonWalk(std::uint32_t max_depth, std::uint32_t max_fields)
      : max_depth_(max_depth), max_fields_(max_fields) {}

  // Fills the slots, with views into the line's original bytes, and returns the first token behind the
  // record; null when it is not certain, and the slots hold anything.
  const std::uint32_t* read(const JsonTokens::Line& line, NestedField& record, std::span<Value> slots);

 private:
  // Each takes the place of its first token and returns that of the token behind; null: not certain.
  using Place = const std::uint32_t*;
  Place object(Place at, NestedField* field, std::uint32_t depth);
  Place array(Place at, NestedField* field, std::uint32_t depth);
  [[gnu::always_inline]] Place value(Place at, NestedField* field, std::uint32_t depth);
  bool number(Place at, Value& value) const;
  std::string_view text(Place at) const;

  const std::uint32_t max_depth_;
  const std::uint32_t max_fields_;

  // Of the line in hand.
  const char* bytes_ = nullptr;
  const char* original_ = nullptr;
  std::uint32_t end_ = 0;
  std::uint32_t fields_ = 0;
  Value* slots_ = nullptr;
};

}  // namespace tidemark
