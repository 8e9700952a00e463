// The small parts of pipeline/: numbers and chains, the codec of results, the ordered drain, identity, what
// is set aside, the order of pipelines.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>

#include "base/format.h"
#include "pipeline/channel.h"
#include "pipeline/identity.h"
#include "pipeline/ordered_drain.h"
#include "pipeline/result_codec.h"
#include "pipeline/set_aside.h"
#include "pipeline/topology.h"
#include "support/fake_random.h"
#include "support/fault_files.h"
#include "support/simulation.h"
#include "support/source_tree.h"

namespace tidemark {
namespace {

// ---- result_codec

TEST_CASE("result codec: values of every type come back as they went in") {
  const std::vector<Value> values{
      Value::null(),         Value::boolean(true),
      Value::boolean(false), Value::integer(std::numeric_limits<std::int64_t>::min()),
      Value::real(-0.0),     Value::real(std::nan("")),
      Value::text(""),       Value::text(std::string_view("a\0b", 3))};
  Encoder out;
  encode_values(out, values);
  std::vector<Value> back(values.size());
  REQUIRE(decode_values(out.view(), back));
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(same_value(values[i], back[i]));
  CHECK(std::signbit(back[4].as_real()));
}

TEST_CASE("result codec: bytes that hold other than the values asked for are refused") {
  Encoder out;
  encode_values(out, std::vector{Value::integer(1), Value::text("abc")});
  std::vector<Value> one(1), three(3), two(2);
  CHECK_FALSE(decode_values(out.view(), one));
  CHECK_FALSE(decode_values(out.view(), three));
  for (std::size_t size = 0; size < out.size(); ++size)
    CHECK_FALSE(decode_values(out.view().substr(0, size), two));
  CHECK_FALSE(decode_values("\x09", one));
}

// ---- channel

struct CollectedMarks final : EngineOutput {
  void result(const Emission& emission) override { marks.push_back({emission.number, emission.chain}); }
  bool full() const override { return false; }
  void noticed(std::string_view, std::string_view, std::string_view) override {}
  std::vector<ChannelMark> marks;
};

ResultSchema schema_of(std::size_t columns) {
  ResultSchema schema;
  for (std::size_t i = 0; i < columns; ++i) schema.columns.push_back({format("c{}", i)});
  return schema;
}

TEST_CASE("channel: results are numbered from 1, and the chain depends on all of them and their order") {
  CollectedMarks output;
  const ResultSchema schema = schema_of(1);
  Channel a(schema, {0}, output), b(schema, {0}, output);
  for (const int v : {1, 2}) a.emit(Position{7}, std::vector{Value::integer(v)});
  for (const int v : {2, 1}) b.emit(Position{7}, std::vector{Value::integer(v)});
  CHECK(output.marks[0].number == ResultNumber{1});
  CHECK(a.mark().number == ResultNumber{2});
  CHECK(a.mark().chain != b.mark().chain);
}

TEST_CASE("channel: saved and loaded it numbers on, with the same chain") {
  CollectedMarks output;
  const ResultSchema schema = schema_of(1);
  Channel a(schema, {0}, output), b(schema, {0}, output);
  a.emit(Position{1}, std::vector{Value::text("x")});
  Encoder out;
  a.save(out);
  Decoder in(out.view());
  REQUIRE(b.load(in));
  a.emit(Position{2}, std::vector{Value::text("y")});
  b.emit(Position{2}, std::vector{Value::text("y")});
  CHECK(a.mark().number == b.mark().number);
  CHECK(a.mark().chain == b.mark().chain);
}

TEST_CASE("channel: without a sink nothing is numbered") {
  CollectedMarks output;
  const ResultSchema schema = schema_of(1);
  Channel nobody(schema, {}, output);
  nobody.emit(Position{1}, std::vector{Value::integer(1)});
  CHECK(nobody.mark().number == ResultNumber{});
  CHECK(output.marks.empty());
}

// ---- ordered_drain

class NoPayload final : public PayloadCodec {
 public:
  std::size_t size() const override { return 8; }
  void create(std::byte*) const override {}
  void destroy(std::byte*) const override {}
  void save(const std::byte*, Encoder&) const override {}
  bool load(Decoder&, std::byte*) const override { return true; }
  std::size_t heap_bytes(const std::byte*) const override { return 0; }
};

TEST_CASE("ordered drain: entries come in key order, whatever their number, and preparing is bounded") {
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, OrderedDrain::kRun, OrderedDrain::kRun + 1,
                                  3 * OrderedDrain::kRun + 17}) {
    CAPTURE(count);
    EntryTable table(std::make_unique<NoPayload>(), 5);
    FakeRandom random(count);
    EntryList entries;
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string key = format("{:x}-{}", random.next() % 1000, i);
      entries.push_back(table, table.find_or_create(key).first);
      keys.push_back(key);
    }
    std::sort(keys.begin(), keys.end());
    OrderedDrain drain;
    drain.start(std::move(entries));
    std::size_t steps = 0;
    while (const std::size_t entries_of_step = drain.unprepared()) {
      CHECK(entries_of_step <= OrderedDrain::kRun);
      drain.prepare();
      ++steps;
    }
    CHECK(steps <= count / OrderedDrain::kRun + 1);
    std::vector<std::string> got;
    while (!drain.done()) got.emplace_back(EntryTable::key(drain.next()));
    CHECK(got == keys);
    CHECK(drain.finish().size() == count);
  }
}

