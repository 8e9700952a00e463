// A start that resumes from where somebody said, instead of from the newest checkpoint: what of the journal
// it follows, and the timeline that begins when it does not follow all of it.
#include <algorithm>

#include "base/format.h"
#include "pipeline/savepoint.h"
#include "pipeline/wiring.h"

namespace tidemark {

using Follow = RestoreOrder::Follow;

// Before the journal's tail is opened for good: which part of it is the present from here on.
Status Appliance::Work::begin_restore() {
  RestoreOrder& order = *order_;
  const JournalFolder folder{platform_.files, journal_folder(data_dir_), identity_.lineage, before_};
  if (order.begun) {  // by an earlier start, which was cut before its first checkpoint
    remember_later(folder);
    remembered_through_ = identity_.ancestry.forks().back().at;
    forked_ = true;
    return {};
  }
  if (order.follow == Follow::all) return {};
  Position at = barrier_;
  if (order.follow != Follow::nothing) {
    auto last = last_followed(folder);
    if (!last) return pass_on(last);
    if (!*last) {  // it reaches over the journal's end: nothing is left behind
      order.follow = Follow::all;
      return {};
    }
    at = **last;
  }
  remember_later(folder);
  remembered_through_ = at;
  const bool on_present = !resumed_ || before_.contains(resumed_->timeline, resumed_->position);
  identity_.ancestry = before_.forked(on_present ? before_.current() : resumed_->timeline, at);
  order.begun = true;
  if (resumed_) order.checkpoint = resumed_->id;
  forked_ = true;
  return remember_order();
}

// After the journal was found to join: an order that follows all of it is obeyed until its first checkpoint.
Status Appliance::Work::note_order() {
  if (!order_ || order_->begun) return {};
  if (newest_ && newest_->position > std::max(extent_.end, barrier_))
    return fail(
        format("what followed {} up to position {} cannot be replayed: the journal {}. To go back to it "
               "all the same and leave that behind: {}",
               to_text(resumed_->id), newest_->position.value,
               settings_.journal.enabled ? "does not hold it" : "is switched off", way_without_replay()),
        Error::Kind::usage);
  return remember_order();
}

Status Appliance::Work::remember_order() {
  identity_.restore = order_;
  if (!asked_.empty()) identity_.accepted = asked_;
  return write_identity(platform_.files, data_dir_, identity_);
}

// The last entry after the checkpoint that is not behind the limit; nothing when no entry is behind it.
Result<std::optional<Position>> Appliance::Work::last_followed(const JournalFolder& folder) {
  const RestoreOrder& order = *order_;
  const bool by_time = order.follow == Follow::until_time;
  const JournalTime held = resumed_ ? resumed_->journal_time : JournalTime{};
  if (by_time ? order.until_time < held : order.until_position < barrier_)
    return fail(
        format("{} holds what came in up to position {} ({}), which is later than {}; restore an older one "
               "(`tidemark checkpoint list`)",
               resumed_ ? to_text(resumed_->id) : std::string("the start"), barrier_.value,
               to_rfc3339(to_ns(held)), until_text(order)),
        Error::Kind::usage);
  // Repaired and durable first: the timeline that begins stands on it.
  auto extent = open_journal(folder, {}, barrier_);
  if (!extent) return pass_on(extent);
  if (Status joins = check_joins(*extent); !joins) return pass_on(joins);
  auto reader = JournalReader::open(folder, barrier_, names_);
  if (!reader) return pass_on(reader);
  Position last = barrier_;
  while (true) {
    auto item = (*reader)->next();
    if (!item) return pass_on(item);
    if (!*item) return std::nullopt;
    if (by_time ? (*item)->entry.time > order.until_time : (*item)->position > order.until_position)
      return last;
    last = (*item)->position;
  }
}

// What sources took after their memory was kept is remembered, also where its effect is left behind: as soon
// as there are sources.
void Appliance::Work::remember_later(const JournalFolder& folder) {
  if (settings_.journal.enabled)
    abandoned_.emplace(Abandoned{folder, newest_ ? newest_->position : barrier_});
}

// How an operator goes on without what cannot be replayed.
std::string Appliance::Work::way_without_replay() const {
  if (order_ && order_->checkpoint != CheckpointId{})
    return format("`tidemark restore {} --discard-later`", to_text(order_->checkpoint));
  return "`tidemark run --abandon-replay`";
}

// A checkpoint of the restored state stands: from here on the newest one is the right one.
void Appliance::Work::order_done() {
  const bool first = !std::exchange(identity_.had_checkpoint, true);
  if (!identity_.restore) {
    if (!first) return;
    if (const Status written = write_identity(platform_.files, data_dir_, identity_); !written)
      identity_.had_checkpoint = false;
    return;
  }
  const std::optional<RestoreOrder> done = std::exchange(identity_.restore, std::nullopt);
  if (const Status written = write_identity(platform_.files, data_dir_, identity_); !written) {
    identity_.restore = done;
    platform_.log.warning("restore", "it is carried out, but still noted: " + written.error().message);
    return;
  }
  if (const Status swept = sweep_savepoints(platform_.files, data_dir_, {}); !swept)
    platform_.log.warning("restore", "the copy of a savepoint stays for now: " + swept.error().message);
}

}  // namespace tidemark
