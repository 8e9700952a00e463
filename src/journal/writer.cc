#include "journal/writer.h"

#include <algorithm>
#include <deque>
#include <vector>

#include "base/format.h"
#include "base/invariant.h"
#include "journal/block.h"
#include "journal/disk.h"
#include "platform/guarded_lane.h"

namespace tidemark {

namespace {

constexpr Duration kFirstPause = 100ms;
constexpr Duration kLongestPause = 5s;

// A timer that knows whether it is still to fire.
class Alarm {
 public:
  void arm(Loop& loop, MonotonicTime when, std::function<void()> work) {
    armed_ = true;
    timer_ = loop.at(when, [this, work = std::move(work)] {
      armed_ = false;
      work();
    });
  }
  // A timer that has fired keeps its handle: it may be the one that is running.
  void disarm() {
    if (armed_) timer_.reset();
    armed_ = false;
  }
  bool armed() const { return armed_; }

 private:
  std::unique_ptr<Timer> timer_;
  bool armed_ = false;
};

}  // namespace

// Blocks pass through `open_` (being filled), then `blocks_`: in order, those before `unwritten_` are written
// and wait for a sync. One job at a time is on the lane; pump() decides on the next one whenever something
// changes.
class JournalWriter::Work {
 public:
  Work(Doors doors, Options options, SourceTable& sources)
      : doors_(doors),
        options_(std::move(options)),
        sources_(sources),
        appended_(options_.after),
        written_(options_.after),
        durable_(options_.after),
        timeline_(options_.timeline),
        disk_(doors_.files, {options_.folder, options_.lineage, ancestry_of(options_), options_.run,
                             options_.after, options_.segment_size, options_.zeroed_ahead,
                             options_.block_size, options_.settings.compress}),
        lane_(doors_.lane) {
    pump();
  }

  Position append(const Entry& entry) {
    if (open_.empty()) begin_block();
    const std::size_t before = open_.size();
    open_.add(entry, sources_);
    const std::size_t grown = open_.size() - before;
    pending_bytes_ += grown;
    unrequested_bytes_ += grown;
    appended_ = appended_.next();
    if (open_.size() >= options_.block_size) [[unlikely]]
      block_is_full();
    return appended_;
  }

  void sync_now() {
    if (blocks_.empty() && open_.empty()) return;
    sync_due_ = true;
    pump();
  }

  void trim(Position position) {
    trim_to_ = std::max(trim_to_, position);
    pump();
  }

  void set_timeline(Timeline timeline) {
    if (timeline == timeline_) return;
    close_block();
    timeline_ = timeline;
    pump();
  }

  bool full() const { return pending_bytes_ >= options_.max_unsynced; }

  std::optional<MonotonicTime> waiting_since() const {
    if (!blocks_.empty()) return blocks_.front()->since;
    if (!open_.empty()) return open_since_;
    return std::nullopt;
  }

  Position appended() const { return appended_; }
  Position written() const { return written_; }
  Position durable() const { return durable_; }
  const std::optional<Error>& trouble() const { return trouble_; }
  std::uint64_t bytes_written() const { return bytes_written_; }
  std::uint64_t size_on_disk() const {
    std::uint64_t bytes = 0;
    for (const JournalSegment& segment : segments_) bytes += segment.bytes;
    return bytes;
  }
  void on_progress(std::function<void()> callback) { progress_ = std::move(callback); }

 private:
  // Without the history of the present nobody can say which blocks are none of it.
  static std::optional<Ancestry> ancestry_of(const Options& options) {
    if (options.ancestry.current() != options.timeline) return std::nullopt;
    return options.ancestry;
  }

  void begin_block() {
    open_since_ = doors_.loop.now();
    if (options_.settings.sync == 0s) {
      if (sync_posted_) return;
      sync_posted_ = true;
      doors_.loop.post([this, alive = std::weak_ptr(alive_)] {
        if (alive.expired()) return;
        sync_posted_ = false;
        sync_now();
      });
    } else if (!deadline_.armed()) {
      deadline_.arm(doors_.loop, open_since_ + options_.settings.sync, [this] { sync_now(); });
    }
  }

