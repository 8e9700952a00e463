#include "pipeline/engine.h"

#include <algorithm>

#include "base/format.h"
#include "base/hex.h"
#include "base/invariant.h"
#include "pipeline/engine_parts.h"
#include "pipeline/event_time.h"

namespace tidemark {

Engine::Engine(const Options& options)
    : plan_(options.plan),
      settings_(options.settings),
      output_(options.output),
      hash_seed_(options.hash_seed) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::make(const Options& options) {
  std::unique_ptr<Engine> engine(new Engine(options));
  engine->budget_.limit = options.settings.limits.memory;
  for (const SourcePlan& plan : options.plan.sources) {
    auto source = std::make_unique<Source>(plan, options.output);
    auto decoder = make_decoder({.format = plan.settings->format,
                                 .fields = plan.fields,
                                 .limits = options.settings.limits,
                                 .hash_seed = options.hash_seed});
    if (!decoder) return pass_on(decoder);
    source->use_decoder(std::move(*decoder));
    engine->row_values_.resize(std::max<std::size_t>(engine->row_values_.size(), source->row_size));
    source->memory = source->decoder->memory();
    engine->sources_.push_back(std::move(source));
  }
  for (const PipelinePlan& plan : options.plan.pipelines)
    engine->pipelines_.push_back(std::make_shared<Pipeline>(plan, plan.sinks, options.output));
  for (const auto& pipeline : engine->pipelines_)
    for (const PipelineInput& input : pipeline->plan.inputs)
      if (input.from_source) engine->sources_[input.index]->readers.push_back({pipeline.get(), &input});
  engine->order_ = options.plan.order;
  for (const std::size_t index : options.plan.order) {
    Pipeline& pipeline = *engine->pipelines_[index];
    for (Channel* channel : {&pipeline.outlets.main, &pipeline.outlets.late, &pipeline.outlets.dead})
      channel->stamp(&engine->position_);
    for (const PipelineInput& input : pipeline.plan.inputs)
      if (input.from_source && pipeline.outlets.refuses)
        engine->sources_[input.index]->may_be_stood_at = true;
    if (!pipeline.plan.readers.empty()) {
      pipeline.outlets.downstream = [engine = engine.get(), index](std::span<const Value> values,
                                                                   EventTime time, JournalTime received,
                                                                   Position position) {
        engine->hand_down(index, values, time, received, position);
      };
    }
    pipeline.work = make_operator({.plan = pipeline.plan,
                                   .outlets = pipeline.outlets,
                                   .output = options.output,
                                   .limits = options.settings.limits,
                                   .budget = engine->budget_,
                                   .hash_seed = options.hash_seed,
                                   .foresees_from = options.foresees_from});
    pipeline.only_time_moves = pipeline.work->only_time_moves();
    pipeline.reads_by_clock = std::ranges::any_of(pipeline.plan.inputs, [&](const PipelineInput& input) {
      if (input.from_source) return !options.plan.sources[input.index].timestamp_slot.has_value();
      const Pipeline& upstream = *engine->pipelines_[input.index];
      return upstream.plan.results_at_clock() || upstream.reads_by_clock;
    });
    pipeline.by_clock = pipeline.plan.processing_time || pipeline.reads_by_clock;
    pipeline.time_driven = std::ranges::any_of(pipeline.plan.inputs, [&](const PipelineInput& input) {
      if (input.from_source) return false;
      const Pipeline& upstream = *engine->pipelines_[input.index];
      return upstream.plan.results_at_clock() || upstream.time_driven;
    });
  }
  return engine;
}

// Texts are copied: the upstream's own die with its next result. Window times go down as milliseconds, like
// every other time in an expression.
void Engine::hand_down(std::size_t upstream, std::span<const Value> values, EventTime time,
                       JournalTime received, Position position) {
  if (past_) {  // for those who read it, it happens now
    received = now_;
    position = position_;
  }
  const std::vector<ResultColumn>& columns = plan_.pipelines[upstream].main.columns;
  for (const std::size_t reader : plan_.pipelines[upstream].readers) {
    Pipeline& pipeline = *pipelines_[reader];
    for (std::size_t i = 0; i < pipeline.plan.inputs.size(); ++i) {
      const PipelineInput& input = pipeline.plan.inputs[i];
      if (input.from_source || input.index != upstream) continue;
      auto& waiting = pipeline.inbox.emplace_back(Pipeline::Waiting{i, {}, time, received, position});
      waiting.values.reserve(kRowFirstColumn + values.size());
      waiting.values = {Value::null(), Value::text(plan_.pipelines[upstream].settings->name),
                        Value::integer(to_ms(to_ns(time))), Value::integer(to_ms(to_ns(received)))};
      for (std::size_t c = 0; c < values.size(); ++c) {
        Value value = values[c];
        if (value.is_text()) value = Value::text(pipeline.inbox_texts.copy(value.as_text()));
        if (columns[c].kind == ResultColumn::Kind::time && value.is_integer())
          value = Value::integer(to_ms(value.as_integer()));
        waiting.values.push_back(value);
      }
    }
  }
}

void Engine::expect(std::size_t source, std::string_view bytes) {
  sources_[source]->decoder->expect(bytes);
  Source& its = *sources_[source];
  const bool worth_while = std::ranges::any_of(
      its.readers, [](const Source::Reader& reader) { return reader.pipeline->work->foresees(); });
  its.ahead->expect(worth_while ? bytes : std::string_view());
}

bool Engine::apply(Position position, const Entry& entry, std::size_t source) {
  invariant(!busy_, "an entry is applied whole before the next one");
  if (!begun_) begin_time(entry.time);
  position_ = position;
  entry_ = &entry;
  entry_source_ = source;
  busy_ = true;
  cursor_ = order_.size();
  if (entry.time > now_) {
    stage_ = Stage::timers;
    if (run()) return true;
  } else {  // what was due by now has fired
    begin_entry();
    stage_ = Stage::done;
    Budget budget(kStepsPerSlice, output_, slice_over_);
    if (past_ || more_records_ ? run() : run_pipelines(budget) && finished()) return true;
  }
  keep_entry();
  return false;
}

bool Engine::go_on() {
  invariant(busy_, "only an unfinished entry goes on");
  return run();
}

// Stages of one entry: each timer that is due by its time, then the entry itself, record by record; within
// each stage, the pipelines in topological order.
bool Engine::run() {
  Budget budget(kStepsPerSlice, output_, slice_over_);
  while (true) {
    if (past_ && !run_past(budget)) return false;
    if (!pipelines_done() && !run_pipelines(budget)) return false;
    if (timer_fired_) {  // what fired may have set another timer that is due by this entry's time too
      timer_fired_ = false;
      next_due_known_ = false;
    }
    if (stage_ == Stage::done) {
      if (!more_records_) break;
      if (!next_record(budget)) return false;
      continue;
    }
    if (stage_ == Stage::timers && begin_due_timer()) continue;
    begin_entry();
    stage_ = Stage::done;
  }
  return finished();
}

bool Engine::finished() {
  next_due_known_ = false;
  busy_ = false;
  return true;
}

bool Engine::run_pipelines(Budget& budget) {
  for (; cursor_ < order_.size(); ++cursor_) {
    const std::size_t index = order_[cursor_];
    Pipeline& pipeline = *pipelines_[index];
    if (pipeline.standing || (past_ && index == past_pipeline_)) continue;
    if (has_row_ && !pipeline.row_taken) {
      pipeline.row_taken = true;
      for (const PipelineInput& input : pipeline.plan.inputs)
        if (input.from_source && input.index == entry_source_) {
          pipeline.work->process(row_, input);
          if (pipeline.outlets.refusal) [[unlikely]]
            refused_row(pipeline, input);
        }
      if (pipeline.standing) {
        pipeline.row_taken = false;
        continue;
      }
    }
    if (!pipeline.inbox.empty()) take_inbox(pipeline);
    if ((closing_for_step_ || draining_) && !close_windows(pipeline, budget)) return false;
    // What counts by the clock has just forgotten the time before the step, which is what now_ still shows.
    if (closing_for_step_ && pipeline.by_clock)
      pipeline.watermark = pipeline.output_watermark = kEventTimeMin;
    else if (!advance_watermark(pipeline, budget))
      return false;
    pipeline.row_taken = false;
  }
  has_row_ = false;
  draining_ = false;
  if (closing_for_step_) {
    closing_for_step_ = false;
    now_ = entry_->time;
  }
  return true;
}

void Engine::take_inbox(Pipeline& pipeline) {
  while (!pipeline.inbox.empty()) {
    const Pipeline::Waiting& waiting = pipeline.inbox.front();
    const PipelineInput& input = pipeline.plan.inputs[waiting.input];
    pipeline.work->process({.values = waiting.values,
                            .time = waiting.time,
                            .received = waiting.received,
                            .position = waiting.position,
                            .source = plan_.pipelines[input.index].settings->name},
                           input);
    pipeline.inbox.pop_front();
  }
  pipeline.inbox_texts.clear();
}

bool Engine::close_windows(Pipeline& pipeline, Budget& budget) {
  pipeline.advanced_at.reset();
  if (closing_for_step_ &&
      !pipeline.work->close_for_step({now_, entry_->time, pipeline.by_clock}, position_, budget))
    return false;
  return !draining_ || pipeline.work->close_all(now_, position_, budget);
}

// The row at hand was refused: the pipeline stands still, or goes on without it.
void Engine::refused_row(Pipeline& pipeline, const PipelineInput& input) {
  const std::string why = *std::exchange(pipeline.outlets.refusal, std::nullopt);
  const JournalTime now = present_ != nullptr ? present_->now_ : now_;
  const Failures::Verdict verdict =
      pipeline.failures.add({position_, record_}, now, why, *pipeline.plan.settings);
  if (verdict != Failures::Verdict::set_aside)
    return stand_still(pipeline, verdict == Failures::Verdict::failed);
  pipeline.outlets.refuses = false;
  pipeline.work->process(row_, input);
  pipeline.outlets.refuses = true;
}

// The smallest watermark over the inputs that are not idle; it never goes back, and stays when all are idle.
inline bool Engine::advance_watermark(Pipeline& pipeline, Budget& budget) {
  bool idle = true;
  EventTime smallest = kEventTimeMax;
  for (const PipelineInput& input : pipeline.plan.inputs) {
    if (input.from_source) {
      const Source& source = *sources_[input.index];
      if (source.idle(now_)) continue;
      smallest = std::min(smallest, source.watermark.watermark());
    } else {
      const Pipeline& upstream = *pipelines_[input.index];
      if (upstream.idle) continue;
      smallest = std::min(smallest, upstream.output_watermark);
    }
    idle = false;
  }
  pipeline.idle = idle && !pipeline.plan.results_at_clock();
  if (!idle && smallest > pipeline.watermark) pipeline.watermark = smallest;
  if (pipeline.only_time_moves && pipeline.advanced_to == pipeline.watermark && pipeline.advanced_at == now_)
    return true;
  return advance(pipeline, budget);
}

bool Engine::advance(Pipeline& pipeline, Budget& budget) {
  if (!pipeline.work->advance(pipeline.watermark, now_, position_, budget)) return false;
  // What is emitted from here on has a later event time than this: a window's result stands at its end less 1
  // ms.
  const std::int64_t passed = pipeline.plan.results_at_clock() ? to_ns(now_) : to_ns(pipeline.watermark);
  pipeline.output_watermark = pipeline.plan.closes_windows()
                                  ? time_from_ns<EventTime>(whole_milliseconds(passed))
                                  : time_from_ns<EventTime>(passed);
  pipeline.advanced_to = pipeline.watermark;
  pipeline.advanced_at = now_;
  return true;
}

// A source that falls idle is a timer here whether a window waits or not: a record that is late because of it
// is so whatever else is computed.
bool Engine::begin_due_timer() {
  if (entry_->kind == EntryKind::clock_step) return false;
  std::optional<JournalTime> due = next_due();
  for (const auto& source : sources_)
    if (source && !source->ended) take_sooner(due, source->watermark.idle_due());
  if (!due || *due > entry_->time) return false;
  now_ = std::max(now_, *due);
  timer_fired_ = true;
  cursor_ = 0;
  return true;
}

inline void Engine::begin_entry() {
  before_entry_ = now_;
  if (entry_->kind != EntryKind::record) return begin_other_entry();
  now_ = std::max(now_, entry_->time);
  begin_payload();
}

void Engine::begin_other_entry() {
  const Entry& entry = *entry_;
  switch (entry.kind) {
    case EntryKind::record:
      return;
    case EntryKind::oversized:
      now_ = std::max(now_, entry.time);
      begin_oversized();
      return;
    case EntryKind::source_ended:
      now_ = std::max(now_, entry.time);
      if (sources_[entry_source_]) sources_[entry_source_]->ended = true;
      cursor_ = 0;
      return;
    case EntryKind::clock_step:
      begin_clock_entry();
      return;
    case EntryKind::tick:
      now_ = std::max(now_, entry.time);
      cursor_ = 0;
      return;
    case EntryKind::drain:
      now_ = std::max(now_, entry.time);
      draining_ = true;
      cursor_ = 0;
      return;
    case EntryKind::configuration:
    case EntryKind::source_event:
      now_ = std::max(now_, entry.time);
      return;
    case EntryKind::restart:
    case EntryKind::skip:
      now_ = std::max(now_, entry.time);
      if (present_ != nullptr) return;  // what was decided in the past is past
      entry.kind == EntryKind::skip ? begin_skip() : begin_restart();
      return;
  }
}

void Engine::begin_clock_entry() {
  const auto what = clock_event(entry_->payload);
  if (what == ClockEvent::believed || what == ClockEvent::not_believed) {
    clock_believed_ = what == ClockEvent::believed;
    return;
  }
  for (auto& source : sources_)
    if (source) source->watermark.clock_stepped(entry_->time, !source->plan.timestamp_slot);
  closing_for_step_ = true;
  cursor_ = 0;
}

void Engine::begin_oversized() {
  cursor_ = 0;
  record_ = 0;
  if (!sources_[entry_source_]) return;  // no input of the pipeline whose past this is
  Source& source = *sources_[entry_source_];
  begin_record(source);
  if (source.memory != nullptr) source.memory->passed_over({entry_->payload, entry_->topic, entry_->time});
  bad_record(source,
             format("a record longer than limits.max_record ({} bytes)", settings_.limits.max_record));
}

inline void Engine::begin_payload() {
  cursor_ = 0;
  record_ = 0;
  if (!sources_[entry_source_]) return;  // no input of the pipeline whose past this is
  Source& source = *sources_[entry_source_];
  if (!source.ahead->has_record(entry_->payload)) return begin_undecoded(source);
  row_.foresight = source.foresight;
  row_slots_ = source.ahead->take_record();
  begin_record(source);
  has_row_ = finish_row(source);
}

void Engine::begin_undecoded(Source& source) {
  const auto found = decode(source);
  if (found && *found == Found::several) {
    if (source.memory != nullptr && present_ == nullptr)
      if (const auto notice = source.memory->take_notice())
        output_.noticed(source.subject, notice->kind, notice->text);
    more_records_ = true;
    any_row_ = false;
    cursor_ = order_.size();
    return;
  }
  begin_record(source);
  if (!found)
    bad_record(source, to_text(found.error()));
  else
    has_row_ = finish_row(source);
}

// The payload of the entry at hand, into row_slots_.
std::expected<Found, DecodeError> Engine::decode(Source& source) {
  const std::string_view payload = entry_->payload;
  RowsAhead& ahead = *source.ahead;
  if (!ahead.has(payload) && ahead.can_fill(payload)) {
    ahead.fill(payload);
    foresee(source);
  }
  if (ahead.has(payload)) {
    row_.foresight = source.foresight;
    return ahead.take(row_slots_);
  }
  row_.foresight = 0;
  row_slots_ = std::span(row_values_).first(source.row_size);
  if (row_arena_.size() != 0) row_arena_.clear();
  return source.decoder->decode({payload, entry_->topic, entry_->time}, decoded_slots(source), row_arena_);
}

void Engine::foresee(Source& source) {
  source.foresight = ++foresights_;
  foreseen_.clear();
  RowsAhead& ahead = *source.ahead;
  for (std::size_t i = 0; i < ahead.records(); ++i) {
    const std::span<const Value> row = ahead.record(i);
    auto time = time_from_ns<EventTime>(to_ns(entry_->time));
    if (source.plan.timestamp_slot &&
        !whole_event_time(row[*source.plan.timestamp_slot], source.epoch_unit_ns, time))
      continue;
    foreseen_.push_back({row.data(), time});
  }
  const Foresight foresight{source.foresight, foreseen_, source.first_decoded, entry_->time};
  for (const auto& [pipeline, input] : source.readers)
    if (!pipeline->standing) pipeline->work->foresee(foresight, *input);
}

std::span<Value> Engine::decoded_slots(const Source& source) {
  return row_slots_.subspan(source.first_decoded);
}

inline void Engine::begin_record(Source& source) {
  if (source.may_be_stood_at) source.before = source.moment();
  source.ended = false;
  ++source.counters.records;
}

// Goes on to the next good record of the entry, or to its end. False when the slice is over.
bool Engine::next_record(Budget& budget) {
  Source& source = *sources_[entry_source_];
  const Payload payload(entry_->payload, entry_->topic, entry_->time);
  while (budget.take()) {
    if (row_arena_.size() != 0) row_arena_.clear();
    const auto found = source.decoder->next(payload, decoded_slots(source), row_arena_);
    if (found && !*found) {
      more_records_ = false;
      skip_records_ = 0;
      source.ended = false;
      if (!any_row_) cursor_ = 0;  // time has passed all the same
      return true;
    }
    if (++record_ <= skip_records_) continue;
    begin_record(source);
    if (!found) {
      bad_record(source, to_text(found.error()));
    } else if (finish_row(source)) {
      has_row_ = any_row_ = true;
      cursor_ = 0;
      return true;
    }
  }
  return false;
}

// What every row has beside the decoded fields. False when it is a bad record after all.
inline bool Engine::finish_row(Source& source) {
  const Entry& entry = *entry_;
  const std::span<Value> row = row_slots_;
  EventTime time;
  if (!read_time(source, row, time)) return false;
  row[kRowTopic] = entry.topic.empty() ? Value::null() : Value::text(entry.topic);
  row[kRowSource] = Value::text(source.plan.settings->name);
  row[kRowTime] = Value::integer(to_ms(to_ns(time)));
  row[kRowReceived] = Value::integer(to_ms(to_ns(entry.time)));
  if (source.plan.topic_fields) {
    const bool matches = source.plan.topic_fields->match(entry.topic, source.topic_values);
    for (std::size_t i = 0; i < source.topic_values.size(); ++i)
      row[kRowFirstColumn + i] = matches ? Value::text(source.topic_values[i]) : Value::null();
  }
  row_ = {.values = row,
          .time = time,
          .received = entry.time,
          .position = position_,
          .source = source.plan.settings->name,
          .foresight = row_.foresight,
          .decoder = source.decoder.get(),
          .payload = {entry.payload, entry.topic, entry.time}};
  source.watermark.observe(time, entry.time);
  return true;
}

// Of the record at hand. False when that makes it a bad one.
inline bool Engine::read_time(Source& source, std::span<const Value> row, EventTime& time) {
  const auto arrival = time_from_ns<EventTime>(to_ns(entry_->time));
  if (!source.plan.timestamp_slot) {
    time = arrival;
    return true;
  }
  const Value& field = row[*source.plan.timestamp_slot];
  if (!whole_event_time(field, source.epoch_unit_ns, time) && !read_other_time(source, field, time))
    return false;
  return time <= arrival || !is_too_far_ahead(source, time);
}

bool Engine::read_other_time(Source& source, const Value& field, EventTime& time) {
  const auto read = read_event_time(field, *source.plan.settings->timestamp);
  if (read)
    time = *read;
  else
    bad_record(source, "timestamp: " + read.error().message);
  return read.has_value();
}

bool Engine::is_too_far_ahead(Source& source, EventTime time) {
  const Duration ahead = source.plan.settings->max_ahead;
  const auto arrival = time_from_ns<EventTime>(to_ns(entry_->time));
  if (!clock_believed_ || time <= saturating_add(arrival, ahead)) return false;
  bad_record(source, format("event time {} is more than max_ahead ({}) ahead of its arrival at {}",
                            to_rfc3339(to_ns(time)), to_text(ahead), to_rfc3339(to_ns(entry_->time))));
  return true;
}

void Engine::bad_record(Source& source, const std::string& why) {
  if (present_ != nullptr) return;  // was counted and reported then
  ++source.counters.bad;
  output_.noticed(source.subject, "bad record", why);
  if (!source.dead.connected()) return;
  std::string text;
  if (entry_->kind != EntryKind::oversized)
    text = source.decoder->text({entry_->payload, entry_->topic, entry_->time});
  else
    text = source.plan.settings->format.is_binary() ? to_hex(entry_->payload) : std::string(entry_->payload);
  const std::vector<Value> letter{
      Value::integer(to_ns(entry_->time)), Value::text(source.plan.settings->name),
      Value::integer(static_cast<std::int64_t>(position_.value)), Value::text(why), Value::text(text)};
  source.dead.emit(position_, letter);
}

// The caller's bytes end with apply(): what later slices still read of them is copied.
void Engine::keep_entry() {
  kept_.clear();
  // The entry itself may still be to come: a timer that is due by its time goes first, and takes slices.
  kept_entry_ = *entry_;
  kept_entry_.topic = kept_.copy(entry_->topic);
  kept_entry_.resume = {};
  kept_entry_.payload = kept_.copy(entry_->payload);
  entry_ = &kept_entry_;
  if (sources_[entry_source_]) sources_[entry_source_]->ahead->forget();  // its lines come from elsewhere now
  if (!has_row_) return;
  row_.payload = {entry_->payload, entry_->topic, entry_->time};
  for (Value& value : row_slots_)
    if (value.is_text()) value = Value::text(kept_.copy(value.as_text()));
}

void Engine::begin_time(JournalTime now) {
  begun_ = true;
  now_ = now;
  for (auto& source : sources_) source->watermark.begin(now);
}

// What is due but did not happen (a window that another input's watermark holds open) is no timer.
void Engine::take_sooner(std::optional<JournalTime>& first, std::optional<JournalTime> due) const {
  if (due && *due > now_ && (!first || *due < *first)) first = due;
}

// That a source falls idle is worth a tick only while a window waits for the watermark: an appliance with
// nothing open writes none.
void Engine::find_next_due() {
  next_due_known_ = true;
  next_due_.reset();
  bool waits = false;
  for (const std::size_t index : order_) {
    const Pipeline* pipeline = pipelines_[index].get();
    if (pipeline->standing) continue;
    auto due = pipeline->work->next_due(pipeline->time_driven);
    // By the clock, only what has just been taken over is overdue: a shorter timeout than it was begun with.
    if (due && *due <= now_ && pipeline->plan.processing_time) due = now_ + Duration(1);
    take_sooner(next_due_, due);
    waits = waits || pipeline->work->waits_for_watermark();
  }
  if (!waits) return;
  for (const auto& source : sources_)
    if (source && !source->ended) take_sooner(next_due_, source->watermark.idle_due());
}

std::vector<Engine::Table> Engine::tables() {
  std::vector<Table> out;
  for (auto& pipeline : pipelines_)
    if (EntryTable* table = pipeline->work->table())
      out.push_back({"state/" + pipeline->plan.settings->uid, table});
  for (auto& source : sources_)
    if (source->memory != nullptr)
      out.push_back({"memory/" + source->plan.settings->name, source->memory->table()});
  return out;
}

std::vector<std::pair<const ResultSchema*, ChannelMark>> Engine::marks() const {
  std::vector<std::pair<const ResultSchema*, ChannelMark>> out;
  const auto add = [&](const Channel& channel) { out.emplace_back(&channel.schema(), channel.mark()); };
  for (const auto& source : sources_) add(source->dead);
  for (const auto& pipeline : pipelines_) {
    add(pipeline->outlets.main);
    add(pipeline->outlets.late);
    add(pipeline->outlets.dead);
  }
  return out;
}

SourceCounters Engine::source_counters(std::size_t source) const {
  return sources_[source]->counters;
}
std::vector<std::pair<std::string, std::uint64_t>> Engine::format_counters(std::size_t source) const {
  const DecoderMemory* const memory = sources_[source]->memory;
  return memory != nullptr ? memory->counters() : std::vector<std::pair<std::string, std::uint64_t>>();
}
EventTime Engine::source_watermark(std::size_t source) const {
  return sources_[source]->watermark.watermark();
}
PipelineCounters Engine::pipeline_counters(std::size_t pipeline) const {
  return pipelines_[pipeline]->work->counters();
}
std::optional<EventTime> Engine::pipeline_watermark(std::size_t pipeline) const {
  if (pipelines_[pipeline]->watermark == kEventTimeMin) return std::nullopt;
  return pipelines_[pipeline]->watermark;
}
EntryTable* Engine::pipeline_table(std::size_t pipeline) {
  return pipelines_[pipeline]->work->table();
}

std::vector<PipelineSummary> Engine::summaries() const {
  std::vector<PipelineSummary> out;
  for (const auto& pipeline : pipelines_) {
    const EntryTable* table = pipeline->work->table();
    out.push_back({.name = pipeline->plan.settings->name,
                   .uid = pipeline->plan.settings->uid,
                   .plan_fingerprint = pipeline->plan.state_fingerprint,
                   .keys = table != nullptr ? table->size() : 0,
                   .bytes = table != nullptr ? table->memory_bytes() : 0,
                   .watermark = pipeline->watermark,
                   .position = pipeline->standing ? pipeline->standing->through : position_});
  }
  return out;
}

}  // namespace tidemark
