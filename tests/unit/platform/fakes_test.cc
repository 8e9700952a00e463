// The other fakes behave as the doors that they stand for.
#include <doctest/doctest.h>

#include "support/fake_lane.h"
#include "support/fake_log.h"
#include "support/fake_loop.h"
#include "support/fake_mqtt.h"
#include "support/fake_network.h"
#include "support/fake_output.h"
#include "support/fake_random.h"

using namespace tidemark;

TEST_CASE("the fake loop runs posted work in order and what that posts after it") {
  FakeClock clock;
  FakeLoop loop(clock);
  std::string seen;
  loop.post([&] {
    seen += "a";
    loop.post([&] { seen += "c"; });
  });
  loop.post([&] { seen += "b"; });
  CHECK(seen.empty());
  CHECK(loop.run_ready() == 3);
  CHECK(seen == "abc");
}

TEST_CASE("fake timers fire by time, then by creation, and not when destroyed") {
  FakeClock clock;
  FakeLoop loop(clock);
  std::string seen;
  const MonotonicTime start = loop.now();
  const auto c = loop.at(start + 2s, [&] { seen += "c"; });
  const auto a = loop.at(start + 1s, [&] { seen += "a"; });
  const auto b = loop.at(start + 1s, [&] { seen += "b"; });
  auto never = loop.at(start + 1s, [&] { seen += "x"; });
  never.reset();
  loop.advance(999ms);
  CHECK(seen.empty());
  loop.advance(1ms);
  CHECK(seen == "ab");
  loop.advance(10s);
  CHECK(seen == "abc");
  CHECK(loop.now() == start + 11s);
}

TEST_CASE("a callback may destroy its own timer, and handles may outlive the loop") {
  FakeClock clock;
  std::unique_ptr<Timer> left;
  {
    FakeLoop loop(clock);
    std::unique_ptr<Timer> own;
    bool fired = false;
    own = loop.at(loop.now() + 1s, [&] {
      own.reset();
      fired = true;
    });
    loop.advance(1s);
    CHECK(fired);
    left = loop.at(loop.now() + 1h, [] {});
  }
  left.reset();
}

TEST_CASE("the fake loop hops from timer to timer until something holds") {
  FakeClock clock;
  FakeLoop loop(clock);
  int ticks = 0;
  std::unique_ptr<Timer> timer;
  std::function<void()> tick = [&] {
    ++ticks;
    timer = loop.at(loop.now() + 1s, tick);
  };
  tick();
  CHECK(loop.run_until([&] { return ticks == 5; }));
  CHECK_FALSE(loop.run_until([&] { return ticks == 500; }, 10s));
  CHECK_FALSE(loop.run_until_idle(1s));
  timer.reset();
  CHECK(loop.run_until_idle());
}

TEST_CASE("an inline lane works at once and tells the loop afterwards; held, it waits") {
  FakeClock clock;
  FakeLoop loop(clock);
  InlineLane lane(loop);
  std::string seen;
  lane.submit([&] { seen += "w"; }, [&] { seen += "d"; });
  CHECK(seen == "w");
  loop.run_ready();
  CHECK(seen == "wd");
  lane.hold();
  lane.submit([&] { seen += "W"; }, [&] { seen += "D"; });
  loop.run_ready();
  CHECK(seen == "wd");
  lane.release();
  loop.run_ready();
  CHECK(seen == "wdWD");
}

TEST_CASE("a manual lane works when stepped, in two halves if wanted") {
  FakeClock clock;
  FakeLoop loop(clock);
  ManualLane lane(loop);
  std::string seen;
  lane.submit([&] { seen += "1"; }, [&] { seen += "a"; });
  lane.submit([&] { seen += "2"; }, [&] { seen += "b"; });
  CHECK(lane.waiting() == 2);
  CHECK(lane.start_one());
  loop.run_ready();
  CHECK(seen == "1");
  CHECK(lane.finish_one());
  loop.run_ready();
  CHECK(seen == "1a");
  lane.hold();
  CHECK_FALSE(lane.step());
  lane.release();
  CHECK(lane.step_all() == 1);
  loop.run_ready();
  CHECK(seen == "1a2b");
}

TEST_CASE("a fake connection hands over each cut as it was sent, and not while paused") {
  FakeClock clock;
  FakeLoop loop(clock);
  FakeNetwork network(loop);
  std::unique_ptr<Connection> connection;
  std::string seen;
  auto listener = network.listen_tcp("127.0.0.1:0", [&](std::unique_ptr<Connection> accepted) {
    connection = std::move(accepted);
    connection->start({.data = [&](std::string_view bytes) { seen += std::string(bytes) + "|"; },
                       .closed = [&](std::string reason) { seen += "closed(" + reason + ")"; },
                       .drained = nullptr});
  });
  REQUIRE(listener);
  CHECK(network.listening() == std::vector<std::string>{(*listener)->address()});
  const auto peer = network.connect("127.0.0.1:0");
  REQUIRE(peer);
  peer->send_cut("hello", 2);
  loop.run_ready();
  CHECK(seen == "he|ll|o|");
  connection->pause();
  peer->send("more");
  peer->close();
  loop.run_ready();
  CHECK(seen == "he|ll|o|");
  CHECK(peer->unread() == 4);
  CHECK(peer->paused_by_program());
  connection->resume();
  loop.run_ready();
  CHECK(seen == "he|ll|o|more|closed()");
}

