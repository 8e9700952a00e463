// Machine: the real platform, assembled: kernel files and sockets, asio's loop, two lanes, libmosquitto,
// SQLite, spdlog.
//
// Threads: made, used and destroyed on the main thread, which runs the loop.
// Lifetime: whatever was made with platform() goes before it.
#pragma once

#include <memory>

#include "platform/asio_loop.h"
#include "platform/files.h"
#include "platform/log.h"
#include "platform/mqtt.h"
#include "platform/network.h"
#include "platform/platform.h"
#include "platform/posix_output.h"
#include "platform/spdlog_log.h"
#include "platform/sqlite.h"
#include "platform/system_clock.h"
#include "platform/system_random.h"
#include "platform/thread_lane.h"
#include "platform/written_bytes.h"

namespace tidemark {

class Machine {
 public:
  Machine(const SpdlogLog::Options& log, const std::string& data_dir);
  Platform& platform() { return platform_; }
  AsioLoop& loop() { return loop_; }

 private:
  WrittenBytes written_;
  SystemClock clock_;
  SpdlogLog log_;
  SystemRandom random_;
  AsioLoop loop_;
  std::unique_ptr<Files> files_;
  std::unique_ptr<SqliteOpener> sqlite_;
  PosixOutput output_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<MqttConnector> mqtt_;
  ThreadLane journal_lane_;
  ThreadLane bulk_lane_;  // after the loop: lanes end before it
  Platform platform_;
};

}  // namespace tidemark
