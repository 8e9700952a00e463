#include "pipeline/result_queue.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/checksum.h"
#include "base/invariant.h"

namespace tidemark {
namespace {

constexpr std::size_t kBlock = 32 << 10;

// Of a row's first byte.
constexpr std::uint8_t kOtherOrigin = 1;  // which, and how many columns
constexpr std::uint8_t kOtherNumber = 2;  // than the next one
constexpr std::uint8_t kOtherPosition = 4;
constexpr std::uint8_t kOtherChain = 8;  // than follows from the row before and this one's bytes

// As in result_codec.h, and one more.
constexpr char kInteger = 3;
constexpr char kReal = 4;
constexpr char kText = 5;
constexpr char kHundredths = 6;  // a float of at most two decimals
constexpr char kNothing = -1;    // what stood there before the first row

std::uint64_t take_varint(const char*& at) {
  std::uint64_t v = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto b = static_cast<unsigned char>(*at++);
    v |= static_cast<std::uint64_t>(b & 0x7f) << shift;
    if ((b & 0x80) == 0) return v;
  }
}

void put_varint(char*& to, std::uint64_t v) {
  for (; v >= 0x80; v >>= 7) *to++ = static_cast<char>(v | 0x80);
  *to++ = static_cast<char>(v);
}

std::uint64_t zigzag(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}
std::int64_t from_zigzag(std::uint64_t v) {
  return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
}

std::uint64_t read_u64(const char* at) {
  std::uint64_t v = 0;
  for (unsigned i = 0; i < 8; ++i)
    v |= static_cast<std::uint64_t>(static_cast<unsigned char>(at[i])) << (8 * i);
  return v;
}
char* write_u64(char* to, std::uint64_t v) {
  for (unsigned i = 0; i < 8; ++i) to[i] = static_cast<char>(v >> (8 * i));
  return to + 8;
}

// A value as result_codec.h writes it.
struct Column {
  char tag = 0;
  std::uint64_t bits = 0;  // of a number
  std::string_view text;
};

// `at` is not at the end.
Column take_column(const char*& at) {
  Column column{.tag = *at++, .bits = 0, .text = {}};
  if (column.tag == kText) {
    const auto size = static_cast<std::size_t>(take_varint(at));
    column.text = {at, size};
    at += size;
  } else if (column.tag == kInteger || column.tag == kReal) {
    column.bits = read_u64(at);
    at += 8;
  }
  return column;
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t i = 0;
  for (; i + 8 <= most; i += 8)
    if (const std::uint64_t other = read_u64(a.data() + i) ^ read_u64(b.data() + i))
      return i + static_cast<std::size_t>(std::countr_zero(other)) / 8;
  while (i < most && a[i] == b[i]) ++i;
  return i;
}

// The number of hundredths that is exactly this float again.
bool hundredths(double d, std::int64_t& out) {
  if (!(std::fabs(d) < 1e13)) return false;
  out = static_cast<std::int64_t>(d * 100 + (d < 0 ? -0.5 : 0.5));
  return std::bit_cast<std::uint64_t>(static_cast<double>(out) / 100) == std::bit_cast<std::uint64_t>(d);
}

// What `column` is, beside what stood in its place before. False when it is the same.
bool put_difference(char*& to, const Column& column, const Column& before) {
  const bool alike = column.tag == before.tag;
  switch (column.tag) {
    case kInteger: {
      if (alike && column.bits == before.bits) return false;
      *to++ = kInteger;
      put_varint(to, zigzag(static_cast<std::int64_t>(column.bits - (alike ? before.bits : 0))));
      return true;
    }
    case kReal: {
      if (alike && column.bits == before.bits) return false;
      std::int64_t digits;
      if (hundredths(std::bit_cast<double>(column.bits), digits)) {
        *to++ = kHundredths;
        put_varint(to, zigzag(digits));
      } else {
        *to++ = kReal;
        to = write_u64(to, column.bits);
      }
      return true;
    }
    case kText: {
      const std::size_t shared = alike ? common_prefix(column.text, before.text) : 0;
      const std::string_view rest = column.text.substr(shared);
      if (alike && rest.empty() && shared == before.text.size()) return false;
      *to++ = kText;
      put_varint(to, shared);
      put_varint(to, rest.size());
      if (!rest.empty()) std::memcpy(to, rest.data(), rest.size());
      to += rest.size();
      return true;
    }
    default:
      if (alike) return false;
      *to++ = column.tag;
      return true;
  }
}

// The inverse. A text's is in two parts.
struct Taken {
  Column column;
  std::string_view rest;  // of the text, behind column.text
};
Taken take_difference(const char*& at, const Column& before) {
  const char tag = *at++;
  switch (tag) {
    case kInteger: {
      const std::uint64_t from = before.tag == kInteger ? before.bits : 0;
      return {{kInteger, from + static_cast<std::uint64_t>(from_zigzag(take_varint(at))), {}}, {}};
    }
    case kHundredths: {
      const double d = static_cast<double>(from_zigzag(take_varint(at))) / 100;
      return {{kReal, std::bit_cast<std::uint64_t>(d), {}}, {}};
    }
    case kReal: {
      at += 8;
      return {{kReal, read_u64(at - 8), {}}, {}};
    }
    case kText: {
      const auto shared = static_cast<std::size_t>(take_varint(at));
      const auto size = static_cast<std::size_t>(take_varint(at));
      at += size;
      return {{kText, 0, before.text.substr(0, shared)}, {at - size, size}};
    }
    default:
      return {{tag, 0, {}}, {}};
  }
}

void append(std::string& out, const Taken& taken) {
  const auto& [column, rest] = taken;
  char few[16];  // a tag with a number, or with a length
  char* to = few;
  *to++ = column.tag;
  if (column.tag == kText) put_varint(to, column.text.size() + rest.size());
  if (column.tag == kInteger || column.tag == kReal) to = write_u64(to, column.bits);
  out.append(few, to);
  if (column.tag == kText) out.append(column.text).append(rest);
}

}  // namespace

