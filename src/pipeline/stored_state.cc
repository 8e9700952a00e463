#include "pipeline/stored_state.h"

#include <algorithm>
#include <map>

#include "base/format.h"
#include "checkpoint/stores.h"
#include "pipeline/offline_store.h"
#include "pipeline/plan.h"
#include "sinks/row_text.h"
#include "state/restore.h"
#include "state/row.h"

namespace tidemark {
namespace {

class StoreReader final : public CheckpointReader {
 public:
  explicit StoreReader(OfflineStore open) : open_(std::move(open)) {}
  Result<Manifest> manifest(CheckpointId id) override { return open_.store->read_manifest(id); }
  Status rows(const Manifest& manifest, const SegmentReference& segment,
              const std::function<Status(std::string_view rows)>& block) override {
    return open_.store->read_segment(manifest, segment, block);
  }

 private:
  OfflineStore open_;
};

ResultSchema schema_of(const std::vector<StateColumn>& columns) {
  ResultSchema schema;
  for (const StateColumn& column : columns) schema.columns.push_back(result_column(column));
  return schema;
}

RowText csv() {
  return RowText({.format = FormatSettings::Type::csv});
}

}  // namespace

Result<std::unique_ptr<CheckpointReader>> read_checkpoints_offline(const OfflineDoors& doors,
                                                                   const Settings& settings,
                                                                   bool beside_instance) {
  auto open = open_offline(doors, settings, {.lock = !beside_instance, .read_only = true});
  if (!open) return pass_on(open);
  return std::make_unique<StoreReader>(std::move(*open));
}

Status for_each_row(CheckpointReader& reader, const Manifest& manifest, const std::string& owner,
                    const std::function<Status(const Row& row)>& apply) {
  std::vector<const SegmentReference*> segments;
  std::vector<EntryTable::Base> bases;
  for (const SegmentReference& segment : manifest.segments) {
    if (segment.owner != owner) continue;
    segments.push_back(&segment);
    bases.push_back({segment.base_from, segment.base_to});
  }
  const RestoreRule rule(bases);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const Status read = reader.rows(manifest, *segments[i], [&](std::string_view rows) -> Status {
      Decoder in(rows);
      Row row;
      while (take_row(in, row))
        if (rule.counts(i, row.key))
          if (Status applied = apply(row); !applied) return applied;
      if (in.failed()) return fail("a row does not decode", Error::Kind::corrupt);
      return {};
    });
    if (!read) return read;
  }
  return {};
}

Result<Settings> read_stored_configuration(const std::string& name, const std::string& text,
                                           const LoaderEnvironment& environment) {
  Diagnostics diagnostics;
  auto settings = load_stored_settings({name, text}, environment, diagnostics, StoredValues::as_they_are);
  if (!settings) return fail(diagnostics.to_text(), Error::Kind::usage);
  return std::move(*settings);
}

class StoredState::Work {
 public:
  Work(CheckpointReader& its_reader, Manifest its_manifest, Settings its_settings)
      : reader(its_reader), manifest(std::move(its_manifest)), settings(std::move(its_settings)) {}

  // The rows that stand after all segments, by key.
  Result<std::map<std::string, std::string>> rows_of(const std::string& owner) {
    std::map<std::string, std::string> out;
    Status read = for_each_row(reader, manifest, owner, [&](const tidemark::Row& row) -> Status {
      if (row.erased)
        out.erase(std::string(row.key));
      else
        out.insert_or_assign(std::string(row.key), std::string(row.payload));
      bytes += row.key.size() + row.payload.size();
      if (progress) progress(bytes);
      return {};
    });
    if (!read) return pass_on(read);
    return out;
  }

  const PipelinePlan* find(const std::string& name) const {
    const auto at = std::ranges::find_if(plan->pipelines, [&](const PipelinePlan& pipeline) {
      return pipeline.settings->name == name && pipeline.kind != PipelinePlan::Kind::stateless;
    });
    return at == plan->pipelines.end() ? nullptr : &*at;
  }

  CheckpointReader& reader;
  Manifest manifest;
  Settings settings;
  std::unique_ptr<Plan> plan;
  std::function<void(std::uint64_t)> progress;
  std::uint64_t bytes = 0;
};

StoredState::StoredState(std::unique_ptr<Work> work) : work_(std::move(work)) {}
StoredState::~StoredState() = default;

Result<std::unique_ptr<StoredState>> StoredState::open(CheckpointReader& reader, Manifest manifest,
                                                       const LoaderEnvironment& environment,
                                                       const Settings& present) {
  auto stored = read_stored_configuration("configuration of " + to_text(manifest.id), manifest.configuration,
                                          environment);
  auto work = std::make_unique<Work>(reader, std::move(manifest), stored ? std::move(*stored) : present);
  Diagnostics diagnostics;
  work->plan = make_plan(work->settings, diagnostics);
  if (!work->plan)
    return fail(format("the configuration of {} cannot be read back:\n{}", to_text(work->manifest.id),
                       diagnostics.to_text()));
  return std::unique_ptr<StoredState>(new StoredState(std::move(work)));
}

const Manifest& StoredState::manifest() const {
  return work_->manifest;
}

std::vector<std::string> StoredState::pipelines() const {
  std::vector<std::string> out;
  for (const PipelinePlan& pipeline : work_->plan->pipelines)
    if (pipeline.kind != PipelinePlan::Kind::stateless) out.push_back(pipeline.settings->name);
  return out;
}

void StoredState::on_progress(std::function<void(std::uint64_t bytes)> progress) {
  work_->progress = std::move(progress);
}

Status StoredState::read(const std::string& pipeline, const KeyFilter& filter, const Columns& columns,
                         const Row& row) {
  const PipelinePlan* plan = work_->find(pipeline);
  if (plan == nullptr) {
    std::string known;
    for (const std::string& name : pipelines()) known += (known.empty() ? "" : ", ") + name;
    return fail(format("{} holds no state of a pipeline \"{}\"; {}", to_text(work_->manifest.id), pipeline,
                       known.empty() ? "no pipeline of it keeps any" : "there is: " + known),
                Error::Kind::not_found);
  }
  StateRows rows(*plan);
  auto filtered = columns_of(filter, rows.columns());
  if (!filtered) return pass_on(filtered);
  auto stored = work_->rows_of("state/" + plan->settings->uid);
  if (!stored) return pass_on(stored);
  if (Status told = columns(rows.columns()); !told) return told;
  for (const auto& [key, payload] : *stored) {
    auto values = rows.row(key, payload);
    if (!values) return pass_on(values);
    if (!passes(filter, *filtered, *values)) continue;
    if (Status told = row(*values); !told) return told;
  }
  return {};
}

std::string state_csv_header(const std::vector<StateColumn>& columns) {
  return csv().header(schema_of(columns));
}

std::string state_csv_line(const std::vector<StateColumn>& columns, std::span<const Value> row) {
  std::string out;
  const ResultSchema schema = schema_of(columns);
  csv().append_line(out, {.schema = &schema, .number = {}, .chain = 0, .values = row});
  return out;
}

}  // namespace tidemark
