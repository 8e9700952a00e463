// FakeLog: keeps every line, so that a test can say what the operator would have read.
//
// sampled() is not limited here: each call is a line, with its kind. Threads: any.
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/log.h"

namespace tidemark {

class FakeLog final : public Log {
 public:
  struct Line {
    LogLevel level = LogLevel::info;
    std::string subject;
    std::string message;
    std::string kind;  // empty unless sampled
    std::vector<std::pair<std::string, std::string>> fields;
  };

  void write(LogLevel level, std::string_view subject, std::string_view message, Fields fields) override {
    Line line{level, std::string(subject), std::string(message), {}, {}};
    for (const auto& [name, value] : fields) line.fields.emplace_back(std::string(name), value);
    keep(std::move(line));
  }
  void sampled(LogLevel level, std::string_view subject, std::string_view kind,
               std::string_view message) override {
    keep(Line{level, std::string(subject), std::string(message), std::string(kind), {}});
  }

  std::vector<Line> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    lines_.clear();
  }
  // How many lines stand at this level.
  std::size_t count(LogLevel level) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::count_if(lines_.begin(), lines_.end(), [&](const Line& line) { return line.level == level; }));
  }
  // Whether any line has `part` in its subject, message, kind or fields.
  bool contains(std::string_view part) const { return text().find(part) != std::string::npos; }
  // All lines, one below the other: for INFO() in a failing test.
  std::string text() const {
    static constexpr std::string_view kNames[] = {"trace", "debug", "info", "warning", "error"};
    const std::lock_guard lock(mutex_);
    std::string out;
    for (const Line& line : lines_) {
      out.append(kNames[static_cast<std::size_t>(line.level)]).append(" ");
      out.append(line.subject).append(": ").append(line.message);
      if (!line.kind.empty()) out.append(" [").append(line.kind).append("]");
      for (const auto& [name, value] : line.fields) out.append(" ").append(name).append("=").append(value);
      out.append("\n");
    }
    return out;
  }

 private:
  void keep(Line line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }

  mutable std::mutex mutex_;
  std::vector<Line> lines_;
};

}  // namespace tidemark
