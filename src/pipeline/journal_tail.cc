// What followed the chosen checkpoint: the journal's tail, whether it joins the checkpoint, and what of it is
// given up.
#include <algorithm>

#include "base/format.h"
#include "pipeline/wiring.h"

namespace tidemark {

Status Appliance::Work::open_journal_tail() {
  JournalFolder folder{platform_.files, journal_folder(data_dir_), identity_.lineage, identity_.ancestry};
  if (order_) {
    if (Status begun = begin_restore(); !begun) return begun;
    folder.ancestry = identity_.ancestry;
    std::erase_if(retained_, [this](const Manifest& manifest) {
      const bool stays = identity_.ancestry.contains(manifest.timeline, manifest.position);
      if (!stays) left_behind_.push_back(manifest.id);
      return !stays;
    });
  } else if (begun_without_checkpoint()) {
    folder.ancestry = identity_.ancestry.without_last();
    remember_abandoned(folder, std::max(barrier_, identity_.ancestry.forks().back().at));
    folder.ancestry = identity_.ancestry;
    forked_ = true;
  }
  Position known_durable;
  for (const Manifest& manifest : retained_)
    if (manifest.section("journal") != nullptr &&
        identity_.ancestry.contains(manifest.timeline, manifest.position))
      known_durable = std::max(known_durable, manifest.position);
  auto extent = open_journal(folder, known_durable, barrier_);
  if (!extent) return pass_on(extent);
  extent_ = std::move(*extent);
  for (const std::string& note : extent_.notes) platform_.log.warning("journal", note);
  if (Status joins = check_joins(extent_); !joins) return joins;
  if (Status noted = note_order(); !noted) return noted;
  // What a checkpoint that was never completed left behind.
  if (const Status swept = store_->sweep(); !swept)
    platform_.log.warning("checkpoint",
                          "what is left of unfinished ones stays for now: " + swept.error().message);
  const JournalTime last_time = std::max(extent_.last_time, engine_->time());
  if (settings_.journal.enabled) {
    journal_ = std::make_unique<JournalWriter>(
        JournalWriter::Doors{platform_.loop, platform_.files, platform_.journal_lane, platform_.log},
        JournalWriter::Options{.folder = folder.path,
                               .settings = settings_.journal,
                               .lineage = identity_.lineage,
                               .timeline = identity_.ancestry.current(),
                               .run = identity_.run,
                               .ancestry = identity_.ancestry,
                               .after = extent_.end,
                               .last_time = last_time,
                               .segment_size = std::min(kJournalSegment, settings_.journal.max_size / 4)},
        names_);
    journal_->on_progress([this] { journal_moved(); });
  }
  flow_->resume_at(journal_.get(), extent_.end, last_time);
  return {};
}

// An earlier start began this timeline and was cut before the timeline's first checkpoint.
bool Appliance::Work::begun_without_checkpoint() const {
  return !identity_.ancestry.forks().empty() &&
         (!resumed_ || resumed_->timeline != identity_.ancestry.current());
}

// Sources remember what they have taken also where its effect is given up: a peer that was told N is never
// told less.
void Appliance::Work::remember_abandoned(const JournalFolder& folder, Position after) {
  auto reader = JournalReader::open(folder, after, names_);
  if (!reader) return;  // what cannot be read cannot be remembered; that is why it is abandoned
  while (true) {
    auto item = (*reader)->next();
    if (!item || !*item) return;
    remember(std::min((*item)->position, barrier_), (*item)->entry);
  }
}

// The source that an entry came from remembers having taken it.
void Appliance::Work::remember(Position position, const Entry& entry) {
  const std::size_t at = entry.source - std::size_t{1};
  if (entry.source == 0 || at >= sources_.size()) return;
  if (entry.kind == EntryKind::record || entry.kind == EntryKind::oversized)
    sources_[at]->remember_record(position, entry.topic, entry.payload, entry.resume);
  else if (entry.kind == EntryKind::source_event)
    sources_[at]->remember_event(position, entry.payload);
}

Status Appliance::Work::check_joins(const JournalExtent& extent) {
  const std::string from = resumed_ ? to_text(resumed_->id) : std::string("the beginning");
  if (extent.end.value >= extent.first.value && extent.first > barrier_.next())
    return fail(
        format(
            "the journal in {} begins at position {}, but {} ends at {}: what lies between is gone. Put the "
            "missing segments back, or go on without it: {}{}",
            journal_folder(data_dir_), extent.first.value, from, barrier_.value, way_without_replay(),
            resumed_ ? "" : ", or begin anew: `tidemark run --from none`"),
        Error::Kind::corrupt);
  const std::string* configuration = resumed_ ? resumed_->section("configuration") : nullptr;
  if (configuration != nullptr && *configuration != configuration_name() && extent.end > barrier_) {
    // A run under this configuration that was killed before its first checkpoint recorded the change in front
    // of all else.
    auto ours = configuration_follows();
    if (!ours) return pass_on(ours);
    if (*ours) return {};
    return fail(
        format(
            "the configuration has changed since {}, and {} entries after it are still to be replayed under "
            "the old one. Start once with the old configuration and stop it in order, or go on without them: "
            "{}",
            from, extent.end.value - barrier_.value, way_without_replay()),
        Error::Kind::usage);
  }
  return {};
}

// Whether what the journal holds after the checkpoint begins with the change to the present configuration.
Result<bool> Appliance::Work::configuration_follows() {
  SourceTable names;
  const JournalFolder folder{platform_.files, journal_folder(data_dir_), identity_.lineage,
                             identity_.ancestry};
  auto reader = JournalReader::open(folder, barrier_, names);
  if (!reader) return pass_on(reader);
  auto item = (*reader)->next();
  if (!item) return pass_on(item);
  return *item && (*item)->entry.kind == EntryKind::configuration &&
         (*item)->entry.payload == configuration_name();
}

}  // namespace tidemark
