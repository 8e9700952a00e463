#include <doctest/doctest.h>

#include "support/fake_platform.h"
#include "support/source_intake.h"

namespace tidemark {
namespace {

using Records = std::vector<std::string>;
constexpr const char* kAddress = "127.0.0.1:5140";

struct UdpWorld {
  UdpWorld() {
    settings.name = "sensors";
    settings.type = SourceSettings::Type::udp;
    settings.listen.value = kAddress;
  }
  Status start() {
    source = make_source({.platform = doors.platform,
                          .settings = settings,
                          .limits = limits,
                          .intake = intake,
                          .client_id = {},
                          .longest_hold = 200ms});
    intake.source = source.get();
    return source->start();
  }
  void send(std::string_view datagram) { doors.network.send_datagram(kAddress, datagram); }
  void run() { doors.loop.run_ready(); }
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

TEST_CASE(
    "udp: a datagram is its lines, the last one also without a newline, and no line crosses datagrams") {
  UdpWorld world;
  REQUIRE(world.start());
  world.send("one\ntwo\r\n\nthree");
  world.send("four");
  world.send("");
  world.run();
  CHECK(world.intake.records() == Records{"one", "two", "three", "four"});
  CHECK(world.counter("datagrams") == 3);
  CHECK(world.counter("blank lines") == 1);
}

TEST_CASE("udp: the datagrams of one read share their time of arrival") {
  UdpWorld world;
  world.doors.network.datagrams_at_once = 8;
  REQUIRE(world.start());
  for (int i = 0; i < 8; ++i) world.send("x");
  world.run();
  CHECK(world.intake.reads == 1);
  CHECK(world.intake.records().size() == 8);
}

TEST_CASE("udp: a line beyond max_record is kept in part and counted") {
  UdpWorld world;
  world.limits.max_record = 10;
  REQUIRE(world.start());
  world.send(std::string(60'000, 'x') + "\nok\n" + std::string(11, 'y'));
  world.run();
  CHECK(world.intake.count(FakeIntake::Kind::oversized) == 2);
  CHECK(world.counter("oversized lines") == 2);
  CHECK(world.intake.records() == Records{"ok"});
}

TEST_CASE("udp: what the kernel dropped is counted and reported") {
  UdpWorld world;
  REQUIRE(world.start());
  world.doors.network.drop_datagrams(kAddress, 7);
  world.run();
  CHECK(world.counter("datagrams dropped by the kernel") == 0);
  world.send("x");
  world.run();
  CHECK(world.counter("datagrams dropped by the kernel") == 7);
  CHECK(world.doors.log.contains("raise rcvbuf"));
}

TEST_CASE("udp: a kernel that gives less than rcvbuf is reported with the remedy") {
  UdpWorld world;
  world.settings.rcvbuf = 4 << 20;
  REQUIRE(world.start());
  CHECK(world.doors.log.contains("net.core.rmem_max"));
}

TEST_CASE("udp: quoted line ends belong to the record within a datagram") {
  UdpWorld world;
  world.settings.format.type = FormatSettings::Type::csv;
  world.settings.format.multiline = true;
  REQUIRE(world.start());
  world.send("1,\"a\nb\"\n2,\"never closed\n");
  world.send("3,c\n");
  world.run();
  CHECK(world.intake.records() == Records{"1,\"a\nb\"", "2,\"never closed\n", "3,c"});
}

TEST_CASE("udp: an address that cannot be had is an error of the start") {
  UdpWorld world;
  world.doors.network.refuse_listen("address in use");
  const Status started = world.start();
  REQUIRE_FALSE(started.has_value());
  CHECK(started.error().message.find("address in use") != std::string::npos);
}

}  // namespace
}  // namespace tidemark
