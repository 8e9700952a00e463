#include "expressions/functions.h"

#include <doctest/doctest.h>

#include <limits>
#include <set>
#include <string>
#include <vector>

#include "expressions/functions_list.h"

using namespace tidemark;

namespace {

// The result of the function that the registry has under that name, as text.
std::string call(std::string_view name, const std::vector<Value>& arguments) {
  const Function* const f = find_function(name);
  REQUIRE(f != nullptr);
  Arena arena;
  Value out;
  REQUIRE_FALSE(f->evaluate(arguments, arena, out));
  return to_text(out);
}

Value integer(std::int64_t i) {
  return Value::integer(i);
}
Value real(double d) {
  return Value::real(d);
}

}  // namespace

TEST_CASE("every line of the registry is complete") {
  std::set<std::string_view> names;
  for (const Function& f : functions()) {
    CAPTURE(f.name);
    CHECK(names.insert(f.name).second);
    CHECK(find_function(f.name) == &f);
    CHECK(f.min_arguments <= f.max_arguments);
    CHECK(f.signature.starts_with(std::string(f.name) + "("));
    CHECK_FALSE(f.doc.empty());
    CHECK((f.evaluate != nullptr || f.name == "coalesce"));
    CHECK((f.typed == Function::Typed::fixed) == !f.result.empty());
    for (std::size_t i = 0; i < f.max_arguments; ++i) CHECK_FALSE(f.parameter(i).empty());
  }
  CHECK(find_function("none") == nullptr);
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
