// The mqtt sink: a message a result, on a connection of its own.
//
// Nothing is held back here, so the source's connection cannot be shared: a publish would release its
// acknowledgements. A batch is done when the broker has taken every message of it; up to a hundred are under
// way. After a lost connection those not taken are published again, so a result arrives at least once, with
// its id as user property "id" (MQTT 5) and, with `ids`, as "_id" in the payload.
#include <algorithm>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/backoff.h"
#include "base/format.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/mqtt.h"
#include "platform/random.h"
#include "sinks/row_text.h"
#include "sinks/sink.h"
#include "sinks/topic_template.h"

namespace tidemark {
namespace {

constexpr std::size_t kMostUnderWay = 100;
constexpr Duration kFarewell = 2s;

class MqttSink final : public Sink {
 public:
  explicit MqttSink(SinkContext context)
      : context_(std::move(context)),
        subject_("sinks." + context_.settings.name),
        row_text_({.format = FormatSettings::Type::json,
                   .timestamps = context_.settings.timestamps,
                   .ids = context_.settings.ids,
                   .id_prefix = context_.id_prefix}) {}

  void open(std::vector<const ResultSchema*> schemas,
            std::function<void(Result<std::optional<Holdings>>)> opened) override;
  void write(std::span<const ResultView> rows, std::function<void()> done) override;
  void close(std::function<void()> closed) override;
  SinkStatus status() const override;

 private:
  Loop& loop() const { return context_.platform.loop; }
  std::string broker() const { return format("{}:{}", context_.settings.host, context_.settings.port); }
  void connect();
  void connected();
  void lost(const std::string& reason);
  void drop_client();
  void publish_on();
  bool publish(std::size_t row);
  void taken(int token);
  void finish_close();

  SinkContext context_;
  std::string subject_;
  RowText row_text_;
  std::vector<std::pair<const ResultSchema*, TopicTemplate>> topics_;
  MqttVersion version_ = MqttVersion::v5;

  std::unique_ptr<MqttClient> client_;
  std::vector<std::unique_ptr<MqttClient>> dying_;  // a client cannot be destroyed from its own callback
  std::unique_ptr<Timer> reaper_;
  std::uint64_t generation_ = 0;
  bool connected_ = false;
  Backoff backoff_{1s, 30s};
  std::unique_ptr<Timer> retry_;
  std::string degraded_;

  std::span<const ResultView> batch_;
  std::function<void()> done_;
  std::vector<bool> taken_;                         // by the broker; one a row of the batch
  std::size_t next_ = 0;                            // row to be published next
  std::size_t left_ = 0;                            // rows not taken
  std::unordered_map<int, std::size_t> under_way_;  // token -> row
  std::vector<int> early_tokens_;                   // answered inside publish(), before its token was known
  bool publishing_ = false;
  std::unique_ptr<Timer> answer_;  // opened, done or closed, on its way

