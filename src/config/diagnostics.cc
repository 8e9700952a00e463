#include "config/diagnostics.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

#include "base/format.h"
#include "base/nearest.h"

namespace tidemark {
namespace {

constexpr std::size_t kShown = 100;       // messages
constexpr std::size_t kWidestLine = 160;  // bytes of an excerpt
constexpr std::size_t kWidestHint = 100;  // likewise
constexpr std::string_view kPassword = "password";
constexpr std::size_t kBeforeCaret = 60;  // of them, in front of the caret in a longer line

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// Where each line begins.
std::vector<std::size_t> line_starts(std::string_view text) {
  std::vector<std::size_t> starts{0};
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '\n') starts.push_back(i + 1);
  return starts;
}

std::string_view line_at(std::string_view text, const std::vector<std::size_t>& starts, std::uint32_t line) {
  if (line == 0 || line > starts.size()) return {};
  const std::size_t begin = starts[line - 1];
  std::string_view found = text.substr(begin, text.find('\n', begin) - begin);
  if (found.ends_with('\r')) found.remove_suffix(1);
  return found;
}

bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// `password = …`, also in braces or quotes, or misspelled; of NAME_file the path may be seen.
bool sets_password(std::string_view line) {
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t begin = at;
    while (at < line.size() && is_key_character(line[at])) ++at;
    const std::string_view word = line.substr(begin, at - begin);
    if (word.empty()) {
      ++at;
      continue;
    }
    const std::size_t before = line.substr(0, begin).find_last_not_of("\"' \t");
    const std::size_t next = line.find_first_not_of("\"' \t", at);
    const bool is_key = (before == std::string_view::npos || line[before] == '{' || line[before] == ',' ||
                         line[before] == '.') &&
                        next != std::string_view::npos && (line[next] == '=' || line[next] == ':');
    constexpr std::string_view kPass = "pass";
    const bool named =
        std::ranges::search(word, kPass, {}, [](char c) { return c | 0x20; }).begin() != word.end();
    if (is_key && !word.ends_with("_file") && (named || nearest(word, std::span(&kPassword, 1)))) return true;
  }
  return false;
}

// A url with an account in it: scheme://user:password@host.
bool has_account(std::string_view line) {
  for (std::size_t at = line.find("://"); at != std::string_view::npos; at = line.find("://", at + 1)) {
    const std::size_t end = line.find_first_of("@\"' \t", at);
    if (end != std::string_view::npos && line[end] == '@') return true;
  }
  return false;
}

// Configurations end up in logs and bug reports; passwords must not.
bool holds_secret(std::string_view line) {
  return sets_password(line) || has_account(line);
}

// What replaces bytes that a terminal should not get as they are.
void append_shown(std::string& out, std::string_view bytes) {
  for (const char c : bytes) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (byte < 0x20 && c != '\t')
      out += '?';
    else if (byte == 0x7f)
      out += '?';
    else
      out += c;
  }
}

// The line and, below it, the caret.
void append_excerpt(std::string& out, std::string_view line, const Place& place) {
  if (holds_secret(line)) {
    out += format("{:>5} | (not shown: it holds a password)\n", place.line);
    return;
  }
  std::size_t caret = std::min<std::size_t>(place.column > 0 ? place.column - 1 : 0, line.size());
  std::string_view before_cut, after_cut;
  if (line.size() > kWidestLine) {
    std::size_t from = caret > kBeforeCaret ? caret - kBeforeCaret : 0;
    while (from > 0 && is_continuation(line[from])) --from;
    std::size_t to = std::min(line.size(), from + kWidestLine);
    while (to < line.size() && is_continuation(line[to])) ++to;
    before_cut = from > 0 ? "..." : "";
    after_cut = to < line.size() ? "..." : "";
    line = line.substr(from, to - from);
    caret -= from;
  }
  out += format("{:>5} | {}", place.line, before_cut);
  append_shown(out, line);
  out += format("{}\n      | {}", after_cut, std::string(before_cut.size(), ' '));
  for (std::size_t i = 0; i < caret; ++i)
    if (!is_continuation(line[i])) out += line[i] == '\t' ? '\t' : ' ';
  const std::size_t end =
      std::min<std::size_t>(line.size(), caret + std::max<std::uint32_t>(1, place.length));
  std::size_t carets = 0;
  for (std::size_t i = caret; i < end; ++i) carets += is_continuation(line[i]) ? 0 : 1;
  out += std::string(std::max<std::size_t>(1, carets), '^') + "\n";
}

