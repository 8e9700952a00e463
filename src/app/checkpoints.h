// Checkpoints of a data directory, as a command asks for them: of the instance that runs on it, else of its
// files.
//
// The files of a running instance are never opened beside it.
// Threads: one at a time. Calls block.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <vector>

#include "app/checkpoint_json.h"
#include "app/command_line.h"
#include "app/control_client.h"
#include "base/result.h"
#include "config/settings.h"
#include "pipeline/stored_state.h"
#include "platform/files.h"
#include "platform/sqlite.h"

namespace tidemark {

class Checkpoints {
 public:
  static Result<Checkpoints> open(Settings settings);

  Result<std::vector<CheckpointRow>> list();  // oldest first
  Result<Manifest> show(CheckpointId id);
  Status verify(CheckpointId id);
  // Refuses the last one that verifies, unless `force`.
  Status remove(CheckpointId id, bool force);
  // What StoredState reads from: the files beside a running instance or without one; a running instance with
  // a SQLite store is asked, since nobody else may open its database.
  Result<std::unique_ptr<CheckpointReader>> reader();
  // Ids of those whose manifest can be read, oldest first.
  Result<std::vector<CheckpointId>> readable();
  bool live() const { return instance_.has_value(); }
  const Settings& settings() const { return settings_; }
  // The id that a name stands for; Error::not_found when there is no such checkpoint.
  Result<CheckpointId> find(const CheckpointName& name);

 private:
  Checkpoints(Settings settings, std::unique_ptr<Files> files);

  Settings settings_;
  std::unique_ptr<Files> files_;
  std::unique_ptr<SqliteOpener> sqlite_;
  std::optional<ControlClient> instance_;
};

// For a command: what is wrong is printed, and the exit code returned.
std::expected<Checkpoints, ExitCode> checkpoints_for(const CommandLine& line);

}  // namespace tidemark
