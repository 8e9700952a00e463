// EntryTable is the keyed state of one pipeline: entries of a key (bytes) and a payload of fixed size.
//
// A payload is a block of bytes laid out by its PayloadCodec (aggregate states side by side). The entry is
// the unit of everything: lookup, change tracking, checkpoint, restore.
//
// Snapshots are cooperative copy-on-write, on the loop, without a lock and without a pause that grows with
// the state. begin_snapshot() raises the epoch and sets the dirty list aside; capture() then serialises a
// slice of it at a time, between batches; an entry that is about to change (touch, erase) before its turn is
// captured just before. So the rows of a snapshot are the entries as they were at begin_snapshot(), whatever
// happens meanwhile. An increment holds the entries changed, added or erased since the last *completed*
// snapshot: abandon_snapshot() folds the list back, tombstones too. A base holds the entries whose key falls
// into [from, to) of kPartitions partitions (by the top bits of the key's XXH3, which are part of the
// checkpoint format); for other partitions a base snapshot is an increment, so that a base can be rewritten a
// part at a time.
//
// Order: nothing here walks in hash order except a base capture, whose row order decides nothing. Callers
// that emit sort by key bytes. Lookup cost stays bounded while the table grows: rehashing is incremental.
// Threads: loop only.  Lifetime: Entry pointers are stable until erase().
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace tidemark {

// Lays out, saves and loads payloads. Pure. save() then load() must give a payload that behaves and saves the
// same.
class PayloadCodec {
 public:
  virtual ~PayloadCodec() = default;
  virtual std::size_t size() const = 0;  // bytes, aligned to 8
  virtual void create(std::byte* payload) const = 0;
  virtual void destroy(std::byte* payload) const = 0;
  virtual void save(const std::byte* payload, Encoder& out) const = 0;
  // Into a created payload. False when the bytes do not hold.
  virtual bool load(Decoder& in, std::byte* payload) const = 0;
  // Heap bytes that the payload owns beside its fixed size.
  virtual std::size_t heap_bytes(const std::byte* payload) const = 0;
};

class EntryTable {
 public:
  static constexpr unsigned kPartitions = 16;

  class Entry;  // opaque; payload() and key() below

  EntryTable(std::unique_ptr<const PayloadCodec> codec, std::uint64_t hash_seed);
  ~EntryTable();
  EntryTable(const EntryTable&) = delete;
  EntryTable& operator=(const EntryTable&) = delete;

  Entry* find(std::string_view key);
  // For who looks for a key and then makes it: it is hashed once.
  struct Found {
    Entry* entry = nullptr;        // null when there is none
    std::byte* payload = nullptr;  // its
    std::uint32_t hash = 0;
  };
  Found look_up(std::string_view key);
  // For who will look for several keys soon: foresee() each, which gives its hash, and then bring_near()
  // each, which gives where its entry probably is. Only makes look_up() and what is done with the entry
  // quicker, whatever happens in between.
  static constexpr std::uint32_t kNowhere = 0xffffffff;
  std::uint32_t foresee(std::string_view key) const;
  std::uint32_t bring_near(std::uint32_t hash) const;
  Found look_up(std::string_view key, std::uint32_t hash, std::uint32_t place = kNowhere);
  // The key must not be there, `hash` is what look_up() has found. The entry counts as touched.
  Found create(std::string_view key, std::uint32_t hash);
  // The entry and whether it is new. A new one counts as touched.
  std::pair<Entry*, bool> find_or_create(std::string_view key);
  // Must be called before a payload is changed, once per change or more.
  void touch(Entry* entry);
  void erase(Entry* entry);
  void clear();  // erases all

  // A name for an entry in half the bytes of a pointer, good until it is erased.
  std::uint32_t id(Entry* entry) const;
  Entry* at(std::uint32_t id) const;

  static std::string_view key(const Entry* entry);
  static std::byte* payload(Entry* entry);
  static const std::byte* payload(const Entry* entry);

  std::size_t size() const;
  // Everything it holds; what payloads own on the heap is extrapolated from a few hundred entries.
  std::size_t memory_bytes() const;
  std::size_t dirty() const;  // entries and tombstones that an increment would hold now
  // In unspecified order; no change inside.
  void for_each(const std::function<void(Entry*)>& visit);

  // Shows some entries, as they would be saved, and returns where to go on; nothing when all were shown.
  // Looks at no more than `most` places. What lives from the first call to the last is shown once, whatever
  // changes in between; what comes or goes meanwhile, perhaps. In unspecified order; no change inside.
  std::optional<std::uint32_t> show_saved(
      std::uint32_t from, std::size_t most,
      const std::function<void(std::string_view key, std::string_view payload)>& show) const;

  struct Base {
    unsigned from = 0, to = 0;  // partitions [from, to); empty: a pure increment
  };
  // Requires that no snapshot is under way. Takes no time that grows with the state.
  void begin_snapshot(Base base);
  // Appends rows (row.h) to `out` until it has grown by about `max_bytes`; true when the snapshot is captured
  // whole. Entries captured out of turn by touch() are delivered by later calls.
  bool capture(std::string& out, std::size_t max_bytes);
  std::size_t captured_waiting() const;  // bytes captured out of turn and not yet taken: the budget to watch
  bool snapshot_under_way() const;
  // After the last capture, once all of it is durable. What was kept for an abandonment comes back, to be
  // destroyed where nobody waits for it: of a large table that takes milliseconds.
  std::shared_ptr<void> complete_snapshot();
  // At any time. Costs time in proportion to what the snapshot had set aside.
  void abandon_snapshot();

  // Restoring: applies a row of a segment; rows are applied in the order of their segments, into a table that
  // has no snapshot under way. Restored entries are not dirty.
  Status restore_row(std::string_view key, bool erased, std::string_view payload);

  static unsigned partition_of(std::string_view key);

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace tidemark
