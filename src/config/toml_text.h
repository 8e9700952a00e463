// TOML as it is written: quoted strings, and values of a tree as they stood in the file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/tree.h"

namespace tidemark {

// "text" with quotes and escapes, on one line, of exactly these characters (a ${ in it is escaped).
std::string toml_quoted(std::string_view text);
// Several of them; an item a line where one line would get long.
std::string toml_list(const std::vector<std::string>& texts);

// The value as it was written, its ${NAME} references standing.
std::string toml_as_written(const Node& node);

}  // namespace tidemark
