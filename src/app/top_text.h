// Two looks at a running instance, some time apart, as what `tidemark top` shows: rates, lags, waits.
#pragma once

#include <cstdint>
#include <string>

#include "pipeline/status.h"

namespace tidemark {

struct Looks {
  const StatusReport& before;
  const StatusReport& now;
  Duration apart;
  std::int64_t wall_ns = 0;  // of the second
};

std::string top_text(const Looks& looks);
// {"interval_seconds":…, "sources":[{"name":…,"records_per_second":…,"lag_seconds":…}], …}.
std::string top_json(const Looks& looks);

}  // namespace tidemark
