// Segments: files of rows, in checksummed, compressed blocks, each at most 1 MiB of raw bytes (a row that is
// larger by itself has a larger block).
//
// The same bytes in every store. Pure encoding; stores do the input and output.
// Errors: Error::corrupt names the segment and what is lost; Error::failed a segment of a newer version.
// Format: FORMAT.md
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "checkpoint/manifest.h"

namespace tidemark {

std::string encode_segment_header(const Lineage& lineage, std::string_view name, std::string_view owner);
// One block of whole rows.
std::string encode_segment_block(std::string_view rows, std::uint64_t row_count);

// The checksum of a whole segment, from the checksums that its header and its blocks end with.
class SegmentChecksum {
 public:
  // A header or a block as encoded, in order.
  void add(std::string_view piece);
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

// Reads a segment handed in piece by piece, in order; calls `block` with the raw rows of every block after
// its checksum held. finish() says whether everything that the reference promises was there. After an error
// nothing more may be fed.
class SegmentDecoder {
 public:
  using Block = std::function<Status(std::string_view rows)>;
  SegmentDecoder(const SegmentReference& reference, const Lineage& lineage, Block block);
  Status feed(std::string_view bytes);
  Status finish();

 private:
  // Takes whole pieces off the front of `bytes`; what is left of it begins an unfinished one.
  Status take_pieces(std::string_view& bytes);
  // Takes one piece; false when more bytes are needed.
  Result<bool> take_header(std::string_view& bytes);
  Result<bool> take_block(std::string_view& bytes);
  std::unexpected<Error> corrupt(std::string_view what) const;

  SegmentReference reference_;
  Lineage lineage_;
  Block block_;
  std::string waiting_;  // the beginning of a piece whose end is yet to come
  bool header_read_ = false;
  std::uint64_t bytes_ = 0, rows_ = 0;
  SegmentChecksum checksum_;
};

}  // namespace tidemark
