// What followed the chosen checkpoint: the journal's tail, whether it joins the checkpoint, and what of it is
// given up.
#include <algorithm>

#include "base/format.h"
#include "pipeline/wiring.h"

namespace tidemark {

Status Appliance::Work::open_journal_tail() {
  JournalFolder folder{platform_.files, journal_folder(data_dir_), identity_.lineage, identity_.ancestry};
  if (order_ && order_->follow == RestoreOrder::Follow::nothing)
    if (Status fits = check_evolution(present_plan()); !fits) return fits;
  if (order_) {
    if (Status begun = begin_restore(); !begun) return begun;
    folder.ancestry = identity_.ancestry;
    std::erase_if(retained_, [this](const Manifest& manifest) {
      const bool stays = identity_.ancestry.contains(manifest.timeline, manifest.position);
      if (!stays) left_behind_.push_back(manifest.id);
      return !stays;
    });
  } else if (begun_without_checkpoint()) {
    JournalFolder before = folder;
    before.ancestry = identity_.ancestry.without_last();
    abandoned_.emplace(
        Abandoned{std::move(before), std::max(barrier_, identity_.ancestry.forks().back().at)});
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
  // The engine goes on from the checkpoint under the configuration that what follows came in under. What
  // stands in the journal was accepted when it was written; only the end of it is compared with the present
  // configuration.
  if (extent_.end <= barrier_)
    if (Status fits = check_evolution(present_plan()); !fits) return fits;
  auto first = first_configuration();
  if (!first) return pass_on(first);
  if (Status begun = begin_with(*first); !begun) return begun;
  if (const std::string* name = resumed_ ? resumed_->section("configuration") : nullptr) recorded_ = *name;
  if (abandoned_) remember_abandoned(abandoned_->folder, abandoned_->after);
  if (order_ && order_->follow != RestoreOrder::Follow::all)
    for (auto& source : sources_) source->gone_back_to(barrier_);
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
                               .segment_size = std::min(kJournalSegment, settings_.journal.max_size / 4),
                               .zeroed_ahead = kJournalAhead},
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

// In the settings in force, of the source that an entry came from.
std::size_t Appliance::Work::source_index(const Entry& entry) {
  if (entry.source == 0) return kNoSource;
  while (index_of_name_.size() < entry.source) {
    const std::string& name = names_.name(static_cast<std::uint16_t>(index_of_name_.size() + 1));
    const auto& settings = in_force_.settings->sources;
    const auto at = std::ranges::find(settings, name, &SourceSettings::name);
    index_of_name_.push_back(at == settings.end() ? kNoSource
                                                  : static_cast<std::size_t>(at - settings.begin()));
  }
  return index_of_name_[entry.source - std::size_t{1}];
}

// The source that an entry came from remembers having taken it.
void Appliance::Work::remember(Position position, const Entry& entry) {
  const std::size_t at = source_index(entry);
  if (at == kNoSource) return;
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
  return {};
}

// Under which configuration the first entry to be replayed came in: it is one that says so itself, or the one
// that made the checkpoint. With nothing to replay, the present one.
Result<std::string> Appliance::Work::first_configuration() {
  if (extent_.end <= barrier_) return present_name();
  const JournalFolder folder{platform_.files, journal_folder(data_dir_), identity_.lineage,
                             identity_.ancestry};
  auto reader = JournalReader::open(folder, barrier_, names_);
  if (!reader) return pass_on(reader);
  auto item = (*reader)->next();
  if (!item) return pass_on(item);
  if (*item && (*item)->entry.kind == EntryKind::configuration) return std::string((*item)->entry.payload);
  const std::string* name = resumed_ ? resumed_->section("configuration") : nullptr;
  return name != nullptr ? *name : present_name();
}

// The first engine.
Status Appliance::Work::begin_with(const std::string& name) {
  auto first = configuration(name);
  if (!first) return pass_on(first);
  make_flow();
  return put_in_force(std::move(*first));
}

}  // namespace tidemark
