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
    context_.platform.loop.post([opened = std::move(opened)] { opened(std::nullopt); });
  }
  void write(std::span<const ResultView> rows, std::function<void()> done) override {
    rows_ += rows.size();
    context_.platform.loop.post(std::move(done));
  }
  void close(std::function<void()> closed) override { context_.platform.loop.post(std::move(closed)); }
  SinkStatus status() const override {
    return {.state = SinkStatus::State::ready, .detail = {}, .degraded = {}, .counters = {{"rows", rows_}}};
  }

 private:
  SinkContext context_;
  std::uint64_t rows_ = 0;
};

}  // namespace

std::unique_ptr<Sink> make_null_sink(SinkContext context) {
  return std::make_unique<NullSink>(std::move(context));
}

}  // namespace tidemark
