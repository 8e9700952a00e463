// The parts of an engine: its sources and pipelines with their state. Internal to pipeline/engine*.cc.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "decode/memory.h"
#include "pipeline/engine.h"
#include "pipeline/event_time.h"
#include "pipeline/failures.h"
#include "pipeline/standing.h"

namespace tidemark {

struct Engine::Source {
  Source(const SourcePlan& source_plan, EngineOutput& output)
      : plan(source_plan),
        watermark(source_plan.settings->max_out_of_orderness, source_plan.settings->idle_after),
        dead(source_plan.dead,
             source_plan.dead_letter_to ? std::vector<std::size_t>{*source_plan.dead_letter_to}
                                        : std::vector<std::size_t>{},
             output),
        subject("sources." + source_plan.settings->name),
        topic_values(source_plan.topic_field_count) {
    if (source_plan.timestamp_slot)
      epoch_unit_ns = tidemark::epoch_unit_ns(source_plan.settings->timestamp->unit);
  }

  void use_decoder(std::unique_ptr<RecordDecoder> its) {
    decoder = std::move(its);
    ahead = std::make_unique<RowsAhead>(*decoder, row_size, first_decoded);
  }
  bool idle(JournalTime now) const { return ended || watermark.idle(now); }
  SourceMoment moment() const { return {watermark, ended, counters.records, {}}; }

  const SourcePlan& plan;
  std::unique_ptr<RecordDecoder> decoder;
  DecoderMemory* memory = nullptr;  // the decoder's
  std::unique_ptr<RowsAhead> ahead;
  std::uint64_t foresight = 0;  // of what `ahead` holds
  // The pipelines that read it; none in the past of a pipeline.
  struct Reader {
    const Pipeline* pipeline;
    const PipelineInput* input;
  };
  std::vector<Reader> readers;
  SourceWatermark watermark;
  SourceCounters counters;
  Channel dead;
  bool ended = false;
  bool may_be_stood_at = false;        // a pipeline that reads it may stand still at a record of it
  std::optional<SourceMoment> before;  // the entry at hand, when it may
  std::string subject;
  std::int64_t epoch_unit_ns = 0;  // of its timestamps; 0 when they are text, or the time of arrival
  std::uint32_t row_size = plan.row_size();
  std::uint32_t first_decoded = kRowFirstColumn + plan.topic_field_count;  // in a row
  std::vector<std::string_view> topic_values;
};

struct Engine::Pipeline {
  // A result of an upstream pipeline, waiting for its turn within the same position.
  struct Waiting {
    std::size_t input;
    std::vector<Value> values;
    EventTime time;
    JournalTime received;
    Position position;
  };

  Pipeline(const PipelinePlan& pipeline_plan, std::vector<std::size_t> sinks, EngineOutput& output)
      : plan(pipeline_plan),
        outlets{.main = Channel(pipeline_plan.main, std::move(sinks), output),
                .late = Channel(pipeline_plan.late, one(pipeline_plan.late_to), output),
                .dead = Channel(pipeline_plan.dead, one(pipeline_plan.dead_letter_to), output),
                .downstream = {},
                .refuses = pipeline_plan.settings->on_error == OnError::fail,
                .refusal = {}} {}
  static std::vector<std::size_t> one(const std::optional<std::size_t>& sink) {
    return sink ? std::vector<std::size_t>{*sink} : std::vector<std::size_t>{};
  }

  const PipelinePlan& plan;
  Outlets outlets;
  std::unique_ptr<Operator> work;
  EventTime watermark = kEventTimeMin;         // of its input
  EventTime output_watermark = kEventTimeMin;  // of what it emits
  bool only_time_moves = false;                // of its operator
  EventTime advanced_to{};                     // what its operator was last advanced to
  std::optional<JournalTime> advanced_at;      // and when; none: not since something else than time moved it
  bool idle = false;                           // all its inputs are
  bool row_taken = false;                      // the row at hand was processed, and closing goes on
  bool time_driven = false;                    // journal time alone can move its watermark
  bool reads_by_clock = false;                 // event time, as it reads it, is that of arrival
  bool by_clock = false;  // its time is that of arrival: the clock set back begins it anew
  std::deque<Waiting> inbox;
  Arena inbox_texts;
  Failures failures;
  std::optional<Standing> standing;
  std::uint64_t given_up = 0;  // records that it never saw, because the journal needed the room
};

}  // namespace tidemark
