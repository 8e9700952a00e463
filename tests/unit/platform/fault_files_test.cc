// The fault file system is what every promise about power cuts is measured with, so it is measured first.
#include "support/fault_files.h"

#include <doctest/doctest.h>

#include <set>

using namespace tidemark;
using Operation = FaultFiles::Operation;

namespace {

std::unique_ptr<File> open_file(FaultFiles& disk, const std::string& path,
                                Files::Open how = Files::Open::create) {
  auto file = disk.open(path, how);
  REQUIRE(file);
  return std::move(*file);
}

// A file whose name and whose content are durable.
std::unique_ptr<File> durable_file(FaultFiles& disk, const std::string& path, std::string_view content) {
  auto file = open_file(disk, path);
  REQUIRE(file->write_at(0, content));
  REQUIRE(file->sync());
  REQUIRE(disk.sync_directory(parent_path(path)));
  return file;
}

}  // namespace

TEST_CASE("bytes that were not synced are lost, those that were are not") {
  FaultFiles disk;
  const auto file = durable_file(disk, "a", "durable");
  REQUIRE(file->write_at(0, "CHANGED and longer"));
  CHECK(disk.after_crash(Loss::all_unsynced)->content("a") == "durable");
  CHECK(disk.after_crash(Loss::none)->content("a") == "CHANGED and longer");
  REQUIRE(file->sync());
  CHECK(disk.after_crash(Loss::all_unsynced)->content("a") == "CHANGED and longer");
}

TEST_CASE("a name is durable by a sync of its folder, not by a sync of its file") {
  FaultFiles disk;
  const auto file = open_file(disk, "a");
  REQUIRE(file->write_at(0, "x"));
  REQUIRE(file->sync());
  CHECK_FALSE(disk.after_crash(Loss::all_unsynced)->exists("a"));
  REQUIRE(disk.sync_directory("."));
  CHECK(disk.after_crash(Loss::all_unsynced)->content("a") == "x");
}

TEST_CASE("a removal that was not synced comes back, with the content last synced") {
  FaultFiles disk;
  const auto file = durable_file(disk, "a", "old");
  REQUIRE(file->write_at(0, "new"));
  REQUIRE(disk.remove("a"));
  CHECK(file->status()->links == 0);
  CHECK_FALSE(disk.exists("a"));
  CHECK(disk.after_crash(Loss::all_unsynced)->content("a") == "old");
  REQUIRE(disk.sync_directory("/"));
  CHECK_FALSE(disk.after_crash(Loss::all_unsynced)->exists("a"));
}

TEST_CASE("a rename that was not synced is undone, and what it replaced is back") {
  FaultFiles disk;
  durable_file(disk, "target", "old");
  durable_file(disk, "target.tmp", "new");
  const FileIdentity moved = disk.status("target.tmp")->identity;
  REQUIRE(disk.rename("target.tmp", "target"));
  CHECK(disk.status("target")->identity == moved);
  const auto found = disk.after_crash(Loss::all_unsynced);
  CHECK(found->content("target") == "old");
  CHECK(found->content("target.tmp") == "new");
}

TEST_CASE("an atomic replacement leaves the old content or the new at every cut, and each is seen") {
  for (const Loss loss : {Loss::all_unsynced, Loss::none, Loss::random}) {
    std::set<std::string> seen;
    for (std::uint64_t n = 1;; ++n) {
      CAPTURE(n);
      FaultFiles disk;
      durable_file(disk, "dir-less", std::string(700, 'o'));
      const std::uint64_t before = disk.operations();
      disk.crash_at(before + n);
      const Status done = write_file_atomically(disk, "dir-less", std::string(1500, 'n'));
      const std::string found = disk.after_crash(loss, n)->content("dir-less");
      const bool whole = found == std::string(700, 'o') || found == std::string(1500, 'n');
      CHECK(whole);
      seen.insert(found);
      if (!disk.dead()) {
        CHECK(done);
        CHECK(found == std::string(1500, 'n'));
        break;
      }
      CHECK_FALSE(done);
    }
    CHECK(seen.size() == 2);
  }
}

TEST_CASE("the control: with a sync that lies, an atomic replacement is torn") {
  bool torn = false;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    FaultFiles disk;
    durable_file(disk, "f", std::string(700, 'o'));
    disk.ignore_sync(true);
    REQUIRE(write_file_atomically(disk, "f", std::string(1500, 'n')));
    const std::string found = disk.after_crash(Loss::random, seed)->content("f");
    torn = torn || (found != std::string(700, 'o') && found != std::string(1500, 'n'));
  }
  CHECK(torn);
}

