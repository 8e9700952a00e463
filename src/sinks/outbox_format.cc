#include "sinks/outbox_format.h"

#include <algorithm>
#include <charconv>

#include "base/checksum.h"
#include "base/disk_format.h"
#include "base/format.h"

namespace tidemark {
namespace {

constexpr FormatTag kSegmentTag{
    .magic = {'T', 'M', 'O', 'B'}, .version = 1, .needs_major = 0, .needs_minor = 1, .extra = 0};
constexpr FormatTag kStateTag{
    .magic = {'T', 'M', 'O', 'S'}, .version = 1, .needs_major = 0, .needs_minor = 1, .extra = 0};
constexpr std::size_t kNameLength = 16;

auto corrupt(std::string_view what) {
  return fail(std::string(what), Error::Kind::corrupt);
}

void put_origin(Encoder& out, const OutboxOrigin& origin) {
  const ResultSchema& schema = origin.schema;
  out.bytes(to_text(schema.channel));
  out.bytes(schema.pipeline);
  out.bytes(origin.id_prefix);
  out.varint(schema.identity);
  out.varint(schema.columns.size());
  for (const ResultColumn& column : schema.columns) {
    out.bytes(column.name);
    out.u8(static_cast<std::uint8_t>(column.kind));
  }
}

std::shared_ptr<const OutboxOrigin> take_origin(Decoder& in) {
  auto origin = std::make_shared<OutboxOrigin>();
  ResultSchema& schema = origin->schema;
  Result<ChannelId> channel = parse_channel(in.bytes());
  if (!channel) return nullptr;
  schema.channel = std::move(*channel);
  schema.pipeline = in.bytes();
  origin->id_prefix = in.bytes();
  schema.identity = in.varint();
  for (std::uint64_t columns = in.varint(); columns > 0 && !in.failed(); --columns) {
    ResultColumn column{std::string(in.bytes())};
    const std::uint8_t kind = in.u8();
    if (kind > static_cast<std::uint8_t>(ResultColumn::Kind::json)) return nullptr;
    column.kind = static_cast<ResultColumn::Kind>(kind);
    schema.columns.push_back(std::move(column));
  }
  if (in.failed() || schema.identity > schema.columns.size()) return nullptr;
  return origin;
}

}  // namespace

std::string outbox_segment_name(std::uint64_t first) {
  return format("{:016x}", first);
}

std::optional<std::uint64_t> outbox_segment_first(std::string_view name) {
  std::uint64_t first = 0;
  if (name.size() != kNameLength) return std::nullopt;
  const auto read = std::from_chars(name.data(), name.data() + name.size(), first, 16);
  if (read.ec != std::errc() || read.ptr != name.data() + name.size()) return std::nullopt;
  return first;
}

std::string outbox_segment_header(std::uint64_t first) {
  Encoder out;
  put_tag(out, kSegmentTag);
  out.u64(first);
  out.u64(checksum(out.view()));
  return out.take();
}

Result<std::size_t> take_outbox_segment_header(std::string_view bytes, std::uint64_t first,
                                               std::string_view where) {
  Decoder in(bytes);
  if (Status known = check_tag(take_tag(in), kSegmentTag, where); !known) return pass_on(known);
  const std::uint64_t its_first = in.u64();
  if (in.u64() != checksum(bytes.substr(0, std::min<std::size_t>(bytes.size(), kOutboxSegmentHeader - 8))) ||
      in.failed() || its_first != first)
    return corrupt("its header is damaged");
  return kOutboxSegmentHeader;
}

void OutboxBlock::add(const OutboxRow& row) {
  std::size_t index = 0;
  while (index < known_.size() && known_[index] != row.origin.get()) ++index;
  if (index == known_.size()) {
    known_.push_back(row.origin.get());
    put_origin(origins_, *row.origin);
  }
  body_.varint(index);
  body_.varint(row.number.value);
  body_.u64(row.chain);
  body_.varint(row.position.value);
  body_.bytes(row.bytes);
  ++rows_;
}

std::string OutboxBlock::finish(std::uint64_t sequence) {
  Encoder count;
  count.varint(known_.size());
  Encoder out;
  out.u32(static_cast<std::uint32_t>(count.size() + origins_.size() + body_.size()));
  out.u32(static_cast<std::uint32_t>(rows_));
  std::string covered(out.view());
  covered.append(count.view()).append(origins_.view()).append(body_.view());
  out.u64(checksum(covered, sequence));
  out.raw(std::string_view(covered).substr(8));
  return out.take();
}

std::uint32_t outbox_block_length(std::string_view header) {
  return Decoder(header).u32();
}

Result<std::size_t> take_outbox_block(std::string_view bytes, std::uint64_t sequence,
                                      std::vector<OutboxRow>& rows) {
  Decoder in(bytes);
  const std::uint32_t length = in.u32(), count = in.u32();
  const std::uint64_t sum = in.u64();
  const std::string_view body = in.raw(length);
  if (in.failed()) return corrupt("a block is cut short");
  std::string covered(bytes.substr(0, 8));
  covered.append(body);
  if (checksum(covered, sequence) != sum) return corrupt("the checksum of a block is wrong");
  Decoder of(body);
  std::vector<std::shared_ptr<const OutboxOrigin>> origins;
  for (std::uint64_t left = of.varint(); left > 0; --left) {
    origins.push_back(take_origin(of));
    if (!origins.back()) return corrupt("a block does not decode");
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    OutboxRow row;
    const std::uint64_t index = of.varint();
    row.number.value = of.varint();
    row.chain = of.u64();
    row.position.value = of.varint();
    row.bytes = of.bytes();
    if (of.failed() || index >= origins.size()) return corrupt("a block does not decode");
    row.origin = origins[index];
    rows.push_back(std::move(row));
  }
  if (!of.complete()) return corrupt("a block does not decode");
  return kOutboxBlockHeader + length;
}

std::string encode(const OutboxState& state) {
  Encoder out;
  put_tag(out, kStateTag);
  out.u64(state.first);
  out.u64(state.end);
  out.u64(state.dropped);
  out.varint(state.marks.size());
  for (const auto& [channel, mark] : state.marks) {
    out.bytes(to_text(channel));
    out.u64(mark.number.value);
    out.u64(mark.chain);
  }
  out.u64(checksum(out.view()));
  return out.take();
}

Result<OutboxState> decode_outbox_state(std::string_view bytes, std::string_view where) {
  const auto damaged = [&] { return corrupt(format("read {}: it is damaged", where)); };
  Decoder in(bytes);
  if (Status known = check_tag(take_tag(in), kStateTag, where); !known) {
    if (known.error().kind == Error::Kind::corrupt) return damaged();
    return pass_on(known);
  }
  if (bytes.size() < FormatTag::kSize + 8) return damaged();
  const std::string_view covered = bytes.substr(0, bytes.size() - 8);
  if (Decoder(bytes.substr(covered.size())).u64() != checksum(covered)) return damaged();
  OutboxState state;
  state.first = in.u64();
  state.end = in.u64();
  state.dropped = in.u64();
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
    Result<ChannelId> channel = parse_channel(in.bytes());
    if (!channel) return damaged();
    ChannelMark mark;
    mark.number.value = in.u64();
    mark.chain = in.u64();
    state.marks.emplace(std::move(*channel), mark);
  }
  in.u64();
  if (!in.complete() || state.first == 0 || state.end < state.first) return damaged();
  return state;
}

}  // namespace tidemark
