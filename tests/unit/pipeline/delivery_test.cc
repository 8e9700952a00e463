#include "pipeline/delivery.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/checksum.h"
#include "base/format.h"
#include "fake_sink.h"
#include "pipeline/result_codec.h"
#include "state/row.h"
#include "support/fake_lane.h"
#include "support/fake_log.h"
#include "support/fake_loop.h"
#include "support/fault_files.h"

namespace tidemark {
namespace {

using Rows = std::vector<std::string>;

// As a checkpoint keeps them, a few at a time.
std::string pending_rows(const Delivery& delivery, Position through, std::uint64_t& count) {
  const std::unique_ptr<PendingRows> pending = delivery.pending(through);
  std::string all;
  if (pending)
    for (std::string some = pending->next(1); !some.empty(); some = pending->next(1)) all += some;
  Decoder in(all);
  Row row;
  for (count = 0; take_row(in, row);) ++count;
  return all;
}

struct DeliveryWorld {
  static constexpr const char* kFolder = "/data/outbox/out";
  explicit DeliveryWorld(DeliveryMode its_mode = DeliveryMode::exactly_once) : mode(its_mode) {
    settings.name = "out";
    settings.type = SinkSettings::Type::sqlite;
    settings.flush = Duration(0);
    schema.channel = {.lineage = {}, .timeline = Timeline{1}, .uid = "p", .kind = ChannelKind::main};
    schema.pipeline = "p";
    schema.columns = {{"v"}};
  }

  Delivery& make() {
    delivery = std::make_unique<Delivery>(
        Delivery::Doors{loop, log, *disk, lane}, settings,
        Delivery::Options{.mode = mode, .outbox_folder = kFolder, .id_prefix = "node", .belongs = belongs},
        [this] { return std::make_unique<FakeSink>(sink); },
        Delivery::Events{.progress = [this] { ++progressed; },
                         .diverged = [this](const ResultSchema&, ResultNumber at) { diverged.push_back(at); },
                         .failed = [this](const Error& error) { failed = error.message; }});
    return *delivery;
  }
  void open(Holdings holdings = {}) {
    begin();
    sink.answer(std::move(holdings));
  }
  // Up to where the sink is asked what it holds.
  void begin() {
    if (!delivery) make();
    delivery->open({&schema});
    loop.run_ready();
  }
  // The next result of the channel, of the entry at `position`.
  void add(std::uint64_t position, const std::string& text) {
    Encoder bytes;
    encode_values(bytes, std::vector{Value::text(text)});
    number = number.next();
    chain = chain_hash(chain, bytes.view());
    delivery->add({.schema = &schema,
                   .sinks = {},
                   .number = number,
                   .chain = chain,
                   .position = Position{position},
                   .bytes = bytes.view()},
                  issued_on);
  }
  // What a sink would hold after these results.
  static ChannelMark mark_after(const Rows& rows) {
    ChannelMark mark;
    for (const std::string& text : rows) {
      Encoder bytes;
      encode_values(bytes, std::vector{Value::text(text)});
      mark.number = mark.number.next();
      mark.chain = chain_hash(mark.chain, bytes.view());
    }
    return mark;
  }
  void pass(Duration d) { loop.advance(d); }

