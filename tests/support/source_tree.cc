#include "support/source_tree.h"

namespace tidemark {

// Defined for this file alone, so that the objects of all others do not depend on where the tree lies.
std::string source_tree() {
  return TIDEMARK_SOURCE_DIR;
}

}  // namespace tidemark
