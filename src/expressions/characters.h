// Characters of UTF-8 text, as sqlite counts them: a byte above 0xBF and the continuation bytes after it are
// one, every other byte is one. Text that is no UTF-8 is counted by the same rule and never refused. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace tidemark {

// Bytes of the character that begins at `at`, which must lie inside the text.
inline std::size_t character_size(std::string_view text, std::size_t at) {
  std::size_t end = at + 1;
  if (static_cast<unsigned char>(text[at]) < 0xC0) return 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
  return end - at;
}

inline std::size_t character_count(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); at += character_size(text, at)) ++count;
  return count;
}

// ASCII only, as sqlite.
inline char small_letter(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
inline char capital_letter(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

}  // namespace tidemark
