// The sqlite sink: rows of a table, each exactly once (SqliteRows). The work is done on the bulk lane.
//
// A locked database is away for a while. A row that the table rejects keeps the sink away and degraded, with
// the row named, until somebody mends the table: nothing is dropped, nothing overtakes it. With on_reject =
// "dead-letter" it is set aside with the reason, counted, and the others go on.
#include <memory>
#include <string>
#include <utility>

#include "base/backoff.h"
#include "base/format.h"
#include "platform/clock.h"
#include "platform/guarded_lane.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/random.h"
#include "sinks/sink.h"
#include "sinks/sqlite_rows.h"

namespace tidemark {
namespace {

constexpr Duration kWorthALine = 2s;  // of being locked

class SqliteSink final : public Sink {
 public:
  explicit SqliteSink(SinkContext context)
      : context_(std::move(context)),
        subject_("sinks." + context_.settings.name),
        connections_(context_.connections ? context_.connections
                                          : std::make_shared<SqliteConnections>(context_.platform.sqlite,
                                                                                context_.platform.files)),
        lane_(std::make_unique<GuardedLane>(context_.platform.bulk_lane)) {}

  // The connection may be in use on the lane by another sink, so ours is given up there.
  ~SqliteSink() override {
    lane_.reset();
    if (rows_)
      context_.platform.bulk_lane.submit([rows = std::move(rows_)]() mutable { rows.reset(); }, [] {});
  }

  void open(std::vector<const ResultSchema*> schemas,
            std::function<void(Result<std::optional<Holdings>>)> opened) override {
    rows_ = std::make_shared<SqliteRows>(connections_, context_.settings, context_.remembers,
                                         context_.id_prefix, std::move(schemas));
    opened_ = std::move(opened);
    try_open();
  }
  void write(std::span<const ResultView> rows, std::function<void()> done) override {
    batch_ = rows;
    done_ = std::move(done);
    try_append();
  }
  void close(std::function<void()> closed) override {
    closing_ = true;
    retry_.reset();
    lane_->submit([this] { rows_.reset(); }, std::move(closed));
  }
  SinkStatus status() const override;

 private:
  void try_open();
  void try_append();
  void again(const Error& error, std::function<void()> attempt);
  void wait_for_lock();
  void well_again();
  void report(std::vector<std::string> reports);

  SinkContext context_;
  std::string subject_;
  std::shared_ptr<SqliteConnections> connections_;
  std::shared_ptr<SqliteRows> rows_;  // used on the lane only
  std::function<void(Result<std::optional<Holdings>>)> opened_;
  std::span<const ResultView> batch_;
  std::function<void()> done_;
  bool ready_ = false;
  std::string degraded_;
  std::optional<MonotonicTime> locked_since_;
  std::string reported_;
  Backoff backoff_{100ms, 10s};
  std::unique_ptr<Timer> retry_;
  bool closing_ = false;  // nothing is tried again: what was not taken is kept by the one who handed it over
  std::uint64_t written_ = 0;
  std::uint64_t rejected_ = 0;  // of written_
  std::uint64_t busy_ = 0;
  std::uint64_t failures_ = 0;
  std::unique_ptr<GuardedLane> lane_;
};

void SqliteSink::try_open() {
  auto outcome = std::make_shared<Result<Holdings>>();
  lane_->submit([this, outcome] { *outcome = rows_->open(); },
                [this, outcome] {
                  if (!*outcome) {
                    const Error::Kind kind = outcome->error().kind;
                    if (kind == Error::Kind::busy || kind == Error::Kind::no_space)
                      return again(outcome->error(), [this] { try_open(); });
                  }
                  const auto opened = std::exchange(opened_, nullptr);
                  if (!*outcome) return opened(pass_on(*outcome));
                  ready_ = true;
                  well_again();
                  opened(context_.remembers ? std::optional(std::move(**outcome)) : std::nullopt);
                });
}

void SqliteSink::try_append() {
  auto outcome = std::make_shared<Status>();
  auto reports = std::make_shared<std::vector<std::string>>();
  auto rejected = std::make_shared<SqliteRows::Rejected>();
  lane_->submit(
      [this, outcome, reports, rejected] {
        *outcome = rows_->append(batch_);
        *reports = rows_->take_reports();
        *rejected = rows_->take_rejected();
      },
      [this, outcome, reports, rejected] {
        report(std::move(*reports));
        if (!*outcome) return again(outcome->error(), [this] { try_append(); });
        if (rejected->rows != 0) {
          rejected_ += rejected->rows;
          context_.platform.log.sampled(LogLevel::warning, subject_, "rejected",
                                        rejected->why + "; it stands in table _tidemark_rejected");
        }
        written_ += batch_.size();
        batch_ = {};
        well_again();
        std::exchange(done_, nullptr)();
      });
}

void SqliteSink::again(const Error& error, std::function<void()> attempt) {
  if (error.kind == Error::Kind::busy) {
    wait_for_lock();
  } else {
    ++failures_;
    degraded_ = error.message;
    context_.platform.log.sampled(LogLevel::error, subject_, "away",
                                  format("{}; results wait, and are tried again", degraded_));
  }
  if (closing_) return;
  Loop& loop = context_.platform.loop;
  retry_ = loop.at(loop.now() + backoff_.next(context_.platform.random.next()), std::move(attempt));
}

// Somebody's short transaction is nothing to talk about; one that stays is for the operator.
void SqliteSink::wait_for_lock() {
  ++busy_;
  const MonotonicTime now = context_.platform.clock.monotonic();
  if (!locked_since_) locked_since_ = now;
  const std::string& path = context_.settings.path.value;
  degraded_ = format(
      "{} is locked by another program: results wait until it ends its transaction (`fuser {}` shows who)",
      path, path);
  if (now - *locked_since_ >= kWorthALine)
    context_.platform.log.sampled(LogLevel::warning, subject_, "locked", degraded_);
}

void SqliteSink::well_again() {
  if (const auto since = std::exchange(locked_since_, std::nullopt)) {
    const Duration waited = context_.platform.clock.monotonic() - *since;
    if (waited >= kWorthALine)
      context_.platform.log.info(
          subject_, format("unlocked after {}",
                           to_text(std::chrono::duration_cast<std::chrono::milliseconds>(waited))));
  }
  degraded_.clear();
  backoff_.reset();
}

void SqliteSink::report(std::vector<std::string> reports) {
  for (std::string& line : reports) {
    context_.platform.log.error(subject_, line);
    reported_ = std::move(line);
  }
}

SinkStatus SqliteSink::status() const {
  using State = SinkStatus::State;
  return {.state = !degraded_.empty() ? State::away
                   : ready_           ? State::ready
                                      : State::starting,
          .detail = reported_.empty() ? context_.settings.path.value : reported_,
          .degraded = degraded_,
          .counters = {{"rows", written_},
                       {"rejected", rejected_},
                       {"waits for a lock", busy_},
                       {"failed attempts", failures_}}};
}

}  // namespace

std::unique_ptr<Sink> make_sqlite_sink(SinkContext context) {
  return std::make_unique<SqliteSink>(std::move(context));
}

}  // namespace tidemark
