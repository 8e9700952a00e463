// Addresses of sockets, as text and as the kernel has them. Private to platform/socket_*.  Pure.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>

namespace tidemark {

struct HostAndPort {
  std::string host;  // empty: every address of this machine
  std::string port;
};
// "host:port", "[::1]:port", ":port".
std::optional<HostAndPort> split_address(const std::string& address);

// "127.0.0.1:40312", "[::1]:40312".
std::string numeric_address(const sockaddr* address, socklen_t length);

// The options that every tcp connection has: small answers leave at once, a peer that lost its power is
// noticed.
void prepare_tcp(int fd);

template <class Address>
const sockaddr* as_sockaddr(const Address& address) {
  const void* untyped = &address;
  return static_cast<const sockaddr*>(untyped);
}

}  // namespace tidemark
