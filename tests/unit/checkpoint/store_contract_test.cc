// What every registered store promises.
#include <algorithm>
#include <map>
#include <set>

#include "fixture.h"
#include "support/fake_random.h"

using namespace tidemark;
using namespace tidemark::test;

namespace {

using Ids = std::vector<std::uint64_t>;

template <class Test>
void for_each_store(Test test) {
  for (const StoreDeclaration& store : store_registry()) {
    CAPTURE(std::string(store.name));
    test(store);
  }
}

// Commits chk-`id` with its own segment and those of `shared`.
Status commit(CheckpointStore& store, std::uint64_t id, std::vector<SegmentReference> shared = {},
              SegmentReference* made = nullptr) {
  auto segment = write_segment(store, CheckpointId{id}, format("{}-1-1", id));
  if (!segment) return pass_on(segment);
  if (made) *made = *segment;
  shared.push_back(std::move(*segment));
  return store.commit(manifest_of(id, std::move(shared)));
}

std::size_t orphans(World& world) {
  std::size_t found = 0;
  for (const std::string& path : world.files->all_files()) found += path.find("/9-1-") != std::string::npos;
  return found;
}

// What the world outside knows of a store while it is used.
struct Story {
  std::set<std::uint64_t> sure;      // committed, and no removal begun
  std::set<std::uint64_t> possible;  // a commit or a removal was begun and not finished
};

// Three checkpoints that share segments, an abandoned one, removals, sweeps. Stops at the first error.
Status live(World& world, Story& story) {
  if (Status opened = world.open(); !opened) return opened;
  CheckpointStore& store = *world.store;
  const auto committing = [&](std::uint64_t id, std::vector<SegmentReference> shared,
                              SegmentReference* made) -> Status {
    story.possible.insert(id);
    if (Status done = commit(store, id, std::move(shared), made); !done) return done;
    story.possible.erase(id);
    story.sure.insert(id);
    return {};
  };
  const auto removing = [&](std::uint64_t id) -> Status {
    story.sure.erase(id);
    story.possible.insert(id);
    if (Status done = store.remove(CheckpointId{id}); !done) return done;
    story.possible.erase(id);
    return {};
  };
  SegmentReference one, two, three;
  if (Status done = committing(1, {}, &one); !done) return done;
  if (Status done = committing(2, {one}, &two); !done) return done;
  if (Status done = committing(3, {one, two}, &three); !done) return done;
  if (Status done = removing(1); !done) return done;
  // Abandoned: one segment finished, one not.
  if (auto left = write_segment(store, CheckpointId{9}, "9-1-1"); !left) return pass_on(left);
  auto unfinished = store.create_segment(CheckpointId{9}, lineage(), "9-1-2", "state/p");
  if (!unfinished) return pass_on(unfinished);
  if (Status put = (*unfinished)->append(rows_of("9-1-2", 0), 20); !put) return put;
  unfinished->reset();
  if (Status done = committing(4, {three}, nullptr); !done) return done;
  if (Status done = removing(2); !done) return done;
  if (Status swept = store.sweep(); !swept) return swept;
  if (Status done = removing(3); !done) return done;
  return committing(5, {}, nullptr);
}

void check(World& world, const Story& story) {
  if (Status opened = world.open(); !opened) FAIL("open: ", opened.error().message);
  CheckpointStore& store = *world.store;
  const Ids ids = listed(store);
  CHECK(std::is_sorted(ids.begin(), ids.end()));
  for (const std::uint64_t id : story.sure) CHECK(std::count(ids.begin(), ids.end(), id) == 1);
  for (const std::uint64_t id : ids) {
    CHECK((story.sure.contains(id) || story.possible.contains(id)));
    CHECK(wrong_with(store, CheckpointId{id}) == "");
  }
}

constexpr Loss kLosses[] = {Loss::all_unsynced, Loss::none, Loss::random};

}  // namespace

