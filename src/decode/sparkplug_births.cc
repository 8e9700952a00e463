#include "decode/sparkplug_births.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

namespace tidemark {
namespace {

using Birth = SparkplugBirths::Birth;

// Counted beside the texts, about what they take in memory: a birth (an entry of the table, a place among the
// nodes and one among their devices) and each of its metrics.
constexpr std::uint64_t kBirth = 384, kMetric = 80;

// A payload is a pointer to a Birth, which the entry owns.
class BirthPayload final : public PayloadCodec {
 public:
  std::size_t size() const override { return sizeof(std::uint64_t); }
  void create(std::byte* payload) const override { put(payload, nullptr); }
  void destroy(std::byte* payload) const override { std::unique_ptr<Birth>(get(payload)).reset(); }
  void save(const std::byte* payload, Encoder& out) const override { get(payload)->save(out); }
  bool load(Decoder& in, std::byte* payload) const override {
    std::unique_ptr<Birth> birth = Birth::load(in);
    if (!birth) return false;
    destroy(payload);
    put(payload, birth.release());
    return true;
  }
  std::size_t heap_bytes(const std::byte* payload) const override {
    const Birth* const birth = get(payload);
    return birth == nullptr ? 0 : static_cast<std::size_t>(birth->bytes());
  }

  static Birth* get(const std::byte* payload) {
    Birth* birth;
    std::memcpy(&birth, payload, sizeof birth);
    return birth;
  }
  static void put(std::byte* payload, Birth* birth) { std::memcpy(payload, &birth, sizeof birth); }
};

std::string saved(const Birth& birth) {
  Encoder out;
  birth.save(out);
  return out.take();
}

void save_session(std::string_view key, const SparkplugBirths::Session& session, Encoder& out) {
  out.bytes(key);
  out.boolean(session.seq.has_value());
  if (session.seq) out.u8(*session.seq);
  out.boolean(session.bd_seq.has_value());
  if (session.bd_seq) out.varint(*session.bd_seq);
}

}  // namespace

SparkplugBirths::Birth::Birth(std::vector<Metric> metrics) : metrics_(std::move(metrics)), bytes_(kBirth) {
  metrics_.shrink_to_fit();
  for (std::uint32_t i = 0; i < metrics_.size(); ++i) {
    bytes_ += kMetric + metrics_[i].name.size();
    by_name_.push_back(i);
    if (metrics_[i].alias) by_alias_.push_back(i);
  }
  // Stable: of equals the last stands last.
  std::ranges::stable_sort(by_alias_, {}, [&](std::uint32_t i) { return *metrics_[i].alias; });
  std::ranges::stable_sort(by_name_, {},
                           [&](std::uint32_t i) -> std::string_view { return metrics_[i].name; });
}

const SparkplugBirths::Metric* SparkplugBirths::Birth::by_alias(std::uint64_t alias) const {
  const auto behind =
      std::ranges::upper_bound(by_alias_, alias, {}, [&](std::uint32_t i) { return *metrics_[i].alias; });
  if (behind == by_alias_.begin() || *metrics_[*std::prev(behind)].alias != alias) return nullptr;
  return &metrics_[*std::prev(behind)];
}

const SparkplugBirths::Metric* SparkplugBirths::Birth::by_name(std::string_view name) const {
  const auto behind = std::ranges::upper_bound(
      by_name_, name, {}, [&](std::uint32_t i) -> std::string_view { return metrics_[i].name; });
  if (behind == by_name_.begin() || metrics_[*std::prev(behind)].name != name) return nullptr;
  return &metrics_[*std::prev(behind)];
}

void SparkplugBirths::Birth::save(Encoder& out) const {
  out.varint(metrics_.size());
  for (const Metric& metric : metrics_) {
    out.bytes(metric.name);
    out.varint(metric.type);
    out.boolean(metric.alias.has_value());
    if (metric.alias) out.varint(*metric.alias);
  }
}

std::unique_ptr<Birth> SparkplugBirths::Birth::load(Decoder& in) {
  std::vector<Metric> metrics;
  for (std::uint64_t n = in.varint(); n > 0 && !in.failed(); --n) {
    Metric& metric = metrics.emplace_back();
    metric.name = std::string(in.bytes());
    metric.type = static_cast<std::uint32_t>(in.varint());
    if (in.boolean()) metric.alias = in.varint();
  }
  if (in.failed()) return nullptr;
  return std::make_unique<Birth>(std::move(metrics));
}

SparkplugBirths::SparkplugBirths(std::uint64_t limit, std::uint64_t hash_seed)
    : limit_(limit), hash_seed_(hash_seed), table_(make_table(hash_seed)) {}

std::unique_ptr<EntryTable> SparkplugBirths::make_table(std::uint64_t hash_seed) {
  return std::make_unique<EntryTable>(std::make_unique<BirthPayload>(), hash_seed);
}

std::string SparkplugBirths::node_key(const Place& place) {
  Encoder out;
  out.bytes(place.group);
  out.bytes(place.node);
  return out.take();
}
std::string SparkplugBirths::key(const Place& place) {
  Encoder out;
  out.bytes(place.group);
  out.bytes(place.node);
  out.bytes(place.device);
  return out.take();
}

void SparkplugBirths::begin() {
  entries_before_.clear();
  sessions_before_.clear();
}

const Birth* SparkplugBirths::find(const Place& place) const {
  const EntryTable::Entry* const entry = table_->find(key(place));
  return entry == nullptr ? nullptr : BirthPayload::get(EntryTable::payload(entry));
}

const SparkplugBirths::Node* SparkplugBirths::node(const Place& place) const {
  const auto at = nodes_.find(node_key(place));
  return at == nodes_.end() ? nullptr : &at->second;
}

void SparkplugBirths::came(const Place& place, std::uint8_t seq) {
  const std::string name = node_key(place);
  const auto at = nodes_.find(name);
  if (at == nodes_.end()) return;
  remember_session(name);
  at->second.session.seq = seq;
}

bool SparkplugBirths::born(const Place& place, Birth birth, std::optional<std::uint64_t> bd_seq) {
  if (place.device.empty())
    died(place);
  else
    erase(place);
  const std::string name = key(place);
  if (used_ + name.size() + birth.bytes() > limit_) return false;
  const std::string node = node_key(place);
  remember_session(node);
  remember_entry(name);
  Node& its = nodes_[node];
  if (place.device.empty())
    its.session.bd_seq = bd_seq;
  else
    its.devices.emplace(place.device);
  used_ += name.size() + birth.bytes();
  EntryTable::Entry* const entry = table_->find_or_create(name).first;
  BirthPayload::put(EntryTable::payload(entry), std::make_unique<Birth>(std::move(birth)).release());
  return true;
}

void SparkplugBirths::died(const Place& place) {
  if (!place.device.empty()) return erase(place);
  const std::string name = node_key(place);
  const auto at = nodes_.find(name);
  if (at == nodes_.end()) return;
  const auto devices = at->second.devices;
  for (const std::string& device : devices) erase({place.group, place.node, device});
  erase(place);
}

void SparkplugBirths::erase(const Place& place) {
  const std::string name = key(place);
  EntryTable::Entry* const entry = table_->find(name);
  if (entry == nullptr) return;
  remember_entry(name);
  used_ -= name.size() + BirthPayload::get(EntryTable::payload(entry))->bytes();
  table_->erase(entry);
  const std::string node = node_key(place);
  const auto at = nodes_.find(node);
  if (at == nodes_.end()) return;
  remember_session(node);
  if (const auto device = at->second.devices.find(place.device); device != at->second.devices.end())
    at->second.devices.erase(device);
  // Of a node whose own birth was not seen, nothing is left with its last device.
  if (at->second.devices.empty() && table_->find(key({place.group, place.node, {}})) == nullptr)
    nodes_.erase(at);
}

void SparkplugBirths::remember_entry(const std::string& key) {
  if (entries_before_.contains(key)) return;
  const EntryTable::Entry* const entry = table_->find(key);
  entries_before_.emplace(key, entry == nullptr
                                   ? std::nullopt
                                   : std::optional(saved(*BirthPayload::get(EntryTable::payload(entry)))));
}

void SparkplugBirths::remember_session(const std::string& key) {
  if (sessions_before_.contains(key)) return;
  const auto at = nodes_.find(key);
  sessions_before_.emplace(key, at == nodes_.end() ? std::nullopt : std::optional(at->second.session));
}

void SparkplugBirths::adopt(std::unique_ptr<EntryTable> table) {
  table_ = std::move(table);
  count_all();
}

// What follows from the entries: how much they take, and which devices each node has.
void SparkplugBirths::count_all() {
  used_ = 0;
  nodes_.clear();
  table_->for_each([&](EntryTable::Entry* entry) {
    const std::string_view key = EntryTable::key(entry);
    used_ += key.size() + BirthPayload::get(EntryTable::payload(entry))->bytes();
    Decoder in(key);
    Place place;
    place.group = in.bytes();
    place.node = in.bytes();
    place.device = in.bytes();
    Node& node = nodes_[node_key(place)];
    if (!place.device.empty()) node.devices.emplace(place.device);
  });
}

void SparkplugBirths::save(Encoder& out) const {
  out.varint(nodes_.size());
  for (const auto& [key, node] : nodes_) save_session(key, node.session, out);
}

bool SparkplugBirths::load(Decoder& in) {
  begin();
  for (std::uint64_t n = in.varint(); n > 0 && !in.failed(); --n) {
    const auto node = nodes_.find(in.bytes());
    Session session;
    if (in.boolean()) session.seq = in.u8();
    if (in.boolean()) session.bd_seq = in.varint();
    if (node == nodes_.end()) return false;  // the entries say which nodes there are
    node->second.session = session;
  }
  return !in.failed();
}

void SparkplugBirths::snapshot(Encoder& out, bool before) const {
  std::map<std::string, std::string> entries;
  constexpr std::size_t kAtOnce = 1024;
  for (std::optional<std::uint32_t> from = 0; from;)
    from = table_->show_saved(*from, kAtOnce, [&](std::string_view key, std::string_view payload) {
      entries.emplace(key, payload);
    });
  std::map<std::string, Session> sessions;
  for (const auto& [key, node] : nodes_) sessions.emplace(key, node.session);
  if (before) {
    for (const auto& [key, payload] : entries_before_) {
      if (payload)
        entries[key] = *payload;
      else
        entries.erase(key);
    }
    for (const auto& [key, session] : sessions_before_) {
      if (session)
        sessions[key] = *session;
      else
        sessions.erase(key);
    }
  }
  out.varint(entries.size());
  for (const auto& [key, payload] : entries) {
    out.bytes(key);
    out.bytes(payload);
  }
  out.varint(sessions.size());
  for (const auto& [key, session] : sessions) save_session(key, session, out);
}

bool SparkplugBirths::load_snapshot(Decoder& in) {
  table_ = make_table(hash_seed_);
  for (std::uint64_t n = in.varint(); n > 0 && !in.failed(); --n) {
    const std::string_view key = in.bytes(), payload = in.bytes();
    if (in.failed() || !table_->restore_row(key, false, payload)) return false;
  }
  count_all();
  return load(in);
}

}  // namespace tidemark
