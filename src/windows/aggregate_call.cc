#include "windows/aggregate_call.h"

#include <vector>

#include "base/format.h"
#include "base/invariant.h"
#include "windows/aggregates.h"

namespace tidemark {

using Kind = Expression::Kind;

std::optional<Value> constant_of(const Expression& e) {
  if (e.kind == Kind::literal) return e.literal.view();
  if (e.kind != Kind::negate || e.children[0].kind != Kind::literal) return std::nullopt;
  const Value& value = e.children[0].literal.view();
  if (value.is_real()) return Value::real(-value.as_real());
  if (value.is_integer()) return Value::integer(-value.as_integer());  // what was written has no sign
  return std::nullopt;
}

std::expected<CalledAggregate, AggregateCallFault> aggregate_of(const AggregateCall& call) {
  const AggregateDeclaration* declaration = find_aggregate(call.name, call.arguments.size());
  invariant(declaration != nullptr, "the parser makes calls of aggregates that there are");
  const auto fault = [](std::string what, std::size_t offset, std::size_t length) {
    return std::unexpected(AggregateCallFault{std::move(what), offset, length});
  };
  const std::size_t values = call.arguments.size() - declaration->constants;
  std::vector<Value> constants;
  for (const Expression& argument : call.arguments) {
    const bool is_value = static_cast<std::size_t>(&argument - call.arguments.data()) < values;
    if (is_value) {
      if (argument.kind == Kind::list)
        return fault(format("{}: no list here; it is {}", call.name, declaration->signature), argument.offset,
                     argument.length);
      continue;
    }
    const bool list = argument.kind == Kind::list;
    for (const Expression& item : list ? std::span(argument.children) : std::span(&argument, 1)) {
      const auto value = constant_of(item);
      if (!value)
        return fault(format("{}: a constant is needed here; it is {}", call.name, declaration->signature),
                     item.offset, item.length);
      constants.push_back(*value);
    }
  }
  if (call.distinct && (!declaration->distinct || values != 1))
    return fault(format("{} takes no DISTINCT; count, sum and avg of one value do", call.name), call.offset,
                 call.length);
  auto made = declaration->make(constants);
  if (!made) return fault(format("{}: {}", call.name, made.error()), call.offset, call.length);
  if (call.distinct) *made = make_distinct(std::move(*made));
  return CalledAggregate{declaration, std::move(*made), values};
}

}  // namespace tidemark
