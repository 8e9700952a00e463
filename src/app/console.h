// What a command says: results on standard output, mistakes and progress on standard error.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "app/command_line.h"
#include "base/result.h"

namespace tidemark {

// All of it, or `failed` and a word about it on standard error: a pipe that has closed, a disk that is full.
ExitCode print(std::string_view text);
void print_error(std::string_view text);

// "tidemark: MESSAGE" on standard error; returns the exit code for its kind.
ExitCode report(const Error& error);
ExitCode exit_code_of(Error::Kind kind);

// For requests that take long: says on a terminal, every few seconds, that the instance is at it; else
// nothing.
std::function<void(std::int64_t seconds)> progress_on_terminal();

// How far long work of this process has come: redrawn in place on a terminal, else a line now and then;
// nothing for work that is soon done.
class WorkProgress {
 public:
  explicit WorkProgress(std::string what) : what_(std::move(what)) {}
  ~WorkProgress();
  void show(const std::function<std::string()>& how_far);

 private:
  std::string what_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now(), shown_ = begun_;
  bool drawn_ = false;
};

// Standard output is a terminal.
bool output_is_terminal();

}  // namespace tidemark
