// RowText: a result as a line of text, JSON or csv.
//
//   JSON  {"line":"a","window_start":"2025-03-01T12:00:00Z","n":3,"_id":"..."}: the columns in their order,
//         NULL and floats that are no number as null; of a column of JSON the text as it is, not as a text
//   csv   RFC 4180 with LF: quotes only where needed, NULL as nothing, an empty text as "", `_id` last
// Times stand as the sink's `timestamps` asks: RFC 3339 in UTC, or an integer of the unit, rounded down.
// Threads: one at a time.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "sinks/results.h"

namespace tidemark {

// A value as it stands in a JSON object.
void append_json(std::string& out, const ResultColumn& column, const Value& value,
                 TimestampFormat timestamps = TimestampFormat::rfc3339);

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

  // Rows will be of these schemas, which outlive it and stay as they are: their names are written once.
  void expect(const std::vector<const ResultSchema*>& schemas);

  // With its newline.
  void append_line(std::string& out, const ResultView& row);
  // The lines that append_line() makes of it: more than one where csv quotes a text that has several.
  std::uint64_t lines(const ResultView& row);
  // The JSON object alone, whatever the format.
  std::string object(const ResultView& row);
  // The csv header of rows of this schema, with its newline; empty for JSON.
  std::string header(const ResultSchema& schema) const;

 private:
  // A schema with its names as they stand in JSON: `{"device":`, `,"n":`.
  struct Names {
    const ResultSchema* schema;
    std::vector<std::string> names;
  };
  // The text of the last time of a column: most results of a window have the same.
  struct Shown {
    std::int64_t ns = 0;
    bool json = false;
    std::string text;  // empty: none yet
  };
  static Names names_of(const ResultSchema& schema);
  void append_object(std::string& out, const ResultView& row);
  void append_object(std::string& out, const ResultView& row, const std::vector<std::string>& names);
  void append_csv(std::string& out, const ResultView& row);
  void append_time(std::string& out, std::size_t column, std::int64_t ns, bool json);

  RowTextOptions options_;
  std::vector<Names> expected_;
  std::vector<Shown> shown_;
};

}  // namespace tidemark
