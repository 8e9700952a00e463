#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "expressions/functions.h"
#include "expressions/parser.h"
#include "field_binder.h"
#include "support/source_tree.h"

using namespace tidemark;

namespace {

struct Line {
  std::size_t number;
  std::string expression;
  std::string value;
};

void add_lines_of(const std::string& name, std::vector<Line>& lines) {
  std::ifstream file(source_tree() + "/tests/unit/expressions/" + name);
  std::string text;
  for (std::size_t number = 1; std::getline(file, text); ++number) {
    if (text.empty() || text.front() == '#') continue;
    for (const char* const mark : {" !difference ", " !since ", " !python "}) {
      if (const std::size_t at = text.rfind(mark); at != std::string::npos) text.erase(at);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    const std::size_t arrow = text.rfind(" => ");
    REQUIRE_MESSAGE(arrow != std::string::npos, "line ", number, " has no =>");
    lines.push_back({number, text.substr(0, arrow), text.substr(arrow + 4)});
  }
}

std::vector<Line> golden_lines() {
  std::vector<Line> lines;
  add_lines_of("golden.txt", lines);
  add_lines_of("golden_python.txt", lines);
  return lines;
}

// Every literal becomes a field with its value, so that nothing is known of types before the record. Where a
// function takes a literal, it stays.
void literals_to_fields(Expression& e, FieldBinder& binder) {
  if (e.kind == Expression::Kind::literal) {
    const std::string name = "v" + std::to_string(e.offset);
    binder.set(name, e.literal.view());  // borrowed from the node, which stays
    e.kind = Expression::Kind::field;
    e.path.steps.push_back({.name = name});
  }
  const Function* const f = e.kind == Expression::Kind::call ? find_function(e.name) : nullptr;
  for (std::size_t i = 0; i < e.children.size(); ++i) {
    if (f == nullptr || (f->literals >> std::min<std::size_t>(i, 8) & 1u) == 0)
      literals_to_fields(e.children[i], binder);
  }
}

std::string evaluated(const Expression& e, FieldBinder& binder) {
  const auto program = compile(e, binder);
  if (!program) return "error: " + program.error().message;
  Arena arena;
  const auto value = program->evaluate(binder.slots(), arena);
  if (!value) return "error: " + program->describe(value.error()).substr(value.error().length + 2);
  if (value->is_boolean()) return value->as_boolean() ? "TRUE" : "FALSE";
  return to_text(*value);
}

}  // namespace

TEST_CASE("every golden expression has its value") {
  const std::vector<Line> lines = golden_lines();
  CHECK(lines.size() >= 200);
  for (const Line& line : lines) {
    CAPTURE(line.number);
    CAPTURE(line.expression);
    const auto parsed = parse_expression(line.expression);
    if (!parsed) {
      CHECK("error: " + parsed.error().message == line.value);
      continue;
    }
    FieldBinder binder;
    CHECK(evaluated(*parsed, binder) == line.value);
  }
}

TEST_CASE("golden expressions over fields of unknown type have the values of those over literals") {
  for (const Line& line : golden_lines()) {
    CAPTURE(line.number);
    CAPTURE(line.expression);
    auto parsed = parse_expression(line.expression);
    if (!parsed) continue;
    FieldBinder binder;
    literals_to_fields(*parsed, binder);
    CHECK(evaluated(*parsed, binder) == line.value);
  }
}

TEST_CASE("the canonical text of a golden expression is its own canonical text and has the same value") {
  for (const Line& line : golden_lines()) {
    const auto parsed = parse_expression(line.expression);
    if (!parsed) continue;
    const std::string text = to_text(*parsed);
    CAPTURE(text);
    const auto again = parse_expression(text);
    REQUIRE(again);
    CHECK(to_text(*again) == text);
    FieldBinder binder;
    CHECK(evaluated(*again, binder) == line.value);
  }
}
