// WrittenBytes counts what this process hands to its disks, by what it is for: flash wears by it.
//
// Counted where the bytes leave, by the doors that are made with one (make_posix_files, make_sqlite_opener),
// so that nobody has to remember to. Of what a file system adds by itself it knows nothing. Threads: any.
// Lifetime: outlives the doors and the files that were opened through them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemark {

enum class WrittenFor { journal, checkpoints, outbox, sinks, other };
constexpr std::size_t kWrittenFor = 5;

class WrittenBytes {
 public:
  // What begins with this path is for this; the first that fits.
  struct Place {
    std::string path;
    WrittenFor purpose;
  };
  // `elsewhere`: what nothing fits.
  WrittenBytes(std::vector<Place> places, WrittenFor elsewhere)
      : places_(std::move(places)), elsewhere_(elsewhere) {}

  WrittenFor purpose(std::string_view path) const {
    for (const Place& place : places_)
      if (path.starts_with(place.path)) return place.purpose;
    return elsewhere_;
  }
  // To be asked for once, at opening; counting is an addition then.
  std::atomic<std::uint64_t>& counter(WrittenFor purpose) {
    return counts_[static_cast<std::size_t>(purpose)];
  }
  std::uint64_t of(WrittenFor purpose) const { return counts_[static_cast<std::size_t>(purpose)].load(); }

 private:
  std::vector<Place> places_;
  WrittenFor elsewhere_;
  std::array<std::atomic<std::uint64_t>, kWrittenFor> counts_{};
};

}  // namespace tidemark
