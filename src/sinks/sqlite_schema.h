// The sqlite sink's view of one table: the statements that write it, and whether the table fits them.
//
// A table that is absent is made, with a UNIQUE over the identity columns for an upsert. A table that is
// there is the user's: it may have more columns and triggers, and must have ours and, for an upsert, a UNIQUE
// or PRIMARY KEY over exactly the identity columns.
//
// NULL in an identity column is a group of its own, but UNIQUE takes every NULL for another one, so that ON
// CONFLICT would never meet. A row with such a NULL is therefore written by an UPDATE that compares with IS,
// and by an INSERT when that met no row. The same holds when there is no identity column at all: the table
// then has one row. SQLite compares numbers by value: keys 1, 1.0 and true, which are three to Tidemark, are
// one row to an upsert.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "platform/sqlite.h"
#include "sinks/results.h"

namespace tidemark {

struct SqliteTable {
  struct Column {
    std::string name;
    std::string_view type;  // as declared; empty: keeps every value as it is
  };
  std::string name;
  std::vector<Column> columns;  // `_id` last, when asked for
  std::size_t identity = 0;     // the first so many
  bool upsert = false;
};
SqliteTable table_of(const ResultSchema& schema, const SinkSettings& settings);

// "a" -> "\"a\"".
std::string sql_name(std::string_view name);

std::string create_table_sql(const SqliteTable& table);
std::string insert_sql(const SqliteTable& table);
// Only when there are identity columns.
std::string upsert_sql(const SqliteTable& table);
// For rows whose identity has a NULL; the update is empty when there is nothing to update.
std::string update_null_sql(const SqliteTable& table);
std::string insert_null_sql(const SqliteTable& table);

// Makes the table, or looks whether it fits. The error names what is missing, and the statement that mends
// it.
Status ensure_table(Sqlite& database, const SqliteTable& table);

}  // namespace tidemark
