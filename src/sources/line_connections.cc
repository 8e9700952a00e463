#include "sources/line_connections.h"

#include <algorithm>

#include "base/format.h"
#include "platform/log.h"
#include "sources/csv_header.h"

namespace tidemark {
namespace {

// A peer that does not read its acknowledgements gets no more of them than this; the newest N says it all.
constexpr std::size_t kMostUnsent = 64 * 1024;

}  // namespace

LineConnections::LineConnections(const SourceContext& context, std::string subject, Events events)
    : context_(context),
      subject_(std::move(subject)),
      events_(std::move(events)),
      peers_(context_.limits.max_peers) {}

LineConnections::Id LineConnections::add(std::unique_ptr<Connection> connection) {
  if (sessions_.size() >= context_.limits.max_connections) {
    ++refused_;
    context_.platform.log.sampled(LogLevel::warning, subject_, "refused",
                                  format("refused {}: limits.max_connections ({}) reached",
                                         connection->peer(), context_.limits.max_connections));
    return 0;
  }
  ++connections_;
  const Id id = next_session_++;
  const FormatSettings& format_settings = context_.settings.format;
  auto session = std::make_unique<Session>(
      std::move(connection), LineFraming(context_.limits.max_record, quoted_line_ends(format_settings)));
  session->header_due = format_settings.header;
  Connection& started = *session->connection;
  sessions_.emplace(id, std::move(session));
  started.start({.data = [this, id](std::string_view bytes) { read(id, bytes); },
                 .closed = [this, id](const std::string& reason) { closed(id, reason); },
                 .drained = [this, id] { drained(id); }});
  if (paused_ && sessions_.contains(id)) started.pause();
  return id;
}

void LineConnections::set_paused(bool paused) {
  if (paused == paused_) return;
  paused_ = paused;
  for (const auto& [id, session] : sessions_)
    paused ? session->connection->pause() : session->connection->resume();
}

void LineConnections::stop_reading() {
  reading_ = false;
  set_paused(true);
}

void LineConnections::read(Id id, std::string_view bytes) {
  const auto it = sessions_.find(id);
  if (it == sessions_.end() || !reading_) return;
  Session& session = *it->second;
  const LinesRead reading(context_.intake, bytes);
  session.framing.feed(bytes);
  Line line;
  while (session.framing.next(line)) {
    if (is_header(session, line)) continue;
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

bool LineConnections::is_header(Session& session, const Line& line) {
  if (!std::exchange(session.header_due, false)) return false;
  if (const auto why = header_differs(line.bytes, context_.settings.format)) {
    ++other_headers_;
    context_.platform.log.sampled(
        LogLevel::warning, subject_, "header",
        format("the header of {} is not what `fields` says; columns are read by position: {}",
               session.connection->peer(), *why));
  }
  return true;
}

// True when the line was an introduction and is no record.
bool LineConnections::greet(Id id, Session& session, std::string_view line) {
  std::optional<Result<Introduction>> introduction = parse_introduction(line);
  if (!introduction) return false;
  Status introduced = *introduction ? introduce(id, session, **introduction) : Status(pass_on(*introduction));
  if (!introduced) refuse(id, introduced.error().message);
  return true;
}

Status LineConnections::introduce(Id id, Session& session, const Introduction& introduction) {
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

void LineConnections::take(Session& session, const Line& line) {
  const bool blank = line.bytes.empty() && !line.oversized;
  if (blank) ++blank_lines_;
  if (line.oversized) ++oversized_;
  session.lines += line.ends;
  if (!session.peer) {
    if (!blank) append(session, line, {});
    return;
  }
  session.blank += line.ends;
  if (blank) return;
  append(session, line, PeerTable::record_resume(*session.peer, std::exchange(session.blank, 0)));
}

void LineConnections::append(Session& session, const Line& line, std::string_view resume) {
  session.last = line.oversized ? context_.intake.oversized(line.bytes, {}, resume)
                                : context_.intake.record(line.bytes, {}, resume);
}

// Blank lines at the end of a read are journaled too: the peer counts them, and N must not go back after a
// restart.
void LineConnections::mark(Session& session) {
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

void LineConnections::acknowledge(Session& session) {
  if (session.marks.empty() || session.connection->unsent() > kMostUnsent) return;
  if (const auto lines = session.marks.take(context_.intake.safe()))
    session.connection->write(format("{{\"ack\":{}}}\n", *lines));
}

bool LineConnections::told_all(const Session& session) const {
  return session.said_all && session.marks.empty();
}

void LineConnections::acknowledge() {
  if (!acks()) return;
  std::vector<Id> over;
  for (const auto& [id, session] : sessions_) {
    acknowledge(*session);
    if (told_all(*session)) over.push_back(id);
  }
  for (const Id id : over) closed(id, {});
}

void LineConnections::drained(Id id) {
  if (const auto it = sessions_.find(id); it != sessions_.end()) {
    acknowledge(*it->second);
    if (told_all(*it->second)) closed(id, {});
  }
  if (events_.drained) events_.drained();
}

void LineConnections::refuse(Id id, std::string_view reason) {
  const auto it = sessions_.find(id);
  ++refused_;
  const std::string text =
      format("refused the introduction of {}: {}", it->second->connection->peer(), reason);
  context_.platform.log.sampled(LogLevel::warning, subject_, "refused", text);
  sessions_.erase(it);
  if (events_.gone) events_.gone(id, text);
}

void LineConnections::closed(Id id, const std::string& reason) {
  const auto it = sessions_.find(id);
  if (it == sessions_.end()) return;
  Session& session = *it->second;
  Line line;
  if (!acks() && reading_ && reason.empty() && session.framing.rest(line) && !is_header(session, line)) {
    context_.intake.begin_read();
    take(session, line);
    if (!context_.intake.open()) set_paused(true);
  }
  if (acks() && reason.empty() && !session.marks.empty()) {
    // It has sent all it had, and waits to hear that it is durable. Its place among the peers is free: what
    // it is told is settled, and nothing more can come.
    session.said_all = true;
    session.peer.reset();
    acknowledge(session);
    if (!session.marks.empty()) return;
  }
  session.connection->close();  // what is written leaves before
  sessions_.erase(id);
  if (events_.gone) events_.gone(id, reason);
}

bool LineConnections::unsent() const {
  return std::any_of(sessions_.begin(), sessions_.end(),
                     [](const auto& it) { return it.second->connection->unsent() > 0; });
}

void LineConnections::add_counters(SourceStatus& status) const {
  status.counters.emplace_back("connections", connections_);
  status.counters.emplace_back("refused connections", refused_);
  status.counters.emplace_back("blank lines", blank_lines_);
  status.counters.emplace_back("oversized lines", oversized_);
  if (context_.settings.format.header) status.counters.emplace_back("other headers", other_headers_);
  if (acks()) status.counters.emplace_back("peers forgotten", forgotten_);
}

std::string LineConnections::summary() const {
  if (peers_.size() == 0) return "nothing to remember";
  std::uint64_t lines = 0;
  for (PeerTable::Slot slot = 0; slot < peers_.size(); ++slot) lines += peers_.at(slot).lines;
  return format("{} peers, {} lines", peers_.size(), lines);
}

}  // namespace tidemark
