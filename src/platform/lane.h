// Lane: a thread beside the loop that does blocking work in the order given, and holds no state of its own.
//
// There are two for the disk, so that neither a checkpoint nor somebody's lock on a database delays the
// journal's fsync: the journal lane, and the bulk lane (checkpoints, SQLite, files of sinks).
// Threads: submit() from the loop only. `work` runs on the lane, `done` afterwards on the loop.
#pragma once

#include <functional>

namespace tidemark {

class Lane {
 public:
  virtual ~Lane() = default;
  virtual void submit(std::function<void()> work, std::function<void()> done) = 0;
};

}  // namespace tidemark
