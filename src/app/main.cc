// tidemark: reads the command line, and runs the command that it names (commands.h).
#include <string>
#include <vector>

#include "app/command_line.h"
#include "app/commands.h"
#include "app/console.h"

int main(int count, char** words) {
  using namespace tidemark;
  const std::vector<std::string> arguments(count > 0 ? words + 1 : words, words + count);
  const auto line = parse_command_line(arguments);
  if (line) return static_cast<int>(execute(*line));
  if (line.error().exit == ExitCode::done) return static_cast<int>(print(line.error().text));
  print_error(line.error().text);
  return static_cast<int>(line.error().exit);
}
