#include "trial/outside.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/format.h"
#include "platform/loop.h"
#include "sinks/row_text.h"

namespace tidemark {

TrialSource::TrialSource(SourceContext context, TrialPeer& peer)
    : context_(std::move(context)), peer_(peer) {}

TrialSource::~TrialSource() {
  if (peer_.source == this) peer_.source = nullptr;
}

void TrialSource::deliver() {
  while (running_ && context_.intake.open() && peer_.handed_over < peer_.sent.size()) {
    const TrialPeer::Message& message = peer_.sent[peer_.handed_over++];
    Encoder number;
    number.u64(peer_.handed_over);
    context_.intake.begin_read();
    if (message.payload.size() <= context_.limits.max_record)
      context_.intake.record(message.payload, message.topic, number.view());
    else
      context_.intake.oversized(std::string_view(message.payload).substr(0, 1024), message.topic,
                                number.view());
  }
}

void TrialSource::save(Encoder& out) const {
  out.u64(taken_);
}
bool TrialSource::load(Decoder& in) {
  taken_ = in.u64();
  return !in.failed();
}
void TrialSource::remember_record(Position position, std::string_view, std::string_view,
                                  std::string_view resume) {
  Decoder in(resume);
  taken_ = in.u64();
  last_ = position;
}
void TrialSource::remember_event(Position position, std::string_view) {
  last_ = position;
}

Status TrialSource::start() {
  if (peer_.is_told) {
    peer_.handed_over = taken_;
  } else {
    peer_.lost += peer_.handed_over - std::max(peer_.gone, taken_);
    peer_.handed_over = peer_.gone = peer_.sent.size();
  }
  peer_.source = this;
  running_ = true;
  deliver();
  return {};
}

void TrialSource::stop(std::function<void()> done) {
  running_ = false;
  stopped_ = std::move(done);
  context_.intake.hurry();
  finish_stop();
}

void TrialSource::finish_stop() {
  if (stopped_ && context_.intake.safe() >= last_)
    context_.platform.loop.post(std::exchange(stopped_, nullptr));
}

SourceStatus TrialSource::status() const {
  return {.state = SourceStatus::State::connected, .detail = {}, .degraded = {}, .counters = {}};
}
std::string TrialSource::summary() const {
  return format("{} records", taken_);
}

namespace {

class TrialSink final : public Sink {
 public:
  TrialSink(SinkContext context, Receiver& receiver)
      : context_(std::move(context)),
        receiver_(receiver),
        text_({.timestamps = context_.settings.timestamps,
               .ids = context_.settings.ids,
               .id_prefix = context_.id_prefix}) {}

  void open(std::vector<const ResultSchema*>,
            std::function<void(Result<std::optional<Holdings>>)> opened) override {
    later([this, opened = std::move(opened)] {
      opened(receiver_.remembers ? std::optional(receiver_.holds) : std::nullopt);
    });
  }
  void write(std::span<const ResultView> rows, std::function<void()> done) override {
    for (const ResultView& row : rows) {
      ChannelMark& mark = receiver_.holds[row.channel()];
      if (receiver_.takes_once && row.number <= mark.number) continue;
      mark = {row.number, row.chain};
      receiver_.rows.push_back(text_.object(row));
    }
    later(std::move(done));
  }
  void close(std::function<void()> closed) override { later(std::move(closed)); }
  SinkStatus status() const override {
    return {.state = SinkStatus::State::ready, .detail = {}, .degraded = {}, .counters = {}};
  }

 private:
  // Not before the call returns, and not after the sink is gone.
  void later(std::function<void()> work) {
    Loop& loop = context_.platform.loop;
    answer_ = loop.at(loop.now(), std::move(work));
  }

  SinkContext context_;
  Receiver& receiver_;
  RowText text_;
  std::unique_ptr<Timer> answer_;
};

}  // namespace

std::unique_ptr<Sink> make_trial_sink(SinkContext context, Receiver& receiver) {
  return std::make_unique<TrialSink>(std::move(context), receiver);
}

}  // namespace tidemark
