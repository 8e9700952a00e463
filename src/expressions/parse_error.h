// ParseError is what is wrong with the text of an expression, and where: the place is a range of bytes of the
// text that was given, so that the configuration can print the line and put a caret under it.
#pragma once

#include <cstddef>
#include <string>

namespace tidemark {

struct [[nodiscard]] ParseError {
  std::string message;     // what is wrong and what is allowed; no place, no line break
  std::size_t offset = 0;  // first byte at fault; the text's size when it ends too early
  std::size_t length = 0;  // 0 at the end of the text
};

}  // namespace tidemark