TEST_CASE("the control: with a folder sync that lies, a finished replacement is undone") {
  FaultFiles disk;
  durable_file(disk, "f", "old");
  disk.ignore_directory_sync(true);
  REQUIRE(write_file_atomically(disk, "f", "new"));
  CHECK(disk.after_crash(Loss::all_unsynced)->content("f") == "old");
}

TEST_CASE("operations are numbered, and reading is not one") {
  FaultFiles disk;
  disk.record(true);
  REQUIRE(disk.make_directories("/d/e"));  // two folders, two syncs
  CHECK(disk.operations() == 4);
  const auto file = open_file(disk, "d/e/f");
  open_file(disk, "d/e/f", Files::Open::create);  // already there
  REQUIRE(file->write_at(512, "abc"));
  REQUIRE(file->truncate(100));
  REQUIRE(file->sync());
  REQUIRE(disk.rename("d/e/f", "d/g"));
  REQUIRE(disk.remove("d/g"));
  REQUIRE(disk.remove_directory("d/e"));
  REQUIRE(disk.sync_directory("d"));
  REQUIRE(disk.list("d"));
  REQUIRE(disk.status("d"));
  REQUIRE(file->read_at(0, 1));
  CHECK(disk.operations() == 12);
  CHECK(disk.operations(Operation::make_directory) == 2);
  CHECK(disk.operations(Operation::sync_directory) == 3);
  CHECK(disk.bytes_written() == 3);
  REQUIRE(disk.recorded().size() == 12);
  CHECK(disk.recorded()[0] == "1 make directory d");
  CHECK(disk.recorded()[5] == "6 write d/e/f @512+3");
}

TEST_CASE("a dead disk changes nothing more and answers nothing") {
  FaultFiles disk;
  const auto file = durable_file(disk, "a", "x");
  disk.crash_at(disk.operations() + 2);
  REQUIRE(file->write_at(1, "y"));
  CHECK_FALSE(disk.dead());
  CHECK_FALSE(file->sync());
  CHECK(disk.dead());
  const std::uint64_t stopped = disk.operations();
  CHECK_FALSE(file->write_at(2, "z"));
  CHECK_FALSE(file->read_at(0, 1));
  CHECK_FALSE(file->status());
  CHECK_FALSE(disk.list("."));
  CHECK_FALSE(disk.status("a"));
  CHECK_FALSE(disk.open("a", Files::Open::read));
  CHECK_FALSE(disk.open("b", Files::Open::create));
  CHECK_FALSE(disk.remove("a"));
  CHECK_FALSE(disk.rename("a", "b"));
  CHECK_FALSE(disk.make_directories("d"));
  CHECK_FALSE(disk.sync_directory("."));
  CHECK_FALSE(disk.free_space("."));
  CHECK(disk.operations() == stopped);
  CHECK(disk.after_crash(Loss::none)->content("a") == "xy");
  CHECK(disk.after_crash(Loss::all_unsynced)->content("a") == "x");
}

TEST_CASE("what kill -9 leaves is still not durable, so that a power cut after it may take it") {
  FaultFiles disk;
  const auto file = durable_file(disk, "a", "x");
  REQUIRE(file->write_at(1, "y"));
  open_file(disk, "b");
  const auto killed = disk.after_crash(Loss::none);
  CHECK(killed->content("a") == "xy");
  CHECK(killed->exists("b"));
  const auto cut = killed->after_crash(Loss::all_unsynced);
  CHECK(cut->content("a") == "x");
  CHECK_FALSE(cut->exists("b"));
  const auto again = open_file(*killed, "a");
  REQUIRE(again->sync());
  REQUIRE(killed->sync_directory("."));
  CHECK(killed->after_crash(Loss::all_unsynced)->content("a") == "xy");
  CHECK(killed->after_crash(Loss::all_unsynced)->exists("b"));
}

TEST_CASE("handles of the crashed instance do not touch the disk of the next") {
  FaultFiles disk;
  const auto file = durable_file(disk, "a", "x");
  auto lock = disk.lock("LOCK", "1");
  REQUIRE(lock);
  disk.crash();
  const auto next = disk.after_crash(Loss::none);
  auto taken = next->lock("LOCK", "2");
  REQUIRE(taken);
  lock->reset();
  CHECK_FALSE(next->lock("LOCK", "3"));
  CHECK_FALSE(file->write_at(0, "y"));
  CHECK(next->content("a") == "x");
}

