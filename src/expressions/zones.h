// Zones says what the names of time zones mean: where the rules of named ones come from. Those that there
// always are, UTC and fixed offsets, are not asked for.
#pragma once

#include <expected>
#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace tidemark {

class Zone;

class Zones {
 public:
  virtual ~Zones() = default;
  // The zone, or what is wrong with the name, as a message without its place. As it is, there are none.
  virtual std::expected<std::shared_ptr<const Zone>, std::string> zone(std::string_view name);
};

struct Expression;

// Adds the names of zones that calls in the expression have as a literal, but for UTC and fixed offsets.
void collect_zones(const Expression& expression, std::set<std::string>& names);

}  // namespace tidemark
