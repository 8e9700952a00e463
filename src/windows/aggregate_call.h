// From the call of an aggregate, as an expression writes it, to the aggregate.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "expressions/ast.h"
#include "windows/aggregate.h"

namespace tidemark {

struct CalledAggregate {
  const AggregateDeclaration* declaration = nullptr;
  std::shared_ptr<const Aggregate> aggregate;
  std::size_t values = 0;  // of the call's arguments, the first so many are evaluated for each record
};

// A parameter that is written out: a literal, or one with a minus before it. Nothing when it is neither.
std::optional<Value> constant_of(const Expression& expression);

// Why a call cannot be, and which part of the text it is said of.
struct AggregateCallFault {
  std::string what;
  std::size_t offset = 0, length = 0;
};

// The registry has an aggregate of this name for so many arguments (find_aggregate).
std::expected<CalledAggregate, AggregateCallFault> aggregate_of(const AggregateCall& call);

}  // namespace tidemark
