#include "expressions/compile.h"

#include <algorithm>
#include <utility>

#include "base/format.h"
#include "base/invariant.h"
#include "base/nearest.h"
#include "expressions/call_check.h"
#include "expressions/canonical_text.h"
#include "expressions/characters.h"
#include "expressions/foreign_names.h"
#include "expressions/functions.h"
#include "expressions/program_ops.h"

namespace tidemark {

using Kind = Expression::Kind;

// A compiled node and what is known of its value.
struct Compiled {
  std::uint32_t node;
  TypeSet types;
  bool json = false;  // JSON, where it is a text
};

using Compiles = std::expected<Compiled, ParseError>;

namespace {

std::unexpected<ParseError> refuse(const Expression& at, std::string message) {
  return std::unexpected(ParseError{std::move(message), at.offset, at.length});
}

TypeSet arithmetic_result(TypeSet a, TypeSet b) {
  a = a & TypeSet::number();
  b = b & TypeSet::number();
  if (a.empty() || b.empty()) return {};
  TypeSet result = (a | b) & TypeSet::real();
  if (a.contains(Value::Type::integer) && b.contains(Value::Type::integer))
    result = result | TypeSet::integer();
  return result;
}

}  // namespace

// Compiles bottom-up, operands before their operator, in the order written.
class Compilation {
 public:
  using Op = Program::Op;

  Compilation(const Expression& expression, Binder& binder, AggregateUse aggregates)
      : root_(expression), binder_(binder), aggregates_(aggregates), canonical_(canonical_text(expression)) {}

  std::expected<Program, ParseError> run(bool predicate) {
    const Compiles root = compile(root_);
    if (!root) return std::unexpected(root.error());
    if (predicate && !root->types.may_be(TypeSet::boolean())) {
      return refuse(root_, format("{} where a condition is needed", to_text(root->types)));
    }
    std::sort(program_.slots_.begin(), program_.slots_.end());
    program_.slots_.erase(std::unique(program_.slots_.begin(), program_.slots_.end()), program_.slots_.end());
    program_.types_ = root->types;
    program_.gives_json_ = root->json;
    if (const Program::Node& last = program_.nodes_[root->node]; last.op == Op::slot)
      program_.bare_slot_ = last.first;
    program_.text_ = std::move(canonical_.text);
    return std::move(program_);
  }

 private:
  Compiles compile(const Expression& e) {
    switch (e.kind) {
      case Kind::literal:
        return constant(e, e.literal.view());
      case Kind::field:
        return bound(e, binder_.field(e.path));
      case Kind::metadata:
        return bound(e, binder_.metadata(e.metadata));
      case Kind::aggregate:
        if (aggregates_ == AggregateUse::forbidden) {
          const std::string_view instead = binder_.instead_of_aggregate(e.name);
          return refuse(e, format("{} is an aggregate, which only select and having can hold{}{}", e.name,
                                  instead.empty() ? "" : "; ", instead));
        }
        return bound(e, binder_.aggregate(aggregate_call(e)));
      case Kind::list:
        return refuse(
            e, "a list in brackets is only for an aggregate that takes one, as in histogram(x, [1, 2])");
      default:
        break;
    }
    if (e.kind == Expression::Kind::call)
      if (auto known = binder_.call(e)) {
        if (!*known) return std::unexpected(std::move(known->error()));
        return bound(e, **known);
      }
    // Before its arguments: who mistypes sum as summ wants to hear of that, not of what stands inside.
    if (e.kind == Expression::Kind::call && find_function(e.name) == nullptr) return no_function(e);
    std::vector<Compiled> operands;
    operands.reserve(e.children.size());
    for (const Expression& child : e.children) {
      const Compiles operand = compile(child);
      if (!operand) return operand;
      operands.push_back(*operand);
    }
    return operation(e, operands);
  }

