#include "pipeline/rows_ahead.h"

namespace tidemark {

// Ends with the first line that is no record: a payload of several has its records handed out of the decoder,
// which keeps only the payload that it has decoded last.
void RowsAhead::fill(std::string_view line) {
  if (values_.empty()) values_.resize(kMost * row_size_);
  if (arena_.size() != 0) arena_.clear();
  forget();
  for (; count_ < kMost && line.data() != nullptr; line = line_behind(line)) {
    auto found = decoder_.decode(line, values_of(count_).subspan(first_decoded_), arena_);
    if (count_ > 0 && found && *found == Found::several) return;  // `last_` is that of the line before
    lines_[count_++] = line;
    const bool is_record = found && *found == Found::record;
    last_ = std::move(found);
    if (!is_record) return;
  }
}

// Of the lines that are whole; its data() is null behind the last.
std::string_view RowsAhead::line_behind(std::string_view line) const {
  const char* const end = expected_.data() + expected_.size();
  const char* begin = line.data() + line.size();
  if (begin < end && *begin == '\r') ++begin;
  if (begin >= end || *begin != '\n') return {};
  const std::string_view rest(begin + 1, end);
  const std::size_t size = rest.find('\n');
  if (size == std::string_view::npos) return {};
  std::string_view behind = rest.substr(0, size);
  if (behind.ends_with('\r')) behind.remove_suffix(1);
  return behind;
}

}  // namespace tidemark
