#include "expressions/text_builder.h"

#include <algorithm>
#include <cstring>

namespace tidemark {

char* room_for_text(Arena& arena, std::size_t size) {
  if (size > kMaxResultText || arena.size() + size > kMaxRecordTexts) return nullptr;
  return arena.allocate(size);
}

TextBuilder::TextBuilder(Arena& arena, std::size_t expected)
    : arena_(arena), at_(room_for_text(arena, expected)), capacity_(expected), full_(at_ == nullptr) {
  if (full_) capacity_ = 0;
}

void TextBuilder::add(std::string_view text) {
  if (text.empty() || (capacity_ - size_ < text.size() && !grow(text.size()))) return;
  std::memcpy(at_ + size_, text.data(), text.size());
  size_ += text.size();
}

void TextBuilder::repeat(std::string_view text, std::uint64_t times) {
  if (text.empty() || times == 0) return;
  if (times > kMaxResultText / text.size()) {
    full_ = true;
    return;
  }
  const std::size_t more = text.size() * static_cast<std::size_t>(times);
  if (capacity_ - size_ < more && !grow(more)) return;
  for (; times > 0; --times) add(text);
}

bool TextBuilder::grow(std::size_t more) {
  if (full_) return false;
  // Twice as large, so that growing copies each byte once on average; at the bound only as large as needed.
  const std::size_t needed = size_ + more;
  const std::size_t larger = std::max(needed, std::min(2 * capacity_, kMaxResultText));
  char* const to = room_for_text(arena_, larger);
  full_ = to == nullptr;
  if (full_) return false;
  if (size_ > 0) std::memcpy(to, at_, size_);
  at_ = to;
  capacity_ = larger;
  return true;
}

Fault TextBuilder::give(Value& out) const {
  if (full_) return EvalError::Kind::text_too_long;
  out = Value::text(text());
  return {};
}

}  // namespace tidemark
