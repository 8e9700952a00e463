// bench_feed: makes the input of tools/bench and sends it.
//
//   bench_feed make FILE RECORDS SHAPE KEYS    SHAPE: plain | shuffled | noise | csv
//   bench_feed send FILE PORT [RATE]           over TCP to 127.0.0.1:PORT, as fast as it is taken,
//                                              or RATE lines a second
//   bench_feed datagrams FILE PORT RATE        the same over UDP, in datagrams of whole lines; the last
//                                              one several times, for it may be lost
//
// Lines of about 100 bytes. KEYS devices at random, event time such that a window of one second has about 20
// records a device with 10,000 devices, and 4 with many more. `plain`: JSON; `shuffled`: its fields in
// another order on each line; `noise`: a third of each line is a field that nobody reads and that compresses
// badly; `csv`: the values of `plain`. The last line is a day later and of a device of its own, "the-last":
// it moves the watermark past every window, and no window holds it that closes. `make` prints how many
// results there are: pairs of device and window. The same arguments make the same bytes.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kStartMs = 1'700'000'000'000;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

// splitmix64
class Random {
 public:
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }

 private:
  std::uint64_t state_ = 1;
};

struct Line {
  std::array<char, 256> bytes;
  int size = 0;
};

Line make_line(Random& random, std::string_view shape, const char* device, std::uint64_t ms) {
  const auto time = static_cast<unsigned long long>(ms);
  const double temperature = static_cast<double>(random.below(10'000)) / 100;
  Line line;
  if (shape == "csv") {
    line.size = std::snprintf(line.bytes.data(), line.bytes.size(), "%s,%llu,%.2f,Celsius\n", device, time,
                              temperature);
    return line;
  }
  std::array<std::array<char, 64>, 4> fields;
  const auto write = [](std::array<char, 64>& field, const char* pattern, auto... values) {
    std::snprintf(field.data(), field.size(), pattern, values...);
  };
  write(fields[0], "\"device\":\"%s\"", device);
  write(fields[1], "\"ts\":%llu", time);
  write(fields[2], "\"temperature_celsius\":%.2f", temperature);
  if (shape == "noise")
    write(fields[3], "\"trace\":\"%016llx%016llx\"", static_cast<unsigned long long>(random.next()),
          static_cast<unsigned long long>(random.next()));
  else
    write(fields[3], "\"unit\":\"degree Celsius\"");
  if (shape == "shuffled")
    for (std::size_t i = fields.size() - 1; i > 0; --i) std::swap(fields[i], fields[random.below(i + 1)]);
  line.size = std::snprintf(line.bytes.data(), line.bytes.size(), "{%s,%s,%s,%s}\n", fields[0].data(),
                            fields[1].data(), fields[2].data(), fields[3].data());
  return line;
}

void make(const char* path, std::uint64_t records, std::string_view shape, std::uint64_t keys) {
  std::FILE* file = std::fopen(path, "w");
  if (file == nullptr) fail(path);
  const std::uint64_t records_a_second = std::max<std::uint64_t>(200'000, keys * 4);
  Random random;
  std::uint64_t results = 0;
  std::vector<bool> seen(keys);  // in this window
  std::array<char, 32> device;
  for (std::uint64_t i = 0; i < records; ++i) {
    if (i % records_a_second == 0) seen.assign(keys, false);
    const std::uint64_t number = random.below(keys);
    results += seen[number] ? 0 : 1;
    seen[number] = true;
    std::snprintf(device.data(), device.size(), "hall-%02llu/d-%06llu",
                  static_cast<unsigned long long>(number % 16), static_cast<unsigned long long>(number));
    const Line line = make_line(random, shape, device.data(), kStartMs + i * 1000 / records_a_second);
    std::fwrite(line.bytes.data(), 1, static_cast<std::size_t>(line.size), file);
  }
  const Line last = make_line(random, shape, "the-last", kStartMs + 86'400'000 + records);
  std::fwrite(last.bytes.data(), 1, static_cast<std::size_t>(last.size), file);
  if (std::fclose(file) != 0) fail(path);
  std::printf("%llu\n", static_cast<unsigned long long>(results));
}

// A file as a range of bytes.
class Content {
 public:
  explicit Content(const char* path) : file(open(path, O_RDONLY | O_CLOEXEC)) {
    struct stat about {};
    if (file < 0 || fstat(file, &about) != 0) fail(path);
    size = static_cast<std::size_t>(about.st_size);
    void* const at = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    if (at == MAP_FAILED) fail(path);
    bytes = {static_cast<const char*>(at), size};
  }
  int file;
  std::size_t size = 0;
  std::string_view bytes;
};

int connected(int type, std::uint16_t port) {
  const int made = socket(AF_INET, type, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (made < 0 || connect(made, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
  return made;
}

// Calls `send` with ranges of whole lines, `rate` lines a second; each range begins `at`.
template <class Send>
void paced(std::string_view bytes, double rate, std::size_t most, Send send) {
  const Clock::time_point begun = Clock::now();
  std::uint64_t lines = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto due =
        static_cast<std::uint64_t>(std::chrono::duration<double>(Clock::now() - begun).count() * rate);
    std::size_t end = at;
    while (lines < due && end < bytes.size()) {
      const std::size_t next = bytes.find('\n', end) + 1;
      if (next - at > most && end > at) break;
      end = next;
      ++lines;
    }
    if (end > at)
      send(bytes.substr(at, end - at));
    else
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    at = end;
  }
}

void send_all(int connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) fail("send");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

// sendfile, so that the sender takes as little as possible of a processor that the receiver may want.
void send_stream(const char* path, std::uint16_t port, double rate) {
  const Content content(path);
  const int connection = connected(SOCK_STREAM, port);
  if (rate > 0)
    paced(content.bytes, rate, 64 << 10, [&](std::string_view lines) { send_all(connection, lines); });
  else
    for (off_t at = 0; at < static_cast<off_t>(content.size);)
      if (sendfile(connection, content.file, &at, content.size - static_cast<std::size_t>(at)) < 0)
        fail("sendfile");
  if (shutdown(connection, SHUT_WR) != 0) fail("shutdown");
  close(connection);
}

void send_datagrams(const char* path, std::uint16_t port, double rate) {
  const Content content(path);
  const int connection = connected(SOCK_DGRAM, port);
  constexpr std::size_t kDatagram = 1400;
  const auto send_datagram = [&](std::string_view lines) {
    while (send(connection, lines.data(), lines.size(), 0) < 0)
      if (errno == ECONNREFUSED)
        return false;  // a receiver that has seen the last one has gone
      else if (errno != ENOBUFS && errno != EAGAIN)
        fail("send");
    return true;
  };
  const std::size_t last = content.bytes.rfind('\n', content.size - 2) + 1;
  paced(content.bytes.substr(0, last), rate, kDatagram, send_datagram);
  for (int i = 0; i < 10 && send_datagram(content.bytes.substr(last)); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view verb = count > 1 ? arguments[1] : "";
  const auto number = [&](int at) { return count > at ? std::strtoull(arguments[at], nullptr, 10) : 0; };
  if (verb == "make" && count == 6) {
    make(arguments[2], number(3), arguments[4], number(5));
  } else if (verb == "send" && (count == 4 || count == 5)) {
    send_stream(arguments[2], static_cast<std::uint16_t>(number(3)), static_cast<double>(number(4)));
  } else if (verb == "datagrams" && count == 5) {
    send_datagrams(arguments[2], static_cast<std::uint16_t>(number(3)), static_cast<double>(number(4)));
  } else {
    std::fputs(
        "usage: bench_feed make FILE RECORDS plain|shuffled|noise|csv KEYS\n"
        "       bench_feed send FILE PORT [RATE] | bench_feed datagrams FILE PORT RATE\n",
        stderr);
    return 2;
  }
}
