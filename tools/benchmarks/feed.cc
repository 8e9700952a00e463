// bench_feed: makes the input of tools/bench and sends it.
//
//   bench_feed make FILE RECORDS SHAPE     SHAPE: plain | shuffled | noise
//   bench_feed send FILE PORT              to 127.0.0.1:PORT, as fast as it is taken
//
// Lines of JSON of about 100 bytes. 10,000 devices at random, 200,000 records a second of event time: about
// 20 a device and window of one second. `shuffled`: fields in another order on each line; `noise`: a third of
// each line is a field that nobody reads and that compresses badly. The last line is a day later and of a
// device of its own: it moves the watermark past every window, and no window holds it that closes. `make`
// prints how many results there are: pairs of device and window. The same arguments make the same bytes.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

constexpr std::uint64_t kDevices = 10'000;
constexpr std::uint64_t kRecordsASecond = 200'000;
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
  std::array<std::array<char, 64>, 4> fields;
  const auto write = [](std::array<char, 64>& field, const char* pattern, auto... values) {
    std::snprintf(field.data(), field.size(), pattern, values...);
  };
  write(fields[0], "\"device\":\"%s\"", device);
  write(fields[1], "\"ts\":%llu", static_cast<unsigned long long>(ms));
  write(fields[2], "\"temperature_celsius\":%.2f", static_cast<double>(random.below(10'000)) / 100);
  if (shape == "noise")
    write(fields[3], "\"trace\":\"%016llx%016llx\"", static_cast<unsigned long long>(random.next()),
          static_cast<unsigned long long>(random.next()));
  else
    write(fields[3], "\"unit\":\"Cel\"");
  if (shape == "shuffled")
    for (std::size_t i = fields.size() - 1; i > 0; --i) std::swap(fields[i], fields[random.below(i + 1)]);
  Line line;
  line.size = std::snprintf(line.bytes.data(), line.bytes.size(), "{%s,%s,%s,%s}\n", fields[0].data(),
                            fields[1].data(), fields[2].data(), fields[3].data());
  return line;
}

void make(const char* path, std::uint64_t records, std::string_view shape) {
  std::FILE* file = std::fopen(path, "w");
  if (file == nullptr) fail(path);
  Random random;
  std::uint64_t results = 0;
  std::bitset<kDevices> seen;  // in this window
  std::array<char, 32> device;
  for (std::uint64_t i = 0; i < records; ++i) {
    if (i % kRecordsASecond == 0) seen.reset();
    const std::uint64_t number = random.below(kDevices);
    results += seen[number] ? 0 : 1;
    seen[number] = true;
    std::snprintf(device.data(), device.size(), "hall-%02llu/press-%06llu",
                  static_cast<unsigned long long>(number % 16), static_cast<unsigned long long>(number));
    const Line line = make_line(random, shape, device.data(), kStartMs + i * 1000 / kRecordsASecond);
    std::fwrite(line.bytes.data(), 1, static_cast<std::size_t>(line.size), file);
  }
  const Line last = make_line(random, shape, "the-last", kStartMs + 86'400'000 + records);
  std::fwrite(last.bytes.data(), 1, static_cast<std::size_t>(last.size), file);
  if (std::fclose(file) != 0) fail(path);
  std::printf("%llu\n", static_cast<unsigned long long>(results));
}

// sendfile, so that the sender takes as little as possible of a processor that the receiver may want.
void send_file(const char* path, std::uint16_t port) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat about {};
  if (file < 0 || fstat(file, &about) != 0) fail(path);
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connection < 0 || connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    fail("connect");
  for (off_t at = 0; at < about.st_size;)
    if (sendfile(connection, file, &at, static_cast<std::size_t>(about.st_size - at)) < 0) fail("sendfile");
  if (shutdown(connection, SHUT_WR) != 0) fail("shutdown");
  close(connection);
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view verb = count > 1 ? arguments[1] : "";
  if (verb == "make" && count == 5) {
    make(arguments[2], std::strtoull(arguments[3], nullptr, 10), arguments[4]);
  } else if (verb == "send" && count == 4) {
    send_file(arguments[2], static_cast<std::uint16_t>(std::atoi(arguments[3])));
  } else {
    std::fputs("usage: bench_feed make FILE RECORDS plain|shuffled|noise | bench_feed send FILE PORT\n",
               stderr);
    return 2;
  }
}
