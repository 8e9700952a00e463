// The registry of scalar functions: a line of the table and a C++ function each. The compiler checks calls
// against it, and the manual's list is made from it.
//
// A new function: write it in a *_functions.cc, declare it in functions_list.h, add its line in functions.cc.
// COALESCE has its line here, but the evaluator itself does it, since it evaluates only what it needs.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/value.h"
#include "expressions/operators.h"
#include "expressions/type_set.h"

namespace tidemark {

struct Function {
  // What becomes of a NULL argument: the result is NULL and `evaluate` is not called, or `evaluate` sees it.
  enum class Nulls : std::uint8_t { give_null, are_seen };
  // The type of the result: `result`, that of the first argument, that of any argument, or that of any
  // argument where all of them must be comparable with each other.
  enum class Typed : std::uint8_t { fixed, as_first, as_any, as_any_alike };
  // Arguments have the declared types when it is called. Their texts and those it returns: see Program.
  using Evaluate = Fault (*)(std::span<const Value> arguments, Arena& arena, Value& out);

  std::string_view name;
  std::uint8_t min_arguments;
  std::uint8_t max_arguments;
  std::array<TypeSet, 3> parameters;  // those beyond the third are like the third
  Nulls nulls;
  Typed typed;
  TypeSet result;
  Evaluate evaluate;  // null for coalesce
  std::string_view signature;
  std::string_view doc;

  TypeSet parameter(std::size_t i) const {
    return parameters[i < parameters.size() ? i : parameters.size() - 1];
  }
};

// In the order of the manual.
std::span<const Function> functions();

// By its lower-case name; null when there is none.
const Function* find_function(std::string_view name);

}  // namespace tidemark
