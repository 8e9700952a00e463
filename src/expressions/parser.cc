#include "expressions/parser.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "base/format.h"
#include "base/nearest.h"
#include "expressions/bit_operators.h"
#include "expressions/functions.h"
#include "expressions/lexer.h"

namespace tidemark {
namespace {

using Kind = Expression::Kind;

// Binding strength of the operators, loosest first.
enum Level : int { kOr, kAnd, kNot, kEquality, kRelation, kBits, kSum, kProduct, kConcat };

struct Infix {
  Level level;
  Kind kind;
  std::string_view function = {};  // of a call
};

// The operators with one operand on each side.
std::optional<Infix> infix_of(const Token& token) {
  switch (token.kind) {
    case Token::Kind::kw_or:
      return Infix{kOr, Kind::logical_or};
    case Token::Kind::kw_and:
      return Infix{kAnd, Kind::logical_and};
    case Token::Kind::equal:
      return Infix{kEquality, Kind::equal};
    case Token::Kind::not_equal:
      return Infix{kEquality, Kind::not_equal};
    case Token::Kind::less:
      return Infix{kRelation, Kind::less};
    case Token::Kind::less_equal:
      return Infix{kRelation, Kind::less_equal};
    case Token::Kind::greater:
      return Infix{kRelation, Kind::greater};
    case Token::Kind::greater_equal:
      return Infix{kRelation, Kind::greater_equal};
    case Token::Kind::plus:
      return Infix{kSum, Kind::add};
    case Token::Kind::minus:
      return Infix{kSum, Kind::subtract};
    case Token::Kind::star:
      return Infix{kProduct, Kind::multiply};
    case Token::Kind::slash:
      return Infix{kProduct, Kind::divide};
    case Token::Kind::percent:
      return Infix{kProduct, Kind::remainder};
    case Token::Kind::concat:
      return Infix{kConcat, Kind::concat};
    case Token::Kind::bits:
      for (const auto& [spelling, function] : kBitOperators)
        if (spelling == token.text) return Infix{kBits, Kind::call, function};
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

bool starts_test(const Token& token) {
  using K = Token::Kind;
  return token.kind == K::kw_is || token.kind == K::kw_not || token.kind == K::kw_in ||
         token.kind == K::kw_between || token.kind == K::kw_like || token.is_word("regexp");
}

// 'it''s' → it's
std::string without_quotes(std::string_view quoted) {
  const char quote = quoted.front();
  std::string out;
  out.reserve(quoted.size());
  for (std::size_t i = 1; i + 1 < quoted.size(); ++i) {
    out += quoted[i];
    if (quoted[i] == quote) ++i;
  }
  return out;
}

// Recursive descent with precedence climbing. Each step writes into the node it is given and returns false
// with error_ set when the text does not hold; nodes are built in place, so that a level of nesting takes
// little stack.
class Parser {
 public:
  Parser(std::string_view text, const AggregateNames& is_aggregate)
      : is_aggregate_(is_aggregate), tokens_(tokens_of(text)) {}

  std::expected<SelectItem, ParseError> item(bool may_have_alias, bool must_have_alias) {
    SelectItem item;
    if (!whole_item(item, may_have_alias, must_have_alias)) return std::unexpected(std::move(error_));
    return item;
  }

 private:
  // One deeper while it lives.
  class Deeper {
   public:
    explicit Deeper(std::size_t& depth) : depth_(depth) { ++depth_; }
    ~Deeper() { --depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    std::size_t& depth_;
  };

  [[nodiscard]] bool whole_item(SelectItem& item, bool may_have_alias, bool must_have_alias) {
    if (here().kind == Token::Kind::end) return fail_here("the expression is empty");
    if (!expression(kOr, item.expression)) return false;
    if (may_have_alias && accept(Token::Kind::kw_as)) {
      item.alias_offset = here().offset;
      item.alias_length = here().text.size();
      item.alias.emplace();
      if (!name(*item.alias, "a name after AS")) return false;
    } else if (must_have_alias) {
      return expected("AS and a name");
    }
    if (here().kind == Token::Kind::end) return true;
    return expected(may_have_alias && !item.alias ? "an operator, AS or the end" : "an operator or the end");
  }

  [[nodiscard]] bool expression(int level, Expression& out) {
    if (level <= kNot && here().kind == Token::Kind::kw_not) {
      if (!negation(out)) return false;
    } else if (!unary(out)) {
      return false;
    }
    while (true) {
      if (const auto infix = infix_of(here()); infix && infix->level >= level) {
        if (!binary(*infix, out)) return false;
      } else if (level <= kEquality && starts_test(here())) {
        if (!test(out)) return false;
      } else {
        return true;
      }
    }
  }

  [[nodiscard]] bool negation(Expression& out) {
    if (!deep_enough()) return false;
    const Deeper deeper(nesting_);
    begin(Kind::logical_not, out);
    next();
    return expression(kNot, child(out)) && finish(out);
  }

  [[nodiscard]] bool unary(Expression& out) {
    if (here().kind != Token::Kind::minus && here().kind != Token::Kind::tilde) return primary(out);
    if (!deep_enough()) return false;
    const Deeper deeper(nesting_);
    if (here().kind == Token::Kind::tilde) {
      begin(Kind::call, out);
      out.name = kBitNot;
      next();
      return unary(child(out)) && finish(out);
    }
    begin(Kind::negate, out);
    next();
    // The one integer whose digits fit only with their sign.
    if (here().kind == Token::Kind::integer && here().text == "9223372036854775808") {
      next();
      out.kind = Kind::literal;
      out.literal = OwnedValue(Value::integer(std::numeric_limits<std::int64_t>::min()));
      return finish(out);
    }
    if (!unary(child(out))) return false;
    fold_sign(out);
    return finish(out);
  }

  // -(5) is the literal -5.
  static void fold_sign(Expression& negate) {
    const Expression& operand = negate.children.front();
    if (operand.kind != Kind::literal) return;
    const Value v = operand.literal.view();
    Value folded;
    if (v.is_real()) {
      folded = Value::real(-v.as_real());
    } else if (v.is_integer() && v.as_integer() != std::numeric_limits<std::int64_t>::min()) {
      folded = Value::integer(-v.as_integer());
    } else {
      return;
    }
    negate.kind = Kind::literal;
    negate.literal = OwnedValue(folded);
    negate.children.clear();
  }

  [[nodiscard]] bool binary(const Infix& infix, Expression& left) {
    next();
    const bool chain = infix.kind == Kind::logical_and || infix.kind == Kind::logical_or ||
                       (infix.kind == Kind::concat && left.children.size() < kMaxArguments);
    const bool longer = chain && left.kind == infix.kind;
    if (!longer) wrap(infix.kind, left);
    left.name = infix.function;
    const std::size_t known = longer ? left.children.size() : 0;
    return expression(infix.level + 1, child(left)) && finish(left, known);
  }

  // x REGEXP p is regexp_like(x, p).
  [[nodiscard]] bool regexp(bool negated, Expression& left) {
    next();
    wrap(Kind::call, left);
    left.name = "regexp_like";
    if (!expression(kRelation, child(left)) || !finish(left)) return false;
    if (!negated) return true;
    wrap(Kind::logical_not, left);
    return finish(left);
  }

  // IS NULL, IN, BETWEEN, LIKE, REGEXP, after their left operand.
  [[nodiscard]] bool test(Expression& left) {
    if (accept(Token::Kind::kw_is)) {
      wrap(Kind::is_null, left);
      left.negated = accept(Token::Kind::kw_not);
      return need(Token::Kind::kw_null, left.negated ? "NULL" : "NULL or NOT NULL") && finish(left);
    }
    const bool negated = accept(Token::Kind::kw_not);
    if (accept(Token::Kind::kw_in)) {
      wrap(Kind::in, left);
      left.negated = negated;
      return list(left) && finish(left);
    }
    if (accept(Token::Kind::kw_between)) {
      wrap(Kind::between, left);
      left.negated = negated;
      return expression(kRelation, child(left)) && need(Token::Kind::kw_and, "AND and the upper bound") &&
             expression(kRelation, child(left)) && finish(left);
    }
    if (here().is_word("regexp")) return regexp(negated, left);
    if (!accept(Token::Kind::kw_like)) return expected("IN, BETWEEN, LIKE or REGEXP");
    wrap(Kind::like, left);
    left.negated = negated;
    if (!expression(kRelation, child(left))) return false;
    if (here().is_word("escape")) {
      next();
      if (!expression(kRelation, child(left))) return false;
    }
    return finish(left);
  }

  [[nodiscard]] bool list(Expression& in) {
    if (!need(Token::Kind::left_parenthesis, "( and a list")) return false;
    if (!deep_enough()) return false;
    const Deeper deeper(nesting_);
    do {
      if (!expression(kOr, child(in))) return false;
    } while (accept(Token::Kind::comma));
    return need(Token::Kind::right_parenthesis, "',' or ')'");
  }

  [[nodiscard]] bool primary(Expression& out) {
    switch (here().kind) {
      case Token::Kind::integer:
        return integer_literal(out);
      case Token::Kind::real:
        return real_literal(out);
      case Token::Kind::text: {
        const std::string text = without_quotes(here().text);
        return literal(Value::text(text), out);
      }
      case Token::Kind::kw_true:
        return literal(Value::boolean(true), out);
      case Token::Kind::kw_false:
        return literal(Value::boolean(false), out);
      case Token::Kind::kw_null:
        return literal(Value::null(), out);
      case Token::Kind::left_parenthesis:
        return parenthesized(out);
      case Token::Kind::kw_case:
        return case_expression(out);
      case Token::Kind::kw_cast:
        return cast(out);
      case Token::Kind::word:
        if (ahead().kind != Token::Kind::left_parenthesis) return path(out);
        if (here().is_word("try_cast")) return try_cast(out);
        return is_extract() ? extract(out) : call(out);
      case Token::Kind::quoted:
        return path(out);
      case Token::Kind::kw_not:
        return fail_here("NOT needs parentheses here: (NOT …)");
      default:
        if (!here().is_reserved()) return expected("a value");
        return fail_here(
            format("expected a value, found {0}; a field of that name is written \"{0}\"", here().text));
    }
  }

  [[nodiscard]] bool literal(const Value& value, Expression& out) {
    begin(Kind::literal, out);
    out.literal = OwnedValue(value);
    next();
    return finish(out);
  }

  [[nodiscard]] bool integer_literal(Expression& out) {
    const std::string_view digits = here().text;
    std::int64_t value = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc{}) {
      return fail_here(format("{} does not fit an integer of 64 bits; {}.0 is a float", digits, digits));
    }
    return literal(Value::integer(value), out);
  }

  [[nodiscard]] bool real_literal(Expression& out) {
    const std::string_view digits = here().text;
    double value = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc{}) {
      return fail_here(format("{} does not fit a float of 64 bits", digits));
    }
    return literal(Value::real(value), out);
  }

  [[nodiscard]] bool parenthesized(Expression& out) {
    if (!deep_enough()) return false;
    const Deeper deeper(nesting_);
    const std::size_t from = here().offset;
    next();
    if (!expression(kOr, out)) return false;
    if (!need(Token::Kind::right_parenthesis, "an operator or ')'")) return false;
    out.offset = from;
    out.length = end_ - from;
    return true;
  }

  [[nodiscard]] bool case_expression(Expression& out) {
    if (!deep_enough()) return false;
    const Deeper deeper(nesting_);
    begin(Kind::case_when, out);
    next();
    if (here().kind != Token::Kind::kw_when) {
      out.kind = Kind::case_of;
      if (!expression(kOr, child(out))) return false;
    }
    if (here().kind != Token::Kind::kw_when) return expected("WHEN");
    while (accept(Token::Kind::kw_when)) {
      if (!expression(kOr, child(out)) || !need(Token::Kind::kw_then, "THEN") ||
          !expression(kOr, child(out))) {
        return false;
      }
    }
    if (accept(Token::Kind::kw_else) && !expression(kOr, child(out))) return false;
    return need(Token::Kind::kw_end, "WHEN, ELSE or END") && finish(out);
  }

  [[nodiscard]] bool cast(Expression& out) {
    if (!deep_enough()) return false;
    const Deeper deeper(nesting_);
    begin(Kind::cast, out);
    next();
    if (!need(Token::Kind::left_parenthesis, "( after CAST") || !expression(kOr, child(out)) ||
        !need(Token::Kind::kw_as, "AS and a type") || !cast_type(out)) {
      return false;
    }
    return need(Token::Kind::right_parenthesis, "')'") && finish(out);
  }

  // TRY_CAST(x AS type) is try(CAST(x AS type)).
  [[nodiscard]] bool try_cast(Expression& out) {
    begin(Kind::call, out);
    out.name = "try";
    return cast(child(out)) && finish(out);
  }

  // EXTRACT(unit FROM x) is date_part('unit', x).
  bool is_extract() const {
    return here().is_word("extract") && at_ + 3 < tokens_.size() &&
           tokens_[at_ + 2].kind == Token::Kind::word && tokens_[at_ + 3].is_word("from");
  }
  [[nodiscard]] bool extract(Expression& out) {
    if (!deep_enough()) return false;
    const Deeper deeper(nesting_);
    begin(Kind::call, out);
    out.name = "date_part";
    next();
    next();
    Expression& unit = child(out);
    const std::string name = to_lower(here().text);
    if (!literal(Value::text(name), unit)) return false;
    next();
    return expression(kOr, child(out)) && need(Token::Kind::right_parenthesis, "an operator or ')'") &&
           finish(out);
  }

  [[nodiscard]] bool cast_type(Expression& cast) {
    static constexpr std::string_view kNames[] = {"integer", "float", "text", "boolean"};
    static constexpr Value::Type kTypes[] = {Value::Type::integer, Value::Type::real, Value::Type::text,
                                             Value::Type::boolean};
    if (here().kind != Token::Kind::word) return expected("a type: INTEGER, FLOAT, TEXT or BOOLEAN");
    const std::string word = to_lower(here().text);
    const auto* const found = std::find(std::begin(kNames), std::end(kNames), word);
    if (found == std::end(kNames)) {
      const auto near = nearest(word, kNames);
      return fail_here(format("'{}' is no type{}; there are INTEGER, FLOAT, TEXT and BOOLEAN", here().text,
                              near ? format(" (did you mean '{}'?)", *near) : ""));
    }
    cast.cast_to = kTypes[found - std::begin(kNames)];
    next();
    return true;
  }

  [[nodiscard]] bool call(Expression& out) {
    if (!deep_enough()) return false;
    const Deeper deeper(nesting_);
    begin(Kind::call, out);
    out.name = to_lower(here().text);
    const Token& name = here();
    next();
    next();
    const bool outer = in_aggregate_;
    const std::size_t seen = aggregates_seen_;
    if (!arguments(out)) return false;
    if (is_aggregate_ && is_aggregate_(out.name, out.children.size())) out.kind = Kind::aggregate;
    if (out.kind == Kind::aggregate) {
      if (outer || aggregates_seen_ != seen) {
        return fail_at(name,
                       "an aggregate cannot stand inside another; make it a column of a pipeline before");
      }
      ++aggregates_seen_;
    } else if ((out.star || out.distinct) && find_function(out.name) != nullptr) {
      // An unknown name is left to compile(), which knows what may have been meant.
      return fail_at(name, format("{}({}) is no aggregate", out.name, out.star ? "*" : "DISTINCT …"));
    }
    if (here().is_word("filter") && ahead().kind == Token::Kind::left_parenthesis && !filter(out, name)) {
      return false;
    }
    return finish(out);
  }

  [[nodiscard]] bool arguments(Expression& call) {
    if (accept(Token::Kind::right_parenthesis)) return true;
    if (accept(Token::Kind::star)) {
      call.star = true;
      return need(Token::Kind::right_parenthesis, "')'");
    }
    call.distinct = accept(Token::Kind::kw_distinct);
    do {
      if (call.children.size() == kMaxArguments) {
        return fail_here(format("a call takes at most {} arguments", kMaxArguments));
      }
      if (!argument(child(call))) return false;
    } while (accept(Token::Kind::comma));
    return need(Token::Kind::right_parenthesis, "',' or ')'");
  }

  [[nodiscard]] bool argument(Expression& out) {
    if (here().kind != Token::Kind::left_bracket) return expression(kOr, out);
    begin(Kind::list, out);
    next();
    do {
      if (out.children.size() == kMaxArguments)
        return fail_here(format("a list holds at most {} items", kMaxArguments));
      if (!expression(kOr, child(out))) return false;
    } while (accept(Token::Kind::comma));
    return need(Token::Kind::right_bracket, "',' or ']'") && finish(out);
  }

  [[nodiscard]] bool filter(Expression& call, const Token& name) {
    if (call.kind != Kind::aggregate && find_function(call.name) != nullptr) {
      return fail_here(format("FILTER belongs to an aggregate, and {} is none", name.text));
    }
    next();
    next();
    if (!here().is_word("where")) return expected("WHERE");
    next();
    call.has_filter = true;
    const bool outer = std::exchange(in_aggregate_, true);
    const bool ok = expression(kOr, child(call));
    in_aggregate_ = outer;
    return ok && need(Token::Kind::right_parenthesis, "an operator or ')'");
  }

  [[nodiscard]] bool path(Expression& out) {
    begin(Kind::field, out);
    if (here().kind == Token::Kind::word) {
      for (const Metadata which : {Metadata::topic, Metadata::source, Metadata::time, Metadata::received}) {
        if (here().text != to_text(which)) continue;
        out.kind = Kind::metadata;
        out.metadata = which;
        next();
        return finish(out);
      }
    }
    if (!name(out.path.steps.emplace_back().name, "a name")) return false;
    while (true) {
      if (accept(Token::Kind::dot)) {
        std::string& step = out.path.steps.emplace_back().name;
        if (here().is_reserved()) {
          step = here().text;
          next();
        } else if (!name(step, "a name after '.'")) {
          return false;
        }
      } else if (accept(Token::Kind::left_bracket)) {
        if (!index(out.path.steps.emplace_back().index)) return false;
      } else {
        return finish(out);
      }
    }
  }

  [[nodiscard]] bool index(std::int64_t& out) {
    if (here().kind != Token::Kind::integer) return expected("an index, from 0");
    const std::string_view digits = here().text;
    std::int32_t value = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc{}) {
      return fail_here(format("the index {} is too large", digits));
    }
    out = value;
    next();
    return need(Token::Kind::right_bracket, "']'");
  }

  [[nodiscard]] bool name(std::string& out, std::string_view what) {
    if (here().kind == Token::Kind::word) {
      out = here().text;
    } else if (here().kind == Token::Kind::quoted) {
      out = without_quotes(here().text);
    } else if (here().is_reserved()) {
      return fail_here(
          format("'{}' is a reserved word; as a name it is written \"{}\"", here().text, here().text));
    } else {
      return expected(what);
    }
    next();
    return true;
  }

  // --- nodes

  void begin(Kind kind, Expression& out) const {
    out.kind = kind;
    out.offset = here().offset;
  }

  // `left` becomes the first child of a node of that kind in its place.
  static void wrap(Kind kind, Expression& left) {
    Expression node;
    node.kind = kind;
    node.offset = left.offset;
    node.children.push_back(std::move(left));
    left = std::move(node);
  }

  static Expression& child(Expression& node) { return node.children.emplace_back(); }

  // The node ends with the last token taken. The first `known` children are counted in its height already.
  [[nodiscard]] bool finish(Expression& node, std::size_t known = 0) {
    node.length = end_ - node.offset;
    for (std::size_t i = known; i < node.children.size(); ++i) {
      node.height = std::max(node.height, node.children[i].height + 1);
    }
    if (node.height <= kMaxExpressionHeight) return true;
    return fail_at(node.offset, 0,
                   format("the expression is more than {} levels high; split it", kMaxExpressionHeight));
  }

  [[nodiscard]] bool deep_enough() {
    if (nesting_ < kMaxExpressionNesting) return true;
    return fail_here(format("more than {} levels of nesting", kMaxExpressionNesting));
  }

  // --- tokens

  const Token& here() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }

