// The tcp sink: a line a result, over a connection that it makes itself.
//
// What counts as delivered, to a peer that only takes lines: what its system has confirmed to have received.
// Bytes that this system has taken and the peer's has not are sent again over the next connection. What the
// peer's program does with them nobody can know: results arrive at least once as far as the network goes, and
// what the peer had not read when it ended is lost.
//
// With `ack` the peer counts. The sink introduces itself, {"peer":"NAME","stream":"ID"}, and is told
// {"ack":N}: so many lines of that stream are durable at the peer, over all connections. It sends exactly the
// rest, and a batch is done when the peer has it. Which results those N lines were, over a restart of this
// side too, is in the StreamLedger; so a result reaches such a peer exactly once. A peer that knows fewer
// lines than it had acknowledged was put back from a copy: that is reported, and the stream goes on from
// there. One that knows more than were ever sent has another sender of this name: a new stream is begun.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/backoff.h"
#include "base/format.h"
#include "base/json.h"
#include "platform/guarded_lane.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/network.h"
#include "platform/random.h"
#include "sinks/row_text.h"
#include "sinks/sink.h"
#include "sinks/stream_ledger.h"

namespace tidemark {
namespace {

constexpr std::size_t kMostUnsent = 256u << 10;             // in memory, beside the batch
constexpr std::size_t kLongestAnswer = 4096;                // of a peer that acknowledges
constexpr Duration kFirstLook = 1ms, kLongestLook = 100ms;  // at what the peer's system has confirmed
constexpr Duration kPatience = 5s;  // with a peer that takes nothing, before it counts as away
// With one whose system does not even answer; what asks it whether it has room does so every two minutes.
constexpr Duration kGivenUp = 150s;

class TcpSink final : public Sink {
 public:
  explicit TcpSink(SinkContext context)
      : context_(std::move(context)),
        subject_("sinks." + context_.settings.name),
        row_text_({.format = context_.settings.format,
                   .timestamps = context_.settings.timestamps,
                   .ids = context_.settings.ids,
                   .id_prefix = context_.id_prefix}),
        lane_(context_.platform.bulk_lane) {}

  void open(std::vector<const ResultSchema*> schemas,
            std::function<void(Result<std::optional<Holdings>>)> opened) override;
  void write(std::span<const ResultView> rows, std::function<void()> done) override;
  void close(std::function<void()> closed) override;
  SinkStatus status() const override;

 private:
  Loop& loop() const { return context_.platform.loop; }
  const std::string& server() const { return context_.settings.connect.value; }
  bool acks() const { return context_.settings.ack; }
  // Across restarts: not in at-least-once mode, where a result that is made again is another one.
  bool remembers() const { return acks() && context_.remembers; }
  bool may_send() const { return connection_ && (!acks() || (introduced_ && written_down_)); }
  Status one_form(const std::vector<const ResultSchema*>& schemas) const;
  void later(std::function<void()> work);

  void connect();
  void connected(Result<std::unique_ptr<Connection>> connection);
  void heard(std::string_view bytes);
  void ended(const std::string& reason);
  void lost(const std::string& why);
  void drop_connection();

  void send_on();
  void look();
  void watch();
  void confirmed(std::uint64_t through);
  std::string trouble() const;

  void load();
  void introduce();
  void answered(std::string_view line);
  void introduced(std::uint64_t lines);
  void settle(const ResultView& next);
  void forget_rows(std::uint64_t lines);
  void go_on_from(std::uint64_t lines);
  void begin_stream();
  void write_down();
  StreamState state() const;
  void note_confirmed(Holdings& holdings) const;
  std::string new_stream();

  SinkContext context_;
  std::string subject_;
  RowText row_text_;

  std::unique_ptr<Connecting> connecting_;
  std::unique_ptr<Connection> connection_;
  std::vector<std::unique_ptr<Connection>> dying_;  // one cannot be destroyed from its own callback
  std::unique_ptr<Timer> reaper_, retry_, look_, watch_, answer_, disk_retry_, goodbye_;
  Backoff backoff_{1s, 30s};
  MonotonicTime connected_at_{}, moved_at_{};
  Duration look_pause_ = kFirstLook;
  bool deaf_ = false;  // the peer sends nothing more; it may still read
  std::string away_;   // why there is no connection
  bool closing_ = false;

