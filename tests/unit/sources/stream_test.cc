// What tcp sources that connect, and unix sources, do beside tcp_test.cc.
#include <doctest/doctest.h>

#include "support/fake_platform.h"
#include "support/source_intake.h"

namespace tidemark {
namespace {

using Records = std::vector<std::string>;

struct StreamWorld {
  StreamWorld() {
    settings.name = "scale";
    settings.type = SourceSettings::Type::tcp;
    settings.connect.value = "scale:9999";
  }
  Source& start() {
    source = make_source({.platform = doors.platform,
                          .settings = settings,
                          .limits = limits,
                          .intake = intake,
                          .client_id = {},
                          .longest_hold = 200ms});
    FakeIntake::replay(intake.appended, *source);
    intake.source = source.get();
    CHECK(source->start().has_value());
    run();
    return *source;
  }
  void run() { doors.loop.run_ready(); }
  std::unique_ptr<FakePeer> server() { return doors.network.accepted(); }
  SourceStatus::State state() const { return source->status().state; }

  FakePlatform doors;
  SourceSettings settings;
  LimitSettings limits;
  FakeIntake intake;
  std::unique_ptr<Source> source;
};

TEST_CASE("tcp connect: reads from the server that it goes to") {
  StreamWorld world;
  world.doors.network.serve("scale:9999");
  world.start();
  CHECK(world.state() == SourceStatus::State::connected);
  auto server = world.server();
  REQUIRE(server);
  server->send("1\n\n2");
  world.run();
  server->send("2\n");
  world.run();
  CHECK(world.intake.records() == Records{"1", "22"});
}

TEST_CASE("tcp connect: a server that is away is tried again with growing pauses, and says so meanwhile") {
  StreamWorld world;
  world.start();
  CHECK(world.state() == SourceStatus::State::waiting);
  CHECK(world.source->status().degraded.find("connection refused") != std::string::npos);
  for (int i = 0; i < 3600; ++i) world.doors.loop.advance(1s);
  const std::uint64_t in_an_hour = world.doors.network.connects();
  CHECK(in_an_hour > 3600 / 30);
  CHECK(in_an_hour < 3600 / 10);
  world.doors.network.serve("scale:9999");
  world.doors.loop.advance(31s);
  CHECK(world.state() == SourceStatus::State::connected);
  CHECK(world.source->status().degraded.empty());
}

TEST_CASE("tcp connect: after a break it comes back, and half a line of the broken connection is no line") {
  StreamWorld world;
  world.doors.network.serve("scale:9999");
  world.start();
  auto first = world.server();
  first->send("1\nhal");
  world.run();
  first->reset();
  world.run();
  CHECK(world.state() == SourceStatus::State::waiting);
  world.doors.loop.advance(2s);
  auto second = world.server();
  REQUIRE(second);
  second->send("2\n3");
  second->close();  // in order: then the last line needs no newline
  world.run();
  CHECK(world.intake.records() == Records{"1", "2", "3"});
}

TEST_CASE("tcp connect: a server that hangs up at once is not asked without a pause") {
  StreamWorld world;
  world.doors.network.serve("scale:9999");
  world.start();
  for (int i = 0; i < 600; ++i) {
    while (const auto server = world.server()) {
      server->close();
      world.run();
    }
    world.doors.loop.advance(1s);
  }
  CHECK(world.doors.network.connects() < 60);
  CHECK(world.doors.network.connects() > 20);
}

TEST_CASE(
    "tcp connect: with ack the server is told how far its lines are durable, also when it has said all") {
  StreamWorld world;
  world.settings.ack = true;
  world.doors.network.serve("scale:9999");
  world.start();
  auto server = world.server();
  server->send("1\n2\n");
  server->close();
  world.run();
  CHECK(server->received().empty());
  world.intake.make_safe();
  world.run();
  CHECK(server->received() == "{\"ack\":2}\n");
  CHECK(server->closed_by_program());
  world.doors.loop.advance(2s);
  CHECK(world.doors.network.connects() == 2);
}

TEST_CASE("tcp connect: stop gives up an attempt in progress, a pause, and a connection") {
  for (const std::string state : {"held", "waiting", "connected"}) {
    CAPTURE(state);
    StreamWorld world;
    if (state == "held") world.doors.network.hold("scale:9999");
    if (state == "connected") world.doors.network.serve("scale:9999");
    Source& source = world.start();
    bool done = false;
    source.stop([&] { done = true; });
    world.intake.make_safe();
    world.run();
    CHECK(done);
    const std::uint64_t connects = world.doors.network.connects();
    world.doors.loop.advance(60s);
    CHECK(world.doors.network.connects() == connects);
  }
}

TEST_CASE("tcp connect: while the intake is closed the connection is not read, also one made meanwhile") {
  StreamWorld world;
  world.doors.network.serve("scale:9999");
  Source& source = world.start();
  auto first = world.server();
  world.intake.close_after = 1;
  first->send("1\n");
  world.run();
  first->reset();
  world.run();
  CHECK(first->paused_by_program());
  world.intake.is_open = true;
  source.resume();
  world.run();
  world.doors.loop.advance(2s);
  auto second = world.server();
  REQUIRE(second);
  second->send("2\n");
  world.run();
  CHECK(world.intake.records() == Records{"1", "2"});
}

TEST_CASE("unix: lines of a local peer become records, with acknowledgements as over tcp") {
  StreamWorld world;
  world.settings.type = SourceSettings::Type::unix_socket;
  world.settings.connect.value.clear();
  world.settings.path.value = "/run/in.sock";
  world.settings.ack = true;
  world.start();
  CHECK(world.source->status().detail.find("/run/in.sock") != std::string::npos);
  auto peer = world.doors.network.connect("/run/in.sock");
  REQUIRE(peer);
  peer->send("{\"peer\":\"p\"}\n1\n");
  world.run();
  world.intake.make_safe();
  CHECK(peer->received() == "{\"ack\":1}\n");
  CHECK(world.intake.records() == Records{"1"});
  bool done = false;
  world.source->stop([&] { done = true; });
  world.run();
  CHECK(done);
  CHECK(world.doors.network.listening().empty());
}

}  // namespace
}  // namespace tidemark
