// What is found out about a call of a function before any record: whether it may be called so, the types of
// its result, and what it makes of its literals. A private part of the compiler. Pure.
#pragma once

#include <expected>
#include <memory>
#include <span>

#include "expressions/ast.h"
#include "expressions/functions.h"
#include "expressions/parse_error.h"
#include "expressions/type_set.h"

namespace tidemark {

struct CheckedCall {
  TypeSet types;
  std::unique_ptr<const Prepared> prepared;  // null when there is nothing to prepare
  bool always_null = false;                  // since a literal that it must have is NULL
};

struct ArgumentKind {
  TypeSet types;
  bool json = false;  // JSON, where it is a text
};

// `arguments`: the children of `call`.
std::expected<CheckedCall, ParseError> check_call(const Expression& call, const Function& function,
                                                  std::span<const ArgumentKind> arguments, Zones& zones);

}  // namespace tidemark
