#include "app/version.h"

namespace tidemark {

std::string_view program_version() {
  return TIDEMARK_VERSION;
}
std::string_view program_build() {
  return TIDEMARK_BUILD;
}

}  // namespace tidemark