  void next() {
    end_ = here().offset + here().text.size();
    if (at_ + 1 < tokens_.size()) ++at_;
  }

  bool accept(Token::Kind kind) {
    if (here().kind != kind) return false;
    next();
    return true;
  }

  [[nodiscard]] bool need(Token::Kind kind, std::string_view what) { return accept(kind) || expected(what); }

  // --- errors, all returning false

  bool expected(std::string_view what) {
    if (here().kind == Token::Kind::end) return fail_here(format("expected {}, but the text ends", what));
    return fail_here(format("expected {}, found {}", what, here().text));
  }

  bool fail_here(std::string message) { return fail_at(here(), std::move(message)); }

  bool fail_at(const Token& token, std::string message) {
    return fail_at(token.offset, token.text.size(),
                   token.kind == Token::Kind::bad ? token.error : std::move(message));
  }

  bool fail_at(std::size_t offset, std::size_t length, std::string message) {
    error_ = {std::move(message), offset, length};
    return false;
  }

  const AggregateNames& is_aggregate_;
  std::vector<Token> tokens_;  // the last is `end` or `bad`
  std::size_t at_ = 0;
  std::size_t end_ = 0;  // of the last token taken
  std::size_t nesting_ = 0;
  std::size_t aggregates_seen_ = 0;
  bool in_aggregate_ = false;
  ParseError error_;
};

std::expected<SelectItem, ParseError> parse(std::string_view text, const AggregateNames& is_aggregate,
                                            bool may_have_alias, bool must_have_alias) {
  if (text.size() > kMaxExpressionText) {
    return std::unexpected(ParseError{
        format("the expression has {} bytes; at most {} are allowed", text.size(), kMaxExpressionText),
        kMaxExpressionText, 0});
  }
  return Parser(text, is_aggregate).item(may_have_alias, must_have_alias);
}

}  // namespace

std::expected<Expression, ParseError> parse_expression(std::string_view text,
                                                       const AggregateNames& is_aggregate) {
  auto item = parse(text, is_aggregate, false, false);
  if (!item) return std::unexpected(std::move(item.error()));
  return std::move(item->expression);
}

std::expected<SelectItem, ParseError> parse_select_item(std::string_view text,
                                                        const AggregateNames& is_aggregate) {
  return parse(text, is_aggregate, true, false);
}

std::expected<SelectItem, ParseError> parse_derive_item(std::string_view text,
                                                        const AggregateNames& is_aggregate) {
  return parse(text, is_aggregate, true, true);
}

std::string SelectItem::name() const {
  if (alias) return *alias;
  if (expression.kind == Kind::field && !expression.path.steps.back().is_index()) {
    return expression.path.steps.back().name;
  }
  return to_text(expression);
}

}  // namespace tidemark
