// Table: rows of text under headings, in columns as wide as their widest cell, for a person.
//
//   SOURCE  TYPE  RECORDS
//   plant   mqtt     1234
//
// Two spaces between columns, no spaces at the end of a line; control characters in cells become '?', so that
// nobody's data moves the terminal's cursor. Widths count characters (UTF-8), not bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string heading;
    Align align = Align::left;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as columns.
  void add(std::vector<std::string> cells);
  std::size_t rows() const { return rows_.size(); }
  // Headings and rows, each ending in a newline.
  std::string to_text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// One "name         value" line of a record; `name` is padded to `width`.
std::string record_line(std::string_view name, std::string_view value, std::size_t width = 15);

// The text with every control character as '?'.
std::string printable(std::string_view text);

}  // namespace tidemark
