// The tcp source: listens, and takes lines from every peer that connects.
//
// Without `ack` a peer is anonymous: blank lines are skipped, and a last line without a newline is a record
// when the peer closes in order. With `ack` every line counts (tcp_peers.h), half a line at the end is none,
// and after each durable batch the peer gets {"ack":N}.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/format.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/network.h"
#include "sources/line_framing.h"
#include "sources/source.h"
#include "sources/tcp_peers.h"

namespace tidemark {
namespace {

// A peer that does not read its acknowledgements gets no more of them than this; the newest N says it all.
constexpr std::size_t kMostUnsent = 64 * 1024;
// How long a stop waits for the last acknowledgements to leave.
constexpr Duration kFarewell = 2s;

class TcpSource final : public Source {
 public:
  explicit TcpSource(SourceContext context)
      : context_(std::move(context)),
        subject_("sources." + context_.settings.name),
        peers_(context_.limits.max_peers) {}

  void save(Encoder& out) const override { peers_.save(out); }
  bool load(Decoder& in) override { return peers_.load(in); }
  void remember_record(Position position, std::string_view, std::string_view,
                       std::string_view resume) override {
    last_ = position;
    peers_.remember_record(position, resume);
  }
  void remember_event(Position position, std::string_view payload) override {
    last_ = position;
    peers_.remember_event(position, payload);
  }
  void gone_back_to(Position at) override { peers_.gone_back_to(at); }

  Status start() override;
  void pause() override { set_paused(true); }
  void resume() override { set_paused(stopping_ || !context_.intake.open()); }
  void safe_moved() override;
  void stop(std::function<void()> done) override;
  SourceStatus status() const override;
  std::string summary() const override;

 private:
  // One connection.
  struct Session {
    Session(std::unique_ptr<Connection> c, std::uint64_t max_record)
        : connection(std::move(c)), framing(max_record) {}
    std::unique_ptr<Connection> connection;
    LineFraming framing;
    bool greeted = false;                 // its first line has been looked at
    std::optional<PeerTable::Slot> peer;  // who it said it is
    std::uint64_t lines = 0;              // with ack, without an introduction: of this connection
    std::uint64_t blank = 0;              // with ack: blank lines not yet in the journal
    Position last;                        // of its last entry
    AckMarks marks;
  };
  using SessionId = std::uint64_t;

  void accept(std::unique_ptr<Connection> connection);
  void set_paused(bool paused);
  void read(SessionId id, std::string_view bytes);
  bool greet(SessionId id, Session& session, std::string_view line);
  Status introduce(SessionId id, Session& session, const Introduction& introduction);
  void take(Session& session, const Line& line);
  void append(Session& session, const Line& line, std::string_view resume);
  void mark(Session& session);
  void acknowledge(Session& session);
  void refuse(SessionId id, std::string_view reason);
  void closed(SessionId id, const std::string& reason);
  void finish_stop();
  bool acks() const { return context_.settings.ack; }