TEST_CASE("a new store is empty, also when it is only read") {
  for_each_store([](const StoreDeclaration& declaration) {
    World world(declaration);
    REQUIRE(world.open(true));
    CHECK(listed(*world.store).empty());
    CHECK(world.files->all_files().empty());
    auto none = world.store->read_manifest(CheckpointId{1});
    REQUIRE_FALSE(none);
    CHECK(none.error().kind == Error::Kind::not_found);
    REQUIRE(world.open());
    CHECK(listed(*world.store).empty());
    auto removed = world.store->remove(CheckpointId{1});
    REQUIRE_FALSE(removed);
    CHECK(removed.error().kind == Error::Kind::not_found);
    CHECK(world.store->sweep());
  });
}

TEST_CASE("what was committed is there after a power cut, with every row") {
  for_each_store([](const StoreDeclaration& declaration) {
    World world(declaration);
    REQUIRE(world.open());
    SegmentReference shared;
    REQUIRE(commit(*world.store, 1, {}, &shared));
    REQUIRE(commit(*world.store, 12, {shared}));
    auto after = world.after_crash(Loss::all_unsynced, 0);
    REQUIRE(after->open());
    CHECK(listed(*after->store) == Ids{1, 12});
    CHECK(wrong_with(*after->store, CheckpointId{1}) == "");
    CHECK(wrong_with(*after->store, CheckpointId{12}) == "");
    CHECK(*after->store->size_on_disk() > 0);
    after->store.reset();
    REQUIRE(after->open(true));
    CHECK(wrong_with(*after->store, CheckpointId{12}) == "");
  });
}

TEST_CASE("a segment larger than any chunk and one without rows are kept whole") {
  for_each_store([](const StoreDeclaration& declaration) {
    World world(declaration);
    REQUIRE(world.open());
    std::string large(3 << 20, '\0');
    FakeRandom random(5);
    for (char& c : large) c = static_cast<char>(random.next());
    auto writer = world.store->create_segment(CheckpointId{1}, lineage(), "1-1-1", "state/p");
    REQUIRE(writer);
    REQUIRE((*writer)->append(large, 1));
    auto big = (*writer)->finish();
    REQUIRE(big);
    auto empty = write_segment(*world.store, CheckpointId{1}, "1-1-2", 0);
    REQUIRE(empty);
    CHECK(empty->rows == 0);
    const Manifest manifest = manifest_of(1, {*big, *empty});
    REQUIRE(world.store->commit(manifest));
    auto after = world.after_crash(Loss::all_unsynced, 0);
    REQUIRE(after->open());
    std::string read;
    REQUIRE(after->store->read_segment(manifest, *big, [&](std::string_view rows) -> Status {
      read += rows;
      return {};
    }));
    CHECK(read == large);
    CHECK(verify_checkpoint(*after->store, CheckpointId{1}));
  });
}

TEST_CASE("no slice of a segment is larger than a chunk, and each is synced") {
  for_each_store([](const StoreDeclaration& declaration) {
    World world(declaration);
    REQUIRE(world.open());
    auto writer = world.store->create_segment(CheckpointId{1}, lineage(), "1-1-1", "state/p");
    REQUIRE(writer);
    for (int i = 0; i < 3; ++i) {
      const std::uint64_t before = world.files->operations(FaultFiles::Operation::sync);
      REQUIRE((*writer)->append(rows_of("1-1-1", i), 20));
      CHECK(world.files->operations(FaultFiles::Operation::sync) > before);
    }
  });
}

TEST_CASE("reading stops at the reader's own error") {
  for_each_store([](const StoreDeclaration& declaration) {
    World world(declaration);
    REQUIRE(world.open());
    SegmentReference segment;
    REQUIRE(commit(*world.store, 1, {}, &segment));
    int calls = 0;
    auto read = world.store->read_segment(manifest_of(1), segment, [&](std::string_view) -> Status {
      ++calls;
      return fail("enough");
    });
    REQUIRE_FALSE(read);
    CHECK(read.error().message.find("enough") != std::string::npos);
    CHECK(calls == 1);
  });
}

