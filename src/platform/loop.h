// Loop: the event loop that runs all logic, one callback after another, on one thread.
//
// Threads: post() may be called from any thread; everything else from the loop's thread only.
// Lifetime: a Timer that is destroyed does not fire. Callbacks posted but not yet run are dropped when the
// loop is destroyed.
#pragma once

#include <functional>
#include <memory>

#include "base/times.h"

namespace tidemark {

class Timer {
 public:
  virtual ~Timer() = default;
};

class Loop {
 public:
  virtual ~Loop() = default;
  // Runs `work` soon, after what is already waiting.
  virtual void post(std::function<void()> work) = 0;
  // Runs `work` once, at or after `when`. Destroying the handle cancels it.
  [[nodiscard]] virtual std::unique_ptr<Timer> at(MonotonicTime when, std::function<void()> work) = 0;
  virtual MonotonicTime now() = 0;
  // By how much a timer was late at most: for so long the loop was held up by something.
  virtual Duration longest_delay() const { return Duration(0); }
  // The most processor time that one callback took: nothing else happens meanwhile.
  virtual Duration longest_slice() const { return Duration(0); }
};

}  // namespace tidemark
