// Undelivered: results that their sinks may lack, on their way into a savepoint and out of it.
//
// In a savepoint they are segments "undelivered/SINK", whose rows are blocks of an outbox
// (src/sinks/FORMAT.md) under the number of their first result; so each carries its columns and all else that
// delivering it takes, whatever the configuration is where it arrives. There they go into the outbox of the
// sink of that name, in front of everything that is made there. Threads: one at a time (the bulk lane, or a
// start); calls block.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/ancestry.h"
#include "pipeline/delivery.h"
#include "sinks/outbox_reader.h"

namespace tidemark {

constexpr std::string_view kUndelivered = "undelivered/";  // before the name of the sink

// What is left of one sink, some thousand results at a time: those that are part of the present's past and
// that the sink does not hold, up to a position.
class UndeliveredReader {
 public:
  struct Past {
    Lineage lineage;
    Ancestry ancestry;
    Position through;
  };
  UndeliveredReader(Files& files, Delivery::Undelivered of, Past past);
  // The next rows; none at the end.
  Result<std::vector<OutboxRow>> next();
  const std::string& sink() const { return of_.sink; }

 private:
  bool counts(const OutboxRow& row) const;

  Delivery::Undelivered of_;
  Past past_;
  OutboxReader reader_;
  enum class Part { before, outbox, after, end } part_ = Part::before;
};

// Outboxes of data_dir that belong to no sink of `known`.
std::vector<Delivery::Undelivered> other_outboxes(Files& files, const std::string& outboxes,
                                                  const std::set<std::string>& known);

// One row of a segment for these results; and back, at their end of `rows`.
std::string encode_undelivered(std::span<const OutboxRow> rows, std::uint64_t first);
Status decode_undelivered(std::string_view bytes, std::vector<OutboxRow>& rows);

// Into the outbox in `folder`, except what was ever in it. A crash in between leaves it to be done again.
class UndeliveredArrival {
 public:
  UndeliveredArrival(Files& files, std::string folder, DeliveryMode mode);
  Status take(std::span<const OutboxRow> rows);
  Status finish();
  std::uint64_t taken() const { return taken_; }

 private:
  Status open();
  Outbox outbox_;
  DeliveryMode mode_;
  bool open_ = false;
  std::uint64_t taken_ = 0;
};

}  // namespace tidemark