std::size_t ResultQueue::origin_of(const Row& row) {
  const Origin origin{row.schema, row.channel};
  std::vector<Origin>& origins = content_.origins;
  const auto at = std::find(origins.rbegin(), origins.rend(), origin);
  if (at != origins.rend()) return static_cast<std::size_t>(origins.rend() - at) - 1;
  origins.push_back(origin);
  return origins.size() - 1;
}

// A row never takes more than this: a header, and of every column a mask's bit, a tag and two lengths.
ResultQueue::Block& ResultQueue::room_for(const Row& row) {
  const std::size_t most = 64 + 3 * row.bytes.size();
  std::deque<Block>& blocks = content_.blocks;
  if (!blocks.empty() && blocks.back().size - blocks.back().used >= most) return blocks.back();
  if (blocks.empty()) content_.origins.clear();
  last_row_ = {};  // a block begins anew
  last_.clear();
  Block& block = blocks.emplace_back();
  block.size = std::max(kBlock, most);
  block.bytes =
      block.size == kBlock && spare_ ? std::move(spare_) : std::make_shared_for_overwrite<char[]>(block.size);
  return block;
}

void ResultQueue::push(const Row& row) {
  Block& block = room_for(row);
  char* const begin = block.bytes.get() + block.used;
  char* to = begin + 1;
  std::uint8_t flags = 0;
  const bool leans = row.schema == last_row_.schema && row.channel == last_row_.channel;
  char* columns_at = nullptr;
  if (!leans) {
    flags |= kOtherOrigin;
    put_varint(to, origin_of(row));
    columns_at = to;
    to += 2;
    last_.clear();
  }
  if (!leans || row.number != last_row_.number.next()) {
    flags |= kOtherNumber;
    put_varint(to, row.number.value);
  }
  if (!leans || row.position != last_row_.position) {
    flags |= kOtherPosition;
    put_varint(to, zigzag(static_cast<std::int64_t>(row.position.value - last_row_.position.value)));
  }
  if (!leans || row.chain != chain_hash(last_row_.chain, row.bytes)) {
    flags |= kOtherChain;
    to = write_u64(to, row.chain);
  }
  *begin = static_cast<char>(flags);

  const char* at = row.bytes.data();
  const char* const end = at + row.bytes.size();
  const char* before = last_.data();
  const char* const before_end = before + last_.size();
  std::uint64_t columns = 0;
  char* mask = nullptr;
  for (; at != end; ++columns) {
    if (columns % 8 == 0) {
      mask = to++;
      *mask = 0;
    }
    const Column its_before = before != before_end ? take_column(before) : Column{kNothing, 0, {}};
    if (put_difference(to, take_column(at), its_before))
      *mask = static_cast<char>(*mask | 1 << (columns % 8));
  }
  invariant(leans ? columns == last_columns_ : columns < 1u << 16, "a schema's rows have its columns");
  if (columns_at != nullptr) {
    columns_at[0] = static_cast<char>(columns);
    columns_at[1] = static_cast<char>(columns >> 8);
  }
  last_columns_ = columns;
  last_.assign(row.bytes);
  last_row_ = row;
  last_row_.bytes = {};
  const auto taken = static_cast<std::size_t>(to - begin);
  block.used += taken;
  bytes_ += taken;
  ++rows_;
}

