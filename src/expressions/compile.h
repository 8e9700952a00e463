// compile() turns a parsed expression into a Program: names become slots, functions are looked up, and types
// are checked as far as they are known before a record is seen.
//
// Errors carry the place in the text that was parsed. Pure; the Program keeps nothing of the expression.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "expressions/ast.h"
#include "expressions/parse_error.h"
#include "expressions/program.h"
#include "expressions/type_set.h"
#include "expressions/zones.h"

namespace tidemark {

// Where a name's value will stand when the program is evaluated.
struct Binding {
  std::uint32_t slot = 0;
  TypeSet types = TypeSet::any();
  bool json = false;  // what it gives as a text is JSON
};

// Binder says what the names of an expression mean, those of time zones among them. It sees each occurrence,
// in the order written, so it can also give out slots on the way. A refusal is the message only; compile()
// adds the place.
class Binder : public Zones {
 public:
  virtual std::expected<Binding, std::string> field(const FieldPath& path) = 0;
  virtual std::expected<Binding, std::string> metadata(Metadata which) = 0;
  // Called only under AggregateUse::allowed. The call's arguments and filter are not compiled with it: they
  // are expressions over the input record, the expression around them is one over the aggregates' results.
  virtual std::expected<Binding, std::string> aggregate(const AggregateCall& call);
  // A call that stands for something that the binder knows, a value computed elsewhere. Nothing: it does not
  // know it, and the call is one of a function.
  virtual std::optional<std::expected<Binding, ParseError>> call(const Expression& /*call*/) {
    return std::nullopt;
  }
  // For the suggestion after a function that there is not.
  virtual std::vector<std::string_view> aggregate_names() const { return {}; }
  // What serves where an aggregate cannot stand; may be empty.
  virtual std::string_view instead_of_aggregate(std::string_view /*name*/) const { return {}; }
  // How many values one of them takes: "1 value", "0 or 1 values".
  virtual std::string aggregate_takes(std::string_view /*name*/) const { return {}; }
};

enum class AggregateUse : std::uint8_t { forbidden, allowed };

std::expected<Program, ParseError> compile(const Expression& expression, Binder& binder,
                                           AggregateUse aggregates = AggregateUse::forbidden);

// The same for a condition (where, having, FILTER): what cannot be a boolean is an error.
std::expected<Program, ParseError> compile_predicate(const Expression& expression, Binder& binder,
                                                     AggregateUse aggregates = AggregateUse::forbidden);

}  // namespace tidemark