  void block_is_full() {
    close_block();
    pump();
    if (full() && !was_full_) {
      was_full_ = true;
      // Not from within append().
      doors_.loop.post([this, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) notify();
      });
    }
  }

  void close_block() {
    if (open_.empty()) return;
    auto block = std::make_shared<PendingBlock>();
    block->last = appended_;
    block->first = Position{appended_.value - open_.count() + 1};
    block->timeline = timeline_;
    block->since = open_since_;
    block->raw_bytes = open_.size();
    RawBlock spare;
    if (!spare_.empty()) {
      spare = std::move(spare_.back());
      spare_.pop_back();
    }
    block->raw = open_.take(std::move(spare));
    blocks_.push_back(std::move(block));
  }

  // Starts the next job when the lane is free and there is one.
  void pump() {
    if (busy_) return;
    if (pause_.armed()) {
      if (surveyed_) start_trim();
      return;
    }
    if (!surveyed_) {
      start([this] { return disk_.survey(); }, [this] { surveyed_ = !trouble_; });
      return;
    }
    if (trims_next_ && start_trim()) return;
    // When half of what may wait has gathered, it does not wait for `sync`.
    const bool sync = sync_due_ || rewrite_ || unrequested_bytes_ >= options_.max_unsynced / 2;
    if (sync) close_block();
    if (blocks_.size() > unwritten_ || (sync && !blocks_.empty()))
      start_write(sync);
    else
      start_trim();
  }

  void start_write(bool sync) {
    std::vector<std::shared_ptr<PendingBlock>> batch(
        blocks_.begin() + static_cast<std::ptrdiff_t>(unwritten_), blocks_.end());
    unwritten_ = blocks_.size();
    if (sync) {
      sync_due_ = rewrite_ = false;
      unrequested_bytes_ = 0;
      deadline_.disarm();
    }
    start([this, batch = std::move(batch), sync] { return disk_.write(batch, sync); }, [] {});
  }

  bool start_trim() {
    trims_next_ = false;
    if (!oldest_may_go()) return false;
    start([this] { return disk_.remove_oldest(); }, [] {}, true);
    return true;
  }

  // The first later segment that counts holds everything from its first entry on; that entry must be durable.
  bool oldest_may_go() const {
    if (trim_refused_) return false;
    for (std::size_t i = 1; i < segments_.size(); ++i) {
      if (!segments_[i].counts) continue;
      return segments_[i].first <= durable_ && segments_[i].first <= trim_to_.next();
    }
    return false;
  }

  void start(std::function<JournalDisk::Outcome()> job, std::function<void()> then, bool trims = false) {
    busy_ = true;
    auto outcome = std::make_shared<JournalDisk::Outcome>();
    lane_.submit([outcome, job = std::move(job)] { *outcome = job(); },
                 [this, outcome, then = std::move(then), trims] { finished(*outcome, then, trims); });
  }

  void finished(JournalDisk::Outcome& outcome, const std::function<void()>& then, bool trims) {
    busy_ = false;
    const bool more_durable = outcome.durable > durable_;
    const bool had_trouble = trouble_.has_value();
    written_ = outcome.written;
    durable_ = outcome.durable;
    bytes_written_ = outcome.bytes_written;
    segments_ = std::move(outcome.segments);
    for (RawBlock& buffer : outcome.emptied)
      if (spare_.size() < JournalDisk::kMostEmptied) spare_.push_back(std::move(buffer));
    drop_durable();
    if (trims)
      trimmed(outcome.status);
    else if (outcome.status)
      recovered();
    else
      failed(std::move(outcome.status.error()));
    then();
    trims_next_ = !trims;  // a trim between two writes, so that neither waits for ever
    pump();
    const bool fullness_changed = was_full_ != full();
    was_full_ = full();
    if (more_durable || had_trouble != trouble_.has_value() || fullness_changed || trims) notify();
  }

