#include <doctest/doctest.h>

#include "decoding.h"

namespace tidemark {
namespace {

using test::Decoding;
using Texts = std::vector<std::string>;

Decoding influx(std::initializer_list<std::string_view> types, std::initializer_list<std::string_view> reads,
                LimitSettings limits = {}) {
  return Decoding(FormatSettings::Type::influx, types, reads, limits);
}

// interface: sources.format=influx
TEST_CASE("a line of line protocol gives its measurement, tags, fields and timestamp") {
  Decoding decoding = influx({}, {"_measurement", "host", "load", "up", "_timestamp", "absent"});
  CHECK(decoding.read("cpu,host=a,core=0 load=0.5,up=t 1700000000123456789") ==
        "'cpu' 'a' 0.5 true 1700000000123456789 NULL");
  CHECK(decoding.read("cpu load=1") == "'cpu' NULL 1.0 NULL NULL NULL");
  CHECK(decoding.read("  cpu   load=1   7  ") == "'cpu' NULL 1.0 NULL 7 NULL");
  CHECK(decoding.read("cpu load=1 -7\r") == "'cpu' NULL 1.0 NULL -7 NULL");
}

TEST_CASE("the values of fields say their types") {
  Decoding decoding = influx({}, {"v"});
  const auto value = [&](const std::string& text) { return decoding.read("m v=" + text); };
  for (const auto& [text, is] : {std::pair("1", "1.0"),
                                 {"-1", "-1.0"},
                                 {"1.", "1.0"},
                                 {".5", "0.5"},
                                 {"-.5e1", "-5.0"},
                                 {"1e3", "1000.0"},
                                 {"1E+3", "1000.0"},
                                 {"1e-999", "0.0"},
                                 {"1i", "1"},
                                 {"-9223372036854775808i", "-9223372036854775808"},
                                 {"9223372036854775807u", "9223372036854775807"},
                                 {"t", "true"},
                                 {"TRUE", "true"},
                                 {"False", "false"},
                                 {"\"\"", "''"},
                                 {"\"a b,c=d\"", "'a b,c=d'"},
                                 {R"("say \"hi\" \\ \n")", R"('say "hi" \ \n')"},
                                 {"\"\xc3\xa4\"", "'\xc3\xa4'"}}) {
    CAPTURE(text);
    CHECK(value(text) == is);
  }
  CHECK(value("9223372036854775808u") ==
        "error: field v: 9223372036854775808u is no integer of 64 bits at byte 4");
  CHECK(value("1e999") == "error: field v: 1e999 is beyond the range of floats at byte 4");
  CHECK(value("-1u") == "error: field v: -1u is no unsigned integer at byte 4");
  CHECK(value("nan") == "error: field v: nan is no value at byte 4");
}

TEST_CASE("a backslash stands before what would end a name or a tag, and else for itself") {
  Decoding decoding = influx({}, {"_measurement", "a b", "c=d", R"(e\f)"});
  CHECK(decoding.read(R"(my\ mea\,sure=ment,a\ b=x\ y\,z\=w,e\f=\x\\y c\=d="v")") ==
        R"('my mea,sure=ment' 'x y,z=w' 'v' '\x\\y')");
}

TEST_CASE("of one name the field counts before the tag, and the later one before the earlier") {
  Decoding decoding = influx({}, {"v"});
  CHECK(decoding.read("m,v=tag v=1i") == "1");
  CHECK(decoding.read("m,v=a,v=b w=1i") == "'b'");
  CHECK(decoding.read("m v=1i,v=2i") == "2");
}

TEST_CASE("a tag or field with the name of the line's own is refused") {
  Decoding decoding = influx({}, {});
  CHECK(decoding.read("m,_timestamp=5 v=1") ==
        "error: tag _timestamp has the name of the line's own at byte 2");
  CHECK(decoding.read("m _measurement=1") ==
        "error: field _measurement has the name of the line's own at byte 2");
}

TEST_CASE("a tag with a type is read as one, a field's type is converted without loss") {
  Decoding decoding = influx({"slot:int", "n:int", "x:float"}, {"slot", "n", "x"});
  CHECK(decoding.read("m,slot=7 n=5,x=1i") == "7 5 1.0");
  CHECK(decoding.read("m,slot=seven n=5") == "error: field slot: 'seven' is no int at byte 7");
  CHECK(decoding.read("m n=5.5") == "error: field n: 5.5 is no int at byte 4");
}

TEST_CASE("a payload of several lines is a record each, and a bad one is bad alone") {
  Decoding decoding = influx({}, {"_measurement", "v"});
  CHECK(decoding.records("a v=1i\nb v=2i\r\n\n# c v=3i\n  # d\nd v=\n \ne v=5i\n") ==
        Texts{"'a' 1", "'b' 2", "error: field v has no value at byte 4", "'e' 5"});
  CHECK(decoding.texts == Texts{"a v=1i", "b v=2i", "d v=", "e v=5i"});
}

TEST_CASE("empty lines and comments are no records") {
  Decoding decoding = influx({}, {"v"});
  for (const char* payload : {"", "\n", " \r\n", "# comment", "#\n#\n", "  # v v=1"}) {
    CAPTURE(payload);
    CHECK(decoding.records(payload).empty());
  }
  CHECK(decoding.records("# one line follows\nm v=1i\n") == Texts{"1"});
  CHECK(decoding.records("\nm v=1i") == Texts{"1"});
}

TEST_CASE("a line end ends the line, inside of a text too") {
  Decoding decoding = influx({}, {"v"});
  CHECK(decoding.records("m v=\"a\nb\"") ==
        Texts{"error: a text without its closing quote at byte 4",
              "error: no fields after the measurement and its tags at byte 2"});
}

// interface: limits.max_fields
TEST_CASE("more tags and fields than max_fields are refused") {
  LimitSettings limits;
  limits.max_fields = 3;
  Decoding decoding = influx({}, {}, limits);
  CHECK(decoding.good("m,a=1,b=2 c=3"));
  CHECK(decoding.read("m,a=1,b=2 c=3,d=4") == "error: more tags and fields than max_fields = 3 at byte 14");
}

TEST_CASE("influx has no fields inside fields") {
  Decoding decoding = influx({}, {});
  const auto why = field_refused(decoding.format, test::path("cpu.load"));
  REQUIRE(why);
  CHECK(*why == "cpu.load: influx has no fields inside fields; a name with a dot is written \"cpu.load\"");
  CHECK(!field_refused(decoding.format, {RecordStep::member("cpu.load")}));
}

}  // namespace
}  // namespace tidemark