const ResultQueue::Row& ResultQueue::front() const {
  invariant(!empty(), "an empty queue has no front");
  if (!first_.read_) first_.read();
  return first_.row_;
}

void ResultQueue::pop() {
  front();
  first_.read_ = false;
  --rows_;
  Block& block = content_.blocks.front();
  if (first_.at_ != block.used) return;
  bytes_ -= block.used;
  // One that a snapshot still shows is not written again.
  if (block.size == kBlock && !spare_ && block.bytes.use_count() == 1) {
    std::atomic_thread_fence(std::memory_order_acquire);
    spare_ = std::move(block.bytes);
  }
  content_.blocks.pop_front();
  first_.at_ = 0;
}

ResultQueue::Reader ResultQueue::reader() const {
  if (!empty()) front();
  return first_;
}

std::unique_ptr<const ResultQueue::Snapshot> ResultQueue::snapshot() const {
  return std::make_unique<const Snapshot>(*this);
}

ResultQueue::Snapshot::Snapshot(const ResultQueue& queue) : content_(queue.content_), first_(queue.first_) {
  first_.content_ = &content_;
  first_.row_.schema = nullptr;
  for (Origin& origin : content_.origins) {
    const ChannelId* const its = origin.channel;
    origin.channel = &channels_.emplace_back(*its);
    if (first_.row_.channel == its) first_.row_.channel = origin.channel;
  }
}

const ResultQueue::Row* ResultQueue::Reader::next() {
  if (!read_) {
    if (block_ < content_->blocks.size() && at_ == content_->blocks[block_].used) {
      ++block_;
      at_ = 0;
    }
    if (block_ == content_->blocks.size()) return nullptr;
    read();
  }
  read_ = false;
  row_.bytes = bytes_;  // this one's, should it be a copy
  return &row_;
}

void ResultQueue::Reader::read() {
  const Block& block = content_->blocks[block_];
  if (at_ == 0) {
    row_ = {};
    bytes_.clear();
  }
  const char* at = block.bytes.get() + at_;
  const auto flags = static_cast<std::uint8_t>(*at++);
  std::swap(bytes_, before_);
  bytes_.clear();
  if ((flags & kOtherOrigin) != 0) {
    const Origin& origin = content_->origins[take_varint(at)];
    row_.schema = origin.schema;
    row_.channel = origin.channel;
    columns_ = static_cast<unsigned char>(at[0]) |
               static_cast<std::uint64_t>(static_cast<unsigned char>(at[1])) << 8;
    at += 2;
    before_.clear();
  }
  row_.number = (flags & kOtherNumber) != 0 ? ResultNumber{take_varint(at)} : row_.number.next();
  if ((flags & kOtherPosition) != 0)
    row_.position.value += static_cast<std::uint64_t>(from_zigzag(take_varint(at)));
  const char* const chain_at = at;
  if ((flags & kOtherChain) != 0) at += 8;
  const char* before = before_.data();
  const char* const before_end = before + before_.size();
  unsigned mask = 0;
  for (std::uint64_t i = 0; i < columns_; ++i) {
    if (i % 8 == 0) mask = static_cast<unsigned char>(*at++);
    const Column its_before = before != before_end ? take_column(before) : Column{kNothing, 0, {}};
    if ((mask >> (i % 8) & 1) != 0)
      append(bytes_, take_difference(at, its_before));
    else
      append(bytes_, {its_before, {}});
  }
  row_.chain = (flags & kOtherChain) != 0 ? read_u64(chain_at) : chain_hash(row_.chain, bytes_);
  at_ = static_cast<std::size_t>(at - block.bytes.get());
  row_.bytes = bytes_;
  read_ = true;
}

}  // namespace tidemark
