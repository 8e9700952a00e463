// MissedEntries reads entries of the journal again, for a pipeline that catches up while the machine runs.
//
// The engine waits in the middle of an entry; what it has missed is handed to it in slices, as much as it
// takes at a time. Reading is done on the bulk lane, after the journal is durable through what is wanted. A
// disk that does not give it out is not the end: it is tried again, and trouble() says so meanwhile.
// Threads: loop only.  Lifetime: the parts outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "journal/reader.h"
#include "journal/writer.h"
#include "pipeline/engine.h"
#include "platform/lane.h"
#include "platform/log.h"
#include "platform/loop.h"

namespace tidemark {

class MissedEntries {
 public:
  struct Parts {
    Loop& loop;
    Lane& lane;
    Log& log;
    Engine& engine;
    JournalWriter& journal;
    const Settings& settings;
    std::function<JournalFolder()> folder;
    std::function<void()> more;  // there is something to feed(), or reading shall be tried again
    std::function<bool()> hold;  // the engine must not go on now
  };
  explicit MissedEntries(Parts parts);
  ~MissedEntries();

  // While the engine says missed(): hands it what there is, and sees to it that more comes.
  void feed();
  const std::string& trouble() const { return trouble_; }

 private:
  struct Kept {
    Position position;
    Entry entry;
    std::string bytes;  // topic and payload; the entry's views are set when it is used
  };
  struct Job;  // the lane's own while it runs
  void read(Engine::Missed missed);
  void finished(const std::shared_ptr<Job>& job);

  Parts parts_;
  std::shared_ptr<Job> job_;
  bool reading_ = false;
  Position through_;         // of what job_ reads
  std::vector<Kept> chunk_;  // handed over up to next_
  std::size_t next_ = 0;
  std::string trouble_;
  std::unique_ptr<Timer> again_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tidemark
