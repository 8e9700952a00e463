// Mistakes of TOML's grammar: one at a time, because nothing after it can be trusted.
#include <doctest/doctest.h>

#include "reports.h"

namespace tidemark {
namespace {

// clang-format off
const Mistake kMistakes[] = {
{"a key without a value",
R"toml([node]
name =
)toml",
R"text(t.toml:2:7: error: `name` has no value
    2 | name =
      |       ^
)text"},

{"a string without quotes",
R"toml([log]
level = info
)toml",
R"text(t.toml:2:9: error: this is no TOML value
    2 | level = info
      |         ^^^^
      strings stand in quotes
)text"},

{"a duration without quotes",
R"toml([checkpoint]
interval = 10s
)toml",
R"text(t.toml:2:12: error: this is no TOML value
    2 | interval = 10s
      |            ^^^
      durations and sizes stand in quotes, as in "10s"
)text"},

{"a capital True",
R"toml([journal]
enabled = True
)toml",
R"text(t.toml:2:11: error: this is no TOML value
    2 | enabled = True
      |           ^^^^
      write true or false
)text"},

{"a string that is not closed",
R"toml([node]
name = "press
data_dir = "/x"
)toml",
R"text(t.toml:2:8: error: this string is not closed
    2 | name = "press
      |        ^
      it ends with "
)text"},

{"a multi-line string that is not closed",
R"toml([node]
name = """press
)toml",
R"text(t.toml:2:8: error: this string is not closed
    2 | name = """press
      |        ^
      it ends with """
)text"},

{"a list that is not closed",
R"toml([pipelines.p]
from = ["a",
)toml",
R"text(t.toml:2:8: error: this list is not closed
    2 | from = ["a",
      |        ^
      it ends with ]
)text"},

{"a list without a comma",
R"toml([pipelines.p]
from = ["a" "b"]
)toml",
R"text(t.toml:2:13: error: `,` or `]` is missing here
    2 | from = ["a" "b"]
      |             ^
      the list begins at t.toml:2:8
)text"},

{"an inline table over two lines",
R"toml([pipelines.p]
window = { type = "tumbling",
  size = "1m" }
)toml",
R"text(t.toml:2:10: error: this { } is not closed on its line
    2 | window = { type = "tumbling",
      |          ^
      TOML wants it on one line; a longer one is a [table] of its own
)text"},

{"two settings on a line",
R"toml([log]
level = "info" format = "text"
)toml",
R"text(t.toml:2:16: error: the line should end here
    2 | level = "info" format = "text"
      |                ^^^^^^^^^^^^^^^
      one setting a line; a comment begins with #
)text"},

{"a colon for an equals sign",
R"toml([log]
level: "info"
)toml",
R"text(t.toml:2:6: error: `=` is missing here
    2 | level: "info"
      |      ^
      write: level = ...
)text"},

{"a header that is not closed",
R"toml([log
level = "info"
)toml",
R"text(t.toml:1:5: error: `]` is missing here
    1 | [log
      |     ^
      a table begins with [name] on a line of its own
)text"},

{"a key without a name",
R"toml([log]
= "info"
)toml",
R"text(t.toml:2:1: error: a key is missing before `=`
    2 | = "info"
      | ^
)text"},

{"a character that no key holds",
R"toml([log]
lével = "info"
)toml",
R"text(t.toml:2:2: error: `é` cannot be in a key
    2 | lével = "info"
      |  ^
      bare names are of A-Z a-z 0-9 _ -; others stand in quotes
)text"},

{"no such escape",
R"toml([node]
data_dir = "C:\data"
)toml",
R"text(t.toml:2:15: error: no such escape in a string
    2 | data_dir = "C:\data"
      |               ^^
      there are \" \\ \n \t \r \b \f \uXXXX \UXXXXXXXX; in '...' backslashes stand for themselves
)text"},

{"a key set twice",
R"toml([log]
level = "info"
level = "debug"
)toml",
R"text(t.toml:3:1: error: `level` is set twice
    3 | level = "debug"
      | ^^^^^
      set before at t.toml:2:1
)text"},

{"a table begun twice",
R"toml([log]
level = "info"
[log]
format = "text"
)toml",
R"text(t.toml:3:1: error: table `log` begins twice
    3 | [log]
      | ^^^^^
      the other one is at t.toml:1:1; put the keys together
)text"},

{"a value where a table is wanted",
R"toml([log]
level = "info"
level.x = 1
)toml",
R"text(t.toml:3:1: error: `level` is a value and cannot hold other keys
    3 | level.x = 1
      | ^^^^^
      set at t.toml:2:1
)text"},

{"a number too large",
R"toml([limits]
max_fields = 99999999999999999999
)toml",
R"text(t.toml:2:14: error: this integer does not fit 64 bits
    2 | max_fields = 99999999999999999999
      |              ^^^^^^^^^^^^^^^^^^^^
)text"},

{"digits that are no number",
R"toml([limits]
max_fields = 1__0
)toml",
R"text(t.toml:2:15: error: `_` in a number stands between two digits
    2 | max_fields = 1__0
      |               ^
)text"},

{"a password without quotes",
R"toml([sources.a]
type = "mqtt"
password = geheim
)toml",
R"text(t.toml:3:12: error: this is no TOML value
    3 | (not shown: it holds a password)
      strings stand in quotes
)text"},
};
// clang-format on

}  // namespace

TEST_CASE("a file that is no TOML is reported with its place and what is allowed") {
  for (const Mistake& mistake : kMistakes) {
    CAPTURE(mistake.name);
    CHECK(report(mistake.toml) == mistake.report);
  }
}

}  // namespace tidemark
