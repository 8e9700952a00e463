// Datagrams off a UDP socket, several a system call. Private to socket_network.cc. Threads: loop only.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "platform/fd_watch.h"
#include "platform/network.h"

namespace tidemark {

// Takes over `fd`, a bound socket.
std::unique_ptr<DatagramSocket> make_datagram_socket(
    FdWatcher& watcher, int fd, std::string address, std::uint64_t receive_buffer,
    std::function<void(std::span<const std::string_view>)> received);

}  // namespace tidemark
