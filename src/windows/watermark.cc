#include "windows/watermark.h"

namespace tidemark {

void SourceWatermark::begin(JournalTime now) {
  if (!last_arrival_) last_arrival_ = now;
}

void SourceWatermark::clock_stepped(JournalTime now, bool by_arrival) {
  last_arrival_ = now;
  if (by_arrival) watermark_ = kEventTimeMin;
}

std::optional<JournalTime> SourceWatermark::idle_due() const {
  if (!idle_after_ || !last_arrival_) return std::nullopt;
  return *last_arrival_ + *idle_after_;
}

void SourceWatermark::save(Encoder& out) const {
  out.i64(to_ns(watermark_));
  out.boolean(last_arrival_.has_value());
  if (last_arrival_) out.i64(to_ns(*last_arrival_));
}

bool SourceWatermark::load(Decoder& in) {
  watermark_ = time_from_ns<EventTime>(in.i64());
  last_arrival_.reset();
  if (in.boolean()) last_arrival_ = time_from_ns<JournalTime>(in.i64());
  return !in.failed();
}

}  // namespace tidemark
