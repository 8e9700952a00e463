#include "base/bytes.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "random_values.h"

using namespace tidemark;
using namespace std::string_literals;
using namespace std::string_view_literals;

TEST_CASE("integers are little-endian, varints LEB128, signed varints zigzag") {
  Encoder e;
  e.u8(0x01);
  e.u16(0x0203);
  e.u32(0x04050607);
  e.u64(0x08090a0b0c0d0e0f);
  e.i64(-2);
  e.f64(1.0);
  e.boolean(true);
  CHECK(e.take() ==
        "\x01\x03\x02\x07\x06\x05\x04\x0f\x0e\x0d\x0c\x0b\x0a\x09\x08"
        "\xfe\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\xf0\x3f\x01"s);
  struct Row {
    std::uint64_t v;
    std::string bytes;
  };
  const Row varints[] = {{0, "\0"s},
                         {127, "\x7f"s},
                         {128, "\x80\x01"s},
                         {300, "\xac\x02"s},
                         {~std::uint64_t{0}, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s}};
  for (const Row& row : varints) {
    e.clear();
    e.varint(row.v);
    CHECK(e.view() == row.bytes);
  }
  e.clear();
  for (const std::int64_t v : {0, -1, 1, -2, 2}) e.svarint(v);
  CHECK(e.view() == "\0\x01\x02\x03\x04"s);
}

TEST_CASE("everything reads back in the order written") {
  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  for (int i = 0; i < 1'000; ++i) {
    const std::uint64_t bits = random.bits() >> random.below(64);
    const std::int64_t number = random.integer();
    const std::string text = random.text(40);
    Encoder e;
    e.varint(bits);
    e.svarint(number);
    e.bytes(text);
    e.u64(bits);
    e.i64(number);
    e.raw(text);
    Decoder d(e.view());
    REQUIRE(d.varint() == bits);
    REQUIRE(d.svarint() == number);
    REQUIRE(d.bytes() == text);
    REQUIRE(d.u64() == bits);
    REQUIRE(d.i64() == number);
    REQUIRE(d.remaining() == text.size());
    REQUIRE(d.raw(text.size()) == text);
    REQUIRE(d.complete());
  }
}

TEST_CASE("the extremes of signed varints read back") {
  for (const std::int64_t v : {std::numeric_limits<std::int64_t>::min(),
                               std::numeric_limits<std::int64_t>::max(), std::int64_t{0}}) {
    Encoder e;
    e.svarint(v);
    Decoder d(e.view());
    CHECK(d.svarint() == v);
    CHECK(d.complete());
  }
}

TEST_CASE("a float keeps its bits, a NaN's payload too") {
  Encoder e;
  const std::uint64_t pattern = 0xfff8'0000'0000'1234;
  double nan;
  std::memcpy(&nan, &pattern, sizeof nan);
  e.f64(nan);
  e.f64(-0.0);
  Decoder d(e.view());
  const double back = d.f64();
  CHECK(std::memcmp(&back, &nan, sizeof nan) == 0);
  CHECK(std::signbit(d.f64()));
}

TEST_CASE("a document cut anywhere fails and never reads outside") {
  Encoder e;
  e.u8(1);
  e.u16(2);
  e.u32(3);
  e.u64(4);
  e.varint(1'000'000);
  e.svarint(-1'000'000);
  e.bytes("some text");
  e.f64(1.5);
  const std::string whole = e.take();
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    // A copy of its own, so that a read behind it is a read outside the allocation.
    const std::vector<char> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut));
    Decoder d(std::string_view(part.data(), part.size()));
    d.u8();
    d.u16();
    d.u32();
    d.u64();
    d.varint();
    d.svarint();
    d.bytes();
    d.f64();
    CHECK(d.complete() == (cut == whole.size()));
    CHECK(d.failed() == (cut != whole.size()));
  }
}

TEST_CASE("after a failed read everything yields zero or nothing") {
  Decoder d("\x05\x06\x07"sv);
  CHECK(d.u32() == 0);
  CHECK(d.failed());
  CHECK(d.u8() == 0);
  CHECK(d.varint() == 0);
  CHECK(d.svarint() == 0);
  CHECK(d.f64() == 0);
  CHECK_FALSE(d.boolean());
  CHECK(d.bytes().empty());
  CHECK(d.raw(1).empty());
  CHECK_FALSE(d.complete());
}

TEST_CASE("a length far past the end fails without wrapping around") {
  for (const std::uint64_t length : {std::uint64_t{4}, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    Encoder e;
    e.varint(length);
    e.raw("abc");
    Decoder d(e.view());
    CHECK(d.bytes().empty());
    CHECK(d.failed());
  }
}

TEST_CASE("a varint of more than 64 bits fails") {
  const std::string bad[] = {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s,
                             "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"s,
                             "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"s, "\x80"s};
  for (const std::string& bytes : bad) {
    Decoder d(bytes);
    CHECK(d.varint() == 0);
    CHECK(d.failed());
  }
}

TEST_CASE("bytes left over are not complete") {
  Decoder d("ab");
  d.u8();
  CHECK_FALSE(d.complete());
  CHECK_FALSE(d.failed());
  CHECK(d.offset() == 1);
  d.u8();
  CHECK(d.complete());
}

TEST_CASE("a length known only afterwards is patched in") {
  Encoder e;
  e.u8(9);
  e.u32(0);
  e.raw("xyz");
  e.patch_u32(1, 0xa1b2c3d4);
  Decoder d(e.view());
  CHECK(d.u8() == 9);
  CHECK(d.u32() == 0xa1b2c3d4);
  CHECK(d.raw(3) == "xyz");
  CHECK(d.complete());
}
