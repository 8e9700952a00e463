#include "expressions/zones.h"

#include "base/format.h"
#include "base/zone.h"
#include "expressions/ast.h"
#include "expressions/functions.h"

namespace tidemark {

std::expected<std::shared_ptr<const Zone>, std::string> Zones::zone(std::string_view name) {
  return std::unexpected(
      format("there is no time zone '{}' here; there are 'UTC' and offsets such as '+02:00'", name));
}

std::expected<std::shared_ptr<const LookupTable>, std::string> Zones::lookup(std::string_view name) {
  return std::unexpected(format("there is no lookup '{}' here", name));
}

void collect_zones(const Expression& e, std::set<std::string>& names) {
  for (const Expression& child : e.children) collect_zones(child, names);
  const Function* const f = e.kind == Expression::Kind::call ? find_function(e.name) : nullptr;
  if (f == nullptr || f->zone == 0 || e.children.size() < f->zone) return;
  const Expression& argument = e.children[f->zone - 1];
  const Value name = argument.kind == Expression::Kind::literal ? argument.literal.view() : Value::null();
  if (name.is_text() && !Zone::fixed(name.as_text())) names.emplace(name.as_text());
}

}  // namespace tidemark
