// Taps: who watches what passes a source, or what comes out of a pipeline, live.
//
// A watcher that is not ready misses what passes meanwhile and is told how much: nothing is kept for it.
// While nobody watches, a record costs one comparison.
//
//   of a source    {"position":12,"time":"…","topic":"plant/a","payload":"…"}: as it was taken in, not
//                  decoded; of a binary format in hex digits
//   of a pipeline  its results as a sink with default settings would write them
// Threads: loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/value.h"
#include "config/settings.h"
#include "journal/entry.h"
#include "pipeline/appliance.h"
#include "pipeline/channel.h"
#include "sinks/row_text.h"

namespace tidemark {

class Taps {
 public:
  Taps();
  ~Taps();
  bool none() const { return watching_.empty(); }
  // Watches until the handle goes; the handle may outlive this.
  std::unique_ptr<Tap> add(bool source, std::string name, TapEvents events);
  void record(const SourceSettings& source, Position position, const Entry& entry);
  void result(const ResultSchema& schema, std::span<const Value> values);
  void result(const Emission& emission);

 private:
  class Handle;
  struct Watcher {
    bool source = false;
    std::string name;
    TapEvents events;
  };
  template <class Show>
  void pass(bool source, const std::string& name, Show show);

  std::list<Watcher> watching_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  RowText text_;
  std::vector<Value> values_;
};

}  // namespace tidemark
