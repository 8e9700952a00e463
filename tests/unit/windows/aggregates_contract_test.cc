// What every aggregate must do, whatever it computes: the suite runs over the registry.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>

#include "accumulator.h"

namespace tidemark {
namespace {

using namespace test;

// Calls `run` for every aggregate with every number of arguments that it takes.
void for_every_aggregate(const std::function<void(const Aggregate&, std::string_view, std::size_t)>& run) {
  for (const AggregateDeclaration& declaration : aggregate_registry())
    for (std::size_t n = declaration.min_arguments; n <= declaration.max_arguments; ++n) {
      CAPTURE(declaration.name);
      CAPTURE(n);
      run(*declaration.make(), declaration.name, n);
    }
}

TEST_CASE("every aggregate: a state saved and loaded at every position behaves and saves the same") {
  for_every_aggregate([](const Aggregate& aggregate, std::string_view, std::size_t arguments) {
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
  for_every_aggregate([](const Aggregate& aggregate, std::string_view, std::size_t arguments) {
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
  for_every_aggregate([](const Aggregate& aggregate, std::string_view name, std::size_t arguments) {
    if (arguments == 0) return;
    Accumulator state(aggregate);
    const std::string empty = state.saved();
    const Fed nulls{std::vector<Value>(arguments), time_from_ns<EventTime>(1), {1}};
    CHECK(state.feed(nulls) == nullptr);
    CHECK(state.saved() == empty);
    CHECK(state.result() == (name == "count" ? "0" : "NULL"));
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
  for_every_aggregate([](const Aggregate& aggregate, std::string_view, std::size_t arguments) {
    for (const Kind kind : {Kind::integers, Kind::floats, Kind::numbers, Kind::texts, Kind::booleans})
      for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(static_cast<int>(kind));
        CAPTURE(seed);
        const std::vector<Fed> feeds = Feeder(seed, kind, false).make(arguments, 20);
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
          if (kind != Kind::floats && kind != Kind::numbers) CHECK(left.saved() == whole.saved());
          CHECK(right.saved() == right_before);
        }
      }
  });
}

TEST_CASE("every aggregate: bytes that do not hold are refused, and the state can be dropped") {
  for_every_aggregate([](const Aggregate& aggregate, std::string_view, std::size_t arguments) {
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
  for_every_aggregate([](const Aggregate& aggregate, std::string_view, std::size_t arguments) {
    Accumulator state(aggregate);
    CHECK(aggregate.heap_bytes(state.state()) == 0);
    state.feed_all(Feeder(1, Kind::integers, false).make(arguments, 10));
    CHECK(aggregate.heap_bytes(state.state()) == 0);
    Accumulator texts(aggregate);
    texts.feed({std::vector<Value>(arguments, Value::text("twelve bytes")), time_from_ns<EventTime>(1), {1}});
    // A saved state holds every text that the live one owns.
    const std::size_t owned = aggregate.heap_bytes(texts.state());
    CHECK(owned % 12 == 0);
    CHECK((owned > 0) == texts.saved().contains("twelve bytes"));
  });
}

// --- an oracle: each aggregate computed again in the plainest way from all the inputs that were applied

bool null_or_nan(const Value& v) {
  return v.is_null() || (v.is_real() && std::isnan(v.as_real()));
}

bool less(const Value& a, const Value& b) {
  if (a.is_text()) return a.as_text() < b.as_text();
  if (a.is_boolean()) return a.as_boolean() < b.as_boolean();
  const auto exact = [](const Value& v) {  // 64 bits of mantissa or more hold both kinds
    return v.is_integer() ? static_cast<long double>(v.as_integer()) : static_cast<long double>(v.as_real());
  };
  return exact(a) < exact(b);
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
  };
  return kOracles;
}

TEST_CASE("every aggregate: the result is what the plainest computation over all applied inputs gives") {
  for_every_aggregate([](const Aggregate& aggregate, std::string_view name, std::size_t arguments) {
    REQUIRE_MESSAGE(oracles().contains(name), "an aggregate needs an oracle here");
    const Oracle& oracle = oracles().at(name);
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
  CHECK(find_aggregate("nothing", 1) == nullptr);
}

}  // namespace
}  // namespace tidemark
