// The power cut before every file operation of one run that is watched.
//
// The run itself goes on: before each of its operations the disk is copied as a power cut at that moment
// would leave it, once for each way in which unsynced bytes may be lost, and handed over for another machine
// to go on with. TIDEMARK_CUT_BEFORE=N makes the one cut before operation N, to look at it closely;
// TIDEMARK_EVERY_CUT makes all of them, also in a build where each takes long.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "support/fault_files.h"

namespace tidemark {

struct Cut {
  std::uint64_t before = 0;  // the number of the operation
  Loss loss = Loss::none;
  std::unique_ptr<FaultFiles> disk;
  std::uint64_t seed() const { return before * 10 + static_cast<std::uint64_t>(loss); }
  std::string where;  // for people
};

// Cuts at every `stride`-th operation of the disk from now on, as long as the disk lives: in a release build;
// in others at fewer. Returns where the number of cuts is kept.
std::shared_ptr<const std::uint64_t> cut_before_operations(FaultFiles& disk, std::uint64_t stride,
                                                           std::function<void(Cut)> go_on_from);

}  // namespace tidemark
