// Functions of regular expressions, RE2's. A pattern is a literal: compiled once, with the configuration.
//
// A search is linear in the text, but one that is repeated after every match need not be: (a|b)*c over a text
// without a c looks at all of it from each place. What all searches of a call may look at is bounded, since
// texts come from the network.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/format.h"
#include "base/search_pattern.h"
#include "expressions/characters.h"
#include "expressions/functions_list.h"
#include "expressions/text_builder.h"

namespace tidemark::function {
namespace {

using Kind = EvalError::Kind;
using Groups = SearchPattern::Groups;

constexpr std::size_t kMostLookedAt = 64 << 20;

struct PatternCall final : Prepared {
  explicit PatternCall(SearchPattern compiled) : pattern(std::move(compiled)) {}

  SearchPattern pattern;
  std::size_t group = 0;  // that regexp_extract takes
  // What regexp_replace puts in: texts, each followed by a group, but for the last.
  struct Part {
    std::string text;
    std::optional<std::size_t> group;
  };
  std::vector<Part> by;
  std::size_t groups_of_by = 1;  // that it needs to know
};

const PatternCall& pattern_call(const Arguments& arguments) {
  return static_cast<const PatternCall&>(*arguments.prepared);
}

std::expected<std::unique_ptr<PatternCall>, BadArgument> compiled(std::span<const KnownArgument> arguments) {
  auto pattern = SearchPattern::compile(arguments[1].literal->as_text());
  if (!pattern)
    return std::unexpected(
        BadArgument{1, format("this is no regular expression: {}", pattern.error().message)});
  return std::make_unique<PatternCall>(std::move(*pattern));
}

Function::Preparation prepare(std::span<const KnownArgument> arguments, Zones&) {
  return compiled(arguments);
}

// By its number, by its name, or the first, if there is one.
Function::Preparation prepare_extract(std::span<const KnownArgument> arguments, Zones&) {
  auto call = compiled(arguments);
  if (!call) return std::unexpected(std::move(call.error()));
  const std::size_t groups = (*call)->pattern.groups();
  std::optional<std::size_t> group = groups > 0 ? 1 : 0;
  if (arguments.size() > 2) {
    const Value& wanted = *arguments[2].literal;
    if (wanted.is_text()) {
      group = (*call)->pattern.group(wanted.as_text());
    } else {
      group.reset();
      if (wanted.as_integer() >= 0 && static_cast<std::uint64_t>(wanted.as_integer()) <= groups)
        group = static_cast<std::size_t>(wanted.as_integer());
    }
  }
  if (!group || *group >= SearchPattern::kMostGroups) {
    return std::unexpected(BadArgument{
        2,
        format(
            "the pattern has no such group; it has {}, of which {} can be taken, and 0 is all of the match",
            groups, SearchPattern::kMostGroups - 1)});
  }
  (*call)->group = *group;
  return std::move(*call);
}

// \0 to \9 are groups, \\ is a backslash.
Function::Preparation prepare_replace(std::span<const KnownArgument> arguments, Zones&) {
  auto call = compiled(arguments);
  if (!call) return std::unexpected(std::move(call.error()));
  const std::string_view by = arguments[2].literal->as_text();
  PatternCall::Part part;
  for (std::size_t i = 0; i < by.size(); ++i) {
    if (by[i] != '\\') {
      part.text += by[i];
      continue;
    }
    const char c = ++i < by.size() ? by[i] : '\0';
    if (c == '\\') {
      part.text += c;
      continue;
    }
    const auto group = static_cast<std::size_t>(c - '0');
    if (c < '0' || c > '9' || group > (*call)->pattern.groups()) {
      return std::unexpected(
          BadArgument{2, format("after a backslash stands one more, or the number of a group; the "
                                "pattern has {}, and 0 is all of the match",
                                (*call)->pattern.groups())});
    }
    part.group = group;
    (*call)->groups_of_by = std::max((*call)->groups_of_by, group + 1);
    (*call)->by.push_back(std::exchange(part, {}));
  }
  (*call)->by.push_back(std::move(part));
  return std::move(*call);
}

Fault regexp_like(const Arguments& arguments, Value& out) {
  out = Value::boolean(pattern_call(arguments).pattern.matches(arguments[0].as_text()));
  return {};
}

Fault regexp_extract(const Arguments& arguments, Value& out) {
  const PatternCall& call = pattern_call(arguments);
  Groups groups;
  const bool found = call.pattern.find(arguments[0].as_text(), 0, call.group + 1, groups);
  out = found && groups[call.group] ? Value::text(*groups[call.group]) : Value::null();
  return {};
}

// Calls `take` with the text between matches and the match, one after another, and with the rest at the end.
// A match of nothing right behind another match is none.
template <class Take>
Fault each_match(std::string_view text, const SearchPattern& pattern, std::size_t wanted, const Take& take) {
  Groups groups;
  std::size_t between = 0;  // where what lies before the next match begins
  std::size_t at = 0;       // where it is looked for
  std::size_t looked_at = 0;
  std::optional<std::size_t> last_end;
  while (at <= text.size() && pattern.find(text, at, wanted, groups)) {
    looked_at += text.size() - at;
    if (looked_at > kMostLookedAt + text.size()) return Kind::too_many_matches;
    // A match in an empty text may lie at any address.
    const std::size_t begin = text.empty() ? 0 : static_cast<std::size_t>(groups[0]->data() - text.data());
    const std::size_t end = begin + groups[0]->size();
    if (begin == end && last_end == begin) {
      at = begin < text.size() ? begin + character_size(text, begin) : begin + 1;
      continue;
    }
    take(text.substr(between, begin - between), &groups);
    between = at = end;
    last_end = end;
  }
  take(text.substr(between), nullptr);
  return {};
}

Fault regexp_count(const Arguments& arguments, Value& out) {
  std::int64_t count = 0;
  const Fault fault =
      each_match(arguments[0].as_text(), pattern_call(arguments).pattern, 1,
                 [&](std::string_view, const Groups* match) { count += match != nullptr ? 1 : 0; });
  out = Value::integer(count);
  return fault;
}

Fault regexp_replace(const Arguments& arguments, Value& out) {
  const PatternCall& call = pattern_call(arguments);
  TextBuilder replaced(arguments.arena, arguments[0].as_text().size());
  const Fault fault = each_match(arguments[0].as_text(), call.pattern, call.groups_of_by,
                                 [&](std::string_view before, const Groups* match) {
                                   replaced.add(before);
                                   if (match == nullptr) return;
                                   for (const PatternCall::Part& part : call.by) {
                                     replaced.add(part.text);
                                     if (part.group) replaced.add((*match)[*part.group].value_or(""));
                                   }
                                 });
  return fault ? fault : replaced.give(out);
}

constexpr Function kPatterns[] = {
    {.signature = "regexp_count(text, pattern)",
     .doc = "how often the pattern matches, without overlapping",
     .example = "regexp_count('a1b22c333', '[0-9]+') => 3",
     .takes = {kText, kText},
     .literals = 0b10,
     .gives = kInteger,
     .evaluate = regexp_count,
     .prepare = prepare},
    {.signature = "regexp_extract(text, pattern[, group])",
     .doc = "what a group of the first match took, by number or name; without one the first group, or all of "
            "the match when there is none; NULL without a match",
     .example = "regexp_extract('temp=21.5 C', 'temp=([0-9.]+)') => '21.5'",
     .takes = {kText, kText, kInteger | kText},
     .optional = 1,
     .literals = 0b110,
     .gives = kText,
     .evaluate = regexp_extract,
     .prepare = prepare_extract},
    {.signature = "regexp_like(text, pattern)",
     .doc = "whether the pattern matches anywhere in the text; text REGEXP pattern is the same; the syntax "
            "is RE2's, ^ and $ hold on to the ends, (?i) ignores case",
     .example = "regexp_like('ERR 17', '^ERR [0-9]+$') => TRUE",
     .takes = {kText, kText},
     .literals = 0b10,
     .gives = kBoolean,
     .evaluate = regexp_like,
     .prepare = prepare},
    {.signature = "regexp_replace(text, pattern, by)",
     .doc = "every match replaced; in the replacement, a literal, \\1 to \\9 are groups and \\0 is all of "
            "the match",
     .example = "regexp_replace('2025-03-01', '(\\d+)-(\\d+)-(\\d+)', '\\3.\\2.\\1') => '01.03.2025'",
     .takes = {kText, kText, kText},
     .literals = 0b110,
     .gives = kText,
     .evaluate = regexp_replace,
     .prepare = prepare_replace},
};

}  // namespace

std::span<const Function> patterns() {
  return kPatterns;
}

}  // namespace tidemark::function
