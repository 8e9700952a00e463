// Results as sinks see them: rows of values, numbered without gaps in their channel.
//
// A channel is (lineage, timeline, uid of the pipeline or source, kind): what comes out of one mouth. The
// number and the chain hash (of all results of the channel so far) are what a sink remembers, so that after a
// restart the replay knows which results it already holds, and whether they were the same. Lifetime: views,
// valid as long as the batch that hands them out.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/value.h"

namespace tidemark {

enum class ChannelKind : std::uint8_t { main = 0, late = 1, dead = 2 };
std::string_view to_text(ChannelKind kind);

struct ChannelId {
  Lineage lineage;
  Timeline timeline;
  std::string uid;
  ChannelKind kind = ChannelKind::main;
  auto operator<=>(const ChannelId&) const = default;
};
// "LINEAGE/TIMELINE/UID/main", the key under which sinks store what they hold, and back.
std::string to_text(const ChannelId& channel);
Result<ChannelId> parse_channel(std::string_view text);

struct ChannelMark {
  ResultNumber number;
  std::uint64_t chain = 0;
};
using Holdings = std::map<ChannelId, ChannelMark>;

struct ResultColumn {
  std::string name;
  enum class Kind : std::uint8_t {
    plain = 0,
    time = 1,  // an integer Value, nanoseconds since 1970, or NULL
    json = 2,  // a text, which is JSON, or NULL
  } kind = Kind::plain;
  bool operator==(const ResultColumn&) const = default;
};

// The first `identity` columns are what makes a row unique for an upsert: keys, then window_start and
// window_end when there is a window.
struct ResultSchema {
  ChannelId channel;
  std::string pipeline;  // the name that results carry
  std::vector<ResultColumn> columns;
  std::size_t identity = 0;
  bool operator==(const ResultSchema&) const = default;
};
// Whether rows of both may be written alike: the same pipeline, kind and columns; of whatever lineage and
// timeline.
bool same_shape(const ResultSchema& a, const ResultSchema& b);

struct ResultView {
  const ResultSchema* schema = nullptr;
  ResultNumber number;
  std::uint64_t chain = 0;
  std::span<const Value> values;  // one a column
  // Under which lineage and timeline it was numbered, where that is not the schema's: a result that was made
  // before a branch began.
  const ChannelId* issued = nullptr;
  // What its id begins with, where that is not the sink's own: a result that another run has made.
  std::string_view id_prefix = {};

  const ChannelId& channel() const { return issued != nullptr ? *issued : schema->channel; }
};

}  // namespace tidemark
