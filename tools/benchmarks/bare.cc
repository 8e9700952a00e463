// bench_bare: the yardstick of tools/bench. What a program costs that reads records, parses each and adds it
// to a flat hash map (totals.h), and does nothing else.
//
//   bench_bare tcp json|csv RESULT.tsv          listens on 127.0.0.1, takes one connection, until its end
//   bench_bare udp json|csv RESULT.tsv          the same with datagrams of lines, until the last record
//   bench_bare file json|csv RESULT.tsv FILE    reads the file
//
// With tcp and udp the port is printed on a line of its own. At the end a line a device is written: device,
// count, sum, min, max of temperature_celsius, separated by tabs.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>

#include "totals.h"

namespace {

int bound_socket(int type) {
  const int made = socket(AF_INET, type, 0);
  if (made < 0) fail("socket");
  const int room = 4 << 20;
  const timeval patience{5, 0};  // when even the last record is lost
  if (type == SOCK_DGRAM && setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
    fail("SO_RCVTIMEO");
  if (type == SOCK_DGRAM && setsockopt(made, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0)
    static_cast<void>(setsockopt(made, SOL_SOCKET, SO_RCVBUF, &room, sizeof room));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(made, generic, size) != 0 || (type == SOCK_STREAM && listen(made, 1) != 0)) fail("bind");
  if (getsockname(made, generic, &size) != 0) fail("getsockname");
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return made;
}

int opened(std::string_view transport, const char* path) {
  if (transport == "udp") return bound_socket(SOCK_DGRAM);
  const int made = transport == "tcp" ? accept(bound_socket(SOCK_STREAM), nullptr, nullptr)
                                      : open(path, O_RDONLY | O_CLOEXEC);
  if (made < 0) fail(transport == "tcp" ? "accept" : path);
  return made;
}

// How long this thread was ready to run and had no processor.
unsigned long long waited_ns() {
  unsigned long long ran = 0, waited = 0;
  std::FILE* const file = std::fopen("/proc/thread-self/schedstat", "r");
  if (file == nullptr) return 0;  // a kernel without it
  if (std::fscanf(file, "%llu %llu", &ran, &waited) != 2) waited = 0;
  std::fclose(file);
  return waited;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view transport = count > 1 ? arguments[1] : "";
  const std::string_view format = count > 2 ? arguments[2] : "";
  const int wanted = transport == "file" ? 5 : transport == "tcp" || transport == "udp" ? 4 : -1;
  if (count != wanted || (format != "json" && format != "csv")) {
    std::fputs("usage: bench_bare tcp|udp|file json|csv RESULT.tsv [FILE]\n", stderr);
    return 2;
  }
  const int input = opened(transport, count > 4 ? arguments[4] : "");
  constexpr std::size_t kBuffer = 256 * 1024;
  const std::size_t capacity = kBuffer + simdjson::SIMDJSON_PADDING;
  const auto buffer = std::make_unique<char[]>(capacity);
  Adder adder(format == "json" ? Adder::Format::json : Adder::Format::csv);
  std::size_t held = 0;
  while (transport != "udp" || !adder.ended()) {
    const ssize_t got = read(input, buffer.get() + held, kBuffer - held);
    if (got == 0 || (got < 0 && errno == EAGAIN)) break;
    if (got < 0) fail("read");
    held += static_cast<std::size_t>(got);
    const std::size_t taken = adder.add_lines(buffer.get(), held, capacity);
    held -= taken;
    std::memmove(buffer.get(), buffer.get() + taken, held);
  }
  adder.write(arguments[3]);
  std::printf("%llu\n", waited_ns());
}
