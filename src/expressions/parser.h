// The parser of SQL scalar expressions: text to tree.
//
//   select-item    = expression [ "AS" name ]
//   derive-item    = expression "AS" name
//   expression     = conjunction { "OR" conjunction }
//   conjunction    = negation { "AND" negation }
//   negation       = "NOT" negation | equality
//   equality       = relation { ( "=" | "==" | "<>" | "!=" ) relation
//                             | "IS" [ "NOT" ] "NULL"
//                             | [ "NOT" ] "IN" "(" expression { "," expression } ")"
//                             | [ "NOT" ] "BETWEEN" relation "AND" relation
//                             | [ "NOT" ] "LIKE" relation [ "ESCAPE" relation ]
//                             | [ "NOT" ] "REGEXP" relation }
//   relation       = bits { ( "<" | "<=" | ">" | ">=" ) bits }
//   bits           = sum { ( "&" | "|" | "<<" | ">>" ) sum }
//   sum            = product { ( "+" | "-" ) product }
//   product        = concatenation { ( "*" | "/" | "%" ) concatenation }
//   concatenation  = unary { "||" unary }
//   unary          = ( "-" | "~" ) unary | primary
//   primary        = literal | "(" expression ")" | case | cast | extract | call | metadata | path
//   case           = "CASE" [ expression ] "WHEN" expression "THEN" expression
//                      { "WHEN" expression "THEN" expression } [ "ELSE" expression ] "END"
//   cast           = ( "CAST" | "TRY_CAST" ) "(" expression "AS" type ")"
//   type           = "INTEGER" | "FLOAT" | "TEXT" | "BOOLEAN"
//   extract        = "EXTRACT" "(" word "FROM" expression ")"
//   call           = word "(" [ "*" | [ "DISTINCT" ] argument { "," argument } ] ")"
//                      [ "FILTER" "(" "WHERE" expression ")" ]
//   argument       = expression | "[" expression { "," expression } "]"
//   metadata       = "_topic" | "_source" | "_time" | "_received"
//   path           = name { "." name | "[" digits "]" }
//   name           = word | quoted
//   literal        = digits | float | text | "TRUE" | "FALSE" | "NULL"
//   float          = ( digits "." [ digits ] | "." digits ) [ exponent ] | digits exponent
//   exponent       = ( "e" | "E" ) [ "+" | "-" ] digits
//   text           = "'" { any byte but "'" | "''" } "'"
//   quoted         = '"' { any byte but '"' | '""' } '"'
//   word           = ( letter | "_" | byte above 127 ) { letter | digit | "_" | "$" | byte above 127 }
//
// Precedence is sqlite's. Keywords and function names may be written in any letter case; field names are
// case-sensitive. Reserved words (AND AS BETWEEN CASE CAST DISTINCT ELSE END FALSE IN IS LIKE NOT NULL OR
// THEN TRUE WHEN) are fields only in quotes; after a "." every word is a name. "_time" in quotes is a field.
// "*", DISTINCT and FILTER belong to aggregate calls, and an aggregate's arguments hold no aggregate.
//
// Which calls are aggregates is the caller's knowledge: min(x) is one, min(x, y) is not. Whether aggregates
// are allowed at all is decided by compile().
//
// Text, nesting and trees beyond the bounds below are refused: no input
// makes the parser, or recursion over its tree, exhaust the stack. Errors: the first one. Pure.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <string_view>

#include "expressions/ast.h"
#include "expressions/parse_error.h"

namespace tidemark {

constexpr std::size_t kMaxExpressionText = 64 << 10;
constexpr std::size_t kMaxExpressionNesting = 200;  // parentheses, calls, CASE, NOT, unary minus
constexpr std::size_t kMaxExpressionHeight = 500;   // long chains such as a + b + c + … add to it too
constexpr std::size_t kMaxArguments = 64;           // of a call

// Whether name (lower case) with so many arguments is an aggregate; count(*) is asked for with 0.
using AggregateNames = std::function<bool(std::string_view name, std::size_t arguments)>;

std::expected<Expression, ParseError> parse_expression(std::string_view text,
                                                       const AggregateNames& is_aggregate = {});

struct SelectItem {
  Expression expression;
  std::optional<std::string> alias;  // the name after AS
  std::size_t alias_offset = 0;      // of that name in the text
  std::size_t alias_length = 0;

  // The column's name: the alias, else the last name of a field's path, else the canonical text.
  std::string name() const;
};

// `expr [AS name]`: an item of select, or of key_by.
std::expected<SelectItem, ParseError> parse_select_item(std::string_view text,
                                                        const AggregateNames& is_aggregate = {});

// `expr AS name`: an item of derive. Its alias is always there.
std::expected<SelectItem, ParseError> parse_derive_item(std::string_view text,
                                                        const AggregateNames& is_aggregate = {});

}  // namespace tidemark
