#include "windows/time_windows.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/invariant.h"

namespace tidemark {
namespace {

constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();

Duration pane_of(const TimeWindows::Cut& cut) {
  return Duration(std::gcd(cut.size.count(), cut.slide.count()));
}

}  // namespace

TimeWindows::TimeWindows(const Cut& cut)
    : cumulates_(cut.step > Duration(0)),
      step_(cut.step),
      zone_(cut.zone),
      pane_length_(cumulates_ ? cut.step.count() : pane_of(cut).count()),
      pane_offset_(cut.offset.count() % pane_length_),
      starts_(cumulates_ ? cut.size : cut.slide, cut.offset, cut.zone),
      panes_(pane_of(cut), cut.offset, cut.zone),
      ends_(cut.slide, cut.offset + cut.size % cut.slide, cut.zone),
      window_panes_(cut.size / pane_of(cut)) {
  invariant(cumulates_ ? cut.size % cut.step == Duration(0) : cut.slide <= cut.size,
            "windows are runs of whole panes, without gaps");
}

TimeWindows::Cut TimeWindows::cut_of(const WindowSettings& window, std::shared_ptr<const Zone> zone) {
  const bool cumulates = window.type == WindowSettings::Type::cumulating;
  return {.size = window.size,
          .offset = window.offset,
          .slide = cumulates ? window.size : window.slide,
          .step = cumulates ? window.step : Duration(0),
          .zone = std::move(zone)};
}

std::int64_t TimeWindows::pane_start(std::int64_t ns) const {
  if (!cumulates_) return panes_.start_of(ns);
  const std::int64_t start = starts_.start_of(ns);
  return start + (ns - start) / step_.count() * step_.count();
}

std::int64_t TimeWindows::pane_end(std::int64_t start) const {
  if (!cumulates_) return panes_.end_of(start);
  const EventTime end = saturating_add(time_from_ns<EventTime>(start), step_);
  return std::min(to_ns(end), last_end(start));
}

std::int64_t TimeWindows::pane_number(std::int64_t pane_start) const {
  const std::int64_t from = pane_start > kFirst + pane_offset_ ? pane_start - pane_offset_ : kFirst;
  return from / pane_length_ - (from % pane_length_ < 0 ? 1 : 0);
}

std::int64_t TimeWindows::pane_of_number(std::int64_t number) const {
  std::int64_t start;
  if (!__builtin_mul_overflow(number, pane_length_, &start) &&
      !__builtin_add_overflow(start, pane_offset_, &start))
    return start;
  return number < 0 ? kFirst : kLast;
}

std::int64_t TimeWindows::first_end_after(std::int64_t ns) const {
  return cumulates_ ? pane_end(pane_start(ns)) : ends_.end_of(ends_.start_of(ns));
}

std::int64_t TimeWindows::start_of_window(std::int64_t end) const {
  if (!cumulates_) return panes_.moved(end, -window_panes_);
  return starts_.start_of(end == kFirst ? end : end - 1);
}

std::int64_t TimeWindows::last_end(std::int64_t pane_start) const {
  const std::int64_t start = starts_.start_of(pane_start);
  return cumulates_ ? starts_.end_of(start) : panes_.moved(start, window_panes_);
}

}  // namespace tidemark
