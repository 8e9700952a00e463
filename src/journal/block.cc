#include "journal/block.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/compression.h"
#include "base/disk_format.h"
#include "base/format.h"
#include "base/invariant.h"

namespace tidemark {

namespace {

constexpr FormatTag kTag{{'T', 'M', 'J', 'B'}, 1, 0, 1, BlockHeader::kSize};
constexpr std::size_t kChecked = 16;  // where what the header's checksum covers begins
constexpr std::size_t kSmallestBuffer = 4 << 10;

// The first byte of an entry: its kind, and what is left out because it is as before, or absent.
constexpr unsigned kKindMask = 0x0f;
constexpr unsigned kNewSource = 0x10;
constexpr unsigned kNewTime = 0x20;
constexpr unsigned kHasResume = 0x40;
constexpr unsigned kHasTopic = 0x80;
constexpr unsigned kNameOfSource = 0;  // instead of a kind: gives the next number of this block to a name

// The most that an entry takes beside its three strings.
constexpr std::size_t kEntryOverhead = 1 + 3 + 10 + 3 * 10;

std::uint64_t load_u64(const char* from) {
  std::uint64_t v = 0;
  for (unsigned i = 0; i < 8; ++i)
    v |= static_cast<std::uint64_t>(static_cast<unsigned char>(from[i])) << (8 * i);
  return v;
}

std::uint64_t header_checksum(std::string_view header) {
  return checksum(header.substr(kChecked), load_u64(header.data()));
}

std::uint64_t stored_checksum(const Lineage& lineage, RunId run, std::string_view stored) {
  std::string place(lineage.bytes.begin(), lineage.bytes.end());
  return checksum(stored, checksum(place, run.value));
}

char* put_varint(char* at, std::uint64_t v) {
  while (v >= 0x80) {
    *at++ = static_cast<char>(v | 0x80);
    v >>= 7;
  }
  *at++ = static_cast<char>(v);
  return at;
}

char* put_bytes(char* at, std::string_view bytes) {
  at = put_varint(at, bytes.size());
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

std::uint64_t zigzag(std::uint64_t difference) {
  return (difference << 1) ^ (0 - (difference >> 63));
}
std::uint64_t unzigzag(std::uint64_t v) {
  return (v >> 1) ^ (0 - (v & 1));
}

}  // namespace

Result<BlockHeader> decode_block_header(std::string_view bytes) {
  Decoder tag_in(bytes);
  const FormatTag tag = take_tag(tag_in);
  if (tag_in.failed() || tag.extra < kChecked || bytes.size() < tag.extra)
    return fail("no journal block", Error::Kind::corrupt);
  const std::string_view header = bytes.substr(0, tag.extra);
  if (std::string_view(tag.magic.data(), tag.magic.size()) != BlockHeader::kMagic ||
      load_u64(header.data() + FormatTag::kSize) != header_checksum(header))
    return fail("no journal block", Error::Kind::corrupt);
  // What follows was written as it stands: a version from the future is no damage.
  if (auto readable = check_tag(tag, kTag, "journal"); !readable) return pass_on(readable);
  if (header.size() != BlockHeader::kSize) return fail("no journal block", Error::Kind::corrupt);

  Decoder in(header.substr(kChecked));
  BlockHeader h;
  const std::string_view lineage = in.raw(h.lineage.bytes.size());
  std::memcpy(h.lineage.bytes.data(), lineage.data(), lineage.size());
  h.timeline.value = in.u32();
  h.run.value = in.u32();
  h.first.value = in.u64();
  h.durable.value = in.u64();
  h.count = in.u32();
  h.raw_bytes = in.u32();
  h.stored_bytes = in.u32();
  const std::uint32_t compression = in.u32();
  h.compressed = compression == 1;
  h.first_time = time_from_ns<JournalTime>(in.i64());
  h.last_time = time_from_ns<JournalTime>(in.i64());
  h.checksum = in.u64();
  const bool sound = in.complete() && compression <= 1 && h.count > 0 && h.first.value > 0 &&
                     h.first.value <= ~std::uint64_t{0} - h.count && h.durable < h.first;
  if (!sound) return fail("no journal block", Error::Kind::corrupt);
  return h;
}

bool block_verifies(const BlockHeader& header, std::string_view stored) {
  return stored.size() == header.stored_bytes &&
         stored_checksum(header.lineage, header.run, stored) == header.checksum;
}

Result<std::string> unpack_block(const BlockHeader& header, std::string_view stored) {
  if (header.compressed) return lz4_decompress(stored, header.raw_bytes);
  if (stored.size() != header.raw_bytes)
    return fail("journal block is not as long as its header says", Error::Kind::corrupt);
  return std::string(stored);
}

std::string seal_block(const RawBlock& raw, const BlockStamp& stamp, bool compress) {
  std::string packed;
  std::string_view stored = raw.bytes();
  bool compressed = false;
  if (compress) {
    packed = lz4_compress(raw.bytes());
    compressed = packed.size() < raw.size;
    if (compressed) stored = packed;
  }

  Encoder checked;
  checked.raw({reinterpret_cast<const char*>(stamp.lineage.bytes.data()), stamp.lineage.bytes.size()});
  checked.u32(stamp.timeline.value);
  checked.u32(stamp.run.value);
  checked.u64(stamp.first.value);
  checked.u64(stamp.durable.value);
  checked.u32(raw.count);
  checked.u32(static_cast<std::uint32_t>(raw.size));
  checked.u32(static_cast<std::uint32_t>(stored.size()));
  checked.u32(compressed ? 1 : 0);
  checked.i64(to_ns(raw.first_time));
  checked.i64(to_ns(raw.last_time));
  checked.u64(stored_checksum(stamp.lineage, stamp.run, stored));

  Encoder tag;
  put_tag(tag, kTag);
  Encoder out;
  out.raw(tag.view());
  out.u64(checksum(checked.view(), load_u64(tag.view().data())));
  out.raw(checked.view());
  invariant(out.size() == BlockHeader::kSize, "a block header has its fixed size");
  std::string block = out.take();
  block.reserve(block.size() + stored.size());
  block.append(stored);
  return block;
}

void BlockBuilder::grow(std::size_t room) {
  std::size_t capacity = std::max(raw_.capacity * 2, kSmallestBuffer);
  while (capacity - raw_.size < room) capacity *= 2;
  auto buffer = std::make_unique_for_overwrite<char[]>(capacity);
  if (raw_.size > 0) std::memcpy(buffer.get(), raw_.buffer.get(), raw_.size);
  raw_.buffer = std::move(buffer);
  raw_.capacity = capacity;
}

std::uint16_t BlockBuilder::local_number(std::uint16_t source, const SourceTable& sources) {
  if (source == 0) return 0;
  if (source >= local_.size()) local_.resize(source + 1u);
  if (local_[source] != 0) return local_[source];
  const std::string& name = sources.name(source);
  if (raw_.capacity - raw_.size < kEntryOverhead + name.size()) grow(kEntryOverhead + name.size());
  char* at = raw_.buffer.get() + raw_.size;
  *at++ = static_cast<char>(kNameOfSource);
  raw_.size = static_cast<std::size_t>(put_bytes(at, name) - raw_.buffer.get());
  named_.push_back(source);
  return local_[source] = static_cast<std::uint16_t>(named_.size());
}

void BlockBuilder::add(const Entry& entry, const SourceTable& sources) {
  unsigned first = static_cast<unsigned>(entry.kind);
  std::uint16_t local = 0;
  if (entry.source != last_source_) {
    first |= kNewSource;
    local = local_number(entry.source, sources);
    last_source_ = entry.source;
  }
  const std::size_t room = kEntryOverhead + entry.resume.size() + entry.topic.size() + entry.payload.size();
  if (raw_.capacity - raw_.size < room) [[unlikely]]
    grow(room);

  if (raw_.count == 0) raw_.first_time = raw_.last_time = entry.time;
  const std::uint64_t later =
      static_cast<std::uint64_t>(to_ns(entry.time)) - static_cast<std::uint64_t>(to_ns(raw_.last_time));
  if (later != 0) first |= kNewTime;
  if (!entry.resume.empty()) first |= kHasResume;
  if (!entry.topic.empty()) first |= kHasTopic;

  char* at = raw_.buffer.get() + raw_.size;
  *at++ = static_cast<char>(first);
  if (first & kNewSource) at = put_varint(at, local);
  if (first & kNewTime) at = put_varint(at, zigzag(later));
  if (first & kHasResume) at = put_bytes(at, entry.resume);
  if (first & kHasTopic) at = put_bytes(at, entry.topic);
  at = put_bytes(at, entry.payload);
  raw_.size = static_cast<std::size_t>(at - raw_.buffer.get());
  raw_.last_time = entry.time;
  ++raw_.count;
}

RawBlock BlockBuilder::take(RawBlock spare) {
  RawBlock taken = std::move(raw_);
  raw_ = RawBlock{};
  raw_.buffer = std::move(spare.buffer);
  raw_.capacity = raw_.buffer ? spare.capacity : 0;
  for (const std::uint16_t source : named_) local_[source] = 0;
  named_.clear();
  last_source_ = 0;
  return taken;
}

BlockEntries::BlockEntries(std::string_view raw, const BlockHeader& header, SourceTable& sources)
    : at_(raw.data()),
      end_(raw.data() + raw.size()),
      time_(static_cast<std::uint64_t>(to_ns(header.first_time))),
      left_(header.count),
      sources_(sources) {}

bool BlockEntries::take_varint(std::uint64_t& value) {
  if (at_ != end_ && static_cast<unsigned char>(*at_) < 0x80) {
    value = static_cast<unsigned char>(*at_++);
    return true;
  }
  std::uint64_t v = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at_ == end_) return fail_here();
    const unsigned char b = static_cast<unsigned char>(*at_++);
    if (shift == 63 && b > 1) return fail_here();
    v |= static_cast<std::uint64_t>(b & 0x7f) << shift;
    if (b < 0x80) {
      value = v;
      return true;
    }
  }
  return fail_here();
}

