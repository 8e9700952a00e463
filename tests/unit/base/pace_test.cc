#include "base/pace.h"

#include <doctest/doctest.h>

using namespace tidemark;

TEST_CASE("a pace is halved by what takes too long, and doubled by what is quick, within its bounds") {
  Pace pace(8, 64);
  CHECK(pace.size() == 64);
  pace.took(kLoopSlice * 2);
  CHECK(pace.size() == 32);
  pace.took(kLoopSlice / 2);
  CHECK(pace.size() == 32);
  for (int i = 0; i < 9; ++i) pace.took(kLoopSlice * 2);
  CHECK(pace.size() == 8);
  pace.took(Duration(0));
  CHECK(pace.size() == 16);
  for (int i = 0; i < 9; ++i) pace.took(Duration(0));
  CHECK(pace.size() == 64);
}
