// ControlClient asks a running instance through its control socket and waits for the answer. Protocol:
// control_server.h.
//
// An instance that is at work on a request says so every few seconds. When nothing is heard for two seconds,
// `unanswered` is told once; an instance that is suspended (SIGSTOP) is given up on then, another one when
// nothing is heard for the length of `silence`. What it had not begun by then it does not do any more.
// Errors: the instance's own, with its kind; or what went wrong on the way. Threads: one at a time. Calls
// block.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "base/times.h"

namespace tidemark {

class ControlClient {
 public:
  // Nothing when nobody listens there.
  static Result<std::optional<ControlClient>> connect(const std::string& path, Duration silence = 30s);
  ControlClient(ControlClient&& other) noexcept;
  ControlClient& operator=(ControlClient&&) = delete;
  ~ControlClient();

  // Hears a line about an instance that does not answer.
  void on_unanswered(std::function<void(const std::string& what)> unanswered) {
    unanswered_ = std::move(unanswered);
  }
  // `request` is one JSON object without a newline. `progress` hears how long the instance has been at it,
  // `item` what a streamed answer consists of; when it says false the rest is not waited for, and nothing
  // more may be asked: the answer is null.
  Result<JsonValue> ask(std::string_view request,
                        const std::function<void(std::int64_t seconds)>& progress = {},
                        const std::function<bool(const JsonValue& item)>& item = {});
  // The same, handing over an open file with it.
  Result<JsonValue> ask_with_file(std::string_view request, int descriptor,
                                  const std::function<void(std::int64_t seconds)>& progress = {});

 private:
  ControlClient(int socket, std::string path, Duration silence)
      : socket_(socket), path_(std::move(path)), silence_(silence) {}
  Status send(std::string_view bytes);
  Status send_file(int descriptor, char first);
  Result<JsonValue> answer(const std::function<void(std::int64_t seconds)>& progress,
                           const std::function<bool(const JsonValue& item)>& item);
  Result<std::string> read_line();
  Status wait_for_bytes();

  int socket_;
  std::string path_;
  Duration silence_;
  std::function<void(const std::string&)> unanswered_;
  std::string input_;
};

// {"command":"NAME"}, with "id":"ID" when there is one.
std::string control_request(std::string_view command, std::string_view id = {});

}  // namespace tidemark
