#include "platform/asio_loop.h"

// One thread runs the callbacks, and what other threads post passes through the queue's mutex: the library's
// own fences around each callback add nothing (and the thread sanitizer does not know them).
#define ASIO_DISABLE_FENCED_BLOCK

#include <utility>  // asio's headers use std::exchange without it

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include <time.h>

#include <algorithm>

#include "base/invariant.h"

namespace tidemark {

struct AsioLoop::Reactor {
  explicit Reactor(Clock& its_clock) : clock(its_clock), busy(asio::make_work_guard(context)) {}

  Clock& clock;
  asio::io_context context{1};  // run by one thread
  asio::executor_work_guard<asio::io_context::executor_type> busy;
  std::unique_ptr<asio::signal_set> signals;
  std::function<void(int)> signal_arrived;
  Duration longest_delay{}, longest_slice{};

  void wait_for_signal() {
    signals->async_wait([this](const std::error_code& error, int number) {
      if (error) return;
      signal_arrived(number);
      wait_for_signal();
    });
  }
};

namespace {

Duration thread_time() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::seconds(t.tv_sec) + Duration(t.tv_nsec);
}

// Shared by the handle and the waiting handler: whichever goes first tells the other.
struct TimerState : std::enable_shared_from_this<TimerState> {
  TimerState(asio::io_context& context, Clock& its_clock, MonotonicTime its_when,
             std::function<void()> its_work, Duration& its_longest_delay)
      : timer(context),
        clock(its_clock),
        when(its_when),
        work(std::move(its_work)),
        longest_delay(its_longest_delay) {}

  asio::steady_timer timer;
  Clock& clock;
  MonotonicTime when;
  std::function<void()> work;
  Duration& longest_delay;  // of the loop
  bool cancelled = false;

  void wait() {
    timer.expires_after(std::max(Duration::zero(), when - clock.monotonic()));
    timer.async_wait([self = shared_from_this()](const std::error_code& error) {
      if (error || self->cancelled) return;
      // The two clocks need not agree to the nanosecond: never early by ours.
      const MonotonicTime present = self->clock.monotonic();
      if (present < self->when) return self->wait();
      self->longest_delay = std::max(self->longest_delay, present - self->when);
      self->cancelled = true;
      const std::function<void()> now = std::move(self->work);
      now();
    });
  }
};

class AsioTimer final : public Timer {
 public:
  explicit AsioTimer(std::shared_ptr<TimerState> state) : state_(std::move(state)) {}
  ~AsioTimer() override {
    if (state_->cancelled) return;
    state_->cancelled = true;
    state_->timer.cancel();
    state_->work = nullptr;
  }

 private:
  std::shared_ptr<TimerState> state_;
};

// Shared by the handle and the waiting handlers.
struct Watched : std::enable_shared_from_this<Watched> {
  Watched(asio::io_context& context, int fd, FdWatch::Events its_events)
      : descriptor(context, fd), events(std::move(its_events)) {}

  struct Side {
    bool wanted = false;
    bool waiting = false;
  };

  asio::posix::stream_descriptor descriptor;
  FdWatch::Events events;
  Side read;
  Side write;
  bool gone = false;

  void arm() {
    arm(read, asio::posix::descriptor_base::wait_read, &FdWatch::Events::readable);
    if (!gone) arm(write, asio::posix::descriptor_base::wait_write, &FdWatch::Events::writable);
  }

  void arm(Side& side, asio::posix::descriptor_base::wait_type type,
           std::function<void()> FdWatch::Events::*event) {
    if (!side.wanted || side.waiting) return;
    side.waiting = true;
    descriptor.async_wait(type, [self = shared_from_this(), &side, event](const std::error_code& error) {
      side.waiting = false;
      if (self->gone || error == asio::error::operation_aborted) return;
      // Any other error (epoll does not take regular files) shows when the descriptor is used.
      if (side.wanted && self->events.*event) (self->events.*event)();
      if (!self->gone) self->arm();
    });
  }
};

class AsioWatch final : public FdWatch {
 public:
  explicit AsioWatch(std::shared_ptr<Watched> watched) : watched_(std::move(watched)) {}
  ~AsioWatch() override {
    watched_->gone = true;
    watched_->descriptor.release();  // cancels the waits and leaves the descriptor open
  }
  void want(bool read, bool write) override {
    watched_->read.wanted = read;
    watched_->write.wanted = write;
    watched_->arm();
  }

 private:
  std::shared_ptr<Watched> watched_;
};

}  // namespace

AsioLoop::AsioLoop(Clock& clock) : reactor_(std::make_unique<Reactor>(clock)) {}

AsioLoop::~AsioLoop() = default;

void AsioLoop::post(std::function<void()> work) {
  asio::post(reactor_->context, std::move(work));
}

std::unique_ptr<Timer> AsioLoop::at(MonotonicTime when, std::function<void()> work) {
  auto state = std::make_shared<TimerState>(reactor_->context, reactor_->clock, when, std::move(work),
                                            reactor_->longest_delay);
  state->wait();
  return std::make_unique<AsioTimer>(std::move(state));
}

Duration AsioLoop::longest_delay() const {
  return reactor_->longest_delay;
}

Duration AsioLoop::longest_slice() const {
  return reactor_->longest_slice;
}

MonotonicTime AsioLoop::now() {
  return reactor_->clock.monotonic();
}

std::unique_ptr<FdWatch> AsioLoop::watch(int fd, FdWatch::Events events) {
  return std::make_unique<AsioWatch>(std::make_shared<Watched>(reactor_->context, fd, std::move(events)));
}

void AsioLoop::on_signals(const std::vector<int>& numbers, std::function<void(int number)> arrived) {
  invariant(!reactor_->signals, "signals are set up once");
  reactor_->signals = std::make_unique<asio::signal_set>(reactor_->context);
  for (const int number : numbers) reactor_->signals->add(number);
  reactor_->signal_arrived = std::move(arrived);
  reactor_->wait_for_signal();
}

// Waiting takes no processor time, so what lies between two looks is one callback's.
void AsioLoop::run() {
  reactor_->context.restart();
  Duration before = thread_time();
  while (reactor_->context.run_one() != 0) {
    const Duration now = thread_time();
    reactor_->longest_slice = std::max(reactor_->longest_slice, now - before);
    before = now;
  }
}

void AsioLoop::stop() {
  reactor_->context.stop();
}

}  // namespace tidemark
