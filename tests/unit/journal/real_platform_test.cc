// The writer on the program's own loop, thread and file system: what the thread sanitizer looks at.
#include <filesystem>

#include "fixture.h"
#include "platform/asio_loop.h"
#include "platform/posix_files.h"
#include "platform/system_clock.h"
#include "platform/thread_lane.h"

using namespace tidemark;
using namespace tidemark::test;

namespace {

// A folder of its own that goes with the test.
struct TemporaryFolder {
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-journal-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string path;
};

}  // namespace

TEST_CASE("a hundred thousand entries become durable on a real disk and are read back") {
  constexpr std::uint64_t kEntries = 100'000;
  TemporaryFolder place;
  const std::unique_ptr<Files> files = make_posix_files();
  const JournalFolder journal{*files, join_path(place.path, "journal"), lineage(), {}};
  CHECK(must_open(journal).end == Position{0});

  SystemClock clock;
  AsioLoop loop(clock);
  FakeLog log;
  SourceTable sources;
  const std::uint16_t source = sources.number("plant");
  {
    ThreadLane lane(loop, "journal");
    JournalWriter::Options options;
    options.folder = journal.path;
    options.settings.sync = 5ms;
    options.lineage = lineage();
    options.timeline = Timeline{1};
    options.run = RunId{1};
    options.segment_size = 256 << 10;
    options.block_size = 16 << 10;
    options.max_unsynced = 512 << 10;
    auto writer =
        std::make_unique<JournalWriter>(JournalWriter::Doors{loop, *files, lane, log}, options, sources);
    std::uint64_t appended = 0;
    bool trimmed = false, late = false;
    const auto limit = loop.at(loop.now() + 60s, [&] {
      late = true;
      loop.stop();
    });
    std::function<void()> turn = [&] {
      while (appended < kEntries && !writer->full()) {
        const std::string payload = format("entry {} of the plant", ++appended);
        writer->append(entry(payload, source, static_cast<std::int64_t>(appended)));
        if (appended % 97 == 0) break;
      }
      if (!trimmed && writer->durable().value > kEntries / 2) {
        writer->trim(Position{kEntries / 4});
        trimmed = true;
      }
      if (writer->durable().value == kEntries) return loop.stop();
      if (appended < kEntries && !writer->full()) loop.post(turn);
    };
    writer->on_progress(turn);
    loop.post(turn);
    loop.run();
    REQUIRE_FALSE(late);
    CHECK(writer->durable() == Position{kEntries});
    CHECK_FALSE(writer->trouble());
  }
  const JournalExtent extent = must_open(journal, Position{kEntries}, Position{kEntries / 4});
  CHECK(extent.end == Position{kEntries});
  const auto read = read_all(journal, Position{kEntries / 4});
  REQUIRE(read.size() == kEntries - kEntries / 4);
  CHECK(read.front().payload == format("entry {} of the plant", kEntries / 4 + 1));
  CHECK(read.back().payload == format("entry {} of the plant", kEntries));
}
