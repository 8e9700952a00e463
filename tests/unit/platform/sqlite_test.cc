// SQLite through its door, over the fault file system: what it promises holds only if the VFS beneath is
// honest, so each kind of loss is tried, and the control without fdatasync must lose.
#include "platform/sqlite.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "support/fault_files.h"
#include "support/sqlite_vfs.h"

using namespace tidemark;

namespace {

std::int64_t number(Sqlite& db, const std::string& sql) {
  auto statement = db.prepare(sql);
  REQUIRE(statement);
  const auto row = (*statement)->step();
  REQUIRE(row);
  REQUIRE(*row);
  return (*statement)->column(0).as_integer();
}

std::unique_ptr<Sqlite> must_open(SqliteOpener& opener, const std::string& path, SqliteOptions options = {}) {
  auto db = opener.open(path, options);
  if (!db) FAIL(db.error().message);
  return std::move(*db);
}

// Inserts 1, 2, 3 … a commit each, until something fails; the last number whose commit succeeded.
std::int64_t insert_until_it_fails(SqliteOpener& opener, bool exclusive, std::int64_t most) {
  auto db = opener.open("/db", {.exclusive = exclusive});
  if (!db || !(*db)->execute("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, pad TEXT)")) return 0;
  std::int64_t committed = 0;
  for (std::int64_t n = 1; n <= most; ++n) {
    const std::string pad(700, 'p');
    if (!(*db)->execute("INSERT INTO t VALUES (" + std::to_string(n) + ", '" + pad + "')")) break;
    committed = n;
    if (n % 7 == 0 && !(*db)->execute("PRAGMA wal_checkpoint(TRUNCATE)")) break;
  }
  return committed;
}

// What a new instance finds: -1 damaged, else how many rows, which must be 1 … n.
std::int64_t rows_found(FaultFiles& disk, bool exclusive) {
  SqliteVfs vfs(disk);
  auto opener = make_sqlite_opener(vfs.name());
  auto db = opener->open("/db", {.exclusive = exclusive});
  if (!db) return -1;
  auto check = (*db)->prepare("PRAGMA integrity_check");
  if (!check) return -1;
  const auto row = (*check)->step();
  if (!row || !*row || (*check)->column(0).as_text() != "ok") return -1;
  (*check)->reset();
  if (!(*db)->execute("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, pad TEXT)")) return -1;
  const std::int64_t count = number(**db, "SELECT count(*) FROM t");
  if (count != number(**db, "SELECT coalesce(max(n), 0) FROM t")) return -1;
  return count;
}

}  // namespace

TEST_CASE("values go in and come out as they were") {
  FaultFiles disk;
  SqliteVfs vfs(disk);
  auto opener = make_sqlite_opener(vfs.name());
  auto db = must_open(*opener, "/db");
  REQUIRE(db->execute("CREATE TABLE t (a, b, c, d, e, f); -- and nothing after it"));
  auto insert = db->prepare("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)");
  REQUIRE(insert);
  (*insert)->bind(1, Value::null());
  (*insert)->bind(2, Value::boolean(true));
  (*insert)->bind(3, Value::integer(INT64_MIN));
  (*insert)->bind(4, Value::real(0.1));
  (*insert)->bind(5, Value::text(""));
  (*insert)->bind_blob(6, std::string_view("\0x", 2));
  CHECK_FALSE((*insert)->step().value());
  CHECK(db->changes() == 1);
  auto select = db->prepare("SELECT *, typeof(e), typeof(f) FROM t");
  REQUIRE(select);
  REQUIRE((*select)->step().value());
  CHECK((*select)->column(0).is_null());
  CHECK((*select)->column(1).as_integer() == 1);
  CHECK((*select)->column(2).as_integer() == INT64_MIN);
  CHECK((*select)->column(3).as_real() == 0.1);
  CHECK((*select)->column(4).as_text() == "");
  CHECK((*select)->column_blob(5) == std::string_view("\0x", 2));
  CHECK((*select)->column(6).as_text() == "text");
  CHECK((*select)->column(7).as_text() == "blob");
  CHECK_FALSE((*select)->step().value());
  CHECK((*select)->step().value());  // done means reset
}

TEST_CASE("an error names the database, the statement and what SQLite says") {
  FaultFiles disk;
  SqliteVfs vfs(disk);
  auto opener = make_sqlite_opener(vfs.name());
  auto db = must_open(*opener, "/db");
  const Status syntax = db->execute("SELECT 1; SELEKT   2");
  REQUIRE_FALSE(syntax);
  CHECK(syntax.error().message == "sqlite /db: SELEKT 2: near \"SELEKT\": syntax error");
  REQUIRE(db->execute("CREATE TABLE t (a NOT NULL)"));
  const Status rejected = db->execute("INSERT INTO t VALUES (NULL)");
  REQUIRE_FALSE(rejected);
  CHECK(rejected.error().message ==
        "sqlite /db: INSERT INTO t VALUES (NULL): NOT NULL constraint failed: t.a");
  CHECK(rejected.error().kind == Error::Kind::usage);  // trying again would not help
}

