// Zones says what the names of time zones and of lookups mean, which belong to the configuration: where the
// rules of named zones come from (those that there always are, UTC and fixed offsets, are not asked for), and
// the tables.
#pragma once

#include <expected>
#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace tidemark {

class LookupTable;
class Zone;

class Zones {
 public:
  virtual ~Zones() = default;
  // The zone, or what is wrong with the name, as a message without its place. As it is, there are none.
  virtual std::expected<std::shared_ptr<const Zone>, std::string> zone(std::string_view name);
  // Likewise; null for one that is configured and whose table is not known here.
  virtual std::expected<std::shared_ptr<const LookupTable>, std::string> lookup(std::string_view name);
};

struct Expression;

// Adds the names of zones that calls in the expression have as a literal, but for UTC and fixed offsets.
void collect_zones(const Expression& expression, std::set<std::string>& names);

}  // namespace tidemark
