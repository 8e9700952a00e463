// The MQTT client against a broker of a few bytes: what leaves, when, and what the owner hears.
#include "platform/mosquitto_client.h"

#include <doctest/doctest.h>

#include "loop_harness.h"
#include "mini_broker.h"
#include "platform/mosquitto_handle.h"
#include "platform/mosquitto_self_test.h"

using namespace tidemark;
using namespace std::string_view_literals;

namespace {

constexpr int kPublish = 3, kPuback = 4, kSubscribe = 8, kUnsubscribe = 10, kPing = 12, kDisconnect = 14;

struct Session {
  RealLoop real;
  MiniBroker broker;
  std::unique_ptr<MqttConnector> connector = make_mosquitto_connector(real.loop, real.loop);
  std::unique_ptr<MqttClient> client;
  bool v5;
  std::string heard;  // everything, in order: "connected(new) 1:payload "
  int messages = 0;
  int reads = 0;
  bool pause_at_message = false;

  explicit Session(MqttVersion version, bool hold_acks = true) : v5(version == MqttVersion::v5) {
    auto made = connector->make({.host = "127.0.0.1",
                                 .port = broker.port,
                                 .client_id = "the-id",
                                 .version = version,
                                 .keep_alive = 20s,
                                 .session_expiry = 3600s,
                                 .receive_maximum = 100,
                                 .hold_acks = hold_acks},
                                events());
    if (!made) FAIL(made.error().message);
    client = std::move(*made);
  }
  MqttClient::Events events() {
    return {
        .connected = [this](bool present) { heard += present ? "connected(kept) " : "connected(new) "; },
        .refused = [this](std::string reason,
                          bool version) { heard += "refused(" + reason + (version ? ", version) " : ") "); },
        .closed = [this](std::string reason) { heard += "closed(" + reason + ") "; },
        .message =
            [this](const MqttMessage& m) {
              ++messages;
              reads += m.begins_read;
              heard += std::to_string(m.id) + (m.duplicate ? "d:" : ":") + std::string(m.payload) + " ";
              if (pause_at_message) client->pause();
            },
        .subscribed =
            [this](std::vector<int> granted) {
              heard += "granted(";
              for (const int g : granted) heard += std::to_string(g) + ",";
              heard += ") ";
            },
        .unsubscribed = [this] { heard += "unsubscribed "; },
        .published = [this](int token) { heard += "published(" + std::to_string(token) + ") "; }};
  }
  bool until(const std::function<bool()>& holds) { return real.run_until(holds); }
  bool until_heard(const std::string& what) {
    const bool came = until([&] { return heard == what; });
    CHECK(heard == what);
    return came;
  }
  // Lets everything happen that is under way.
  void settle() {
    int turns = 0;
    until([&] {
      broker.poll();
      return ++turns > 20;
    });
  }
  void connect(bool session_present = false) {
    client->connect();
    CHECK(until([&] { return broker.count(1) == 1; }));
    broker.send(v5 ? std::string{0x20, 3, session_present, 0, 0} : std::string{0x20, 2, session_present, 0});
    CHECK(until_heard(session_present ? "connected(kept) " : "connected(new) "));
    heard.clear();
  }
  void publish(int id, std::string_view payload, int flags = 0) {
    broker.send(MiniBroker::publish(v5, id, 1, payload, flags));
  }
};

void for_both(const std::function<void(MqttVersion)>& check) {
  SUBCASE("MQTT 5") {
    check(MqttVersion::v5);
  }
  SUBCASE("MQTT 3.1.1") {
    check(MqttVersion::v311);
  }
}

}  // namespace

TEST_CASE("the library of this machine keeps what the client builds on") {
  const Status done = mosquitto_self_test();
  if (!done) FAIL(done.error().message);
}

TEST_CASE("the duplicate flag is read from the log line, whatever the id and the topic hold") {
  CHECK(duplicate_in_log_line("Client a received PUBLISH (d1, q1, r0, m7, 't', ... (1 bytes))", "a") == true);
  CHECK(duplicate_in_log_line("Client a received PUBLISH (d0, q1, r0, m7, 't', ... (1 bytes))", "a") ==
        false);
  CHECK(duplicate_in_log_line("Client b received PUBLISH (d0, q1", "") == false);
  const std::string odd = "x received PUBLISH (d1, y";
  CHECK(duplicate_in_log_line("Client " + odd + " received PUBLISH (d0, q1, …", odd) == false);
  CHECK_FALSE(duplicate_in_log_line("Client a sending PUBACK (m7, rc0)", "a").has_value());
  CHECK_FALSE(duplicate_in_log_line("Client a received PUBLISH (d", "a").has_value());
  CHECK_FALSE(duplicate_in_log_line("Client a", "abc").has_value());
  CHECK_FALSE(duplicate_in_log_line("", "a").has_value());
}

