// The file of a lookup changes while records come in, and the power goes before every file operation.
// Whatever table was in force when a record came in, a replay has the same: every line counts once, by one
// table, and no result differs from the one that a sink holds.
#include <doctest/doctest.h>

#include <cstdlib>
#include <optional>

#include "base/format.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

constexpr const char* kFile = "/etc/weights.csv";
constexpr int kLines = 12;

std::string config(std::string_view store, bool journal) {
  return format(
      R"(
[node]
name = "test"
data_dir = "/data"
[checkpoint]
store = "{}"
interval = "250ms"
retain = 2
[journal]
enabled = {}
sync = "0s"
[sources.in]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "json"
[lookups.weights]
type = "csv"
path = "/etc/weights.csv"
key = ["k"]
fields = ["weight:int"]
check_every = "100ms"
[pipelines.sums]
from = ["in"]
key_by = ["k"]
select = ["count(*) AS n", "sum(lookup('weights', k, 'weight')) AS s"]
to = ["out"]
[sinks.out]
type = "file"
path = "out.jsonl"
flush = "10ms"
)",
      store, journal);
}

std::string weights(int weight) {
  return format("k,weight\na,{}\nb,0\n", weight);
}

struct Device {
  SimulatedPeer peer;
  explicit Device(SimulatedPeer::Memory memory = {}) : peer("p", "127.0.0.1:9999", memory) {}
  void feed(Machine& machine, std::uint64_t lines) {
    while (peer.measured() < lines) peer.measure(R"({"k":"a"})");
    for (int i = 0; i < 200 && !peer.all_acknowledged() && !machine.disk().dead(); ++i) {
      peer.turn();
      machine.advance(20ms);
    }
    peer.listen();
  }
};

std::string table_in_force(const Machine& machine) {
  const StatusReport report = const_cast<Machine&>(machine).appliance().status();
  return report.lookups.empty() ? std::string() : report.lookups.front().hash;
}

// Until another table than `before` is in force, or the power is gone.
void wait_for_exchange(Machine& machine, const std::string& before) {
  machine.run_until([&] { return table_in_force(machine) != before; }, 10s);
}

// Weight 1, then 100, then 10000: 4, 4 and 2 lines, the last exchange over a stop.
void run(std::string_view store, bool journal, Machine& machine, Device& device) {
  const auto dead = [&] { return machine.disk().dead(); };
  if (!machine.boot(config(store, journal)) || !device.peer.connect(machine.network())) return;
  device.feed(machine, 4);
  if (dead()) return;
  const std::string before = table_in_force(machine);
  machine.disk().put(kFile, weights(100));
  wait_for_exchange(machine, before);
  if (dead()) return;
  device.feed(machine, 6);
  if (dead() || !machine.create_checkpoint()) return;
  device.feed(machine, 8);
  if (dead() || !machine.stop()) return;
  device.peer.disconnect();
  machine.disk().put(kFile, weights(10000));
  if (!machine.boot(config(store, journal)) || !device.peer.connect(machine.network())) return;
  device.feed(machine, 10);
}

std::optional<std::string> wrong_after(std::string_view store, bool journal, std::unique_ptr<FaultFiles> left,
                                       SimulatedPeer::Memory memory) {
  Machine machine({.seed = 99}, std::move(left));
  Device device(memory);
  if (const Status booted = machine.boot(config(store, journal)); !booted)
    return "refused: " + booted.error().message;
  if (!device.peer.connect(machine.network())) return "nobody listens";
  device.feed(machine, kLines);
  if (!device.peer.all_acknowledged()) return "not acknowledged";
  if (machine.log().contains("differs")) return "a result differs: " + machine.log().text();
  if (!machine.stop()) return "does not stop";
  const std::vector<std::string> rows = machine.lines("/data/out.jsonl");
  if (rows.size() != kLines) return format("{} rows", rows.size());
  std::int64_t sum = 0, weight = 1;
  for (int n = 1; n <= kLines; ++n) {
    const std::string& row = rows[static_cast<std::size_t>(n - 1)];
    // The weight only grows.
    while (weight < 10000 && !row.ends_with(format("\"s\":{}}}", sum + weight))) weight *= 100;
    sum += weight;
    if (row != format(R"({{"k":"a","n":{},"s":{}}})", n, sum)) return format("row {} is {}", n, row);
  }
  return std::nullopt;
}

