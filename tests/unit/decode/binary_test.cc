// MessagePack and CBOR: what their items are as values, and payloads of several records.
#include <doctest/doctest.h>

#include "base/hex.h"
#include "decoding.h"
#include "samples.h"

namespace tidemark {
namespace {

using test::bytes;
using test::Decoding;
using Texts = std::vector<std::string>;
using Type = FormatSettings::Type;

Decoding reading(Type type, std::initializer_list<std::string_view> types,
                 std::initializer_list<std::string_view> reads) {
  return Decoding(type, types, reads);
}

// {"v": item}
std::string in_map(Type type, std::string_view item) {
  return bytes(type == Type::msgpack ? "81 a176" : "a1 6176") + bytes(item);
}

}  // namespace

// interface: sources.format=cbor
TEST_CASE("cbor: the examples of RFC 8949, appendix A") {
  Decoding decoding = reading(Type::cbor, {}, {"v"});
  for (const auto& [item, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"00", "0"},
           {"17", "23"},
           {"1818", "24"},
           {"1864", "100"},
           {"1903e8", "1000"},
           {"1a000f4240", "1000000"},
           {"1b000000e8d4a51000", "1000000000000"},
           {"20", "-1"},
           {"3863", "-100"},
           {"3903e7", "-1000"},
           {"f90000", "0.0"},
           {"f98000", "-0.0"},
           {"f93c00", "1.0"},
           {"fb3ff199999999999a", "1.1"},
           {"f97bff", "65504.0"},
           {"fa47c35000", "100000.0"},
           {"fa7f7fffff", "3.4028234663852886e+38"},
           {"fb7e37e43c8800759c", "1e+300"},
           {"f90001", "5.960464477539063e-08"},
           {"f90400", "0.00006103515625"},
           {"f9c400", "-4.0"},
           {"fbc010666666666666", "-4.1"},
           {"f97c00", "inf"},
           {"f97e00", "nan"},
           {"f9fc00", "-inf"},
           {"f4", "false"},
           {"f5", "true"},
           {"f6", "NULL"},
           {"f7", "NULL"},
           {"c074323031332d30332d32315432303a30343a30305a", "'2013-03-21T20:04:00Z'"},
           {"c11a514b67b0", "1363896240"},
           {"c1fb41d452d9ec200000", "1363896240.5"},
           {"d74401020304", "'01020304'"},
           {"d818456449455446", "'6449455446'"},
           {"40", "''"},
           {"60", "''"},
           {"6449455446", "'IETF'"},
           {"62225c", "'\"\\'"},
           {"63e6b0b4", "'\xe6\xb0\xb4'"},
           {"64f0908591", "'\xf0\x90\x85\x91'"},
           {"80", "'[]'"},
           {"8301820203820405", "'[1,[2,3],[4,5]]'"},
           {"a0", "'{}'"},
           {"a201020304", "'{\"1\":2,\"3\":4}'"},
           {"a26161016162820203", "'{\"a\":1,\"b\":[2,3]}'"},
           {"826161a161626163", "'[\"a\",{\"b\":\"c\"}]'"},
           {"5f42010243030405ff", "'0102030405'"},
           {"7f657374726561646d696e67ff", "'streaming'"},
           {"9fff", "'[]'"},
           {"9f018202039f0405ffff", "'[1,[2,3],[4,5]]'"},
           {"83018202039f0405ff", "'[1,[2,3],[4,5]]'"},
           {"bf61610161629f0203ffff", "'{\"a\":1,\"b\":[2,3]}'"},
           {"bf6346756ef563416d7421ff", "'{\"Fun\":true,\"Amt\":-2}'"},
           // beside the RFC's: big numbers that are none
           {"c240", "0"},
           {"c2420100", "256"},
           {"c3420100", "-257"},
           {"c2487fffffffffffffff", "9223372036854775807"},
           {"3b7fffffffffffffff", "-9223372036854775808"},
           {"d9d9f7c2420100", "256"},
       }) {
    CAPTURE(item);
    CHECK(decoding.read(in_map(Type::cbor, item)) == value);
  }
  for (const auto& [item, error] : std::initializer_list<std::pair<const char*, const char*>>{
           {"1bffffffffffffffff", "an integer beyond 64 bits at byte 3"},
           {"c249010000000000000000", "an integer beyond 64 bits at byte 3"},
           {"3bffffffffffffffff", "an integer beyond 64 bits at byte 3"},
           {"f0", "a simple value that means nothing at byte 3"},
           {"f8ff", "a simple value that means nothing at byte 3"},
           {"61ff", "a text that is no UTF-8 at byte 3"},
           {"1c", "a byte that begins nothing at byte 3"},
           {"ff", "an end between a key and its value at byte 3"},
           {"8201", "the payload ends in the middle of a record at byte 5"},
       }) {
    CAPTURE(item);
    CHECK(decoding.read(in_map(Type::cbor, item)) == std::string("error: ") + error);
  }
}

