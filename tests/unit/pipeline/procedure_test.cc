#include "pipeline/procedure.h"

#include <doctest/doctest.h>

#include "support/fake_clock.h"
#include "support/fake_loop.h"

namespace tidemark {
namespace {

struct Watch {
  int looks = 0;
  bool holds = false;
  std::optional<bool> answer;
};

Procedure wait_for(Loop& loop, Watch& watch, Duration at_most) {
  const auto timer = std::make_shared<std::unique_ptr<Timer>>();
  Later<bool> held = until(
      loop, loop.now() + at_most,
      [&watch] {
        ++watch.looks;
        return watch.holds;
      },
      timer);
  watch.answer = co_await held;
}

TEST_CASE("procedure: until() goes on when the condition holds, or when it has waited long enough") {
  FakeClock clock(0);
  FakeLoop loop(clock);
  Watch watch, in_vain;
  const Procedure waiting = wait_for(loop, watch, 1s);
  const Procedure other = wait_for(loop, in_vain, 50ms);
  loop.advance(20ms);
  CHECK_FALSE(watch.answer);
  watch.holds = true;
  loop.advance(20ms);
  CHECK(watch.answer == true);
  CHECK_FALSE(in_vain.answer);
  loop.advance(20ms);
  CHECK(in_vain.answer == false);
  CHECK(loop.timers() == 0);
}

TEST_CASE("procedure: until() looks no more when the procedure is destroyed") {
  FakeClock clock(0);
  FakeLoop loop(clock);
  Watch watch;
  {
    const Procedure waiting = wait_for(loop, watch, 1s);
    loop.advance(20ms);
    CHECK(watch.looks > 1);
  }
  CHECK(loop.timers() == 0);
  const int looks = watch.looks;
  watch.holds = true;
  loop.advance(2s);
  CHECK(watch.looks == looks);
  CHECK_FALSE(watch.answer);
}

}  // namespace
}  // namespace tidemark
