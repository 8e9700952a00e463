#include "base/key_encoding.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "random_values.h"

using namespace tidemark;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::string key_of(const Value& v) {
  std::string key;
  append_key(key, v);
  return key;
}

int sign(int i) {
  return (i > 0) - (i < 0);
}

// The order of values as the header states it, without the encoding: negative, zero or positive.
int compare(const Value& a, const Value& b) {
  if (a.type() != b.type()) return a.type() < b.type() ? -1 : 1;
  switch (a.type()) {
    case Value::Type::null:
      return 0;
    case Value::Type::boolean:
      return int{a.as_boolean()} - int{b.as_boolean()};
    case Value::Type::integer:
      return (a.as_integer() > b.as_integer()) - (a.as_integer() < b.as_integer());
    case Value::Type::real: {
      const bool a_nan = std::isnan(a.as_real());
      const bool b_nan = std::isnan(b.as_real());
      if (a_nan || b_nan) return int{a_nan} - int{b_nan};
      return (a.as_real() > b.as_real()) - (a.as_real() < b.as_real());
    }
    case Value::Type::text:
      return sign(a.as_text().compare(b.as_text()));
  }
  return 0;
}

}  // namespace

TEST_CASE("the bytes of a key are the ones the checkpoint format states") {
  struct Row {
    Value value;
    std::string bytes;
  };
  const Row rows[] = {
      {Value::null(), "\x01"s},
      {Value::boolean(false), "\x02"s},
      {Value::boolean(true), "\x03"s},
      {Value::integer(0), "\x04\x80\0\0\0\0\0\0\0"s},
      {Value::integer(1), "\x04\x80\0\0\0\0\0\0\x01"s},
      {Value::integer(-1), "\x04\x7f\xff\xff\xff\xff\xff\xff\xff"s},
      {Value::integer(kMin), "\x04\0\0\0\0\0\0\0\0"s},
      {Value::integer(kMax), "\x04\xff\xff\xff\xff\xff\xff\xff\xff"s},
      {Value::real(0.0), "\x05\x80\0\0\0\0\0\0\0"s},
      {Value::real(1.0), "\x05\xbf\xf0\0\0\0\0\0\0"s},
      {Value::real(-1.0), "\x05\x40\x0f\xff\xff\xff\xff\xff\xff"s},
      {Value::real(kInf), "\x05\xff\xf0\0\0\0\0\0\0"s},
      {Value::real(kNan), "\x05\xff\xf8\0\0\0\0\0\0"s},
      {Value::text(""), "\x06\0\x01"s},
      {Value::text("ab"), "\x06"s + "ab" + "\0\x01"s},
      {Value::text("a\0b"sv), "\x06"s + "a\0\xff"s + "b\0\x01"s},
  };
  for (const Row& row : rows) {
    INFO(to_text(row.value));
    CHECK(key_of(row.value) == row.bytes);
  }
}

TEST_CASE("the order of keys is the order of values") {
  const Value ascending[] = {
      Value::null(),         Value::boolean(false),   Value::boolean(true),   Value::integer(kMin),
      Value::integer(-256),  Value::integer(-1),      Value::integer(0),      Value::integer(1),
      Value::integer(255),   Value::integer(256),     Value::integer(kMax),   Value::real(-kInf),
      Value::real(-1e308),   Value::real(-1.5),       Value::real(-5e-324),   Value::real(0.0),
      Value::real(5e-324),   Value::real(1.0),        Value::real(1.5),       Value::real(1e308),
      Value::real(kInf),     Value::real(kNan),       Value::text(""),        Value::text("\0"sv),
      Value::text("\0\0"sv), Value::text("\0\x01"sv), Value::text("\x01"sv),  Value::text("a"),
      Value::text("a\0"sv),  Value::text("a\0b"sv),   Value::text("a\x01"sv), Value::text("aa"),
      Value::text("b"),      Value::text("\xff"sv),
  };
  for (std::size_t i = 1; i < std::size(ascending); ++i) {
    INFO(to_text(ascending[i - 1]), " before ", to_text(ascending[i]));
    CHECK(key_of(ascending[i - 1]) < key_of(ascending[i]));
  }
}

TEST_CASE("random keys order as their values do, and equal keys are same values") {
  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  for (int i = 0; i < 20'000; ++i) {
    const OwnedValue a = random.value();
    const OwnedValue b = random.value();
    INFO(to_text(a.view()), " and ", to_text(b.view()));
    const int order = sign(key_of(a.view()).compare(key_of(b.view())));
    REQUIRE(order == compare(a.view(), b.view()));
    REQUIRE((order == 0) == same_value(a.view(), b.view()));
  }
}

