// `tidemark version`.
#include "app/commands.h"
#include "app/console.h"
#include "app/table.h"
#include "app/version.h"
#include "base/format.h"
#include "base/json.h"
#include "platform/versions.h"

namespace tidemark {

ExitCode version_command(const CommandLine& line) {
  const std::vector<LibraryVersion> libraries = library_versions();
  if (line.json) {
    JsonWriter out;
    out.begin_object().key("version").text(program_version()).key("build").text(program_build());
    out.key("libraries").begin_object();
    for (const LibraryVersion& library : libraries) out.key(library.name).text(library.version);
    return print(out.end_object().end_object().take() + "\n");
  }
  std::string out = format("Tidemark {}\n", program_version());
  out += record_line("build", program_build());
  for (const LibraryVersion& library : libraries) out += record_line(library.name, library.version);
  return print(out);
}

}  // namespace tidemark
