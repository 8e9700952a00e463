// A StatusReport for a person: what `tidemark status` prints, and the one line that the service manager
// shows.
#pragma once

#include <cstdint>
#include <string>

#include "pipeline/status.h"

namespace tidemark {

// `wall_ns`: now, for ages.
std::string status_text(const StatusReport& report, std::int64_t wall_ns);

// "running; chk-42; 12345 records in, 12 results waiting", "running, degraded: <the first reason>".
std::string status_line(const StatusReport& report);

}  // namespace tidemark
