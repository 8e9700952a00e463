#include "base/invariant.h"

#include <cstdio>
#include <cstdlib>

namespace tidemark {

void invariant_broken(std::string_view what, const std::source_location& where) {
  std::fprintf(stderr, "tidemark: broken invariant: %.*s (%s:%u)\n", static_cast<int>(what.size()),
               what.data(), where.file_name(), static_cast<unsigned>(where.line()));
  std::abort();
}

}  // namespace tidemark