void cut_everywhere(std::string_view store, bool journal, Lanes lanes, std::uint64_t stride) {
#if !defined(NDEBUG)
  stride *= 3;
#endif
  if (std::getenv("TIDEMARK_EVERY_CUT") != nullptr) stride = 1;
  int cuts = 0, wrong = 0;
  bool dead = true;
  for (std::uint64_t cut = 1; dead && wrong < 5; cut += stride)
    for (const Loss loss : {Loss::all_unsynced, Loss::none, Loss::random}) {
      Machine machine({.seed = cut, .lanes = lanes});
      machine.disk().put(kFile, weights(1));
      machine.disk().crash_at(cut);
      Device device;
      run(store, journal, machine, device);
      dead = machine.disk().dead();
      device.peer.listen();
      device.peer.disconnect();
      const auto found = wrong_after(
          store, journal, machine.disk().after_crash(dead ? loss : Loss::none, cut), device.peer.memory());
      CHECK_MESSAGE(!found, "store " << store << ", journal " << journal << ", cut " << cut << ", loss "
                                     << static_cast<int>(loss) << ": " << found.value_or(""));
      wrong += found ? 1 : 0;
      ++cuts;
      if (!dead) break;
    }
  MESSAGE(cuts << " cuts, store " << store << ", journal " << journal);
  CHECK(cuts > 30);
}

}  // namespace

TEST_CASE("cut: the table of a lookup changes while it runs and over a stop") {
  for (const bool journal : {true, false}) cut_everywhere("files", journal, Lanes::at_once, 1);
  cut_everywhere("sqlite", true, Lanes::at_once, 3);
}

TEST_CASE("cut: the table of a lookup changes, the lanes do their work at other moments") {
  cut_everywhere("files", true, Lanes::interleaved, 2);
}

// interface: lookups.check_every
TEST_CASE("a file that cannot be read leaves the table that there is, and is told of") {
  Machine machine;
  machine.disk().put(kFile, weights(1));
  REQUIRE(machine.boot(config("files", true)));
  Device device;
  REQUIRE(device.peer.connect(machine.network()));
  device.feed(machine, 1);
  machine.disk().put(kFile, "k,weight\na,much\n");
  machine.advance(1s);
  StatusReport report = machine.appliance().status();
  REQUIRE(report.lookups.size() == 1);
  CHECK(report.lookups[0].failures == 1);
  CHECK(report.lookups[0].trouble.starts_with("/etc/weights.csv: line 2: "));
  REQUIRE(report.degraded.size() == 1);
  CHECK(report.degraded[0].starts_with("lookup \"weights\" goes on with the table it had: "));
  device.feed(machine, 2);
  machine.disk().put(kFile, "k,pounds\na,5\n");  // the column that an expression names is gone
  machine.advance(1s);
  CHECK(machine.appliance().status().lookups[0].failures == 2);
  device.feed(machine, 3);
  machine.disk().put(kFile, weights(7));
  machine.advance(1s);
  report = machine.appliance().status();
  CHECK(report.lookups[0].trouble.empty());
  CHECK(report.degraded.empty());
  device.feed(machine, 4);
  REQUIRE(machine.stop());
  CHECK(machine.lines("/data/out.jsonl") ==
        std::vector<std::string>{R"({"k":"a","n":1,"s":1})", R"({"k":"a","n":2,"s":2})",
                                 R"({"k":"a","n":3,"s":3})", R"({"k":"a","n":4,"s":10})"});
}

TEST_CASE("a bad or missing file at the start is refused") {
  Machine machine;
  const Status missing = machine.boot(config("files", true));
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message.contains("error: lookup weights: "));
  machine.disk().put(kFile, "k,weight\na,1\na,2\n");
  const Status twice = machine.boot(config("files", true));
  REQUIRE_FALSE(twice);
  CHECK(twice.error().message.contains("line 3: the key 'a' stands in it twice"));
}

TEST_CASE("tables are kept as long as a checkpoint may need them, and no longer") {
  Machine machine;
  machine.disk().put(kFile, weights(1));
  REQUIRE(machine.boot(config("files", true)));
  Device device;
  REQUIRE(device.peer.connect(machine.network()));
  std::uint64_t lines = 0;
  const auto kept = [&](std::string_view folder) {
    std::size_t n = 0;
    for (const std::string& path : machine.disk().all_files())
      if (path.starts_with(folder) && !path.ends_with("HISTORY")) ++n;
    return n;
  };
  for (int weight = 2; weight < 12; ++weight) {
    const std::string before = table_in_force(machine);
    machine.disk().put(kFile, weights(weight));
    wait_for_exchange(machine, before);
    device.feed(machine, ++lines);
    REQUIRE(machine.create_checkpoint());
    CHECK(kept("data/lookups/") <= 5);
  }
  for (int i = 0; i < 4; ++i) {
    device.feed(machine, ++lines);
    REQUIRE(machine.create_checkpoint());
  }
  machine.advance(1s);
  CHECK(kept("data/lookups/") == 1);
  CHECK(kept("data/config/") <= 2);
}

}  // namespace tidemark
