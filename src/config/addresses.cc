#include "config/addresses.h"

#include <charconv>

#include "base/format.h"

namespace tidemark {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

bool is_wildcard(std::string_view host) {
  return host.empty() || host == "0.0.0.0" || host == "::" || host == "*";
}

}  // namespace

std::optional<HostPort> parse_host_port(std::string_view text) {
  std::string_view host;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || text.substr(close + 1, 1) != ":") return std::nullopt;
    host = text.substr(1, close - 1);
    text.remove_prefix(close + 2);
    if (host.empty()) return std::nullopt;
  } else {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    host = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  const std::optional<std::uint16_t> port = parse_port(text);
  if (!port || host.find_first_of(" \t/@") != std::string_view::npos) return std::nullopt;
  return HostPort{std::string(host), *port};
}

bool is_listen_address(const Located<std::string>& address, Diagnostics& diagnostics) {
  if (parse_host_port(*address)) return true;
  diagnostics.error(
      address.place, format("\"{}\" is no address to listen on", *address),
      "write host:port, as in \"127.0.0.1:9999\" or \"[::1]:9999\"; \":9999\" is every address");
  return false;
}

bool is_server_address(const Located<std::string>& address, Diagnostics& diagnostics) {
  const std::optional<HostPort> parsed = parse_host_port(*address);
  if (parsed && parsed->port != 0 && !parsed->host.empty()) return true;
  diagnostics.error(address.place, format("\"{}\" is no address to connect to", *address),
                    "write host:port, as in \"scale.local:9999\", \"192.168.1.7:9999\" or \"[::1]:9999\"");
  return false;
}

bool same_address(const HostPort& a, const HostPort& b) {
  if (a.port != b.port || a.port == 0) return false;
  return a.host == b.host || is_wildcard(a.host) || is_wildcard(b.host);
}

std::optional<Broker> read_broker_url(const Located<std::string>& url, Diagnostics& diagnostics) {
  const auto refuse = [&](std::string why) {
    diagnostics.error(url.place, std::move(why), "write mqtt://host:port, or mqtts://host:port for TLS");
    return std::nullopt;
  };
  Broker broker;
  std::string_view rest = *url;
  if (rest.starts_with("mqtts://"))
    broker.tls = true;
  else if (!rest.starts_with("mqtt://"))
    return refuse("this is no url of an MQTT broker");
  rest.remove_prefix(broker.tls ? 8 : 7);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  // A url is shown in logs and stored with checkpoints. It is not repeated here for the same reason.
  if (rest.find('@') != std::string_view::npos)
    return refuse("a url holds no user and password; use the keys `username` and `password`");
  if (rest.find_first_of("/?#") != std::string_view::npos) return refuse("a broker's url ends with the port");

  const std::size_t host_end = rest.starts_with('[') ? rest.find(']') : 0;
  if (host_end == std::string_view::npos) return refuse("the [ of the address is not closed");
  std::string with_port(rest);
  if (rest.find(':', host_end) == std::string_view::npos) with_port += broker.tls ? ":8883" : ":1883";
  const std::optional<HostPort> parsed = parse_host_port(with_port);
  if (!parsed || parsed->port == 0) return refuse("the port of this url is no number from 1 to 65535");
  if (parsed->host.empty()) return refuse("this url has no host");
  broker.host = parsed->host;
  broker.port = parsed->port;
  return broker;
}

}  // namespace tidemark
