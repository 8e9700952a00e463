// Functions that make texts of texts, and that measure them.
#include <algorithm>
#include <array>

#include "expressions/characters.h"
#include "expressions/functions_list.h"
#include "expressions/parser.h"
#include "expressions/text_builder.h"

namespace tidemark::function {
namespace {

using Kind = EvalError::Kind;
using Nulls = Function::Nulls;

Fault mapped(const Arguments& arguments, char (*of)(char), Value& out) {
  const std::string_view text = arguments[0].as_text();
  char* const to = room_for_text(arguments.arena, text.size());
  if (to == nullptr) return Kind::text_too_long;
  std::transform(text.begin(), text.end(), to, of);
  out = Value::text({to, text.size()});
  return {};
}

Fault lower(const Arguments& arguments, Value& out) {
  return mapped(arguments, small_letter, out);
}

Fault upper(const Arguments& arguments, Value& out) {
  return mapped(arguments, capital_letter, out);
}

// Every byte above 127 is of a letter.
bool is_of_word(char c) {
  return (c >= '0' && c <= '9') || (small_letter(c) >= 'a' && small_letter(c) <= 'z') ||
         static_cast<unsigned char>(c) > 127;
}

Fault initcap(const Arguments& arguments, Value& out) {
  if (const Fault fault = mapped(arguments, small_letter, out)) return fault;
  TextBuilder words(arguments.arena, out.as_text().size());
  bool inside = false;
  for (const char c : out.as_text()) {
    words.add(inside ? c : capital_letter(c));
    inside = is_of_word(c);
  }
  return words.give(out);
}

Fault length(const Arguments& arguments, Value& out) {
  out = Value::integer(static_cast<std::int64_t>(character_count(arguments[0].as_text())));
  return {};
}

Fault octet_length(const Arguments& arguments, Value& out) {
  out = Value::integer(static_cast<std::int64_t>(arguments[0].as_text().size()));
  return {};
}

Fault concat_ws(const Arguments& arguments, Value& out) {
  if (arguments[0].is_null()) {
    out = Value::null();
    return {};
  }
  TextBuilder joined(arguments.arena);
  bool first = true;
  for (const Value& v : arguments.values.subspan(1)) {
    if (v.is_null()) continue;
    if (!first) joined.add(arguments[0].as_text());
    joined.add(as_text(v, arguments.arena).as_text());
    first = false;
  }
  return joined.give(out);
}

Fault repeat(const Arguments& arguments, Value& out) {
  TextBuilder repeated(arguments.arena, 0);
  if (const std::int64_t times = arguments[1].as_integer(); times > 0)
    repeated.repeat(arguments[0].as_text(), static_cast<std::uint64_t>(times));
  return repeated.give(out);
}

Fault reverse(const Arguments& arguments, Value& out) {
  const std::string_view text = arguments[0].as_text();
  char* const to = room_for_text(arguments.arena, text.size());
  if (to == nullptr) return Kind::text_too_long;
  char* end = to + text.size();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = character_size(text, at);
    end -= size;
    std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(at), size, end);
    at += size;
  }
  out = Value::text({to, text.size()});
  return {};
}

// The first n characters.
std::string_view first_characters(std::string_view text, std::uint64_t n) {
  std::size_t at = 0;
  for (; n > 0 && at < text.size(); --n) at += character_size(text, at);
  return text.substr(0, at);
}

Fault padded(const Arguments& arguments, bool left, Value& out) {
  const std::string_view text = arguments[0].as_text();
  const std::uint64_t wanted =
      arguments[1].as_integer() > 0 ? static_cast<std::uint64_t>(arguments[1].as_integer()) : 0;
  const std::string_view fill = arguments.size() > 2 ? arguments[2].as_text() : std::string_view(" ");
  const std::size_t there = character_count(text);
  if (wanted <= there || fill.empty()) {
    out = Value::text(first_characters(text, wanted));
    return {};
  }
  const std::uint64_t missing = wanted - there, fills = character_count(fill);
  TextBuilder padded(arguments.arena, text.size());
  if (!left) padded.add(text);
  padded.repeat(fill, missing / fills);
  padded.add(first_characters(fill, missing % fills));
  if (left) padded.add(text);
  return padded.give(out);
}

