#include "sources/line_framing.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tidemark {
namespace {

constexpr std::uint64_t kKeptOfOversized = 1024;
constexpr std::size_t kCapacityKept = 64 * 1024;

}  // namespace

std::string_view kept_beginning(std::string_view record, std::uint64_t max_record) {
  return record.substr(0, std::min(kKeptOfOversized, max_record));
}

std::optional<QuotedLineEnds> quoted_line_ends(const FormatSettings& format) {
  if (format.type != FormatSettings::Type::csv || !format.multiline || format.quote == '\0')
    return std::nullopt;
  return QuotedLineEnds{.quote = format.quote, .delimiter = format.delimiter};
}

// The place of the line end that ends the record; npos when it is not in the piece.
std::size_t LineFraming::find_end(std::string_view piece) {
  if (quoted_) return find_unquoted_end(piece);
  const void* found = std::memchr(piece.data(), '\n', piece.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - piece.data());
}

std::size_t LineFraming::find_unquoted_end(std::string_view piece) {
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const char c = piece[i];
    if (c == '\n') {
      if (within_ != Within::quotes || carried_size_ + i > max_record_ + 1) {
        within_ = Within::value_begin;
        return i;
      }
      ++inner_ends_;
    } else if (within_ == Within::quotes) {
      if (c == quoted_->quote) within_ = Within::closing_quote;
    } else if (c == quoted_->quote && within_ != Within::value) {
      within_ = Within::quotes;  // it opens, or doubles the one before
    } else {
      within_ = c == quoted_->delimiter ? Within::value_begin : Within::value;
    }
  }
  return std::string_view::npos;
}

bool LineFraming::next(Line& line) {
  if (delivered_) drop_carried();
  if (piece_.empty()) return false;
  const std::size_t size = find_end(piece_);
  if (size == std::string_view::npos) {
    carry(piece_);
    piece_ = {};
    return false;
  }
  line.ends = std::exchange(inner_ends_, 0) + 1;
  const std::string_view part = piece_.substr(0, size);
  piece_.remove_prefix(size + 1);
  if (carried_size_ == 0) {
    finish(line, part, size);
    line.length = size + 1;
    return true;
  }
  carry(part);
  finish(line, carried_, carried_size_);
  line.length = carried_size_ + 1;
  delivered_ = true;
  return true;
}

bool LineFraming::rest(Line& line) {
  if (delivered_) drop_carried();
  if (carried_size_ == 0) return false;
  finish(line, carried_, carried_size_);
  line.ends = std::exchange(inner_ends_, 0);
  within_ = Within::value_begin;
  line.length = carried_size_;
  delivered_ = true;
  return true;
}

// One byte beyond max_record may still be the CR of the line's end.
void LineFraming::carry(std::string_view part) {
  carried_size_ += part.size();
  if (carried_size_ <= max_record_ + 1) {
    carried_.append(part);
    return;
  }
  const std::uint64_t kept = std::min(kKeptOfOversized, max_record_);
  if (carried_.size() < kept) {
    carried_.append(part.substr(0, kept - carried_.size()));
  } else {
    carried_.resize(kept);
  }
  if (carried_.capacity() > kCapacityKept) carried_.shrink_to_fit();
}

void LineFraming::drop_carried() {
  carried_.clear();
  if (carried_.capacity() > kCapacityKept) carried_.shrink_to_fit();
  carried_size_ = 0;
  delivered_ = false;
}

void LineFraming::finish(Line& line, std::string_view bytes, std::uint64_t size_without_end) const {
  line.oversized = size_without_end > max_record_ + 1;
  if (!line.oversized) {
    if (bytes.ends_with('\r')) bytes.remove_suffix(1);
    line.oversized = bytes.size() > max_record_;
  }
  line.bytes = line.oversized ? kept_beginning(bytes, max_record_) : bytes;
}

}  // namespace tidemark
