#include "app/control_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "app/control_server.h"
#include "app/control_socket.h"
#include "app/readable.h"
#include "base/format.h"

namespace tidemark {
namespace {

constexpr std::size_t kMaxAnswer = 64 << 20;

constexpr Duration kFirstWord = 2s;  // of silence, before anything is said about it

void limit_sending(int socket, Duration silence) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(silence).count();
  timeval limit{};
  limit.tv_sec = static_cast<decltype(limit.tv_sec)>(us / 1'000'000);
  limit.tv_usec = static_cast<decltype(limit.tv_usec)>(us % 1'000'000);
  // If the kernel refuses, waiting is unlimited and the user has Ctrl-C.
  static_cast<void>(::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
}

// The process that listens; 0 when the kernel does not say.
int process_behind(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

// The letter of proc(5): R runs, S sleeps, D waits for a disk, T is suspended. '?' when it cannot be seen.
char state_of(int process) {
  std::ifstream stat(format("/proc/{}/stat", process));
  const std::string text((std::istreambuf_iterator<char>(stat)), std::istreambuf_iterator<char>());
  const std::size_t name_end = text.rfind(')');  // the name before it may hold anything
  return name_end != std::string::npos && name_end + 2 < text.size() ? text[name_end + 2] : '?';
}

bool is_suspended(char state) {
  return state == 'T' || state == 't';
}

}  // namespace

Result<std::optional<ControlClient>> ControlClient::connect(const std::string& path, Duration silence) {
  const Result<SocketName> name = SocketName::make(path);
  if (!name && name.error().kind == Error::Kind::not_found) return std::optional<ControlClient>();
  if (!name) return std::unexpected(name.error());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return fail(format("make a socket: {}", std::strerror(errno)));
  ControlClient client(socket, path, silence);
  limit_sending(socket, silence);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, name->text().data(), name->text().size());
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0)
    return std::optional(std::move(client));
  const int error = errno;
  if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR) return std::optional<ControlClient>();
  const char* hint = error == EACCES   ? "; be root or a member of the instance's group"
                     : error == EAGAIN ? "; the instance is too busy to answer"
                                       : "";
  return fail(format("connect to control socket {}: {}{}", path, std::strerror(error), hint));
}

ControlClient::ControlClient(ControlClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      path_(std::move(other.path_)),
      silence_(other.silence_),
      unanswered_(std::move(other.unanswered_)),
      input_(std::move(other.input_)) {}

ControlClient::~ControlClient() {
  if (socket_ >= 0) ::close(socket_);
}

Status ControlClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return fail(format("write to control socket {}: {}", path_, std::strerror(errno)));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

// Returns when there is something to read, or the end.
Status ControlClient::wait_for_bytes() {
  const auto wait = [this](Duration longest) {
    pollfd asked{.fd = socket_, .events = POLLIN, .revents = 0};
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(longest).count();
    int ready = 0;
    do {
      ready = ::poll(&asked, 1, static_cast<int>(ms));
    } while (ready < 0 && errno == EINTR);
    return ready != 0;
  };
  const Duration first = std::min(kFirstWord, silence_);
  if (wait(first)) return {};
  const int process = process_behind(socket_);
  const char state = state_of(process);
  if (is_suspended(state))
    return fail(format(
        "the instance, process {0}, is suspended and answers nothing; let it go on with `kill -CONT {0}`. "
        "What was asked is withdrawn",
        process));
  if (silence_ > first) {
    if (unanswered_)
      unanswered_(format("the instance, process {}, has not answered for {}{}; waiting up to {}", process,
                         readable_duration(first), state == 'D' ? " and waits for its disk" : "",
                         readable_duration(silence_)));
    if (wait(silence_ - first)) return {};
  }
  return fail(format(
      "control socket {}: the instance, process {}, has said nothing for {}; its log may say why. What was "
      "asked is withdrawn",
      path_, process, readable_duration(silence_)));
}

Result<std::string> ControlClient::read_line() {
  std::size_t searched = 0;
  while (true) {
    if (const std::size_t end = input_.find('\n', searched); end != std::string::npos) {
      std::string line = input_.substr(0, end);
      input_.erase(0, end + 1);
      return line;
    }
    searched = input_.size();
    if (input_.size() > kMaxAnswer) return fail(format("control socket {}: the answer does not end", path_));
    if (Status came = wait_for_bytes(); !came) return pass_on(came);
    char piece[16384];
    const ssize_t got = ::recv(socket_, piece, sizeof piece, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(format("read from control socket {}: {}", path_, std::strerror(errno)));
    if (got == 0) return fail(format("control socket {}: the instance has ended before it answered", path_));
    input_.append(piece, static_cast<std::size_t>(got));
  }
}

Result<JsonValue> ControlClient::ask(std::string_view request,
                                     const std::function<void(std::int64_t seconds)>& progress,
                                     const std::function<bool(const JsonValue& item)>& item) {
  if (Status sent = send(std::string(request) + "\n"); !sent) return pass_on(sent);
  return answer(progress, item);
}

Result<JsonValue> ControlClient::ask_with_file(std::string_view request, int descriptor,
                                               const std::function<void(std::int64_t seconds)>& progress) {
  if (Status sent = send_file(descriptor, request.front()); !sent) return pass_on(sent);
  if (Status sent = send(std::string(request.substr(1)) + "\n"); !sent) return pass_on(sent);
  return answer(progress, {});
}

// A descriptor travels with at least one byte.
Status ControlClient::send_file(int descriptor, char first) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec piece{.iov_base = &first, .iov_len = 1};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(part), &descriptor, sizeof descriptor);
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket_, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return fail(format("hand a file over control socket {}: {}", path_, std::strerror(errno)));
  return {};
}

Result<JsonValue> ControlClient::answer(const std::function<void(std::int64_t seconds)>& progress,
                                        const std::function<bool(const JsonValue& item)>& item) {
  while (true) {
    Result<std::string> line = read_line();
    if (!line) return pass_on(line);
    Result<JsonValue> answer = JsonValue::parse(*line);
    if (!answer) return pass_on(answer, format("answer on control socket {}", path_));
    if (const JsonValue* at_work = answer->find("progress")) {
      if (progress) progress(at_work->integer_of("seconds"));
      continue;
    }
    if (const JsonValue* one = answer->find("item")) {
      if (item && !item(*one)) return JsonValue();
      continue;
    }
    if (!answer->boolean_of("ok"))
      return fail(std::string(answer->text_of("error", "the instance refused without a reason")),
                  error_kind_of(answer->text_of("kind")));
    const JsonValue* result = answer->find("result");
    return result == nullptr ? JsonValue() : *result;
  }
}

std::string control_request(std::string_view command, std::string_view id) {
  JsonWriter out;
  out.begin_object().key("command").text(command);
  if (!id.empty()) out.key("id").text(id);
  return out.end_object().take();
}

}  // namespace tidemark
