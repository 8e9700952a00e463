// ${NAME} and ${NAME:-default} in the strings of a configuration, replaced after parsing, so that a value can
// never change the structure.
//
// NAME is of letters, digits and _. The default stands where the variable is not set, and is taken as it is.
// A value that is put in is not looked through again. `$${` stands for `${` itself. Keys and names of tables
// are never replaced.
#pragma once

#include <string>
#include <string_view>

#include "config/diagnostics.h"
#include "config/loader.h"
#include "config/tree.h"

namespace tidemark {

// In all strings of the tree; strings that held a reference remember what was written. A variable that is not
// set and has no default, and a ${ that is not closed, is an error at its place.
void replace_variables(Node& node, const LoaderEnvironment& environment, Diagnostics& diagnostics);

// What must be written for `text` to be read back as itself: `${` becomes `$${`.
std::string escape_references(std::string_view text);

// NAME, when the text is exactly one reference; otherwise empty.
std::string_view only_reference(std::string_view as_written);

}  // namespace tidemark