  Compiles operation(const Expression& e, const std::vector<Compiled>& operands) {
    switch (e.kind) {
      case Kind::negate:
        return uniform(e, operands, Op::negate, TypeSet::number(), operands[0].types & TypeSet::number());
      case Kind::logical_not:
        return uniform(e, operands, Op::logical_not, TypeSet::boolean(), TypeSet::boolean());
      case Kind::logical_and:
        return uniform(e, operands, Op::logical_and, TypeSet::boolean(), TypeSet::boolean());
      case Kind::logical_or:
        return uniform(e, operands, Op::logical_or, TypeSet::boolean(), TypeSet::boolean());
      case Kind::concat:
        return emit(e, operands, Op::concat, TypeSet::text());
      case Kind::add:
        return arithmetic(e, operands, Op::add);
      case Kind::subtract:
        return arithmetic(e, operands, Op::subtract);
      case Kind::multiply:
        return arithmetic(e, operands, Op::multiply);
      case Kind::divide:
        return arithmetic(e, operands, Op::divide);
      case Kind::remainder:
        return arithmetic(e, operands, Op::remainder);
      case Kind::equal:
        return comparison(e, operands, Op::equal);
      case Kind::not_equal:
        return comparison(e, operands, Op::not_equal);
      case Kind::less:
        return comparison(e, operands, Op::less);
      case Kind::less_equal:
        return comparison(e, operands, Op::less_equal);
      case Kind::greater:
        return comparison(e, operands, Op::greater);
      case Kind::greater_equal:
        return comparison(e, operands, Op::greater_equal);
      case Kind::is_null:
        return emit(e, operands, Op::is_null, TypeSet::boolean(), e.negated ? 1 : 0);
      case Kind::in:
        return comparison(e, operands, Op::in);
      case Kind::between:
        return comparison(e, operands, Op::between);
      case Kind::like:
        return like(e, operands);
      case Kind::case_when:
        return case_when(e, operands);
      case Kind::case_of:
        return case_of(e, operands);
      case Kind::cast:
        return emit(e, operands, Op::cast, TypeSet::of(e.cast_to), static_cast<std::uint8_t>(e.cast_to));
      case Kind::call:
        return call(e, operands);
      case Kind::literal:
      case Kind::field:
      case Kind::metadata:
      case Kind::aggregate:
      case Kind::list:
        break;
    }
    invariant_broken("every kind of expression is compiled", std::source_location::current());
  }

  // --- leaves

  Compiles constant(const Expression& e, Value v) {
    if (v.is_text()) v = Value::text(program_.texts_.emplace_back(v.as_text()));
    program_.constants_.push_back(v);
    return leaf(e, Op::constant, static_cast<std::uint32_t>(program_.constants_.size() - 1),
                TypeSet::of(v.type()));
  }

  Compiles bound(const Expression& e, std::expected<Binding, std::string> binding) {
    if (!binding) return refuse(e, std::move(binding.error()));
    program_.slots_.push_back(binding->slot);
    Compiled value = leaf(e, Op::slot, binding->slot, binding->types);
    value.json = binding->json;
    return value;
  }

  Compiled leaf(const Expression& e, Op op, std::uint32_t first, TypeSet types) {
    return {push(e, {.op = op, .first = first}), types};
  }

  // --- operators

  // All operands of one kind.
  Compiles uniform(const Expression& e, const std::vector<Compiled>& operands, Op op, TypeSet needed,
                   TypeSet result) {
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (!operands[i].types.may_be(needed)) return wrong_type(e.children[i], operands[i].types, needed);
    }
    return emit(e, operands, op, result);
  }

  Compiles arithmetic(const Expression& e, const std::vector<Compiled>& operands, Op op) {
    return uniform(e, operands, op, TypeSet::number(),
                   arithmetic_result(operands[0].types, operands[1].types));
  }

  // The first operand with each other one.
  Compiles comparison(const Expression& e, const std::vector<Compiled>& operands, Op op) {
    for (std::size_t i = 1; i < operands.size(); ++i) {
      if (!comparable(operands[0].types, operands[i].types)) {
        return not_comparable(e, operands[0].types, operands[i].types);
      }
    }
    return emit(e, operands, op, TypeSet::boolean(), e.negated ? 1 : 0);
  }

