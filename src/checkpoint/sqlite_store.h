// The store that keeps checkpoints as rows of one SQLite database, data_dir/checkpoints.db. Segments stand in
// it in chunks of at most 1 MiB, each its own transaction; a manifest is one row, inserted last.
//
// The database is held exclusively: no other program reads it meanwhile, the command line asks the instance.
// Format: FORMAT.md
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "checkpoint/store.h"
#include "platform/files.h"
#include "platform/sqlite.h"

namespace tidemark {

Result<std::unique_ptr<CheckpointStore>> open_sqlite_store(Files& files, SqliteOpener& sqlite,
                                                           const std::string& data_dir, bool read_only);

}  // namespace tidemark
