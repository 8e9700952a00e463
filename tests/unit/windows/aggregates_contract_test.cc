// What every aggregate must do, whatever it computes: the suite runs over the registry.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <tuple>

#include "accumulator.h"
#include "base/json.h"
#include "base/key_encoding.h"
#include "windows/aggregates.h"

namespace tidemark {
namespace {

using namespace test;

// Calls `run` for every aggregate with every number of values that it takes, and with DISTINCT.
void for_every_aggregate(
    const std::function<void(const Aggregate&, const AggregateDeclaration&, std::size_t)>& run) {
  for (const AggregateDeclaration& declaration : aggregate_registry())
    for (std::size_t n = declaration.min_values; n <= declaration.max_values; ++n) {
      CAPTURE(declaration.name);
      CAPTURE(n);
      run(*make(declaration), declaration, n);
      if (!declaration.distinct || n != 1) continue;
      CAPTURE("DISTINCT");
      AggregateDeclaration distinct = declaration;
      distinct.name = declaration.name == "count" ? "count distinct"
                      : declaration.name == "sum" ? "sum distinct"
                                                  : "avg distinct";
      run(*make_distinct(make(declaration)), distinct, n);
    }
}

TEST_CASE("every aggregate: a state saved and loaded at every position behaves and saves the same") {
  for_every_aggregate([](const Aggregate& aggregate, const AggregateDeclaration&, std::size_t arguments) {
    for (const Kind kind : kKinds)
      for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(static_cast<int>(kind));
        CAPTURE(seed);
        Accumulator live(aggregate);
        std::string saved = live.saved();
        for (const Fed& fed : Feeder(seed, kind, true).make(arguments, 40)) {
          Accumulator restored(aggregate);
          REQUIRE(restored.load(saved));
          CHECK(restored.saved() == saved);
          const char* const refusal = live.feed(fed);
          CHECK(restored.feed(fed) == refusal);
          CHECK(restored.result() == live.result());
          saved = live.saved();
          CHECK(restored.saved() == saved);
        }
      }
  });
}

TEST_CASE("every aggregate: a check changes nothing") {
  for_every_aggregate([](const Aggregate& aggregate, const AggregateDeclaration&, std::size_t arguments) {
    for (const Kind kind : kKinds) {
      Accumulator state(aggregate);
      for (const Fed& fed : Feeder(3, kind, true).make(arguments, 100)) {
        const std::string before = state.saved();
        const char* const refusal = aggregate.check(state.state(), fed.input());
        CHECK(state.saved() == before);
        if (refusal) CHECK_FALSE(std::string_view(refusal).empty());
        state.feed(fed);
      }
    }
  });
}

TEST_CASE("every aggregate: NULL arguments change nothing, and nothing is NULL or a count of 0") {
  for_every_aggregate(
      [](const Aggregate& aggregate, const AggregateDeclaration& declaration, std::size_t arguments) {
        if (arguments == 0) return;
        Accumulator state(aggregate);
        const std::string empty = state.saved();
        const Fed nulls{std::vector<Value>(arguments), time_from_ns<EventTime>(1), {1}};
        CHECK(state.feed(nulls) == nullptr);
        CHECK(state.saved() == empty);
        CHECK(state.result() == (declaration.name.starts_with("count") ? "0" : "NULL"));
        state.feed_all(Feeder(1, Kind::integers, false).make(arguments, 20));
        const std::string filled = state.saved();
        CHECK(state.feed(nulls) == nullptr);
        CHECK(state.saved() == filled);
      });
}

// Both as text; floats may differ in their last digits.
bool nearly_same(const std::string& a, const std::string& b) {
  if (a == b) return true;
  char *end_a, *end_b;
  const double x = std::strtod(a.c_str(), &end_a), y = std::strtod(b.c_str(), &end_b);
  if (*end_a != 0 || *end_b != 0 || a.empty() || b.empty()) return false;
  return std::fabs(x - y) <= 1e-12 * std::max({std::fabs(x), std::fabs(y), 1.0});
}

TEST_CASE("every aggregate: two states merged are the state of both inputs") {
  using Merge = AggregateDeclaration::Merge;
  for_every_aggregate(
      [](const Aggregate& aggregate, const AggregateDeclaration& declaration, std::size_t arguments) {
        for (const Kind kind : {Kind::integers, Kind::floats, Kind::numbers, Kind::texts, Kind::booleans})
          for (std::uint64_t seed = 1; seed <= 10; ++seed) {
            CAPTURE(static_cast<int>(kind));
            CAPTURE(seed);
            const std::vector<Fed> feeds =
                Feeder(seed, kind, false).make(arguments, 20, declaration.merge == Merge::in_time_order);
            Accumulator whole(aggregate);
            whole.feed_all(feeds);
            for (std::size_t cut = 0; cut <= feeds.size(); ++cut) {
              const auto at = feeds.begin() + static_cast<std::ptrdiff_t>(cut);
              Accumulator left(aggregate), right(aggregate);
              left.feed_all({feeds.begin(), at});
              right.feed_all({at, feeds.end()});
              const std::string right_before = right.saved();
              aggregate.merge(left.state(), right.state());
              CHECK_MESSAGE(nearly_same(left.result(), whole.result()), left.result(), " ", whole.result());
              if (kind != Kind::floats && kind != Kind::numbers && declaration.merge == Merge::exact)
                CHECK(left.saved() == whole.saved());
              CHECK(right.saved() == right_before);
            }
          }
      });
}

TEST_CASE("every aggregate: bytes that do not hold are refused, and the state can be dropped") {
  for_every_aggregate([](const Aggregate& aggregate, const AggregateDeclaration&, std::size_t arguments) {
    for (const Kind kind : kKinds) {
      Accumulator state(aggregate);
      state.feed_all(Feeder(5, kind, true).make(arguments, 30));
      const std::string saved = state.saved();
      for (std::size_t size = 0; size < saved.size(); ++size) {
        Accumulator cut(aggregate);
        CHECK_FALSE(cut.load(saved.substr(0, size)));
      }
      for (std::size_t at = 0; at < saved.size(); ++at)
        for (const unsigned char byte : {0x00, 0x05, 0x7f, 0xff}) {
          std::string damaged = saved;
          damaged[at] = static_cast<char>(byte);
          Accumulator loaded(aggregate);
          if (!loaded.load(damaged)) continue;
          CHECK(loaded.saved().size() > 0);
          loaded.result();
        }
    }
  });
}

TEST_CASE("every aggregate: the heap that it owns is counted") {
  for_every_aggregate(
      [](const Aggregate& aggregate, const AggregateDeclaration& declaration, std::size_t arguments) {
        Accumulator state(aggregate);
        CHECK(aggregate.heap_bytes(state.state()) == 0);
        if (aggregate.size() <= 32 && declaration.max_values == 1 &&
            declaration.merge == AggregateDeclaration::Merge::exact &&
            std::string_view("count sum avg min max first last any_value bool_and bool_or")
                .contains(declaration.name)) {
          state.feed_all(Feeder(1, Kind::integers, false).make(arguments, 10));
          CHECK(aggregate.heap_bytes(state.state()) == 0);
        }
        // What a saved state holds lies in the block or on the heap.
        const std::string text(300, 'x');
        Accumulator texts(aggregate);
        for (std::uint64_t n = 1; n <= 40; ++n)
          texts.feed({std::vector<Value>(arguments, n % 2 ? Value::text(text) : Value::integer(7)),
                      time_from_ns<EventTime>(1),
                      {n}});
        CHECK(aggregate.size() + aggregate.heap_bytes(texts.state()) + 8 >= texts.saved().size());
      });
}

// --- an oracle: each aggregate computed again in the plainest way from all the inputs that were applied

bool null_or_nan(const Value& v) {
  return v.is_null() || (v.is_real() && std::isnan(v.as_real()));
}

bool less(const Value& a, const Value& b) {
  if (a.is_text()) return a.as_text() < b.as_text();
  if (a.is_boolean()) return a.as_boolean() < b.as_boolean();
  if (a.is_integer() && b.is_integer()) return a.as_integer() < b.as_integer();
  return a.as_number() < b.as_number();  // exact: where kinds are mixed, integers are small
}

using Oracle = std::function<Value(const std::vector<Fed>&)>;

std::vector<Fed> with_argument(const std::vector<Fed>& feeds, std::size_t argument, bool nan_too) {
  std::vector<Fed> out;
  for (const Fed& fed : feeds)
    if (nan_too ? !fed.arguments[argument].is_null() : !null_or_nan(fed.arguments[argument]))
      out.push_back(fed);
  return out;
}

Value sum_of(const std::vector<Fed>& feeds) {
  const std::vector<Fed> some = with_argument(feeds, 0, true);
  if (some.empty()) return Value::null();
  long double sum = 0;
  std::int64_t integer = 0;
  bool real = false;
  for (const Fed& fed : some) {
    real = real || fed.arguments[0].is_real();
    if (!real) integer += fed.arguments[0].as_integer();
    sum += fed.arguments[0].is_integer() ? static_cast<long double>(fed.arguments[0].as_integer())
                                         : static_cast<long double>(fed.arguments[0].as_real());
  }
  return real ? Value::real(static_cast<double>(sum)) : Value::integer(integer);
}

Value mean_of(const std::vector<Fed>& feeds) {
  const Value sum = sum_of(feeds);
  if (sum.is_null()) return sum;
  return Value::real(sum.as_number() / static_cast<double>(with_argument(feeds, 0, true).size()));
}

Oracle extreme(std::size_t by, bool largest) {
  return [=](const std::vector<Fed>& feeds) {
    const std::vector<Fed> some = with_argument(feeds, by, false);
    const Fed* best = nullptr;
    for (const Fed& fed : some)
      if (!best || (largest ? less(best->arguments[by], fed.arguments[by])
                            : less(fed.arguments[by], best->arguments[by])))
        best = &fed;
    return best ? best->arguments[0] : Value::null();
  };
}

Oracle dated(bool last) {
  return [=](const std::vector<Fed>& feeds) {
    std::vector<Fed> some = with_argument(feeds, 0, true);
    if (some.empty()) return Value::null();
    std::stable_sort(some.begin(), some.end(), [](const Fed& a, const Fed& b) {
      return std::pair(a.time, a.position) < std::pair(b.time, b.position);
    });
    return (last ? some.back() : some.front()).arguments[0];
  };
}

// The first of each different value.
std::vector<Fed> distinct(const std::vector<Fed>& feeds) {
  std::vector<Fed> out;
  for (const Fed& fed : with_argument(feeds, 0, true))
    if (std::ranges::none_of(out, [&](const Fed& o) { return same_value(o.arguments[0], fed.arguments[0]); }))
      out.push_back(fed);
  return out;
}
Value count_of(const std::vector<Fed>& feeds) {
  return Value::integer(static_cast<std::int64_t>(feeds.size()));
}

Oracle spread(std::size_t less, bool root) {
  return [=](const std::vector<Fed>& feeds) {
    const std::vector<Fed> some = with_argument(feeds, 0, true);
    if (some.size() <= less) return Value::null();
    const auto n = static_cast<long double>(some.size());
    long double mean = 0, squares = 0;
    for (const Fed& fed : some) mean += static_cast<long double>(fed.arguments[0].as_number()) / n;
    for (const Fed& fed : some) {
      const long double off = static_cast<long double>(fed.arguments[0].as_number()) - mean;
      squares += off * off;
    }
    const auto variance = static_cast<double>(squares / (n - static_cast<long double>(less)));
    return Value::real(root ? std::sqrt(variance) : variance);
  };
}

Oracle logical(bool deciding) {
  return [=](const std::vector<Fed>& feeds) {
    const std::vector<Fed> some = with_argument(feeds, 0, true);
    if (some.empty()) return Value::null();
    for (const Fed& fed : some)
      if (fed.arguments[0].as_boolean() == deciding) return Value::boolean(deciding);
    return Value::boolean(!deciding);
  };
}

Oracle quantile(double q) {
  return [=](const std::vector<Fed>& feeds) {
    std::vector<double> values;
    for (const Fed& fed : with_argument(feeds, 0, false)) values.push_back(fed.arguments[0].as_number());
    if (values.empty()) return Value::null();
    std::ranges::sort(values);
    const double at = q * static_cast<double>(values.size() - 1);
    const auto low = static_cast<std::size_t>(std::floor(at)), high = static_cast<std::size_t>(std::ceil(at));
    const double part = at - std::floor(at);
    return Value::real(values[low] == values[high] ? values[low]
                                                   : values[low] + (values[high] - values[low]) * part);
  };
}

// Texts of an oracle's result live as long as the program.
Value lasting(std::string text) {
  static std::deque<std::string> texts;
  return Value::text(texts.emplace_back(std::move(text)));
}
std::string json_of(const Value& value) {
  JsonWriter out;
  out.value(value);
  return out.take();
}

Oracle extremes(bool largest) {
  return [=](const std::vector<Fed>& feeds) {
    std::vector<Fed> some = with_argument(feeds, 1, false);
    std::stable_sort(some.begin(), some.end(), [=](const Fed& a, const Fed& b) {
      return largest ? less(b.arguments[1], a.arguments[1]) : less(a.arguments[1], b.arguments[1]);
    });
    std::string text;
    for (std::size_t i = 0; i < std::min<std::size_t>(some.size(), 30); ++i)
      text += (text.empty() ? "[" : ",") + json_of(some[i].arguments[0]);
    return some.empty() ? Value::null() : lasting(text + "]");
  };
}

Value histogram_of(const std::vector<Fed>& feeds) {
  int counts[4] = {};
  const std::vector<Fed> some = with_argument(feeds, 0, false);
  for (const Fed& fed : some) {
    const double x = fed.arguments[0].as_number();
    ++counts[x < -5 ? 0 : x < 0.5 ? 1 : x < 7 ? 2 : 3];
  }
  if (some.empty()) return Value::null();
  std::string text;
  for (const int count : counts) text += (text.empty() ? "[" : ",") + std::to_string(count);
  return lasting(text + "]");
}

Value top_of(const std::vector<Fed>& feeds) {
  std::vector<std::pair<Value, int>> counts;
  for (const Fed& fed : distinct(feeds)) {
    int count = 0;
    for (const Fed& other : feeds) count += same_value(other.arguments[0], fed.arguments[0]) ? 1 : 0;
    counts.push_back({fed.arguments[0], count});
  }
  if (counts.empty()) return Value::null();
  std::ranges::sort(counts, [](const auto& a, const auto& b) {
    std::string key_a, key_b;
    append_key(key_a, a.first);
    append_key(key_b, b.first);
    return std::tie(b.second, key_a) < std::tie(a.second, key_b);
  });
  std::string text;
  for (const auto& [value, count] : counts)
    text += (text.empty() ? "[" : ",") + std::string("{\"value\":") +
            // Keys know one zero and one NaN.
            json_of(value.is_real() && value.as_real() == 0 ? Value::real(0) : value) +
            ",\"count\":" + std::to_string(count) + "}";
  return lasting(text + "]");
}

Value collected(const std::vector<Fed>& feeds) {
  std::string text;
  for (const Fed& fed : with_argument(feeds, 0, true))
    text += (text.empty() ? "[" : ",") + json_of(fed.arguments[0]);
  return text.empty() ? Value::null() : lasting(text + "]");
}

// What the samples in the order of their arrival leave for increase, rate and time_avg, in the order of time.
std::vector<Fed> course(const std::vector<Fed>& feeds) {
  std::deque<Fed> kept;
  for (const Fed& fed : with_argument(feeds, 0, false)) {
    const auto at = std::pair(fed.time, fed.position);
    if (kept.empty() || at >= std::pair(kept.back().time, kept.back().position))
      kept.push_back(fed);
    else if (at < std::pair(kept.front().time, kept.front().position))
      kept.push_front(fed);
  }
  return {kept.begin(), kept.end()};
}
Value minus(const Value& a, const Value& b) {
  std::int64_t integer;
  if (a.is_integer() && b.is_integer() && !__builtin_sub_overflow(a.as_integer(), b.as_integer(), &integer))
    return Value::integer(integer);
  return Value::real(a.as_number() - b.as_number());
}
double seconds_of(const std::vector<Fed>& course) {
  return course.empty() ? 0
                        : static_cast<double>(to_ns(course.back().time) - to_ns(course.front().time)) / 1e9;
}
Value delta_of(const std::vector<Fed>& feeds) {
  const std::vector<Fed> some = with_argument(feeds, 0, false);
  return some.empty() ? Value::null() : minus(dated(true)(some), dated(false)(some));
}
Value increase_of(const std::vector<Fed>& feeds) {
  const std::vector<Fed> kept = course(feeds);
  if (kept.empty()) return Value::null();
  bool integers = true;
  long double sum = 0;
  for (std::size_t i = 0; i + 1 < kept.size(); ++i) {
    const Value step = minus(kept[i + 1].arguments[0], kept[i].arguments[0]);
    const Value climbed = step.as_number() < 0 ? kept[i + 1].arguments[0] : step;
    integers = integers && climbed.is_integer();
    sum += static_cast<long double>(climbed.as_number());
  }
  if (kept.size() == 1) integers = kept[0].arguments[0].is_integer();
  return integers && std::fabs(sum) < 9e18L ? Value::integer(static_cast<std::int64_t>(sum))
                                            : Value::real(static_cast<double>(sum));
}
Value rate_of(const std::vector<Fed>& feeds) {
  const double seconds = seconds_of(course(feeds));
  return seconds > 0 ? Value::real(increase_of(feeds).as_number() / seconds) : Value::null();
}
Value time_average(const std::vector<Fed>& feeds) {
  const std::vector<Fed> kept = course(feeds);
  if (kept.empty()) return Value::null();
  const double seconds = seconds_of(kept);
  if (seconds <= 0) return Value::real(kept.back().arguments[0].as_number());
  long double area = 0;
  for (std::size_t i = 0; i + 1 < kept.size(); ++i)
    area += static_cast<long double>(kept[i].arguments[0].as_number()) *
            static_cast<long double>(to_ns(kept[i + 1].time) - to_ns(kept[i].time)) / 1e9L;
  return Value::real(static_cast<double>(area) / seconds);
}

const std::map<std::string_view, Oracle>& oracles() {
  static const std::map<std::string_view, Oracle> kOracles = {
      {"count",
       [](const std::vector<Fed>& feeds) {
         const bool all = feeds.empty() || feeds[0].arguments.empty();
         return Value::integer(
             static_cast<std::int64_t>(all ? feeds.size() : with_argument(feeds, 0, true).size()));
       }},
      {"sum", sum_of},
      {"avg", mean_of},
      {"min", extreme(0, false)},
      {"max", extreme(0, true)},
      {"first", dated(false)},
      {"last", dated(true)},
      {"min_by", extreme(1, false)},
      {"max_by", extreme(1, true)},
      {"min_by several", extremes(false)},
      {"max_by several", extremes(true)},
      {"count distinct", [](const std::vector<Fed>& feeds) { return count_of(distinct(feeds)); }},
      {"sum distinct", [](const std::vector<Fed>& feeds) { return sum_of(distinct(feeds)); }},
      {"avg distinct", [](const std::vector<Fed>& feeds) { return mean_of(distinct(feeds)); }},
      {"any_value",
       [](const std::vector<Fed>& feeds) {
         const std::vector<Fed> some = with_argument(feeds, 0, true);
         return some.empty() ? Value::null() : some.front().arguments[0];
       }},
      {"var_pop", spread(0, false)},
      {"var_samp", spread(1, false)},
      {"stddev_pop", spread(0, true)},
      {"stddev_samp", spread(1, true)},
      {"bool_and", logical(false)},
      {"bool_or", logical(true)},
      {"count_distinct", [](const std::vector<Fed>& feeds) { return count_of(distinct(feeds)); }},
      {"quantile", quantile(0.9)},
      {"median", quantile(0.5)},
      {"histogram", histogram_of},
      {"top", top_of},
      {"collect", collected},
      {"delta", delta_of},
      {"increase", increase_of},
      {"rate", rate_of},
      {"time_avg", time_average},
  };
  return kOracles;
}

TEST_CASE("every aggregate: the result is what the plainest computation over all applied inputs gives") {
  for_every_aggregate(
      [](const Aggregate& aggregate, const AggregateDeclaration& declaration, std::size_t arguments) {
        const std::string label = test::label(declaration);
        REQUIRE_MESSAGE(oracles().contains(label), "an aggregate needs an oracle here");
        const Oracle& oracle = oracles().at(label);
        for (const Kind kind : kKinds)
          for (std::uint64_t seed = 1; seed <= 30; ++seed) {
            const bool wild =
                seed % 3 == 0 && kind != Kind::floats && kind != Kind::numbers && kind != Kind::anything;
            CAPTURE(static_cast<int>(kind));
            CAPTURE(seed);
            Accumulator state(aggregate);
            std::vector<Fed> applied;
            for (const Fed& fed : Feeder(seed, kind, wild).make(arguments, 30)) {
              if (!state.feed(fed)) applied.push_back(fed);
              const std::string expected = to_text(oracle(applied));
              REQUIRE_MESSAGE(nearly_same(state.result(), expected), state.result(), " ", expected);
            }
          }
      });
}

TEST_CASE("a call is found by its name and number of arguments") {
  CHECK(find_aggregate("count", 0) != nullptr);
  CHECK(find_aggregate("count", 1)->name == "count");
  CHECK(find_aggregate("count", 2) == nullptr);
  CHECK(find_aggregate("min", 1) != nullptr);
  CHECK(find_aggregate("min", 2) == nullptr);  // the scalar function
  CHECK(find_aggregate("max_by", 2) != nullptr);
  CHECK(find_aggregate("max_by", 1) == nullptr);
  CHECK(find_aggregate("max_by", 2)->constants == 0);
  CHECK(find_aggregate("max_by", 3)->constants == 1);
  CHECK(find_aggregate("max_by", 4) == nullptr);
  CHECK(find_aggregate("quantile", 2) != nullptr);
  CHECK(find_aggregate("quantile", 1) == nullptr);
  CHECK(find_aggregate("nothing", 1) == nullptr);
}

}  // namespace
}  // namespace tidemark
