// Where the tree lies that a test was built from: golden files, examples, manual pages.
#pragma once

#include <string>

namespace tidemark {

std::string source_tree();  // without a slash at the end

}  // namespace tidemark
