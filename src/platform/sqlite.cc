#include "platform/sqlite.h"

#include <sqlite3.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/format.h"
#include "base/invariant.h"
#include "platform/sqlite_counted.h"
#include "platform/written_bytes.h"

namespace tidemark {
namespace {

// The statement in one line, cut after its first words.
std::string first_words(std::string_view sql) {
  constexpr std::size_t kLongest = 60;
  std::string words;
  for (const char c : sql) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!space)
      words.push_back(c);
    else if (!words.empty() && words.back() != ' ')
      words.push_back(' ');
    if (words.size() > kLongest) return words.substr(0, kLongest) + "…";
  }
  while (words.ends_with(' ')) words.pop_back();
  return words;
}

Error::Kind kind_of(int code, int system_error) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error::Kind::busy;
    case SQLITE_FULL:
      return Error::Kind::no_space;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Error::Kind::corrupt;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
      return Error::Kind::usage;
    case SQLITE_IOERR:
      return system_error == ENOSPC || system_error == EDQUOT ? Error::Kind::no_space : Error::Kind::failed;
    default:
      return Error::Kind::failed;
  }
}

// What the operator can do about it, where there is something.
std::string_view advice(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::busy:
      return "; another program holds a lock on the database, it will be tried again";
    case Error::Kind::no_space:
      return "; free space on that disk";
    case Error::Kind::corrupt:
      return "; the file is damaged: restore it from a copy or move it away";
    default:
      return "";
  }
}

// An open database, shared by the connection and its statements.
struct Database {
  sqlite3* handle = nullptr;
  std::string path;

  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() { sqlite3_close_v2(handle); }

  std::unexpected<Error> error(std::string_view doing, int code) const {
    const int system_error = handle ? sqlite3_system_errno(handle) : 0;
    const Error::Kind kind = kind_of(code, system_error);
    std::string text = handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
    if ((code & 0xff) == SQLITE_IOERR) {
      text += format(" (code {})", code);
      if (system_error != 0) text += format(" ({})", std::strerror(system_error));
    }
    return fail(format("sqlite {}: {}: {}{}", path, doing, text, advice(kind)), kind);
  }
};

