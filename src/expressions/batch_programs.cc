#include "expressions/batch_programs.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

#include "base/invariant.h"
#include "expressions/operators.h"
#include "expressions/program_ops.h"

namespace tidemark {

using Tag = BatchLane::Tag;
constexpr std::size_t kRows = BatchLane::kRows;

namespace {

// ---- lanes

void set(BatchLane& lane, std::size_t row, const Value& value) {
  lane.tags[row] = static_cast<Tag>(value.type());
  lane.words[row] = value.is_text()   ? reinterpret_cast<std::uintptr_t>(&value)
                    : value.is_real() ? std::bit_cast<std::uint64_t>(value.as_real())
                                      : static_cast<std::uint64_t>(value.as_integer());
}

void copy_cell(const BatchLane& from, BatchLane& to, std::size_t row) {
  to.tags[row] = from.tags[row];
  to.words[row] = from.words[row];
}

void set_boolean(BatchLane& lane, std::size_t row, bool value) {
  lane.tags[row] = Tag::boolean;
  lane.words[row] = value ? 1 : 0;
}

void set_null(BatchLane& lane, std::size_t row) {
  lane.tags[row] = Tag::null;
  lane.words[row] = 0;
}

bool all_are(Tag tag, const BatchLane& lane) {
  std::array<Tag, kRows> same;
  same.fill(tag);
  return std::memcmp(lane.tags.data(), same.data(), kRows) == 0;
}

// ---- numbers

using Reals = std::array<double, kRows>;
using Integers = std::array<std::int64_t, kRows>;

// As integers. False when they are not all.
bool integers_of(const BatchLane& lane, Integers& out) {
  if (!all_are(Tag::integer, lane)) return false;
  std::memcpy(out.data(), lane.words.data(), sizeof out);
  return true;
}

enum class Conversion : std::uint8_t { rounds, exact };

// As floats, all integers converted. False when they are neither all floats nor all integers, or `exact` is
// asked for and one of them has no float that is the same number.
template <Conversion kConversion>
bool reals_of(const BatchLane& lane, Reals& out) {
  if (all_are(Tag::real, lane)) {
    std::memcpy(out.data(), lane.words.data(), sizeof out);
    return true;
  }
  Integers integers;
  if (!integers_of(lane, integers)) return false;
  constexpr std::int64_t kExact = std::int64_t{1} << 53;
  bool exact = true;
  for (std::size_t i = 0; i < kRows; ++i) {
    exact &= integers[i] >= -kExact && integers[i] <= kExact;
    out[i] = static_cast<double>(integers[i]);
  }
  return exact || kConversion == Conversion::rounds;
}

void put(const Reals& reals, BatchLane& out) {
  out.tags.fill(Tag::real);
  std::memcpy(out.words.data(), reals.data(), sizeof reals);
}

void put(const Integers& integers, BatchLane& out) {
  out.tags.fill(Tag::integer);
  std::memcpy(out.words.data(), integers.data(), sizeof integers);
}

using Operation = Fault(const Value&, const Value&, Value&);

void arithmetic_row_by_row(Operation operation, const BatchLane& a, const BatchLane& b, BatchLane& out) {
  for (std::size_t i = 0; i < kRows; ++i) {
    Value result;
    if (a.is_unknown(i) || b.is_unknown(i) || operation(a.value(i), b.value(i), result))
      out.tags[i] = Tag::unknown;
    else
      set(out, i, result);
  }
}

// integers(x, y, &result): whether it overflows. reals(x, y), which is not taken where it is NaN.
template <class OfIntegers, class OfReals>
void arithmetic(Operation operation, const BatchLane& a, const BatchLane& b, BatchLane& out,
                OfIntegers of_integers, OfReals of_reals) {
  Integers i, j;
  if (integers_of(a, i) && integers_of(b, j)) {
    bool good = true;
    for (std::size_t k = 0; k < kRows; ++k) good &= !of_integers(i[k], j[k], &i[k]);
    if (good) return put(i, out);
    return arithmetic_row_by_row(operation, a, b, out);
  }
  Reals x, y;
  if (reals_of<Conversion::rounds>(a, x) && reals_of<Conversion::rounds>(b, y)) {
    bool good = true;
    for (std::size_t k = 0; k < kRows; ++k) {
      const double result = of_reals(x[k], y[k]);
      good &= result == result;
      x[k] = result;
    }
    if (good) return put(x, out);
  }
  arithmetic_row_by_row(operation, a, b, out);
}

void batch_add(const BatchLane& a, const BatchLane& b, BatchLane& out) {
  arithmetic(
      add, a, b, out,
      [](std::int64_t x, std::int64_t y, std::int64_t* r) { return __builtin_add_overflow(x, y, r); },
      [](double x, double y) { return x + y; });
}

void batch_subtract(const BatchLane& a, const BatchLane& b, BatchLane& out) {
  arithmetic(
      subtract, a, b, out,
      [](std::int64_t x, std::int64_t y, std::int64_t* r) { return __builtin_sub_overflow(x, y, r); },
      [](double x, double y) { return x - y; });
}

void batch_multiply(const BatchLane& a, const BatchLane& b, BatchLane& out) {
  arithmetic(
      multiply, a, b, out,
      [](std::int64_t x, std::int64_t y, std::int64_t* r) { return __builtin_mul_overflow(x, y, r); },
      [](double x, double y) { return x * y; });
}

void batch_divide(const BatchLane& a, const BatchLane& b, BatchLane& out) {
  Reals x, y;
  // Two integers are divided as integers.
  if (!(all_are(Tag::integer, a) && all_are(Tag::integer, b)) && reals_of<Conversion::rounds>(a, x) &&
      reals_of<Conversion::rounds>(b, y)) {
    bool good = true;
    for (std::size_t k = 0; k < kRows; ++k) {
      good &= y[k] != 0;
      x[k] = x[k] / y[k];
      good &= x[k] == x[k];
    }
    if (good) return put(x, out);
  }
  arithmetic_row_by_row(divide, a, b, out);
}

void batch_negate(const BatchLane& a, BatchLane& out) {
  Reals x;
  if (all_are(Tag::real, a) && reals_of<Conversion::rounds>(a, x)) {
    bool good = true;
    for (double& of : x) {
      of = -of;
      good &= of == of;
    }
    if (good) return put(x, out);
  }
  for (std::size_t i = 0; i < kRows; ++i) {
    Value result;
    if (a.is_unknown(i) || negate(a.value(i), result))
      out.tags[i] = Tag::unknown;
    else
      set(out, i, result);
  }
}

// ---- comparisons

enum class Outcome : std::uint8_t { no, yes, null, unknown };

constexpr unsigned bit(Order order) {
  return 1u << static_cast<unsigned>(order);
}
constexpr unsigned kEqual = bit(Order::equal), kLess = bit(Order::less), kGreater = bit(Order::greater);

// Whether the order of two values is in the set.
Outcome ordered(const BatchLane& a, const BatchLane& b, std::size_t row, unsigned orders) {
  if (a.is_unknown(row) || b.is_unknown(row)) return Outcome::unknown;
  const Order order = compare(a.value(row), b.value(row));
  if (order == Order::mismatched) return Outcome::unknown;
  if (order == Order::unknown) return Outcome::null;
  return (orders & bit(order)) != 0 ? Outcome::yes : Outcome::no;
}

void set_outcome(BatchLane& out, std::size_t row, Outcome outcome, bool negated = false) {
  if (outcome == Outcome::unknown)
    out.tags[row] = Tag::unknown;
  else if (outcome == Outcome::null)
    set_null(out, row);
  else
    set_boolean(out, row, (outcome == Outcome::yes) != negated);
}

// Whether `holds` of each two, which are of one type and have an order.
template <class Numbers, class Holds>
void put_whether(const Numbers& x, const Numbers& y, BatchLane& out, Holds holds) {
  out.tags.fill(Tag::boolean);
  for (std::size_t i = 0; i < kRows; ++i) out.words[i] = holds(x[i], y[i]) ? 1 : 0;
}

template <class Numbers>
void put_ordered(const Numbers& x, const Numbers& y, unsigned orders, BatchLane& out) {
  switch (orders) {
    case kEqual:
      return put_whether(x, y, out, [](auto a, auto b) { return a == b; });
    case kLess | kGreater:
      return put_whether(x, y, out, [](auto a, auto b) { return a != b; });
    case kLess:
      return put_whether(x, y, out, [](auto a, auto b) { return a < b; });
    case kLess | kEqual:
      return put_whether(x, y, out, [](auto a, auto b) { return a <= b; });
    case kGreater:
      return put_whether(x, y, out, [](auto a, auto b) { return a > b; });
    case kGreater | kEqual:
      return put_whether(x, y, out, [](auto a, auto b) { return a >= b; });
    default:
      break;
  }
  invariant_broken("every comparison asks for one of these orders", std::source_location::current());
}

bool no_nan(const Reals& x) {
  bool good = true;
  for (const double of : x) good &= of == of;
  return good;
}

bool comparable_reals(const BatchLane& lane, Reals& out) {
  return reals_of<Conversion::exact>(lane, out) && no_nan(out);
}

bool equal_texts(const BatchLane& a, const BatchLane& b, std::size_t row) {
  return a.value(row).as_text() == b.value(row).as_text();
}

void comparison(const BatchLane& a, const BatchLane& b, unsigned orders, BatchLane& out) {
  Integers i, j;
  if (integers_of(a, i) && integers_of(b, j)) return put_ordered(i, j, orders, out);
  Reals x, y;
  if (comparable_reals(a, x) && comparable_reals(b, y)) return put_ordered(x, y, orders, out);
  const bool equality = orders == kEqual || orders == (kLess | kGreater);
  if (equality && all_are(Tag::text, a) && all_are(Tag::text, b)) {
    out.tags.fill(Tag::boolean);
    for (std::size_t k = 0; k < kRows; ++k) out.words[k] = equal_texts(a, b, k) == (orders == kEqual) ? 1 : 0;
    return;
  }
  for (std::size_t k = 0; k < kRows; ++k) set_outcome(out, k, ordered(a, b, k, orders));
}

template <class Numbers>
void put_between(const Numbers& x, const Numbers& low, const Numbers& high, bool negated, BatchLane& out) {
  out.tags.fill(Tag::boolean);
  const std::uint64_t flip = negated ? 1 : 0;
  for (std::size_t i = 0; i < kRows; ++i)
    out.words[i] = static_cast<std::uint64_t>((x[i] >= low[i]) & (x[i] <= high[i])) ^ flip;
}

Outcome within(const BatchLane& x, const BatchLane& low, const BatchLane& high, std::size_t row) {
  const Outcome above = ordered(x, low, row, kGreater | kEqual);
  if (above == Outcome::no || above == Outcome::unknown) return above;
  const Outcome below = ordered(x, high, row, kLess | kEqual);
  return above == Outcome::null && below == Outcome::yes ? Outcome::null : below;
}

void between(const BatchLane& x, const BatchLane& low, const BatchLane& high, bool negated, BatchLane& out) {
  Integers i, j, k;
  if (integers_of(x, i) && integers_of(low, j) && integers_of(high, k))
    return put_between(i, j, k, negated, out);
  Reals a, b, c;
  if (comparable_reals(x, a) && comparable_reals(low, b) && comparable_reals(high, c))
    return put_between(a, b, c, negated, out);
  for (std::size_t row = 0; row < kRows; ++row) set_outcome(out, row, within(x, low, high, row), negated);
}

// ---- truth

// Of a condition: what is neither a boolean nor NULL is an error.
Outcome truth(const BatchLane& lane, std::size_t row) {
  if (lane.tags[row] == Tag::boolean) return lane.words[row] != 0 ? Outcome::yes : Outcome::no;
  return lane.tags[row] == Tag::null ? Outcome::null : Outcome::unknown;
}

void is_null(const BatchLane& a, bool negated, BatchLane& out) {
  for (std::size_t i = 0; i < kRows; ++i) {
    out.tags[i] = a.is_unknown(i) ? Tag::unknown : Tag::boolean;
    out.words[i] = (a.tags[i] == Tag::null) != negated ? 1 : 0;
  }
}

// The lanes of an operation's operands.
struct Operands {
  const BatchLane& operator[](std::size_t i) const { return lanes[numbers[i]]; }
  const BatchLane* lanes;
  const BatchPrograms::Lane* numbers;
  std::size_t count;
};

// AND ends at the first FALSE, OR at the first TRUE: behind it nothing is evaluated, and nothing fails.
Outcome chain(const Operands& operands, std::size_t row, bool deciding) {
  const Outcome ends = deciding ? Outcome::yes : Outcome::no;
  bool null = false;
  for (std::size_t i = 0; i < operands.count; ++i) {
    const Outcome of = truth(operands[i], row);
    if (of == ends || of == Outcome::unknown) return of;
    null |= of == Outcome::null;
  }
  return null ? Outcome::null : deciding ? Outcome::no : Outcome::yes;
}

void logical_chain(const Operands& operands, bool deciding, BatchLane& out) {
  bool plain = true;
  for (std::size_t i = 0; i < operands.count; ++i) plain = plain && all_are(Tag::boolean, operands[i]);
  if (!plain) {
    for (std::size_t row = 0; row < kRows; ++row) set_outcome(out, row, chain(operands, row, deciding));
    return;
  }
  out = operands[0];
  for (std::size_t i = 1; i < operands.count; ++i)
    for (std::size_t row = 0; row < kRows; ++row)
      out.words[row] =
          deciding ? out.words[row] | operands[i].words[row] : out.words[row] & operands[i].words[row];
}

Outcome in(const Operands& operands, std::size_t row) {
  const BatchLane& x = operands[0];
  if (x.is_unknown(row)) return Outcome::unknown;
  bool null = x.tags[row] == Tag::null;
  for (std::size_t i = 1; i < operands.count && x.tags[row] != Tag::null; ++i) {
    const Outcome same = ordered(x, operands[i], row, kEqual);
    if (same == Outcome::yes || same == Outcome::unknown) return same;
    null |= same == Outcome::null;
  }
  return null ? Outcome::null : Outcome::no;
}

// ---- choices

void choose_none(const Operands& operands, std::size_t at, BatchLane& out, std::size_t row) {
  if (at < operands.count)
    copy_cell(operands[at], out, row);
  else
    set_null(out, row);
}

// The result behind the first of (what, result)… for which `matches` says yes, from operand `first` on.
template <class Matches>
void choose(const Operands& operands, std::size_t first, BatchLane& out, std::size_t row, Matches matches) {
  std::size_t i = first;
  for (; i + 1 < operands.count; i += 2) {
    const Outcome of = matches(operands[i]);
    if (of == Outcome::yes) return copy_cell(operands[i + 1], out, row);
    if (of == Outcome::unknown) {
      out.tags[row] = Tag::unknown;
      return;
    }
  }
  choose_none(operands, i, out, row);
}

void case_when(const Operands& operands, BatchLane& out) {
  for (std::size_t row = 0; row < kRows; ++row)
    choose(operands, 0, out, row, [&](const BatchLane& condition) { return truth(condition, row); });
}

// Without candidates its subject is evaluated all the same.
void case_of(const Operands& operands, BatchLane& out) {
  const BatchLane& x = operands[0];
  for (std::size_t row = 0; row < kRows; ++row) {
    if (x.is_unknown(row))
      out.tags[row] = Tag::unknown;
    else
      choose(operands, 1, out, row,
             [&](const BatchLane& candidate) { return ordered(x, candidate, row, kEqual); });
  }
}

void coalesce(const Operands& operands, BatchLane& out) {
  for (std::size_t row = 0; row < kRows; ++row) {
    std::size_t i = 0;
    while (i + 1 < operands.count && operands[i].tags[row] == Tag::null) ++i;
    copy_cell(operands[i], out, row);
  }
}

template <class Kernel>
void row_by_row(Kernel kernel, BatchLane& out, bool negated = false) {
  for (std::size_t row = 0; row < kRows; ++row) set_outcome(out, row, kernel(row), negated);
}

}  // namespace

// ---- what is to be done

BatchPrograms::Lane BatchPrograms::add_lane() {
  lanes_.emplace_back();
  for (std::size_t row = 0; row < kRows; ++row) set_null(lanes_.back(), row);
  return static_cast<Lane>(lanes_.size() - 1);
}

BatchPrograms::Lane BatchPrograms::column(std::uint32_t index) {
  for (const Column& known : columns_)
    if (known.index == index) return known.to;
  columns_.push_back({index, add_lane()});
  return columns_.back().to;
}

std::optional<BatchPrograms::Lane> BatchPrograms::add(const Program& program, const LaneOf& lane_of) {
  if (!has_batch_form(program)) return std::nullopt;
  for (const std::uint32_t slot : program.slots())
    if (!lane_of(slot)) return std::nullopt;
  const std::size_t steps = steps_.size();
  const auto root = static_cast<std::uint32_t>(program.nodes_.size() - 1);
  if (const auto found = add_node(program, root, lane_of)) return found;
  steps_.resize(steps);  // those of a part of it
  return std::nullopt;
}

bool BatchPrograms::has_batch_form(const Program& program) {
  if (program.nodes_.size() > kMostOperations) return false;
  return std::ranges::none_of(program.nodes_, [](const Program::Node& node) {
    return node.op == Op::concat || node.op == Op::like || node.op == Op::cast || node.op == Op::call;
  });
}

std::optional<BatchPrograms::Lane> BatchPrograms::add_node(const Program& program, std::uint32_t index,
                                                           const LaneOf& lane_of) {
  const Program::Node& node = program.nodes_[index];
  if (node.op == Op::slot) return lane_of(node.first);
  if (node.op == Op::constant) return add_constant(program.constants_[node.first]);
  std::vector<Lane> operands;
  operands.reserve(node.count);
  for (std::size_t i = 0; i < node.count; ++i) {
    const auto operand = add_node(program, program.operands_[node.first + i], lane_of);
    if (!operand) return std::nullopt;
    operands.push_back(*operand);
  }
  return add_step(node.op, node.detail, operands);
}

BatchPrograms::Lane BatchPrograms::add_constant(const Value& value) {
  for (const Constant& known : constants_) {
    const bool same_bits =
        value.is_real() && known.value->is_real() &&
        std::bit_cast<std::uint64_t>(value.as_real()) == std::bit_cast<std::uint64_t>(known.value->as_real());
    if (same_bits || (!value.is_real() && same_value(value, *known.value))) return known.at;
  }
  constants_.push_back({&value, add_lane()});
  for (std::size_t row = 0; row < kRows; ++row) set(lanes_.back(), row, value);
  return constants_.back().at;
}

std::optional<BatchPrograms::Lane> BatchPrograms::add_step(Op op, std::uint8_t detail,
                                                           std::span<const Lane> operands) {
  for (const Step& known : steps_)
    if (known.op == op && known.detail == detail &&
        std::ranges::equal(operands, std::span(operands_).subspan(known.first, known.count)))
      return known.to;
  if (steps_.size() == kMostOperations) return std::nullopt;
  const Lane to = add_lane();
  steps_.push_back({op, detail, static_cast<std::uint16_t>(operands.size()),
                    static_cast<std::uint32_t>(operands_.size()), to});
  operands_.insert(operands_.end(), operands.begin(), operands.end());
  return to;
}

// ---- over rows

void BatchPrograms::evaluate(std::span<const Value* const> rows) {
  invariant(!rows.empty() && rows.size() <= kRows, "a batch has rows, and no more than its lanes");
  for (const Column& column : columns_) {
    BatchLane& lane = lanes_[column.to];
    // Rows that are not there are as the last one, so that they never need more than the others.
    for (std::size_t row = 0; row < kRows; ++row)
      set(lane, row, rows[std::min(row, rows.size() - 1)][column.index]);
  }
  for (const Step& step : steps_) run(step);
}

void BatchPrograms::run(const Step& step) {
  const Operands operands{lanes_.data(), operands_.data() + step.first, step.count};
  BatchLane& out = lanes_[step.to];
  const bool negated = step.detail != 0;
  switch (step.op) {
    case Op::negate:
      return batch_negate(operands[0], out);
    case Op::logical_not:
      return row_by_row([&](std::size_t row) { return truth(operands[0], row); }, out, true);
    case Op::logical_and:
      return logical_chain(operands, false, out);
    case Op::logical_or:
      return logical_chain(operands, true, out);
    case Op::add:
      return batch_add(operands[0], operands[1], out);
    case Op::subtract:
      return batch_subtract(operands[0], operands[1], out);
    case Op::multiply:
      return batch_multiply(operands[0], operands[1], out);
    case Op::divide:
      return batch_divide(operands[0], operands[1], out);
    case Op::remainder:
      return arithmetic_row_by_row(remainder, operands[0], operands[1], out);
    case Op::equal:
      return comparison(operands[0], operands[1], kEqual, out);
    case Op::not_equal:
      return comparison(operands[0], operands[1], kLess | kGreater, out);
    case Op::less:
      return comparison(operands[0], operands[1], kLess, out);
    case Op::less_equal:
      return comparison(operands[0], operands[1], kLess | kEqual, out);
    case Op::greater:
      return comparison(operands[0], operands[1], kGreater, out);
    case Op::greater_equal:
      return comparison(operands[0], operands[1], kGreater | kEqual, out);
    case Op::is_null:
      return is_null(operands[0], negated, out);
    case Op::in:
      return row_by_row([&](std::size_t row) { return in(operands, row); }, out, negated);
    case Op::between:
      return between(operands[0], operands[1], operands[2], negated, out);
    case Op::case_when:
      return case_when(operands, out);
    case Op::case_of:
      return case_of(operands, out);
    case Op::coalesce:
      return coalesce(operands, out);
    case Op::attempt:
      out = operands[0];
      return;
    case Op::slot:
    case Op::constant:
    case Op::concat:
    case Op::like:
    case Op::cast:
    case Op::call:
      break;
  }
  invariant_broken("a batch is made of operations that have a batch form", std::source_location::current());
}

}  // namespace tidemark