  std::span<const ResultView> batch_;
  std::function<void()> done_;
  // Of each row of the batch: behind its last byte on this connection, or its last line in the stream.
  std::vector<std::uint64_t> ends_;
  std::size_t next_ = 0;       // row to be written next on this connection
  std::size_t confirmed_ = 0;  // rows that the peer has
  std::uint64_t written_ = 0;  // bytes, on this connection

  // With `ack`.
  std::function<void(Result<std::optional<Holdings>>)> opened_;  // until it is known what the peer holds
  StreamLedger ledger_{context_.platform.files,
                       stream_ledger_path(context_.cursor_folder, context_.settings.name)};
  StreamState stream_;      // its rows: what another start may have sent; none from the first batch on
  std::uint64_t told_ = 0;  // by the peer, of the stream's lines, when it was last introduced to
  std::uint64_t part_ = 0;  // lines that the peer has of the first row that it lacks
  bool introduced_ = false;
  bool written_down_ = true;        // what the batch is
  std::uint64_t writing_down_ = 0;  // the latest attempt
  std::string disk_trouble_;
  Backoff disk_backoff_{200ms, 30s};
  std::string answer_so_far_;

  std::uint64_t lines_ = 0, again_ = 0, connections_ = 0, missing_ = 0;
  GuardedLane lane_;
};

// Lines of csv mean something by their columns only, and have no header here.
Status TcpSink::one_form(const std::vector<const ResultSchema*>& schemas) const {
  const ResultSchema* first = nullptr;
  for (const ResultSchema* schema : schemas) {
    if (first == nullptr) first = schema;
    if (row_text_.header(*schema) != row_text_.header(*first))
      return fail(
          format("csv has one set of columns, and '{}' and '{}' differ; give each a sink of its own, or "
                 "format = \"json\"",
                 first->pipeline, schema->pipeline),
          Error::Kind::usage);
  }
  return {};
}

void TcpSink::later(std::function<void()> work) {
  answer_ = loop().at(loop().now(), std::move(work));
}

void TcpSink::open(std::vector<const ResultSchema*> schemas,
                   std::function<void(Result<std::optional<Holdings>>)> opened) {
  if (const Status one = one_form(schemas); !one)
    return later(
        [opened = std::move(opened), error = one.error()] { opened(fail(error.message, error.kind)); });
  if (remembers()) {
    opened_ = std::move(opened);
    return load();
  }
  stream_.stream = new_stream();
  connect();
  later([opened = std::move(opened)] { opened(std::nullopt); });
}

// ---- the connection

void TcpSink::connect() {
  retry_.reset();
  if (closing_) return;
  connecting_ = context_.platform.network.connect_tcp(
      server(), [this](Result<std::unique_ptr<Connection>> connection) { connected(std::move(connection)); });
}

void TcpSink::connected(Result<std::unique_ptr<Connection>> connection) {
  connecting_.reset();
  if (!connection) return lost(connection.error().message);
  connection_ = std::move(*connection);
  connection_->break_unless_closed();
  connection_->start({.data = [this](std::string_view bytes) { heard(bytes); },
                      .closed = [this](const std::string& reason) { ended(reason); },
                      .drained =
                          [this] {
                            if (!acks()) look();
                            send_on();
                          }});
  ++connections_;
  written_ = 0;
  deaf_ = introduced_ = false;
  answer_so_far_.clear();
  connected_at_ = moved_at_ = loop().now();
  context_.platform.log.info(subject_, "connected", {{"server", server()}});
  if (acks()) {
    introduce();
  } else {
    away_.clear();
    send_on();
  }
  watch();
}

// A peer that takes lines has nothing to say; what it says all the same is read, so that it is not kept from
// reading.
void TcpSink::heard(std::string_view bytes) {
  if (!acks()) return;
  const Connection* from = connection_.get();
  answer_so_far_.append(bytes);
  std::size_t at = 0;
  for (std::size_t end;
       connection_.get() == from && (end = answer_so_far_.find('\n', at)) != std::string::npos; at = end + 1)
    answered(std::string_view(answer_so_far_).substr(at, end - at));
  if (connection_.get() != from) return;
  answer_so_far_.erase(0, at);
  if (answer_so_far_.size() > kLongestAnswer) lost("it answers with something other than {\"ack\":N}");
}

// One that has said all it had may go on reading: `socat -u`, `nc` without input.
void TcpSink::ended(const std::string& reason) {
  if (!reason.empty()) return lost(reason);
  if (!acks()) {
    deaf_ = true;
    return;
  }
  lost(introduced_ ? "the peer closed the connection"
                   : "the peer closed the connection without an answer to the introduction");
}

void TcpSink::lost(const std::string& why) {
  const bool had = connection_ != nullptr;
  drop_connection();
  // A server that accepts and hangs up at once is as good as away: only one that stayed is tried anew
  // quickly.
  if (had && loop().now() - connected_at_ > 1s) backoff_.reset();
  away_ = format("not connected to {}: {}", server(), why);
  context_.platform.log.sampled(LogLevel::warning, subject_, had ? "lost" : "away", away_);
  retry_ = loop().at(loop().now() + backoff_.next(context_.platform.random.next()), [this] { connect(); });
}

// What was under way and is not confirmed goes again, in order, from the first of it.
void TcpSink::drop_connection() {
  look_.reset();
  watch_.reset();
  introduced_ = false;
  if (connection_) {
    dying_.push_back(std::move(connection_));
    reaper_ = loop().at(loop().now(), [this] { dying_.clear(); });
  }
  again_ += next_ - confirmed_;
  next_ = confirmed_;
}

// ---- lines

void TcpSink::write(std::span<const ResultView> rows, std::function<void()> done) {
  batch_ = rows;
  done_ = std::move(done);
  next_ = confirmed_ = 0;
  ends_.assign(rows.size(), 0);
  moved_at_ = loop().now();
  if (rows.empty()) return later(std::exchange(done_, nullptr));
  if (connection_ && !watch_) watch();
  if (!acks()) return send_on();
  settle(batch_.front());
  go_on_from(stream_.lines);
  write_down();
  send_on();
}

void TcpSink::send_on() {
  if (!may_send()) return;
  std::string text;
  while (next_ < batch_.size() && connection_->unsent() + text.size() < kMostUnsent) {
    const std::size_t at = text.size();
    row_text_.append_line(text, batch_[next_]);
    if (next_ == confirmed_)
      for (std::uint64_t i = 0; i < part_; ++i) text.erase(at, text.find('\n', at) + 1 - at);
    if (!acks()) ends_[next_] = written_ + text.size();
    ++next_;
  }
  if (text.empty()) return;
  written_ += text.size();
  connection_->write(std::move(text));
  if (acks() || look_) return;
  look_pause_ = kFirstLook;
  look_ = loop().at(loop().now() + look_pause_, [this] { look(); });
}

// No kernel says by itself how far the other one has got: it is asked, as long as something is under way.
void TcpSink::look() {
  look_.reset();
  const Connection::Sending sending = connection_->sending();
  if (sending.broken) return lost("the connection broke");
  const std::size_t before = confirmed_;
  confirmed(written_ - std::min<std::uint64_t>(written_, sending.unconfirmed));
  if (!connection_ || next_ == confirmed_) return;
  look_pause_ = confirmed_ != before ? kFirstLook : std::min<Duration>(look_pause_ * 2, kLongestLook);
  look_ = loop().at(loop().now() + look_pause_, [this] { look(); });
}

// The peer has what ends up to there.
void TcpSink::confirmed(std::uint64_t through) {
  const std::size_t before = confirmed_;
  while (confirmed_ < next_ && ends_[confirmed_] <= through) ++confirmed_;
  if (confirmed_ == before) return;
  lines_ += confirmed_ - before;
  moved_at_ = loop().now();
  backoff_.reset();
  part_ = 0;
  if (acks()) stream_.lines = ends_[confirmed_ - 1];
  if (confirmed_ < batch_.size()) return;
  if (remembers()) note_confirmed(stream_.holdings);
  batch_ = {};
  ends_.clear();
  next_ = confirmed_ = 0;
  // `done` may hand over the next batch at once, from which a long chain of calls would grow.
  later(std::exchange(done_, nullptr));
}

// While something is waited for. A peer whose system is there and that does not read is waited for without
// end; a system that is gone is not.
void TcpSink::watch() {
  watch_ = loop().at(loop().now() + kPatience, [this] {
    watch_.reset();
    const bool waits = !batch_.empty() || (acks() && !introduced_);
    if (!connection_ || !waits) return;
    const Connection::Sending sending = connection_->sending();
    if (sending.broken) return lost("the connection broke");
    if (sending.unconfirmed > 0 && sending.silent >= kGivenUp)
      return lost(format("nothing was heard of it for {}",
                         to_text(std::chrono::ceil<std::chrono::seconds>(sending.silent))));
    if (const std::string why = trouble(); !why.empty())
      context_.platform.log.sampled(LogLevel::warning, subject_, "slow", why);
    watch();
  });
}

// Why the batch does not get on although there is a connection.
std::string TcpSink::trouble() const {
  if (!disk_trouble_.empty()) return disk_trouble_;
  if (!connection_) return away_;
  const Duration since = loop().now() - moved_at_;
  if (since < kPatience) return {};
  const std::string seconds = to_text(std::chrono::floor<std::chrono::seconds>(since));
  if (acks() && !introduced_)
    return format("{} has not answered the introduction for {}: is it a source with ack = true?", server(),
                  seconds);
  if (batch_.empty()) return {};
  if (acks()) return format("{} has acknowledged nothing for {}", server(), seconds);
  return format("{} has taken nothing for {}", server(), seconds);
}

void TcpSink::close(std::function<void()> closed) {
  closing_ = true;
  connecting_.reset();
  retry_.reset();
  disk_retry_.reset();
  // With something under way it ends as a lost one: the peer must not take half a line for a whole one.
  if (connection_ && next_ == confirmed_) connection_->close();
  drop_connection();
  goodbye_ = loop().at(loop().now(), std::move(closed));
}

// ---- acknowledged lines

std::string TcpSink::new_stream() {
  return format("{:016x}{:016x}", context_.platform.random.next(), context_.platform.random.next());
}

void TcpSink::load() {
  auto found = std::make_shared<Result<std::optional<StreamState>>>(std::nullopt);
  lane_.submit([this, found] { *found = ledger_.open(); },
               [this, found] {
                 if (!*found) return std::exchange(opened_, nullptr)(pass_on(*found));
                 if (*found) stream_ = **found ? std::move(***found) : StreamState{};
                 if (stream_.stream.empty()) stream_.stream = new_stream();
                 connect();
               });
}

void TcpSink::introduce() {
  JsonWriter line;
  line.begin_object().key("peer").text(context_.settings.peer.empty() ? context_.client_id
                                                                      : context_.settings.peer);
  line.key("stream").text(stream_.stream).end_object();
  connection_->write(line.take() + "\n");
}

void TcpSink::answered(std::string_view line) {
  const Result<JsonValue> answer = JsonValue::parse(line);
  const JsonValue* number = answer && answer->type == JsonValue::Type::object ? answer->find("ack") : nullptr;
  if (number == nullptr || number->type != JsonValue::Type::integer || number->integer < 0)
    return lost("it answers with something other than {\"ack\":N}");
  const auto lines = static_cast<std::uint64_t>(number->integer);
  if (!introduced_) return introduced(lines);
  const std::uint64_t sent = std::max(told_, next_ > 0 ? ends_[next_ - 1] : stream_.lines);
  if (lines > sent)
    return lost(format("it acknowledges {} lines of the stream, and {} were sent", lines, sent));
  if (lines < stream_.lines)
    return lost(format("it acknowledges {} lines of the stream after {}", lines, stream_.lines));
  confirmed(lines);
  send_on();
}

// What the peer has of the stream: nothing of it is under way now.
void TcpSink::introduced(std::uint64_t lines) {
  introduced_ = true;
  moved_at_ = loop().now();
  away_.clear();
  const std::uint64_t most = !batch_.empty() ? ends_.back() : stream_.lines_with_rows();
  if (lines > most) {
    context_.platform.log.sampled(
        LogLevel::error, subject_, "ahead",
        format("{} has {} lines of this stream, and {} were sent: somebody else uses its name and stream (a "
               "copy of this data directory?), or an older copy of the data directory was put back. A new "
               "stream is begun; results may come twice",
               server(), lines, most));
    begin_stream();
    return lost("a new stream is begun");
  }
  if (lines < stream_.lines) {
    missing_ += stream_.lines - lines;
    context_.platform.log.error(
        subject_,
        format(
            "{} has {} lines of this stream, and had acknowledged {}: it was replaced by an older copy, or "
            "has forgotten this peer (limits.max_peers there). What it lacks is not sent again",
            server(), lines, stream_.lines));
    forget_rows(lines);
    if (!batch_.empty()) {
      go_on_from(lines);
      write_down();
    }
  } else if (!batch_.empty()) {
    next_ = batch_.size();  // confirmed() looks at what was written
    confirmed(lines);
    next_ = confirmed_;
    part_ = lines - stream_.lines;
  }
  told_ = lines;
  if (opened_) std::exchange(opened_, nullptr)(std::optional(stream_.holdings_at(lines)));
  send_on();
}

// The rows of another start: whole ones that the peer has are done, the others come again, or never. Of one
// it may have some lines.
void TcpSink::settle(const ResultView& next) {
  if (stream_.rows.empty()) return;
  Holdings held = stream_.holdings_at(told_);
  std::uint64_t whole = stream_.lines;
  auto row = stream_.rows.begin();
  while (row != stream_.rows.end() && whole + row->lines <= told_) whole += (row++)->lines;
  const bool goes_on = row != stream_.rows.end() && next.number == row->number && next.chain == row->chain &&
                       next.channel() == stream_.channels[row->channel] &&
                       row_text_.lines(next) == row->lines;
  forget_rows(goes_on ? whole : told_);
  stream_.holdings = std::move(held);
  part_ = told_ - stream_.lines;
}

void TcpSink::forget_rows(std::uint64_t lines) {
  stream_.lines = lines;
  stream_.rows.clear();
  stream_.channels.clear();
}

// The rows of the batch that the peer lacks become the lines after these.
void TcpSink::go_on_from(std::uint64_t lines) {
  stream_.lines = lines;
  for (std::size_t i = confirmed_; i < batch_.size(); ++i) ends_[i] = lines += row_text_.lines(batch_[i]);
}

void TcpSink::begin_stream() {
  // The peer may have whatever was under way, and nobody knows.
  stream_ = {.stream = new_stream(),
             .lines = 0,
             .holdings = stream_.holdings_at(stream_.lines_with_rows()),
             .channels = {},
             .rows = {}};
  told_ = part_ = 0;
  go_on_from(0);
  if (!batch_.empty()) write_down();
}

// The stream, with the rows that are about to be sent.
StreamState TcpSink::state() const {
  StreamState now = stream_;
  note_confirmed(now.holdings);
  std::vector<const ChannelId*> known;
  std::uint64_t before = now.lines;
  for (std::size_t i = confirmed_; i < batch_.size(); ++i) {
    const ResultView& row = batch_[i];
    auto at = std::find(known.begin(), known.end(), &row.channel());
    if (at == known.end()) {
      now.channels.push_back(row.channel());
      at = known.insert(known.end(), &row.channel());
    }
    now.rows.push_back({.channel = static_cast<std::size_t>(at - known.begin()),
                        .number = row.number,
                        .chain = row.chain,
                        .lines = ends_[i] - std::exchange(before, ends_[i])});
  }
  return now;
}

// The last row of each channel, looked for from the end: channels are few.
void TcpSink::note_confirmed(Holdings& holdings) const {
  std::vector<const ChannelId*> seen;
  for (std::size_t i = confirmed_; i-- > 0;) {
    const ChannelId& channel = batch_[i].channel();
    if (std::find(seen.begin(), seen.end(), &channel) != seen.end()) continue;
    seen.push_back(&channel);
    holdings[channel] = {batch_[i].number, batch_[i].chain};
  }
}

void TcpSink::write_down() {
  written_down_ = !remembers();
  if (written_down_) return;
  auto outcome = std::make_shared<Status>();
  lane_.submit([this, outcome, what = state()] { *outcome = ledger_.store(what); },
               [this, outcome, mine = ++writing_down_] {
                 if (closing_ || mine != writing_down_) return;  // or it has become something else
                 if (!*outcome) {
                   disk_trouble_ = outcome->error().message;
                   context_.platform.log.sampled(
                       LogLevel::error, subject_, "disk",
                       format("{}; results wait, and are tried again", disk_trouble_));
                   disk_retry_ = loop().at(loop().now() + disk_backoff_.next(context_.platform.random.next()),
                                           [this] { write_down(); });
                   return;
                 }
                 disk_trouble_.clear();
                 disk_backoff_.reset();
                 written_down_ = true;
                 send_on();
               });
}

SinkStatus TcpSink::status() const {
  using State = SinkStatus::State;
  SinkStatus status;
  status.degraded = trouble();
  const bool up = connection_ && (!acks() || introduced_);
  status.state = closing_                   ? State::stopped
                 : !status.degraded.empty() ? State::away
                 : up                       ? State::ready
                                            : State::starting;
  status.detail = format("{} to {}{}", up ? "connected" : "not connected", server(),
                         up && deaf_ ? ", which sends nothing more" : "");
  status.counters = {{"lines", lines_}, {"sent again", again_}, {"connections", connections_}};
  if (acks()) status.counters.emplace_back("missing at the peer", missing_);
  return status;
}

}  // namespace

std::unique_ptr<Sink> make_tcp_sink(SinkContext context) {
  return std::make_unique<TcpSink>(std::move(context));
}

}  // namespace tidemark
