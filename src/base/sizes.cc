#include "base/sizes.h"

#include <array>
#include <charconv>

#include "base/format.h"

namespace tidemark {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t bytes;
};

// The largest first, and at equal rank the powers of 1024: the order in which they are preferred.
constexpr std::array<Unit, 10> kUnits = {{{"TiB", std::uint64_t{1} << 40},
                                          {"TB", 1'000'000'000'000},
                                          {"GiB", std::uint64_t{1} << 30},
                                          {"GB", 1'000'000'000},
                                          {"MiB", std::uint64_t{1} << 20},
                                          {"MB", 1'000'000},
                                          {"KiB", std::uint64_t{1} << 10},
                                          {"KB", 1'000},
                                          {"B", 1},
                                          {"", 1}}};

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  const char* const end = text.data() + text.size();
  std::uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::result_out_of_range)
    return fail(format("\"{}\" is no size: more than 16 EiB", text), Error::Kind::usage);
  if (error != std::errc{})
    return fail(format("\"{}\" is no size; write it as 512, 64KiB or 1MB", text), Error::Kind::usage);

  const std::string_view name(rest, static_cast<std::size_t>(end - rest));
  for (const Unit& unit : kUnits) {
    if (unit.name != name) continue;
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(number, unit.bytes, &bytes))
      return fail(format("\"{}\" is no size: more than 16 EiB", text), Error::Kind::usage);
    return bytes;
  }
  return fail(format("\"{}\" is no size; units are B KB MB GB TB and KiB MiB GiB TiB", text),
              Error::Kind::usage);
}

std::string size_to_text(std::uint64_t bytes) {
  if (bytes == 0) return "0";
  std::string shortest;
  for (const Unit& unit : kUnits) {
    if (bytes % unit.bytes != 0 || unit.name == "B") continue;
    std::string candidate = format("{}{}", bytes / unit.bytes, unit.name);
    if (shortest.empty() || candidate.size() < shortest.size()) shortest = std::move(candidate);
  }
  return shortest;
}

}  // namespace tidemark
