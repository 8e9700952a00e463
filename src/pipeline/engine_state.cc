// What an engine has come to: saved for checkpoints, given away, taken over under another plan.
#include <algorithm>

#include "base/format.h"
#include "base/invariant.h"
#include "pipeline/engine_parts.h"
#include "sources/source.h"

namespace tidemark {

void Engine::save(std::vector<std::pair<std::string, std::string>>& sections) const {
  invariant(!busy_, "a checkpoint stands between entries");
  Encoder engine;
  engine.i64(to_ns(now_));
  engine.boolean(begun_);
  engine.boolean(clock_believed_);
  sections.emplace_back("engine", engine.take());
  for (const auto& source : sources_) {
    Encoder out;
    out.bytes(source_type_name(source->plan.settings->type));
    source->watermark.save(out);
    out.varint(source->counters.records);
    out.varint(source->counters.bad);
    out.boolean(source->ended);
    source->dead.save(out);
    sections.emplace_back("engine/source/" + source->plan.settings->name, out.take());
    if (source->memory == nullptr) continue;
    Encoder memory;
    memory.bytes(format_name(source->plan.settings->format.type));
    source->memory->save(memory);
    sections.emplace_back(std::string(kFormatMemory) + source->plan.settings->name, memory.take());
  }
  for (const auto& pipeline : pipelines_) {
    Encoder out, layout;
    out.u64(pipeline->plan.state_fingerprint);
    out.i64(to_ns(pipeline->watermark));
    out.i64(to_ns(pipeline->output_watermark));
    out.boolean(pipeline->idle);
    pipeline->work->save(out);
    save_standing(*pipeline, out);
    sections.emplace_back("engine/pipeline/" + pipeline->plan.settings->uid, out.take());
    save_layout(pipeline->plan.layout, layout);
    sections.emplace_back("layout/" + pipeline->plan.settings->uid, layout.take());
  }
}

PriorState Engine::take_apart() {
  Manifest manifest;
  save(manifest.sections);
  PriorState prior;
  prior.position = position_;
  for (auto& [name, bytes] : manifest.sections) {
    if (name == "engine")
      prior.engine = std::move(bytes);
    else if (name.starts_with("engine/source/"))
      prior.sources.emplace(name.substr(std::string_view("engine/source/").size()), std::move(bytes));
    else if (name.starts_with(kFormatMemory))
      prior.memories[name.substr(kFormatMemory.size())].section = std::move(bytes);
  }
  for (auto& source : sources_)
    if (source->memory != nullptr)
      prior.memories[source->plan.settings->name].table = source->memory->take_table();
  for (auto& pipeline : pipelines_)
    prior.pipelines.push_back(
        {.uid = pipeline->plan.settings->uid,
         .name = pipeline->plan.settings->name,
         .layout = pipeline->plan.layout,
         .aggregates = pipeline->work->aggregates(),
         .table = pipeline->work->take_table(),
         .section = *manifest.section("engine/pipeline/" + pipeline->plan.settings->uid)});
  return prior;
}

std::vector<Engine::StateSummary> Engine::state_summaries() const {
  std::vector<StateSummary> out;
  for (const auto& pipeline : pipelines_) {
    const EntryTable* table = pipeline->work->table();
    out.push_back({.uid = pipeline->plan.settings->uid,
                   .name = pipeline->plan.settings->name,
                   .layout = pipeline->plan.layout,
                   .keys = table != nullptr ? table->size() : 0});
  }
  return out;
}

Result<Engine::Evolution> Engine::take_over(PriorState prior) {
  Evolution evolution;
  position_ = prior.position;
  if (!prior.engine.empty()) {
    Decoder in(prior.engine);
    now_ = time_from_ns<JournalTime>(in.i64());
    begun_ = in.boolean();
    clock_believed_ = in.boolean();
    if (!in.complete()) return fail("the engine's state does not decode", Error::Kind::corrupt);
  }
  if (Status done = take_over_sources(prior, evolution); !done) return pass_on(done);
  for (auto& pipeline : pipelines_)
    if (Status done = take_over_pipeline(*pipeline, prior, evolution); !done) return pass_on(done);
  for (PriorPipeline& gone : prior.pipelines) {
    if (gone.uid.empty()) continue;  // taken over
    evolution.notes.push_back(
        format("pipeline \"{}\" is no longer configured: its {} keys are dropped", gone.name, gone.keys()));
    prior.retired["engine/pipeline/" + gone.uid] = std::move(gone.section);
  }
  for (const auto& [name, memory] : prior.memories)
    if (memory.table && memory.table->size() != 0)  // not taken over
      evolution.notes.push_back(
          format("source \"{}\" is no {} source any more: what it remembered of earlier messages is dropped",
                 name, Decoder(memory.section).bytes()));
  for (auto& [name, section] : prior.sources)
    if (!section.empty()) prior.retired["engine/source/" + name] = std::move(section);
  evolution.retired = std::move(prior.retired);
  next_due_known_ = false;
  return evolution;
}

// What is taken over is taken out of `prior`.
Status Engine::take_over_sources(PriorState& prior, Evolution& evolution) {
  for (auto& source : sources_) {
    const SourceSettings& settings = *source->plan.settings;
    if (source->memory != nullptr) {
      if (prior.memories.contains(settings.name)) {
        if (!take_over_memory(*source, prior, evolution))
          return fail("what the format of source \"" + settings.name + "\" remembers does not decode",
                      Error::Kind::corrupt);
      } else {  // segments of its name may be of a time before
        evolution.rewritten.push_back(std::string(kFormatMemory) + settings.name);
      }
    }
    if (begun_) source->watermark.begin(now_);
    std::string section;
    bool counts_only = false;
    if (const auto at = prior.sources.find(settings.name); at != prior.sources.end()) {
      section = std::exchange(at->second, {});
      // Another kind of source begins with a watermark of its own.
      counts_only = Decoder(section).bytes() != source_type_name(settings.type);
    } else if (auto back = prior.retired.extract("engine/source/" + settings.name)) {
      section = std::move(back.mapped());
      counts_only = true;
    } else {
      continue;
    }
    if (!read_source(*source, section, counts_only))
      return fail("state of source \"" + settings.name + "\" does not decode", Error::Kind::corrupt);
  }
  return {};
}

// Of another format it begins with nothing.
bool Engine::take_over_memory(Source& source, PriorState& prior, Evolution& evolution) {
  const SourceSettings& settings = *source.plan.settings;
  PriorMemory& memory = prior.memories.at(settings.name);
  Decoder in(memory.section);
  if (in.bytes() != format_name(settings.format.type)) {
    evolution.rewritten.push_back(std::string(kFormatMemory) + settings.name);
    return true;
  }
  source.memory->adopt(std::move(memory.table));
  return source.memory->load(in) && in.complete();
}

bool Engine::read_source(Source& source, std::string_view section, bool counts_only) {
  Decoder in(section);
  in.bytes();  // its type
  SourceWatermark watermark = source.watermark;
  if (!watermark.load(in)) return false;
  source.counters.records = in.varint();
  source.counters.bad = in.varint();
  const bool ended = in.boolean();
  if (!source.dead.load(in) || !in.complete()) return false;
  if (counts_only) return true;
  source.watermark = watermark;
  source.ended = ended;
  return true;
}

Status Engine::take_over_pipeline(Pipeline& pipeline, PriorState& prior, Evolution& evolution) {
  const PipelineSettings& settings = *pipeline.plan.settings;
  const auto broken = [&] {
    return fail("state of pipeline \"" + settings.name + "\" does not decode", Error::Kind::corrupt);
  };
  const auto at = std::ranges::find(prior.pipelines, settings.uid, &PriorPipeline::uid);
  if (at == prior.pipelines.end()) {
    if (auto back = prior.retired.extract("engine/pipeline/" + settings.uid))
      if (!read_pipeline(pipeline, back.mapped(), true)) return broken();
    // Segments under this uid may be of a time before.
    evolution.rewritten.push_back("state/" + settings.uid);
    return {};
  }
  const StateChange change = compare(at->layout, pipeline.plan.layout);
  const bool dropped = change.kind == StateChange::Kind::other_state;
  if (!read_pipeline(pipeline, at->section, dropped)) return broken();
  if (dropped && at->keys() != 0)
    evolution.notes.push_back(format("pipeline \"{}\" begins anew, its {} keys are dropped: {}",
                                     settings.name, at->keys(), change.difference));
  if (change.kind != StateChange::Kind::none) evolution.rewritten.push_back("state/" + settings.uid);
  for (const std::string& text : change.added)
    evolution.notes.push_back(format("pipeline \"{}\": {} is new and starts empty", settings.name, text));
  for (const std::string& text : change.removed)
    evolution.notes.push_back(format("pipeline \"{}\": {} is dropped", settings.name, text));
  if (!dropped)
    if (Status done = pipeline.work->adopt(*at, change); !done) return done;
  at->uid.clear();
  return {};
}

bool Engine::read_pipeline(Pipeline& pipeline, std::string_view section, bool counts_only) {
  Decoder in(section);
  in.u64();  // the fingerprint; the layout decides
  const auto watermark = time_from_ns<EventTime>(in.i64());
  const auto output_watermark = time_from_ns<EventTime>(in.i64());
  const bool idle = in.boolean();
  if (counts_only) return pipeline.work->load_counts(in);
  pipeline.watermark = watermark;
  pipeline.output_watermark = output_watermark;
  pipeline.idle = idle;
  return pipeline.work->load(in) && load_standing(pipeline, in) && in.complete();
}

}  // namespace tidemark