TEST_CASE("segments live as long as a manifest names them") {
  for_each_store([](const StoreDeclaration& declaration) {
    World world(declaration);
    REQUIRE(world.open());
    SegmentReference one;
    REQUIRE(commit(*world.store, 1, {}, &one));
    REQUIRE(commit(*world.store, 2, {one}));
    REQUIRE(world.store->remove(CheckpointId{1}));
    CHECK(listed(*world.store) == Ids{2});
    CHECK(wrong_with(*world.store, CheckpointId{2}) == "");
    REQUIRE(world.store->remove(CheckpointId{2}));
    CHECK_FALSE(world.store->read_segment(manifest_of(2), one, [](std::string_view) { return Status(); }));
  });
}

TEST_CASE("a checkpoint that would name a missing segment is not committed") {
  for_each_store([](const StoreDeclaration& declaration) {
    World world(declaration);
    REQUIRE(world.open());
    SegmentReference one;
    REQUIRE(commit(*world.store, 1, {}, &one));
    REQUIRE(world.store->remove(CheckpointId{1}));
    CHECK_FALSE(commit(*world.store, 2, {one}));
    CHECK(listed(*world.store).empty());
  });
}

TEST_CASE("a number is committed once") {
  for_each_store([](const StoreDeclaration& declaration) {
    World world(declaration);
    REQUIRE(world.open());
    REQUIRE(commit(*world.store, 1));
    CHECK_FALSE(world.store->commit(manifest_of(1)));
    CHECK(wrong_with(*world.store, CheckpointId{1}) == "");
  });
}

TEST_CASE(
    "an abandoned checkpoint's segment makes way for the next one of its name; a committed one does not") {
  for_each_store([](const StoreDeclaration& declaration) {
    World world(declaration);
    REQUIRE(world.open());
    REQUIRE(write_segment(*world.store, CheckpointId{1}, "1-1-1", 3));
    REQUIRE(commit(*world.store, 1));
    CHECK(wrong_with(*world.store, CheckpointId{1}) == "");
    CHECK_FALSE(world.store->create_segment(CheckpointId{2}, lineage(), "1-1-1", "state/p"));
    CHECK(wrong_with(*world.store, CheckpointId{1}) == "");
  });
}

TEST_CASE("sweep removes what no manifest names, and nothing while a manifest is damaged") {
  for_each_store([](const StoreDeclaration& declaration) {
    World world(declaration);
    REQUIRE(world.open());
    SegmentReference one;
    REQUIRE(commit(*world.store, 1, {}, &one));
    auto orphan = write_segment(*world.store, CheckpointId{2}, "9-1-1");
    REQUIRE(orphan);
    const auto readable = [&] {
      return world.store->read_segment(manifest_of(2), *orphan, [](std::string_view) { return Status(); })
          .has_value();
    };
    REQUIRE(readable());
    REQUIRE(world.store->sweep());
    CHECK_FALSE(readable());
    CHECK(orphans(world) == 0);
    CHECK(wrong_with(*world.store, CheckpointId{1}) == "");
  });
  World world(store_registry()[0]);
  REQUIRE(world.open());
  REQUIRE(commit(*world.store, 1));
  REQUIRE(write_segment(*world.store, CheckpointId{2}, "9-1-1"));
  world.files->put("/d/checkpoints/chk-1/manifest", "damaged");
  REQUIRE(world.store->sweep());
  CHECK(orphans(world) == 1);
  CHECK(listed(*world.store) == Ids{1});
}

TEST_CASE("a failed write fails the segment and not the store") {
  for_each_store([](const StoreDeclaration& declaration) {
    for (const bool no_space : {false, true}) {
      World world(declaration);
      REQUIRE(world.open());
      REQUIRE(commit(*world.store, 1));
      auto writer = world.store->create_segment(CheckpointId{2}, lineage(), "2-1-1", "state/p");
      REQUIRE(writer);
      world.files->fail({FaultFiles::Operation::write, "", 0, 1, no_space});
      const Status failed = (*writer)->append(rows_of("2-1-1", 0), 20);
      REQUIRE_FALSE(failed);
      if (no_space) CHECK(failed.error().kind == Error::Kind::no_space);
      CHECK_FALSE((*writer)->append(rows_of("2-1-1", 0), 20));
      CHECK_FALSE((*writer)->finish());
      writer->reset();
      REQUIRE(commit(*world.store, 3));
      auto after = world.after_crash(Loss::all_unsynced, 0);
      REQUIRE(after->open());
      CHECK(listed(*after->store) == Ids{1, 3});
      CHECK(wrong_with(*after->store, CheckpointId{3}) == "");
    }
  });
}

