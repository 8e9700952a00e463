// The registry: one line a type.
#include <array>

#include "base/invariant.h"
#include "sources/source.h"

namespace tidemark {

std::unique_ptr<Source> make_mqtt_source(SourceContext context);
std::unique_ptr<Source> make_stream_source(SourceContext context);
std::unique_ptr<Source> make_udp_source(SourceContext context);
std::unique_ptr<Source> make_file_source(SourceContext context);
std::unique_ptr<Source> make_standard_input_source(SourceContext context);

std::span<const SourceDeclaration> source_registry() {
  static constexpr std::array kSources = {
      SourceDeclaration{SourceSettings::Type::mqtt, "mqtt", make_mqtt_source},
      SourceDeclaration{SourceSettings::Type::tcp, "tcp", make_stream_source},
      SourceDeclaration{SourceSettings::Type::udp, "udp", make_udp_source},
      SourceDeclaration{SourceSettings::Type::unix_socket, "unix", make_stream_source},
      SourceDeclaration{SourceSettings::Type::file, "file", make_file_source},
      SourceDeclaration{SourceSettings::Type::standard_input, "stdin", make_standard_input_source},
  };
  return kSources;
}

std::string_view source_type_name(SourceSettings::Type type) {
  for (const SourceDeclaration& declaration : source_registry())
    if (declaration.type == type) return declaration.name;
  return {};
}

std::unique_ptr<Source> make_source(SourceContext context) {
  for (const SourceDeclaration& declaration : source_registry()) {
    if (declaration.type == context.settings.type) return declaration.make(std::move(context));
  }
  invariant_broken("a source of a type that is not registered", std::source_location::current());
}

}  // namespace tidemark
