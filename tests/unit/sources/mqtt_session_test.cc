#include "sources/mqtt_session.h"

#include <doctest/doctest.h>

#include "sources/mqtt_hold.h"
#include "support/fake_random.h"

namespace tidemark {
namespace {

using Verdict = MqttSession::Verdict;
using Retained = MqttSubscription::Retained;

struct Session {
  explicit Session(std::size_t window = 8) : session(window) {}
  Session& connected(bool present) {
    session.remember_event(MqttSession::connected_event(present));
    return *this;
  }
  Session& subscribing(const std::vector<std::string>& filters) {
    session.remember_event(MqttSession::subscribing_event(filters, 1));
    return *this;
  }
  Session& subscribed() {
    session.remember_event(MqttSession::subscribed_event());
    return *this;
  }
  Verdict see(std::uint16_t id, bool duplicate, std::string_view payload = "hello", bool unreleased = false,
              int qos = 1) {
    const MqttMessage message{
        .id = id, .qos = qos, .duplicate = duplicate, .topic = "a/b", .payload = payload};
    const Verdict verdict = session.judge(message, payload, unreleased, RetainedPolicy::first);
    if (verdict == Verdict::deliver)
      session.remember_record(message.topic, message.payload, MqttSession::record_resume(message));
    return verdict;
  }
  Verdict see_retained(std::string_view topic, RetainedPolicy policy, bool duplicate = false) {
    const MqttMessage message{
        .id = 9, .qos = 1, .retained = true, .duplicate = duplicate, .topic = topic, .payload = "kept"};
    return session.judge(message, message.payload, false, policy);
  }
  MqttSession::Plan plan(std::vector<std::string> filters, bool present,
                         MqttVersion version = MqttVersion::v5,
                         RetainedPolicy retained = RetainedPolicy::first) {
    return session.plan({.filters = std::move(filters),
                         .qos = 1,
                         .retained = retained,
                         .version = version,
                         .session_present = present});
  }
  std::string bytes() const {
    Encoder out;
    session.save(out);
    return out.take();
  }
  MqttSession session;
};

TEST_CASE(
    "rule 1: an id whose acknowledgement has not been released is a duplicate, whatever the flags say") {
  Session s;
  s.connected(false);
  CHECK(s.see(1, false) == Verdict::deliver);
  CHECK(s.see(1, true, "hello", true) == Verdict::duplicate);
  CHECK(s.see(1, false, "hello", true) == Verdict::duplicate);
  CHECK(s.see(1, true, "other", true) == Verdict::duplicate);
}

TEST_CASE(
    "rule 2: a message that is not called a duplicate is delivered, also under an id and payload seen "
    "before") {
  Session s;
  s.connected(false);
  CHECK(s.see(1, false) == Verdict::deliver);
  CHECK(s.see(1, false) == Verdict::deliver);
}

TEST_CASE(
    "rule 3: one called a duplicate is dropped when id, topic and payload are among the last of this "
    "session") {
  Session s;
  s.connected(false);
  CHECK(s.see(1, false) == Verdict::deliver);
  CHECK(s.see(2, false, "two") == Verdict::deliver);
  CHECK(s.see(1, true) == Verdict::duplicate);
  CHECK(s.see(1, true) == Verdict::duplicate);
  CHECK(s.see(2, true, "two") == Verdict::duplicate);
}

TEST_CASE("rule 4: an unknown duplicate is a first delivery") {
  Session s;
  s.connected(false);
  CHECK(s.see(1, false) == Verdict::deliver);
  CHECK(s.see(2, true) == Verdict::deliver);
  CHECK(s.see(1, true, "other") == Verdict::deliver);
  CHECK(s.see(2, true) == Verdict::duplicate);  // now it is known
}

TEST_CASE("the same payload on another topic is another message") {
  Session s;
  s.connected(false);
  CHECK(s.see(1, false) == Verdict::deliver);
  const MqttMessage other{.id = 1, .qos = 1, .duplicate = true, .topic = "a/c", .payload = "hello"};
  CHECK(s.session.judge(other, other.payload, false, RetainedPolicy::first) == Verdict::deliver);
}

TEST_CASE(
    "a broker that falls back to an older session: its stale resends are dropped, its new messages are not") {
  Session s;
  s.connected(false);
  for (std::uint16_t id = 1; id <= 6; ++id) CHECK(s.see(id, false) == Verdict::deliver);
  s.connected(true);
  for (std::uint16_t id = 1; id <= 3; ++id) CHECK(s.see(id, true) == Verdict::duplicate);
  for (std::uint16_t id = 4; id <= 6; ++id) CHECK(s.see(id, false) == Verdict::deliver);
}

TEST_CASE("a session is parted from when it is known and its connection ended; memory says so, too") {
  Session s;
  CHECK_FALSE(s.session.parted());
  s.session.remember_event(MqttSession::disconnected_event());
  CHECK_FALSE(s.session.parted());
  s.connected(false);
  CHECK_FALSE(s.session.parted());
  s.session.remember_event(MqttSession::disconnected_event());
  CHECK(s.session.parted());
  Session other;
  const std::string bytes = s.bytes();
  Decoder in(bytes);
  REQUIRE(other.session.load(in));
  CHECK(other.session.parted());
  CHECK_FALSE(other.connected(true).session.parted());
}

TEST_CASE("a lost session takes the memory of its ids with it") {
  Session s;
  s.connected(false);
  CHECK(s.see(1, false) == Verdict::deliver);
  s.connected(false);
  CHECK(s.session.epoch() == 2);
  CHECK(s.see(1, true) == Verdict::deliver);
}

TEST_CASE("only the last `window` messages are remembered") {
  Session s(4);
  s.connected(false);
  for (std::uint16_t id = 1; id <= 5; ++id) s.see(id, false);
  CHECK(s.see(2, true) == Verdict::duplicate);
  CHECK(s.see(1, true) == Verdict::deliver);
}

TEST_CASE("QoS 0 is never a duplicate and never remembered") {
  Session s;
  s.connected(false);
  const std::string before = s.bytes();
  CHECK(s.see(0, true, "x", false, 0) == Verdict::deliver);
  CHECK(s.see(0, true, "x", false, 0) == Verdict::deliver);
  CHECK(s.bytes() == before);
}

TEST_CASE("a session that is present although none is known is taken as ours") {
  Session s;
  CHECK_FALSE(s.session.known());
  s.connected(true);
  CHECK(s.session.known());
  CHECK(s.see(5, true) == Verdict::deliver);
  s.connected(true);
  CHECK(s.session.epoch() == 1);
  CHECK(s.see(5, true) == Verdict::duplicate);
}

TEST_CASE("topics match filters as MQTT says") {
  const std::vector<std::tuple<std::string, std::string, bool>> cases = {
      {"a/b", "a/b", true},
      {"a/b", "a/c", false},
      {"a/+", "a/b", true},
      {"a/+", "a/b/c", false},
      {"a/+", "a", false},
      {"a/+", "a/", true},
      {"a/#", "a/b/c", true},
      {"a/#", "a", true},
      {"#", "a/b", true},
      {"#", "$SYS/x", false},
      {"+/x", "$SYS/x", false},
      {"$SYS/#", "$SYS/x", true},
      {"+", "a", true},
      {"+", "/a", false},
      {"/+", "/a", true},
      {"+/+", "/a", true},
      {"a/+/c", "a/b/c", true},
      {"a/+/c", "a/b/d", false},
      {"a", "a/b", false},
      {"a/b", "a", false},
      {"$share/g/a/+", "a/b", true},
      {"$share/g/#", "x", true},
      {"$share/g", "x", false},
      {"plant/+/+/telemetry", "plant/1/2/telemetry", true},
      {"plant/+/+/telemetry", "plant/1/telemetry", false},
      {"a//b", "a//b", true},
      {"a/+/b", "a//b", true},
  };
  for (const auto& [filter, topic, matches] : cases) {
    CAPTURE(filter);
    CAPTURE(topic);
    CHECK(topic_matches(filter, topic) == matches);
  }
}

TEST_CASE("under MQTT 5 every CONNACK is answered with all filters, retained messages only for new ones") {
  Session s;
  s.connected(false);
  auto plan = s.plan({"a", "b"}, false);
  CHECK(plan.changes);
  REQUIRE(plan.subscribe.size() == 2);
  CHECK(plan.subscribe[0].retained == Retained::first);
  s.subscribing({"a", "b"}).subscribed().connected(true);
  plan = s.plan({"a", "b"}, true);
  CHECK_FALSE(plan.changes);
  CHECK(plan.subscribe.size() == 2);
}

TEST_CASE("under 3.1.1 a present session is left alone unless the filters changed") {
  Session s;
  s.connected(false);
  CHECK(s.plan({"a"}, false, MqttVersion::v311).subscribe.size() == 1);
  s.subscribing({"a"}).subscribed().connected(true);
  CHECK(s.plan({"a"}, true, MqttVersion::v311).subscribe.empty());
  const auto plan = s.plan({"a", "b"}, true, MqttVersion::v311);
  REQUIRE(plan.subscribe.size() == 1);
  CHECK(plan.subscribe[0].filter == "b");
  CHECK(plan.changes);
  CHECK(s.plan({"a"}, true, MqttVersion::v311, RetainedPolicy::always).subscribe.size() == 1);
  s.connected(false);
  CHECK(s.plan({"a"}, false, MqttVersion::v311).subscribe.size() == 1);
}

TEST_CASE("a subscription that was sent and never granted is sent again, as a new one") {
  Session s;
  s.connected(false).subscribing({"a"}).connected(true);
  const auto plan = s.plan({"a"}, true, MqttVersion::v311);
  REQUIRE(plan.subscribe.size() == 1);
  CHECK(plan.subscribe[0].retained == Retained::first);
  CHECK(plan.changes);
}

TEST_CASE("a filter that left the configuration is unsubscribed until the broker must have heard it") {
  Session s;
  s.connected(false).subscribing({"a", "b"}).subscribed().connected(true);
  CHECK(s.plan({"b"}, true).unsubscribe == std::vector<std::string>{"a"});
  s.subscribing({"b"}).connected(true);
  CHECK(s.plan({"b"}, true).unsubscribe == std::vector<std::string>{"a"});
  s.subscribed().connected(true);
  CHECK(s.plan({"b"}, true).unsubscribe.empty());
  // Once it is back, it is new.
  CHECK(s.plan({"a", "b"}, true).subscribe[0].retained == Retained::first);
}

TEST_CASE("a lost session is subscribed anew without the retained messages that were counted before") {
  Session s;
  s.connected(false).subscribing({"a/#"}).subscribed();
  CHECK(s.see_retained("a/x", RetainedPolicy::first) == Verdict::deliver);
  s.connected(false);
  const auto plan = s.plan({"a/#", "b/#"}, false);
  CHECK(plan.subscribe[0].retained == Retained::never);
  CHECK(plan.subscribe[1].retained == Retained::first);
  s.subscribing({"a/#", "b/#"});
  // What 3.1.1 cannot ask for is dropped here.
  CHECK(s.see_retained("a/x", RetainedPolicy::first) == Verdict::retained_again);
  CHECK(s.see_retained("b/x", RetainedPolicy::first) == Verdict::deliver);
  // The same on the next connection of that session, where the broker sends again what it saw no
  // acknowledgement of.
  s.connected(true);
  CHECK(s.see_retained("a/x", RetainedPolicy::first, true) == Verdict::retained_again);
  CHECK(s.see_retained("b/x", RetainedPolicy::first, true) == Verdict::deliver);
}

// interface: sources.retained
TEST_CASE("the policies always and never hold for every retained message") {
  Session s;
  s.connected(false).subscribing({"a"}).subscribed().connected(false);
  CHECK(s.see_retained("a", RetainedPolicy::always) == Verdict::deliver);
  CHECK(s.see_retained("a", RetainedPolicy::never) == Verdict::retained_again);
  CHECK(s.plan({"a"}, false, MqttVersion::v5, RetainedPolicy::always).subscribe[0].retained ==
        Retained::always);
  CHECK(s.plan({"a"}, false, MqttVersion::v5, RetainedPolicy::never).subscribe[0].retained ==
        Retained::never);
}

TEST_CASE("what was saved goes on as if it had never stopped") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    FakeRandom random(seed);
    Session live(5);
    Session other(5);
    const auto both = [&](const auto& act) {
      act(live);
      act(other);
    };
    for (int step = 0; step < 80; ++step) {
      switch (random.below(6)) {
        case 0: {
          const bool present = random.one_in(2);
          both([&](Session& s) { s.connected(present); });
          break;
        }
        case 1:
          both([&](Session& s) { s.subscribing({"a", "b"}); });
          break;
        case 2:
          both([&](Session& s) { s.subscribed(); });
          break;
        default: {
          const auto id = static_cast<std::uint16_t>(1 + random.below(7));
          const bool duplicate = random.one_in(2);
          const std::string payload(1, static_cast<char>('a' + random.below(2)));
          CHECK(live.see(id, duplicate, payload) == other.see(id, duplicate, payload));
        }
      }
      if (!random.one_in(4)) continue;
      const std::string bytes = other.bytes();
      Decoder in(bytes);
      other = Session(5);
      REQUIRE(other.session.load(in));
      CHECK(in.complete());
      CHECK(other.bytes() == live.bytes());
    }
  }
}

