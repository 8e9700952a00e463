// MqttSession: what an mqtt source remembers of its session with the broker, and the judgements that follow
// from it.
//
// A broker sends again what it has not seen acknowledged. Sending again must not count twice, and a new
// message must never be dropped, although brokers use packet ids again, forget sessions, and come back with
// older ones:
//   1  an id whose acknowledgement has not been released on this connection is a duplicate (MqttHold knows
//      those)
//   2  a message that the broker does not call a duplicate, on any other id, is delivered
//   3  one that it does call a duplicate is dropped only when (epoch, id, hash of topic and payload) is among
//      the last `window` messages appended; `window` is the receive maximum, beyond which nothing can be
//      unacknowledged
//   4  an unknown duplicate is a first delivery
// What stays undecidable: called a duplicate, same id, same payload, from a broker that uses its lowest free
// id again; and a broker that falls back to an older session after one in doubt was counted as new (below):
// what it then sends again counts twice.
//
// The epoch is the session's number: it goes up whenever the broker says that it has no session of ours, and
// what was remembered of the older one goes. No rule asks what was released on an earlier connection (a
// release says nothing about its arrival), so releases are no events.
//
// A CONNECT makes a session at a broker that has none, and the answer that says so may never be known: lost
// with the connection, or with a crash before it was safe. The next answer then says that there is a session,
// and taken for the one of before, its ids would be judged by what another session's meant. So a session that
// is known is parted from, safely, before each CONNECT (event `disconnected`), and one that is found parted
// at a start is in doubt. A new session has nothing to send before it is subscribed: whose it is shows when
// the broker has answered something else first (mqtt.cc). Without a message before that answer it counts as
// new.
//
// Retained messages under the policy `first` count once for a filter: a session that the broker lost is
// subscribed anew without them, under MQTT 5 by asking so, under 3.1.1 by dropping them here.
//
// Pure: a function of the source's own entries. Threads: loop only.   Format: FORMAT.md
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "config/settings.h"
#include "platform/mqtt.h"

namespace tidemark {

// Whether a topic falls under a filter ("+" one level, "#" the rest, "$share/group/" aside; wildcards at the
// beginning do not match topics that begin with "$").
bool topic_matches(std::string_view filter, std::string_view topic);

class MqttSession {
 public:
  explicit MqttSession(std::size_t window) : window_(window) {}

  // Memory.
  void remember_record(std::string_view topic, std::string_view payload, std::string_view resume);
  void remember_event(std::string_view payload);
  void save(Encoder& out) const;
  bool load(Decoder& in);

  // What goes into the journal.
  static std::string record_resume(const MqttMessage& message);
  static std::string connected_event(bool session_present);
  static std::string disconnected_event();
  static std::string subscribing_event(const std::vector<std::string>& filters, int qos);
  static std::string subscribed_event();

  // Whether there was a session before, so that a broker that knows of none has lost it.
  bool known() const { return epoch_ > 0; }
  // Whether the last that was recorded of a known session is that its connection ended.
  bool parted() const { return known() && !connected_; }
  std::uint64_t epoch() const { return epoch_; }

  enum class Verdict { deliver, duplicate, retained_again };
  // `unreleased`: rule 1 holds for the message's id. `payload`: what would be appended (the beginning of an
  // oversized one).
  Verdict judge(const MqttMessage& message, std::string_view payload, bool unreleased,
                RetainedPolicy retained) const;

  // What to say to the broker after CONNACK; asked after remember_event(connected).
  struct Plan {
    std::vector<MqttSubscription> subscribe;
    std::vector<std::string> unsubscribe;  // first
    bool changes = false;  // a subscribing event is due before, a subscribed one after it was granted
  };
  struct Wish {
    std::vector<std::string> filters;
    int qos = 1;
    RetainedPolicy retained = RetainedPolicy::first;
    MqttVersion version = MqttVersion::v5;
    bool session_present = false;
  };
  Plan plan(const Wish& wish) const;

  std::string summary() const;

 private:
  struct Filter {
    std::string name;
    int qos = 1;
    bool removed = false;               // no longer wanted, perhaps still at the broker
    std::uint64_t first_epoch = 0;      // in which its retained messages are wanted
    std::uint64_t confirmed_epoch = 0;  // in which the broker last granted it; 0: never
  };
  struct Message {
    std::uint16_t id = 0;
    std::uint32_t hash = 0;
    bool operator==(const Message&) const = default;
  };
  const Filter* find(std::string_view name) const;
  void connected(bool session_present);
  void subscribing(std::vector<Filter> wanted);
  void subscribed();
  void remember(Message message);

  std::size_t window_;
  std::uint64_t epoch_ = 0;
  bool connected_ = false;
  std::vector<Filter> filters_;
  std::vector<Message> recent_;  // a ring once it is full
  std::size_t oldest_ = 0;
};

}  // namespace tidemark
