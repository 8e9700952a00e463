// FakeLoop: the loop that runs when a test says so.
#pragma once

#include "platform/simulated_loop.h"
#include "support/fake_clock.h"

namespace tidemark {

using FakeLoop = SimulatedLoop;

}  // namespace tidemark
