#include <algorithm>
#include <array>
#include <limits>

#include "expressions/characters.h"
#include "expressions/functions_list.h"
#include "expressions/parser.h"

namespace tidemark::function {
namespace {

using Nulls = Function::Nulls;

Value mapped(std::string_view text, char (*of)(char), Arena& arena) {
  char* const to = arena.allocate(text.size());
  std::transform(text.begin(), text.end(), to, of);
  return Value::text({to, text.size()});
}

// Bytes of the one character of the set that the text starts with; 0 when it starts with none.
std::size_t leading(std::string_view text, std::string_view set) {
  for (std::size_t at = 0; at < set.size();) {
    const std::size_t size = character_size(set, at);
    if (text.starts_with(set.substr(at, size))) return size;
    at += size;
  }
  return 0;
}

std::size_t trailing(std::string_view text, std::string_view set) {
  for (std::size_t at = 0; at < set.size();) {
    const std::size_t size = character_size(set, at);
    if (text.ends_with(set.substr(at, size))) return size;
    at += size;
  }
  return 0;
}

Value trimmed(const Arguments& arguments, bool left, bool right) {
  std::string_view text = arguments[0].as_text();
  const std::string_view set = arguments.size() > 1 ? arguments[1].as_text() : std::string_view(" ");
  while (left && !text.empty()) {
    const std::size_t size = leading(text, set);
    if (size == 0) break;
    text.remove_prefix(size);
  }
  while (right && !text.empty()) {
    const std::size_t size = trailing(text, set);
    if (size == 0) break;
    text.remove_suffix(size);
  }
  return Value::text(text);
}

// A range of characters, from 0.
struct Range {
  std::int64_t from;
  std::int64_t count;
};

// sqlite's reading of substr(text, from, count) for a text of `length` characters, its strange corners
// included: a place before the first character counts against `count`, so substr('abc', 0, 2) is 'a'.
Range range_of(std::int64_t from, std::int64_t count, std::int64_t length) {
  // Beyond these bounds nothing changes; within them no sum overflows.
  constexpr std::int64_t kFar = std::int64_t{1} << 60;
  from = std::clamp(from, -kFar, kFar);
  count = std::clamp(count, -kFar, kFar);
  const bool before = count < 0;
  if (before) count = -count;
  if (from < 0) {
    from += length;
    if (from < 0) {
      count = std::max<std::int64_t>(count + from, 0);
      from = 0;
    }
  } else if (from > 0) {
    --from;
  } else if (count > 0) {
    --count;
  }
  if (before) {
    from -= count;
    if (from < 0) {
      count += from;
      from = 0;
    }
  }
  return {from, std::max<std::int64_t>(count, 0)};
}

// The byte where the n-th character after `at` begins; the text's size when there are fewer.
std::size_t skip(std::string_view text, std::size_t at, std::int64_t n) {
  for (; n > 0 && at < text.size(); --n) at += character_size(text, at);
  return at;
}

Fault length(const Arguments& arguments, Value& out) {
  out = Value::integer(static_cast<std::int64_t>(character_count(arguments[0].as_text())));
  return {};
}

Fault lower(const Arguments& arguments, Value& out) {
  out = mapped(arguments[0].as_text(), small_letter, arguments.arena);
  return {};
}

Fault upper(const Arguments& arguments, Value& out) {
  out = mapped(arguments[0].as_text(), capital_letter, arguments.arena);
  return {};
}

Fault ltrim(const Arguments& arguments, Value& out) {
  out = trimmed(arguments, true, false);
  return {};
}

Fault rtrim(const Arguments& arguments, Value& out) {
  out = trimmed(arguments, false, true);
  return {};
}

Fault trim(const Arguments& arguments, Value& out) {
  out = trimmed(arguments, true, true);
  return {};
}

Fault substr(const Arguments& arguments, Value& out) {
  const std::string_view text = arguments[0].as_text();
  const std::int64_t count =
      arguments.size() > 2 ? arguments[2].as_integer() : std::numeric_limits<std::int64_t>::max();
  const Range range =
      range_of(arguments[1].as_integer(), count, static_cast<std::int64_t>(character_count(text)));
  const std::size_t from = skip(text, 0, range.from);
  const std::size_t end = skip(text, from, range.count);
  out = Value::text(text.substr(from, end - from));
  return {};
}

constexpr Function kTexts[] = {
    {.signature = "concat(x, …)",
     .doc = "the texts of all arguments in a row, NULL as nothing",
     .example = "concat('n=', 5, NULL) => 'n=5'",
     .takes = {kAny},
     .repeats = 1,
     .nulls = Nulls::are_seen,
     .gives = kText,
     .evaluate = concat},
    {.signature = "length(text)",
     .doc = "the number of characters",
     .example = "length('naïve') => 5",
     .takes = {kText},
     .gives = kInteger,
     .evaluate = length},
    {.signature = "lower(text)",
     .doc = "A to Z made small, other letters left",
     .example = "lower('ABC') => 'abc'",
     .takes = {kText},
     .gives = kText,
     .evaluate = lower},
    {.signature = "ltrim(text[, characters])",
     .doc = "without leading spaces, or without leading characters of that set",
     .example = "ltrim('xyxa', 'xy') => 'a'",
     .takes = {kText, kText},
     .optional = 1,
     .gives = kText,
     .evaluate = ltrim},
    {.signature = "rtrim(text[, characters])",
     .doc = "the same at the end",
     .example = "rtrim('21.50', '0') => '21.5'",
     .takes = {kText, kText},
     .optional = 1,
     .gives = kText,
     .evaluate = rtrim},
    {.signature = "substr(text, from[, n])",
     .doc = "n characters (all) from that one on, the first is 1, -1 the last; n < 0: those before it",
     .example = "substr('hello', 2, 3) => 'ell'",
     .takes = {kText, kInteger, kInteger},
     .optional = 1,
     .gives = kText,
     .evaluate = substr},
    {.signature = "trim(text[, characters])",
     .doc = "the same at both ends",
     .example = "trim('  x ') => 'x'",
     .takes = {kText, kText},
     .optional = 1,
     .gives = kText,
     .evaluate = trim},
    {.signature = "upper(text)",
     .doc = "a to z made capital, other letters left",
     .example = "upper('abc') => 'ABC'",
     .takes = {kText},
     .gives = kText,
     .evaluate = upper},
};

}  // namespace

std::span<const Function> texts() {
  return kTexts;
}

Fault concat(const Arguments& arguments, Value& out) {
  std::array<Value, kMaxArguments> texts;
  std::size_t count = 0;
  std::size_t size = 0;
  for (const Value& v : arguments.values) {
    if (v.is_null()) continue;
    texts[count] = as_text(v, arguments.arena);
    size += texts[count++].as_text().size();
  }
  if (size > kMaxResultText) return EvalError::Kind::text_too_long;
  char* const to = arguments.arena.allocate(size);
  char* at = to;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view text = texts[i].as_text();
    at = std::copy(text.begin(), text.end(), at);
  }
  out = Value::text({to, size});
  return {};
}

}  // namespace tidemark::function
