#include "sinks/outbox.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/disk_format.h"
#include "base/format.h"
#include "sinks/outbox_format.h"

namespace tidemark {
namespace {

constexpr std::uint64_t kLargestSegment = 4u << 20;
constexpr std::uint64_t kSmallestSegment = 1u << 10;
constexpr std::size_t kBlockBytes = 256u << 10;  // of rows, before a block is closed
constexpr std::size_t kReadRows = 4096;
constexpr std::uint64_t kLargestState = 64u << 20;

std::string state_path(const std::string& folder) {
  return join_path(folder, "state");
}

}  // namespace

Outbox::Extent Outbox::extent() const {
  Extent extent{.first = first_, .end = end_, .bytes = 0, .dropped = dropped_};
  for (const Segment& segment : segments_) extent.bytes += segment.bytes;
  return extent;
}

std::uint64_t Outbox::segment_size() const {
  return std::clamp(options_.buffer / 8, kSmallestSegment, kLargestSegment);
}

Status Outbox::open() {
  Result<std::vector<std::string>> names = files_.list(options_.folder);
  if (!names && names.error().kind == Error::Kind::not_found) return {};
  if (!names) return pass_on(names);
  // What is read from here on may so far be in the page cache only: of a program that was killed.
  for (const std::string& folder : {options_.folder, parent_path(options_.folder)})
    if (Status synced = files_.sync_directory(folder); !synced) return synced;
  if (Status loaded = load_state(); !loaded) return loaded;
  std::sort(names->begin(), names->end());  // the names of segments are as long as each other
  std::erase_if(*names, [](const std::string& name) { return !outbox_segment_first(name); });
  for (const std::string& name : *names)
    if (Status scanned = scan(name, name == names->back()); !scanned) return scanned;
  const std::uint64_t known_end = end_;
  end_ = segments_.empty() ? first_ : segments_.back().end;
  if (end_ < known_end)
    reports_.push_back(format("{}: {} results at its end are missing or damaged, and lost", options_.folder,
                              known_end - end_));
  end_ = durable_end_ = std::max(end_, known_end);
  return {};
}

Status Outbox::load_state() {
  const std::string path = state_path(options_.folder);
  Result<std::string> bytes = read_file(files_, path, kLargestState);
  if (!bytes && bytes.error().kind == Error::Kind::not_found) return {};
  if (!bytes) return pass_on(bytes);
  Result<OutboxState> state = decode_outbox_state(*bytes, path);
  if (!state && state.error().kind == Error::Kind::corrupt) {
    reports_.push_back(
        format("{}; results that the sink has already may be sent again", state.error().message));
    return {};
  }
  if (!state) return pass_on(state);
  has_state_ = true;
  first_ = stored_first_ = state->first;
  end_ = state->end;
  dropped_ = state->dropped;
  marks_ = std::move(state->marks);
  return {};
}

Status Outbox::store_state() {
  const OutboxState state{.first = first_,
                          .end = std::max(first_, durable_end_),
                          .dropped = dropped_ + doubtful_,
                          .marks = marks_};
  Status stored = write_file_atomically(files_, state_path(options_.folder), encode(state));
  if (stored) stored_first_ = first_;
  return stored;
}

// A segment that was left because a write to it failed may hold blocks, whole or torn, that the next one has
// again: what counts is up to where the next one begins. Of the newest nobody knows whether its sync had
// failed, after which the kernel forgets to write what still reads back: it is written anew.
Status Outbox::scan(const std::string& name, bool newest) {
  Segment segment{.path = join_path(options_.folder, name), .first = *outbox_segment_first(name)};
  segment.end = segment.first;
  auto file = files_.open(segment.path, Files::Open::write);
  if (!file) return pass_on(file);
  Result<std::string> bytes = read_file(files_, segment.path);
  if (!bytes) return pass_on(bytes);
  if (newest)
    if (Status written = (*file)->write_at(0, *bytes); !written) return written;
  if (Status synced = (*file)->sync(); !synced) return synced;
  segment.bytes = bytes->size();
  std::vector<OutboxRow> rows;
  Result<std::size_t> at = take_outbox_segment_header(*bytes, segment.first, segment.path);
  if (!at && at.error().kind != Error::Kind::corrupt) return pass_on(at);
  while (at && *at < bytes->size()) {
    rows.clear();
    Result<std::size_t> length = take_outbox_block(std::string_view(*bytes).substr(*at), segment.end, rows);
    if (!length) break;
    *at += *length;
    segment.end += rows.size();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      mark(rows[i]);
      if (i == 0 || rows[i].origin != rows[i - 1].origin) know(rows[i].origin);
    }
  }
  if (!has_state_ && segments_.empty()) first_ = segment.first;
  const std::uint64_t expected = segments_.empty() ? first_ : segments_.back().end;
  if (!segments_.empty()) segments_.back().end = std::min(segments_.back().end, segment.first);
  if (segment.first > expected) {
    reports_.push_back(format("{}: {} results before it are missing or damaged, and lost", segment.path,
                              segment.first - expected));
    if (segments_.empty()) first_ = segment.first;
  }
  if (segment.end <= first_) return files_.remove(segment.path);  // consumed, or nothing in it that reads
  segments_.push_back(std::move(segment));
  return {};
}

