// The mqtt source: one persistent session, acknowledged only after the fsync.
//
// MQTT 5 first; 3.1.1 when the broker refuses that version. With QoS 1 every acknowledgement is held
// (MqttHold) until the Intake calls everything read so far safe. Whatever is read is judged by MqttSession
// before it is appended. A disk that does not answer for a third of the keep-alive ends the connection on
// purpose, and the source comes back once the disk has: the broker then sends again what was not
// acknowledged, and the session knows it.
//
// A broker that says "session present" although the answer before is not known (MqttSession: in doubt) is
// asked to unsubscribe what nobody subscribed. Brokers work in order: a message before that answer shows the
// session that is known; an answer without any shows one with nothing in flight, which counts as new, since
// nothing of what is remembered will come again from there.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/backoff.h"
#include "base/format.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/mqtt.h"
#include "platform/random.h"
#include "sources/line_framing.h"
#include "sources/mqtt_hold.h"
#include "sources/mqtt_session.h"
#include "sources/source.h"

namespace tidemark {
namespace {

// A broker that speaks 3.1.1 does not say how many messages it sends unacknowledged; mosquitto's default.
constexpr std::uint32_t kWindowOf311 = 20;
constexpr Duration kFarewell = 2s;

class MqttSource final : public Source {
 public:
  explicit MqttSource(SourceContext context)
      : context_(std::move(context)),
        subject_("sources." + context_.settings.name),
        version_(context_.settings.protocol == SourceSettings::Protocol::v311 ? MqttVersion::v311
                                                                              : MqttVersion::v5),
        session_(context_.settings.receive_maximum),
        hold_(hold_limits()) {
    for (const auto& topic : context_.settings.topics) filters_.push_back(topic.value);
  }

  void save(Encoder& out) const override { session_.save(out); }
  bool load(Decoder& in) override { return session_.load(in); }
  void remember_record(Position position, std::string_view topic, std::string_view payload,
                       std::string_view resume) override {
    last_ = position;
    session_.remember_record(topic, payload, resume);
  }
  void remember_event(Position position, std::string_view payload) override {
    last_ = position;
    session_.remember_event(payload);
  }

  Status start() override;
  void pause() override {
    paused_ = true;
    set_reading();
  }
  void resume() override;
  void safe_moved() override;
  void stop(std::function<void()> done) override;
  SourceStatus status() const override;
  std::string summary() const override { return session_.summary(); }

 private:
  bool holds() const { return context_.settings.qos > 0; }
  int qos() const { return holds() ? 1 : 0; }
  Loop& loop() const { return context_.platform.loop; }
  Log& log() const { return context_.platform.log; }
  MqttSession::Wish wish(bool session_present) const;
  std::string broker() const { return format("{}:{}", context_.settings.host, context_.settings.port); }
  MqttHold::Limits hold_limits() const;
  MqttOptions options() const;
  MqttClient::Events events();

  void connect();
  void part();
  void reconnect_later(const std::string& why);
  void drop_client();
  void connected(bool session_present);
  void ask_whose_session();
  void found(bool its_session);
  void subscribe(bool session_present);
  void refused(const std::string& reason, bool wrong_version);
  void closed(const std::string& reason);
  void subscribed(const std::vector<int>& granted);
  void message(const MqttMessage& message);
  void append(const MqttMessage& message, std::string_view payload, bool oversized);
  void held(std::uint16_t id, bool repetition);
  void cut();
  void give_up();
  void try_release();
  void set_reading();
  void finish_stop();

  SourceContext context_;
  std::string subject_;
  MqttVersion version_;
  std::vector<std::string> filters_;
  MqttSession session_;
  Position last_;  // of the newest entry of this source: what must be safe before a release

