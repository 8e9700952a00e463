#include "base/digest.h"

#include <doctest/doctest.h>

#include <string>

#include "base/hex.h"

using namespace tidemark;

namespace {

std::string hex_of(Digest which, std::string_view bytes) {
  const auto hash = digest(which, bytes);
  REQUIRE(hash);
  return to_hex(hash->view());
}

}  // namespace

TEST_CASE("digests are those of their standards' examples") {
  CHECK(hex_of(Digest::md5, "abc") == "900150983cd24fb0d6963f7d28e17f72");
  CHECK(hex_of(Digest::sha1, "abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hex_of(Digest::sha256, "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex_of(Digest::sha384, "abc") ==
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163"
        "1a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
  CHECK(hex_of(Digest::sha512, "abc") ==
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  CHECK(hex_of(Digest::sha256, "") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex_of(Digest::sha256, std::string("\0x", 2)) !=
        hex_of(Digest::sha256, std::string("\0y", 2)));  // a zero byte does not end the text
}
