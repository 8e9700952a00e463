// Where an instance's control socket stands, and how to name it to the kernel.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"

namespace tidemark {

// The path, which the instance notes in its LOCK file: in $RUNTIME_DIRECTORY under a service manager; else in
// the user's $XDG_RUNTIME_DIR, under a name made from data_dir; else in data_dir. `data_dir` is absolute. A
// runtime directory that `is_directory` denies is passed over: su and sudo leave the variable of another
// session behind.
struct ControlSocketPlaces {
  std::function<std::optional<std::string>(const std::string& name)> variable;
  std::function<bool(const std::string& path)> is_directory;
};
std::string control_socket_path(const ControlSocketPlaces& places, const std::string& data_dir);

// Lets the members of a group use the socket, if there is such a group and this process may say so; else it
// stays with the group that it was made with.
void open_to_group(const std::string& socket, const char* group = "tidemark");

// A socket's address holds 107 bytes; data directories may be deeper. A longer path is named through an open
// folder: /proc/self/fd/N/control.sock. The name is valid in this process while the object lives.
class SocketName {
 public:
  static Result<SocketName> make(const std::string& path);
  SocketName(SocketName&& other) noexcept;
  SocketName& operator=(SocketName&&) = delete;
  ~SocketName();
  const std::string& text() const { return text_; }

 private:
  SocketName(std::string text, int folder) : text_(std::move(text)), folder_(folder) {}
  std::string text_;
  int folder_ = -1;
};

}  // namespace tidemark
