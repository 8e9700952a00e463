// The tcp sink before a peer that counts lines and acknowledges what is durable: each result once, whatever
// breaks.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "sinks/row_text.h"
#include "support/line_receiver.h"
#include "support/sink_subject.h"

namespace tidemark {
namespace {

constexpr auto kServer = "plant:9999";
constexpr auto kLedger = "/data/sinks/subject.stream";

struct AckSubject : SinkSubject {
  explicit AckSubject(LineReceiver& its_receiver,
                      std::unique_ptr<FaultFiles> disk = std::make_unique<FaultFiles>(),
                      std::uint64_t seed = 1)
      : SinkSubject(SinkSettings::Type::tcp, std::move(disk)), receiver(its_receiver) {
    for (std::uint64_t i = 0; i < seed; ++i)
      doors.random.next();  // streams of one start are those of no other
    settings.ack = true;
    receiver.serve(doors.network, kServer);
  }
  ~AckSubject() { receiver.leave(); }

  void turn(int times = 20) {
    for (int i = 0; i < times; ++i) {
      receiver.turn();
      doors.loop.advance(1ms);
    }
  }
  std::optional<Result<std::optional<Holdings>>> open(const std::vector<const ResultSchema*>& schemas) {
    SinkSubject::open(schemas);
    turn();
    return answer;
  }
  bool write(std::span<const ResultView> rows) {
    SinkSubject::write(rows);
    turn();
    return finished;
  }

