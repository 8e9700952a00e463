// The stdin source: lines until the end of the input, the last one also without a newline. What was read and
// is not yet durable is lost with the program; nothing can be asked for again.
#include <memory>
#include <string>
#include <utility>

#include "base/format.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/network.h"
#include "sources/csv_header.h"
#include "sources/line_framing.h"
#include "sources/source.h"

namespace tidemark {
namespace {

class StandardInputSource final : public Source {
 public:
  explicit StandardInputSource(SourceContext context)
      : context_(std::move(context)),
        subject_("sources." + context_.settings.name),
        framing_(context_.limits.max_record, quoted_line_ends(context_.settings.format)),
        header_due_(context_.settings.format.header) {}

  void save(Encoder&) const override {}
  bool load(Decoder&) override { return true; }
  void remember_record(Position position, std::string_view, std::string_view, std::string_view) override {
    last_ = position;
  }
  void remember_event(Position position, std::string_view) override { last_ = position; }

  Status start() override {
    Result<std::unique_ptr<Connection>> input = context_.platform.network.standard_input();
    if (!input) return pass_on(input);
    input_ = std::move(*input);
    state_ = SourceStatus::State::connected;
    input_->start({.data = [this](std::string_view bytes) { read(bytes); },
                   .closed = [this](std::string reason) { closed(reason); },
                   .drained = [] {}});
    return {};
  }

  void pause() override {
    paused_ = true;
    if (input_) input_->pause();
  }
  void resume() override {
    if (stopping_ || !context_.intake.open()) return;
    paused_ = false;
    if (input_) input_->resume();
  }
  void safe_moved() override { finish_stop(); }
  void stop(std::function<void()> done) override {
    stopping_ = true;
    stopped_ = std::move(done);
    pause();
    context_.intake.hurry();
    finish_stop();
  }

  SourceStatus status() const override {
    SourceStatus status;
    status.state = stopping_                                             ? SourceStatus::State::stopped
                   : paused_ && state_ == SourceStatus::State::connected ? SourceStatus::State::paused
                                                                         : state_;
    status.degraded = degraded_;
    status.counters = {{"blank lines", blank_lines_}, {"oversized lines", oversized_}};
    return status;
  }
  std::string summary() const override { return "nothing to remember"; }

 private:
  void read(std::string_view bytes) {
    if (stopping_) return;
    const LinesRead reading(context_.intake, bytes);
    framing_.feed(bytes);
    Line line;
    while (framing_.next(line)) take(line);
    if (!context_.intake.open()) pause();
  }

  void take(const Line& line) {
    if (std::exchange(header_due_, false)) {
      if (const auto why = header_differs(line.bytes, context_.settings.format))
        context_.platform.log.warning(
            subject_, "the header is not what `fields` says; columns are read by position: " + *why);
      return;
    }
    if (line.oversized) {
      ++oversized_;
      context_.intake.oversized(line.bytes, {}, {});
    } else if (line.bytes.empty()) {
      ++blank_lines_;
    } else {
      context_.intake.record(line.bytes, {}, {});
    }
  }

  void closed(const std::string& reason) {
    if (stopping_) return;
    Line line;
    if (framing_.rest(line)) {
      context_.intake.begin_read();
      take(line);
    }
    if (!reason.empty()) {
      degraded_ = format("standard input broke off: {}", reason);
      context_.platform.log.error(subject_, degraded_);
    }
    state_ = SourceStatus::State::ended;
    context_.intake.ended();
  }

  void finish_stop() {
    if (!stopped_ || context_.intake.safe() < last_) return;
    input_.reset();
    context_.platform.loop.post(std::exchange(stopped_, nullptr));
  }

  SourceContext context_;
  std::string subject_;
  LineFraming framing_;
  bool header_due_;  // csv: the next line is the header
  Position last_;
  SourceStatus::State state_ = SourceStatus::State::starting;
  bool paused_ = false;
  bool stopping_ = false;
  std::function<void()> stopped_;
  std::string degraded_;
  std::unique_ptr<Connection> input_;
  std::uint64_t blank_lines_ = 0;
  std::uint64_t oversized_ = 0;
};

}  // namespace

std::unique_ptr<Source> make_standard_input_source(SourceContext context) {
  return std::make_unique<StandardInputSource>(std::move(context));
}

}  // namespace tidemark