Fault lpad(const Arguments& arguments, Value& out) {
  return padded(arguments, true, out);
}

Fault rpad(const Arguments& arguments, Value& out) {
  return padded(arguments, false, out);
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

// The set may come from the network as well as the text, and is looked through for every character.
constexpr std::size_t kMostSet = 1000;

Fault trimmed(const Arguments& arguments, bool left, bool right, Value& out) {
  std::string_view text = arguments[0].as_text();
  const std::string_view set = arguments.size() > 1 ? arguments[1].as_text() : std::string_view(" ");
  if (set.size() > kMostSet) return Kind::out_of_range;
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
  out = Value::text(text);
  return {};
}

Fault ltrim(const Arguments& arguments, Value& out) {
  return trimmed(arguments, true, false, out);
}

Fault rtrim(const Arguments& arguments, Value& out) {
  return trimmed(arguments, false, true, out);
}

Fault trim(const Arguments& arguments, Value& out) {
  return trimmed(arguments, true, true, out);
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
    {.signature = "concat_ws(separator, x, …)",
     .doc = "the same with a separator between them; NULLs are passed over",
     .example = "concat_ws('/', 'plant', NULL, 7) => 'plant/7'",
     .takes = {kText, kAny},
     .repeats = 1,
     .nulls = Nulls::are_seen,
     .gives = kText,
     .evaluate = concat_ws},
    {.signature = "initcap(text)",
     .doc = "each word with a capital and small letters after it, A to Z",
     .example = "initcap('press hall-3') => 'Press Hall-3'",
     .takes = {kText},
     .gives = kText,
     .evaluate = initcap},
    {.signature = "length(text)",
     .doc = "the number of characters",
     .example = "length('naïve') => 5",
     .also = "char_length",
     .takes = {kText},
     .gives = kInteger,
     .evaluate = length},
    {.signature = "lower(text)",
     .doc = "A to Z made small, other letters left",
     .example = "lower('ABC') => 'abc'",
     .takes = {kText},
     .gives = kText,
     .evaluate = lower},
    {.signature = "lpad(text, n[, fill])",
     .doc = "filled from the left with spaces, or with another text, to n characters; cut to n when it is "
            "longer",
     .example = "lpad('7', 3, '0') => '007'",
     .takes = {kText, kInteger, kText},
     .optional = 1,
     .gives = kText,
     .evaluate = lpad},
    {.signature = "ltrim(text[, characters])",
     .doc = "without leading spaces, or without leading characters of that set (at most 1000 bytes)",
     .example = "ltrim('xyxa', 'xy') => 'a'",
     .takes = {kText, kText},
     .optional = 1,
     .gives = kText,
     .evaluate = ltrim},
    {.signature = "octet_length(text)",
     .doc = "the number of bytes",
     .example = "octet_length('naïve') => 6",
     .takes = {kText},
     .gives = kInteger,
     .evaluate = octet_length},
    {.signature = "repeat(text, n)",
     .doc = "the text n times",
     .example = "repeat('ab', 3) => 'ababab'",
     .takes = {kText, kInteger},
     .gives = kText,
     .evaluate = repeat},
    {.signature = "reverse(text)",
     .doc = "its characters from the last to the first",
     .example = "reverse('abc') => 'cba'",
     .takes = {kText},
     .gives = kText,
     .evaluate = reverse},
    {.signature = "rpad(text, n[, fill])",
     .doc = "filled from the right",
     .example = "rpad('ab', 4, '.') => 'ab..'",
     .takes = {kText, kInteger, kText},
     .optional = 1,
     .gives = kText,
     .evaluate = rpad},
    {.signature = "rtrim(text[, characters])",
     .doc = "trimmed at the end",
     .example = "rtrim('21.50', '0') => '21.5'",
     .takes = {kText, kText},
     .optional = 1,
     .gives = kText,
     .evaluate = rtrim},
    {.signature = "trim(text[, characters])",
     .doc = "trimmed at both ends",
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
  char* const to = room_for_text(arguments.arena, size);
  if (to == nullptr) return Kind::text_too_long;
  char* at = to;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view text = texts[i].as_text();
    at = std::copy(text.begin(), text.end(), at);
  }
  out = Value::text({to, size});
  return {};
}

}  // namespace tidemark::function