  std::function<void()> closed_;
  std::unique_ptr<Timer> farewell_;
  std::uint64_t rows_ = 0;
  std::uint64_t again_ = 0;
  std::uint64_t connections_ = 0;
};

void MqttSink::open(std::vector<const ResultSchema*> schemas,
                    std::function<void(Result<std::optional<Holdings>>)> opened) {
  for (const ResultSchema* schema : schemas) {
    Result<TopicTemplate> made =
        TopicTemplate::make(context_.settings.topic.value, *schema, context_.settings.timestamps);
    if (!made) {
      answer_ = loop().at(loop().now(), [opened = std::move(opened), message = made.error().message] {
        opened(fail(message, Error::Kind::usage));
      });
      return;
    }
    topics_.emplace_back(schema, std::move(*made));
  }
  connect();
  answer_ = loop().at(loop().now(), [opened = std::move(opened)] { opened(std::nullopt); });
}

void MqttSink::connect() {
  retry_.reset();
  if (client_ || closed_) return;
  const SinkSettings& settings = context_.settings;
  MqttOptions options;
  options.host = settings.host;
  options.port = settings.port;
  options.client_id = context_.client_id;
  options.clean_start = true;
  options.version = version_;
  options.username = settings.username;
  options.password = settings.password;
  options.tls = settings.tls;
  options.ca_file = settings.ca_file;
  options.cert_file = settings.cert_file;
  options.key_file = settings.key_file;
  options.hold_acks = false;

  const std::uint64_t mine = ++generation_;
  const auto current = [this, mine] { return mine == generation_; };
  MqttClient::Events events;
  events.connected = [this, current](bool) {
    if (current()) connected();
  };
  events.refused = [this, current](const std::string& reason, bool wrong_version) {
    if (!current()) return;
    if (wrong_version && version_ == MqttVersion::v5) {
      version_ = MqttVersion::v311;
      drop_client();
      retry_ = loop().at(loop().now(), [this] { connect(); });
      return;
    }
    lost(reason);
  };
  events.closed = [this, current](const std::string& reason) {
    if (current()) lost(reason);
  };
  events.message = [](const MqttMessage&) {};
  events.subscribed = [](const std::vector<int>&) {};
  events.published = [this, current](int token) {
    if (current()) taken(token);
  };
  Result<std::unique_ptr<MqttClient>> client =
      context_.platform.mqtt.make(std::move(options), std::move(events));
  if (!client) return lost(client.error().message);
  client_ = std::move(*client);
  client_->connect();
}

void MqttSink::connected() {
  connected_ = true;
  ++connections_;
  degraded_.clear();
  backoff_.reset();
  context_.platform.log.info(subject_, "connected", {{"broker", broker()}});
  publish_on();
}

// What was under way and not taken goes again, in order, from the first of it.
void MqttSink::lost(const std::string& reason) {
  drop_client();
  if (closed_) return finish_close();
  degraded_ = format("not connected to {}: {}", broker(), reason);
  context_.platform.log.sampled(LogLevel::warning, subject_, "away", degraded_);
  retry_ = loop().at(loop().now() + backoff_.next(context_.platform.random.next()), [this] { connect(); });
}

void MqttSink::drop_client() {
  ++generation_;
  connected_ = false;
  if (client_) {
    dying_.push_back(std::move(client_));
    reaper_ = loop().at(loop().now(), [this] { dying_.clear(); });
  }
  again_ += under_way_.size();
  under_way_.clear();
  next_ = 0;
}

void MqttSink::write(std::span<const ResultView> rows, std::function<void()> done) {
  batch_ = rows;
  done_ = std::move(done);
  taken_.assign(rows.size(), false);
  next_ = 0;
  left_ = rows.size();
  if (left_ == 0) {
    answer_ = loop().at(loop().now(), std::exchange(done_, nullptr));
    return;
  }
  publish_on();
}

void MqttSink::publish_on() {
  if (!connected_ || publishing_) return;
  publishing_ = true;
  while (connected_ && next_ < batch_.size() && under_way_.size() < kMostUnderWay) {
    if (!taken_[next_] && !publish(next_)) break;
    ++next_;
  }
  publishing_ = false;
}

bool MqttSink::publish(std::size_t row) {
  const ResultView& result = batch_[row];
  const auto topic = std::find_if(topics_.begin(), topics_.end(),
                                  [&](const auto& entry) { return entry.first == result.schema; });
  std::vector<std::pair<std::string, std::string>> properties;
  if (version_ == MqttVersion::v5) properties.emplace_back("id", result_id(context_.id_prefix, result));
  early_tokens_.clear();
  Result<int> token = client_->publish(topic->second.topic(result), row_text_.object(result),
                                       context_.settings.qos, context_.settings.retain, properties);
  if (!token) {
    lost(token.error().message);
    return false;
  }
  under_way_.emplace(*token, row);
  if (std::find(early_tokens_.begin(), early_tokens_.end(), *token) != early_tokens_.end()) taken(*token);
  return true;
}

void MqttSink::taken(int token) {
  const auto found = under_way_.find(token);
  if (found == under_way_.end()) {
    if (publishing_) early_tokens_.push_back(token);
    return;
  }
  taken_[found->second] = true;
  under_way_.erase(found);
  ++rows_;
  if (--left_ > 0) return publish_on();
  batch_ = {};
  // `done` may hand over the next batch at once, from which a long chain of calls would grow.
  answer_ = loop().at(loop().now(), std::exchange(done_, nullptr));
}

void MqttSink::close(std::function<void()> closed) {
  closed_ = std::move(closed);
  retry_.reset();
  if (!connected_) drop_client();
  if (!client_) return finish_close();
  farewell_ = loop().at(loop().now() + kFarewell, [this] {
    drop_client();
    finish_close();
  });
  client_->disconnect();
}

void MqttSink::finish_close() {
  if (!closed_) return;
  farewell_.reset();
  answer_ = loop().at(loop().now(), std::exchange(closed_, nullptr));
}

SinkStatus MqttSink::status() const {
  using State = SinkStatus::State;
  return {.state = connected_           ? State::ready
                   : !degraded_.empty() ? State::away
                   : connections_ == 0  ? State::starting
                                        : State::stopped,
          .detail = format("{} to {}", connected_ ? "connected" : "not connected", broker()),
          .degraded = degraded_,
          .forgot = false,
          .counters = {{"messages", rows_}, {"published again", again_}, {"connections", connections_}}};
}

}  // namespace

std::unique_ptr<Sink> make_mqtt_sink(SinkContext context) {
  return std::make_unique<MqttSink>(std::move(context));
}

}  // namespace tidemark
