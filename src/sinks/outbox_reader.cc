#include "sinks/outbox_reader.h"

#include <algorithm>

#include "sinks/outbox_format.h"

namespace tidemark {

// The one that has next_ in it, or else the first one after it.
Status OutboxReader::open_next_segment(bool& there) {
  there = false;
  auto names = files_.list(folder_);
  if (!names && names.error().kind == Error::Kind::not_found) return {};
  if (!names) return pass_on(names);
  std::vector<std::uint64_t> firsts;
  for (const std::string& name : *names)
    if (const auto first = outbox_segment_first(name)) firsts.push_back(*first);
  std::sort(firsts.begin(), firsts.end());
  auto from = std::upper_bound(firsts.begin(), firsts.end(), next_);
  // Also one that begins before it, unless that was read to its end already.
  if (from != firsts.begin() && !(file_ && *std::prev(from) < sequence_)) --from;
  for (; from != firsts.end() && *from < end_; ++from) {
    auto file = files_.open(join_path(folder_, outbox_segment_name(*from)), Files::Open::read);
    if (!file && file.error().kind == Error::Kind::not_found) continue;  // consumed
    if (!file) return pass_on(file);
    file_ = std::move(*file);
    at_ = kOutboxSegmentHeader;
    sequence_ = *from;
    limit_ = std::next(from) == firsts.end() ? end_ : std::min(end_, *std::next(from));
    there = true;
    return {};
  }
  return {};
}

Result<std::vector<OutboxRow>> OutboxReader::next() {
  std::vector<OutboxRow> out;
  if (!begun_) {
    begun_ = true;
    // What was consumed and still stands there is no row that waits.
    Result<std::string> bytes = read_file(files_, join_path(folder_, "state"));
    if (bytes)
      if (const auto state = decode_outbox_state(*bytes, folder_)) next_ = std::max(next_, state->first);
  }
  while (out.empty() && next_ < end_) {
    if (!file_ || sequence_ >= limit_) {
      bool there = false;
      if (Status opened = open_next_segment(there); !opened) return pass_on(opened);
      if (!there) return out;
    }
    Result<std::string> head = file_->read_at(at_, kOutboxBlockHeader);
    if (!head) return pass_on(head);
    Result<std::string> whole = file_->read_at(at_, kOutboxBlockHeader + outbox_block_length(*head));
    if (!whole) return pass_on(whole);
    std::vector<OutboxRow> rows;
    const Result<std::size_t> length = take_outbox_block(*whole, sequence_, rows);
    if (!length) {
      if (limit_ == end_) return out;  // the torn end, or what is being written
      next_ = std::max(next_, limit_);
      sequence_ = limit_;
      continue;
    }
    at_ += *length;
    for (OutboxRow& row : rows) {
      row.sequence = sequence_++;
      if (row.sequence >= next_ && row.sequence < limit_) out.push_back(std::move(row));
    }
    next_ = std::max(next_, std::min(sequence_, limit_));
  }
  return out;
}

}  // namespace tidemark
