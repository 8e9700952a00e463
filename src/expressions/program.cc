#include "expressions/program.h"

#include <array>
#include <limits>

#include "base/format.h"
#include "base/invariant.h"
#include "expressions/characters.h"
#include "expressions/functions_list.h"
#include "expressions/like.h"
#include "expressions/operators.h"
#include "expressions/parser.h"
#include "expressions/program_ops.h"
#include "expressions/text_builder.h"

namespace tidemark {

using Kind = EvalError::Kind;

// One evaluation over one record. Each step returns false when the record has no value; error_ then says why.
class Evaluation {
 public:
  Evaluation(const Program& program, std::span<const Value> slots, Arena& arena)
      : program_(program), slots_(slots), arena_(arena) {}

  bool run(Value& out) { return value(static_cast<std::uint32_t>(program_.nodes_.size() - 1), out); }
  const EvalError& error() const { return error_; }
  bool fail_whole(Kind kind, Value::Type left) { return fail(program_.nodes_.back(), kind, left); }

 private:
  using Node = Program::Node;
  using Op = Program::Op;

  bool value(std::uint32_t index, Value& out) {
    const Node& n = program_.nodes_[index];
    if (n.op == Op::slot) {
      out = slots_[n.first];
      return true;
    }
    if (n.op == Op::constant) {
      out = program_.constants_[n.first];
      return true;
    }
    return apply(n, out);
  }

  bool operand(const Node& n, std::size_t i, Value& out) {
    return value(program_.operands_[n.first + i], out);
  }

  bool apply(const Node& n, Value& out) {
    switch (n.op) {
      case Op::slot:
      case Op::constant:
        break;
      case Op::negate:
        return unary_minus(n, out);
      case Op::logical_not:
        return logical_not(n, out);
      case Op::logical_and:
        return logical_chain(n, false, out);
      case Op::logical_or:
        return logical_chain(n, true, out);
      case Op::add:
        return arithmetic(n, add, out);
      case Op::subtract:
        return arithmetic(n, subtract, out);
      case Op::multiply:
        return arithmetic(n, multiply, out);
      case Op::divide:
        return arithmetic(n, divide, out);
      case Op::remainder:
        return arithmetic(n, remainder, out);
      case Op::equal:
        return comparison(n, 1u << kEqual, out);
      case Op::not_equal:
        return comparison(n, 1u << kLess | 1u << kGreater, out);
      case Op::less:
        return comparison(n, 1u << kLess, out);
      case Op::less_equal:
        return comparison(n, 1u << kLess | 1u << kEqual, out);
      case Op::greater:
        return comparison(n, 1u << kGreater, out);
      case Op::greater_equal:
        return comparison(n, 1u << kGreater | 1u << kEqual, out);
      case Op::is_null:
        if (!operand(n, 0, out)) return false;
        out = Value::boolean(out.is_null() != (n.detail != 0));
        return true;
      case Op::in:
        return in(n, out);
      case Op::between:
        return between(n, out);
      case Op::like:
        return like_pattern(n, out);
      case Op::case_when:
        return case_when(n, out);
      case Op::case_of:
        return case_of(n, out);
      case Op::cast:
        return cast_value(n, out);
      case Op::coalesce:
        return coalesce(n, out);
      case Op::attempt:
        if (!operand(n, 0, out)) out = Value::null();
        return true;
      case Op::concat:
      case Op::call:
        // Nearly all calls have few arguments; the large frame is for the others.
        return n.count <= 4 ? call<4>(n, out) : call<kMaxArguments>(n, out);
    }
    invariant_broken("every operation is evaluated", std::source_location::current());
  }

  bool unary_minus(const Node& n, Value& out) {
    Value x;
    if (!operand(n, 0, x)) return false;
    if (const Fault fault = negate(x, out)) return fail(n, *fault, x.type(), {}, TypeSet::number());
    return true;
  }

  bool arithmetic(const Node& n, Fault (*operation)(const Value&, const Value&, Value&), Value& out) {
    Value a;
    Value b;
    if (!operand(n, 0, a) || !operand(n, 1, b)) return false;
    if (const Fault fault = operation(a, b, out)) {
      const bool left = !a.is_number() && !a.is_null();
      return fail(n, *fault, left ? a.type() : b.type(), {}, TypeSet::number());
    }
    return true;
  }

  // The bits of a set of orders.
  static constexpr unsigned kLess = static_cast<unsigned>(Order::less);
  static constexpr unsigned kEqual = static_cast<unsigned>(Order::equal);
  static constexpr unsigned kGreater = static_cast<unsigned>(Order::greater);

  bool comparison(const Node& n, unsigned orders, Value& out) {
    Value a;
    Value b;
    if (!operand(n, 0, a) || !operand(n, 1, b)) return false;
    return ordered(n, a, b, orders, out);
  }

