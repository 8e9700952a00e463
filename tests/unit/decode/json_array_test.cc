// JSON payloads of several records.
#include <doctest/doctest.h>

#include "decoding.h"

namespace tidemark {
namespace {

using test::Decoding;
using Texts = std::vector<std::string>;

Decoding json(std::initializer_list<std::string_view> types, std::initializer_list<std::string_view> reads,
              const std::string& records = "") {
  return Decoding(FormatSettings::Type::json, types, reads, {}, records);
}

TEST_CASE("an array of objects is a record each, and a bad one is bad alone") {
  Decoding decoding = json({"v:int"}, {"k", "v"});
  CHECK(
      decoding.records(R"([{"k":"a","v":1}, {"k":"b","v":"?"} ,7,{"v":},{"k":"é","v":2,"v":3},[],"s",{}])") ==
      Texts{"'a' 1", "error: field v: '?' is no int",
            "error: a record is one JSON object; this does not begin with { at byte 0",
            "error: expected a value at byte 5", "'\xc3\xa9' 3",
            "error: a record is one JSON object; this does not begin with { at byte 0",
            "error: a record is one JSON object; this does not begin with { at byte 0", "NULL NULL"});
  CHECK(decoding.texts == Texts{R"({"k":"a","v":1})", R"({"k":"b","v":"?"})", "7", R"({"v":})",
                                "{\"k\":\"\xc3\xa9\",\"v\":2,\"v\":3}", "[]", "\"s\"", "{}"});
  CHECK(decoding.records(" [ ] ").empty());
  CHECK(decoding.records("\n[\t{\"v\":1}\n]\r\n") == Texts{"NULL 1"});
}

TEST_CASE("records hold brackets, quotes and commas of their own") {
  Decoding decoding = json({}, {"a", "b[1].c"});
  CHECK(decoding.records(R"([{"a":"]},{[\"\\"},{"a":"\\","b":[{"c":1},{"c":"}"}]},{"a":[[[]]]}])") ==
        Texts{R"(']},{["\' NULL)", R"('\' '}')", "'[[[]]]' NULL"});
}

TEST_CASE("an array in which records do not end is bad as a whole") {
  Decoding decoding = json({}, {"v"});
  for (const auto& [payload, error] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"([{"v":1},{"v":2)", "the payload ends inside an object or array at byte 15"},
           {R"([{"v":1},{"v":"2}])", "the payload ends inside an object or array at byte 18"},
           {R"([{"v":1} {"v":2}])", "expected , or ] at byte 9"},
           {R"([{"v":1},])", "expected a value at byte 9"},
           {R"([{"v":1}]])", "something after the payload's end at byte 9"},
           {R"([{"v":1}],)", "something after the payload's end at byte 9"},
           {"[", "the payload ends inside an object or array at byte 1"},
           {"[,]", "expected a value at byte 1"},
       }) {
    CAPTURE(payload);
    CHECK(decoding.records(payload) == Texts{std::string("error: ") + error});
    CHECK(decoding.texts == Texts{payload});
  }
}

// interface: sources.records
TEST_CASE("records at a path have the fields of what stands around them, where they have none of their own") {
  Decoding decoding = json({"v:int"}, {"host", "v", "tags.a"}, "metrics");
  CHECK(
      decoding.records(
          R"({"host":"h","metrics":[{"v":1},{"v":2,"host":"own"},{"v":null}],"v":9,"tags":{"a":"\u0061"}})") ==
      Texts{"'h' 1 'a'", "'own' 2 'a'", "'h' 9 'a'"});
  CHECK(decoding.texts == Texts{R"({"v":1})", R"({"v":2,"host":"own"})", R"({"v":null})"});
  CHECK(decoding.records(R"({"metrics":{"v":1},"host":"h"})") == Texts{"'h' 1 NULL"});
  CHECK(decoding.records(R"({"metrics":[]})").empty());
  CHECK(decoding.records(R"({"metrics":[{"v":1}],"metrics":[{"v":2}]})") == Texts{"NULL 2 NULL"});
  CHECK(decoding.records(R"({"m\u0065trics":[{"v":1}]})") == Texts{"NULL 1 NULL"});
  // What stood around the last payload is forgotten.
  CHECK(decoding.records(R"({"metrics":[{"v":1}]})") == Texts{"NULL 1 NULL"});
}

TEST_CASE("records at a path inside of objects") {
  Decoding decoding = json({}, {"v", "data.n", "w"}, "data.rows");
  CHECK(decoding.records(R"({"data":{"rows":[{"v":1},{"v":2}],"n":5},"w":6})") == Texts{"1 5 6", "2 5 6"});
  CHECK(decoding.records(R"({"data":{"n":5,"rows":[{"v":1,"data":{"n":7}}]}})") == Texts{"1 7 NULL"});
  for (const auto& [payload, error] : std::initializer_list<std::pair<const char*, const char*>>{
           {"", "an empty record at byte 0"},
           {"[]", "no object around \"data\" of `records` at byte 0"},
           {"{}", "no \"data\", where `records` says they are at byte 0"},
           {R"({"data":[]})", "no object around \"rows\" of `records` at byte 8"},
           {R"({"data":{}})", "no \"rows\", where `records` says they are at byte 8"},
           {R"({"data":{"rows":7}})", "records are an array of objects, or one object at byte 16"},
           {R"({"data":{"rows":[]})", "the payload ends inside an object or array at byte 19"},
           {R"({"data":{"rows":[]}} x)", "something after the payload's end at byte 21"},
           {R"({"data":{"rows":[]},"w":01})", "no number at byte 26"},
           {R"({"data" {"rows":[]}})", "expected : after a member's name at byte 8"},
       }) {
    CAPTURE(payload);
    CHECK(decoding.records(payload) == Texts{std::string("error: ") + error});
  }
}

TEST_CASE("Telegraf's JSON, one metric and a batch of them") {
  const std::string one =
      R"({"fields":{"usage_idle":70.5,"n":4},"name":"cpu","tags":{"host":"web1"},"timestamp":1740830400})";
  const std::string two =
      R"({"fields":{"usage_idle":5},"name":"cpu","tags":{"host":"db"},"timestamp":1740830401})";
  Decoding single = json({}, {"name", "tags.host", "fields.usage_idle", "timestamp"});
  CHECK(single.read(one) == "'cpu' 'web1' 70.5 1740830400");
  Decoding batch = json({}, {"name", "tags.host", "fields.usage_idle", "timestamp"}, "metrics");
  CHECK(batch.records("{\"metrics\":[" + one + "," + two + "]}") ==
        Texts{"'cpu' 'web1' 70.5 1740830400", "'cpu' 'db' 5 1740830401"});
}

TEST_CASE("an array of many records gives what each gives alone") {
  Decoding array = json({}, {"v", "t"}), alone = json({}, {"v", "t"});
  std::string payload = "[";
  Texts expected;
  for (int i = 0; i < 3000; ++i) {
    const std::string record = "{\"v\":" + std::to_string(i) + (i % 3 == 0 ? ",\"t\":\"\\n" : ",\"t\":\"") +
                               std::string(static_cast<std::size_t>(i % 50), 'x') + (i % 7 == 0 ? "" : "\"") +
                               "}";
    if (i % 7 == 0) continue;  // its string would not end
    payload += (payload.size() > 1 ? "," : "") + record;
    expected.push_back(alone.read(record));
  }
  CHECK(array.records(payload + "]") == expected);
}

}  // namespace
}  // namespace tidemark
