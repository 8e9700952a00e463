// What is written is counted, through either door, by what it is for.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "platform/posix_files.h"
#include "platform/sqlite.h"
#include "platform/written_bytes.h"

using namespace tidemark;

namespace {

struct Folder {
  std::string path = (std::filesystem::temp_directory_path() / "tidemark-written-XXXXXX").string();
  Folder() { REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("the first place that a path begins with says what a write is for") {
  const WrittenBytes written({{"/data/journal/", WrittenFor::journal}, {"/data/", WrittenFor::other}},
                             WrittenFor::sinks);
  CHECK(written.purpose("/data/journal/1") == WrittenFor::journal);
  CHECK(written.purpose("/data/journal.csv") == WrittenFor::other);
  CHECK(written.purpose("/data/lineage") == WrittenFor::other);
  CHECK(written.purpose("/elsewhere") == WrittenFor::sinks);
}

TEST_CASE("every write of a file is counted, also of one that is renamed into its place") {
  Folder folder;
  WrittenBytes written({{folder.path + "/outbox/", WrittenFor::outbox}}, WrittenFor::sinks);
  const auto files = make_posix_files(&written);
  REQUIRE(files->make_directories(folder.path + "/outbox"));
  {
    const auto file = files->open(folder.path + "/outbox/1", Files::Open::create_new);
    REQUIRE(file);
    REQUIRE((*file)->write_at(0, "hello"));
    REQUIRE((*file)->write_at(100, "world!"));
  }
  CHECK(written.of(WrittenFor::outbox) == 11);
  REQUIRE(write_file_atomically(*files, folder.path + "/outbox/2", "1234"));
  CHECK(written.of(WrittenFor::outbox) == 15);
  REQUIRE(write_file_atomically(*files, folder.path + "/rows", "12"));
  CHECK(written.of(WrittenFor::sinks) == 2);
}

TEST_CASE("what SQLite writes is counted: the WAL, and the database when the WAL is taken over") {
  Folder folder;
  const std::string path = folder.path + "/rows.db";
  WrittenBytes written({{path, WrittenFor::checkpoints}}, WrittenFor::other);
  const auto opener = make_sqlite_opener(written);
  std::uint64_t before = 0;
  {
    const auto database = opener->open(path, {});
    REQUIRE(database);
    REQUIRE((*database)->execute("CREATE TABLE t (a)"));
    before = written.of(WrittenFor::checkpoints);
    REQUIRE((*database)->execute("INSERT INTO t VALUES (zeroblob(100000))"));
    CHECK(written.of(WrittenFor::checkpoints) >= before + 100'000);
    CHECK(written.of(WrittenFor::checkpoints) < before + 150'000);
    before = written.of(WrittenFor::checkpoints);
  }
  CHECK(written.of(WrittenFor::checkpoints) >= before + 100'000);  // the last one to close takes it over
  CHECK(written.of(WrittenFor::other) == 0);

  // Reading, and two databases at once.
  const auto first = opener->open(path, {.read_only = true});
  REQUIRE(first);
  const auto other = opener->open(folder.path + "/other.db", {});
  REQUIRE(other);
  CHECK(written.of(WrittenFor::other) > 0);
  auto count = (*first)->prepare("SELECT length(a) FROM t");
  REQUIRE(count);
  REQUIRE(*(*count)->step());
  CHECK((*count)->column(0).as_integer() == 100'000);
}
