#include "app/state_export.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/format.h"
#include "base/json.h"
#include "base/times.h"
#include "pipeline/stored_state.h"
#include "platform/files.h"
#include "platform/posix_files.h"
#include "platform/sqlite.h"

namespace tidemark {
namespace {

// The file under its temporary name, until it is whole.
class Partial {
 public:
  explicit Partial(std::string path) : path_(std::move(path)), partial_(path_ + ".partial") { remove(); }
  ~Partial() {
    if (!done_) remove();
  }
  Partial(const Partial&) = delete;
  Partial& operator=(const Partial&) = delete;
  const std::string& name() const { return partial_; }
  Status become_whole(Files& files) {
    if (Status renamed = files.rename(partial_, path_); !renamed) return renamed;
    done_ = true;
    return files.sync_directory(parent_path(path_));
  }

 private:
  void remove() {
    std::error_code gone;
    for (const char* suffix : {"", "-wal", "-shm", "-journal"})
      std::filesystem::remove(partial_ + suffix, gone);
  }
  std::string path_, partial_;
  bool done_ = false;
};

class TextWriter final : public StateWriter {
 public:
  TextWriter(const std::string& path, bool csv, bool named)
      : files_(make_posix_files()), partial_(path), csv_(csv), named_(named) {}

  Status begin(const std::string& pipeline, const std::vector<StateColumn>& columns) override {
    pipeline_ = pipeline;
    columns_ = columns;
    if (!file_) {
      auto opened = files_->open(partial_.name(), Files::Open::create_new);
      if (!opened) return pass_on(opened);
      file_ = std::move(*opened);
    }
    if (csv_) waiting_ += state_csv_header(columns_);
    return {};
  }

  Status row(std::span<const Value> row) override {
    if (csv_) {
      waiting_ += state_csv_line(columns_, row);
    } else {
      std::string object = state_row_json(columns_, row);
      if (named_) {
        JsonWriter name;
        name.text(pipeline_);
        object = format("{{\"pipeline\":{}{}{}", name.take(), object == "{}" ? "" : ",", object.substr(1));
      }
      waiting_ += object + "\n";
    }
    return waiting_.size() < kBlock ? Status() : flush();
  }

  Status finish() override {
    if (!file_) {
      auto opened = files_->open(partial_.name(), Files::Open::create_new);
      if (!opened) return pass_on(opened);
      file_ = std::move(*opened);
    }
    if (Status flushed = flush(); !flushed) return flushed;
    if (Status synced = file_->sync(); !synced) return synced;
    return partial_.become_whole(*files_);
  }

 private:
  static constexpr std::size_t kBlock = 256u << 10;
  Status flush() {
    if (Status written = file_->write_at(offset_, waiting_); !written) return written;
    offset_ += waiting_.size();
    waiting_.clear();
    return {};
  }

  std::unique_ptr<Files> files_;
  Partial partial_;
  bool csv_, named_;
  std::string pipeline_;
  std::vector<StateColumn> columns_;
  std::unique_ptr<File> file_;
  std::uint64_t offset_ = 0;
  std::string waiting_;
};

std::string sql_name(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    out.push_back(c);
    if (c == '"') out.push_back('"');
  }
  return out + '"';
}

class SqliteWriter final : public StateWriter {
 public:
  explicit SqliteWriter(const std::string& path)
      : files_(make_posix_files()), opener_(make_sqlite_opener()), partial_(path) {}

  Status begin(const std::string& pipeline, const std::vector<StateColumn>& columns) override {
    if (Status opened = open(); !opened) return opened;
    insert_.reset();
    columns_ = columns;
    std::string names, places;
    for (const StateColumn& column : columns) {
      names += (names.empty() ? "" : ", ") + sql_name(column.name);
      places += places.empty() ? "?" : ", ?";
    }
    if (Status made = database_->execute(format("CREATE TABLE {} ({})", sql_name(pipeline), names)); !made)
      return made;
    auto insert = database_->prepare(format("INSERT INTO {} VALUES ({})", sql_name(pipeline), places));
    if (!insert) return pass_on(insert);
    insert_ = std::move(*insert);
    return {};
  }

  Status row(std::span<const Value> row) override {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const int parameter = static_cast<int>(i) + 1;
      if (columns_[i].kind == StateColumn::Kind::time) {
        const std::string time = to_rfc3339(row[i].as_integer());
        insert_->bind(parameter, Value::text(time));
      } else {
        insert_->bind(parameter, row[i]);
      }
    }
    Result<bool> done = insert_->step();
    if (!done) return pass_on(done);
    return {};
  }

  Status finish() override {
    if (Status opened = open(); !opened) return opened;
    insert_.reset();
    // Without a -wal file beside it: it is to be carried away.
    if (Status done = database_->execute("COMMIT; PRAGMA journal_mode = DELETE"); !done) return done;
    database_.reset();
    return partial_.become_whole(*files_);
  }

 private:
  Status open() {
    if (database_) return {};
    auto opened = opener_->open(partial_.name(), {.exclusive = true});
    if (!opened) return pass_on(opened);
    database_ = std::move(*opened);
    return database_->execute("BEGIN");
  }

  std::unique_ptr<Files> files_;
  std::unique_ptr<SqliteOpener> opener_;
  Partial partial_;
  std::unique_ptr<Sqlite> database_;
  std::unique_ptr<SqliteStatement> insert_;
  std::vector<StateColumn> columns_;
};

}  // namespace

Result<std::unique_ptr<StateWriter>> make_state_writer(const std::string& path, bool replace,
                                                       std::size_t pipelines) {
  const auto ends = [&](std::string_view ending) { return path.ends_with(ending); };
  std::error_code error;
  if (!replace && std::filesystem::exists(path, error))
    return fail(format("{} exists; --force replaces it", path), Error::Kind::usage);
  if (ends(".csv") && pipelines > 1)
    return fail(
        "a csv file holds one table; name one pipeline with --pipeline, or write to .jsonl or .sqlite",
        Error::Kind::usage);
  if (ends(".csv")) return std::make_unique<TextWriter>(path, true, false);
  if (ends(".jsonl")) return std::make_unique<TextWriter>(path, false, pipelines > 1);
  if (ends(".sqlite") || ends(".db")) return std::make_unique<SqliteWriter>(path);
  return fail(format("--to {}: the ending says what is written: .sqlite (or .db), .csv, .jsonl", path),
              Error::Kind::usage);
}

}  // namespace tidemark