// interface: sources.format=msgpack
TEST_CASE("msgpack: each form of an item") {
  Decoding decoding = reading(Type::msgpack, {}, {"v"});
  for (const auto& [item, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"00", "0"},
           {"7f", "127"},
           {"ff", "-1"},
           {"e0", "-32"},
           {"cc ff", "255"},
           {"cd ffff", "65535"},
           {"ce ffffffff", "4294967295"},
           {"cf 7fffffffffffffff", "9223372036854775807"},
           {"d0 80", "-128"},
           {"d1 8000", "-32768"},
           {"d2 80000000", "-2147483648"},
           {"d3 8000000000000000", "-9223372036854775808"},
           {"c0", "NULL"},
           {"c2", "false"},
           {"c3", "true"},
           {"ca 3fc00000", "1.5"},
           {"cb 3ff199999999999a", "1.1"},
           {"cb 7ff0000000000000", "inf"},
           {"a0", "''"},
           {"a161", "'a'"},
           {"d9 01 61", "'a'"},
           {"da 0001 61", "'a'"},
           {"db 00000001 61", "'a'"},
           {"c4 02 00ff", "'00ff'"},
           {"c5 0001 0a", "'0a'"},
           {"c6 00000000", "''"},
           {"90", "'[]'"},
           {"93 01 a161 c0", "'[1,\"a\",null]'"},
           {"dc 0001 01", "'[1]'"},
           {"dd 00000001 c3", "'[true]'"},
           {"82 a161 01 02 91 c4 01 ff", "'{\"a\":1,\"2\":[\"ff\"]}'"},
           {"de 0001 a161 cb3ff8000000000000", "'{\"a\":1.5}'"},
           {"df 00000000", "'{}'"},
           {"d4 05 ff", "'ff'"},
           {"d8 7f 000102030405060708090a0b0c0d0e0f", "'000102030405060708090a0b0c0d0e0f'"},
           {"c7 03 05 010203", "'010203'"},
           {"c8 0001 05 01", "'01'"},
           {"c9 00000001 05 01", "'01'"},
           {"d6 ff 67c2f5c0", "'2025-03-01T11:55:44Z'"},
           {"d7 ff 7735940067c2f5c0", "'2025-03-01T11:55:44.500Z'"},
           {"c7 0c ff 00000001 ffffffffffffffff", "'1969-12-31T23:59:59.000000001Z'"},
       }) {
    CAPTURE(item);
    CHECK(decoding.read(in_map(Type::msgpack, item)) == value);
  }
  CHECK(decoding.read(in_map(Type::msgpack, "cf 8000000000000000")) ==
        "error: an integer beyond 64 bits at byte 3");
  CHECK(decoding.read(in_map(Type::msgpack, "c7 0c ff 00000000 7fffffffffffffff")) ==
        "error: a timestamp outside the years 1678 to 2261 at byte 3");
  CHECK(decoding.read(in_map(Type::msgpack, "d5 ff 0000")) ==
        "error: a timestamp of no known length at byte 3");
  CHECK(decoding.read(in_map(Type::msgpack, "c1")) == "error: the byte c1, which begins nothing at byte 3");
}

TEST_CASE("binary records: members and elements inside of each other") {
  // {"pos": {"lat": 1, "lon": 2}, "s": [10, 20], 7: "seven", "pos.lat": 3}
  const auto check = [](Type type, std::string_view record) {
    CAPTURE(static_cast<int>(type));
    Decoding decoding = reading(type, {}, {"pos.lat", "s[1]", "s[2]", "s", "pos", "7"});
    CHECK(decoding.read(bytes(record)) == "1 20 NULL '[10,20]' '{\"lat\":1,\"lon\":2}' 'seven'");
  };
  check(Type::msgpack,
        "84 a3706f73 82 a36c6174 01 a36c6f6e 02 a173 92 0a 14 07 a5736576656e a7706f732e6c6174 03");
  check(Type::cbor,
        "a4 63706f73 a2 636c6174 01 636c6f6e 02 6173 82 0a 14 07 65736576656e 67706f732e6c6174 03");
}

