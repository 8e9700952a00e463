// Service: one run of an appliance as a process: told to stop by a signal or by command, asked through the
// control socket, watched by the service manager.
//
//   start() -> READY -> runs -> signal(), `tidemark stop` or the end of all input -> final checkpoint ->
//   `ended`
//
// `ended` is called once, on the loop, with the exit code; the loop may be stopped then. Destroying a Service
// before that is a crash, as destroying an Appliance is. Threads: loop only.   Lifetime: platform and
// notifier outlive it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/command_line.h"
#include "app/control_server.h"
#include "app/control_socket.h"
#include "pipeline/appliance.h"
#include "platform/platform.h"
#include "platform/sd_notify.h"

namespace tidemark {

class Service {
 public:
  struct Options {
    ApplianceOptions
        appliance;  // with the control socket's path; it may be in use or impossible, see start()
    // The configuration as its files have it now, or everything that is wrong with it; for reload().
    std::function<Result<Settings>()> read_configuration = {};
    std::function<void(ExitCode)> ended;
  };
  Service(Platform& platform, ServiceNotifier& notifier, Options options);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service();

  // An instance that cannot have its control socket runs without one, and says so.
  void start();
  // SIGTERM and the like: the first one stops it cleanly. False for the second: the caller ends the process.
  bool signal(int number);
  // SIGHUP: reads the configuration again. One that does not hold leaves everything running as it was.
  void reload();

 private:
  Status listen();
  void ready(const Status& started);
  void stop(bool command, std::function<void(Status)> stopped, bool drain = false);
  void stop_with_savepoint(SavepointTarget target, std::function<void(Status)> stopped);
  void stopped(const Status& status);
  void end(ExitCode code);
  void beat();

  Platform& platform_;
  ServiceNotifier& notifier_;
  Options options_;
  Duration beat_every_;
  Appliance appliance_;
  ControlServer control_;
  std::optional<SocketName> socket_name_;
  Status listening_;
  std::unique_ptr<Timer> beat_;
  bool signalled_ = false;
  bool stopping_ = false;
  bool ended_ = false;
  ExitCode exit_ = ExitCode::done;
  std::vector<std::function<void(Status)>> waiting_for_stop_;
};

}  // namespace tidemark
