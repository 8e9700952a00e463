// FakeMqttConnector: MQTT clients without a broker. The test sees what each was asked to do and plays the
// broker.
//
//   FakeMqttConnector mqtt(loop);
//   ... the program makes a client and calls connect() ...
//   FakeMqtt& broker = mqtt.last();
//   broker.connected(false);
//   broker.deliver({.id = 1, .qos = 1, .topic = "a", .payload = "hello"});
//   CHECK(broker.acknowledged.empty());   // until the program calls release()
//
// Kept as the real client keeps it: what is delivered while paused waits for resume(); release() acknowledges
// everything read so far on this connection; closing forgets acknowledgements not released; a destroyed
// client hears nothing. Events are called from inside the test's call, except after resume() (through the
// loop). Threads: the test's. The connector must outlive its clients.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "platform/loop.h"
#include "platform/mqtt.h"

namespace tidemark {

// One client, seen from the test; lives as long as the connector.
class FakeMqtt : public std::enable_shared_from_this<FakeMqtt> {
 public:
  struct Delivery {
    std::uint16_t id = 0;
    int qos = 0;
    bool retained = false;
    bool duplicate = false;
    std::string topic = {};
    std::string payload = {};
  };
  struct Publication {
    int token = 0;
    std::string topic = {};
    std::string payload = {};
    int qos = 0;
    bool retain = false;
    std::vector<std::pair<std::string, std::string>> user_properties;
  };

  FakeMqtt(Loop& loop, MqttOptions its_options, MqttClient::Events events);

  // What the program did.
  const MqttOptions options;
  bool alive = true;        // the client is not destroyed
  bool connecting = false;  // connect() was called and not answered
  bool is_connected = false;
  bool paused = false;
  int connects = 0;
  int releases = 0;
  int disconnects = 0;
  std::vector<std::vector<MqttSubscription>> subscriptions;  // one entry a call
  std::vector<std::vector<std::string>> unsubscriptions;
  std::vector<Publication> published;
  std::vector<std::uint16_t> held;          // read and not released on this connection, in order
  std::vector<std::uint16_t> acknowledged;  // released, over all connections, in order
  std::string refuse_publish;               // not empty: publish() fails with this

  // What the broker does.
  void connected(bool session_present);
  void refuse(const std::string& reason, bool wrong_version = false);
  void close(const std::string& reason);
  void deliver(Delivery message);
  void grant(std::vector<int> granted);
  void confirm_unsubscribed();
  void take_publication(int token);  // PUBACK
  void take_all_publications();
  std::size_t undelivered() const { return waiting_.size(); }

 private:
  friend class FakeMqttClient;
  void wake();
  void hand_over(const Delivery& message);

  Loop& loop_;
  MqttClient::Events events_;
  std::deque<Delivery> waiting_;  // arrived while paused
  std::size_t taken_ = 0;         // publications answered
  int next_token_ = 0;
  bool step_posted_ = false;
};

class FakeMqttConnector final : public MqttConnector {
 public:
  explicit FakeMqttConnector(Loop& loop) : loop_(loop) {}

  Result<std::unique_ptr<MqttClient>> make(MqttOptions options, MqttClient::Events events) override;
  Status self_test() override;

  // Clients in the order they were made.
  std::vector<std::shared_ptr<FakeMqtt>> clients;
  FakeMqtt& last() { return *clients.back(); }
  // The newest living client with this id; null when there is none.
  FakeMqtt* find(const std::string& client_id);

  std::string self_test_error;  // not empty: self_test() fails with this

 private:
  Loop& loop_;
};

}  // namespace tidemark