  // TRUE when the order of the two is in the set, NULL when it is unknown.
  bool ordered(const Node& n, const Value& a, const Value& b, unsigned orders, Value& out) {
    const Order order = compare(a, b);
    if (order == Order::mismatched) return fail(n, Kind::not_comparable, a.type(), b.type());
    out = order == Order::unknown ? Value::null()
                                  : Value::boolean((orders >> static_cast<unsigned>(order) & 1u) != 0);
    return true;
  }

  bool condition(const Node& n, std::size_t i, Value& out) {
    if (!operand(n, i, out)) return false;
    if (out.is_boolean() || out.is_null()) return true;
    return fail(n, Kind::wrong_type, out.type(), {}, TypeSet::boolean());
  }

  bool logical_not(const Node& n, Value& out) {
    if (!condition(n, 0, out)) return false;
    if (!out.is_null()) out = Value::boolean(!out.as_boolean());
    return true;
  }

  // OR ends at the first TRUE, AND at the first FALSE.
  bool logical_chain(const Node& n, bool deciding, Value& out) {
    bool unknown = false;
    for (std::size_t i = 0; i < n.count; ++i) {
      Value x;
      if (!condition(n, i, x)) return false;
      if (x.is_null()) {
        unknown = true;
      } else if (x.as_boolean() == deciding) {
        out = x;
        return true;
      }
    }
    out = unknown ? Value::null() : Value::boolean(!deciding);
    return true;
  }

  // detail: negated, for these three.
  bool negated_if_asked(const Node& n, Value& out) {
    if (n.detail != 0 && !out.is_null()) out = Value::boolean(!out.as_boolean());
    return true;
  }

  bool in(const Node& n, Value& out) {
    Value x;
    if (!operand(n, 0, x)) return false;
    bool unknown = x.is_null();
    for (std::size_t i = 1; i < n.count && !x.is_null(); ++i) {
      Value item;
      if (!operand(n, i, item) || !ordered(n, x, item, 1u << kEqual, out)) return false;
      if (out.is_null()) {
        unknown = true;
      } else if (out.as_boolean()) {
        return negated_if_asked(n, out);
      }
    }
    out = unknown ? Value::null() : Value::boolean(false);
    return negated_if_asked(n, out);
  }

  bool between(const Node& n, Value& out) {
    Value x;
    Value bound;
    Value above;
    if (!operand(n, 0, x) || !operand(n, 1, bound)) return false;
    if (!ordered(n, x, bound, 1u << kGreater | 1u << kEqual, above)) return false;
    if (above.is_boolean() && !above.as_boolean()) {
      out = above;
      return negated_if_asked(n, out);
    }
    if (!operand(n, 2, bound)) return false;
    if (!ordered(n, x, bound, 1u << kLess | 1u << kEqual, out)) return false;
    if (above.is_null() && (out.is_null() || out.as_boolean())) out = Value::null();
    return negated_if_asked(n, out);
  }

  bool like_pattern(const Node& n, Value& out) {
    Value parts[3];
    bool unknown = false;
    for (std::size_t i = 0; i < n.count; ++i) {
      if (!operand(n, i, parts[i])) return false;
      if (!parts[i].is_text() && !parts[i].is_null()) {
        return fail(n, Kind::wrong_type, parts[i].type(), {}, TypeSet::text());
      }
      unknown = unknown || parts[i].is_null();
    }
    if (unknown) {
      out = Value::null();
      return true;
    }
    std::string_view escape;
    if (n.count == 3) {
      escape = parts[2].as_text();
      if (character_count(escape) != 1) return fail(n, Kind::escape_not_one_character, Value::Type::text);
    }
    out = Value::boolean(like(parts[0].as_text(), parts[1].as_text(), escape));
    return negated_if_asked(n, out);
  }

  bool case_when(const Node& n, Value& out) {
    std::size_t i = 0;
    for (; i + 1 < n.count; i += 2) {
      Value holds;
      if (!condition(n, i, holds)) return false;
      if (!holds.is_null() && holds.as_boolean()) return operand(n, i + 1, out);
    }
    if (i < n.count) return operand(n, i, out);
    out = Value::null();
    return true;
  }

  bool case_of(const Node& n, Value& out) {
    Value x;
    if (!operand(n, 0, x)) return false;
    std::size_t i = 1;
    for (; i + 1 < n.count; i += 2) {
      Value candidate;
      Value same;
      if (!operand(n, i, candidate) || !ordered(n, x, candidate, 1u << kEqual, same)) return false;
      if (!same.is_null() && same.as_boolean()) return operand(n, i + 1, out);
    }
    if (i < n.count) return operand(n, i, out);
    out = Value::null();
    return true;
  }

  bool cast_value(const Node& n, Value& out) {
    Value x;
    if (!operand(n, 0, x)) return false;
    const auto to = static_cast<Value::Type>(n.detail);
    if (const Fault fault = cast(x, to, arena_, out)) return fail(n, *fault, x.type(), to);
    return true;
  }

  bool coalesce(const Node& n, Value& out) {
    for (std::size_t i = 0; i < n.count; ++i) {
      if (!operand(n, i, out)) return false;
      if (!out.is_null()) return true;
    }
    return true;
  }

