// LineConnections: the connections of a stream source (tcp, unix), each giving lines, and told how far they
// are durable.
//
// Without `ack` a peer is anonymous: blank lines are skipped, and a last line without a newline is a record
// when the peer closes in order. With `ack` every line counts (tcp_peers.h), half a line at the end is none,
// and after each durable batch the peer gets {"ack":N}. A peer that has closed its sending side still gets
// its last {"ack":N}: its connection stays until that is on its way.
//
// Threads: loop only.  Lifetime: the context's references outlive it. `Events` may destroy nothing of it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/network.h"
#include "sources/line_framing.h"
#include "sources/source.h"
#include "sources/tcp_peers.h"

namespace tidemark {

class LineConnections {
 public:
  using Id = std::uint64_t;
  struct Events {
    // A connection has gone, by the peer's end of it or because it was refused here.
    std::function<void(Id, const std::string& reason)> gone = {};
    // Everything written has left some connection.
    std::function<void()> drained = {};
  };
  LineConnections(const SourceContext& context, std::string subject, Events events);

  // Memory; see Source.
  void save(Encoder& out) const { peers_.save(out); }
  bool load(Decoder& in) { return peers_.load(in); }
  void remember_record(Position position, std::string_view resume) {
    peers_.remember_record(position, resume);
  }
  void remember_event(Position position, std::string_view payload) {
    peers_.remember_event(position, payload);
  }
  void gone_back_to(Position at) { peers_.gone_back_to(at); }

  // 0 when there are limits.max_connections already.
  Id add(std::unique_ptr<Connection> connection);
  void set_paused(bool paused);
  bool paused() const { return paused_; }
  // No line is taken from now on.
  void stop_reading();
  // Tells every peer how far its lines are safe.
  void acknowledge();
  bool unsent() const;
  void clear() { sessions_.clear(); }

  std::size_t size() const { return sessions_.size(); }
  void add_counters(SourceStatus& status) const;
  std::string summary() const;

 private:
  // One connection.
  struct Session {
    Session(std::unique_ptr<Connection> c, LineFraming f) : connection(std::move(c)), framing(std::move(f)) {}
    std::unique_ptr<Connection> connection;
    LineFraming framing;
    bool header_due = false;              // csv: its first line is no record
    bool greeted = false;                 // its first line has been looked at
    bool said_all = false;                // the peer has closed its side; it waits for its last ack
    std::optional<PeerTable::Slot> peer;  // who it said it is
    std::uint64_t lines = 0;              // of this connection, blank ones included
    std::uint64_t blank = 0;              // with an introduction: lines not yet in the journal
    Position last;                        // of its last entry
    AckMarks marks;
  };

  bool acks() const { return context_.settings.ack; }
  void read(Id id, std::string_view bytes);
  bool is_header(Session& session, const Line& line);
  bool greet(Id id, Session& session, std::string_view line);
  Status introduce(Id id, Session& session, const Introduction& introduction);
  void take(Session& session, const Line& line);
  void append(Session& session, const Line& line, std::string_view resume);
  void mark(Session& session);
  void acknowledge(Session& session);
  bool told_all(const Session& session) const;
  void refuse(Id id, std::string_view reason);
  void closed(Id id, const std::string& reason);
  void drained(Id id);

  const SourceContext& context_;
  std::string subject_;
  Events events_;
  PeerTable peers_;
  bool paused_ = false;
  bool reading_ = true;
  std::map<Id, std::unique_ptr<Session>> sessions_;
  Id next_session_ = 1;
  std::uint64_t connections_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t blank_lines_ = 0;
  std::uint64_t oversized_ = 0;
  std::uint64_t forgotten_ = 0;
  std::uint64_t other_headers_ = 0;
};

}  // namespace tidemark
