#include "checkpoint/sqlite_store.h"

#include <optional>
#include <set>
#include <utility>

#include "base/disk_format.h"
#include "base/format.h"
#include "checkpoint/retention.h"
#include "checkpoint/segment.h"

namespace tidemark {

namespace {

constexpr FormatTag kTag{{'T', 'M', 'C', 'D'}, 1, 0, 1, 0};
constexpr std::size_t kChunk = 1 << 20;

constexpr const char* kSchema =
    "CREATE TABLE format (tag BLOB NOT NULL);"
    "CREATE TABLE manifests (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"
    "CREATE TABLE chunks (segment TEXT NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL,"
    " PRIMARY KEY (segment, number));";

using Statement = std::unique_ptr<SqliteStatement>;

Value number(std::uint64_t n) {
  return Value::integer(static_cast<std::int64_t>(n));
}

// Runs a statement that returns nothing.
Status run(SqliteStatement& statement) {
  Result<bool> row = statement.step();
  if (!row) return pass_on(row);
  return {};
}

// Everything that `work` does becomes durable at once, or nothing of it happens.
template <class Work>
Status in_transaction(Sqlite& database, Work work) {
  if (Status begun = database.execute("BEGIN IMMEDIATE"); !begun) return begun;
  Status done = work();
  if (done) done = database.execute("COMMIT");
  // SQLite may have rolled back by itself; then this one fails, and rightly.
  if (!done) static_cast<void>(database.execute("ROLLBACK"));
  return done;
}

class SqliteSegmentWriter final : public SegmentWriter {
 public:
  SqliteSegmentWriter(std::shared_ptr<Sqlite> database, Statement insert, SegmentReference reference,
                      std::string header)
      : database_(std::move(database)),
        insert_(std::move(insert)),
        reference_(std::move(reference)),
        waiting_(std::move(header)) {
    checksum_.add(waiting_);
  }

  Status append(std::string_view rows, std::uint64_t row_count) override {
    const std::string block = encode_segment_block(rows, row_count);
    checksum_.add(block);
    waiting_ += block;
    reference_.rows += row_count;
    return write();
  }

  Result<SegmentReference> finish() override {
    if (Status written = write(); !written) return pass_on(written);
    reference_.checksum = checksum_.value();
    return reference_;
  }

 private:
  Status write() {
    if (failed_) return fail(format("segment {}: an earlier write failed", reference_.name));
    std::string_view rest = waiting_;
    while (!rest.empty()) {
      const std::string_view chunk = rest.substr(0, kChunk);
      insert_->bind(1, Value::text(reference_.name));
      insert_->bind(2, number(chunks_));
      insert_->bind_blob(3, chunk);
      if (Status inserted = run(*insert_); !inserted) {
        failed_ = true;
        return inserted;
      }
      ++chunks_;
      reference_.bytes += chunk.size();
      rest.remove_prefix(chunk.size());
    }
    waiting_.clear();
    return {};
  }

  std::shared_ptr<Sqlite> database_;
  Statement insert_;
  SegmentReference reference_;
  SegmentChecksum checksum_;
  std::string waiting_;
  std::uint64_t chunks_ = 0;
  bool failed_ = false;
};

class SqliteStore final : public CheckpointStore {
 public:
  // Without a database the store is empty and read only.
  SqliteStore(std::shared_ptr<Sqlite> database, std::string path)
      : database_(std::move(database)), path_(std::move(path)) {}

  // Makes the tables when there are none, and sees that this program reads the ones that there are.
  Status prepare() {
    Result<bool> made = any("SELECT 1 FROM sqlite_master WHERE name = 'format'");
    if (!made) return pass_on(made);
    if (!*made) {
      Encoder tag;
      put_tag(tag, kTag);
      return in_transaction(*database_, [&]() -> Status {
        if (Status created = database_->execute(kSchema); !created) return created;
        Result<Statement> insert = database_->prepare("INSERT INTO format VALUES (?)");
        if (!insert) return pass_on(insert);
        (*insert)->bind_blob(1, tag.view());
        return run(**insert);
      });
    }
    Result<Statement> select = database_->prepare("SELECT tag FROM format");
    if (!select) return pass_on(select);
    Result<bool> row = (*select)->step();
    if (!row) return pass_on(row);
    Decoder in(*row ? (*select)->column_blob(0) : std::string_view());
    const FormatTag tag = take_tag(in);
    if (in.failed()) return fail(format("{}: has no format tag", path_), Error::Kind::corrupt);
    return check_tag(tag, kTag, path_);
  }

