#include "sinks/row_text.h"

#include <algorithm>
#include <cmath>

#include "base/json_text.h"
#include "base/number_text.h"
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
      return append_number(out, value.as_integer());
    case Value::Type::real:
      if (std::isfinite(value.as_real())) append_number(out, value.as_real());
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

void append_json(std::string& out, const ResultColumn& column, const Value& value,
                 TimestampFormat timestamps) {
  std::string scratch;
  if (column.kind == ResultColumn::Kind::json && value.is_text())
    out.append(value.as_text());
  else if (column.kind == ResultColumn::Kind::time)
    append_json(out, shown_time(value, timestamps, scratch));
  else
    append_json(out, value);
}

RowText::Names RowText::names_of(const ResultSchema& schema) {
  Names names{&schema, {}};
  for (const ResultColumn& column : schema.columns) {
    std::string name(names.names.empty() ? "{" : ",");
    append_json(name, column.name);
    name.push_back(':');
    names.names.push_back(std::move(name));
  }
  return names;
}

void RowText::expect(const std::vector<const ResultSchema*>& schemas) {
  expected_.clear();
  for (const ResultSchema* schema : schemas) expected_.push_back(names_of(*schema));
}

void RowText::append_line(std::string& out, const ResultView& row) {
  if (options_.format == FormatSettings::Type::csv)
    append_csv(out, row);
  else
    append_object(out, row);
  out.push_back('\n');
}

std::uint64_t RowText::lines(const ResultView& row) {
  if (options_.format != FormatSettings::Type::csv) return 1;
  std::string text;
  append_line(text, row);
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

std::string RowText::object(const ResultView& row) {
  std::string out;
  append_object(out, row);
  return out;
}

void RowText::append_object(std::string& out, const ResultView& row) {
  for (const Names& known : expected_)
    if (known.schema == row.schema) return append_object(out, row, known.names);
  append_object(out, row, names_of(*row.schema).names);
}

void RowText::append_object(std::string& out, const ResultView& row, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < row.values.size(); ++i) {
    out.append(names[i]);
    const Value& value = row.values[i];
    if (row.schema->columns[i].kind == ResultColumn::Kind::time && value.is_integer())
      append_time(out, i, value.as_integer(), true);
    else
      append_json(out, row.schema->columns[i], value);
  }
  if (options_.ids) {
    out.append(names.empty() ? "{\"_id\":" : ",\"_id\":");
    append_json(out, result_id(options_.id_prefix, row));
  } else if (names.empty()) {
    out.push_back('{');
  }
  out.push_back('}');
}

void RowText::append_csv(std::string& out, const ResultView& row) {
  for (std::size_t i = 0; i < row.values.size(); ++i) {
    if (i > 0) out.push_back(',');
    const Value& value = row.values[i];
    if (row.schema->columns[i].kind == ResultColumn::Kind::time && value.is_integer())
      append_time(out, i, value.as_integer(), false);
    else
      append_csv_value(out, value);
  }
  if (!options_.ids) return;
  if (!row.values.empty()) out.push_back(',');
  append_csv_text(out, result_id(options_.id_prefix, row));
}

void RowText::append_time(std::string& out, std::size_t column, std::int64_t ns, bool json) {
  if (column >= shown_.size()) shown_.resize(column + 1);
  Shown& shown = shown_[column];
  if (shown.text.empty() || shown.ns != ns || shown.json != json) {
    std::string scratch;
    shown.ns = ns;
    shown.json = json;
    shown.text.clear();
    const Value time = shown_time(Value::integer(ns), options_.timestamps, scratch);
    if (json)
      append_json(shown.text, time);
    else
      append_csv_value(shown.text, time);
  }
  out.append(shown.text);
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
