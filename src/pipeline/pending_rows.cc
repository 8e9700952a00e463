// The part of Delivery that a checkpoint keeps: results that are in memory alone, as rows of a segment.
#include <algorithm>

#include "base/format.h"
#include "pipeline/delivery.h"
#include "pipeline/result_codec.h"
#include "state/row.h"

namespace tidemark {

namespace {

constexpr std::uint8_t kPendingVersion = 1;  // of the rows that a checkpoint keeps for the sink

}  // namespace

std::string Delivery::pending_rows(Position through, std::uint64_t& count) const {
  std::string out;
  Encoder key, payload;
  const auto append = [&](const Waiting& row) {
    key.clear();
    key.bytes(row.channel->uid);
    key.u8(static_cast<std::uint8_t>(row.channel->kind));
    key.varint(row.number.value);
    payload.clear();
    payload.u8(kPendingVersion);
    for (const std::uint8_t byte : row.channel->lineage.bytes) payload.u8(byte);
    payload.u32(row.channel->timeline.value);
    payload.u64(row.chain);
    payload.varint(row.position.value);
    payload.bytes(row.bytes);
    append_row(out, {.key = key.view(), .erased = false, .payload = payload.view()});
    ++count;
  };
  for (std::size_t i = flight_.stored(); i < flight_.rows.size(); ++i)
    if (flight_.rows[i].position <= through) append(flight_.rows[i]);
  ResultQueue::Reader waiting = queue_.reader();
  for (const Waiting* row = waiting.next(); row != nullptr && row->position <= through; row = waiting.next())
    append(*row);
  return out;
}

Status Delivery::restore_pending(std::string_view rows, const FindSchema& find) {
  Decoder in(rows);
  Row row;
  std::uint64_t given_up = 0;
  while (take_row(in, row)) {
    Decoder key(row.key), payload(row.payload);
    const std::string uid(key.bytes());
    const auto kind = static_cast<ChannelKind>(key.u8());
    const ResultNumber number{key.varint()};
    if (const std::uint8_t version = payload.u8(); version > kPendingVersion)
      return fail(format("a waiting result of sink \"{}\" has version {}, this program reads up to {}",
                         settings_.name, version, kPendingVersion));
    Lineage lineage;
    for (std::uint8_t& byte : lineage.bytes) byte = payload.u8();
    const Timeline timeline{payload.u32()};
    const std::uint64_t chain = payload.u64();
    const Position position{payload.varint()};
    const std::string_view bytes = payload.bytes();
    if (!key.complete() || !payload.complete())
      return fail("a waiting result of sink \"" + settings_.name + "\" does not decode",
                  Error::Kind::corrupt);
    const ResultSchema* schema = find(uid, kind);
    if (schema != nullptr) schema = known_schema(*schema);
    std::vector<Value> values(schema != nullptr ? schema->columns.size() : 0);
    if (schema == nullptr || !decode_values(bytes, values)) {  // it is gone, or has other columns now
      ++given_up;
      continue;
    }
    queue_.push({schema, issued(*schema, lineage, timeline), number, chain, position, bytes});
    flush_through_ = std::max(flush_through_, position);  // overdue since that checkpoint
  }
  if (in.failed())
    return fail("waiting results of sink \"" + settings_.name + "\" do not decode", Error::Kind::corrupt);
  if (given_up != 0)
    doors_.log.error(subject(),
                     format("{} results that waited are given up: their pipeline is no longer configured, or "
                            "has other columns",
                            given_up));
  return {};
}

}  // namespace tidemark
