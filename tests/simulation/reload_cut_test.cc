// The power goes before every file operation of a run whose configuration changes twice: once while it runs,
// once over a stop. Whatever was in force when it went, every line counts once and every result stands once.
#include <doctest/doctest.h>

#include <cstdlib>
#include <optional>

#include "base/format.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

struct Plant {
  std::string store = "files";
  bool journal = true;
  Lanes lanes = Lanes::at_once;

  // Three ways to ask for the same counts: `stage` 1, 2, 3.
  std::string config(int stage) const {
    static constexpr std::string_view kSelect[] = {"\"count(*) AS n\", \"sum(v) AS s\"",
                                                   "\"sum(v) AS s\", \"max(v) AS m\", \"count(*) AS n\"",
                                                   "\"count(*) AS n\", \"max(v) AS m\", \"sum(v) AS s\""};
    return format(
        R"(
[node]
name = "test"
data_dir = "/data"
[checkpoint]
store = "{}"
interval = "250ms"
[journal]
enabled = {}
sync = "0s"
[sources.in]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "json"
[pipelines.counts]
from = ["in"]
key_by = ["k"]
select = [{}]
to = ["out"{}]
[sinks.out]
type = "file"
path = "out.jsonl"
flush = "10ms"
{})",
        store, journal, kSelect[stage - 1], stage == 2 ? ", \"more\"" : "",
        stage == 2 ? "[sinks.more]\ntype = \"file\"\npath = \"more.jsonl\"\nflush = \"10ms\"\n" : "");
  }
};

constexpr int kLines = 9;

struct Device {
  SimulatedPeer peer{"p", "127.0.0.1:9999"};

  explicit Device(SimulatedPeer::Memory memory = {}) : peer("p", "127.0.0.1:9999", memory) {}
  // Until `lines` lines from the beginning are acknowledged, or the power is gone.
  void feed(Machine& machine, std::uint64_t lines) {
    while (peer.measured() < lines) peer.measure(R"({"k":"a","v":1})");
    for (int i = 0; i < 200 && !peer.all_acknowledged() && !machine.disk().dead(); ++i) {
      peer.turn();
      machine.advance(20ms);
    }
    peer.listen();
  }
};

// The run that is cut. `file` is the stage that the configuration file says at each moment.
void run(const Plant& plant, Machine& machine, Device& device, int& file) {
  const auto dead = [&] { return machine.disk().dead(); };
  file = 1;
  if (!machine.boot(plant.config(1)) || !device.peer.connect(machine.network())) return;
  device.feed(machine, 2);
  if (dead() || !machine.create_checkpoint()) return;
  device.feed(machine, 4);
  if (dead()) return;
  file = 2;
  if (!machine.reload(plant.config(2))) return;
  device.feed(machine, 6);
  if (dead() || !machine.stop()) return;
  device.peer.disconnect();
  file = 3;
  if (!machine.boot(plant.config(3)) || !device.peer.connect(machine.network())) return;
  device.feed(machine, 8);
  if (!dead()) static_cast<void>(machine.stop());
}

// Goes on with what is left to the end; what is wrong then.
std::optional<std::string> wrong_after(const Plant& plant, std::unique_ptr<FaultFiles> left,
                                       SimulatedPeer::Memory memory, int file) {
  Machine machine({.seed = 99}, std::move(left));
  Device device(memory);
  if (const Status booted = machine.boot(plant.config(file)); !booted)
    return "refused: " + booted.error().message;
  if (!device.peer.connect(machine.network())) return "nobody listens";
  device.feed(machine, kLines);
  if (!device.peer.all_acknowledged()) return "not acknowledged";
  if (!device.peer.violations().empty()) return device.peer.violations().front();
  if (!machine.stop()) return "does not stop";
  const std::vector<std::string> rows = machine.lines("/data/out.jsonl");
  if (rows.size() != kLines) return format("{} rows", rows.size());
  for (int n = 1; n <= kLines; ++n) {
    const std::string& row = rows[static_cast<std::size_t>(n - 1)];
    if (!row.contains(format("\"n\":{}", n)) || !row.contains(format("\"s\":{}", n)))
      return format("row {} is {}", n, row);
  }
  return std::nullopt;
}

void cut_everywhere(const Plant& plant, std::uint64_t stride) {
#if !defined(NDEBUG)
  stride *= 3;
#endif
  if (std::getenv("TIDEMARK_EVERY_CUT") != nullptr) stride = 1;
  int cuts = 0, wrong = 0;
  bool dead = true;
  for (std::uint64_t cut = 1; dead && wrong < 5; cut += stride)
    for (const Loss loss : {Loss::all_unsynced, Loss::none, Loss::random}) {
      Machine machine({.seed = cut, .lanes = plant.lanes});
      machine.disk().crash_at(cut);
      Device device;
      int file = 1;
      run(plant, machine, device, file);
      dead = machine.disk().dead();
      device.peer.listen();
      device.peer.disconnect();
      const auto found = wrong_after(plant, machine.disk().after_crash(dead ? loss : Loss::none, cut),
                                     device.peer.memory(), file);
      CHECK_MESSAGE(!found, "store " << plant.store << ", journal " << plant.journal << ", cut " << cut
                                     << ", loss " << static_cast<int>(loss) << ", file " << file << ": "
                                     << found.value_or(""));
      wrong += found ? 1 : 0;
      ++cuts;
      if (!dead) break;
    }
  MESSAGE(cuts << " cuts, store " << plant.store << ", journal " << plant.journal);
  CHECK(cuts > 30);
}

TEST_CASE("cut: the configuration changes while it runs and over a stop") {
  for (const char* store : {"files", "sqlite"})
    for (const bool journal : {true, false}) cut_everywhere({.store = store, .journal = journal}, 1);
}

TEST_CASE("cut: the configuration changes, the lanes do their work at other moments") {
  for (const bool journal : {true, false})
    cut_everywhere({.store = "files", .journal = journal, .lanes = Lanes::interleaved}, 3);
}

}  // namespace
}  // namespace tidemark
