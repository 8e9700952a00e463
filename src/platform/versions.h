// Versions of the libraries that the program runs with: of shared ones what is loaded, of header-only ones
// what it was built with. The one place beside their doors that sees their headers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

struct LibraryVersion {
  std::string_view name;
  std::string version;
};
std::vector<LibraryVersion> library_versions();  // in name order

}  // namespace tidemark
