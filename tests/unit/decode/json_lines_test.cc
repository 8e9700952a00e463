// Records that come as lines of one piece of bytes are looked at many at a time, and ordinary ones are read
// without the DOM parser. Neither may be seen in what a record means.
#include <doctest/doctest.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "decoding.h"

namespace tidemark {
namespace {

using test::Decoding;
constexpr auto kJson = FormatSettings::Type::json;

// JSON objects, and what is nearly one.
class Records {
 public:
  explicit Records(std::uint64_t seed) : random_(seed) {}

  std::string next() {
    std::string record = object(0);
    if (below(3) == 0) damage(record);
    return record;
  }
  std::string number() {
    std::string out = below(4) == 0 ? "-" : "";
    out += below(5) == 0 ? "0" : digits(1 + below(below(4) == 0 ? 20 : 9));
    if (below(2) == 0) out += "." + digits(1 + below(below(4) == 0 ? 20 : 8));
    if (below(6) == 0)
      out += std::string(below(2) == 0 ? "e" : "E") + one_of({"", "-", "+"}) + digits(1 + below(3));
    return out;
  }
  std::size_t below(std::size_t bound) { return random_() % bound; }
  std::string one_of(std::initializer_list<const char*> texts) { return texts.begin()[below(texts.size())]; }

 private:
  std::string digits(std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += static_cast<char>('0' + below(10));
    return out;
  }
  std::string space() { return below(8) == 0 ? one_of({" ", "\t", "  ", " \r "}) : ""; }
  std::string text() {
    std::string out = "\"";
    for (std::size_t i = below(12); i > 0; --i)
      out += below(30) == 0
                 ? one_of({"\\n", "\\\"", "\\\\", "\\u00e4", "\\ud83d\\ude00", "ä", "\xf0\x9f\x98\x80"})
                 : one_of({"a", "b", ",", ":", "{", "}", "[", "]", " ", "1", "é", "/"});
    return out + "\"";
  }
  std::string value(std::size_t depth) {
    switch (below(depth < 3 ? 9 : 6)) {
      case 0:
      case 1:
        return number();
      case 2:
      case 3:
        return text();
      case 4:
        return one_of({"true", "false", "null"});
      case 5:
        return one_of({"1", "0", "\"\"", "{}", "[]", "1700000000000"});
      case 6:
        return array(depth + 1);
      default:
        return object(depth + 1);
    }
  }
  std::string array(std::size_t depth) {
    std::string out = "[" + space();
    for (std::size_t i = 0, count = below(4); i < count; ++i)
      out += (i > 0 ? "," : "") + space() + value(depth) + space();
    return out + "]";
  }
  std::string object(std::size_t depth) {
    std::string out = "{" + space();
    for (std::size_t i = 0, count = below(5); i < count; ++i)
      out += (i > 0 ? "," : "") + space() +
             one_of({"\"a\"", "\"b\"", "\"c\"", "\"\"", "\"d\\u0065\"", "\"de\""}) + space() + ":" + space() +
             value(depth) + space();
    return out + "}";
  }
  void damage(std::string& record) {
    for (std::size_t i = 1 + below(2); i > 0 && !record.empty(); --i) {
      const std::size_t at = below(record.size());
      const std::string piece =
          below(12) == 0 ? std::string(1, '\0')
                         : one_of({"\"", "\\", "{", "}", "[",  "]",    ",",    ":",   "0",    "x",
                                   "-",  ".",  "e", " ", "\t", "\xff", "\x01", "tru", "\xe4", "\r"});
      if (below(2) == 0)
        record.insert(at, piece);
      else
        record.replace(at, 1 + below(3), below(2) == 0 ? "" : piece);
    }
  }

  std::mt19937_64 random_;
};

std::uint64_t seed() {
  const char* const given = std::getenv("TIDEMARK_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
}

struct Readers {
  Decoding among{kJson, {"c:float"}, {"a", "b", "a.b[1]", "b[0].c", "de"}};
  Decoding alone{kJson, {"c:float"}, {"a", "b", "a.b[1]", "b[0].c", "de"}};
  Decoding whole{kJson, {"c:float"}, {"a", "b", "a.b[1]", "b[0].c", "de"}};

  // Every record as a line of one piece, which ends with its last byte; each compared with what it is alone,
  // and with what it is to the DOM parser, which reads what begins with a space.
  void compare(const std::vector<std::string>& records) {
    std::string text;
    for (const std::string& record : records) text += record + "\n";
    const std::vector<char> piece(text.begin(), text.end());
    among.decoder->expect({piece.data(), piece.size()});
    std::size_t at = 0;
    for (const std::string& record : records) {
      CAPTURE(record);
      const std::string found = among.read_in_place({piece.data() + at, record.size()});
      CHECK(found == alone.read(record));
      const std::string known = whole.read(" " + record);
      if (found.starts_with("error: "))
        CHECK(known.starts_with("error: "));
      else
        CHECK(found == known);
      at += record.size() + 1;
    }
    among.decoder->expect({});
  }
};

TEST_CASE("json lines: any record means the same among others, alone, and to the DOM parser") {
  CAPTURE(seed());
  Records source(seed());
  Readers readers;
  for (int piece = 0; piece < 40; ++piece) {
    std::vector<std::string> records(200);
    for (std::string& record : records) record = source.next();
    readers.compare(records);
  }
}

TEST_CASE("json lines: a bad record spoils none of its neighbours") {
  Readers readers;
  const std::string good = R"({"a":1,"b":"text","c":2.5})";
  for (const std::string_view bad : {R"({"a":"no end)",
                                     R"({"a":"no end\)",
                                     R"(\)",
                                     R"({"a":1}\)",
                                     R"("no object")",
                                     R"({"a":"x"b":1})",
                                     R"({"a":1)",
                                     R"({"a":)",
                                     R"({"a")",
                                     R"({"a":{)",
                                     R"({"a":[1)",
                                     R"({"a":[)",
                                     R"({)",
                                     R"(})",
                                     R"(,"b":1})",
                                     R"(" {"b":1})",
                                     R"({"a":1}{"b":2})",
                                     R"({"a":1} 7)",
                                     "{\"a\":\"\xe4\"}",
                                     "{\"a\":\"\xf0\x9f",
                                     "\x9f\x98\"}",
                                     "x",
                                     R"("""{"a":1})"})
    readers.compare({good, std::string(bad), good, std::string(bad), std::string(bad), good,
                     R"({"b":[{"c":7}]})", good, good, std::string(200, ' '), good, R"({"a":3})",
                     R"({"b":4})", R"({"a":5})", good, good, good});
}