  // A function, or || over its operands.
  template <std::size_t kMost>
  bool call(const Node& n, Value& out) {
    std::array<Value, kMost> buffer;
    const std::span<const Value> arguments(buffer.data(), n.count);
    bool null = false;
    for (std::size_t i = 0; i < n.count; ++i) {
      Value& x = buffer[i];
      if (!operand(n, i, x)) return false;
      null = null || x.is_null();
      if (n.function != nullptr && !x.is_null() && !n.function->parameter(i).contains(x.type())) {
        return fail(n, Kind::wrong_type, x.type(), {}, n.function->parameter(i));
      }
    }
    if (null && (n.function == nullptr || n.function->nulls == Function::Nulls::give_null)) {
      out = Value::null();
      return true;
    }
    const auto evaluate = n.function == nullptr ? function::concat : n.function->evaluate;
    const Arguments call{arguments, arena_, prepared(n)};
    if (const Fault fault = evaluate(call, out)) return fail_call(n, *fault, call);
    return true;
  }

  const Prepared* prepared(const Node& n) const {
    if (n.function == nullptr || n.function->prepare == nullptr) return nullptr;
    return program_.prepared_[program_.operands_[n.first + n.count]].get();
  }

  bool fail_call(const Node& n, Kind kind, const Arguments& call) {
    const std::span<const Value> arguments = call.values;
    if (kind == Kind::wrong_type) return fail(n, kind, arguments[call.at_fault].type(), {}, call.needed);
    if (kind != Kind::not_comparable) return fail(n, kind, Value::Type::null);
    std::size_t first = 0;
    while (arguments[first].is_null()) ++first;
    std::size_t i = first + 1;
    while (i + 1 < arguments.size() && compare(arguments[first], arguments[i]) != Order::mismatched) ++i;
    return fail(n, kind, arguments[first].type(), arguments[i].type());
  }

  bool fail(const Node& n, Kind kind, Value::Type left, Value::Type right = {}, TypeSet expected = {}) {
    error_ = {kind, left, right, expected, n.offset, n.length};
    return false;
  }

  const Program& program_;
  std::span<const Value> slots_;
  Arena& arena_;
  EvalError error_;
};

namespace {

std::string what_went_wrong(const EvalError& e) {
  switch (e.kind) {
    case Kind::wrong_type:
      return format("{} where {} is needed", type_name(e.left), to_text(e.expected));
    case Kind::not_comparable:
      return format("{} cannot be compared with {}; CAST one of them", type_name(e.left), type_name(e.right));
    case Kind::integer_overflow:
      return "integer overflow";
    case Kind::cast_failed:
      return format("this {} is no {}", type_name(e.left), type_name(e.right));
    case Kind::escape_not_one_character:
      return "ESCAPE must be one character";
    case Kind::text_too_long:
      return format("the text would be longer than {} bytes, or all texts made of this record than {}",
                    kMaxResultText, kMaxRecordTexts);
    case Kind::not_a_condition:
      return format("{} where a condition is needed", type_name(e.left));
    case Kind::out_of_range:
      return "an argument is out of range";
    case Kind::malformed:
      return "the text has not the form that is read here";
    case Kind::not_allowed:
      return "the security policy of this machine does not allow it";
    case Kind::too_many_matches:
      return "too many matches in a text of this length";
  }
  invariant_broken("every kind of error is described", std::source_location::current());
}

}  // namespace

Program::Program() = default;
Program::Program(Program&&) noexcept = default;
Program& Program::operator=(Program&&) noexcept = default;
Program::~Program() = default;

std::expected<Value, EvalError> Program::evaluate_operations(std::span<const Value> slots,
                                                             Arena& arena) const {
  invariant(slots_.empty() || slots_.back() < slots.size(), "a program is given every slot it reads");
  Evaluation evaluation(*this, slots, arena);
  Value out;
  if (!evaluation.run(out)) return std::unexpected(evaluation.error());
  return out;
}

std::expected<bool, EvalError> Program::evaluate_predicate(std::span<const Value> slots, Arena& arena) const {
  invariant(slots_.empty() || slots_.back() < slots.size(), "a program is given every slot it reads");
  Evaluation evaluation(*this, slots, arena);
  Value out;
  if (!evaluation.run(out)) return std::unexpected(evaluation.error());
  if (out.is_null()) return false;
  if (out.is_boolean()) return out.as_boolean();
  evaluation.fail_whole(Kind::not_a_condition, out.type());
  return std::unexpected(evaluation.error());
}

std::string Program::describe(const EvalError& error) const {
  constexpr std::size_t kMostShown = 80;
  std::string part = text_.substr(error.offset, error.length);
  if (part.size() > kMostShown) {
    std::size_t end = kMostShown;
    while (end > 0 && (static_cast<unsigned char>(part[end]) & 0xC0) == 0x80)
      --end;  // cut between characters
    part.resize(end);
    part += "…";
  }
  return format("{}: {}", part, what_went_wrong(error));
}

}  // namespace tidemark
