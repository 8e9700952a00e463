// Where a start begins: whose data it is, which checkpoint is the newest that holds, and what it brings back.
#include <algorithm>

#include "base/format.h"
#include "checkpoint/stores.h"
#include "pipeline/restore.h"
#include "pipeline/savepoint.h"
#include "pipeline/segment_chain.h"
#include "pipeline/set_aside.h"
#include "pipeline/wiring.h"
#include "platform/random.h"

namespace tidemark {

std::string text_of_request(const ApplianceOptions& options) {
  std::string text;
  if (options.from.kind == StartPoint::Kind::none) text = " --from none";
  if (options.from.kind == StartPoint::Kind::checkpoint) text = " --from " + to_text(options.from.id);
  if (options.from.kind == StartPoint::Kind::savepoint) text = " --from " + options.from.path;
  if (options.abandon_replay) text += " --abandon-replay";
  return text.empty() ? text : "run" + text;
}

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

  // A deletion that a crash cut short is finished first: its numbers would begin anew, and sinks would take
  // the results for ones that they hold. The same where nothing is left of a lineage.
  if (previous && previous->ended)
    if (Status deleted = delete_state(platform_.files, data_dir_); !deleted) return deleted;
  const bool nothing_left = !previous || previous->ended || (!*exists && !previous->restore);
  asked_ = text_of_request(options_);
  const bool done_before = previous && !asked_.empty() && previous->accepted == asked_;
  if (previous && previous->restore && !done_before && options_.from.kind != StartPoint::Kind::latest)
    return fail(
        format("{} waits in {} for this start, and `{}` asks for something else. Start once without it, "
               "or take another one with `tidemark restore`: `tidemark restore latest` is the same as "
               "none",
               to_text(*previous->restore), data_dir_, asked_),
        Error::Kind::usage);
  if (nothing_left && options_.from.kind == StartPoint::Kind::checkpoint)
    return fail(
        format("there is no {} to start from: {} holds no checkpoint", to_text(options_.from.id), data_dir_),
        Error::Kind::not_found);
  if (nothing_left || (from_none && !done_before)) {
    if (Status begun = begin_lineage(previous); !begun) return begun;
    if (options_.from.kind == StartPoint::Kind::checkpoint) take_order(false);  // there is none: it says so
  } else {
    identity_ = std::move(*previous);
    take_order(done_before);
  }
  if (options_.from.kind == StartPoint::Kind::savepoint && !done_before)
    if (Status taken = take_savepoint(); !taken) return taken;
  if (order_ && order_->savepoint == RestoreOrder::Savepoint::foreign)
    if (Status moved = move_in(); !moved) return moved;
  identity_.run = identity_.run.next();
  name_clients(settings_);
  return write_identity(platform_.files, data_dir_, identity_);
}

void Appliance::Work::name_clients(const Settings& settings) {
  for (const SourceSettings& source : settings.sources)
    if (source.type == SourceSettings::Type::mqtt)
      client_id_of(identity_, "sources." + source.name, platform_.random);
  for (const SinkSettings& sink : settings.sinks)
    if (sink.type == SinkSettings::Type::mqtt || sink.ack)
      client_id_of(identity_, "sinks." + sink.name, platform_.random);
}

// From where, if not from the newest checkpoint: as an earlier `tidemark restore` says, or as the command
// line does. A service manager gives the same command line again after a crash; what it asked for is done
// once.
void Appliance::Work::take_order(bool done_before) {
  order_ = identity_.restore;
  if (done_before) {
    platform_.log.warning(
        "start", format("`{}` was obeyed by an earlier start that was not stopped in order: this one goes on "
                        "from there. To do it once more, stop the instance with `tidemark stop` first",
                        asked_));
    asked_.clear();
    return;
  }
  if (options_.from.kind == StartPoint::Kind::checkpoint)
    order_ = RestoreOrder{.checkpoint = options_.from.id};
  if (!options_.abandon_replay) return;
  if (!order_) order_.emplace();
  order_->follow = RestoreOrder::Follow::nothing;
  order_->begun = false;
}

