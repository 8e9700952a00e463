#include <doctest/doctest.h>

#include "support/fake_platform.h"
#include "support/source_intake.h"

namespace tidemark {
namespace {

using Records = std::vector<std::string>;

struct InputWorld {
  InputWorld() {
    settings.name = "in";
    settings.type = SourceSettings::Type::standard_input;
    source = make_source({.platform = doors.platform,
                          .settings = settings,
                          .limits = limits,
                          .intake = intake,
                          .client_id = {},
                          .longest_hold = 200ms});
    intake.source = source.get();
    CHECK(source->start().has_value());
  }
  void run() { doors.loop.run_ready(); }

  FakePlatform doors;
  SourceSettings settings;
  LimitSettings limits;
  FakeIntake intake;
  std::unique_ptr<Source> source;
};

TEST_CASE("stdin: lines to the end of the input, the last one also without a newline") {
  InputWorld world;
  world.doors.network.standard_input_peer().send("one\n\ntw");
  world.doors.network.standard_input_peer().send("o\nthree");
  world.run();
  CHECK(world.intake.records() == Records{"one", "two"});
  world.doors.network.standard_input_peer().close();
  world.run();
  CHECK(world.intake.records() == Records{"one", "two", "three"});
  CHECK(world.intake.ends == 1);
  CHECK(world.source->status().state == SourceStatus::State::ended);
}

TEST_CASE("stdin: a closed intake stops the reading until resume") {
  InputWorld world;
  world.intake.close_after = 1;
  world.doors.network.standard_input_peer().send("one\n");
  world.doors.network.standard_input_peer().send("two\n");
  world.run();
  CHECK(world.intake.records() == Records{"one"});
  world.source->resume();
  world.run();
  CHECK(world.intake.records() == Records{"one"});  // still closed
  world.intake.is_open = true;
  world.source->resume();
  world.run();
  CHECK(world.intake.records() == Records{"one", "two"});
}

TEST_CASE("stdin: stop is done when everything read is safe") {
  InputWorld world;
  world.doors.network.standard_input_peer().send("one\n");
  world.run();
  bool done = false;
  world.source->stop([&] { done = true; });
  world.run();
  CHECK_FALSE(done);
  world.intake.make_safe();
  world.run();
  CHECK(done);
}

}  // namespace
}  // namespace tidemark
