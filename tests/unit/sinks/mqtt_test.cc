#include <doctest/doctest.h>

#include "support/sink_subject.h"

namespace tidemark {
namespace {

constexpr auto kMqtt = SinkSettings::Type::mqtt;

TEST_CASE(
    "mqtt sink: each result is a message, with its id as a user property, and done when all are taken") {
  const ResultScript script(3);
  SinkSubject subject(kMqtt);
  subject.settings.retain = true;
  const auto opened = subject.open(script.schemas());
  REQUIRE(opened->has_value());
  CHECK_FALSE((*opened)->has_value());
  FakeMqtt& broker = subject.doors.mqtt.last();
  CHECK_FALSE(broker.options.hold_acks);
  broker.connected(false);
  CHECK_FALSE(subject.write(script.all()));
  REQUIRE(broker.published.size() == 3);
  CHECK(broker.published[0].topic == "out/d0");
  CHECK(broker.published[0].payload.starts_with("{\"device\":\"d0\""));
  CHECK(broker.published[0].retain);
  CHECK(broker.published[0].qos == 1);
  CHECK(broker.published[0].user_properties ==
        std::vector<std::pair<std::string, std::string>>{{"id", "node/1/health/1"}});
  broker.take_publication(broker.published[2].token);
  broker.take_publication(broker.published[0].token);
  subject.doors.loop.run_ready();
  CHECK_FALSE(subject.finished);
  broker.take_publication(broker.published[1].token);
  subject.doors.loop.run_ready();
  CHECK(subject.finished);
}

TEST_CASE("mqtt sink: no more than a hundred are under way") {
  const ResultScript script(250);
  SinkSubject subject(kMqtt);
  subject.open(script.schemas());
  FakeMqtt& broker = subject.doors.mqtt.last();
  broker.connected(false);
  subject.write(script.all());
  CHECK(broker.published.size() == 100);
  broker.take_publication(broker.published[0].token);
  CHECK(broker.published.size() == 101);
  broker.take_all_publications();
  subject.doors.loop.run_ready();
  CHECK(broker.published.size() == 250);
  CHECK(subject.finished);
}

TEST_CASE("mqtt sink: after a lost connection what was not taken goes again, in order") {
  const ResultScript script(5);
  SinkSubject subject(kMqtt);
  subject.open(script.schemas());
  subject.doors.mqtt.last().connected(false);
  subject.write(script.all());
  FakeMqtt& first = subject.doors.mqtt.last();
  first.take_publication(first.published[0].token);
  first.take_publication(first.published[2].token);
  first.close("connection lost");
  CHECK(subject.sink->status().state == SinkStatus::State::away);
  subject.doors.loop.advance(2s);
  FakeMqtt& second = subject.doors.mqtt.last();
  REQUIRE(&second != &first);
  second.connected(false);
  REQUIRE(second.published.size() == 3);
  CHECK(second.published[0].topic == "out/d1");
  CHECK(second.published[1].topic == "out/d3");
  second.take_all_publications();
  subject.doors.loop.run_ready();
  CHECK(subject.finished);
}

TEST_CASE("mqtt sink: a broker that is not there at the start is waited for, with growing pauses") {
  const ResultScript script(2);
  SinkSubject subject(kMqtt);
  CHECK(subject.open(script.schemas())->has_value());
  subject.write(script.all());
  for (int i = 0; i < 6; ++i) {
    const std::size_t clients = subject.doors.mqtt.clients.size();
    subject.doors.mqtt.last().close("connection refused");
    CHECK(subject.doors.loop.run_until([&] { return subject.doors.mqtt.clients.size() > clients; }, 31s));
  }
  CHECK(subject.sink->status().degraded.find("connection refused") != std::string::npos);
  subject.doors.mqtt.last().connected(false);
  subject.doors.mqtt.last().take_all_publications();
  subject.doors.loop.run_ready();
  CHECK(subject.finished);
}

TEST_CASE(
    "mqtt sink: a broker without MQTT 5 is spoken to in 3.1.1, where the id stands in the payload if asked "
    "for") {
  const ResultScript script(1);
  SinkSubject subject(kMqtt);
  subject.settings.ids = true;
  subject.open(script.schemas());
  subject.doors.mqtt.last().refuse("unsupported protocol version", true);
  subject.doors.loop.run_ready();
  FakeMqtt& broker = subject.doors.mqtt.last();
  CHECK(broker.options.version == MqttVersion::v311);
  broker.connected(false);
  subject.write(script.all());
  CHECK(broker.published[0].user_properties.empty());
  CHECK(broker.published[0].payload.find("\"_id\":\"node/1/health/1\"") != std::string::npos);
}

TEST_CASE("mqtt sink: a publish that the client refuses is tried again on a new connection") {
  const ResultScript script(1);
  SinkSubject subject(kMqtt);
  subject.open(script.schemas());
  subject.doors.mqtt.last().connected(false);
  subject.doors.mqtt.last().refuse_publish = "out of memory";
  CHECK_FALSE(subject.write(script.all()));
  CHECK(subject.sink->status().degraded.find("out of memory") != std::string::npos);
  subject.doors.loop.advance(2s);
  subject.doors.mqtt.last().connected(false);
  subject.doors.mqtt.last().take_all_publications();
  subject.doors.loop.run_ready();
  CHECK(subject.finished);
}

TEST_CASE("mqtt sink: a topic that names what the results do not have is an error of the start") {
  const ResultScript script(1);
  SinkSubject subject(kMqtt);
  subject.settings.topic.value = "out/{line}";
  const auto opened = subject.open(script.schemas());
  REQUIRE_FALSE(opened->has_value());
  CHECK(opened->error().kind == Error::Kind::usage);
  CHECK(subject.doors.mqtt.clients.empty());
}

// interface: sinks.username, sinks.password, sinks.ca_file, sinks.cert_file, sinks.key_file, sinks.client_id
TEST_CASE("mqtt sink: what the broker asks for is handed to the client: name, password, certificates") {
  const ResultScript script(1);
  SinkSubject subject(kMqtt);
  subject.settings.tls = true;
  subject.settings.ca_file = "/ca";
  subject.settings.cert_file = "/cert";
  subject.settings.key_file = "/key";
  subject.settings.username = "me";
  subject.settings.password = "secret";
  subject.open(script.schemas());
  const MqttOptions& options = subject.doors.mqtt.last().options;
  CHECK(options.tls);
  CHECK(options.ca_file + options.cert_file + options.key_file == "/ca/cert/key");
  CHECK(options.username + options.password == "mesecret");
  CHECK(options.client_id == "tm-out");
}

TEST_CASE("mqtt sink: close says goodbye") {
  const ResultScript script(1);
  SinkSubject subject(kMqtt);
  subject.open(script.schemas());
  subject.doors.mqtt.last().connected(false);
  bool closed = false;
  subject.sink->close([&] { closed = true; });
  subject.doors.loop.run_ready();
  CHECK(closed);
  CHECK(subject.doors.mqtt.last().disconnects == 1);
}

}  // namespace
}  // namespace tidemark
