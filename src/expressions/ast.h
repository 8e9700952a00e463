// The tree of a parsed expression, and the questions asked of a tree: its canonical text, the fields it
// reads, the aggregates it calls.
//
// A tree is a plain value: copied, moved and compared by its canonical text. Offsets are bytes of the text it
// was parsed from. Its height is bounded by the parser (kMaxExpressionHeight), so recursion over it is safe.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/value.h"

namespace tidemark {

// One step of a path into a record: a member's name or an array's index, from 0.
struct Step {
  static constexpr std::int64_t kName = -1;
  std::string name;  // empty for an index (and for the member "")
  std::int64_t index = kName;
  bool is_index() const { return index != kName; }
  auto operator<=>(const Step&) const = default;
};

// a.b[2]."odd name": where a value stands in a record. Names are case-sensitive; never empty.
struct FieldPath {
  std::vector<Step> steps;
  // As it is written in an expression, names quoted where they must be; parses back to the same path.
  std::string text() const;
  auto operator<=>(const FieldPath&) const = default;
};

// What Tidemark knows of a record beside its fields.
enum class Metadata : std::uint8_t { topic, source, time, received };
std::string_view to_text(Metadata which);  // "_topic" …

struct Expression {
  enum class Kind : std::uint8_t {
    literal,      // `literal`
    field,        // `path`
    metadata,     // `metadata`
    negate,       // x
    logical_not,  // x
    logical_and,  // two or more
    logical_or,   // two or more
    concat,       // two or more: a || b || c
    add,          // left, right; so the next ten
    subtract,
    multiply,
    divide,
    remainder,
    equal,
    not_equal,
    less,
    less_equal,
    greater,
    greater_equal,
    is_null,    // x; `negated`
    in,         // x, item…; `negated`
    between,    // x, low, high; `negated`
    like,       // x, pattern[, escape]; `negated`
    case_when,  // (condition, result)…[, else]
    case_of,    // x, (value, result)…[, else]
    cast,       // x; `cast_to`
    call,       // argument…; `name`
    aggregate,  // argument…[, filter]; `name`, `star`, `distinct`, `has_filter`
    list,       // item…; only as an argument of an aggregate
  };

  Kind kind = Kind::literal;
  bool negated = false;
  bool star = false;  // count(*)
  bool distinct = false;
  bool has_filter = false;  // then the last child is the condition of FILTER (WHERE …)
  Metadata metadata = Metadata::topic;
  Value::Type cast_to = Value::Type::null;
  std::uint32_t height = 1;  // 1 + the highest child's
  std::size_t offset = 0;
  std::size_t length = 0;
  OwnedValue literal;
  FieldPath path;
  std::string name;  // lower case
  std::vector<Expression> children;
};

// The same expression always as the same text, whatever its spaces, letter case and needless parentheses
// were: what plan fingerprints are made of. It parses back to an expression with the same canonical text.
std::string to_text(const Expression& expression);

// An aggregate call taken out of its tree. Two calls with the same text are the same aggregate.
struct AggregateCall {
  std::string name;  // lower case
  bool star = false;
  bool distinct = false;
  std::vector<Expression> arguments;  // over the input record
  std::optional<Expression> filter;   // a condition over the input record
  std::string text;                   // canonical, filter included
  std::size_t offset = 0;             // of the call in the text that was parsed
  std::size_t length = 0;
};

// The node's parts; its kind must be aggregate.
AggregateCall aggregate_call(const Expression& node);

// Appends the aggregate calls of the expression that are not in `calls` yet, in the order written.
void collect_aggregates(const Expression& expression, std::vector<AggregateCall>& calls);

// Every field and metadata that the expression reads, also inside aggregate calls: sorted, each once.
struct References {
  std::vector<FieldPath> fields;
  std::vector<Metadata> metadata;
};
References references(const Expression& expression);

// What a part of a name must be written as: itself, or "in quotes" when it is no plain word.
std::string quoted_name(std::string_view name);

}  // namespace tidemark