TEST_CASE("a memory that is cut short is refused") {
  Session s;
  s.connected(false).subscribing({"a"}).subscribed();
  s.see(1, false);
  const std::string bytes = s.bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    MqttSession loaded(8);
    Decoder in(std::string_view(bytes).substr(0, size));
    CHECK_FALSE(loaded.load(in));
  }
}

TEST_CASE("hold: a cut is due at three quarters of the window or when the oldest has waited long enough") {
  MqttHold hold({.window = 20, .longest = 200ms, .keep_alive = 60s});
  const auto now = time_from_ns<MonotonicTime>(0);
  CHECK(hold.read(7, false, now));
  CHECK(hold.cut_due() == now + 200ms);
  CHECK(hold.give_up_due() == now + 20s);
  for (std::uint16_t id = 8; id < 21; ++id) CHECK_FALSE(hold.read(id, false, now + 100ms));
  CHECK_FALSE(hold.nearly_full());
  hold.read(21, false, now);
  CHECK(hold.nearly_full());
  CHECK(hold.holds(7));
  CHECK_FALSE(hold.holds(6));
  hold.released();
  CHECK_FALSE(hold.holds(7));
  CHECK(hold.read(7, false, now + 1s));
  CHECK(hold.cut_due() == now + 1200ms);
}

