#include "base/ids.h"

#include <charconv>

#include "base/format.h"

namespace tidemark {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kCheckpointPrefix = "chk-";

}  // namespace

std::string to_text(const Lineage& lineage) {
  std::string out;
  out.reserve(2 * lineage.bytes.size());
  for (const std::uint8_t byte : lineage.bytes) {
    out += kHexDigits[byte >> 4];
    out += kHexDigits[byte & 0xf];
  }
  return out;
}

Result<Lineage> parse_lineage(std::string_view text) {
  Lineage lineage;
  bool good = text.size() == 2 * lineage.bytes.size();
  for (std::size_t i = 0; good && i < text.size(); ++i) {
    const std::size_t digit = kHexDigits.find(text[i]);
    good = digit != std::string_view::npos;
    if (!good) break;
    std::uint8_t& byte = lineage.bytes[i / 2];
    byte = static_cast<std::uint8_t>(byte << 4 | digit);
  }
  if (!good)
    return fail(format("\"{}\" is no lineage: expected 32 lower-case hex digits", text), Error::Kind::usage);
  return lineage;
}

std::string to_text(CheckpointId id) {
  return format("{}{}", kCheckpointPrefix, id.value);
}

Result<CheckpointId> parse_checkpoint_id(std::string_view text) {
  const auto bad = [&] {
    return fail(format("\"{}\" is no checkpoint; write it as chk-42", text), Error::Kind::usage);
  };
  if (!text.starts_with(kCheckpointPrefix)) return bad();
  const std::string_view digits = text.substr(kCheckpointPrefix.size());
  // One name for each checkpoint: no leading zeros.
  if (digits.size() > 1 && digits.front() == '0') return bad();
  CheckpointId id;
  const char* const end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, id.value);
  if (error != std::errc{} || rest != end) return bad();
  return id;
}

}  // namespace tidemark
