#include "platform/system_clock.h"

#include <sys/timex.h>
#include <time.h>

namespace tidemark {
namespace {

std::int64_t read_clock(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

MonotonicTime SystemClock::monotonic() {
  return time_from_ns<MonotonicTime>(read_clock(CLOCK_BOOTTIME));
}

std::int64_t SystemClock::wall_ns() {
  return read_clock(CLOCK_REALTIME);
}

bool SystemClock::synchronised() {
  constexpr Duration kHolds = 250ms;
  const MonotonicTime now = monotonic();
  if (asked_at_ && now < *asked_at_ + kHolds) return synchronised_;
  asked_at_ = now;
  timex answer{};  // modes = 0: only asks
  const int state = adjtimex(&answer);
  synchronised_ = state >= 0 && state != TIME_ERROR && (answer.status & STA_UNSYNC) == 0;
  return synchronised_;
}

}  // namespace tidemark