void Outbox::know(const std::shared_ptr<const OutboxOrigin>& origin) {
  for (const auto& known : origins_)
    if (known->schema.channel == origin->schema.channel && known->id_prefix == origin->id_prefix &&
        same_shape(known->schema, origin->schema))
      return;
  origins_.push_back(origin);
}

void Outbox::mark(const OutboxRow& row) {
  const ChannelId& channel = row.origin->schema.channel;
  newest_ = channel.lineage;
  ChannelMark& mark = marks_[channel];
  if (row.number >= mark.number) mark = {row.number, row.chain};
}

Status Outbox::begin_segment() {
  if (Status made = files_.make_directories(options_.folder); !made) return made;
  // That folder, and the one of all outboxes, may be there and not be durable: a sync failed when it was
  // made.
  const std::string parent = parent_path(options_.folder);
  for (const std::string& folder : {parent, parent_path(parent)})
    if (Status synced = files_.sync_directory(folder); !synced) return synced;
  Segment segment{.path = join_path(options_.folder, outbox_segment_name(end_)), .first = end_, .end = end_};
  if (!segments_.empty() && segments_.back().path == segment.path)
    segments_.pop_back();  // nothing in it holds
  if (Status gone = files_.remove(segment.path); !gone && gone.error().kind != Error::Kind::not_found)
    return gone;
  auto file = files_.open(segment.path, Files::Open::create_new);
  if (!file) return pass_on(file);
  const std::string header = outbox_segment_header(end_);
  if (Status written = (*file)->write_at(0, header); !written) return written;
  if (Status synced = files_.sync_directory(options_.folder); !synced) return synced;
  segment.bytes = header.size();
  segments_.push_back(std::move(segment));
  writing_ = std::move(*file);
  return {};
}

Status Outbox::write_block(std::string_view block, std::size_t rows) {
  if (writing_ && segments_.back().bytes >= segment_size()) {
    if (Status synced = writing_->sync(); !synced) return synced;
    writing_.reset();
  }
  if (!writing_)
    if (Status begun = begin_segment(); !begun) return begun;
  Segment& segment = segments_.back();
  if (Status written = writing_->write_at(segment.bytes, block); !written) return written;
  segment.bytes += block.size();
  segment.end += rows;
  end_ = segment.end;
  return {};
}

Result<Outbox::Appended> Outbox::append(std::span<const OutboxRow> rows, std::uint64_t under_way) {
  Appended done;
  const std::uint64_t end_before = end_;
  Status status;
  while (status && done.taken < rows.size()) {
    OutboxBlock block;
    while (done.taken + block.rows() < rows.size() &&
           block.bytes() < std::min<std::uint64_t>(kBlockBytes, segment_size()))
      block.add(rows[done.taken + block.rows()]);
    const std::string bytes = block.finish(end_);
    if (!make_room(bytes.size() + kOutboxSegmentHeader, under_way, done.dropped, status)) {
      // What is left may have room for a part of it.
      if (!status || options_.drop_oldest || block.rows() == 1) break;
      rows = rows.first(done.taken + block.rows() / 2);
      continue;
    }
    status = write_block(bytes, block.rows());
    if (status) done.taken += block.rows();
  }
  if (status && writing_ && done.taken > 0) status = writing_->sync();
  if (status) {
    for (std::size_t i = 0; i < done.taken; ++i) mark(rows[i]);
    durable_end_ = end_;
    return done;
  }
  // That file is never appended to again; what of it did not become durable is written into another one.
  writing_.reset();
  end_ = std::max(end_before, first_);
  while (!segments_.empty() && segments_.back().first >= end_) segments_.pop_back();
  if (!segments_.empty()) segments_.back().end = std::min(segments_.back().end, end_);
  return pass_on(status);
}

