// SpdlogLog writes log lines to standard error (or another descriptor) and never waits for its reader.
//
// What the reader does not take at once is dropped and counted; a line says how many when it reads again. The
// descriptor is not made non-blocking: others share it. Under systemd's journal lines carry no time and begin
// with the priority ("<4>"), which journald takes off.
//
//   text   2025-03-01T12:00:00.123+0100 warning journal: the disk is slow waited=2s
//   json {"time":"2025-03-01T11:00:00.123Z","level":"warning","subject":"journal","message":…,"waited":"2s"}
//
// Control characters in what is logged are written as \xNN, so that no input can forge a line.
// Threads: any. Lifetime: `clock` must outlive it; the descriptor stays the caller's.
#pragma once

#include <cstdint>
#include <memory>

#include "platform/clock.h"
#include "platform/log.h"

namespace tidemark {

class SpdlogLog final : public Log {
 public:
  struct Options {
    LogLevel level = LogLevel::info;
    bool json = false;
  };
  SpdlogLog(int fd, Clock& clock);
  ~SpdlogLog() override;
  SpdlogLog(const SpdlogLog&) = delete;
  SpdlogLog& operator=(const SpdlogLog&) = delete;

  // From now on; at first LogLevel::info as text.
  void set(Options options);
  void write(LogLevel level, std::string_view subject, std::string_view message, Fields fields) override;
  void sampled(LogLevel level, std::string_view subject, std::string_view kind,
               std::string_view message) override;
  // Lines that no reader took, since the start.
  std::uint64_t dropped() const;

 private:
  struct Lines;
  std::unique_ptr<Lines> lines_;
};

}  // namespace tidemark
