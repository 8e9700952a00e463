#include "support/fake_mqtt.h"

#include <utility>

#include "base/invariant.h"

namespace tidemark {

FakeMqtt::FakeMqtt(Loop& loop, MqttOptions its_options, MqttClient::Events events)
    : options(std::move(its_options)), loop_(loop), events_(std::move(events)) {}

void FakeMqtt::connected(bool session_present) {
  invariant(alive && connecting, "a client that connects is answered");
  connecting = false;
  is_connected = true;
  if (events_.connected) events_.connected(session_present);
}

void FakeMqtt::refuse(const std::string& reason, bool wrong_version) {
  invariant(alive && connecting, "a client that connects is refused");
  connecting = false;
  if (events_.refused) events_.refused(reason, wrong_version);
}

void FakeMqtt::close(const std::string& reason) {
  if (!alive || (!is_connected && !connecting)) return;
  is_connected = connecting = false;
  held.clear();
  waiting_.clear();
  taken_ = published.size();
  if (events_.closed) events_.closed(reason);
}

void FakeMqtt::deliver(Delivery message) {
  invariant(alive && is_connected, "a message goes to a connected client");
  waiting_.push_back(std::move(message));
  if (paused || waiting_.size() > 1) return;
  const Delivery first = std::move(waiting_.front());
  waiting_.pop_front();
  hand_over(first);
}

void FakeMqtt::hand_over(const Delivery& message) {
  if (message.qos > 0) held.push_back(message.id);
  const MqttMessage view{.id = message.id,
                         .qos = message.qos,
                         .retained = message.retained,
                         .duplicate = message.duplicate,
                         .topic = message.topic,
                         .payload = message.payload};
  if (events_.message) events_.message(view);
}

void FakeMqtt::wake() {
  if (step_posted_ || waiting_.empty()) return;
  step_posted_ = true;
  loop_.post([self = shared_from_this()] {
    self->step_posted_ = false;
    if (!self->alive || self->paused || self->waiting_.empty()) return;
    const Delivery first = std::move(self->waiting_.front());
    self->waiting_.pop_front();
    self->hand_over(first);
    self->wake();
  });
}

void FakeMqtt::grant(std::vector<int> granted) {
  if (alive && events_.subscribed) events_.subscribed(std::move(granted));
}

void FakeMqtt::confirm_unsubscribed() {
  if (alive && events_.unsubscribed) events_.unsubscribed();
}

void FakeMqtt::take_publication(int token) {
  ++taken_;
  if (alive && events_.published) events_.published(token);
}

void FakeMqtt::take_all_publications() {
  while (taken_ < published.size()) take_publication(published[taken_].token);
}

class FakeMqttClient final : public MqttClient {
 public:
  explicit FakeMqttClient(std::shared_ptr<FakeMqtt> seen) : seen_(std::move(seen)) {}
  ~FakeMqttClient() override {
    seen_->alive = seen_->is_connected = seen_->connecting = false;
    seen_->held.clear();
    seen_->waiting_.clear();
  }

  void connect() override {
    ++seen_->connects;
    seen_->connecting = true;
    seen_->paused = false;
  }
  void subscribe(const std::vector<MqttSubscription>& subscriptions) override {
    seen_->subscriptions.push_back(subscriptions);
  }
  void unsubscribe(const std::vector<std::string>& filters) override {
    seen_->unsubscriptions.push_back(filters);
  }
  Result<int> publish(const std::string& topic, std::string_view payload, int qos, bool retain,
                      const std::vector<std::pair<std::string, std::string>>& user_properties) override {
    if (!seen_->refuse_publish.empty()) return fail(seen_->refuse_publish);
    if (!seen_->is_connected) return fail("publish to " + topic + ": not connected");
    const int token = ++seen_->next_token_;
    seen_->published.push_back({token, topic, std::string(payload), qos, retain, user_properties});
    return token;
  }
  void pause() override { seen_->paused = true; }
  void resume() override {
    seen_->paused = false;
    seen_->wake();
  }
  void release() override {
    ++seen_->releases;
    seen_->acknowledged.insert(seen_->acknowledged.end(), seen_->held.begin(), seen_->held.end());
    seen_->held.clear();
  }
  void disconnect() override {
    ++seen_->disconnects;
    release();
    seen_->loop_.post([seen = seen_] { seen->close("disconnected"); });
  }

 private:
  std::shared_ptr<FakeMqtt> seen_;
};

Result<std::unique_ptr<MqttClient>> FakeMqttConnector::make(MqttOptions options, MqttClient::Events events) {
  clients.push_back(std::make_shared<FakeMqtt>(loop_, std::move(options), std::move(events)));
  return std::make_unique<FakeMqttClient>(clients.back());
}

Status FakeMqttConnector::self_test() {
  if (!self_test_error.empty()) return fail(self_test_error);
  return {};
}

FakeMqtt* FakeMqttConnector::find(const std::string& client_id) {
  for (auto it = clients.rbegin(); it != clients.rend(); ++it)
    if ((*it)->alive && (*it)->options.client_id == client_id) return it->get();
  return nullptr;
}

}  // namespace tidemark
