#include "base/hex.h"

#include <doctest/doctest.h>

namespace tidemark {
namespace {

TEST_CASE("bytes come back from their hex digits") {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  CHECK(to_hex(std::string_view("\x00\xff\x1a", 3)) == "00ff1a");
  CHECK(from_hex(to_hex(all)) == all);
  CHECK(from_hex("") == std::string());
}

TEST_CASE("what is no hex digits is refused") {
  for (const char* text : {"0", "0g", "FF", " 0", "00 "}) CHECK(!from_hex(text).has_value());
}

}  // namespace
}  // namespace tidemark
