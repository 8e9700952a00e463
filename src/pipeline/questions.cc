// What a running appliance is asked by the command line, beyond how it is: its checkpoints, its state, what
// passes. Nothing here holds the loop for longer than a slice: reading checkpoints is the bulk lane's work.
#include <algorithm>

#include "base/format.h"
#include "pipeline/state_rows.h"
#include "pipeline/wiring.h"

namespace tidemark {
namespace {

constexpr std::size_t kPiece = 1u << 20;

Result<std::vector<Appliance::Listed>> list_store(CheckpointStore& store) {
  auto ids = store.list();
  if (!ids) return pass_on(ids);
  std::vector<Appliance::Listed> out;
  for (const CheckpointId id : *ids) out.push_back({id, store.read_manifest(id)});
  return out;
}

Result<Appliance::Piece> piece_of(CheckpointStore& store, CheckpointId id, const std::string& segment,
                                  std::uint64_t from) {
  auto manifest = store.read_manifest(id);
  if (!manifest) return pass_on(manifest);
  const auto at = std::ranges::find(manifest->segments, segment, &SegmentReference::name);
  if (at == manifest->segments.end())
    return fail(format("{} has no segment {}", to_text(id), segment), Error::Kind::not_found);
  Appliance::Piece piece;
  std::uint64_t offset = 0;
  // Blocks stand for themselves: what is handed out ends between two of them.
  Status read = store.read_segment(*manifest, *at, [&](std::string_view rows) -> Status {
    if (offset >= from) {
      if (piece.bytes.size() < kPiece)
        piece.bytes += rows;
      else
        piece.last = false;
    }
    offset += rows.size();
    return {};
  });
  if (!read) return pass_on(read);
  return piece;
}

// Runs `work` on the bulk lane and hands on what it gives.
template <class T, class Read>
void on_lane(Lane& lane, Read read, std::function<void(Result<T>)> done) {
  auto result = std::make_shared<std::optional<Result<T>>>();
  lane.submit([result, read = std::move(read)] { result->emplace(read()); },
              [result, done = std::move(done)] { done(std::move(**result)); });
}

}  // namespace

void Appliance::list_checkpoints(std::function<void(Result<std::vector<Listed>>)> done) {
  const auto store = work_->shared_store();
  if (!store) return done(fail("the instance is still starting", Error::Kind::busy));
  on_lane<std::vector<Listed>>(
      work_->platform().bulk_lane, [store] { return list_store(*store); }, std::move(done));
}

void Appliance::verify_checkpoint(CheckpointId id, std::function<void(Status)> done) {
  const auto store = work_->shared_store();
  if (!store) return done(fail("the instance is still starting", Error::Kind::busy));
  auto status = std::make_shared<Status>();
  work_->platform().bulk_lane.submit(
      [store, id, status] { *status = tidemark::verify_checkpoint(*store, id); },
      [status, done = std::move(done)] { done(std::move(*status)); });
}

void Appliance::delete_checkpoint(CheckpointId id, std::function<void(Status)> done) {
  if (work_->checkpointer() == nullptr || !work_->accepts_checkpoints())
    return done(fail("no checkpoint can be deleted while " + work_->status().phase, Error::Kind::busy));
  work_->checkpointer()->remove(id, std::move(done));
}

void Appliance::read_manifest(CheckpointId id, std::function<void(Result<Piece>)> done) {
  const auto store = work_->shared_store();
  if (!store) return done(fail("the instance is still starting", Error::Kind::busy));
  on_lane<Piece>(
      work_->platform().bulk_lane,
      [store, id]() -> Result<Piece> {
        auto manifest = store->read_manifest(id);
        if (!manifest) return pass_on(manifest);
        return Piece{encode_manifest(*manifest), true};
      },
      std::move(done));
}

void Appliance::read_rows(CheckpointId id, std::string segment, std::uint64_t from,
                          std::function<void(Result<Piece>)> done) {
  const auto store = work_->shared_store();
  if (!store) return done(fail("the instance is still starting", Error::Kind::busy));
  on_lane<Piece>(
      work_->platform().bulk_lane,
      [store, id, segment = std::move(segment), from] { return piece_of(*store, id, segment, from); },
      std::move(done));
}

Result<std::unique_ptr<Tap>> Appliance::Work::tap(const std::string& name, TapEvents events) {
  const auto named = [&](const auto& one) { return one.name == name; };
  const bool source = std::ranges::any_of(settings_.sources, named);
  const bool pipeline = std::ranges::any_of(settings_.pipelines, named);
  if (source || pipeline) return taps_.add(source, name, std::move(events));
  std::string known;
  for (const SourceSettings& one : settings_.sources) known += (known.empty() ? "" : ", ") + one.name;
  for (const PipelineSettings& one : settings_.pipelines) known += ", " + one.name;
  return fail(format("there is no source and no pipeline \"{}\"; there are: {}", name, known),
              Error::Kind::not_found);
}

Result<Appliance::StateSlice> Appliance::Work::show_state(const std::string& pipeline,
                                                          const KeyFilter& filter, std::uint32_t from,
                                                          std::size_t most, const ShowState& show) const {
  if (!engine_) return fail("the instance is still starting", Error::Kind::busy);
  const std::vector<PipelineSettings>& pipelines = in_force_.settings->pipelines;
  const auto at = std::ranges::find(pipelines, pipeline, &PipelineSettings::name);
  if (at == pipelines.end()) {
    std::string known;
    for (const PipelineSettings& one : pipelines) known += (known.empty() ? "" : ", ") + one.name;
    return fail(format("there is no pipeline \"{}\"; there are: {}", pipeline, known),
                Error::Kind::not_found);
  }
  const auto index = static_cast<std::size_t>(at - pipelines.begin());
  StateSlice slice;
  slice.position = engine_->position();
  const EntryTable* table = engine_->pipeline_table(index);
  if (table == nullptr)
    return fail(format("pipeline \"{}\" has no aggregates and so keeps no state", pipeline),
                Error::Kind::usage);
  StateRows rows(in_force_.plan->pipelines[index]);
  for (const StateColumn& column : rows.columns()) slice.columns.push_back(column.name);
  auto columns = columns_of(filter, rows.columns());
  if (!columns) return pass_on(columns);
  Status shown;
  slice.next = table->show_saved(from, most, [&](std::string_view key, std::string_view payload) {
    auto row = rows.row(key, payload);
    if (!row)
      shown = pass_on(row);
    else if (passes(filter, *columns, *row))
      show(key, state_row_json(rows.columns(), *row));
  });
  if (!shown) return pass_on(shown);
  return slice;
}

Result<std::unique_ptr<Tap>> Appliance::tap(const std::string& name, TapEvents events) {
  return work_->tap(name, std::move(events));
}

Result<Appliance::StateSlice> Appliance::show_state(const std::string& pipeline, const KeyFilter& filter,
                                                    std::uint32_t from, std::size_t most,
                                                    const ShowState& show) const {
  return work_->show_state(pipeline, filter, from, most, show);
}

}  // namespace tidemark
