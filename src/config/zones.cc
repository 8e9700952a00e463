#include "config/zones.h"

#include <algorithm>

#include "base/format.h"
#include "base/hex.h"

namespace tidemark {
namespace {

constexpr std::string_view kMark = "# zone ";
constexpr std::size_t kBytesPerLine = 512;  // far below kMaxConfigLine

NamedZone zone_of(const std::string& name, std::string tzif) {
  NamedZone out;
  auto zone = Zone::parse(tzif);
  if (zone)
    out.zone = std::make_shared<const Zone>(std::move(*zone));
  else
    out.problem = format("the file of the time zone '{}': {}", name, zone.error().message);
  out.tzif = std::move(tzif);
  return out;
}

}  // namespace

NamedZone load_zone(const std::string& name, const ZoneFiles& files) {
  auto tzif = files(name);
  if (tzif) return zone_of(name, std::move(*tzif));
  NamedZone out;
  out.problem = std::move(tzif.error().message);
  return out;
}

std::string zone_lines(const NamedZones& zones) {
  std::string out;
  for (const auto& [name, zone] : zones) {
    if (!zone.zone) continue;
    for (std::size_t at = 0; at < zone.tzif.size(); at += kBytesPerLine)
      out += format("{}{} {}\n", kMark, name, to_hex(std::string_view(zone.tzif).substr(at, kBytesPerLine)));
  }
  return out;
}

NamedZones zones_of_lines(std::string_view stored) {
  std::map<std::string, std::string, std::less<>> files;
  for (std::size_t at = 0; at < stored.size();) {
    const std::size_t end = std::min(stored.find('\n', at), stored.size());
    std::string_view line = stored.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with(kMark)) continue;
    line.remove_prefix(kMark.size());
    const std::size_t space = line.find(' ');
    const auto bytes = space == std::string_view::npos ? std::nullopt : from_hex(line.substr(space + 1));
    if (bytes) files[std::string(line.substr(0, space))] += *bytes;
  }
  NamedZones zones;
  for (auto& [name, tzif] : files) zones.emplace(name, zone_of(name, std::move(tzif)));
  return zones;
}

}  // namespace tidemark
