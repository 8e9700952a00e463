// What a pipeline holds is bounded: by the number of its keys, by the memory of all, and by time.
#include <doctest/doctest.h>
#include <malloc.h>

#include "engine_world.h"

using namespace tidemark;

namespace {

using Lines = std::vector<std::string>;

std::string counting(const std::string& more, const std::string& tables = "") {
  return with_source_a(R"(
[pipelines.p]
from = ["a"]
key_by = ["k"]
select = ["count(*) AS n"]
to = ["out"]
)" + more + "\n" + tables);
}

}  // namespace

// interface: pipelines.max_keys, limits.max_keys
TEST_CASE("beyond max_keys records with new keys are refused and counted, and known keys go on") {
  for (const char* tables : {"", "[limits]\nmax_keys = 2\n"}) {
    const bool own = std::string(tables).empty();
    EngineWorld world(counting(own ? "max_keys = 2" : "", tables));
    for (const char* k : {"x", "y", "z", "x", "z", "y"}) world.event(1s, k);
    CHECK(world.output.take() == Lines{"p x 1", "p y 1", "p x 2", "p y 2"});
    CHECK(world.engine->pipeline_counters(0).refused == 2);
    CHECK(world.engine->pipeline_counters(0).errors == 0);
    CHECK(world.output.notices == Lines(2, "pipelines.p: refused: a new key beyond max_keys"));
    world.save_and_load(3);
    world.event(2s, "z");
    CHECK(world.engine->pipeline_counters(0).refused == 3);
  }
}

TEST_CASE("a refused record goes to the dead letters, and a strict pipeline does not stand still at it") {
  EngineWorld letters(counting("max_keys = 1\non_error = \"dead-letter\"\ndead_letter_to = \"dead\""));
  letters.event(1s, "x");
  letters.event(1s, "y");
  CHECK(letters.output.lines.size() == 2);
  CHECK(letters.output.lines.back().starts_with("p/dead a 2 a new key beyond max_keys"));
  EngineWorld strict(counting("max_keys = 1\non_error = \"fail\""));
  for (const char* k : {"x", "y", "x"}) strict.event(1s, k);
  CHECK(strict.engine->standing(0) == nullptr);
  CHECK(strict.output.take() == Lines{"p x 1", "p x 2"});
}

TEST_CASE("windows count towards max_keys until they are closed") {
  EngineWorld world(counting("max_keys = 1\nwindow = { type = \"tumbling\", size = \"10s\" }"));
  world.event(1s, "x");
  world.event(2s, "y");
  world.event(11s, "x");  // refused: the first window closes after this record
  world.event(12s, "x");
  CHECK(world.engine->pipeline_counters(0).refused == 2);
  CHECK(world.engine->pipeline_table(0)->size() == 1);
}

// interface: pipelines.on_max_keys
TEST_CASE("a ttl that comes later counts from then for the keys that are there") {
  EngineWorld before(counting(""));
  before.event(1s, "x");
  before.event(100s, "y");
  EngineWorld after(counting("ttl = \"10s\""));
  after.engine = after.make(3);
  after.position = before.position;
  REQUIRE(after.engine->take_over(before.engine->take_apart()));
  after.event(105s, "x");
  CHECK(after.output.take() == Lines{"p x 2"});
  after.event(110s, "y");
  CHECK(after.output.take() == Lines{"p y 1"});
}

TEST_CASE("evict-oldest forgets the key that was made first, also after a restore") {
  EngineWorld world(counting("max_keys = 2\non_max_keys = \"evict-oldest\""));
  for (const char* k : {"b", "a", "b"}) world.event(1s, k);
  world.save_and_load(5);
  world.event(2s, "c");  // b was made first, however often it was used
  world.event(3s, "b");  // and now a
  world.event(4s, "c");
  CHECK(world.output.take() == Lines{"p b 1", "p a 1", "p b 2", "p c 1", "p b 1", "p c 2"});
  CHECK(world.engine->pipeline_counters(0).evicted == 2);
  CHECK(world.engine->pipeline_table(0)->size() == 2);
}