TEST_CASE("random loss leaves whole blocks, old blocks, torn blocks, holes and every length") {
  bool whole = false, nothing = false, torn = false, hole = false, between = false;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    FaultFiles disk;
    const auto file = durable_file(disk, "a", std::string(1024, 'o'));
    REQUIRE(file->write_at(512, std::string(2048, 'n')));
    const std::string found = disk.after_crash(Loss::random, seed)->content("a");
    REQUIRE(found.size() >= 1024);
    REQUIRE(found.size() <= 2560);
    CHECK(found.substr(0, 512) == std::string(512, 'o'));  // was not written: cannot have changed
    CHECK(found == disk.after_crash(Loss::random, seed)->content("a"));
    whole = whole || found == std::string(512, 'o') + std::string(2048, 'n');
    nothing = nothing || found == std::string(1024, 'o');
    between = between || (found.size() > 1024 && found.size() < 2560);
    const std::string second = found.substr(512, 512);
    torn = torn || (second.find('n') == 0 && second.find('o') != std::string::npos);
    hole = hole || (found.size() == 2560 && found[1024] == '\0' && found[2559] == 'n');
  }
  CHECK(whole);
  CHECK(nothing);
  CHECK(torn);
  CHECK(hole);
  CHECK(between);
}

TEST_CASE("random loss tosses for each name, and a rename is never lost at both ends") {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    FaultFiles disk;
    durable_file(disk, "moved", "m");
    durable_file(disk, "gone", "g");
    REQUIRE(disk.rename("moved", "there"));
    REQUIRE(disk.remove("gone"));
    open_file(disk, "made");
    const auto found = disk.after_crash(Loss::random, seed);
    const bool one_end = found->exists("moved") || found->exists("there");
    CHECK(one_end);
    std::string names;
    for (const std::string& path : found->all_files()) names += path + " ";
    seen.insert(names);
    CHECK(found->after_crash(Loss::all_unsynced)->all_files() == found->all_files());
  }
  CHECK(seen.size() == 12);  // gone or not, made or not, moved, there or both
}

TEST_CASE("a folder is never found under two names after a rename") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    FaultFiles disk;
    REQUIRE(disk.make_directories("a"));
    durable_file(disk, "a/f", "x");
    REQUIRE(disk.rename("a", "b"));
    const auto found = disk.after_crash(Loss::random, seed);
    CHECK(found->exists("a") != found->exists("b"));
    CHECK(found->all_files().size() == 1);
  }
}

TEST_CASE("a folder whose removal was not durable is found again with what was durable in it") {
  FaultFiles disk;
  REQUIRE(disk.make_directories("d"));
  durable_file(disk, "d/f", "x");
  REQUIRE(disk.remove("d/f"));
  REQUIRE(disk.remove_directory("d"));
  CHECK(disk.after_crash(Loss::all_unsynced)->content("d/f") == "x");
}

TEST_CASE("a write that fails leaves a part behind") {
  FaultFiles disk;
  const auto file = durable_file(disk, "dir", "");
  disk.fail({.operation = Operation::write, .path_part = "dir", .no_space = true});
  const Status refused = file->write_at(0, "0123456789");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::no_space);
  CHECK(refused.error().message == "write dir: no space left on device");
  CHECK(disk.content("dir") == "01234");
  CHECK(file->write_at(0, "0123456789"));
}

TEST_CASE("a failed sync forgets its pages: the next one succeeds and they are not durable") {
  FaultFiles disk;
  const auto file = durable_file(disk, "a", std::string(512, 'o'));
  REQUIRE(file->write_at(0, std::string(1024, 'n')));
  disk.fail({.operation = Operation::sync, .path_part = "a"});
  const Status failed = file->sync();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == Error::Kind::failed);
  CHECK(*file->read_at(0, 1024) == std::string(1024, 'n'));
  REQUIRE(file->sync());
  const std::string lost = std::string(512, 'o') + std::string(512, '\0');
  CHECK(disk.after_crash(Loss::all_unsynced)->content("a") == lost);
  REQUIRE(file->write_at(0, std::string(1024, 'n')));  // written anew, they count again
  REQUIRE(file->sync());
  CHECK(disk.after_crash(Loss::all_unsynced)->content("a") == std::string(1024, 'n'));
}