  std::unique_ptr<MqttClient> client_;
  std::vector<std::unique_ptr<MqttClient>> dying_;  // a client cannot be destroyed from its own callback
  std::unique_ptr<Timer> reaper_;
  std::uint64_t generation_ = 0;  // of client_; an older one's events are not heard
  bool connected_ = false;
  bool subscribed_ = false;  // on this connection, as far as the broker grants it
  bool reading_ = true;      // what the client was last told
  bool paused_ = false;
  bool cut_ = false;
  bool waits_for_disk_ = false;  // to connect, or to come back
  bool in_doubt_ = false;        // a CONNECT may have been sent whose answer is not known
  bool asks_whose_ = false;      // connected, and the answer to that is not recorded
  bool stopping_ = false;
  bool farewell_said_ = false;
  std::function<void()> stopped_;
  MqttHold hold_;
  Backoff backoff_{1s, 30s};
  std::unique_ptr<Timer> reconnect_;
  std::unique_ptr<Timer> hold_timer_;
  std::unique_ptr<Timer> give_up_timer_;
  std::unique_ptr<Timer> farewell_timer_;
  std::string detail_;
  std::string degraded_;
  std::string refused_filters_;
  std::optional<Position> subscribe_after_;  // once the new session is safe
  std::vector<MqttSubscription> asked_;      // of the broker, on this connection
  bool confirms_ = false;                    // its answer is news to the session

