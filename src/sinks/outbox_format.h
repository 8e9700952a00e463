// The bytes of an outbox: encoders and decoders of its segments, blocks and state. Format: FORMAT.md
//
// Errors: Error::corrupt for what does not read; Error::failed for a newer version, naming the Tidemark that
// reads it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "sinks/outbox.h"

namespace tidemark {

inline constexpr std::size_t kOutboxSegmentHeader = 24;
inline constexpr std::size_t kOutboxBlockHeader = 16;

// The first sequence of a segment, as its name says it: 16 hex digits. Nothing for other names.
std::string outbox_segment_name(std::uint64_t first);
std::optional<std::uint64_t> outbox_segment_first(std::string_view name);

std::string outbox_segment_header(std::uint64_t first);
// The offset of the first block.
Result<std::size_t> take_outbox_segment_header(std::string_view bytes, std::uint64_t first,
                                               std::string_view where);

// Rows that are written, and read, whole.
class OutboxBlock {
 public:
  void add(const OutboxRow& row);
  std::size_t rows() const { return rows_; }
  std::size_t bytes() const { return body_.size() + origins_.size(); }
  // `sequence`: of the first row.
  std::string finish(std::uint64_t sequence);

 private:
  std::vector<const OutboxOrigin*> known_;
  Encoder origins_, body_;
  std::size_t rows_ = 0;
};

// Of the body, as a block's header claims it.
std::uint32_t outbox_block_length(std::string_view header);
// Reads a block at the beginning of `bytes`, and returns its length with its header.
Result<std::size_t> take_outbox_block(std::string_view bytes, std::uint64_t sequence,
                                      std::vector<OutboxRow>& rows);

struct OutboxState {
  std::uint64_t first = 1, end = 1, dropped = 0;
  Holdings marks;
};
std::string encode(const OutboxState& state);
Result<OutboxState> decode_outbox_state(std::string_view bytes, std::string_view where);

}  // namespace tidemark
