// Expected rows beside results.
#include "trial/comparison.h"

#include <doctest/doctest.h>

using namespace tidemark;

namespace {

std::string compared(const std::vector<std::string>& expected, const std::vector<std::string>& came) {
  std::vector<Located<std::string>> wanted(expected.begin(), expected.end());
  std::string out;
  for (const ComparedRow& row : compare_rows(wanted, came)) {
    out += row.kind == ComparedRow::Kind::met ? "= " : row.kind == ComparedRow::Kind::missing ? "- " : "+ ";
    out += row.text + (row.difference.empty() ? "" : " (" + row.difference + ")") + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("a row is met by a result that has its fields, whatever else it has") {
  CHECK(compared({R"({"n":1})"}, {R"({"k":"a","n":1})"}) == "= {\"k\":\"a\",\"n\":1}\n");
  CHECK(compared({"{}"}, {R"({"k":"a"})"}) == "= {\"k\":\"a\"}\n");
}

TEST_CASE("numbers are the same when they are equal, texts and numbers never") {
  CHECK(all_met(compare_rows({std::string(R"({"n":1})")}, {R"({"n":1.0})"})));
  CHECK(all_met(compare_rows({std::string(R"({"n":0.5})")}, {R"({"n":0.5})"})));
  CHECK_FALSE(all_met(compare_rows({std::string(R"({"n":1})")}, {R"({"n":"1"})"})));
  CHECK_FALSE(all_met(compare_rows({std::string(R"({"n":1})")}, {R"({"n":true})"})));
  CHECK_FALSE(
      all_met(compare_rows({std::string(R"({"n":9007199254740993})")}, {R"({"n":9007199254740992.0})"})));
}

TEST_CASE("what is null is met by null and by nothing") {
  CHECK(all_met(compare_rows({std::string(R"({"x":null})")}, {R"({"x":null})"})));
  CHECK(all_met(compare_rows({std::string(R"({"x":null})")}, {"{}"})));
  CHECK_FALSE(all_met(compare_rows({std::string(R"({"x":null})")}, {R"({"x":0})"})));
  CHECK_FALSE(all_met(compare_rows({std::string(R"({"x":0})")}, {R"({"x":null})"})));
}

TEST_CASE("objects and arrays inside of a row are compared whole") {
  CHECK(all_met(compare_rows({std::string(R"({"x":[1,{"a":2}]})")}, {R"({"x":[1,{"a":2.0}]})"})));
  CHECK_FALSE(all_met(compare_rows({std::string(R"({"x":[1]})")}, {R"({"x":[1,2]})"})));
  CHECK_FALSE(all_met(compare_rows({std::string(R"({"x":{"a":1}})")}, {R"({"x":{"a":1,"b":2}})"})));
}

TEST_CASE("what is missing and what is too much stands where it belongs") {
  CHECK(compared({R"({"n":1})", R"({"n":2})", R"({"n":3})"}, {R"({"n":1})", R"({"n":3})", R"({"n":4})"}) ==
        "= {\"n\":1}\n- {\"n\":2}\n= {\"n\":3}\n+ {\"n\":4}\n");
}

TEST_CASE("a row that came otherwise says in which fields") {
  CHECK(compared({R"({"k":"a","n":3,"x":1})"}, {R"({"k":"a","n":2})"}) ==
        "- {\"k\":\"a\",\"n\":3,\"x\":1} (n is 2, and 3 was expected; there is no x, and 1 was expected)\n"
        "+ {\"k\":\"a\",\"n\":2}\n");
}

TEST_CASE("the order counts") {
  CHECK_FALSE(all_met(
      compare_rows({std::string(R"({"n":1})"), std::string(R"({"n":2})")}, {R"({"n":2})", R"({"n":1})"})));
}

TEST_CASE("thousands of rows are compared") {
  std::vector<Located<std::string>> expected;
  std::vector<std::string> came;
  for (int i = 0; i < 3000; ++i) expected.emplace_back("{\"n\":" + std::to_string(i) + "}");
  for (int i = 1; i < 3000; ++i) came.push_back("{\"n\":" + std::to_string(i) + "}");
  const std::vector<ComparedRow> rows = compare_rows(expected, came);
  CHECK(rows.front().kind == ComparedRow::Kind::missing);
  CHECK(rows[1].kind == ComparedRow::Kind::met);
  CHECK(rows.size() >= 3000);
}
