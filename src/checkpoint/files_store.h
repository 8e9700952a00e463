// The store that keeps checkpoints as files, under names that users of Flink know:
//
//   data_dir/checkpoints/chk-42/manifest     the checkpoint exists when this does
//   data_dir/checkpoints/shared/7-2-1        segments, also those that only one checkpoint uses
//
// Format: FORMAT.md
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "checkpoint/store.h"
#include "platform/files.h"

namespace tidemark {

Result<std::unique_ptr<CheckpointStore>> open_files_store(Files& files, const std::string& data_dir,
                                                          bool read_only);

}  // namespace tidemark
