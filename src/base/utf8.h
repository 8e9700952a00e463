// The characters of UTF-8, strictly: table 3-7 of the Unicode standard. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace tidemark {

// What stands for bytes that are no character: U+FFFD.
constexpr std::string_view kReplacementCharacter = "\xef\xbf\xbd";

struct Utf8Part {
  std::size_t length;
  bool valid;
};

// The character at the front of a text that is not empty, or the longest start of one that is broken off (at
// least one byte).
Utf8Part first_utf8_character(std::string_view text);

}  // namespace tidemark