TEST_CASE(
    "any operation of a commit may fail once: it is committed whole or not at all, and the next one works") {
  for_each_store([](const StoreDeclaration& declaration) {
    for (std::uint64_t skip = 0;; ++skip) {
      CAPTURE(skip);
      World world(declaration);
      REQUIRE(world.open());
      REQUIRE(commit(*world.store, 1));
      world.files->fail({FaultFiles::Operation::any, "", skip, 1, false});
      const std::uint64_t before = world.files->operations();
      const Status done = commit(*world.store, 2);
      if (world.files->operations() - before <= skip)
        break;  // the fault is yet to come: every operation had its turn
      world.files->heal();
      REQUIRE(commit(*world.store, 3));
      auto after = world.after_crash(Loss::all_unsynced, 0);
      REQUIRE(after->open());
      const Ids ids = listed(*after->store);
      if (done) CHECK(std::count(ids.begin(), ids.end(), 2) == 1);
      CHECK(std::count(ids.begin(), ids.end(), 1) == 1);
      CHECK(std::count(ids.begin(), ids.end(), 3) == 1);
      for (const std::uint64_t id : ids) CHECK(wrong_with(*after->store, CheckpointId{id}) == "");
    }
  });
}

TEST_CASE("after a power cut at any operation the store lists what was committed, and all of it verifies") {
  for_each_store([](const StoreDeclaration& declaration) {
    std::uint64_t operations = 0;
    {
      World world(declaration);
      Story story;
      const Status lived = live(world, story);
      if (!lived) FAIL(lived.error().message);
      CHECK(listed(*world.store) == Ids{4, 5});
      operations = world.files->operations();
      CHECK(orphans(world) == 0);
    }
    REQUIRE(operations > 40);
    for (std::uint64_t n = 2; n <= operations; ++n) {
      for (const Loss loss : kLosses) {
        CAPTURE(n);
        CAPTURE(static_cast<int>(loss));
        World world(declaration);
        world.files->crash_at(n);
        Story story;
        CHECK_FALSE(live(world, story));
        auto after = world.after_crash(loss, n);
        check(*after, story);
        // What was seen is there for good: the next power cut takes none of it back.
        const Ids seen = listed(*after->store);
        auto later = after->after_crash(Loss::all_unsynced, n);
        REQUIRE(later->open());
        CHECK(listed(*later->store) == seen);
        for (const std::uint64_t id : seen) CHECK(wrong_with(*later->store, CheckpointId{id}) == "");
        // And life goes on.
        REQUIRE(later->store->sweep());
        CHECK(orphans(*later) == 0);
        REQUIRE(commit(*later->store, 20));
        CHECK(wrong_with(*later->store, CheckpointId{20}) == "");
        for (const std::uint64_t id : seen) CHECK(wrong_with(*later->store, CheckpointId{id}) == "");
      }
    }
  });
}

TEST_CASE("control: without syncs a power cut takes committed checkpoints") {
  for_each_store([](const StoreDeclaration& declaration) {
    World world(declaration);
    world.files->ignore_sync(true);
    Story story;
    REQUIRE(live(world, story));
    auto after = world.after_crash(Loss::all_unsynced, 0);
    bool whole = after->open().has_value();
    if (whole) {
      auto ids = after->store->list();
      whole = ids && ids->size() == 2 && wrong_with(*after->store, CheckpointId{4}) == "" &&
              wrong_with(*after->store, CheckpointId{5}) == "";
    }
    CHECK_FALSE(whole);
  });
}