TEST_CASE("binary records: of a member that stands twice the last one counts, with all that is inside") {
  Decoding decoding = reading(Type::msgpack, {}, {"a.b", "a.c"});
  CHECK(decoding.read(bytes("82 a161 82 a162 01 a163 02 a161 81 a162 03")) == "3 NULL");
  CHECK(decoding.read(bytes("82 a161 82 a162 01 a163 02 a161 c0")) == "NULL NULL");
}

TEST_CASE("binary records: a field's type is converted without loss, and bytes are a text") {
  Decoding decoding = reading(Type::cbor, {"n:int", "x:float", "id:string"}, {"n", "x", "id"});
  CHECK(decoding.read(bytes("a3 616e f94900 6178 05 626964 42beef")) == "10 5.0 'beef'");
  CHECK(decoding.read(bytes("a1 616e 42beef")) == "error: field n: 'beef' is no int at byte 3");
  CHECK(decoding.read(bytes("a1 6178 80")) == "error: field x: an array is no float at byte 3");
  CHECK(decoding.read(bytes("a1 626964 a0")) == "error: field id: a map is no string at byte 4");
}

TEST_CASE("binary records: an array holds several, and a bad one is bad alone") {
  Decoding decoding = reading(Type::msgpack, {}, {"v"});
  CHECK(decoding.records(bytes("94 81a17601 81a176a1ff 05 81a17602")) ==
        Texts{"1", "error: a text that is no UTF-8 at byte 3", "error: a record is a map at byte 0", "2"});
  CHECK(decoding.texts == Texts{"81a17601", "81a176a1ff", "05", "81a17602"});
  CHECK(decoding.records(bytes("90")).empty());
  Decoding cbor = reading(Type::cbor, {}, {"v"});
  CHECK(cbor.records(bytes("9f a1617601 bf617602ff a161761bffffffffffffffff ff")) ==
        Texts{"1", "2", "error: an integer beyond 64 bits at byte 3"});
  CHECK(cbor.records(bytes("9fff")).empty());
}

TEST_CASE("binary records: a payload that is not well-formed is bad as a whole") {
  Decoding decoding = reading(Type::msgpack, {}, {"v"});
  CHECK(decoding.records(bytes("92 81a17601 81a176")) ==
        Texts{"error: the payload ends in the middle of a record at byte 8"});
  CHECK(decoding.texts == Texts{"9281a1760181a176"});
  CHECK(decoding.records(bytes("91 81a17601 00")) ==
        Texts{"error: something after the payload's end at byte 5"});
}

// interface: sources.records
TEST_CASE("binary records: those at a path have what stands around them") {
  const auto at = [](Type type, const std::string& path, std::initializer_list<std::string_view> reads) {
    return Decoding(type, {"v:int"}, reads, {}, path);
  };
  // {"d": "x", "r": [{"v": 1}, {"v": "?"}, {"d": "y"}], "v": 7}
  Decoding decoding = at(Type::msgpack, "r", {"d", "v"});
  CHECK(decoding.records(bytes("83 a164 a178 a172 93 81a17601 81a176a13f 81a164a179 a176 07")) ==
        Texts{"'x' 1", "error: field v: '?' is no int at byte 3", "'y' 7"});
  CHECK(decoding.texts == Texts{"81a17601", "81a176a13f", "81a164a179"});
  // {"d": "x", "r": {"v": 1}}: one record
  CHECK(decoding.records(bytes("82 a164 a178 a172 81a17601")) == Texts{"'x' 1"});
  // The last "r" counts.
  CHECK(decoding.records(bytes("82 a172 91 81a17601 a172 91 81a17602")) == Texts{"NULL 2"});
  CHECK(decoding.records(bytes("81 a172 90")).empty());
  CHECK(decoding.read(bytes("81 a164 a178")) == "error: no \"r\", where `records` says they are at byte 0");
  CHECK(decoding.read(bytes("81 a172 c0")) == "error: records are an array of maps, or one map at byte 3");
  CHECK(decoding.read(bytes("91 80")) == "error: no map around `records` at byte 0");
  CHECK(decoding.read(bytes("82 a172 90 a176 a13f")) == "error: field v: '?' is no int at byte 6");
  // {"a": {"b": [_ {"v": 1}]}, 1: "n"}
  Decoding deep = at(Type::cbor, "a.b", {"v", "1"});
  CHECK(deep.records(bytes("a2 6161 a1 6162 9f a1617601 ff 01 616e")) == Texts{"1 'n'"});
  CHECK(deep.read(bytes("a1 6161 80")) == "error: no map around \"b\" of `records` at byte 3");
}

}  // namespace tidemark
