// Log: lines for the operator, on standard error, so that journald or a terminal has them.
//
// An event is logged once, where it is handled. No payloads and no secrets at info and above. Never blocks:
// what the reader does not take is dropped and counted. Repeats of a kind are limited: the first, then one a
// minute with the number left out. Threads: any.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace tidemark {

enum class LogLevel { trace, debug, info, warning, error };

class Log {
 public:
  using Fields = std::initializer_list<std::pair<std::string_view, std::string>>;
  virtual ~Log() = default;
  // `subject` is the part of the program or the configuration's own name for it: "journal", "sources.plant".
  virtual void write(LogLevel level, std::string_view subject, std::string_view message,
                     Fields fields = {}) = 0;
  // The same for what may repeat at the speed of the input: limited per (subject, kind).
  virtual void sampled(LogLevel level, std::string_view subject, std::string_view kind,
                       std::string_view message) = 0;

  void info(std::string_view subject, std::string_view message, Fields fields = {}) {
    write(LogLevel::info, subject, message, fields);
  }
  void warning(std::string_view subject, std::string_view message, Fields fields = {}) {
    write(LogLevel::warning, subject, message, fields);
  }
  void error(std::string_view subject, std::string_view message, Fields fields = {}) {
    write(LogLevel::error, subject, message, fields);
  }
};

}  // namespace tidemark
