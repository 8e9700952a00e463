// lag, diff, changed, hysteresis, consecutive, debounce, ewma.
#include <cmath>
#include <list>

#include "base/format.h"
#include "windows/change.h"
#include "windows/held_value.h"
#include "windows/typed_aggregate.h"

namespace tidemark {
namespace {

using Made = std::expected<std::unique_ptr<ChangeFunction>, std::string>;

template <class State>
using Remembering = TypedAggregate<State, ChangeFunction>;

bool is_nan(const Value& value) {
  return value.is_real() && std::isnan(value.as_real());
}
bool is_number(const Value& value) {
  return value.is_number() && !is_nan(value);
}
const char* needs_number(const Value& value) {
  return value.is_null() || value.is_number() ? nullptr : "diff, hysteresis and ewma need numbers";
}
bool same(const Value& a, const Value& b) {
  if (is_nan(a) || is_nan(b)) return is_nan(a) && is_nan(b);
  return comparable(a, b) && compare_values(a, b) == 0;
}
// What a state holds goes with the state's next change.
Value kept(const Value& held, Arena& arena) {
  return held.is_text() ? Value::text(arena.copy(held.as_text())) : held;
}

// The newest `n` values that were not NULL, the oldest in front.
struct Course {
  std::list<HeldValue> values;

  void take(const Value& value, std::size_t most) {
    if (values.size() < most)
      values.emplace_back();
    else
      values.splice(values.end(), values, values.begin());
    values.back().assign(value);
  }
  void save(Encoder& out) const {
    out.varint(values.size());
    for (const HeldValue& value : values) value.save(out);
  }
  bool load(Decoder& in) {
    for (std::uint64_t n = in.varint(); n > 0; --n)
      if (!values.emplace_back().load(in) || values.back().view().is_null()) return false;
    return !in.failed();
  }
  std::size_t heap_bytes() const {
    constexpr std::size_t kNode = 48;  // two pointers, the value, and what malloc keeps
    std::size_t bytes = 0;
    for (const HeldValue& value : values) bytes += kNode + value.heap_bytes();
    return bytes;
  }
};

class Lag final : public Remembering<Course> {
 public:
  static constexpr std::int64_t kMost = 100;
  explicit Lag(std::size_t records) : records_(records) {}
  const char* check(const std::byte*, const Input&) const override { return nullptr; }
  void update(std::byte* state, const Input& input) const override {
    if (!input.arguments[0].is_null()) of(state).take(input.arguments[0], records_);
  }
  Value value(const std::byte* state, const Input&, Arena& arena) const override {
    return result(state, arena);
  }
  Value result(const std::byte* state, Arena& arena) const override {
    const std::list<HeldValue>& values = of(state).values;
    return values.size() < records_ ? Value::null() : kept(values.front().view(), arena);
  }

 private:
  std::size_t records_;
};

class Diff final : public Remembering<HeldValue> {
 public:
  const char* check(const std::byte* state, const Input& input) const override {
    if (const char* refusal = needs_number(input.arguments[0])) return refusal;
    const Value &now = input.arguments[0], &before = of(state).view();
    std::int64_t difference;
    return now.is_integer() && before.is_integer() &&
                   __builtin_sub_overflow(now.as_integer(), before.as_integer(), &difference)
               ? "integer overflow in diff"
               : nullptr;
  }
  void update(std::byte* state, const Input& input) const override {
    if (is_number(input.arguments[0])) of(state).assign(input.arguments[0]);
  }
  Value value(const std::byte* state, const Input& input, Arena&) const override {
    const Value &now = input.arguments[0], &before = of(state).view();
    if (!is_number(now) || before.is_null()) return Value::null();
    if (now.is_integer() && before.is_integer())
      return Value::integer(now.as_integer() - before.as_integer());
    const Value difference = Value::real(now.as_number() - before.as_number());
    return is_nan(difference) ? Value::null() : difference;  // of infinities
  }
  Value result(const std::byte* state, Arena&) const override { return of(state).view(); }
};

class Changed final : public Remembering<HeldValue> {
 public:
  const char* check(const std::byte*, const Input&) const override { return nullptr; }
  void update(std::byte* state, const Input& input) const override {
    if (!input.arguments[0].is_null()) of(state).assign(input.arguments[0]);
  }
  Value value(const std::byte* state, const Input& input, Arena&) const override {
    const Value& now = input.arguments[0];
    return Value::boolean(!now.is_null() && !same(now, of(state).view()));
  }
  Value result(const std::byte* state, Arena& arena) const override { return kept(of(state).view(), arena); }
};

struct Switch {
  bool on = false;
  void save(Encoder& out) const { out.boolean(on); }
  bool load(Decoder& in) {
    on = in.boolean();
    return true;
  }
  std::size_t heap_bytes() const { return 0; }
};

class Hysteresis final : public Remembering<Switch> {
 public:
  Hysteresis(double low, double high) : low_(low), high_(high) {}
  const char* check(const std::byte*, const Input& input) const override {
    return needs_number(input.arguments[0]);
  }
  void update(std::byte* state, const Input& input) const override { of(state).on = next(state, input); }
  Value value(const std::byte* state, const Input& input, Arena&) const override {
    return Value::boolean(next(state, input));
  }
  Value result(const std::byte* state, Arena&) const override { return Value::boolean(of(state).on); }

