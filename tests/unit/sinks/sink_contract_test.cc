// What every registered sink must keep, whatever it writes to.
#include <doctest/doctest.h>

#include <functional>

#include "support/line_receiver.h"
#include "support/sink_subject.h"

namespace tidemark {
namespace {

using Type = SinkSettings::Type;

// A registered type; a tcp sink is two, with a peer that acknowledges and with one that only takes.
struct Kind {
  Type type;
  bool ack = false;
  bool remembers = false;
};

void for_each_sink(const std::function<void(const Kind&)>& check) {
  for (const SinkDeclaration& declaration : sink_registry()) {
    CAPTURE(declaration.name);
    check({.type = declaration.type, .remembers = declaration.remembers});
    if (declaration.type != Type::tcp) continue;
    CAPTURE("with ack");
    check({.type = Type::tcp, .ack = true, .remembers = true});
  }
}

// A sink with the world that it writes to.
struct Subject : SinkSubject {
  explicit Subject(const Kind& kind, std::unique_ptr<FaultFiles> disk = std::make_unique<FaultFiles>(),
                   std::shared_ptr<LineReceiver> its_receiver = nullptr)
      : SinkSubject(kind.type, std::move(disk)),
        receiver(its_receiver ? std::move(its_receiver) : std::make_shared<LineReceiver>(kind.ack)) {
    settings.ack = kind.ack;
    receiver->serve(doors.network, settings.connect.value);
  }
  ~Subject() { receiver->leave(); }

