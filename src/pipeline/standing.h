// Standing: where a pipeline with on_error = "fail" stands still, and everything that it needs beside its own
// state to go on from there: time and its sources' watermarks as they were before the record that it failed
// on. And the entries of the journal that let a pipeline go on:
//
//   restart   1 byte who (1 the strategy, 2 an operator), uid. The pipeline evaluates the record again, and
//             then what it has missed, up to this entry. Its results stand at this entry's position
//   skip      uid. The journal needs the room: the pipeline gives up what it has missed
//
// Values, saved with the checkpoint.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/times.h"
#include "windows/watermark.h"

namespace tidemark {

struct SourceMoment {
  SourceWatermark watermark;
  bool ended = false;
  std::uint64_t records = 0;  // handed over by then
  std::string memory = {};    // of its decoder, a snapshot; empty in formats that have none
};

struct Standing {
  Position through;           // the last position that the pipeline has applied whole
  std::uint32_t records = 0;  // and so many records of the entry that follows
  bool failed = false;        // FAILED: the strategy tries no more
  JournalTime since;
  JournalTime now;
  bool clock_believed = true;
  std::vector<SourceMoment> inputs;  // as in PipelinePlan::inputs
};

enum class RestartBy : std::uint8_t { strategy = 1, operator_ = 2 };

struct RestartEntry {
  RestartBy by = RestartBy::strategy;
  std::string uid;
};
std::string encode_restart(const RestartEntry& entry);
// Nothing when the bytes do not hold.
std::optional<RestartEntry> decode_restart(std::string_view payload);

}  // namespace tidemark
