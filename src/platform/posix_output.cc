#include "platform/posix_output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/format.h"

namespace tidemark {

PosixOutput::PosixOutput(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}

Status PosixOutput::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {  // somebody who shares it made it non-blocking
      pollfd waiting{fd_, POLLOUT, 0};
      ::poll(&waiting, 1, -1);
      continue;
    }
    const Error::Kind kind = errno == ENOSPC ? Error::Kind::no_space : Error::Kind::failed;
    return fail(format("write to {}: {}", name_, std::strerror(errno)), kind);
  }
  return {};
}

}  // namespace tidemark
