// DecoderMemory is what a decoder remembers from payload to payload, in formats whose payloads mean something
// only with those before them. It is a function of the payloads, and part of the state: saved with each
// checkpoint, so that a replay goes on with it.
//
// What is large and seldom changes are entries of a table, of which a checkpoint writes those that changed;
// the rest is small and saved whole. Threads: one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "decode/decoder.h"
#include "state/entry_table.h"

namespace tidemark {

class DecoderMemory {
 public:
  virtual ~DecoderMemory() = default;
  virtual EntryTable* table() = 0;
  // Gives the table away; the decoder is of no more use.
  virtual std::unique_ptr<EntryTable> take_table() = 0;
  // Goes on with a table that one of the same format has given away or that was restored; then load().
  virtual void adopt(std::unique_ptr<EntryTable> table) = 0;
  virtual void save(Encoder& out) const = 0;
  virtual bool load(Decoder& in) = 0;

  // All of it in one, table and rest: as it is, or as it was before the payload that was taken up last. For a
  // pipeline that stands still and will read that payload again.
  virtual std::string snapshot(bool before_payload) const = 0;
  virtual bool load_snapshot(std::string_view bytes) = 0;

  // In place of a payload that was too long to be kept: it came, and what it said is not known.
  virtual void passed_over(const Payload& payload) = 0;

  // What is worth a line in the log about the payload that was taken up last; said once. Lines of one kind
  // are held back when there are too many.
  struct Notice {
    std::string_view kind;  // "sequence gap", …
    std::string text;
  };
  virtual std::optional<Notice> take_notice() = 0;
  // For status: "sequence gaps", …
  virtual std::vector<std::pair<std::string, std::uint64_t>> counters() const = 0;
};

}  // namespace tidemark
