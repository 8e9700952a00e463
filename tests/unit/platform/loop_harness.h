// RealLoop: the program's own loop in a test, with a limit on how long a test waits for something.
#pragma once

#include <doctest/doctest.h>

#include <functional>

#include "platform/asio_loop.h"
#include "platform/system_clock.h"

namespace tidemark {

class RealLoop {
 public:
  SystemClock clock;
  AsioLoop loop{clock};

  // Runs callbacks until `holds`; false after ten seconds, which no test needs when all is well.
  bool run_until(const std::function<bool()>& holds) {
    bool late = false;
    const auto limit = loop.at(loop.now() + 10s, [&] { late = true; });
    std::unique_ptr<Timer> again;
    std::function<void()> look = [&] {
      if (holds() || late) return loop.stop();
      again = loop.at(loop.now() + 200us, look);
    };
    loop.post(look);
    loop.run();
    return !late;
  }
};

}  // namespace tidemark
