// FakeClock: the clock that a test moves by hand.
#pragma once

#include "platform/simulated_clock.h"

namespace tidemark {

using FakeClock = SimulatedClock;

}  // namespace tidemark