  SourceContext context_;
  std::string subject_;
  PeerTable peers_;
  Position last_;  // of the newest entry of this source
  bool paused_ = false;
  bool stopping_ = false;
  std::function<void()> stopped_;
  std::unique_ptr<Timer> farewell_;
  std::unique_ptr<Listener> listener_;
  std::map<SessionId, std::unique_ptr<Session>> sessions_;
  SessionId next_session_ = 1;
  std::uint64_t connections_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t blank_lines_ = 0;
  std::uint64_t oversized_ = 0;
  std::uint64_t forgotten_ = 0;
};

Status TcpSource::start() {
  Result<std::unique_ptr<Listener>> listener = context_.platform.network.listen_tcp(
      context_.settings.listen.value, [this](std::unique_ptr<Connection> c) { accept(std::move(c)); });
  if (!listener) return pass_on(listener);
  listener_ = std::move(*listener);
  context_.platform.log.info(subject_, "listening", {{"address", listener_->address()}});
  return {};
}

void TcpSource::accept(std::unique_ptr<Connection> connection) {
  if (stopping_ || sessions_.size() >= context_.limits.max_connections) {
    ++refused_;
    context_.platform.log.sampled(LogLevel::warning, subject_, "refused",
                                  format("refused {}: limits.max_connections ({}) reached",
                                         connection->peer(), context_.limits.max_connections));
    return;
  }
  ++connections_;
  const SessionId id = next_session_++;
  auto session = std::make_unique<Session>(std::move(connection), context_.limits.max_record);
  Connection& started = *session->connection;
  sessions_.emplace(id, std::move(session));
  started.start({.data = [this, id](std::string_view bytes) { read(id, bytes); },
                 .closed = [this, id](std::string reason) { closed(id, reason); },
                 .drained =
                     [this, id] {
                       if (const auto it = sessions_.find(id); it != sessions_.end())
                         acknowledge(*it->second);
                       if (stopping_) finish_stop();
                     }});
  if (paused_ && sessions_.contains(id)) started.pause();
}

void TcpSource::set_paused(bool paused) {
  if (paused == paused_) return;
  paused_ = paused;
  for (const auto& [id, session] : sessions_)
    paused ? session->connection->pause() : session->connection->resume();
}

void TcpSource::read(SessionId id, std::string_view bytes) {
  const auto it = sessions_.find(id);
  if (it == sessions_.end() || stopping_) return;
  Session& session = *it->second;
  context_.intake.begin_read();
  session.framing.feed(bytes);
  Line line;
  while (session.framing.next(line)) {
    if (acks() && !session.greeted) {
      session.greeted = true;
      if (!line.oversized) {
        const bool was_introduction = greet(id, session, line.bytes);
        if (!sessions_.contains(id)) return;  // refused
        if (was_introduction) continue;
      }
    }
    take(session, line);
  }
  if (acks()) {
    mark(session);
    acknowledge(session);
  }
  if (!context_.intake.open()) set_paused(true);
}

// True when the line was an introduction and is no record.
bool TcpSource::greet(SessionId id, Session& session, std::string_view line) {
  std::optional<Result<Introduction>> introduction = parse_introduction(line);
  if (!introduction) return false;
  Status introduced = *introduction ? introduce(id, session, **introduction) : Status(pass_on(*introduction));
  if (!introduced) refuse(id, introduced.error().message);
  return true;
}

Status TcpSource::introduce(SessionId id, Session& session, const Introduction& introduction) {
  // An older connection goes first: nothing that is still on its way over it may count after this. One that
  // was accepted later stays: then it is this introduction that was late.
  if (const auto known = peers_.find(introduction.peer)) {
    const auto newer = std::any_of(sessions_.upper_bound(id), sessions_.end(),
                                   [&](const auto& it) { return it.second->peer == known; });
    if (newer) return fail("the peer has a newer connection");
    std::erase_if(sessions_, [&](const auto& it) { return it.first != id && it.second->peer == known; });
  }
  const auto slot = peers_.slot_for(introduction.peer, [this](PeerTable::Slot s) {
    return std::any_of(sessions_.begin(), sessions_.end(),
                       [s](const auto& it) { return it.second->peer == s; });
  });
  if (!slot) return fail("all peers of limits.max_peers are connected");
  const bool known = *slot < peers_.size() && peers_.at(*slot).name == introduction.peer;
  if (*slot < peers_.size() && !known) {
    ++forgotten_;
    context_.platform.log.warning(
        subject_, "a peer is forgotten for a new one; its next stream counts from 0; raise limits.max_peers",
        {{"forgotten", peers_.at(*slot).name}, {"peer", introduction.peer}});
  }
  session.peer = slot;
  if (!known || peers_.at(*slot).stream != introduction.stream)
    context_.intake.event(PeerTable::introduction_event(*slot, introduction));
  session.last = peers_.at(*slot).last;
  session.marks.reached(session.last, peers_.at(*slot).lines);
  return {};
}

void TcpSource::take(Session& session, const Line& line) {
  const bool blank = line.bytes.empty() && !line.oversized;
  if (blank) ++blank_lines_;
  if (line.oversized) ++oversized_;
  if (!session.peer) {
    ++session.lines;
    if (!blank) append(session, line, {});
    return;
  }
  ++session.blank;
  if (blank) return;
  append(session, line, PeerTable::record_resume(*session.peer, std::exchange(session.blank, 0)));
}

void TcpSource::append(Session& session, const Line& line, std::string_view resume) {
  session.last = line.oversized ? context_.intake.oversized(line.bytes, {}, resume)
                                : context_.intake.record(line.bytes, {}, resume);
}

// Blank lines at the end of a read are journaled too: the peer counts them, and N must not go back after a
// restart.
void TcpSource::mark(Session& session) {
  if (!session.peer) {
    if (session.lines > 0) session.marks.reached(session.last, session.lines);
    return;
  }
  if (session.blank > 0)
    session.last =
        context_.intake.event(PeerTable::lines_event(*session.peer, std::exchange(session.blank, 0)));
  const Peer& peer = peers_.at(*session.peer);
  session.marks.reached(peer.last, peer.lines);
}

void TcpSource::acknowledge(Session& session) {
  if (session.marks.empty() || session.connection->unsent() > kMostUnsent) return;
  if (const auto lines = session.marks.take(context_.intake.safe()))
    session.connection->write(format("{{\"ack\":{}}}\n", *lines));
}

void TcpSource::refuse(SessionId id, std::string_view reason) {
  const auto it = sessions_.find(id);
  ++refused_;
  context_.platform.log.sampled(
      LogLevel::warning, subject_, "refused",
      format("refused the introduction of {}: {}", it->second->connection->peer(), reason));
  sessions_.erase(it);
}

void TcpSource::closed(SessionId id, const std::string& reason) {
  const auto it = sessions_.find(id);
  if (it == sessions_.end()) return;
  Session& session = *it->second;
  Line line;
  if (!acks() && !stopping_ && reason.empty() && session.framing.rest(line)) {
    context_.intake.begin_read();
    take(session, line);
    if (!context_.intake.open()) set_paused(true);
  }
  sessions_.erase(id);
  if (stopping_) finish_stop();
}

void TcpSource::safe_moved() {
  if (acks()) {
    for (const auto& [id, session] : sessions_) acknowledge(*session);
  }
  if (stopping_) finish_stop();
}

void TcpSource::stop(std::function<void()> done) {
  stopping_ = true;
  stopped_ = std::move(done);
  listener_.reset();
  set_paused(true);
  context_.intake.hurry();
  finish_stop();
}

void TcpSource::finish_stop() {
  if (!stopped_ || context_.intake.safe() < last_) return;
  for (const auto& [id, session] : sessions_) acknowledge(*session);
  const bool unsent = std::any_of(sessions_.begin(), sessions_.end(),
                                  [](const auto& it) { return it.second->connection->unsent() > 0; });
  if (unsent && !farewell_) {
    Loop& loop = context_.platform.loop;
    farewell_ = loop.at(loop.now() + kFarewell, [this] {
      sessions_.clear();
      finish_stop();
    });
  }
  if (unsent) return;
  // From a callback of a connection, or of the timer, or of the caller: the goodbye runs by itself.
  context_.platform.loop.post(std::exchange(stopped_, nullptr));
  sessions_.clear();
}

SourceStatus TcpSource::status() const {
  SourceStatus status;
  status.state = stopping_    ? SourceStatus::State::stopped
                 : !listener_ ? SourceStatus::State::starting
                 : paused_    ? SourceStatus::State::paused
                              : SourceStatus::State::connected;
  if (listener_)
    status.detail = format("listening on {}, {} connected", listener_->address(), sessions_.size());
  status.counters = {{"connections", connections_},
                     {"refused connections", refused_},
                     {"blank lines", blank_lines_},
                     {"oversized lines", oversized_}};
  if (acks()) status.counters.emplace_back("peers forgotten", forgotten_);
  return status;
}

std::string TcpSource::summary() const {
  if (peers_.size() == 0) return "nothing to remember";
  std::uint64_t lines = 0;
  for (PeerTable::Slot slot = 0; slot < peers_.size(); ++slot) lines += peers_.at(slot).lines;
  return format("{} peers, {} lines", peers_.size(), lines);
}

}  // namespace

std::unique_ptr<Source> make_tcp_source(SourceContext context) {
  return std::make_unique<TcpSource>(std::move(context));
}

}  // namespace tidemark
