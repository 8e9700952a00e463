// Identities and counters of the data: strong types, none of which converts into another.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidemark {

template <class Tag, class Rep = std::uint64_t>
struct Counter {
  Rep value = 0;
  constexpr auto operator<=>(const Counter&) const = default;
  constexpr Counter next() const { return Counter{static_cast<Rep>(value + 1)}; }
};

// A position in the input journal. The first entry has position 1; 0 is "before everything". A checkpoint at
// position p holds the effect of every entry up to and including p.
using Position = Counter<struct PositionTag>;

// The number of a result in its channel; the first result has number 1.
using ResultNumber = Counter<struct ResultNumberTag>;

// N of chk-N; counts on across restarts and lineages.
using CheckpointId = Counter<struct CheckpointIdTag>;

// A branch of history; raised whenever an older point is restored without replaying all that followed.
using Timeline = Counter<struct TimelineTag, std::uint32_t>;

// A start of the program on this data directory; raised and fsynced at each start. Seeds block checksums.
using RunId = Counter<struct RunIdTag, std::uint32_t>;

// A random identity made at every start from nothing. Names of hosts and nodes decide nothing.
struct Lineage {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const Lineage&) const = default;
};

// 32 lower-case hex digits, and back.
std::string to_text(const Lineage& lineage);
Result<Lineage> parse_lineage(std::string_view text);

// "chk-42", and back.
std::string to_text(CheckpointId id);
Result<CheckpointId> parse_checkpoint_id(std::string_view text);

}  // namespace tidemark
