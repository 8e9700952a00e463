#include "config/diagnostics.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace tidemark;

namespace {

std::string shown(std::string line, Place place, std::string hint = {}) {
  Diagnostics diagnostics;
  diagnostics.add_file({"f", std::move(line)});
  diagnostics.error(place, "wrong", std::move(hint));
  return diagnostics.to_text();
}

}  // namespace

TEST_CASE("the caret stands under what it means, past tabs and characters of several bytes") {
  CHECK(shown("\ta = 1", {0, 1, 2, 1}) == "f:1:2: error: wrong\n    1 | \ta = 1\n      | \t^\n");
  CHECK(shown("ä = 'ö' x", {0, 1, 11, 1}) == "f:1:11: error: wrong\n    1 | ä = 'ö' x\n      |         ^\n");
  CHECK(shown("a = 'öü'", {0, 1, 6, 4}) == "f:1:6: error: wrong\n    1 | a = 'öü'\n      |      ^^\n");
}

TEST_CASE("a place beyond the line's end gets one caret behind it") {
  CHECK(shown("a =\r\nb", {0, 1, 9, 5}) == "f:1:9: error: wrong\n    1 | a =\n      |    ^\n");
  CHECK(shown("a", {0, 7, 1, 1}) == "f:7:1: error: wrong\n    7 | \n      | ^\n");
}

TEST_CASE("of a long line the part around the caret is shown") {
  const std::string text = shown(std::string(300, 'a') + "X" + std::string(300, 'b'), {0, 1, 301, 1});
  CHECK(text == "f:1:301: error: wrong\n    1 | ..." + std::string(60, 'a') + "X" + std::string(99, 'b') +
                    "...\n      | " + std::string(63, ' ') + "^\n");
}

TEST_CASE("a line that sets a password is not shown") {
  CHECK(shown("password = 'x'", {0, 1, 1, 1}) ==
        "f:1:1: error: wrong\n    1 | (not shown: it holds a password)\n");
  for (const char* line :
       {"a = { \"password\" : 'geheim' }", "passwort = 'geheim'", "pasword='geheim'",
        "  Passphrase = 'geheim'", "{ username = 'u', passwrd = 'geheim' }", "sinks.m.password = 'geheim'",
        "'password' = 'geheim'", "url = \"mqtt://me:geheim@host\"", "connect = 'tcp://me:geheim@host:1'"}) {
    CAPTURE(line);
    CHECK(shown(line, {0, 1, 1, 1}).find("geheim") == std::string::npos);
  }
  for (const char* line :
       {"where = \"password <> 'x'\"", "password_file = 'x'", "select = [\"pass AS p\", \"'x'\"]",
        "url = \"mqtt://host\"  # ask 'x'@example.org"}) {
    CAPTURE(line);
    CHECK(shown(line, {0, 1, 1, 1}).find("'x'") != std::string::npos);
  }
}

TEST_CASE("control characters do not reach the terminal") {
  CHECK(shown("a = \x1b[2J", {0, 1, 5, 1}).find('\x1b') == std::string::npos);
}

TEST_CASE("messages come in the order of their places, errors and warnings together") {
  Diagnostics diagnostics;
  diagnostics.add_file({"main", "a\nb\n"});
  diagnostics.add_file({"conf.d/x", "c\n"});
  diagnostics.error({1, 1, 1, 1}, "third");
  diagnostics.warning({0, 2, 1, 1}, "second");
  diagnostics.error({0, 1, 1, 1}, "first");
  diagnostics.error({0, 0, 0, 0}, "of the file");
  CHECK(diagnostics.errors() == 3);
  CHECK(diagnostics.to_text() ==
        "main: error: of the file\n"
        "main:1:1: error: first\n    1 | a\n      | ^\n"
        "main:2:1: warning: second\n    2 | b\n      | ^\n"
        "conf.d/x:1:1: error: third\n    1 | c\n      | ^\n");
}

TEST_CASE("a warning is no error, and nothing to say is no text") {
  Diagnostics diagnostics;
  diagnostics.add_file({"f", "a"});
  CHECK(diagnostics.to_text().empty());
  diagnostics.warning({0, 1, 1, 1}, "well");
  CHECK(!diagnostics.has_errors());
}

TEST_CASE("beyond a hundred mistakes their number is told") {
  Diagnostics diagnostics;
  diagnostics.add_file({"f", "a"});
  for (int i = 0; i < 130; ++i) diagnostics.error({0, 1, 1, 1}, "wrong");
  const std::string text = diagnostics.to_text();
  CHECK(text.ends_with("and 30 more\n"));
}

TEST_CASE("a long hint is broken at spaces") {
  std::string hint;
  for (int i = 0; i < 30; ++i) hint += "word, ";
  const std::string text = shown("a", {0, 1, 1, 1}, hint);
  std::size_t longest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    longest = std::max(longest, end - at);
    at = end + 1;
  }
  CHECK(longest <= 106);
  CHECK(shown("a", {0, 1, 1, 1}, std::string(300, 'x')).ends_with("      " + std::string(300, 'x') + "\n"));
}

TEST_CASE("a mistake inside a string is pointed at where the string stands as it is") {
  struct Row {
    const char* file;
    Place string;
    const char* content;
    std::size_t offset;
    const char* where;
  };
  const Row rows[] = {
      {"where = \"a +* b\"", {0, 1, 9, 8}, "a +* b", 3, "f:1:13"},
      {"where = 'a +* b'", {0, 1, 9, 8}, "a +* b", 3, "f:1:13"},
      {"where = \"\"\"\na +\n* b\"\"\"", {0, 1, 9, 1}, "a +\n* b", 4, "f:3:1"},
      {"where = '''a +* b'''", {0, 1, 9, 1}, "a +* b", 3, "f:1:15"},
      {"where = \"\"\"\r\na\r\n* b\"\"\"", {0, 1, 9, 1}, "a\r\n* b", 3, "f:3:1"},
      {"where = \"\\u0061 +* b\"", {0, 1, 9, 8}, "a +* b", 3, "f:1:9"},  // an escape
      {"where = \"${X} +* b\"", {0, 1, 9, 8}, "a +* b", 3, "f:1:9"},     // a variable
      {"where = \"a +* b\"", {0, 1, 9, 8}, "a +* b", 70, "f:1:9"},       // beyond the end
  };
  for (const Row& row : rows) {
    CAPTURE(row.file);
    Diagnostics diagnostics;
    diagnostics.add_file({"f", row.file});
    diagnostics.error_inside({row.content, row.string}, row.offset, 1, "wrong");
    CHECK(diagnostics.where(diagnostics.messages()[0].place) == row.where);
  }
}
