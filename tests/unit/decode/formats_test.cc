// What every format must do, whatever it is: the suite runs over the registry.
#include <doctest/doctest.h>

#include <random>

#include "decoding.h"
#include "samples.h"

namespace tidemark {
namespace {

using test::Decoding;
using test::repeated;
using test::Samples;

bool is_binary(FormatSettings::Type type) {
  FormatSettings format;
  format.type = type;
  return format.is_binary();
}

// Records for the columns a (string), n (int), x (float), ok (bool).
Samples samples(FormatSettings::Type type) {
  Samples out;
  if (is_binary(type)) return test::binary_samples(type);
  if (type == FormatSettings::Type::json) {
    out.good = {R"({"a":"t","n":1,"x":1.5,"ok":true})",
                R"({"a":null})",
                "{}",
                R"({"other":{"deep":[1,2]},"n":7})",
                R"({"a":"\u00e4\n","x":-1e-3})",
                "\t{ \"n\" : 0 }\r\n"};
    out.bad = {"",
               " ",
               "\n",
               "{",
               "}",
               "{}}",
               "}{",
               "{}{}",
               "{},",
               "[{}",
               "[{}}",
               "[{},]",
               "[{} {}]",
               "[{}]]",
               "[1]",
               "null",
               "true",
               "1",
               "\"a\"",
               R"({"a"})",
               R"({"a":})",
               R"({"a":1)",
               R"({"a":,})",
               R"({,})",
               R"({"a":"t",})",
               R"({"a":"t",,"n":1})",
               R"({a:"t"})",
               R"({'a':'t'})",
               R"({"a":'t'})",
               R"({"a" "t"})",
               R"({"a"::"t"})",
               R"({"a":"t" "n":1})",
               R"({"a":"t"]})",
               R"({"junk":nul})",
               R"({"junk":nulll})",
               R"({"junk":True})",
               R"({"junk":NaN})",
               R"({"junk":Infinity})",
               R"({"junk":-})",
               R"({"junk":+1})",
               R"({"junk":01})",
               R"({"junk":-01})",
               R"({"junk":1.})",
               R"({"junk":.5})",
               R"({"junk":1e})",
               R"({"junk":1e+})",
               R"({"junk":0x10})",
               R"({"junk":1_000})",
               R"({"junk":1 2})",
               R"({"junk":--1})",
               R"({"junk":1e999})",
               R"({"junk":[1,]})",
               R"({"junk":[1,2})",
               R"({"junk":[,1]})",
               R"({"junk":[1 2]})",
               R"({"junk":[}]})",
               R"({"junk":{]})",
               R"({"junk":[[]})",
               R"({"junk":{"b":1})",
               R"({"junk":"unclosed})",
               R"({"junk":"\"})",
               R"({"junk":"\x41"})",
               R"({"junk":"\u12"})",
               R"({"junk":"\u12g4"})",
               R"({"junk":"\ud800"})",
               R"({"junk":"\udc00"})",
               R"({"junk":"\ud800\u0041"})",
               R"({"junk":"\ud800\ud800"})",
               R"({"\q":1})",
               R"({"junk":9223372036854775808})",
               R"({"junk":-9223372036854775809})",
               R"({"junk":18446744073709551616})",
               R"({"junk":[[[{"b":99999999999999999999}]]]})",
               R"({"a":1})",
               R"({"a":true})",
               R"({"a":["t"]})",
               R"({"n":1.5})",
               R"({"n":"1"})",
               R"({"n":true})",
               R"({"n":{}})",
               R"({"x":"1.5"})",
               R"({"x":false})",
               R"({"ok":1})",
               R"({"ok":"true"})",
               R"({"n":"1","n":1})",
               "// c\n{}",
               "{}// c",
               "/**/{}",
               "{/**/}",
               "\xef\xbb\xbf{}",
               "{}\x01",
               std::string("{}\0", 3),
               std::string("\0", 1),
               std::string("{\"a\":\"\0\"}", 9),
               "{\"a\":\"\t\"}",
               "{\"a\":\"\n\"}",
               "{\"a\":\"\xff\"}",
               "{\"a\":\"\xc0\x80\"}",
               "{\"a\":\"\xed\xa0\x80\"}",
               "{\"a\":\"\xf4\x90\x80\x80\"}",
               "{\"a\":\"\xe2\x82\"}",
               "{\"a\":\"\x80\"}",
               "{\"\xff\":1}",
               "\xff",
               "{\xc2\xa0}",
               "hello",
               "a,1,1.5,true",
               "<a/>",
               "---",
               "{\"a\":\"t\"",
               repeated("{\"a\":", 70),
               repeated("{\"a\":", 70) + "1" + repeated("}", 70),
               "{\"junk\":" + repeated("[", 100'000),
               "{\"junk\":" + repeated("[", 64) + repeated("]", 64) + "}",
               repeated("[", 1000)};
    std::string crowded = "{";
    for (int i = 0; i < 4097; ++i) crowded += "\"m" + std::to_string(i) + "\":1,";
    crowded.back() = '}';
    out.bad.push_back(crowded);
  } else if (type == FormatSettings::Type::text) {
    out.good = {"t n=1 x=1.5 ok=true", "t n=-1 x=1e-3", " n=0 x=0 ok=false", "tt n=7 x=2.5 ok=true\r"};
    out.bad = {"",
               " ",
               "\r",
               "\n",
               "t",
               "n=1",
               "t n=1",
               "t x=1",
               "t n=1 x",
               "t n=1x=1",
               "t  n=1 x=1",
               "t n=1  x=1",
               " t n=1 x=1",
               "t n=1 x=1 ",
               "t n=1 x=1 ok=",
               "t n=1 x=1 ok",
               "t n=1 x=1 ok=true ",
               "t N=1 x=1",
               "t n=1 X=1",
               "t n=1 x=1 OK=true",
               "t n:1 x:1",
               "t,n=1,x=1",
               "t\tn=1\tx=1",
               "n=1 x=1 t",
               "t x=1 n=1",
               "t n=1 x=1\n",
               "t n=1 x=1\nt n=1 x=1",
               "t-t n=1 x=1",
               "\"t\" n=1 x=1",
               "{\"a\":\"t\"}",
               "t,1,1.5,true",
               "hello",
               "<a/>",
               "---",
               "\xff",
               "\xff n=1 x=1",
               "t n=1 x=1 ok=\xff",
               "\xc0\x80 n=1 x=1",
               "\xed\xa0\x80 n=1 x=1",
               "\xf4\x90\x80\x80 n=1 x=1",
               "\xe2\x82 n=1 x=1",
               "\xc3\xa4 n=1 x=1",
               std::string("t\0 n=1 x=1", 11),
               std::string("\0", 1),
               "t n=1 x=1 ok=true more",
               "t n=1 x=1 true",
               repeated("t ", 50'000),
               repeated("=", 100'000),
               repeated("t n=1 x=1 ", 10'000),
               repeated("(", 1000)};
    for (const char* n : {"",
                          "x",
                          "1.5",
                          "1e3",
                          "+1",
                          "--1",
                          "-",
                          "0x1",
                          "1_0",
                          "1,0",
                          "1.",
                          ".1",
                          "true",
                          "null",
                          "NaN",
                          "9223372036854775808",
                          "-9223372036854775809",
                          "1-",
                          "1n",
                          "\"1\"",
                          "0b1",
                          "\xef\xbc\x91"})
      out.bad.push_back("t n=" + std::string(n) + " x=1 ok=true");
    for (const char* x :
         {"",      "x",     "nan",  "inf",  "-inf", "infinity", "1.5.5", "1e",    "e5",   ".",      "-",
          "1e999", "0x1p3", "+1.5", "1.5f", "1,5",  "--1",      "1..5",  "1e5.5", "true", "\"1.5\""})
      out.bad.push_back("t n=1 x=" + std::string(x) + " ok=true");
    for (const char* ok :
         {"TRUE", "True", "1", "0", "yes", "no", "tru", "truefalse", "\"true\"", "!true", "null"})
      out.bad.push_back("t n=1 x=1 ok=" + std::string(ok));
  } else if (type == FormatSettings::Type::influx) {
    out.good = {"m,a=t n=1i,x=1.5,ok=true 17", "m n=1", " m x=-1e-3,ok=F", "m,a=\xc3\xa4,b=c x=1i  ",
                "m ok=t,other=\"\\\"\" -1\r"};
    out.bad = {"m",
               " m",
               "m ",
               ",",
               "m,",
               "m, ",
               "m,a",
               "m,a=t",
               "m,a=t ",
               "m,a= n=1",
               "m,a=t, n=1",
               "m,=t n=1",
               "m,a n=1",
               "m,a=t=u n=1",
               "m,a=t,a n=1",
               ",a=t n=1",
               "m n",
               "m n=",
               "m n= ",
               "m =1",
               "m n=1,",
               "m n=1, ",
               "m n=1,x",
               "m n=1,x=",
               "m n=1,,x=1",
               "m n=1 x=1",
               "m n==1",
               "m n=1=1",
               "m n=1 ,x=1",
               "m n=1,x=1 y",
               "m n=1 1.5",
               "m n=1 1e9",
               "m n=1 0x1",
               "m n=1 +1",
               "m n=1 --1",
               "m n=1 -",
               "m n=1 1i",
               "m n=1 1 1",
               "m n=1 1,1",
               "m n=1 \"1\"",
               "m n=1 9223372036854775808",
               "m n=1 2025-03-01T12:00:00Z",
               "m n=1.5",
               "m n=1e-3",
               "m n=\"1\"",
               "m n=true",
               "m x=true",
               "m x=\"1.5\"",
               "m ok=1",
               "m ok=\"true\"",
               "m ok=1i",
               "m a=1",
               "m a=true",
               "m a=1i",
               "m,n=x y=1",
               "m,n=1.5 y=1",
               "m,x=x y=1",
               "m,ok=t y=1",
               "m y=tr",
               "m y=tRUE",
               "m y=yes",
               "m y=null",
               "m y=nan",
               "m y=NaN",
               "m y=inf",
               "m y=-inf",
               "m y=infinity",
               "m y=+1",
               "m y=--1",
               "m y=-",
               "m y=.",
               "m y=e5",
               "m y=1e",
               "m y=1e+",
               "m y=1.5.5",
               "m y=1..5",
               "m y=1e5.5",
               "m y=1_0",
               "m y=0x10",
               "m y=1e999",
               "m y=1f",
               "m y=i",
               "m y=u",
               "m y=-i",
               "m y=1.5i",
               "m y=1.5u",
               "m y=-1u",
               "m y=1e3i",
               "m y=1ii",
               "m y=9223372036854775808i",
               "m y=-9223372036854775809i",
               "m y=9223372036854775808u",
               "m y='t'",
               "m y=\"",
               "m y=\"t",
               "m y=t\"",
               "m y=\"t\"\"",
               "m y=\"t\"u",
               "m y=\"\\\"",
               "m\\ n=1",
               "m,a=\\ n=1",
               "m,_timestamp=1 n=1",
               "m _measurement=\"m\"",
               "m\tn=1",
               "m n=1\t1",
               "m,a=\x01 n=1",
               "m \x7f=1",
               std::string("m,a=\0 n=1", 10),
               std::string("\0", 1),
               "\xff",
               "m,a=\xff n=1",
               "m y=\"\xc0\x80\"",
               "\xed\xa0\x80 n=1",
               "m \xf4\x90\x80\x80=1",
               "m,a=\xe2\x82 n=1",
               "{\"a\":\"t\"}",
               "t,1,1.5,true",
               "hello",
               "<a/>",
               "---",
               repeated(",", 100'000),
               repeated("m,", 50'000),
               "m " + repeated("a=1,", 5000) + "a=1",
               "m y=" + repeated("1", 400),
               "m n=1 " + repeated("1", 100)};
  } else {
    out.good = {"t,1,1.5,true", ",,,", "\"t\",\"1\",\"1.5\",\"false\"", "\"a,\"\"b\",0,0,false",
                "\xc3\xa4,-1,-1e-3,\r"};
    out.bad = {"",
               "\r",
               ",",
               ",,",
               ",,,,",
               "t",
               "t,1",
               "t,1,1.5",
               "t,1,1.5,true,",
               "t,1,1.5,true,x",
               "\"",
               "\"t",
               "\"t\"\"",
               "\"t\"x,1,1.5,true",
               "t\"x,1,1.5,true",
               "t,1\",1.5,true",
               "t,\"1,1.5,true",
               "t,1,1.5,\"true",
               "t,1,1.5,true\"",
               "t,x,1.5,true",
               "t,1.5,1.5,true",
               "t,1e3,1.5,true",
               "t, 1,1.5,true",
               "t,1 ,1.5,true",
               "t,+1,1.5,true",
               "t,--1,1.5,true",
               "t,-,1.5,true",
               "t,0x1,1.5,true",
               "t,1_0,1.5,true",
               "t,9223372036854775808,1.5,true",
               "t,-9223372036854775809,1.5,true",
               "t,\"\",1.5,true",
               "t,1,\"\",true",
               "t,1,1.5,\"\"",
               "t,1,x,true",
               "t,1,nan,true",
               "t,1,inf,true",
               "t,1,-inf,true",
               "t,1,infinity,true",
               "t,1,1.5.5,true",
               "t,1,1e,true",
               "t,1,e5,true",
               "t,1,.,true",
               "t,1,-,true",
               "t,1,1e999,true",
               "t,1,0x1p3,true",
               "t,1, 1.5,true",
               "t,1,1.5 ,true",
               "t,1,+1.5,true",
               "t,1,1.5f,true",
               "t,1,1.5,TRUE",
               "t,1,1.5,True",
               "t,1,1.5,1",
               "t,1,1.5,0",
               "t,1,1.5,yes",
               "t,1,1.5, true",
               "t,1,1.5,true ",
               "t,1,1.5,truefalse",
               "t,1,1.5,\xff",
               "\xff,1,1.5,true",
               "\xc0\x80,1,1.5,true",
               "\xed\xa0\x80,1,1.5,true",
               "\xf4\x90\x80\x80,1,1.5,true",
               "\xe2\x82,1,1.5,true",
               "\x80,1,1.5,true",
               "\"\xc3\",1,1.5,true",
               "t;1;1.5;true",
               "t\t1\t1.5\ttrue",
               "{\"a\":\"t\"}",
               "\r\r",
               "t,1,1.5,true\r\r",
               "\"\"\"",
               "\"\"\"\"\"",
               "\"t\" ,1,1.5,true",
               " \"t\",1,1.5,true",
               "t,\"1\"1,1.5,true",
               ",,,x",
               "x,y,z,w",
               ",1,1.5,\"true\"x",
               "t,1,1.5,tru",
               "t,1,1.5,null",
               "t,NULL,1.5,true",
               "t,1,NULL,true",
               "t,1,1,5,true",
               "'t,x',1,1.5,true",
               "t,\xef\xbc\x91,1.5,true",
               "t,1,1\xd9\xab"
               "5,true",
               repeated(",", 100'000),
               repeated("\"", 99'999),
               std::string("t,1\0,1.5,true", 13),
               "t,\n1,1.5,true",
               "t,1,1.5\n,true",
               "t,1,\t1.5,true",
               "t,0b1,1.5,true",
               "t,1,1.5,\"tr\"\"ue\"",
               "t,\"1\"\"\",1.5,true",
               "t,1,1..5,true",
               "t,1,1.5e5.5,true",
               "t,1,1-5,true",
               "t,1-,1.5,true",
               "t,1,--1.5,true",
               "t,1,1.5,!true"};
  }
  return out;
}

// Sparkplug B has columns of its own: metric, timestamp, value and historical stand for the four.
Decoding reading(FormatSettings::Type type, std::initializer_list<std::string_view> fields) {
  if (type == FormatSettings::Type::sparkplug) {
    std::vector<std::string_view> columns;
    for (const std::string_view field : fields)
      columns.push_back(field == "a"   ? "metric"
                        : field == "n" ? "timestamp"
                        : field == "x" ? "value"
                                       : "historical");
    return Decoding(type, {"metric:string", "timestamp:int", "value:float", "historical:bool"}, columns);
  }
  return Decoding(type, {"a:string", "n:int", "x:float", "ok:bool"}, fields);
}

TEST_CASE("every format: a hundred kinds of bad record are errors, and the good ones around them are read") {
  for (const FormatDeclaration& declaration : format_registry()) {
    CAPTURE(declaration.name);
    const Samples records = samples(declaration.type);
    CHECK(records.bad.size() >= 100);
    Decoding decoding = reading(declaration.type, {"a", "n", "x", "ok"});
    std::vector<std::string> expected;
    for (const std::string& good : records.good) {
      expected.push_back(decoding.read(good));
      CAPTURE(good);
      CHECK_FALSE(expected.back().starts_with("error"));
    }
    for (std::size_t i = 0; i < records.bad.size(); ++i) {
      const std::string& bad = records.bad[i];
      CAPTURE(bad.substr(0, 100));
      CHECK(decoding.read(bad).starts_with("error: "));
      CHECK(decoding.read(records.good[i % records.good.size()]) == expected[i % records.good.size()]);
    }
  }
}

TEST_CASE("every format: what is read does not change which records are good") {
  for (const FormatDeclaration& declaration : format_registry()) {
    CAPTURE(declaration.name);
    const Samples records = samples(declaration.type);
    Decoding none = reading(declaration.type, {}), one = reading(declaration.type, {"n"}),
             all = reading(declaration.type, {"ok", "x", "n", "a"});
    std::vector<std::string> lines = records.good;
    lines.insert(lines.end(), records.bad.begin(), records.bad.end());
    // And each with a byte changed, somewhere.
    std::mt19937_64 random(7);
    for (std::size_t i = 0, given = lines.size(); i < 3000; ++i) {
      std::string line = lines[random() % given];
      if (line.empty() || line.size() > 200) continue;
      line[random() % line.size()] = static_cast<char>(random());
      lines.push_back(std::move(line));
    }
    for (const std::string& line : lines) {
      CAPTURE(line.substr(0, 100));
      const bool good = all.good(line);
      CHECK(none.good(line) == good);
      CHECK(one.good(line) == good);
    }
  }
}

TEST_CASE("every format: every start of a good record is read or refused, never more than its bytes") {
  for (const FormatDeclaration& declaration : format_registry()) {
    Decoding decoding = reading(declaration.type, {"a", "n", "x", "ok"});
    const Samples records = samples(declaration.type);
    for (const std::string& good : records.good)
      for (std::size_t size = 0; size <= good.size(); ++size) {
        const std::string first = decoding.read(good.substr(0, size));
        CHECK(decoding.read(good.substr(0, size)) == first);
      }
  }
}

TEST_CASE("every format: texts outlive the next record") {
  for (const FormatDeclaration& declaration : format_registry()) {
    const Samples records = samples(declaration.type);
    Decoding decoding = reading(declaration.type, {"a"});
    Arena arena;
    std::vector<std::string> expected;
    std::vector<Value> kept;
    for (const std::string& good : records.good) {
      Value slot;
      const auto found = decoding.decoder->decode(Payload(good, decoding.topic), {&slot, 1}, arena);
      REQUIRE(found);
      if (*found == Found::several)
        REQUIRE(decoding.decoder->next(Payload(good, decoding.topic), {&slot, 1}, arena));
      expected.push_back(to_text(slot));
      kept.push_back(slot);
    }
    for (std::size_t i = 0; i < kept.size(); ++i) CHECK(to_text(kept[i]) == expected[i]);
  }
}

TEST_CASE("a field set gives one path one slot") {
  FieldSet fields;
  CHECK(fields.add(test::path("a.b[0]")) == 0);
  CHECK(fields.add(test::path("a.b[1]")) == 1);
  CHECK(fields.add(test::path("a.b[0]")) == 0);
  CHECK(fields.size() == 2);
  CHECK(to_text(fields.path(1)) == "a.b[1]");
}

}  // namespace
}  // namespace tidemark
