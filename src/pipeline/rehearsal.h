// Rehearsal runs a configuration over entries in memory: no source is opened, nothing is journaled, no sink
// gets anything. What the pipelines would emit is shown as lines of JSON:
//
//   {"_pipeline":"totals","word":"a","n":3}                      a result
//   {"_pipeline":"totals","_channel":"late","event_time":…}      a late record, a dead letter: where somebody
//                                                                gets them
// Threads: one at a time (command line).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/times.h"
#include "config/settings.h"
#include "pipeline/appliance.h"
#include "pipeline/stored_state.h"
#include "sinks/results.h"

namespace tidemark {

struct RehearsalEvents {
  std::function<void(const std::string& line)> result = {};
  // Instead of the line, where it is set.
  std::function<void(const ResultSchema& schema, std::span<const Value> values)> row = {};
  // A record that could not be read or evaluated: "sources.plant", "bad record", why.
  std::function<void(std::string_view subject, std::string_view kind, std::string_view text)> noticed = {};
};

class Rehearsal {
 public:
  // Error::usage when the configuration does not hold.
  static Result<std::unique_ptr<Rehearsal>> make(Settings settings, RehearsalEvents events);
  ~Rehearsal();

  // Goes on from what a checkpoint holds, before anything else. Returns what could not be taken over, for
  // people: a pipeline whose keys, window or aggregates are others begins empty.
  Result<std::vector<std::string>> resume(CheckpointReader& reader, Manifest manifest);

  // A record of the source with this index in the settings, as it would arrive.
  void record(std::size_t source, std::string_view topic, std::string_view payload, JournalTime arrival);
  // Closes every open window, as `stop --drain`.
  void drain();

  struct Counts {
    std::uint64_t records = 0, results = 0, problems = 0;
  };
  Counts counts() const;

  // What is replayed from a data directory's journal.
  struct Replay {
    const OfflineDoors& doors;
    const Settings& settings;              // of the data directory
    std::optional<Manifest> from;          // none: the journal's beginning
    std::optional<std::int64_t> until_ns;  // stops before the first entry that arrived later
    std::optional<Position> until;         // stops behind this one
    std::function<void(Position at)> progress;
  };
  // In every one of them alike, entry by entry. `notes`: as resume() returns them, of each.
  static Status replay(std::span<Rehearsal* const> all, CheckpointReader& reader, const Replay& what,
                       std::vector<std::vector<std::string>>& notes);

 private:
  class Work;
  explicit Rehearsal(std::unique_ptr<Work> work);
  std::unique_ptr<Work> work_;
};

// The oldest checkpoint of the present's history, from which the whole retained journal can be replayed;
// nothing when there is none.
Result<std::optional<Manifest>> oldest_checkpoint(CheckpointReader& reader, const OfflineDoors& doors,
                                                  const Settings& settings,
                                                  const std::vector<CheckpointId>& ids);

}  // namespace tidemark
