// The checkpoint store of a data directory, opened by the command line. Internal to pipeline/.
#pragma once

#include <memory>

#include "base/result.h"
#include "checkpoint/store.h"
#include "config/settings.h"
#include "pipeline/appliance.h"
#include "platform/files.h"

namespace tidemark {

// The store, and the lock that keeps an instance from starting meanwhile.
struct OfflineStore {
  std::unique_ptr<FileLock> lock;
  std::unique_ptr<CheckpointStore> store;
};
struct OfflineOpening {
  bool lock = true;
  bool read_only = true;
};
// Error::busy when an instance holds the lock.
Result<OfflineStore> open_offline(const OfflineDoors& doors, const Settings& settings,
                                  const OfflineOpening& how = {});

}  // namespace tidemark
