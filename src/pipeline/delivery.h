// Delivery is the queue before one sink: it decides which results leave, when, and which the sink holds
// already.
//
//   which  after a restart the replay makes results again; those with a number that the sink or the outbox
//          holds are skipped, when it is their turn. The chain hash of the last one is compared: a difference
//          means that the replay made other results, and is reported instead of skipping wrong rows silently
//   when   exactly-once: when the input behind a result is safe (durable; without a journal: covered by a
//          checkpoint). at-least-once: at once, and nothing is skipped
//   how    in batches, one at a time: after `flush`, or with the checkpoint, or at once
//
// A result waits in one of three places, in this order:
//
//   outbox    on disk, bounded by the sink's `buffer` (src/sinks/outbox.h)
//   flight    the batch that the sink has been given
//   memory    everything later, bounded by kMemory: beyond it the engine stops, and with it the sources
//
// Results whose input is safe move from memory to the outbox when their sink is away (or slow) and a barrier
// needs them durable, when much waits, and as long as the outbox is not drained: so the live stream is never
// held up by what is older, and no checkpoint waits for a sink. Then the journal may be trimmed past them.
// Results of an earlier configuration may have a form that the sink cannot take together with the present
// one: csv with other columns, a topic that names other fields. Then it is opened for one form after another,
// in the order of the results. A form that it cannot take at all is an error with the ways out.
//
// What the outbox may not take, because its input is not safe before the checkpoint is (journal off), or
// because it is full, a checkpoint keeps itself (pending rows): it is bounded by memory, so that this stays
// cheap, and a full outbox never keeps a checkpoint from completing. Threads: loop only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/backoff.h"
#include "base/ids.h"
#include "base/result.h"
#include "config/settings.h"
#include "pipeline/channel.h"
#include "pipeline/pending_rows.h"
#include "pipeline/result_queue.h"
#include "pipeline/status.h"
#include "pipeline/stored_results.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "sinks/sink.h"

namespace tidemark {

// In a checkpoint, before the name of the sink: the segment of results that it keeps itself.
constexpr std::string_view kPending = "pending/";

class Delivery {
 public:
  static constexpr std::uint64_t kMemory = 8u << 20;   // bytes waiting at which full() turns true
  static constexpr std::uint64_t kFilling = 2u << 20;  // bytes waiting at which filling() turns true
  static constexpr std::uint64_t kEarly = 1u << 20;    // bytes waiting at which nobody waits for `flush`
  static constexpr std::size_t kBatchRows = 4096;
  static constexpr std::size_t kBatchBytes = 1u << 20;
  static constexpr Duration kPatience = 2s;  // of a barrier with a sink that is there, and slow

  struct Doors {
    Loop& loop;
    Log& log;
    Files& files;
    Lane& lane;
  };
  struct Options {
    DeliveryMode mode = DeliveryMode::exactly_once;
    std::string outbox_folder;
    std::string id_prefix;  // of this run's results
    // Whether a result of this lineage is part of the present's past.
    std::function<bool(Timeline, Position)> belongs = [](Timeline, Position) { return true; };
    // There is no sink of this name, and nobody is waited for: what comes goes to the outbox, and stays.
    bool only_keeps = false;
    // Results of a form that the sink cannot take are dropped, counted, instead of an error.
    bool gives_up_unfit = false;
    std::shared_ptr<const SinkSettings> keeps_alive = {};  // the settings, where nobody else does
  };
  struct Events {
    std::function<void()> progress;  // something was delivered, or full() has changed
    // The chain of `schema` differs from what the sink holds at `number`.
    std::function<void(const ResultSchema& schema, ResultNumber number)> diverged;
    std::function<void(Error)> failed;  // the sink cannot work with these settings or files
  };

  using MakeSink = std::function<std::unique_ptr<Sink>()>;
  Delivery(Doors doors, const SinkSettings& settings, Options options, MakeSink make_sink, Events events);
  ~Delivery();

