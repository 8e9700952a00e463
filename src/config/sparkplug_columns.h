// The columns of Sparkplug B records, which `fields` may give types and pipelines read (decode/sparkplug.h).
#pragma once

#include <array>
#include <string_view>

namespace tidemark {

inline constexpr std::array<std::string_view, 9> kSparkplugColumns = {
    "group", "node", "device", "event", "metric", "value", "type", "timestamp", "historical"};

}  // namespace tidemark
