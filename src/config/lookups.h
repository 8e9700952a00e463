// The tables of lookups. They come from files that change by themselves, and decide results: so they belong
// to the configuration, to its fingerprint, and, by their hashes, to its stored text. A changed table is
// another configuration, and a replay goes by the tables that its entries came in under.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/lookup_table.h"
#include "base/result.h"
#include "config/settings.h"

namespace tidemark {

// Reads what a lookup has now.
using LookupReader = std::function<Result<std::shared_ptr<const LookupTable>>(const LookupSettings& lookup)>;
// A table that was kept, by its hash.
using KeptLookupTables = std::function<Result<std::shared_ptr<const LookupTable>>(const std::string& hash)>;

// Brings canonical_text and fingerprint up to the tables that the lookups have.
void use_lookup_tables(Settings& settings);

// Hashes by name, out of a stored configuration.
std::map<std::string, std::string, std::less<>> lookups_of_lines(std::string_view stored);

}  // namespace tidemark
