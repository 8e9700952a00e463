// Outbox: results that their sink cannot take yet, on disk, in order.
//
// A queue of rows, numbered without gaps by their sequence in it. append() makes rows durable before it
// returns; read() gives them back in order; consume() says that the sink has them, after which their segments
// go. Bounded by `buffer` bytes: when it is full, append() takes fewer rows than it was given, or, with
// drop_oldest, gives up the oldest segment and counts its rows. Rows carry everything that delivering them
// needs (channel with lineage and timeline, number, chain, columns, what their ids begin with), so they
// survive a change of the configuration, a fork and another lineage.
//
// What was appended remains known after it was consumed, as marks a channel: a replay that makes the same
// results again skips them. What open() finds is made durable before it is reported. A torn end is cut off in
// silence, since append() had not returned; anything else that does not read is damage, reported with the
// number of rows lost, and what follows is kept.
//
// Threads: one at a time (the bulk lane); calls block.  Lifetime: `files` outlives it.  Format: FORMAT.md
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "platform/files.h"
#include "sinks/results.h"

namespace tidemark {

// Where rows come from, and what writing them takes.
struct OutboxOrigin {
  ResultSchema schema;  // with the channel that they were numbered in
  std::string id_prefix;
};

struct OutboxRow {
  std::shared_ptr<const OutboxOrigin> origin;
  ResultNumber number;
  std::uint64_t chain = 0;
  Position position;
  std::string bytes;           // the values, encoded by the one who appends
  std::uint64_t sequence = 0;  // in the outbox; given by append()
};

struct OutboxOptions {
  std::string folder;
  std::uint64_t buffer = 64u << 20;
  bool drop_oldest = false;
};

class Outbox {
 public:
  // Sequences [first, end) are in it, in `bytes` bytes of files; `dropped` rows were given up for lack of
  // room since it was made.
  struct Extent {
    std::uint64_t first = 0, end = 0, bytes = 0, dropped = 0;
  };
  struct Appended {
    std::size_t taken = 0;  // of the rows given, from the first
    std::uint64_t dropped = 0;
  };

  Outbox(Files& files, OutboxOptions options) : files_(files), options_(std::move(options)) {}

  // Once. An absent folder is an empty outbox, and stays absent until something is appended.
  Status open();
  Extent extent() const;
  // The last number and chain of each channel that was ever in it; of lineages that were left, as long as
  // something waits.
  const Holdings& marks() const { return marks_; }
  // One of each kind that rows in it have.
  const std::vector<std::shared_ptr<const OutboxOrigin>>& origins() const { return origins_; }
  std::vector<std::string> take_reports() { return std::exchange(reports_, {}); }

  // `under_way`: rows before this sequence are with the sink already; giving up their segment is no loss, if
  // consume() says so before the end: else the next one counts them.
  Result<Appended> append(std::span<const OutboxRow> rows, std::uint64_t under_way = 0);
  // Rows from `sequence` on, a block of them at a time; empty only where none behind it can be read.
  Result<std::vector<OutboxRow>> read(std::uint64_t sequence);
  // Rows before `sequence` need not be kept.
  Status consume(std::uint64_t sequence);
  // Remembers on disk how far it was consumed, if that has moved.
  Status close();

 private:
  struct Segment {
    std::string path;
    std::uint64_t first = 0, end = 0;  // sequences
    std::uint64_t bytes = 0;
  };

  Status load_state();
  Status store_state();
  Status scan(const std::string& name, bool newest);
  Status begin_segment();
  Status write_block(std::string_view block, std::size_t rows);
  Status remove_front();
  bool make_room(std::uint64_t needed, std::uint64_t under_way, std::uint64_t& dropped, Status& status);
  std::uint64_t segment_size() const;
  void know(const std::shared_ptr<const OutboxOrigin>& origin);
  void mark(const OutboxRow& row);

  Files& files_;
  OutboxOptions options_;
  std::deque<Segment> segments_;
  bool has_state_ = false;
  std::uint64_t first_ = 1, end_ = 1;
  std::uint64_t durable_end_ = 1;  // of end_, what append() has returned for
  std::uint64_t dropped_ = 0;
  std::uint64_t doubtful_ = 0, doubtful_end_ = 0;  // given up while under way: so many, before this sequence
  std::uint64_t stored_first_ = 1;                 // as the state on disk says
  std::unique_ptr<File> writing_;                  // the last segment, when it may be appended to
  std::unique_ptr<File> reading_;
  std::string reading_path_;
  std::uint64_t reading_at_ = 0, reading_sequence_ = 0;  // of the next block
  Holdings marks_;
  std::optional<Lineage> newest_;  // of the row that was marked last
  std::vector<std::shared_ptr<const OutboxOrigin>> origins_;
  std::vector<std::string> reports_;
};

}  // namespace tidemark
