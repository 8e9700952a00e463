// RestoreOrder: "the next start resumes from there". It stands in the lineage file, so that it is given,
// carried out and forgotten in the same atomic steps as timelines are begun.
//
//   given      by `tidemark restore`, or by `run --from` once its checkpoint was found good
//   begun      the start has begun the timeline that it needs, if it needs one; from here on what is left
//              behind stays behind, whatever crashes
//   forgotten  when the first checkpoint of a start that obeys it is complete, before any source connects
//
// Until then the checkpoint that it names is kept, whatever `retain` says. Value.
//
//   checkpoint u64  follow u8 (0 all, 1 until a time, 2 until a position, 3 nothing)  time i64 ns  position
//   u64 begun u8  savepoint u8 (0 no, 1 of this lineage, 2 of another)  savepoint's name (text)
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/times.h"

namespace tidemark {

struct RestoreOrder {
  // The checkpoint to start from. A savepoint becomes one, under this id.
  CheckpointId checkpoint;

  enum class Follow : std::uint8_t { all, until_time, until_position, nothing };
  Follow follow = Follow::all;  // how much of the journal after it is replayed
  JournalTime until_time{};     // the first entry later than this is not
  Position until_position{};    // nor one behind this

  bool begun = false;

  // The savepoint stands in data_dir (savepoint.h) until it was taken into the checkpoint store.
  enum class Savepoint : std::uint8_t { none, own, foreign };
  Savepoint savepoint = Savepoint::none;
  std::string savepoint_name = {};  // the path it came from, for messages
};

std::string until_text(const RestoreOrder& order);  // "2026-03-01T12:00:00Z", "position 500"
std::string to_text(const RestoreOrder& order);     // "the restore of chk-5, until …"

void encode_restore_order(Encoder& out, const RestoreOrder& order);
RestoreOrder decode_restore_order(Decoder& in);

}  // namespace tidemark