// `run --from FILE`: the same as `tidemark restore FILE` before it. Noted at once, with the command line.
Status Appliance::Work::take_savepoint() {
  CheckpointId next = identity_.next_checkpoint;
  auto store = open_store(settings_.checkpoint.store, {platform_.files, platform_.sqlite}, data_dir_, true);
  if (!store) return pass_on(store);
  auto ids = (*store)->list();
  if (!ids) return pass_on(ids);
  if (!ids->empty()) next = std::max(next, ids->back().next());
  auto order = bring_savepoint(platform_.files, data_dir_, options_.from.path, identity_.lineage, next);
  if (!order) return pass_on(order);
  if (options_.abandon_replay) order->follow = RestoreOrder::Follow::nothing;
  order_ = std::move(*order);
  identity_.next_checkpoint = next.next();
  return remember_order();
}

// A savepoint of another history: what is here is set aside, and a lineage of its own begins, at the point
// where the savepoint's timeline was left. So nobody takes its results for those that the machine it came
// from goes on to make.
Status Appliance::Work::move_in() {
  auto savepoint = Savepoint::open(platform_.files, savepoint_path(data_dir_, order_->checkpoint));
  if (!savepoint) return pass_on(savepoint);
  if (Status moved = set_aside_state(platform_.files, data_dir_); !moved) return moved;
  const Manifest& manifest = savepoint->manifest();
  Identity moved_in = new_identity(platform_.random, identity_);
  moved_in.ancestry = savepoint->origin().ancestry.forked(manifest.timeline, manifest.position);
  moved_in.accepted = identity_.accepted;
  for (const auto& [name, id] : savepoint->origin().client_ids) moved_in.client_ids[name] = id;
  order_->savepoint = RestoreOrder::Savepoint::own;
  order_->follow = RestoreOrder::Follow::nothing;
  order_->begun = true;
  moved_in.restore = order_;
  identity_ = std::move(moved_in);
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
  if (options_.from.kind == StartPoint::Kind::none) identity_.accepted = asked_;
  return {};
}

Status Appliance::Work::choose_checkpoint() {
  auto store = open_store(settings_.checkpoint.store, {platform_.files, platform_.sqlite}, data_dir_);
  if (!store) return pass_on(store);
  store_ = std::move(*store);
  auto ids = store_->list();
  if (!ids) return pass_on(ids);
  if (order_ && order_->savepoint != RestoreOrder::Savepoint::none &&
      std::ranges::find(*ids, order_->checkpoint) == ids->end()) {
    auto savepoint = Savepoint::open(platform_.files, savepoint_path(data_dir_, order_->checkpoint));
    if (!savepoint) return pass_on(savepoint);
    const SavepointDestination here{.store = *store_,
                                    .files = platform_.files,
                                    .outboxes = outbox_folder(data_dir_),
                                    .memories = sinks_folder(data_dir_),
                                    .id = order_->checkpoint,
                                    .lineage = identity_.lineage,
                                    .mode = settings_.checkpoint.mode};
    if (Status taken = import_savepoint(*savepoint, here); !taken) return taken;
    ids = store_->list();
    if (!ids) return pass_on(ids);
  }
  if (!ids->empty()) identity_.next_checkpoint = std::max(identity_.next_checkpoint, ids->back().next());

  // The history as it was before the timeline of a restore that was begun: it says what sources have taken.
  before_ = identity_.ancestry;
  if (order_ && order_->begun) before_ = identity_.ancestry.without_last();
  const CheckpointId named = order_ ? order_->checkpoint : CheckpointId{};
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
    if (manifest->lineage != identity_.lineage) continue;
    if (before_.contains(manifest->timeline, manifest->position) &&
        (!newest_ || newest_->position <= manifest->position))
      newest_ = *manifest;
    if (identity_.ancestry.contains(manifest->timeline, manifest->position) || manifest->id == named)
      candidates.push_back(std::move(*manifest));
    else
      left_behind_.push_back(id);
  }
  if (named != CheckpointId{})
    if (Status possible = check_named(candidates, named); !possible) return possible;

  // Read whole, newest first: only what was read and verified is a checkpoint to stand on.
  retained_ = candidates;
  while (!candidates.empty()) {
    Manifest manifest = std::move(candidates.back());
    candidates.pop_back();
    if (named != CheckpointId{} && manifest.id != named) continue;
    const Status loaded = load_checkpoint(manifest);
    if (loaded) {
      barrier_ = manifest.position;
      resumed_ = std::move(manifest);
      if (const std::string* through = resumed_->section("remembered"))
        remembered_through_.value = Decoder(*through).u64();
      return {};
    }
    if (named != CheckpointId{} && loaded.error().kind == Error::Kind::corrupt)
      return fail(format("{}; name another one (`tidemark checkpoint list`) with `tidemark restore`",
                         loaded.error().message),
                  Error::Kind::corrupt);
    if (loaded.error().kind != Error::Kind::corrupt) return loaded;
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
  if (identity_.had_checkpoint)
    platform_.log.warning(
        "checkpoint",
        format("there is none left in {}, though some were taken: all is counted again from the "
               "journal, if it reaches back to its beginning. Were they removed?",
               data_dir_));
  prior_ = {};
  return {};
}

