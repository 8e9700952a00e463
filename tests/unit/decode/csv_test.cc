#include <doctest/doctest.h>

#include "decoding.h"

namespace tidemark {
namespace {

using test::Decoding;
constexpr auto kCsv = FormatSettings::Type::csv;

TEST_CASE("csv: columns have their types") {
  Decoding csv(kCsv, {"word:string", "n:int", "x:float", "ok:bool", "plain"},
               {"word", "n", "x", "ok", "plain"});
  CHECK(csv.read("hello,-12,2.50,true,1") == "'hello' -12 2.5 true '1'");
  CHECK(csv.read("hello,-12,3,false, x \r") == "'hello' -12 3.0 false ' x '");
  CHECK(csv.read("1,\"2\",1e3,\"true\",\"\"") == "'1' 2 1000.0 true ''");
}

TEST_CASE("csv: an unquoted empty field is NULL, a quoted one the empty text") {
  Decoding csv(kCsv, {"a", "n:int", "b"}, {"a", "n", "b"});
  CHECK(csv.read(",,") == "NULL NULL NULL");
  CHECK(csv.read("\"\",,\"\"") == "'' NULL ''");
  CHECK(csv.read("x,\"\",y") == "error: field n: '' is no int at byte 2");
}

TEST_CASE("csv: quotes protect delimiters and quotes") {
  Decoding csv(kCsv, {"a", "b"}, {"a", "b"});
  CHECK(csv.read(R"("a,b","say ""hi""")") == R"('a,b' 'say "hi"')");
  CHECK(csv.read(R"("""","""""")") == R"('"' '""')");
}

TEST_CASE("csv: the delimiter is configurable and columns may be read in any order") {
  Decoding csv(kCsv, {"a", "b:int"}, {"b", "a"});
  csv.format.delimiter = ';';
  csv.make();
  CHECK(csv.read("x,y;3") == "3 'x,y'");
}

TEST_CASE("csv: an error says what is wrong and at which byte") {
  Decoding csv(kCsv, {"a", "n:int"}, {"a"});
  CHECK(csv.read("") == "error: an empty record at byte 0");
  CHECK(csv.read("\r") == "error: an empty record at byte 0");
  CHECK(csv.read("x") == "error: 1 of 2 columns at byte 1");
  CHECK(csv.read("x,1,2") == "error: more than 2 columns at byte 3");
  CHECK(csv.read("x,1,") == "error: more than 2 columns at byte 3");
  CHECK(csv.read("\"x,1") == "error: a quoted field without its end at byte 0");
  CHECK(csv.read("\"x\"y,1") == "error: text after a field's closing quote at byte 3");
  CHECK(csv.read("x\"y,1") == "error: a quote inside a field that does not begin with one at byte 1");
  CHECK(csv.read("x,1.5") == "error: field n: '1.5' is no int at byte 2");
  CHECK(csv.read("x, 1") == "error: field n: ' 1' is no int at byte 2");
  CHECK(csv.read("x,+1") == "error: field n: '+1' is no int at byte 2");
  CHECK(csv.read("x,0x1") == "error: field n: '0x1' is no int at byte 2");
  CHECK(csv.read("x,9223372036854775808") ==
        "error: field n: '9223372036854775808' is no int of 64 bits at byte 2");
  CHECK(csv.read("\xff,1") == "error: bytes that are no UTF-8 at byte 0");
}

TEST_CASE("csv: floats and booleans are written one way") {
  Decoding csv(kCsv, {"x:float", "ok:bool"}, {"x"});
  for (const std::string bad : {"nan", "inf", "-inf", "1.5x", ".", "e1", "1e999", "0x1p3", "1,5"}) {
    CAPTURE(bad);
    CHECK_FALSE(csv.good("\"" + bad + "\",true"));
  }
  for (const std::string bad : {"True", "1", "yes", "t"}) CHECK_FALSE(csv.good("1.5," + bad));
}

TEST_CASE("csv: a path that names no column is refused with the nearest name") {
  FormatSettings format;
  format.type = kCsv;
  format.fields = {test::typed("device"), test::typed("temp:float")};
  CHECK_FALSE(field_refused(format, test::path("temp")));
  CHECK(field_refused(format, test::path("tmep")) ==
        "no column tmep among the fields of this csv source; did you mean temp?");
  CHECK(field_refused(format, test::path("temp.x")).value().ends_with("csv has no fields inside fields"));
  FieldSet fields;
  fields.add(test::path("temp"));
  fields.add(test::path("nothing_like_it"));
  CHECK_FALSE(make_decoder({.format = format, .fields = fields, .limits = {}}));
}

TEST_CASE("csv: the quote may be another character, or none") {
  Decoding decoding(FormatSettings::Type::csv, {"a", "b"}, {"a", "b"});
  decoding.format.quote = '\'';
  decoding.make();
  CHECK(decoding.read("'x,''y',\"z\"") == "'x,''y' '\"z\"'");
  CHECK(decoding.read("'x,y").starts_with("error"));
  decoding.format.quote = '\0';
  decoding.make();
  CHECK(decoding.read("\"x,5\" pipe") == "'\"x' '5\" pipe'");
}

TEST_CASE("csv: a line end inside quotes is part of the value") {
  Decoding decoding(FormatSettings::Type::csv, {"a", "n:int"}, {"a", "n"});
  CHECK(decoding.read("\"x\ny\",1") == "'x\ny' 1");
}

}  // namespace
}  // namespace tidemark
