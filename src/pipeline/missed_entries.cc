#include "pipeline/missed_entries.h"

#include <optional>
#include <utility>

namespace tidemark {

namespace {

constexpr std::size_t kChunkEntries = 4096;
constexpr std::size_t kChunkBytes = 1u << 20;
constexpr std::size_t kEntriesPerSlice = 256;
constexpr Duration kPause = 1s;

}  // namespace

struct MissedEntries::Job {
  JournalFolder folder;
  SourceTable names;  // its own: the numbers are the settings', as everywhere
  Position after, through;
  std::unique_ptr<JournalReader> reader;
  std::vector<Kept> chunk;
  Status status;

  void run() {
    chunk.clear();
    if (!reader) {
      auto opened = JournalReader::open(folder, after, names);
      if (!opened) {
        status = pass_on(opened);
        return;
      }
      reader = std::move(*opened);
    }
    std::size_t bytes = 0;
    while (after < through && chunk.size() < kChunkEntries && bytes < kChunkBytes) {
      auto item = reader->next();
      if (!item) {
        status = pass_on(item);
        return;
      }
      if (!*item) {
        status = fail("the journal ends before entry " + std::to_string(through.value));
        return;
      }
      const Entry& entry = (*item)->entry;
      Kept& kept = chunk.emplace_back(Kept{(*item)->position, entry, {}});
      kept.bytes.append(entry.topic).append(entry.payload);
      bytes += kept.bytes.size() + sizeof(Kept);
      after = kept.position;
    }
  }
};

MissedEntries::MissedEntries(Parts parts) : parts_(std::move(parts)) {}

MissedEntries::~MissedEntries() {
  *alive_ = false;
}

void MissedEntries::feed() {
  const std::size_t sources = parts_.settings.sources.size();
  for (std::size_t fed = 0;;) {
    const auto missed = parts_.engine.missed();
    if (!missed) return;  // the engine has work of its own, or has caught up
    if (missed->through != through_ ||
        (next_ < chunk_.size() && chunk_[next_].position != missed->after.next())) {
      if (reading_) return;  // what it brings is of no use any more
      chunk_.clear();
      next_ = 0;
      job_.reset();
    }
    if (next_ == chunk_.size()) return read(*missed);
    if (fed++ == kEntriesPerSlice || parts_.hold()) return parts_.more();
    Kept& kept = chunk_[next_++];
    const std::string_view bytes = kept.bytes;
    Entry entry = kept.entry;
    entry.resume = {};
    entry.topic = bytes.substr(0, entry.topic.size());
    entry.payload = bytes.substr(entry.topic.size());
    const std::size_t source = entry.source - std::size_t{1};
    // A source that is no longer configured: its entries are past, and only take their place.
    if (entry.source != 0 && source >= sources) entry.kind = EntryKind::source_event;
    parts_.engine.apply_missed(kept.position, entry, source);
  }
}

void MissedEntries::read(Engine::Missed missed) {
  if (reading_ || again_) return;
  if (parts_.journal.durable() < missed.through) return parts_.journal.sync_now();
  if (!job_) {
    job_ = std::make_shared<Job>(Job{parts_.folder(), {}, missed.after, missed.through, {}, {}, {}});
    for (const SourceSettings& source : parts_.settings.sources) job_->names.number(source.name);
    through_ = missed.through;
  }
  reading_ = true;
  parts_.lane.submit([job = job_] { job->run(); },
                     [this, job = job_, alive = alive_] {
                       if (*alive) finished(job);
                     });
}

void MissedEntries::finished(const std::shared_ptr<Job>& job) {
  reading_ = false;
  if (job->status) {
    trouble_.clear();
    chunk_ = std::exchange(job->chunk, {});
    next_ = 0;
    return parts_.more();
  }
  // A segment that was listed may have been trimmed before it was opened: then it is not wanted here either.
  trouble_ = job->status.error().message;
  parts_.log.sampled(LogLevel::error, "journal", "missed",
                     "what a pipeline has missed cannot be read: " + trouble_);
  job_.reset();
  again_ = parts_.loop.at(parts_.loop.now() + kPause, [this] {
    again_.reset();
    parts_.more();
  });
}

}  // namespace tidemark
