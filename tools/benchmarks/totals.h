// What the yardsticks of tools/bench do with a record: parse it, add it to the totals of its device. Nothing
// else: no windows, no journal, no checkpoints, and an end at the first record that is not one of
// bench_feed's.
#pragma once

#include <simdjson.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

[[noreturn]] inline void fail(const char* what) {
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

class Adder {
 public:
  enum class Format { json, csv };
  explicit Adder(Format format) : format_(format) {}

  // `capacity`: bytes that may be read from `bytes` on; simdjson wants some behind the record.
  void add(const char* bytes, std::size_t length, std::size_t capacity) {
    std::string_view device;
    double value = 0;
    std::int64_t time = 0;
    const bool good = format_ == Format::json ? read_json(bytes, length, capacity, device, value, time)
                                              : read_csv(bytes, length, device, value, time);
    if (!good || device.empty()) {
      std::fprintf(stderr, "not a record of bench_feed: %.*s\n", static_cast<int>(length), bytes);
      std::exit(1);
    }
    if (time > newest_) newest_ = time;
    Totals& totals = map_.of(device);
    ++totals.count;
    totals.sum += value;
    if (value < totals.min) totals.min = value;
    if (value > totals.max) totals.max = value;
    ++count_;
    ended_ |= device == "the-last";
  }

  // Takes the whole lines of what was read, and returns how many bytes they were.
  std::size_t add_lines(const char* bytes, std::size_t size, std::size_t capacity) {
    std::size_t at = 0;
    while (const void* end = std::memchr(bytes + at, '\n', size - at)) {
      const std::size_t length = static_cast<std::size_t>(static_cast<const char*>(end) - (bytes + at));
      add(bytes + at, length, capacity - at);
      at += length + 1;
    }
    return at;
  }

  std::uint64_t count() const { return count_; }
  bool ended() const { return ended_; }  // the last record has been seen

  // A line a device: device, count, sum, min, max, separated by tabs.
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
  bool read_json(const char* bytes, std::size_t length, std::size_t capacity, std::string_view& device,
                 double& value, std::int64_t& time) {
    auto document = parser_.iterate(bytes, length, capacity);
    bool good = true;
    for (auto field : document.get_object()) {
      std::string_view name;
      if (field.unescaped_key().get(name) != simdjson::SUCCESS) break;
      if (name == "device")
        good &= field.value().get_string().get(device) == simdjson::SUCCESS;
      else if (name == "ts")
        good &= field.value().get_int64().get(time) == simdjson::SUCCESS;
      else if (name == "temperature_celsius")
        good &= field.value().get_double().get(value) == simdjson::SUCCESS;
    }
    return good;
  }

  // device,ts,temperature_celsius,unit
  static bool read_csv(const char* bytes, std::size_t length, std::string_view& device, double& value,
                       std::int64_t& time) {
    const std::string_view line(bytes, length);
    const std::size_t first = line.find(',');
    const std::size_t second = line.find(',', first + 1);
    const std::size_t third = line.find(',', second + 1);
    if (third == std::string_view::npos) return false;
    device = line.substr(0, first);
    const auto [after_time, time_error] = std::from_chars(bytes + first + 1, bytes + second, time);
    const auto [after_value, value_error] = std::from_chars(bytes + second + 1, bytes + third, value);
    return time_error == std::errc() && after_time == bytes + second && value_error == std::errc() &&
           after_value == bytes + third;
  }

  const Format format_;
  simdjson::ondemand::parser parser_;
  FlatMap map_;
  std::int64_t newest_ = 0;
  std::uint64_t count_ = 0;
  bool ended_ = false;
};
