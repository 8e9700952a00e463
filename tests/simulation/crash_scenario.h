// The crash scenario: a small plant whose machine loses its power before every single file operation.
//
// One run is watched. Before each of its file operations the disk is copied as a power cut would leave it,
// and another machine goes on with the copy: it boots, the device resends what was not acknowledged,
// everything is fed to its end, and what the sinks then hold is compared with what the oracle computed from
// the lines alone. In the run: checkpoints with increments and bases, one that fails and is abandoned,
// journal segments that are rolled and trimmed, retention, flushes of file and SQLite sinks, lines to another
// machine that acknowledges them, and that crashes, too; a clean stop and a restart.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {

struct CrashScenario {
  std::string store = "files";  // or "sqlite"
  bool journal = true;
  Lanes lanes = Lanes::at_once;
  std::uint64_t seed = 1;
  std::uint64_t stride = 1;  // cuts at every so many operations
  std::vector<Loss> losses = {Loss::all_unsynced, Loss::none, Loss::random};
  std::uint64_t only_before = 0;  // not 0: the one cut that is made, to look at it closely
  bool ignore_sync = false;       // the disk lies, for controls
  bool ignore_directory_sync = false;
  std::size_t enough_violations = 20;  // then no more cuts are made
};

struct CrashReport {
  std::uint64_t operations = 0;  // of the run that was watched
  std::uint64_t cuts = 0;        // recoveries that were checked
  std::uint64_t second_cuts = 0;
  std::uint64_t checkpoints = 0, abandoned = 0, journal_segments_trimmed = 0, state_bases = 0;
  std::uint64_t sinks_kept_for = 0;  // whose undelivered results stood in a checkpoint or an outbox
  std::vector<std::string> violations;
  std::string text() const;  // the figures in one line
  std::string first_violations() const;
};

CrashReport crash_everywhere(const CrashScenario& scenario);

// What is fed and what must come of it, computed without Tidemark.
class CrashOracle {
 public:
  // `journal`: the machine has one, and with it the pipeline that stands still at some records.
  CrashOracle(std::uint64_t seed, bool journal);

  const std::vector<std::string>& device_lines() const { return device_; }
  const std::string& parts_file() const { return parts_; }
  // What is wrong with the sinks at the end; empty when every promise was kept.
  std::vector<std::string> verdict(const FaultFiles& disk, const std::string& received) const;

 private:
  struct Record {
    std::string key, group;
    std::int64_t value = 0, ts = 0;
  };
  struct Window {
    std::int64_t n = 0, total = 0, least = 0, most = 0;
  };
  void add_device_line(const Record& record, const std::string& pad);
  void count(const Record& record);

  void check_updates(const std::vector<std::string>& lines, const std::string& pipeline,
                     const std::string& where, bool (*counted)(std::int64_t value),
                     std::vector<std::string>& wrong) const;
  void check_poison(const FaultFiles& disk, std::vector<std::string>& wrong) const;
  void check_rows(const FaultFiles& disk, std::vector<std::string>& wrong) const;

  std::vector<std::string> device_, broken_;
  std::string parts_;
  std::map<std::string, std::vector<std::int64_t>> values_;  // by key, in the order fed
  std::map<std::pair<std::int64_t, std::string>, Window> windows_;
  bool journal_;
};

}  // namespace tidemark
