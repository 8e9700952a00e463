// What a checkpoint keeps for a sink, and how it comes back.
#include "pipeline/pending_rows.h"

#include <algorithm>
#include <utility>

#include "base/format.h"
#include "pipeline/delivery.h"
#include "pipeline/result_codec.h"
#include "state/row.h"

namespace tidemark {

namespace {

constexpr std::uint8_t kPendingVersion = 1;  // of the rows that a checkpoint keeps for the sink

}  // namespace

void PendingRows::append(const ResultQueue::Row& row, std::string& out, Scratch& scratch) {
  auto& [key, payload] = scratch;
  key.clear();
  key.bytes(row.channel->uid);
  key.u8(static_cast<std::uint8_t>(row.channel->kind));
  key.varint(row.number.value);
  payload.clear();
  payload.u8(kPendingVersion);
  const auto& lineage = row.channel->lineage.bytes;
  payload.raw({reinterpret_cast<const char*>(lineage.data()), lineage.size()});
  payload.u32(row.channel->timeline.value);
  payload.u64(row.chain);
  payload.varint(row.position.value);
  payload.bytes(row.bytes);
  append_row(out, {.key = key.view(), .erased = false, .payload = payload.view()});
}

std::string PendingRows::next(std::size_t bytes) {
  std::string out = std::exchange(first_, {});
  while (out.size() < bytes) {
    const ResultQueue::Row* const row = reader_.next();
    if (row == nullptr || row->position > through_) break;
    append(*row, out, scratch_);
  }
  return out;
}

std::unique_ptr<PendingRows> Delivery::pending(Position through) const {
  const Waiting* const oldest = first_in_memory();
  if (oldest == nullptr || oldest->position > through) return nullptr;
  std::string of_flight;
  PendingRows::Scratch scratch;
  for (std::size_t i = flight_.stored(); i < flight_.rows.size(); ++i)
    if (flight_.rows[i].position <= through) PendingRows::append(flight_.rows[i], of_flight, scratch);
  return std::make_unique<PendingRows>(std::move(of_flight), queue_.snapshot(), through);
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
