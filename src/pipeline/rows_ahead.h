// RowsAhead decodes some lines of a read before their turn, so that the engine knows what they will meet and
// can have it brought near or evaluated together (Operator::foresee): a record that waits for memory costs
// more than one that is parsed, and an expression less over many records than over one.
//
// Which lines come is guessed from the bytes of the read. A wrong guess costs the work; a line is only taken
// when it is the very bytes that were decoded. For decoders that give the same whenever they are asked
// (RecordDecoder::may_run_ahead). Threads: loop only.  Lifetime: the decoder outlives it.
#pragma once

#include <array>
#include <cstddef>
#include <expected>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/value.h"
#include "decode/decoder.h"

namespace tidemark {

class RowsAhead {
 public:
  static constexpr std::size_t kMost = 16;

  // Rows of `row_size` values, of which the decoder fills those from `first_decoded` on.
  RowsAhead(RecordDecoder& decoder, std::size_t row_size, std::size_t first_decoded)
      : decoder_(decoder),
        may_run_ahead_(decoder.may_run_ahead()),
        row_size_(row_size),
        first_decoded_(first_decoded) {}

  // Lines to come lie in these bytes, which stay as they are until the next call. What was decoded is
  // forgotten.
  void expect(std::string_view bytes) {
    if (may_run_ahead_) expected_ = bytes;
    forget();
  }
  void forget() { next_ = count_ = 0; }

  // Whether this line, whose turn it is, is decoded, or can be with what comes behind it.
  bool has(std::string_view line) const {
    return next_ < count_ && lines_[next_].data() == line.data() && lines_[next_].size() == line.size();
  }
  bool can_fill(std::string_view line) const {
    return line.data() >= expected_.data() && line.data() < expected_.data() + expected_.size();
  }
  // Decodes this line and those behind it. All of them are there to be taken, this one first.
  void fill(std::string_view line);
  // The same when it is known to be a record without looking; what remains is of has().
  bool has_record(std::string_view line) const { return next_ + 1 < count_ && has(line); }
  std::span<Value> take_record() { return values_of(next_++); }
  // Of has(): what decoding it said, and its row, whose values stay until the next fill().
  std::expected<Found, DecodeError> take(std::span<Value>& row) {
    row = values_of(next_);
    if (++next_ == count_) return std::move(last_);
    return Found::record;
  }

  // The rows that are still to be taken and that hold a record.
  std::size_t records() const {
    const std::size_t left = count_ - next_;
    return left > 0 && !(last_ && *last_ == Found::record) ? left - 1 : left;
  }
  std::span<const Value> record(std::size_t i) { return values_of(next_ + i); }

 private:
  std::string_view line_behind(std::string_view line) const;
  std::span<Value> values_of(std::size_t row) {
    return std::span(values_).subspan(row * row_size_, row_size_);
  }

  RecordDecoder& decoder_;
  const bool may_run_ahead_;
  const std::size_t row_size_, first_decoded_;
  std::string_view expected_;
  std::vector<Value> values_;
  Arena arena_;
  std::array<std::string_view, kMost> lines_;
  std::size_t next_ = 0, count_ = 0;
  std::expected<Found, DecodeError> last_;  // of the last line; the others are records
};

}  // namespace tidemark
