#include "checkpoint/segment.h"

#include <cstring>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/compression.h"
#include "base/disk_format.h"
#include "base/format.h"
#include "base/invariant.h"

namespace tidemark {

namespace {

constexpr FormatTag kTag{{'T', 'M', 'C', 'S'}, 1, 0, 1, 0};
constexpr std::size_t kChecksum = 8;
constexpr std::size_t kHeaderStart = FormatTag::kSize + 4;
constexpr std::size_t kBlockStart = 4 + 4 + 4 + 1;
constexpr std::uint32_t kLongestHeader = 1 << 20;
constexpr std::uint32_t kLongestBlock = 1 << 30;

std::uint64_t last_u64(std::string_view piece) {
  Decoder in(piece.substr(piece.size() - kChecksum));
  return in.u64();
}

// Whether a piece ends with the checksum of what is before.
bool piece_verifies(std::string_view piece) {
  return checksum(piece.substr(0, piece.size() - kChecksum)) == last_u64(piece);
}

}  // namespace

std::string encode_segment_header(const Lineage& lineage, std::string_view name, std::string_view owner) {
  Encoder body;
  body.raw({reinterpret_cast<const char*>(lineage.bytes.data()), lineage.bytes.size()});
  body.bytes(name);
  body.bytes(owner);
  Encoder out;
  put_tag(out, kTag);
  out.u32(static_cast<std::uint32_t>(body.size()));
  out.raw(body.view());
  out.u64(checksum(out.view()));
  return out.take();
}

std::string encode_segment_block(std::string_view rows, std::uint64_t row_count) {
  invariant(rows.size() <= kLongestBlock && row_count <= ~std::uint32_t{0},
            "a segment block holds a bounded slice");
  std::string packed = lz4_compress(rows);
  const bool compressed = packed.size() < rows.size();
  const std::string_view stored = compressed ? std::string_view(packed) : rows;
  Encoder out;
  out.u32(static_cast<std::uint32_t>(stored.size()));
  out.u32(static_cast<std::uint32_t>(rows.size()));
  out.u32(static_cast<std::uint32_t>(row_count));
  out.boolean(compressed);
  out.raw(stored);
  out.u64(checksum(out.view()));
  return out.take();
}

void SegmentChecksum::add(std::string_view piece) {
  value_ = chain_hash(value_, piece.substr(piece.size() - kChecksum));
}

SegmentDecoder::SegmentDecoder(const SegmentReference& reference, const Lineage& lineage, Block block)
    : reference_(reference), lineage_(lineage), block_(std::move(block)) {}

std::unexpected<Error> SegmentDecoder::corrupt(std::string_view what) const {
  return fail(format("segment {} of {} {}; checkpoints that need it cannot be restored", reference_.name,
                     reference_.owner, what),
              Error::Kind::corrupt);
}

Status SegmentDecoder::feed(std::string_view bytes) {
  bytes_ += bytes.size();
  if (bytes_ > reference_.bytes)
    return corrupt(format("is longer than the {} bytes that its manifest says", reference_.bytes));
  if (waiting_.empty()) {
    if (Status taken = take_pieces(bytes); !taken) return taken;
    waiting_.assign(bytes);
    return {};
  }
  waiting_.append(bytes);
  std::string_view all = waiting_;
  if (Status taken = take_pieces(all); !taken) return taken;
  waiting_.erase(0, waiting_.size() - all.size());
  return {};
}

Status SegmentDecoder::take_pieces(std::string_view& bytes) {
  while (true) {
    Result<bool> taken = header_read_ ? take_block(bytes) : take_header(bytes);
    if (!taken) return pass_on(taken);
    if (!*taken) return {};
  }
}

Result<bool> SegmentDecoder::take_header(std::string_view& bytes) {
  Decoder start(bytes);
  const FormatTag tag = take_tag(start);
  const std::uint32_t length = start.u32();
  if (start.failed()) return false;
  // The length and the place of the checksum are the same in all versions.
  if (length > kLongestHeader) return corrupt("has a damaged header");
  const std::size_t size = kHeaderStart + length + kChecksum;
  if (bytes.size() < size) return false;
  const std::string_view header = bytes.substr(0, size);
  if (!piece_verifies(header)) return corrupt("has a damaged header");
  if (Status readable = check_tag(tag, kTag, format("segment {}", reference_.name)); !readable)
    return pass_on(readable);

  Decoder in(header.substr(kHeaderStart, length));
  Lineage lineage;
  const std::string_view id = in.raw(lineage.bytes.size());
  const std::string_view name = in.bytes();
  const std::string_view owner = in.bytes();
  if (!in.complete()) return corrupt("has a header that does not hold");
  std::memcpy(lineage.bytes.data(), id.data(), id.size());
  if (lineage != lineage_)
    return corrupt(format("belongs to another history (lineage {})", to_text(lineage)));
  if (name != reference_.name || owner != reference_.owner)
    return corrupt(format("says that it is {} of {}", name, owner));
  header_read_ = true;
  checksum_.add(header);
  bytes.remove_prefix(size);
  return true;
}

Result<bool> SegmentDecoder::take_block(std::string_view& bytes) {
  Decoder in(bytes);
  const std::uint32_t stored_size = in.u32();
  const std::uint32_t raw_size = in.u32();
  const std::uint32_t rows = in.u32();
  const std::uint8_t compressed = in.u8();
  if (in.failed()) return false;
  const std::uint64_t size = kBlockStart + std::uint64_t{stored_size} + kChecksum;
  if (stored_size > kLongestBlock || size > reference_.bytes)
    return corrupt(format("is damaged before byte {}", bytes_));
  if (bytes.size() < size) return false;
  const std::string_view piece = bytes.substr(0, size);
  if (!piece_verifies(piece)) return corrupt(format("is damaged before byte {}", bytes_));
  const std::string_view stored = piece.substr(kBlockStart, stored_size);
  checksum_.add(piece);
  rows_ += rows;
  bytes.remove_prefix(size);

  if (compressed > 1 || (compressed == 0 && raw_size != stored_size))
    return corrupt("has a block that does not hold");
  Status used;
  if (compressed == 0) {
    used = block_(stored);
  } else {
    Result<std::string> raw = lz4_decompress(stored, raw_size);
    if (!raw) return corrupt("has a block that does not decompress");
    used = block_(*raw);
  }
  if (!used) return pass_on(used);
  return true;
}

Status SegmentDecoder::finish() {
  if (bytes_ != reference_.bytes)
    return corrupt(format("has {} bytes of the {} that its manifest says", bytes_, reference_.bytes));
  if (!header_read_ || !waiting_.empty()) return corrupt("ends within a block");
  if (rows_ != reference_.rows || checksum_.value() != reference_.checksum)
    return corrupt("is not the one that its manifest names");
  return {};
}

}  // namespace tidemark