TEST_CASE("a lock held by another connection is busy, at once") {
  for (const bool exclusive : {false, true}) {
    FaultFiles disk;
    SqliteVfs vfs(disk);
    auto opener = make_sqlite_opener(vfs.name());
    auto first = must_open(*opener, "/db", {.exclusive = exclusive});
    REQUIRE(first->execute("CREATE TABLE t (a); BEGIN IMMEDIATE"));
    auto second = opener->open("/db", {});
    if (exclusive) {
      REQUIRE_FALSE(second);
      CHECK(second.error().kind == Error::Kind::busy);
    } else {
      REQUIRE(second);
      const Status busy = (*second)->execute("INSERT INTO t VALUES (1)");
      REQUIRE_FALSE(busy);
      CHECK(busy.error().kind == Error::Kind::busy);
      REQUIRE(first->execute("COMMIT"));
      CHECK((*second)->execute("INSERT INTO t VALUES (1)"));
      CHECK(number(*first, "SELECT count(*) FROM t") == 1);
    }
  }
}

TEST_CASE("a damaged database is corrupt, an absent one not found, a full disk no space") {
  FaultFiles disk;
  SqliteVfs vfs(disk);
  auto opener = make_sqlite_opener(vfs.name());
  disk.put("/bad", std::string(5000, 'x'));
  const auto bad = opener->open("/bad", {});
  REQUIRE_FALSE(bad);
  CHECK(bad.error().kind == Error::Kind::corrupt);
  const auto absent = opener->open("/absent", {.create = false});
  REQUIRE_FALSE(absent);
  CHECK(absent.error().kind == Error::Kind::not_found);
  auto db = must_open(*opener, "/db");
  REQUIRE(db->execute("CREATE TABLE t (a)"));
  disk.quota(20'000);
  Status full;
  for (int n = 0; n < 100 && full; ++n) full = db->execute("INSERT INTO t VALUES (zeroblob(2000))");
  REQUIRE_FALSE(full);
  CHECK(full.error().kind == Error::Kind::no_space);
  disk.heal();
  CHECK(db->execute("INSERT INTO t VALUES (zeroblob(2000))"));
}

TEST_CASE("a read-only connection reads and does not write") {
  FaultFiles disk;
  SqliteVfs vfs(disk);
  auto opener = make_sqlite_opener(vfs.name());
  { REQUIRE(must_open(*opener, "/db")->execute("CREATE TABLE t (a); INSERT INTO t VALUES (7)")); }
  auto db = must_open(*opener, "/db", {.read_only = true});
  CHECK(number(*db, "SELECT a FROM t") == 7);
  CHECK_FALSE(db->execute("INSERT INTO t VALUES (8)"));
}

TEST_CASE("a committed row survives a cut at every operation, and the database is never damaged") {
  for (const bool exclusive : {false, true}) {
    for (const Loss loss : {Loss::all_unsynced, Loss::random, Loss::none}) {
      std::set<std::int64_t> seen;
      for (std::uint64_t n = 1;; ++n) {
        CAPTURE(n);
        FaultFiles disk;
        std::int64_t committed = 0;
        {
          SqliteVfs vfs(disk);
          auto opener = make_sqlite_opener(vfs.name());
          disk.crash_at(n);
          committed = insert_until_it_fails(*opener, exclusive, 16);
        }
        const bool finished = !disk.dead();
        const auto found = disk.after_crash(loss, n);
        const std::int64_t rows = rows_found(*found, exclusive);
        CHECK(rows >= committed);
        CHECK(rows <= committed + 1);
        seen.insert(rows);
        if (finished) break;
      }
      CHECK(seen.size() > 10);
    }
  }
}

TEST_CASE("the control: with a sync that lies, committed rows are lost") {
  FaultFiles disk;
  disk.ignore_sync(true);
  {
    SqliteVfs vfs(disk);
    auto opener = make_sqlite_opener(vfs.name());
    REQUIRE(insert_until_it_fails(*opener, true, 16) == 16);
  }
  CHECK(rows_found(*disk.after_crash(Loss::all_unsynced), true) < 16);
}

TEST_CASE("the control: with a folder sync that lies, the whole database is lost") {
  FaultFiles disk;
  disk.ignore_directory_sync(true);
  {
    SqliteVfs vfs(disk);
    auto opener = make_sqlite_opener(vfs.name());
    REQUIRE(insert_until_it_fails(*opener, true, 3) == 3);
  }
  CHECK(rows_found(*disk.after_crash(Loss::all_unsynced), true) == 0);
}

TEST_CASE("SQLite's own files work too, and WAL is in force") {
  std::string folder = (std::filesystem::temp_directory_path() / "tidemark-sqlite-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  auto opener = make_sqlite_opener();
  {
    auto db = must_open(*opener, folder + "/db");
    REQUIRE(db->execute("CREATE TABLE t (a); INSERT INTO t VALUES (1)"));
    CHECK(std::filesystem::exists(folder + "/db-wal"));
    CHECK(std::filesystem::exists(folder + "/db-shm"));
  }
  {
    auto db = must_open(*opener, folder + "/db", {.exclusive = true});
    REQUIRE(db->execute("INSERT INTO t VALUES (2)"));
    CHECK_FALSE(std::filesystem::exists(folder + "/db-shm"));
    const auto second = opener->open(folder + "/db", {});
    REQUIRE_FALSE(second);
    CHECK(second.error().kind == Error::Kind::busy);
  }
  const auto nowhere = opener->open(folder + "/no/db", {.create = false});
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().kind == Error::Kind::not_found);
  std::filesystem::remove_all(folder);
}
