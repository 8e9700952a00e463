#include "pipeline/rehearsal.h"

#include <algorithm>

#include "base/format.h"
#include "base/json.h"
#include "journal/reader.h"
#include "pipeline/engine.h"
#include "pipeline/identity.h"
#include "pipeline/result_codec.h"
#include "pipeline/wiring.h"
#include "sinks/row_text.h"
#include "state/restore.h"
#include "state/row.h"

namespace tidemark {

class Rehearsal::Work final : public EngineOutput {
 public:
  Work(Settings its_settings, RehearsalEvents its_events)
      : settings(std::move(its_settings)), events(std::move(its_events)), text(RowTextOptions{}) {}

  // EngineOutput
  void result(const Emission& emission) override {
    values.resize(emission.schema->columns.size());
    if (decode_values(emission.bytes, values)) show(*emission.schema, values);
  }
  void unnumbered(const ResultSchema& schema, std::span<const Value> row) override {
    if (schema.channel.kind == ChannelKind::main) show(schema, row);
  }
  bool full() const override { return false; }
  void noticed(std::string_view subject, std::string_view kind, std::string_view what) override {
    ++counts.problems;
    if (events.noticed) events.noticed(subject, kind, what);
  }

  void show(const ResultSchema& schema, std::span<const Value> row) {
    ++counts.results;
    if (events.row) return events.row(schema, row);
    JsonWriter head;
    head.begin_object().key("_pipeline").text(schema.pipeline);
    if (schema.channel.kind != ChannelKind::main) head.key("_channel").text(to_text(schema.channel.kind));
    std::string line = head.end_object().take();
    const std::string object = text.object({.schema = &schema, .number = {}, .chain = 0, .values = row});
    line.pop_back();
    events.result(line + (object == "{}" ? "" : ",") + object.substr(1));
  }

  void apply(Position position, const Entry& entry, std::size_t source) {
    at = position;
    if (entry.kind == EntryKind::record || entry.kind == EntryKind::oversized) ++counts.records;
    for (bool done = engine->apply(position, entry, source); !done;) done = engine->go_on();
  }

  // An entry as the journal holds it, whose source has a name and not the number that it has here.
  void apply_of_journal(Position position, Entry entry, std::string_view source_name) {
    std::size_t source = 0;
    if (entry.source != 0) {
      const auto known = std::ranges::find(settings.sources, source_name, &SourceSettings::name);
      source = static_cast<std::size_t>(known - settings.sources.begin());
      if (known == settings.sources.end()) entry.kind = EntryKind::source_event;
      entry.source = static_cast<std::uint16_t>(source + 1);
    }
    // A pipeline that stands still at a record goes on standing: what it would catch up with is past here.
    if (entry.kind == EntryKind::restart || entry.kind == EntryKind::skip)
      entry.kind = EntryKind::source_event;
    apply(position, entry, source);
  }

  Status make_engine() {
    auto made = Engine::make({.plan = *plan, .settings = settings, .output = *this});
    if (!made) return pass_on(made);
    engine = std::move(*made);
    return {};
  }