  // A checkpoint was completed when `mark` had been issued on the channel: what is not among the pending rows
  // was in the sink or the outbox by then. One that holds less was replaced by an older copy, which is
  // reported. After restore_pending().
  void expect(const ChannelId& channel, const ChannelMark& mark);
  // The same of the outbox: it held these sequences then.
  void expect_stored(std::uint64_t first, std::uint64_t end);
  // The schemas that it will be handed; open() adds more. Plans come and go while results wait: it keeps
  // copies, and neither its rows nor its sink refer to a plan.
  void take(const std::vector<const ResultSchema*>& schemas);
  bool takes(const ResultSchema& schema) const;
  bool only_keeps() const { return options_.only_keeps; }
  void open(const std::vector<const ResultSchema*>& schemas);
  // The present's timeline has changed: what is issued from now on carries it.
  void assign(const Lineage& lineage, Timeline timeline);
  // Another plan is in force: its schemas are other objects.
  void plan_changed() { known_.clear(); }
  // Nothing is in memory alone, and nothing on its way, unless to a sink that is not there: it may be closed.
  bool idle() const { return empty() && !(flight_.under_way && sink_ready()) && !storing_ && !fetching_; }
  // Why the sink cannot work with these settings or files.
  const std::optional<Error>& failure() const { return failure_; }
  // Whether the sink has answered: it is known what it holds, or why it cannot work.
  bool answered() const { return opened_ || failure_ || options_.only_keeps; }
  // Whether the sink can say what it holds; true as long as it has not answered.
  bool can_say() const { return can_say_; }
  // The last result of the channel that the sink or the outbox holds; 0 when there is none or it cannot say.
  ResultNumber held(const ChannelId& channel) const;

  // `issued_on`: the timeline of the entry behind it, where that is older than the present one.
  void add(const Emission& emission, std::optional<Timeline> issued_on = {});
  // Results of entries up to here may leave.
  void release(Position through);
  // A checkpoint wants everything up to here in the sink or the outbox, whatever `flush` says.
  void flush_through(Position position);
  // Nothing up to `position` is in memory alone.
  bool delivered_through(Position position) const;
  // A checkpoint need not wait: the first result in memory may not leave yet, or nobody takes it now.
  bool away() const;
  bool full() const { return bytes() >= kMemory; }
  // What it waits for should not be waited for until it is full.
  bool filling() const { return bytes() >= kFilling; }
  // Nothing is in memory alone.
  bool empty() const { return first_in_memory() == nullptr; }
  // Nor anywhere else: the sink has everything.
  bool drained() const { return empty() && stored_.empty(); }
  // Which limit holds the sources up, in words; while full().
  std::string limit() const;

  // Results up to `through` that are in memory alone, as they stand now, to be made rows of a segment; null
  // when there are none. And back, before anything else is added. `find` gives the schema of a channel, or
  // null when it is gone.
  std::unique_ptr<PendingRows> pending(Position through) const;
  using FindSchema = std::function<const ResultSchema*(const std::string& uid, ChannelKind kind)>;
  // Each row says under which lineage and timeline it was numbered: the sink holds it under these, should it
  // have got it since.
  Status restore_pending(std::string_view rows, const FindSchema& find);
  // What the sink may lack of the results up to `through`: in the outbox, and in memory alone before and
  // behind that.
  struct Undelivered {
    std::string sink, folder;
    std::uint64_t first = 0, end = 0;  // sequences in the outbox
    std::vector<OutboxRow> before, after;
    Holdings held;  // by the sink, of what stands in the outbox
  };
  Undelivered undelivered(Position through) const;
  // What a manifest says of the outbox, "SINK FIRST END\n"; empty when there is nothing in it.
  std::string stored_line() const;

  void close(std::function<void()> closed);
  SinkReport report() const;
  const SinkSettings& settings() const { return settings_; }

 private:
  using Waiting = ResultQueue::Row;  // of schemas_ or older_, and of issued_
  // One that came from the outbox.
  struct Fetched {
    Waiting row;  // without its bytes
    std::string bytes;
    const std::string* id_prefix = nullptr;  // where it is not this run's; of prefixes_
    std::uint64_t sequence = 0;              // in the outbox
  };
  // The batch that the sink has been given.
  struct Flight {
    std::vector<Waiting> rows;
    std::string bytes;                     // theirs
    std::vector<Value> values;             // of bytes
    std::vector<ResultView> views;         // of values
    std::vector<std::uint64_t> sequences;  // of the first rows, which are in the outbox
    std::size_t stored() const { return sequences.size(); }
    bool under_way = false;
  };
  // Being appended to the outbox: from the flight so many, from the memory's front so many.
  struct Storing {
    std::size_t of_flight = 0;
    std::vector<std::size_t> covered;  // for each row after those: of memory's front gone when it is taken
    std::size_t all_covered = 0;
  };

