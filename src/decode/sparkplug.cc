#include "decode/sparkplug.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/format.h"
#include "base/hex.h"
#include "base/nearest.h"
#include "config/sparkplug_columns.h"
#include "decode/memory.h"
#include "decode/sparkplug_births.h"
#include "decode/sparkplug_payload.h"
#include "decode/typed_value.h"
#include "decode/utf8.h"

namespace tidemark {
namespace {

enum Column : std::size_t { kGroup, kNode, kDevice, kEvent, kMetric, kValue, kType, kTimestamp, kHistorical };
constexpr auto& kColumns = kSparkplugColumns;
constexpr std::string_view kProperties = "properties";

struct Topic {
  enum class What { birth, data, death, nothing } what = What::nothing;
  SparkplugBirths::Place place;
  bool of_device() const { return !place.device.empty(); }
};

// Nothing: the topic is none of Sparkplug B.
std::optional<Topic> read_topic(std::string_view text) {
  if (valid_utf8(text) < text.size()) return std::nullopt;
  if (text.starts_with("STATE/") || text.starts_with("spBv1.0/STATE/")) return Topic();
  std::array<std::string_view, 5> levels;
  std::size_t count = 0;
  for (std::string_view rest = text;;) {
    if (count == levels.size()) return std::nullopt;
    const std::size_t slash = rest.find('/');
    levels[count++] = rest.substr(0, slash);
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  if (count < 4 || levels[0] != "spBv1.0" || levels[2].empty()) return std::nullopt;
  if (levels[1].empty() || levels[3].empty() || (count == 5 && levels[4].empty())) return std::nullopt;
  const bool device = levels[2].front() == 'D';
  if ((levels[2].front() != 'N' && !device) || device != (count == 5)) return std::nullopt;
  const std::string_view type = levels[2].substr(1);
  Topic topic;
  topic.place = {levels[1], levels[3], levels[4]};
  if (type == "BIRTH")
    topic.what = Topic::What::birth;
  else if (type == "DATA")
    topic.what = Topic::What::data;
  else if (type == "DEATH")
    topic.what = Topic::What::death;
  else if (type != "CMD")
    return std::nullopt;
  return topic;
}

// For people, who need no more of it: a message may hold many records that say it.
std::string to_text(const SparkplugBirths::Place& place) {
  constexpr std::size_t kMost = 200;
  std::string text =
      format("{}/{}{}{}", place.group, place.node, place.device.empty() ? "" : "/", place.device);
  if (text.size() <= kMost) return text;
  text.resize(valid_utf8(std::string_view(text).substr(0, kMost)));
  return text + "…";
}

class SparkplugDecoder final : public RecordDecoder, public DecoderMemory {
 public:
  explicit SparkplugDecoder(const DecoderOptions& options)
      : limits_{options.limits.max_depth, options.limits.max_record},
        births_(options.limits.births, options.hash_seed) {
    for (const FieldSetting& field : options.format.fields) {
      const auto column = std::ranges::find(kColumns, field.name);
      if (column != kColumns.end())
        types_[static_cast<std::size_t>(column - kColumns.begin())] = field.type;
      else if (field.name.starts_with("properties."))
        properties_.push_back({field.name.substr(kProperties.size() + 1), field.type, std::nullopt});
    }
    for (std::size_t slot = 0; slot < options.fields.size(); ++slot) {
      const RecordPath& path = options.fields.path(slot);
      const auto column = std::ranges::find(kColumns, path.front().name);
      if (column != kColumns.end())
        slots_[static_cast<std::size_t>(column - kColumns.begin())] = slot;
      else
        property(path[1].name).slot = slot;
    }
  }

  std::expected<Found, DecodeError> decode(const Payload& payload, std::span<Value>, Arena&) override {
    births_.begin();
    birth_ = nullptr;
    notice_.reset();
    left_ = Left();
    dying_.clear();
    at_ = At::payload;
    const auto topic = read_topic(payload.topic);
    if (!topic)
      return std::unexpected(
          DecodeError{format("the topic {} is none of Sparkplug B: spBv1.0/GROUP/NDATA/NODE and the like",
                             payload.topic.empty() ? "(none)" : payload.topic),
                      std::nullopt});
    if (topic->what == Topic::What::nothing) return Found::several;
    const auto read = SparkplugPayload::read(payload.bytes);
    if (!read) {
      forget(*topic);
      return std::unexpected(read.error());
    }
    head_ = *read;
    if (topic->what == Topic::What::death) {
      begin_death(*topic);
      return Found::several;
    }
    if (topic->what == Topic::What::birth) begin_birth(*topic, payload.bytes);
    note_sequence(*topic);
    birth_ = births_.find(topic->place);
    left_.metrics = true;
    return Found::several;
  }

  std::expected<bool, DecodeError> next(const Payload& payload, std::span<Value> slots,
                                        Arena& arena) override {
    const auto topic = read_topic(payload.topic);
    if (!topic || topic->what == Topic::What::nothing) return false;
    row_ = slots;
    std::ranges::fill(slots, Value());
    if (left_.itself || left_.devices < dying_.size()) return put_event(*topic, payload);
    if (!left_.metrics) return false;
    auto found = SparkplugPayload::next(payload.bytes, left_.at);
    if (!found) {
      left_.metrics = false;
      return false;
    }
    left_.at = found->at;
    metric_ = {static_cast<std::size_t>(found->metric.whole.data() - payload.bytes.data()),
               found->metric.whole.size()};
    at_ = At::metric;
    if (!put_metric(*topic, found->metric, arena)) return std::unexpected(std::move(error_));
    return true;
  }

  std::string text(const Payload& payload) const override {
    if (at_ == At::device) return {};
    return to_hex(at_ == At::payload ? payload.bytes : payload.bytes.substr(metric_.begin, metric_.size));
  }

  DecoderMemory* memory() override { return this; }

  // DecoderMemory
  void passed_over(const Payload& payload) override {
    births_.begin();
    if (const auto topic = read_topic(payload.topic)) forget(*topic);
  }
  EntryTable* table() override { return births_.table(); }
  std::unique_ptr<EntryTable> take_table() override { return births_.take_table(); }
  void adopt(std::unique_ptr<EntryTable> table) override { births_.adopt(std::move(table)); }
  void save(Encoder& out) const override {
    out.varint(gaps_);
    out.varint(stale_deaths_);
    out.varint(not_remembered_);
    out.varint(unborn_);
    out.varint(unknown_);
    births_.save(out);
  }
  bool load(Decoder& in) override {
    gaps_ = in.varint();
    stale_deaths_ = in.varint();
    not_remembered_ = in.varint();
    unborn_ = in.varint();
    unknown_ = in.varint();
    return births_.load(in);
  }
  std::string snapshot(bool before_payload) const override {
    Encoder out;
    births_.snapshot(out, before_payload);
    return out.take();
  }
  bool load_snapshot(std::string_view bytes) override {
    Decoder in(bytes);
    return births_.load_snapshot(in) && in.complete();
  }
  std::optional<Notice> take_notice() override { return std::exchange(notice_, std::nullopt); }
  std::vector<std::pair<std::string, std::uint64_t>> counters() const override {
    return {{"sequence gaps", gaps_},
            {"deaths of earlier sessions", stale_deaths_},
            {"births without room", not_remembered_},
            {"metrics before a birth", unborn_},
            {"aliases that no birth said", unknown_}};
  }

 private:
  struct Property {
    std::string name;
    FieldSetting::Type type = FieldSetting::Type::any;
    std::optional<std::size_t> slot;
  };
  // Records of the payload that are still to come.
  struct Left {
    bool itself = false;      // that it was born, or died
    std::size_t devices = 0;  // of dying_, the next one
    bool metrics = false;
    std::size_t at = 0;  // where the next metric is looked for
  };
  struct Range {
    std::size_t begin = 0, size = 0;
  };
  // Whose bytes the record in hand has: a device that goes with its node has none.
  enum class At : std::uint8_t { payload, metric, device };

  Property& property(std::string_view name) {
    const auto known = std::ranges::find(properties_, name, &Property::name);
    if (known != properties_.end()) return *known;
    return properties_.emplace_back(Property{std::string(name), FieldSetting::Type::any, std::nullopt});
  }

  // Of a birth that cannot be read: what was known before it holds no longer.
  void forget(const Topic& topic) {
    if (topic.what == Topic::What::birth) births_.died(topic.place);
  }

  void begin_birth(const Topic& topic, std::string_view payload) {
    std::vector<SparkplugBirths::Metric> metrics;
    for (std::size_t at = 0;;) {
      const auto found = SparkplugPayload::next(payload, at);
      if (!found) break;
      at = found->at;
      const SparkplugMetric& metric = found->metric;
      if (metric.name && !wrong_name(*metric.name))
        metrics.push_back({std::string(*metric.name), metric.type, metric.alias});
    }
    left_.itself = true;
    if (births_.born(topic.place, SparkplugBirths::Birth(std::move(metrics)), head_.bd_seq)) return;
    ++not_remembered_;
    notice_ = {"birth without room",
               format("no room to remember the birth of {}; raise limits.births", to_text(topic.place))};
  }

  void begin_death(const Topic& topic) {
    const SparkplugBirths::Node* const node = births_.node(topic.place);
    if (!topic.of_device() && node != nullptr) {
      const auto& born_as = node->session.bd_seq;
      if (born_as && head_.bd_seq && *born_as != *head_.bd_seq) {
        ++stale_deaths_;
        notice_ = {"stale death",
                   format("the death of an earlier session of {}: bdSeq {}, and it was born with {}",
                          to_text(topic.place), *head_.bd_seq, *born_as)};
        return;
      }
      dying_.assign(node->devices.begin(), node->devices.end());
    }
    left_.itself = true;
    if (topic.of_device()) note_sequence(topic);
    births_.died(topic.place);
  }

  void note_sequence(const Topic& topic) {
    const SparkplugBirths::Node* const node = births_.node(topic.place);
    if (node == nullptr || !head_.seq) return;
    const auto seq = static_cast<std::uint8_t>(*head_.seq);
    const auto& last = node->session.seq;
    if (last && seq != static_cast<std::uint8_t>(*last + 1)) {
      ++gaps_;
      if (!notice_)
        notice_ = {"sequence gap",
                   format("messages of {} are missing or out of order: number {} came after {}",
                          to_text({topic.place.group, topic.place.node, {}}), seq, *last)};
    }
    births_.came(topic.place, seq);
  }

  // ---- rows; columns are checked against their types whether they are read or not

  bool refuse(std::string what) {
    error_ = {std::move(what), std::nullopt};
    return false;
  }
  bool put(Column column, Value value) {
    if (!convert(value, types_[column])) {
      error_ = no_such_type(kColumns[column], value, types_[column]);
      return false;
    }
    if (slots_[column]) row_[*slots_[column]] = value;
    return true;
  }
  bool put_place(const SparkplugBirths::Place& place, std::string_view event) {
    return put(kGroup, Value::text(place.group)) && put(kNode, Value::text(place.node)) &&
           put(kDevice, place.device.empty() ? Value::null() : Value::text(place.device)) &&
           put(kEvent, Value::text(event));
  }
  bool put_time(std::optional<std::uint64_t> milliseconds) {
    if (!milliseconds) return true;
    if (*milliseconds >> 63 != 0) return refuse("a timestamp beyond 64 bits");
    return put(kTimestamp, Value::integer(static_cast<std::int64_t>(*milliseconds)));
  }

  std::expected<bool, DecodeError> put_event(const Topic& topic, const Payload& payload) {
    const bool birth = topic.what == Topic::What::birth;
    SparkplugBirths::Place place = topic.place;
    at_ = left_.itself ? At::payload : At::device;
    if (!left_.itself) place.device = dying_[left_.devices++];
    left_.itself = false;
    auto time = head_.timestamp;
    if (!birth && !topic.of_device()) time = static_cast<std::uint64_t>(to_ms(payload.received));
    if (!put_place(place, birth ? "birth" : "death") || !put_time(time))
      return std::unexpected(std::move(error_));
    return true;
  }

  bool put_metric(const Topic& topic, const SparkplugMetric& metric, Arena& arena) {
    std::optional<std::string_view> name = metric.name;
    std::uint32_t type = metric.type;
    if (name)
      if (auto wrong = wrong_name(*name)) return refuse(*std::move(wrong));
    if (birth_ != nullptr && (!name || type == SparkplugType::kUnknown)) {
      const SparkplugBirths::Metric* known = nullptr;
      if (name)
        known = birth_->by_name(*name);
      else if (metric.alias)
        known = birth_->by_alias(*metric.alias);
      if (known != nullptr) {
        name = known->name;
        if (type == SparkplugType::kUnknown) type = known->type;
      }
    }
    if (!name) return refuse(unnamed(topic, metric));
    const auto value = sparkplug_value(metric, type, limits_, arena);
    if (!value) {
      if (type == SparkplugType::kUnknown && birth_ == nullptr) ++unborn_;
      return refuse(format("metric {}: {}", *name, value.error()));
    }
    const auto time = metric.timestamp ? metric.timestamp : head_.timestamp;
    return put_place(topic.place, topic.what == Topic::What::birth ? "birth" : "data") &&
           put(kMetric, Value::text(*name)) && put(kValue, *value) &&
           put(kType, Value::text(SparkplugType::name(type))) && put_time(time) &&
           put(kHistorical, Value::boolean(metric.historical)) && put_properties(*name, metric, arena);
  }

  static std::optional<std::string> wrong_name(std::string_view name) {
    if (name.size() > SparkplugMetric::kLongestName)
      return format("a metric whose name is longer than {} bytes", SparkplugMetric::kLongestName);
    if (valid_utf8(name) < name.size()) return "a metric whose name is no UTF-8";
    return std::nullopt;
  }

  std::string unnamed(const Topic& topic, const SparkplugMetric& metric) {
    if (!metric.alias) return "a metric with neither a name nor an alias";
    ++(birth_ != nullptr ? unknown_ : unborn_);
    return format("alias {} of {} is not known: {}", *metric.alias, to_text(topic.place),
                  birth_ != nullptr ? "its birth did not say it"
                                    : "no birth of it is remembered; a rebirth of its node says it again");
  }

  bool put_properties(std::string_view metric_name, const SparkplugMetric& metric, Arena& arena) {
    if (metric.properties.empty() && properties_.empty()) return true;
    const auto properties = sparkplug_properties(metric.properties, limits_, arena);
    if (!properties) return refuse(format("metric {}: {}", metric_name, properties.error()));
    for (const Property& property : properties_) {
      Value value;
      for (const SparkplugProperty& one : *properties)
        if (one.name == property.name) value = one.value;
      if (!convert(value, property.type)) {
        error_ = no_such_type("properties." + property.name, value, property.type);
        return false;
      }
      if (property.slot) row_[*property.slot] = value;
    }
    return true;
  }

  static std::int64_t to_ms(JournalTime time) {
    return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  }

  const SparkplugLimits limits_;
  std::array<std::optional<std::size_t>, kColumns.size()> slots_;
  std::array<FieldSetting::Type, kColumns.size()> types_{};
  std::vector<Property> properties_;  // that are read or typed

  SparkplugBirths births_;
  std::uint64_t gaps_ = 0, stale_deaths_ = 0, not_remembered_ = 0;
  std::uint64_t unborn_ = 0, unknown_ = 0;  // metrics

  // Of the payload in hand.
  SparkplugPayload head_;
  const SparkplugBirths::Birth* birth_ = nullptr;  // of the node or device, if it is remembered
  Left left_;
  std::vector<std::string> dying_;  // devices of a node that has died
  std::optional<Notice> notice_;
  Range metric_;  // the one in hand
  At at_ = At::payload;

  // Of the record in hand.
  std::span<Value> row_;
  DecodeError error_;
};

}  // namespace

std::unique_ptr<RecordDecoder> make_sparkplug_decoder(const DecoderOptions& options) {
  return std::make_unique<SparkplugDecoder>(options);
}

std::unique_ptr<EntryTable> make_sparkplug_table(std::uint64_t hash_seed) {
  return SparkplugBirths::make_table(hash_seed);
}

std::optional<std::string> sparkplug_refuses(const FormatSettings&, const RecordPath& path) {
  const std::string& name = path.front().name;
  if (path.size() == 1 && std::ranges::find(kColumns, name) != kColumns.end()) return std::nullopt;
  if (name == kProperties && path.size() == 2 && !path[1].index) return std::nullopt;
  std::string known;
  for (const std::string_view column : kColumns) known += std::string(column) + ", ";
  std::string why = format("no column {} in Sparkplug B records", tidemark::to_text(path));
  if (const auto word = nearest(name, kColumns); word && path.size() == 1)
    return why + format("; did you mean {}?", *word);
  return why + format("; there are {}properties.NAME. A metric is one by its name: metric = 'Temp'", known);
}

}  // namespace tidemark
