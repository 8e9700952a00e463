// TimeWindows: hopping and cumulating windows, which share their records: time is cut into panes, a record
// falls into one pane, and a window is a run of whole panes.
//
//   hopping      [start, start + size) for every start at a multiple of `slide`; panes of gcd(size, slide)
//   cumulating   [start, start + step), [start, start + 2 step) … up to size; panes of `step`
//
// No two windows end at the same time: a window is known by its end. Of a time zone, size and slide are days
// of local time; where such a day has another length, the last step of a cumulating window is cut short, or
// there are more. Times are nanoseconds since 1970, event or journal time alike, and saturate at the ends of
// time. Pure.
#pragma once

#include <cstdint>
#include <memory>

#include "base/times.h"
#include "config/settings.h"
#include "windows/tumbling.h"

namespace tidemark {

class TimeWindows {
 public:
  struct Cut {
    Duration size{1}, offset{0};
    Duration slide{1};  // of hopping windows, at most their size
    Duration step{0};   // of cumulating windows, of which size is a multiple; 0: hopping
    std::shared_ptr<const Zone> zone = nullptr;  // null: UTC
  };
  explicit TimeWindows(const Cut& cut);
  static Cut cut_of(const WindowSettings& window, std::shared_ptr<const Zone> zone);

  std::int64_t pane_start(std::int64_t ns) const;
  std::int64_t pane_end(std::int64_t start) const;

  // Whether panes are of one length, so that they can be numbered in the order of time.
  bool numbers_panes() const { return zone_ == nullptr; }
  std::int64_t pane_number(std::int64_t pane_start) const;
  std::int64_t pane_of_number(std::int64_t number) const;  // its start

  // The end of the first window that ends after `ns`.
  std::int64_t first_end_after(std::int64_t ns) const;
  std::int64_t start_of_window(std::int64_t end) const;
  // Of the windows that hold the pane, the end of the last.
  std::int64_t last_end(std::int64_t pane_start) const;

 private:
  bool cumulates_;
  Duration step_;
  std::shared_ptr<const Zone> zone_;
  std::int64_t pane_length_, pane_offset_;  // without a zone
  TumblingWindows starts_;                  // hopping: where windows begin; cumulating: where they begin anew
  // hopping
  TumblingWindows panes_;
  TumblingWindows ends_;
  std::int64_t window_panes_;
};

}  // namespace tidemark
