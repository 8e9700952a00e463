// Prints the interface as one JSON document, {"settings":[...],"commands":[...]}, for what is made of it: the
// manual page of the settings, completions, and the list of what tests must cover. Not installed.
#include <cstdio>
#include <string>

#include "app/command_line.h"
#include "config/reference.h"

int main() {
  const std::string text = "{\"settings\":" + tidemark::settings_reference() +
                           ",\"commands\":" + tidemark::commands_reference() + "}\n";
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0 ? 0 : 1;
}
