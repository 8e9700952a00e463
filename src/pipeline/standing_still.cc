// Pipelines that stand still, as the machine around the engine sees them: when they try again, what they read
// to catch up, and when the journal cannot keep it for them any longer.
#include <algorithm>

#include "base/format.h"
#include "pipeline/standing.h"
#include "pipeline/wiring.h"

namespace tidemark {

// The replay is over: from here on somebody has to decide.
void Appliance::Work::watch_pipelines() {
  const auto folder = [this] {
    return JournalFolder{platform_.files, journal_folder(data_dir_), identity_.lineage, identity_.ancestry};
  };
  if (journal_)
    missed_ = std::make_unique<MissedEntries>(MissedEntries::Parts{.loop = platform_.loop,
                                                                   .lane = platform_.bulk_lane,
                                                                   .log = platform_.log,
                                                                   .engine = *engine_,
                                                                   .journal = *journal_,
                                                                   .settings = settings_,
                                                                   .folder = folder,
                                                                   .more = [this] { flow_->missed_ready(); },
                                                                   .hold = [this] { return hold(); }});
  // What follows a savepoint of another machine, or a damaged stretch, cannot be read here.
  for (std::size_t i = 0; i < settings_.pipelines.size(); ++i) {
    const Standing* standing = engine_->standing(i);
    if (standing == nullptr) continue;
    if (!journal_) {
      give_up_missed(i, "the journal is switched off");
      if (engine_->standing(i) != nullptr)  // FAILED under a configuration that is no more
        flow_->control(EntryKind::restart,
                       encode_restart({RestartBy::operator_, settings_.pipelines[i].uid}));
    } else if (standing->through < extent_.end) {
      SourceTable names;
      if (const auto readable = JournalReader::open(folder(), standing->through, names); !readable)
        give_up_missed(i, readable.error().message);
    }
  }
  restarts_ =
      std::make_unique<Restarts>(Restarts::Parts{.loop = platform_.loop,
                                                 .random = platform_.random,
                                                 .log = platform_.log,
                                                 .engine = *engine_,
                                                 .settings = settings_,
                                                 .restart = [this](const RestartEntry& entry) {
                                                   flow_->control(EntryKind::restart, encode_restart(entry));
                                                 }});
  restarts_->look();
}

void Appliance::Work::feed_missed() {
  if (missed_) missed_->feed();  // during the replay: below
}

// The same while the journal is replayed: read by a second reader, from where the pipeline stood.
Status Appliance::Work::replay_missed() {
  constexpr std::size_t kEntriesPerSlice = 1024;
  auto missed = engine_->missed();
  if (!missed_reader_ || missed->after != missed_read_) {
    auto opened = JournalReader::open(
        {platform_.files, journal_folder(data_dir_), identity_.lineage, identity_.ancestry}, missed->after,
        names_);
    if (!opened) return pass_on(opened, "what a pipeline that stood still has to read again");
    missed_reader_ = std::move(*opened);
    missed_read_ = missed->after;
  }
  for (std::size_t i = 0; i < kEntriesPerSlice && missed && !full(); ++i, missed = engine_->missed()) {
    auto item = missed_reader_->next();
    if (!item) return pass_on(item, "what a pipeline that stood still has to read again");
    if (!*item) return fail("the journal ends before what is replayed", Error::Kind::corrupt);
    missed_read_ = (*item)->position;
    Entry entry = (*item)->entry;
    const std::size_t source = source_index(entry);
    if (entry.source != 0 && source == kNoSource) entry.kind = EntryKind::source_event;
    engine_->apply_missed((*item)->position, entry, source == kNoSource ? 0 : source);
  }
  if (!engine_->catching_up()) missed_reader_.reset();
  return {};
}

void Appliance::Work::give_up_missed(std::size_t pipeline, const std::string& why) {
  const PipelineSettings& settings = settings_.pipelines[pipeline];
  const std::uint64_t before = engine_->given_up(pipeline);
  flow_->control(EntryKind::skip, settings.uid);
  const std::string text = format("pipeline \"{}\" gives up {} records that it has not seen: {}",
                                  settings.name, engine_->given_up(pipeline) - before, why);
  platform_.log.error("pipelines." + settings.name, text);
  reports_.push_back(text);
}

// A pipeline that stands still keeps the journal from where it stands. A FAILED one that keeps more than the
// checkpoints do has to let go first, one that is still trying when everything else has.
bool Appliance::Work::give_up_for_room(bool failed_only) {
  if (!flow_->settled()) return false;
  std::optional<std::size_t> oldest;
  for (std::size_t i = 0; i < settings_.pipelines.size(); ++i) {
    const Standing* standing = engine_->standing(i);
    if (standing == nullptr || (failed_only && !standing->failed)) continue;
    if (standing->through >= checkpointer_->oldest_position()) continue;
    if (!oldest || standing->through < engine_->standing(*oldest)->through) oldest = i;
  }
  if (!oldest) return false;
  give_up_missed(*oldest, "the journal has reached journal.max_size");
  return true;
}

void Appliance::Work::resume_pipeline(const std::string& name, std::function<void(Status)> done) {
  if (phase_ != Phase::running)
    return done(fail("no pipeline can be resumed while " + phase_text(), Error::Kind::busy));
  const auto at = std::ranges::find(settings_.pipelines, name, &PipelineSettings::name);
  if (at == settings_.pipelines.end())
    return done(fail("there is no pipeline \"" + name + "\"", Error::Kind::not_found));
  const auto index = static_cast<std::size_t>(at - settings_.pipelines.begin());
  if (engine_->standing(index) == nullptr)
    return done(fail("pipeline \"" + name + "\" is running; there is nothing to resume", Error::Kind::usage));
  const Position position =
      flow_->control(EntryKind::restart, encode_restart({RestartBy::operator_, at->uid}));
  resuming_.emplace_back(position, std::move(done));
  journal_->sync_now();
}

void Appliance::Work::answer_resumes() {
  while (!resuming_.empty() && resuming_.front().first <= journal_->durable()) {
    const auto done = std::move(resuming_.front().second);
    resuming_.erase(resuming_.begin());
    done({});
  }
}

}  // namespace tidemark
