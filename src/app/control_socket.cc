#include "app/control_socket.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/checksum.h"
#include "base/format.h"
#include "platform/files.h"

namespace tidemark {

std::string control_socket_path(const ControlSocketPlaces& places, const std::string& data_dir) {
  if (const auto runtime = places.variable("RUNTIME_DIRECTORY"); runtime && !runtime->empty())
    return join_path(runtime->substr(0, runtime->find(':')), "control.sock");
  if (const auto user = places.variable("XDG_RUNTIME_DIR");
      user && user->starts_with('/') && places.is_directory(*user))
    return format("{}/tidemark/{:016x}.sock", *user, checksum(data_dir));
  return join_path(data_dir, "control.sock");
}

void open_to_group(const std::string& socket, const char* group) {
  const struct group* known = ::getgrnam(group);
  // Not being allowed to is no trouble: the socket is then the starter's own.
  if (known != nullptr && ::lchown(socket.c_str(), static_cast<uid_t>(-1), known->gr_gid) != 0) return;
}

Result<SocketName> SocketName::make(const std::string& path) {
  constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() <= kLongest) return SocketName(path, -1);
  const std::string folder = parent_path(path);
  const int opened = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0)
    return fail(format("open {} for the control socket: {}", folder, std::strerror(errno)),
                errno == ENOENT ? Error::Kind::not_found : Error::Kind::failed);
  SocketName name(format("/proc/self/fd/{}/{}", opened, path.substr(path.rfind('/') + 1)), opened);
  if (name.text().size() > kLongest)
    return fail(
        format("control socket {}: the name is too long for a socket; choose a shorter data_dir", path));
  return name;
}

SocketName::SocketName(SocketName&& other) noexcept
    : text_(std::move(other.text_)), folder_(std::exchange(other.folder_, -1)) {}

SocketName::~SocketName() {
  if (folder_ >= 0) ::close(folder_);
}

}  // namespace tidemark
