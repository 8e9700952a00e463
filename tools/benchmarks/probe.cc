// bench_probe: how long a record takes from the sender to the result, at a steady rate.
//
//   bench_probe FILE PORT RATE EVERY < RESULTS
//
// Sends the lines of FILE (bench_feed, JSON) to 127.0.0.1:PORT, RATE a second; before every EVERYth line a
// record of its own, {"device":"probe","ts":…,"sent":NANOSECONDS}, whose result is expected on the standard
// input as a line with "sent":NANOSECONDS. The time counts from when the record was due, so that a receiver
// who makes the sender wait is seen to. Prints the latencies in nanoseconds, a line each, in the order of
// arrival.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::int64_t nanoseconds(Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

std::string content_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(path);
  std::ostringstream whole;
  whole << file.rdbuf();
  return whole.str();
}

int connected(std::uint16_t port) {
  const int made = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (made < 0 || connect(made, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
  return made;
}

void send_all(int connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) fail("send");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

// Reads results until `expected` probes are back; `expected` may become known meanwhile.
std::vector<std::int64_t> read_results(const std::atomic<std::size_t>& expected) {
  std::vector<std::int64_t> latencies;
  std::string held;
  while (latencies.size() < expected) {
    char bytes[65536];
    const ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
    const std::int64_t now = nanoseconds(Clock::now());
    if (got <= 0) break;
    held.append(bytes, static_cast<std::size_t>(got));
    std::size_t at = 0;
    for (std::size_t end; (end = held.find('\n', at)) != std::string::npos; at = end + 1) {
      constexpr std::string_view kSent = "\"sent\":";
      const std::size_t field = held.find(kSent, at);
      if (field < end)
        latencies.push_back(now - std::strtoll(held.c_str() + field + kSent.size(), nullptr, 10));
    }
    held.erase(0, at);
  }
  return latencies;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) {
    std::fputs("usage: bench_probe FILE PORT RATE EVERY < RESULTS\n", stderr);
    return 2;
  }
  const std::string content = content_of(arguments[1]);
  const double rate = std::atof(arguments[3]);
  const std::uint64_t every = std::strtoull(arguments[4], nullptr, 10);
  const int connection = connected(static_cast<std::uint16_t>(std::atoi(arguments[2])));

  std::atomic<std::size_t> expected{SIZE_MAX};
  std::vector<std::int64_t> latencies;
  std::thread reader([&] { latencies = read_results(expected); });

  const Clock::time_point begun = Clock::now();
  const auto due = [&](std::uint64_t line) {
    return begun +
           std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(line) / rate * 1e9));
  };
  std::size_t probes = 0;
  std::string batch;
  const auto add_probe = [&](std::string_view ts, std::uint64_t line) {
    batch.append("{\"device\":\"probe\",\"ts\":").append(ts);
    batch.append(",\"sent\":").append(std::to_string(nanoseconds(due(line)))).append("}\n");
    ++probes;
  };
  std::uint64_t lines = 0;
  std::string_view ts;
  for (std::size_t at = 0; at < content.size();) {
    std::this_thread::sleep_until(due(lines));
    // All that is due by now, in one piece.
    const std::chrono::duration<double> passed = Clock::now() - begun;
    const auto by_now = static_cast<std::uint64_t>(passed.count() * rate) + 1;
    batch.clear();
    for (; lines < by_now && at < content.size() && batch.size() < (64u << 10); ++lines) {
      const std::size_t ts_at = content.find("\"ts\":", at) + 5;
      ts = std::string_view(content).substr(ts_at, content.find_first_not_of("0123456789", ts_at) - ts_at);
      if (lines % every == 0) add_probe(ts, lines);
      const std::size_t end = content.find('\n', at) + 1;
      batch.append(content, at, end - at);
      at = end;
    }
    send_all(connection, batch);
  }
  // The reader knows how many there are before the last one can be back.
  batch.clear();
  expected = probes + 1;
  add_probe(ts, lines);
  send_all(connection, batch);
  reader.join();
  for (const std::int64_t latency : latencies) std::printf("%lld\n", static_cast<long long>(latency));
  return latencies.size() == probes ? 0 : 1;
}
