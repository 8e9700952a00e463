// Figures as a person reads them: rounded, with a unit. What a program reads is exact and stands in JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/times.h"

namespace tidemark {

// "512 B", "1.5 KiB", "256 MiB".
std::string readable_size(std::uint64_t bytes);

// Two units at most: "350us", "12ms", "4.2s", "3m5s", "1h30m", "2d4h".
std::string readable_duration(Duration d);

// RFC 3339 in UTC to the second; "-" for 0.
std::string readable_time(std::int64_t ns_since_epoch);

// A watermark: RFC 3339 to the millisecond, "-" for none or one that has not moved, "ended" when nothing more
// will come.
std::string readable_watermark(const std::optional<EventTime>& watermark);

}  // namespace tidemark