Status Appliance::Work::check_named(const std::vector<Manifest>& candidates, CheckpointId named) const {
  const auto at = std::ranges::find(candidates, named, &Manifest::id);
  if (at == candidates.end()) {
    const bool damaged = std::ranges::find(damaged_, named) != damaged_.end();
    return fail(format("there is no {} to start from{}; see `tidemark checkpoint list`", to_text(named),
                       damaged ? ", it is damaged" : ""),
                damaged ? Error::Kind::corrupt : Error::Kind::not_found);
  }
  if (order_->follow == RestoreOrder::Follow::nothing ||
      identity_.ancestry.contains(at->timeline, at->position))
    return {};
  return fail(
      format("{} stands on timeline {}, which was left at an earlier position: what followed it there is "
             "no part of the present. To go back to it all the same and leave the present: `tidemark "
             "restore {} --discard-later`",
             to_text(named), at->timeline.value, to_text(named)),
      Error::Kind::usage);
}

Status Appliance::Work::load_checkpoint(const Manifest& manifest) {
  if (manifest.semantics != Engine::kSemantics)
    return fail(format(
        "{} was made by a version of Tidemark whose results mean something else (semantics {}, this one "
        "has {})",
        to_text(manifest.id), manifest.semantics, Engine::kSemantics));
  auto prior = prior_state(manifest, platform_.random.next());
  if (!prior) return pass_on(prior);
  for (const auto& [owner, table] : prior->tables())
    if (Status restored = restore_table(*store_, manifest, owner, *table); !restored) return restored;
  recall_sources(manifest, prior->retired);
  prior_ = std::move(*prior);
  return {};
}

// What a source remembers is what its peers were told. It is the newest there is, also where an older state
// is gone back to: else a peer would be told less than before. Without a journal, a `file` is read again from
// where the state was.
void Appliance::Work::recall_sources(const Manifest& state,
                                     std::map<std::string, std::string>& memories) const {
  const auto recall = [&](const Manifest& from, bool files_too) {
    for (const auto& [name, bytes] : from.sections) {
      const std::string_view plain = name.starts_with(kRetired)
                                         ? std::string_view(name).substr(kRetired.size())
                                         : std::string_view(name);
      if (!plain.starts_with("source/")) continue;
      if (files_too || Decoder(bytes).bytes() != "file") memories.insert_or_assign(std::string(plain), bytes);
    }
  };
  recall(state, true);
  if (order_ && order_->follow != RestoreOrder::Follow::all && newest_)
    recall(*newest_, settings_.journal.enabled);
}

}  // namespace tidemark
