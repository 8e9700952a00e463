// What the checkpoint's tests share: stores on a fault file system, and checkpoints that say what they hold.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/format.h"
#include "checkpoint/stores.h"
#include "support/fault_files.h"
#include "support/sqlite_vfs.h"

namespace tidemark::test {

inline const std::string kDataDir = "/d";

inline Lineage lineage(std::uint8_t last = 7) {
  Lineage l;
  l.bytes[15] = last;
  return l;
}

// A disk, SQLite on it, and a store opened on both.
struct World {
  explicit World(const StoreDeclaration& d, std::unique_ptr<FaultFiles> disk = std::make_unique<FaultFiles>())
      : declaration(d), files(std::move(disk)), vfs(*files), sqlite(make_sqlite_opener(vfs.name())) {
    if (!files->status(kDataDir) && !files->dead()) REQUIRE(files->make_directories(kDataDir));
  }
  Status open(bool read_only = false) {
    store.reset();
    auto opened = declaration.open({*files, *sqlite}, kDataDir, read_only);
    if (!opened) return pass_on(opened);
    store = std::move(*opened);
    return {};
  }
  std::unique_ptr<World> after_crash(Loss loss, std::uint64_t seed) const {
    return std::make_unique<World>(declaration, files->after_crash(loss, seed));
  }

  const StoreDeclaration& declaration;
  std::unique_ptr<FaultFiles> files;
  SqliteVfs vfs;
  std::unique_ptr<SqliteOpener> sqlite;
  std::unique_ptr<CheckpointStore> store;
};

// The rows of a segment are derived from its name, so that a reader knows what to expect.
inline std::string rows_of(const std::string& name, int block) {
  std::string rows;
  for (int i = 0; i < 20; ++i) rows += format("{} block {} row {};", name, block, i);
  return rows;
}

inline Result<SegmentReference> write_segment(CheckpointStore& store, CheckpointId id,
                                              const std::string& name, int blocks = 2,
                                              const std::string& owner = "state/p") {
  auto writer = store.create_segment(id, lineage(), name, owner);
  if (!writer) return pass_on(writer);
  for (int block = 0; block < blocks; ++block)
    if (Status put = (*writer)->append(rows_of(name, block), 20); !put) return pass_on(put);
  return (*writer)->finish();
}

inline Manifest manifest_of(std::uint64_t id, std::vector<SegmentReference> segments = {}) {
  Manifest m;
  m.id = CheckpointId{id};
  m.lineage = lineage();
  m.timeline = Timeline{1};
  m.run = RunId{2};
  m.position = Position{id * 100};
  m.segments = std::move(segments);
  m.sections = {{"engine", format("section of {}", id)}};
  return m;
}

// Empty when everything that the manifest names is there and holds what its name promises.
inline std::string wrong_with(CheckpointStore& store, CheckpointId id) {
  auto manifest = store.read_manifest(id);
  if (!manifest) return manifest.error().message;
  if (manifest->position.value != id.value * 100) return "another position";
  if (!manifest->section("engine") || *manifest->section("engine") != format("section of {}", id.value))
    return "another section";
  for (const SegmentReference& segment : manifest->segments) {
    int block = 0;
    bool same = true;
    auto read = store.read_segment(*manifest, segment, [&](std::string_view rows) -> Status {
      same = same && rows == rows_of(segment.name, block++);
      return {};
    });
    if (!read) return read.error().message;
    if (!same || block * 20 != static_cast<int>(segment.rows)) return "other rows in " + segment.name;
  }
  if (auto verified = verify_checkpoint(store, id); !verified) return verified.error().message;
  return {};
}

inline std::vector<std::uint64_t> listed(CheckpointStore& store) {
  auto ids = store.list();
  if (!ids) FAIL("list: ", ids.error().message);
  std::vector<std::uint64_t> out;
  for (const CheckpointId id : *ids) out.push_back(id.value);
  return out;
}

}  // namespace tidemark::test
