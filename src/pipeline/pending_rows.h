// PendingRows: results that a checkpoint keeps for a sink, as rows of its segment.
//
// There may be hundreds of thousands, so that they are made rows where the segment is written, some at a
// time. Threads: any, one at a time; it shares nothing with the delivery that it comes from but memory that
// neither changes. Format: FORMAT.md
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/ids.h"
#include "pipeline/result_queue.h"

namespace tidemark {

class PendingRows {
 public:
  // `first`: rows that go before those that wait.
  PendingRows(std::string first, std::unique_ptr<const ResultQueue::Snapshot> waiting, Position through)
      : first_(std::move(first)),
        waiting_(std::move(waiting)),
        reader_(waiting_->reader()),
        through_(through) {}

  // The next ones, about so many bytes; nothing at the end.
  std::string next(std::size_t bytes);

  struct Scratch {
    Encoder key, payload;
  };
  static void append(const ResultQueue::Row& row, std::string& out, Scratch& scratch);

 private:
  std::string first_;
  std::unique_ptr<const ResultQueue::Snapshot> waiting_;
  ResultQueue::Reader reader_;
  Position through_;
  Scratch scratch_;
};

}  // namespace tidemark
