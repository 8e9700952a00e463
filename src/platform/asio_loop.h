// AsioLoop: the loop of the real program, over asio's io_context. No asio type passes this header.
//
// Threads: the one that calls run(); post() and stop() from any. Lifetime: timers, watches and whatever was
// made with the loop go before it; `clock` outlives it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "platform/clock.h"
#include "platform/fd_watch.h"
#include "platform/loop.h"

namespace tidemark {

class AsioLoop final : public Loop, public FdWatcher {
 public:
  explicit AsioLoop(Clock& clock);
  ~AsioLoop() override;
  AsioLoop(const AsioLoop&) = delete;
  AsioLoop& operator=(const AsioLoop&) = delete;

  void post(std::function<void()> work) override;
  [[nodiscard]] std::unique_ptr<Timer> at(MonotonicTime when, std::function<void()> work) override;
  MonotonicTime now() override;
  Duration longest_delay() const override;
  Duration longest_slice() const override;
  std::unique_ptr<FdWatch> watch(int fd, FdWatch::Events events) override;

  // From now on these signals call `arrived` on the loop, instead of doing what they otherwise do.
  void on_signals(const std::vector<int>& numbers, std::function<void(int number)> arrived);

  // Runs callbacks until stop(); may be called again afterwards.
  void run();
  // run() returns after the callback in progress; what is posted waits for the next run().
  void stop();

 private:
  struct Reactor;
  std::unique_ptr<Reactor> reactor_;
};

}  // namespace tidemark
