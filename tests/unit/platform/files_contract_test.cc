// The contract of Files, run over the kernel's file system, the one that tests use instead, and the one in
// memory of `tidemark test`: what passes here may rely on each.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

#include "platform/posix_files.h"
#include "platform/simulated_files.h"
#include "support/fault_files.h"

using namespace tidemark;

namespace {

// Runs `check` over each kind of Files with an empty folder to work in.
void over_each_kind(const std::function<void(Files& files, const std::string& folder)>& check) {
  SUBCASE("posix") {
    std::string folder = (std::filesystem::temp_directory_path() / "tidemark-files-XXXXXX").string();
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    check(*make_posix_files(), folder);
    std::filesystem::remove_all(folder);
  }
  SUBCASE("fault") {
    FaultFiles files;
    REQUIRE(files.make_directories("/tmp/contract"));
    check(files, "/tmp/contract");
  }
  SUBCASE("simulated") {
    SimulatedFiles files;
    REQUIRE(files.make_directories("/tmp/contract"));
    check(files, "/tmp/contract");
  }
}

std::unique_ptr<File> must_open(Files& files, const std::string& path, Files::Open how) {
  auto file = files.open(path, how);
  if (!file) FAIL(file.error().message);
  return std::move(*file);
}

template <class T>
Error::Kind kind_of(const Result<T>& result) {
  REQUIRE_FALSE(result);
  return result.error().kind;
}

}  // namespace

TEST_CASE("what is written is read, anywhere in the file") {
  over_each_kind([](Files& files, const std::string& folder) {
    const auto file = must_open(files, folder + "/a", Files::Open::create_new);
    REQUIRE(file->write_at(0, "hello"));
    REQUIRE(file->write_at(10, "world"));
    CHECK(*file->read_at(0, 100) == std::string("hello\0\0\0\0\0world", 15));
    CHECK(*file->read_at(3, 4) == std::string("lo\0\0", 4));
    CHECK(*file->read_at(15, 10) == "");
    CHECK(*file->read_at(100, 10) == "");
    REQUIRE(file->write_at(1, "E"));
    REQUIRE(file->write_at(3, ""));
    CHECK(*file->read_at(0, 5) == "hEllo");
    CHECK(file->sync());
    CHECK(file->status()->size == 15);
    CHECK(file->status()->links == 1);
    REQUIRE(file->truncate(2));
    REQUIRE(file->truncate(4));
    CHECK(*file->read_at(0, 100) == std::string("hE\0\0", 4));
  });
}

TEST_CASE("the four ways to open a file") {
  over_each_kind([](Files& files, const std::string& folder) {
    const std::string path = folder + "/a";
    CHECK(kind_of(files.open(path, Files::Open::read)) == Error::Kind::not_found);
    CHECK(kind_of(files.open(path, Files::Open::write)) == Error::Kind::not_found);
    CHECK(kind_of(files.open(folder + "/none/a", Files::Open::create)) == Error::Kind::not_found);
    REQUIRE(must_open(files, path, Files::Open::create)->write_at(0, "kept"));
    CHECK(kind_of(files.open(path, Files::Open::create_new)) == Error::Kind::failed);
    CHECK(*must_open(files, path, Files::Open::create)->read_at(0, 9) == "kept");
    CHECK(must_open(files, path, Files::Open::write)->write_at(0, "K"));
    const auto reader = must_open(files, path, Files::Open::read);
    CHECK(*reader->read_at(0, 9) == "Kept");
    CHECK_FALSE(reader->write_at(0, "x"));
    CHECK_FALSE(files.open(folder, Files::Open::write));
  });
}

TEST_CASE("a rename keeps the identity, replaces the target and leaves open handles on what they opened") {
  over_each_kind([](Files& files, const std::string& folder) {
    REQUIRE(must_open(files, folder + "/old", Files::Open::create)->write_at(0, "old"));
    REQUIRE(must_open(files, folder + "/new", Files::Open::create)->write_at(0, "new"));
    const FileIdentity moved = files.status(folder + "/new")->identity;
    CHECK(files.status(folder + "/old")->identity != moved);
    const auto replaced = must_open(files, folder + "/old", Files::Open::read);
    REQUIRE(files.rename(folder + "/new", folder + "/old"));
    CHECK(files.status(folder + "/old")->identity == moved);
    CHECK(*read_file(files, folder + "/old") == "new");
    CHECK(*replaced->read_at(0, 9) == "old");
    CHECK(replaced->status()->links == 0);
    CHECK(kind_of(files.rename(folder + "/new", folder + "/x")) == Error::Kind::not_found);
    REQUIRE(files.make_directories(folder + "/d"));
    CHECK_FALSE(files.rename(folder + "/old", folder + "/d"));
    REQUIRE(files.rename(folder + "/d", folder + "/e"));
    CHECK(files.status(folder + "/e")->is_directory);
  });
}

TEST_CASE("a removed file has no links but can still be read by who has it open") {
  over_each_kind([](Files& files, const std::string& folder) {
    const auto file = must_open(files, folder + "/a", Files::Open::create);
    REQUIRE(file->write_at(0, "x"));
    REQUIRE(files.remove(folder + "/a"));
    CHECK(file->status()->links == 0);
    CHECK(*file->read_at(0, 1) == "x");
    CHECK(kind_of(files.remove(folder + "/a")) == Error::Kind::not_found);
    CHECK(kind_of(files.status(folder + "/a")) == Error::Kind::not_found);
    const FileIdentity first = file->status()->identity;
    must_open(files, folder + "/a", Files::Open::create);
    CHECK(files.status(folder + "/a")->identity != first);
  });
}

