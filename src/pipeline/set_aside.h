// Setting aside what a lineage left behind when another one begins: one older generation is kept.
#pragma once

#include <string>

#include "base/result.h"
#include "platform/files.h"

namespace tidemark {

// Moves journal and checkpoints of data_dir into data_dir/previous, whose earlier content goes. Safe to
// repeat after a crash at any point: what was moved stays moved.
Status set_aside_state(Files& files, const std::string& data_dir);

// Removes journal and checkpoints, in the order in which a crash in between leaves a state that a start
// accepts.
Status delete_state(Files& files, const std::string& data_dir);

}  // namespace tidemark
