// TopicFields takes fields out of a topic: plant/{line}/{device}/telemetry on plant/a/7/telemetry gives line
// = a and device = 7, as text.
//
// A pattern is levels between slashes: literal text, {name}, + (any one level), # (all that follow, last
// only). Value.  Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidemark {

class TopicFields {
 public:
  TopicFields() = default;  // no pattern: no fields, matches everything
  static Result<TopicFields> parse(std::string_view pattern);

  std::span<const std::string> names() const { return names_; }

  // Whether the topic has the pattern's form. Then values[i] is that of names()[i], a view into `topic`;
  // values.size() is names().size().
  bool match(std::string_view topic, std::span<std::string_view> values) const;

 private:
  struct Level {
    enum class Kind { literal, field, any, rest } kind;
    std::string text;  // of a literal
  };
  std::vector<Level> levels_;
  std::vector<std::string> names_;  // in the order of the field levels
};

}  // namespace tidemark
