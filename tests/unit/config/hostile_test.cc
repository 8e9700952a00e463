// Files made to hurt: they are refused with a message, quickly, and never crash.
#include <doctest/doctest.h>

#include "reports.h"

using namespace tidemark;

namespace {

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

TEST_CASE("hostile nesting is refused before the library sees it") {
  CHECK(first_line(report("a = " + repeated("[\n", 30000))) ==
        "t.toml:64:1: error: nested more than 64 deep");
  CHECK(first_line(report("a = " + repeated("{a=", 2000))) ==
        "t.toml:1:192: error: nested more than 64 deep");
  CHECK(first_line(report("a" + repeated(".a", 4000) + " = 1")) ==
        "t.toml:1:1: error: nested more than 64 deep");
  CHECK(first_line(report("[a" + repeated(".a", 4000) + "]")) ==
        "t.toml:1:1: error: nested more than 64 deep");
  CHECK(first_line(report("[[a" + repeated(".a", 4000) + "]]")) ==
        "t.toml:1:1: error: nested more than 64 deep");
  CHECK(first_line(report("a = " + repeated("[", 60) + repeated("]", 60))) ==
        "t.toml:1:1: error: unknown key `a`");
}

TEST_CASE("brackets in strings and comments do not nest") {
  const std::string brackets = repeated("[", 1000);
  CHECK(report("# " + brackets + "\n[node]\nname = '" + brackets + "'\ndata_dir = \"" + brackets + "\"\n")
            .empty());
  CHECK(report("[node]\nname = \"\"\"" + brackets + "\\\"\"\"\"\n").empty());
}

TEST_CASE("a file beyond the limit is refused") {
  CHECK(report(std::string((1 << 20) + 1, '\n')) ==
        "t.toml: error: the file has 1048577 bytes, more than the 1048576 that are read\n");
  CHECK(report(repeated("#" + repeated("x", 1022) + "\n", 1024)).empty());
}

TEST_CASE("a line beyond the limit is refused, because reading it would take hours") {
  CHECK(first_line(report("# " + repeated("x", 8191) + "\n")) ==
        "t.toml:1:8193: error: this line is longer than 8192 bytes");
  CHECK(report("# " + repeated("x", 8190) + "\n# " + repeated("x", 8190)).empty());
}

TEST_CASE("text that is not UTF-8 and control characters are refused at their place") {
  struct Row {
    std::string text;
    const char* first;
  };
  const Row rows[] = {
      {std::string("[node]\nname = \"a\0b\"", 19), "t.toml:2:10: error: control character 0x00"},
      {"[node]\nname = \"a\xff\"", "t.toml:2:10: error: this is not UTF-8"},
      {"# \xc3", "t.toml:1:3: error: this is not UTF-8"},
      {"# \xed\xa0\x80", "t.toml:1:3: error: this is not UTF-8"},           // a surrogate
      {"# \xc0\xaf", "t.toml:1:3: error: this is not UTF-8"},               // an overlong form
      {"# \xf4\x90\x80\x80", "t.toml:1:3: error: this is not UTF-8"},       // beyond the last character
      {"[node]\rname = 'a'", "t.toml:1:7: error: control character 0x0d"},  // a line end of old
      {"# \x7f", "t.toml:1:3: error: control character 0x7f"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(first_line(report(row.text)) == row.first);
  }
}

TEST_CASE("a byte order mark and line ends of two characters are taken") {
  CHECK(load("\xef\xbb\xbf[node]\r\nname = \"a\"\r\n[log]\r\nlevel = \"debug\"\r\n")->node.name.value == "a");
}

TEST_CASE("an empty file, or one of comments, is a configuration") {
  for (const char* text : {"", "\n", "  ", "# only this", "\xef\xbb\xbf", "\r\n\r\n"}) {
    CAPTURE(text);
    CHECK(load(text).has_value());
  }
}

TEST_CASE("thousands of mistakes are counted, not all told, and do not take the square of the file") {
  std::string keys, sources;
  for (int i = 0; i < 3000; ++i) keys += "k" + std::to_string(i) + " = 1\n";
  CHECK(report(keys).ends_with("and 2900 more\n"));
  for (int i = 0; i < 3000; ++i)
    sources += (i ? ",\"r" : "\"r") + std::to_string(i) + (i % 100 ? "\"" : "\"\n");
  std::string pipelines;
  for (int i = 0; i < 500; ++i) pipelines += "[pipelines.p" + std::to_string(i) + "]\nfrom = ['x']\n";
  CHECK(report("[pipelines.a]\nfrom = [" + sources + "]\n" + pipelines).ends_with("and 3400 more\n"));
}

TEST_CASE("a long chain of pipelines is no circle, and a long circle is found") {
  std::string chain = "[sources.s]\ntype='stdin'\n[sinks.n]\ntype='null'\n[pipelines.p0]\nfrom=['s']\n";
  for (int i = 1; i < 1000; ++i)
    chain += "[pipelines.p" + std::to_string(i) + "]\nfrom=['p" + std::to_string(i - 1) + "']\n";
  const std::string end = "to=['n']\n";
  CHECK(report(chain + end).empty());
  std::string circle = chain;
  circle.replace(circle.find("from=['s']"), 10, "from=['p999']");
  CHECK(report(circle).find("pipelines read each other in a circle: p0 -> p1 -> p2") != std::string::npos);
}

TEST_CASE("numbers, dates and strings of every form are told apart") {
  struct Row {
    const char* value;
    const char* is;
  };
  const Row rows[] = {
      {"1_000", "an integer"},
      {"-0x1f", nullptr},
      {"0x1f", "an integer"},
      {"0o17", "an integer"},
      {"0b101", "an integer"},
      {"+7", "an integer"},
      {"1e3", "a number with a fraction"},
      {"-1.5", "a number with a fraction"},
      {"inf", "a number with a fraction"},
      {"-nan", "a number with a fraction"},
      {"1979-05-27", "a date or time"},
      {"07:32:00", "a date or time"},
      {"1979-05-27 07:32:00Z", "a date or time"},
      {"1979-05-27T07:32:00.5+01:00", "a date or time"},
      {"1979-05-27T07:32:00", "a date or time"},
      {"[[1, 2], ['a']]", "a list"},
      {"{ a.b = 1 }", "a table"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.value);
    const std::string text = first_line(report("[node]\nname = " + std::string(row.value) + "\n"));
    if (row.is)
      CHECK(text.ends_with("error: `name` takes a string, not " + std::string(row.is)));
    else
      CHECK(text.find("takes a string") == std::string::npos);
  }
  CHECK(load("[node]\nname = \"\"\"\\\n   a\\u00e4\\\n   b\"\"\"\n")->node.name.value == "aäb");
  CHECK(load("[node]\ndata_dir = '''\na\"b\\'''\n")->node.data_dir.value == "a\"b\\");
  CHECK(load("\"node\".'name' = \"x\"\n")->node.name.value == "x");
  CHECK(load("[\"n\\u006fde\"]\nname = \"x\"\n")->node.name.value == "x");
}
