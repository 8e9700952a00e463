// Accumulator: one aggregate with its state, and feeds to give to it, for tests.
#pragma once

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/invariant.h"
#include "windows/aggregates.h"

namespace tidemark::test {

struct Fed {
  std::vector<Value> arguments;
  EventTime time;
  Position position;
  Aggregate::Input input() const { return {arguments, time, position}; }
};

class Accumulator {
 public:
  explicit Accumulator(const Aggregate& aggregate)
      : aggregate_(aggregate), block_((aggregate.size() + 7) / 8, 0xa5a5a5a5a5a5a5a5) {
    aggregate_.create(state());
  }
  ~Accumulator() { aggregate_.destroy(state()); }
  Accumulator(const Accumulator&) = delete;
  Accumulator& operator=(const Accumulator&) = delete;

  std::byte* state() { return reinterpret_cast<std::byte*>(block_.data()); }
  const std::byte* state() const { return reinterpret_cast<const std::byte*>(block_.data()); }

  // Applies the input unless the check refuses it; the refusal, or null.
  const char* feed(const Fed& fed) {
    const char* const refusal = aggregate_.check(state(), fed.input());
    if (!refusal) aggregate_.update(state(), fed.input());
    return refusal;
  }
  void feed_all(const std::vector<Fed>& feeds) {
    for (const Fed& fed : feeds) feed(fed);
  }
  std::string saved() const {
    Encoder out;
    aggregate_.save(state(), out);
    return out.take();
  }
  bool load(std::string_view bytes) {
    Decoder in(bytes);
    return aggregate_.load(in, state()) && in.complete();
  }
  std::string result() const {
    Arena arena;
    return to_text(aggregate_.result(state(), arena));
  }

 private:
  const Aggregate& aggregate_;
  std::vector<std::uint64_t> block_;
};

// Constants that an aggregate can be made with.
inline std::vector<Value> constants_for(const AggregateDeclaration& declaration) {
  if (declaration.constants == 0) return {};
  if (declaration.name == "quantile") return {Value::real(0.9)};
  if (declaration.name == "histogram") return {Value::integer(-5), Value::real(0.5), Value::integer(7)};
  return {Value::integer(30)};
}
// What tells it from others of its name.
inline std::string label(const AggregateDeclaration& declaration) {
  const bool several =
      find_aggregate(declaration.name, declaration.min_arguments() - declaration.constants) != nullptr &&
      declaration.constants > 0;
  return std::string(declaration.name) + (several ? " several" : "");
}
inline std::unique_ptr<Aggregate> make(const AggregateDeclaration& declaration) {
  auto made = declaration.make(constants_for(declaration));
  invariant(made.has_value(), "constants that hold");
  return std::move(*made);
}
inline std::unique_ptr<Aggregate> make(std::string_view name, std::size_t values) {
  for (const AggregateDeclaration& declaration : aggregate_registry())
    if (declaration.name == name && values >= declaration.min_values && values <= declaration.max_values)
      return make(declaration);
  invariant_broken("an aggregate of the registry", std::source_location::current());
}

// The result after these values of a one-argument aggregate, one a second, or the refusal.
inline std::string result_of(std::string_view name, const std::vector<Value>& values) {
  const auto aggregate = make(name, 1);
  Accumulator state(*aggregate);
  std::uint64_t n = 0;
  for (const Value& value : values) {
    ++n;
    const Fed fed{{value}, time_from_ns<EventTime>(static_cast<std::int64_t>(n) * 1'000'000'000), {n}};
    if (const char* refusal = state.feed(fed)) return std::string("refused: ") + refusal;
  }
  return state.result();
}

enum class Kind { integers, floats, numbers, texts, booleans, anything };
constexpr Kind kKinds[] = {Kind::integers, Kind::floats,   Kind::numbers,
                           Kind::texts,    Kind::booleans, Kind::anything};

// Texts live as long as the program.
class Feeder {
 public:
  // `wild` also makes the values at which arithmetic ends: overflow, infinities, NaN.
  Feeder(std::uint64_t seed, Kind kind, bool wild) : random_(seed), kind_(kind), wild_(wild) {}

  // `in_time`: in the order of event time.
  std::vector<Fed> make(std::size_t arguments, std::size_t count, bool in_time = false) {
    std::vector<Fed> out;
    std::uint64_t position = 0;
    for (std::size_t i = 0; i < count; ++i) {
      Fed fed;
      for (std::size_t a = 0; a < arguments; ++a) fed.arguments.push_back(value(kind_));
      // Few times, so that there are ties; sometimes several inputs at one position, as results of one record
      // are.
      const auto steps = in_time ? static_cast<std::int64_t>(i / 3) : static_cast<std::int64_t>(below(8)) - 4;
      fed.time = time_from_ns<EventTime>(steps * 1'000'000'000);
      position += below(4) == 0 ? 0 : 1;
      fed.position = {position};
      out.push_back(std::move(fed));
    }
    return out;
  }

 private:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  Value value(Kind kind) {
    if (below(6) == 0) return Value::null();
    switch (kind) {
      case Kind::integers: {
        if (wild_ && below(4) == 0) {
          const std::int64_t ends[] = {std::numeric_limits<std::int64_t>::max(),
                                       std::numeric_limits<std::int64_t>::min(), 9007199254740993,
                                       std::numeric_limits<std::int64_t>::max() - 3};
          return Value::integer(ends[below(std::size(ends))]);
        }
        return Value::integer(static_cast<std::int64_t>(below(20)) - 10);
      }
      case Kind::floats: {
        if (wild_ && below(4) == 0) {
          const double ends[] = {std::nan(""), HUGE_VAL, -HUGE_VAL, 1e308, -1e308, 5e-324, -0.0};
          return Value::real(ends[below(std::size(ends))]);
        }
        return Value::real(static_cast<double>(static_cast<std::int64_t>(random_()) >> 20) / 1024.0 / 7.0);
      }
      case Kind::numbers:
        return value(below(2) == 0 ? Kind::integers : Kind::floats);
      case Kind::texts: {
        static const std::string kTexts[] = {
            "", "a", "b", "ab", std::string("a\0b", 3), "\xc3\xa4", std::string(300, 'x')};
        return Value::text(kTexts[below(std::size(kTexts))]);
      }
      case Kind::booleans:
        return Value::boolean(below(2) == 0);
      case Kind::anything:
        return value(kKinds[below(5)]);
    }
    return Value::null();
  }

  std::mt19937_64 random_;
  Kind kind_;
  bool wild_;
};

}  // namespace tidemark::test
