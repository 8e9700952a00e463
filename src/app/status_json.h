// A StatusReport as JSON: what the control socket answers and what `tidemark status --json` prints.
//
// Units stand in the names; times are RFC 3339 in UTC; what is not there is null. A watermark is a time, null
// before there is one, or "ended" when nothing more will come. Reading it back tolerates members that are
// missing or unknown: the instance that answers may be older or newer than the program that asks.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "base/times.h"
#include "pipeline/status.h"

namespace tidemark {

void write_status(JsonWriter& out, const StatusReport& report);
StatusReport read_status(const JsonValue& json);

// Shared with checkpoints' JSON.
void write_watermark(JsonWriter& out, const std::optional<EventTime>& watermark);
std::optional<EventTime> read_watermark(const JsonValue* json);
void write_time(JsonWriter& out, std::int64_t ns_since_epoch);  // null for 0
std::int64_t read_time(const JsonValue* json);                  // 0 for null
void write_seconds(JsonWriter& out, Duration d);
Duration read_seconds(const JsonValue& object, std::string_view name);
std::uint64_t unsigned_of(const JsonValue& object, std::string_view name);

}  // namespace tidemark