TEST_CASE("keys of several values order by the first difference") {
  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  for (int i = 0; i < 5'000; ++i) {
    const OwnedValue a[] = {random.value(), random.value()};
    const OwnedValue b[] = {random.below(2) == 0 ? a[0] : random.value(), random.value()};
    const std::string a_key = key_of(a[0].view()) + key_of(a[1].view());
    const std::string b_key = key_of(b[0].view()) + key_of(b[1].view());
    const int first = compare(a[0].view(), b[0].view());
    const int expected = first != 0 ? first : compare(a[1].view(), b[1].view());
    REQUIRE(sign(a_key.compare(b_key)) == expected);
  }
}

TEST_CASE("random keys of several values decode to the values they were made of") {
  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  std::vector<std::string> scratch;
  for (int i = 0; i < 5'000; ++i) {
    std::vector<OwnedValue> values(random.below(5));
    std::string key;
    for (OwnedValue& v : values) {
      v = random.value();
      append_key(key, v.view());
    }
    const Result<std::vector<Value>> decoded = decode_key(key, scratch);
    REQUIRE(decoded);
    REQUIRE(decoded->size() == values.size());
    for (std::size_t j = 0; j < values.size(); ++j) REQUIRE(same_value((*decoded)[j], values[j].view()));
  }
}

TEST_CASE("types and boundaries keep keys apart") {
  CHECK(key_of(Value::integer(1)) != key_of(Value::real(1.0)));
  CHECK(key_of(Value::integer(1)) != key_of(Value::text("1")));
  CHECK(key_of(Value::real(-0.0)) == key_of(Value::real(0.0)));
  CHECK(key_of(Value::real(-kNan)) == key_of(Value::real(kNan)));
  CHECK(key_of(Value::real(std::nan("77"))) == key_of(Value::real(kNan)));
  CHECK(key_of(Value::text("a")) + key_of(Value::text("bc")) !=
        key_of(Value::text("ab")) + key_of(Value::text("c")));
}

TEST_CASE("texts with zero bytes stay readable while more are decoded into the same scratch") {
  std::string key;
  for (char c = 'a'; c <= 'z'; ++c) append_key(key, Value::text(std::string("\0", 1) + c));
  std::vector<std::string> scratch;
  const Result<std::vector<Value>> decoded = decode_key(key, scratch);
  REQUIRE(decoded);
  const Result<std::vector<Value>> again = decode_key(key, scratch);
  REQUIRE(again);
  for (std::size_t i = 0; i < decoded->size(); ++i)
    CHECK((*decoded)[i].as_text() == std::string("\0", 1) + static_cast<char>('a' + i));
}

TEST_CASE("text without zero bytes is viewed in place") {
  const std::string key = key_of(Value::text("kitchen"));
  std::vector<std::string> scratch;
  const Result<std::vector<Value>> decoded = decode_key(key, scratch);
  REQUIRE(decoded);
  CHECK(decoded->front().as_text().data() == key.data() + 1);
  CHECK(scratch.empty());
}

TEST_CASE("a damaged key is refused") {
  const std::string bad[] = {"\0"s,          "\x07"s,        "\x04"s,         "\x04\x80\0\0\0\0\0\0"s,
                             "\x05\x80"s,    "\x06"s,        "\x06zz"s,       "\x06zz\0"s,
                             "\x06z\0\x02"s, "\x06z\0\xff"s, "\x06z\0\xffz"s, "\x01\xff"s};
  for (const std::string& key : bad) {
    std::vector<std::string> scratch;
    const Result<std::vector<Value>> decoded = decode_key(key, scratch);
    REQUIRE_FALSE(decoded);
    CHECK(decoded.error().kind == Error::Kind::corrupt);
  }
}

TEST_CASE("random bytes never make decode_key read outside the key") {
  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  int decoded_well = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string key = key_of(random.value().view()) + key_of(random.value().view());
    key[random.below(key.size())] = static_cast<char>(random.bits());
    key.resize(key.size() - random.below(2));
    std::vector<std::string> scratch;
    if (decode_key(key, scratch)) ++decoded_well;
  }
  CHECK(decoded_well > 0);
  CHECK(decoded_well < 20'000);
}

TEST_CASE("window starts order as times and read back before the key that follows") {
  const std::int64_t ascending[] = {kMin, -1'000'000'000, -1, 0, 1, 1'000'000'000, kMax};
  std::string before;
  for (const std::int64_t ns : ascending) {
    std::string key;
    append_key_time(key, ns);
    CHECK(key.size() == 8);
    CHECK((before.empty() || before < key));
    before = key;
    append_key(key, Value::text("a"));
    std::string_view rest = key;
    const Result<std::int64_t> back = take_key_time(rest);
    REQUIRE(back);
    CHECK(*back == ns);
    CHECK(rest == key_of(Value::text("a")));
  }
  std::string_view seven = "1234567";
  CHECK_FALSE(take_key_time(seven));
}
