// The registry: one line a type.
#include "sinks/sink.h"

#include <array>

#include "base/format.h"
#include "base/invariant.h"

namespace tidemark {

std::unique_ptr<Sink> make_standard_output_sink(SinkContext context);
std::unique_ptr<Sink> make_file_sink(SinkContext context);
std::unique_ptr<Sink> make_sqlite_sink(SinkContext context);
std::unique_ptr<Sink> make_mqtt_sink(SinkContext context);
std::unique_ptr<Sink> make_tcp_sink(SinkContext context);
std::unique_ptr<Sink> make_null_sink(SinkContext context);

std::span<const SinkDeclaration> sink_registry() {
  using Type = SinkSettings::Type;
  static constexpr std::array kSinks = {
      SinkDeclaration{Type::standard_output, "stdout", false, false, make_standard_output_sink},
      SinkDeclaration{Type::file, "file", true, true, make_file_sink},
      SinkDeclaration{Type::sqlite, "sqlite", true, true, make_sqlite_sink},
      SinkDeclaration{Type::mqtt, "mqtt", false, false, make_mqtt_sink},
      SinkDeclaration{Type::tcp, "tcp", false, false, make_tcp_sink},
      SinkDeclaration{Type::null, "null", false, false, make_null_sink},
  };
  return kSinks;
}

const SinkDeclaration& sink_declaration(SinkSettings::Type type) {
  for (const SinkDeclaration& declaration : sink_registry()) {
    if (declaration.type == type) return declaration;
  }
  invariant_broken("a sink of a type that is not registered", std::source_location::current());
}

std::unique_ptr<Sink> make_sink(SinkContext context) {
  return sink_declaration(context.settings.type).make(std::move(context));
}

std::string result_id(const std::string& prefix, const ResultView& row) {
  const ChannelId& channel = row.channel();
  std::string id = format("{}/{}/{}/{}", row.id_prefix.empty() ? std::string_view(prefix) : row.id_prefix,
                          channel.timeline.value, row.schema->pipeline, row.number.value);
  if (channel.kind != ChannelKind::main) id.append("/").append(to_text(channel.kind));
  return id;
}

}  // namespace tidemark