TEST_CASE("a broker that counts its ids is not asked for the flag, until an id is not the next") {
  Session s(MqttVersion::v5);
  s.connect(true);
  constexpr int kProof = 101;  // one more than the receive maximum
  for (int id = 1; id <= kProof; ++id) s.publish(id, "x");
  CHECK(s.until([&] { return s.messages == kProof; }));
  s.heard.clear();
  s.publish(102, "new", 8);  // the flag would say otherwise
  s.publish(60, "again");
  s.publish(61, "again", 8);  // the flag is seen anew
  s.publish(62, "new");
  CHECK(s.until_heard("102:new 60d:again 61d:again 62:new "));
}

TEST_CASE("messages that were read in one go are known as such") {
  Session s(MqttVersion::v5);
  s.connect();
  std::string several;
  for (int id = 1; id <= 3; ++id) several += MiniBroker::publish(true, id, 1, "x");
  s.broker.send(several);
  CHECK(s.until([&] { return s.messages == 3; }));
  const int reads = s.reads;
  CHECK(reads < 3);
  s.publish(4, "y");
  CHECK(s.until([&] { return s.messages == 4; }));
  CHECK(s.reads == reads + 1);
}

TEST_CASE("it introduces itself with what it was told") {
  Session s(MqttVersion::v5);
  s.connect(true);
  const std::string& hello = s.broker.last(1).body;
  CHECK(hello.substr(0, 7) == "\0\4MQTT\5"sv);
  CHECK(hello[7] == 0);                                          // no clean start, no will, no user
  CHECK(hello.substr(8, 2) == "\0\x14"sv);                       // keep-alive
  CHECK(hello.find("\x11\0\0\x0e\x10"sv) != std::string::npos);  // session expiry 3600 s
  CHECK(hello.find("\x21\0\x64"sv) != std::string::npos);        // receive maximum 100
  CHECK(hello.ends_with("\0\6the-id"sv));
  Session old(MqttVersion::v311);
  old.connect();
  CHECK(old.broker.last(1).body == "\0\4MQTT\4\0\0\x14\0\6the-id"sv);
}

TEST_CASE("an acknowledgement leaves by release and by nothing else") {
  for_both([](MqttVersion version) {
    Session s(version);
    s.connect();
    s.publish(1, "a");
    s.publish(2, "b", 8);
    s.broker.send(MiniBroker::publish(s.v5, 0, 0, "c"));
    CHECK(s.until_heard("1:a 2d:b 0:c "));
    s.client->subscribe({{.filter = "x"}});  // shares the queue
    s.settle();
    CHECK(s.broker.acknowledged().empty());
    CHECK(s.broker.count(kSubscribe) == 0);
    s.client->release();
    CHECK(s.until([&] { return s.broker.acknowledged() == "1 2 " && s.broker.count(kSubscribe) == 1; }));
    s.publish(3, "d");
    CHECK(s.until([&] { return s.messages == 4; }));
    s.settle();
    CHECK(s.broker.acknowledged() == "1 2 ");
    s.client->release();
    CHECK(s.until([&] { return s.broker.acknowledged() == "1 2 3 "; }));
  });
}

TEST_CASE("a client that holds nothing acknowledges at once") {
  for_both([](MqttVersion version) {
    Session s(version, false);
    s.connect();
    s.publish(1, "a");
    CHECK(s.until([&] { return s.broker.acknowledged() == "1 "; }));
  });
}

