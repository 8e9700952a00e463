// Procedure: a function that waits without blocking, written from top to bottom (a C++20 coroutine).
//
// It runs on the loop; `co_await later` stops it until somebody calls the callback it hands out. Destroying
// the Procedure ends it where it stands; callbacks that come afterwards do nothing. Threads: loop only.
#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "platform/loop.h"

namespace tidemark {

class Procedure {
 public:
  struct promise_type {
    Procedure get_return_object() {
      return Procedure(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);
  };

  Procedure() = default;
  Procedure(Procedure&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Procedure& operator=(Procedure&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Procedure() {
    if (!handle_) return;
    *handle_.promise().alive = false;
    handle_.destroy();
  }

 private:
  explicit Procedure(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

// co_await on one of these begins `begin` with a callback, and has the value that the callback is given. The
// procedure goes on from the loop, never from inside the callback.
template <class T>
class Later {
 public:
  using Callback = std::function<void(T)>;
  Later(Loop& loop, std::function<void(Callback)> begin) : loop_(loop), begin_(std::move(begin)) {}

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<Procedure::promise_type> waiting) {
    begin_([this, waiting, alive = waiting.promise().alive](T value) {
      if (!*alive) return;
      value_.emplace(std::move(value));
      loop_.post([waiting, alive] {
        if (*alive) waiting.resume();
      });
    });
  }
  T await_resume() { return std::move(*value_); }

 private:
  Loop& loop_;
  std::function<void(Callback)> begin_;
  std::optional<T> value_;
};

// Lets everything else on the loop have its turn.
inline Later<bool> turn_of_others(Loop& loop) {
  return Later<bool>(loop, [](const std::function<void(bool)>& go_on) { go_on(true); });
}

// Looks every few milliseconds until the condition holds or it is `latest`; true when it holds. For starts
// and stops, where what is waited for comes from several sides. `timer` is a variable of the procedure and
// keeps the next look: when the procedure is destroyed, nobody looks any more.
inline Later<bool> until(Loop& loop, MonotonicTime latest, std::function<bool()> condition,
                         std::shared_ptr<std::unique_ptr<Timer>> timer) {
  struct Look : std::enable_shared_from_this<Look> {
    Look(Loop& its_loop, MonotonicTime its_latest) : loop(its_loop), latest(its_latest) {}
    void operator()() {
      const bool holds = condition();
      const auto kept = timer.lock();
      if (holds || !kept || loop.now() >= latest) return done(holds);
      *kept = loop.at(loop.now() + 2ms, [self = shared_from_this()] { (*self)(); });
    }

    Loop& loop;
    const MonotonicTime latest;
    std::function<bool()> condition;
    std::function<void(bool)> done;
    std::weak_ptr<std::unique_ptr<Timer>> timer;  // weakly: the timer holds this
  };
  return Later<bool>(
      loop, [&loop, latest, condition = std::move(condition), timer](std::function<void(bool)> done) {
        const auto look = std::make_shared<Look>(loop, latest);
        look->condition = condition;
        look->done = std::move(done);
        look->timer = timer;
        (*look)();
      });
}

}  // namespace tidemark