  LineReceiver& receiver;
};

std::string lines_of(const ResultScript& script, std::size_t from, std::size_t to,
                     FormatSettings::Type format = FormatSettings::Type::json) {
  RowText text({.format = format});
  std::string out;
  for (std::size_t i = from; i < to; ++i) text.append_line(out, script.all()[i]);
  return out;
}

// interface: sinks.ack, sinks.peer
TEST_CASE("tcp sink with ack: it introduces itself, and sends nothing before it knows what the peer has") {
  const ResultScript script(3);
  LineReceiver receiver(true);
  AckSubject subject(receiver);
  subject.settings.peer = "press-hall-3";
  receiver.holds_sync = true;
  CHECK_FALSE(subject.open(script.schemas()));
  REQUIRE(receiver.introductions().size() == 1);
  CHECK(receiver.introductions()[0].starts_with("{\"peer\":\"press-hall-3\",\"stream\":\""));
  CHECK(subject.sink->status().state == SinkStatus::State::starting);
  subject.doors.loop.advance(6s);
  CHECK(subject.sink->status().degraded.contains("is it a source with ack = true?"));
  receiver.holds_sync = false;
  subject.turn();
  REQUIRE(subject.answer);
  REQUIRE(subject.answer->has_value());
  REQUIRE((*subject.answer)->has_value());
  CHECK((**subject.answer)->empty());
  CHECK(subject.sink->status().state == SinkStatus::State::ready);

  // Done when the lines are durable at the peer, not when it has them.
  receiver.holds_sync = true;
  CHECK_FALSE(subject.write(script.all()));
  receiver.holds_sync = false;
  subject.turn();
  CHECK(subject.finished);
  CHECK(receiver.text() == lines_of(script, 0, 3));
}

TEST_CASE("tcp sink with ack: without `peer` it has the name that was made for it") {
  LineReceiver receiver(true);
  AckSubject subject(receiver);
  subject.open(ResultScript(1).schemas());
  CHECK(receiver.introductions().at(0).starts_with("{\"peer\":\"tm-out\","));
}

TEST_CASE("tcp sink with ack: after a break exactly the rest goes again") {
  const ResultScript script(50);
  LineReceiver receiver(true);
  AckSubject subject(receiver);
  subject.open(script.schemas());
  receiver.holds_sync = true;
  subject.SinkSubject::write(script.all());
  receiver.turn(20);
  receiver.sync();
  receiver.turn(10);
  receiver.crash();  // 20 lines are durable, and 10 that it had are gone
  receiver.holds_sync = false;
  CHECK_FALSE(subject.finished);
  subject.doors.loop.advance(2s);
  subject.turn();
  CHECK(subject.finished);
  CHECK(receiver.text() == lines_of(script, 0, 50));
  CHECK(receiver.introductions().size() == 2);
  CHECK(receiver.introductions()[0] == receiver.introductions()[1]);
}

TEST_CASE("tcp sink with ack: after a restart the peer's count says which results it holds") {
  const ResultScript script(50);
  LineReceiver receiver(true);
  std::unique_ptr<FaultFiles> disk;
  {
    AckSubject subject(receiver);
    subject.open(script.schemas());
    REQUIRE(subject.write(script.all().first(30)));
    receiver.holds_sync = true;
    subject.SinkSubject::write(script.all().subspan(30));
    subject.doors.loop.run_ready();
    receiver.turn(12);
    receiver.sync();
    CHECK_FALSE(subject.finished);
    subject.sink.reset();
    subject.doors.disk->crash();
    disk = subject.doors.disk->after_crash(Loss::all_unsynced);
  }
  receiver.holds_sync = false;
  AckSubject subject(receiver, std::move(disk), 2);
  const auto opened = subject.open(script.schemas());
  REQUIRE(opened);
  REQUIRE(opened->has_value());
  CHECK(same_holdings(***opened, script.holdings_after(42)));
  REQUIRE(subject.write(script.all().subspan(42)));
  CHECK(receiver.text() == lines_of(script, 0, 50));
  CHECK(receiver.streams() == 1);
}

TEST_CASE("tcp sink with ack: results of an abandoned branch that the peer has are not taken for new ones") {
  const ResultScript script(30);
  LineReceiver receiver(true);
  std::unique_ptr<FaultFiles> disk;
  {
    AckSubject subject(receiver);
    subject.open(script.schemas());
    subject.SinkSubject::write(script.all().first(10));
    subject.doors.loop.run_ready();
    receiver.turn(7);
    subject.sink.reset();
    disk = subject.doors.disk->after_crash(Loss::none);
  }
  // Back to before all of them: what comes now is numbered on another timeline.
  AckSubject subject(receiver, std::move(disk), 2);
  const auto opened = subject.open(script.schemas());
  REQUIRE(opened->has_value());
  CHECK(same_holdings(***opened, script.holdings_after(7)));
  ChannelId other = script.schemas().front()->channel;
  other.timeline = Timeline{2};
  std::vector<ResultView> rows;
  for (std::size_t i = 0; i < 3; ++i) {
    rows.push_back(script.all()[i]);
    rows.back().issued = &other;
  }
  CHECK(subject.write(rows));
  CHECK(receiver.text() == lines_of(script, 0, 7) + lines_of(script, 0, 3));
}

// Both sides crash, connections break, disks lose what was not synced, at random moments; in the end the peer
// has every line once and in order.
TEST_CASE("tcp sink with ack: each result reaches the peer once, whatever breaks and when") {
  const ResultScript script(120);
  for (const auto format : {FormatSettings::Type::json, FormatSettings::Type::csv}) {
    const std::string expected = lines_of(script, 0, 120, format);
    int crashes = 0;
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
      CAPTURE(seed);
      std::mt19937_64 random(seed);
      const auto below = [&](std::uint64_t n) { return random() % n; };
      LineReceiver receiver(true);
      auto disk = std::make_unique<FaultFiles>();
      REQUIRE(disk->make_directories("/data").has_value());
      std::size_t done = 0;
      for (std::uint64_t start = 1; done < script.all().size(); ++start) {
        REQUIRE(start < 200);
        if (below(4) == 0) disk->crash_at(1 + below(12));
        AckSubject subject(receiver, std::move(disk), start);
        subject.settings.format = format;
        subject.SinkSubject::open(script.schemas());
        std::size_t size = 0;
        bool alive = true;
        while (alive && done < script.all().size()) {
          if (subject.finished && size != 0) {
            done += std::exchange(size, 0);
            continue;
          }
          if (subject.answer && size == 0) {
            if (!subject.answer->has_value()) {
              REQUIRE(subject.doors.disk->dead());
              break;
            }
            const std::size_t first = script.first_missing(***subject.answer);
            if (first > done) done = first;  // it had more than it could be told
            size = std::min<std::size_t>(1 + below(30), script.all().size() - done);
            if (size != 0) subject.SinkSubject::write(script.all().subspan(done, size));
            continue;
          }
          receiver.holds_sync = below(2) == 0;
          receiver.turn(below(20));
          switch (below(12)) {
            case 0:
              receiver.crash();
              ++crashes;
              break;
            case 1:
              receiver.break_connections();
              break;
            case 2:
              alive = false;
              break;
            default:
              subject.doors.loop.advance(std::chrono::milliseconds(below(700)));
          }
          if (subject.doors.disk->dead()) alive = false;
        }
        subject.sink.reset();
        if (!subject.doors.disk->dead()) subject.doors.disk->crash();
        disk = subject.doors.disk->after_crash(static_cast<Loss>(below(3)), seed);
      }
      CHECK(receiver.text() == expected);
    }
    CHECK(crashes > 100);
  }
}

TEST_CASE("tcp sink with ack: nothing is sent before what it is stands on disk") {
  const ResultScript script(10);
  LineReceiver receiver(true);
  AckSubject subject(receiver);
  subject.open(script.schemas());
  subject.doors.disk->fail({.operation = FaultFiles::Operation::sync, .times = 1000});
  CHECK_FALSE(subject.write(script.all()));
  CHECK(receiver.text().empty());
  CHECK(subject.sink->status().state == SinkStatus::State::away);
  CHECK(subject.doors.log.contains("results wait, and are tried again"));
  subject.doors.disk->heal();
  subject.doors.loop.advance(1min);
  subject.turn();
  CHECK(subject.finished);
  CHECK(receiver.text() == lines_of(script, 0, 10));
}

TEST_CASE("tcp sink with ack: a peer put back from an older copy is reported, and the stream goes on") {
  const ResultScript script(30);
  LineReceiver receiver(true);
  AckSubject subject(receiver);
  subject.open(script.schemas());
  REQUIRE(subject.write(script.all().first(20)));
  receiver.go_back(15);
  subject.doors.loop.advance(2s);
  subject.turn();
  CHECK(subject.doors.log.contains("has 15 lines of this stream, and had acknowledged 20"));
  REQUIRE(subject.write(script.all().subspan(20)));
  CHECK(receiver.streams() == 1);
  bool counted = false;
  for (const auto& [name, count] : subject.sink->status().counters)
    if (name == "missing at the peer") counted = count == 5;
  CHECK(counted);

  // It is known over a restart.
  AckSubject again(receiver, subject.doors.disk->after_crash(Loss::none), 2);
  const auto opened = again.open(script.schemas());
  REQUIRE(opened->has_value());
  CHECK(same_holdings(***opened, script.holdings_after(30)));
  CHECK(again.doors.log.count(LogLevel::error) == 0);
}

TEST_CASE(
    "tcp sink with ack: a peer that knows more than was sent has another sender: a new stream is begun") {
  const ResultScript script(30);
  LineReceiver receiver(true);
  std::unique_ptr<FaultFiles> older;
  {
    AckSubject subject(receiver);
    subject.open(script.schemas());
    REQUIRE(subject.write(script.all().first(10)));
    subject.sink.reset();
    older = subject.doors.disk->after_crash(Loss::none);
    AckSubject goes_on(receiver, subject.doors.disk->after_crash(Loss::none), 2);
    goes_on.open(script.schemas());
    REQUIRE(goes_on.write(script.all().subspan(10, 10)));
  }
  AckSubject copy(receiver, std::move(older), 3);
  copy.open(script.schemas());
  copy.doors.loop.advance(2s);
  copy.turn();
  REQUIRE(copy.answer);
  REQUIRE(copy.answer->has_value());
  CHECK(copy.doors.log.contains("has 20 lines of this stream, and 10 were sent"));
  CHECK(receiver.streams() == 2);
  CHECK(copy.write(script.all().subspan(20)));
  CHECK(receiver.text().ends_with(lines_of(script, 20, 30)));
}

TEST_CASE("tcp sink with ack: an answer that is none ends the connection, and is named") {
  const ResultScript script(10);
  const std::vector<std::string> answers = {"hello\n",
                                            "{\"ack\":-1}\n",
                                            "{\"ack\":\"3\"}\n",
                                            "[3]\n",
                                            "{}\n",
                                            "\n",
                                            std::string(5000, 'x'),
                                            "{\"ack\":0}\n{\"ack\":11}\n",
                                            "{\"ack\":0}\n{\"ack\":5}\n{\"ack\":4}\n"};
  for (const std::string& answer : answers) {
    CAPTURE(answer);
    SinkSubject subject(SinkSettings::Type::tcp);
    subject.settings.ack = true;
    subject.doors.network.serve(kServer);
    subject.open(script.schemas());
    auto peer = subject.doors.network.accepted();
    REQUIRE(peer);
    const std::size_t first = answer.find('\n');
    peer->send(answer.substr(0, first == std::string::npos ? first : first + 1));
    subject.doors.loop.run_ready();
    if (subject.answer) subject.write(script.all());
    subject.doors.loop.run_ready();
    if (first != std::string::npos) peer->send(answer.substr(first + 1));
    subject.doors.loop.run_ready();
    CHECK_FALSE(subject.finished);
    CHECK(peer->closed_by_program());
    CHECK((subject.doors.log.contains("it answers with something other than {\"ack\":N}") ||
           subject.doors.log.contains("it acknowledges")));
  }
}

TEST_CASE("tcp sink with ack: a peer that hangs up at the introduction is named for what it did") {
  const ResultScript script(10);
  SinkSubject subject(SinkSettings::Type::tcp);
  subject.settings.ack = true;
  subject.doors.network.serve(kServer);
  subject.open(script.schemas());
  subject.doors.network.accepted()->close();
  subject.doors.loop.run_ready();
  CHECK(subject.sink->status().degraded.contains("without an answer to the introduction"));
}

TEST_CASE(
    "tcp sink with ack: in at-least-once mode every start is a stream of its own, and nothing is kept") {
  const ResultScript script(10);
  LineReceiver receiver(true);
  std::unique_ptr<FaultFiles> disk = std::make_unique<FaultFiles>();
  for (std::uint64_t start = 1; start <= 2; ++start) {
    AckSubject subject(receiver, std::move(disk), start);
    subject.remembers = false;
    const auto opened = subject.open(script.schemas());
    REQUIRE(opened->has_value());
    CHECK_FALSE((*opened)->has_value());
    CHECK(subject.write(script.all()));
    CHECK(subject.doors.disk->operations() == 0);
    subject.sink.reset();
    disk = subject.doors.disk->after_crash(Loss::none);
  }
  CHECK(receiver.streams() == 2);
  CHECK(receiver.text() == lines_of(script, 0, 10) + lines_of(script, 0, 10));
}

TEST_CASE("tcp sink with ack: a text of several lines in csv counts as the lines that it is") {
  const ResultScript script(12);  // two of its notes have two lines
  LineReceiver receiver(true);
  AckSubject subject(receiver);
  subject.settings.format = FormatSettings::Type::csv;
  subject.open(script.schemas());
  CHECK(subject.write(script.all()));
  const std::string text = lines_of(script, 0, 12, FormatSettings::Type::csv);
  CHECK(std::count(text.begin(), text.end(), '\n') == 14);
  CHECK(receiver.text() == text);
}

TEST_CASE("tcp sink with ack: a damaged ledger is refused, with the ways out") {
  const ResultScript script(10);
  LineReceiver receiver(true);
  AckSubject subject(receiver);
  subject.open(script.schemas());
  REQUIRE(subject.write(script.all()));
  subject.sink.reset();
  subject.doors.disk->put(kLedger, "something else");
  const auto opened = subject.open(script.schemas());
  REQUIRE(opened);
  REQUIRE_FALSE(opened->has_value());
  CHECK(opened->error().message.contains(kLedger));
  CHECK(opened->error().message.contains("remove it"));
}

}  // namespace
}  // namespace tidemark
