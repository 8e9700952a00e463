#include "platform/spdlog_log.h"

#include <poll.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <map>
#include <mutex>

#include "base/format.h"
#include "base/json.h"

namespace tidemark {
namespace {

constexpr Duration kSampleEvery = 1min;
constexpr std::size_t kMostKinds = 4096;  // then the oldest counts are forgotten, rather than memory grow

// Writes whole lines as long as that does not block.
class PatientlessSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit PatientlessSink(int fd) : fd_(fd) {
    struct stat s;
    socket_ = ::fstat(fd, &s) == 0 && S_ISSOCK(s.st_mode);
  }
  ~PatientlessSink() override { flush_rest(); }

  std::uint64_t dropped() const { return dropped_.load(); }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t formatted;
    formatter_->format(message, formatted);
    if (missing_ > 0) {
      const std::string gap = format("{} log lines were left out: their reader was too slow\n", missing_);
      if (take(gap)) missing_ = 0;
    }
    if (missing_ > 0 || !take(std::string_view(formatted.data(), formatted.size()))) {
      ++missing_;
      ++dropped_;
    }
  }
  void flush_() override { flush_rest(); }

  // Takes the line whole, keeping what does not fit for the next time; false when it cannot even begin.
  bool take(std::string_view line) {
    if (!flush_rest()) return false;
    const std::size_t written = write_some(line);
    if (written == 0) return false;
    rest_.assign(line.substr(written));
    return true;
  }
  bool flush_rest() {
    rest_.erase(0, write_some(rest_));
    return rest_.empty();
  }

  std::size_t write_some(std::string_view bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const std::string_view left = bytes.substr(done);
      const ssize_t n =
          socket_ ? ::send(fd_, left.data(), left.size(), MSG_DONTWAIT | MSG_NOSIGNAL) : write_if_ready(left);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }
  // A pipe that is ready takes PIPE_BUF bytes without blocking.
  ssize_t write_if_ready(std::string_view bytes) const {
    pollfd ready{fd_, POLLOUT, 0};
    if (::poll(&ready, 1, 0) <= 0 || (ready.revents & POLLOUT) == 0) return 0;
    return ::write(fd_, bytes.data(), std::min<std::size_t>(bytes.size(), 4096));
  }

  int fd_;
  bool socket_ = false;
  std::string rest_;           // of a line that was begun
  std::uint64_t missing_ = 0;  // since the last line that was taken
  std::atomic<std::uint64_t> dropped_{0};
};

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view name_of(LogLevel level) {
  static constexpr std::string_view kNames[] = {"trace", "debug", "info", "warning", "error"};
  return kNames[static_cast<std::size_t>(level)];
}

// syslog's numbers, as journald reads them at the beginning of a line.
std::string_view priority_of(LogLevel level) {
  static constexpr std::string_view kPriorities[] = {"<7>", "<7>", "<6>", "<4>", "<3>"};
  return kPriorities[static_cast<std::size_t>(level)];
}

// $JOURNAL_STREAM names the device and inode that journald reads; a redirected descriptor is another.
bool is_journal(int fd) {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat s;
  if (!stream || ::fstat(fd, &s) < 0) return false;
  return format("{}:{}", static_cast<std::uint64_t>(s.st_dev), static_cast<std::uint64_t>(s.st_ino)) ==
         stream;
}

void append_plain(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      out += format("\\x{:02x}", static_cast<unsigned>(byte));
    else
      out.push_back(c);
  }
}

}  // namespace

struct SpdlogLog::Lines {
  struct Repeats {
    MonotonicTime next_line{};
    std::uint64_t left_out = 0;
  };

  Lines(int fd, Clock& its_clock)
      : clock(its_clock),
        journal(is_journal(fd)),
        sink(std::make_shared<PatientlessSink>(fd)),
        logger("tidemark", sink) {}

  std::string text_line(LogLevel level, std::string_view subject, std::string_view message,
                        Fields fields) const {
    std::string line;
    if (journal) line += priority_of(level);
    append_plain(line, subject);
    line += ": ";
    append_plain(line, message);
    for (const auto& [name, value] : fields) {
      line.append(" ").append(name).append("=");
      const bool quoted = value.empty() || value.find_first_of(" \"=") != std::string::npos;
      if (quoted) line.push_back('"');
      append_plain(line, value);
      if (quoted) line.push_back('"');
    }
    return line;
  }

  std::string json_line(LogLevel level, std::string_view subject, std::string_view message,
                        Fields fields) const {
    JsonWriter json;
    json.begin_object();
    if (!journal) {
      const std::int64_t ms = 1'000'000;
      json.key("time").text(to_rfc3339(clock.wall_ns() / ms * ms));
    }
    json.key("level").text(name_of(level)).key("subject").text(subject).key("message").text(message);
    for (const auto& [name, value] : fields) json.key(name).text(value);
    json.end_object();
    return (journal ? std::string(priority_of(level)) : std::string()) + json.take();
  }

  Clock& clock;
  const bool journal;
  std::shared_ptr<PatientlessSink> sink;
  spdlog::logger logger;
  std::atomic<bool> as_json{false};
  std::mutex mutex;  // of repeats
  std::map<std::string, Repeats, std::less<>> repeats;
};

SpdlogLog::SpdlogLog(int fd, Clock& clock) : lines_(std::make_unique<Lines>(fd, clock)) {
  set(Options{});
}

SpdlogLog::~SpdlogLog() = default;

void SpdlogLog::set(Options options) {
  lines_->as_json = options.json;
  lines_->logger.set_level(level_of(options.level));
  const bool bare = options.json || lines_->journal;
  lines_->logger.set_pattern(bare ? "%v" : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
}

void SpdlogLog::write(LogLevel level, std::string_view subject, std::string_view message, Fields fields) {
  if (!lines_->logger.should_log(level_of(level))) return;
  const std::string line = lines_->as_json ? lines_->json_line(level, subject, message, fields)
                                           : lines_->text_line(level, subject, message, fields);
  lines_->logger.log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
}

void SpdlogLog::sampled(LogLevel level, std::string_view subject, std::string_view kind,
                        std::string_view message) {
  if (!lines_->logger.should_log(level_of(level))) return;
  std::uint64_t left_out = 0;
  {
    std::string key(subject);
    key.append(1, '\0').append(kind);
    const std::lock_guard lock(lines_->mutex);
    if (lines_->repeats.size() >= kMostKinds && !lines_->repeats.contains(key)) lines_->repeats.clear();
    const auto [it, first] = lines_->repeats.try_emplace(std::move(key));
    Lines::Repeats& repeats = it->second;
    const MonotonicTime now = lines_->clock.monotonic();
    if (!first && now < repeats.next_line) {
      ++repeats.left_out;
      return;
    }
    repeats.next_line = now + kSampleEvery;
    left_out = std::exchange(repeats.left_out, 0);
  }
  if (left_out == 0)
    write(level, subject, message, {{"kind", std::string(kind)}});
  else
    write(level, subject, message, {{"kind", std::string(kind)}, {"left_out", std::to_string(left_out)}});
}

std::uint64_t SpdlogLog::dropped() const {
  return lines_->sink->dropped();
}

}  // namespace tidemark
