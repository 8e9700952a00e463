// StoredResults: the part of a Delivery that is on disk: its Outbox, seen from the loop.
//
// The outbox is used on the bulk lane only; what the loop needs to know of it stands here as of the last
// answer. Threads: loop only, callbacks on the loop, none after destruction.  Lifetime: doors outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/guarded_lane.h"
#include "sinks/outbox.h"

namespace tidemark {

class StoredResults {
 public:
  struct Found {
    Holdings marks;
    std::vector<std::shared_ptr<const OutboxOrigin>> origins;
    std::vector<std::string> reports;
  };
  using Rows = std::vector<OutboxRow>;

  StoredResults(Files& files, Lane& lane, OutboxOptions options)
      : files_(files), options_(std::move(options)), lane_(lane) {}

  // Again after an error.
  void open(std::function<void(Result<Found>)> opened);
  void append(Rows rows, std::uint64_t under_way, std::function<void(Result<Outbox::Appended>)> done);
  struct Part {
    Rows rows;
    std::vector<std::string> reports;
  };
  void read(std::uint64_t sequence, std::function<void(Result<Part>)> done);
  void consume(std::uint64_t sequence, std::function<void(Status)> done);
  void close(std::function<void()> closed);

  const Outbox::Extent& extent() const { return extent_; }
  bool empty() const { return extent_.first >= extent_.end; }

 private:
  Files& files_;
  OutboxOptions options_;
  std::unique_ptr<Outbox> outbox_;  // used on the lane
  void set_extent(const Outbox::Extent& extent);
  Outbox::Extent extent_;
  std::uint64_t consumed_ = 0;  // as asked for; the lane may still be on its way there
  GuardedLane lane_;
};

}  // namespace tidemark
