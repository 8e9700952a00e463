// Restarts decides, live, when a pipeline that stands still tries again: after its strategy's delay, with
// jitter. An attempt is an entry of the journal; what comes of it is the engine's to say, now and in every
// replay. Also the words about it, for the log and for status.
// Threads: loop only.  Lifetime: the parts outlive it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "pipeline/engine.h"
#include "pipeline/standing.h"
#include "pipeline/status.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/random.h"

namespace tidemark {

class Restarts {
 public:
  struct Parts {
    Loop& loop;
    Random& random;
    Log& log;
    Engine& engine;
    const Settings& settings;
    std::function<void(const RestartEntry&)> restart;  // writes the entry
  };
  explicit Restarts(Parts parts);

  // To be called when entries were applied: has a pipeline come to stand, failed once more, or gone on?
  void look();
  void stop();  // no more attempts
  void describe(std::size_t pipeline, PipelineReport& to) const;

 private:
  struct Watched {
    std::size_t pipeline = 0;
    bool standing = false;
    bool failed = false;
    Position at;  // of the record it stands at
    std::uint32_t attempts = 0;
    std::unique_ptr<Timer> timer;
    MonotonicTime next{};
    bool asked = false;  // the entry is written and not yet applied
  };
  void changed(Watched& watched);
  void schedule(Watched& watched);
  Duration jittered(Duration delay, double jitter);

  Parts parts_;
  std::vector<Watched> watched_;
  bool stopped_ = false;
};

}  // namespace tidemark
