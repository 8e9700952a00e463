// Where a text stops being UTF-8 (Unicode standard, table 3-7: no overlong forms, no surrogates).
#pragma once

#include <cstddef>
#include <string_view>

namespace tidemark {

// How many bytes from the front are whole, valid characters; text.size() when all are.
std::size_t valid_utf8(std::string_view text);

}  // namespace tidemark
