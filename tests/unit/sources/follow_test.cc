#include <doctest/doctest.h>

#include "base/format.h"
#include "support/fake_platform.h"
#include "support/source_intake.h"

namespace tidemark {
namespace {

using Records = std::vector<std::string>;
constexpr const char* kPath = "/log/app.log";

struct FollowWorld {
  FollowWorld() {
    settings.name = "app";
    settings.type = SourceSettings::Type::file;
    settings.path.value = kPath;
    settings.follow = true;
    CHECK(doors.disk->make_directories("/log").has_value());
  }
  void start() {
    source = make_source({.platform = doors.platform,
                          .settings = settings,
                          .limits = limits,
                          .intake = intake,
                          .client_id = {},
                          .longest_hold = 200ms});
    FakeIntake::replay(intake.appended, *source);
    intake.source = source.get();
    CHECK(source->start().has_value());
    doors.loop.run_ready();
  }
  void crash(Position kept) {
    source.reset();
    intake.crash(kept);
    doors.loop.run_ready();
  }
  void append(const std::string& path, std::string_view bytes) {
    auto file = doors.disk->open(path, Files::Open::create);
    REQUIRE(file.has_value());
    REQUIRE((*file)->write_at((*file)->status()->size, bytes));
  }
  void append(std::string_view bytes) { append(kPath, bytes); }
  void rename(const std::string& from, const std::string& to) { REQUIRE(doors.disk->rename(from, to)); }
  // Long enough for a look, and for a rotated file to be given up.
  void wait() { doors.loop.advance(5s); }
  std::uint64_t counter(std::string_view name) const {
    for (const auto& [its, value] : source->status().counters) {
      if (its == name) return value;
    }
    return 0;
  }

