// The tcp and unix sources: lines over stream sockets (line_connections.h).
//
// They listen, and take lines from every peer that connects; or, tcp with `connect`, they are the one that
// connects, and come back with growing pauses when the server is away.
#include <memory>
#include <string>
#include <utility>

#include "base/backoff.h"
#include "base/format.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/network.h"
#include "platform/random.h"
#include "sources/line_connections.h"
#include "sources/source.h"

namespace tidemark {
namespace {

// How long a stop waits for the last acknowledgements to leave.
constexpr Duration kFarewell = 2s;

class StreamSource final : public Source {
 public:
  explicit StreamSource(SourceContext context)
      : context_(std::move(context)),
        subject_("sources." + context_.settings.name),
        lines_(context_, subject_,
               {.gone = [this](LineConnections::Id id, const std::string& reason) { gone(id, reason); },
                .drained =
                    [this] {
                      if (stopping_) finish_stop();
                    }}) {}

  void save(Encoder& out) const override { lines_.save(out); }
  bool load(Decoder& in) override { return lines_.load(in); }
  void remember_record(Position position, std::string_view, std::string_view,
                       std::string_view resume) override {
    last_ = position;
    lines_.remember_record(position, resume);
  }
  void remember_event(Position position, std::string_view payload) override {
    last_ = position;
    lines_.remember_event(position, payload);
  }
  void gone_back_to(Position at) override { lines_.gone_back_to(at); }

  Status start() override;
  void pause() override { lines_.set_paused(true); }
  void resume() override { lines_.set_paused(stopping_ || !context_.intake.open()); }
  void safe_moved() override;
  void stop(std::function<void()> done) override;
  SourceStatus status() const override;
  std::string summary() const override { return lines_.summary(); }

 private:
  bool connects() const { return !context_.settings.connect->empty(); }
  const std::string& server() const { return context_.settings.connect.value; }
  Status listen();
  void accept(std::unique_ptr<Connection> connection);
  void connect();
  void connected(Result<std::unique_ptr<Connection>> connection);
  void connect_later(const std::string& why);
  void gone(LineConnections::Id id, const std::string& reason);
  void finish_stop();

  SourceContext context_;
  std::string subject_;
  LineConnections lines_;
  Position last_;  // of the newest entry of this source
  bool stopping_ = false;
  std::function<void()> stopped_;
  std::unique_ptr<Timer> farewell_;
  std::unique_ptr<Listener> listener_;

  // With `connect`.
  std::unique_ptr<Connecting> connecting_;
  std::unique_ptr<Timer> reconnect_;
  LineConnections::Id connection_ = 0;
  MonotonicTime connected_at_{};
  Backoff backoff_{1s, 30s};
  std::string detail_;
  std::string degraded_;
};

Status StreamSource::start() {
  if (!connects()) return listen();
  connect();
  return {};
}

Status StreamSource::listen() {
  const SourceSettings& settings = context_.settings;
  const auto accepted = [this](std::unique_ptr<Connection> c) { accept(std::move(c)); };
  Network& network = context_.platform.network;
  Result<std::unique_ptr<Listener>> listener =
      settings.type == SourceSettings::Type::unix_socket
          ? network.listen_unix(settings.path.value, settings.mode, accepted)
          : network.listen_tcp(settings.listen.value, accepted);
  if (!listener) return pass_on(listener);
  listener_ = std::move(*listener);
  context_.platform.log.info(subject_, "listening", {{"address", listener_->address()}});
  return {};
}

void StreamSource::accept(std::unique_ptr<Connection> connection) {
  if (!stopping_) lines_.add(std::move(connection));
}

void StreamSource::connect() {
  reconnect_.reset();
  if (stopping_) return;
  detail_ = format("connecting to {}", server());
  connecting_ = context_.platform.network.connect_tcp(
      server(), [this](Result<std::unique_ptr<Connection>> connection) { connected(std::move(connection)); });
}

void StreamSource::connected(Result<std::unique_ptr<Connection>> connection) {
  connecting_.reset();
  if (stopping_) return;
  if (!connection) {
    context_.platform.log.sampled(LogLevel::warning, subject_, "cannot connect", connection.error().message);
    return connect_later(connection.error().message);
  }
  degraded_.clear();
  detail_ = format("connected to {}", server());
  connected_at_ = context_.platform.loop.now();
  context_.platform.log.info(subject_, "connected", {{"server", server()}});
  const LineConnections::Id id = lines_.add(std::move(*connection));
  if (id == 0) return connect_later("limits.max_connections is reached");
  connection_ = id;
}

void StreamSource::connect_later(const std::string& why) {
  const Duration pause = backoff_.next(context_.platform.random.next());
  detail_ = format("waiting {} to connect to {}: {}", to_text(std::chrono::ceil<std::chrono::seconds>(pause)),
                   server(), why);
  degraded_ = format("not connected to {}: {}", server(), why);
  Loop& loop = context_.platform.loop;
  reconnect_ = loop.at(loop.now() + pause, [this] { connect(); });
}

void StreamSource::gone(LineConnections::Id id, const std::string& reason) {
  if (stopping_) return finish_stop();
  if (!connects() || id != connection_) return;
  connection_ = 0;
  // A server that accepts and hangs up at once is as good as away: only one that stayed is tried anew
  // quickly.
  if (context_.platform.loop.now() - connected_at_ > 1s) backoff_.reset();
  const std::string why = reason.empty() ? "the server closed the connection" : reason;
  context_.platform.log.sampled(LogLevel::warning, subject_, "lost",
                                format("lost the connection to {}: {}", server(), why));
  connect_later(why);
}

void StreamSource::safe_moved() {
  lines_.acknowledge();
  if (stopping_) finish_stop();
}

void StreamSource::stop(std::function<void()> done) {
  stopping_ = true;
  stopped_ = std::move(done);
  listener_.reset();
  connecting_.reset();
  reconnect_.reset();
  lines_.stop_reading();
  context_.intake.hurry();
  finish_stop();
}

void StreamSource::finish_stop() {
  if (!stopped_ || context_.intake.safe() < last_) return;
  lines_.acknowledge();
  if (!stopped_) return;  // the last connection went in there
  if (lines_.unsent()) {
    Loop& loop = context_.platform.loop;
    if (!farewell_)
      farewell_ = loop.at(loop.now() + kFarewell, [this] {
        lines_.clear();
        finish_stop();
      });
    return;
  }
  // From a callback of a connection, or of the timer, or of the caller: the goodbye runs by itself.
  context_.platform.loop.post(std::exchange(stopped_, nullptr));
  lines_.clear();
}

SourceStatus StreamSource::status() const {
  using State = SourceStatus::State;
  SourceStatus status;
  const bool up = connects() ? connection_ != 0 : listener_ != nullptr;
  status.state = stopping_         ? State::stopped
                 : lines_.paused() ? State::paused
                 : up              ? State::connected
                 : connects()      ? State::waiting
                                   : State::starting;
  status.detail = detail_;
  if (listener_) status.detail = format("listening on {}, {} connected", listener_->address(), lines_.size());
  status.degraded = degraded_;
  lines_.add_counters(status);
  return status;
}

}  // namespace

std::unique_ptr<Source> make_stream_source(SourceContext context) {
  return std::make_unique<StreamSource>(std::move(context));
}

}  // namespace tidemark
