// Delivery is the queue before one sink: it decides which results leave, when, and which the sink holds
// already.
//
//   which   after a restart the replay makes results again; those with a number the sink holds are skipped,
//   when it is
//           their turn. The chain hash of the last one is compared: a difference means that the replay made
//           other results than the sink holds, and is reported instead of skipping wrong rows silently
//   when    exactly-once: when the input behind a result is safe (durable; without a journal: covered by a
//   checkpoint).
//           at-least-once: at once, and nothing is skipped
//   how     in batches, one at a time: after `flush`, or with the checkpoint, or at once
//
// Results stay here until the sink has them durably; a checkpoint that completes before that keeps a copy
// (pending rows). Bounded: beyond kMemory the engine stops, and with it the sources. Threads: loop only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "config/settings.h"
#include "pipeline/channel.h"
#include "pipeline/status.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "sinks/sink.h"

namespace tidemark {

class Delivery {
 public:
  static constexpr std::uint64_t kMemory = 8u << 20;  // bytes waiting at which full() turns true
  static constexpr std::uint64_t kEarly = 1u << 20;   // bytes waiting at which nobody waits for `flush`
  static constexpr std::size_t kBatchRows = 1024;

  struct Doors {
    Loop& loop;
    Log& log;
  };
  struct Events {
    std::function<void()> progress;  // something was delivered, or full() has changed
    // The chain of `schema` differs from what the sink holds at `number`.
    std::function<void(const ResultSchema& schema, ResultNumber number)> diverged;
    std::function<void(Error)> failed;  // the sink cannot work with these settings or files
  };

  Delivery(Doors doors, const SinkSettings& settings, DeliveryMode mode, std::unique_ptr<Sink> sink,
           Events events);
  ~Delivery();

  // A checkpoint was completed when `mark` had been issued on the channel: what is not among the pending rows
  // was in the sink by then. One that holds less was replaced by an older copy, which is reported. After
  // restore_pending().
  void expect(const ChannelId& channel, const ChannelMark& mark);
  void open(std::vector<const ResultSchema*> schemas);
  // Whether the sink has answered: it is known what it holds, or why it cannot work.
  // Why the sink cannot work with these settings or files.
  const std::optional<Error>& failure() const { return failure_; }
  bool answered() const { return opened_ || failure_; }
  // The last result of the channel that the sink holds; 0 when it holds none or cannot say.
  ResultNumber held(const ChannelId& channel) const;

  // `issued_on`: the timeline of the entry behind it, where that is older than the present one.
  void add(const Emission& emission, std::optional<Timeline> issued_on = {});
  // Results of entries up to here may leave.
  void release(Position through);
  // A checkpoint wants everything up to here in the sink, whatever `flush` says.
  void flush_through(Position position);
  // Nothing up to `position` waits any more.
  bool delivered_through(Position position) const;
  // A checkpoint need not wait for this sink: it is not there, or may not be given these results yet.
  bool away() const;
  bool full() const { return bytes_ >= kMemory; }
  bool empty() const { return queue_.empty(); }

  // Results up to `through` that the sink does not hold durably, as rows of a segment; and back, before
  // anything else is added. `find` gives the schema of a channel, or null when it is gone.
  std::string pending_rows(Position through, std::uint64_t& count) const;
  using FindSchema = std::function<const ResultSchema*(const std::string& uid, ChannelKind kind)>;
  // Each row says under which lineage and timeline it was numbered: the sink holds it under these, should it
  // have got it since.
  Status restore_pending(std::string_view rows, const FindSchema& find);

  void close(std::function<void()> closed);
  SinkReport report() const;
  const SinkSettings& settings() const { return settings_; }

 private:
  struct Waiting {
    const ResultSchema* schema;
    const ChannelId* channel;  // as it was numbered; of issued_
    ResultNumber number;
    std::uint64_t chain;
    Position position;
    std::string bytes;
  };
  void opened(Result<std::optional<Holdings>> held);
  void note_gaps();
  bool drop_held();
  bool due() const;
  void pump();
  void write_batch();
  void batch_done();
  void schedule_flush();
  const ChannelId* issued(const ResultSchema& schema, const Lineage& lineage, Timeline timeline);
  static std::uint64_t cost(const Waiting& row) { return row.bytes.size() + sizeof(Waiting); }

  Doors doors_;
  const SinkSettings& settings_;
  const SinkDeclaration& declaration_;
  DeliveryMode mode_;
  std::unique_ptr<Sink> sink_;
  Events events_;
  std::vector<const ResultSchema*> schemas_;

  std::deque<Waiting> queue_;
  std::uint64_t bytes_ = 0;
  std::size_t in_flight_ = 0;  // at the front of queue_
  std::vector<Value> values_;  // of the batch in flight
  std::vector<ResultView> rows_;

  std::set<ChannelId> issued_;  // every channel that a row has come under
  // The one that the last row of each schema came under.
  std::map<const ResultSchema*, const ChannelId*> newest_issued_;
  bool opened_ = false;
  std::optional<Error> failure_;
  Holdings held_, expected_;
  Position released_, flush_through_;
  bool flush_due_ = false;
  std::unique_ptr<Timer> flush_timer_;
  std::uint64_t delivered_ = 0, skipped_ = 0;
};

}  // namespace tidemark