TEST_CASE("a fake connection may be destroyed from its own callback") {
  FakeClock clock;
  FakeLoop loop(clock);
  FakeNetwork network(loop);
  std::unique_ptr<Connection> connection;
  int calls = 0;
  auto listener = network.listen_tcp(":7000", [&](std::unique_ptr<Connection> accepted) {
    connection = std::move(accepted);
    connection->start({.data =
                           [&](std::string_view) {
                             ++calls;
                             connection.reset();
                           },
                       .closed = nullptr,
                       .drained = nullptr});
  });
  const auto peer = network.connect(":7000");
  peer->send_cut("abc", 1);
  loop.run_ready();
  CHECK(calls == 1);
  CHECK(peer->closed_by_program());
}

TEST_CASE("what a fake peer does not read stays unsent, and a close waits for it") {
  FakeClock clock;
  FakeLoop loop(clock);
  FakeNetwork network(loop);
  std::unique_ptr<Connection> connection;
  int drained = 0;
  auto listener = network.listen_tcp(":7000", [&](std::unique_ptr<Connection> accepted) {
    connection = std::move(accepted);
    connection->start({.data = nullptr, .closed = nullptr, .drained = [&] { ++drained; }});
  });
  const auto peer = network.connect(":7000");
  loop.run_ready();
  connection->write("one");
  loop.run_ready();
  CHECK(peer->take_received() == "one");
  CHECK(drained == 1);
  peer->stop_reading();
  connection->write("two");
  CHECK(connection->unsent() == 3);
  connection->close();
  loop.run_ready();
  CHECK_FALSE(peer->closed_by_program());
  peer->resume_reading();
  CHECK(peer->received() == "two");
  CHECK(peer->closed_by_program());
  connection.reset();
  listener->reset();
  CHECK_FALSE(network.connect(":7000"));
}

TEST_CASE("a fake mqtt client acknowledges by release and forgets what it held when closed") {
  FakeClock clock;
  FakeLoop loop(clock);
  FakeMqttConnector connector(loop);
  std::string seen;
  auto client = connector.make(
      {.client_id = "c"}, {.connected = [&](bool present) { seen += present ? "present " : "new "; },
                           .refused = nullptr,
                           .closed = [&](std::string reason) { seen += reason + " "; },
                           .message = [&](const MqttMessage& m) { seen += std::string(m.payload) + " "; },
                           .subscribed = nullptr,
                           .published = nullptr});
  REQUIRE(client);
  FakeMqtt& broker = connector.last();
  (*client)->connect();
  broker.connected(true);
  broker.deliver({.id = 1, .qos = 1, .topic = "t", .payload = "a"});
  (*client)->pause();
  broker.deliver({.id = 2, .qos = 1, .topic = "t", .payload = "b"});
  CHECK(broker.acknowledged.empty());
  (*client)->release();
  CHECK(broker.acknowledged == std::vector<std::uint16_t>{1});
  (*client)->resume();
  loop.run_ready();
  CHECK(broker.held == std::vector<std::uint16_t>{2});
  broker.close("gone");
  (*client)->release();
  CHECK(broker.acknowledged == std::vector<std::uint16_t>{1});
  CHECK(seen == "present a b gone ");
  client->reset();
  CHECK_FALSE(broker.alive);
}

TEST_CASE("the fake log says what was written") {
  FakeLog log;
  log.warning("journal", "the disk is slow", {{"ms", "900"}});
  log.sampled(LogLevel::info, "sources.plant", "bad", "not JSON");
  CHECK(log.text() == "warning journal: the disk is slow ms=900\ninfo sources.plant: not JSON [bad]\n");
  CHECK(log.count(LogLevel::warning) == 1);
}

TEST_CASE("a fake output refuses when told to") {
  FakeOutput output;
  REQUIRE(output.write("a"));
  output.refuse(Error{"closed", Error::Kind::failed});
  CHECK_FALSE(output.write("b"));
  output.refuse(std::nullopt);
  REQUIRE(output.write("c"));
  CHECK(output.take() == "ac");
}

TEST_CASE("the same seed gives the same numbers") {
  FakeRandom a(7), b(7), c(8);
  const std::uint64_t first = a.next();
  CHECK(first == b.next());
  CHECK(first != c.next());
}