TEST_CASE("keys that are evicted before their ttl is over leave nothing behind") {
  EngineWorld world(counting("max_keys = 10\non_max_keys = \"evict-oldest\"\nttl = \"1h\""));
  const auto feed = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      world.event(1s, "k" + std::to_string(i));
      if (i % 100 == 0) world.output.take();
    }
    world.output.take();
    return static_cast<std::int64_t>(mallinfo2().uordblks);
  };
  const std::int64_t before = feed(0, 10'000);
  CHECK(feed(10'000, 60'000) - before < 200'000);
  CHECK(world.engine->pipeline_table(0)->size() == 10);
}

// interface: limits.memory
TEST_CASE("limits.memory bounds what all pipelines hold together, the same after a restore") {
  EngineWorld world(counting("", R"(
[pipelines.q]
from = ["a"]
key_by = ["v"]
select = ["count(*) AS n"]
to = ["out"]
[limits]
memory = "4KiB"
)"));
  for (int i = 0; i < 100; ++i) world.event(1s, "key" + std::to_string(i), i);
  const auto keys = [&] {
    return world.engine->pipeline_table(0)->size() + world.engine->pipeline_table(1)->size();
  };
  const std::size_t held = keys();
  CHECK(held > 20);
  CHECK(held < 60);
  CHECK(world.engine->state_bytes() <= 4096);
  CHECK(world.engine->pipeline_counters(0).refused + world.engine->pipeline_counters(1).refused ==
        200 - held);
  const std::uint64_t bytes = world.engine->state_bytes();
  world.save_and_load(9);
  CHECK(world.engine->state_bytes() == bytes);
  world.event(2s, "another", 1000);
  CHECK(keys() == held);
}

TEST_CASE("closing windows gives their memory back") {
  EngineWorld world(counting("window = { type = \"tumbling\", size = \"10s\" }"));
  for (int i = 0; i < 50; ++i) world.event(1s, "key" + std::to_string(i));
  CHECK(world.engine->state_bytes() > 0);
  world.event(25s, "last");
  world.save_and_load(2);
  world.event(45s, "last");
  CHECK(world.engine->pipeline_table(0)->size() == 1);
  CHECK(world.engine->state_bytes() < 200);
}

// interface: pipelines.ttl
TEST_CASE("a key without input for its ttl starts from nothing, in event time") {
  EngineWorld world(counting("ttl = \"10s\""));
  world.event(1s, "x");
  world.event(9s, "x");
  world.event(18s, "x");  // nine seconds after the last one
  world.event(40s, "y");  // the watermark passes x's time
  CHECK(world.engine->pipeline_table(0)->size() == 1);
  world.event(41s, "x");
  CHECK(world.output.take() == Lines{"p x 1", "p x 2", "p x 3", "p y 1", "p x 1"});
  CHECK(world.engine->pipeline_counters(0).expired == 1);
}

TEST_CASE("in processing time the ttl counts from the last arrival, and survives a restore") {
  EngineWorld world(counting("ttl = \"10s\"\ntime = \"processing\""));
  world.record(1s, EngineWorld::json(500s, "x"));  // its event time says nothing
  world.record(2s, EngineWorld::json(1s, "y"));
  world.save_and_load(4);
  world.record(10s, EngineWorld::json(1s, "x"));
  world.record(15s, EngineWorld::json(1s, "z"));
  CHECK(world.engine->pipeline_table(0)->size() == 2);  // y is gone
  world.record(19s, EngineWorld::json(1s, "x"));
  world.record(29s, EngineWorld::json(1s, "x"));  // its time is over just now
  CHECK(world.output.take() == Lines{"p x 1", "p y 1", "p x 2", "p z 1", "p x 3", "p x 1"});
  CHECK(world.engine->pipeline_counters(0).expired == 3);
}
