// Channel numbers the results that come out of one mouth and hashes them into a chain.
//
// Number and chain are part of the state: a replay gives the same results the same numbers and, unless
// something is wrong, the same chain. Threads: loop only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "sinks/results.h"

namespace tidemark {

// A result on its way out of the engine. Views are valid during the call that hands it over.
struct Emission {
  const ResultSchema* schema = nullptr;
  std::span<const std::size_t> sinks;
  ResultNumber number;
  std::uint64_t chain = 0;
  Position position;       // of the entry that brought it about
  std::string_view bytes;  // result_codec.h
};

class EngineOutput {
 public:
  virtual ~EngineOutput() = default;
  virtual void result(const Emission& emission) = 0;
  // A result of a channel that leads to no sink: pipelines may read it, and somebody may watch.
  virtual void unnumbered(const ResultSchema& /*schema*/, std::span<const Value> /*values*/) {}
  // True: the sinks have more waiting than they should; the engine stops as soon as it can.
  virtual bool full() const = 0;
  // Something worth a line in the log: a record that could not be read or evaluated. `subject` is
  // "sources.NAME" or "pipelines.NAME".
  virtual void noticed(std::string_view subject, std::string_view kind, std::string_view text) = 0;
};

class Channel {
 public:
  Channel(const ResultSchema& schema, std::vector<std::size_t> sinks, EngineOutput& output)
      : schema_(schema), sinks_(std::move(sinks)), output_(output) {}

  // Numbers a result and hands it out. Without a sink there is nobody to hand it to, and nothing is numbered.
  void emit(Position position, std::span<const Value> values);
  // From now on results stand at `*position`, whatever emit() is told: those of a pipeline that catches up
  // stand at the entry that let it go on. `position` outlives the channel.
  void stamp(const Position* position) { stamp_ = position; }
  bool connected() const { return !sinks_.empty(); }
  const ResultSchema& schema() const { return schema_; }
  ChannelMark mark() const { return {number_, chain_}; }

  void save(Encoder& out) const;
  bool load(Decoder& in);

 private:
  const ResultSchema& schema_;
  std::vector<std::size_t> sinks_;
  EngineOutput& output_;
  ResultNumber number_;
  std::uint64_t chain_ = 0;
  Encoder encoded_;
  const Position* stamp_ = nullptr;
};

}  // namespace tidemark
