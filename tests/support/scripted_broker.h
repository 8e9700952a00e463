// ScriptedBroker: an MQTT broker that does what a test tells it, however unkind, and keeps the books.
//
// Speaks MQTT 3.1.1 and 5 over a real socket, with one client and one session. It decides packet ids, DUP
// flags and how many messages are in flight; it can cut the connection, lose the session, fall back to an
// older state of it, resend within a connection, and refuse MQTT 5. It is the oracle of redelivery: for every
// message it knows whether its PUBACK has arrived, and whether the message was lost on the broker's own side.
// Threads: the loop's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/network.h"

namespace tidemark {

class ScriptedBroker {
 public:
  enum class Ids { counting, lowest_free };
  struct Behaviour {
    Ids ids = Ids::counting;
    std::size_t window = 20;  // messages in flight at once
    bool speaks_v5 = true;
  };

  ScriptedBroker(Network& network, Behaviour behaviour);
  ~ScriptedBroker();
  std::uint16_t port() const { return port_; }

  // A message for the session; sent as soon as the client is there and the window allows.
  void publish(const std::string& topic, const std::string& payload);
  // How many of those that wait may be sent from now on; all by default.
  void allow(std::size_t messages);

  void cut();                   // closes the connection without a word
  void lose_session();          // and cuts; what was in flight is gone
  void remember_session();      // as a broker that writes its state to disk now and then
  void return_to_remembered();  // and cuts: acknowledged messages may come again, ids are used anew
  void resend_in_flight();      // within the connection, with DUP

  bool connected() const { return connection_ != nullptr && subscribed_; }
  std::size_t connects() const { return connects_; }
  int version() const { return version_; }  // of the last CONNECT: 4 or 5
  // True while ids that were used before are given out again, or are in flight.
  bool ids_repeat() const;

  struct Books {
    std::uint64_t published = 0;
    std::uint64_t acknowledged = 0;  // messages, each once
    std::uint64_t lost = 0;          // sent, never acknowledged, and forgotten by the broker
    std::uint64_t waiting = 0;       // in flight or not yet sent
    std::uint64_t resent = 0;
  };
  Books books() const;
  // Everything published was acknowledged or lost.
  bool quiet() const { return books().waiting == 0; }
  // Called whenever something has happened.
  void on_change(std::function<void()> changed) { changed_ = std::move(changed); }

 private:
  struct Message {
    std::string topic, payload;
    bool acknowledged = false;
    bool lost = false;
  };
  struct Flight {
    std::size_t message;
    bool sent = false;  // on any connection: then it is a duplicate from now on
  };
  struct Session {
    bool exists = false;
    bool subscribed = false;
    std::map<std::uint16_t, Flight> in_flight;
    std::vector<std::uint16_t> order;  // of in_flight, as first sent
    std::uint32_t next_id = 1;
  };

  void accepted(std::unique_ptr<Connection> connection);
  void received(std::string_view bytes);
  void packet(std::uint8_t first, std::string_view body);
  void connect(std::string_view body);
  void acknowledge(std::string_view body);
  void send(std::uint8_t first, const std::string& body);
  void send_publish(std::uint16_t id, const Flight& flight, bool duplicate);
  void send_more();
  std::uint16_t new_id();
  void changed() {
    if (changed_) changed_();
  }

  Network& network_;
  Behaviour behaviour_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Connection> connection_;
  std::uint16_t port_ = 0;
  std::string waiting_;
  int version_ = 0;
  std::size_t client_window_ = 65535;
  bool subscribed_ = false;
  std::size_t connects_ = 0;
  std::uint64_t resent_ = 0;

  std::vector<Message> messages_;
  std::size_t next_message_ = 0;  // first that was never put in flight
  std::size_t allowed_ = ~std::size_t{0};
  Session session_;
  std::optional<Session> remembered_;
  std::uint32_t highest_id_ = 0;     // ever given out in this MQTT session
  std::uint32_t repeats_until_ = 0;  // by return_to_remembered()
  std::function<void()> changed_;
};

}  // namespace tidemark
