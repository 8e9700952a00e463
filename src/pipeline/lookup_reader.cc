#include "pipeline/lookup_reader.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/format.h"
#include "base/nearest.h"
#include "decode/typed_text.h"
#include "decode/utf8.h"

namespace tidemark {
namespace {

constexpr std::size_t kMostColumns = 256;

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// Brings the columns of a file into the order of the table, and rows with them.
class Arrangement {
 public:
  static Result<Arrangement> make(const LookupSettings& lookup, const std::vector<std::string>& columns) {
    Arrangement out;
    const auto place = [&](const std::string& name, std::string_view key) -> Status {
      const auto at = std::ranges::find(columns, name);
      if (at != columns.end()) {
        const auto index = static_cast<std::size_t>(at - columns.begin());
        if (std::ranges::find(out.order_, index) == out.order_.end()) out.order_.push_back(index);
        return {};
      }
      const std::vector<std::string_view> views(columns.begin(), columns.end());
      const auto near = nearest(name, views);
      return fail(format("it has no column \"{}\", which `{}` names{}; there are {}", name, key,
                         near ? format(" (did you mean \"{}\"?)", *near) : std::string(), listed(columns)));
    };
    for (const auto& name : lookup.key)
      if (Status placed = place(*name, "key"); !placed) return pass_on(placed);
    for (const FieldSetting& field : lookup.fields)
      if (std::ranges::find(columns, field.name) == columns.end())
        if (Status placed = place(field.name, "fields"); !placed) return pass_on(placed);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (std::ranges::count(columns, columns[i]) > 1)
        return fail(format("it has two columns \"{}\"", columns[i]));
      if (std::ranges::find(out.order_, i) == out.order_.end()) out.order_.push_back(i);
    }
    for (const std::size_t i : out.order_) out.columns_.push_back(columns[i]);
    return out;
  }

  const std::vector<std::string>& columns() const { return columns_; }
  const std::vector<Value>& row(const std::vector<Value>& values) {
    row_.clear();
    for (const std::size_t i : order_) row_.push_back(values[i]);
    return row_;
  }

 private:
  std::vector<std::size_t> order_;
  std::vector<std::string> columns_;
  std::vector<Value> row_;
};

struct Cell {
  std::string text;
  bool quoted = false;
};

// Takes one record of a csv text; false at its end.
class CsvText {
 public:
  explicit CsvText(std::string_view text) : rest_(text) {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
  }

  std::size_t line() const { return begun_; }

  Result<bool> next(std::vector<Cell>& cells) {
    cells.clear();
    while (rest_.starts_with('\n') || rest_.starts_with("\r\n")) {  // blank lines
      rest_.remove_prefix(rest_.starts_with('\n') ? 1 : 2);
      ++line_;
    }
    begun_ = line_;
    if (rest_.empty()) return false;
    for (;;) {
      if (cells.size() == kMostColumns)
        return fail(format("line {}: more than {} columns", begun_, kMostColumns));
      auto cell = rest_.starts_with('"') ? quoted() : plain();
      if (!cell) return pass_on(cell);
      cells.push_back(std::move(*cell));
      if (rest_.starts_with(',')) {
        rest_.remove_prefix(1);
        continue;
      }
      if (rest_.starts_with('\r')) rest_.remove_prefix(1);
      if (rest_.empty()) return true;
      if (!rest_.starts_with('\n'))
        return fail(format("line {}: something stands behind a closing quote", line_));
      rest_.remove_prefix(1);
      ++line_;
      return true;
    }
  }

 private:
  Result<Cell> plain() {
    std::size_t end = std::min(rest_.find_first_of(",\n"), rest_.size());
    std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end);
    if (!rest_.starts_with(',') && text.ends_with('\r')) text.remove_suffix(1);
    if (text.contains('"'))
      return fail(format("line {}: a quote inside of a value that begins without one", line_));
    return Cell{std::string(text), false};
  }
  Result<Cell> quoted() {
    Cell cell{{}, true};
    const std::size_t from = line_;
    rest_.remove_prefix(1);
    for (;;) {
      const std::size_t end = rest_.find('"');
      if (end == std::string_view::npos) return fail(format("line {}: a quote is not closed", from));
      line_ += static_cast<std::size_t>(std::ranges::count(rest_.substr(0, end), '\n'));
      cell.text += rest_.substr(0, end);
      rest_.remove_prefix(end + 1);
      if (!rest_.starts_with('"')) return cell;
      cell.text += '"';
      rest_.remove_prefix(1);
    }
  }

