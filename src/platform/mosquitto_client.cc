#include "platform/mosquitto_client.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "base/format.h"
#include "base/invariant.h"
#include "platform/mosquitto_connecting.h"
#include "platform/mosquitto_handle.h"
#include "platform/mosquitto_packet_ids.h"
#include "platform/mosquitto_self_test.h"

namespace tidemark {
namespace {

constexpr Duration kConnectPatience = 30s;
constexpr Duration kFarewellPatience = 2s;
constexpr int kReadsPerTurn = 64;
constexpr int kRefusedByBroker = 0x80;  // MQTT 5 reason codes from here on
constexpr int kUnsupportedVersion5 = 0x84;
constexpr int kUnsupportedVersion311 = 1;

class MosquittoClient final : public MqttClient, private MosquittoHandle::Listener {
 public:
  MosquittoClient(Loop& loop, FdWatcher& watcher, std::shared_ptr<Mailbox> mailbox, MqttOptions options,
                  Events events)
      : loop_(loop),
        watcher_(watcher),
        mailbox_(std::move(mailbox)),
        options_(std::move(options)),
        events_(std::move(events)) {}
  ~MosquittoClient() override {
    invariant(!in_library_, "an mqtt client is not destroyed by its own callback");
    drop_connection();
  }
  MosquittoClient(const MosquittoClient&) = delete;
  MosquittoClient& operator=(const MosquittoClient&) = delete;

  void connect() override;
  void subscribe(const std::vector<MqttSubscription>& subscriptions) override;
  void unsubscribe(const std::vector<std::string>& filters) override;
  Result<int> publish(const std::string& topic, std::string_view payload, int qos, bool retain,
                      const std::vector<std::pair<std::string, std::string>>& user_properties) override;
  void pause() override;
  void resume() override;
  void release() override;
  void disconnect() override;

 private:
  // Answers to one subscribe() that the library sends as several packets.
  struct Asked {
    std::vector<int> granted;
    std::size_t missing = 0;
  };
  struct AskedPart {
    std::shared_ptr<Asked> whole;
    std::vector<std::size_t> places;
  };

  // Listener: called by the library.
  void connack(int reason, bool session_present, std::optional<Duration> keep_alive) override;
  void message(const MqttMessage& message) override;
  void subscribed(int id, std::span<const int> granted) override;
  void unsubscribed() override {
    if (events_.unsubscribed) events_.unsubscribed();
  }
  void published(int id, int reason) override;
  void disconnected(int reason) override;

  void post(std::function<void()> work);
  void adopt(std::shared_ptr<MosquittoHandle> handle);
  void readable();
  void writable();
  bool handshaking() const { return options_.tls && !connected_; }
  bool may_write() const;
  void write_queue();
  void flush_soon();
  void check_keep_alive();
  // Looks at how the library's call went, and what is to be watched for from now on.
  void settle(const Status& status);
  void say_farewell();
  void drop_connection();
  void end_soon(const std::string& reason);
  void finish(const std::string& reason);

  Loop& loop_;
  FdWatcher& watcher_;
  std::shared_ptr<Mailbox> mailbox_;
  MqttOptions options_;
  Events events_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // held weakly by what is posted

