// Addresses as the configuration writes them: broker urls, and host:port to listen on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/diagnostics.h"
#include "config/place.h"

namespace tidemark {

struct Broker {
  std::string host;  // without the brackets of [::1]
  std::uint16_t port = 0;
  bool tls = false;
};

// "mqtt://host", "mqtts://host:8883", "mqtt://[::1]:1883". Nothing after it has reported what is wrong.
std::optional<Broker> read_broker_url(const Located<std::string>& url, Diagnostics& diagnostics);

struct HostPort {
  std::string host;  // empty: every address of the machine
  std::uint16_t port = 0;
};

// "host:port", "[::1]:port", ":port".
std::optional<HostPort> parse_host_port(std::string_view text);

bool is_listen_address(const Located<std::string>& address, Diagnostics& diagnostics);
// One that can be connected to: with a host, and a port other than 0.
bool is_server_address(const Located<std::string>& address, Diagnostics& diagnostics);

// Whether two listeners on these would claim the same port. Port 0 is another one each time.
bool same_address(const HostPort& a, const HostPort& b);

}  // namespace tidemark
