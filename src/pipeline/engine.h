// Engine: the pure heart. State is a function of the journal, and this is that function: apply() takes one
// entry after another, in journal order, and results come out, numbered.
//
// Order of results: (position, record of the entry, pipeline in topological order, ordinal): an entry that
// holds several records gives the same results as several entries that arrived at the same time. Before an
// entry is applied, the timers that are due by its time fire, in the order (due, pipeline), each with its due
// time as the present; within a pipeline, results come in key order. The engine works in slices: when an
// entry closes many windows or holds many records, apply() returns false and go_on() continues; nothing else
// may be applied in between. It sees no clock, no file, no randomness: the same entries give the same
// results, whatever the batches, the hash seed or a save and load in between.
//
// A pipeline with on_error = "fail" stands still at a record that it cannot evaluate, and the others go on.
// An entry that lets it go on (standing.h) makes missed() name the entries that it has not seen; they are
// handed to apply_missed(), in order, and the entry is applied whole when it has caught up, or stands still
// again. Threads: loop only.  Lifetime: plan and output outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/ids.h"
#include "base/result.h"
#include "checkpoint/manifest.h"
#include "decode/decoder.h"
#include "journal/entry.h"
#include "pipeline/channel.h"
#include "pipeline/operator.h"
#include "pipeline/plan.h"
#include "pipeline/prior_state.h"
#include "pipeline/rows_ahead.h"
#include "windows/watermark.h"

namespace tidemark {

struct SourceCounters {
  std::uint64_t records = 0, bad = 0;
};

struct Standing;
class Failures;

class Engine {
 public:
  // Raised when the same journal would give other results than under an older program.
  static constexpr std::uint32_t kSemantics = 1;
  static constexpr std::size_t kStepsPerSlice = 512;

  struct Options {
    const Plan& plan;
    const Settings& settings;
    EngineOutput& output;
    std::uint64_t hash_seed = 0;
    std::size_t foresees_from = kForeseesFrom;  // OperatorOptions
  };
  static Result<std::unique_ptr<Engine>> make(const Options& options);
  ~Engine();

  // Records of this source to come lie in these bytes; see RecordDecoder.
  void expect(std::size_t source, std::string_view bytes);
  // An entry of the source with this index in the settings (ignored for control records). True when it is
  // applied whole.
  bool apply(Position position, const Entry& entry, std::size_t source);
  bool go_on();
  bool busy() const { return busy_; }
  // Asked now and then within a slice: whether it has taken long enough. How work is cut changes no result.
  void on_slice_over(std::function<bool()> over) { slice_over_ = std::move(over); }

  // What has to be handed to apply_missed() before go_on() can do anything: the entries after `after` up to
  // `through`. None: nothing.
  struct Missed {
    Position after, through;
  };
  std::optional<Missed> missed() const;
  bool catching_up() const { return past_ != nullptr; }
  // The entry after missed()->after. True when the entry at hand is applied whole by it.
  bool apply_missed(Position position, const Entry& entry, std::size_t source);

  Position position() const { return position_; }  // of the last entry applied
  JournalTime time() const { return now_; }
  // When time alone will make something happen; none when no timer is pending.
  std::optional<JournalTime> next_due() {
    if (!next_due_known_) find_next_due();
    return next_due_;
  }
  // False: the wall clock is not synchronised, and event times are not judged by it.
  bool clock_believed() const { return clock_believed_; }

  // Keyed state, for checkpoints: "state/UID" of a pipeline, "memory/NAME" of a source's decoder.
  struct Table {
    std::string owner;
    EntryTable* table;
  };
  std::vector<Table> tables();
  // Everything beside the tables.
  void save(std::vector<std::pair<std::string, std::string>>& sections) const;

  // Goes on from what another engine or a checkpoint has come to, once, before the first entry; PriorState()
  // for a beginning from nothing. Sources and pipelines are found by name and uid; entries are taken over as
  // far as their keys and windows mean the same (state_layout.h), the others are dropped.
  struct Evolution {
    std::vector<std::string> notes;              // what came, went and changed, for the log
    std::vector<std::string> rewritten;          // owners of tables that no segment holds as they are now
    std::map<std::string, std::string> retired;  // PriorState::retired from here on
  };
  Result<Evolution> take_over(PriorState prior);
  // Gives away what it has come to, between two entries; it is of no more use.
  PriorState take_apart();
  // The same to look at: how the state of each pipeline is laid out, and how much there is.
  struct StateSummary {
    std::string uid, name;
    StateLayout layout;
    std::uint64_t keys = 0;
  };
  std::vector<StateSummary> state_summaries() const;

  // What every channel had issued, by schema.
  std::vector<std::pair<const ResultSchema*, ChannelMark>> marks() const;

  SourceCounters source_counters(std::size_t source) const;
  // What its decoder counts beside.
  std::vector<std::pair<std::string, std::uint64_t>> format_counters(std::size_t source) const;
  EventTime source_watermark(std::size_t source) const;
  PipelineCounters pipeline_counters(std::size_t pipeline) const;
  std::optional<EventTime> pipeline_watermark(std::size_t pipeline) const;
  EntryTable* pipeline_table(std::size_t pipeline);
  // Null while the pipeline runs.
  const Standing* standing(std::size_t pipeline) const;
  const Failures& failures(std::size_t pipeline) const;
  std::uint64_t state_bytes() const { return budget_.used; }  // counted by entry: what limits.memory bounds
  std::uint64_t given_up(std::size_t pipeline) const;         // records it never saw
  std::vector<PipelineSummary> summaries() const;