  // Of the connection:
  std::uint64_t attempt_ = 0;
  std::shared_ptr<MosquittoHandle> handle_;
  int fd_ = -1;  // a dup(): the library closes its own before it says so
  std::unique_ptr<FdWatch> watch_;
  std::unique_ptr<Timer> deadline_;
  std::unique_ptr<Timer> keep_alive_timer_;
  Duration keep_alive_{};
  bool connected_ = false;
  bool leaving_ = false;  // disconnect() was called
  bool in_library_ = false;
  bool paused_ = false;
  bool held_ = false;      // a message of QoS 1 was read since the last release
  bool draining_ = false;  // a release is not written whole; nothing is read meanwhile
  bool release_wanted_ = false;
  bool flush_posted_ = false;
  bool read_begins_ = true;  // no message of the read in hand has been handed out
  PacketIds ids_{PacketIds::kAnyNumber};
  std::string refusal_;  // CONNACK's, or a refused message's
  bool wrong_version_ = false;
  int disconnect_reason_ = 0;
  std::map<int, AskedPart> asked_;
  std::map<int, int> tokens_;  // by packet id
  int next_token_ = 0;
};

void MosquittoClient::post(std::function<void()> work) {
  loop_.post([alive = std::weak_ptr(alive_), work = std::move(work)] {
    if (!alive.expired()) work();
  });
}

void MosquittoClient::connect() {
  if (in_library_) return post([this] { connect(); });
  drop_connection();
  const std::uint64_t attempt = ++attempt_;
  paused_ = false;
  Result<std::unique_ptr<MosquittoHandle>> made = MosquittoHandle::make(options_, options_.hold_acks);
  if (!made) return end_soon(made.error().message);
  std::shared_ptr<MosquittoHandle> handle = std::move(*made);
  deadline_ = loop_.at(loop_.now() + kConnectPatience, [this] { finish("the broker does not answer"); });
  connect_on_a_thread(mailbox_, handle,
                      [this, alive = std::weak_ptr(alive_), attempt, handle](Status connected) {
                        if (alive.expired() || attempt != attempt_) return;
                        if (!connected) return finish(connected.error().message);
                        adopt(handle);
                      });
}

void MosquittoClient::adopt(std::shared_ptr<MosquittoHandle> handle) {
  fd_ = ::fcntl(handle->socket(), F_DUPFD_CLOEXEC, 0);
  if (fd_ < 0) return finish(format("cannot watch the connection: {}", std::strerror(errno)));
  handle_ = std::move(handle);
  handle_->listen(this);
  watch_ = watcher_.watch(fd_, {.readable = [this] { readable(); }, .writable = [this] { writable(); }});
  write_queue();  // CONNECT
}

void MosquittoClient::readable() {
  if (handle_->socket() < 0) {  // leaving: what still comes is not for us, its end is what we wait for
    char unread[4096];
    const ssize_t n = ::recv(fd_, unread, sizeof unread, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) finish("disconnected");
    return;
  }
  Status status;
  read_begins_ = true;
  in_library_ = true;
  for (int turn = 0; turn < kReadsPerTurn; ++turn) {
    const std::uint64_t before = handle_->progress();
    status = handle_->read();
    const bool nothing_more = handle_->progress() == before;
    if (!status || handle_->socket() < 0 || nothing_more || paused_ || !refusal_.empty()) break;
  }
  in_library_ = false;
  // The handshake is finished by reading; CONNECT has waited for that.
  if (status && handshaking()) return write_queue();
  settle(status);
}

void MosquittoClient::writable() {
  write_queue();
}

bool MosquittoClient::may_write() const {
  return !options_.hold_acks || !held_ || draining_;
}

void MosquittoClient::write_queue() {
  Status status;
  if (handle_->socket() >= 0 && handle_->wants_write()) {
    in_library_ = true;
    status = handle_->write();
    in_library_ = false;
  }
  if (handle_->socket() < 0 || !handle_->wants_write()) draining_ = false;
  settle(status);
}

void MosquittoClient::settle(const Status& status) {
  if (!refusal_.empty()) return end_soon(refusal_);
  const bool closed = !status || handle_->socket() < 0;
  if (closed && leaving_) return say_farewell();
  if (closed && disconnect_reason_ >= kRefusedByBroker)
    return end_soon(mosquitto_reason_string(disconnect_reason_));
  if (closed) return end_soon(status ? "the connection was closed" : status.error().message);
  if (release_wanted_) {
    release_wanted_ = false;
    return release();
  }
  // During the handshake the library asks to write without end, and does it when it reads.
  const bool write = may_write() && !handshaking() && handle_->wants_write();
  watch_->want(!paused_ && !draining_ && !leaving_, write);
}

void MosquittoClient::flush_soon() {
  if (flush_posted_) return;
  flush_posted_ = true;
  post([this] {
    flush_posted_ = false;
    if (handle_ && handle_->socket() >= 0 && may_write()) write_queue();
  });
}

void MosquittoClient::connack(int reason, bool session_present, std::optional<Duration> keep_alive) {
  if (reason != 0) {
    const bool v5 = options_.version == MqttVersion::v5;
    wrong_version_ = v5 && (reason == kUnsupportedVersion5 || reason == kUnsupportedVersion311);
    refusal_ = v5 ? mosquitto_reason_string(reason) : mosquitto_connack_string(reason);
    return;
  }
  connected_ = true;
  deadline_.reset();
  handle_->see_duplicates(options_.hold_acks);
  ids_ = PacketIds(options_.version == MqttVersion::v5 ? options_.receive_maximum : PacketIds::kAnyNumber);
  const Duration agreed = keep_alive.value_or(options_.keep_alive);
  keep_alive_ = agreed > Duration::zero() ? std::clamp<Duration>(agreed / 4, 1s, 15s) : Duration(15s);
  check_keep_alive();
  if (events_.connected) events_.connected(session_present);
}

void MosquittoClient::message(const MqttMessage& read) {
  MqttMessage message = read;
  message.begins_read = std::exchange(read_begins_, false);
  if (message.qos > 0) {
    held_ = true;
    release_wanted_ = false;  // it was wanted before this one came
    if (options_.hold_acks) {
      const bool counted = ids_.count();
      message.duplicate = ids_.read(message.id, message.duplicate);
      if (ids_.count() != counted) handle_->see_duplicates(counted);
    }
  }
  if (events_.message) events_.message(message);
}

void MosquittoClient::subscribed(int id, std::span<const int> granted) {
  const auto it = asked_.find(id);
  if (it == asked_.end()) return;
  const AskedPart part = std::move(it->second);
  asked_.erase(it);
  Asked& whole = *part.whole;
  for (std::size_t i = 0; i < part.places.size(); ++i)
    whole.granted[part.places[i]] = i < granted.size() ? granted[i] : kRefusedByBroker;
  whole.missing -= part.places.size();
  if (whole.missing == 0 && events_.subscribed) events_.subscribed(std::move(whole.granted));
}

void MosquittoClient::published(int id, int reason) {
  const auto it = tokens_.find(id);
  if (it == tokens_.end()) return;
  const int token = it->second;
  tokens_.erase(it);
  if (reason >= kRefusedByBroker) {
    refusal_ = format("the broker refused a message: {}", mosquitto_reason_string(reason));
    return;
  }
  if (events_.published) events_.published(token);
}

void MosquittoClient::disconnected(int reason) {
  disconnect_reason_ = reason;
}

void MosquittoClient::check_keep_alive() {
  keep_alive_timer_ = loop_.at(loop_.now() + keep_alive_, [this] {
    check_keep_alive();
    in_library_ = true;
    const Status status = handle_->check_keep_alive();
    in_library_ = false;
    if (!status) return end_soon("the broker no longer answers");
    if (may_write()) write_queue();
  });
}

void MosquittoClient::subscribe(const std::vector<MqttSubscription>& subscriptions) {
  auto whole = std::make_shared<Asked>();
  whole->granted.resize(subscriptions.size(), kRefusedByBroker);
  whole->missing = subscriptions.size();
  // One packet says one QoS and one way with retained messages.
  std::map<std::pair<int, MqttSubscription::Retained>, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < subscriptions.size(); ++i)
    groups[{subscriptions[i].qos, subscriptions[i].retained}].push_back(i);
  for (auto& [kind, places] : groups) {
    std::vector<std::string> filters;
    for (const std::size_t place : places) filters.push_back(subscriptions[place].filter);
    Result<int> id = handle_ ? handle_->subscribe(filters, kind.first, kind.second) : fail("not connected");
    if (id)
      asked_[*id] = {whole, std::move(places)};
    else
      whole->missing -= places.size();  // refused by the library, or nobody is there to grant it
  }
  if (whole->missing == 0)
    post([this, whole] {
      if (events_.subscribed) events_.subscribed(whole->granted);
    });
  flush_soon();
}

void MosquittoClient::unsubscribe(const std::vector<std::string>& filters) {
  if (!handle_ || filters.empty()) return;
  static_cast<void>(handle_->unsubscribe(filters));
  flush_soon();
}

Result<int> MosquittoClient::publish(
    const std::string& topic, std::string_view payload, int qos, bool retain,
    const std::vector<std::pair<std::string, std::string>>& user_properties) {
  if (!connected_ || leaving_) return fail(format("publish to {}: not connected", topic));
  Result<int> id = handle_->publish(topic, payload, qos, retain, user_properties);
  if (!id) return id;
  tokens_[*id] = ++next_token_;
  flush_soon();
  return next_token_;
}

void MosquittoClient::pause() {
  paused_ = true;
  if (handle_ && !in_library_) settle({});
}

void MosquittoClient::resume() {
  paused_ = false;
  if (handle_ && !in_library_) settle({});
}

void MosquittoClient::release() {
  if (!handle_ || handle_->socket() < 0) return;
  if (in_library_) {
    release_wanted_ = true;
    return;
  }
  held_ = false;
  draining_ = true;
  write_queue();
}

void MosquittoClient::disconnect() {
  if (in_library_) return post([this] { disconnect(); });
  if (leaving_) return;
  if (!connected_) {
    drop_connection();
    return end_soon("disconnected");
  }
  leaving_ = true;
  keep_alive_timer_.reset();
  deadline_ = loop_.at(loop_.now() + kFarewellPatience, [this] { finish("disconnected"); });
  handle_->disconnect();
  held_ = false;
  draining_ = true;
  flush_soon();
}

// The library has closed its end. Closing ours with unread bytes in it would reset the connection and take
// the last acknowledgements with it: so no more is sent, and the broker's end is waited for.
void MosquittoClient::say_farewell() {
  ::shutdown(fd_, SHUT_WR);
  watch_->want(true, false);
}

void MosquittoClient::drop_connection() {
  ++attempt_;  // an attempt on its way is nobody's
  watch_.reset();
  deadline_.reset();
  keep_alive_timer_.reset();
  if (handle_) handle_->listen(nullptr);
  handle_.reset();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  connected_ = leaving_ = held_ = draining_ = release_wanted_ = wrong_version_ = false;
  disconnect_reason_ = 0;
  refusal_.clear();
  asked_.clear();
  tokens_.clear();
}

// From wherever it is noticed, also from a call of the owner's, who is not called back from inside that.
void MosquittoClient::end_soon(const std::string& reason) {
  if (watch_) watch_->want(false, false);
  post([this, reason, attempt = attempt_] {
    if (attempt == attempt_) finish(reason);
  });
}

// The end of a connection or of an attempt; the owner hears of it last.
void MosquittoClient::finish(const std::string& why) {
  const std::string reason = why;  // may be a member that goes now
  const bool was_refused = !refusal_.empty() && !connected_;
  const bool wrong_version = wrong_version_;
  drop_connection();
  if (was_refused) {
    if (events_.refused) events_.refused(reason, wrong_version);
  } else if (events_.closed) {
    events_.closed(reason);
  }
}

class MosquittoConnector final : public MqttConnector {
 public:
  MosquittoConnector(Loop& loop, FdWatcher& watcher)
      : loop_(loop), watcher_(watcher), mailbox_(std::make_shared<Mailbox>(loop)) {
    mosquitto_lib_init();
  }
  // The library is not cleaned up: a thread may still be in it, and the program is about to end.
  ~MosquittoConnector() override { mailbox_->close(); }
  MosquittoConnector(const MosquittoConnector&) = delete;
  MosquittoConnector& operator=(const MosquittoConnector&) = delete;

  Result<std::unique_ptr<MqttClient>> make(MqttOptions options, MqttClient::Events events) override {
    // Tried at once, so that a missing certificate is an error at start and not one of each connection.
    Result<std::unique_ptr<MosquittoHandle>> tried = MosquittoHandle::make(options, false);
    if (!tried) return pass_on(tried);
    return std::make_unique<MosquittoClient>(loop_, watcher_, mailbox_, std::move(options),
                                             std::move(events));
  }
  Status self_test() override { return mosquitto_self_test(); }

 private:
  Loop& loop_;
  FdWatcher& watcher_;
  std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace

std::unique_ptr<MqttConnector> make_mosquitto_connector(Loop& loop, FdWatcher& watcher) {
  return std::make_unique<MosquittoConnector>(loop, watcher);
}

}  // namespace tidemark
