#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "accumulator.h"
#include "support/source_tree.h"
#include "windows/layout.h"

namespace tidemark {
namespace {

using namespace test;

// Every aggregate of the registry side by side.
struct All {
  std::vector<std::unique_ptr<Aggregate>> owned;
  std::vector<std::size_t> arguments;
  AggregateLayout layout = make();

  AggregateLayout make() {
    std::vector<const Aggregate*> all;
    for (const AggregateDeclaration& declaration : aggregate_registry()) {
      owned.push_back(test::make(declaration));
      arguments.push_back(declaration.max_values);
      all.push_back(owned.back().get());
    }
    return AggregateLayout(std::move(all));
  }
  // Applied to all or to none.
  void feed(std::byte* block, const Fed& fed) const {
    const auto input = [&](std::size_t i) {
      return Aggregate::Input{std::span(fed.arguments).first(arguments[i]), fed.time, fed.position};
    };
    for (std::size_t i = 0; i < owned.size(); ++i)
      if (owned[i]->check(block + layout.offset(i), input(i))) return;
    for (std::size_t i = 0; i < owned.size(); ++i) owned[i]->update(block + layout.offset(i), input(i));
  }
  std::string saved(const std::byte* block) const {
    Encoder out;
    layout.save(block, out);
    return out.take();
  }
};

class Block {
 public:
  explicit Block(const AggregateLayout& layout) : layout_(layout), words_(layout.size() / 8) {
    layout_.create(bytes());
  }
  ~Block() { layout_.destroy(bytes()); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  std::byte* bytes() { return reinterpret_cast<std::byte*>(words_.data()); }

 private:
  const AggregateLayout& layout_;
  std::vector<std::uint64_t> words_;
};

TEST_CASE("states lie side by side, each at a multiple of 8") {
  const All all;
  std::size_t end = 0;
  for (std::size_t i = 0; i < all.owned.size(); ++i) {
    CHECK(all.layout.offset(i) == end);
    CHECK(all.owned[i]->size() % 8 == 0);
    end += all.owned[i]->size();
  }
  CHECK(all.layout.size() == end);
}

TEST_CASE("count, avg, min and max together take 64 bytes: a million keys must fit") {
  std::size_t bytes = 0;
  for (const std::string_view name : {"count", "avg", "min", "max"}) bytes += test::make(name, 1)->size();
  CHECK(bytes == 64);
}

TEST_CASE("a block saved and loaded at every position behaves and saves the same") {
  const All all;
  for (const Kind kind : kKinds) {
    Block live(all.layout);
    for (const Fed& fed : Feeder(11, kind, true).make(2, 60)) {
      Block restored(all.layout);
      const std::string saved = all.saved(live.bytes());
      Decoder in(saved);
      REQUIRE(all.layout.load(in, restored.bytes()));
      CHECK(in.complete());
      CHECK(all.layout.heap_bytes(restored.bytes()) == all.layout.heap_bytes(live.bytes()));
      all.feed(live.bytes(), fed);
      all.feed(restored.bytes(), fed);
      CHECK(all.saved(restored.bytes()) == all.saved(live.bytes()));
    }
  }
}

TEST_CASE("a block that is cut is refused and can be dropped") {
  const All all;
  Block live(all.layout);
  for (const Fed& fed : Feeder(2, Kind::numbers, false).make(2, 30)) all.feed(live.bytes(), fed);
  const std::string saved = all.saved(live.bytes());
  for (std::size_t size = 0; size < saved.size(); ++size) {
    Block loaded(all.layout);
    Decoder in(std::string_view(saved).substr(0, size));
    CHECK_FALSE(all.layout.load(in, loaded.bytes()));
  }
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes)
    for (const int digit : {static_cast<unsigned char>(c) >> 4, c & 0xf}) out += "0123456789abcdef"[digit];
  return out;
}

// A line an aggregate and kind of input, with the saved bytes: what version 1 wrote into checkpoints.
TEST_CASE("saved states are the bytes that version 1 wrote") {
  std::string now;
  for (const AggregateDeclaration& declaration : aggregate_registry()) {
    const auto aggregate = test::make(declaration);
    const auto line = [&](std::string_view inputs, const std::vector<Value>& values) {
      Accumulator state(*aggregate);
      std::uint64_t n = 0;
      for (const Value& value : values) {
        ++n;
        state.feed({std::vector<Value>(declaration.max_values, value),
                    time_from_ns<EventTime>(static_cast<std::int64_t>(n) * 1000 - 2500),
                    {n * 100}});
      }
      now += test::label(declaration) + " " + std::string(inputs) + " " + hex(state.saved()) + "\n";
    };
    line("nothing", {});
    line("integers", {Value::integer(3), Value::integer(-400), Value::integer(7)});
    line("floats", {Value::real(0.1), Value::real(0.2), Value::integer(1), Value::real(0.3)});
    line("texts", {Value::text("b"), Value::text("a"), Value::text("c")});
    line("booleans", {Value::boolean(true), Value::boolean(false)});
  }
  const std::string path = source_tree() + "/tests/golden/v1/aggregate-states.txt";
  if (std::getenv("TIDEMARK_WRITE_GOLDEN")) std::ofstream(path) << now;
  std::ifstream file(path);
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  CHECK_FALSE(golden.empty());
  CHECK(now == golden);
}

}  // namespace
}  // namespace tidemark
