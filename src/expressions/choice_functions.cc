// Functions that choose between values, and that ask for their types.
#include "expressions/functions_list.h"

namespace tidemark::function {
namespace {

using Nulls = Function::Nulls;
using Typed = Function::Typed;
using Form = Function::Form;

Fault nullif(const Arguments& arguments, Value& out) {
  const Order order = compare(arguments[0], arguments[1]);
  if (order == Order::mismatched) return EvalError::Kind::not_comparable;
  out = order == Order::equal ? Value::null() : arguments[0];
  return {};
}

Fault typeof_value(const Arguments& arguments, Value& out) {
  const Value::Type type = arguments[0].type();
  out = Value::text(type == Value::Type::null ? "null" : type_name(type));
  return {};
}

constexpr Function kChoices[] = {
    {.signature = "coalesce(x, y, …)",
     .doc = "the first argument that is not NULL; those after it are not evaluated",
     .example = "coalesce(NULL, 'b', 'c') => 'b'",
     .also = "ifnull nvl",
     .takes = {kAny, kAny},
     .repeats = 1,
     .nulls = Nulls::are_seen,
     .typed = Typed::as_any,
     .form = Form::coalesce},
    {.signature = "if(condition, x[, y])",
     .doc = "x when the condition is TRUE, else y (NULL); only that one is evaluated",
     .example = "if(2 > 1, 'more', 'less') => 'more'",
     .also = "iif",
     .takes = {kBoolean, kAny, kAny},
     .optional = 1,
     .nulls = Nulls::are_seen,
     .typed = Typed::as_any,
     .form = Form::case_when},
    {.signature = "nullif(x, y)",
     .doc = "NULL when x = y, else x",
     .example = "nullif(-999, -999) => NULL",
     .takes = {kAny, kAny},
     .nulls = Nulls::are_seen,
     .typed = Typed::as_first,
     .evaluate = nullif},
    {.signature = "try(x)",
     .doc = "x, or NULL where x is an error of its record; TRY_CAST(x AS type) is short for try(CAST(x AS "
            "type))",
     .example = "try(CAST('n/a' AS FLOAT)) => NULL",
     .takes = {kAny},
     .nulls = Nulls::are_seen,
     .typed = Typed::as_first,
     .form = Form::attempt},
    {.signature = "typeof(x)",
     .doc = "'null', 'boolean', 'integer', 'float' or 'text'",
     .example = "typeof(1.5) => 'float'",
     .takes = {kAny},
     .nulls = Nulls::are_seen,
     .gives = kText,
     .evaluate = typeof_value},
};

}  // namespace

std::span<const Function> choices() {
  return kChoices;
}

}  // namespace tidemark::function
