#include "expressions/ast.h"

#include <doctest/doctest.h>

#include "expressions/parser.h"

using namespace tidemark;

namespace {

bool is_aggregate(std::string_view name, std::size_t arguments) {
  return (name == "count" && arguments == 0) || (name == "sum" && arguments == 1) ||
         (name == "max_by" && arguments == 2);
}

Expression parsed(std::string_view text) {
  auto e = parse_expression(text, is_aggregate);
  REQUIRE(e);
  return *e;
}

}  // namespace

TEST_CASE("a path is written so that it parses back") {
  const FieldPath path{{{.name = "a"}, {.name = "odd \"name\""}, {.name = {}, .index = 3}, {.name = "case"}}};
  CHECK(path.text() == "a.\"odd \"\"name\"\"\"[3].\"case\"");
  const Expression e = parsed(path.text());
  CHECK(e.kind == Expression::Kind::field);
  CHECK(e.path == path);
  CHECK(FieldPath{{{.name = "_time"}}}.text() == "\"_time\"");
}

TEST_CASE("paths have an order: by steps") {
  CHECK(parsed("a").path < parsed("a.b").path);
  CHECK(parsed("a[1]").path < parsed("a[2]").path);
  CHECK(parsed("a.b").path == parsed("\"a\" . b").path);
  CHECK(parsed("a.b").path != parsed("\"a.b\"").path);
  CHECK(parsed("a").path != parsed("A").path);
}

TEST_CASE("the distinct aggregate calls are collected in the order written") {
  std::vector<AggregateCall> calls;
  collect_aggregates(parsed("sum(a) / count(*) + SUM( a ) - sum(a) FILTER (WHERE a > 0)"), calls);
  collect_aggregates(parsed("round(max_by(ts, temp), 1) + count(*)"), calls);
  REQUIRE(calls.size() == 4);
  CHECK(calls[0].text == "sum(a)");
  CHECK(calls[0].name == "sum");
  CHECK(calls[0].offset == 0);
  CHECK(calls[0].length == 6);
  REQUIRE(calls[0].arguments.size() == 1);
  CHECK(to_text(calls[0].arguments[0]) == "a");
  CHECK_FALSE(calls[0].filter);
  CHECK(calls[1].text == "count(*)");
  CHECK(calls[1].star);
  CHECK(calls[1].arguments.empty());
  CHECK(calls[2].text == "sum(a) FILTER (WHERE a > 0)");
  CHECK(calls[2].arguments.size() == 1);
  REQUIRE(calls[2].filter);
  CHECK(to_text(*calls[2].filter) == "a > 0");
  CHECK(calls[3].text == "max_by(ts, temp)");
  CHECK(calls[3].arguments.size() == 2);
}

TEST_CASE("references lists each field and metadata once, sorted, also inside aggregates") {
  const References all =
      references(parsed("b.c + a > 1 AND _topic LIKE a AND sum(z) FILTER (WHERE y) > _time"));
  std::vector<std::string> fields;
  for (const FieldPath& path : all.fields) fields.push_back(path.text());
  CHECK(fields == std::vector<std::string>{"a", "b.c", "y", "z"});
  CHECK(all.metadata == std::vector<Metadata>{Metadata::topic, Metadata::time});
}
