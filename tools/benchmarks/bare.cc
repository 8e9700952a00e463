// bench_bare: the yardstick of tools/bench. What a program costs that only reads lines of JSON from a socket,
// parses each with simdjson and adds to a flat hash map: no windows, no journal, no checkpoints, no bad
// input.
//
//   bench_bare PORT RESULT.tsv
//
// Listens on 127.0.0.1:PORT (0: any; the port is printed on a line of its own), takes one connection, and at
// its end writes a line a device: device, count, sum, min, max of temperature_celsius, separated by tabs.
#include <netinet/in.h>
#include <simdjson.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace {

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

struct Totals {
  std::string device;  // empty: a free place
  std::uint64_t count = 0;
  double sum = 0;
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
};

// Open addressing, linear probing, at most half full.
class FlatMap {
 public:
  Totals& of(std::string_view device) {
    Totals* place = &find(device);
    if (!place->device.empty()) return *place;
    if (++used_ * 2 > places_.size()) {
      grow();
      place = &find(device);
    }
    place->device = device;
    return *place;
  }
  const std::vector<Totals>& places() const { return places_; }

 private:
  Totals& find(std::string_view device) {
    const std::size_t mask = places_.size() - 1;
    std::size_t at = XXH3_64bits(device.data(), device.size()) & mask;
    while (!places_[at].device.empty() && places_[at].device != device) at = (at + 1) & mask;
    return places_[at];
  }
  void grow() {
    std::vector<Totals> old(places_.size() * 2);
    old.swap(places_);
    for (Totals& totals : old)
      if (!totals.device.empty()) find(totals.device) = std::move(totals);
  }

  std::vector<Totals> places_ = std::vector<Totals>(1024);
  std::size_t used_ = 0;
};

class Reader {
 public:
  // Takes the whole lines of what is read, and returns how many bytes they were.
  std::size_t take(char* bytes, std::size_t size, std::size_t capacity) {
    std::size_t at = 0;
    while (const void* end = std::memchr(bytes + at, '\n', size - at)) {
      const std::size_t length = static_cast<std::size_t>(static_cast<const char*>(end) - (bytes + at));
      line(bytes + at, length, capacity - at);
      at += length + 1;
    }
    return at;
  }

  void write(const char* path) const {
    std::FILE* file = std::fopen(path, "w");
    if (file == nullptr) fail(path);
    for (const Totals& t : map_.places()) {
      if (t.device.empty()) continue;
      std::fprintf(file, "%s\t%llu\t%.17g\t%.17g\t%.17g\n", t.device.c_str(),
                   static_cast<unsigned long long>(t.count), t.sum, t.min, t.max);
    }
    if (std::fclose(file) != 0) fail(path);
  }

 private:
  void line(const char* bytes, std::size_t length, std::size_t capacity) {
    auto document = parser_.iterate(bytes, length, capacity);
    std::string_view device;
    double value = 0;
    std::int64_t time = 0;
    for (auto field : document.get_object()) {
      std::string_view name;
      if (field.unescaped_key().get(name) != simdjson::SUCCESS) break;
      if (name == "device")
        bad_ |= field.value().get_string().get(device) != simdjson::SUCCESS;
      else if (name == "ts")
        bad_ |= field.value().get_int64().get(time) != simdjson::SUCCESS;
      else if (name == "temperature_celsius")
        bad_ |= field.value().get_double().get(value) != simdjson::SUCCESS;
    }
    if (bad_ || device.empty()) {
      std::fprintf(stderr, "bench_bare: not a record of bench_feed: %.*s\n", static_cast<int>(length), bytes);
      std::exit(1);
    }
    newest_ = std::max(newest_, time);
    Totals& totals = map_.of(device);
    ++totals.count;
    totals.sum += value;
    totals.min = std::min(totals.min, value);
    totals.max = std::max(totals.max, value);
  }

  simdjson::ondemand::parser parser_;
  FlatMap map_;
  std::int64_t newest_ = 0;
  bool bad_ = false;
};

int accept_one(std::uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (listener < 0) fail("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, generic, size) != 0 || listen(listener, 1) != 0) fail("listen");
  if (getsockname(listener, generic, &size) != 0) fail("getsockname");
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  const int connection = accept(listener, nullptr, nullptr);
  if (connection < 0) fail("accept");
  return connection;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fputs("usage: bench_bare PORT RESULT.tsv\n", stderr);
    return 2;
  }
  const int connection = accept_one(static_cast<std::uint16_t>(std::atoi(arguments[1])));
  constexpr std::size_t kBuffer = 256 * 1024;
  const std::size_t capacity = kBuffer + simdjson::SIMDJSON_PADDING;
  const auto buffer = std::make_unique<char[]>(capacity);
  Reader reader;
  std::size_t held = 0;
  for (;;) {
    const ssize_t got = read(connection, buffer.get() + held, kBuffer - held);
    if (got < 0) fail("read");
    if (got == 0) break;
    held += static_cast<std::size_t>(got);
    const std::size_t taken = reader.take(buffer.get(), held, capacity);
    held -= taken;
    std::memmove(buffer.get(), buffer.get() + taken, held);
  }
  reader.write(arguments[2]);
}