TEST_CASE("hold: no longer than a quarter of the keep-alive, whatever is configured") {
  MqttHold hold({.window = 20, .longest = 1min, .keep_alive = 20s});
  hold.read(1, false, time_from_ns<MonotonicTime>(0));
  CHECK(hold.cut_due() == time_from_ns<MonotonicTime>(0) + 5s);
}

// A broker repeats message 7 within the connection. Its first acknowledgement has left, so the broker may use
// the id for another message while the second acknowledgement, of the repetition, is still held.
TEST_CASE(
    "hold: an id that was released may be used for a new message while a repetition of the old one is held") {
  MqttHold hold({.window = 20, .longest = 200ms, .keep_alive = 60s});
  const auto now = time_from_ns<MonotonicTime>(0);
  hold.read(7, false, now);
  hold.released();
  hold.read(7, true, now);
  CHECK(hold.count() == 1);
  CHECK_FALSE(hold.holds(7));
  hold.read(7, false, now);
  CHECK(hold.holds(7));
}

TEST_CASE("hold: a repetition from before this connection is held like a first delivery") {
  MqttHold hold({.window = 20, .longest = 200ms, .keep_alive = 60s});
  const auto now = time_from_ns<MonotonicTime>(0);
  hold.read(7, false, now);
  hold.released();
  hold.connection_lost();
  hold.read(7, true, now);
  CHECK(hold.holds(7));
}

}  // namespace
}  // namespace tidemark
