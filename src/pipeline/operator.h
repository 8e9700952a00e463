// Operator: one pipeline at work. Takes rows, keeps its state, emits results.
//
// The engine calls it for one journal position at a time: process() for every row, then advance() with the
// watermark and the time of that position, until it says that nothing is left to do. Everything is a function
// of those calls. A record is applied whole or not at all: everything is evaluated before anything is
// changed. Threads: loop only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/times.h"
#include "base/value.h"
#include "decode/decoder.h"
#include "pipeline/channel.h"
#include "pipeline/plan.h"
#include "pipeline/prior_state.h"
#include "state/entry_table.h"

namespace tidemark {

struct InputRow {
  std::span<const Value> values;  // plan.h: an input row
  EventTime time;
  JournalTime received;
  Position position;
  std::string_view source;      // name of the source or upstream pipeline
  std::uint64_t foresight = 0;  // the number of the one that the row stood in; 0: none
  // When it came from a source: what tells the record's own text.
  const RecordDecoder* decoder = nullptr;
  Payload payload = {};
};

// Rows whose turn comes soon, probably, in this order.
struct ForeseenRow {
  const Value* values;  // InputRow::values.data(); only the decoded columns are filled in
  EventTime time;
};
constexpr std::size_t kForeseesFrom = 2'000;
struct Foresight {
  std::uint64_t number;  // never the same, never 0
  std::span<const ForeseenRow> rows;
  std::uint32_t first_decoded;  // columns before it hold anything
  JournalTime received;
};

// How much an operator may do before it lets others go on.
class Budget {
 public:
  // `over`: says when others are waiting for their turn; asked now and then, and never before something was
  // done.
  Budget(std::size_t steps, const EngineOutput& output, const std::function<bool()>& over)
      : steps_(steps), output_(output), over_(over) {}
  // False when this slice is over. A step is about what emitting a result costs.
  bool take(std::size_t steps = 1) {
    if (steps_ == 0 || output_.full()) return false;
    if (unasked_ >= kAsksEvery) {
      unasked_ = 0;
      if (over_ && over_()) {
        steps_ = 0;
        return false;
      }
    }
    unasked_ += steps;
    steps_ -= std::min(steps_, steps);
    return true;
  }

 private:
  static constexpr std::size_t kAsksEvery = 16;
  std::size_t steps_, unasked_ = 0;
  const EngineOutput& output_;
  const std::function<bool()>& over_;
};

struct PipelineCounters {
  std::uint64_t records = 0, results = 0, late = 0, errors = 0;
  std::uint64_t refused = 0;  // records with new keys beyond a limit
  std::uint64_t evicted = 0;  // keys forgotten to make room
  std::uint64_t expired = 0;  // keys beyond their ttl
};

// What the state of all pipelines takes, counted by entry, so that it is the same after a restore.
struct StateBudget {
  std::uint64_t limit = ~std::uint64_t{0};
  std::uint64_t used = 0;
};

// Where an operator's results go: numbered to its sinks, and as rows to the pipelines that read it.
struct Outlets {
  Channel main, late, dead;
  // Null when no pipeline reads it. Values as in the main schema.
  std::function<void(std::span<const Value> values, EventTime time, JournalTime received, Position position)>
      downstream;
  // While `refuses`, a record that cannot be evaluated leaves everything as it was, and its reason here.
  bool refuses = false;
  std::optional<std::string> refusal;
};

// The wall clock was set back. `begins_anew`: the operator's own time is that of arrival, and comes again.
struct ClockStep {
  JournalTime from, to;
  bool begins_anew = false;
};

class Operator {
 public:
  virtual ~Operator() = default;
  virtual void process(const InputRow& row, const PipelineInput& input) = 0;
  // Whether it is worth while to tell it of rows to come.
  virtual bool foresees() const { return false; }
  // What these rows will meet may be brought near, and what follows from them alone may be evaluated; nothing
  // that comes out may depend on it.
  virtual void foresee(const Foresight& /*foresight*/, const PipelineInput& /*input*/) {}
  // The watermark has come to `watermark` and journal time to `now`: closes windows, emits what is due. False
  // when the budget ended first; then it is called again with the same arguments before anything else.
  virtual bool advance(EventTime watermark, JournalTime now, Position position, Budget& budget) = 0;
  // Nothing that process() does gives advance() anything to do before the watermark or the time moves.
  virtual bool only_time_moves() const { return false; }
  // The wall clock was set back: what waits for a beat is emitted, and open windows of an operator whose time
  // begins anew end at the time before the step.
  virtual bool close_for_step(const ClockStep& step, Position position, Budget& budget) = 0;
  // `stop --drain`: everything open ends now and is emitted. In event time what it closes stays closed: a
  // record that still comes for it is late. Windows of processing time may open again, as new ones.
  virtual bool close_all(JournalTime now, Position position, Budget& budget) = 0;
  // When journal time alone will make it do something; none when nothing is pending.
  virtual std::optional<JournalTime> next_due(bool time_driven) const = 0;
  // Something is open that ends when the watermark comes to it: that inputs become idle matters.
  virtual bool waits_for_watermark() const = 0;
  virtual EntryTable* table() = 0;  // null when it keeps none

  virtual void save(Encoder& out) const = 0;
  virtual bool load(Decoder& in) = 0;
  // Of what save() wrote only the counters and the channels' numbers: the state itself is not taken over.
  virtual bool load_counts(Decoder& in) = 0;
  // The entries of an earlier plan, after load(). `change` is from its layout to this one's, and not
  // other_state.
  virtual Status adopt(PriorPipeline& prior, const StateChange& change) = 0;
  // Gives the entries away; this one is of no more use. Null when it keeps none.
  virtual std::unique_ptr<EntryTable> take_table() = 0;
  virtual std::shared_ptr<const AggregateSet> aggregates() const = 0;  // of the entries; null without
  virtual PipelineCounters counters() const = 0;
};

struct OperatorOptions {
  const PipelinePlan& plan;
  Outlets& outlets;
  EngineOutput& output;
  const LimitSettings& limits;
  StateBudget& budget;
  std::uint64_t hash_seed = 0;
  // With more entries than these, what rows to come will meet is brought near. Fewer stay in the processor's
  // caches by themselves.
  std::size_t foresees_from = kForeseesFrom;
};
std::unique_ptr<Operator> make_operator(const OperatorOptions& options);

}  // namespace tidemark