TEST_CASE("a release asked for inside a callback waits for the read to end, and spares what came after") {
  Session s(MqttVersion::v5);
  bool asked = false;
  auto events = s.events();
  const auto usual = events.message;
  events.message = [&, usual](const MqttMessage& m) {
    usual(m);
    if (!asked) s.client->release();
    asked = true;
  };
  auto made = s.connector->make({.host = "127.0.0.1", .port = s.broker.port, .client_id = "two"}, events);
  REQUIRE(made);
  s.client = std::move(*made);
  s.connect();
  s.broker.send(MiniBroker::publish(true, 1, 1, "a") + MiniBroker::publish(true, 2, 1, "b"));
  CHECK(s.until([&] { return s.messages == 2; }));
  s.settle();
  // Either the first left before the second was read, or both are still held.
  const std::string acknowledged = s.broker.acknowledged();
  CHECK(acknowledged.find('2') == std::string::npos);
}

TEST_CASE("a paused client reads nothing, and everything when resumed") {
  for_both([](MqttVersion version) {
    Session s(version);
    s.connect();
    s.client->pause();
    s.publish(1, "a");
    s.settle();
    CHECK(s.heard.empty());
    s.client->resume();
    CHECK(s.until_heard("1:a "));
    s.pause_at_message = true;
    s.publish(2, "b");
    CHECK(s.until([&] { return s.messages == 2; }));
    s.publish(3, "c");
    s.settle();
    CHECK(s.messages == 2);
    s.client->resume();
    CHECK(s.until([&] { return s.messages == 3; }));
  });
}

TEST_CASE("a burst is delivered whole and in order") {
  Session s(MqttVersion::v311);
  s.connect();
  std::string burst, expected, ids;
  for (int id = 1; id <= 500; ++id) {
    burst += MiniBroker::publish(false, id, 1, "x");
    expected += std::to_string(id) + ":x ";
    ids += std::to_string(id) + " ";
  }
  s.broker.send(burst);
  CHECK(s.until([&] { return s.messages == 500; }));
  CHECK(s.heard == expected);
  s.client->release();
  CHECK(s.until([&] { return s.broker.acknowledged() == ids; }));
}

TEST_CASE("while a release is not written whole nothing is read, so that it cannot acknowledge more") {
  Session s(MqttVersion::v5);
  s.connect();
  // Fills the socket before the acknowledgement, while the broker does not read.
  const std::string big(20'000'000, 'x');
  s.publish(1, "a");
  CHECK(s.until([&] { return s.messages == 1; }));
  REQUIRE(s.client->publish("t", big, 0, false, {}));
  s.client->release();
  s.publish(2, "b");
  int turns = 0;
  CHECK(s.until([&] { return ++turns > 50; }));
  CHECK(s.messages == 1);
  CHECK(s.until([&] { return s.broker.count(kPublish) == 1 && s.messages == 2; }));
  s.settle();
  CHECK(s.broker.acknowledged() == "1 ");
  s.client->release();
  CHECK(s.until([&] { return s.broker.acknowledged() == "1 2 "; }));
}

TEST_CASE("subscriptions are asked for with their options and answered in their order") {
  Session s(MqttVersion::v5);
  s.connect();
  using Retained = MqttSubscription::Retained;
  s.client->subscribe({{.filter = "a", .qos = 1, .retained = Retained::first},
                       {.filter = "b", .qos = 0, .retained = Retained::never},
                       {.filter = "c", .qos = 1, .retained = Retained::first}});
  CHECK(s.until([&] { return s.broker.count(kSubscribe) == 2; }));
  for (const auto& packet : s.broker.packets) {
    if (packet.type != kSubscribe) continue;
    const bool two = packet.body.find('a') != std::string::npos;
    CHECK(packet.body.substr(2) == (two ? "\0\0\1a\x11\0\1c\x11"sv : "\0\0\1b\x20"sv));
    const std::string id = packet.body.substr(0, 2);
    s.broker.send(two ? "\x90\5" + id + std::string("\0\1\x80"sv) : "\x90\4" + id + std::string("\0\0"sv));
  }
  CHECK(s.until_heard("granted(1,0,128,) "));
  s.heard.clear();
  s.client->unsubscribe({"a", "b"});
  CHECK(s.until([&] { return s.broker.count(kUnsubscribe) == 1; }));
  CHECK(s.broker.last(kUnsubscribe).body.substr(2) == "\0\0\1a\0\1b"sv);
  s.broker.send("\xb0\5" + s.broker.last(kUnsubscribe).body.substr(0, 2) + std::string("\0\0\x11"sv));
  CHECK(s.until_heard("unsubscribed "));
  s.heard.clear();
  s.client->subscribe({{.filter = "not/#/valid"}});
  CHECK(s.until_heard("granted(128,) "));
}