TEST_CASE("key_sort: in the order of the bytes, whatever the keys have in common and wherever they end") {
  FakeRandom random(7);
  const auto text = [&](std::size_t size, unsigned letters) {
    std::string out;
    for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<char>(random.next() % letters));
    return out;
  };
  struct Kind {
    const char* name;
    std::function<std::string(std::size_t i)> key;
  };
  const Kind kinds[] = {
      {"random bytes", [&](std::size_t) { return text(random.next() % 40, 256); }},
      {"few letters, many ends", [&](std::size_t) { return text(random.next() % 30, 2); }},
      {"each the beginning of the next", [&](std::size_t i) { return std::string(i, 'a'); }},
      {"alike for long", [&](std::size_t i) { return std::string(200, 'x') + format("{}", i); }},
      {"zeros", [&](std::size_t i) { return std::string(i % 100, '\0') + format("{}", i / 100); }},
      {"texts between", [&](std::size_t) { return "hall-" + text(2, 4) + "/press-" + text(6, 10); }}};
  for (const Kind& kind : kinds)
    for (const std::size_t count :
         {std::size_t{0}, std::size_t{1}, std::size_t{33}, std::size_t{500}, std::size_t{5000}}) {
      CAPTURE(kind.name);
      CAPTURE(count);
      EntryTable table(std::make_unique<NoPayload>(), 5);
      std::vector<EntryTable::Entry*> entries;
      std::vector<std::string> keys;
      for (std::size_t i = 0; i < count; ++i) {
        const auto [entry, is_new] = table.find_or_create(kind.key(i));
        if (!is_new) continue;
        entries.push_back(entry);
        keys.emplace_back(EntryTable::key(entry));
      }
      std::ranges::sort(keys);
      KeySort().sort(entries);
      std::vector<std::string> got;
      for (const EntryTable::Entry* entry : entries) got.emplace_back(EntryTable::key(entry));
      CHECK(got == keys);
    }
}

// ---- identity

