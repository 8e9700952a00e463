#include <doctest/doctest.h>

#include "decoding.h"

namespace tidemark {
namespace {

using test::Decoding;
constexpr auto kJson = FormatSettings::Type::json;

TEST_CASE("json: scalars keep their types") {
  Decoding json(kJson, {}, {"i", "f", "t", "b", "n", "absent"});
  CHECK(json.read(R"({"i":-3,"f":2.50,"t":"x\n","b":true,"n":null})") == "-3 2.5 'x\n' true NULL NULL");
  CHECK(json.read(R"( {"i":-0,"f":1e3,"t":"","b":false} )") == "0 1000.0 '' false NULL NULL");
  CHECK(json.read(R"({"i":9223372036854775807,"f":-9223372036854775808})") ==
        "9223372036854775807 -9223372036854775808 NULL NULL NULL NULL");
  CHECK(json.read("{}") == "NULL NULL NULL NULL NULL NULL");
}

TEST_CASE("json: names and texts are compared without their escapes") {
  Decoding json(kJson, {}, {"temp", "tür"});
  CHECK(json.read(R"({"t\u0065mp":1,"t\u00fcr":"\ud83d\ude00\u0000."})") ==
        std::string("1 '\xf0\x9f\x98\x80") + '\0' + ".'");
}

TEST_CASE("json: members are found in any order and beside any others") {
  Decoding json(kJson, {}, {"a", "b", "c", "dd"});
  for (int repeat = 0; repeat < 3; ++repeat) {
    CHECK(json.read(R"({"a":1,"b":2,"c":3,"dd":4})") == "1 2 3 4");
    CHECK(json.read(R"({"dd":4,"c":3,"b":2,"a":1})") == "1 2 3 4");
    CHECK(json.read(R"({"ad":0,"x":{"a":9},"b":2,"":7,"d":8,"ddd":8,"a":1,"zz":[{"c":5}]})") ==
          "1 2 NULL NULL");
  }
}

TEST_CASE("json: the last of doubled members wins, with everything inside it") {
  Decoding json(kJson, {}, {"k", "p.x", "p.y"});
  CHECK(json.read(R"({"k":"a","k":"b"})") == "'b' NULL NULL");
  CHECK(json.read(R"({"k":"a","k":null})") == "NULL NULL NULL");
  CHECK(json.read(R"({"p":{"x":1,"y":2},"p":{"y":3}})") == "NULL NULL 3");
  CHECK(json.read(R"({"p":{"x":1,"y":2},"p":4})") == "NULL NULL NULL");
}

TEST_CASE("json: paths reach into objects and arrays") {
  Decoding json(kJson, {}, {"a.b[1].c", "a.b[0]", "a", "a.b[7]"});
  CHECK(json.read(R"({"a":{"b":[10,{"c":"deep"}]}})") == R"('deep' 10 '{"b":[10,{"c":"deep"}]}' NULL)");
  CHECK(json.read(R"({"a":[1]})") == "NULL NULL '[1]' NULL");
}

TEST_CASE("json: an object or array read as a scalar is its text without spaces") {
  Decoding json(kJson, {}, {"v"});
  CHECK(json.read(R"({"v": { "a" : [ 1 , 2.50, 1e2, "q\"\u00e4", null, true ], "a": {} } })") ==
        "'{\"a\":[1,2.5,100.0,\"q\\\"\xc3\xa4\",null,true],\"a\":{}}'");
  CHECK(json.read(R"({"v": [ ]})") == "'[]'");
}

TEST_CASE("json: typed fields are converted where nothing is lost, and checked otherwise") {
  Decoding json(kJson, {"n:int", "x:float", "s:string", "ok:bool"}, {"n", "x", "s", "ok"});
  CHECK(json.read(R"({"n":3.0,"x":4,"s":"5","ok":true})") == "3 4.0 '5' true");
  CHECK(json.read(R"({"n":null})") == "NULL NULL NULL NULL");
  CHECK(json.read(R"({"n":1.5})") == "error: field n: 1.5 is no int");
  CHECK(json.read(R"({"n":1e300})") == "error: field n: 1e+300 is no int");
  CHECK(json.read(R"({"n":"1"})") == "error: field n: '1' is no int");
  CHECK(json.read(R"({"x":"1"})") == "error: field x: '1' is no float");
  CHECK(json.read(R"({"x":[1]})") == "error: field x: an array is no float");
  CHECK(json.read(R"({"s":1})") == "error: field s: 1 is no string");
  CHECK(json.read(R"({"s":{"a":1}})") == "error: field s: an object is no string");
  CHECK(json.read(R"({"ok":0})") == "error: field ok: 0 is no bool");
  CHECK(json.read(R"({"ok":")" + std::string(90, 'x') + R"("})") ==
        "error: field ok: a text of 90 bytes is no bool");
}