  void drop_durable() {
    while (!blocks_.empty() && blocks_.front()->last <= durable_) {
      pending_bytes_ -= blocks_.front()->raw_bytes;
      blocks_.pop_front();
      --unwritten_;
    }
    if (blocks_.empty()) spare_.clear();
  }

  void trimmed(const Status& status) {
    trim_refused_ = !status;
    if (!status) {
      doors_.log.sampled(LogLevel::warning, "journal", "trim", status.error().message);
      refused_until_.arm(doors_.loop, doors_.loop.now() + kLongestPause, [this] {
        trim_refused_ = false;
        pump();
      });
    } else {
      pause_.disarm();  // there may be room now
    }
  }

  void recovered() {
    if (!trouble_) return;
    doors_.log.info("journal", "writes again", {{"entry", format("{}", written_.value)}});
    trouble_.reset();
    next_pause_ = kFirstPause;
  }

  void failed(Error error) {
    if (error.kind == Error::Kind::no_space) error.message += "; free space or lower journal.max_size";
    if (!trouble_)
      doors_.log.error("journal", error.message,
                       {{"waiting", "nothing is acknowledged until it is written; it is tried again"}});
    trouble_ = std::move(error);
    unwritten_ = 0;
    rewrite_ = !blocks_.empty();
    pause_.arm(doors_.loop, doors_.loop.now() + next_pause_, [this] { pump(); });
    next_pause_ = std::min(next_pause_ * 2, kLongestPause);
  }

  void notify() {
    if (progress_) progress_();
  }

  Doors doors_;
  const Options options_;
  SourceTable& sources_;
  Position appended_, written_, durable_;
  Timeline timeline_;

  BlockBuilder open_;
  MonotonicTime open_since_;
  std::deque<std::shared_ptr<PendingBlock>> blocks_;
  std::size_t unwritten_ = 0;          // index of the first block that no job has taken
  std::size_t pending_bytes_ = 0;      // raw bytes not durable
  std::size_t unrequested_bytes_ = 0;  // of them, those that no job with a sync covers
  std::vector<RawBlock> spare_;

  bool busy_ = false;
  bool surveyed_ = false;
  bool sync_due_ = false;
  bool sync_posted_ = false;
  bool rewrite_ = false;
  bool trims_next_ = false;
  bool trim_refused_ = false;
  bool was_full_ = false;
  Alarm deadline_;       // armed while something waits that no sync covers
  Alarm pause_;          // between a failure and the next attempt
  Alarm refused_until_;  // between a removal that failed and the next one
  Duration next_pause_ = kFirstPause;
  std::optional<Error> trouble_;
  Position trim_to_;
  std::uint64_t bytes_written_ = 0;
  std::vector<JournalSegment> segments_;
  std::function<void()> progress_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  JournalDisk disk_;
  GuardedLane lane_;
};

JournalWriter::JournalWriter(Doors doors, Options options, SourceTable& sources)
    : work_(std::make_unique<Work>(doors, std::move(options), sources)) {}
JournalWriter::~JournalWriter() = default;

Position JournalWriter::append(const Entry& entry) {
  return work_->append(entry);
}
Position JournalWriter::appended() const {
  return work_->appended();
}
Position JournalWriter::written() const {
  return work_->written();
}
Position JournalWriter::durable() const {
  return work_->durable();
}
bool JournalWriter::full() const {
  return work_->full();
}
std::optional<Error> JournalWriter::trouble() const {
  return work_->trouble();
}
std::optional<MonotonicTime> JournalWriter::waiting_since() const {
  return work_->waiting_since();
}
void JournalWriter::sync_now() {
  work_->sync_now();
}
void JournalWriter::on_progress(std::function<void()> callback) {
  work_->on_progress(std::move(callback));
}
void JournalWriter::trim(Position position) {
  work_->trim(position);
}
void JournalWriter::set_timeline(Timeline timeline) {
  work_->set_timeline(timeline);
}
std::uint64_t JournalWriter::size_on_disk() const {
  return work_->size_on_disk();
}
std::uint64_t JournalWriter::bytes_written() const {
  return work_->bytes_written();
}

}  // namespace tidemark
