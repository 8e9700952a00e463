// Blocks: what the journal's segments consist of. A header, and the encoded entries, compressed.
//
// BlockBuilder encodes entries as they are appended, straight into the buffer that is later compressed;
// seal_block makes the bytes that go to disk; BlockEntries reads them back. All of it pure, and on the hot
// path: millions of entries a second. Format: FORMAT.md
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/times.h"
#include "journal/entry.h"

namespace tidemark {

struct BlockHeader {
  static constexpr std::size_t kSize = 96;
  static constexpr std::string_view kMagic = "TMJB";

  Lineage lineage;
  Timeline timeline;
  RunId run;
  Position first;
  Position durable;  // what was known to be durable when the block was sealed
  std::uint32_t count = 0;
  std::uint32_t raw_bytes = 0;
  std::uint32_t stored_bytes = 0;
  bool compressed = false;
  JournalTime first_time, last_time;
  std::uint64_t checksum = 0;  // of the stored bytes, seeded by lineage and run

  Position last() const { return Position{first.value + count - 1}; }
  std::uint64_t block_bytes() const { return kSize + stored_bytes; }
};

// Reads the header at the start of `bytes`. Error::corrupt: there is none that verifies; Error::failed: there
// is one, of a newer version, and the message says which Tidemark reads it.
Result<BlockHeader> decode_block_header(std::string_view bytes);

// Whether `stored`, the bytes after the header, are what the header says.
bool block_verifies(const BlockHeader& header, std::string_view stored);

// The encoded entries of a block that verifies.
Result<std::string> unpack_block(const BlockHeader& header, std::string_view stored);

// The encoded entries of a block that is being filled or waits to be sealed.
struct RawBlock {
  std::unique_ptr<char[]> buffer;
  std::size_t size = 0;
  std::size_t capacity = 0;
  std::uint32_t count = 0;
  JournalTime first_time, last_time;

  std::string_view bytes() const { return {buffer.get(), size}; }
};

struct BlockStamp {
  Lineage lineage;
  Timeline timeline;
  RunId run;
  Position first;
  Position durable;
};

// Header and stored bytes, ready for the disk.
std::string seal_block(const RawBlock& raw, const BlockStamp& stamp, bool compress);

class BlockBuilder {
 public:
  // An entry's source must be a number of `sources`, or 0.
  void add(const Entry& entry, const SourceTable& sources);
  bool empty() const { return raw_.count == 0; }
  std::size_t size() const { return raw_.size; }
  std::uint32_t count() const { return raw_.count; }
  // Hands the block out and starts the next one, in `spare`'s buffer when it has one.
  RawBlock take(RawBlock spare);

 private:
  void grow(std::size_t room);
  std::uint16_t local_number(std::uint16_t source, const SourceTable& sources);

  RawBlock raw_;
  std::uint16_t last_source_ = 0;
  std::vector<std::uint16_t> local_;  // by source number; 0: not named in this block
  std::vector<std::uint16_t> named_;  // source numbers named in this block, in order
};

// The entries of one block, in order. `raw` and `sources` outlive it; the entries' bytes are views into
// `raw`.
class BlockEntries {
 public:
  BlockEntries(std::string_view raw, const BlockHeader& header, SourceTable& sources);
  // False at the end, and when the bytes do not hold: then failed().
  bool next(Entry& entry);
  bool failed() const { return failed_; }

 private:
  bool fail_here() {
    failed_ = true;
    return false;
  }
  bool take_varint(std::uint64_t& value);
  bool take_bytes(std::string_view& bytes);
  bool take_name();

  const char* at_;
  const char* end_;
  std::uint64_t time_;
  std::uint32_t left_;
  std::uint16_t source_ = 0;
  bool failed_ = false;
  SourceTable& sources_;
  std::vector<std::uint16_t> names_;  // source numbers, by the block's own number - 1
};

}  // namespace tidemark