  std::uint64_t connections_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t retained_dropped_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t oversized_ = 0;
  std::uint64_t given_up_ = 0;
};

MqttHold::Limits MqttSource::hold_limits() const {
  const std::uint32_t window = context_.settings.receive_maximum;
  return {.window = version_ == MqttVersion::v5 ? window : std::min(window, kWindowOf311),
          .longest = context_.longest_hold,
          .keep_alive = context_.settings.keep_alive};
}

MqttSession::Wish MqttSource::wish(bool session_present) const {
  return {.filters = filters_,
          .qos = qos(),
          .retained = context_.settings.retained,
          .version = version_,
          .session_present = session_present};
}

MqttOptions MqttSource::options() const {
  const SourceSettings& settings = context_.settings;
  MqttOptions options;
  options.host = settings.host;
  options.port = settings.port;
  options.client_id = context_.client_id;
  options.clean_start = !holds();
  options.version = version_;
  options.keep_alive = settings.keep_alive;
  options.session_expiry = holds() ? settings.session_expiry : Duration::zero();
  options.receive_maximum = settings.receive_maximum;
  options.username = settings.username;
  options.password = settings.password;
  options.tls = settings.tls;
  options.ca_file = settings.ca_file;
  options.cert_file = settings.cert_file;
  options.key_file = settings.key_file;
  options.hold_acks = holds();
  return options;
}

MqttClient::Events MqttSource::events() {
  const std::uint64_t mine = generation_;
  const auto current = [this, mine] { return mine == generation_; };
  MqttClient::Events events;
  events.connected = [this, current](bool present) {
    if (current()) connected(present);
  };
  events.refused = [this, current](const std::string& reason, bool wrong_version) {
    if (current()) refused(reason, wrong_version);
  };
  events.closed = [this, current](const std::string& reason) {
    if (current()) closed(reason);
  };
  events.message = [this, current](const MqttMessage& m) {
    if (current()) message(m);
  };
  events.subscribed = [this, current](const std::vector<int>& granted) {
    if (current()) subscribed(granted);
  };
  events.unsubscribed = [this, current] {
    // After a final checkpoint, nothing is journaled.
    if (current() && asks_whose_ && !stopping_) found(false);
  };
  events.published = [](int) {};
  return events;
}

Status MqttSource::start() {
  if (holds()) {
    Status proven = context_.platform.mqtt.self_test();
    if (!proven) return pass_on(proven, subject_);
  }
  if (context_.settings.qos == 2)
    log().warning(subject_,
                  "qos = 2 subscribes with 1: QoS 2 keeps its state in memory only and would lose messages");
  in_doubt_ = session_.parted();
  if (holds() && session_.known() && !in_doubt_) part();
  connect();
  return {};
}

void MqttSource::connect() {
  reconnect_.reset();
  if (client_ || paused_ || stopping_) return;
  waits_for_disk_ = holds() && session_.known() && context_.intake.safe() < last_;
  if (waits_for_disk_) {
    detail_ = format("not connected to {} until what was read is on the disk", broker());
    return context_.intake.hurry();
  }
  ++generation_;
  reading_ = true;
  Result<std::unique_ptr<MqttClient>> client = context_.platform.mqtt.make(options(), events());
  if (!client) return reconnect_later(client.error().message);
  client_ = std::move(*client);
  detail_ = format("connecting to {}", broker());
  client_->connect();
}

void MqttSource::reconnect_later(const std::string& why) {
  const Duration pause = backoff_.next(context_.platform.random.next());
  detail_ = format("waiting {} to reconnect to {}: {}",
                   to_text(std::chrono::ceil<std::chrono::seconds>(pause)), broker(), why);
  degraded_ = format("not connected to {}: {}", broker(), why);
  reconnect_ = loop().at(loop().now() + pause, [this] { connect(); });
}

// Unreleased acknowledgements go with the connection; their messages will come again.
void MqttSource::drop_client() {
  ++generation_;
  if (client_) {
    dying_.push_back(std::move(client_));
    reaper_ = loop().at(loop().now(), [this] { dying_.clear(); });
  }
  if (connected_ && !asks_whose_ && !stopping_) part();
  connected_ = subscribed_ = asks_whose_ = false;
  cut_ = false;
  hold_.connection_lost();
  subscribe_after_.reset();
  hold_timer_.reset();
  give_up_timer_.reset();
}

void MqttSource::part() {
  context_.intake.begin_read();
  context_.intake.event(MqttSession::disconnected_event());
}

void MqttSource::connected(bool session_present) {
  connected_ = true;
  ++connections_;
  backoff_.reset();
  degraded_.clear();
  hold_.set_limits(hold_limits());
  if (holds() && session_present && in_doubt_)
    ask_whose_session();
  else
    found(session_present);
  set_reading();
}

void MqttSource::ask_whose_session() {
  asks_whose_ = true;
  detail_ = format("connected to {}, asking which session it has", broker());
  std::vector<std::string> filters = session_.plan(wish(true)).unsubscribe;
  filters.emplace_back("tidemark/nobody");
  while (std::ranges::find(filters_, filters.back()) != filters_.end()) filters.back() += '-';
  client_->unsubscribe(filters);
}

// The broker has the session that is known, or a new one.
void MqttSource::found(bool its_session) {
  const bool asked = std::exchange(asks_whose_, false);
  in_doubt_ = false;
  if (holds() && session_.known() && !its_session && asked) {
    ++gaps_;
    log().warning(subject_,
                  "a connection ended before it was safe which session the broker has, and it has nothing in "
                  "flight: the session counts as new; what was published meanwhile may be missing",
                  {{"session", std::to_string(session_.epoch())}});
  } else if (holds() && session_.known() && !its_session) {
    ++gaps_;
    log().warning(
        subject_,
        "the broker has lost the session: what was published meanwhile may be missing; look at the broker's "
        "persistence and at session_expiry",
        {{"session", std::to_string(session_.epoch())}});
  }
  context_.intake.begin_read();
  context_.intake.event(MqttSession::connected_event(its_session));
  detail_ = format("connected to {} with MQTT {}, session {}", broker(),
                   version_ == MqttVersion::v5 ? "5" : "3.1.1", session_.epoch());
  log().info(subject_, "connected", {{"broker", broker()}, {"session", std::to_string(session_.epoch())}});

  // A new session's first messages must not come before it is safe that there is one: after a crash its
  // packet ids would be taken for those of the session before.
  if (!its_session && holds() && context_.intake.safe() < last_) {
    subscribe_after_ = last_;
    context_.intake.hurry();
  } else {
    subscribe(its_session);
  }
}

void MqttSource::subscribe(bool session_present) {
  subscribe_after_.reset();
  const MqttSession::Plan plan = session_.plan(wish(session_present));
  if (!plan.unsubscribe.empty()) client_->unsubscribe(plan.unsubscribe);
  if (plan.changes) context_.intake.event(MqttSession::subscribing_event(filters_, qos()));
  asked_ = plan.subscribe;
  confirms_ = plan.changes;
  if (!asked_.empty()) {
    client_->subscribe(asked_);
    return;
  }
  subscribed_ = true;
  if (confirms_) context_.intake.event(MqttSession::subscribed_event());
}

void MqttSource::subscribed(const std::vector<int>& granted) {
  subscribed_ = true;
  refused_filters_.clear();
  for (std::size_t i = 0; i < granted.size() && i < asked_.size(); ++i) {
    if (granted[i] >= 0x80) {
      if (!refused_filters_.empty()) refused_filters_ += ", ";
      refused_filters_ += asked_[i].filter;
    } else if (granted[i] < asked_[i].qos) {
      log().warning(subject_, "the broker grants QoS 0 only: what is under way when it or we stop is lost",
                    {{"filter", asked_[i].filter}});
    }
  }
  if (!refused_filters_.empty()) {
    log().error(subject_, "the broker refused subscriptions; look at its access rules",
                {{"filters", refused_filters_}});
    return;
  }
  if (!confirms_ || stopping_) return;  // after a final checkpoint, nothing is journaled
  confirms_ = false;
  context_.intake.begin_read();
  context_.intake.event(MqttSession::subscribed_event());
}

void MqttSource::refused(const std::string& reason, bool wrong_version) {
  drop_client();
  if (stopping_) return finish_stop();
  if (wrong_version && version_ == MqttVersion::v5 &&
      context_.settings.protocol == SourceSettings::Protocol::automatic) {
    version_ = MqttVersion::v311;
    log().info(subject_, "the broker does not speak MQTT 5; going on with 3.1.1", {{"broker", broker()}});
    reconnect_ = loop().at(loop().now(), [this] { connect(); });
    return;
  }
  log().sampled(LogLevel::error, subject_, "refused",
                format("{} refused the connection: {}", broker(), reason));
  reconnect_later(reason);
}

void MqttSource::closed(const std::string& reason) {
  const bool was_connected = connected_;
  if (!connected_ || asks_whose_) in_doubt_ = session_.known();
  drop_client();
  if (stopping_) return finish_stop();
  const std::string text =
      format("{} {}: {}", was_connected ? "lost the connection to" : "cannot connect to", broker(), reason);
  if (was_connected)
    log().warning(subject_, text);
  else
    log().sampled(LogLevel::warning, subject_, "cannot connect", text);
  reconnect_later(reason);
}

void MqttSource::message(const MqttMessage& message) {
  if (asks_whose_) found(true);
  if (message.begins_read) context_.intake.begin_read();
  const bool oversized = message.payload.size() > context_.limits.max_record;
  const std::string_view payload =
      oversized ? kept_beginning(message.payload, context_.limits.max_record) : message.payload;
  const MqttSession::Verdict verdict =
      session_.judge(message, payload, hold_.holds(message.id), context_.settings.retained);
  switch (verdict) {
    case MqttSession::Verdict::deliver:
      append(message, payload, oversized);
      break;
    case MqttSession::Verdict::duplicate:
      ++duplicates_;
      break;
    case MqttSession::Verdict::retained_again:
      ++retained_dropped_;
      break;
  }
  if (holds() && message.qos > 0) held(message.id, verdict == MqttSession::Verdict::duplicate);
  if (!context_.intake.open()) pause();
}

void MqttSource::append(const MqttMessage& message, std::string_view payload, bool oversized) {
  const std::string resume = MqttSession::record_resume(message);
  if (oversized) {
    ++oversized_;
    context_.intake.oversized(payload, message.topic, resume);
  } else {
    context_.intake.record(payload, message.topic, resume);
  }
}

// A dropped duplicate is held like the rest: its acknowledgement must wait until its first delivery is safe.
void MqttSource::held(std::uint16_t id, bool repetition) {
  const MonotonicTime now = hold_.count() == 0 ? loop().now() : MonotonicTime();  // of the first of a round
  if (hold_.read(id, repetition, now)) hold_timer_ = loop().at(hold_.cut_due(), [this] { cut(); });
  if (hold_.nearly_full()) cut();
}

void MqttSource::cut() {
  if (cut_ || hold_.count() == 0) return;
  cut_ = true;
  set_reading();
  give_up_timer_ = loop().at(hold_.give_up_due(), [this] { give_up(); });
  context_.intake.hurry();
  // Everything may be safe already (duplicates only); this may run in a callback of the client, so not at
  // once.
  hold_timer_ = loop().at(loop().now(), [this] { try_release(); });
}

void MqttSource::give_up() {
  ++given_up_;
  degraded_ = "the disk does not answer: acknowledgements have waited for a third of the keep-alive";
  log().sampled(LogLevel::warning, subject_, "give up",
                "disconnecting from the broker until the disk answers; nothing is lost, it will send again");
  drop_client();
  if (stopping_) return finish_stop();
  connect();
}

void MqttSource::try_release() {
  if (!client_ || hold_.count() == 0 || context_.intake.safe() < last_) return;
  client_->release();
  hold_.released();
  hold_timer_.reset();
  give_up_timer_.reset();
  cut_ = false;
  set_reading();
}

void MqttSource::safe_moved() {
  try_release();
  if (stopping_) return finish_stop();
  if (subscribe_after_ && context_.intake.safe() >= *subscribe_after_) subscribe(false);
  if (waits_for_disk_ && context_.intake.safe() >= last_) connect();
}

void MqttSource::set_reading() {
  const bool reading = !cut_ && !paused_ && !stopping_;
  if (!client_ || !connected_ || reading == reading_) return;
  reading_ = reading;
  reading ? client_->resume() : client_->pause();
}

void MqttSource::resume() {
  if (stopping_ || !context_.intake.open()) return;
  paused_ = false;
  set_reading();
  if (!client_ && !reconnect_) connect();
}

void MqttSource::stop(std::function<void()> done) {
  stopping_ = true;
  stopped_ = std::move(done);
  reconnect_.reset();
  set_reading();
  context_.intake.hurry();
  if (client_ && !connected_) drop_client();
  finish_stop();
}

void MqttSource::finish_stop() {
  if (!stopped_) return;
  if (hold_.count() > 0 || context_.intake.safe() < last_) {
    try_release();
    if (hold_.count() > 0 || context_.intake.safe() < last_) return;
  }
  if (client_) {
    if (farewell_said_) return;
    farewell_said_ = true;
    farewell_timer_ = loop().at(loop().now() + kFarewell, [this] {
      drop_client();
      finish_stop();
    });
    client_->disconnect();
    return;
  }
  farewell_timer_.reset();
  loop().post(std::exchange(stopped_, nullptr));
}

SourceStatus MqttSource::status() const {
  using State = SourceStatus::State;
  SourceStatus status;
  // Who sees "connected" may rely on it that what is published from now on comes.
  status.state = stopping_      ? State::stopped
                 : !connected_  ? (connections_ == 0 && client_ ? State::starting : State::waiting)
                 : paused_      ? State::paused
                 : !subscribed_ ? State::starting
                                : State::connected;
  status.detail = detail_;
  status.degraded = degraded_;
  if (degraded_.empty() && !refused_filters_.empty())
    status.degraded = format("the broker refused to subscribe to {}", refused_filters_);
  status.counters = {{"connections", connections_},
                     {"duplicates dropped", duplicates_},
                     {"retained messages dropped", retained_dropped_},
                     {"possible gaps", gaps_},
                     {"oversized messages", oversized_},
                     {"disconnects for the disk", given_up_}};
  return status;
}

}  // namespace

std::unique_ptr<Source> make_mqtt_source(SourceContext context) {
  return std::make_unique<MqttSource>(std::move(context));
}

}  // namespace tidemark
