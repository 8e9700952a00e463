// Watermarks: how far event time has come, by the records seen so far.
//
// A source's watermark is its newest event time less its out-of-orderness; it never goes back. A pipeline's
// is the smallest over its inputs that are not idle. A source that has delivered nothing holds the watermark
// until it counts as idle. All of it is a function of the journal: idleness is judged by journal time. When
// every input is idle the watermark stays where it is. Values, saved with the checkpoint. Pure.
#pragma once

#include <algorithm>
#include <optional>

#include "base/bytes.h"
#include "base/times.h"

namespace tidemark {

class SourceWatermark {
 public:
  SourceWatermark(Duration max_out_of_orderness, std::optional<Duration> idle_after)
      : out_of_orderness_(max_out_of_orderness), idle_after_(idle_after) {}

  // The source exists since `now`: from then on its silence counts.
  void begin(JournalTime now);
  // A record with event time `t` arrived at `now`.
  void observe(EventTime t, JournalTime now) {
    last_arrival_ = now;
    watermark_ = std::max(watermark_, saturating_add(t, -out_of_orderness_));
  }
  // The clock was set back to `now`: silence is counted from there. A source whose event time is its time of
  // arrival (`by_arrival`) would find everything late from now on: its watermark begins anew.
  void clock_stepped(JournalTime now, bool by_arrival);

  EventTime watermark() const { return watermark_; }  // kEventTimeMin before the first record
  bool idle(JournalTime now) const {
    return idle_after_ && last_arrival_ && now >= *last_arrival_ + *idle_after_;
  }
  // When it counts as idle if nothing arrives: perhaps in the past already. None: never.
  std::optional<JournalTime> idle_due() const;

  void save(Encoder& out) const;
  bool load(Decoder& in);

 private:
  Duration out_of_orderness_;
  std::optional<Duration> idle_after_;
  EventTime watermark_ = kEventTimeMin;
  std::optional<JournalTime> last_arrival_;
};

}  // namespace tidemark
