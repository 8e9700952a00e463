#include "pipeline/undelivered.h"

#include <algorithm>
#include <limits>

#include "base/bytes.h"
#include "base/format.h"
#include "sinks/outbox_format.h"
#include "state/row.h"

namespace tidemark {

UndeliveredReader::UndeliveredReader(Files& files, Delivery::Undelivered of, Past past)
    : of_(std::move(of)), past_(std::move(past)), reader_(files, of_.folder, of_.first, of_.end) {}

bool UndeliveredReader::counts(const OutboxRow& row) const {
  const ChannelId& channel = row.origin->schema.channel;
  const auto held = of_.held.find(channel);
  if (held != of_.held.end() && row.number <= held->second.number) return false;
  if (channel.lineage != past_.lineage) return true;
  return row.position <= past_.through && past_.ancestry.contains(channel.timeline, row.position);
}

Result<std::vector<OutboxRow>> UndeliveredReader::next() {
  while (part_ != Part::end) {
    std::vector<OutboxRow> rows;
    if (part_ == Part::outbox) {
      auto read = reader_.next();
      if (!read) return pass_on(read);
      rows = std::move(*read);
      if (rows.empty()) part_ = Part::after;
    } else {
      rows = std::move(part_ == Part::before ? of_.before : of_.after);
      part_ = part_ == Part::before ? Part::outbox : Part::end;
    }
    std::erase_if(rows, [this](const OutboxRow& row) { return !counts(row); });
    if (!rows.empty()) return rows;
  }
  return std::vector<OutboxRow>();
}

std::vector<Delivery::Undelivered> other_outboxes(Files& files, const std::string& outboxes,
                                                  const std::set<std::string>& known) {
  std::vector<Delivery::Undelivered> out;
  auto names = files.list(outboxes);
  if (!names) return out;
  for (const std::string& name : *names)
    if (!known.contains(name))
      out.push_back({.sink = name,
                     .folder = join_path(outboxes, name),
                     .first = 0,
                     .end = std::numeric_limits<std::uint64_t>::max(),
                     .before = {},
                     .after = {},
                     .held = {}});
  return out;
}

std::string encode_undelivered(std::span<const OutboxRow> rows, std::uint64_t first) {
  OutboxBlock block;
  for (const OutboxRow& row : rows) block.add(row);
  Encoder key;
  key.varint(first);
  std::string out;
  append_row(out, {.key = key.view(), .erased = false, .payload = block.finish(first)});
  return out;
}

Status decode_undelivered(std::string_view bytes, std::vector<OutboxRow>& rows) {
  Decoder in(bytes);
  Row row;
  while (take_row(in, row)) {
    Decoder key(row.key);
    const std::uint64_t first = key.varint();
    const auto length = take_outbox_block(row.payload, first, rows);
    if (!key.complete() || !length || *length != row.payload.size())
      return fail("results that wait do not decode", Error::Kind::corrupt);
  }
  if (in.failed()) return fail("results that wait do not decode", Error::Kind::corrupt);
  return {};
}

UndeliveredArrival::UndeliveredArrival(Files& files, std::string folder, DeliveryMode mode)
    : outbox_(files, {.folder = std::move(folder), .buffer = std::numeric_limits<std::uint64_t>::max()}),
      mode_(mode) {}

Status UndeliveredArrival::open() {
  if (std::exchange(open_, true)) return {};
  return outbox_.open();
}

// The numbers of a channel ascend, so what it has had is known by the last of them; not in at-least-once
// mode, where a number may stand for several results.
Status UndeliveredArrival::take(std::span<const OutboxRow> rows) {
  if (Status opened = open(); !opened) return opened;
  std::vector<OutboxRow> lacking;
  for (const OutboxRow& row : rows) {
    const auto had = outbox_.marks().find(row.origin->schema.channel);
    if (mode_ == DeliveryMode::at_least_once || had == outbox_.marks().end() ||
        had->second.number < row.number)
      lacking.push_back(row);
  }
  auto appended = outbox_.append(lacking);
  if (!appended) return pass_on(appended);
  taken_ += appended->taken;
  return {};
}

Status UndeliveredArrival::finish() {
  return open_ ? outbox_.close() : Status();
}

}  // namespace tidemark