 private:
  bool next(const std::byte* state, const Input& input) const {
    if (!is_number(input.arguments[0])) return of(state).on;
    const double now = input.arguments[0].as_number();
    return now > high_ || (of(state).on && now >= low_);
  }
  double low_, high_;
};

struct Count {
  std::int64_t n = 0;
  void save(Encoder& out) const { out.varint(static_cast<std::uint64_t>(n)); }
  bool load(Decoder& in) {
    n = static_cast<std::int64_t>(in.varint());
    return n >= 0;
  }
  std::size_t heap_bytes() const { return 0; }
};

class Consecutive final : public Remembering<Count> {
 public:
  const char* check(const std::byte*, const Input& input) const override {
    return input.arguments[0].is_null() || input.arguments[0].is_boolean() ? nullptr
                                                                           : "consecutive needs a condition";
  }
  void update(std::byte* state, const Input& input) const override { of(state).n = next(state, input); }
  Value value(const std::byte* state, const Input& input, Arena&) const override {
    return Value::integer(next(state, input));
  }
  Value result(const std::byte* state, Arena&) const override { return Value::integer(of(state).n); }

 private:
  static std::int64_t next(const std::byte* state, const Input& input) {
    if (input.arguments[0].is_null()) return of(state).n;
    return input.arguments[0].as_boolean() ? of(state).n + 1 : 0;
  }
};

// The value that stands, and another that came after it and has not stood long enough: for so many records,
// since that time.
struct Standing {
  HeldValue settled, next;
  std::int64_t records = 0, since = 0;
  void save(Encoder& out) const {
    settled.save(out);
    next.save(out);
    if (next.view().is_null()) return;
    out.varint(static_cast<std::uint64_t>(records));
    out.i64(since);
  }
  bool load(Decoder& in) {
    if (!settled.load(in) || !next.load(in)) return false;
    if (next.view().is_null()) return true;
    records = static_cast<std::int64_t>(in.varint());
    since = in.i64();
    return records > 0 && !in.failed();
  }
  std::size_t heap_bytes() const { return settled.heap_bytes() + next.heap_bytes(); }
};

class Debounce final : public Remembering<Standing> {
 public:
  static constexpr std::int64_t kMost = 1'000'000;
  Debounce(std::int64_t records, Duration time) : records_(records), time_(time) {}
  const char* check(const std::byte*, const Input&) const override { return nullptr; }
  void update(std::byte* state, const Input& input) const override {
    Standing& standing = of(state);
    const Value& now = input.arguments[0];
    if (now.is_null()) return;
    if (same(now, standing.settled.view())) {
      standing.next.assign(Value::null());
    } else if (settles(standing, input)) {
      standing.settled.assign(now);
      standing.next.assign(Value::null());
    } else if (same(now, standing.next.view())) {
      ++standing.records;
    } else {
      standing.next.assign(now);
      standing.records = 1;
      standing.since = to_ns(input.time);
    }
  }
  Value value(const std::byte* state, const Input& input, Arena& arena) const override {
    const Value& now = input.arguments[0];
    return !now.is_null() && settles(of(state), input) ? now : result(state, arena);
  }
  Value result(const std::byte* state, Arena& arena) const override {
    return kept(of(state).settled.view(), arena);
  }

