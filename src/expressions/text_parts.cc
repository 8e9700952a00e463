// Functions that find parts of texts, take them out and replace them.
//
// Searching takes time in proportion to the text, whatever is sought: both may come from the network.
#include <string.h>  // memmem

#include <algorithm>
#include <limits>
#include <optional>

#include "expressions/characters.h"
#include "expressions/functions_list.h"
#include "expressions/text_builder.h"

namespace tidemark::function {
namespace {

using Kind = EvalError::Kind;

// Where `part` begins at or after `from`. memmem is linear; std::string_view::find is not.
std::optional<std::size_t> find(std::string_view text, std::string_view part, std::size_t from = 0) {
  if (part.empty()) return from;
  if (text.size() - from < part.size()) return std::nullopt;
  const void* const at = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  if (at == nullptr) return std::nullopt;
  return static_cast<std::size_t>(static_cast<const char*>(at) - text.data());
}

Fault contains(const Arguments& arguments, Value& out) {
  out = Value::boolean(find(arguments[0].as_text(), arguments[1].as_text()).has_value());
  return {};
}

Fault ends_with(const Arguments& arguments, Value& out) {
  out = Value::boolean(arguments[0].as_text().ends_with(arguments[1].as_text()));
  return {};
}

Fault starts_with(const Arguments& arguments, Value& out) {
  out = Value::boolean(arguments[0].as_text().starts_with(arguments[1].as_text()));
  return {};
}

Fault instr(const Arguments& arguments, Value& out) {
  const std::string_view text = arguments[0].as_text();
  const auto at = find(text, arguments[1].as_text());
  out = Value::integer(at ? static_cast<std::int64_t>(character_count(text.substr(0, *at))) + 1 : 0);
  return {};
}

// The byte where the n-th character after `at` begins; the text's size when there are fewer.
std::size_t skip(std::string_view text, std::size_t at, std::int64_t n) {
  for (; n > 0 && at < text.size(); --n) at += character_size(text, at);
  return at;
}

// Beyond these bounds a count of characters changes nothing; within them no sum of three overflows.
constexpr std::int64_t kFar = std::int64_t{1} << 60;

// Where the last n characters begin.
std::size_t last(std::string_view text, std::int64_t n) {
  return skip(text, 0, static_cast<std::int64_t>(character_count(text)) - n);
}

Fault left(const Arguments& arguments, Value& out) {
  const std::string_view text = arguments[0].as_text();
  const std::int64_t n = std::clamp(arguments[1].as_integer(), -kFar, kFar);
  out = Value::text(text.substr(0, n < 0 ? last(text, -n) : skip(text, 0, n)));
  return {};
}

Fault right(const Arguments& arguments, Value& out) {
  const std::string_view text = arguments[0].as_text();
  const std::int64_t n = std::clamp(arguments[1].as_integer(), -kFar, kFar);
  out = Value::text(text.substr(n < 0 ? skip(text, 0, -n) : last(text, n)));
  return {};
}

Fault replace(const Arguments& arguments, Value& out) {
  const std::string_view text = arguments[0].as_text(), part = arguments[1].as_text();
  std::optional<std::size_t> found = part.empty() ? std::nullopt : find(text, part);
  if (!found) {
    out = arguments[0];
    return {};
  }
  TextBuilder replaced(arguments.arena, text.size());
  std::size_t at = 0;
  for (; found && !replaced.full(); found = find(text, part, at)) {
    replaced.add(text.substr(at, *found - at));
    replaced.add(arguments[2].as_text());
    at = *found + part.size();
  }
  replaced.add(text.substr(at));
  return replaced.give(out);
}

std::int64_t parts_of(std::string_view text, std::string_view separator) {
  std::int64_t parts = 1;
  for (auto at = find(text, separator); at; at = find(text, separator, *at + separator.size())) ++parts;
  return parts;
}

Fault split_part(const Arguments& arguments, Value& out) {
  const std::string_view text = arguments[0].as_text(), separator = arguments[1].as_text();
  std::int64_t n = arguments[2].as_integer();
  if (n == 0) return Kind::out_of_range;
  if (separator.empty()) {
    out = Value::text(n == 1 || n == -1 ? text : std::string_view());
    return {};
  }
  if (n < 0) n += parts_of(text, separator) + 1;
  out = Value::text("");
  if (n < 1) return {};
  std::size_t from = 0;
  auto end = find(text, separator);
  for (; n > 1 && end; --n) {
    from = *end + separator.size();
    end = find(text, separator, from);
  }
  if (n == 1) out = Value::text(text.substr(from, end.value_or(text.size()) - from));
  return {};
}

// A range of characters, from 0.
struct Range {
  std::int64_t from;
  std::int64_t count;
};

// sqlite's reading of substr(text, from, count) for a text of `length` characters, its strange corners
// included: a place before the first character counts against `count`, so substr('abc', 0, 2) is 'a'.
Range range_of(std::int64_t from, std::int64_t count, std::int64_t length) {
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

// The sets are literals, so their size is the configuration's and not the network's.
Fault translate(const Arguments& arguments, Value& out) {
  const std::string_view text = arguments[0].as_text(), from = arguments[1].as_text(),
                         to = arguments[2].as_text();
  TextBuilder translated(arguments.arena, text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view character = text.substr(at, character_size(text, at));
    at += character.size();
    std::size_t f = 0, t = 0;
    while (f < from.size() && from.substr(f, character_size(from, f)) != character) {
      f += character_size(from, f);
      if (t < to.size()) t += character_size(to, t);
    }
    if (f == from.size())
      translated.add(character);
    else if (t < to.size())
      translated.add(to.substr(t, character_size(to, t)));
  }
  return translated.give(out);
}

constexpr Function kTextParts[] = {
    {.signature = "contains(text, part)",
     .doc = "whether the part occurs in the text",
     .example = "contains('plant/a/b', '/a/') => TRUE",
     .takes = {kText, kText},
     .gives = kBoolean,
     .evaluate = contains},
    {.signature = "ends_with(text, part)",
     .doc = "whether the text ends with it",
     .example = "ends_with('press.temp', '.temp') => TRUE",
     .takes = {kText, kText},
     .gives = kBoolean,
     .evaluate = ends_with},
    {.signature = "instr(text, part)",
     .doc = "the number of the character where the part begins first, from 1; 0 when it does not occur",
     .example = "instr('naïve', 'v') => 4",
     .also = "strpos",
     .takes = {kText, kText},
     .gives = kInteger,
     .evaluate = instr},
    {.signature = "left(text, n)",
     .doc = "the first n characters; n < 0: all but the last -n",
     .example = "left('hello', 2) => 'he'",
     .takes = {kText, kInteger},
     .gives = kText,
     .evaluate = left},
    {.signature = "replace(text, part, by)",
     .doc = "every occurrence of the part replaced",
     .example = "replace('a-b-c', '-', '/') => 'a/b/c'",
     .takes = {kText, kText, kText},
     .gives = kText,
     .evaluate = replace},
    {.signature = "right(text, n)",
     .doc = "the last n characters; n < 0: all but the first -n",
     .example = "right('hello', 2) => 'lo'",
     .takes = {kText, kInteger},
     .gives = kText,
     .evaluate = right},
    {.signature = "split_part(text, separator, n)",
     .doc = "the n-th part between separators, from 1; n < 0 counts from the end; '' when there are fewer",
     .example = "split_part('plant/line1/press', '/', 2) => 'line1'",
     .takes = {kText, kText, kInteger},
     .gives = kText,
     .evaluate = split_part},
    {.signature = "starts_with(text, part)",
     .doc = "whether the text begins with it",
     .example = "starts_with('ERR 17', 'ERR') => TRUE",
     .takes = {kText, kText},
     .gives = kBoolean,
     .evaluate = starts_with},
    {.signature = "substr(text, from[, n])",
     .doc = "n characters (all) from that one on, the first is 1, -1 the last; n < 0: those before it",
     .example = "substr('hello', 2, 3) => 'ell'",
     .also = "substring",
     .takes = {kText, kInteger, kInteger},
     .optional = 1,
     .gives = kText,
     .evaluate = substr},
    {.signature = "translate(text, characters, by)",
     .doc = "each character of that set replaced by the one in its place, or left out when there is none; "
            "the last two are literals",
     .example = "translate('1.234,5', ',.', '.') => '1234.5'",
     .takes = {kText, kText, kText},
     .literals = 0b110,
     .gives = kText,
     .evaluate = translate},
};

}  // namespace

std::span<const Function> text_parts() {
  return kTextParts;
}

}  // namespace tidemark::function
