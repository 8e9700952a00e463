// ServiceNotifier tells the service manager how the program is: READY, STATUS, WATCHDOG, STOPPING.
//
// systemd's sd_notify protocol: datagrams to the socket named by $NOTIFY_SOCKET; without it, nothing happens.
// Its queue may be full (ten datagrams, with Linux's defaults), and nothing here waits: a line that is
// repeated anyway is dropped then, READY and STOPPING are owed and told before whatever is told next. The
// watchdog is fed from the loop, after real progress, never from a thread of its own. Threads: loop only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/times.h"

namespace tidemark {

class ServiceNotifier {
 public:
  virtual ~ServiceNotifier() = default;
  virtual void ready() = 0;
  virtual void status(std::string_view text) = 0;
  virtual void stopping() = 0;
  virtual void watchdog() = 0;
  // Asks for more time to start or stop.
  virtual void extend_timeout(Duration by) = 0;
  // Something that matters was not taken yet: tell it anything, soon.
  virtual bool owes() const = 0;
  // How often watchdog() must be called at the least ($WATCHDOG_USEC); none: no watchdog.
  virtual std::optional<Duration> watchdog_interval() const = 0;
};

// Reads $NOTIFY_SOCKET and $WATCHDOG_USEC once.
std::unique_ptr<ServiceNotifier> make_service_notifier();

}  // namespace tidemark
