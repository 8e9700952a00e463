#include <doctest/doctest.h>

#include "support/fake_platform.h"
#include "support/source_intake.h"

namespace tidemark {
namespace {

using Records = std::vector<std::string>;

struct TcpWorld {
  TcpWorld() {
    settings.name = "lines";
    settings.type = SourceSettings::Type::tcp;
    settings.listen.value = "127.0.0.1:9999";
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
    const Status started = source->start();
    CHECK(started.has_value());
    return *source;
  }
  // The process is gone; of what was not safe the journal keeps `kept` entries.
  void crash(Position kept) {
    source.reset();
    intake.crash(kept);
    doors.loop.run_ready();
  }
  std::unique_ptr<FakePeer> connect() {
    auto peer = doors.network.connect("127.0.0.1:9999");
    doors.loop.run_ready();
    return peer;
  }
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

TEST_CASE("tcp: lines of several peers become records, blank ones are skipped and counted") {
  TcpWorld world;
  world.start();
  auto a = world.connect();
  auto b = world.connect();
  a->send("one\n\ntw");
  b->send("x\r\n");
  world.run();
  a->send("o\n");
  world.run();
  CHECK(world.intake.records() == Records{"one", "x", "two"});
  CHECK(world.counter("blank lines") == 1);
}

TEST_CASE(
    "tcp: a last line without a newline is a record when the peer closes, not when the connection breaks") {
  TcpWorld world;
  world.start();
  auto a = world.connect();
  a->send("one\ntwo");
  a->close();
  auto b = world.connect();
  b->send("three\nfour");
  world.run();
  b->reset();
  world.run();
  CHECK(world.intake.records() == Records{"one", "two", "three"});
}

// interface: limits.max_connections
TEST_CASE("tcp: a connection beyond max_connections is refused and counted, and there is room again later") {
  TcpWorld world;
  world.limits.max_connections = 2;
  world.start();
  auto a = world.connect();
  auto b = world.connect();
  auto c = world.connect();
  CHECK(c->closed_by_program());
  CHECK(world.counter("refused connections") == 1);
  a->close();
  world.run();
  auto d = world.connect();
  d->send("d\n");
  world.run();
  CHECK(world.intake.records() == Records{"d"});
}

TEST_CASE("tcp: a closed intake stops all reading, also of connections made meanwhile") {
  TcpWorld world;
  Source& source = world.start();
  auto a = world.connect();
  auto b = world.connect();
  world.intake.close_after = 1;
  a->send("1\n");
  world.run();
  b->send("2\n");
  auto c = world.connect();
  c->send("3\n");
  world.run();
  CHECK(world.intake.records() == Records{"1"});
  CHECK(source.status().state == SourceStatus::State::paused);
  world.intake.is_open = true;
  source.resume();
  world.run();
  CHECK(world.intake.records().size() == 3);
}

TEST_CASE("tcp: stop waits until everything is safe, tells it, and then says that it is done") {
  TcpWorld world;
  world.settings.ack = true;
  Source& source = world.start();
  auto a = world.connect();
  a->send("1\n2\n");
  world.run();
  bool done = false;
  source.stop([&] { done = true; });
  world.run();
  CHECK_FALSE(done);
  CHECK(world.intake.hurries == 1);
  world.intake.make_safe();
  world.run();
  CHECK(done);
  CHECK(a->received() == "{\"ack\":2}\n");
  CHECK(a->closed_by_program());
}

TEST_CASE("tcp: a peer that does not read its last acknowledgement does not hold up the stop") {
  TcpWorld world;
  world.settings.ack = true;
  Source& source = world.start();
  auto a = world.connect();
  a->stop_reading();
  a->send("1\n");
  world.run();
  bool done = false;
  source.stop([&] { done = true; });
  world.intake.make_safe();
  world.run();
  CHECK_FALSE(done);
  world.doors.loop.advance(5s);
  CHECK(done);
}

TEST_CASE("tcp: an address that cannot be had is an error of the start") {
  TcpWorld world;
  world.doors.network.refuse_listen("listen 127.0.0.1:9999: address in use");
  world.source = make_source({.platform = world.doors.platform,
                              .settings = world.settings,
                              .limits = world.limits,
                              .intake = world.intake,
                              .client_id = {},
                              .longest_hold = 200ms});
  const Status started = world.source->start();
  REQUIRE_FALSE(started.has_value());
  CHECK(started.error().message.find("address in use") != std::string::npos);
}

TEST_CASE(
    "tcp ack: without an introduction each connection counts from 0, blank and oversized lines included") {
  TcpWorld world;
  world.settings.ack = true;
  world.limits.max_record = 10;
  world.start();
  auto a = world.connect();
  a->send("1\n\n" + std::string(50, 'x') + "\n4\n\nhalf");
  world.run();
  CHECK(a->received().empty());
  world.intake.make_safe();
  world.run();
  CHECK(a->received() == "{\"ack\":5}\n");
  CHECK(world.intake.count(FakeIntake::Kind::oversized) == 1);
  a->close();
  world.run();
  CHECK(world.intake.records() == Records{"1", "4"});  // half a line is none
  auto b = world.connect();
  b->send("1\n");
  world.run();
  world.intake.make_safe();
  CHECK(b->received() == "{\"ack\":1}\n");
}

TEST_CASE("tcp ack: a first line that merely has a field named peer is a record") {
  TcpWorld world;
  world.settings.ack = true;
  world.start();
  auto a = world.connect();
  a->send("{\"peer\":\"a\",\"n\":1}\n");
  auto b = world.connect();
  b->send("{\"peer\":7}\n");
  world.run();
  CHECK(world.intake.count(FakeIntake::Kind::record) == 2);
}

TEST_CASE("tcp ack: what cannot be an introduction is refused and told to the operator") {
  TcpWorld world;
  world.settings.ack = true;
  world.start();
  auto a = world.connect();
  a->send("{\"peer\":\"\"}\nx\n");
  auto b = world.connect();
  b->send("{\"peer\":\"" + std::string(300, 'n') + "\"}\nx\n");
  world.run();
  CHECK(a->closed_by_program());
  CHECK(b->closed_by_program());
  CHECK(world.intake.records().empty());
  CHECK(world.doors.log.contains("256 bytes"));
}

TEST_CASE("tcp ack: a new stream of a peer is answered with 0 once its introduction is durable") {
  TcpWorld world;
  world.settings.ack = true;
  world.start();
  auto a = world.connect();
  a->send("{\"peer\":\"press\",\"stream\":\"7\"}\n");
  world.run();
  CHECK(a->received().empty());
  world.intake.make_safe();
  CHECK(a->take_received() == "{\"ack\":0}\n");
  a->send("1\n2\n");
  world.run();
  world.intake.make_safe();
  CHECK(a->take_received() == "{\"ack\":2}\n");
  a->close();
  auto b = world.connect();
  b->send("{\"stream\":\"8\",\"peer\":\"press\"}\n");
  world.run();
  world.intake.make_safe();
  CHECK(b->received() == "{\"ack\":0}\n");
}

TEST_CASE("tcp ack: a peer that comes back is answered only when all it had sent is durable") {
  TcpWorld world;
  world.settings.ack = true;
  world.start();
  auto a = world.connect();
  a->send("{\"peer\":\"p\",\"stream\":\"s\"}\n");
  for (int i = 0; i < 60; ++i) a->send("line\n");
  world.run();
  world.intake.make_safe();
  for (int i = 0; i < 40; ++i) a->send("line\n");
  world.run();
  a->reset();
  auto b = world.connect();
  b->send("{\"peer\":\"p\",\"stream\":\"s\"}\n");
  world.run();
  CHECK(b->received().empty());
  world.intake.make_safe();
  CHECK(b->received() == "{\"ack\":100}\n");
}

TEST_CASE("tcp ack: a new connection ends the older one of the same peer, and its half line is no line") {
  TcpWorld world;
  world.settings.ack = true;
  world.start();
  auto a = world.connect();
  a->send("{\"peer\":\"p\"}\n1\n2\nhal");
  world.run();
  auto b = world.connect();
  b->send("{\"peer\":\"p\"}\n");
  world.run();
  CHECK(a->closed_by_program());
  a->send("f\nnever\n");
  world.run();
  world.intake.make_safe();
  CHECK(b->received() == "{\"ack\":2}\n");
  CHECK(world.intake.records() == Records{"1", "2"});
}

TEST_CASE("tcp ack: an introduction that comes late over an older connection does not end the newer one") {
  TcpWorld world;
  world.settings.ack = true;
  world.start();
  auto a = world.connect();
  a->send("{\"peer\":\"p\"");
  world.run();
  auto b = world.connect();
  b->send("{\"peer\":\"p\"}\n1\n");
  world.run();
  a->send("}\nold\n");
  world.run();
  CHECK(a->closed_by_program());
  CHECK_FALSE(b->closed_by_program());
  CHECK(world.intake.records() == Records{"1"});
}

TEST_CASE("tcp ack: lines sent right behind the introduction count") {
  TcpWorld world;
  world.settings.ack = true;
  world.start();
  auto a = world.connect();
  a->send("{\"peer\":\"p\"}\n1\n2\n");
  world.run();
  world.intake.make_safe();
  CHECK(a->received() == "{\"ack\":2}\n");
}

TEST_CASE("tcp ack: N does not go back over a restart, blank lines at the end included") {
  TcpWorld world;
  world.settings.ack = true;
  world.start();
  auto a = world.connect();
  a->send("{\"peer\":\"p\"}\n1\n\n\n");
  world.run();
  world.intake.make_safe();
  CHECK(a->take_received() == "{\"ack\":3}\n");
  world.crash(world.intake.safe());
  world.start();
  auto b = world.connect();
  b->send("{\"peer\":\"p\"}\n");
  world.run();
  CHECK(b->received() == "{\"ack\":3}\n");
}

TEST_CASE("tcp ack: each durable batch is told once, and nothing is told twice") {
  TcpWorld world;
  world.settings.ack = true;
  world.start();
  auto a = world.connect();
  a->send("1\n");
  a->send("2\n");
  a->send("3");
  world.run();
  world.intake.make_safe(Position{1});
  CHECK(a->take_received() == "{\"ack\":1}\n");
  world.source->safe_moved();
  CHECK(a->take_received().empty());
  world.intake.make_safe(Position{2});
  CHECK(a->take_received() == "{\"ack\":2}\n");
  a->send("3\n");
  world.run();
  world.intake.make_safe();
  CHECK(a->take_received() == "{\"ack\":3}\n");
}

TEST_CASE("tcp ack: a peer that does not read is not written to without bound") {
  TcpWorld world;
  world.settings.ack = true;
  world.start();
  auto a = world.connect();
  a->stop_reading();
  for (int i = 0; i < 20000; ++i) {
    a->send("1\n");
    world.run();
    world.intake.make_safe();
  }
  a->resume_reading();
  world.run();
  CHECK(a->received().size() < 100 * 1024);
  CHECK(a->received().ends_with("{\"ack\":20000}\n"));
}

// interface: limits.max_peers
TEST_CASE("tcp ack: the name table is bounded; the longest idle peer is forgotten with a warning") {
  TcpWorld world;
  world.settings.ack = true;
  world.limits.max_peers = 2;
  world.start();
  auto a = world.connect();
  a->send("{\"peer\":\"a\"}\n1\n");
  auto b = world.connect();
  b->send("{\"peer\":\"b\"}\n1\n2\n");
  world.run();
  auto c = world.connect();
  c->send("{\"peer\":\"c\"}\n1\n");
  world.run();
  CHECK(c->closed_by_program());  // all are connected
  a->close();
  world.run();
  auto d = world.connect();
  d->send("{\"peer\":\"c\"}\n1\n");
  world.run();
  CHECK(world.doors.log.contains("forgotten=a"));
  // The restarted instance has forgotten and kept the same ones.
  const std::string memory = saved(*world.source);
  world.crash(world.intake.last());
  world.start();
  CHECK(saved(*world.source) == memory);
  auto again = world.connect();
  again->send("{\"peer\":\"b\"}\n");
  world.run();
  CHECK(again->received() == "{\"ack\":2}\n");
}

TEST_CASE("tcp ack: a peer that has closed its sending side still gets its last acknowledgement") {
  TcpWorld world;
  world.settings.ack = true;
  world.start();
  auto a = world.connect();
  a->send("{\"peer\":\"p\"}\n1\n2\n");
  a->close();
  auto silent = world.connect();
  silent->close();
  world.run();
  CHECK(a->received().empty());
  CHECK_FALSE(a->closed_by_program());
  CHECK(silent->closed_by_program());  // it waits for nothing
  world.intake.make_safe();
  world.run();
  CHECK(a->received() == "{\"ack\":2}\n");
  CHECK(a->closed_by_program());
}

TEST_CASE(
    "tcp ack: the last acknowledgement leaves before the connection is closed, however slow the peer reads") {
  TcpWorld world;
  world.settings.ack = true;
  world.start();
  auto a = world.connect();
  a->stop_reading();
  a->send("1\n");
  a->close();
  world.run();
  world.intake.make_safe();
  world.run();
  CHECK_FALSE(a->closed_by_program());
  a->resume_reading();
  world.run();
  CHECK(a->received() == "{\"ack\":1}\n");
  CHECK(a->closed_by_program());
}

TEST_CASE("tcp ack: connections that wait for their last acknowledgement count among max_connections") {
  TcpWorld world;
  world.settings.ack = true;
  world.limits.max_connections = 1;
  world.start();
  auto a = world.connect();
  a->send("1\n");
  a->close();
  world.run();
  CHECK(world.connect()->closed_by_program());
  world.intake.make_safe();
  world.run();
  CHECK_FALSE(world.connect()->closed_by_program());
}

TEST_CASE("tcp ack: a second connection of a peer with another stream ends the first and counts from 0") {
  TcpWorld world;
  world.settings.ack = true;
  world.start();
  auto a = world.connect();
  a->send("{\"peer\":\"p\",\"stream\":\"1\"}\nx\ny\n");
  world.run();
  auto b = world.connect();
  b->send("{\"peer\":\"p\",\"stream\":\"2\"}\n");
  world.run();
  CHECK(a->closed_by_program());
  a->send("late\n");
  b->send("z\n");
  world.run();
  CHECK(b->received().empty());  // what the first stream sent is not yet safe
  world.intake.make_safe();
  CHECK(b->take_received() == "{\"ack\":1}\n");
  CHECK(a->received().empty());
  CHECK(world.intake.records() == Records{"x", "y", "z"});
  // Back on the first stream it counts anew: only the newest stream of a peer is known.
  auto c = world.connect();
  c->send("{\"peer\":\"p\",\"stream\":\"1\"}\n");
  world.run();
  world.intake.make_safe();
  CHECK(c->received() == "{\"ack\":0}\n");
}

TEST_CASE("tcp ack: with multiline a record counts for all its lines, and half of one for none") {
  TcpWorld world;
  world.settings.ack = true;
  world.settings.format.type = FormatSettings::Type::csv;
  world.settings.format.multiline = true;
  world.start();
  auto a = world.connect();
  a->send("{\"peer\":\"p\"}\n1,\"a\nb\"\n2\n3,\"half\nof");
  world.run();
  world.intake.make_safe();
  CHECK(a->received() == "{\"ack\":3}\n");
  a->reset();
  auto b = world.connect();
  b->send("{\"peer\":\"p\"}\n");
  world.run();
  CHECK(b->take_received() == "{\"ack\":3}\n");
  b->send("3,\"half\nof it\"\n");
  world.run();
  world.intake.make_safe();
  CHECK(b->received() == "{\"ack\":5}\n");
  CHECK(world.intake.records() == Records{"1,\"a\nb\"", "2", "3,\"half\nof it\""});
}

TEST_CASE("tcp csv: the first line of each connection is its header, and one that differs is reported") {
  TcpWorld world;
  world.settings.format.type = FormatSettings::Type::csv;
  world.settings.format.fields.emplace_back().name = "k";
  world.settings.format.fields.emplace_back().name = "n";
  world.settings.format.header = true;
  world.start();
  auto a = world.connect();
  a->send("\xef\xbb\xbfk, \"n\"\r\na,1\n");
  auto b = world.connect();
  b->send("n,k\n1,a\n");
  auto c = world.connect();
  c->send("k,n");  // nothing but a header, and no line end
  c->close();
  world.run();
  CHECK(world.intake.records() == Records{"a,1", "1,a"});
  CHECK(world.counter("other headers") == 1);
  CHECK(world.doors.log.contains("column 1"));
}

// Peers that resend exactly what they were not told of, over connections that break and a process that dies
// with any part of its unsafe entries: every line of every peer is there exactly once, in order.
TEST_CASE("tcp ack: exactly once for peers that keep to the protocol, over breaks and crashes") {
  struct Sender {
    std::string name;
    std::uint64_t stream = 1;
    std::uint64_t made = 0;  // lines 1..made of this stream exist
    std::uint64_t told = 0;  // told safe; forgotten by the peer
    std::uint64_t sent = 0;  // on this connection, absolute
    bool answered = false;
    std::unique_ptr<FakePeer> connection;
    std::string inbox;
  };
  const auto line_of = [](const Sender& sender, std::uint64_t n) {
    if (n % 5 == 0) return std::string("\n");            // blank: counts, is no record
    if (n % 7 == 0) return std::string(40, 'x') + "\n";  // oversized
    return sender.name + "/" + std::to_string(sender.stream) + "/" + std::to_string(n) + "\n";
  };
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    FakeRandom random(seed);
    TcpWorld world;
    world.settings.ack = true;
    world.limits.max_record = 30;
    world.start();
    std::vector<Sender> senders(3);
    for (std::size_t i = 0; i < senders.size(); ++i) senders[i].name = "p" + std::to_string(i);
    std::vector<std::string> expected;
    const auto hear = [&](Sender& sender) {
      sender.inbox += sender.connection->take_received();
      for (std::size_t end = sender.inbox.find('\n'); end != std::string::npos;
           end = sender.inbox.find('\n')) {
        const std::uint64_t n = std::stoull(sender.inbox.substr(7, end - 8));
        sender.inbox.erase(0, end + 1);
        CHECK(n >= sender.told);
        REQUIRE(n <= sender.made);
        sender.told = n;
        if (!sender.answered) sender.sent = n;
        sender.answered = true;
      }
    };
    const auto hang_up = [&](Sender& sender) {
      if (random.one_in(2)) hear(sender);
      sender.connection.reset();
      sender.inbox.clear();
      sender.answered = false;
    };
    for (int step = 0; step < 300; ++step) {
      Sender& sender = senders[random.below(senders.size())];
      switch (random.below(8)) {
        case 0:  // connects, perhaps while the older connection is still there
          if (sender.connection) hang_up(sender);
          sender.connection = world.doors.network.connect("127.0.0.1:9999");
          sender.connection->send_cut(
              "{\"peer\":\"" + sender.name + "\",\"stream\":\"" + std::to_string(sender.stream) + "\"}\n",
              1 + random.below(40));
          break;
        case 1:
        case 2:
        case 3:  // sends some lines, perhaps ending in the middle of one
          if (!sender.connection || !sender.answered) break;
          for (std::uint64_t i = random.below(6); i > 0; --i) {
            if (sender.sent == sender.made) ++sender.made;
            const std::string line = line_of(sender, ++sender.sent);
            sender.connection->send_cut(line, 1 + random.below(20));
          }
          break;
        case 4:
          world.intake.make_safe(
              Position{world.intake.safe().value +
                       random.below(world.intake.last().value - world.intake.safe().value + 1)});
          break;
        case 5:
          world.run();
          for (Sender& s : senders) {
            if (s.connection) hear(s);
          }
          break;
        case 6:  // breaks, perhaps with half a line on its way
          if (!sender.connection) break;
          if (sender.answered && random.one_in(2)) sender.connection->send("half of a lin");
          if (random.one_in(2)) sender.connection->reset();
          hang_up(sender);
          break;
        case 7:
          if (random.one_in(3) && sender.told == sender.made && !sender.connection) {
            ++sender.stream;
            sender.made = sender.told = sender.sent = 0;
          } else if (random.one_in(4)) {
            for (Sender& s : senders) {
              if (s.connection) hang_up(s);
            }
            world.crash(Position{world.intake.safe().value +
                                 random.below(world.intake.last().value - world.intake.safe().value + 1)});
            world.start();
          }
          break;
      }
      if (random.one_in(2)) world.run();
    }
    // Everybody finishes its stream.
    for (int round = 0; round < 3; ++round) {
      for (Sender& sender : senders) {
        if (sender.connection) hear(sender);
        sender.connection.reset();
        sender.answered = false;
        sender.inbox.clear();
        sender.connection = world.doors.network.connect("127.0.0.1:9999");
        sender.connection->send("{\"peer\":\"" + sender.name + "\",\"stream\":\"" +
                                std::to_string(sender.stream) + "\"}\n");
        world.run();
        world.intake.make_safe();
        hear(sender);
        REQUIRE(sender.answered);
        while (sender.sent < sender.made) sender.connection->send(line_of(sender, ++sender.sent));
        world.run();
        world.intake.make_safe();
        hear(sender);
        CHECK(sender.told == sender.made);
      }
    }
    for (Sender& sender : senders) {
      const std::string prefix = sender.name + "/" + std::to_string(sender.stream) + "/";
      std::vector<std::string> got;
      for (const std::string& record : world.intake.records()) {
        if (record.starts_with(prefix)) got.push_back(record);
      }
      std::vector<std::string> wanted;
      for (std::uint64_t n = 1; n <= sender.made; ++n) {
        if (n % 5 != 0 && n % 7 != 0) wanted.push_back(prefix + std::to_string(n));
      }
      CHECK(got == wanted);
    }
  }
}

}  // namespace
}  // namespace tidemark
