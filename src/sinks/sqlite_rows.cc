#include "sinks/sqlite_rows.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "base/format.h"
#include "base/invariant.h"
#include "sinks/row_text.h"
#include "sinks/sink.h"

namespace tidemark {
namespace {

constexpr std::string_view kCreateMarks =
    "CREATE TABLE IF NOT EXISTS _tidemark (\"table\" TEXT NOT NULL, channel TEXT NOT NULL, number INTEGER "
    "NOT NULL, "
    "chain INTEGER NOT NULL, PRIMARY KEY (\"table\", channel)) WITHOUT ROWID";
constexpr std::string_view kReadMark = "SELECT number FROM _tidemark WHERE \"table\" = ?1 AND channel = ?2";
constexpr std::string_view kReadMarks = "SELECT channel, number, chain FROM _tidemark WHERE \"table\" = ?1";
constexpr std::string_view kWriteMark =
    "INSERT INTO _tidemark (\"table\", channel, number, chain) VALUES (?1, ?2, ?3, ?4) "
    "ON CONFLICT (\"table\", channel) DO UPDATE SET number = excluded.number, chain = excluded.chain";

constexpr std::string_view kCreateRejected =
    "CREATE TABLE IF NOT EXISTS _tidemark_rejected (\"table\" TEXT NOT NULL, channel TEXT NOT NULL, number "
    "INTEGER NOT NULL, reason TEXT NOT NULL, result TEXT NOT NULL)";
constexpr std::string_view kKeepRejected =
    "INSERT INTO _tidemark_rejected (\"table\", channel, number, reason, result) VALUES (?1, ?2, ?3, ?4, ?5)";

// Integers of SQLite are signed; the bits are kept.
Value bits(std::uint64_t v) {
  return Value::integer(std::bit_cast<std::int64_t>(v));
}
std::uint64_t from_bits(const Value& v) {
  return std::bit_cast<std::uint64_t>(v.as_integer());
}

Status run(SqliteStatement& statement) {
  Result<bool> row = statement.step();
  if (row) return {};
  statement.reset();
  return pass_on(row);
}

}  // namespace

struct SqliteRows::Target {
  const ResultSchema* schema = nullptr;
  SqliteTable table;
  std::unique_ptr<SqliteStatement> write;        // insert, or upsert of a whole identity
  std::unique_ptr<SqliteStatement> update_null;  // upsert of an identity with NULL
  std::unique_ptr<SqliteStatement> insert_null;
};

SqliteRows::SqliteRows(std::shared_ptr<SqliteConnections> connections, const SinkSettings& settings,
                       bool remembers, std::string id_prefix, std::vector<const ResultSchema*> schemas)
    : connections_(std::move(connections)),
      settings_(settings),
      remembers_(remembers),
      id_prefix_(std::move(id_prefix)),
      schemas_(std::move(schemas)) {}

SqliteRows::~SqliteRows() {
  connections_->forget(*this);
}

void SqliteRows::let_go() {
  targets_.clear();
  read_mark_.reset();
  write_mark_.reset();
  database_.reset();
}

Result<Holdings> SqliteRows::open() {
  Status connected = connect();
  if (!connected) return pass_on(connected);
  Holdings holdings;
  if (!remembers_) return holdings;
  std::vector<std::string> tables;
  for (const auto& target : targets_) tables.push_back(target->table.name);
  std::sort(tables.begin(), tables.end());
  tables.erase(std::unique(tables.begin(), tables.end()), tables.end());
  Result<std::unique_ptr<SqliteStatement>> read = database_->prepare(kReadMarks);
  if (!read) return pass_on(read);
  for (const std::string& table : tables) {
    (*read)->bind(1, Value::text(table));
    for (;;) {
      Result<bool> row = (*read)->step();
      if (!row) return pass_on(row);
      if (!*row) break;
      Result<ChannelId> channel = parse_channel((*read)->column(0).as_text());
      if (!channel) return pass_on(channel, format("table _tidemark of {}", settings_.path.value));
      const ChannelMark mark{ResultNumber{from_bits((*read)->column(1))}, from_bits((*read)->column(2))};
      ChannelMark& known = holdings[*channel];
      if (known.number <= mark.number) known = mark;
    }
  }
  return holdings;
}

// Another connection than before means another database under the same name: everything is looked at anew.
Status SqliteRows::connect() {
  Result<std::shared_ptr<Sqlite>> connection = connections_->get(settings_.path.value, *this);
  if (!connection) return pass_on(connection);
  if (*connection == database_) return {};
  if (had_database_)
    reports_.push_back(
        format("{} was replaced or removed while it was written to: rows go on in the new one, which may "
               "lack earlier ones",
               settings_.path.value));
  let_go();
  had_database_ = false;
  database_ = std::move(*connection);
  Status prepared = prepare_marks();
  for (std::size_t i = 0; prepared && i < schemas_.size(); ++i) prepared = prepare(i);
  if (!prepared) {
    let_go();
    return prepared;
  }
  had_database_ = true;
  return {};
}

Status SqliteRows::prepare_marks() {
  if (!remembers_) return {};
  Status made = database_->execute(std::string(kCreateMarks));
  if (!made) return made;
  for (const auto& [statement, sql] :
       {std::pair(&read_mark_, kReadMark), std::pair(&write_mark_, kWriteMark)}) {
    Result<std::unique_ptr<SqliteStatement>> prepared = database_->prepare(sql);
    if (!prepared) return pass_on(prepared);
    *statement = std::move(*prepared);
  }
  return {};
}

Status SqliteRows::prepare(std::size_t index) {
  auto target = std::make_unique<Target>();
  target->schema = schemas_[index];
  target->table = table_of(*schemas_[index], settings_);
  Status fits = ensure_table(*database_, target->table);
  if (!fits) return pass_on(fits, settings_.path.value);
  const auto prepare_one = [&](std::unique_ptr<SqliteStatement>& statement,
                               const std::string& sql) -> Status {
    if (sql.empty()) return {};
    Result<std::unique_ptr<SqliteStatement>> prepared = database_->prepare(sql);
    if (!prepared) return pass_on(prepared);
    statement = std::move(*prepared);
    return {};
  };
  const SqliteTable& table = target->table;
  Status done;
  if (!table.upsert) {
    done = prepare_one(target->write, insert_sql(table));
  } else {
    if (table.identity > 0) done = prepare_one(target->write, upsert_sql(table));
    if (done) done = prepare_one(target->update_null, update_null_sql(table));
    if (done) done = prepare_one(target->insert_null, insert_null_sql(table));
  }
  if (!done) return done;
  targets_.push_back(std::move(target));
  return {};
}

Status SqliteRows::append(std::span<const ResultView> rows) {
  Status connected = connect();
  if (!connected) return connected;
  row_by_row_ = false;
  rejected_ = {};
  Status written = write_in_transaction(rows);
  if (written || written.error().kind != Error::Kind::usage || !settings_.keep_rejected) return written;
  row_by_row_ = true;
  written = write_in_transaction(rows);
  if (!written) rejected_ = {};
  return written;
}

Status SqliteRows::write_in_transaction(std::span<const ResultView> rows) {
  Status begun = database_->execute("BEGIN IMMEDIATE");
  if (!begun) return begun;
  Status written = write_all(rows);
  if (written) written = database_->execute("COMMIT");
  if (written) return {};
  // Of no interest when it fails: SQLite has rolled back by itself then, and the next BEGIN says otherwise.
  const Status back = database_->execute("ROLLBACK");
  static_cast<void>(back);
  return written;
}

Status SqliteRows::write_or_keep(Target& target, const ResultView& row) {
  if (!row_by_row_) return write_row(target, row);
  if (Status begun = database_->execute("SAVEPOINT one_row"); !begun) return begun;
  Status written = write_row(target, row);
  if (!written && written.error().kind == Error::Kind::usage) {
    const std::string why = written.error().message;
    written = database_->execute("ROLLBACK TO one_row");
    if (written) written = keep_rejected(target, row, why);
  }
  if (!written) return written;
  return database_->execute("RELEASE one_row");
}

Status SqliteRows::keep_rejected(Target& target, const ResultView& row, const std::string& why) {
  if (Status made = database_->execute(std::string(kCreateRejected)); !made) return made;
  Result<std::unique_ptr<SqliteStatement>> keep = database_->prepare(kKeepRejected);
  if (!keep) return pass_on(keep);
  RowText text({.format = FormatSettings::Type::json,
                .timestamps = settings_.timestamps,
                .ids = settings_.ids,
                .id_prefix = id_prefix_});
  const std::string channel = to_text(row.channel()), object = text.object(row);
  (*keep)->bind(1, Value::text(target.table.name));
  (*keep)->bind(2, Value::text(channel));
  (*keep)->bind(3, bits(row.number.value));
  (*keep)->bind(4, Value::text(why));
  (*keep)->bind(5, Value::text(object));
  ++rejected_.rows;
  rejected_.why = why;
  return run(**keep);
}

Status SqliteRows::write_all(std::span<const ResultView> rows) {
  struct Progress {
    const ChannelId* channel;
    Target* target;
    ResultNumber held;
    ChannelMark last;
  };
  std::vector<Progress> channels;  // few
  Progress* current = nullptr;
  for (const ResultView& row : rows) {
    if (current == nullptr || current->channel != &row.channel()) {
      const auto known = std::find_if(channels.begin(), channels.end(),
                                      [&](const Progress& p) { return p.channel == &row.channel(); });
      if (known != channels.end()) {
        current = &*known;
      } else {
        Target& target = target_of(*row.schema);
        Result<ResultNumber> number = held(target, row.channel());
        if (!number) return pass_on(number);
        current = &channels.emplace_back(Progress{&row.channel(), &target, *number, {}});
      }
    }
    if (remembers_ && row.number <= current->held) continue;
    Status written = write_or_keep(*current->target, row);
    if (!written) return written;
    current->last = ChannelMark{row.number, row.chain};
  }
  if (!remembers_) return {};
  for (const Progress& channel : channels) {
    if (channel.last.number == ResultNumber{}) continue;
    Status marked = mark(*channel.target, *channel.channel, channel.last);
    if (!marked) return marked;
  }
  return {};
}

Status SqliteRows::write_row(Target& target, const ResultView& row) {
  const auto identity = row.values.first(target.table.identity);
  const bool whole =
      !target.table.upsert || (!identity.empty() && std::none_of(identity.begin(), identity.end(),
                                                                 [](const Value& v) { return v.is_null(); }));
  Status done;
  if (whole) {
    bind(*target.write, row);
    done = run(*target.write);
  } else {
    bool met = false;
    if (target.update_null) {
      bind(*target.update_null, row);
      done = run(*target.update_null);
      met = done && database_->changes() > 0;
    }
    if (done && !met) {
      bind(*target.insert_null, row);
      done = run(*target.insert_null);
    }
  }
  if (done) return done;
  return done.error().kind == Error::Kind::usage ? rejected(target, row, done.error()) : done;
}

Status SqliteRows::rejected(const Target& target, const ResultView& row, const Error& error) const {
  std::string which;
  for (std::size_t i = 0; i < row.schema->identity; ++i)
    which.append(
        format("{}{} = {}", i == 0 ? "" : ", ", row.schema->columns[i].name, to_text(row.values[i])));
  return fail(format("write result {} ({}) to table {}: {}", row.number.value, which,
                     sql_name(target.table.name), error.message),
              Error::Kind::usage);
}

Result<ResultNumber> SqliteRows::held(const Target& target, const ChannelId& channel) {
  if (!remembers_) return ResultNumber{};
  read_mark_->bind(1, Value::text(target.table.name));
  const std::string name = to_text(channel);
  read_mark_->bind(2, Value::text(name));
  Result<bool> row = read_mark_->step();
  if (!row) {
    read_mark_->reset();
    return pass_on(row);
  }
  const ResultNumber number{*row ? from_bits(read_mark_->column(0)) : 0};
  read_mark_->reset();
  return number;
}

Status SqliteRows::mark(const Target& target, const ChannelId& channel, const ChannelMark& mark) {
  const std::string name = to_text(channel);
  write_mark_->bind(1, Value::text(target.table.name));
  write_mark_->bind(2, Value::text(name));
  write_mark_->bind(3, bits(mark.number.value));
  write_mark_->bind(4, bits(mark.chain));
  return run(*write_mark_);
}

void SqliteRows::bind(SqliteStatement& statement, const ResultView& row) {
  int parameter = 1;
  for (std::size_t i = 0; i < row.values.size(); ++i) {
    const bool is_time = row.schema->columns[i].kind == ResultColumn::Kind::time;
    statement.bind(parameter++,
                   is_time ? shown_time(row.values[i], settings_.timestamps, scratch_) : row.values[i]);
  }
  if (!settings_.ids) return;
  const std::string id = result_id(id_prefix_, row);
  statement.bind(parameter, Value::text(id));
}

SqliteRows::Target& SqliteRows::target_of(const ResultSchema& schema) {
  for (const auto& target : targets_) {
    if (target->schema == &schema) return *target;
  }
  invariant_broken("a result of a schema that the sink was not opened with", std::source_location::current());
}

}  // namespace tidemark
