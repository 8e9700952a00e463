#include "journal/reader.h"

#include <algorithm>

#include "base/format.h"
#include "journal/scan.h"
#include "journal/segments.h"
#include "journal/tail.h"

namespace tidemark {

namespace {

constexpr std::size_t kWindow = 256 << 10;

Result<JournalExtent> extent_of(const JournalScan& scan, Position needed_after) {
  JournalExtent extent;
  extent.first = scan.first;
  extent.end = scan.end;
  extent.last_time = scan.last_time;
  extent.notes = scan.notes;
  if (extent.end < needed_after) {
    // Nothing that is held is needed; what comes next continues the checkpoint.
    extent.end = needed_after;
    extent.first = needed_after.next();
  }
  return extent;
}

// The newest durable entry is never trimmed on purpose. A journal that ends before an entry which is known to
// have been durable, and which the checkpoint that is started from covers, has been cut or emptied, or two
// crashes within one start have cost it names that a trim was about to remove. Nothing that the checkpoint
// needs is missing; whether something was acknowledged behind it cannot be seen from here, so it is said.
// Only where the present timeline begins there, nothing that followed counts.
bool ends_too_early(const JournalScan& scan, const JournalFolder& folder, Position known_durable,
                    Position needed_after) {
  if (known_durable < needed_after) return false;  // the journal was off in between, and erased
  const auto& forks = folder.ancestry.forks();
  const Position begun = forks.empty() ? Position{} : forks.back().at;
  return scan.end < known_durable && known_durable > begun;
}

std::string cut_short(const JournalFolder& folder, const JournalScan& scan, Position known_durable) {
  const std::string end = scan.end.value == 0 ? "holds no entry" : format("ends at entry {}", scan.end.value);
  return format(
      "{} {}, but entry {} was durable in it: if anything was acknowledged behind that entry and these files "
      "were "
      "removed or cut, it is lost; bring the missing files back and start again",
      folder.path, end, known_durable.value);
}

Result<std::uint64_t> bytes_in(const JournalFolder& folder) {
  Result<std::vector<std::uint64_t>> numbers = list_segments(folder.files, folder.path);
  if (!numbers) return pass_on(numbers);
  std::uint64_t bytes = 0;
  for (const std::uint64_t number : *numbers) {
    Result<FileStatus> status = folder.files.status(segment_path(folder.path, number));
    if (!status) return pass_on(status);
    bytes += status->size;
  }
  return bytes;
}

}  // namespace

Result<JournalExtent> open_journal(const JournalFolder& folder, Position known_durable,
                                   Position needed_after) {
  if (Status made = folder.files.make_directories(folder.path); !made) return pass_on(made);
  // The folder may be there from a start that was killed before its name was durable.
  if (Status synced = folder.files.sync_directory(parent_path(folder.path)); !synced) return pass_on(synced);
  Result<JournalScan> scan = scan_journal(folder, needed_after);
  if (!scan) return pass_on(scan);
  if (const Position reached = std::max(scan->end, needed_after); known_durable > reached)
    return std::unexpected(damaged(format("{} ends at entry {}, but entry {} was durable", folder.path,
                                          scan->end.value, known_durable.value),
                                   reached.next(), known_durable));
  const bool too_early = ends_too_early(*scan, folder, known_durable, needed_after);
  Result<TailRepair> repaired = repair_tail(folder, *scan, known_durable);
  if (!repaired) return pass_on(repaired);
  Result<JournalExtent> extent = extent_of(*scan, needed_after);
  extent->cut_bytes = repaired->cut_bytes;
  extent->notes.insert(extent->notes.end(), repaired->notes.begin(), repaired->notes.end());
  if (too_early) extent->notes.push_back(cut_short(folder, *scan, known_durable));
  Result<std::uint64_t> bytes = bytes_in(folder);
  if (!bytes) return pass_on(bytes);
  extent->bytes = *bytes;
  return extent;
}

Result<JournalExtent> inspect_journal(const JournalFolder& folder, Position needed_after) {
  Result<JournalScan> scan = scan_journal(folder, needed_after);
  if (!scan) return pass_on(scan);
  Result<JournalExtent> extent = extent_of(*scan, needed_after);
  for (std::size_t i = 0; i < scan->segments.size(); ++i) {
    extent->bytes += scan->segment_bytes[i];
    if (scan->tail && !scan->tail->abandoned_follows && scan->segments[i] >= scan->tail->segment) {
      Result<std::uint64_t> torn = torn_bytes(folder, *scan->tail, scan->segments[i]);
      if (!torn) return pass_on(torn);
      extent->cut_bytes += *torn;
    }
  }
  return extent;
}

Status erase_journal(Files& files, const std::string& path) {
  Result<std::vector<std::uint64_t>> numbers = list_segments(files, path);
  if (!numbers) return pass_on(numbers);
  // Newest first, so that at no moment there is a gap.
  for (auto number = numbers->rbegin(); number != numbers->rend(); ++number) {
    if (Status removed = files.remove(segment_path(path, *number)); !removed) return removed;
    if (Status synced = files.sync_directory(path); !synced) return synced;
  }
  return {};
}

class JournalReader::Work {
 public:
  Work(const JournalFolder& folder, Position after, SourceTable& sources)
      : folder_(folder), after_(after), sources_(sources), continuity_(folder_.ancestry) {}