  // Lets the world outside do what a sink waits for.
  void serve() {
    for (int i = 0; i < 20; ++i) {
      receiver->turn();
      if (settings.type == Type::tcp) doors.loop.advance(1ms);  // it looks at what the network has taken
      if (!doors.mqtt.clients.empty()) {
        FakeMqtt& broker = doors.mqtt.last();
        if (broker.alive && broker.connecting) broker.connected(false);
        if (broker.alive) broker.take_all_publications();
      }
      doors.loop.run_ready();
    }
  }
  // Opens it, and brings about the answer where that takes a peer.
  std::optional<Result<std::optional<Holdings>>> open(const std::vector<const ResultSchema*>& schemas) {
    if (!SinkSubject::open(schemas)) serve();
    return answer;
  }
  std::shared_ptr<LineReceiver> receiver;
};

// Makes it go away, and brings it back.
void away(Subject& subject, Type type) {
  switch (type) {
    case Type::file:
    case Type::sqlite:
      subject.doors.disk->fail({.operation = FaultFiles::Operation::write, .times = 1000, .no_space = true});
      break;
    case Type::standard_output:
      subject.doors.output.refuse(Error{"write to standard output: broken pipe"});
      break;
    case Type::mqtt:
      subject.serve();
      subject.doors.mqtt.last().close("connection lost");
      break;
    case Type::tcp:
      subject.serve();
      subject.doors.network.refuse(subject.settings.connect.value);
      subject.receiver->break_connections();
      break;
    case Type::null:
      break;
  }
}
void back(Subject& subject) {
  subject.doors.disk->heal();
  subject.doors.output.refuse(std::nullopt);
  subject.receiver->serve(subject.doors.network, subject.settings.connect.value);
  for (int i = 0; i < 60; ++i) {
    subject.doors.loop.advance(1s);
    subject.serve();
  }
}

// The rows that came out, a line each, in order.
std::string rows_out(Subject& subject, Type type) {
  switch (type) {
    case Type::file:
      return subject.doors.disk->content(subject.settings.path.value);
    case Type::standard_output:
      return subject.doors.output.text();
    case Type::mqtt: {
      std::string out;
      for (const auto& client : subject.doors.mqtt.clients) {
        for (const auto& publication : client->published) out += publication.payload + "\n";
      }
      return out;
    }
    case Type::sqlite:
      subject.columns_read = 5;
      return subject.rows_of("SELECT * FROM health ORDER BY rowid") +
             subject.rows_of("SELECT * FROM totals ORDER BY rowid");
    case Type::tcp:
      return subject.receiver->text();
    case Type::null:
      return {};
  }
  return {};
}

std::string expected_rows(const ResultScript& script, const Kind& kind) {
  Subject subject(kind);
  REQUIRE(subject.open(script.schemas())->has_value());
  subject.serve();
  subject.write(script.all());
  subject.serve();
  REQUIRE(subject.finished);
  return rows_out(subject, kind.type);
}

TEST_CASE("every sink: rows come out whole and in order, whatever the batches") {
  const ResultScript script(60);
  for_each_sink([&](const Kind& kind) {
    const std::string expected = expected_rows(script, kind);
    CHECK((kind.type == Type::null || expected.size() > 1000));
    for (const std::size_t size : {1u, 2u, 7u, 64u}) {
      Subject subject(kind);
      subject.open(script.schemas());
      for (std::size_t at = 0; at < script.all().size(); at += size) {
        subject.write(script.all().subspan(at, std::min(size, script.all().size() - at)));
        subject.serve();
        REQUIRE(subject.finished);
      }
      CHECK(rows_out(subject, kind.type) == expected);
    }
  });
}

TEST_CASE("every sink: says what it holds exactly when it is one that remembers") {
  const ResultScript script(30);
  for_each_sink([&](const Kind& kind) {
    Subject subject(kind);
    for (const std::size_t had : {0u, 10u, 30u}) {
      const auto opened = subject.open(script.schemas());
      REQUIRE(opened->has_value());
      CHECK((*opened)->has_value() == kind.remembers);
      if (kind.remembers) CHECK(same_holdings((*opened)->value(), script.holdings_after(had)));
      subject.serve();
      const std::size_t next = had == 0 ? 10 : 30;
      if (had < next) {
        subject.write(script.all().subspan(had, next - had));
        subject.serve();
        CHECK(subject.finished);
      }
      subject.sink.reset();
    }
  });
}

TEST_CASE("every sink: away and back again, a batch is kept, said to be waited for, and delivered") {
  const ResultScript script(30);
  for_each_sink([&](const Kind& kind) {
    Subject subject(kind);
    subject.open(script.schemas());
    subject.serve();
    subject.write(script.all().first(10));
    subject.serve();
    CHECK(subject.sink->status().state == SinkStatus::State::ready);
    away(subject, kind.type);
    const bool done = subject.write(script.all().subspan(10));
    if (kind.type != Type::null) {
      CHECK_FALSE(done);
      CHECK(subject.sink->status().state == SinkStatus::State::away);
      CHECK_FALSE(subject.sink->status().degraded.empty());
    }
    back(subject);
    CHECK(subject.finished);
    CHECK(subject.sink->status().state == SinkStatus::State::ready);
    CHECK(subject.sink->status().degraded.empty());
    CHECK(rows_out(subject, kind.type) == expected_rows(script, kind));
  });
}

TEST_CASE("every sink: may be destroyed at any moment, with work under way") {
  const ResultScript script(30);
  for_each_sink([&](const Kind& kind) {
    for (int moment = 0; moment < 4; ++moment) {
      Subject subject(kind);
      if (moment == 0) subject.doors.bulk_lane.hold();
      subject.open(script.schemas());
      if (moment > 0) subject.serve();
      if (moment == 1) subject.doors.bulk_lane.hold();
      if (moment == 3) away(subject, kind.type);
      if (moment > 0) subject.sink->write(script.all(), [] { FAIL("a sink that is gone calls back"); });
      subject.sink.reset();
      subject.doors.bulk_lane.release();
      subject.doors.loop.advance(1min);
    }
  });
}

TEST_CASE("every sink: closes when it is asked to, once") {
  const ResultScript script(3);
  for_each_sink([&](const Kind& kind) {
    Subject subject(kind);
    subject.open(script.schemas());
    subject.serve();
    subject.write(script.all());
    subject.serve();
    int closed = 0;
    subject.sink->close([&] { ++closed; });
    subject.serve();
    subject.doors.loop.advance(1min);
    CHECK(closed == 1);
  });
}

TEST_CASE("every sink: with ids each row carries its own") {
  const ResultScript script(12);
  for_each_sink([&](const Kind& kind) {
    if (kind.type == Type::null) return;
    Subject subject(kind);
    subject.settings.ids = true;
    subject.open(script.schemas());
    subject.serve();
    subject.write(script.all());
    subject.serve();
    std::string out;
    if (kind.type == Type::sqlite) {
      subject.columns_read = 1;
      out = subject.rows_of("SELECT _id FROM health") + subject.rows_of("SELECT _id FROM totals");
    } else {
      out = rows_out(subject, kind.type);
    }
    for (const ResultView& row : script.all()) {
      const char quote = kind.type == Type::sqlite ? '\'' : '"';
      CHECK(out.find(quote + result_id("node", row) + quote) != std::string::npos);
    }
  });
}

// Delivers as the pipeline does: what the sink says it lacks, in batches, until the disk dies or all is
// there. Counts in `done` the results that the sink has called durable.
void deliver(Subject& subject, const ResultScript& script, std::size_t batch, std::size_t& done) {
  const auto opened = subject.open(script.schemas());
  if (!opened || !*opened) {
    REQUIRE(subject.doors.disk->dead());
    return;
  }
  const Holdings holdings = (*opened)->value();
  const std::size_t first = script.first_missing(holdings);
  CHECK(first >= done);
  CHECK(same_holdings(holdings, script.holdings_after(first)));
  done = first;
  while (done < script.all().size()) {
    const std::size_t size = std::min(batch, script.all().size() - done);
    if (!subject.write(script.all().subspan(done, size))) subject.serve();
    if (!subject.finished) {
      REQUIRE(subject.doors.disk->dead());
      return;
    }
    done += size;
  }
}

TEST_CASE("every sink that remembers: a power cut at any operation leaves each row exactly once") {
  const ResultScript script(40);
  for_each_sink([&](const Kind& kind) {
    if (!kind.remembers) return;
    const std::string expected = expected_rows(script, kind);
    std::uint64_t operations = 0;
    {
      Subject subject(kind);
      std::size_t done = 0;
      deliver(subject, script, 6, done);
      operations = subject.doors.disk->operations();
    }
    CHECK(operations > 20);
    for (const Loss loss : {Loss::all_unsynced, Loss::none, Loss::random}) {
      for (std::uint64_t at = 1; at <= operations; ++at) {
        CAPTURE(static_cast<int>(loss));
        CAPTURE(at);
        std::size_t done = 0;
        auto disk = std::make_unique<FaultFiles>();
        const auto receiver = std::make_shared<LineReceiver>(kind.ack);
        // A cut, another one while it recovers, and then in peace.
        for (int run = 0; run < 3; ++run) {
          if (run == 0) disk->crash_at(at);
          if (run == 1) disk->crash_at(1 + at % 17);
          Subject subject(kind, std::move(disk), receiver);
          deliver(subject, script, run == 0 ? 6 : 9, done);
          if (run < 2) {
            if (!subject.doors.disk->dead()) subject.doors.disk->crash();
            disk = subject.doors.disk->after_crash(loss, at * 31 + static_cast<std::uint64_t>(run));
            continue;
          }
          CHECK(done == script.all().size());
          subject.sink.reset();
          CHECK(rows_out(subject, kind.type) == expected);
        }
      }
    }
  });
}

TEST_CASE("control: with a sync that does nothing, a power cut does lose rows that were called durable") {
  const ResultScript script(40);
  for_each_sink([&](const Kind& kind) {
    if (!kind.remembers) return;
    const std::string expected = expected_rows(script, kind);
    auto disk = std::make_unique<FaultFiles>();
    disk->ignore_sync(true);
    const auto receiver = std::make_shared<LineReceiver>(kind.ack);
    Subject subject(kind, std::move(disk), receiver);
    std::size_t done = 0;
    deliver(subject, script, 6, done);
    CHECK(done == script.all().size());
    Subject after(kind, subject.doors.disk->after_crash(Loss::all_unsynced), receiver);
    const auto opened = after.open(script.schemas());
    const bool complete =
        opened && *opened && script.first_missing((*opened)->value()) == script.all().size();
    CHECK_FALSE(complete);
  });
}

}  // namespace
}  // namespace tidemark
