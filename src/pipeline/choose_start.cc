// Where a start begins: whose data it is, which checkpoint is the newest that holds, and what it brings back.
#include <algorithm>

#include "base/format.h"
#include "checkpoint/stores.h"
#include "pipeline/segment_chain.h"
#include "pipeline/set_aside.h"
#include "pipeline/wiring.h"
#include "platform/random.h"

namespace tidemark {

Status Appliance::Work::take_directory() {
  if (const auto there = platform_.files.status(data_dir_); there && !there->is_directory)
    return fail(
        format("{} is a file, and the data directory must be a folder; name another one with data_dir in "
               "[node]",
               data_dir_),
        Error::Kind::usage);
  if (Status made = platform_.files.make_directories(data_dir_); !made) return made;
  const std::string note = options_.control_socket + "\n";
  auto lock = platform_.files.lock(lock_path(data_dir_), note);
  if (!lock) {
    if (lock.error().kind != Error::Kind::busy) return pass_on(lock);
    return fail(format("another instance runs on {}; stop it with `tidemark stop`, or give this one its own "
                       "node.data_dir",
                       data_dir_),
                Error::Kind::busy);
  }
  lock_ = std::move(*lock);
  return {};
}

Result<bool> Appliance::Work::state_exists() {
  for (const char* name : {"journal", "checkpoints", "checkpoints.db"}) {
    const std::string path = join_path(data_dir_, name);
    auto status = platform_.files.status(path);
    if (!status && status.error().kind == Error::Kind::not_found) continue;
    if (!status) return pass_on(status);
    if (!status->is_directory) return true;
    auto inside = platform_.files.list(path);
    if (!inside) return pass_on(inside);
    if (!inside->empty()) return true;
  }
  return false;
}

Status Appliance::Work::know_identity() {
  auto known = read_identity(platform_.files, data_dir_);
  const bool absent = !known && known.error().kind == Error::Kind::not_found;
  const bool from_none = options_.from.kind == StartPoint::Kind::none;
  std::optional<Identity> previous;
  if (known) previous = std::move(*known);
  if (!previous && !absent && !from_none) return pass_on(known);
  auto exists = state_exists();
  if (!exists) return pass_on(exists);
  if (absent && !from_none && *exists)
    return fail(
        format("{} is missing, but there are checkpoints or a journal beside it. Restore it from a copy, or "
               "begin anew with `tidemark run --from none`",
               identity_path(data_dir_)),
        Error::Kind::corrupt);

  // A service manager that starts `run --from none` again after a crash must not wipe what has come since. A
  // lineage of which nothing is left (a deletion that a crash cut short) has ended: its numbers would begin
  // anew, and sinks would take the results for ones that they hold.
  if (!previous || !*exists || (from_none && !previous->from_none)) {
    if (Status begun = begin_lineage(previous); !begun) return begun;
  } else {
    identity_ = std::move(*previous);
  }
  // Likewise `run --abandon-replay`: only the first start of it gives something up.
  if (options_.abandon_replay && identity_.abandoned) {
    options_.abandon_replay = false;
    platform_.log.warning("start",
                          "the replay was abandoned by an earlier start; what came since is replayed");
  }
  identity_.run = identity_.run.next();
  for (const SourceSettings& source : settings_.sources)
    if (source.type == SourceSettings::Type::mqtt)
      client_id_of(identity_, "sources." + source.name, platform_.random);
  for (const SinkSettings& sink : settings_.sinks)
    if (sink.type == SinkSettings::Type::mqtt)
      client_id_of(identity_, "sinks." + sink.name, platform_.random);
  return write_identity(platform_.files, data_dir_, identity_);
}

// What another lineage left is set aside, not deleted: one older generation is kept under the name
// "previous".
Status Appliance::Work::begin_lineage(const std::optional<Identity>& previous) {
  const auto exists = state_exists();
  if (!exists) return fail(exists.error().message, exists.error().kind);
  if (*exists)
    if (Status moved = set_aside_state(platform_.files, data_dir_); !moved) return moved;
  identity_ = new_identity(platform_.random, previous);
  identity_.from_none = options_.from.kind == StartPoint::Kind::none;
  return {};
}

Status Appliance::Work::choose_checkpoint() {
  auto store = open_store(settings_.checkpoint.store, {platform_.files, platform_.sqlite}, data_dir_);
  if (!store) return pass_on(store);
  store_ = std::move(*store);
  auto ids = store_->list();
  if (!ids) return pass_on(ids);
  if (!ids->empty()) identity_.next_checkpoint = std::max(identity_.next_checkpoint, ids->back().next());

  std::vector<Manifest> candidates;
  for (const CheckpointId id : *ids) {
    auto manifest = store_->read_manifest(id);
    // One of a newer program, or one that the disk does not give out, is no damaged one: it is not passed
    // over.
    if (!manifest && manifest.error().kind != Error::Kind::corrupt) return pass_on(manifest);
    if (!manifest) {
      platform_.log.error("checkpoint", format("{} is damaged: {}", to_text(id), manifest.error().message));
      reports_.push_back(format("{} is damaged: {}", to_text(id), manifest.error().message));
      damaged_.push_back(id);
      continue;
    }
    const bool present = manifest->lineage == identity_.lineage &&
                         identity_.ancestry.contains(manifest->timeline, manifest->position);
    if (present) candidates.push_back(std::move(*manifest));
  }
  const bool named = options_.from.kind == StartPoint::Kind::checkpoint;
  if (named) {
    const auto at = std::ranges::find(candidates, options_.from.id, &Manifest::id);
    if (at == candidates.end())
      return fail(
          format("there is no {} to start from; see `tidemark checkpoint list`", to_text(options_.from.id)),
          Error::Kind::not_found);
  }

  // Read whole, newest first: only what was read and verified is a checkpoint to stand on.
  retained_ = candidates;
  while (!candidates.empty()) {
    Manifest manifest = std::move(candidates.back());
    candidates.pop_back();
    if (named && manifest.id != options_.from.id) continue;
    const Status loaded = load_checkpoint(manifest);
    if (loaded) {
      barrier_ = manifest.position;
      resumed_ = std::move(manifest);
      return {};
    }
    if (loaded.error().kind != Error::Kind::corrupt || named) return loaded;
    platform_.log.error("checkpoint", format("{} is damaged, the one before it is taken: {}",
                                             to_text(manifest.id), loaded.error().message));
    reports_.push_back(format("{} is damaged: {}", to_text(manifest.id), loaded.error().message));
    damaged_.push_back(manifest.id);
    std::erase_if(retained_, [&](const Manifest& m) { return m.id == manifest.id; });
  }
  if (!damaged_.empty())
    return fail(
        format(
            "none of the {} checkpoints in {} verifies, and starting empty would lose their counts. Look at "
            "them with `tidemark checkpoint verify`; to begin anew all the same, `tidemark run --from none`",
            damaged_.size(), data_dir_),
        Error::Kind::corrupt);
  if (!ids->empty())
    return fail(
        format(
            "the {} checkpoints in {} belong to another history than {} names, and starting empty would "
            "lose their counts. Bring back what belongs together; to begin anew all the same, `tidemark run "
            "--from none`",
            ids->size(), data_dir_, identity_path(data_dir_)),
        Error::Kind::corrupt);
  if (Status made = make_engine(); !made) return made;
  if (Status made = make_sources(); !made) return made;
  make_deliveries();
  return engine_->restored();
}

Status Appliance::Work::load_checkpoint(const Manifest& manifest) {
  if (manifest.semantics != Engine::kSemantics)
    return fail(format(
        "{} was made by a version of Tidemark whose results mean something else (semantics {}, this one "
        "has {})",
        to_text(manifest.id), manifest.semantics, Engine::kSemantics));
  for (const PipelineSummary& pipeline : manifest.pipelines) {
    const auto same = [&](const PipelineSettings& p) { return p.uid == pipeline.uid; };
    if (pipeline.keys != 0 && std::ranges::none_of(settings_.pipelines, same))
      return fail(
          format(
              "{} holds {} keys of pipeline \"{}\", which is not in the configuration; put it back, or give "
              "its uid \"{}\" to the pipeline that goes on with them",
              to_text(manifest.id), pipeline.keys, pipeline.name, pipeline.uid),
          Error::Kind::usage);
  }
  // Everything is made anew: what a damaged checkpoint half filled is thrown away.
  checkpointer_.reset();
  deliveries_.clear();
  sources_.clear();
  flow_.reset();
  if (Status made = make_engine(); !made) return made;
  if (Status loaded = engine_->load(manifest); !loaded) return loaded;
  for (const Engine::Table& table : engine_->tables())
    if (Status restored = restore_table(*store_, manifest, "state/" + *table.uid, *table.table); !restored)
      return restored;
  if (Status restored = engine_->restored(); !restored) return restored;
  if (Status made = make_sources(); !made) return made;
  for (std::size_t i = 0; i < sources_.size(); ++i)
    if (const std::string* memory = manifest.section("source/" + settings_.sources[i].name)) {
      Decoder in(*memory);
      if (!sources_[i]->load(in) || !in.complete())
        return fail(format("{}: what source \"{}\" remembers does not decode", to_text(manifest.id),
                           settings_.sources[i].name),
                    Error::Kind::corrupt);
    }
  make_deliveries();
  return {};
}

}  // namespace tidemark
