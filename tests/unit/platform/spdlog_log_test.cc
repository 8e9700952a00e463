// The log as its reader sees it, at the other end of a pipe.
#include "platform/spdlog_log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/format.h"
#include "base/json.h"
#include "support/fake_clock.h"

using namespace tidemark;

namespace {

// The reading end, which takes nothing unless asked.
class Reader {
 public:
  explicit Reader(bool socket = false) {
    const int made =
        socket ? ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_) : ::pipe2(ends_, O_CLOEXEC);
    REQUIRE(made == 0);
    ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  ~Reader() {
    close();
    ::close(ends_[1]);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  int writer() const { return ends_[1]; }
  void close() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
  }
  std::string take() {
    std::string all;
    char part[65536];
    for (ssize_t n; (n = ::read(ends_[0], part, sizeof part)) > 0;)
      all.append(part, static_cast<std::size_t>(n));
    return all;
  }

 private:
  int ends_[2] = {-1, -1};
};

}  // namespace

TEST_CASE("a text line has time, level, subject, message and fields") {
  FakeClock clock;
  Reader reader;
  SpdlogLog log(reader.writer(), clock);
  log.warning("journal", "the disk is slow", {{"waited", "2s"}, {"what", "a \"b\""}});
  const std::string line = reader.take();
  CHECK(line.substr(4, 1) == "-");
  CHECK(line.find("T") == 10);
  CHECK(line.substr(line.find(' ')) == " warning journal: the disk is slow waited=2s what=\"a \"b\"\"\n");
}

TEST_CASE("a json line is one object with the same") {
  FakeClock clock;
  Reader reader;
  SpdlogLog log(reader.writer(), clock);
  log.set({.json = true});
  log.error("sinks.history", "locked\nby \"somebody\"", {{"path", "history.db"}});
  const std::string line = reader.take();
  REQUIRE(line.ends_with("}\n"));
  const auto object = JsonValue::parse(line);
  REQUIRE(object);
  CHECK(object->text_of("time") == "2025-03-01T12:00:00Z");
  CHECK(object->text_of("level") == "error");
  CHECK(object->text_of("subject") == "sinks.history");
  CHECK(object->text_of("message") == "locked\nby \"somebody\"");
  CHECK(object->text_of("path") == "history.db");
}

TEST_CASE("what is below the level is not written") {
  FakeClock clock;
  Reader reader;
  SpdlogLog log(reader.writer(), clock);
  log.write(LogLevel::debug, "a", "hidden", {});
  log.sampled(LogLevel::debug, "a", "k", "hidden");
  CHECK(reader.take().empty());
  log.set({.level = LogLevel::debug});
  log.write(LogLevel::debug, "a", "shown", {});
  CHECK(reader.take().find("debug a: shown") != std::string::npos);
}

TEST_CASE("no input can forge a line") {
  FakeClock clock;
  Reader reader;
  SpdlogLog log(reader.writer(), clock);
  log.info("a", "bad record: x\n2025 error b: forged\x1b[2J");
  const std::string line = reader.take();
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(line.find("x\\x0a2025 error b: forged\\x1b[2J") != std::string::npos);
}

TEST_CASE("repeats of a kind are written first and then once a minute, with how many were left out") {
  FakeClock clock;
  Reader reader;
  SpdlogLog log(reader.writer(), clock);
  for (int i = 0; i < 100; ++i) log.sampled(LogLevel::warning, "sources.a", "bad", "no JSON");
  log.sampled(LogLevel::warning, "sources.b", "bad", "no JSON");
  log.sampled(LogLevel::warning, "sources.a", "late", "too late");
  const std::string first = reader.take();
  CHECK(std::count(first.begin(), first.end(), '\n') == 3);
  CHECK(first.find("left_out") == std::string::npos);
  clock.advance(59s);
  log.sampled(LogLevel::warning, "sources.a", "bad", "no JSON");
  CHECK(reader.take().empty());
  clock.advance(1s);
  log.sampled(LogLevel::warning, "sources.a", "bad", "no JSON");
  CHECK(reader.take().find("sources.a: no JSON kind=bad left_out=100\n") != std::string::npos);
}

TEST_CASE("a reader that does not read costs lines, not time, and is told how many") {
  for (const bool socket : {false, true}) {
    CAPTURE(socket);
    FakeClock clock;
    Reader reader(socket);
    SpdlogLog log(reader.writer(), clock);
    const std::string message(300, 'm');
    constexpr int kLines = 5000;
    for (int i = 0; i < kLines; ++i) log.info("a", message);
    const std::uint64_t dropped = log.dropped();
    CHECK(dropped > 0);
    const std::string taken = reader.take();
    log.info("a", "again");
    const std::string later = taken + reader.take();
    CHECK(later.find(format("{} log lines were left out", dropped)) != std::string::npos);
    CHECK(later.ends_with("a: again\n"));
    // Every line is whole: those taken, the one about the rest, and the last.
    const auto lines = static_cast<std::uint64_t>(std::count(later.begin(), later.end(), '\n'));
    CHECK(lines == kLines - dropped + 2);
  }
}

TEST_CASE("a line that was begun is finished before the next") {
  FakeClock clock;
  Reader reader;
  SpdlogLog log(reader.writer(), clock);
  log.info("a", std::string(200'000, 'm'));  // more than a pipe holds
  std::string all = reader.take();
  CHECK(all.size() < 200'000);
  for (int i = 0; i < 10; ++i) {
    log.info("a", "next");
    all += reader.take();
  }
  CHECK(all.find(std::string(200'000, 'm') + "\n") != std::string::npos);
  CHECK(all.ends_with("a: next\n"));
}

TEST_CASE("a reader that has gone does no harm") {
  ::signal(SIGPIPE, SIG_IGN);
  FakeClock clock;
  Reader reader;
  SpdlogLog log(reader.writer(), clock);
  reader.close();
  log.info("a", "to nobody");
  CHECK(log.dropped() == 1);
}

TEST_CASE("under the journal a line has a priority and no time") {
  FakeClock clock;
  Reader reader(true);
  struct stat s;
  REQUIRE(::fstat(reader.writer(), &s) == 0);
  ::setenv("JOURNAL_STREAM", format("{}:{}", s.st_dev, s.st_ino).c_str(), 1);
  {
    SpdlogLog log(reader.writer(), clock);
    log.warning("journal", "slow");
    CHECK(reader.take() == "<4>journal: slow\n");
    log.set({.json = true});
    log.error("journal", "slow");
    CHECK(reader.take() == "<3>{\"level\":\"error\",\"subject\":\"journal\",\"message\":\"slow\"}\n");
  }
  ::setenv("JOURNAL_STREAM", "1:1", 1);  // the journal of another descriptor
  SpdlogLog log(reader.writer(), clock);
  log.warning("journal", "slow");
  CHECK_FALSE(reader.take().starts_with("<4>"));
  ::unsetenv("JOURNAL_STREAM");
}
