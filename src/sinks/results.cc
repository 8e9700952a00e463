#include "sinks/results.h"

#include <algorithm>
#include <charconv>

#include "base/format.h"

namespace tidemark {

std::string_view to_text(ChannelKind kind) {
  switch (kind) {
    case ChannelKind::main:
      return "main";
    case ChannelKind::late:
      return "late";
    case ChannelKind::dead:
      return "dead";
  }
  return "main";
}

bool same_shape(const ResultSchema& a, const ResultSchema& b) {
  return a.channel.uid == b.channel.uid && a.channel.kind == b.channel.kind && a.pipeline == b.pipeline &&
         a.identity == b.identity &&
         std::equal(a.columns.begin(), a.columns.end(), b.columns.begin(), b.columns.end(),
                    [](const ResultColumn& x, const ResultColumn& y) {
                      return x.name == y.name && x.kind == y.kind;
                    });
}

std::string to_text(const ChannelId& channel) {
  return format("{}/{}/{}/{}", to_text(channel.lineage), channel.timeline.value, channel.uid,
                to_text(channel.kind));
}

// A uid may itself hold slashes; the other parts cannot.
Result<ChannelId> parse_channel(std::string_view text) {
  const auto broken = [&] {
    return fail(format("'{}' is no name of a channel", text), Error::Kind::corrupt);
  };
  const std::size_t first = text.find('/');
  const std::size_t second = first == std::string_view::npos ? first : text.find('/', first + 1);
  const std::size_t last = text.rfind('/');
  if (second == std::string_view::npos || last <= second) return broken();
  ChannelId channel;
  const Result<Lineage> lineage = parse_lineage(text.substr(0, first));
  if (!lineage) return broken();
  channel.lineage = *lineage;
  const std::string_view timeline = text.substr(first + 1, second - first - 1);
  const auto read =
      std::from_chars(timeline.data(), timeline.data() + timeline.size(), channel.timeline.value);
  if (read.ec != std::errc() || read.ptr != timeline.data() + timeline.size()) return broken();
  channel.uid = text.substr(second + 1, last - second - 1);
  const std::string_view kind = text.substr(last + 1);
  for (const ChannelKind k : {ChannelKind::main, ChannelKind::late, ChannelKind::dead}) {
    if (kind != to_text(k)) continue;
    channel.kind = k;
    return channel;
  }
  return broken();
}

}  // namespace tidemark
