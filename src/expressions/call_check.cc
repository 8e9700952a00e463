#include "expressions/call_check.h"

#include <utility>
#include <vector>

#include "base/format.h"

namespace tidemark {
namespace {

std::unexpected<ParseError> refuse(const Expression& at, std::string message) {
  return std::unexpected(ParseError{std::move(message), at.offset, at.length});
}

TypeSet result_types(const Function& f, std::span<const TypeSet> arguments) {
  switch (f.typed) {
    case Function::Typed::fixed:
      return f.gives;
    case Function::Typed::as_first:
      return arguments[0] & f.parameter(0);
    case Function::Typed::as_any:
    case Function::Typed::as_any_alike:
      break;
  }
  TypeSet any;
  for (const TypeSet one : arguments) any = any | one;
  return any;
}

}  // namespace

std::expected<CheckedCall, ParseError> check_call(const Expression& call, const Function& f,
                                                  std::span<const ArgumentKind> arguments, Zones& zones) {
  std::vector<TypeSet> types;
  for (const ArgumentKind& argument : arguments) types.push_back(argument.types);
  if (!f.accepts(types.size())) {
    return refuse(call, format("{} is called as {}, not with {} argument{}", f.name(), f.signature,
                               types.size(), types.size() == 1 ? "" : "s"));
  }
  CheckedCall checked;
  checked.types = result_types(f, types);
  std::vector<Value> literals(types.size());
  std::vector<KnownArgument> known(types.size());
  for (std::size_t i = 0; i < types.size(); ++i) {
    const Expression& argument = call.children[i];
    if (!types[i].may_be(f.parameter(i))) {
      return refuse(argument, format("{} where {} is needed", to_text(types[i]), to_text(f.parameter(i))));
    }
    if (f.typed == Function::Typed::as_any_alike && !comparable(types[0], types[i])) {
      return refuse(argument, format("{} cannot be compared with {}; CAST one of them", to_text(types[0]),
                                     to_text(types[i])));
    }
    known[i] = {.types = types[i], .is_json = arguments[i].json};
    if (argument.kind == Expression::Kind::literal) {
      literals[i] = argument.literal.view();
      known[i].literal = &literals[i];
    }
    if (i >= 8 || (f.literals >> i & 1u) == 0) continue;
    if (known[i].literal == nullptr) {
      return refuse(argument, format("{} takes a literal here, such as in {}", f.name(),
                                     f.example.substr(0, f.example.find(" => "))));
    }
    checked.always_null = checked.always_null || known[i].literal->is_null();
  }
  if (f.prepare == nullptr || checked.always_null) return checked;
  Function::Preparation prepared = f.prepare(known, zones);
  if (!prepared) return refuse(call.children[prepared.error().index], std::move(prepared.error().message));
  checked.prepared = std::move(*prepared);
  return checked;
}

}  // namespace tidemark
