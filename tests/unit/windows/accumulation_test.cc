#include "windows/accumulation.h"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <random>

#include "accumulator.h"

namespace tidemark {
namespace {

using test::Accumulator;
using test::Fed;
using test::Feeder;

// A few aggregates side by side, over two arguments that they share.
struct Aggregates {
  void add(std::string_view name, std::size_t values) {
    owned.push_back(test::make(name, values));
    calls.push_back({owned.back().get(), 0, values});
  }
  void add_any(std::mt19937_64& random) {
    const std::span<const AggregateDeclaration> all = aggregate_registry();
    const AggregateDeclaration& one = all[random() % all.size()];
    owned.push_back(test::make(one));
    calls.push_back({owned.back().get(), 0, one.max_values});
  }
  void finish() {
    std::vector<const Aggregate*> all;
    for (const auto& aggregate : owned) all.push_back(aggregate.get());
    layout.emplace(std::move(all));
    accumulation.emplace(*layout, calls);
  }
  std::vector<std::unique_ptr<Aggregate>> owned;
  std::vector<Accumulation::Call> calls;
  std::optional<AggregateLayout> layout;
  std::optional<Accumulation> accumulation;
};

TEST_CASE("accumulation: a record goes to all aggregates as it would to each alone, or to none") {
  std::size_t applied = 0, refused = 0;
  for (const test::Kind kind : test::kKinds)
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      CAPTURE(seed);
      std::mt19937_64 random(seed);
      Aggregates all;
      for (const std::string_view name : {"count", "sum", "avg", "min", "max"})
        if (random() % 3 != 0) all.add(name, 1);
      if (random() % 2 == 0) all.add("count", 0);
      if (seed % 3 == 0) all.add_any(random);
      all.finish();
      std::vector<std::unique_ptr<Accumulator>> alone;
      for (const auto& aggregate : all.owned) alone.push_back(std::make_unique<Accumulator>(*aggregate));
      std::vector<std::uint64_t> block(all.layout->size() / 8 + 1);
      auto* const bytes = reinterpret_cast<std::byte*>(block.data());
      all.layout->create(bytes);
      for (const Fed& fed : Feeder(seed, kind, seed % 2 == 0).make(2, 200)) {
        std::vector<std::uint8_t> passed_over(seed % 5 == 0 ? all.owned.size() : 0);
        for (std::uint8_t& flag : passed_over) flag = random() % 3 == 0 ? 1 : 0;
        const Accumulation::Record record{fed.arguments, fed.time, fed.position, passed_over};
        const auto input = [&](std::size_t i) {
          return Aggregate::Input{std::span(fed.arguments).first(all.calls[i].arguments), fed.time,
                                  fed.position};
        };
        const auto takes = [&](std::size_t i) { return passed_over.empty() || passed_over[i] == 0; };
        const char* expected = nullptr;
        for (std::size_t i = 0; i < alone.size() && expected == nullptr; ++i)
          if (takes(i)) expected = all.owned[i]->check(alone[i]->state(), input(i));
        const bool at_once = random() % 2 == 0;
        const char* const refusal =
            at_once ? all.accumulation->apply(bytes, record) : all.accumulation->check(bytes, record);
        REQUIRE(std::string_view(refusal != nullptr ? refusal : "") ==
                std::string_view(expected != nullptr ? expected : ""));
        ++(refusal != nullptr ? refused : applied);
        if (refusal != nullptr) continue;
        if (!at_once) all.accumulation->update(bytes, record);
        for (std::size_t i = 0; i < alone.size(); ++i)
          if (takes(i)) all.owned[i]->update(alone[i]->state(), input(i));
      }
      Encoder together, apart;
      all.layout->save(bytes, together);
      for (std::size_t i = 0; i < alone.size(); ++i) all.owned[i]->save(alone[i]->state(), apart);
      CHECK(together.view() == apart.view());
      all.layout->destroy(bytes);
    }
  CHECK(applied > 10'000);
  CHECK(refused > 1'000);
}

}  // namespace
}  // namespace tidemark