TEST_CASE("json lines: a record that is torn from its line's rest is not mended by the next line") {
  Readers readers;
  readers.compare({R"({"a":1)", R"(,"b":2})", R"({"a":1,)", R"("b":2})", R"({"a":[1,2)", R"(,3]})",
                   R"({"a":{"b":1)", R"(}})", R"({"a")", R"(:1})", R"({"a":)", R"(1})",
                   std::string(300, 'x')});
}

TEST_CASE("json lines: lines that are passed over, or come again, are found all the same") {
  Decoding json(kJson, {}, {"a"});
  std::string piece;
  for (int i = 0; i < 1000; ++i) piece += "{\"a\":" + std::to_string(i) + ",\"b\":[1,2,3]}\n";
  json.decoder->expect(piece);
  const auto line = [&](std::size_t at) {
    return std::string_view(piece).substr(at, piece.find('\n', at) - at);
  };
  for (const int i : {0, 1, 5, 6, 300, 301, 302, 20, 21, 999, 998, 0, 999, 500}) {
    const std::size_t at = piece.find("{\"a\":" + std::to_string(i) + ",");
    CHECK(json.read_in_place(line(at)) == std::to_string(i));
    CHECK(json.read("{\"a\":-7}") == "-7");  // from elsewhere
  }
}

TEST_CASE("json lines: long lines among short ones") {
  Readers readers;
  std::vector<std::string> records;
  for (const std::size_t size : {10u, 8'000u, 8'200u, 10u, 17'000u, 16'384u, 20u, 40'000u, 5u})
    records.push_back("{\"a\":\"" + std::string(size, 'x') + "\",\"b\":" + std::to_string(size) + "}");
  readers.compare(records);
}

TEST_CASE("json lines: a number is the same double whichever parser reads it") {
  CAPTURE(seed());
  Records source(seed());
  Decoding json(kJson, {}, {"a"});
  for (int i = 0; i < 50'000; ++i) {
    const std::string number = source.number();
    CAPTURE(number);
    const std::string found = json.read("{\"a\":" + number + "}");
    const std::string known = json.read(" {\"a\":" + number + "}");
    if (found.starts_with("error: "))
      CHECK(known.starts_with("error: "));
    else
      CHECK(found == known);
  }
  CHECK(json.read(R"({"a":-0})") == "0");
  CHECK(json.read(R"({"a":-0.0})") == "-0.0");
  CHECK(json.read(R"({"a":1234567890123456})") == "1234567890123456");
  CHECK(json.read(R"({"a":12345678901234567})") == "12345678901234567");
  CHECK(json.read(R"({"a":9999999.9999999})") == "9999999.9999999");
  CHECK(json.read(R"({"a":00000000})").starts_with("error: "));
  CHECK(json.read(R"({"a":-})").starts_with("error: "));
  CHECK(json.read(R"({"a":12345678x})").starts_with("error: "));
}

TEST_CASE("json lines: names that change their order, and long ones, are found") {
  const std::string long_name(80, 'n');
  Decoding json(kJson, {}, {"a", "temperature_celsius", long_name});
  for (int i = 0; i < 3; ++i) {
    CHECK(json.read(R"({"temperature_celsius":1,"a":2})") == "2 1 NULL");
    CHECK(json.read(R"({"a":3,"temperature_celsius":4})") == "3 4 NULL");
    CHECK(json.read(R"({"b":3,"temperature_celsiuS":4,"temperature_celsius":5})") == "NULL 5 NULL");
    CHECK(json.read("{\"" + long_name + "\":6,\"a\":7}") == "7 NULL 6");
    CHECK(json.read("{\"" + long_name + "n\":6,\"a\":7}") == "7 NULL NULL");
  }
  std::string many = "{";
  for (int i = 0; i < 200; ++i) many += "\"x" + std::to_string(i) + "\":0,";
  for (int i = 0; i < 3; ++i) CHECK(json.read(many + R"("a":8})") == "8 NULL NULL");
}

}  // namespace
}  // namespace tidemark
