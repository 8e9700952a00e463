// RowText: a result as a line of text, JSON or csv.
//
//   JSON  {"line":"a","window_start":"2025-03-01T12:00:00Z","n":3,"_id":"..."}: the columns in their order,
//   NULL and
//         floats that are no number as null
//   csv   RFC 4180 with LF: quotes only where needed, NULL as nothing, an empty text as "", `_id` last
// Times stand as the sink's `timestamps` asks: RFC 3339 in UTC, or an integer of the unit, rounded down.
// Threads: one at a time.
#pragma once

#include <string>
#include <utility>

#include "base/json.h"
#include "config/settings.h"
#include "sinks/results.h"

namespace tidemark {

// A time column's value as a sink shows it. Text lives in `scratch`.
Value shown_time(const Value& nanoseconds, TimestampFormat timestamps, std::string& scratch);

struct RowTextOptions {
  FormatSettings::Type format = FormatSettings::Type::json;
  TimestampFormat timestamps = TimestampFormat::rfc3339;
  bool ids = false;
  std::string id_prefix = {};
};

class RowText {
 public:
  explicit RowText(RowTextOptions options) : options_(std::move(options)) {}

  // With its newline.
  void append_line(std::string& out, const ResultView& row);
  // The JSON object alone, whatever the format.
  std::string object(const ResultView& row);
  // The csv header of rows of this schema, with its newline; empty for JSON.
  std::string header(const ResultSchema& schema) const;

 private:
  void write_object(const ResultView& row);
  void append_csv(std::string& out, const ResultView& row);

  RowTextOptions options_;
  JsonWriter json_;
  std::string scratch_;
};

}  // namespace tidemark
