// Checkpoints of a data directory, as a command asks for them: of the instance that runs on it, else of its
// files.
//
// The files of a running instance are never opened beside it.
// Threads: one at a time. Calls block.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "app/checkpoint_json.h"
#include "app/command_line.h"
#include "app/control_client.h"
#include "base/result.h"
#include "config/settings.h"
#include "platform/files.h"
#include "platform/sqlite.h"

namespace tidemark {

class Checkpoints {
 public:
  static Result<Checkpoints> open(Settings settings);

  Result<std::vector<CheckpointRow>> list();  // oldest first
  Result<Manifest> show(CheckpointId id);
  Status verify(CheckpointId id);
  // The id that a name stands for; Error::not_found when there is no such checkpoint.
  Result<CheckpointId> find(const CheckpointName& name);

 private:
  Checkpoints(Settings settings, std::unique_ptr<Files> files);

  Settings settings_;
  std::unique_ptr<Files> files_;
  std::unique_ptr<SqliteOpener> sqlite_;
  std::optional<ControlClient> instance_;
};

}  // namespace tidemark
