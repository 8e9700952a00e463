#include "decode/topic_fields.h"

#include <algorithm>

#include "base/format.h"

namespace tidemark {
namespace {

std::unexpected<Error> bad_pattern(std::string_view pattern, std::string_view why) {
  return fail(format("topic pattern '{}': {}", pattern, why), Error::Kind::usage);
}

// Cuts the next level off `rest`; `more` says whether a slash followed it.
std::string_view take_level(std::string_view& rest, bool& more) {
  const std::size_t slash = rest.find('/');
  more = slash != std::string_view::npos;
  const std::string_view level = rest.substr(0, slash);
  rest = more ? rest.substr(slash + 1) : std::string_view();
  return level;
}

}  // namespace

Result<TopicFields> TopicFields::parse(std::string_view pattern) {
  if (pattern.empty())
    return bad_pattern(pattern, "is empty; write one like plant/{line}/{device}/telemetry");
  TopicFields out;
  std::string_view rest = pattern;
  for (bool more = true; more;) {
    const std::string_view level = take_level(rest, more);
    if (level == "+") {
      out.levels_.push_back({Level::Kind::any, {}});
    } else if (level == "#") {
      if (more) return bad_pattern(pattern, "# stands for all levels that follow and must be the last");
      out.levels_.push_back({Level::Kind::rest, {}});
    } else if (level.size() >= 2 && level.front() == '{' && level.back() == '}') {
      const std::string name(level.substr(1, level.size() - 2));
      if (name.empty() || name.find_first_of("{}+#") != std::string::npos)
        return bad_pattern(pattern, format("'{}' names no field", level));
      if (std::ranges::find(out.names_, name) != out.names_.end())
        return bad_pattern(pattern, format("field {} stands in it twice", name));
      out.names_.push_back(name);
      out.levels_.push_back({Level::Kind::field, {}});
    } else if (level.find_first_of("{}+#") != std::string_view::npos) {
      return bad_pattern(pattern, format("in '{}', a {{name}}, + or # must be a whole level", level));
    } else {
      out.levels_.push_back({Level::Kind::literal, std::string(level)});
    }
  }
  return out;
}

bool TopicFields::match(std::string_view topic, std::span<std::string_view> values) const {
  if (levels_.empty()) return true;
  std::string_view rest = topic;
  std::size_t field = 0;
  bool more = true;
  for (const Level& level : levels_) {
    if (level.kind == Level::Kind::rest) return true;  // also no level at all, as in MQTT
    if (!more) return false;
    const std::string_view text = take_level(rest, more);
    if (level.kind == Level::Kind::field) values[field++] = text;
    if (level.kind == Level::Kind::literal && text != level.text) return false;
  }
  return !more;
}

}  // namespace tidemark
