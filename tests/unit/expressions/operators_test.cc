#include "expressions/operators.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

using namespace tidemark;

TEST_CASE("an integer and a float are compared exactly where a conversion would round") {
  constexpr std::int64_t kBig = (std::int64_t{1} << 53) + 1;
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  struct Row {
    std::int64_t i;
    double r;
    Order order;
  };
  const Row rows[] = {
      {kBig, 9007199254740992.0, Order::greater},
      {-kBig, -9007199254740992.0, Order::less},
      {kMax, 9223372036854775808.0, Order::less},
      {kMin, -9223372036854775808.0, Order::equal},
      {kMin, -1e300, Order::greater},
      {kMax, std::numeric_limits<double>::infinity(), Order::less},
      {0, -0.0, Order::equal},
      {0, 5e-324, Order::less},
      {0, -5e-324, Order::greater},
      {-1, -1.5, Order::greater},
      {1, 1.5, Order::less},
      {0, std::nan(""), Order::unknown},
  };
  for (const Row& row : rows) {
    CAPTURE(row.i);
    CAPTURE(row.r);
    CHECK(compare(Value::integer(row.i), Value::real(row.r)) == row.order);
    const Order back = compare(Value::real(row.r), Value::integer(row.i));
    if (row.order == Order::less) CHECK(back == Order::greater);
    if (row.order == Order::greater) CHECK(back == Order::less);
    if (row.order == Order::equal) CHECK(back == Order::equal);
    if (row.order == Order::unknown) CHECK(back == Order::unknown);
  }
}

TEST_CASE("NULL is unknown beside any type, different types are mismatched") {
  const Value values[] = {Value::boolean(true), Value::integer(1), Value::text("1")};
  for (const Value& a : values) {
    CHECK(compare(a, Value::null()) == Order::unknown);
    CHECK(compare(Value::null(), a) == Order::unknown);
    for (const Value& b : values) {
      CHECK(compare(a, b) == (a.type() == b.type() ? Order::equal : Order::mismatched));
    }
  }
}

TEST_CASE("texts are compared by unsigned bytes, an inner zero included") {
  using namespace std::string_view_literals;
  CHECK(compare(Value::text("a\0b"sv), Value::text("a\0c"sv)) == Order::less);
  CHECK(compare(Value::text("z"), Value::text("\xff")) == Order::less);
}

TEST_CASE("NULL with a wrong type is still wrong") {
  Value out;
  CHECK(add(Value::null(), Value::text("x"), out) == EvalError::Kind::wrong_type);
  CHECK(divide(Value::text("x"), Value::integer(0), out) == EvalError::Kind::wrong_type);
  CHECK(divide(Value::null(), Value::integer(0), out) == Fault{});
  CHECK(out.is_null());
}

TEST_CASE("casting a number to text and back gives the number") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  Arena arena;
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t bits = random();
    const Value integer = Value::integer(static_cast<std::int64_t>(bits));
    double d = 0;
    std::memcpy(&d, &bits, sizeof d);
    if (!std::isfinite(d)) continue;
    const Value real = Value::real(d);
    Value back;
    REQUIRE_FALSE(cast(as_text(integer, arena), Value::Type::integer, arena, back));
    CHECK(same_value(back, integer));
    REQUIRE_FALSE(cast(as_text(real, arena), Value::Type::real, arena, back));
    CHECK(same_value(back, real));
  }
}

TEST_CASE("a text that is no number casts to none") {
  using namespace std::string_view_literals;
  Arena arena;
  Value out;
  for (const std::string_view text : {""sv, " "sv, "-"sv, "+"sv, "+-1"sv, "--1"sv, "1 2"sv, "0x10"sv, "1e"sv,
                                      "e5"sv, "."sv, "1,5"sv, "nan"sv, "inf"sv, "1_000"sv, "1\0"sv}) {
    CAPTURE(text);
    CHECK(cast(Value::text(text), Value::Type::integer, arena, out) == EvalError::Kind::cast_failed);
    CHECK(cast(Value::text(text), Value::Type::real, arena, out) == EvalError::Kind::cast_failed);
  }
  CHECK(cast(Value::text("1.0"), Value::Type::integer, arena, out) == EvalError::Kind::cast_failed);
  CHECK(cast(Value::text("1e999"), Value::Type::real, arena, out) == EvalError::Kind::cast_failed);
}

TEST_CASE("the words of a boolean are read in any letter case") {
  Arena arena;
  for (const std::string_view yes : {"true", "T", "Yes", "y", "ON", " 1 "}) {
    Value out;
    REQUIRE_FALSE(cast(Value::text(yes), Value::Type::boolean, arena, out));
    CHECK(out.as_boolean());
  }
  for (const std::string_view no : {"false", "F", "No", "n", "oFF", "0"}) {
    Value out;
    REQUIRE_FALSE(cast(Value::text(no), Value::Type::boolean, arena, out));
    CHECK(out.is_boolean());
    CHECK_FALSE(out.as_boolean());
  }
}
