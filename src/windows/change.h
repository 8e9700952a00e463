// ChangeFunction: what a record says against those of its key before it, such as changed(x) or lag(x).
//
// Its state is a course of values and lies in the key's entry like that of an aggregate, beside those: saved,
// restored and carried over in the same way. For each record of the key, in the order of the journal, value()
// is asked first, of the state as it was before the record, and update() follows when the whole record can be
// applied. A record where x is NULL says nothing: it changes no state, and has the value that is stated in
// the manual. Equal texts and numbers are the same value, 1 and 1.0 too; NaN counts as NULL where a number is
// needed, and is one value elsewhere.
//
// merge() has no meaning: a course is not put together of parts. result() is what the state remembers, for
// who looks at it. Pure. Threads: loop only.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "expressions/ast.h"
#include "expressions/parse_error.h"
#include "expressions/type_set.h"
#include "windows/aggregate.h"

namespace tidemark {

class ChangeFunction : public Aggregate {
 public:
  // After check() found nothing. Texts live in `arena` or in the input.
  virtual Value value(const std::byte* state, const Input& input, Arena& arena) const = 0;
  void merge(std::byte* into, const std::byte* from) const final;
};

// One line of the registry: adding a function is its class and a line in change_functions.cc.
struct ChangeDeclaration {
  std::string_view name;
  std::string_view signature;  // "lag(x[, n])", as the manual writes it
  std::string_view doc;
  std::string_view example;   // "changed(x): 1, 1, NULL, 2 => TRUE, FALSE, FALSE, TRUE"; a record a second
  TypeSet takes;              // x
  TypeSet gives;              // empty: the type of x
  std::size_t constants = 0;  // behind x: parameters that are written out
  std::size_t optional_constants = 0;  // of them, so many may be missing
  // Fails with what is wrong with them.
  std::expected<std::unique_ptr<ChangeFunction>, std::string> (*make)(std::span<const Value> constants);
};
std::span<const ChangeDeclaration> change_registry();
const ChangeDeclaration* find_change(std::string_view name);  // null when there is none

// Whether a call of a change function stands in the expression.
bool calls_change(const Expression& expression);

struct CalledChange {
  const ChangeDeclaration* declaration = nullptr;
  std::shared_ptr<const ChangeFunction> function;
  const Expression* argument = nullptr;  // x, in the call
};
// The call's name is one of the registry.
std::expected<CalledChange, ParseError> change_of(const Expression& call);

}  // namespace tidemark