  Settings settings;
  RehearsalEvents events;
  RowText text;
  std::vector<Value> values;
  std::unique_ptr<Plan> plan;
  std::unique_ptr<Engine> engine;
  Counts counts;
  Position at;
};

Rehearsal::Rehearsal(std::unique_ptr<Work> work) : work_(std::move(work)) {}
Rehearsal::~Rehearsal() = default;

Result<std::unique_ptr<Rehearsal>> Rehearsal::make(Settings settings, RehearsalEvents events) {
  auto work = std::make_unique<Work>(std::move(settings), std::move(events));
  Diagnostics diagnostics;
  work->plan = make_plan(work->settings, diagnostics);
  if (!work->plan)
    return fail("the configuration does not hold:\n" + diagnostics.to_text(), Error::Kind::usage);
  if (Status made = work->make_engine(); !made) return pass_on(made);
  if (auto begun = work->engine->take_over({}); !begun) return pass_on(begun);
  return std::unique_ptr<Rehearsal>(new Rehearsal(std::move(work)));
}

Rehearsal::Counts Rehearsal::counts() const {
  return work_->counts;
}

void Rehearsal::record(std::size_t source, std::string_view topic, std::string_view payload,
                       JournalTime arrival) {
  Entry entry{.kind = EntryKind::record,
              .source = static_cast<std::uint16_t>(source + 1),
              .time = arrival,
              .resume = {},
              .topic = topic,
              .payload = payload};
  if (payload.size() > work_->settings.limits.max_record) {
    entry.kind = EntryKind::oversized;
    entry.payload = payload.substr(0, 1024);
  }
  work_->apply(work_->at.next(), entry, source);
}

void Rehearsal::drain() {
  Entry entry;
  entry.kind = EntryKind::drain;
  entry.time = work_->engine->time();
  work_->apply(work_->at.next(), entry, 0);
}

Result<std::vector<std::string>> Rehearsal::resume(CheckpointReader& reader, Manifest manifest) {
  std::vector<std::string> notes;
  if (manifest.semantics != Engine::kSemantics)
    return fail(format("{} was made by a version of Tidemark whose results mean something else",
                       to_text(manifest.id)));
  auto prior = prior_state(manifest, 0);
  if (!prior) return pass_on(prior);
  for (const PipelinePlan& pipeline : work_->plan->pipelines) {
    const auto at = std::ranges::find(prior->pipelines, pipeline.settings->uid, &PriorPipeline::uid);
    if (pipeline.kind == PipelinePlan::Kind::stateless) continue;
    StateChange change{
        .kind = StateChange::Kind::other_state, .difference = {}, .from = {}, .added = {}, .removed = {}};
    if (at != prior->pipelines.end()) change = compare(at->layout, pipeline.layout);
    if (change.kind == StateChange::Kind::other_state)
      notes.push_back(
          format("pipeline \"{}\" begins empty: {} holds no state of it with these keys and window",
                 pipeline.settings->name, to_text(manifest.id)));
    for (const std::string& added : change.added)
      notes.push_back(format("{} of pipeline \"{}\" begins empty: {} holds none", added,
                             pipeline.settings->name, to_text(manifest.id)));
  }
  for (const auto& [owner, table] : prior->tables()) {
    const Status restored = for_each_row(reader, manifest, owner, [to = table](const Row& row) {
      return to->restore_row(row.key, row.erased, row.payload);
    });
    if (!restored) return std::unexpected(restored.error());
  }
  if (Status made = work_->make_engine(); !made) return pass_on(made);
  if (auto taken = work_->engine->take_over(std::move(*prior)); !taken) return pass_on(taken);
  work_->at = manifest.position;
  return notes;
}

Status Rehearsal::replay(std::span<Rehearsal* const> all, CheckpointReader& reader, const Replay& what,
                         std::vector<std::vector<std::string>>& notes) {
  auto identity = read_identity(what.doors.files, *what.settings.node.data_dir);
  if (!identity) return pass_on(identity);
  notes.resize(all.size());
  Position after;
  if (what.from) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      auto resumed = all[i]->resume(reader, *what.from);
      if (!resumed) return pass_on(resumed);
      notes[i] = std::move(*resumed);
    }
    after = what.from->position;
  }
  SourceTable names;
  auto journal = JournalReader::open(
      {what.doors.files, journal_folder(*what.settings.node.data_dir), identity->lineage, identity->ancestry},
      after, names);
  if (!journal) return pass_on(journal);
  for (bool first = true;; first = false) {
    auto item = (*journal)->next();
    if (!item) return pass_on(item);
    if (!*item) return {};
    const Position position = (*item)->position;
    if (first && position != after.next())
      return fail(
          format("the journal begins at position {}, behind {}: what lies between has been trimmed. Replay "
                 "from a checkpoint, as `tidemark checkpoint list` shows them",
                 position.value, after.value),
          Error::Kind::not_found);
    if (what.until && position > *what.until) return {};
    if (what.until_ns && to_ns((*item)->entry.time) > *what.until_ns) return {};
    const Entry& entry = (*item)->entry;
    const std::string_view source = entry.source == 0 ? std::string_view() : names.name(entry.source);
    for (Rehearsal* const rehearsal : all) rehearsal->work_->apply_of_journal(position, entry, source);
    if (what.progress) what.progress(position);
  }
}

Result<std::optional<Manifest>> oldest_checkpoint(CheckpointReader& reader, const OfflineDoors& doors,
                                                  const Settings& settings,
                                                  const std::vector<CheckpointId>& ids) {
  auto identity = read_identity(doors.files, *settings.node.data_dir);
  if (!identity) return pass_on(identity);
  for (const CheckpointId id : ids) {
    auto manifest = reader.manifest(id);
    if (!manifest) continue;  // a damaged one; the next is the oldest
    if (manifest->lineage == identity->lineage &&
        identity->ancestry.contains(manifest->timeline, manifest->position))
      return std::move(*manifest);
  }
  return std::optional<Manifest>();
}

}  // namespace tidemark
