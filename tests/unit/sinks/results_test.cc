#include "sinks/results.h"

#include <doctest/doctest.h>

#include <vector>

#include "sinks/sink.h"

namespace tidemark {
namespace {

TEST_CASE("a channel's name reads back, also when its uid has slashes") {
  for (const std::string uid : {"health", "a/b", "/", "main", ""}) {
    for (const ChannelKind kind : {ChannelKind::main, ChannelKind::late, ChannelKind::dead}) {
      ChannelId channel;
      channel.lineage.bytes[3] = 7;
      channel.timeline = Timeline{12};
      channel.uid = uid;
      channel.kind = kind;
      const auto read = parse_channel(to_text(channel));
      REQUIRE(read.has_value());
      CHECK(*read == channel);
    }
  }
}

TEST_CASE("what is no channel's name is refused") {
  const std::string lineage(32, '0');
  const std::vector<std::string> broken = {std::string(),         lineage,
                                           lineage + "/1",        lineage + "/1/main",
                                           lineage + "/x/u/main", lineage + "/1/u/other",
                                           "abc/1/u/main",        lineage + "/-1/u/main"};
  for (const std::string& text : broken) {
    CAPTURE(text);
    CHECK_FALSE(parse_channel(text).has_value());
  }
}

TEST_CASE("an id names prefix, timeline, pipeline and number, and the kind when it is not main") {
  ResultSchema schema;
  schema.pipeline = "health";
  schema.channel.timeline = Timeline{2};
  const ResultView row{&schema, ResultNumber{41}, 0, {}};
  CHECK(result_id("press-3", row) == "press-3/2/health/41");
  schema.channel.kind = ChannelKind::late;
  CHECK(result_id("press-3", row) == "press-3/2/health/41/late");
}

}  // namespace
}  // namespace tidemark
