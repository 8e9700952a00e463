// The program's version and how it was built; the numbers come from CMakeLists.txt.
#pragma once

#include <string_view>

namespace tidemark {

std::string_view program_version();  // "0.1.0"
std::string_view program_build();    // "Release, GNU 12.2.0, x86_64"

}  // namespace tidemark
