// StreamLedger: what a tcp sink with `ack` keeps on disk, so that each result reaches its peer once.
//
// To the peer, results are the lines of a stream, and all that it ever says is how many of them it has
// durably. Which results these are, only the sender can know: before it sends a batch it writes down what the
// stream's next lines are going to be. So, whenever it starts again, the peer's count says of each result
// whether it is there, also when the results that come next are others than those that were on their way.
//
// Written in place, into two slots in turns, since a batch a fifth of a second is a lot for flash: a power
// cut leaves the slot before. After an error the whole file is replaced atomically.
//
// Threads: one at a time; calls block.  Lifetime: `files` outlives it.  Format: FORMAT.md
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/files.h"
#include "sinks/results.h"

namespace tidemark {

struct StreamState {
  struct Row {
    std::size_t channel = 0;  // of `channels`
    ResultNumber number;
    std::uint64_t chain = 0;
    std::uint64_t lines = 1;
  };
  std::string stream;       // what the sink calls it to the peer
  std::uint64_t lines = 0;  // of the stream, before those of `rows`
  Holdings holdings;        // what the peer has, without `rows`
  std::vector<ChannelId> channels;
  std::vector<Row> rows;  // that may be on their way, in order

  std::uint64_t lines_with_rows() const;
  // What the peer holds that has `count` lines of the stream.
  Holdings holdings_at(std::uint64_t count) const;
};

std::string encode(const StreamState& state);
Result<StreamState> decode_stream_state(std::string_view bytes, std::string_view where);

class StreamLedger {
 public:
  StreamLedger(Files& files, std::string path) : files_(files), path_(std::move(path)) {}

  // Nothing when there is none yet. What is found is made durable before it is reported.
  Result<std::optional<StreamState>> open();
  // Durable when it returns without an error.
  Status store(const StreamState& state);

 private:
  Status replace(std::string_view body);
  Status overwrite(std::string_view body);

  Files& files_;
  std::string path_;
  std::unique_ptr<File> file_;    // null: it is replaced by the next store()
  std::uint64_t capacity_ = 0;    // of a slot
  std::uint64_t generation_ = 0;  // of the newest slot
};

// data_dir/sinks/NAME.stream; no sink's name has a dot.
std::string stream_ledger_path(std::string_view cursor_folder, std::string_view sink);

}  // namespace tidemark