TEST_CASE("under 3.1.1 a subscription has a QoS and nothing else") {
  Session s(MqttVersion::v311);
  s.connect();
  s.client->subscribe({{.filter = "a", .qos = 1, .retained = MqttSubscription::Retained::never}});
  CHECK(s.until([&] { return s.broker.count(kSubscribe) == 1; }));
  CHECK(s.broker.last(kSubscribe).body.substr(2) == "\0\1a\1"sv);
}

TEST_CASE("what is published arrives, and its token comes back when the broker has it") {
  Session s(MqttVersion::v5, false);
  CHECK_FALSE(s.client->publish("t", "x", 1, false, {}));  // not connected
  s.connect();
  const auto token = s.client->publish("t", "pay", 1, true, {{"id", "node/1/7"}});
  REQUIRE(token);
  CHECK(s.until([&] { return s.broker.count(kPublish) == 1; }));
  const auto& packet = s.broker.last(kPublish);
  CHECK(packet.flags == 3);
  CHECK(packet.body.substr(0, 3) == "\0\1t"sv);
  CHECK(packet.body.substr(5) == "\x0f\x26\0\2id\0\x08node/1/7pay"sv);
  CHECK(s.heard.empty());
  s.broker.send("\x40\2" + packet.body.substr(3, 2));
  CHECK(s.until_heard("published(" + std::to_string(*token) + ") "));
  s.heard.clear();
  const auto unacknowledged = s.client->publish("t", "x", 0, false, {});
  REQUIRE(unacknowledged);
  CHECK(s.heard.empty());  // not before the caller knows the token
  CHECK(s.until_heard("published(" + std::to_string(*unacknowledged) + ") "));
  CHECK_FALSE(s.client->publish("bad/#", "x", 0, false, {}));
}

TEST_CASE("a message that the broker refuses is not taken for delivered") {
  Session s(MqttVersion::v5, false);
  s.connect();
  REQUIRE(s.client->publish("t", "x", 1, false, {}));
  CHECK(s.until([&] { return s.broker.count(kPublish) == 1; }));
  s.broker.send("\x40\3" + s.broker.last(kPublish).body.substr(3, 2) + "\x97");
  CHECK(s.until([&] { return !s.heard.empty(); }));
  CHECK(s.heard.starts_with("closed(the broker refused a message: "));
}

TEST_CASE("a refusal says why, and whether the version is the reason") {
  SUBCASE("3.1.1, not authorised") {
    Session s(MqttVersion::v311);
    s.client->connect();
    CHECK(s.until([&] { return s.broker.count(1) == 1; }));
    s.broker.send("\x20\2\0\5"sv);
    CHECK(s.until([&] { return !s.heard.empty(); }));
    CHECK(s.heard.starts_with("refused("));
    CHECK(s.heard.find("version") == std::string::npos);
    CHECK(s.heard.find("closed") == std::string::npos);
  }
  SUBCASE("5, by a broker of that version") {
    Session s(MqttVersion::v5);
    s.client->connect();
    CHECK(s.until([&] { return s.broker.count(1) == 1; }));
    s.broker.send("\x20\3\0\x84\0"sv);
    CHECK(s.until([&] { return s.heard.ends_with(", version) "); }));
  }
  SUBCASE("5, by a broker of 3.1.1") {
    Session s(MqttVersion::v5);
    s.client->connect();
    CHECK(s.until([&] { return s.broker.count(1) == 1; }));
    s.broker.send("\x20\2\0\1"sv);
    CHECK(s.until([&] { return s.heard.ends_with(", version) "); }));
  }
}

TEST_CASE("a lost connection forgets what it held, and the next one starts anew") {
  for_both([](MqttVersion version) {
    Session s(version);
    s.connect();
    s.publish(1, "a");
    CHECK(s.until_heard("1:a "));
    s.broker.hang_up();
    CHECK(s.until([&] { return s.heard.find("closed(") != std::string::npos; }));
    s.client->release();
    s.settle();
    s.heard.clear();
    s.connect(true);
    s.client->release();
    s.settle();
    CHECK(s.broker.acknowledged().empty());
    s.publish(1, "a", 8);
    CHECK(s.until_heard("1d:a "));
    s.client->release();
    CHECK(s.until([&] { return s.broker.acknowledged() == "1 "; }));
    CHECK(s.broker.connections == 2);
  });
}

