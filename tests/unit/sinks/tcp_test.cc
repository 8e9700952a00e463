// The tcp sink before a peer that takes lines. With acknowledgements: tcp_ack_test.cc.
#include <doctest/doctest.h>

#include <algorithm>

#include "sinks/row_text.h"
#include "support/line_receiver.h"
#include "support/sink_subject.h"

namespace tidemark {
namespace {

struct TcpSubject : SinkSubject {
  TcpSubject() : SinkSubject(SinkSettings::Type::tcp) { doors.network.serve("plant:9999"); }

  std::unique_ptr<FakePeer> accept() {
    doors.loop.run_ready();
    return doors.network.accepted();
  }
  void pass(Duration duration) { doors.loop.advance(duration); }
  bool degraded(std::string_view text) const { return sink->status().degraded.contains(text); }
};

std::string lines_of(const ResultScript& script, std::size_t from, std::size_t to,
                     RowTextOptions options = {}) {
  RowText text(std::move(options));
  std::string out;
  for (std::size_t i = from; i < to; ++i) text.append_line(out, script.all()[i]);
  return out;
}

// interface: sinks.type=tcp, sinks.connect
TEST_CASE("tcp sink: each result is a line, and done when the peer's system has confirmed all of them") {
  const ResultScript script(3);
  TcpSubject subject;
  const auto opened = subject.open(script.schemas());
  REQUIRE(opened->has_value());
  CHECK_FALSE((*opened)->has_value());
  const auto peer = subject.accept();
  REQUIRE(peer);
  CHECK(subject.sink->status().state == SinkStatus::State::ready);
  peer->hold_confirmations();
  CHECK_FALSE(subject.write(script.all()));
  subject.pass(1s);
  CHECK(peer->received() == lines_of(script, 0, 3));
  CHECK_FALSE(subject.finished);
  peer->confirm();
  subject.pass(100ms);
  CHECK(subject.finished);
  subject.pass(1min);
  CHECK(subject.doors.loop.timers() == 0);  // nothing is looked at while nothing is under way
}

TEST_CASE("tcp sink: csv comes without a header, and must have one form") {
  const ResultScript script(3);
  TcpSubject subject;
  subject.settings.format = FormatSettings::Type::csv;
  subject.settings.timestamps = TimestampFormat::s;
  REQUIRE(subject.open(script.schemas())->has_value());
  const auto peer = subject.accept();
  subject.write(script.all().first(1));
  CHECK(peer->received() == "d0,1740830400,0,,plain\n");

  ResultSchema other = *script.schemas().front();
  other.columns.pop_back();
  TcpSubject two;
  two.settings.format = FormatSettings::Type::csv;
  const auto opened = two.open({script.schemas().front(), &other});
  REQUIRE_FALSE(opened->has_value());
  CHECK(opened->error().kind == Error::Kind::usage);
  CHECK(two.doors.network.connects() == 0);
}

TEST_CASE("tcp sink: after a break what was not confirmed goes again, whole and in order") {
  const ResultScript script(200);
  const std::string all = lines_of(script, 0, 200);
  TcpSubject subject;
  subject.open(script.schemas());
  auto peer = subject.accept();
  peer->stop_reading();
  subject.write(script.all());
  subject.pass(50ms);
  CHECK_FALSE(subject.finished);
  peer->reset();
  subject.doors.loop.run_ready();
  CHECK(subject.degraded("connection reset by peer"));
  subject.pass(2s);
  peer = subject.accept();
  REQUIRE(peer);
  subject.pass(50ms);
  CHECK(peer->received() == all);
  CHECK(subject.finished);

  // What the peer's system has confirmed does not.
  peer->take_received();
  subject.write(script.all().first(10));
  subject.pass(50ms);
  REQUIRE(subject.finished);
  peer->hold_confirmations();
  subject.write(script.all().subspan(10, 5));
  subject.pass(50ms);
  peer->reset();
  subject.pass(2s);
  peer = subject.accept();
  subject.pass(50ms);
  CHECK(peer->received() == lines_of(script, 10, 15));
  CHECK(subject.finished);
}

TEST_CASE("tcp sink: what a slow peer leaves in the kernel is little, and after a while it counts as away") {
  const ResultScript script(4000);
  const std::string all = lines_of(script, 0, 4000);
  REQUIRE(all.size() > 300'000);
  TcpSubject subject;
  subject.open(script.schemas());
  const auto peer = subject.accept();
  peer->stop_reading();
  subject.write(script.all());
  subject.pass(4s);
  CHECK(subject.sink->status().state == SinkStatus::State::ready);
  subject.pass(3s);
  CHECK(subject.sink->status().state == SinkStatus::State::away);
  CHECK(subject.degraded("has taken nothing for 7s"));
  CHECK(subject.doors.log.contains("has taken nothing"));
  peer->resume_reading();
  peer->stop_reading();
  const std::size_t first = peer->received().size();
  CHECK(first >= 256u << 10);
  CHECK(first < (256u << 10) + 200);
  peer->resume_reading();
  subject.pass(1s);
  CHECK(subject.finished);
  CHECK(peer->received() == all);
  CHECK(subject.sink->status().state == SinkStatus::State::ready);
}

TEST_CASE("tcp sink: a peer that says nothing more may go on reading, and one that is gone is noticed") {
  const ResultScript script(20);
  TcpSubject subject;
  subject.open(script.schemas());
  auto peer = subject.accept();
  peer->close();  // its side
  subject.doors.loop.run_ready();
  CHECK(subject.sink->status().state == SinkStatus::State::ready);
  subject.write(script.all().first(10));
  subject.pass(50ms);
  CHECK(subject.finished);
  CHECK(peer->received() == lines_of(script, 0, 10));
  peer->hold_confirmations();
  subject.write(script.all().subspan(10));
  peer->reset();  // nobody is told of that
  subject.pass(100ms);
  CHECK_FALSE(subject.finished);
  CHECK(subject.degraded("the connection broke"));
  subject.pass(2s);
  peer = subject.accept();
  REQUIRE(peer);
  subject.pass(50ms);
  CHECK(peer->received() == lines_of(script, 10, 20));
  CHECK(subject.finished);
}

TEST_CASE("tcp sink: a peer whose system does not answer any more is given up, one that only waits is not") {
  const ResultScript script(20);
  for (const bool answers : {true, false}) {
    CAPTURE(answers);
    TcpSubject subject;
    subject.open(script.schemas());
    const auto peer = subject.accept();
    peer->stop_reading();
    if (!answers) peer->silent_for(3min);
    subject.write(script.all());
    subject.pass(10s);
    CHECK(peer->closed_by_program() == !answers);
    CHECK(subject.doors.log.contains("nothing was heard of it for 3m") == !answers);
  }
}

TEST_CASE("tcp sink: with something under way it ends by a reset, so that half a line is no line") {
  const ResultScript script(20);
  TcpSubject in_order, cut, gone;
  for (TcpSubject* subject : {&in_order, &cut, &gone}) {
    subject->open(script.schemas());
    const auto peer = subject->accept();
    if (subject != &in_order) peer->stop_reading();
    subject->write(script.all());
    subject->pass(50ms);
    CHECK(subject->finished == (subject == &in_order));
    int closed = 0;
    if (subject == &gone)
      subject->sink.reset();
    else
      subject->sink->close([&] { ++closed; });
    subject->doors.loop.run_ready();
    CHECK(closed == (subject == &gone ? 0 : 1));
    CHECK(peer->closed_by_program());
    CHECK(peer->reset_by_program() == (subject != &in_order));
  }
}

TEST_CASE("tcp sink: a server that is not there is waited for, with growing pauses") {
  const ResultScript script(2);
  TcpSubject subject;
  subject.doors.network.refuse("plant:9999");
  CHECK(subject.open(script.schemas())->has_value());
  subject.write(script.all());
  subject.pass(4min);
  CHECK(subject.doors.network.connects() > 8);
  CHECK(subject.doors.network.connects() < 20);
  CHECK(subject.degraded("connection refused"));
  subject.doors.network.serve("plant:9999");
  subject.pass(31s);
  const auto peer = subject.accept();
  REQUIRE(peer);
  subject.pass(1s);
  CHECK(subject.finished);
  CHECK(peer->received() == lines_of(script, 0, 2));
}

TEST_CASE("tcp sink: a server that accepts and hangs up at once is tried with growing pauses, too") {
  const ResultScript script(2);
  TcpSubject subject;
  subject.open(script.schemas());
  subject.write(script.all());
  for (int i = 0; i < 240; ++i) {
    if (const auto peer = subject.accept()) peer->reset();
    subject.pass(1s);
  }
  CHECK(subject.doors.network.connects() < 20);
}

TEST_CASE("tcp sink: what the peer says is read and means nothing") {
  const ResultScript script(2);
  TcpSubject subject;
  subject.open(script.schemas());
  const auto peer = subject.accept();
  peer->send(std::string(100'000, 'x'));
  peer->send("{\"ack\":17}\n");
  subject.write(script.all());
  subject.pass(50ms);
  CHECK(subject.finished);
  CHECK(peer->unread() == 0);
}

// interface: sinks.ids, sinks.timestamps
TEST_CASE("tcp sink: ids and times are written as asked for") {
  const ResultScript script(1);
  TcpSubject subject;
  subject.settings.ids = true;
  subject.settings.timestamps = TimestampFormat::ms;
  subject.open(script.schemas());
  const auto peer = subject.accept();
  subject.write(script.all());
  CHECK(peer->received() ==
        lines_of(script, 0, 1, {.timestamps = TimestampFormat::ms, .ids = true, .id_prefix = "node"}));
  CHECK(peer->received().contains("\"window_start\":1740830400000"));
  CHECK(peer->received().contains("\"_id\":\"node/1/health/1\""));
}

}  // namespace
}  // namespace tidemark
