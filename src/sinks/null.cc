// The null sink: takes everything and keeps nothing.
#include <memory>
#include <utility>

#include "platform/loop.h"
#include "sinks/sink.h"

namespace tidemark {
namespace {

class NullSink final : public Sink {
 public:
  explicit NullSink(SinkContext context) : context_(std::move(context)) {}

  void open(std::vector<const ResultSchema*>,
            std::function<void(Result<std::optional<Holdings>>)> opened) override {
    later([opened = std::move(opened)] { opened(std::nullopt); });
  }
  void write(std::span<const ResultView> rows, std::function<void()> done) override {
    rows_ += rows.size();
    later(std::move(done));
  }
  void close(std::function<void()> closed) override { later(std::move(closed)); }
  SinkStatus status() const override {
    return {.state = SinkStatus::State::ready, .detail = {}, .degraded = {}, .counters = {{"rows", rows_}}};
  }

 private:
  // Not before the call returns, and not after the sink is gone.
  void later(std::function<void()> work) {
    Loop& loop = context_.platform.loop;
    answer_ = loop.at(loop.now(), std::move(work));
  }

  SinkContext context_;
  std::unique_ptr<Timer> answer_;
  std::uint64_t rows_ = 0;
};

}  // namespace

std::unique_ptr<Sink> make_null_sink(SinkContext context) {
  return std::make_unique<NullSink>(std::move(context));
}

}  // namespace tidemark