TEST_CASE("a broker that says goodbye is quoted") {
  Session s(MqttVersion::v5);
  s.connect();
  s.broker.send("\xe0\1\x8e"sv);
  CHECK(s.until([&] { return !s.heard.empty(); }));
  CHECK(s.heard.starts_with("closed("));
  CHECK(s.heard.find("taken over") != std::string::npos);
}

TEST_CASE("where nobody listens the attempt is closed with the system's words") {
  Session s(MqttVersion::v5);
  auto made = s.connector->make({.host = "127.0.0.1", .port = 1, .client_id = "x"}, s.events());
  REQUIRE(made);
  (*made)->connect();
  CHECK(s.until_heard("closed(Connection refused) "));
}

TEST_CASE("a client destroyed while it connects is heard of no more") {
  Session s(MqttVersion::v5);
  s.client->connect();
  s.client.reset();
  s.settle();
  CHECK(s.heard.empty());
  Session gone(MqttVersion::v5);
  gone.client->connect();
  gone.client.reset();
  gone.connector.reset();
  gone.settle();
}

TEST_CASE("a farewell takes the acknowledgements along, also with messages unread") {
  for_both([](MqttVersion version) {
    Session s(version);
    s.connect();
    s.publish(1, "a");
    CHECK(s.until_heard("1:a "));
    s.client->pause();
    s.publish(2, "unread");
    s.settle();
    s.heard.clear();
    s.client->disconnect();
    CHECK(s.until([&] { return s.broker.count(kDisconnect) == 1; }));
    CHECK(s.broker.acknowledged() == "1 ");
    CHECK(s.until([&] {
      s.broker.poll();
      return s.broker.ended;
    }));
    CHECK_FALSE(s.broker.reset);
    s.broker.hang_up();
    CHECK(s.until_heard("closed(disconnected) "));
  });
}

TEST_CASE("a client that is not connected can be disconnected") {
  Session s(MqttVersion::v5);
  s.client->connect();
  s.client->disconnect();
  CHECK(s.heard.empty());
  CHECK(s.until_heard("closed(disconnected) "));
}

TEST_CASE("an attempt that was given up does not end or become the next one") {
  Session s(MqttVersion::v5);
  s.client->connect();
  s.client->disconnect();
  s.client->connect();
  CHECK(s.until([&] {
    s.broker.poll();
    if (s.broker.ended) s.broker.hang_up();  // the first attempt's, which says nothing
    return s.broker.count(1) == 1;
  }));
  s.broker.send("\x20\3\0\0\0"sv);
  CHECK(s.until_heard("connected(new) "));
  s.settle();
  CHECK(s.heard == "connected(new) ");
}

TEST_CASE("a broker that hangs up during the TLS handshake is not waited for") {
  Session s(MqttVersion::v5);
  auto made = s.connector->make({.host = "127.0.0.1", .port = s.broker.port, .client_id = "x", .tls = true},
                                s.events());
  REQUIRE(made);
  (*made)->connect();
  CHECK(s.until([&] { return s.broker.count(1) > 0; }));  // 0x16, the first byte of TLS, looks like a CONNECT
  s.broker.hang_up();
  CHECK(s.until([&] { return !s.heard.empty(); }));
  CHECK(s.heard.starts_with("closed("));
}

TEST_CASE("a quiet connection is kept alive, at the interval that the broker demands") {
  Session s(MqttVersion::v5);
  s.client->connect();
  CHECK(s.until([&] { return s.broker.count(1) == 1; }));
  s.broker.send("\x20\6\0\0\3\x13\0\1"sv);  // server keep-alive: one second
  CHECK(s.until_heard("connected(new) "));
  CHECK(s.until([&] { return s.broker.count(kPing) >= 1; }));
}

TEST_CASE("settings that cannot work are errors when the client is made") {
  Session s(MqttVersion::v5);
  const auto no_file =
      s.connector->make({.client_id = "x", .tls = true, .ca_file = "/nonexistent/ca.pem"}, {});
  REQUIRE_FALSE(no_file);
  CHECK(no_file.error().message.find("/nonexistent/ca.pem") != std::string::npos);
  CHECK_FALSE(s.connector->make({.client_id = std::string(500, 'x')}, {}));
  CHECK_FALSE(s.connector->make({.client_id = "", .clean_start = false}, {}));
}
