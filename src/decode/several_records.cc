#include "decode/several_records.h"

namespace tidemark {

std::vector<std::string> records_path(const FormatSettings& format) {
  std::vector<std::string> path;
  std::string_view rest = *format.records;
  while (!rest.empty()) {
    const std::size_t dot = rest.find('.');
    path.emplace_back(rest.substr(0, dot));
    rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
  }
  return path;
}

}  // namespace tidemark
