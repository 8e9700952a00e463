// The registry of scalar functions. The compiler checks calls against it, and the manual's list is made of
// it.
//
// A new function: write it in the *_functions.cc of its subject and add its line to the table at the end of
// that file. Its example is run by a test and printed in the manual.
//
// Some arguments must be literals (`literals`): what can be made of them before any record (a pattern
// compiled, a unit looked up) is made by `prepare`, once, and a mistake in them is found with the
// configuration.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/value.h"
#include "expressions/operators.h"
#include "expressions/type_set.h"
#include "expressions/zones.h"

namespace tidemark {

// What a function made of the literals of one call. Each function that has one derives its own.
class Prepared {
 public:
  virtual ~Prepared() = default;
};

// What a function is called with. Arguments have the declared types; lifetimes of texts: see Program.
struct Arguments {
  std::span<const Value> values;
  Arena& arena;
  const Prepared* prepared = nullptr;  // what `prepare` gave
  // Set by a function that answers wrong_type of itself: which argument, and what it needed.
  mutable std::size_t at_fault = 0;
  mutable TypeSet needed = {};

  std::size_t size() const { return values.size(); }
  const Value& operator[](std::size_t i) const { return values[i]; }
};

// What is known of an argument before any record. A literal lives no longer than the call of `prepare`.
struct KnownArgument {
  const Value* literal = nullptr;  // null when it is none
  TypeSet types;
  bool is_json = false;  // where it is a text, that is JSON
};

struct BadArgument {
  std::size_t index;
  std::string message;  // what is wrong and what is allowed; the place is added
};

struct Function {
  // What becomes of a NULL argument: the result is NULL and `evaluate` is not called, or `evaluate` sees it.
  enum class Nulls : std::uint8_t { give_null, are_seen };
  // The type of the result: `gives`, that of the first argument, that of any argument, or that of any
  // argument where all of them must be comparable with each other.
  enum class Typed : std::uint8_t { fixed, as_first, as_any, as_any_alike };
  // What a call is compiled to. Those that evaluate only the arguments that they need are operations of the
  // evaluator, and have no `evaluate`.
  enum class Form : std::uint8_t { call, coalesce, case_when, attempt };
  using Evaluate = Fault (*)(const Arguments& arguments, Value& out);
  using Preparation = std::expected<std::unique_ptr<const Prepared>, BadArgument>;
  using Prepare = Preparation (*)(std::span<const KnownArgument> arguments, Zones& zones);

  std::string_view signature;  // as the manual writes it, the name first
  std::string_view doc;
  std::string_view example;    // expression => result
  std::string_view also = {};  // other names that it is called by, a space between them
  std::array<TypeSet, 7> takes = {};
  std::uint8_t declared = counted(takes);
  std::uint8_t optional = 0;  // how many of them may be missing at the end
  std::uint8_t repeats = 0;   // how many of the last may be there again and again
  std::uint8_t literals = 0;  // bit i: the i-th must be a literal
  std::uint8_t zone = 0;      // which of them names a time zone, from 1; 0: none
  Nulls nulls = Nulls::give_null;
  Typed typed = Typed::fixed;
  Form form = Form::call;
  bool gives_json = false;  // text that json_object and json_array take for JSON
  TypeSet gives = {};
  Evaluate evaluate = nullptr;
  Prepare prepare = nullptr;

  std::string_view name() const { return signature.substr(0, signature.find('(')); }
  bool accepts(std::size_t arguments) const {
    if (arguments + optional < declared) return false;
    if (repeats > 1 && arguments % repeats != declared % repeats) return false;
    return arguments <= declared || repeats > 0;
  }
  // The types of the i-th argument, of a number of arguments that it accepts.
  TypeSet parameter(std::size_t i) const {
    return i < declared ? takes[i] : takes[declared - repeats + (i - declared) % repeats];
  }

 private:
  static constexpr std::uint8_t counted(const std::array<TypeSet, 7>& takes) {
    std::uint8_t n = 0;
    while (n < takes.size() && !takes[n].empty()) ++n;
    return n;
  }
};

struct FunctionGroup {
  std::string_view title;
  std::span<const Function> functions;
};

// By subject, in the order of the manual.
std::span<const FunctionGroup> function_groups();

// By its lower-case name or another name that it has; null when there is none.
const Function* find_function(std::string_view name);

}  // namespace tidemark
