#include "decode/json_elements.h"

#include <algorithm>
#include <utility>

#include "base/format.h"
#include "base/json.h"

namespace tidemark {
namespace {

constexpr bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Steps over a document. Each step returns false once something is wrong, and leaves the place in `at`.
struct Steps {
  std::string_view text;
  std::size_t at = 0;
  std::string_view wrong = {};

  bool stop(std::string_view what) {
    wrong = at == text.size() ? "the payload ends inside an object or array" : what;
    return false;
  }
  char here() const { return at < text.size() ? text[at] : '\0'; }
  void space() {
    while (at < text.size() && is_space(text[at])) ++at;
  }

  bool string() {
    for (++at; at < text.size(); ++at) {
      at = text.find_first_of("\"\\", at);
      if (at == std::string_view::npos) break;
      if (text[at++] == '"') return true;
    }
    at = text.size();
    return stop({});
  }

  // An object or array with all that it holds, by counting brackets of either kind.
  bool container() {
    for (std::size_t open = 0;;) {
      at = text.find_first_of("\"{}[]", at);
      if (at == std::string_view::npos) {
        at = text.size();
        return stop({});
      }
      const char c = text[at];
      if (c == '"') {
        if (!string()) return false;
        continue;
      }
      ++at;
      if (c == '{' || c == '[')
        ++open;
      else if (--open == 0)
        return true;
    }
  }

  bool value() {
    space();
    const char c = here();
    if (c == '{' || c == '[') return container();
    if (c == '"') return string();
    const std::size_t begin = at;
    at = std::min(text.find_first_of(" \t\n\r,:{}[]\"", at), text.size());
    return at > begin || stop("expected a value");
  }

  // The values of the array whose bracket is here.
  bool array() {
    ++at;
    space();
    if (here() == ']') {
      ++at;
      return true;
    }
    while (value()) {
      space();
      if (here() == ']') {
        ++at;
        return true;
      }
      if (here() != ',') return stop("expected , or ]");
      ++at;
    }
    return false;
  }

  // The members of the object whose bracket is here; `found` becomes the value of the last one of this name.
  bool object(std::string_view name, std::optional<std::pair<std::size_t, std::size_t>>& found) {
    ++at;
    space();
    if (here() == '}') {
      ++at;
      return true;
    }
    while (true) {
      space();
      if (here() != '"') return stop("expected a member's name in double quotes");
      const std::size_t begin = at;
      if (!string()) return false;
      const bool named = is_name(text.substr(begin, at - begin), name);
      space();
      if (here() != ':') return stop("expected : after a member's name");
      ++at;
      space();
      const std::size_t value_begin = at;
      if (!value()) return false;
      if (named) found = {value_begin, at};
      space();
      const char after = here();
      if (after != ',' && after != '}') return stop("expected , or }");
      ++at;
      if (after == '}') return true;
    }
  }

  static bool is_name(std::string_view token, std::string_view name) {
    const std::string_view inside = token.substr(1, token.size() - 2);
    if (!inside.contains('\\')) return inside == name;
    const auto read = JsonValue::parse(token);
    return read && read->text == name;
  }
};

}  // namespace

std::optional<DecodeError> JsonElements::find(std::string_view payload) {
  records_ = {};
  next_ = 0;
  Steps steps{payload};
  steps.space();
  if (steps.here() == '\0' && steps.at == payload.size()) return DecodeError{"an empty record", 0};
  Range range{steps.at, payload.size()};
  for (std::size_t step = 0; step < path_.size(); ++step) {
    Steps inside{payload.substr(0, range.end), range.begin};
    std::optional<std::pair<std::size_t, std::size_t>> found;
    if (inside.here() != '{')
      return DecodeError{format("no object around \"{}\" of `records`", path_[step]), range.begin};
    if (!inside.object(path_[step], found)) return DecodeError{std::string(inside.wrong), inside.at};
    if (step == 0) steps.at = inside.at;
    if (!found)
      return DecodeError{format("no \"{}\", where `records` says they are", path_[step]), range.begin};
    range = {found->first, found->second};
  }
  Steps inside{payload.substr(0, range.end), range.begin};
  if (inside.here() == '[') {
    if (!inside.array()) return DecodeError{std::string(inside.wrong), inside.at};
    if (path_.empty()) steps.at = inside.at;
    next_ = range.begin + 1;
  } else if (inside.here() == '{' && !path_.empty()) {
    next_ = range.begin;
  } else {
    return DecodeError{"records are an array of objects, or one object", range.begin};
  }
  records_ = {range.begin, path_.empty() ? inside.at : range.end};
  steps.space();
  if (steps.at != payload.size()) {
    next_ = records_.end;
    return DecodeError{"something after the payload's end", steps.at};
  }
  return std::nullopt;
}

std::string JsonElements::around(std::string_view payload) const {
  std::string out(payload.substr(0, records_.begin));
  out += "null";
  out += payload.substr(records_.end);
  return out;
}

std::optional<std::string_view> JsonElements::next(std::string_view payload) {
  if (next_ >= records_.end) return std::nullopt;
  Steps steps{payload.substr(0, records_.end), next_};
  steps.space();
  const std::size_t begin = steps.at;
  if (steps.here() == ']' || !steps.value()) {
    next_ = records_.end;
    return std::nullopt;
  }
  const std::string_view record = payload.substr(begin, steps.at - begin);
  steps.space();
  next_ = steps.here() == ',' ? steps.at + 1 : records_.end;
  return record;
}

}  // namespace tidemark
