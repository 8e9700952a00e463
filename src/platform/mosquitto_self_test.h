// Shows on the library of this machine what mosquitto_handle.h builds on: a queued PUBACK does not leave by
// itself, it does leave by write(), and the DUP flag can be read from the log line.
//
// Uses a socket on the loopback for a few milliseconds; both protocol versions. Threads: any, blocks.
#pragma once

#include "base/result.h"

namespace tidemark {

Status mosquitto_self_test();

}  // namespace tidemark
