// `tidemark state drop`: a checkpoint like the newest one, without the state of one pipeline.
//
// It is committed as every checkpoint is, so that a crash leaves before or after. The others' segments are
// named again, not copied. What the dropped pipeline has numbered is kept: sinks remember how far they came,
// and results that began at 1 again would be taken for ones that they hold.
#include <algorithm>

#include "base/format.h"
#include "checkpoint/stores.h"
#include "journal/reader.h"
#include "pipeline/identity.h"
#include "pipeline/offline_store.h"
#include "pipeline/wiring.h"

namespace tidemark {
namespace {

Result<Manifest> newest_of_present(CheckpointStore& store, const std::vector<CheckpointId>& ids,
                                   const Identity& identity, const std::string& data_dir) {
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    auto manifest = store.read_manifest(*id);
    if (!manifest || manifest->lineage != identity.lineage ||
        !identity.ancestry.contains(manifest->timeline, manifest->position))
      continue;
    if (verify_checkpoint(store, *id)) return manifest;
  }
  return fail(format("no checkpoint in {} verifies: there is no state to drop", data_dir),
              Error::Kind::not_found);
}

// What follows the checkpoint would be counted in the pipeline again, and its results would get numbers that
// sinks hold.
Status check_nothing_follows(Files& files, const std::string& data_dir, const Identity& identity,
                             const Manifest& newest) {
  const std::string folder = journal_folder(data_dir);
  if (auto there = files.status(folder); !there && there.error().kind == Error::Kind::not_found) return {};
  SourceTable names;
  auto journal =
      JournalReader::open({files, folder, identity.lineage, identity.ancestry}, newest.position, names);
  if (!journal) return pass_on(journal);
  while (true) {
    auto item = (*journal)->next();
    if (!item) return pass_on(item);
    if (!*item) return {};
    const EntryKind kind = (*item)->entry.kind;
    if (kind == EntryKind::source_event || kind == EntryKind::configuration) continue;
    return fail(
        format(
            "the last stop was not clean: the journal in {} leads on after {}. Start the instance once, stop "
            "it with `tidemark stop`, and drop the state then",
            folder, to_text(newest.id)),
        Error::Kind::usage);
  }
}

const PipelineSummary* find_pipeline(const Manifest& manifest, const std::string& name) {
  const auto at = std::ranges::find_if(manifest.pipelines, [&](const PipelineSummary& pipeline) {
    return pipeline.name == name || pipeline.uid == name;
  });
  return at == manifest.pipelines.end() ? nullptr : &*at;
}

void forget(Manifest& manifest, const std::string& uid) {
  const std::string section = "engine/pipeline/" + uid;
  for (auto& [name, bytes] : manifest.sections)
    if (name == section) name = "retired/" + section;
  std::erase_if(manifest.sections, [&](const auto& one) { return one.first == "layout/" + uid; });
  std::erase_if(manifest.segments, [&](const SegmentReference& one) { return one.owner == "state/" + uid; });
  std::erase_if(manifest.pipelines, [&](const PipelineSummary& one) { return one.uid == uid; });
}

}  // namespace

Result<DroppedState> drop_state_offline(const OfflineDoors& doors, const Settings& settings,
                                        const std::string& pipeline, std::int64_t wall_ns) {
  const std::string& data_dir = *settings.node.data_dir;
  auto open = open_offline(doors, settings, {.read_only = false});
  if (!open) return pass_on(open);
  auto identity = read_identity(doors.files, data_dir);
  if (!identity) return pass_on(identity);
  if (identity->restore)
    return fail(
        format("{} is pending: start the instance once before state is dropped", to_text(*identity->restore)),
        Error::Kind::usage);
  auto ids = open->store->list();
  if (!ids) return pass_on(ids);
  auto newest = newest_of_present(*open->store, *ids, *identity, data_dir);
  if (!newest) return pass_on(newest);
  const PipelineSummary* summary = find_pipeline(*newest, pipeline);
  if (summary == nullptr) {
    std::string known;
    for (const PipelineSummary& one : newest->pipelines) known += (known.empty() ? "" : ", ") + one.name;
    return fail(
        format("{} holds no state of a pipeline \"{}\"; there is: {}", to_text(newest->id), pipeline, known),
        Error::Kind::not_found);
  }
  if (Status last = check_nothing_follows(doors.files, data_dir, *identity, *newest); !last)
    return pass_on(last);

  DroppedState dropped{.from = newest->id, .as = {}, .keys = summary->keys};
  Manifest next = *newest;
  next.id = dropped.as = std::max(ids->back().next(), identity->next_checkpoint);
  next.wall_ns = wall_ns;
  next.duration = {};
  forget(next, std::string(summary->uid));
  if (Status committed = open->store->commit(next); !committed) return pass_on(committed);
  return dropped;
}

}  // namespace tidemark
