#include <doctest/doctest.h>

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

}  // namespace
}  // namespace tidemark