  Status open() {
    Result<JournalScan> scan = scan_journal(folder_, after_);
    if (!scan) return pass_on(scan);
    // Also those that only repeat: what they repeat may be unreadable in its first place.
    stretches_ = std::move(scan->stretches);
    std::erase_if(stretches_, [this](const Stretch& s) { return s.first <= s.last && s.last <= after_; });
    const auto first = std::find_if(stretches_.begin(), stretches_.end(),
                                    [](const Stretch& s) { return s.first <= s.last; });
    stretches_.erase(stretches_.begin(), first);
    if (!stretches_.empty() && stretches_.front().first > after_.next())
      return std::unexpected(
          damaged(format("{} begins with entry {}", folder_.path, stretches_.front().first.value),
                  after_.next(), Position{stretches_.front().first.value - 1}));
    next_ = after_.next();
    return {};
  }

  Result<std::optional<Item>> next() {
    while (true) {
      if (!entries_) {
        Result<bool> more = next_block();
        if (!more) return pass_on(more);
        if (!*more) return std::nullopt;
      }
      while (at_ <= to_) {
        Item item{at_, block_.timeline, {}};
        if (!entries_->next(item.entry)) return std::unexpected(unreadable());
        at_ = at_.next();
        if (item.position < next_) continue;
        next_ = at_;
        return item;
      }
      entries_.reset();
    }
  }

 private:
  Error unreadable() const {
    return damaged(format("{} does not verify at byte {}", bytes_->path(), block_at_),
                   std::max(block_.first, next_), block_.last());
  }

  // Loads the next block of the present that holds something after `after_`; false at the end.
  Result<bool> next_block() {
    while (true) {
      if (!bytes_ || offset_ >= stretches_[stretch_].end) {
        if (bytes_) ++stretch_;
        bytes_.reset();
        if (stretch_ >= stretches_.size()) return false;
        Result<SegmentBytes> opened = SegmentBytes::open(
            folder_.files, segment_path(folder_.path, stretches_[stretch_].segment), kWindow);
        if (!opened) return pass_on(opened);
        bytes_ = std::make_unique<SegmentBytes>(std::move(*opened));
        offset_ = stretches_[stretch_].begin;
      }
      Result<std::optional<BlockHeader>> header = bytes_->whole_block(offset_);
      if (!header) return pass_on(header);
      if (!*header) return fail(format("{}: changed while it was read", bytes_->path()));
      block_ = **header;
      block_at_ = offset_;
      offset_ += block_.block_bytes();
      const Continuity::Judgement judged = continuity_.judge(block_);
      if (judged.verdict == Continuity::Verdict::gap)
        return fail(format("{}: changed while it was read", bytes_->path()));
      if (judged.verdict != Continuity::Verdict::use) continue;
      continuity_.take(block_, judged.to);
      if (judged.to < next_) continue;
      to_ = judged.to;
      at_ = block_.first;
      return unpack();
    }
  }

  Result<bool> unpack() {
    Result<std::string_view> stored = bytes_->stored(block_at_, block_);
    if (!stored) return pass_on(stored);
    if (block_verifies(block_, *stored)) return unpack(*stored);
    for (std::size_t i = stretch_ + 1; i < stretches_.size(); ++i) {
      if (stretches_[i].lowest > block_.first) continue;
      Result<bool> found = unpack_repeated(stretches_[i]);
      if (!found || *found) return found;
    }
    return std::unexpected(unreadable());
  }

  // A block whose sync failed was written again to a newer segment, and its first copy may be torn.
  Result<bool> unpack_repeated(const Stretch& stretch) {
    Result<SegmentBytes> bytes =
        SegmentBytes::open(folder_.files, segment_path(folder_.path, stretch.segment), kWindow);
    if (!bytes) return pass_on(bytes);
    for (std::uint64_t offset = stretch.begin; offset < stretch.end;) {
      Result<std::optional<BlockHeader>> header = bytes->whole_block(offset);
      if (!header) return pass_on(header);
      if (!*header) return false;
      if ((*header)->first == block_.first && (*header)->run == block_.run &&
          (*header)->checksum == block_.checksum) {
        Result<std::string_view> stored = bytes->stored(offset, **header);
        if (!stored) return pass_on(stored);
        return block_verifies(block_, *stored) ? unpack(*stored) : Result<bool>(false);
      }
      offset += (*header)->block_bytes();
    }
    return false;
  }

  Result<bool> unpack(std::string_view stored) {
    Result<std::string> raw = unpack_block(block_, stored);
    if (!raw) return std::unexpected(unreadable());
    raw_ = std::move(*raw);
    entries_.emplace(raw_, block_, sources_);
    return true;
  }

  JournalFolder folder_;
  Position after_;
  SourceTable& sources_;
  Continuity continuity_;
  std::vector<Stretch> stretches_;
  std::size_t stretch_ = 0;
  std::unique_ptr<SegmentBytes> bytes_;
  std::uint64_t offset_ = 0;

  BlockHeader block_;
  std::uint64_t block_at_ = 0;
  std::string raw_;
  std::optional<BlockEntries> entries_;
  Position at_, to_;  // of the entry that entries_ gives next; of the last one that counts
  Position next_;     // that is handed out next
};

JournalReader::JournalReader(std::unique_ptr<Work> work) : work_(std::move(work)) {}
JournalReader::~JournalReader() = default;

Result<std::unique_ptr<JournalReader>> JournalReader::open(const JournalFolder& folder, Position after,
                                                           SourceTable& sources) {
  auto work = std::make_unique<Work>(folder, after, sources);
  if (Status opened = work->open(); !opened) return pass_on(opened);
  return std::unique_ptr<JournalReader>(new JournalReader(std::move(work)));
}

Result<std::optional<JournalReader::Item>> JournalReader::next() {
  return work_->next();
}

}  // namespace tidemark
