// Results of an earlier configuration, before those of the present one, to a sink that may not take both
// alike.
#include <doctest/doctest.h>

#include "base/checksum.h"
#include "base/format.h"
#include "fake_sink.h"
#include "pipeline/delivery.h"
#include "pipeline/result_codec.h"
#include "support/fake_lane.h"
#include "support/fake_log.h"
#include "support/fake_loop.h"
#include "support/fault_files.h"

namespace tidemark {
namespace {

using Rows = std::vector<std::string>;

struct World {
  explicit World(bool gives_up = false) {
    settings.name = "out";
    settings.type = SinkSettings::Type::mqtt;
    present.channel = {.lineage = {}, .timeline = Timeline{1}, .uid = "p", .kind = ChannelKind::main};
    present.pipeline = "p";
    present.columns = {{"new"}};
    older = present;
    older.columns = {{"old"}};
    oldest = present;
    oldest.columns = {{"oldest"}};
    make(gives_up);
  }
  void make(bool gives_up = false) {
    delivery = std::make_unique<Delivery>(
        Delivery::Doors{loop, log, disk, lane}, settings,
        Delivery::Options{
            .outbox_folder = "/data/outbox/out", .id_prefix = "node", .gives_up_unfit = gives_up},
        [this] { return std::make_unique<FakeSink>(sink); },
        Delivery::Events{.progress = [] {},
                         .diverged = [](const ResultSchema&, ResultNumber) {},
                         .failed = [this](const Error& error) { failed = error.message; }});
    delivery->open({&present});
    loop.run_ready();
  }
  void add(const ResultSchema& schema, const std::string& text) {
    Encoder bytes;
    encode_values(bytes, std::vector{Value::text(text)});
    number = number.next();
    chain = chain_hash(chain, bytes.view());
    delivery->add({.schema = &schema,
                   .sinks = {},
                   .number = number,
                   .chain = chain,
                   .position = Position{number.value},
                   .bytes = bytes.view()});
  }
  // The sink is asked to open; what it says, form after form, until nothing is asked any more.
  void answer(const std::function<bool(const std::string& form)>& takes) {
    for (int i = 0; i < 50; ++i) {
      loop.run_ready();
      if (sink.opened && takes(sink.forms.back()))
        sink.cannot_say();
      else if (sink.opened)
        sink.refuse("columns differ");
      sink.take();
    }
  }

  FakeClock clock;
  FakeLoop loop{clock};
  InlineLane lane{loop};
  FakeLog log;
  FaultFiles disk;
  SinkSettings settings;
  ResultSchema present, older, oldest;
  FakeSink::Script sink;
  std::unique_ptr<Delivery> delivery;
  ResultNumber number;
  std::uint64_t chain = 0;
  std::string failed;
};

bool one_form(const std::string& form) {
  return !form.contains(' ');
}
bool any_form(const std::string&) {
  return true;
}

TEST_CASE(
    "delivery: results of an earlier form go first, together with the present ones where the sink takes "
    "both") {
  World world;
  world.answer(any_form);
  world.add(world.older, "a");
  world.add(world.present, "b");
  world.delivery->release(Position{2});
  world.answer(any_form);
  CHECK(world.sink.rows() == Rows{"a", "b"});
  CHECK(world.sink.forms == Rows{"new", "new old"});
  CHECK(world.delivery->empty());
}

TEST_CASE(
    "delivery: where it does not, it is opened for one form after another, in the order of the results") {
  World world;
  world.answer(one_form);
  world.add(world.oldest, "a");
  world.add(world.oldest, "b");
  world.add(world.older, "c");
  world.add(world.present, "d");
  world.delivery->release(Position{4});
  world.settings.format = FormatSettings::Type::json;
  world.answer(one_form);
  CHECK(world.sink.rows() == Rows{"a", "b", "c", "d"});
  CHECK(world.failed.empty());
  CHECK(world.sink.forms.back() == "new");
}

TEST_CASE("delivery: the same over an outbox and a restart, where the present form is tried alone first") {
  World world;
  world.sink.state = SinkStatus::State::away;
  world.add(world.older, "a");
  world.add(world.present, "b");
  world.delivery->release(Position{2});
  world.delivery->flush_through(Position{2});
  world.loop.run_ready();
  CHECK(world.delivery->empty());  // it stands on disk
  world.delivery.reset();
  world.sink = {};
  world.make();
  world.delivery->release(Position{2});
  world.answer(one_form);
  CHECK(world.sink.rows() == Rows{"a", "b"});
  CHECK(world.sink.forms == Rows{"new old", "new", "old", "new"});
  CHECK(world.delivery->drained());
}

TEST_CASE("delivery: a form that cannot be taken is an error that names the ways out, and nothing is lost") {
  World world;
  const auto takes = [](const std::string& form) { return form == "new"; };
  world.answer(takes);
  world.add(world.older, "a");
  world.add(world.present, "b");
  world.delivery->release(Position{2});
  world.answer(takes);
  CHECK(world.sink.rows().empty());
  CHECK(world.failed.contains("results of \"p\" that wait for it were made by an earlier configuration"));
  CHECK(world.failed.contains("columns differ"));
  CHECK(world.failed.contains("tidemark run --allow-non-restored-state"));
  REQUIRE(world.delivery->failure());
  CHECK(world.delivery->failure()->kind == Error::Kind::usage);
  CHECK(world.delivery->report().waiting == 2);
}

TEST_CASE("delivery: asked to, it gives up what cannot be taken, counted, and the others arrive") {
  for (const bool stored : {false, true}) {
    World world(true);
    const auto takes = [](const std::string& form) { return form == "new" || form == "oldest"; };
    if (stored)
      world.sink.state = SinkStatus::State::away;
    else
      world.answer(takes);
    world.add(world.older, "a");
    world.add(world.older, "b");
    world.add(world.oldest, "c");
    world.add(world.present, "d");
    world.delivery->release(Position{4});
    world.delivery->flush_through(Position{4});
    world.loop.run_ready();
    world.sink.state = SinkStatus::State::ready;
    world.answer(takes);
    CHECK(world.sink.rows() == Rows{"c", "d"});
    CHECK(world.failed.empty());
    CHECK(world.log.contains("they are given up"));
    CHECK(world.delivery->drained());
    bool counted = false;
    for (const auto& [name, count] : world.delivery->report().counters)
      if (name == "given up") counted = count == 2;
    CHECK(counted);
  }
}

TEST_CASE("delivery: a sink that cannot work with the present form is a mistake of the configuration") {
  World world;
  world.answer([](const std::string&) { return false; });
  REQUIRE(world.delivery->failure());
  CHECK(world.failed == "columns differ");
}

TEST_CASE("delivery: closed while it takes turns, it opens nothing more") {
  World world;
  world.answer(any_form);
  world.add(world.older, "a");
  world.delivery->release(Position{1});
  int closed = 0;
  world.delivery->close([&] { ++closed; });
  world.loop.advance(1s);
  CHECK(closed == 1);
  CHECK(world.sink.forms == Rows{"new"});
}

}  // namespace
}  // namespace tidemark
