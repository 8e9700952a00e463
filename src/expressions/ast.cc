#include "expressions/ast.h"

#include <algorithm>

#include "base/invariant.h"
#include "expressions/lexer.h"

namespace tidemark {
namespace {

void add_references(const Expression& e, References& all) {
  if (e.kind == Expression::Kind::field) all.fields.push_back(e.path);
  if (e.kind == Expression::Kind::metadata) all.metadata.push_back(e.metadata);
  for (const Expression& child : e.children) add_references(child, all);
}

template <class T>
void sort_unique(std::vector<T>& items) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
}

}  // namespace

std::string_view to_text(Metadata which) {
  switch (which) {
    case Metadata::topic:
      return "_topic";
    case Metadata::source:
      return "_source";
    case Metadata::time:
      return "_time";
    case Metadata::received:
      return "_received";
  }
  invariant_broken("there are four kinds of metadata", std::source_location::current());
}

std::string quoted_name(std::string_view name) {
  if (is_plain_name(name)) return std::string(name);
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
  return out;
}

std::string FieldPath::text() const {
  std::string out;
  for (const Step& step : steps) {
    if (step.is_index()) {
      out += '[';
      out += std::to_string(step.index);
      out += ']';
      continue;
    }
    if (!out.empty()) out += '.';
    out += quoted_name(step.name);
  }
  // A field of that very name, as against what Tidemark knows itself.
  for (const Metadata which : {Metadata::topic, Metadata::source, Metadata::time, Metadata::received}) {
    if (steps.front().name == to_text(which)) {
      out.insert(steps.front().name.size(), 1, '"');
      out.insert(0, 1, '"');
    }
  }
  return out;
}

AggregateCall aggregate_call(const Expression& node) {
  invariant(node.kind == Expression::Kind::aggregate, "an aggregate call is made of an aggregate node");
  AggregateCall call{.name = node.name,
                     .star = node.star,
                     .distinct = node.distinct,
                     .arguments = node.children,
                     .filter = std::nullopt,
                     .text = to_text(node),
                     .offset = node.offset,
                     .length = node.length};
  if (node.has_filter) {
    call.filter = std::move(call.arguments.back());
    call.arguments.pop_back();
  }
  return call;
}

void collect_aggregates(const Expression& expression, std::vector<AggregateCall>& calls) {
  if (expression.kind != Expression::Kind::aggregate) {
    for (const Expression& child : expression.children) collect_aggregates(child, calls);
    return;
  }
  AggregateCall call = aggregate_call(expression);
  const bool known =
      std::any_of(calls.begin(), calls.end(), [&](const AggregateCall& c) { return c.text == call.text; });
  if (!known) calls.push_back(std::move(call));
}

References references(const Expression& expression) {
  References all;
  add_references(expression, all);
  sort_unique(all.fields);
  sort_unique(all.metadata);
  return all;
}

}  // namespace tidemark
