// Checkpointer takes checkpoints: barrier, capture in slices, wait until nothing would be lost, manifest,
// retention.
//
//   barrier   between two entries: sections are encoded, every table begins its snapshot, sinks are asked
//             for everything
//   capture   slices between batches; each goes to the bulk lane, which compresses, writes and syncs it
//   wait      until the journal is durable up to the barrier, and every result up to it is durable in its
//             sink, in its outbox, or, where neither may or can take it, written into the checkpoint as a
//             pending row. Only then
//   commit    the manifest: from here the checkpoint exists. Retention and trimming follow
//
// A checkpoint that fails or outlasts `timeout` is abandoned: its dirty lists are folded back, its segments
// become orphans that the next sweep removes. When the increments have grown beyond the base, a full base is
// written; if a base did not finish in time, the next ones are written a part of the key space at a time.
// Threads: loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "checkpoint/manifest.h"
#include "checkpoint/store.h"
#include "config/settings.h"
#include "pipeline/delivery.h"
#include "pipeline/engine.h"
#include "pipeline/status.h"
#include "platform/clock.h"
#include "platform/lane.h"
#include "platform/log.h"
#include "platform/loop.h"

namespace tidemark {

class Checkpointer {
 public:
  struct Doors {
    Loop& loop;
    Lane& lane;
    Clock& clock;
    Log& log;
  };
  struct Parts {
    const Settings& settings;
    std::shared_ptr<CheckpointStore> store;  // shared with jobs that are still on the lane
    Engine* engine;
    std::vector<std::unique_ptr<Delivery>>& deliveries;
  };
  // What it asks of, and tells, the one that owns journal, sources and identity.
  struct Events {
    // Everything that sources have handed over is applied: what they remember and what the engine holds
    // belong to one position. Only then is there a barrier.
    std::function<bool()> settled;
    std::function<Position()> journal_durable;  // the barrier's position itself without a journal
    std::function<void()> hurry_journal;
    std::function<void(Manifest&)>
        describe;  // lineage, timeline, run, configuration, sources' sections and summaries
    std::function<void(const Manifest&)> completed;  // before older ones go
    std::function<void(const Error&)> failed;
    // Older ones are gone, and the journal up to here is needed by none that is retained; or none of them
    // could be removed.
    std::function<void(std::optional<Position> oldest)> retired;
  };

  Checkpointer(Doors doors, Parts parts, Events events, CheckpointId next);
  ~Checkpointer();

  // What a start found: retained manifests, ascending; the one resumed from, if any; those that do not
  // verify, which go when the next one is complete; and those of branches that were left, each of which goes
  // when `retain` newer ones are there.
  void adopt(std::vector<Manifest> retained, std::optional<Manifest> resumed,
             std::vector<CheckpointId> damaged, std::vector<CheckpointId> left_behind);
  // Somebody reads it: it stays, whatever `retain` says, until it is let go as often as it was pinned.
  void pin(CheckpointId id) { pinned_.push_back(id); }
  void unpin(CheckpointId id);

  // Another engine is in force; none may be under way. `rewritten`: owners whose entries are not what the
  // segments of earlier checkpoints say: the next one writes them whole.
  void use(Engine& engine, const std::vector<std::string>& rewritten);

  // Periodic ones from now on.
  void run();
  // One now, or as soon as one may begin; while something waits to be applied, right after it.
  void request(std::function<void(Result<CheckpointId>)> done = {});
  // The next periodic one as soon as min_pause allows.
  void hurry();
  // To be called between slices of the engine's work: captures a slice of the snapshot under way, or takes
  // the barrier that is asked for when everything is settled.
  void turn();
  // The journal or a sink has come further.
  void progress();
  bool under_way() const { return stage_ != Stage::idle; }
  // Too much was captured out of turn and not yet written: input must wait.
  bool over_budget() const;
  // No more periodic ones; a last one may still be requested.
  void stop_timer() {
    running_ = false;
    timer_.reset();
  }
  // Retained checkpoints are given up, oldest first, until one is left: somebody needs the room.
  void shorten_history(std::string_view why);

  // Gives up a retained checkpoint. Error::usage for the newest: the next one is written relative to it.
  void remove(CheckpointId id, std::function<void(Status)> done);

  const std::optional<Manifest>& last() const { return last_; }
  // The oldest retained one's position.
  Position oldest_position() const;
  std::size_t retained() const { return retained_.size(); }
  CheckpointReport report() const { return report_; }
  std::string trouble() const;  // why checkpoints do not succeed; empty when they do

 private:
  enum class Stage { idle, capturing, waiting, committing };
  struct Capture;

  void schedule(MonotonicTime when);
  void barrier();
  void plan_bases();
  void capture_slice();
  void slice_written(CheckpointId id, std::size_t part, bool last, Status written);
  void write_pending();
  void commit();
  void committed(Status done);
  void retire();
  Position oldest_needed() const;  // of the retained ones
  // The oldest retained one that may go, never the newest; end() when there is none.
  std::vector<Manifest>::iterator oldest_free();
  void fail_with(Error error);
  void finish(Result<CheckpointId> result);

  static constexpr std::size_t kSlice = 256u << 10;         // of rows, handed to the lane at once
  static constexpr std::size_t kPiece = 16u << 10;          // captured before the clock is looked at
  static constexpr std::size_t kInFlight = 4;               // slices on the lane
  static constexpr std::size_t kCaptureBudget = 16u << 20;  // captured out of turn

  Doors doors_;
  Parts parts_;
  Events events_;
  CheckpointId next_;
  Stage stage_ = Stage::idle;
  std::unique_ptr<Capture> capture_;
  std::vector<Manifest> retained_;
  std::optional<Manifest> last_;
  bool wanted_ = false;
  bool running_ = false;
  bool retiring_ = false;
  std::vector<CheckpointId> damaged_, left_behind_, pinned_;
  std::set<std::string> rewritten_;
  std::vector<std::function<void(Result<CheckpointId>)>> waiting_, asking_;
  unsigned base_share_ = 1;  // a base is written in so many parts
  unsigned next_partition_ = 0;
  std::unique_ptr<Timer> timer_, timeout_;
  MonotonicTime due_{};  // of timer_
  MonotonicTime begun_{}, ended_{};
  CheckpointReport report_;
  std::string failure_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tidemark