 private:
  // Of a value that is not NULL and not the settled one.
  bool settles(const Standing& standing, const Input& input) const {
    const bool again = same(input.arguments[0], standing.next.view());
    if (time_ == Duration(0)) return (again ? standing.records + 1 : 1) >= records_;
    return again && saturating_add(time_from_ns<EventTime>(standing.since), time_) <= input.time;
  }
  std::int64_t records_;
  Duration time_;  // 0: records decide
};

struct Average {
  bool any = false;
  double mean = 0;
  std::int64_t time = 0;
  void save(Encoder& out) const {
    out.boolean(any);
    if (!any) return;
    out.f64(mean);
    out.i64(time);
  }
  bool load(Decoder& in) {
    any = in.boolean();
    if (!any) return true;
    mean = in.f64();
    time = in.i64();
    return std::isfinite(mean) && !in.failed();
  }
  std::size_t heap_bytes() const { return 0; }
};

// After E. M. Brown's exponential smoothing, for records at any distance in time: what was before weighs
// 2^(-elapsed / half_life).
class Ewma final : public Remembering<Average> {
 public:
  explicit Ewma(Duration half_life) : half_life_(static_cast<double>(half_life.count())) {}
  const char* check(const std::byte*, const Input& input) const override {
    return needs_number(input.arguments[0]);
  }
  void update(std::byte* state, const Input& input) const override { of(state) = next(of(state), input); }
  Value value(const std::byte* state, const Input& input, Arena&) const override {
    const Average average = next(of(state), input);
    return average.any ? Value::real(average.mean) : Value::null();
  }
  Value result(const std::byte* state, Arena&) const override {
    return of(state).any ? Value::real(of(state).mean) : Value::null();
  }

