#include "config/lookups.h"

#include <algorithm>

#include "base/checksum.h"
#include "base/format.h"

namespace tidemark {
namespace {

constexpr std::string_view kMark = "# lookup ";

}  // namespace

void use_lookup_tables(Settings& settings) {
  std::string lines;
  for (const LookupSettings& lookup : settings.lookups)
    if (lookup.table) lines += format("{}{} {}\n", kMark, lookup.name, lookup.table->hash());
  settings.canonical_text.resize(settings.text_without_lookups);
  settings.canonical_text += lines;
  settings.fingerprint = lines.empty() ? settings.fingerprint_without_lookups
                                       : checksum(lines, settings.fingerprint_without_lookups);
}

std::map<std::string, std::string, std::less<>> lookups_of_lines(std::string_view stored) {
  std::map<std::string, std::string, std::less<>> out;
  for (std::size_t at = 0; at < stored.size();) {
    const std::size_t end = std::min(stored.find('\n', at), stored.size());
    std::string_view line = stored.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with(kMark)) continue;
    line.remove_prefix(kMark.size());
    const std::size_t space = line.find(' ');
    if (space != std::string_view::npos) out[std::string(line.substr(0, space))] = line.substr(space + 1);
  }
  return out;
}

}  // namespace tidemark
