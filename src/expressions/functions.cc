#include "expressions/functions.h"

#include <algorithm>

#include "expressions/functions_list.h"
#include "expressions/parser.h"

namespace tidemark {
namespace {

using Nulls = Function::Nulls;
using Typed = Function::Typed;

constexpr TypeSet kNumber = TypeSet::number();
constexpr TypeSet kInteger = TypeSet::integer();
constexpr TypeSet kText = TypeSet::text();
constexpr TypeSet kAny = TypeSet::any();

constexpr Nulls kGive = Nulls::give_null;
constexpr Nulls kSee = Nulls::are_seen;

constexpr std::uint8_t kMany = kMaxArguments;

// clang-format off
constexpr Function kFunctions[] = {
    {"coalesce", 2, kMany, {kAny, kAny, kAny}, kSee, Typed::as_any, {}, nullptr,
     "coalesce(x, y, …)", "the first argument that is not NULL; those after it are not evaluated"},
    {"abs", 1, 1, {kNumber}, kGive, Typed::as_first, {}, function::abs,
     "abs(x)", "x without its sign"},
    {"ceil", 1, 1, {kNumber}, kGive, Typed::as_first, {}, function::ceil,
     "ceil(x)", "the smallest whole number not below x, of x's type"},
    {"floor", 1, 1, {kNumber}, kGive, Typed::as_first, {}, function::floor,
     "floor(x)", "the largest whole number not above x, of x's type"},
    {"max", 2, kMany, {kAny, kAny, kAny}, kGive, Typed::as_any_alike, {}, function::max,
     "max(x, y, …)", "the largest argument; NULL when any is NULL"},
    {"min", 2, kMany, {kAny, kAny, kAny}, kGive, Typed::as_any_alike, {}, function::min,
     "min(x, y, …)", "the smallest argument; NULL when any is NULL"},
    {"round", 1, 2, {kNumber, kInteger}, kGive, Typed::as_first, {}, function::round,
     "round(x[, digits])", "x to that many decimals (0), halves away from zero, of x's type"},
    {"concat", 1, kMany, {kAny, kAny, kAny}, kSee, Typed::fixed, kText, function::concat,
     "concat(x, y, …)", "the texts of all arguments in a row, NULL as nothing"},
    {"length", 1, 1, {kText}, kGive, Typed::fixed, kInteger, function::length,
     "length(text)", "the number of characters"},
    {"lower", 1, 1, {kText}, kGive, Typed::fixed, kText, function::lower,
     "lower(text)", "A to Z made small, other letters left"},
    {"ltrim", 1, 2, {kText, kText}, kGive, Typed::fixed, kText, function::ltrim,
     "ltrim(text[, characters])", "without leading spaces, or without leading characters of that set"},
    {"rtrim", 1, 2, {kText, kText}, kGive, Typed::fixed, kText, function::rtrim,
     "rtrim(text[, characters])", "the same at the end"},
    {"substr", 2, 3, {kText, kInteger, kInteger}, kGive, Typed::fixed, kText, function::substr,
     "substr(text, from[, n])", "n characters (all) from that one on, the first is 1, -1 the last; n < 0: those before it"},
    {"trim", 1, 2, {kText, kText}, kGive, Typed::fixed, kText, function::trim,
     "trim(text[, characters])", "the same at both ends"},
    {"upper", 1, 1, {kText}, kGive, Typed::fixed, kText, function::upper,
     "upper(text)", "a to z made capital, other letters left"},
};
// clang-format on

}  // namespace

std::span<const Function> functions() {
  return kFunctions;
}

const Function* find_function(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                         [&](const Function& f) { return f.name == name; });
  return found == std::end(kFunctions) ? nullptr : found;
}

}  // namespace tidemark
