#include <doctest/doctest.h>

#include <set>

#include "platform/mosquitto_packet_ids.h"

namespace tidemark {
namespace {

constexpr std::uint32_t kWindow = 100;

std::uint16_t counted(std::uint32_t n) {
  return static_cast<std::uint16_t>((n - 1) % 65535 + 1);
}

TEST_CASE("packet ids: the flag is believed until the broker has counted past its window") {
  PacketIds ids(kWindow);
  for (std::uint32_t n = 1; n <= kWindow; ++n) {
    CHECK_FALSE(ids.read(counted(n), false));
    CHECK_FALSE(ids.count());
  }
  CHECK(ids.read(50, true));
  CHECK_FALSE(ids.count());
  CHECK_FALSE(ids.read(counted(kWindow + 1), false));
  for (std::uint32_t n = 1; n <= kWindow + 1; ++n) ids.read(counted(kWindow + 1 + n), false);
  CHECK(ids.count());
}

TEST_CASE(
    "packet ids: once it counts, what is not the next is a duplicate, and the flag is looked at again") {
  PacketIds ids(kWindow);
  for (std::uint32_t n = 65'400; n <= 65'600; ++n)
    CHECK_FALSE(ids.read(counted(n), false));  // past the end of ids
  REQUIRE(ids.count());
  CHECK_FALSE(ids.read(counted(65'601), false));
  CHECK(ids.read(counted(65'590), false));
  CHECK_FALSE(ids.count());
  CHECK_FALSE(ids.read(counted(65'590), false));  // now it is as the flag says
  CHECK(ids.read(counted(65'591), true));
}

TEST_CASE("packet ids: a broker that gives out the lowest free id never seems to count") {
  for (const std::uint32_t acknowledged_at_once : {1u, 7u, kWindow}) {
    PacketIds ids(kWindow);
    std::set<std::uint16_t> in_flight;
    for (int message = 0; message < 2000; ++message) {
      std::uint16_t id = 1;
      while (in_flight.contains(id)) ++id;
      in_flight.insert(id);
      CHECK_FALSE(ids.read(id, false));
      if (in_flight.size() >= acknowledged_at_once) in_flight.clear();
    }
    CHECK_FALSE(ids.count());
  }
}

TEST_CASE("packet ids: where every id may be unacknowledged at once, only the flag is believed") {
  PacketIds ids(PacketIds::kAnyNumber);
  for (std::uint32_t n = 1; n <= 200'000; ++n) CHECK_FALSE(ids.read(counted(n), false));
  CHECK_FALSE(ids.count());
  CHECK_FALSE(ids.read(7, false));
  CHECK(ids.read(8, true));
}

}  // namespace
}  // namespace tidemark