  Compiles like(const Expression& e, const std::vector<Compiled>& operands) {
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (!operands[i].types.may_be(TypeSet::text())) {
        return wrong_type(e.children[i], operands[i].types, TypeSet::text());
      }
    }
    if (e.children.size() == 3 && e.children[2].kind == Kind::literal) {
      const Value escape = e.children[2].literal.view();
      if (escape.is_text() && character_count(escape.as_text()) != 1) {
        return refuse(e.children[2], "ESCAPE must be one character");
      }
    }
    return emit(e, operands, Op::like, TypeSet::boolean(), e.negated ? 1 : 0);
  }

  Compiles case_when(const Expression& e, const std::vector<Compiled>& operands) {
    TypeSet result;
    std::size_t i = 0;
    for (; i + 1 < operands.size(); i += 2) {
      if (!operands[i].types.may_be(TypeSet::boolean())) {
        return wrong_type(e.children[i], operands[i].types, TypeSet::boolean());
      }
      result = result | operands[i + 1].types;
    }
    if (i < operands.size()) result = result | operands[i].types;
    return emit(e, operands, Op::case_when, result);
  }

  Compiles case_of(const Expression& e, const std::vector<Compiled>& operands) {
    TypeSet result;
    std::size_t i = 1;
    for (; i + 1 < operands.size(); i += 2) {
      if (!comparable(operands[0].types, operands[i].types)) {
        return not_comparable(e.children[i], operands[0].types, operands[i].types);
      }
      result = result | operands[i + 1].types;
    }
    if (i < operands.size()) result = result | operands[i].types;
    return emit(e, operands, Op::case_of, result);
  }

  Compiles call(const Expression& e, const std::vector<Compiled>& operands) {
    const Function* const f = find_function(e.name);
    std::vector<ArgumentKind> arguments;
    for (const Compiled& operand : operands) arguments.push_back({operand.types, operand.json});
    auto checked = check_call(e, *f, arguments, binder_);
    if (!checked) return std::unexpected(std::move(checked.error()));
    if (checked->always_null) return constant(e, Value::null());
    switch (f->form) {
      case Function::Form::coalesce:
        return emit(e, operands, Op::coalesce, checked->types);
      case Function::Form::case_when:
        return case_when(e, operands);
      case Function::Form::attempt:
        return emit(e, operands, Op::attempt, checked->types);
      case Function::Form::call:
        break;
    }
    Compiles result = emit(e, operands, Op::call, checked->types, 0, f);
    if (result) result->json = f->gives_json;
    if (f->prepare != nullptr) {
      // Behind the operands, where the evaluator looks for it.
      program_.operands_.push_back(static_cast<std::uint32_t>(program_.prepared_.size()));
      program_.prepared_.push_back(std::move(checked->prepared));
    }
    return result;
  }

  // --- errors

  Compiles no_function(const Expression& e) const {
    std::vector<std::string_view> names = binder_.aggregate_names();
    for (const FunctionGroup& group : function_groups())
      for (const Function& f : group.functions) names.push_back(f.name());
    const std::size_t given = e.children.size() - (e.has_filter ? 1 : 0);
    if (std::ranges::find(names, e.name) != names.end()) {
      const std::string takes = format("{} takes {}", e.name, binder_.aggregate_takes(e.name));
      return refuse(e, e.star ? takes + ", not *" : format("{}, {} given", takes, given));
    }
    if (const std::string_view advice = advice_for(e.name); !advice.empty())
      return refuse(e, format("there is no function '{}'; {}", e.name, advice));
    const auto near = nearest(e.name, names);
    return refuse(e, format("there is no function '{}'{}", e.name,
                            near ? format("; did you mean '{}'?", *near) : std::string()));
  }

  static Compiles wrong_type(const Expression& at, TypeSet found, TypeSet needed) {
    return refuse(at, format("{} where {} is needed", to_text(found), to_text(needed)));
  }

  static Compiles not_comparable(const Expression& at, TypeSet a, TypeSet b) {
    return refuse(at, format("{} cannot be compared with {}; CAST one of them", to_text(a), to_text(b)));
  }

  // --- nodes

  Compiles emit(const Expression& e, const std::vector<Compiled>& operands, Op op, TypeSet types,
                std::uint8_t detail = 0, const Function* function = nullptr) {
    const auto first = static_cast<std::uint32_t>(program_.operands_.size());
    for (const Compiled& operand : operands) program_.operands_.push_back(operand.node);
    const std::uint32_t node = push(e, {.op = op,
                                        .detail = detail,
                                        .count = static_cast<std::uint16_t>(operands.size()),
                                        .first = first,
                                        .function = function});
    return Compiled{node, types};
  }

  std::uint32_t push(const Expression& e, Program::Node node) {
    const CanonicalText::Span span = canonical_.spans.at(&e);
    node.offset = span.offset;
    node.length = span.length;
    program_.nodes_.push_back(node);
    return static_cast<std::uint32_t>(program_.nodes_.size() - 1);
  }

  const Expression& root_;
  Binder& binder_;
  AggregateUse aggregates_;
  CanonicalText canonical_;
  Program program_;
};

std::expected<Binding, std::string> Binder::aggregate(const AggregateCall& call) {
  return std::unexpected(format("{} is an aggregate and cannot stand here", call.text));
}

std::expected<Program, ParseError> compile(const Expression& expression, Binder& binder,
                                           AggregateUse aggregates) {
  return Compilation(expression, binder, aggregates).run(false);
}

std::expected<Program, ParseError> compile_predicate(const Expression& expression, Binder& binder,
                                                     AggregateUse aggregates) {
  return Compilation(expression, binder, aggregates).run(true);
}

}  // namespace tidemark