 private:
  Average next(const Average& before, const Input& input) const {
    if (!input.arguments[0].is_number() || !std::isfinite(input.arguments[0].as_number())) return before;
    const double now = input.arguments[0].as_number();
    const std::int64_t time = to_ns(input.time);
    if (!before.any) return {true, now, time};
    if (time <= before.time) return before;  // no time has passed, so it weighs nothing
    // As integers: nanoseconds since 1970 do not fit a float to the last digit.
    const auto elapsed =
        static_cast<double>(static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(before.time));
    const double mean = now + (before.mean - now) * std::exp2(-elapsed / half_life_);
    return std::isfinite(mean) ? Average{true, mean, time} : before;
  }
  double half_life_;
};

// ---- what their constants may be

std::expected<Duration, std::string> duration_of(const Value& value, std::string_view what) {
  if (!value.is_text()) return std::unexpected(format("{} is a duration in quotes, such as '5m'", what));
  const Result<Duration> parsed = parse_duration(value.as_text());
  if (!parsed) return std::unexpected(parsed.error().message);
  if (*parsed <= Duration(0)) return std::unexpected(format("{} must be more than nothing", what));
  return *parsed;
}

Made make_lag(std::span<const Value> constants) {
  if (constants.empty()) return std::make_unique<Lag>(1);
  const Value& n = constants[0];
  if (!n.is_integer() || n.as_integer() < 1 || n.as_integer() > Lag::kMost)
    return std::unexpected(format("n is how many records back, from 1 to {}", Lag::kMost));
  return std::make_unique<Lag>(static_cast<std::size_t>(n.as_integer()));
}
Made make_hysteresis(std::span<const Value> constants) {
  if (!constants[0].is_number() || !constants[1].is_number())
    return std::unexpected("low and high are numbers, as in hysteresis(temp, 6, 8)");
  const double low = constants[0].as_number(), high = constants[1].as_number();
  if (low > high)
    return std::unexpected("low must not be above high: it ends below low and begins above high");
  return std::make_unique<Hysteresis>(low, high);
}
Made make_debounce(std::span<const Value> constants) {
  const Value& how = constants[0];
  if (how.is_integer()) {
    if (how.as_integer() < 1 || how.as_integer() > Debounce::kMost)
      return std::unexpected(format("n is for how many records in a row, from 1 to {}", Debounce::kMost));
    return std::make_unique<Debounce>(how.as_integer(), Duration(0));
  }
  if (!how.is_text())
    return std::unexpected("how long it must stand is a number of records, or a duration such as '30s'");
  const auto time = duration_of(how, "how long it must stand");
  if (!time) return std::unexpected(time.error());
  return std::make_unique<Debounce>(1, *time);
}
Made make_ewma(std::span<const Value> constants) {
  const auto half_life = duration_of(constants[0], "half_life");
  if (!half_life) return std::unexpected(half_life.error());
  return std::make_unique<Ewma>(*half_life);
}
template <class Function>
Made plain(std::span<const Value>) {
  return std::make_unique<Function>();
}

const ChangeDeclaration kChanges[] = {
    {.name = "lag",
     .signature = "lag(x[, n])",
     .doc =
         "the value of x n records of the key before this one, 1 if left out, at most 100; NULL where there "
         "are not so many; records where x is NULL do not count",
     .example = "lag(x): 3, 5, NULL, 8 => NULL, 3, 5, 5",
     .takes = TypeSet::any(),
     .gives = {},
     .constants = 1,
     .optional_constants = 1,
     .make = make_lag},
    {.name = "diff",
     .signature = "diff(x)",
     .doc = "x less its value before, x - lag(x); NULL for the first, and where x is NULL",
     .example = "diff(x): 3, 5, NULL, 4.5 => NULL, 2, NULL, -0.5",
     .takes = TypeSet::number(),
     .gives = TypeSet::number(),
     .make = plain<Diff>},
    {.name = "changed",
     .signature = "changed(x)",
     .doc = "whether x is another value than before; TRUE for the first, FALSE where x is NULL",
     .example = "changed(x): 'a', 'a', NULL, 'b', 'b' => TRUE, FALSE, FALSE, TRUE, FALSE",
     .takes = TypeSet::any(),
     .gives = TypeSet::boolean(),
     .make = plain<Changed>},
    {.name = "hysteresis",
     .signature = "hysteresis(x, low, high)",
     .doc = "TRUE from a value above high on until one below low, FALSE at first; where x is NULL, as it was",
     .example = "hysteresis(x, 6, 8): 7, 8.5, 7, NULL, 5.9, 7 => FALSE, TRUE, TRUE, TRUE, FALSE, FALSE",
     .takes = TypeSet::number(),
     .gives = TypeSet::boolean(),
     .constants = 2,
     .make = make_hysteresis},
    {.name = "consecutive",
     .signature = "consecutive(condition)",
     .doc = "for how many records in a row, this one included, the condition was TRUE; one where it is NULL "
            "neither counts nor ends the row",
     .example = "consecutive(x > 8): 9, 9, NULL, 9, 7, 9 => 1, 2, 2, 3, 0, 1",
     .takes = TypeSet::boolean(),
     .gives = TypeSet::integer(),
     .make = plain<Consecutive>},
    {.name = "debounce",
     .signature = "debounce(x, n), debounce(x, 'duration')",
     .doc =
         "the last value of x that stood for n records in a row, or from one record on until one that is so "
         "much later; NULL before there is one; records where x is NULL do not count",
     .example = "debounce(x > 8, 3): 9, 9, 7, 9, 9, 9, 7 => NULL, NULL, NULL, NULL, NULL, TRUE, TRUE",
     .takes = TypeSet::any(),
     .gives = {},
     .constants = 1,
     .make = make_debounce},
    {.name = "ewma",
     .signature = "ewma(x, 'half_life')",
     .doc = "the exponentially weighted mean of x, a float: what was half_life ago weighs half; a record "
            "that is "
            "not later than the one before weighs nothing; where x is NULL, as it was",
     .example = "ewma(x, '1s'): 8, 4, NULL, 1 => 8.0, 6.0, 6.0, 2.25",
     .takes = TypeSet::number(),
     .gives = TypeSet::real(),
     .constants = 1,
     .make = make_ewma},
};

}  // namespace

std::span<const ChangeDeclaration> change_registry() {
  return kChanges;
}

}  // namespace tidemark