TEST_CASE("identity: it comes back from the disk as it was written") {
  FaultFiles disk;
  REQUIRE(disk.make_directories("/data"));
  FakeRandom random(3);
  Identity identity = new_identity(random, std::nullopt);
  identity.run = RunId{7};
  identity.next_checkpoint = CheckpointId{42};
  identity.ancestry = identity.ancestry.forked(Position{100}).forked(Position{250});
  identity.accepted = "run --from chk-7";
  identity.restore = RestoreOrder{.checkpoint = CheckpointId{7},
                                  .follow = RestoreOrder::Follow::until_time,
                                  .until_time = time_from_ns<JournalTime>(-5),
                                  .until_position = Position{9},
                                  .begun = true,
                                  .savepoint = RestoreOrder::Savepoint::foreign,
                                  .savepoint_name = "/media/a.savepoint"};
  const std::string id = client_id_of(identity, "sources.plant", random);
  REQUIRE(write_identity(disk, "/data", identity));
  auto back = read_identity(disk, "/data");
  REQUIRE(back);
  CHECK(back->lineage == identity.lineage);
  CHECK(back->run == RunId{7});
  CHECK(back->next_checkpoint == CheckpointId{42});
  CHECK(back->ancestry.current() == Timeline{3});
  CHECK(back->ancestry.contains(Timeline{1}, Position{100}));
  CHECK_FALSE(back->ancestry.contains(Timeline{1}, Position{101}));
  CHECK(back->accepted == "run --from chk-7");
  CHECK(encode_identity(*back) == encode_identity(identity));
  REQUIRE(back->restore);
  CHECK(back->restore->savepoint_name == "/media/a.savepoint");
  CHECK(to_ns(back->restore->until_time) == -5);
  CHECK_FALSE(back->ended);
  CHECK(client_id_of(*back, "sources.plant", random) == id);
  CHECK(client_id_of(*back, "sources.other", random) != id);
}

TEST_CASE("identity: a lineage file of version 1 is read") {
  const std::string path = source_tree() + "/tests/golden/v1/lineage";
  Identity identity;
  for (std::size_t i = 0; i < identity.lineage.bytes.size(); ++i)
    identity.lineage.bytes[i] = static_cast<std::uint8_t>(i);
  identity.run = RunId{9};
  identity.next_checkpoint = CheckpointId{42};
  identity.ancestry = Ancestry().forked(Position{100}).forked(Timeline{1}, Position{150});
  identity.accepted = "run --from chk-7";
  identity.client_ids = {{"sources.plant", "tidemark-0011223344556677"}};
  identity.restore = RestoreOrder{.checkpoint = CheckpointId{7},
                                  .follow = RestoreOrder::Follow::until_time,
                                  .until_time = time_from_ns<JournalTime>(1'740'830'400'000'000'000),
                                  .savepoint = RestoreOrder::Savepoint::own,
                                  .savepoint_name = "night.savepoint"};
  if (std::getenv("TIDEMARK_WRITE_GOLDEN"))
    std::ofstream(path, std::ios::binary) << encode_identity(identity);
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const auto read = decode_identity(bytes);
  REQUIRE(read);
  CHECK(read->ancestry.current() == Timeline{3});
  CHECK(read->ancestry.contains(Timeline{1}, Position{150}));
  CHECK(read->client_ids == identity.client_ids);
  REQUIRE(read->restore);
  CHECK(read->restore->savepoint_name == "night.savepoint");
  CHECK(encode_identity(*read) == encode_identity(identity));
}

TEST_CASE("identity: damage is seen in every byte, and the message names the file and the way on") {
  FaultFiles disk;
  REQUIRE(disk.make_directories("/data"));
  FakeRandom random(3);
  const std::string good = encode_identity(new_identity(random, std::nullopt));
  for (std::size_t at = 0; at <= good.size(); ++at) {
    std::string bytes = at == good.size() ? good + "x" : good;
    if (at < good.size()) bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
    disk.put("/data/lineage", bytes);
    const auto read = read_identity(disk, "/data");
    CAPTURE(at);
    REQUIRE_FALSE(read);
    CHECK(read.error().message.contains("/data/lineage"));
  }
  disk.put("/data/lineage", good.substr(0, 20));
  const auto read = read_identity(disk, "/data");
  REQUIRE_FALSE(read);
  CHECK(read.error().kind == Error::Kind::corrupt);
  CHECK(read.error().message.contains("tidemark run --from none"));
}

