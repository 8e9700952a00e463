// Checkpoints as version 1 wrote them, committed as files: every later program reads them.
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "fixture.h"
#include "support/source_tree.h"

using namespace tidemark;
using namespace tidemark::test;

namespace {

std::string path_of(const std::string& name) {
  return source_tree() + "/tests/golden/v1/" + name;
}

std::string golden(const std::string& name) {
  std::ifstream in(path_of(name), std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  REQUIRE_FALSE(bytes.empty());
  return bytes;
}

Manifest manifest(std::vector<SegmentReference> segments) {
  Manifest m = manifest_of(42, std::move(segments));
  m.timeline = Timeline{2};
  m.journal_time = time_from_ns<JournalTime>(1'740'830'400'000'000'000);
  m.wall_ns = 1'740'830'400'000'000'001;
  m.duration = 250ms;
  m.semantics = 1;
  m.incremental = true;
  m.configuration = "[node]\nname = \"press-hall-3\"\n";
  m.sources = {{"plant", "session 3, 20 ids", time_from_ns<EventTime>(5)}};
  m.pipelines = {{"health", "uid", 99, 10'000, 1 << 20, kEventTimeMax, Position{4100}}};
  return m;
}

void make(World& world) {
  REQUIRE(world.open());
  auto base = write_segment(*world.store, CheckpointId{41}, "41-2-1", 3);
  REQUIRE(base);
  base->base_to = 16;
  auto pending = write_segment(*world.store, CheckpointId{42}, "42-2-1", 1, "pending/history");
  REQUIRE(pending);
  REQUIRE(world.store->commit(manifest({*base, *pending})));
  world.store.reset();
}

void write_golden() {
  const auto put = [](const std::string& name, const std::string& bytes) {
    std::ofstream(path_of(name), std::ios::binary) << bytes;
  };
  World files(store_registry()[0]);
  make(files);
  put("checkpoint-manifest", files.files->content("/d/checkpoints/chk-42/manifest"));
  put("checkpoint-segment-base", files.files->content("/d/checkpoints/shared/41-2-1"));
  put("checkpoint-segment-pending", files.files->content("/d/checkpoints/shared/42-2-1"));
  World sqlite(store_registry()[1]);
  make(sqlite);
  put("checkpoints.db", sqlite.files->content("/d/checkpoints.db"));
}

void check(World& world) {
  REQUIRE(world.open());
  CHECK(listed(*world.store) == std::vector<std::uint64_t>{42});
  CHECK(wrong_with(*world.store, CheckpointId{42}) == "");
  auto read = world.store->read_manifest(CheckpointId{42});
  REQUIRE(read);
  REQUIRE(read->segments.size() == 2);
  CHECK(read->segments[0].base_to == 16);
  CHECK(read->segments[1].owner == "pending/history");
  CHECK(encode_manifest(*read) == encode_manifest(manifest(read->segments)));
}

}  // namespace

TEST_CASE("checkpoints of version 1 are read from files") {
  if (std::getenv("TIDEMARK_WRITE_GOLDEN")) write_golden();
  World world(store_registry()[0]);
  REQUIRE(world.files->make_directories("/d/checkpoints/chk-42"));
  REQUIRE(world.files->make_directories("/d/checkpoints/shared"));
  world.files->put("/d/checkpoints/chk-42/manifest", golden("checkpoint-manifest"));
  world.files->put("/d/checkpoints/shared/41-2-1", golden("checkpoint-segment-base"));
  world.files->put("/d/checkpoints/shared/42-2-1", golden("checkpoint-segment-pending"));
  check(world);
}

TEST_CASE("checkpoints of version 1 are read from SQLite") {
  World world(store_registry()[1]);
  world.files->put("/d/checkpoints.db", golden("checkpoints.db"));
  check(world);
}
