// The real loop, its watches and lanes, and the small doors to the kernel.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "loop_harness.h"
#include "platform/posix_output.h"
#include "platform/system_random.h"
#include "platform/thread_lane.h"

using namespace tidemark;

namespace {

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() { REQUIRE(::pipe2(ends, O_CLOEXEC) == 0); }
  ~Pipe() {
    close_reader();
    close_writer();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int reader() const { return ends[0]; }
  int writer() const { return ends[1]; }
  void close_reader() { close_end(ends[0]); }
  void close_writer() { close_end(ends[1]); }

 private:
  static void close_end(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

}  // namespace

TEST_CASE("posted work runs in order, also when posted by work or by another thread") {
  RealLoop real;
  std::string seen;
  std::atomic<bool> other{false};
  real.loop.post([&] {
    seen += "a";
    real.loop.post([&] { seen += "c"; });
  });
  real.loop.post([&] { seen += "b"; });
  std::jthread thread([&] { real.loop.post([&] { other = true; }); });
  CHECK(real.run_until([&] { return other && seen.size() == 3; }));
  CHECK(seen == "abc");
}

TEST_CASE("the longest slice is the processor time of one callback, not the time between them") {
  RealLoop real;
  const auto processor_time = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::chrono::seconds(t.tv_sec) + Duration(t.tv_nsec);
  };
  Duration all{};
  int works = 0;
  const auto work = [&] {
    const Duration begun = processor_time();
    while (processor_time() < begun + 20ms) {
    }
    all += processor_time() - begun;
    ++works;
  };
  for (int i = 0; i < 4; ++i) real.loop.post(work);
  CHECK(real.run_until([&] { return works == 4; }));
  CHECK(real.loop.longest_slice() >= 20ms);
  CHECK(real.loop.longest_slice() < all);
}

TEST_CASE("timers fire in order, never early, and not when destroyed") {
  RealLoop real;
  std::string seen;
  const MonotonicTime start = real.loop.now();
  MonotonicTime fired{};
  const auto b = real.loop.at(start + 3ms, [&] {
    seen += "b";
    fired = real.loop.now();
  });
  const auto a = real.loop.at(start + 1ms, [&] { seen += "a"; });
  auto never = real.loop.at(start + 2ms, [&] { seen += "x"; });
  const auto past = real.loop.at(start - 1s, [&] {
    seen += "0";
    never.reset();
  });
  CHECK(real.run_until([&] { return seen.size() == 3; }));
  CHECK(seen == "0ab");
  CHECK(fired >= start + 3ms);
}

TEST_CASE("a timer whose time has come does not fire when destroyed by the callback before it") {
  RealLoop real;
  bool fired = false;
  std::unique_ptr<Timer> second;
  const MonotonicTime due = real.loop.now();
  const auto first = real.loop.at(due, [&] { second.reset(); });
  second = real.loop.at(due, [&] { fired = true; });
  int turns = 0;
  CHECK(real.run_until([&] { return ++turns > 5; }));
  CHECK_FALSE(fired);
}

TEST_CASE("work that never ran is dropped with the loop") {
  const auto held = std::make_shared<int>(1);
  {
    RealLoop real;
    real.loop.post([held] {});
    CHECK(held.use_count() == 2);
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("a watch calls back as long as there is something, and only for what is wanted") {
  RealLoop real;
  Pipe pipe;
  int calls = 0;
  const auto watch = real.loop.watch(pipe.reader(), {.readable = [&] { ++calls; }});
  REQUIRE(::write(pipe.writer(), "x", 1) == 1);
  int turns = 0;
  CHECK(real.run_until([&] { return ++turns > 3; }));
  CHECK(calls == 0);
  watch->want(true, false);
  CHECK(real.run_until([&] { return calls >= 3; }));
  watch->want(false, false);
  const int before = calls;
  turns = 0;
  CHECK(real.run_until([&] { return ++turns > 3; }));
  CHECK(calls <= before + 1);
}

TEST_CASE("a watch may be destroyed by its own callback, and leaves the descriptor open") {
  RealLoop real;
  Pipe pipe;
  std::unique_ptr<FdWatch> watch;
  int calls = 0;
  watch = real.loop.watch(pipe.reader(), {.readable = [&] {
                            ++calls;
                            watch.reset();
                          }});
  watch->want(true, false);
  REQUIRE(::write(pipe.writer(), "x", 1) == 1);
  CHECK(real.run_until([&] { return calls > 0; }));
  int turns = 0;
  CHECK(real.run_until([&] { return ++turns > 3; }));
  CHECK(calls == 1);
  char byte = 0;
  CHECK(::read(pipe.reader(), &byte, 1) == 1);
}

TEST_CASE("a regular file counts as always ready") {
  RealLoop real;
  const int fd = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  int calls = 0;
  {
    const auto watch = real.loop.watch(fd, {.readable = [&] { ++calls; }});
    watch->want(true, false);
    CHECK(real.run_until([&] { return calls >= 3; }));
  }
  ::close(fd);
}

TEST_CASE("signals arrive on the loop") {
  RealLoop real;
  std::string seen;
  real.loop.on_signals({SIGUSR1, SIGUSR2}, [&](int number) { seen += number == SIGUSR1 ? "1" : "2"; });
  ::raise(SIGUSR1);
  CHECK(real.run_until([&] { return seen == "1"; }));
  ::raise(SIGUSR2);
  CHECK(real.run_until([&] { return seen == "12"; }));
}

TEST_CASE("a thread lane works in order, beside the loop, and tells the loop") {
  RealLoop real;
  ThreadLane lane(real.loop, "lane-under-test");
  const std::thread::id here = std::this_thread::get_id();
  std::string seen;
  bool elsewhere = true;
  for (const char c : {'a', 'b', 'c'}) {
    auto result = std::make_shared<std::string>();
    lane.submit(
        [=, &elsewhere] {
          elsewhere = elsewhere && std::this_thread::get_id() != here;
          *result = c;
        },
        [&seen, result] { seen += *result; });
  }
  CHECK(real.run_until([&] { return seen.size() == 3; }));
  CHECK(seen == "abc");
  CHECK(elsewhere);
}

TEST_CASE("a thread lane that is destroyed finishes its work and drops the rest") {
  RealLoop real;
  std::atomic<bool> begun{false}, go_on{false};
  std::atomic<int> finished{0};
  {
    auto lane = std::make_unique<ThreadLane>(real.loop, "lane");
    lane->submit(
        [&] {
          begun = true;
          begun.notify_all();
          go_on.wait(false);
          ++finished;
        },
        [] {});
    lane->submit([&] { ++finished; }, [] {});
    begun.wait(false);
    std::jthread releaser([&] {
      go_on = true;
      go_on.notify_all();
    });
    lane.reset();
  }
  CHECK(finished >= 1);
}

TEST_CASE("an output writes all of it, and reports a reader that has gone") {
  ::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  PosixOutput output(pipe.writer(), "the pipe");
  const std::string much(1'000'000, 'x');
  ::fcntl(pipe.writer(), F_SETFL, O_NONBLOCK);  // as if shared with somebody who did that
  std::string got;
  {
    std::jthread reader([&] {
      char part[65536];
      while (got.size() < much.size()) {
        const ssize_t n = ::read(pipe.reader(), part, sizeof part);
        if (n <= 0) break;
        got.append(part, static_cast<std::size_t>(n));
      }
    });
    CHECK(output.write(much));
  }
  CHECK(got == much);
  pipe.close_reader();
  const Status gone = output.write("x");
  REQUIRE_FALSE(gone);
  CHECK(gone.error().message == "write to the pipe: Broken pipe");
}

TEST_CASE("the system clock goes forward and the wall clock is of this age") {
  SystemClock clock;
  const MonotonicTime before = clock.monotonic();
  CHECK(clock.monotonic() >= before);
  CHECK(clock.wall_ns() > 0);
  clock.synchronised();  // either is right, depending on the machine
}

TEST_CASE("random numbers differ") {
  SystemRandom random;
  const std::uint64_t first = random.next();
  CHECK(first != random.next());
}
