// Sink: where results go. It gets them in order, in batches, one batch at a time.
//
// `file` and `sqlite` remember, in the same durable step as the rows, the last number and chain hash of each
// channel: each result stands in them exactly once. `tcp` with `ack` is told by its peer. The others cannot
// say what they hold and get results at least once, with an id that makes duplicates recognisable. Which
// results are sent at all (numbers, skipping, release after the fsync of their inputs, batches by `flush`) is
// the business of the delivery queue in pipeline/; a sink only writes. Blocking work goes to the bulk lane. A
// sink that is away keeps the batch and tries again with growing pauses; it never drops one. Threads: loop
// only, callbacks on the loop. Lifetime: the context's references outlive the sink; a batch lives until its
// `done` was called or the sink is destroyed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/settings.h"
#include "platform/platform.h"
#include "sinks/results.h"

namespace tidemark {

struct SinkStatus {
  enum class State { starting, ready, away, stopped } state = State::starting;
  std::string detail;
  std::string degraded;  // why it is not well; empty when it is
  bool forgot = false;   // its rows are there and what they are is not known: reported by itself
  std::vector<std::pair<std::string, std::uint64_t>> counters;
};

class Sink {
 public:
  virtual ~Sink() = default;
  // Opens it and says, if it is one that remembers, what it holds; nothing for one that cannot say. An error
  // means that it cannot work with these settings or files until somebody acts (wrong table, damaged cursor);
  // being away for now (broker not there, database locked) is no error, the answer then comes when it is
  // back. `schemas`: everything it will ever be handed; they outlive the sink.
  virtual void open(std::vector<const ResultSchema*> schemas,
                    std::function<void(Result<std::optional<Holdings>>)> opened) = 0;
  // Takes the rows; `done` when they are as durable as this sink can make them. Called again only after
  // `done`.
  virtual void write(std::span<const ResultView> rows, std::function<void()> done) = 0;
  // Says goodbye (MQTT DISCONNECT) after the last batch.
  virtual void close(std::function<void()> closed) = 0;
  virtual SinkStatus status() const = 0;
};

class SqliteConnections;

struct SinkContext {
  Platform& platform;
  const SinkSettings& settings;
  std::string cursor_folder;  // data_dir/sinks: where sinks keep what they must remember
  std::string id_prefix;      // of `_id`: node, or node and run in at-least-once mode
  std::string client_id;      // mqtt, and tcp with `ack`: who it is to the other side
  bool remembers = true;      // false in at-least-once mode: nothing is skipped, no marks are kept
  std::shared_ptr<SqliteConnections> connections;  // one connection a database, shared by the sinks on it
};

// `_id` of a result: PREFIX/TIMELINE/PIPELINE/NUMBER, with the channel's kind when it is not main.
std::string result_id(const std::string& prefix, const ResultView& row);

struct SinkDeclaration {
  SinkSettings::Type type;
  std::string_view name;
  bool remembers;                // can say what it holds; a tcp sink can where its peer acknowledges
  bool flushes_with_checkpoint;  // default batch release: with the checkpoint, else at once
  std::unique_ptr<Sink> (*make)(SinkContext context);
};
std::span<const SinkDeclaration> sink_registry();
const SinkDeclaration& sink_declaration(SinkSettings::Type type);
std::unique_ptr<Sink> make_sink(SinkContext context);

}  // namespace tidemark
