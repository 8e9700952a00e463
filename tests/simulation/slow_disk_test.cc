// A disk whose every sync takes five seconds, under three tcp peers and an MQTT session that always have
// more: what waits stays in bounds, the session's connection lives or is given up before the broker would,
// status() says why, and every input is counted once.
#include <doctest/doctest.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <ranges>
#include <set>

#include "base/format.h"
#include "support/fake_random.h"
#include "support/simulation.h"

namespace tidemark {
namespace {

constexpr Duration kSlowFor = 60s;
// What a stream may have waiting between its socket and the disk; the journal's own bound and a read or two
// are within.
constexpr std::size_t kMostWaiting = 32u << 20;

std::string config(std::string_view keep_alive) {
  return format(R"(
[node]
name = "test"
data_dir = "/data"
[checkpoint]
interval = "10s"
[sources.lines]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "csv"
fields = ["device:string", "v:int", "pad:string"]
[sources.plant]
type = "mqtt"
url = "mqtt://broker"
topics = ["plant/+"]
topic_fields = "plant/{{device}}"
keep_alive = "{}"
format = "json"
[pipelines.totals]
from = ["lines", "plant"]
key_by = ["device"]
window = {{ type = "tumbling", size = "1s" }}
time = "processing"
select = ["sum(v) AS total"]
to = ["history"]
[sinks.history]
type = "sqlite"
path = "history.db"
table = "totals"
mode = "append"
)",
                keep_alive);
}

std::string text_of(const std::vector<std::string>& rows) {
  std::string out;
  for (const std::string& row : rows) out += row + "; ";
  return out;
}

// A peer that always has another line, and keeps none.
class Flood {
 public:
  Flood(FakeNetwork& network, std::string name, std::string pad)
      : line_(format("{},1,{}\n", name, pad)), connection_(network.connect("127.0.0.1:9999")) {
    connection_->send(format("{{\"peer\":\"{}\",\"stream\":\"1\"}}\n", name));
  }

  void turn(bool more) {
    listen();
    if (!more || !welcomed_ || connection_->unread() > 100'000) return;
    std::string bytes;
    for (int i = 0; i < 100; ++i) bytes += line_;
    connection_->send(bytes);
    sent_ += 100;
  }
  std::uint64_t sent() const { return sent_; }
  bool all_acknowledged() const { return acknowledged_ == sent_; }
  // Bytes that the program has taken in and not acknowledged.
  std::size_t waiting() const {
    return static_cast<std::size_t>(sent_ - acknowledged_) * line_.size() - connection_->unread();
  }
  bool closed() const { return connection_->closed_by_program(); }

 private:
  void listen() {
    received_ += connection_->take_received();
    for (std::size_t end = received_.find('\n'); end != std::string::npos; end = received_.find('\n')) {
      std::from_chars(received_.data() + received_.find(':') + 1, received_.data() + end, acknowledged_);
      welcomed_ = true;
      received_.erase(0, end + 1);
    }
  }

  std::string line_, received_;
  std::unique_ptr<FakePeer> connection_;
  bool welcomed_ = false;
  std::uint64_t sent_ = 0, acknowledged_ = 0;
};

// A broker with one session, that fills the window with identical messages, sends again on a new connection
// what was not acknowledged on the old one, and notes how long acknowledgements were held.
class Broker {
 public:
  explicit Broker(Machine& machine) : machine_(machine) {}

  void turn(bool more) {
    FakeMqtt& client = machine_.mqtt().last();
    if (std::exchange(seen_, &client) != &client) acknowledged_ = 0;
    for (; acknowledged_ < client.acknowledged.size(); ++acknowledged_)
      std::erase(in_flight_, client.acknowledged[acknowledged_]);
    if (client.connecting) connect(client);
    while (more && client.is_connected && in_flight_.size() < client.options.receive_maximum) {
      next_id_ = next_id_ == 65535 ? std::uint16_t{1} : static_cast<std::uint16_t>(next_id_ + 1);
      in_flight_.push_back(next_id_);
      ++published_;
      send(client, next_id_, false);
    }
    if (client.held.empty() || std::exchange(releases_, client.releases) != client.releases)
      held_since_ = machine_.now();
    longest_hold_ = std::max(longest_hold_, machine_.now() - held_since_);
  }
  std::uint64_t published() const { return published_; }
  bool all_acknowledged() const { return in_flight_.empty(); }
  int connections() const { return connections_; }
  Duration longest_hold() const { return longest_hold_; }

 private:
  void connect(FakeMqtt& client) {
    client.connected(connections_++ > 0);
    if (connections_ == 1) client.grant({1});
    for (const std::uint16_t id : in_flight_) send(client, id, true);
  }
  static void send(FakeMqtt& client, std::uint16_t id, bool again) {
    client.deliver({.id = id, .qos = 1, .duplicate = again, .topic = "plant/mqtt", .payload = "{\"v\":1}"});
  }