TEST_CASE("a fault waits for its turn and goes when it is used up") {
  FaultFiles disk;
  disk.fail({.operation = Operation::remove, .path_part = "seg", .skip = 1, .times = 2});
  for (const char* name : {"seg-1", "seg-2", "seg-3", "seg-4"}) open_file(disk, name);
  CHECK(disk.remove("seg-1"));
  CHECK_FALSE(disk.remove("seg-2"));
  CHECK_FALSE(disk.remove("seg-3"));
  CHECK(disk.remove("seg-4"));
  CHECK(disk.remove("seg-3"));
  disk.fail({.operation = Operation::read, .times = 1000});
  CHECK_FALSE(disk.list("."));
  disk.heal();
  CHECK(disk.list("."));
}

TEST_CASE("a full disk takes what fits and says how much is free") {
  FaultFiles disk;
  disk.quota(1000);
  CHECK(*disk.free_space(".") == 1000);
  const auto file = open_file(disk, "a");
  REQUIRE(file->write_at(0, std::string(600, 'x')));
  CHECK(*disk.free_space(".") == 400);
  const auto other = open_file(disk, "b");
  const Status refused = other->write_at(0, std::string(600, 'y'));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::no_space);
  CHECK(disk.content("b").size() == 400);
  CHECK(file->write_at(0, std::string(600, 'z')));  // in place
  REQUIRE(disk.remove("b"));
  CHECK(*disk.free_space(".") == 400);
  disk.quota(std::nullopt);
  CHECK(other->write_at(0, std::string(5000, 'y')));
}

TEST_CASE("the hook sees each operation before it happens and may look at the disk") {
  FaultFiles disk;
  std::string seen;
  disk.before_operation([&](Operation operation, const std::string& path) {
    seen += std::string(name_of(operation)) + " " + path + " " + std::to_string(disk.operations()) + "; ";
  });
  const auto file = open_file(disk, "a");
  REQUIRE(file->write_at(0, "x"));
  REQUIRE(file->sync());
  CHECK(seen == "open a 0; write a 1; sync a 2; ");
}

TEST_CASE("truncating and growing again does not bring old bytes back after a sync") {
  FaultFiles disk;
  const auto file = durable_file(disk, "a", std::string(2000, 'o'));
  REQUIRE(file->truncate(100));
  REQUIRE(file->write_at(1500, "n"));
  REQUIRE(file->sync());
  const std::string expected = std::string(100, 'o') + std::string(1400, '\0') + "n";
  CHECK(disk.content("a") == expected);
  CHECK(disk.after_crash(Loss::all_unsynced)->content("a") == expected);
}

TEST_CASE("synced content equals what was written, whatever the writes were") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    std::uint64_t state = seed;
    const auto next = [&](std::uint64_t n) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      return (state >> 33) % n;
    };
    FaultFiles disk;
    const auto file = durable_file(disk, "a", "");
    std::string model;
    for (int step = 0; step < 60; ++step) {
      if (next(4) == 0) {
        const auto size = static_cast<std::size_t>(next(3000));
        REQUIRE(file->truncate(size));
        model.resize(size, '\0');
      } else {
        const auto at = static_cast<std::size_t>(next(3000));
        const std::string bytes(static_cast<std::size_t>(1 + next(900)), static_cast<char>('a' + next(26)));
        REQUIRE(file->write_at(at, bytes));
        if (model.size() < at + bytes.size()) model.resize(at + bytes.size(), '\0');
        model.replace(at, bytes.size(), bytes);
      }
      CHECK(disk.content("a") == model);
      if (next(3) != 0) continue;
      REQUIRE(file->sync());
      CHECK(disk.after_crash(Loss::all_unsynced)->content("a") == model);
      CHECK(disk.after_crash(Loss::random, seed)->content("a") == model);
    }
  }
}

TEST_CASE("damage can be done by hand, and is durable") {
  FaultFiles disk;
  disk.put("x/y/z", "abc");
  disk.put("x/w", "def");
  CHECK(disk.operations() == 0);
  const auto found = disk.after_crash(Loss::all_unsynced);
  CHECK(found->all_files() == std::vector<std::string>{"x/w", "x/y/z"});
  found->erase("x/w");
  CHECK(found->after_crash(Loss::all_unsynced)->all_files() == std::vector<std::string>{"x/y/z"});
}
