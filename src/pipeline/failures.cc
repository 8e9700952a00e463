#include "pipeline/failures.h"

#include <algorithm>
#include <cmath>

namespace tidemark {

Failures::Verdict Failures::add(RecordPlace place, JournalTime now, const std::string& why,
                                const PipelineSettings& settings) {
  const bool is_new = attempts_ == 0 || place != place_;
  if (last_ && now - *last_ > settings.restart.reset_after) tries_ = 0;
  last_ = now;
  why_ = why;
  ++tries_;
  if (!is_new) {
    ++attempts_;
    if (attempts_ < settings.poison_after && !last_chance_) return Verdict::stand_still;
  } else {
    place_ = place;
    attempts_ = 1;
    last_chance_ = false;
    ++records_;
    if (exhausted(now, settings.restart)) return Verdict::failed;
    if (settings.poison_after > 1) return Verdict::stand_still;
  }
  last_chance_ = false;
  ++set_aside_;
  return Verdict::set_aside;
}

bool Failures::exhausted(JournalTime now, const RestartSettings& settings) {
  using Strategy = RestartSettings::Strategy;
  switch (settings.strategy) {
    case Strategy::none:
      return true;
    case Strategy::fixed_delay:
      return records_ > settings.attempts;
    case Strategy::failure_rate:
      recent_.push_back(now);
      while (now - recent_.front() > settings.per) recent_.pop_front();
      // The clock may have been set back; what is remembered stays bounded all the same.
      while (recent_.size() > std::size_t{settings.max_failures} + 1) recent_.pop_front();
      return recent_.size() > settings.max_failures;
    case Strategy::exponential_delay:
      return false;
  }
  return false;
}

void Failures::resumed() {
  records_ = 0;
  tries_ = 0;
  recent_.clear();
  last_chance_ = true;
}

Duration Failures::delay(const RestartSettings& settings) const {
  if (settings.strategy != RestartSettings::Strategy::exponential_delay) return settings.delay;
  const double grown =
      static_cast<double>(settings.initial.count()) *
      std::pow(settings.multiplier, static_cast<double>(std::max<std::uint64_t>(tries_, 1) - 1));
  const double longest = static_cast<double>(settings.max.count());
  return grown < longest ? Duration(static_cast<std::int64_t>(grown)) : settings.max;
}

void Failures::save(Encoder& out) const {
  out.varint(place_.position.value);
  out.varint(place_.record);
  out.varint(attempts_);
  out.varint(records_);
  out.varint(tries_);
  out.varint(recent_.size());
  for (const JournalTime time : recent_) out.i64(to_ns(time));
  out.boolean(last_.has_value());
  if (last_) out.i64(to_ns(*last_));
  out.boolean(last_chance_);
  out.varint(set_aside_);
  out.bytes(why_);
}

bool Failures::load(Decoder& in) {
  place_.position.value = in.varint();
  place_.record = static_cast<std::uint32_t>(in.varint());
  attempts_ = static_cast<std::uint32_t>(in.varint());
  records_ = in.varint();
  tries_ = in.varint();
  recent_.clear();
  for (std::uint64_t n = in.varint(); n > 0 && !in.failed(); --n)
    recent_.push_back(time_from_ns<JournalTime>(in.i64()));
  last_.reset();
  if (in.boolean()) last_ = time_from_ns<JournalTime>(in.i64());
  last_chance_ = in.boolean();
  set_aside_ = in.varint();
  why_ = std::string(in.bytes());
  return !in.failed();
}

}  // namespace tidemark