  // What is seen here may so far be in the page cache only: a program that was killed within a commit left
  // frames in the WAL that were never synced. Moving them into the database syncs both.
  Status make_durable(Files& files, const std::string& data_dir) {
    if (Status moved = database_->execute("PRAGMA wal_checkpoint(FULL)"); !moved) return moved;
    return files.sync_directory(data_dir);
  }

  Result<std::vector<CheckpointId>> list() override {
    std::vector<CheckpointId> ids;
    if (!database_) return ids;
    Result<Statement> select = database_->prepare("SELECT id FROM manifests ORDER BY id");
    if (!select) return pass_on(select);
    while (true) {
      Result<bool> row = (*select)->step();
      if (!row) return pass_on(row);
      if (!*row) return ids;
      ids.push_back(CheckpointId{static_cast<std::uint64_t>((*select)->column(0).as_integer())});
    }
  }

  Result<Manifest> read_manifest(CheckpointId id) override {
    const auto none = [&] { return fail(format("there is no {}", to_text(id)), Error::Kind::not_found); };
    if (!database_) return none();
    Result<Statement> select = database_->prepare("SELECT bytes FROM manifests WHERE id = ?");
    if (!select) return pass_on(select);
    (*select)->bind(1, number(id.value));
    Result<bool> row = (*select)->step();
    if (!row) return unreadable(id, row.error());
    if (!*row) return none();
    const std::string where = format("{} row {}", path_, to_text(id));
    Result<Manifest> manifest = decode_manifest((*select)->column_blob(0), where);
    if (manifest && manifest->id != id)
      return fail(format("{}: is the manifest of {}; this checkpoint cannot be restored", where,
                         to_text(manifest->id)),
                  Error::Kind::corrupt);
    return manifest;
  }

  Result<std::unique_ptr<SegmentWriter>> create_segment(CheckpointId, const Lineage& lineage,
                                                        std::string name, std::string owner) override {
    if (Status free = free_name(name); !free) return pass_on(free);
    Result<Statement> insert = database_->prepare("INSERT INTO chunks VALUES (?, ?, ?)");
    if (!insert) return pass_on(insert);
    std::string header = encode_segment_header(lineage, name, owner);
    SegmentReference reference;
    reference.name = std::move(name);
    reference.owner = std::move(owner);
    return std::make_unique<SqliteSegmentWriter>(database_, std::move(*insert), std::move(reference),
                                                 std::move(header));
  }

  Status read_segment(const Manifest& manifest, const SegmentReference& reference,
                      const SegmentDecoder::Block& block) override {
    const std::string where = format("{}: {}", path_, to_text(manifest.id));
    Result<Statement> select =
        database_->prepare("SELECT bytes FROM chunks WHERE segment = ? ORDER BY number");
    if (!select) return pass_on(select);
    (*select)->bind(1, Value::text(reference.name));
    SegmentDecoder decoder(reference, manifest.lineage, block);
    while (true) {
      Result<bool> row = (*select)->step();
      if (!row) return unreadable(manifest.id, row.error());
      if (!*row) break;
      if (Status fed = decoder.feed((*select)->column_blob(0)); !fed) return pass_on(fed, where);
    }
    Status finished = decoder.finish();
    if (!finished) return pass_on(finished, where);
    return {};
  }

  Status commit(const Manifest& manifest) override {
    return in_transaction(*database_, [&]() -> Status {
      if (Status there = segments_are_there(manifest); !there) return there;
      Result<Statement> insert = database_->prepare("INSERT INTO manifests VALUES (?, ?)");
      if (!insert) return pass_on(insert);
      (*insert)->bind(1, number(manifest.id.value));
      (*insert)->bind_blob(2, encode_manifest(manifest));
      return run(**insert);
    });
  }

  Status remove(CheckpointId id) override {
    Result<Manifest> manifest = read_manifest(id);
    if (!manifest && manifest.error().kind == Error::Kind::not_found) return pass_on(manifest);
    Result<Statement> erase = database_->prepare("DELETE FROM manifests WHERE id = ?");
    if (!erase) return pass_on(erase);
    (*erase)->bind(1, number(id.value));
    if (Status erased = run(**erase); !erased) return erased;
    if (!manifest) return {};  // what it named is not known; sweep() finds it
    std::set<std::string> candidates;
    for (const SegmentReference& segment : manifest->segments) candidates.insert(segment.name);
    return remove_unnamed(candidates);
  }

