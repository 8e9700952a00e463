// FakePlatform: all doors at once, each a fake, for tests of what is handed the whole Platform.
//
// The disk may be handed in, so that a test can go on with the one found after a crash.
// Threads: the test's. Whatever was made with it must be gone before it.
#pragma once

#include <memory>
#include <utility>

#include "platform/platform.h"
#include "platform/sqlite.h"
#include "support/fake_clock.h"
#include "support/fake_lane.h"
#include "support/fake_log.h"
#include "support/fake_loop.h"
#include "support/fake_mqtt.h"
#include "support/fake_network.h"
#include "support/fake_output.h"
#include "support/fake_random.h"
#include "support/fault_files.h"
#include "support/sqlite_vfs.h"

namespace tidemark {

struct FakePlatform {
  explicit FakePlatform(std::unique_ptr<FaultFiles> its_disk = std::make_unique<FaultFiles>(),
                        std::uint64_t seed = 1)
      : disk(std::move(its_disk)),
        loop(clock),
        journal_lane(loop),
        bulk_lane(loop),
        network(loop),
        mqtt(loop),
        random(seed),
        vfs(*disk),
        sqlite(make_sqlite_opener(vfs.name())),
        platform{clock, loop, *disk, journal_lane, bulk_lane, network, mqtt, *sqlite, log, random, output} {}

  std::unique_ptr<FaultFiles> disk;
  FakeClock clock;
  FakeLoop loop;
  InlineLane journal_lane;
  InlineLane bulk_lane;
  FakeNetwork network;
  FakeMqttConnector mqtt;
  FakeLog log;
  FakeRandom random;
  FakeOutput output;
  SqliteVfs vfs;
  std::unique_ptr<SqliteOpener> sqlite;
  Platform platform;
};

}  // namespace tidemark