TEST_CASE("control: without syncs of folders a power cut takes committed checkpoints") {
  World world(store_registry()[0]);
  world.files->ignore_directory_sync(true);
  Story story;
  REQUIRE(live(world, story));
  auto after = world.after_crash(Loss::all_unsynced, 0);
  REQUIRE(after->files->make_directories(kDataDir));
  REQUIRE(after->open());
  CHECK(listed(*after->store).empty());
}

TEST_CASE("every damaged byte, every length, no file: named, or as it was, never other rows") {
  for_each_store([](const StoreDeclaration& declaration) {
    World whole(declaration);
    REQUIRE(whole.open());
    SegmentReference one;
    REQUIRE(commit(*whole.store, 1, {}, &one));
    REQUIRE(commit(*whole.store, 2, {one}));
    whole.store.reset();
    const std::vector<std::string> paths = whole.files->all_files();
    std::map<std::string, std::string> contents;
    for (const std::string& path : paths) contents[path] = whole.files->content(path);
    std::size_t noticed = 0, trials = 0;
    const auto judge = [&](std::unique_ptr<FaultFiles> disk) {
      ++trials;
      World world(declaration, std::move(disk));
      const Status opened = world.open();
      if (!opened) {
        CHECK(opened.error().message.find("checkpoints") != std::string::npos);
        ++noticed;
        return;
      }
      auto ids = world.store->list();
      if (!ids) {
        ++noticed;
        return;
      }
      bool missed = ids->size() < 2;
      for (const CheckpointId id : *ids) {
        // A damaged list may name what never was; then it must not verify.
        if (id.value > 2) {
          CHECK_FALSE(verify_checkpoint(*world.store, id));
          missed = true;
          continue;
        }
        auto manifest = world.store->read_manifest(id);
        if (!manifest) {
          CHECK(manifest.error().kind == Error::Kind::corrupt);
          missed = true;
          continue;
        }
        const Status verified = verify_checkpoint(*world.store, id);
        if (verified)
          CHECK(wrong_with(*world.store, id) == "");
        else
          CHECK(verified.error().kind == Error::Kind::corrupt);
        missed = missed || !verified;
      }
      noticed += missed;
    };
    for (const auto& [path, bytes] : contents) {
      CAPTURE(path);
      const bool database = path.ends_with(".db");
      const std::size_t step = database ? 41 : 1;
      for (std::size_t at = 0; at < bytes.size(); at += step) {
        CAPTURE(at);
        auto flipped = whole.files->after_crash(Loss::none);
        std::string bad = bytes;
        bad[at] = static_cast<char>(bad[at] ^ 0x20);
        flipped->put(path, bad);
        judge(std::move(flipped));
        if (database && at % 512 != 0) continue;
        auto cut = whole.files->after_crash(Loss::none);
        cut->put(path, bytes.substr(0, at));
        judge(std::move(cut));
      }
      auto gone = whole.files->after_crash(Loss::none);
      gone->erase(path);
      judge(std::move(gone));
    }
    // In files there is no byte that does not count; a database has room that nobody reads.
    if (declaration.type == StoreType::files) CHECK(noticed == trials);
    CHECK(noticed > 10);
  });
}

TEST_CASE("a damaged checkpoint is listed and named, and the others are read") {
  World world(store_registry()[0]);
  REQUIRE(world.open());
  REQUIRE(commit(*world.store, 1));
  REQUIRE(commit(*world.store, 2));
  world.files->put("/d/checkpoints/chk-2/manifest", "");
  CHECK(listed(*world.store) == Ids{1, 2});
  auto damaged = world.store->read_manifest(CheckpointId{2});
  REQUIRE_FALSE(damaged);
  CHECK(damaged.error().kind == Error::Kind::corrupt);
  CHECK(damaged.error().message.find("/d/checkpoints/chk-2/manifest") != std::string::npos);
  CHECK(wrong_with(*world.store, CheckpointId{1}) == "");
  CHECK(world.store->remove(CheckpointId{2}));
  CHECK(listed(*world.store) == Ids{1});
}
