#include "decode/json_tokens.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/invariant.h"

namespace tidemark {
namespace {

// Of the tokens and of the bytes together as much as stays close to the processor.
constexpr std::size_t kAhead = 8 << 10;
static_assert(kAhead <= JsonTokens::kMostBytes && simdjson::SIMDJSON_PADDING <= JsonTokens::kReadable);

bool contains_backslash(std::string_view bytes) {
  return std::memchr(bytes.data(), '\\', bytes.size()) != nullptr;
}

bool lies_in(std::string_view line, std::string_view bytes) {
  const std::less_equal<const char*> before;
  return before(bytes.data(), line.data()) && before(line.data() + line.size(), bytes.data() + bytes.size());
}

}  // namespace

struct JsonTokens::Stage {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
};

JsonTokens::JsonTokens() = default;
JsonTokens::~JsonTokens() = default;

bool JsonTokens::run(const char* bytes, std::size_t size) {
  if (!stage_) {
    stage_ = std::make_unique<Stage>();
    constexpr std::size_t kDepth = 1;  // of a second stage, which is not run
    const auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
        kMostBytes, kDepth, stage_->parser);
    invariant(error == simdjson::SUCCESS, "memory for the tokens of JSON lines");
  }
  simdjson::internal::dom_parser_implementation& parser = *stage_->parser;
  if (parser.stage1(reinterpret_cast<const std::uint8_t*>(bytes), size, simdjson::stage1_mode::regular) !=
      simdjson::SUCCESS)
    return false;
  next_ = parser.structural_indexes.get();
  // There is room for as many tokens as bytes and some more.
  std::uint32_t* const after = parser.structural_indexes.get() + parser.n_structural_indexes;
  std::fill(after, after + kAfterLast, static_cast<std::uint32_t>(size));
  return true;
}

bool JsonTokens::find(std::string_view line, Line& found) {
  if (line.empty() || line.size() > kMostBytes) return false;
  if (!lies_in(line, looked_at_)) {
    if (!lies_in(line, expected_)) return find_alone(line, found);
    look_ahead(line.data());
    if (!lies_in(line, looked_at_)) return find_alone(line, found);
  }
  if (!good_) return find_alone(line, found);
  const auto begin = static_cast<std::uint32_t>(line.data() - looked_at_.data());
  found.bytes = found.original = looked_at_.data();
  found.end = begin + static_cast<std::uint32_t>(line.size());
  while (*next_ < begin) ++next_;
  found.tokens = next_;
  found.backslashes = backslashes_ && contains_backslash(line);
  return *next_ == begin;
}

// Whole lines only, and none so close to the end of what may be read that bytes behind it would be looked at.
void JsonTokens::look_ahead(const char* from) {
  std::string_view bytes = expected_.substr(static_cast<std::size_t>(from - expected_.data()));
  bytes.remove_suffix(std::min(kReadable, bytes.size()));
  bytes = bytes.substr(0, kAhead);
  looked_at_ = bytes.substr(0, bytes.rfind('\n') + 1);
  if (looked_at_.empty()) return;
  good_ = run(looked_at_.data(), looked_at_.size());
  backslashes_ = contains_backslash(looked_at_);
}

bool JsonTokens::find_alone(std::string_view line, Line& found) {
  if (good_) looked_at_ = {};  // its tokens go
  if (!copy_) copy_ = std::make_unique<char[]>(kMostBytes + kReadable);
  std::memcpy(copy_.get(), line.data(), line.size());
  if (!run(copy_.get(), line.size())) return false;
  found.bytes = copy_.get();
  found.original = line.data();
  found.tokens = next_;
  found.end = static_cast<std::uint32_t>(line.size());
  found.backslashes = contains_backslash(line);
  return *next_ == 0;
}

}  // namespace tidemark
