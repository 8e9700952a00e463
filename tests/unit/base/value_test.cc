#include "base/value.h"

#include <doctest/doctest.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>

#include "random_values.h"

using namespace tidemark;

static_assert(sizeof(Value) == 16);
static_assert(std::is_trivially_copyable_v<Value>);

TEST_CASE("floats are written with the fewest digits and never look like integers") {
  struct Row {
    double d;
    std::string_view text;
  };
  const Row rows[] = {
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {1.0, "1.0"},
      {-1.0, "-1.0"},
      {0.1, "0.1"},
      {0.1 + 0.2, "0.30000000000000004"},
      {1.5, "1.5"},
      {123456.0, "123456.0"},
      {1e5, "100000.0"},
      {1e300, "1e+300"},
      {1e-7, "1e-07"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {9007199254740992.0, "9007199254740992.0"},
      {std::numeric_limits<double>::infinity(), "inf"},
      {-std::numeric_limits<double>::infinity(), "-inf"},
      {std::numeric_limits<double>::quiet_NaN(), "nan"},
      {-std::numeric_limits<double>::quiet_NaN(), "nan"},
  };
  for (const Row& row : rows) CHECK(real_to_text(row.d) == row.text);
}

TEST_CASE("every finite float reads back to the same bits") {
  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  for (int i = 0; i < 20'000; ++i) {
    const double d = random.real();
    if (!std::isfinite(d)) continue;
    const std::string text = real_to_text(d);
    INFO(text);
    double back = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), back);
    REQUIRE(error == std::errc{});
    REQUIRE(end == text.data() + text.size());
    REQUIRE(std::memcmp(&back, &d, sizeof d) == 0);
    REQUIRE(text.find_first_of(".e") != std::string::npos);
  }
}

TEST_CASE("values are shown as messages show them") {
  CHECK(to_text(Value()) == "NULL");
  CHECK(to_text(Value::boolean(true)) == "true");
  CHECK(to_text(Value::boolean(false)) == "false");
  CHECK(to_text(Value::integer(std::numeric_limits<std::int64_t>::min())) == "-9223372036854775808");
  CHECK(to_text(Value::real(1.5)) == "1.5");
  CHECK(to_text(Value::real(42)) == "42.0");
  CHECK(to_text(Value::text("it's")) == "'it''s'");
  CHECK(to_text(Value::text({})) == "''");
}

TEST_CASE("types have the names error messages use") {
  CHECK(type_name(Value::Type::null) == "NULL");
  CHECK(type_name(Value::Type::boolean) == "boolean");
  CHECK(type_name(Value::Type::integer) == "integer");
  CHECK(type_name(Value::Type::real) == "float");
  CHECK(type_name(Value::Type::text) == "text");
}

TEST_CASE("sameness is the identity of keys") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(same_value(Value::null(), Value::null()));
  CHECK(same_value(Value::real(nan), Value::real(-nan)));
  CHECK(same_value(Value::real(0.0), Value::real(-0.0)));
  CHECK(same_value(Value::text("a"), Value::text(std::string("a"))));
  CHECK_FALSE(same_value(Value::integer(1), Value::real(1.0)));
  CHECK_FALSE(same_value(Value::integer(1), Value::boolean(true)));
  CHECK_FALSE(same_value(Value::integer(0), Value::null()));
  CHECK_FALSE(same_value(Value::text("1"), Value::integer(1)));
  CHECK_FALSE(same_value(Value::text("a"), Value::text("ab")));
  CHECK_FALSE(same_value(Value::boolean(true), Value::boolean(false)));
  CHECK_FALSE(same_value(Value::real(1), Value::real(nan)));
}

TEST_CASE("an owned value keeps its text when copied and when its source is gone") {
  OwnedValue copy;
  {
    std::string source = "short";
    const OwnedValue owned(Value::text(source));
    source = "other";
    copy = owned;
  }
  CHECK(copy.view().as_text() == "short");
  copy.assign(Value::integer(7));
  CHECK(same_value(copy.view(), Value::integer(7)));
  copy.assign(Value::text(""));
  CHECK(same_value(copy.view(), Value::text("")));
}
