// SqliteRows writes results into tables, each exactly once: rows and the last number of each channel in one
// transaction.
//
// The numbers stand in table `_tidemark` (FORMAT.md), a row for each table and channel, because one pipeline
// may go to two tables of one database. A batch that is given again after a commit whose outcome is unknown
// finds its numbers there and skips what it has. With on_reject = "dead-letter" a row that its table rejects
// goes with the reason into table `_tidemark_rejected`, in the same transaction; so it stands there exactly
// once. Threads: one at a time (the bulk lane); calls block. Lifetime: settings and schemas outlive it.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "platform/sqlite.h"
#include "sinks/results.h"
#include "sinks/sqlite_connections.h"
#include "sinks/sqlite_schema.h"

namespace tidemark {

class SqliteRows final : public SqliteConnections::Holder {
 public:
  SqliteRows(std::shared_ptr<SqliteConnections> connections, const SinkSettings& settings, bool remembers,
             std::string id_prefix, std::vector<const ResultSchema*> schemas);
  ~SqliteRows() override;

  // Opens the database, makes or checks the tables, and reads what they hold.
  Result<Holdings> open();
  // Rejected: Error::usage, when the table refuses a row and such rows are not kept; the message names the
  // row.
  Status append(std::span<const ResultView> rows);
  std::vector<std::string> take_reports() { return std::exchange(reports_, {}); }
  struct Rejected {
    std::uint64_t rows = 0;
    std::string why = {};  // of the last one
  };
  Rejected take_rejected() { return std::exchange(rejected_, {}); }

 private:
  struct Target;  // a table and its statements

  void let_go() override;
  Status connect();
  Status prepare_marks();
  Status prepare(std::size_t index);
  Status write_in_transaction(std::span<const ResultView> rows);
  Status write_all(std::span<const ResultView> rows);
  Status write_row(Target& target, const ResultView& row);
  Status write_or_keep(Target& target, const ResultView& row);
  Status keep_rejected(Target& target, const ResultView& row, const std::string& why);
  Status rejected(const Target& target, const ResultView& row, const Error& error) const;
  Result<ResultNumber> held(const Target& target, const ChannelId& channel);
  Status mark(const Target& target, const ChannelId& channel, const ChannelMark& mark);
  void bind(SqliteStatement& statement, const ResultView& row);
  Target& target_of(const ResultSchema& schema);

  std::shared_ptr<SqliteConnections> connections_;
  const SinkSettings& settings_;
  bool remembers_;
  std::string id_prefix_;
  std::vector<const ResultSchema*> schemas_;
  std::shared_ptr<Sqlite> database_;  // outlives the statements below
  bool had_database_ = false;
  std::unique_ptr<SqliteStatement> read_mark_;
  std::unique_ptr<SqliteStatement> write_mark_;
  std::vector<std::unique_ptr<Target>> targets_;  // one a schema
  std::vector<std::string> reports_;
  bool row_by_row_ = false;  // this batch: a row of it is rejected
  Rejected rejected_;
  std::string scratch_;
};

}  // namespace tidemark