  FakeClock clock;
  FakeLoop loop{clock};
  InlineLane lane{loop};
  FakeLog log;
  std::unique_ptr<FaultFiles> disk = std::make_unique<FaultFiles>();
  std::function<bool(Timeline, Position)> belongs = [](Timeline, Position) { return true; };
  SinkSettings settings;
  DeliveryMode mode;
  ResultSchema schema;
  FakeSink::Script sink;
  std::unique_ptr<Delivery> delivery;
  ResultNumber number;
  std::uint64_t chain = 0;
  std::optional<Timeline> issued_on;  // of what is added next
  int progressed = 0;
  std::vector<ResultNumber> diverged;
  std::string failed;
};

TEST_CASE("delivery: a result leaves when its input is safe, not before") {
  DeliveryWorld world;
  world.open();
  world.add(1, "one");
  world.add(2, "two");
  world.pass(1s);
  CHECK(world.sink.batches.empty());
  world.delivery->release(Position{1});
  world.pass(1s);
  CHECK(world.sink.rows() == Rows{"one"});
  CHECK(world.sink.take());
  world.delivery->release(Position{2});
  world.pass(1s);
  CHECK(world.sink.rows() == Rows{"one", "two"});
}

TEST_CASE("delivery: in at-least-once mode results leave at once, and nothing is skipped") {
  DeliveryWorld world(DeliveryMode::at_least_once);
  world.settings.flush.reset();
  world.settings.type = SinkSettings::Type::mqtt;
  world.open({{world.schema.channel, ChannelMark{ResultNumber{10}, 77}}});
  world.add(1, "one");
  CHECK(world.sink.rows() == Rows{"one"});
}

TEST_CASE("delivery: one batch at a time, in order, and the rest follows when the sink is done") {
  DeliveryWorld world;
  world.open();
  constexpr std::size_t kRows = 2 * Delivery::kBatchRows + 500;
  for (std::size_t i = 0; i < kRows; ++i) world.add(i + 1, std::to_string(i));
  world.delivery->release(Position{kRows});
  world.pass(1s);
  REQUIRE(world.sink.batches.size() == 1);
  CHECK(world.sink.batches[0].size() == Delivery::kBatchRows);
  CHECK(world.sink.take());
  CHECK(world.sink.batches.size() == 2);
  CHECK(world.sink.take());
  CHECK(world.sink.take());
  CHECK(world.sink.rows().size() == kRows);
  CHECK(world.sink.rows().back() == std::to_string(kRows - 1));
  CHECK(world.delivery->empty());
}

TEST_CASE("delivery: a sink that has been told to close gets nothing more, and what waits is kept") {
  DeliveryWorld world;
  world.open();
  constexpr std::size_t kRows = Delivery::kBatchRows + 500;
  for (std::size_t i = 0; i < kRows; ++i) world.add(i + 1, std::to_string(i));
  world.delivery->release(Position{kRows});
  world.pass(1s);
  REQUIRE(world.sink.batches.size() == 1);
  bool closed = false;
  world.delivery->close([&] { closed = true; });
  CHECK(world.sink.take());  // the batch that was under way
  world.pass(1min);
  CHECK(closed);
  CHECK(world.sink.batches.size() == 1);
  CHECK(world.delivery->report().waiting == kRows - Delivery::kBatchRows);
}

TEST_CASE("delivery: a batch of large results is not larger than a megabyte and one of them") {
  DeliveryWorld world;
  world.open();
  constexpr std::size_t kSize = 400'000;
  for (std::uint64_t i = 1; i <= 5; ++i)
    world.add(i, std::string(kSize, static_cast<char>('a' + static_cast<char>(i))));
  world.delivery->release(Position{5});
  world.pass(1s);
  REQUIRE(world.sink.batches.size() == 1);
  CHECK(world.sink.batches[0].size() == Delivery::kBatchBytes / kSize + 1);
  CHECK(world.sink.take());
  CHECK(world.sink.rows().size() == 5);
}

// interface: sinks.flush
TEST_CASE("delivery: with flush results gather for so long; without it for the checkpoint, or a megabyte") {
  DeliveryWorld timed;
  timed.settings.flush = 300ms;
  timed.open();
  timed.add(1, "one");
  timed.delivery->release(Position{1});
  timed.pass(299ms);
  CHECK(timed.sink.batches.empty());
  timed.pass(1ms);
  CHECK(timed.sink.rows() == Rows{"one"});

  DeliveryWorld waiting;
  waiting.settings.flush.reset();
  waiting.open();
  waiting.add(1, "one");
  waiting.delivery->release(Position{2});
  waiting.pass(1h);
  CHECK(waiting.sink.batches.empty());
  waiting.delivery->flush_through(Position{1});
  CHECK(waiting.sink.rows() == Rows{"one"});
  CHECK(waiting.sink.take());
  waiting.add(2, std::string(Delivery::kEarly, 'x'));
  CHECK(waiting.sink.rows().size() == 2);
}

TEST_CASE("delivery: what the sink holds is skipped, what it does not hold is not") {
  DeliveryWorld world;
  world.begin();
  for (const char* text : {"a", "b", "c", "d"}) world.add(1, text);
  world.sink.answer({{world.schema.channel, DeliveryWorld::mark_after({"a", "b"})}});
  world.delivery->release(Position{1});
  world.pass(1s);
  CHECK(world.sink.rows() == Rows{"c", "d"});
  CHECK(world.diverged.empty());
  CHECK(world.delivery->report().skipped == 2);
}

TEST_CASE("delivery: another chain at the last number that the sink holds is reported") {
  DeliveryWorld world;
  world.open({{world.schema.channel, DeliveryWorld::mark_after({"a", "other"})}});
  for (const char* text : {"a", "b", "c"}) world.add(1, text);
  world.delivery->release(Position{1});
  CHECK(world.diverged == std::vector<ResultNumber>{ResultNumber{2}});
}

TEST_CASE("delivery: marks of another timeline skip nothing") {
  DeliveryWorld world;
  world.open({{world.schema.channel, DeliveryWorld::mark_after({"a", "b"})}});
  world.schema.channel.timeline = Timeline{2};
  world.delivery->assign({}, Timeline{2});
  world.add(1, "a");
  world.delivery->release(Position{1});
  world.pass(1s);
  CHECK(world.sink.rows() == Rows{"a"});
}

TEST_CASE("delivery: it is full by bytes, and no longer when the sink has taken them") {
  DeliveryWorld world;
  world.open();
  world.add(1, std::string(Delivery::kMemory, 'x'));
  CHECK(world.delivery->full());
  world.delivery->release(Position{1});
  const int before = world.progressed;
  CHECK(world.sink.take());
  CHECK_FALSE(world.delivery->full());
  CHECK(world.progressed > before);
}

TEST_CASE("delivery: a checkpoint need not wait for results that may not leave yet") {
  DeliveryWorld world;
  world.open();
  world.add(1, "one");
  CHECK(world.delivery->away());  // position 1 is not released
  world.delivery->release(Position{1});
  CHECK_FALSE(world.delivery->away());
  CHECK_FALSE(world.delivery->delivered_through(Position{1}));
  world.pass(1s);
  CHECK(world.sink.take());
  CHECK(world.delivery->delivered_through(Position{1}));
}

TEST_CASE(
    "delivery: pending rows go into a checkpoint and come back in front of everything, also the batch in "
    "flight") {
  DeliveryWorld world;
  world.open();
  world.add(1, "in flight");
  world.delivery->release(Position{1});
  world.pass(1s);
  REQUIRE(world.sink.done);
  world.add(2, "waiting");
  world.add(3, "after the barrier");
  std::uint64_t count = 0;
  const std::string rows = pending_rows(*world.delivery, Position{2}, count);
  CHECK(count == 2);

  DeliveryWorld next;
  next.make();
  const auto find = [&](const std::string& uid, ChannelKind kind) {
    return uid == "p" && kind == ChannelKind::main ? &next.schema : nullptr;
  };
  next.delivery->take({&next.schema});
  REQUIRE(next.delivery->restore_pending(rows, find));
  next.number = ResultNumber{2};
  next.begin();
  next.add(3, "after the barrier");
  next.delivery->release(Position{3});
  next.sink.answer();
  next.pass(1s);
  CHECK(next.sink.rows() == Rows{"in flight", "waiting", "after the barrier"});
  CHECK(next.sink.numbers == std::vector<ResultNumber>{ResultNumber{1}, ResultNumber{2}, ResultNumber{3}});
}

TEST_CASE("delivery: of pending rows those that the sink has got since are skipped, also after a fork") {
  for (const Timeline present : {Timeline{1}, Timeline{2}}) {
    CAPTURE(present.value);
    DeliveryWorld world;
    world.open();
    for (const char* text : {"a", "b", "c"}) world.add(1, text);
    std::uint64_t count = 0;
    const std::string rows = pending_rows(*world.delivery, Position{1}, count);

    DeliveryWorld next;
    const ChannelId issued = next.schema.channel;
    next.schema.channel.timeline = present;
    next.make();
    next.delivery->take({&next.schema});
    REQUIRE(
        next.delivery->restore_pending(rows, [&](const std::string&, ChannelKind) { return &next.schema; }));
    next.delivery->release(Position{1});
    next.begin();
    next.sink.answer({{issued, DeliveryWorld::mark_after({"a", "b"})}});
    next.pass(1s);
    CHECK(next.sink.rows() == Rows{"c"});
  }
}

TEST_CASE("delivery: a waiting row keeps the timeline that issued it, over any number of checkpoints") {
  DeliveryWorld first;
  first.make();
  first.add(1, "a");
  const ChannelId issued = first.schema.channel;
  std::uint64_t count = 0;
  std::string rows = pending_rows(*first.delivery, Position{1}, count);
  for (std::uint32_t timeline = 2; timeline <= 3; ++timeline) {
    DeliveryWorld next;
    next.schema.channel.timeline = Timeline{timeline};
    next.make();
    next.delivery->take({&next.schema});
    REQUIRE(
        next.delivery->restore_pending(rows, [&](const std::string&, ChannelKind) { return &next.schema; }));
    rows = pending_rows(*next.delivery, Position{1}, count);
  }
  DeliveryWorld last;
  last.schema.channel.timeline = Timeline{3};
  last.make();
  last.delivery->take({&last.schema});
  REQUIRE(
      last.delivery->restore_pending(rows, [&](const std::string&, ChannelKind) { return &last.schema; }));
  last.delivery->release(Position{1});
  last.begin();
  last.sink.answer({{issued, DeliveryWorld::mark_after({"a"})}});
  last.pass(1s);
  CHECK(last.delivery->empty());
  CHECK(last.sink.rows().empty());
}

TEST_CASE("delivery: a result of an entry before the branch is skipped if the sink holds it from before") {
  DeliveryWorld world;
  const ChannelId before = world.schema.channel;
  world.schema.channel.timeline = Timeline{2};
  world.open({{before, DeliveryWorld::mark_after({"a", "b", "left behind"})}});
  world.issued_on = Timeline{1};
  world.add(1, "a");
  world.add(2, "b");
  world.issued_on.reset();
  world.add(3, "other");
  world.delivery->release(Position{3});
  world.pass(1s);
  CHECK(world.sink.rows() == Rows{"other"});
  CHECK(world.diverged.empty());
}

TEST_CASE("delivery: pending rows of a pipeline that is gone are given up, with a line in the log") {
  DeliveryWorld world;
  world.open();
  world.add(1, "a");
  std::uint64_t count = 0;
  const std::string rows = pending_rows(*world.delivery, Position{1}, count);
  DeliveryWorld next;
  next.make();
  REQUIRE(next.delivery->restore_pending(rows, [](const std::string&, ChannelKind) { return nullptr; }));
  CHECK(next.delivery->empty());
  CHECK(next.log.contains("given up"));
  CHECK_FALSE(next.delivery->restore_pending(rows.substr(0, rows.size() - 1),
                                             [](const std::string&, ChannelKind) { return nullptr; }));
}

TEST_CASE(
    "delivery: a sink that holds less than a checkpoint says it got is reported, one that holds it is not") {
  for (const auto& [holds, reported] : {std::pair(2u, true), std::pair(3u, false)}) {
    DeliveryWorld world;
    world.make();
    world.delivery->expect(world.schema.channel, {ResultNumber{3}, 0});
    world.begin();
    world.sink.answer({{world.schema.channel, ChannelMark{ResultNumber{holds}, 0}}});
    CHECK(world.log.contains("results 3 to 3 of p") == reported);
  }
}

TEST_CASE("delivery: a sink that cannot work says why, and its results wait") {
  DeliveryWorld world;
  world.begin();
  world.add(1, "one");
  world.sink.refuse("no such table");
  CHECK(world.failed == "no such table");
  world.delivery->release(Position{1});
  world.pass(1h);
  CHECK(world.sink.batches.empty());
  world.delivery->flush_through(Position{1});
  world.loop.run_ready();
  CHECK(world.delivery->delivered_through(Position{1}));
  CHECK(world.delivery->report().waiting == 1);
  CHECK(world.delivery->report().degraded == "no such table");
}

TEST_CASE(
    "delivery: what a barrier needs of a sink that is away goes to the outbox, and from there in order") {
  DeliveryWorld world;
  world.open();
  world.sink.state = SinkStatus::State::away;
  world.add(1, "in flight");
  world.delivery->release(Position{1});
  world.pass(1s);
  REQUIRE(world.sink.done);
  world.add(2, "waiting");
  world.add(3, "not safe yet");
  world.delivery->release(Position{2});
  CHECK_FALSE(world.delivery->delivered_through(Position{2}));
  world.delivery->flush_through(Position{2});
  world.loop.run_ready();
  CHECK(world.delivery->delivered_through(Position{2}));
  CHECK_FALSE(world.delivery->delivered_through(Position{3}));
  std::uint64_t count = 0;
  pending_rows(*world.delivery, Position{3}, count);
  CHECK(count == 1);
  CHECK(world.delivery->report().waiting == 3);

  world.sink.state = SinkStatus::State::ready;
  world.delivery->release(Position{3});
  while (world.sink.take()) world.pass(1s);
  CHECK(world.sink.rows() == Rows{"in flight", "waiting", "not safe yet"});
  CHECK(world.delivery->report().waiting == 0);
  CHECK(world.delivery->empty());
  CHECK(world.disk->all_files() == std::vector<std::string>{"data/outbox/out/state"});
}

TEST_CASE("delivery: a batch that the sink takes while it is being stored is not sent again") {
  DeliveryWorld world;
  world.open();
  world.sink.state = SinkStatus::State::away;
  for (int i = 1; i <= 3; ++i) world.add(static_cast<std::uint64_t>(i), std::to_string(i));
  world.delivery->release(Position{1});
  world.pass(1s);
  world.lane.hold();
  world.delivery->release(Position{3});
  world.delivery->flush_through(Position{3});
  CHECK(world.sink.take());
  world.lane.release();
  world.sink.state = SinkStatus::State::ready;
  world.pass(1s);
  while (world.sink.take()) world.pass(1s);
  CHECK(world.sink.rows() == Rows{"1", "2", "3"});
  CHECK(world.delivery->report().waiting == 0);
}

TEST_CASE("delivery: what was stored behind a large batch that the sink took meanwhile is sent") {
  DeliveryWorld world;
  world.open();
  Rows rows;
  while (rows.size() < 8000) {
    rows.push_back(std::to_string(rows.size()) + std::string(100, 'x'));
    world.add(rows.size(), rows.back());
  }
  world.delivery->release(Position{8000});
  world.delivery->flush_through(Position{8000});
  world.lane.hold();
  world.pass(Delivery::kPatience + 1s);
  REQUIRE(world.sink.batches.size() == 1);
  REQUIRE(world.lane.waiting() == 1);
  CHECK(world.sink.take());
  world.lane.release();
  world.pass(1s);
  while (world.sink.take()) world.pass(1s);
  CHECK(world.sink.rows() == rows);
  CHECK(world.delivery->report().waiting == 0);
}

TEST_CASE(
    "delivery: results that wait in the outbox come first after a restart, and replayed ones are skipped") {
  for (const bool at_least_once : {false, true}) {
    CAPTURE(at_least_once);
    const DeliveryMode mode = at_least_once ? DeliveryMode::at_least_once : DeliveryMode::exactly_once;
    DeliveryWorld world(mode);
    world.open();
    world.sink.state = SinkStatus::State::away;
    for (int i = 1; i <= 3; ++i) world.add(static_cast<std::uint64_t>(i), std::to_string(i));
    world.delivery->release(Position{3});
    world.delivery->flush_through(Position{3});
    world.loop.run_ready();
    REQUIRE(world.delivery->empty());
    world.delivery.reset();

    DeliveryWorld next(mode);
    next.disk = world.disk->after_crash(Loss::all_unsynced);
    next.begin();
    // The replay makes 2 and 3 again, and 4.
    next.number = ResultNumber{1};
    next.chain = DeliveryWorld::mark_after({"1"}).chain;
    for (int i = 2; i <= 4; ++i) next.add(static_cast<std::uint64_t>(i), std::to_string(i));
    next.delivery->release(Position{4});
    next.sink.cannot_say();
    next.pass(1s);
    while (next.sink.take()) next.pass(1s);
    CHECK(next.sink.rows() ==
          (at_least_once ? Rows{"1", "2", "3", "2", "3", "4"} : Rows{"1", "2", "3", "4"}));
    CHECK(next.diverged.empty());
    CHECK(next.delivery->held(next.schema.channel) == ResultNumber{at_least_once ? 0u : 3u});
  }
}

TEST_CASE(
    "delivery: of the outbox what the sink holds is skipped, and what an abandoned branch left is given up") {
  DeliveryWorld world;
  world.open();
  world.sink.state = SinkStatus::State::away;
  for (int i = 1; i <= 4; ++i) world.add(static_cast<std::uint64_t>(i), std::to_string(i));
  world.delivery->release(Position{4});
  world.delivery->flush_through(Position{4});
  world.loop.run_ready();
  world.delivery.reset();

  DeliveryWorld next;
  const ChannelId before = next.schema.channel;
  next.disk = world.disk->after_crash(Loss::all_unsynced);
  next.schema.channel.timeline = Timeline{2};  // forked at 3
  next.belongs = [](Timeline timeline, Position at) { return timeline != Timeline{1} || at <= Position{3}; };
  next.begin();
  next.sink.answer({{before, DeliveryWorld::mark_after({"1"})}});
  next.delivery->release(Position{2});
  next.pass(1s);
  CHECK(next.sink.rows() == Rows{"2"});  // 3 is not reached by the replay
  next.number = ResultNumber{3};
  next.add(4, "another 4");
  next.delivery->release(Position{4});
  next.pass(1s);
  while (next.sink.take()) next.pass(1s);
  CHECK(next.sink.rows() == Rows{"2", "3", "another 4"});
  CHECK(next.log.contains("abandoned"));
  CHECK(next.delivery->report().waiting == 0);
}

// interface: sinks.buffer
TEST_CASE(
    "delivery: a megabyte for a sink that is away goes to disk, and when that is full memory fills up") {
  DeliveryWorld world;
  world.settings.buffer = 3u << 20;
  world.open();
  world.sink.state = SinkStatus::State::away;
  const std::string big(100'000, 'x');
  std::uint64_t at = 0;
  for (; at < 50 && !world.delivery->full(); ++at) {
    world.add(at + 1, big);
    world.delivery->release(Position{at + 1});
    world.loop.run_ready();
  }
  CHECK_FALSE(world.delivery->full());  // 5 MB: 3 on disk, 2 in memory
  CHECK(world.delivery->report().degraded.find("sinks.out.buffer, 3MiB") != std::string::npos);
  for (; at < 500 && !world.delivery->full(); ++at) {
    world.add(at + 1, big);
    world.delivery->release(Position{at + 1});
    world.loop.run_ready();
  }
  CHECK(world.delivery->full());
  CHECK(at < 130);
  CHECK(world.delivery->limit().find("sinks.out.buffer") != std::string::npos);
  CHECK(world.delivery->away());  // a checkpoint keeps what is in memory
  world.sink.state = SinkStatus::State::ready;
  world.sink.takes_at_once = true;
  world.sink.take();
  world.pass(10s);
  CHECK(world.sink.rows().size() == at);
  CHECK_FALSE(world.delivery->full());
  CHECK(std::ranges::is_sorted(world.sink.numbers));
}

// interface: sinks.full
TEST_CASE(
    "delivery: with drop-oldest a full outbox gives up its oldest results, counted, and nothing stops") {
  DeliveryWorld world;
  world.settings.type = SinkSettings::Type::mqtt;
  world.settings.buffer = 1u << 20;
  world.settings.drop_oldest = true;
  world.open();
  world.sink.state = SinkStatus::State::away;
  const std::string big(10'000, 'x');
  for (std::uint64_t i = 1; i <= 2000; ++i) {
    world.add(i, std::to_string(i) + big);
    world.delivery->release(Position{i});
    world.loop.run_ready();
    REQUIRE_FALSE(world.delivery->full());
  }
  world.delivery->flush_through(Position{2000});
  world.loop.run_ready();
  CHECK(world.log.contains("oldest results are dropped"));
  world.sink.state = SinkStatus::State::ready;
  world.sink.takes_at_once = true;
  world.sink.take();
  world.pass(10s);
  std::uint64_t dropped = 0;
  for (const auto& [name, count] : world.delivery->report().counters)
    if (name == "dropped") dropped = count;
  CHECK(dropped > 1000);
  CHECK(world.sink.numbers.size() + dropped == 2000);
  CHECK(std::ranges::is_sorted(world.sink.numbers));
  CHECK(world.sink.numbers.back() == ResultNumber{2000});
}

TEST_CASE("delivery: a slow sink does not keep a barrier waiting for ever") {
  for (const bool released_first : {true, false}) {
    CAPTURE(released_first);
    DeliveryWorld world;
    world.open();
    world.add(1, "slow");
    if (released_first) world.delivery->release(Position{1});
    world.delivery->flush_through(Position{1});
    if (!released_first) world.delivery->release(Position{1});  // the journal's fsync comes after the barrier
    REQUIRE(world.sink.done);
    CHECK_FALSE(world.delivery->delivered_through(Position{1}));
    const int before = world.progressed;
    world.pass(Delivery::kPatience + 200ms);
    CHECK(world.delivery->delivered_through(Position{1}));
    CHECK(world.progressed > before);
    CHECK(world.sink.take());
    world.pass(1min);
    CHECK(world.sink.rows() == Rows{"slow"});
  }
}

TEST_CASE(
    "delivery: an outbox that cannot be written leaves its results to the checkpoint, and is tried again") {
  DeliveryWorld world;
  world.open();
  world.sink.state = SinkStatus::State::away;
  world.add(1, "one");
  world.disk->fail({.operation = FaultFiles::Operation::any, .times = 1000, .no_space = true});
  world.delivery->release(Position{1});
  world.delivery->flush_through(Position{1});
  world.loop.run_ready();
  CHECK(world.delivery->away());
  CHECK_FALSE(world.delivery->report().degraded.empty());
  world.disk->heal();
  world.pass(1min);
  CHECK(world.delivery->delivered_through(Position{1}));
  CHECK(world.delivery->report().degraded.empty());
}

TEST_CASE("delivery: results that an older copy of the outbox lacks are reported") {
  DeliveryWorld world;
  world.make().expect_stored(5, 8);
  world.begin();
  CHECK(world.log.contains("3 results that waited"));
}

}  // namespace
}  // namespace tidemark