  const ChannelId* issued(const ResultSchema& schema, const Lineage& lineage, Timeline timeline);
  const ResultSchema* known_schema(const ResultSchema& schema);
  // delivery_forms.cc
  using Form = std::vector<const ResultSchema*>;
  void open_for(Form form);
  void opened(Result<std::optional<Holdings>> held);
  void cannot_take(const Error& error);
  void take_turn_for(const ResultSchema* schema);
  void reopen(Form form);
  Form form_of(const ResultSchema* schema) const;
  bool fits_now(const Waiting& row) const { return form_.contains(row.schema); }
  bool unfit(const Waiting& row) const { return unfit_.contains(row.schema); }
  Fetched from_outbox(OutboxRow row);
  // For the outbox; rows of one channel, shape and prefix of ids share their origin.
  using Origins = std::map<std::tuple<const ChannelId*, const ResultSchema*, std::string_view>,
                           std::shared_ptr<const OutboxOrigin>>;
  static OutboxRow to_outbox(const Waiting& row, std::string_view id_prefix, Origins& origins);
  void open_outbox();
  void outbox_opened(Result<StoredResults::Found> found);
  void note_gaps();
  const Waiting* first_in_memory() const;
  bool is_held(const Waiting& row) const;
  bool sink_ready() const;
  void compare_chain(const Waiting& row, const Holdings& held);
  bool drop_held(bool& over);
  bool due() const;
  void pump();
  void pump_outbox();
  bool may_leave(const Waiting& row) const;
  void discard_from_outbox();
  void fetch();
  bool flight_has_room(MonotonicTime begun) const;
  void write_from_memory();
  void write_from_outbox();
  void write_flight();
  void batch_done();
  void schedule_flush();

  bool wants_storing() const;
  void store_some();
  void stored(const Storing& storing, Result<Outbox::Appended> appended);
  void consume(std::uint64_t sequence);
  void watch_barrier();
  void outbox_failed(const Error& error, std::function<void()> again);
  // Of rows that are in memory alone.
  std::uint64_t bytes() const { return queue_.bytes() + flight_bytes_; }
  std::string subject() const { return "sinks." + settings_.name; }

  Doors doors_;
  const SinkSettings& settings_;
  const SinkDeclaration& declaration_;
  Options options_;
  MakeSink make_sink_;
  std::unique_ptr<Sink> sink_;
  Events events_;
  std::deque<ResultSchema> own_;  // copies, which schemas_ names
  std::vector<const ResultSchema*> schemas_;
  // A plan's schema, the copy, and the channel that its last row was numbered in.
  struct Known {
    const ResultSchema* schema;
    const ResultSchema* own;
    const ChannelId* channel;
  };
  std::vector<Known> known_;
  std::deque<ResultSchema> older_;         // of rows that have other columns than now
  std::set<const ResultSchema*> form_;     // what the sink is opened for
  std::set<const ResultSchema*> unfit_;    // what it cannot be opened for
  bool in_turns_ = false;                  // one form after another
  const ResultSchema* turn_of_ = nullptr;  // whose rows are next; null: not known
  bool gaps_noted_ = false;
  std::unique_ptr<Timer> turn_;
  std::set<ChannelId> issued_;  // every channel that a row has come under
  std::set<std::string> prefixes_;
  // The one that the last row of each schema came under.
  std::map<const ResultSchema*, const ChannelId*> newest_issued_;

  ResultQueue queue_;               // memory
  std::uint64_t flight_bytes_ = 0;  // of the flight's rows that are in memory alone
  std::deque<Fetched> fetched_;
  Flight flight_;

  bool opened_ = false;
  bool can_say_ = true;
  bool closed_ = false;  // nothing moves any more
  std::optional<Error> failure_;
  Holdings held_, stored_marks_, expected_;
  std::uint64_t expected_first_ = 0, expected_end_ = 0;
  Position released_, flush_through_;
  bool flush_due_ = false;
  std::unique_ptr<Timer> flush_timer_;
  std::uint64_t delivered_ = 0, skipped_ = 0, abandoned_ = 0, missing_ = 0, given_up_ = 0;

  bool outbox_open_ = false, fetching_ = false, storing_ = false, storing_of_flight_ = false;
  std::uint64_t delivered_while_storing_ = 0;  // rows of the flight that is being stored
  bool outbox_full_ = false;
  std::string outbox_trouble_;
  Backoff backoff_{200ms, 10s};
  std::unique_ptr<Timer> retry_, barrier_timer_;
  MonotonicTime barrier_asked_{};
  StoredResults stored_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tidemark
