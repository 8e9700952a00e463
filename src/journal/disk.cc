#include "journal/disk.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"
#include "journal/segments.h"

namespace tidemark {

JournalDisk::JournalDisk(Files& files, Options options)
    : files_(files), options_(std::move(options)), written_(options_.after), durable_(options_.after) {}

JournalDisk::~JournalDisk() {
  if (file_ && written_ == durable_) close_segment();
}

JournalDisk::Outcome JournalDisk::outcome(Status status) {
  Outcome out{std::move(status), written_, durable_, bytes_written_, segments_, std::exchange(emptied_, {})};
  if (file_) out.segments.back().bytes = std::max(out.segments.back().bytes, zeroed_);
  return out;
}

JournalDisk::Outcome JournalDisk::survey() {
  return outcome(learn());
}

Status JournalDisk::learn() {
  Result<std::vector<std::uint64_t>> numbers = list_segments(files_, options_.folder);
  if (!numbers) return pass_on(numbers);
  std::vector<JournalSegment> found;
  for (const std::uint64_t number : *numbers) {
    Result<SegmentBytes> bytes =
        SegmentBytes::open(files_, segment_path(options_.folder, number), BlockHeader::kSize);
    if (!bytes) return pass_on(bytes);
    JournalSegment segment{number, bytes->size(), false, {}};
    Result<std::optional<BlockHeader>> header = bytes->whole_block(0);
    if (!header) return pass_on(header);
    if (*header && (*header)->lineage == options_.lineage) {
      segment.counts =
          !options_.ancestry || options_.ancestry->contains((*header)->timeline, (*header)->first);
      segment.first = (*header)->first;
    }
    found.push_back(segment);
    next_number_ = number + 1;
  }
  segments_ = std::move(found);
  return {};
}

JournalDisk::Outcome JournalDisk::write(std::span<const std::shared_ptr<PendingBlock>> blocks, bool sync) {
  Status status = write_blocks(blocks, sync);
  if (!status) give_up_segment();
  return outcome(std::move(status));
}

Status JournalDisk::write_blocks(std::span<const std::shared_ptr<PendingBlock>> blocks, bool sync) {
  for (const std::shared_ptr<PendingBlock>& block : blocks) {
    if (block->sealed.empty()) {
      block->sealed =
          seal_block(block->raw, {options_.lineage, block->timeline, options_.run, block->first, durable_},
                     options_.compress);
      RawBlock emptied = std::move(block->raw);
      // A buffer that one large record blew up does not stay paid for.
      if (emptied_.size() < kMostEmptied && emptied.capacity <= 2 * options_.block_size)
        emptied_.push_back(std::move(emptied));
    }
    const std::uint64_t size = block->sealed.size();
    if (file_ && segments_.back().bytes + size > options_.segment_size) {
      if (Status synced = sync_segment(); !synced) return synced;
      close_segment();
    }
    if (!file_)
      if (Status begun = begin_segment(block->first); !begun) return begun;
    if (sync && blocks.size() == 1)
      if (Status ahead = zero_ahead(size); !ahead) return ahead;
    if (Status put = file_->write_at(segments_.back().bytes, block->sealed); !put) return put;
    segments_.back().bytes += size;
    bytes_written_ += size;
    written_ = block->last;
  }
  return sync ? sync_segment() : Status{};
}

Status JournalDisk::begin_segment(Position first) {
  invariant(first == durable_.next(), "a segment begins where the durable entries end");
  const std::uint64_t number = next_number_++;
  Result<std::unique_ptr<File>> file =
      files_.open(segment_path(options_.folder, number), Files::Open::create_new);
  if (!file) return pass_on(file);
  file_ = std::move(*file);
  zeroed_ = 0;
  name_durable_ = holds_durable_ = false;
  segments_.push_back(JournalSegment{number, 0, true, first});
  return {};
}

// A sync that makes a file longer costs a file system several blocks of its own, for an inode, a bitmap and
// its journal; one over bytes that are there costs the bytes. So where little is synced at a time, zeros go
// ahead. That there is no room for them is for the block's own write to say; after any other failure nothing
// may be written to the file.
Status JournalDisk::zero_ahead(std::uint64_t size) {
  constexpr std::uint64_t kLittle = 16 << 10;  // beyond, the bytes outweigh what the file system adds
  JournalSegment& segment = segments_.back();
  const std::uint64_t end = segment.bytes + size;
  if (end <= zeroed_ || size > kLittle || options_.zeroed_ahead == 0) return {};
  const std::uint64_t from = std::max(segment.bytes, zeroed_);
  const std::uint64_t to = std::max(end, std::min(end + options_.zeroed_ahead, options_.segment_size));
  const Status put = file_->write_at(from, std::string(to - from, '\0'));
  if (!put) return put.error().kind == Error::Kind::no_space ? Status{} : put;
  zeroed_ = to;
  bytes_written_ += to - from;
  return {};
}

// The zeros behind the last block go, or stay: nothing depends on it.
void JournalDisk::close_segment() {
  if (zeroed_ > segments_.back().bytes) static_cast<void>(file_->truncate(segments_.back().bytes));
  file_.reset();
}

Status JournalDisk::sync_segment() {
  if (!file_ || written_ == durable_) return {};
  if (Status synced = file_->sync(); !synced) return synced;
  if (!name_durable_)
    if (Status synced = sync_folder(); !synced) return synced;
  name_durable_ = holds_durable_ = true;
  durable_ = written_;
  return {};
}

Status JournalDisk::sync_folder() {
  if (Status synced = files_.sync_directory(options_.folder); !synced) return synced;
  removal_pending_ = false;
  return {};
}

void JournalDisk::give_up_segment() {
  written_ = durable_;
  if (!file_) return;
  file_.reset();
  // One that holds nothing durable only takes room, and on a full disk room is what is missing.
  if (!holds_durable_ && files_.remove(segment_path(options_.folder, segments_.back().number)))
    segments_.pop_back();
}

JournalDisk::Outcome JournalDisk::remove_oldest() {
  return outcome(remove_first());
}

Status JournalDisk::remove_first() {
  invariant(segments_.size() > 1, "the newest segment stays");
  // One after the other: two removals that are both not durable may come to be in either order, and leave a
  // gap.
  if (removal_pending_)
    if (Status synced = sync_folder(); !synced) return synced;
  const Status removed = files_.remove(segment_path(options_.folder, segments_.front().number));
  if (!removed && removed.error().kind != Error::Kind::not_found) return removed;
  segments_.erase(segments_.begin());
  removal_pending_ = true;
  return sync_folder();
}

}  // namespace tidemark
