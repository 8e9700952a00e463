#include "windows/change.h"

#include <algorithm>

#include "base/format.h"
#include "base/invariant.h"
#include "windows/aggregate_call.h"

namespace tidemark {

using Kind = Expression::Kind;

void ChangeFunction::merge(std::byte*, const std::byte*) const {
  invariant(false, "a change function's state is never merged");
}

const ChangeDeclaration* find_change(std::string_view name) {
  for (const ChangeDeclaration& declaration : change_registry())
    if (declaration.name == name) return &declaration;
  return nullptr;
}

bool calls_change(const Expression& expression) {
  if (expression.kind == Kind::call && find_change(expression.name) != nullptr) return true;
  return std::ranges::any_of(expression.children, calls_change);
}

std::expected<CalledChange, ParseError> change_of(const Expression& call) {
  const ChangeDeclaration* declaration = find_change(call.name);
  invariant(declaration != nullptr, "a call of what the registry has");
  const auto fault = [&](const Expression& at, std::string what) {
    return std::unexpected(ParseError{format("{}: {}", call.name, what), at.offset, at.length});
  };
  const std::size_t most = 1 + declaration->constants, least = most - declaration->optional_constants;
  if (call.has_filter)
    return fault(call, "FILTER belongs to an aggregate; a condition can stand in x, as CASE");
  if (call.star || call.distinct || call.children.size() < least || call.children.size() > most)
    return fault(call, format("it is {}", declaration->signature));
  std::vector<Value> constants;
  for (std::size_t i = 1; i < call.children.size(); ++i) {
    const auto value = constant_of(call.children[i]);
    if (!value)
      return fault(call.children[i], format("a constant is needed here; it is {}", declaration->signature));
    constants.push_back(*value);
  }
  auto made = declaration->make(constants);
  if (!made) return fault(call.children.size() > 1 ? call.children[1] : call, made.error());
  return CalledChange{declaration, std::move(*made), &call.children[0]};
}

}  // namespace tidemark
