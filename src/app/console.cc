#include "app/console.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/format.h"

namespace tidemark {

ExitCode print(std::string_view text) {
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (written) return ExitCode::done;
  return report({format("write to standard output: {}", std::strerror(errno))});
}

void print_error(std::string_view text) {
  // There is nobody left to tell when this fails.
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), stderr));
}

ExitCode report(const Error& error) {
  print_error(format("tidemark: {}\n", error.message));
  return exit_code_of(error.kind);
}

ExitCode exit_code_of(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::usage:
      return ExitCode::usage;
    case Error::Kind::not_found:
      return ExitCode::not_found;
    case Error::Kind::failed:
    case Error::Kind::corrupt:
    case Error::Kind::no_space:
    case Error::Kind::busy:
      break;
  }
  return ExitCode::failed;
}

std::function<void(std::int64_t seconds)> progress_on_terminal() {
  if (::isatty(STDERR_FILENO) == 0) return {};
  return [](std::int64_t seconds) {
    print_error(format("the instance is at work on it, {} s so far\n", seconds));
  };
}

void WorkProgress::show(const std::function<std::string()>& how_far) {
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  const auto now = std::chrono::steady_clock::now();
  if (now - shown_ < (terminal ? std::chrono::milliseconds(300) : std::chrono::milliseconds(10'000))) return;
  shown_ = now;
  drawn_ = drawn_ || terminal;
  print_error(terminal ? format("\r\x1b[K{}: {}", what_, how_far()) : format("{}: {}\n", what_, how_far()));
}

WorkProgress::~WorkProgress() {
  if (drawn_) print_error("\r\x1b[K");
}

bool output_is_terminal() {
  return ::isatty(STDOUT_FILENO) != 0;
}

}  // namespace tidemark
