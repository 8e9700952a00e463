#include "expressions/functions.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "expressions/foreign_names.h"
#include "expressions/parser.h"
#include "field_binder.h"

using namespace tidemark;

namespace {

// The result of the function that the registry has under that name, as text.
std::string call(std::string_view name, const std::vector<Value>& arguments) {
  const Function* const f = find_function(name);
  REQUIRE(f != nullptr);
  Arena arena;
  Value out;
  REQUIRE_FALSE(f->evaluate({arguments, arena}, out));
  return to_text(out);
}

std::vector<const Function*> all_functions() {
  std::vector<const Function*> all;
  for (const FunctionGroup& group : function_groups())
    for (const Function& f : group.functions) all.push_back(&f);
  return all;
}

std::vector<std::string> names_of(const Function& f) {
  std::vector<std::string> names{std::string(f.name())};
  std::istringstream also{std::string(f.also)};
  for (std::string name; also >> name;) names.push_back(name);
  return names;
}

// As expressions write it.
std::string as_written(const Value& v) {
  if (v.is_boolean()) return v.as_boolean() ? "TRUE" : "FALSE";
  return to_text(v);
}

Value integer(std::int64_t i) {
  return Value::integer(i);
}
Value real(double d) {
  return Value::real(d);
}

}  // namespace

TEST_CASE("every line of the registry is complete") {
  std::set<std::string> names;
  for (const Function* const f : all_functions()) {
    CAPTURE(f->signature);
    for (const std::string& name : names_of(*f)) {
      CHECK(names.insert(name).second);
      CHECK(find_function(name) == f);
    }
    CHECK(f->signature.ends_with(")"));
    CHECK_FALSE(f->doc.empty());
    CHECK(f->doc.back() != '.');
    CHECK(f->example.find(std::string(f->name()) + "(") != std::string_view::npos);
    CHECK(f->optional <= f->declared);
    CHECK(f->repeats <= f->declared);
    CHECK((f->evaluate != nullptr) == (f->form == Function::Form::call));
    if (f->form == Function::Form::call) CHECK((f->typed == Function::Typed::fixed) == !f->gives.empty());
    // Zones are the last argument, and literals, so that the configuration knows them.
    CHECK((f->zone != 0) == (f->signature.find("zone") != std::string_view::npos));
    if (f->zone != 0) {
      CHECK(f->zone == f->declared);
      CHECK((f->literals >> (f->zone - 1) & 1u) != 0);
    }
  }
  CHECK(find_function("none") == nullptr);
  CHECK(find_function("") == nullptr);
}

TEST_CASE("every function's example gives what it says") {
  for (const Function* const f : all_functions()) {
    CAPTURE(f->example);
    const std::size_t arrow = f->example.find(" => ");
    REQUIRE(arrow != std::string_view::npos);
    const auto parsed = parse_expression(f->example.substr(0, arrow));
    REQUIRE(parsed);
    FieldBinder binder;
    const auto program = compile(*parsed, binder);
    if (!program) FAIL(program.error().message);
    Arena arena;
    const auto value = program->evaluate(binder.slots(), arena);
    if (!value) FAIL(program->describe(value.error()));
    CHECK(as_written(*value) == f->example.substr(arrow + 4));
    CHECK((value->is_null() || program->types().contains(value->type())));
  }
}

TEST_CASE("a call has as many arguments as its signature says") {
  for (const Function* const f : all_functions()) {
    CAPTURE(f->signature);
    // What stands between the commas, [ and ]; … is for more of the same.
    const std::string_view inside =
        f->signature.substr(f->name().size() + 1, f->signature.size() - f->name().size() - 2);
    const bool endless = inside.find("…") != std::string_view::npos;
    const auto commas = [](std::string_view text) {
      return static_cast<std::size_t>(std::count(text.begin(), text.end(), ','));
    };
    const std::size_t most = inside.empty() ? 0 : commas(inside) + 1 - (endless ? 1 : 0);
    std::string always;
    int optional = 0;
    for (const char c : inside) {
      optional += (c == '[') - (c == ']');
      if (optional == 0 && c != ']') always += c;
    }
    const bool endless_always = endless && always.find("…") != std::string::npos;
    const std::size_t least = always.empty() ? 0 : commas(always) + 1 - (endless_always ? 1 : 0);
    CHECK(f->declared == most);
    CHECK(std::size_t{f->declared} - f->optional == least);
    CHECK((f->repeats > 0) == endless);
  }
}

TEST_CASE("what is said of other systems' functions names functions that there are") {
  CHECK(advice_for("len") == "write length(text)");
  CHECK(advice_for("date") == advice_for("strftime"));
  CHECK(advice_for("").empty());
  CHECK(advice_for("lengt").empty());
  CHECK(advice_for("current").empty());
  for (const Function* const f : all_functions())
    for (const std::string& name : names_of(*f)) {
      CAPTURE(name);
      CHECK(advice_for(name).empty());
    }
}

TEST_CASE("round goes by the decimal digits that are read") {
  CHECK(call("round", {real(2.675), integer(2)}) == "2.68");
  CHECK(call("round", {real(1.005), integer(2)}) == "1.01");
  CHECK(call("round", {real(-2.675), integer(2)}) == "-2.68");
  CHECK(call("round", {real(0.1 + 0.2), integer(16)}) == "0.3");
  CHECK(call("round", {real(9.995), integer(2)}) == "10.0");
  CHECK(call("round", {real(0.05), integer(1)}) == "0.1");
  CHECK(call("round", {real(0.049), integer(1)}) == "0.0");
  CHECK(call("round", {real(-0.004), integer(2)}) == "0.0");
  CHECK(call("round", {real(0.0004), integer(2)}) == "0.0");
  CHECK(call("round", {real(1e300), integer(5)}) == "1e+300");
  CHECK(call("round", {real(123456.789), integer(1)}) == "123456.8");
  CHECK(call("round", {real(5e-324), integer(322)}) == "0.0");
  CHECK(call("round", {real(5e-324), integer(std::numeric_limits<std::int64_t>::max())}) ==
        to_text(real(5e-324)));
  CHECK(call("round", {real(1.25), integer(std::numeric_limits<std::int64_t>::min())}) == "1.0");
  CHECK(call("round", {real(-0.4)}) == "0.0");
}

TEST_CASE("whole numbers near zero have no sign") {
  CHECK(call("ceil", {real(-0.5)}) == "0.0");
  CHECK(call("floor", {real(-0.0)}) == "0.0");
}

TEST_CASE("substr takes any bounds") {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  const Value text = Value::text("hello");
  CHECK(call("substr", {text, integer(kMax)}) == "''");
  CHECK(call("substr", {text, integer(kMin)}) == "'hello'");
  CHECK(call("substr", {text, integer(kMin), integer(kMax)}) == "'hello'");
  CHECK(call("substr", {text, integer(kMin), integer(10)}) == "''");
  CHECK(call("substr", {text, integer(kMax), integer(kMin)}) == "'hello'");
  CHECK(call("substr", {text, integer(1), integer(kMin)}) == "''");
}

TEST_CASE("texts that are no UTF-8 are handled byte by byte") {
  CHECK(call("length", {Value::text("\xff\xfe")}) == "2");
  CHECK(call("substr", {Value::text("\xff\xfe"), integer(2)}) == "'\xfe'");
  CHECK(call("upper", {Value::text("\xe2")}) == "'\xe2'");
}
