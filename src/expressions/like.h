// like() is SQL's LIKE: % stands for any characters, _ for one, the escape character before a character takes
// away its meaning. A-Z and a-z match each other, as in sqlite; other letters do not fold.
//
// Time is bounded by text × pattern, whatever the pattern. Pure.
#pragma once

#include <string_view>

namespace tidemark {

// `escape` is one character, or empty for none. A pattern that ends with the escape character matches
// nothing.
bool like(std::string_view text, std::string_view pattern, std::string_view escape = {});

}  // namespace tidemark
