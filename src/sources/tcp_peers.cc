#include "sources/tcp_peers.h"

#include <algorithm>

#include "base/format.h"
#include "base/invariant.h"
#include "base/json.h"

namespace tidemark {
namespace {

constexpr std::uint8_t kIntroduction = 1;
constexpr std::uint8_t kLines = 2;
constexpr std::uint8_t kSavedVersion = 1;
constexpr std::size_t kLongestName = 256;
constexpr std::size_t kLongestIntroduction = 4096;
constexpr std::size_t kMostMarks = 1024;

}  // namespace

std::optional<Result<Introduction>> parse_introduction(std::string_view line) {
  if (line.size() > kLongestIntroduction || line.find("\"peer\"") == std::string_view::npos)
    return std::nullopt;
  const Result<JsonValue> parsed = JsonValue::parse(line);
  if (!parsed || parsed->type != JsonValue::Type::object) return std::nullopt;
  Introduction introduction;
  bool named = false;
  for (const auto& [name, value] : parsed->members) {
    if (value.type != JsonValue::Type::text) return std::nullopt;
    if (name == "peer") {
      introduction.peer = value.text;
      named = true;
    } else if (name == "stream") {
      introduction.stream = value.text;
    } else {
      return std::nullopt;
    }
  }
  if (!named) return std::nullopt;
  if (introduction.peer.empty()) return fail("the name of the peer is empty");
  if (introduction.peer.size() > kLongestName || introduction.stream.size() > kLongestName)
    return fail(format("the name of a peer or stream is longer than {} bytes", kLongestName));
  return introduction;
}

std::optional<PeerTable::Slot> PeerTable::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

std::optional<PeerTable::Slot> PeerTable::slot_for(std::string_view name,
                                                   const std::function<bool(Slot)>& connected) const {
  if (const auto own = find(name)) return own;
  if (peers_.size() < limit_) return static_cast<Slot>(peers_.size());
  std::optional<Slot> oldest;
  for (Slot slot = 0; slot < peers_.size(); ++slot) {
    if (connected(slot)) continue;
    if (!oldest || peers_[slot].last < peers_[*oldest].last) oldest = slot;
  }
  return oldest;
}

std::string PeerTable::introduction_event(Slot slot, const Introduction& introduction) {
  Encoder out;
  out.u8(kIntroduction);
  out.varint(slot);
  out.bytes(introduction.peer);
  out.bytes(introduction.stream);
  return out.take();
}

std::string PeerTable::lines_event(Slot slot, std::uint64_t lines) {
  Encoder out;
  out.u8(kLines);
  out.varint(slot);
  out.varint(lines);
  return out.take();
}

std::string PeerTable::record_resume(Slot slot, std::uint64_t lines) {
  Encoder out;
  out.varint(slot);
  out.varint(lines);
  return out.take();
}

void PeerTable::add_lines(Position position, std::uint64_t slot, std::uint64_t lines) {
  if (slot >= peers_.size()) return;  // an entry of a configuration without introductions
  peers_[slot].lines += lines;
  peers_[slot].last = position;
}

void PeerTable::remember_record(Position position, std::string_view resume) {
  if (resume.empty()) return;  // a peer without a name
  Decoder in(resume);
  const std::uint64_t slot = in.varint();
  const std::uint64_t lines = in.varint();
  if (in.complete()) add_lines(position, slot, lines);
}

void PeerTable::remember_event(Position position, std::string_view payload) {
  Decoder in(payload);
  const std::uint8_t kind = in.u8();
  const std::uint64_t slot = in.varint();
  if (kind == kLines) {
    const std::uint64_t lines = in.varint();
    if (in.complete()) add_lines(position, slot, lines);
    return;
  }
  Peer peer;
  peer.name = in.bytes();
  peer.stream = in.bytes();
  peer.last = position;
  if (kind != kIntroduction || !in.complete() || slot > peers_.size()) return;
  if (slot == peers_.size()) {
    peers_.emplace_back();
  } else {
    by_name_.erase(peers_[slot].name);
  }
  by_name_[peer.name] = static_cast<Slot>(slot);
  peers_[slot] = std::move(peer);
}

void PeerTable::gone_back_to(Position at) {
  for (Peer& peer : peers_) peer.last = std::min(peer.last, at);
}

void PeerTable::save(Encoder& out) const {
  out.u8(kSavedVersion);
  out.varint(peers_.size());
  for (const Peer& peer : peers_) {
    out.bytes(peer.name);
    out.bytes(peer.stream);
    out.varint(peer.lines);
    out.u64(peer.last.value);
  }
}

bool PeerTable::load(Decoder& in) {
  if (in.u8() != kSavedVersion) return false;
  const std::uint64_t count = in.varint();
  std::vector<Peer> peers;
  std::map<std::string, Slot, std::less<>> by_name;
  for (std::uint64_t i = 0; i < count && !in.failed(); ++i) {
    Peer peer;
    peer.name = in.bytes();
    peer.stream = in.bytes();
    peer.lines = in.varint();
    peer.last = Position{in.u64()};
    if (!by_name.emplace(peer.name, static_cast<Slot>(i)).second) return false;
    peers.push_back(std::move(peer));
  }
  if (in.failed()) return false;
  peers_ = std::move(peers);
  by_name_ = std::move(by_name);
  return true;
}

void AckMarks::reached(Position position, std::uint64_t lines) {
  if (marked_ == lines) return;
  marked_ = lines;
  if (!marks_.empty() && marks_.back().position == position) {
    marks_.back().lines = lines;
    return;
  }
  if (marks_.size() == kMostMarks) marks_.pop_back();
  marks_.push_back(Mark{position, lines});
}

std::optional<std::uint64_t> AckMarks::take(Position safe) {
  std::optional<std::uint64_t> lines;
  while (!marks_.empty() && marks_.front().position <= safe) {
    lines = marks_.front().lines;
    marks_.pop_front();
  }
  return lines;
}

}  // namespace tidemark
