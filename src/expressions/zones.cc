#include "expressions/zones.h"

#include "base/format.h"
#include "base/zone.h"

namespace tidemark {

std::expected<std::shared_ptr<const Zone>, std::string> Zones::zone(std::string_view name) {
  return std::unexpected(
      format("there is no time zone '{}' here; there are 'UTC' and offsets such as '+02:00'", name));
}

}  // namespace tidemark
