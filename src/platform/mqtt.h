// MqttClient: one connection to a broker, whose acknowledgements leave only when the caller says so.
//
// Incoming messages of QoS 1 are acknowledged by release(), not by being read: the library queues the PUBACK
// and nothing is written until release() (see mosquitto_client.h for how this is had from libmosquitto).
// release() sends everything that is queued, so the rule of its caller is: pause(), make everything read so
// far durable, release(), resume(). While no message of QoS 1 has been read since the last release, what is
// queued (a SUBSCRIBE, a ping) leaves by itself. A client that publishes has nothing to hold; with
// hold_acks = false whatever is queued is sent at once.
//
// Connecting resolves names on a thread of its own. The client does not reconnect by itself: after `closed`
// or `refused` the owner decides when to call connect() again. Threads: loop only; callbacks run on the loop.
// A callback may destroy the client only through the loop (post).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/times.h"

namespace tidemark {

enum class MqttVersion { v311, v5 };

struct MqttOptions {
  std::string host = {};
  std::uint16_t port = 1883;
  std::string client_id = {};
  bool clean_start = false;
  MqttVersion version = MqttVersion::v5;
  Duration keep_alive = 60s;
  Duration session_expiry = 0s;              // MQTT 5; 0: the session ends with the connection
  std::uint16_t receive_maximum = 4096;      // MQTT 5: messages that may be unacknowledged at once
  std::string username = {}, password = {};  // empty: none
  bool tls = false;
  std::string ca_file = {}, cert_file = {}, key_file = {};
  bool hold_acks = true;
};

struct MqttMessage {
  std::uint16_t id = 0;  // packet id; 0 for QoS 0
  int qos = 0;
  bool retained = false;
  // The broker says that it has sent this id before; or it looks as if it had: whoever drops it makes sure.
  bool duplicate = false;
  bool begins_read = true;  // else it was read in one go with the message before
  std::string_view topic = {};
  std::string_view payload = {};
};

struct MqttSubscription {
  std::string filter = {};
  int qos = 1;
  enum class Retained { first, always, never } retained = Retained::first;  // MQTT 5 only
};

class MqttClient {
 public:
  struct Events {
    std::function<void(bool session_present)> connected = {};
    // CONNACK refused it. `wrong_version`: the broker does not speak this protocol version.
    std::function<void(std::string reason, bool wrong_version)> refused = {};
    // The connection is gone, or could not be made. Acknowledgements not released are gone too, and their
    // messages will come again.
    std::function<void(std::string reason)> closed = {};
    std::function<void(const MqttMessage&)> message = {};  // views are valid during the call
    // The broker's answer to subscribe(): one granted QoS a filter, 0x80 and above is a refusal.
    std::function<void(std::vector<int> granted)> subscribed = {};
    // The broker's answer to unsubscribe(), whether there was such a subscription or not.
    std::function<void()> unsubscribed = {};
    // The broker has taken the message of publish() (its PUBACK; for QoS 0 when it was written).
    std::function<void(int token)> published = {};
  };
  virtual ~MqttClient() = default;  // closes at once, without DISCONNECT
  virtual void connect() = 0;  // also ends what there was, without `closed`; the new connection is not paused
  virtual void subscribe(const std::vector<MqttSubscription>& subscriptions) = 0;
  virtual void unsubscribe(const std::vector<std::string>& filters) = 0;
  // Returns the token that `published` will name.
  virtual Result<int> publish(const std::string& topic, std::string_view payload, int qos, bool retain,
                              const std::vector<std::pair<std::string, std::string>>& user_properties) = 0;
  // Stops and resumes reading; while paused no message, ping answer or subscription answer is read.
  virtual void pause() = 0;
  virtual void resume() = 0;
  // Writes everything queued, acknowledgements included.
  virtual void release() = 0;
  // Writes what is queued and a DISCONNECT, then closes; `closed` follows.
  virtual void disconnect() = 0;
};

class MqttConnector {
 public:
  virtual ~MqttConnector() = default;
  virtual Result<std::unique_ptr<MqttClient>> make(MqttOptions options, MqttClient::Events events) = 0;
  // Shows on this machine's library that an acknowledgement which was queued does not leave by itself. The
  // promise that acknowledged means durable stands on it; an error here forbids mqtt sources with qos >= 1.
  virtual Status self_test() = 0;
};

}  // namespace tidemark