class Statement final : public SqliteStatement {
 public:
  Statement(std::shared_ptr<Database> database, sqlite3_stmt* handle)
      : database_(std::move(database)), handle_(handle) {}
  ~Statement() override { sqlite3_finalize(handle_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  void bind(int parameter, const Value& value) override {
    switch (value.type()) {
      case Value::Type::null:
        return bound(sqlite3_bind_null(handle_, parameter));
      case Value::Type::boolean:
        return bound(sqlite3_bind_int(handle_, parameter, value.as_boolean() ? 1 : 0));
      case Value::Type::integer:
        return bound(sqlite3_bind_int64(handle_, parameter, value.as_integer()));
      case Value::Type::real:
        return bound(sqlite3_bind_double(handle_, parameter, value.as_real()));
      case Value::Type::text: {
        const std::string_view text = value.as_text();
        // A null pointer would bind NULL instead of the empty text.
        return bound(sqlite3_bind_text64(handle_, parameter, text.data() ? text.data() : "", text.size(),
                                         SQLITE_TRANSIENT, SQLITE_UTF8));
      }
    }
  }

  void bind_blob(int parameter, std::string_view bytes) override {
    bound(sqlite3_bind_blob64(handle_, parameter, bytes.data() ? bytes.data() : "", bytes.size(),
                              SQLITE_TRANSIENT));
  }

  Result<bool> step() override {
    const int refused = std::exchange(bind_error_, SQLITE_OK);
    const int code = refused != SQLITE_OK ? refused : sqlite3_step(handle_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
      sqlite3_reset(handle_);
      return false;
    }
    auto error = database_->error(first_words(sqlite3_sql(handle_)), code);
    sqlite3_reset(handle_);
    return error;
  }

  void reset() override {
    sqlite3_reset(handle_);
    bind_error_ = SQLITE_OK;
  }

  Value column(int index) override {
    switch (sqlite3_column_type(handle_, index)) {
      case SQLITE_INTEGER:
        return Value::integer(sqlite3_column_int64(handle_, index));
      case SQLITE_FLOAT:
        return Value::real(sqlite3_column_double(handle_, index));
      case SQLITE_NULL:
        return Value::null();
      default:
        return Value::text(column_blob(index));
    }
  }

  std::string_view column_blob(int index) override {
    const void* bytes = sqlite3_column_blob(handle_, index);
    const int size = sqlite3_column_bytes(handle_, index);
    if (!bytes) return {};
    return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
  }

  int columns() override { return sqlite3_column_count(handle_); }
  std::string column_name(int index) override {
    const char* const name = sqlite3_column_name(handle_, index);
    return name == nullptr ? std::string() : name;
  }

 private:
  void bound(int code) {
    invariant(code != SQLITE_RANGE, "a statement has the parameter that is bound");
    if (code != SQLITE_OK && bind_error_ == SQLITE_OK) bind_error_ = code;
  }

  std::shared_ptr<Database> database_;
  sqlite3_stmt* handle_;
  int bind_error_ = SQLITE_OK;  // reported by the next step()
};

class SqliteConnection final : public Sqlite {
 public:
  explicit SqliteConnection(std::shared_ptr<Database> database) : database_(std::move(database)) {}

  Status execute(const std::string& sql) override {
    std::string_view rest = sql;
    while (!rest.empty()) {
      Result<Prepared> prepared = compile(rest);
      if (!prepared) return pass_on(prepared);
      rest = prepared->rest;
      if (!prepared->statement) continue;
      for (;;) {
        Result<bool> row = prepared->statement->step();
        if (!row) return pass_on(row);
        if (!*row) break;
      }
    }
    return {};
  }

  Result<std::unique_ptr<SqliteStatement>> prepare(std::string_view sql) override {
    Result<Prepared> prepared = compile(sql);
    if (!prepared) return pass_on(prepared);
    if (!prepared->statement)
      return fail(format("sqlite {}: there is no statement to prepare", database_->path));
    return std::move(prepared->statement);
  }

  std::int64_t changes() override { return sqlite3_changes64(database_->handle); }

 private:
  struct Prepared {
    std::unique_ptr<SqliteStatement> statement;  // null for nothing but blanks and comments
    std::string_view rest;
  };

  Result<Prepared> compile(std::string_view sql) {
    sqlite3_stmt* handle = nullptr;
    const char* tail = nullptr;
    const int code =
        sqlite3_prepare_v2(database_->handle, sql.data(), static_cast<int>(sql.size()), &handle, &tail);
    if (code != SQLITE_OK) return database_->error(first_words(sql), code);
    Prepared prepared;
    if (handle) prepared.statement = std::make_unique<Statement>(database_, handle);
    prepared.rest = sql.substr(static_cast<std::size_t>(tail - sql.data()));
    return prepared;
  }

  std::shared_ptr<Database> database_;
};

// Runs a pragma and gives the one value it answers with.
Result<std::string> ask(Sqlite& connection, std::string_view pragma) {
  Result<std::unique_ptr<SqliteStatement>> statement = connection.prepare(pragma);
  if (!statement) return pass_on(statement);
  Result<bool> row = (*statement)->step();
  if (!row) return pass_on(row);
  if (!*row) return std::string();
  return std::string((*statement)->column_blob(0));
}

Status demand(Sqlite& connection, const std::string& path, const std::string& setting,
              std::string_view wanted, std::string_view answer) {
  // Setting one pragma answers with the mode, setting the other with nothing: each is read back by itself.
  if (Result<std::string> set = ask(connection, format("PRAGMA {} = {}", setting, wanted)); !set)
    return pass_on(set);
  Result<std::string> now = ask(connection, "PRAGMA " + setting);
  if (!now) return pass_on(now);
  if (*now == answer) return {};
  return fail(
      format("sqlite {}: PRAGMA {} = {} is not in force, it is \"{}\"; without it a power cut could take "
             "what was committed: put the database on a local file system",
             path, setting, wanted, *now));
}

class KernelFileOpener final : public SqliteOpener {
 public:
  explicit KernelFileOpener(std::string vfs) : vfs_(std::move(vfs)) {}
  explicit KernelFileOpener(WrittenBytes& written) : written_(&written) {
    for (std::size_t i = 0; i < kWrittenFor; ++i)
      counted_[i] = std::make_unique<CountedVfs>(written.counter(static_cast<WrittenFor>(i)));
  }

  Result<std::unique_ptr<Sqlite>> open(const std::string& path, const SqliteOptions& options) override {
    auto database = std::make_shared<Database>();
    database->path = path;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (options.read_only)
      flags |= SQLITE_OPEN_READONLY;
    else
      flags |= SQLITE_OPEN_READWRITE | (options.create ? SQLITE_OPEN_CREATE : 0);
    // "./" keeps names such as ":memory:" and "file:x" from meaning something else.
    const std::string name = path.starts_with('/') ? path : "./" + path;
    const std::string& vfs =
        written_ != nullptr ? counted_[static_cast<std::size_t>(written_->purpose(path))]->name() : vfs_;
    const int code =
        sqlite3_open_v2(name.c_str(), &database->handle, flags, vfs.empty() ? nullptr : vfs.c_str());
    if (code != SQLITE_OK) return cannot_open(*database, code, options);
    sqlite3_busy_timeout(database->handle, 0);

    auto connection = std::make_unique<SqliteConnection>(database);
    if (options.exclusive) {
      Status locked = demand(*connection, path, "locking_mode", "EXCLUSIVE", "exclusive");
      if (!locked) return pass_on(locked);
    }
    if (!options.read_only) {
      Status wal = demand(*connection, path, "journal_mode", "WAL", "wal");
      if (!wal) return pass_on(wal);
      Status full = demand(*connection, path, "synchronous", "FULL", "2");
      if (!full) return pass_on(full);
    }
    return connection;
  }

 private:
  static std::unexpected<Error> cannot_open(const Database& database, int code,
                                            const SqliteOptions& options) {
    auto error = database.error("open", code);
    const int system_error = database.handle ? sqlite3_system_errno(database.handle) : 0;
    const bool absent = system_error == 0 || system_error == ENOENT;
    const bool makes = options.create && !options.read_only;
    if ((code & 0xff) == SQLITE_CANTOPEN && !makes && absent)
      return fail(error.error().message, Error::Kind::not_found);
    return error;
  }

  std::string vfs_;
  WrittenBytes* written_ = nullptr;
  std::array<std::unique_ptr<CountedVfs>, kWrittenFor> counted_;  // one for each thing to write for
};

}  // namespace

std::unique_ptr<SqliteOpener> make_sqlite_opener(std::string vfs) {
  return std::make_unique<KernelFileOpener>(std::move(vfs));
}

std::unique_ptr<SqliteOpener> make_sqlite_opener(WrittenBytes& written) {
  return std::make_unique<KernelFileOpener>(written);
}

std::string_view sqlite_version() {
  return sqlite3_libversion();
}

}  // namespace tidemark
