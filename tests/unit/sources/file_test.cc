#include <doctest/doctest.h>

#include "support/fake_platform.h"
#include "support/source_intake.h"

namespace tidemark {
namespace {

using Records = std::vector<std::string>;

struct FileWorld {
  FileWorld() {
    settings.name = "log";
    settings.type = SourceSettings::Type::file;
    settings.path.value = "/in.txt";
  }
  Status start() {
    source = make_source({.platform = doors.platform,
                          .settings = settings,
                          .limits = limits,
                          .intake = intake,
                          .client_id = {},
                          .longest_hold = 200ms});
    FakeIntake::replay(intake.appended, *source);
    intake.source = source.get();
    Status started = source->start();
    return started;
  }
  void run() { doors.loop.run_ready(); }
  void crash(Position kept) {
    source.reset();
    intake.crash(kept);
  }

  FakePlatform doors;
  SourceSettings settings;
  LimitSettings limits;
  FakeIntake intake;
  std::unique_ptr<Source> source;
};

TEST_CASE(
    "file: every line is a record, the last one also without a newline, and then the source has ended") {
  FileWorld world;
  world.doors.disk->put("/in.txt", "one\n\ntwo\r\nthree");
  REQUIRE(world.start());
  world.run();
  CHECK(world.intake.records() == Records{"one", "two", "three"});
  CHECK(world.intake.ends == 1);
  CHECK(world.source->status().state == SourceStatus::State::ended);
}

TEST_CASE("file: one that is not there is an error of the start") {
  FileWorld world;
  const Status started = world.start();
  REQUIRE_FALSE(started.has_value());
  CHECK(started.error().message.find("in.txt") != std::string::npos);
}

TEST_CASE("file: after a crash at any entry reading goes on so that every line is there once") {
  std::string content;
  Records lines;
  for (int i = 0; i < 40; ++i) {
    lines.push_back("line " + std::to_string(i));
    content += lines.back() + (i % 3 == 0 ? "\r\n" : "\n") + (i % 4 == 0 ? "\n" : "");
  }
  lines.push_back("last");
  content += "last";
  for (std::uint64_t kept = 0; kept <= lines.size() + 1; ++kept) {
    CAPTURE(kept);
    FileWorld world;
    world.doors.disk->put("/in.txt", content);
    REQUIRE(world.start());
    world.run();
    world.crash(Position{kept});
    REQUIRE(world.start());
    world.run();
    CHECK(world.intake.records() == lines);
    CHECK(world.intake.ends == 2);
  }
}

TEST_CASE("file: large ones come in pieces, and reading stops while the intake is closed") {
  FileWorld world;
  std::string content;
  for (int i = 0; i < 100'000; ++i) content += "line " + std::to_string(i) + "\n";
  world.doors.disk->put("/in.txt", content);
  world.intake.close_after = 10;
  REQUIRE(world.start());
  world.run();
  const std::size_t first = world.intake.records().size();
  CHECK(first > 10'000);
  CHECK(first < 60'000);
  CHECK(world.source->status().state == SourceStatus::State::paused);
  world.intake.is_open = true;
  world.source->resume();
  world.run();
  CHECK(world.intake.records().size() == 100'000);
}

TEST_CASE("file: another file under the name is read from its beginning, with a warning") {
  for (const bool same_inode : {false, true}) {
    FileWorld world;
    world.doors.disk->put("/in.txt", "one\ntwo\nthree\n");
    REQUIRE(world.start());
    world.run();
    world.crash(world.intake.last());
    if (!same_inode) world.doors.disk->erase("/in.txt");
    world.doors.disk->put("/in.txt", "four\nfive\nsix\nseven\n");
    REQUIRE(world.start());
    world.run();
    CHECK(world.intake.records() == Records{"one", "two", "three", "four", "five", "six", "seven"});
    CHECK(world.doors.log.contains("not the file"));
  }
}

TEST_CASE("file: one that has grown since goes on where it ended, one that was cut begins anew") {
  FileWorld world;
  world.doors.disk->put("/in.txt", "one\ntwo\n");
  REQUIRE(world.start());
  world.run();
  world.crash(world.intake.last());
  auto file = world.doors.disk->open("/in.txt", Files::Open::write);
  REQUIRE((*file)->write_at(8, "three\n"));
  REQUIRE(world.start());
  world.run();
  CHECK(world.intake.records() == Records{"one", "two", "three"});
  world.crash(world.intake.last());
  REQUIRE((*file)->truncate(4));
  REQUIRE(world.start());
  world.run();
  CHECK(world.intake.records() == Records{"one", "two", "three", "one"});
}

TEST_CASE("file: a read that fails is tried again and reported") {
  FileWorld world;
  world.doors.disk->put("/in.txt", "one\n");
  REQUIRE(world.start());
  world.source.reset();
  world.doors.bulk_lane.hold();
  world.intake.crash(Position{0});
  REQUIRE(world.start());
  world.doors.disk->fail({.operation = FaultFiles::Operation::read, .times = 2});
  world.doors.bulk_lane.release();
  world.run();
  CHECK_FALSE(world.source->status().degraded.empty());
  world.doors.loop.advance(10s);
  CHECK(world.intake.records() == Records{"one"});
  CHECK(world.source->status().degraded.empty());
}

TEST_CASE("file: a stop in the middle of a read is done when everything is safe") {
  FileWorld world;
  world.doors.disk->put("/in.txt", "one\n");
  world.doors.bulk_lane.hold();
  REQUIRE(world.start());
  bool done = false;
  world.source->stop([&] { done = true; });
  world.doors.bulk_lane.release();
  world.run();
  CHECK_FALSE(done);
  world.intake.make_safe();
  world.run();
  CHECK(done);
  CHECK(world.intake.records().empty());
}

}  // namespace
}  // namespace tidemark
