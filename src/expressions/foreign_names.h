// What to write for the functions of other systems that Tidemark has under another name or not at all: for
// the error message of a function that there is not.
#pragma once

#include <string_view>

namespace tidemark {

// What to say of that name, in lower case: "write length(text)". Empty when nothing is known of it.
std::string_view advice_for(std::string_view name);

}  // namespace tidemark
