// Functions that choose between values, and that ask for their types.
#include "expressions/functions_list.h"

namespace tidemark::function {
namespace {

using Nulls = Function::Nulls;
using Typed = Function::Typed;
using Form = Function::Form;

constexpr Function kChoices[] = {
    {.signature = "coalesce(x, y, …)",
     .doc = "the first argument that is not NULL; those after it are not evaluated",
     .example = "coalesce(NULL, 'b', 'c') => 'b'",
     .takes = {kAny, kAny},
     .repeats = 1,
     .nulls = Nulls::are_seen,
     .typed = Typed::as_any,
     .form = Form::coalesce},
};

}  // namespace

std::span<const Function> choices() {
  return kChoices;
}

}  // namespace tidemark::function