TEST_CASE("json: a typed field is checked although nobody reads it, also a nested and an overwritten one") {
  Decoding json(kJson, {"n:int", "pos.lat:float", "a[1]:int", "odd..name:int"}, {});
  CHECK(json.good(R"({"n":1,"pos":{"lat":1.5},"a":["x",1]})"));
  CHECK(json.read(R"({"n":"1"})") == "error: field n: '1' is no int");
  CHECK(json.read(R"({"n":"1","n":1})") == "error: field n: '1' is no int");
  CHECK(json.read(R"({"pos":{"lat":"north"}})") == "error: field pos.lat: 'north' is no float");
  CHECK(json.read(R"({"a":[0,1.5]})") == "error: field a[1]: 1.5 is no int");
  CHECK(json.read(R"({"odd..name":1.5})") == "error: field odd..name: 1.5 is no int");
}

TEST_CASE("json: an error says what is wrong and at which byte") {
  Decoding json(kJson, {}, {"a"});
  CHECK(json.read("") == "error: an empty record at byte 0");
  CHECK(json.read("  \t ") == "error: an empty record at byte 0");
  CHECK(json.read("[1]") == "error: a record is one JSON object; this does not begin with { at byte 0");
  CHECK(json.read(" 7") == "error: a record is one JSON object; this does not begin with { at byte 1");
  CHECK(json.read(R"({"a":nul})") == "error: expected a value at byte 5");
  CHECK(json.read(R"({"a":1,})") == "error: expected a member's name in double quotes at byte 7");
  CHECK(json.read(R"({"a" 1})") == "error: expected : after a member's name at byte 5");
  CHECK(json.read(R"({"a":1 "b":2})") == "error: expected , or } at byte 7");
  CHECK(json.read(R"({"a":[1}})") == "error: expected , or ] at byte 7");
  CHECK(json.read(R"({"a":1)") == "error: the record ends inside an object or array at byte 6");
  CHECK(json.read(R"({"a":"x)") == "error: a string without its end at byte 5");
  CHECK(json.read(R"({"a":"\q"})") == "error: no such escape in a string at byte 6");
  CHECK(json.read(R"({"a":01})") == "error: no number at byte 5");
  CHECK(json.read(R"({"a":1}{"b":2})") == "error: something after the object's end at byte 7");
  CHECK(json.read("{\"a\":\"\xc3\x28\"}") == "error: bytes that are no UTF-8 at byte 6");
  CHECK(json.read("{\"a\":\"x\ny\"}") == "error: a control character inside a string at byte 7");
}

TEST_CASE("json: an integer beyond 64 bits makes the record bad wherever it stands") {
  for (const std::string_view reads : {"a", "other"}) {
    Decoding json(kJson, {}, {reads});
    for (const std::string digits : {"9223372036854775808", "18446744073709551615", "18446744073709551616",
                                     "-9223372036854775809", "123456789012345678901234567890"}) {
      CAPTURE(digits);
      CHECK(json.read("{\"a\":" + digits + "}") == "error: an integer beyond 64 bits at byte 5");
      CHECK(json.read("{\"b\":[{\"c\":" + digits + "}]}") == "error: an integer beyond 64 bits at byte 11");
    }
    CHECK(json.good(R"({"a":"9223372036854775808","b":9223372036854775808.0})"));
    CHECK(json.read(R"({"a":1e999})") == "error: a number beyond the range of floats at byte 5");
    CHECK(json.good(R"({"a":1e-999})"));
  }
}

TEST_CASE("json: depth and member count have limits, to the exact one") {
  LimitSettings limits;
  limits.max_depth = 3;
  limits.max_fields = 4;
  Decoding json(kJson, {}, {"a"}, limits);
  CHECK(json.read(R"({"a":[[1]]})") == "'[[1]]'");
  CHECK(json.read(R"({"a":[[[1]]]})") == "error: nested deeper than max_depth = 3 at byte 7");
  CHECK(json.read(R"({"b":[[[]]]})") == "error: nested deeper than max_depth = 3 at byte 7");
  CHECK(json.read(R"({"b":[[[[[[[)") == "error: nested deeper than max_depth = 3 at byte 7");
  CHECK(json.read(R"({"a":1,"b":{"c":1,"d":1}})") == "1");
  CHECK(json.read(R"({"a":1,"b":{"c":1,"d":1,"e":1}})") == "error: more members than max_fields = 4");
  CHECK(json.read(R"({"a":[1,2,3,4,5,6]})") == "'[1,2,3,4,5,6]'");
}

TEST_CASE("json: an absurd configured depth does not exhaust the stack") {
  LimitSettings limits;
  limits.max_depth = 0xffffffff;
  Decoding json(kJson, {}, {"a"}, limits);
  CHECK(json.read("{\"a\":" + std::string(500'000, '[') + std::string(500'000, ']') + "}") ==
        "error: nested deeper than max_depth = 1024 at byte 1028");
}

TEST_CASE("json: large and small records follow each other") {
  Decoding json(kJson, {}, {"a", "t"});
  for (const std::size_t size : {10u, 5'000u, 300'000u, 10u, 70'000u, 20u}) {
    const std::string text(size, 'x');
    CHECK(json.read("{\"t\":\"" + text + "\",\"a\":1}") == "1 '" + text + "'");
    CHECK(json.read("{\"t\":\"" + text + "\",\"a\":1").starts_with("error: "));
  }
}

}  // namespace
}  // namespace tidemark