 private:
  struct Source;
  struct Pipeline;
  enum class Stage { timers, entry, done };

  explicit Engine(const Options& options);
  bool run();
  bool finished();
  bool pipelines_done() const {
    return cursor_ == order_.size() && !has_row_ && !draining_ && !closing_for_step_;
  }
  bool run_pipelines(Budget& budget);
  void take_inbox(Pipeline& pipeline);
  bool close_windows(Pipeline& pipeline, Budget& budget);
  void refused_row(Pipeline& pipeline, const PipelineInput& input);
  bool begin_due_timer();
  void begin_entry();
  void begin_other_entry();
  void begin_clock_entry();
  void begin_oversized();
  void begin_payload();
  void begin_undecoded(Source& source);
  bool next_record(Budget& budget);
  std::expected<Found, DecodeError> decode(Source& source);
  void foresee(Source& source);
  std::span<Value> decoded_slots(const Source& source);
  void begin_record(Source& source);
  bool finish_row(Source& source);
  bool read_time(Source& source, std::span<const Value> row, EventTime& time);
  bool read_other_time(Source& source, const Value& field, EventTime& time);
  bool is_too_far_ahead(Source& source, EventTime time);
  void bad_record(Source& source, const std::string& why);
  void keep_entry();
  bool advance_watermark(Pipeline& pipeline, Budget& budget);
  bool advance(Pipeline& pipeline, Budget& budget);
  void hand_down(std::size_t upstream, std::span<const Value> values, EventTime time, JournalTime received,
                 Position position);
  void find_next_due();
  void take_sooner(std::optional<JournalTime>& first, std::optional<JournalTime> due) const;
  void begin_time(JournalTime now);
  static bool read_source(Source& source, std::string_view section, bool counts_only);
  bool read_pipeline(Pipeline& pipeline, std::string_view section, bool counts_only);
  Status take_over_sources(PriorState& prior, Evolution& evolution);
  static bool take_over_memory(Source& source, PriorState& prior, Evolution& evolution);
  Status take_over_pipeline(Pipeline& pipeline, PriorState& prior, Evolution& evolution);

  // engine_standing.cc
  void stand_still(Pipeline& pipeline, bool failed);
  void begin_restart();
  void begin_skip();
  std::optional<std::size_t> standing_pipeline(std::string_view uid) const;
  std::unique_ptr<RecordDecoder> new_decoder(const SourcePlan& plan) const;
  std::unique_ptr<Engine> past_of(std::size_t pipeline, const Standing& standing);
  bool run_past(Budget& budget);
  void save_standing(const Pipeline& pipeline, Encoder& out) const;
  bool load_standing(Pipeline& pipeline, Decoder& in);
  bool remember_as_now(Pipeline& pipeline) const;

  const Plan& plan_;
  const Settings& settings_;
  EngineOutput& output_;
  const std::uint64_t hash_seed_;
  StateBudget budget_;
  std::vector<std::unique_ptr<Source>> sources_;      // in the past of a pipeline: null but for its inputs
  std::vector<std::shared_ptr<Pipeline>> pipelines_;  // likewise: null but for itself
  std::vector<std::size_t> order_;                    // of pipelines: what is read runs before what reads it

  Position position_;
  JournalTime now_{};
  bool begun_ = false;
  bool clock_believed_ = true;
  std::optional<JournalTime> next_due_;
  bool next_due_known_ = false;  // looked for since the last entry: only when somebody asks

  std::function<bool()> slice_over_;  // null: slices end by their steps alone

  // The entry at hand.
  bool busy_ = false;
  Stage stage_ = Stage::done;
  const Entry* entry_ = nullptr;  // the caller's; kept_entry_ once apply() has returned
  Entry kept_entry_;
  std::size_t entry_source_ = 0;
  bool timer_fired_ = false;
  bool has_row_ = false;            // a decoded record waits in row_ for the pipelines that read its source
  bool more_records_ = false;       // the decoder may have more records of the entry
  bool any_row_ = false;            // of those, one was good
  std::uint32_t record_ = 0;        // the number of the one at hand; 0: the entry is one record
  std::uint32_t skip_records_ = 0;  // so many were applied when the entry was the present
  bool closing_for_step_ = false;   // the clock was set back: open processing-time windows end
  bool draining_ = false;           // every open window ends, upstream before downstream
  InputRow row_;
  std::span<Value> row_slots_;  // of the record at hand: in row_values_, or decoded ahead
  std::vector<Value> row_values_;
  std::vector<ForeseenRow> foreseen_;
  std::uint64_t foresights_ = 0;  // how often rows were foreseen
  Arena row_arena_, kept_;
  std::size_t cursor_ = 0;    // in order_
  JournalTime before_entry_;  // the time when the timers due by it had fired

  // A pipeline that catches up is driven by an engine of its own, in the past, over the same operator.
  std::unique_ptr<Engine> past_;
  std::size_t past_pipeline_ = 0;
  Position past_through_;
  bool readers_turn_ = false;  // pipelines that read it have results of the missed entry to take
  Engine* present_ = nullptr;  // of an engine in the past
};

}  // namespace tidemark
