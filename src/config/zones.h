// The rules of the time zones that a configuration names. They come from the machine's database, which
// changes with laws, and decide results: so they belong to the configuration, to its fingerprint and its
// stored text. A replay goes by the rules that its entries came in under, and a newer database is another
// configuration.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/zone.h"

namespace tidemark {

struct NamedZone {
  std::shared_ptr<const Zone> zone;  // null: there is no such zone
  std::string problem;               // then why, as a message
  std::string tzif;                  // what it was read from
};
using NamedZones = std::map<std::string, NamedZone, std::less<>>;

// What a zone's file holds, by the zone's name; not_found: there is no such zone.
using ZoneFiles = std::function<Result<std::string>(const std::string& name)>;

NamedZone load_zone(const std::string& name, const ZoneFiles& files);

// Lines for the end of a stored configuration, comments to TOML; empty without zones.
std::string zone_lines(const NamedZones& zones);
// Read back; lines that are none are passed over.
NamedZones zones_of_lines(std::string_view stored);

}  // namespace tidemark
