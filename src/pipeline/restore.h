// Giving the order to resume from somewhere else than the newest checkpoint: `tidemark restore`, with no
// instance running, and `run --from FILE`. What can be found wrong is found here, before anything is noted;
// the next start carries the order out (restore_order.h).
//
// Errors: Error::usage and Error::corrupt name the ways out; not_found what is not there; busy a running
// instance. Threads: one at a time; calls block.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "config/settings.h"
#include "pipeline/appliance.h"
#include "pipeline/identity.h"
#include "pipeline/restore_order.h"
#include "platform/random.h"

namespace tidemark {

struct RestoreRequest {
  std::optional<CheckpointId> checkpoint = {};  // or
  std::string savepoint = {};                   // the path of one; neither: the newest checkpoint
  RestoreOrder::Follow follow = RestoreOrder::Follow::all;
  JournalTime until_time{};
  Position until_position{};
};

struct RestoreNoted {
  CheckpointId checkpoint;
  Position position;                    // of the state that is gone back to
  JournalTime time{};                   // of the entry there
  bool foreign = false;                 // a savepoint of another history: what is there is set aside
  std::optional<std::string> replaced;  // an order given before, in words
};

Result<RestoreNoted> order_restore(const OfflineDoors& doors, Random& random, const Settings& settings,
                                   const RestoreRequest& request);

// The part of it that copies a savepoint beside the lineage file and makes the order. `next`: an id that no
// checkpoint has yet.
Result<RestoreOrder> bring_savepoint(Files& files, const std::string& data_dir, const std::string& path,
                                     const Lineage& lineage, CheckpointId next);

}  // namespace tidemark
