#include "pipeline/result_queue.h"

#include <doctest/doctest.h>

#include <cmath>
#include <deque>
#include <limits>

#include "base/checksum.h"
#include "base/format.h"
#include "pipeline/result_codec.h"
#include "support/fake_random.h"

namespace tidemark {
namespace {

ResultSchema schema_of(std::size_t columns) {
  ResultSchema schema;
  for (std::size_t i = 0; i < columns; ++i) schema.columns.push_back({format("c{}", i)});
  return schema;
}

std::string encoded(const std::vector<Value>& values) {
  Encoder out;
  encode_values(out, values);
  return out.take();
}

// Rows of a few kinds, each much like the one before, as results are.
class Rows {
 public:
  explicit Rows(std::uint64_t seed) : random_(seed) {
    channels_[0].uid = "a";
    channels_[1].uid = "b";
  }

  ResultQueue::Row next() {
    if (below(20) == 0) kind_ = below(std::size(schemas_));
    const ResultSchema& schema = schemas_[kind_];
    std::vector<Value>& values = last_[kind_];
    values.resize(schema.columns.size());
    for (Value& value : values)
      if (below(2) == 0) value = other_value();
    position_ += below(5) == 0 ? below(1000) : 0;
    number_ += below(50) == 0 ? below(100) : 1;
    bytes_.push_back(encoded(values));
    chain_ = below(4) == 0 ? random_.next() : chain_hash(chain_, bytes_.back());
    return {.schema = &schema,
            .channel = below(30) == 0 ? &channels_[1] : &channels_[0],
            .number = ResultNumber{number_},
            .chain = chain_,
            .position = Position{position_},
            .bytes = bytes_.back()};
  }

 private:
  std::uint64_t below(std::uint64_t n) { return random_.next() % n; }

  Value other_value() {
    const double odd[] = {0.0,    -0.0,         0.01,     -12.34,    99.99,        1e12 + 0.25, 1e300,
                          5e-324, std::nan(""), HUGE_VAL, -HUGE_VAL, 123456789.12, 0.1 + 0.2};
    const std::int64_t ends[] = {0, -1, 1, std::numeric_limits<std::int64_t>::min(),
                                 std::numeric_limits<std::int64_t>::max()};
    switch (below(7)) {
      case 0:
        return Value::null();
      case 1:
        return Value::boolean(below(2) == 0);
      case 2:
        return Value::integer(ends[below(std::size(ends))]);
      case 3:
        return Value::integer(static_cast<std::int64_t>(random_.next()));
      case 4:
        return Value::real(odd[below(std::size(odd))]);
      case 5:
        return Value::real(static_cast<double>(static_cast<std::int64_t>(below(20000)) - 10000) / 100);
      default:
        return Value::text(
            texts_.emplace_back(format("hall-{}/press-{}", below(16), below(100)).substr(0, below(30)) +
                                std::string(below(100) == 0 ? 40'000 : 0, 'x')));
    }
  }

  FakeRandom random_;
  std::deque<std::string> texts_, bytes_;
  ResultSchema schemas_[4] = {schema_of(0), schema_of(1), schema_of(7), schema_of(70)};
  std::vector<Value> last_[4];
  ChannelId channels_[2];
  std::size_t kind_ = 0;
  std::uint64_t number_ = 0, position_ = 0, chain_ = 0;
};

void check_same(const ResultQueue::Row& got, const ResultQueue::Row& expected) {
  REQUIRE(got.schema == expected.schema);
  REQUIRE(got.channel == expected.channel);
  REQUIRE(got.number == expected.number);
  REQUIRE(got.chain == expected.chain);
  REQUIRE(got.position == expected.position);
  REQUIRE(got.bytes == expected.bytes);
}

TEST_CASE("result queue: rows come out as they went in, whatever is pushed and popped in between") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    FakeRandom random(seed * 1000);
    Rows rows(seed);
    ResultQueue queue;
    std::deque<ResultQueue::Row> model;
    for (int step = 0; step < 3000; ++step) {
      // Long fillings and long emptyings.
      if (random.next() % 8 < (step / 500 % 2 == 0 ? 6 : 2)) {
        model.push_back(rows.next());
        queue.push(model.back());
      } else if (!model.empty()) {
        check_same(queue.front(), model.front());
        queue.pop();
        model.pop_front();
      }
      REQUIRE(queue.rows() == model.size());
      REQUIRE(queue.empty() == model.empty());
      if (step % 100 != 0) continue;
      ResultQueue::Reader reader = queue.reader();
      for (const ResultQueue::Row& expected : model) {
        const ResultQueue::Row* row = reader.next();
        REQUIRE(row != nullptr);
        check_same(*row, expected);
      }
      CHECK(reader.next() == nullptr);
    }
    while (!queue.empty()) queue.pop();
    CHECK(queue.bytes() == 0);
  }
}

TEST_CASE("result queue: a snapshot shows what stood there, whatever is pushed and popped since") {
  struct Taken {
    std::unique_ptr<const ResultQueue::Snapshot> snapshot;
    std::deque<ResultQueue::Row> model;
  };
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    FakeRandom random(seed * 1000);
    Rows rows(seed);
    std::vector<Taken> taken;
    {
      ResultQueue queue;
      std::deque<ResultQueue::Row> model;
      for (int step = 0; step < 3000; ++step) {
        if (random.next() % 8 < (step / 500 % 2 == 0 ? 6 : 2)) {
          model.push_back(rows.next());
          queue.push(model.back());
        } else if (!model.empty()) {
          queue.pop();
          model.pop_front();
        }
        if (step % 100 == 0) taken.push_back({queue.snapshot(), model});
      }
    }
    for (const auto& [snapshot, model] : taken) {
      ResultQueue::Reader reader = snapshot->reader();
      for (const ResultQueue::Row& expected : model) {
        const ResultQueue::Row* row = reader.next();
        REQUIRE(row != nullptr);
        REQUIRE(row->channel->uid == expected.channel->uid);
        REQUIRE(row->number == expected.number);
        REQUIRE(row->chain == expected.chain);
        REQUIRE(row->position == expected.position);
        REQUIRE(row->bytes == expected.bytes);
      }
      CHECK(reader.next() == nullptr);
    }
  }
}

TEST_CASE("result queue: a second's results of many keys take a fraction of their bytes") {
  const ResultSchema schema = schema_of(7);
  ChannelId channel;
  ResultQueue queue;
  std::uint64_t all = 0, number = 0, chain = 0;
  constexpr std::int64_t kSecond = 1'000'000'000;
  for (int window = 0; window < 3; ++window)
    for (int key = 0; key < 10'000; ++key) {
      const std::string name = format("hall-{:02}/press-{:06}", key / 625, key);
      const std::string bytes =
          encoded({Value::text(name), Value::integer(window * kSecond),
                   Value::integer((window + 1) * kSecond), Value::integer(15 + key % 10),
                   Value::real(key / 7.0), Value::real(key % 1000 / 100.0), Value::real(key % 2000 / 100.0)});
      all += bytes.size();
      chain = chain_hash(chain, bytes);
      queue.push({&schema, &channel, ResultNumber{++number}, chain, Position{7}, bytes});
    }
  CHECK(queue.rows() == 30'000);
  CHECK(queue.bytes() < all / 3);
}

}  // namespace
}  // namespace tidemark
