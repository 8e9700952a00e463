#include "expressions/functions.h"

#include <algorithm>

#include "expressions/functions_list.h"

namespace tidemark {
namespace {

// Whether a list of words, a space between them, has this one.
bool has_word(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const std::string_view first = words.substr(0, words.find(' '));
    if (first == word) return true;
    words.remove_prefix(std::min(words.size(), first.size() + 1));
  }
  return false;
}

}  // namespace

std::span<const FunctionGroup> function_groups() {
  static const FunctionGroup groups[] = {
      {"Choice and types", function::choices()},
      {"Numbers", function::numbers()},
      {"Mathematics", function::mathematics()},
      {"Bits", function::bits()},
      {"Texts", function::texts()},
      {"Parts of texts", function::text_parts()},
      {"Regular expressions", function::patterns()},
      {"Formatting", function::formatting()},
      {"Encodings and hashes", function::encodings()},
      {"Times", function::times()},
      {"JSON", function::json_functions()},
      {"Lookups", function::lookups()},
  };
  return groups;
}

const Function* find_function(std::string_view name) {
  for (const FunctionGroup& group : function_groups()) {
    for (const Function& f : group.functions) {
      if (f.name() == name || has_word(f.also, name)) return &f;
    }
  }
  return nullptr;
}

}  // namespace tidemark
