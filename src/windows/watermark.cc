#include "windows/watermark.h"

#include <algorithm>

namespace tidemark {

void SourceWatermark::begin(JournalTime now) {
  if (!last_arrival_) last_arrival_ = now;
}

void SourceWatermark::observe(EventTime t, JournalTime now) {
  last_arrival_ = now;
  watermark_ = std::max(watermark_, saturating_add(t, -out_of_orderness_));
}

void SourceWatermark::clock_stepped(JournalTime now, bool by_arrival) {
  last_arrival_ = now;
  if (by_arrival) watermark_ = kEventTimeMin;
}

bool SourceWatermark::idle(JournalTime now) const {
  return idle_after_ && last_arrival_ && now >= *last_arrival_ + *idle_after_;
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
