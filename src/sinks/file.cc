// The file sink: lines of JSON or csv, each exactly once (RowFile). The work is done on the bulk lane.
#include <algorithm>
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
#include "sinks/row_file.h"
#include "sinks/row_text.h"
#include "sinks/sink.h"

namespace tidemark {
namespace {

class FileSink final : public Sink {
 public:
  explicit FileSink(SinkContext context)
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
  void close(std::function<void()> closed) override {
    closing_ = true;
    retry_.reset();
    lane_.submit([this] { file_.reset(); }, std::move(closed));
  }
  SinkStatus status() const override;

 private:
  Status one_header(const std::vector<const ResultSchema*>& schemas, std::string& header) const;
  void try_open();
  void write_lines();
  void try_append();
  void again(const Error& error, std::function<void()> attempt);
  void report(std::vector<std::string> reports);

  SinkContext context_;
  std::string subject_;
  std::function<void(Result<std::optional<Holdings>>)> opened_;
  std::span<const ResultView> rows_;  // the batch
  std::function<void()> done_;
  bool ready_ = false;
  bool forgot_ = false;
  std::string degraded_;
  std::string reported_;
  Backoff backoff_{200ms, 30s};
  std::unique_ptr<Timer> retry_;
  bool closing_ = false;  // nothing is tried again: what was not taken is kept by the one who handed it over
  std::uint64_t taken_ = 0;
  std::uint64_t rotated_ = 0;
  std::uint64_t failures_ = 0;

  // Used on the lane only, from open() on.
  RowText row_text_;
  std::unique_ptr<RowFile> file_;
  bool written_ = false;  // lines_, ends_ and marks_ are those of the batch
  std::string lines_;
  std::vector<std::size_t> ends_;  // of rows in lines_
  Holdings marks_;

  GuardedLane lane_;
};

// csv has one header, so everything that comes here must have the same columns.
Status FileSink::one_header(const std::vector<const ResultSchema*>& schemas, std::string& header) const {
  for (const ResultSchema* schema : schemas) {
    const std::string its = row_text_.header(*schema);
    if (schema != schemas.front() && its != header)
      return fail(
          format("csv has one set of columns, and '{}' and '{}' differ; give each a sink of its own, or "
                 "format = \"json\"",
                 schemas.front()->pipeline, schema->pipeline),
          Error::Kind::usage);
    header = its;
  }
  return {};
}

void FileSink::open(std::vector<const ResultSchema*> schemas,
                    std::function<void(Result<std::optional<Holdings>>)> opened) {
  std::string header;
  Status one = one_header(schemas, header);
  if (!one) {
    Loop& loop = context_.platform.loop;
    retry_ = loop.at(loop.now(), [opened = std::move(opened), error = one.error()] {
      opened(fail(error.message, error.kind));
    });
    return;
  }
  opened_ = std::move(opened);
  row_text_.expect(schemas);
  file_ = std::make_unique<RowFile>(
      context_.platform.files,
      RowFileOptions{.path = context_.settings.path.value,
                     .cursor_path = join_path(context_.cursor_folder, context_.settings.name),
                     .remembers = context_.remembers,
                     .header = header,
                     .recognise = context_.settings.ids,
                     .fsync = context_.settings.fsync,
                     .rotate_size = context_.settings.rotate_size,
                     .rotate_every = context_.settings.rotate_every,
                     .keep = context_.settings.keep});
  try_open();
}

void FileSink::try_open() {
  auto outcome = std::make_shared<Status>();
  auto reports = std::make_shared<std::vector<std::string>>();
  auto holdings = std::make_shared<Holdings>();
  auto forgot = std::make_shared<bool>(false);
  lane_.submit(
      [this, outcome, reports, holdings, forgot] {
        *outcome = file_->open();
        *reports = file_->take_reports();
        if (*outcome) *holdings = file_->holdings();
        *forgot = file_->forgot();
      },
      [this, outcome, reports, holdings, forgot] {
        forgot_ = *forgot;
        report(std::move(*reports));
        if (!*outcome && outcome->error().kind == Error::Kind::no_space)
          return again(outcome->error(), [this] { try_open(); });
        const auto opened = std::exchange(opened_, nullptr);
        if (!*outcome) return opened(pass_on(*outcome));
        ready_ = true;
        degraded_.clear();
        backoff_.reset();
        opened(context_.remembers ? std::optional(std::move(*holdings)) : std::nullopt);
      });
}

void FileSink::write(std::span<const ResultView> rows, std::function<void()> done) {
  rows_ = rows;
  written_ = false;
  taken_ += rows.size();
  done_ = std::move(done);
  try_append();
}

// On the lane: lines of text, where they end, and the last row of each channel; channels are few.
void FileSink::write_lines() {
  lines_.clear();
  ends_.clear();
  marks_.clear();
  for (const ResultView& row : rows_) {
    row_text_.append_line(lines_, row);
    ends_.push_back(lines_.size());
  }
  std::vector<const ChannelId*> seen;
  for (auto row = rows_.rbegin(); row != rows_.rend(); ++row) {
    const ChannelId* channel = &row->channel();
    if (std::ranges::find(seen, channel) != seen.end()) continue;
    seen.push_back(channel);
    marks_.try_emplace(*channel, ChannelMark{row->number, row->chain});
  }
  written_ = true;
}

void FileSink::try_append() {
  auto outcome = std::make_shared<Status>();
  auto reports = std::make_shared<std::vector<std::string>>();
  auto rotated = std::make_shared<std::uint64_t>(0);
  const std::int64_t wall_ns = context_.platform.clock.wall_ns();
  lane_.submit(
      [this, outcome, reports, rotated, wall_ns] {
        if (!written_) write_lines();
        *outcome = file_->append(lines_, ends_, marks_, wall_ns);
        *reports = file_->take_reports();
        *rotated = file_->rotated();
      },
      [this, outcome, reports, rotated] {
        rotated_ = *rotated;
        report(std::move(*reports));
        if (!*outcome) return again(outcome->error(), [this] { try_append(); });
        degraded_.clear();
        backoff_.reset();
        std::exchange(done_, nullptr)();
      });
}

void FileSink::again(const Error& error, std::function<void()> attempt) {
  ++failures_;
  degraded_ = error.message;
  context_.platform.log.sampled(LogLevel::error, subject_, "away",
                                format("{}; results wait, and are tried again", degraded_));
  if (closing_) return;
  Loop& loop = context_.platform.loop;
  retry_ = loop.at(loop.now() + backoff_.next(context_.platform.random.next()), std::move(attempt));
}

void FileSink::report(std::vector<std::string> reports) {
  for (std::string& line : reports) {
    context_.platform.log.warning(subject_, line);
    reported_ = std::move(line);
  }
}

SinkStatus FileSink::status() const {
  using State = SinkStatus::State;
  return {.state = !degraded_.empty() ? State::away
                   : ready_           ? State::ready
                                      : State::starting,
          .detail = reported_.empty() ? context_.settings.path.value : reported_,
          .degraded = degraded_,
          .forgot = forgot_,
          .counters = {{"rows", taken_}, {"rotated", rotated_}, {"failed attempts", failures_}}};
}

}  // namespace

std::unique_ptr<Sink> make_file_sink(SinkContext context) {
  return std::make_unique<FileSink>(std::move(context));
}

}  // namespace tidemark
