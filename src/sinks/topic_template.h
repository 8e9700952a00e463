// TopicTemplate: the topic that a result is published to, "alerts/{line}/{device}" with the row's own values.
//
// {pipeline} is the pipeline's name. A value becomes text as JSON shows it, without quotes; NULL becomes
// "null", an empty text "_". What a topic may not hold ('+', '#', control characters, bytes that are no
// UTF-8) becomes '_'; a '/' in a value stays and adds a level. A value is cut at 1 KiB. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/settings.h"
#include "sinks/results.h"

namespace tidemark {

class TopicTemplate {
 public:
  // An error names what `schema` lacks.
  static Result<TopicTemplate> make(std::string_view pattern, const ResultSchema& schema,
                                    TimestampFormat timestamps);
  std::string topic(const ResultView& row) const;

 private:
  struct Part {
    std::string literal;
    int column = -1;  // after the literal; none: the end
  };
  std::vector<Part> parts_;
  TimestampFormat timestamps_ = TimestampFormat::rfc3339;
};

}  // namespace tidemark
