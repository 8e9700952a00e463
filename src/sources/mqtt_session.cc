#include "sources/mqtt_session.h"

#include <algorithm>
#include <optional>

#include "base/checksum.h"
#include "base/format.h"

namespace tidemark {
namespace {

constexpr std::uint8_t kConnected = 1;
constexpr std::uint8_t kDisconnected = 2;
constexpr std::uint8_t kSubscribing = 3;
constexpr std::uint8_t kSubscribed = 4;
constexpr std::uint8_t kSavedVersion = 1;

std::uint32_t hash_of(std::string_view topic, std::string_view payload) {
  const std::uint64_t hash = checksum(payload, checksum(topic));
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

std::string_view next_level(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  const std::string_view level = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  return level;
}

}  // namespace

bool topic_matches(std::string_view filter, std::string_view topic) {
  if (filter.starts_with("$share/")) {
    filter.remove_prefix(7);
    const std::size_t slash = filter.find('/');
    if (slash == std::string_view::npos) return false;
    filter.remove_prefix(slash + 1);
  }
  if (topic.starts_with('$') && !filter.starts_with('$')) return false;
  bool filter_ended = false;
  bool topic_ended = false;
  while (!filter_ended) {
    filter_ended = filter.find('/') == std::string_view::npos;
    const std::string_view wanted = next_level(filter);
    if (wanted == "#") return true;  // also the level above: a/# matches a
    if (topic_ended) return false;
    topic_ended = topic.find('/') == std::string_view::npos;
    const std::string_view level = next_level(topic);
    if (wanted != "+" && wanted != level) return false;
  }
  return topic_ended;
}

std::string MqttSession::record_resume(const MqttMessage& message) {
  Encoder out;
  if (message.qos > 0) out.u16(message.id);
  return out.take();
}

std::string MqttSession::connected_event(bool session_present) {
  Encoder out;
  out.u8(kConnected);
  out.boolean(session_present);
  return out.take();
}

std::string MqttSession::disconnected_event() {
  return std::string(1, static_cast<char>(kDisconnected));
}

std::string MqttSession::subscribing_event(const std::vector<std::string>& filters, int qos) {
  Encoder out;
  out.u8(kSubscribing);
  out.u8(static_cast<std::uint8_t>(qos));
  out.varint(filters.size());
  for (const std::string& filter : filters) out.bytes(filter);
  return out.take();
}

std::string MqttSession::subscribed_event() {
  return std::string(1, static_cast<char>(kSubscribed));
}

void MqttSession::remember_record(std::string_view topic, std::string_view payload, std::string_view resume) {
  if (resume.empty()) return;
  Decoder in(resume);
  const std::uint16_t id = in.u16();
  if (in.complete()) remember(Message{id, hash_of(topic, payload)});
}

void MqttSession::remember(Message message) {
  if (recent_.size() < window_) {
    recent_.push_back(message);
    return;
  }
  if (recent_.empty()) return;
  recent_[oldest_] = message;
  oldest_ = (oldest_ + 1) % recent_.size();
}

void MqttSession::remember_event(std::string_view payload) {
  Decoder in(payload);
  switch (in.u8()) {
    case kConnected: {
      const bool present = in.boolean();
      if (in.complete()) connected(present);
      break;
    }
    case kSubscribing: {
      const int qos = in.u8();
      const std::uint64_t count = in.varint();
      std::vector<Filter> wanted;
      for (std::uint64_t i = 0; i < count && !in.failed(); ++i)
        wanted.push_back(Filter{std::string(in.bytes()), qos, false, epoch_, 0});
      if (in.complete()) subscribing(std::move(wanted));
      break;
    }
    case kSubscribed:
      subscribed();
      break;
    case kDisconnected:  // the session lives on at the broker
      connected_ = false;
      break;
    default:
      break;
  }
}

// A session that is present although we know of none is somebody's with our client id; it is ours from now
// on.
void MqttSession::connected(bool session_present) {
  connected_ = true;
  if (session_present && epoch_ > 0) return;
  ++epoch_;
  recent_.clear();
  oldest_ = 0;
  std::erase_if(filters_, [](const Filter& filter) { return filter.removed; });
}

// A filter whose first subscription was never granted is still new.
void MqttSession::subscribing(std::vector<Filter> wanted) {
  for (Filter& filter : wanted) {
    const Filter* before = find(filter.name);
    if (before == nullptr || before->confirmed_epoch == 0) continue;
    filter.first_epoch = before->first_epoch;
    filter.confirmed_epoch = before->confirmed_epoch;
    if (before->qos != filter.qos) filter.confirmed_epoch = std::min(filter.confirmed_epoch, epoch_ - 1);
  }
  for (Filter& filter : filters_) {
    const bool stays =
        std::any_of(wanted.begin(), wanted.end(), [&](const Filter& w) { return w.name == filter.name; });
    if (stays) continue;
    filter.removed = true;
    wanted.push_back(std::move(filter));
  }
  filters_ = std::move(wanted);
}

// The broker works in order: what was unsubscribed before is gone as well.
void MqttSession::subscribed() {
  std::erase_if(filters_, [](const Filter& filter) { return filter.removed; });
  for (Filter& filter : filters_) filter.confirmed_epoch = epoch_;
}

const MqttSession::Filter* MqttSession::find(std::string_view name) const {
  for (const Filter& filter : filters_) {
    if (filter.name == name && !filter.removed) return &filter;
  }
  return nullptr;
}

MqttSession::Verdict MqttSession::judge(const MqttMessage& message, std::string_view payload, bool unreleased,
                                        RetainedPolicy retained) const {
  if (message.qos > 0 && unreleased) return Verdict::duplicate;
  if (message.retained && retained == RetainedPolicy::never) return Verdict::retained_again;
  if (message.retained && retained == RetainedPolicy::first) {
    const bool is_new = std::any_of(filters_.begin(), filters_.end(), [&](const Filter& filter) {
      return filter.first_epoch == epoch_ && topic_matches(filter.name, message.topic);
    });
    if (!is_new) return Verdict::retained_again;
  }
  if (message.qos == 0 || !message.duplicate) return Verdict::deliver;
  const Message seen{message.id, hash_of(message.topic, payload)};
  return std::find(recent_.begin(), recent_.end(), seen) != recent_.end() ? Verdict::duplicate
                                                                          : Verdict::deliver;
}

MqttSession::Plan MqttSession::plan(const Wish& wish) const {
  Plan plan;
  for (const std::string& name : wish.filters) {
    const Filter* filter = find(name);
    const bool granted = filter != nullptr && filter->confirmed_epoch == epoch_ && filter->qos == wish.qos;
    if (!granted) plan.changes = true;
    const bool stands = granted && wish.session_present;
    if (wish.version == MqttVersion::v311 && stands && wish.retained != RetainedPolicy::always) continue;
    const bool is_new = filter == nullptr || filter->confirmed_epoch == 0 || filter->first_epoch == epoch_;
    MqttSubscription subscription{name, wish.qos, MqttSubscription::Retained::never};
    if (wish.retained == RetainedPolicy::always) subscription.retained = MqttSubscription::Retained::always;
    if (wish.retained == RetainedPolicy::first && is_new)
      subscription.retained = MqttSubscription::Retained::first;
    plan.subscribe.push_back(std::move(subscription));
  }
  for (const Filter& filter : filters_) {
    if (std::find(wish.filters.begin(), wish.filters.end(), filter.name) != wish.filters.end()) continue;
    plan.changes = true;
    if (wish.session_present) plan.unsubscribe.push_back(filter.name);
  }
  return plan;
}

void MqttSession::save(Encoder& out) const {
  out.u8(kSavedVersion);
  out.varint(epoch_);
  out.boolean(connected_);
  out.varint(filters_.size());
  for (const Filter& filter : filters_) {
    out.bytes(filter.name);
    out.u8(static_cast<std::uint8_t>(filter.qos));
    out.boolean(filter.removed);
    out.varint(filter.first_epoch);
    out.varint(filter.confirmed_epoch);
  }
  out.varint(recent_.size());
  for (std::size_t i = 0; i < recent_.size(); ++i) {
    const Message& message = recent_[(oldest_ + i) % recent_.size()];
    out.u16(message.id);
    out.u32(message.hash);
  }
}

bool MqttSession::load(Decoder& in) {
  if (in.u8() != kSavedVersion) return false;
  MqttSession loaded(window_);
  loaded.epoch_ = in.varint();
  loaded.connected_ = in.boolean();
  const std::uint64_t filters = in.varint();
  for (std::uint64_t i = 0; i < filters && !in.failed(); ++i) {
    Filter filter;
    filter.name = in.bytes();
    filter.qos = in.u8();
    filter.removed = in.boolean();
    filter.first_epoch = in.varint();
    filter.confirmed_epoch = in.varint();
    loaded.filters_.push_back(std::move(filter));
  }
  const std::uint64_t messages = in.varint();
  for (std::uint64_t i = 0; i < messages && !in.failed(); ++i) {
    const std::uint16_t id = in.u16();
    loaded.remember(Message{id, in.u32()});
  }
  if (in.failed()) return false;
  *this = std::move(loaded);
  return true;
}

std::string MqttSession::summary() const {
  return format("session {}, {} filters, the last {} messages", epoch_, filters_.size(), recent_.size());
}

}  // namespace tidemark
