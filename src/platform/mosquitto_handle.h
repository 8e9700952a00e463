// MosquittoHandle: one connection of libmosquitto, used without its own loop. Private to
// platform/mosquitto_*.
//
// How acknowledgements are held: after mosquitto_threaded_set(true) the library only queues what it has to
// send; nothing leaves until write() is called, and then everything does, in order. PUBACKs are queued before
// the message is handed out, PINGREQ and SUBSCRIBE stand in the same queue.
//
// The library hides the DUP flag but says it in its log line, `received PUBLISH (d1, q1, r0, m7, …`, just
// before it calls back for that message. Both facts are checked at start (mosquitto_self_test.h).
//
// Threads: connect() on any one thread, before and after which everything is on the loop. Callbacks come from
// inside read(), write() and check_keep_alive(); the library holds a mutex meanwhile, so a callback may queue
// (publish, subscribe) but must not call those three.
// Errors: any failure of these three means that the connection is gone.
#pragma once

#include <mosquitto.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "platform/mqtt.h"

namespace tidemark {

class MosquittoHandle {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    // reason 0: connected. `keep_alive` is there when the broker demands another one.
    virtual void connack(int reason, bool session_present, std::optional<Duration> keep_alive) = 0;
    virtual void message(const MqttMessage& message) = 0;
    virtual void subscribed(int id, std::span<const int> granted) = 0;
    virtual void unsubscribed() = 0;
    virtual void published(int id, int reason) = 0;
    virtual void disconnected(int reason) = 0;
  };

  // `see_duplicates` costs a formatted log line a message.
  static Result<std::unique_ptr<MosquittoHandle>> make(const MqttOptions& options, bool see_duplicates);
  ~MosquittoHandle();
  MosquittoHandle(const MosquittoHandle&) = delete;
  MosquittoHandle& operator=(const MosquittoHandle&) = delete;

  void listen(Listener* listener) { listener_ = listener; }
  // From the next message on, whether MqttMessage::duplicate is told.
  void see_duplicates(bool see);

  // Blocks in name resolution and in connecting; queues the CONNECT.
  Status connect();
  // Queues a DISCONNECT; the write that sends it closes the socket.
  void disconnect();
  int socket() const;  // -1: gone
  bool wants_write() const;

  // Reads about one packet (2.0) or what one read gives (2.1); without any it does nothing.
  Status read();
  Status write();
  Status check_keep_alive();

  // Queue a packet; the id comes back in Listener.
  Result<int> subscribe(const std::vector<std::string>& filters, int qos,
                        MqttSubscription::Retained retained);
  Status unsubscribe(const std::vector<std::string>& filters);
  Result<int> publish(const std::string& topic, std::string_view payload, int qos, bool retain,
                      const std::vector<std::pair<std::string, std::string>>& user_properties);

  // Callbacks and log lines so far: read() without progress means that there is nothing more to read.
  std::uint64_t progress() const { return progress_; }

 private:
  explicit MosquittoHandle(const MqttOptions& options);
  Status set_up(bool see_duplicates);
  Status set_up_tls();
  void set_callbacks();
  void hear_log(bool hear);
  bool v5() const { return options_.version == MqttVersion::v5; }
  Status status_of(int code) const;

  MqttOptions options_;
  mosquitto* mosquitto_ = nullptr;
  Listener* listener_ = nullptr;
  std::string logged_error_;  // the first that it logged: more than its codes say
  bool answered_ = false;     // CONNACK has come
  bool duplicate_ = false;    // what the log line before the message said
  std::uint64_t progress_ = 0;
};

// "Client ID received PUBLISH (d1, …" -> true; nullopt for any other line. The id is needed because it, and
// the topic behind, may hold anything; empty: the broker has chosen it.
std::optional<bool> duplicate_in_log_line(std::string_view line, std::string_view client_id);

}  // namespace tidemark
