#include <doctest/doctest.h>

#include "sinks/file_cursor.h"
#include "support/sink_subject.h"

namespace tidemark {
namespace {

constexpr auto kFile = SinkSettings::Type::file;
constexpr const char* kPath = "/data/out.jsonl";

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST_CASE("file: rows are durable when a batch is done") {
  const ResultScript script(20);
  SinkSubject subject(kFile);
  const auto opened = subject.open(script.schemas());
  REQUIRE(opened.has_value());
  REQUIRE(opened->has_value());
  CHECK((*opened)->value().empty());
  CHECK(subject.write(script.all().first(10)));
  const auto after = subject.doors.disk->after_crash(Loss::all_unsynced);
  CHECK(lines_in(after->content(kPath)) == 10);
}

TEST_CASE("file: csv begins with one header, also after a restart, and asks for one set of columns") {
  const ResultScript script(6);
  auto disk = std::make_unique<FaultFiles>();
  for (int run = 0; run < 2; ++run) {
    SinkSubject subject(kFile, std::move(disk));
    subject.settings.format = FormatSettings::Type::csv;
    const auto opened = subject.open(script.schemas());
    REQUIRE(opened->has_value());
    CHECK(subject.write(script.all().subspan(static_cast<std::size_t>(run) * 3, 3)));
    subject.sink.reset();
    disk = std::move(subject.doors.disk)->after_crash(Loss::none);
  }
  const std::string text = disk->content(kPath);
  CHECK(text.starts_with("device,window_start,n,mean,note\n"));
  CHECK(text.find("device", 1) == std::string::npos);

  ResultSchema odd = *script.schemas()[0];
  odd.columns[0].name = "other";
  SinkSubject subject(kFile);
  subject.settings.format = FormatSettings::Type::csv;
  const auto opened = subject.open({script.schemas()[0], &odd});
  REQUIRE_FALSE(opened->has_value());
  CHECK(opened->error().kind == Error::Kind::usage);
}

TEST_CASE("file: what lies behind the cursor is cut off in the same file, and never in another") {
  const ResultScript script(10);
  SinkSubject subject(kFile);
  subject.open(script.schemas());
  subject.write(script.all());
  subject.sink.reset();
  const std::string whole = subject.doors.disk->content(kPath);
  auto file = subject.doors.disk->open(kPath, Files::Open::write);
  REQUIRE((*file)->write_at(whole.size(), "{\"half").has_value());
  subject.open(script.schemas());
  CHECK(subject.doors.disk->content(kPath) == whole);

  subject.sink.reset();
  subject.doors.disk->put("/elsewhere", "somebody's longer content\n" + whole + "more\n");
  REQUIRE(subject.doors.disk->rename("/elsewhere", kPath).has_value());
  const auto opened = subject.open(script.schemas());
  CHECK(same_holdings((*opened)->value(), script.holdings_after(10)));
  CHECK(subject.doors.disk->content(kPath) == "somebody's longer content\n" + whole + "more\n");
  CHECK(subject.doors.log.contains("not the file"));
}

TEST_CASE(
    "file: one that is moved or removed while it is written to is followed by a new one, and it is said") {
  for (const bool removed : {false, true}) {
    const ResultScript script(10);
    SinkSubject subject(kFile);
    subject.open(script.schemas());
    subject.write(script.all().first(4));
    if (removed)
      REQUIRE(subject.doors.disk->remove(kPath).has_value());
    else
      REQUIRE(subject.doors.disk->rename(kPath, "/data/out.1").has_value());
    CHECK(subject.write(script.all().subspan(4)));
    CHECK(lines_in(subject.doors.disk->content(kPath)) == 6);
    if (!removed) CHECK(lines_in(subject.doors.disk->content("/data/out.1")) == 4);
    CHECK(subject.doors.log.contains("moved or removed"));
    subject.sink.reset();
    const auto opened = subject.open(script.schemas());
    CHECK(same_holdings((*opened)->value(), script.holdings_after(10)));
    CHECK(lines_in(subject.doors.disk->content(kPath)) == 6);
  }
}

TEST_CASE("file: a file that was there without a cursor is added to, on a line of its own") {
  const ResultScript script(3);
  SinkSubject subject(kFile);
  subject.doors.disk->put(kPath, "no end");
  subject.open(script.schemas());
  CHECK(subject.doors.log.contains("no cursor"));
  subject.write(script.all());
  CHECK(subject.doors.disk->content(kPath).starts_with("no end\n{"));
  CHECK(lines_in(subject.doors.disk->content(kPath)) == 4);
}

TEST_CASE("file: one that somebody cut is reported, and rows go on") {
  const ResultScript script(6);
  SinkSubject subject(kFile);
  subject.open(script.schemas());
  subject.write(script.all().first(3));
  subject.sink.reset();
  auto file = subject.doors.disk->open(kPath, Files::Open::write);
  REQUIRE((*file)->truncate(5).has_value());
  subject.open(script.schemas());
  CHECK(subject.doors.log.contains("shorter"));
  CHECK(subject.write(script.all().subspan(3)));
  CHECK(lines_in(subject.doors.disk->content(kPath)) == 4);
}

TEST_CASE("file: a damaged cursor is an error that names it") {
  const ResultScript script(3);
  SinkSubject subject(kFile);
  subject.open(script.schemas());
  subject.write(script.all());
  subject.sink.reset();
  subject.doors.disk->put("/data/sinks/subject", "garbage");
  const auto opened = subject.open(script.schemas());
  REQUIRE_FALSE(opened->has_value());
  CHECK(opened->error().kind == Error::Kind::corrupt);
  CHECK(opened->error().message.find("/data/sinks/subject") != std::string::npos);
}

TEST_CASE("file: a full disk keeps the batch, and it stands once when there is room again") {
  for (const auto operation : {FaultFiles::Operation::write, FaultFiles::Operation::sync,
                               FaultFiles::Operation::rename, FaultFiles::Operation::sync_directory}) {
    for (std::uint64_t skip = 0; skip < 3; ++skip) {
      CAPTURE(name_of(operation));
      CAPTURE(skip);
      const ResultScript script(10);
      SinkSubject subject(kFile);
      subject.open(script.schemas());
      REQUIRE(subject.write(script.all().first(5)));
      subject.doors.disk->fail({.operation = operation, .skip = skip, .times = 2, .no_space = true});
      bool done = subject.write(script.all().subspan(5));
      if (!done) CHECK(subject.sink->status().state == SinkStatus::State::away);
      subject.doors.loop.advance(1min);
      CHECK(subject.finished);
      CHECK(subject.sink->status().degraded.empty());
      CHECK(lines_in(subject.doors.disk->content(kPath)) == 10);
      // A power cut now finds them all: what a failed sync forgot was written again.
      const auto after = subject.doors.disk->after_crash(Loss::all_unsynced);
      CHECK(after->content(kPath) == subject.doors.disk->content(kPath));
    }
  }
}

TEST_CASE("file: a batch that failed is not tried again once the sink was told to close") {
  const ResultScript script(10);
  for (const bool while_under_way : {false, true}) {
    SinkSubject subject(kFile);
    subject.open(script.schemas());
    subject.doors.disk->fail({.operation = FaultFiles::Operation::write, .times = 1000, .no_space = true});
    subject.sink->write(script.all(), [&] { subject.finished = true; });
    if (!while_under_way) subject.doors.loop.run_ready();
    bool closed = false;
    subject.sink->close([&] { closed = true; });
    subject.doors.loop.advance(5min);
    CHECK(closed);
    CHECK_FALSE(subject.finished);
  }
}

TEST_CASE("file: without memory rows are appended and nothing is kept beside them") {
  const ResultScript script(4);
  SinkSubject subject(kFile);
  subject.remembers = false;
  for (int run = 0; run < 2; ++run) {
    const auto opened = subject.open(script.schemas());
    CHECK_FALSE((*opened)->has_value());
    CHECK(subject.write(script.all()));
    subject.sink.reset();
  }
  CHECK(lines_in(subject.doors.disk->content(kPath)) == 8);
  CHECK_FALSE(subject.doors.disk->exists("/data/sinks/subject"));
}

// interface: sinks.rotate_size, sinks.keep
TEST_CASE("file: rotated by its size, each file has whole rows and its header, the newest are kept") {
  const ResultScript script(60);
  SinkSubject subject(kFile);
  subject.settings.format = FormatSettings::Type::csv;
  subject.settings.rotate_size = 500;
  subject.settings.keep = 3;
  std::string all;
  const std::string somebodys = std::string(kPath) + ".2";
  subject.doors.disk->put(somebodys, "not ours\n");
  subject.open(script.schemas());
  for (std::size_t at = 0; at < 60; at += 5) REQUIRE(subject.write(script.all().subspan(at, 5)));
  CHECK(subject.doors.disk->content(somebodys) == "not ours\n");
  CHECK_FALSE(subject.doors.disk->exists(std::string(kPath) + ".1"));
  std::vector<std::string> kept;
  for (std::uint64_t n = 3; n < 30; ++n)
    if (subject.doors.disk->exists(std::string(kPath) + "." + std::to_string(n)))
      kept.push_back(subject.doors.disk->content(std::string(kPath) + "." + std::to_string(n)));
  kept.push_back(subject.doors.disk->content(kPath));
  CHECK(kept.size() <= 4);
  CHECK(kept.size() >= 3);
  for (const std::string& text : kept) {
    CHECK(text.size() <= 500);
    CHECK(text.starts_with("device,window_start,n,mean,note\n"));
    CHECK(text.ends_with("\n"));
  }
  CHECK(subject.sink->status().counters[1].second > 3);
}

// interface: sinks.rotate_every
TEST_CASE("file: rotated by the hour, a file has the rows of one hour, and an idle one is left alone") {
  const ResultScript script(9);
  SinkSubject subject(kFile);
  subject.settings.rotate_every = 1h;
  subject.open(script.schemas());
  subject.write(script.all().first(2));
  subject.doors.loop.advance(1min);
  subject.write(script.all().subspan(2, 2));
  CHECK_FALSE(subject.doors.disk->exists(std::string(kPath) + ".1"));
  const std::uint64_t operations = subject.doors.disk->operations();
  subject.doors.loop.advance(5h);
  CHECK(subject.doors.disk->operations() == operations);
  subject.sink.reset();
  subject.open(script.schemas());  // it is remembered over a restart
  subject.write(script.all().subspan(4));
  CHECK(lines_in(subject.doors.disk->content(std::string(kPath) + ".1")) == 4);
  CHECK(lines_in(subject.doors.disk->content(kPath)) == 5);
}

TEST_CASE("file: a power cut at any operation of a rotation leaves each row exactly once, in order") {
  const ResultScript script(40);
  const auto settings = [](SinkSubject& subject) {
    subject.settings.rotate_size = 600;
    subject.settings.ids = true;
  };
  const auto whole = [](const FaultFiles& disk) {
    std::string text;
    for (int n = 1; n < 60; ++n)
      if (const std::string path = std::string(kPath) + "." + std::to_string(n); disk.exists(path))
        text += disk.content(path);
    return text + (disk.exists(kPath) ? disk.content(kPath) : std::string());
  };
  const auto deliver = [&](SinkSubject& subject) {
    const auto opened = subject.open(script.schemas());
    if (!opened || !*opened) return false;
    std::size_t at = script.first_missing((*opened)->value());
    for (; at < 40; at += 4)
      if (!subject.write(script.all().subspan(at, std::min<std::size_t>(4, 40 - at)))) return false;
    return true;
  };
  std::string expected;
  std::uint64_t operations = 0;
  {
    SinkSubject subject(kFile);
    settings(subject);
    REQUIRE(deliver(subject));
    expected = whole(*subject.doors.disk);
    operations = subject.doors.disk->operations();
    CHECK(subject.doors.disk->exists(std::string(kPath) + ".5"));
  }
  for (const Loss loss : {Loss::all_unsynced, Loss::none, Loss::random})
    for (std::uint64_t at = 1; at <= operations; ++at) {
      CAPTURE(at);
      CAPTURE(static_cast<int>(loss));
      auto disk = std::make_unique<FaultFiles>();
      disk->crash_at(at);
      for (int run = 0; run < 2; ++run) {
        SinkSubject subject(kFile, std::move(disk));
        settings(subject);
        const bool done = deliver(subject);
        if (run == 0) {
          disk = subject.doors.disk->after_crash(loss, at);
          continue;
        }
        CHECK(done);
        CHECK(whole(*subject.doors.disk) == expected);
      }
    }
}

TEST_CASE(
    "file: with ids, rows that a file without its cursor holds are known again, and the others follow") {
  for (const auto format : {FormatSettings::Type::json, FormatSettings::Type::csv}) {
    const ResultScript script(30);
    SinkSubject subject(kFile);
    subject.settings.ids = true;
    subject.settings.format = format;
    subject.open(script.schemas());
    REQUIRE(subject.write(script.all()));
    const std::string whole = subject.doors.disk->content(kPath);
    subject.sink.reset();
    subject.doors.disk->erase("/data/sinks/subject");
    const std::size_t cut = whole.find('\n', whole.size() / 2) + 1;
    subject.doors.disk->put(kPath, whole.substr(0, cut));
    subject.open(script.schemas());
    CHECK(subject.sink->status().forgot);
    CHECK(subject.doors.log.contains("known by their _id"));
    for (std::size_t at = 0; at < 30; at += 6) REQUIRE(subject.write(script.all().subspan(at, 6)));
    CHECK(subject.doors.disk->content(kPath) == whole);
  }
}

TEST_CASE("file: a device with another number is the same file, another file with its inode is not") {
  const ResultScript script(10);
  for (const bool same_bytes : {true, false}) {
    CAPTURE(same_bytes);
    SinkSubject subject(kFile);
    subject.open(script.schemas());
    subject.write(script.all().first(6));
    subject.sink.reset();
    const std::string whole = subject.doors.disk->content(kPath);
    auto cursor = decode_file_cursor(subject.doors.disk->content("/data/sinks/subject"), "cursor");
    REQUIRE(cursor);
    if (same_bytes)
      cursor->identity.device += 7;
    else
      cursor->head ^= 1;
    subject.doors.disk->put("/data/sinks/subject", encode(*cursor));
    auto file = subject.doors.disk->open(kPath, Files::Open::write);
    REQUIRE((*file)->write_at(whole.size(), "half").has_value());
    const auto opened = subject.open(script.schemas());
    CHECK(same_holdings((*opened)->value(), script.holdings_after(6)));
    CHECK(subject.doors.disk->content(kPath) == whole + (same_bytes ? "" : "half"));
    CHECK(subject.doors.log.contains("not the file") != same_bytes);
    subject.write(script.all().subspan(6));
    CHECK(lines_in(subject.doors.disk->content(kPath)) == (same_bytes ? 10 : 11));
  }
}

// interface: sinks.fsync
TEST_CASE("file: fsync = false syncs nothing, and a killed program still leaves each row once") {
  const ResultScript script(12);
  SinkSubject subject(kFile);
  subject.settings.fsync = false;
  subject.open(script.schemas());
  const std::uint64_t syncs = subject.doors.disk->operations(FaultFiles::Operation::sync);
  subject.write(script.all().first(6));
  CHECK(subject.doors.disk->operations(FaultFiles::Operation::sync) == syncs);
  SinkSubject after(kFile, subject.doors.disk->after_crash(Loss::none));
  after.settings.fsync = false;
  const auto opened = after.open(script.schemas());
  CHECK(same_holdings((*opened)->value(), script.holdings_after(6)));
  CHECK(after.write(script.all().subspan(6)));
  CHECK(lines_in(after.doors.disk->content(kPath)) == 12);
}

}  // namespace
}  // namespace tidemark
