// OutboxReader: the rows that wait in an outbox, for somebody who only looks: it changes nothing, and between
// two calls the outbox's own user may append and consume.
//
// Rows that are consumed meanwhile may be missing, none comes twice. What does not read is passed over: the
// user of the outbox reports it. Threads: one at a time, and none that uses the outbox at the same time;
// calls block.  Lifetime: `files` outlives it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sinks/outbox.h"

namespace tidemark {

class OutboxReader {
 public:
  // Of the sequences [first, end), as far as they are there.
  OutboxReader(Files& files, std::string folder, std::uint64_t first = 0,
               std::uint64_t end = ~std::uint64_t{0})
      : files_(files), folder_(std::move(folder)), next_(first), end_(end) {}

  // The next rows, some thousand at most; none at the end.
  Result<std::vector<OutboxRow>> next();

 private:
  Status open_next_segment(bool& there);

  Files& files_;
  std::string folder_;
  std::uint64_t next_, end_;  // sequences
  bool begun_ = false;
  std::unique_ptr<File> file_;
  std::uint64_t at_ = 0, sequence_ = 0;  // of the next block in it
  std::uint64_t limit_ = 0;              // the sequence that the segment after it begins with
};

}  // namespace tidemark
