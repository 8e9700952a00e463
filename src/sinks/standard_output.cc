// The stdout sink: a line a result. Whoever reads slowly slows it down; whoever is gone is waited for.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/backoff.h"
#include "base/format.h"
#include "platform/guarded_lane.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/output.h"
#include "platform/random.h"
#include "sinks/row_text.h"
#include "sinks/sink.h"

namespace tidemark {
namespace {

class StandardOutputSink final : public Sink {
 public:
  explicit StandardOutputSink(SinkContext context)
      : context_(std::move(context)),
        subject_("sinks." + context_.settings.name),
        row_text_({.format = context_.settings.format,
                   .timestamps = context_.settings.timestamps,
                   .ids = context_.settings.ids,
                   .id_prefix = context_.id_prefix}),
        lane_(context_.platform.bulk_lane) {}

  void open(std::vector<const ResultSchema*> schemas,
            std::function<void(Result<std::optional<Holdings>>)> opened) override {
    row_text_.expect(schemas);
    later([opened = std::move(opened)] { opened(std::nullopt); });
  }
  void write(std::span<const ResultView> rows, std::function<void()> done) override {
    done_ = std::move(done);
    text_.clear();
    for (const ResultView& row : rows) {
      // Rows of another shape follow under a header of their own.
      if (shape_ != row.schema) {
        const std::string header = row_text_.header(*row.schema);
        if (header != header_) text_.append(header);
        header_ = header;
        shape_ = row.schema;
      }
      row_text_.append_line(text_, row);
    }
    rows_ += rows.size();
    try_write();
  }
  void close(std::function<void()> closed) override { later(std::move(closed)); }

  SinkStatus status() const override {
    return {.state = degraded_.empty() ? SinkStatus::State::ready : SinkStatus::State::away,
            .detail = {},
            .degraded = degraded_,
            .counters = {{"rows", rows_}}};
  }

 private:
  void later(std::function<void()> work) {
    Loop& loop = context_.platform.loop;
    answer_ = loop.at(loop.now(), std::move(work));
  }

  void try_write() {
    auto outcome = std::make_shared<Status>();
    lane_.submit([this, outcome] { *outcome = context_.platform.standard_output.write(text_); },
                 [this, outcome] { written(*outcome); });
  }

  void written(Status& outcome) {
    if (outcome) {
      degraded_.clear();
      backoff_.reset();
      text_.clear();
      std::exchange(done_, nullptr)();
      return;
    }
    degraded_ = outcome.error().message;
    context_.platform.log.sampled(LogLevel::warning, subject_, "away", degraded_);
    Loop& loop = context_.platform.loop;
    retry_ = loop.at(loop.now() + backoff_.next(context_.platform.random.next()), [this] { try_write(); });
  }

  SinkContext context_;
  std::string subject_;
  RowText row_text_;
  const ResultSchema* shape_ = nullptr;
  std::string header_;
  std::string text_;
  std::function<void()> done_;
  std::string degraded_;
  Backoff backoff_{200ms, 30s};
  std::unique_ptr<Timer> retry_;
  std::unique_ptr<Timer> answer_;
  std::uint64_t rows_ = 0;
  GuardedLane lane_;
};

}  // namespace

std::unique_ptr<Sink> make_standard_output_sink(SinkContext context) {
  return std::make_unique<StandardOutputSink>(std::move(context));
}

}  // namespace tidemark
