#include "sinks/topic_template.h"

#include "base/format.h"
#include "sinks/row_text.h"

namespace tidemark {
namespace {

constexpr std::size_t kLongestValue = 1024;

// The length of the UTF-8 sequence at the beginning of `text`; 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 && first <= 0xf4 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool surrogate = first == 0xed && byte(1) > 0x9f;
  const bool beyond = first == 0xf4 && byte(1) > 0x8f;
  return overlong || surrogate || beyond ? 0 : length;
}

void append_level(std::string& out, std::string_view text) {
  if (text.empty()) out.push_back('_');
  const std::size_t end = out.size() + kLongestValue;
  while (!text.empty() && out.size() < end) {
    const std::size_t length = utf8_length(text);
    const auto c = static_cast<unsigned char>(text.front());
    // C1 control characters are c2 80 to c2 9f.
    const bool c1 = length == 2 && c == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
    if (length == 0 || c1 || (length == 1 && (c < 0x20 || c == 0x7f || c == '+' || c == '#'))) {
      out.push_back('_');
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

void append_value(std::string& out, const Value& value) {
  switch (value.type()) {
    case Value::Type::null:
      out.append("null");
      return;
    case Value::Type::boolean:
      out.append(value.as_boolean() ? "true" : "false");
      return;
    case Value::Type::integer:
      out.append(std::to_string(value.as_integer()));
      return;
    case Value::Type::real: {
      std::string text = real_to_text(value.as_real());
      for (char& c : text) {
        if (c == '+') c = '_';
      }
      out.append(text);
      return;
    }
    case Value::Type::text:
      append_level(out, value.as_text());
      return;
  }
}

}  // namespace

Result<TopicTemplate> TopicTemplate::make(std::string_view pattern, const ResultSchema& schema,
                                          TimestampFormat timestamps) {
  TopicTemplate made;
  made.timestamps_ = timestamps;
  Part part;
  for (std::size_t at = 0; at < pattern.size();) {
    const std::size_t open = pattern.find('{', at);
    const std::size_t close = open == std::string_view::npos ? open : pattern.find('}', open);
    part.literal.append(pattern.substr(at, open == std::string_view::npos ? open : open - at));
    if (open == std::string_view::npos) break;
    if (close == std::string_view::npos)
      return fail(format("topic '{}': '{{' without '}}'", pattern), Error::Kind::usage);
    const std::string_view field = pattern.substr(open + 1, close - open - 1);
    at = close + 1;
    for (std::size_t i = 0; i < schema.columns.size(); ++i) {
      if (schema.columns[i].name == field) part.column = static_cast<int>(i);
    }
    if (part.column < 0 && field == "pipeline") {
      append_level(part.literal, schema.pipeline);
      continue;
    }
    if (part.column < 0)
      return fail(format("topic '{}': results of '{}' have no column '{}'", pattern, schema.pipeline, field),
                  Error::Kind::usage);
    made.parts_.push_back(std::exchange(part, Part{}));
  }
  if (!part.literal.empty()) made.parts_.push_back(std::move(part));
  return made;
}

std::string TopicTemplate::topic(const ResultView& row) const {
  std::string out;
  std::string scratch;
  for (const Part& part : parts_) {
    out.append(part.literal);
    if (part.column < 0) continue;
    const auto column = static_cast<std::size_t>(part.column);
    const bool is_time = row.schema->columns[column].kind == ResultColumn::Kind::time;
    append_value(out, is_time ? shown_time(row.values[column], timestamps_, scratch) : row.values[column]);
  }
  return out;
}

}  // namespace tidemark
