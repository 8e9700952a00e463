// The approximate aggregates' sketches against their bounds, over distributions that are hard for them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <set>

#include "base/checksum.h"
#include "windows/distinct_sketch.h"
#include "windows/frequent_values.h"
#include "windows/log_bins.h"
#include "windows/moments.h"
#include "windows/quantile_sketch.h"

namespace tidemark {
namespace {

template <class Sketch>
std::string saved(const Sketch& sketch) {
  Encoder out;
  sketch.save(out);
  return out.take();
}

// Streams of `n` values; each begins anew from the seed.
struct Distribution {
  std::string_view name;
  std::function<double(std::mt19937_64&, std::size_t)> next;
};
double uniform(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11) * 0x1p-53;
}
const Distribution kDistributions[] = {
    {"uniform", [](std::mt19937_64& r, std::size_t) { return uniform(r); }},
    {"one value", [](std::mt19937_64&, std::size_t) { return 42.5; }},
    {"ascending", [](std::mt19937_64&, std::size_t i) { return static_cast<double>(i); }},
    {"descending", [](std::mt19937_64&, std::size_t i) { return 1e6 - static_cast<double>(i); }},
    {"heavy tail", [](std::mt19937_64& r, std::size_t) { return std::pow(1 - uniform(r), -1.0); }},
    {"exponential", [](std::mt19937_64& r, std::size_t) { return -std::log(1 - uniform(r)); }},
    {"two far apart", [](std::mt19937_64& r, std::size_t) { return r() % 2 ? 1.0 : 999'999.0; }},
    {"both signs", [](std::mt19937_64& r, std::size_t) { return (uniform(r) - 0.5) * 200; }},
    {"powers of two",
     [](std::mt19937_64& r, std::size_t) { return std::ldexp(1.0, static_cast<int>(r() % 19)); }},
    {"steps of one percent",
     [](std::mt19937_64& r, std::size_t) { return std::pow(1.01, static_cast<double>(r() % 1000)); }},
    {"mostly zero", [](std::mt19937_64& r, std::size_t) { return r() % 10 ? 0.0 : uniform(r); }},
};

TEST_CASE("a quantile is within the bound of the value at its rank, for every distribution") {
  for (const Distribution& distribution : kDistributions)
    for (const std::size_t n : {65u, 1000u, 30'000u}) {
      CAPTURE(distribution.name);
      CAPTURE(n);
      std::mt19937_64 random(7);
      QuantileSketch sketch;
      std::vector<double> values;
      for (std::size_t i = 0; i < n; ++i) {
        values.push_back(distribution.next(random, i));
        sketch.add(values.back());
      }
      std::ranges::sort(values);
      const double largest = std::max(std::abs(values.front()), std::abs(values.back()));
      for (const double q : {0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0}) {
        CAPTURE(q);
        const double truth = values[static_cast<std::size_t>(q * static_cast<double>(n - 1))];
        const double small = std::abs(truth) < largest / 1e6 ? largest / 1e6 : 0;  // counts as zero
        CHECK(std::abs(sketch.quantile(q) - truth) <= QuantileSketch::kBound * std::abs(truth) + small);
      }
      CHECK(sketch.heap_bytes() < 8000);
    }
}

TEST_CASE("few values have exact quantiles, between two by linear interpolation") {
  QuantileSketch sketch;
  for (const double value : {4.0, 1.0, 3.0, 2.0}) sketch.add(value);
  CHECK(sketch.quantile(0.5) == 2.5);
  CHECK(sketch.quantile(0) == 1);
  CHECK(sketch.quantile(1) == 4);
  CHECK(sketch.quantile(0.25) == 1.75);
}

TEST_CASE("sketches of quantiles merged in any order are one that saw everything") {
  for (const Distribution& distribution : kDistributions) {
    CAPTURE(distribution.name);
    std::mt19937_64 random(11);
    QuantileSketch whole;
    std::vector<std::unique_ptr<QuantileSketch>> parts;
    for (std::size_t p = 0; p < 7; ++p) {
      parts.push_back(std::make_unique<QuantileSketch>());
      for (std::size_t i = 0; i < 10 + p * 300; ++i) {
        const double value = distribution.next(random, i) * std::ldexp(1.0, static_cast<int>(4 * p));
        whole.add(value);
        parts.back()->add(value);
      }
    }
    QuantileSketch forward, backward;
    for (std::size_t p = 0; p < parts.size(); ++p) {
      forward.merge(*parts[p]);
      backward.merge(*parts[parts.size() - 1 - p]);
    }
    CHECK(saved(forward) == saved(whole));
    CHECK(saved(backward) == saved(whole));
  }
}

TEST_CASE("a sketch of quantiles holds what is infinite, tiny and huge") {
  QuantileSketch sketch;
  for (int i = 0; i < 100; ++i)
    for (const double value : {HUGE_VAL, -HUGE_VAL, 5e-324, -1e308, 1e308, 0.0}) sketch.add(value);
  CHECK(sketch.quantile(0) == -HUGE_VAL);
  CHECK(sketch.quantile(1) == HUGE_VAL);
  CHECK(sketch.quantile(0.4) == 0);
  CHECK(sketch.quantile(0.7) == doctest::Approx(1e308).epsilon(0.01));
}

TEST_CASE("bins: each holds its middle, and no bin is wider than the bound allows") {
  std::mt19937_64 random(3);
  for (int i = 0; i < 20'000; ++i) {
    const double value = std::ldexp(1 + uniform(random), static_cast<int>(random() % 2000) - 1000);
    const std::int32_t bin = LogBins::bin_of(value);
    const double middle = LogBins::middle_of(bin);
    REQUIRE(LogBins::bin_of(middle) == bin);
    REQUIRE(std::abs(middle - value) <= QuantileSketch::kBound * value);
  }
}

TEST_CASE("bins count beyond 2^32") {
  LogBins bins;
  bins.add(5, 0xffff'ffff);
  bins.add(7, 1);
  bins.add(5, 2);
  CHECK(bins.count(0) == 0x1'0000'0001);
  CHECK(bins.count(2) == 1);
  Decoder in(saved(bins));
  const std::string bytes = saved(bins);
  LogBins again;
  Decoder of(bytes);
  CHECK(again.load(of, 3));
  CHECK(saved(again) == bytes);
}

TEST_CASE("distinct values are counted exactly while they are few, and within the bound when they are many") {
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 9u, 10u}) {
    CAPTURE(seed);
    DistinctSketch sketch;
    for (std::uint64_t n = 1; n <= 300'000; ++n) {
      const std::uint64_t value = n * 0x9e37 + seed;
      const std::uint64_t hash = checksum({reinterpret_cast<const char*>(&value), sizeof value});
      sketch.add(hash);
      if (n % 3 == 0) sketch.add(hash);
      if (n <= DistinctSketch::kExact) REQUIRE(sketch.estimate() == n);
      if (n == 257 || n == 1000 || n == 5000 || n == 10'000 || n == 50'000 || n == 300'000) {
        CAPTURE(n);
        const auto estimate = static_cast<double>(sketch.estimate()), truth = static_cast<double>(n);
        CHECK(std::abs(estimate - truth) <= DistinctSketch::kBound * truth);
      }
    }
    CHECK(sketch.heap_bytes() <= 4096);
  }
}

TEST_CASE("the state of distinct values follows from the set alone") {
  std::mt19937_64 random(5);
  std::vector<std::uint64_t> hashes(2000);
  for (std::uint64_t& hash : hashes) hash = random();
  for (const std::size_t n : {10u, 256u, 257u, 2000u}) {
    DistinctSketch forward, backward, left, right;
    for (std::size_t i = 0; i < n; ++i) {
      forward.add(hashes[i]);
      backward.add(hashes[n - 1 - i]);
      (i % 3 ? left : right).add(hashes[i]);
    }
    left.merge(right);
    CHECK(saved(forward) == saved(backward));
    CHECK(saved(forward) == saved(left));
  }
}

TEST_CASE(
    "frequent values: every count is too large by at most its error, and none above the bound is missing") {
  constexpr std::size_t kCapacity = 64;
  for (const double skew : {0.0, 0.5, 1.0, 2.0})
    for (const bool merged : {false, true}) {
      CAPTURE(skew);
      CAPTURE(merged);
      std::mt19937_64 random(13);
      FrequentValues parts[3];
      std::map<std::string, std::uint64_t> truth;
      constexpr std::uint64_t kInputs = 20'000;
      for (std::uint64_t i = 0; i < kInputs; ++i) {
        const auto of = static_cast<std::uint64_t>(1000 * std::pow(uniform(random), 1 + 2 * skew));
        const std::string key = "k" + std::to_string(of);
        ++truth[key];
        parts[merged ? i % 3 : 0].add(key, kCapacity);
      }
      for (std::size_t p = 1; p < 3; ++p) parts[0].merge(parts[p], kCapacity);
      std::set<std::string> there;
      for (const FrequentValues::Counted* counted : parts[0].top(kCapacity)) {
        there.insert(counted->key);
        CHECK(counted->error <= kInputs / kCapacity);
        CHECK(counted->count >= truth[counted->key]);
        CHECK(counted->count - counted->error <= truth[counted->key]);
      }
      for (const auto& [key, count] : truth)
        if (count > kInputs / kCapacity) CHECK_MESSAGE(there.contains(key), key);
    }
}

TEST_CASE("few different values are counted exactly, the most frequent first, ties by value") {
  FrequentValues values;
  for (const std::string_view key : {"b", "c", "a", "c", "b", "d", "c"}) values.add(key, 4);
  std::string shown;
  for (const auto* counted : values.top(3)) shown += counted->key + std::to_string(counted->count) + " ";
  CHECK(shown == "c3 b2 a1 ");
}

TEST_CASE("variances do not drown in a large mean, in one piece or merged") {
  Moments whole, left, right;
  for (int i = 0; i < 1000; ++i) {
    const double value = 1e9 + i % 3;
    whole.add(value);
    (i < 400 ? left : right).add(value);
  }
  left.merge(right);
  CHECK(whole.squares() / 1000 == doctest::Approx(0.6669990).epsilon(1e-6));
  CHECK(left.squares() / 1000 == doctest::Approx(0.6669990).epsilon(1e-6));
}

TEST_CASE("sketches: damaged states do not load, or load to something sound") {
  std::mt19937_64 random(17);
  const auto torture = [&]<class Sketch>(const Sketch& sketch, const auto& load) {
    const std::string good = saved(sketch);
    for (int i = 0; i < 3000; ++i) {
      std::string bad = good;
      bad[random() % bad.size()] = static_cast<char>(random());
      if (random() % 3 == 0) bad.resize(random() % bad.size());
      Sketch loaded;
      Decoder in(bad);
      if (!load(loaded, in) || !in.complete()) continue;
      const std::string bytes = saved(loaded);
      Sketch again;
      Decoder of(bytes);
      CHECK((load(again, of) && of.complete() && saved(again) == bytes));
    }
  };
  QuantileSketch few, many;
  DistinctSketch some, dense;
  FrequentValues frequent;
  for (int i = 0; i < 500; ++i) {
    if (i < 40) few.add(i);
    many.add(i % 2 ? -i : i * 1.5);
    dense.add(random());
    if (i < 40) some.add(random());
    frequent.add("key" + std::to_string(i % 90), 64);
  }
  const auto plain = [](auto& sketch, Decoder& in) { return sketch.load(in); };
  torture(few, plain);
  torture(many, plain);
  torture(some, plain);
  torture(dense, plain);
  torture(frequent, [](FrequentValues& sketch, Decoder& in) { return sketch.load(in, 64); });
}

}  // namespace
}  // namespace tidemark
