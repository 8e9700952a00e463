#include "sinks/sqlite_schema.h"

#include <algorithm>
#include <set>

#include "base/format.h"

namespace tidemark {
namespace {

std::string lower(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string with_pipeline(std::string_view pattern, std::string_view pipeline) {
  static constexpr std::string_view kPlace = "{pipeline}";
  std::string out(pattern);
  for (std::size_t at = out.find(kPlace); at != std::string::npos;
       at = out.find(kPlace, at + pipeline.size()))
    out.replace(at, kPlace.size(), pipeline);
  return out;
}

// "a", "b" of columns [from, to).
std::string name_list(const SqliteTable& table, std::size_t from, std::size_t to) {
  std::string out;
  for (std::size_t i = from; i < to; ++i) {
    if (i > from) out.append(", ");
    out.append(sql_name(table.columns[i].name));
  }
  return out;
}

std::string parameter_list(const SqliteTable& table) {
  std::string out;
  for (std::size_t i = 1; i <= table.columns.size(); ++i) {
    if (i > 1) out.append(", ");
    out.append(format("?{}", i));
  }
  return out;
}

std::string identity_condition(const SqliteTable& table) {
  std::string out;
  for (std::size_t i = 0; i < table.identity; ++i)
    out.append(format("{}{} IS ?{}", i == 0 ? " WHERE " : " AND ", sql_name(table.columns[i].name), i + 1));
  return out;
}

Result<std::set<std::string>> names_by(Sqlite& database, const std::string& sql, std::string_view parameter) {
  Result<std::unique_ptr<SqliteStatement>> statement = database.prepare(sql);
  if (!statement) return pass_on(statement);
  (*statement)->bind(1, Value::text(parameter));
  std::set<std::string> names;
  for (;;) {
    Result<bool> row = (*statement)->step();
    if (!row) return pass_on(row);
    if (!*row) return names;
    const Value name = (*statement)->column(0);
    names.insert(name.is_text() ? lower(name.as_text()) : std::string());  // the rowid has no name
  }
}

// Whether a UNIQUE index or the primary key covers exactly the identity columns.
Result<bool> identity_is_unique(Sqlite& database, const SqliteTable& table) {
  std::set<std::string> wanted;
  for (std::size_t i = 0; i < table.identity; ++i) wanted.insert(lower(table.columns[i].name));
  Result<std::set<std::string>> primary =
      names_by(database, "SELECT name FROM pragma_table_info(?1) WHERE pk > 0", table.name);
  if (!primary) return pass_on(primary);
  if (*primary == wanted) return true;
  Result<std::set<std::string>> indexes = names_by(
      database, "SELECT name FROM pragma_index_list(?1) WHERE \"unique\" = 1 AND partial = 0", table.name);
  if (!indexes) return pass_on(indexes);
  for (const std::string& index : *indexes) {
    Result<std::set<std::string>> columns =
        names_by(database, "SELECT name FROM pragma_index_info(?1)", index);
    if (!columns) return pass_on(columns);
    if (*columns == wanted) return true;
  }
  return false;
}

Status fits(Sqlite& database, const SqliteTable& table, const std::set<std::string>& present) {
  std::string missing;
  for (const SqliteTable::Column& column : table.columns) {
    if (present.contains(lower(column.name))) continue;
    missing.append(missing.empty() ? "" : ", ").append(sql_name(column.name));
  }
  if (!missing.empty())
    return fail(
        format("table {} has no column {}; add what is missing (ALTER TABLE … ADD COLUMN), or name another "
               "table",
               sql_name(table.name), missing),
        Error::Kind::usage);
  if (!table.upsert || table.identity == 0) return {};
  Result<bool> unique = identity_is_unique(database, table);
  if (!unique) return pass_on(unique);
  if (*unique) return {};
  const std::string columns = name_list(table, 0, table.identity);
  return fail(
      format("table {} has no UNIQUE over ({}), which mode = \"upsert\" needs; create it with: CREATE UNIQUE "
             "INDEX {} ON {} ({});",
             sql_name(table.name), columns, sql_name(table.name + "_identity"), sql_name(table.name),
             columns),
      Error::Kind::usage);
}

}  // namespace

SqliteTable table_of(const ResultSchema& schema, const SinkSettings& settings) {
  SqliteTable table;
  table.name = with_pipeline(settings.table.value, schema.pipeline);
  const std::string_view time_type = settings.timestamps == TimestampFormat::rfc3339 ? "TEXT" : "INTEGER";
  for (const ResultColumn& column : schema.columns)
    table.columns.push_back({column.name, column.kind == ResultColumn::Kind::time ? time_type : ""});
  if (settings.ids) table.columns.push_back({"_id", "TEXT"});
  table.identity = schema.identity;
  table.upsert = settings.upsert;
  return table;
}

std::string sql_name(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

std::string create_table_sql(const SqliteTable& table) {
  std::string sql = format("CREATE TABLE IF NOT EXISTS {} (", sql_name(table.name));
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (i > 0) sql.append(", ");
    sql.append(sql_name(table.columns[i].name));
    if (!table.columns[i].type.empty()) sql.append(" ").append(table.columns[i].type);
  }
  if (table.upsert && table.identity > 0)
    sql.append(format(", UNIQUE ({})", name_list(table, 0, table.identity)));
  return sql.append(")");
}

std::string insert_sql(const SqliteTable& table) {
  return format("INSERT INTO {} ({}) VALUES ({})", sql_name(table.name),
                name_list(table, 0, table.columns.size()), parameter_list(table));
}

std::string upsert_sql(const SqliteTable& table) {
  std::string sql = format("{} ON CONFLICT ({}) DO ", insert_sql(table), name_list(table, 0, table.identity));
  if (table.identity == table.columns.size()) return sql.append("NOTHING");
  sql.append("UPDATE SET ");
  for (std::size_t i = table.identity; i < table.columns.size(); ++i) {
    const std::string name = sql_name(table.columns[i].name);
    sql.append(format("{}{} = excluded.{}", i == table.identity ? "" : ", ", name, name));
  }
  return sql;
}

std::string update_null_sql(const SqliteTable& table) {
  if (table.identity == table.columns.size()) return {};
  std::string sql = format("UPDATE {} SET ", sql_name(table.name));
  for (std::size_t i = table.identity; i < table.columns.size(); ++i)
    sql.append(format("{}{} = ?{}", i == table.identity ? "" : ", ", sql_name(table.columns[i].name), i + 1));
  return sql.append(identity_condition(table));
}

std::string insert_null_sql(const SqliteTable& table) {
  return format("INSERT INTO {0} ({1}) SELECT {2} WHERE NOT EXISTS (SELECT 1 FROM {0}{3})",
                sql_name(table.name), name_list(table, 0, table.columns.size()), parameter_list(table),
                identity_condition(table));
}

Status ensure_table(Sqlite& database, const SqliteTable& table) {
  Status made = database.execute(create_table_sql(table));
  if (!made) return made;
  Result<std::set<std::string>> present =
      names_by(database, "SELECT name FROM pragma_table_info(?1)", table.name);
  if (!present) return pass_on(present);
  return fits(database, table, *present);
}

}  // namespace tidemark
