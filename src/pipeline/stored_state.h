// StoredState reads the keyed state that a checkpoint holds, as rows, with no instance and no engine.
//
// It goes by the configuration that the checkpoint was taken under. Rows come in the order of their keys'
// bytes. The state of one pipeline at a time is held in memory, as it is stored. Threads: one at a time;
// calls block (command line).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "checkpoint/manifest.h"
#include "config/loader.h"
#include "config/settings.h"
#include "pipeline/appliance.h"
#include "pipeline/state_rows.h"

namespace tidemark {

// Where checkpoints are read from: a data directory, or a running instance that is asked.
class CheckpointReader {
 public:
  virtual ~CheckpointReader() = default;
  virtual Result<Manifest> manifest(CheckpointId id) = 0;
  // A segment's rows, whole ones, in blocks; stops at the first error of either side.
  virtual Status rows(const Manifest& manifest, const SegmentReference& segment,
                      const std::function<Status(std::string_view rows)>& block) = 0;
};

// The rows of an owner's segments that count, in the order in which they are applied.
Status for_each_row(CheckpointReader& reader, const Manifest& manifest, const std::string& owner,
                    const std::function<Status(const struct Row& row)>& apply);

// On a data directory. `beside_instance`: one is running on it, so nothing is locked; only for store =
// "files", whose files never change. Else it takes the LOCK as long as the reader lives.
Result<std::unique_ptr<CheckpointReader>> read_checkpoints_offline(const OfflineDoors& doors,
                                                                   const Settings& settings,
                                                                   bool beside_instance);

class StoredState {
 public:
  // `present` is taken where the checkpoint's own configuration cannot be read back here (a variable is
  // missing).
  static Result<std::unique_ptr<StoredState>> open(CheckpointReader& reader, Manifest manifest,
                                                   const LoaderEnvironment& environment,
                                                   const Settings& present);
  ~StoredState();

  const Manifest& manifest() const;
  // Names of the pipelines that keep state, in name order.
  std::vector<std::string> pipelines() const;

  using Row = std::function<Status(std::span<const Value> row)>;
  using Columns = std::function<Status(const std::vector<StateColumn>& columns)>;
  // `columns` first, once; then a `row` for every row that passes. not_found: no such pipeline in the
  // checkpoint.
  Status read(const std::string& pipeline, const KeyFilter& filter, const Columns& columns, const Row& row);
  // Hears how many bytes of segments have been read.
  void on_progress(std::function<void(std::uint64_t bytes)> progress);

 private:
  class Work;
  explicit StoredState(std::unique_ptr<Work> work);
  std::unique_ptr<Work> work_;
};

// A configuration as a checkpoint or data_dir/config keeps it, read back without its secrets.
Result<Settings> read_stored_configuration(const std::string& name, const std::string& text,
                                           const LoaderEnvironment& environment);

// Rows as a csv file: the header, and a line.
std::string state_csv_header(const std::vector<StateColumn>& columns);
std::string state_csv_line(const std::vector<StateColumn>& columns, std::span<const Value> row);

}  // namespace tidemark