  FakePlatform doors;
  SourceSettings settings;
  LimitSettings limits;
  FakeIntake intake;
  std::unique_ptr<Source> source;
};

TEST_CASE("follow: what is added becomes records, a line only once its newline is there") {
  FollowWorld world;
  world.append("one\n\ntw");
  world.start();
  CHECK(world.intake.records() == Records{"one"});
  world.append("o");
  world.wait();
  CHECK(world.intake.records() == Records{"one"});
  world.append("\r\nthree\n");
  world.wait();
  CHECK(world.intake.records() == Records{"one", "two", "three"});
  CHECK(world.intake.ends == 0);
}

TEST_CASE("follow: a file that is not there yet is waited for") {
  FollowWorld world;
  world.start();
  CHECK(world.source->status().state == SourceStatus::State::waiting);
  CHECK(world.source->status().detail.find(kPath) != std::string::npos);
  world.wait();
  world.append("one\n");
  world.wait();
  CHECK(world.intake.records() == Records{"one"});
  CHECK(world.source->status().state == SourceStatus::State::connected);
}

TEST_CASE("follow: a folder in the place of the file is an error of the start") {
  FollowWorld world;
  world.settings.path.value = "/log";
  const auto source = make_source({.platform = world.doors.platform,
                                   .settings = world.settings,
                                   .limits = world.limits,
                                   .intake = world.intake,
                                   .client_id = {},
                                   .longest_hold = 200ms});
  CHECK_FALSE(source->start().has_value());
}

TEST_CASE("follow: a renamed file is read to its end, late additions included, before the new one") {
  FollowWorld world;
  world.append("1\n");
  world.start();
  world.append("2\n");
  world.rename(kPath, "/log/app.log.1");
  world.append("4\n");
  world.doors.loop.advance(300ms);
  world.append("/log/app.log.1", "3\n");  // by a writer that still has it open
  world.wait();
  CHECK(world.intake.records() == Records{"1", "2", "3", "4"});
  CHECK(world.counter("rotations") == 1);
  world.append("5\n");
  world.wait();
  CHECK(world.intake.records().back() == "5");
}

TEST_CASE("follow: of several rotations between two looks none is missed") {
  FollowWorld world;
  world.append("1\n");
  world.start();
  world.rename(kPath, "/log/app.log.1");
  world.append("2\n");
  world.rename("/log/app.log.1", "/log/app.log.2");
  world.rename(kPath, "/log/app.log.1");
  world.append("3\n");
  world.wait();
  world.wait();
  CHECK(world.intake.records() == Records{"1", "2", "3"});
}

TEST_CASE("follow: rotations go on while those before are read, and none is missed") {
  FollowWorld world;
  Records lines;
  const auto line = [&] {
    lines.push_back("line " + std::to_string(lines.size()));
    return lines.back() + "\n";
  };
  const auto rotate = [&] {
    int last = 0;
    while (world.doors.disk->exists(format("{}.{}", kPath, last + 1))) ++last;
    for (; last > 0; --last) world.rename(format("{}.{}", kPath, last), format("{}.{}", kPath, last + 1));
    world.rename(kPath, format("{}.1", kPath));
    world.append(line());
  };
  world.append(line());
  world.start();
  for (int rotations = 0; rotations < 6; ++rotations) rotate();
  // It reads one a second: behind all of them, more come.
  for (int rotations = 0; rotations < 8; ++rotations) {
    world.doors.loop.advance(700ms);
    rotate();
    world.append(line());
  }
  for (int i = 0; i < 5; ++i) world.wait();
  CHECK(world.intake.records() == lines);
  CHECK(world.counter("possible gaps") == 0);
  CHECK(world.counter("rotations") == 14);
}

TEST_CASE("follow: a removed file is read until a new one has its name") {
  FollowWorld world;
  world.append("1\n");
  world.start();
  auto writer = world.doors.disk->open(kPath, Files::Open::write);
  REQUIRE(world.doors.disk->remove(kPath));
  REQUIRE((*writer)->write_at(2, "2\n"));
  world.wait();
  CHECK(world.intake.records() == Records{"1", "2"});
  world.append("3\n");
  world.wait();
  CHECK(world.intake.records() == Records{"1", "2", "3"});
}

TEST_CASE("follow: a truncated file is reported and read from its beginning") {
  FollowWorld world;
  world.append("one\ntwo\n");
  world.start();
  auto file = world.doors.disk->open(kPath, Files::Open::write);
  REQUIRE((*file)->truncate(0));
  world.wait();
  CHECK(world.counter("truncations") == 1);
  CHECK(world.doors.log.contains("truncated"));
  world.append("three\n");
  world.wait();
  CHECK(world.intake.records() == Records{"one", "two", "three"});
}

TEST_CASE("follow: one that was truncated and has grown beyond what was read is known by its first bytes") {
  FollowWorld world;
  world.append("one\ntwo\n");
  world.start();
  world.wait();
  auto file = world.doors.disk->open(kPath, Files::Open::write);
  REQUIRE((*file)->truncate(0));
  REQUIRE((*file)->write_at(0, "three\nfour\nfive\n"));
  world.wait();
  CHECK(world.intake.records() == Records{"one", "two", "three", "four", "five"});
  CHECK(world.counter("truncations") == 1);
}

TEST_CASE("follow: the unfinished last line of a file that was rotated away is no record, and is reported") {
  FollowWorld world;
  world.append("1\nhalf");
  world.start();
  world.rename(kPath, "/log/app.log.1");
  world.append("2\n");
  world.wait();
  CHECK(world.intake.records() == Records{"1", "2"});
  CHECK(world.counter("unfinished lines") == 1);
}

TEST_CASE("follow: after a crash at any entry, with rotations while away, every line is there once") {
  Records lines;
  const auto line = [&] {
    lines.push_back("line " + std::to_string(lines.size()));
    return lines.back() + "\n";
  };
  for (std::uint64_t kept = 0; kept <= 12; ++kept) {
    for (int rotations = 0; rotations <= 2; ++rotations) {
      CAPTURE(kept);
      CAPTURE(rotations);
      lines.clear();
      FollowWorld world;
      for (int i = 0; i < 8; ++i) world.append(line());
      world.start();
      world.append(line());
      world.wait();
      world.crash(Position{std::min<std::uint64_t>(kept, world.intake.last().value)});
      if (world.intake.appended.empty() && rotations > 0) continue;  // nothing is known of any file
      world.append(line());
      for (int i = 0; i < rotations; ++i) {
        if (world.doors.disk->exists("/log/app.log.1")) world.rename("/log/app.log.1", "/log/app.log.2");
        world.rename(kPath, "/log/app.log.1");
        world.append(line());
      }
      world.start();
      world.append(line());
      for (int i = 0; i < 3; ++i) world.wait();
      CHECK(world.intake.records() == lines);
      CHECK(world.counter("possible gaps") == 0);
    }
  }
}

TEST_CASE("follow: a file that was rotated out of its folder while away is reported as a gap") {
  FollowWorld world;
  world.append("1\n");
  world.start();
  world.crash(world.intake.last());
  world.append("2\n");
  REQUIRE(world.doors.disk->remove(kPath));
  world.append("3\n");
  world.start();
  world.wait();
  CHECK(world.intake.records() == Records{"1", "3"});
  CHECK(world.counter("possible gaps") == 1);
  CHECK(world.doors.log.contains("missing"));
}

TEST_CASE("follow: an inode that is used again for another file is not taken for the old one") {
  FollowWorld world;
  world.append("old one\nold two\n");
  world.start();
  world.wait();
  world.crash(world.intake.last());
  world.doors.disk->put(kPath, "new one\nnew two\nnew three\n");  // the same inode
  world.start();
  world.wait();
  CHECK(world.intake.records() == Records{"old one", "old two", "new one", "new two", "new three"});
}

TEST_CASE("follow: the header of csv is skipped in each file, and only at its beginning") {
  FollowWorld world;
  world.settings.format.type = FormatSettings::Type::csv;
  world.settings.format.fields.emplace_back().name = "n";
  world.settings.format.header = true;
  world.append("n\n1\n");
  world.start();
  world.crash(world.intake.last());
  world.start();
  world.append("2\n");
  world.rename(kPath, "/log/app.log.1");
  world.append("n\n3\n");
  world.wait();
  CHECK(world.intake.records() == Records{"1", "2", "3"});
}

TEST_CASE("follow: a closed intake stops the reading of a large file, and nothing is lost") {
  FollowWorld world;
  std::string content;
  for (int i = 0; i < 100'000; ++i) content += "line " + std::to_string(i) + "\n";
  world.doors.disk->put(kPath, content);
  world.intake.close_after = 10;
  world.start();
  world.wait();
  CHECK(world.intake.records().size() < 60'000);
  world.intake.is_open = true;
  world.source->resume();
  world.wait();
  CHECK(world.intake.records().size() == 100'000);
}

TEST_CASE("follow: a line without end costs no more memory than max_record, and ends at last as oversized") {
  FollowWorld world;
  world.limits.max_record = 1000;
  world.start();
  for (int i = 0; i < 50; ++i) {
    world.append(std::string(100'000, 'x'));
    world.doors.loop.advance(1s);
  }
  CHECK(world.intake.appended.size() == 1);  // the beginning of the file
  world.append("\nok\n");
  world.wait();
  CHECK(world.intake.count(FakeIntake::Kind::oversized) == 1);
  CHECK(world.intake.records() == Records{"ok"});
}

TEST_CASE("follow: an idle file is looked at about once a second, and nothing is journaled for it") {
  FollowWorld world;
  world.append("1\n");
  world.start();
  world.wait();
  const std::size_t entries = world.intake.appended.size();
  const std::uint64_t reads = world.intake.reads;
  for (int i = 0; i < 100; ++i) world.doors.loop.advance(1s);
  CHECK(world.intake.appended.size() == entries);
  CHECK(world.intake.reads == reads);
}

TEST_CASE("follow: a read that fails is tried again and reported") {
  FollowWorld world;
  world.append("one\n");
  world.doors.bulk_lane.hold();
  world.start();
  world.doors.disk->fail({.operation = FaultFiles::Operation::read, .times = 2});
  world.doors.bulk_lane.release();
  world.doors.loop.run_ready();
  CHECK_FALSE(world.source->status().degraded.empty());
  world.doors.loop.advance(30s);
  CHECK(world.intake.records() == Records{"one"});
  CHECK(world.source->status().degraded.empty());
}

TEST_CASE("follow: a stop in the middle of a look is done when everything is safe") {
  FollowWorld world;
  world.append("one\n");
  world.doors.bulk_lane.hold();
  world.start();
  bool done = false;
  world.source->stop([&] { done = true; });
  world.doors.bulk_lane.release();
  world.doors.loop.run_ready();
  world.intake.make_safe();
  world.doors.loop.advance(5s);
  CHECK(done);
  CHECK(world.intake.records().empty());
}

}  // namespace
}  // namespace tidemark
