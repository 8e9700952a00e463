#include "sinks/stream_ledger.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/disk_format.h"
#include "base/format.h"

namespace tidemark {
namespace {

constexpr FormatTag kTag{
    .magic = {'T', 'M', 'T', 'S'}, .version = 1, .needs_major = 0, .needs_minor = 1, .extra = 0};
constexpr std::uint64_t kHead = 4096;  // before the first slot
constexpr std::uint64_t kSmallestSlot = 64u << 10;
constexpr std::uint64_t kLargestSlot = 64u << 20;
constexpr std::uint64_t kSlotFrame = 20;  // generation, length, checksum

std::uint64_t slot_at(std::uint64_t generation, std::uint64_t capacity) {
  return kHead + generation % 2 * capacity;
}

std::string slot_of(std::uint64_t generation, std::string_view body) {
  Encoder out;
  out.u64(generation);
  out.u32(static_cast<std::uint32_t>(body.size()));
  out.raw(body);
  out.u64(checksum(out.view()));
  return out.take();
}

struct Slot {
  std::uint64_t generation = 0;
  std::string_view body;
};
std::optional<Slot> read_slot(std::string_view bytes) {
  Decoder in(bytes);
  Slot slot;
  slot.generation = in.u64();
  const std::uint32_t length = in.u32();
  slot.body = in.raw(length);
  const std::uint64_t sum = in.u64();
  if (in.failed() || sum != checksum(bytes.substr(0, 12 + slot.body.size()))) return std::nullopt;
  return slot;
}

}  // namespace

std::uint64_t StreamState::lines_with_rows() const {
  std::uint64_t all = lines;
  for (const Row& row : rows) all += row.lines;
  return all;
}

Holdings StreamState::holdings_at(std::uint64_t count) const {
  Holdings held = holdings;
  std::uint64_t through = lines;
  for (const Row& row : rows) {
    through += row.lines;
    if (through > count) break;
    held[channels[row.channel]] = {row.number, row.chain};
  }
  return held;
}

std::string encode(const StreamState& state) {
  Encoder out;
  out.bytes(state.stream);
  out.u64(state.lines);
  out.varint(state.holdings.size());
  for (const auto& [channel, mark] : state.holdings) {
    out.bytes(to_text(channel));
    out.u64(mark.number.value);
    out.u64(mark.chain);
  }
  out.varint(state.channels.size());
  for (const ChannelId& channel : state.channels) out.bytes(to_text(channel));
  out.varint(state.rows.size());
  for (const StreamState::Row& row : state.rows) {
    out.varint(row.channel);
    out.varint(row.number.value);
    out.u64(row.chain);
    out.varint(row.lines);
  }
  return out.take();
}

Result<StreamState> decode_stream_state(std::string_view bytes, std::string_view where) {
  const auto damaged = [&] { return fail(format("{} does not decode", where), Error::Kind::corrupt); };
  Decoder in(bytes);
  StreamState state;
  state.stream = in.bytes();
  state.lines = in.u64();
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
    Result<ChannelId> channel = parse_channel(in.bytes());
    if (!channel) return damaged();
    ChannelMark mark;
    mark.number.value = in.u64();
    mark.chain = in.u64();
    state.holdings.emplace(std::move(*channel), mark);
  }
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
    Result<ChannelId> channel = parse_channel(in.bytes());
    if (!channel) return damaged();
    state.channels.push_back(std::move(*channel));
  }
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
    StreamState::Row row;
    row.channel = in.varint();
    row.number.value = in.varint();
    row.chain = in.u64();
    row.lines = in.varint();
    if (row.channel >= state.channels.size()) return damaged();
    state.rows.push_back(row);
  }
  if (!in.complete()) return damaged();
  return state;
}

Result<std::optional<StreamState>> StreamLedger::open() {
  file_.reset();
  generation_ = 0;
  auto file = files_.open(path_, Files::Open::write);
  if (!file && file.error().kind == Error::Kind::not_found) return std::optional<StreamState>();
  if (!file) return pass_on(file);
  // What is read may so far be in the page cache only: of a program that was killed.
  if (Status synced = (*file)->sync(); !synced) return pass_on(synced);
  if (Status synced = files_.sync_directory(parent_path(path_)); !synced) return pass_on(synced);
  const auto damaged = [&](std::string_view what) {
    return fail(
        format(
            "{} {}; it says which results the peer has. Put back a copy, or remove it: then a new stream is "
            "begun, and results since the last checkpoint may come twice",
            path_, what),
        Error::Kind::corrupt);
  };
  Result<std::string> head = (*file)->read_at(0, FormatTag::kSize + 8);
  if (!head) return pass_on(head);
  Decoder in(*head);
  const FormatTag tag = take_tag(in);
  Status known = check_tag(tag, kTag, path_);
  if (!known && known.error().kind == Error::Kind::corrupt) return damaged("is no record of a stream");
  if (!known) return pass_on(known);
  capacity_ = in.u64();
  if (in.failed() || capacity_ < kSmallestSlot || capacity_ > kLargestSlot) return damaged("is damaged");
  std::optional<StreamState> newest;
  for (const std::uint64_t parity : {0u, 1u}) {
    Result<std::string> bytes = (*file)->read_at(slot_at(parity, capacity_), capacity_);
    if (!bytes) return pass_on(bytes);
    const std::optional<Slot> slot = read_slot(*bytes);
    if (!slot || slot->generation < generation_) continue;
    Result<StreamState> state = decode_stream_state(slot->body, path_);
    if (!state) return damaged("does not decode");
    generation_ = slot->generation;
    newest = std::move(*state);
  }
  if (!newest) return damaged("is damaged: neither of its two states matches its checksum");
  file_ = std::move(*file);
  return newest;
}

Status StreamLedger::store(const StreamState& state) {
  const std::string body = encode(state);
  if (file_ && body.size() + kSlotFrame <= capacity_) {
    Status written = overwrite(body);
    // A file that was not synced is not written again.
    if (!written) file_.reset();
    return written;
  }
  return replace(body);
}

Status StreamLedger::overwrite(std::string_view body) {
  const std::uint64_t next = generation_ + 1;
  if (Status written = file_->write_at(slot_at(next, capacity_), slot_of(next, body)); !written)
    return written;
  if (Status synced = file_->sync(); !synced) return synced;
  generation_ = next;
  return {};
}

Status StreamLedger::replace(std::string_view body) {
  file_.reset();
  capacity_ = std::max(capacity_, kSmallestSlot);
  while (capacity_ < body.size() + kSlotFrame) capacity_ *= 2;
  const std::string folder = parent_path(path_);
  if (Status made = files_.make_directories(folder); !made) return made;
  // The folder may be there and not be durable: of a program that was killed before it had synced it.
  if (Status synced = files_.sync_directory(parent_path(folder)); !synced) return synced;
  // Beyond what a slot that failed may have left.
  const std::uint64_t next = generation_ + 2;
  Encoder head;
  put_tag(head, kTag);
  head.u64(capacity_);
  std::string whole(kHead + 2 * capacity_, '\0');
  const std::string slot = slot_of(next, body);
  whole.replace(0, head.size(), head.view());
  whole.replace(slot_at(next, capacity_), slot.size(), slot);
  if (Status written = write_file_atomically(files_, path_, whole); !written) return written;
  auto file = files_.open(path_, Files::Open::write);
  if (!file) return pass_on(file);
  file_ = std::move(*file);
  generation_ = next;
  return {};
}

std::string stream_ledger_path(std::string_view cursor_folder, std::string_view sink) {
  return join_path(cursor_folder, format("{}.stream", sink));
}

}  // namespace tidemark