  Status sweep() override {
    Result<Statement> select = database_->prepare("SELECT DISTINCT segment FROM chunks");
    if (!select) return pass_on(select);
    std::set<std::string> segments;
    while (true) {
      Result<bool> row = (*select)->step();
      if (!row) return pass_on(row);
      if (!*row) break;
      segments.emplace((*select)->column(0).as_text());
    }
    return remove_unnamed(segments);
  }

  Result<std::uint64_t> size_on_disk() override {
    if (!database_) return 0;
    Result<Statement> select =
        database_->prepare("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    if (!select) return pass_on(select);
    Result<bool> row = (*select)->step();
    if (!row) return pass_on(row);
    return *row ? static_cast<std::uint64_t>((*select)->column(0).as_integer()) : 0;
  }

 private:
  static std::unexpected<Error> unreadable(CheckpointId id, const Error& error) {
    return fail(format("{}; {} cannot be restored", error.message, to_text(id)), Error::Kind::corrupt);
  }

  Result<bool> any(std::string_view sql, const std::string* parameter = nullptr) {
    Result<Statement> select = database_->prepare(sql);
    if (!select) return pass_on(select);
    if (parameter) (*select)->bind(1, Value::text(*parameter));
    return (*select)->step();
  }

  // What an abandoned checkpoint left under this name makes way.
  Status free_name(const std::string& name) {
    Result<bool> there = any("SELECT 1 FROM chunks WHERE segment = ?", &name);
    if (!there) return pass_on(there);
    if (!*there) return {};
    Result<std::optional<std::set<std::string>>> named = named_segments(*this);
    if (!named) return pass_on(named);
    if (!*named || (*named)->contains(name))
      return fail(format("{}: a checkpoint may need the segment {} that is there already", path_, name));
    return erase_segment(name);
  }

  Status segments_are_there(const Manifest& manifest) {
    Result<Statement> select =
        database_->prepare("SELECT coalesce(sum(length(bytes)), 0) FROM chunks WHERE segment = ?");
    if (!select) return pass_on(select);
    for (const SegmentReference& segment : manifest.segments) {
      (*select)->bind(1, Value::text(segment.name));
      Result<bool> row = (*select)->step();
      if (!row) return pass_on(row);
      const std::int64_t bytes = *row ? (*select)->column(0).as_integer() : 0;
      (*select)->reset();
      if (bytes != static_cast<std::int64_t>(segment.bytes))
        return fail(format("{}: segment {} in {} has {} bytes instead of {}", to_text(manifest.id),
                           segment.name, path_, bytes, segment.bytes));
    }
    return {};
  }

  Status erase_segment(const std::string& name) {
    Result<Statement> erase = database_->prepare("DELETE FROM chunks WHERE segment = ?");
    if (!erase) return pass_on(erase);
    (*erase)->bind(1, Value::text(name));
    return run(**erase);
  }

  Status remove_unnamed(const std::set<std::string>& candidates) {
    if (candidates.empty()) return {};
    Result<std::optional<std::set<std::string>>> named = named_segments(*this);
    if (!named) return pass_on(named);
    if (!*named) return {};
    for (const std::string& name : candidates)
      if (!(*named)->contains(name))
        if (Status erased = erase_segment(name); !erased) return erased;
    return {};
  }

  std::shared_ptr<Sqlite> database_;
  const std::string path_;
};

}  // namespace

Result<std::unique_ptr<CheckpointStore>> open_sqlite_store(Files& files, SqliteOpener& sqlite,
                                                           const std::string& data_dir, bool read_only) {
  const std::string path = join_path(data_dir, "checkpoints.db");
  const Result<FileStatus> there = files.status(path);
  if (read_only && !there) return std::make_unique<SqliteStore>(nullptr, path);
  // Reading needs to write too: what a crash left in the WAL belongs to the database.
  Result<std::unique_ptr<Sqlite>> database = sqlite.open(path, {.create = !read_only, .exclusive = true});
  if (!database) return pass_on(database, "open the checkpoints");
  auto store = std::make_unique<SqliteStore>(std::move(*database), path);
  if (Status prepared = store->prepare(); !prepared) return pass_on(prepared, "open the checkpoints");
  if (!read_only)
    if (Status durable = store->make_durable(files, data_dir); !durable)
      return pass_on(durable, "open the checkpoints");
  return store;
}

}  // namespace tidemark
