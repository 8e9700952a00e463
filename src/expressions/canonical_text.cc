#include "expressions/canonical_text.h"

#include <utility>

#include "base/invariant.h"
#include "expressions/bit_operators.h"
#include "expressions/lexer.h"

namespace tidemark {
namespace {

using Kind = Expression::Kind;

// Binding strength, loosest first, as in the grammar.
enum Level : int { kOr, kAnd, kNot, kEquality, kRelation, kBits, kSum, kProduct, kConcat, kUnary, kPrimary };

// The operator that a call is written with; else empty.
std::string_view bit_operator_of(const Expression& e) {
  if (e.kind != Kind::call || e.children.size() != 2) return {};
  for (const auto& [spelling, function] : kBitOperators)
    if (function == e.name) return spelling;
  return {};
}

bool is_bit_not(const Expression& e) {
  return e.kind == Kind::call && e.name == kBitNot && e.children.size() == 1;
}

Level level_of(const Expression& e) {
  switch (e.kind) {
    case Kind::logical_or:
      return kOr;
    case Kind::logical_and:
      return kAnd;
    case Kind::logical_not:
      return kNot;
    case Kind::equal:
    case Kind::not_equal:
    case Kind::is_null:
    case Kind::in:
    case Kind::between:
    case Kind::like:
      return kEquality;
    case Kind::less:
    case Kind::less_equal:
    case Kind::greater:
    case Kind::greater_equal:
      return kRelation;
    case Kind::add:
    case Kind::subtract:
      return kSum;
    case Kind::multiply:
    case Kind::divide:
    case Kind::remainder:
      return kProduct;
    case Kind::concat:
      return kConcat;
    case Kind::negate:
      return kUnary;
    case Kind::call:
      if (is_bit_not(e)) return kUnary;
      return bit_operator_of(e).empty() ? kPrimary : kBits;
    default:
      return kPrimary;
  }
}

std::string_view operator_of(Kind kind) {
  switch (kind) {
    case Kind::logical_or:
      return " OR ";
    case Kind::logical_and:
      return " AND ";
    case Kind::equal:
      return " = ";
    case Kind::not_equal:
      return " <> ";
    case Kind::less:
      return " < ";
    case Kind::less_equal:
      return " <= ";
    case Kind::greater:
      return " > ";
    case Kind::greater_equal:
      return " >= ";
    case Kind::add:
      return " + ";
    case Kind::subtract:
      return " - ";
    case Kind::multiply:
      return " * ";
    case Kind::divide:
      return " / ";
    case Kind::remainder:
      return " % ";
    case Kind::concat:
      return " || ";
    default:
      invariant_broken("only an infix operator is written between operands", std::source_location::current());
  }
}

std::string_view cast_name(Value::Type type) {
  switch (type) {
    case Value::Type::integer:
      return "INTEGER";
    case Value::Type::real:
      return "FLOAT";
    case Value::Type::text:
      return "TEXT";
    default:
      return "BOOLEAN";
  }
}

class Writer {
 public:
  void write(const Expression& e) {
    const std::size_t from = out_.text.size();
    node(e);
    out_.spans[&e] = {static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(out_.text.size() - from)};
  }

  CanonicalText take() { return std::move(out_); }

 private:
  void node(const Expression& e) {
    switch (e.kind) {
      case Kind::literal:
        return literal(e.literal.view());
      case Kind::field:
        return put(e.path.text());
      case Kind::metadata:
        return put(to_text(e.metadata));
      case Kind::negate:
        return negate(e.children[0]);
      case Kind::logical_not:
        put("NOT ");
        return operand(e.children[0], kNot);
      case Kind::is_null:
        operand(e.children[0], kEquality);
        return put(e.negated ? " IS NOT NULL" : " IS NULL");
      case Kind::in:
        operand(e.children[0], kEquality);
        put(e.negated ? " NOT IN (" : " IN (");
        list(e, 1, e.children.size());
        return put(")");
      case Kind::between:
        operand(e.children[0], kEquality);
        put(e.negated ? " NOT BETWEEN " : " BETWEEN ");
        operand(e.children[1], kRelation);
        put(" AND ");
        return operand(e.children[2], kRelation);
      case Kind::like:
        return like(e);
      case Kind::case_when:
      case Kind::case_of:
        return case_expression(e);
      case Kind::cast:
        put("CAST(");
        write(e.children[0]);
        put(" AS ");
        put(cast_name(e.cast_to));
        return put(")");
      case Kind::call:
        if (is_bit_not(e)) {
          put("~");
          return operand(e.children[0], kUnary);
        }
        if (const std::string_view bits = bit_operator_of(e); !bits.empty()) {
          operand(e.children[0], kBits);
          put(" ");
          put(bits);
          put(" ");
          return operand(e.children[1], kBits + 1);
        }
        return call(e);
      case Kind::aggregate:
        return call(e);
      case Kind::list:
        put("[");
        list(e, 0, e.children.size());
        return put("]");
      default:
        return infix(e);
    }
  }

  void literal(const Value& v) {
    if (v.is_boolean()) return put(v.as_boolean() ? "TRUE" : "FALSE");
    put(to_text(v));
  }

  void negate(const Expression& operand_node) {
    put("-");
    // Two signs in a row read badly without a space.
    const bool number = operand_node.kind == Kind::literal && operand_node.literal.view().is_number();
    if (number || operand_node.kind == Kind::negate) put(" ");
    operand(operand_node, kUnary);
  }

  void infix(const Expression& e) {
    const int level = level_of(e);
    const std::string_view op = operator_of(e.kind);
    for (std::size_t i = 0; i < e.children.size(); ++i) {
      if (i > 0) put(op);
      operand(e.children[i], i == 0 ? level : level + 1);
    }
  }

  void like(const Expression& e) {
    operand(e.children[0], kEquality);
    put(e.negated ? " NOT LIKE " : " LIKE ");
    operand(e.children[1], kRelation);
    if (e.children.size() < 3) return;
    put(" ESCAPE ");
    operand(e.children[2], kRelation);
  }

  void case_expression(const Expression& e) {
    put("CASE");
    std::size_t i = 0;
    if (e.kind == Kind::case_of) {
      put(" ");
      write(e.children[i++]);
    }
    for (; i + 1 < e.children.size(); i += 2) {
      put(" WHEN ");
      write(e.children[i]);
      put(" THEN ");
      write(e.children[i + 1]);
    }
    if (i < e.children.size()) {
      put(" ELSE ");
      write(e.children[i]);
    }
    put(" END");
  }

  void call(const Expression& e) {
    put(e.name);
    put(e.distinct ? "(DISTINCT " : "(");
    if (e.star) put("*");
    const std::size_t arguments = e.children.size() - (e.has_filter ? 1 : 0);
    list(e, 0, arguments);
    put(")");
    if (!e.has_filter) return;
    put(" FILTER (WHERE ");
    write(e.children.back());
    put(")");
  }

  void list(const Expression& e, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if (i > from) put(", ");
      write(e.children[i]);
    }
  }

  void operand(const Expression& e, int least) {
    if (level_of(e) < least) return parenthesized(e);
    write(e);
  }

  void parenthesized(const Expression& e) {
    put("(");
    write(e);
    put(")");
  }

  void put(std::string_view s) { out_.text += s; }

  CanonicalText out_;
};

}  // namespace

CanonicalText canonical_text(const Expression& expression) {
  Writer writer;
  writer.write(expression);
  return writer.take();
}

std::string to_text(const Expression& expression) {
  return canonical_text(expression).text;
}

}  // namespace tidemark
