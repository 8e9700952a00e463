// SimulatedMachine: an appliance on a computer that is not there. Its disk and its clock outlive processes.
//
// Threads: one. Lifetime: what make_source and make_sink refer to outlives it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "pipeline/appliance.h"
#include "platform/log.h"
#include "platform/simulated_clock.h"
#include "platform/simulated_files.h"
#include "platform/simulated_loop.h"

namespace tidemark {

// Keeps the first lines that matter to somebody whose test has failed.
class TrialLog final : public Log {
 public:
  void write(LogLevel level, std::string_view subject, std::string_view message, Fields fields) override;
  void sampled(LogLevel level, std::string_view subject, std::string_view kind,
               std::string_view message) override;
  std::vector<std::string> take();

 private:
  void keep(LogLevel level, std::string line);
  std::vector<std::string> lines_;
  std::size_t left_out_ = 0;
};

class SimulatedMachine {
 public:
  struct Outside {
    std::function<std::unique_ptr<Source>(SourceContext)> make_source;
    std::function<std::unique_ptr<Sink>(SinkContext)> make_sink;
  };
  SimulatedMachine(Settings settings, std::int64_t wall_ns, Outside outside);
  ~SimulatedMachine();
  SimulatedMachine(const SimulatedMachine&) = delete;
  SimulatedMachine& operator=(const SimulatedMachine&) = delete;

  // Starts an instance, until it is ready or has refused.
  Status boot();
  bool running() const { return process_ != nullptr; }
  // The process is gone, with or without the power.
  void crash(SimulatedFiles::Left left);
  Status stop();   // in order
  Status drain();  // the same after every window was closed
  Status take_checkpoint();

  Duration passed() { return clock_.monotonic() - begun_; }
  void advance(Duration d);  // also while it is off
  void settle();             // what can happen without time passing, happens

  TrialLog& log() { return log_; }

 private:
  struct Process;
  Status answered(const std::shared_ptr<std::optional<Status>>& answer, std::string_view what);

  Settings settings_;
  Outside outside_;
  SimulatedClock clock_;
  MonotonicTime begun_;
  SimulatedFiles disk_;
  TrialLog log_;
  std::uint64_t boots_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace tidemark