TEST_CASE("folders are made with their parents, listed in name order, and removed when empty") {
  over_each_kind([](Files& files, const std::string& folder) {
    REQUIRE(files.make_directories(folder + "/x/y/z"));
    REQUIRE(files.make_directories(folder + "/x/y/z"));
    REQUIRE(files.make_directories(folder + "/x/y/"));
    for (const char* name : {"10", "9", "a", "B"})
      must_open(files, folder + "/x/y/" + name, Files::Open::create);
    CHECK(*files.list(folder + "/x/y") == std::vector<std::string>{"10", "9", "B", "a", "z"});
    CHECK(files.list(folder + "/x/y/z")->empty());
    CHECK(files.status(folder + "/x")->is_directory);
    CHECK(files.sync_directory(folder + "/x"));
    CHECK_FALSE(files.remove_directory(folder + "/x"));
    CHECK(files.remove_directory(folder + "/x/y/z"));
    CHECK(kind_of(files.remove_directory(folder + "/x/y/z")) == Error::Kind::not_found);
    CHECK(kind_of(files.list(folder + "/none")) == Error::Kind::not_found);
    CHECK(kind_of(files.sync_directory(folder + "/none")) == Error::Kind::not_found);
    CHECK_FALSE(files.make_directories(folder + "/x/y/a/b"));  // "a" is a file
    CHECK_FALSE(files.remove(folder + "/x"));
  });
}

TEST_CASE("an error names the operation, the path and the system's words") {
  over_each_kind([](Files& files, const std::string& folder) {
    const auto absent = files.open(folder + "/a", Files::Open::read);
    REQUIRE_FALSE(absent);
    CHECK(absent.error().message.starts_with("open " + folder + "/a: "));
    CHECK(absent.error().message.find("o such file or directory") != std::string::npos);
  });
}

TEST_CASE("a lock is held by one, says by whom, and is free when its holder is gone") {
  over_each_kind([](Files& files, const std::string& folder) {
    const std::string path = folder + "/LOCK";
    auto lock = files.lock(path, "pid 42\n");
    REQUIRE(lock);
    CHECK(*read_file(files, path) == "pid 42\n");
    const auto second = files.lock(path, "pid 43\n");
    REQUIRE_FALSE(second);
    CHECK(second.error().kind == Error::Kind::busy);
    CHECK(second.error().message.find("pid 42") != std::string::npos);
    CHECK(*read_file(files, path) == "pid 42\n");
    lock->reset();
    CHECK(files.lock(path, "7"));
    CHECK(*read_file(files, path) == "7");
  });
}

TEST_CASE("there is free space to be had") {
  over_each_kind([](Files& files, const std::string& folder) {
    CHECK(files.free_space(folder).value() > 0);
    CHECK(kind_of(files.free_space(folder + "/none")) == Error::Kind::not_found);
  });
}

TEST_CASE("a whole file is read up to a limit, and replaced as a whole") {
  over_each_kind([](Files& files, const std::string& folder) {
    const std::string path = folder + "/a";
    must_open(files, path + ".tmp", Files::Open::create)->write_at(0, "left by a crash, and longer").value();
    REQUIRE(write_file_atomically(files, path, "first"));
    CHECK(*read_file(files, path) == "first");
    REQUIRE(write_file_atomically(files, path, "second"));
    CHECK(*read_file(files, path) == "second");
    CHECK(*files.list(folder) == std::vector<std::string>{"a"});
    CHECK(*read_file(files, path, 6) == "second");
    CHECK_FALSE(read_file(files, path, 5));
    CHECK_FALSE(read_file(files, folder));
    CHECK(kind_of(write_file_atomically(files, folder + "/none/a", "x")) == Error::Kind::not_found);
  });
}

TEST_CASE("a replacement that fails leaves the old file and no temporary one") {
  FaultFiles files;
  REQUIRE(write_file_atomically(files, "a", "old"));
  for (const auto operation : {FaultFiles::Operation::write, FaultFiles::Operation::sync,
                               FaultFiles::Operation::rename, FaultFiles::Operation::open}) {
    files.fail({.operation = operation});
    CHECK_FALSE(write_file_atomically(files, "a", "new"));
    CHECK(files.all_files() == std::vector<std::string>{"a"});
    CHECK(files.content("a") == "old");
  }
}

TEST_CASE("files that do not know their size are read to their end") {
  CHECK(read_file(*make_posix_files(), "/proc/self/stat").value().size() > 20);
}

TEST_CASE("paths are joined and their folders found") {
  CHECK(join_path("a", "b") == "a/b");
  CHECK(join_path("a/", "b") == "a/b");
  CHECK(join_path("a", "/b") == "/b");
  CHECK(join_path("", "b") == "b");
  CHECK(parent_path("a/b") == "a");
  CHECK(parent_path("a/b/") == "a");
  CHECK(parent_path("b") == ".");
  CHECK(parent_path("/b") == "/");
  CHECK(parent_path("/") == "/");
}
