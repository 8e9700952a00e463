#include "pipeline/state_layout.h"

#include <algorithm>

#include "base/checksum.h"
#include "base/format.h"

namespace tidemark {
namespace {

void save_texts(const std::vector<std::string>& texts, Encoder& out) {
  out.varint(texts.size());
  for (const std::string& text : texts) out.bytes(text);
}

bool load_texts(Decoder& in, std::vector<std::string>& texts) {
  texts.clear();
  for (std::uint64_t n = in.varint(); n > 0 && !in.failed(); --n) texts.emplace_back(in.bytes());
  return !in.failed();
}

std::string listed(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out.empty() ? "nothing" : out;
}

std::string window_of(const StateLayout& layout) {
  if (layout.kind == StateLayout::Kind::stateless) return "none, and no aggregate";
  return layout.window.empty() ? "none" : layout.window;
}

}  // namespace

void save_layout(const StateLayout& layout, Encoder& out) {
  out.u8(static_cast<std::uint8_t>(layout.kind));
  save_texts(layout.keys, out);
  out.bytes(layout.window);
  out.boolean(layout.pending_flag);
  out.boolean(layout.last_use);
  out.boolean(layout.order);
  out.i64(layout.allowed_lateness_ns);
  save_texts(layout.aggregates, out);
}

bool load_layout(Decoder& in, StateLayout& layout) {
  const std::uint8_t kind = in.u8();
  if (kind > static_cast<std::uint8_t>(StateLayout::Kind::count)) return false;
  layout.kind = static_cast<StateLayout::Kind>(kind);
  if (!load_texts(in, layout.keys)) return false;
  layout.window = in.bytes();
  layout.pending_flag = in.boolean();
  layout.last_use = in.boolean();
  layout.order = in.boolean();
  layout.allowed_lateness_ns = in.i64();
  return load_texts(in, layout.aggregates) && !in.failed();
}

std::uint64_t fingerprint_of(const StateLayout& layout) {
  std::string text;
  const auto add = [&](std::string_view part) { text.append(part).push_back('\n'); };
  for (const std::string& key : layout.keys) add(key);
  add("window");
  if (!layout.window.empty()) add(layout.window);
  for (const std::string& aggregate : layout.aggregates) add(aggregate);
  // What stands beside the aggregates.
  if (layout.last_use) add("ttl");
  if (layout.order) add("in order of making");
  return checksum(text);
}

StateChange compare(const StateLayout& before, const StateLayout& after) {
  StateChange change;
  if (before.kind != after.kind || before.window != after.window) {
    change.kind = StateChange::Kind::other_state;
    change.difference = format("its window was {} and is {}", window_of(before), window_of(after));
    return change;
  }
  if (before.keys != after.keys) {
    change.kind = StateChange::Kind::other_state;
    change.difference = format("key_by was {} and is {}", listed(before.keys), listed(after.keys));
    return change;
  }
  for (const std::string& aggregate : after.aggregates) {
    const auto at = std::ranges::find(before.aggregates, aggregate);
    if (at == before.aggregates.end()) {
      change.from.emplace_back();
      change.added.push_back(aggregate);
    } else {
      change.from.emplace_back(static_cast<std::size_t>(at - before.aggregates.begin()));
    }
  }
  for (const std::string& aggregate : before.aggregates)
    if (std::ranges::find(after.aggregates, aggregate) == after.aggregates.end())
      change.removed.push_back(aggregate);
  if (before.aggregates != after.aggregates || before.pending_flag != after.pending_flag ||
      before.last_use != after.last_use || before.order != after.order)
    change.kind = StateChange::Kind::aggregates;
  return change;
}

}  // namespace tidemark
