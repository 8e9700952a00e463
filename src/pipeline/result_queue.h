// ResultQueue: results that wait in memory, in order, in as few bytes as that takes.
//
// Without a journal everything that a second has made waits for its checkpoint: hundreds of thousands of
// rows, each of which looks much like the one before. So a row is kept as what differs from the row before
// it: values that are the same take a bit, integers their difference, texts what follows the common
// beginning, floats of two decimals those digits, and a chain hash that follows from the one before nothing.
// Blocks of some ten KiB begin anew, so that what has left
// gives its memory back. The bytes that come out are those that went in (result_codec.h).
//
// In memory only: this is no format on disk. Threads: loop only, but for what snapshot() gives away.
// Lifetime: schemas and channels outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "sinks/results.h"

namespace tidemark {

class ResultQueue {
  struct Content;

 public:
  struct Row {
    const ResultSchema* schema = nullptr;  // one that the sink was opened with
    const ChannelId* channel = nullptr;    // as it was numbered
    ResultNumber number;
    std::uint64_t chain = 0;
    Position position;
    std::string_view bytes;  // result_codec.h
  };

  ResultQueue() = default;
  ResultQueue(const ResultQueue&) = delete;
  ResultQueue& operator=(const ResultQueue&) = delete;

  void push(const Row& row);
  bool empty() const { return rows_ == 0; }
  std::size_t rows() const { return rows_; }
  std::uint64_t bytes() const { return bytes_; }  // of memory, about
  // The oldest. Its bytes are valid until pop().
  const Row& front() const;
  void pop();

  // Looks at the rows from the oldest on, as long as nothing is pushed or popped.
  class Reader {
   public:
    // Null at the end. Its bytes are valid until the next call.
    const Row* next();

   private:
    friend class ResultQueue;
    explicit Reader(const Content& content) : content_(&content) {}
    void read();

    const Content* content_;
    std::size_t block_ = 0, at_ = 0;  // of what was not read yet
    bool read_ = false;               // row_ is the next one
    std::uint64_t columns_ = 0;       // of rows of this origin
    std::string bytes_, before_;
    Row row_;
  };
  Reader reader() const;

  // The rows as they stand now, whatever happens to the queue meanwhile and where it goes; their channels are
  // copies, their schemas must not be looked at. Takes no time that grows with the rows, and no memory but
  // that the queue would give back. Another thread may read it.
  class Snapshot;
  std::unique_ptr<const Snapshot> snapshot() const;

 private:
  // Its bytes are written once, behind one another, and shared with snapshots.
  struct Block {
    std::shared_ptr<char[]> bytes;
    std::size_t size = 0, used = 0;
  };
  struct Origin {
    const ResultSchema* schema;
    const ChannelId* channel;
    auto operator<=>(const Origin&) const = default;
  };
  struct Content {
    std::deque<Block> blocks;
    std::vector<Origin> origins;
  };

  Block& room_for(const Row& row);
  std::size_t origin_of(const Row& row);

  Content content_;
  std::shared_ptr<char[]> spare_;  // of the usual size
  std::size_t rows_ = 0;
  std::uint64_t bytes_ = 0;

  // The row that was pushed last, if the next one may lean on it.
  std::string last_;
  Row last_row_;
  std::uint64_t last_columns_ = 0;

  mutable Reader first_{content_};  // stands at the front, which it reads when somebody asks
};

class ResultQueue::Snapshot {
 public:
  explicit Snapshot(const ResultQueue& queue);
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  Reader reader() const { return first_; }

 private:
  Content content_;
  std::deque<ChannelId> channels_;  // of content_.origins
  Reader first_;
};

}  // namespace tidemark
