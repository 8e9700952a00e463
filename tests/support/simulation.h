// Machine: one computer with Tidemark on it, whole, in one thread and without a kernel.
//
// The disk survives, and whoever reads standard output; everything else is made anew at each boot, as after a
// power cut: loop, lanes, sockets, brokers, SQLite. Time is the test's, and goes on over a crash.
//
//   Machine machine({.seed = 7});
//   REQUIRE(machine.boot(config));
//   auto peer = machine.network().connect("127.0.0.1:9999");
//   machine.advance(3s);
//   machine.crash(Loss::random, 42);
//   REQUIRE(machine.boot(config));
//
// Lanes::at_once does the work of a lane inside submit(). Lanes::interleaved does it later, in the order
// given, at moments that the seed chooses, up to a few milliseconds after; so the loop goes on meanwhile.
// Lanes::timed does it at once and says so when as much time has passed as the disk's syncs take
// (slow_sync()). Threads: the test's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/value.h"
#include "config/diagnostics.h"
#include "config/settings.h"
#include "pipeline/appliance.h"
#include "pipeline/restore.h"
#include "support/fake_log.h"
#include "support/fake_mqtt.h"
#include "support/fake_network.h"
#include "support/fake_output.h"
#include "support/fault_files.h"

namespace tidemark {

enum class Lanes { at_once, interleaved, timed };

struct MachineOptions {
  std::uint64_t seed = 1;
  Lanes lanes = Lanes::at_once;
  std::int64_t wall_ns = 1'740'830'400'000'000'000;  // 2025-03-01T12:00:00Z
};

struct BootOptions {
  StartPoint from = {};
  bool abandon_replay = false;
  bool allow_non_restored_state = false;
};

// By the real loader; an error's message is everything that it reported. ${TIDEMARK_DATA} is /data, and no
// other variable is set than those given.
// "zone NAME" stands for the file of a time zone: its rule, as "<+0530>-5:30"; Europe/Berlin is always there.
using Variables = std::map<std::string, std::string>;
// Lookups are read from `disk`; without one they have no tables.
Result<Settings> settings_of(std::string_view config, const Variables& variables = {},
                             FaultFiles* disk = nullptr);
std::optional<Settings> settings_of(std::string_view config, Diagnostics& diagnostics,
                                    const Variables& variables = {}, FaultFiles* disk = nullptr);

class Machine {
 public:
  explicit Machine(MachineOptions options = {},
                   std::unique_ptr<FaultFiles> disk = std::make_unique<FaultFiles>());
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Starts an instance and runs until it is ready, has refused, or the power is gone. An instance that
  // refused is gone again.
  Status boot(std::string_view config, const BootOptions& options = {});
  Status boot(Settings settings, const BootOptions& options = {});
  // The configuration is read again, as at SIGHUP, and it runs until that has its answer.
  Status reload(std::string_view config);
  // The process is gone, and of what was not synced so much as `loss` says.
  void crash(Loss loss, std::uint64_t seed = 0);
  // A clean stop, as by a signal or by `tidemark stop`; the process is gone afterwards.
  Status stop(bool command = false);
  Status drain();  // `tidemark stop --drain`
  bool running() const;

  // Runs what can run without time passing.
  void settle();
  void advance(Duration d);
  // Lets time pass until `holds`; false when it does not within `limit`, or when the power is gone.
  bool run_until(const std::function<bool()>& holds, Duration limit = 60s);
  Result<CheckpointId> create_checkpoint();
  // A savepoint of the running instance into a file of the same disk; with `stop` the instance is gone then.
  Status create_savepoint(const std::string& path, bool stop = false);
  // `tidemark restore`, with no instance running.
  Result<RestoreNoted> restore(std::string_view config, const RestoreRequest& request);

  // A disk that does not answer: the lane's work waits. Only with Lanes::at_once.
  void hold_journal(bool on);
  void hold_bulk(bool on);

  // The environment of the next start, and of a reload.
  Variables& variables();
  // A server that stands from the next start on (FakeNetwork::serve).
  void serve(const std::string& address);

  FaultFiles& disk();
  Appliance& appliance();
  FakeNetwork& network();
  FakeMqttConnector& mqtt();
  FakeOutput& output();
  FakeLog& log();         // of all boots
  void pass(Duration d);  // time passes and nobody runs: the machine was off
  MonotonicTime now() const;
  JournalTime wall() const;  // what the wall clock shows
  // The wall clock is set, or loses its synchronisation.
  void step_wall(Duration d);
  void set_synchronised(bool synchronised);

  // How many bytes and rows the disk holds, read from a copy of it.
  bool disk_has(const std::string& path) const;
  std::string file(const std::string& path) const;
  std::vector<std::string> lines(const std::string& path) const;
  // The first column of a query, as text; one row "error: …" when it fails.
  std::vector<std::string> query(const std::string& path, const std::string& sql) const;

 private:
  struct Process;
  Status stopped(const std::shared_ptr<std::optional<Status>>& answer);
  void follow(const std::function<bool()>& holds, Duration limit);
  MachineOptions options_;
  struct Shared;
  std::unique_ptr<Shared> shared_;  // survives processes
  std::unique_ptr<Process> process_;
  std::uint64_t boots_ = 0;
};

// The same as Machine::query() for a disk alone.
std::vector<std::string> query_database(const FaultFiles& disk, const std::string& path,
                                        const std::string& sql);

}  // namespace tidemark
