// Any text as a configuration. Beside not crashing: there are settings or errors, never both; every place
// lies in the file; the canonical text of what was read is read back as itself; and the outline and the TOML
// library see the same form in every file that both take.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/invariant.h"
#include "config/loader.h"

using namespace tidemark;

namespace {

LoaderEnvironment environment() {
  LoaderEnvironment out;
  out.host_name = "box";
  out.variable = [](const std::string& name) -> std::optional<std::string> {
    if (name.size() > 3) return std::nullopt;
    return name == "N" ? "17" : name == "E" ? "" : "\"${x}\n";
  };
  out.secret_file = [](const std::string&) -> Result<std::string> { return std::string("secret"); };
  return out;
}

void check_messages(const Diagnostics& diagnostics) {
  for (const Diagnostics::Message& message : diagnostics.messages()) {
    invariant(message.place.file < diagnostics.files().size(), "a place lies in one of the files");
    invariant(message.text != "this is no TOML that can be read with certainty", "outline and library agree");
  }
  static_cast<void>(diagnostics.to_text());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  Diagnostics diagnostics;
  const auto settings = load_settings({{"fuzz.toml", text}}, environment(), diagnostics);
  check_messages(diagnostics);
  invariant(settings.has_value() != diagnostics.has_errors(), "settings or errors");
  if (!settings) return 0;

  Diagnostics again;
  const auto read_back = load_settings({{"canonical.toml", settings->canonical_text}}, environment(), again);
  check_messages(again);
  invariant(read_back.has_value(), "the canonical text holds");
  invariant(read_back->canonical_text == settings->canonical_text,
            "the canonical text is its own canonical text");
  invariant(read_back->fingerprint == settings->fingerprint, "the canonical text decides the same results");
  return 0;
}