  Machine& machine_;
  FakeMqtt* seen_ = nullptr;
  std::size_t acknowledged_ = 0;  // of the client's list, taken note of
  std::deque<std::uint16_t> in_flight_;
  std::uint16_t next_id_ = 0;
  std::uint64_t published_ = 0;
  int connections_ = 0;
  int releases_ = 0;
  MonotonicTime held_since_{};
  Duration longest_hold_{};
};

struct Plant {
  Machine machine{{.seed = 3, .lanes = Lanes::timed}};
  std::deque<Flood> floods;
  Broker broker{machine};
  std::set<std::string> reasons;
  std::size_t most_waiting = 0, most_undelivered = 0, most_held = 0;

  explicit Plant(std::string_view keep_alive) {
    const Status booted = machine.boot(config(keep_alive));
    REQUIRE_MESSAGE(booted, booted.error().message);
    FakeRandom random(5);
    for (const char* name : {"a", "b", "c"}) {
      std::string pad;
      for (int i = 0; i < 1000; ++i) pad.push_back(static_cast<char>('a' + random.below(26)));
      floods.emplace_back(machine.network(), name, pad);
    }
    for (int i = 0; i < 50; ++i) turn(false);
  }

  void turn(bool more) {
    for (Flood& flood : floods) flood.turn(more);
    broker.turn(more);
    machine.settle();
    machine.advance(20ms);
    look();
  }
  void look() {
    const StatusReport report = machine.appliance().status();
    // A sentence begins alike for minutes; how long something has waited makes it another one.
    for (const std::string& why : report.degraded) reasons.insert(why.substr(0, 30));
    for (const SourceReport& source : report.sources) reasons.insert(source.degraded);
    std::size_t waiting = 0;
    for (const Flood& flood : floods) waiting += flood.waiting();
    most_waiting = std::max(most_waiting, waiting);
    most_undelivered = std::max<std::size_t>(most_undelivered, report.sinks[0].waiting_bytes);
    most_held = std::max(most_held, machine.mqtt().last().held.size());
  }
  bool says(std::string_view word) const {
    return std::ranges::any_of(reasons, [&](const std::string& why) { return why.contains(word); });
  }
  void slow() {
    machine.disk().slow_sync(5s);
    for (const MonotonicTime end = machine.now() + kSlowFor; machine.now() < end;) turn(true);
    machine.disk().slow_sync(0s);
  }
  void finish() {
    const auto open = [&] {
      return !broker.all_acknowledged() || !std::ranges::all_of(floods, &Flood::all_acknowledged);
    };
    for (int i = 0; i < 5000 && open(); ++i) turn(false);
    CHECK_FALSE(open());
    machine.advance(1min);  // what the bulk lane had begun on the slow disk takes its time
  }
  void check_every_input_counted_once() {
    const std::vector<std::string> expected{
        format("a|{}", floods[0].sent()), format("b|{}", floods[1].sent()), format("c|{}", floods[2].sent()),
        format("mqtt|{}", broker.published())};
    const std::vector<std::string> rows = machine.query(
        "/data/history.db", "SELECT device || '|' || sum(total) FROM totals GROUP BY device ORDER BY device");
    CAPTURE(text_of(rows));
    CAPTURE(text_of(expected));
    CHECK(rows == expected);
    CHECK(machine.appliance().status().degraded.empty());
  }
};

TEST_CASE("slow disk: what waits stays in bounds, the session lives, nothing is lost or doubled") {
  Plant plant("1m");
  plant.slow();
  CHECK(plant.most_waiting > 100'000);  // the disk was in the way
  CHECK(plant.most_waiting < kMostWaiting);
  CHECK(plant.most_undelivered < kMostWaiting);
  CHECK(plant.most_held <= plant.machine.mqtt().last().options.receive_maximum);
  CHECK(plant.says("journal: the disk is slow"));
  CHECK(plant.says("sources are paused"));
  CHECK(plant.broker.connections() == 1);
  CHECK(plant.broker.longest_hold() > 4s);
  CHECK(plant.broker.longest_hold() < 20s);  // a third of the keep-alive
  for (const Flood& flood : plant.floods) CHECK_FALSE(flood.closed());
  CHECK(plant.broker.published() > 1000);
  plant.finish();
  plant.check_every_input_counted_once();
}

TEST_CASE("slow disk: a connection whose keep-alive is near its end is given up and taken up again") {
  Plant plant("10s");
  plant.slow();
  CHECK(plant.broker.connections() > 1);
  CHECK(plant.broker.longest_hold() < 4s);
  CHECK(plant.most_waiting < kMostWaiting);
  CHECK(plant.says("the disk does not answer"));
  plant.finish();
  plant.check_every_input_counted_once();
}

}  // namespace
}  // namespace tidemark