// Broken into lines at spaces.
void append_hint(std::string& out, std::string_view hint) {
  while (!hint.empty()) {
    std::size_t end = hint.size();
    if (end > kWidestHint) {
      end = hint.rfind(' ', kWidestHint);
      if (end == std::string_view::npos || end == 0) end = std::min(hint.size(), hint.find(' '));
    }
    out += "      ";
    append_shown(out, hint.substr(0, end));
    out += "\n";
    hint.remove_prefix(std::min(hint.size(), end + 1));
  }
}

// Where the content of the string that stands at text[at] begins, if it stands there as it is.
std::optional<std::size_t> verbatim_content(std::string_view text, std::size_t at, std::string_view content) {
  if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) return std::nullopt;
  const char quote = text[at];
  std::size_t begin = at + 1;
  if (text.substr(at).starts_with(std::string(3, quote))) {
    begin = at + 3;
    if (text.substr(begin).starts_with("\r\n"))
      begin += 2;
    else if (text.substr(begin).starts_with('\n'))
      begin += 1;
  }
  if (text.substr(begin, content.size()) != content ||
      text.substr(begin + content.size(), 1) != text.substr(at, 1))
    return std::nullopt;
  return begin;
}

}  // namespace

std::uint32_t Diagnostics::add_file(ConfigFile file) {
  files_.push_back(std::move(file));
  return static_cast<std::uint32_t>(files_.size() - 1);
}

void Diagnostics::error(Place place, std::string text, std::string hint) {
  ++errors_;
  messages_.push_back({true, place, std::move(text), std::move(hint)});
}

void Diagnostics::warning(Place place, std::string text, std::string hint) {
  messages_.push_back({false, place, std::move(text), std::move(hint)});
}

void Diagnostics::error_inside(const Located<std::string>& setting, std::size_t offset, std::size_t length,
                               std::string text, std::string hint) {
  Place place = setting.place;
  if (place.known() && place.file < files_.size() && offset <= setting->size()) {
    const std::string_view file = files_[place.file].text;
    const std::vector<std::size_t> starts = line_starts(file);
    if (place.line <= starts.size()) {
      const auto begin = verbatim_content(file, starts[place.line - 1] + place.column - 1, *setting);
      if (begin) {
        const std::size_t at = *begin + offset;
        const auto line = std::ranges::upper_bound(starts, at) - starts.begin();
        place.line = static_cast<std::uint32_t>(line);
        place.column = static_cast<std::uint32_t>(at - starts[static_cast<std::size_t>(line - 1)] + 1);
        place.length = static_cast<std::uint32_t>(std::max<std::size_t>(1, length));
      }
    }
  }
  error(place, std::move(text), std::move(hint));
}

std::string Diagnostics::where(const Place& place) const {
  const std::string path = place.file < files_.size() ? files_[place.file].path : "configuration";
  return place.known() ? format("{}:{}:{}", path, place.line, place.column) : path;
}

std::string Diagnostics::to_text() const {
  std::vector<std::size_t> ordered(messages_.size());
  std::iota(ordered.begin(), ordered.end(), std::size_t{0});
  std::ranges::sort(ordered, {}, [this](std::size_t i) {
    const Place& place = messages_[i].place;
    return std::tuple(place.file, place.line, place.column, i);
  });

  std::vector<std::vector<std::size_t>> starts(files_.size());
  std::string out;
  for (std::size_t i = 0; i < ordered.size() && i < kShown; ++i) {
    const Message& message = messages_[ordered[i]];
    const Place& place = message.place;
    out += format("{}: {}: ", where(place), message.is_error ? "error" : "warning");
    append_shown(out, message.text);
    out += "\n";
    if (place.known() && place.file < files_.size()) {
      if (starts[place.file].empty()) starts[place.file] = line_starts(files_[place.file].text);
      append_excerpt(out, line_at(files_[place.file].text, starts[place.file], place.line), place);
    }
    append_hint(out, message.hint);
  }
  if (ordered.size() > kShown) out += format("and {} more\n", ordered.size() - kShown);
  return out;
}

}  // namespace tidemark