// Whether there is room for so many bytes more. An empty outbox takes one block, however small `buffer` is.
bool Outbox::make_room(std::uint64_t needed, std::uint64_t under_way, std::uint64_t& dropped,
                       Status& status) {
  while (!segments_.empty() && extent().bytes + needed > options_.buffer) {
    if (!options_.drop_oldest) return false;
    const Segment& oldest = segments_.front();
    const std::uint64_t from = std::max(first_, std::min(under_way, oldest.end));
    const std::uint64_t lost = oldest.end > from ? oldest.end - from : 0;
    if (from > first_) {
      doubtful_ += from - first_;
      doubtful_end_ = from;
    }
    first_ = std::max(first_, oldest.end);
    dropped_ += lost;
    dropped += lost;
    if (status = store_state(); status) status = remove_front();
    if (!status) return false;
  }
  return true;
}

Status Outbox::remove_front() {
  const std::string path = segments_.front().path;
  if (segments_.size() == 1) writing_.reset();
  if (reading_path_ == path) {
    reading_.reset();
    reading_path_.clear();
  }
  segments_.pop_front();
  Status removed = files_.remove(path);
  return !removed && removed.error().kind == Error::Kind::not_found ? Status() : std::move(removed);
}

Result<std::vector<OutboxRow>> Outbox::read(std::uint64_t sequence) {
  std::vector<OutboxRow> out;
  std::size_t bytes = 0;
  sequence = std::max(sequence, first_);
  for (const Segment& segment : segments_) {
    if (segment.end <= sequence) continue;
    if (reading_path_ != segment.path || reading_sequence_ > sequence) {
      auto file = files_.open(segment.path, Files::Open::read);
      if (!file) return pass_on(file);
      reading_ = std::move(*file);
      reading_path_ = segment.path;
      reading_at_ = kOutboxSegmentHeader;
      reading_sequence_ = segment.first;
    }
    while (reading_sequence_ < segment.end) {
      if (out.size() >= kReadRows || bytes >= kBlockBytes) return out;
      Result<std::string> head = reading_->read_at(reading_at_, kOutboxBlockHeader);
      if (!head) return pass_on(head);
      const std::uint64_t rest = std::max(segment.bytes, reading_at_) - reading_at_;
      Result<std::string> whole = reading_->read_at(
          reading_at_, std::min<std::uint64_t>(kOutboxBlockHeader + outbox_block_length(*head), rest));
      if (!whole) return pass_on(whole);
      std::vector<OutboxRow> rows;
      Result<std::size_t> length = take_outbox_block(*whole, reading_sequence_, rows);
      if (!length) {
        // It read when it was opened; what comes after it in the file cannot be found any more.
        reports_.push_back(format("{}: damaged at byte {}: {} results are lost", segment.path, reading_at_,
                                  segment.end - reading_sequence_));
        reading_sequence_ = segment.end;
        break;
      }
      reading_at_ += *length;
      const std::size_t before = out.size();
      for (OutboxRow& row : rows) {
        row.sequence = reading_sequence_++;
        if (row.sequence >= sequence && row.sequence < segment.end) out.push_back(std::move(row));
      }
      if (out.size() != before) bytes += *length;  // of what is passed over, any number
    }
    sequence = segment.end;
  }
  return out;
}

Status Outbox::consume(std::uint64_t sequence) {
  first_ = std::min(std::max(first_, sequence), end_);
  const bool settled = sequence >= doubtful_end_ && std::exchange(doubtful_, 0) != 0;
  if (!settled && (segments_.empty() || segments_.front().end > first_)) return {};
  // A lineage that was left never makes its results again: once none waits, its marks are of no use.
  if (!segments_.empty() && segments_.back().end <= first_ && newest_)
    std::erase_if(marks_, [&](const auto& mark) { return mark.first.lineage != *newest_; });
  if (Status stored = store_state(); !stored) return stored;
  while (!segments_.empty() && segments_.front().end <= first_)
    if (Status removed = remove_front(); !removed) return removed;
  return {};
}

Status Outbox::close() {
  writing_.reset();
  return first_ == stored_first_ ? Status() : store_state();
}

}  // namespace tidemark
