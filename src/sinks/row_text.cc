#include "sinks/row_text.h"

#include <cmath>

#include "base/format.h"
#include "base/times.h"
#include "sinks/sink.h"

namespace tidemark {
namespace {

std::int64_t nanoseconds_of(TimestampFormat unit) {
  switch (unit) {
    case TimestampFormat::s:
      return 1'000'000'000;
    case TimestampFormat::ms:
      return 1'000'000;
    case TimestampFormat::us:
      return 1'000;
    default:
      return 1;
  }
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

void append_csv_text(std::string& out, std::string_view text) {
  const bool quoted = text.empty() || text.find_first_of(",\"\r\n") != std::string_view::npos ||
                      text.front() == ' ' || text.back() == ' ';
  if (!quoted) {
    out.append(text);
    return;
  }
  out.push_back('"');
  for (const char c : text) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
}

void append_csv_value(std::string& out, const Value& value) {
  switch (value.type()) {
    case Value::Type::null:
      return;
    case Value::Type::boolean:
      out.append(value.as_boolean() ? "true" : "false");
      return;
    case Value::Type::integer:
      out.append(std::to_string(value.as_integer()));
      return;
    case Value::Type::real:
      if (std::isfinite(value.as_real())) out.append(real_to_text(value.as_real()));
      return;
    case Value::Type::text:
      append_csv_text(out, value.as_text());
      return;
  }
}

}  // namespace

Value shown_time(const Value& nanoseconds, TimestampFormat timestamps, std::string& scratch) {
  if (!nanoseconds.is_integer()) return nanoseconds;
  if (timestamps != TimestampFormat::rfc3339)
    return Value::integer(floor_divide(nanoseconds.as_integer(), nanoseconds_of(timestamps)));
  scratch = to_rfc3339(nanoseconds.as_integer());
  return Value::text(scratch);
}

void RowText::append_line(std::string& out, const ResultView& row) {
  if (options_.format == FormatSettings::Type::csv) {
    append_csv(out, row);
  } else {
    write_object(row);
    out.append(json_.view());
    json_.clear();
  }
  out.push_back('\n');
}

std::string RowText::object(const ResultView& row) {
  write_object(row);
  return json_.take();
}

void RowText::write_object(const ResultView& row) {
  json_.begin_object();
  for (std::size_t i = 0; i < row.values.size(); ++i) {
    const ResultColumn& column = row.schema->columns[i];
    const bool is_time = column.kind == ResultColumn::Kind::time;
    json_.key(column.name);
    json_.value(is_time ? shown_time(row.values[i], options_.timestamps, scratch_) : row.values[i]);
  }
  if (options_.ids) json_.key("_id").text(result_id(options_.id_prefix, row));
  json_.end_object();
}

void RowText::append_csv(std::string& out, const ResultView& row) {
  for (std::size_t i = 0; i < row.values.size(); ++i) {
    if (i > 0) out.push_back(',');
    const bool is_time = row.schema->columns[i].kind == ResultColumn::Kind::time;
    append_csv_value(out, is_time ? shown_time(row.values[i], options_.timestamps, scratch_) : row.values[i]);
  }
  if (!options_.ids) return;
  if (!row.values.empty()) out.push_back(',');
  append_csv_text(out, result_id(options_.id_prefix, row));
}

std::string RowText::header(const ResultSchema& schema) const {
  if (options_.format != FormatSettings::Type::csv) return {};
  std::string line;
  for (const ResultColumn& column : schema.columns) {
    if (!line.empty()) line.push_back(',');
    append_csv_text(line, column.name);
  }
  if (options_.ids) line.append(line.empty() ? "_id" : ",_id");
  line.push_back('\n');
  return line;
}

}  // namespace tidemark
