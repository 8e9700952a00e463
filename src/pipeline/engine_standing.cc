// Pipelines that stand still, and how they catch up.
#include <algorithm>

#include "base/format.h"
#include "base/invariant.h"
#include "pipeline/engine_parts.h"

namespace tidemark {

std::string encode_restart(const RestartEntry& entry) {
  Encoder out;
  out.u8(static_cast<std::uint8_t>(entry.by));
  out.raw(entry.uid);
  return out.take();
}

std::optional<RestartEntry> decode_restart(std::string_view payload) {
  if (payload.size() < 2) return std::nullopt;
  const auto by = static_cast<RestartBy>(payload.front());
  if (by != RestartBy::strategy && by != RestartBy::operator_) return std::nullopt;
  return RestartEntry{by, std::string(payload.substr(1))};
}

// The record at hand is not applied. Everything as it was before it, so that it can be applied later.
void Engine::stand_still(Pipeline& pipeline, bool failed) {
  Standing& standing = pipeline.standing.emplace();
  standing.through = Position{position_.value - 1};
  standing.records = record_ == 0 ? 0 : record_ - 1;
  standing.failed = failed;
  standing.since = present_ != nullptr ? present_->now_ : now_;
  standing.now = standing.records == 0 ? before_entry_ : now_;
  standing.clock_believed = clock_believed_;
  for (const PipelineInput& input : pipeline.plan.inputs) {
    if (!input.from_source) continue;
    const Source& source = *sources_[input.index];
    const bool at_hand = input.index == entry_source_;
    SourceMoment& moment = standing.inputs.emplace_back(at_hand ? *source.before : source.moment());
    if (source.memory != nullptr) moment.memory = source.memory->snapshot(at_hand);
  }
  pipeline.idle = false;  // those who read it wait for it
}

std::optional<std::size_t> Engine::standing_pipeline(std::string_view uid) const {
  for (std::size_t i = 0; i < pipelines_.size(); ++i)
    if (pipelines_[i]->plan.settings->uid == uid && pipelines_[i]->standing) return i;
  return std::nullopt;
}

void Engine::begin_restart() {
  const auto restart = decode_restart(entry_->payload);
  if (!restart) return;
  const auto index = standing_pipeline(restart->uid);
  if (!index) return;
  Pipeline& pipeline = *pipelines_[*index];
  if (restart->by == RestartBy::operator_)
    pipeline.failures.resumed();
  else if (pipeline.standing->failed)
    return;
  past_pipeline_ = *index;
  past_through_ = Position{position_.value - 1};
  past_ = past_of(*index, *pipeline.standing);
  pipeline.standing.reset();
}

void Engine::begin_skip() {
  const auto index = standing_pipeline(entry_->payload);
  if (!index) return;
  Pipeline& pipeline = *pipelines_[*index];
  Standing& standing = *pipeline.standing;
  std::size_t at = 0;
  for (const PipelineInput& input : pipeline.plan.inputs) {
    if (!input.from_source) continue;
    SourceMoment moment = sources_[input.index]->moment();
    if (const DecoderMemory* memory = sources_[input.index]->memory) moment.memory = memory->snapshot(false);
    pipeline.given_up += moment.records - standing.inputs[at].records;
    standing.inputs[at++] = std::move(moment);
  }
  cursor_ = 0;
  if (!standing.failed) return pipeline.standing.reset();
  standing.through = position_;
  standing.records = 0;
  standing.now = now_;
  standing.clock_believed = clock_believed_;
}

std::unique_ptr<RecordDecoder> Engine::new_decoder(const SourcePlan& plan) const {
  auto decoder = make_decoder({.format = plan.settings->format,
                               .fields = plan.fields,
                               .limits = settings_.limits,
                               .hash_seed = hash_seed_});
  invariant(decoder.has_value(), "a decoder that was made once can be made again");
  return std::move(*decoder);
}

// An engine as it was when the pipeline stood still, with this pipeline only.
std::unique_ptr<Engine> Engine::past_of(std::size_t index, const Standing& standing) {
  std::unique_ptr<Engine> past(
      new Engine({.plan = plan_, .settings = settings_, .output = output_, .hash_seed = hash_seed_}));
  const std::shared_ptr<Pipeline>& pipeline = pipelines_[index];
  past->present_ = this;
  past->slice_over_ = slice_over_;
  past->order_ = {index};
  past->pipelines_.resize(pipelines_.size());
  past->pipelines_[index] = pipeline;
  past->sources_.resize(sources_.size());
  std::size_t at = 0;
  for (const PipelineInput& input : pipeline->plan.inputs) {
    if (!input.from_source) continue;
    auto source = std::make_unique<Source>(plan_.sources[input.index], output_);
    source->use_decoder(new_decoder(source->plan));
    source->memory = source->decoder->memory();
    const SourceMoment& moment = standing.inputs[at++];
    if (source->memory != nullptr && !moment.memory.empty()) {
      const bool loaded = source->memory->load_snapshot(moment.memory);
      invariant(loaded, "a snapshot that was taken or read can be loaded");
    }
    source->watermark = moment.watermark;
    source->ended = moment.ended;
    source->counters.records = moment.records;
    source->may_be_stood_at = pipeline->outlets.refuses;
    past->row_values_.resize(std::max<std::size_t>(past->row_values_.size(), source->row_size));
    past->sources_[input.index] = std::move(source);
  }
  past->position_ = standing.through;
  past->skip_records_ = standing.records;
  past->now_ = standing.now;
  past->begun_ = true;
  past->clock_believed_ = standing.clock_believed;
  return past;
}

std::optional<Engine::Missed> Engine::missed() const {
  if (!past_ || past_->busy_ || readers_turn_) return std::nullopt;
  return Missed{past_->position_, past_through_};
}

bool Engine::apply_missed(Position position, const Entry& entry, std::size_t source) {
  invariant(missed() && position == past_->position_.next(), "missed entries are applied in order");
  if (past_->apply(position, entry, source)) readers_turn_ = true;
  return run();
}

// Goes on with the missed entry at hand; then those who read the pipeline take its results. True when there
// is no more to be missed.
bool Engine::run_past(Budget& budget) {
  if (past_->busy_) {
    if (!past_->go_on()) return false;
    readers_turn_ = true;
  }
  const Pipeline& pipeline = *pipelines_[past_pipeline_];
  if (readers_turn_ && !pipeline.plan.readers.empty()) {
    if (cursor_ >= order_.size()) cursor_ = 0;
    if (!run_pipelines(budget)) return false;
  }
  readers_turn_ = false;
  if (!pipeline.standing && past_->position_ < past_through_) return false;
  past_.reset();
  cursor_ = 0;
  return true;
}

void Engine::save_standing(const Pipeline& pipeline, Encoder& out) const {
  pipeline.failures.save(out);
  out.varint(pipeline.given_up);
  out.boolean(pipeline.standing.has_value());
  if (!pipeline.standing) return;
  const Standing& standing = *pipeline.standing;
  out.varint(standing.through.value);
  out.varint(standing.records);
  out.boolean(standing.failed);
  out.i64(to_ns(standing.since));
  out.i64(to_ns(standing.now));
  out.boolean(standing.clock_believed);
  out.varint(standing.inputs.size());
  std::size_t at = 0;
  for (const PipelineInput& input : pipeline.plan.inputs) {
    if (!input.from_source) continue;
    const SourceMoment& moment = standing.inputs[at];
    out.bytes(plan_.sources[input.index].settings->name);
    moment.watermark.save(out);
    out.boolean(moment.ended);
    out.varint(moment.records);
    ++at;
  }
  if (std::ranges::all_of(standing.inputs, [](const SourceMoment& moment) { return moment.memory.empty(); }))
    return;
  for (const SourceMoment& moment : standing.inputs) out.bytes(moment.memory);
}

bool Engine::load_standing(Pipeline& pipeline, Decoder& in) {
  if (in.at_end()) return true;  // of a version without on_error = "fail"
  if (!pipeline.failures.load(in)) return false;
  pipeline.given_up = in.varint();
  if (!in.boolean()) return !in.failed();
  Standing& standing = pipeline.standing.emplace();
  standing.through.value = in.varint();
  standing.records = static_cast<std::uint32_t>(in.varint());
  standing.failed = in.boolean();
  standing.since = time_from_ns<JournalTime>(in.i64());
  standing.now = time_from_ns<JournalTime>(in.i64());
  standing.clock_believed = in.boolean();
  // Inputs may have come and gone since.
  for (const PipelineInput& input : pipeline.plan.inputs) {
    if (!input.from_source) continue;
    const Source& source = *sources_[input.index];
    SourceMoment& moment = standing.inputs.emplace_back(source.moment());
    if (source.memory != nullptr) moment.memory = source.memory->snapshot(false);
  }
  std::vector<std::optional<std::size_t>> places;  // among the inputs there are now
  for (std::uint64_t n = in.varint(); n > 0 && !in.failed(); --n) {
    const std::string_view name = in.bytes();
    SourceMoment moment{.watermark = SourceWatermark(Duration(0), std::nullopt)};
    std::size_t at = 0;
    for (const PipelineInput& input : pipeline.plan.inputs) {
      if (!input.from_source) continue;
      if (plan_.sources[input.index].settings->name == name) break;
      ++at;
    }
    const bool known = at < standing.inputs.size();
    if (known) moment.watermark = standing.inputs[at].watermark;
    if (!moment.watermark.load(in)) return false;
    moment.ended = in.boolean();
    moment.records = in.varint();
    places.push_back(known ? std::optional(at) : std::nullopt);
    if (!known) continue;
    moment.memory = std::move(standing.inputs[at].memory);
    standing.inputs[at] = std::move(moment);
  }
  if (in.at_end()) return !in.failed();  // nothing was remembered
  for (const auto& place : places) {
    const std::string_view memory = in.bytes();
    if (place) standing.inputs[*place].memory = memory;
  }
  return !in.failed() && remember_as_now(pipeline);
}

// What formats that the sources have no more had remembered is nothing now. False: what they have does not
// decode.
bool Engine::remember_as_now(Pipeline& pipeline) const {
  std::size_t at = 0;
  for (const PipelineInput& input : pipeline.plan.inputs) {
    if (!input.from_source) continue;
    std::string& memory = pipeline.standing->inputs[at++].memory;
    const Source& source = *sources_[input.index];
    if (source.memory == nullptr)
      memory.clear();
    else if (!memory.empty() && !new_decoder(source.plan)->memory()->load_snapshot(memory))
      return false;
  }
  return true;
}

const Standing* Engine::standing(std::size_t pipeline) const {
  const auto& standing = pipelines_[pipeline]->standing;
  return standing ? &*standing : nullptr;
}
const Failures& Engine::failures(std::size_t pipeline) const {
  return pipelines_[pipeline]->failures;
}
std::uint64_t Engine::given_up(std::size_t pipeline) const {
  return pipelines_[pipeline]->given_up;
}

}  // namespace tidemark