bool BlockEntries::take_bytes(std::string_view& bytes) {
  std::uint64_t size = 0;
  if (!take_varint(size)) return false;
  if (size > static_cast<std::size_t>(end_ - at_)) return fail_here();
  bytes = {at_, static_cast<std::size_t>(size)};
  at_ += bytes.size();
  return true;
}

bool BlockEntries::take_name() {
  std::string_view name;
  if (!take_bytes(name)) return false;
  if (names_.size() >= SourceTable::kLimit || sources_.size() >= SourceTable::kLimit) return fail_here();
  names_.push_back(sources_.number(name));
  return true;
}

bool BlockEntries::next(Entry& entry) {
  if (failed_) return false;
  if (left_ == 0) return at_ == end_ ? false : fail_here();
  if (at_ == end_) return fail_here();
  unsigned first = static_cast<unsigned char>(*at_++);
  while ((first & kKindMask) == kNameOfSource) {
    if (first != kNameOfSource || !take_name()) return fail_here();
    if (at_ == end_) return fail_here();
    first = static_cast<unsigned char>(*at_++);
  }
  const unsigned kind = first & kKindMask;
  if (kind > static_cast<unsigned>(kLastEntryKind)) return fail_here();
  entry.kind = static_cast<EntryKind>(kind);

  std::uint64_t v = 0;
  if (first & kNewSource) {
    if (!take_varint(v)) return false;
    if (v > names_.size()) return fail_here();
    source_ = v == 0 ? std::uint16_t{0} : names_[v - 1];
  }
  if (first & kNewTime) {
    if (!take_varint(v)) return false;
    time_ += unzigzag(v);
  }
  entry.source = source_;
  entry.time = time_from_ns<JournalTime>(static_cast<std::int64_t>(time_));
  entry.resume = entry.topic = {};
  if ((first & kHasResume) && !take_bytes(entry.resume)) return false;
  if ((first & kHasTopic) && !take_bytes(entry.topic)) return false;
  if (!take_bytes(entry.payload)) return false;
  --left_;
  return true;
}

}  // namespace tidemark