TEST_CASE("identity: a new lineage has another id, and counts runs, checkpoints and clients on") {
  FakeRandom random(9);
  Identity first = new_identity(random, std::nullopt);
  first.run = RunId{5};
  first.next_checkpoint = CheckpointId{11};
  first.ancestry = first.ancestry.forked(Position{1});
  first.client_ids["sources.plant"] = "me";
  const Identity second = new_identity(random, first);
  CHECK(second.lineage != first.lineage);
  CHECK(second.run == RunId{5});
  CHECK(second.next_checkpoint == CheckpointId{11});
  CHECK(second.ancestry.current() == Timeline{1});
  CHECK(second.client_ids == first.client_ids);
}

// ---- set_aside

void put_state(FaultFiles& disk, const std::string& mark) {
  for (const char* path :
       {"/data/journal/0000000001", "/data/checkpoints/shared/1-1-1", "/data/checkpoints/chk-1/manifest"}) {
    REQUIRE(disk.make_directories(parent_path(path)));
    disk.put(path, mark);
  }
  disk.put("/data/lineage", "stays");
}

TEST_CASE("set aside: one older generation is kept, and a crash at any operation can be repeated") {
  for (std::uint64_t cut = 1;; ++cut) {
    auto disk = std::make_unique<FaultFiles>();
    put_state(*disk, "older");
    REQUIRE(set_aside_state(*disk, "/data"));
    put_state(*disk, "newer");
    disk->crash_at(disk->operations() + cut);
    const bool whole = set_aside_state(*disk, "/data").has_value();
    CAPTURE(cut);
    // A rename of a folder is lost whole or not at all, also between two folders.
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      const auto left = disk->after_crash(seed == 0 ? Loss::none : Loss::random, seed);
      REQUIRE(set_aside_state(*left, "/data"));
      CHECK_FALSE(left->exists("/data/journal"));
      CHECK_FALSE(left->exists("/data/checkpoints"));
      CHECK(left->content("/data/previous/journal/0000000001") == "newer");
      CHECK(left->content("/data/lineage") == "stays");
    }
    if (whole) break;
  }
}

TEST_CASE("delete state: at no moment does a journal stay behind without what it continues") {
  for (std::uint64_t cut = 1;; ++cut) {
    auto disk = std::make_unique<FaultFiles>();
    put_state(*disk, "x");
    disk->crash_at(disk->operations() + cut);
    const bool whole = delete_state(*disk, "/data").has_value();
    const auto left = disk->after_crash(Loss::all_unsynced);
    CAPTURE(cut);
    if (!left->exists("/data/checkpoints/chk-1/manifest"))
      CHECK_FALSE(left->exists("/data/journal/0000000001"));
    if (whole) break;
  }
}

// ---- topology

TEST_CASE("topology: what is read runs before what reads it, by name among equals") {
  auto settings = settings_of(R"(
[node]
name = "test"
data_dir = "/data"
[sources.s]
type = "stdin"
format = "json"
[pipelines.alpha]
from = ["omega", "s"]
select = ["x"]
[pipelines.beta]
from = ["s"]
select = ["x"]
[pipelines.omega]
from = ["beta"]
select = ["x"]
[pipelines.zeta]
from = ["s"]
select = ["x"]
)");
  REQUIRE_MESSAGE(settings, settings.error().message);
  Diagnostics diagnostics;
  const auto plan = make_plan(*settings, diagnostics);
  REQUIRE_MESSAGE(plan, diagnostics.to_text());
  std::vector<std::string> order;
  for (const std::size_t i : plan->order) order.push_back(settings->pipelines[i].name);
  CHECK(order == std::vector<std::string>{"beta", "omega", "alpha", "zeta"});
  CHECK(plan->sources[0].readers.size() == 3);
  CHECK(plan->pipelines[1].readers == std::vector<std::size_t>{2});
}

}  // namespace
}  // namespace tidemark
