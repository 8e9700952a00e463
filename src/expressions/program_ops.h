// The operations of a compiled program's nodes. A private part of the compiler and the evaluator.
#pragma once

#include "expressions/program.h"

namespace tidemark {

// As the kinds of Expression, whose operands they have in the same order.
enum class Program::Op : std::uint8_t {
  slot,
  constant,
  negate,
  logical_not,
  logical_and,
  logical_or,
  concat,
  add,
  subtract,
  multiply,
  divide,
  remainder,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  is_null,
  in,
  between,
  like,
  case_when,
  case_of,
  cast,
  coalesce,
  attempt,
  call,
};

}  // namespace tidemark
