#include "platform/passed_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/format.h"

namespace tidemark {
namespace {

std::unexpected<Error> failed(std::string_view operation, int number) {
  const bool full = number == ENOSPC || number == EDQUOT;
  return fail(format("{} the file: {}", operation, std::strerror(number)),
              full ? Error::Kind::no_space : Error::Kind::failed);
}

}  // namespace

PassedFile::~PassedFile() {
  ::close(descriptor_);
}

Status PassedFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("write", errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Status PassedFile::sync() {
  if (::fdatasync(descriptor_) == 0) return {};
  // A pipe or a terminal has no disk behind it.
  if (errno == EINVAL || errno == EROFS) return {};
  return failed("sync", errno);
}

}  // namespace tidemark
