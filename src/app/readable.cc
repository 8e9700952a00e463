#include "app/readable.h"

#include <array>
#include <string_view>

#include "base/format.h"

namespace tidemark {

std::string readable_size(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return format("{} B", bytes);
  double size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (size >= 1023.5 && unit + 1 < kUnits.size()) {
    size /= 1024;
    ++unit;
  }
  return format("{:.{}f} {}", size, size < 99.95 ? 1 : 0, kUnits[unit]);
}

std::string readable_duration(Duration d) {
  const auto ns = d.count();
  if (ns < 0) return "0s";
  if (ns < 1'000'000) return format("{}us", ns / 1000);
  if (ns < 1'000'000'000) return format("{}ms", ns / 1'000'000);
  const auto tenths = ns / 100'000'000;
  if (tenths < 100) return format("{}.{}s", tenths / 10, tenths % 10);
  const auto seconds = ns / 1'000'000'000;
  const auto two = [](auto big, std::string_view big_unit, auto small, std::string_view small_unit) {
    return small == 0 ? format("{}{}", big, big_unit) : format("{}{}{}{}", big, big_unit, small, small_unit);
  };
  if (seconds < 60) return format("{}s", seconds);
  if (seconds < 3600) return two(seconds / 60, "m", seconds % 60, "s");
  if (seconds < 86400) return two(seconds / 3600, "h", seconds / 60 % 60, "m");
  return two(seconds / 86400, "d", seconds / 3600 % 24, "h");
}

std::string readable_time(std::int64_t ns_since_epoch) {
  if (ns_since_epoch == 0) return "-";
  return to_rfc3339(ns_since_epoch - ns_since_epoch % 1'000'000'000);
}

std::string readable_watermark(const std::optional<EventTime>& watermark) {
  if (!watermark || *watermark == kEventTimeMin) return "-";
  if (*watermark == kEventTimeMax) return "ended";
  return to_rfc3339(to_ns(*watermark) - to_ns(*watermark) % 1'000'000);
}

}  // namespace tidemark
