// What each aggregate means, beyond what all of them share.
#include <doctest/doctest.h>

#include "accumulator.h"
#include "windows/held_value.h"

namespace tidemark {
namespace {

using namespace test;
using V = Value;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

TEST_CASE("count(*) counts records, count(x) those with a value") {
  CHECK(result_of("count", {V::integer(1), V::null(), V::text(""), V::boolean(false)}) == "3");
  const auto count = test::make("count", 0);
  Accumulator state(*count);
  for (int i = 0; i < 3; ++i) state.feed({});
  CHECK(state.result() == "3");
}

TEST_CASE("sum: integers are exact, and one too many is refused and leaves the sum as it was") {
  CHECK(result_of("sum", {V::integer(kMost - 1), V::integer(1)}) == std::to_string(kMost));
  CHECK(result_of("sum", {V::integer(kMost), V::integer(1)}) == "refused: integer overflow in a sum");
  CHECK(result_of("sum", {V::integer(-kMost), V::integer(-2)}) == "refused: integer overflow in a sum");
  const auto sum = test::make("sum", 1);
  Accumulator state(*sum);
  state.feed({{V::integer(kMost)}, {}, {1}});
  CHECK(state.feed({{V::integer(1)}, {}, {2}}) != nullptr);
  CHECK(state.feed({{V::integer(-1)}, {}, {3}}) == nullptr);
  CHECK(state.result() == std::to_string(kMost - 1));
}

TEST_CASE("sum: the first float makes it a float, whatever follows") {
  CHECK(result_of("sum", {V::integer(1), V::integer(2)}) == "3");
  CHECK(result_of("sum", {V::integer(1), V::real(2), V::integer(3)}) == "6.0");
  CHECK(result_of("sum", {V::real(1), V::integer(kMost), V::integer(kMost)}) == "1.8446744073709552e+19");
  CHECK(result_of("sum", {V::real(-0.0)}) == "0.0");
}

TEST_CASE("sum: floats are compensated") {
  CHECK(result_of("sum", {V::real(1), V::real(1e100), V::real(1), V::real(-1e100)}) == "2.0");
  CHECK(result_of("sum", std::vector<V>(10, V::real(0.1))) == "1.0");
  // Integers that no float holds keep their last digit until the end.
  CHECK(result_of("sum", {V::integer(9007199254740993), V::real(0), V::real(-9007199254740992.0)}) == "1.0");
  CHECK(result_of("sum", {V::real(0), V::integer(9007199254740993), V::real(-9007199254740992.0)}) == "1.0");
}

TEST_CASE("sum: infinities and NaN do as IEEE 754 says") {
  CHECK(result_of("sum", {V::real(HUGE_VAL), V::real(1)}) == "inf");
  CHECK(result_of("sum", {V::real(1e308), V::real(1e308)}) == "inf");
  CHECK(result_of("sum", {V::real(HUGE_VAL), V::real(-HUGE_VAL)}) == "nan");
  CHECK(result_of("avg", {V::real(std::nan("")), V::real(1)}) == "nan");
}

TEST_CASE("sum and avg refuse what is no number") {
  CHECK(result_of("sum", {V::text("1")}) == "refused: sum and avg need numbers");
  CHECK(result_of("avg", {V::boolean(true)}) == "refused: sum and avg need numbers");
}

TEST_CASE("avg is a float, over the values that are there") {
  CHECK(result_of("avg", {V::integer(1), V::null(), V::integer(2)}) == "1.5");
  CHECK(result_of("avg", {V::integer(2), V::integer(2)}) == "2.0");
}

TEST_CASE("min and max: numbers compare by their exact values, whatever their types") {
  CHECK(result_of("max", {V::real(9007199254740992.0), V::integer(9007199254740993)}) == "9007199254740993");
  CHECK(result_of("min", {V::integer(9007199254740993), V::real(9007199254740992.0)}) ==
        "9007199254740992.0");
  CHECK(result_of("max", {V::integer(kMost), V::real(9223372036854775808.0)}) == "9.223372036854776e+18");
  CHECK(result_of("min", {V::integer(-1), V::real(-1.5)}) == "-1.5");
  CHECK(result_of("max", {V::integer(-2), V::real(-1.5)}) == "-1.5");
  CHECK(result_of("min", {V::integer(3), V::real(-HUGE_VAL)}) == "-inf");
}

TEST_CASE("min and max: among equals the first is kept") {
  CHECK(result_of("max", {V::integer(1), V::real(1)}) == "1");
  CHECK(result_of("min", {V::real(1), V::integer(1)}) == "1.0");
}

TEST_CASE("min and max: texts by their bytes, false before true, NaN and NULL passed over") {
  CHECK(result_of("max", {V::text("a"), V::text("\xc3\xa4"), V::text("z")}) == "'\xc3\xa4'");
  CHECK(result_of("min", {V::text("a"), V::text("")}) == "''");
  CHECK(result_of("min", {V::boolean(true), V::boolean(false)}) == "false");
  CHECK(result_of("max", {V::real(std::nan("")), V::real(1), V::real(std::nan(""))}) == "1.0");
  CHECK(result_of("min", {V::real(std::nan(""))}) == "NULL");
}

TEST_CASE("min and max refuse a value of another kind than those before") {
  const std::string refusal = "refused: min and max need values of one kind: numbers, texts or booleans";
  CHECK(result_of("min", {V::integer(1), V::text("1")}) == refusal);
  CHECK(result_of("max", {V::text("1"), V::real(1)}) == refusal);
  CHECK(result_of("max", {V::boolean(true), V::integer(1)}) == refusal);
}

std::string dated(std::string_view name, const std::vector<std::pair<std::int64_t, std::uint64_t>>& feeds) {
  const auto aggregate = test::make(name, 1);
  Accumulator state(*aggregate);
  std::int64_t n = 0;
  for (const auto& [time, position] : feeds)
    state.feed({{V::integer(++n)}, time_from_ns<EventTime>(time), {position}});
  return state.result();
}

TEST_CASE("first and last: by event time, then by journal order, then by order of arrival") {
  CHECK(dated("first", {{5, 1}, {3, 2}, {9, 3}}) == "2");
  CHECK(dated("last", {{5, 1}, {9, 2}, {3, 3}}) == "2");
  CHECK(dated("first", {{5, 1}, {5, 2}}) == "1");
  CHECK(dated("last", {{5, 1}, {5, 2}}) == "2");
  CHECK(dated("first", {{5, 7}, {5, 7}}) == "1");
  CHECK(dated("last", {{5, 7}, {5, 7}}) == "2");
  CHECK(dated("first", {{-5, 1}, {-6, 2}}) == "2");
}

TEST_CASE("first and last keep values of any kind") {
  CHECK(result_of("first", {V::null(), V::text("a"), V::integer(1)}) == "'a'");
  CHECK(result_of("last", {V::text("a"), V::real(1.5), V::null()}) == "1.5");
}

std::string by(std::string_view name, const std::vector<std::pair<Value, Value>>& feeds) {
  const auto aggregate = test::make(name, 2);
  Accumulator state(*aggregate);
  std::uint64_t position = 0;
  for (const auto& [value, order] : feeds)
    if (const char* refusal = state.feed({{value, order}, {}, {++position}}))
      return std::string("refused: ") + refusal;
  return state.result();
}

TEST_CASE("min_by and max_by: the value beside the smallest and the largest, the first among equals") {
  const std::vector<std::pair<Value, Value>> feeds = {{V::text("a"), V::integer(2)},
                                                      {V::text("b"), V::integer(1)},
                                                      {V::text("c"), V::real(1)},
                                                      {V::text("d"), V::null()},
                                                      {V::text("e"), V::real(2)}};
  CHECK(by("min_by", feeds) == "'b'");
  CHECK(by("max_by", feeds) == "'a'");
}

TEST_CASE("min_by and max_by: a NULL beside the extreme is the result") {
  CHECK(by("max_by", {{V::integer(1), V::integer(1)}, {V::null(), V::integer(2)}}) == "NULL");
  CHECK(by("max_by", {{V::null(), V::integer(2)}, {V::integer(1), V::integer(1)}}) == "NULL");
}

TEST_CASE("extremes of parts that have seen different kinds have an order of their own") {
  const std::vector<Value> ascending = {V::boolean(false), V::boolean(true), V::real(-HUGE_VAL),
                                        V::integer(1),     V::real(1.5),     V::text(""),
                                        V::text("a")};
  for (std::size_t i = 0; i < ascending.size(); ++i)
    for (std::size_t k = 0; k < ascending.size(); ++k) {
      CAPTURE(to_text(ascending[i]));
      CAPTURE(to_text(ascending[k]));
      CHECK(compare_values(ascending[i], ascending[k]) == (i < k ? -1 : i > k ? 1 : 0));
      if (i == k) continue;
      for (const std::string_view name : {"min", "max"}) {
        const auto aggregate = test::make(name, 1);
        Accumulator into(*aggregate), from(*aggregate);
        into.feed({{ascending[i]}, {}, {1}});
        from.feed({{ascending[k]}, {}, {2}});
        aggregate->merge(into.state(), from.state());
        CHECK(into.result() == to_text(ascending[(name == "min") == (i < k) ? i : k]));
      }
    }
}

std::unique_ptr<Aggregate> largest(std::int64_t n) {
  const std::vector<Value> constants = {V::integer(n)};
  return std::move(*find_aggregate("max_by", 3)->make(constants));
}

TEST_CASE("min_by and max_by of several: as many as asked for, among equals those that came first") {
  for (const bool in_parts : {false, true}) {
    CAPTURE(in_parts);
    const auto three = largest(3);
    Accumulator state(*three), later(*three);
    std::uint64_t position = 0;
    for (const std::int64_t by : {5, 9, 7, 9, 1, 9, 7, 8}) {
      ++position;
      Accumulator& part = in_parts && position > 3 ? later : state;
      CHECK(part.feed({{V::integer(static_cast<std::int64_t>(position)), V::integer(by)}, {}, {position}}) ==
            nullptr);
    }
    three->merge(state.state(), later.state());
    CHECK(state.result() == "'[2,4,6]'");
  }
}

TEST_CASE("min_by and max_by of several: parts of different kinds make a state that is loaded again") {
  const auto three = largest(3);
  Accumulator numbers(*three), texts(*three), loaded(*three);
  numbers.feed({{V::integer(1), V::integer(5)}, {}, {1}});
  numbers.feed({{V::integer(2), V::integer(6)}, {}, {2}});
  texts.feed({{V::integer(3), V::text("x")}, {}, {3}});
  three->merge(numbers.state(), texts.state());
  CHECK(loaded.load(numbers.saved()));
  CHECK(loaded.saved() == numbers.saved());
  CHECK(loaded.result() == numbers.result());
}

TEST_CASE("min_by and max_by of several: a NULL beside a place has the place, one in b has none") {
  const auto two = largest(2);
  Accumulator state(*two);
  CHECK(state.result() == "NULL");
  state.feed({{V::integer(1), V::null()}, {}, {1}});
  CHECK(state.result() == "NULL");
  state.feed({{V::null(), V::integer(2)}, {}, {2}});
  state.feed({{V::text("a"), V::integer(1)}, {}, {3}});
  state.feed({{V::text("b"), V::real(std::nan(""))}, {}, {4}});
  CHECK(state.result() == "'[null,\"a\"]'");
}

TEST_CASE("min_by and max_by of several: what cannot be ordered or is too long is refused") {
  const auto two = largest(2);
  Accumulator state(*two);
  const std::string text(1025, 'x');
  CHECK(state.feed({{V::text(text), V::integer(1)}, {}, {1}}) != nullptr);
  CHECK(state.feed({{V::integer(1), V::text(text)}, {}, {1}}) != nullptr);
  CHECK(state.feed({{V::text(text.substr(1)), V::integer(1)}, {}, {1}}) == nullptr);
  CHECK(std::string_view(state.feed({{V::integer(1), V::text("1")}, {}, {2}}))
            .starts_with("min and max need values of one kind"));
  for (const Value& n : {V::integer(0), V::integer(101), V::real(2), V::text("2")})
    CHECK_FALSE(find_aggregate("max_by", 3)->make(std::span(&n, 1)).has_value());
}

TEST_CASE("a value compares with itself as equal and with others one way") {
  const std::vector<Value> values = {V::real(-HUGE_VAL), V::integer(std::numeric_limits<std::int64_t>::min()),
                                     V::real(-1.5),      V::integer(-1),
                                     V::real(0.5),       V::integer(9007199254740993),
                                     V::integer(kMost),  V::real(9223372036854775808.0),
                                     V::real(HUGE_VAL)};
  for (std::size_t i = 0; i < values.size(); ++i)
    for (std::size_t k = 0; k < values.size(); ++k) {
      CAPTURE(to_text(values[i]));
      CAPTURE(to_text(values[k]));
      CHECK(compare_values(values[i], values[k]) == (i < k ? -1 : i > k ? 1 : 0));
    }
  CHECK(compare_values(V::real(-0.0), V::integer(0)) == 0);
  CHECK(compare_values(V::integer(std::numeric_limits<std::int64_t>::min()),
                       V::real(-9223372036854775808.0)) == 0);
}

}  // namespace
}  // namespace tidemark
