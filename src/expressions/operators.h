// What the operators and CAST do to values: SQL's meaning over Tidemark's types.
//
// A Fault is why a value cannot be made; none means done. NULL in, NULL out, except where said. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "base/arena.h"
#include "base/value.h"
#include "expressions/program.h"

namespace tidemark {

using Fault = std::optional<EvalError::Kind>;

// The order of two values. Numbers are compared exactly, also an integer with a float; texts by their bytes;
// FALSE before TRUE. NULL and NaN are unknown beside everything; values of different types are mismatched.
enum class Order : std::uint8_t { less, equal, greater, unknown, mismatched };
Order compare(const Value& a, const Value& b);

// + - * / % on numbers: two integers give an integer (/ cuts towards zero), else a float. A divisor of zero
// and NaN give NULL.
Fault add(const Value& a, const Value& b, Value& out);
Fault subtract(const Value& a, const Value& b, Value& out);
Fault multiply(const Value& a, const Value& b, Value& out);
Fault divide(const Value& a, const Value& b, Value& out);
Fault remainder(const Value& a, const Value& b, Value& out);
Fault negate(const Value& a, Value& out);

// CAST(v AS type). Text must be the type's text entirely, spaces around it aside; a float becomes the integer
// towards zero and must fit.
Fault cast(const Value& v, Value::Type to, Arena& arena, Value& out);

// The text of any value but NULL, as CAST gives it.
Value as_text(const Value& v, Arena& arena);

}  // namespace tidemark
