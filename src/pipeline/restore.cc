#include "pipeline/restore.h"

#include <algorithm>

#include "base/format.h"
#include "checkpoint/stores.h"
#include "journal/reader.h"
#include "pipeline/savepoint.h"
#include "pipeline/wiring.h"

namespace tidemark {
namespace {

using Follow = RestoreOrder::Follow;

// A data directory that no instance uses, as `restore` sees it.
struct Resting {
  std::unique_ptr<FileLock> lock;
  Identity identity;
  std::unique_ptr<CheckpointStore> store;
  std::vector<CheckpointId> ids;
};

Result<Resting> open_resting(const OfflineDoors& doors, Random& random, const Settings& settings,
                             bool may_be_new) {
  const std::string& data_dir = *settings.node.data_dir;
  if (may_be_new)
    if (Status made = doors.files.make_directories(data_dir); !made) return pass_on(made);
  if (auto there = doors.files.status(data_dir); !there && there.error().kind == Error::Kind::not_found)
    return fail(format("nothing has run in {} yet: there is nothing to restore", data_dir),
                Error::Kind::not_found);
  Resting out;
  auto held = control_socket_of(doors.files, data_dir);
  auto lock = doors.files.lock(lock_path(data_dir), held.value_or(""));
  if (!lock && lock.error().kind == Error::Kind::busy)
    return fail("an instance runs on " + data_dir + "; stop it first with `tidemark stop`",
                Error::Kind::busy);
  if (!lock) return pass_on(lock);
  out.lock = std::move(*lock);
  auto identity = read_identity(doors.files, data_dir);
  const bool absent = !identity && identity.error().kind == Error::Kind::not_found;
  if (!identity && !absent) return pass_on(identity);
  if (absent && !may_be_new)
    return fail(format("nothing has run in {} yet: there is nothing to restore", data_dir),
                Error::Kind::not_found);
  if (absent)
    out.identity = new_identity(random, std::nullopt);
  else  // what a deletion may have left counts no more
    out.identity = identity->ended ? new_identity(random, *identity) : std::move(*identity);
  auto store = open_store(settings.checkpoint.store, {doors.files, doors.sqlite}, data_dir, true);
  if (!store) return pass_on(store);
  out.store = std::move(*store);
  auto ids = out.store->list();
  if (!ids) return pass_on(ids);
  out.ids = std::move(*ids);
  return out;
}

// The history as it is without a restore that was begun and never came to its first checkpoint.
Ancestry present_of(const Identity& identity) {
  return identity.restore && identity.restore->begun ? identity.ancestry.without_last() : identity.ancestry;
}

Result<Manifest> find_checkpoint(const Resting& at, const RestoreRequest& request) {
  const Ancestry present = present_of(at.identity);
  if (request.checkpoint) {
    if (std::ranges::find(at.ids, *request.checkpoint) == at.ids.end())
      return fail(format("there is no {}; see `tidemark checkpoint list`", to_text(*request.checkpoint)),
                  Error::Kind::not_found);
    auto manifest = at.store->read_manifest(*request.checkpoint);
    if (manifest && manifest->lineage != at.identity.lineage)
      return fail(format("{} belongs to another history than this directory", to_text(*request.checkpoint)),
                  Error::Kind::usage);
    return manifest;
  }
  for (auto id = at.ids.rbegin(); id != at.ids.rend(); ++id) {
    auto manifest = at.store->read_manifest(*id);
    if (manifest && manifest->lineage == at.identity.lineage &&
        present.contains(manifest->timeline, manifest->position))
      return manifest;
  }
  return fail("there is no checkpoint; see `tidemark checkpoint list`", Error::Kind::not_found);
}

// Whether what should follow the state can follow it.
Status check_follows(const OfflineDoors& doors, const Settings& settings, const Resting& at,
                     const Manifest& manifest, const std::string& name, const RestoreRequest& request) {
  const std::string discard = format("`tidemark restore {} --discard-later`", name);
  if (request.follow == Follow::nothing) return {};
  const Ancestry present = present_of(at.identity);
  if (!present.contains(manifest.timeline, manifest.position))
    return fail(
        format("{} stands on timeline {}, which was left at an earlier position: what followed it there "
               "is no part of the present. To go back to it and leave the present behind: {}",
               name, manifest.timeline.value, discard),
        Error::Kind::usage);
  const bool by_time = request.follow == Follow::until_time;
  if ((by_time && request.until_time < manifest.journal_time) ||
      (request.follow == Follow::until_position && request.until_position < manifest.position))
    return fail(
        format("{} holds what came in up to position {} ({}), which is later than --until; name an older "
               "one (`tidemark checkpoint list`)",
               name, manifest.position.value, to_rfc3339(to_ns(manifest.journal_time))),
        Error::Kind::usage);
  Position known = manifest.position;
  for (const CheckpointId id : at.ids) {
    const auto other = at.store->read_manifest(id);
    if (other && other->lineage == at.identity.lineage && present.contains(other->timeline, other->position))
      known = std::max(known, other->position);
  }
  Position first = manifest.position.next(), end = manifest.position;
  if (settings.journal.enabled) {
    auto extent =
        inspect_journal({doors.files, journal_folder(*settings.node.data_dir), at.identity.lineage, present},
                        manifest.position);
    if (!extent && extent.error().kind != Error::Kind::not_found)
      return fail(
          format("{}. To go back to {} without what followed it: {}", extent.error().message, name, discard),
          extent.error().kind);
    if (extent) {
      first = extent->first;
      end = extent->end;
    }
  }
  if (first > manifest.position.next() && end >= first)
    return fail(format("the journal begins at position {}, but {} ends at {}: what lies between cannot be "
                       "replayed. To go back to it without what followed: {}",
                       first.value, name, manifest.position.value, discard),
                Error::Kind::usage);
  if (end < known)
    return fail(
        format("what followed {} up to position {} cannot be replayed: the journal {}. To go back to it "
               "without that: {}",
               name, known.value, settings.journal.enabled ? "does not hold it" : "is switched off", discard),
        Error::Kind::usage);
  return {};
}

}  // namespace

Result<RestoreOrder> bring_savepoint(Files& files, const std::string& data_dir, const std::string& path,
                                     const Lineage& lineage, CheckpointId next) {
  auto savepoint = Savepoint::open(files, path);
  if (!savepoint) return pass_on(savepoint);
  if (Status verified = savepoint->verify(); !verified) return pass_on(verified);
  RestoreOrder order;
  order.checkpoint = next;
  order.savepoint_name = path;
  order.savepoint = savepoint->manifest().lineage == lineage ? RestoreOrder::Savepoint::own
                                                             : RestoreOrder::Savepoint::foreign;
  // Before anything names it: the medium that it came on may be taken away.
  if (Status copied = savepoint->copy(files, savepoint_path(data_dir, next)); !copied) return pass_on(copied);
  return order;
}

Result<RestoreNoted> order_restore(const OfflineDoors& doors, Random& random, const Settings& settings,
                                   const RestoreRequest& request) {
  const std::string& data_dir = *settings.node.data_dir;
  const bool from_file = !request.savepoint.empty();
  auto at = open_resting(doors, random, settings, from_file);
  if (!at) return pass_on(at);
  RestoreNoted noted;
  RestoreOrder order;
  Manifest manifest;
  if (from_file) {
    auto savepoint = Savepoint::open(doors.files, request.savepoint);
    if (!savepoint) return pass_on(savepoint);
    manifest = savepoint->manifest();
    noted.foreign = manifest.lineage != at->identity.lineage;
    if (noted.foreign && (request.follow == Follow::until_time || request.follow == Follow::until_position))
      return fail(
          format("{} was made by another history: no journal here follows it, and --until has nothing to "
                 "end. Restore it without --until",
                 request.savepoint),
          Error::Kind::usage);
  } else {
    auto found = find_checkpoint(*at, request);
    if (!found) return pass_on(found);
    manifest = std::move(*found);
    if (Status verified = verify_checkpoint(*at->store, manifest.id); !verified)
      return pass_on(verified, format("{} cannot be restored; name another one (`tidemark checkpoint list`)",
                                      to_text(manifest.id)));
  }
  if (!noted.foreign) {
    const std::string name = from_file ? request.savepoint : to_text(manifest.id);
    if (Status follows = check_follows(doors, settings, *at, manifest, name, request); !follows)
      return pass_on(follows);
  }
  if (from_file) {
    CheckpointId next = at->identity.next_checkpoint;
    if (!at->ids.empty()) next = std::max(next, at->ids.back().next());
    auto brought = bring_savepoint(doors.files, data_dir, request.savepoint, at->identity.lineage, next);
    if (!brought) return pass_on(brought);
    order = std::move(*brought);
    at->identity.next_checkpoint = next.next();
  } else {
    order.checkpoint = manifest.id;
  }
  order.follow = request.follow;
  order.until_time = request.until_time;
  order.until_position = request.until_position;
  if (at->identity.restore) noted.replaced = to_text(*at->identity.restore);
  at->identity.ancestry = present_of(at->identity);
  at->identity.restore = order;
  at->identity.accepted.clear();
  if (Status written = write_identity(doors.files, data_dir, at->identity); !written) return pass_on(written);
  if (Status swept = sweep_savepoints(doors.files, data_dir, from_file ? order.checkpoint : CheckpointId{});
      !swept)
    return pass_on(swept);
  noted.checkpoint = order.checkpoint;
  noted.position = manifest.position;
  noted.time = manifest.journal_time;
  return noted;
}

}  // namespace tidemark