  std::string_view rest_;
  std::size_t line_ = 1, begun_ = 1;
};

Result<std::shared_ptr<const LookupTable>> read_csv(Files& files, const LookupSettings& lookup) {
  // The text of a table is at most about four times the table: every value is a number of some digits.
  auto text = read_file(files, *lookup.path, 4 * lookup.max_size + 4096);
  if (!text) return pass_on(text);
  const auto in_file = [&](std::string what) {
    return fail(format("{}: {}", *lookup.path, std::move(what)));
  };
  if (const std::size_t valid = valid_utf8(*text); valid < text->size())
    return in_file(format("bytes that are no UTF-8, at byte {}", valid));
  CsvText csv(*text);
  std::vector<Cell> cells;
  auto header = csv.next(cells);
  if (!header) return in_file(header.error().message);
  if (!*header) return in_file("it is empty; its first line names the columns");
  std::vector<std::string> columns;
  for (const Cell& cell : cells) columns.push_back(cell.text);
  auto arrangement = Arrangement::make(lookup, columns);
  if (!arrangement) return in_file(arrangement.error().message);
  std::vector<FieldSetting::Type> types(columns.size(), FieldSetting::Type::text);
  for (const FieldSetting& field : lookup.fields)
    types[static_cast<std::size_t>(std::ranges::find(columns, field.name) - columns.begin())] = field.type;

  LookupTable::Builder builder(arrangement->columns(), lookup.key.size(), lookup.max_size);
  std::vector<Value> values;
  for (;;) {
    auto more = csv.next(cells);
    if (!more) return in_file(more.error().message);
    if (!*more) return builder.finish();
    if (cells.size() != columns.size())
      return in_file(
          format("line {}: {} values, and there are {} columns", csv.line(), cells.size(), columns.size()));
    values.clear();
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (cells[i].text.empty() && !cells[i].quoted) {
        values.push_back(Value::null());
        continue;
      }
      const auto value = typed_text(cells[i].text, columns[i], types[i], 0);
      if (!value) return in_file(format("line {}: {}", csv.line(), value.error().what));
      values.push_back(*value);
    }
    if (Status added = builder.add(arrangement->row(values)); !added)
      return in_file(format("line {}: {}", csv.line(), added.error().message));
  }
}

Result<std::shared_ptr<const LookupTable>> read_rows(SqliteOpener& sqlite, const LookupSettings& lookup) {
  auto database = sqlite.open(*lookup.path, {.read_only = true, .create = false});
  if (!database) return pass_on(database);
  auto statement = (*database)->prepare(*lookup.query);
  if (!statement) return pass_on(statement);
  const auto in_file = [&](std::string what) {
    return fail(format("{}: {}", *lookup.path, std::move(what)));
  };
  std::vector<std::string> columns;
  for (int i = 0; i < (*statement)->columns(); ++i) columns.emplace_back((*statement)->column_name(i));
  if (columns.empty()) return in_file("`query` gives no rows; write a SELECT");
  auto arrangement = Arrangement::make(lookup, columns);
  if (!arrangement) return in_file(arrangement.error().message);
  LookupTable::Builder builder(arrangement->columns(), lookup.key.size(), lookup.max_size);
  std::vector<Value> values;
  for (std::size_t row = 1;; ++row) {
    auto more = (*statement)->step();
    if (!more) return pass_on(more);
    if (!*more) return builder.finish();
    values.clear();
    for (int i = 0; i < (*statement)->columns(); ++i) values.push_back((*statement)->column(i));
    for (const Value& value : values)
      if (value.is_text() && valid_utf8(value.as_text()) < value.as_text().size())
        return in_file(format("row {}: bytes that are no UTF-8", row));
    if (Status added = builder.add(arrangement->row(values)); !added)
      return in_file(format("row {}: {}", row, added.error().message));
  }
}

}  // namespace

Result<std::shared_ptr<const LookupTable>> read_lookup(Files& files, SqliteOpener& sqlite,
                                                       const LookupSettings& lookup) {
  if (lookup.type == LookupSettings::Type::csv) return read_csv(files, lookup);
  return read_rows(sqlite, lookup);
}

}  // namespace tidemark
