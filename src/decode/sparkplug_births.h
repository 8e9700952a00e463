// SparkplugBirths remembers what edge nodes and devices said when they were born: the names and types of
// their metrics, which later messages name by alias or leave out, and of each node how far its messages have
// come.
//
// A birth is an entry of a table, so that a checkpoint writes those that changed; what changes with every
// message is small and saved beside it. What is remembered is bounded: a birth that there is no room for is
// not, and the node or device counts as not born. All of it is a function of the payloads.
//
// A pipeline that stands still reads its payload again later: snapshot() can also give what was remembered
// before the payload at hand. Threads: one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "state/entry_table.h"

namespace tidemark {

class SparkplugBirths {
 public:
  struct Metric {
    std::string name;
    std::uint32_t type = 0;
    std::optional<std::uint64_t> alias;
  };

  class Birth {
   public:
    explicit Birth(std::vector<Metric> metrics);
    // Null: none. Of several with one alias or name, the last.
    const Metric* by_alias(std::uint64_t alias) const;
    const Metric* by_name(std::string_view name) const;
    void save(Encoder& out) const;
    static std::unique_ptr<Birth> load(Decoder& in);
    std::uint64_t bytes() const { return bytes_; }

   private:
    std::vector<Metric> metrics_;
    std::vector<std::uint32_t> by_alias_, by_name_;  // indices, in order
    std::uint64_t bytes_ = 0;
  };

  // Where a node is in its session.
  struct Session {
    std::optional<std::uint8_t> seq;      // of its newest message
    std::optional<std::uint64_t> bd_seq;  // of its birth
  };
  struct Node {
    Session session;
    std::set<std::string, std::less<>> devices;  // that were born
  };

  // Who was born: a node, or a device of it.
  struct Place {
    std::string_view group, node, device;  // no device: the node itself
  };

  // `limit`: bytes, counted by birth.
  SparkplugBirths(std::uint64_t limit, std::uint64_t hash_seed);

  // A payload begins.
  void begin();
  const Birth* find(const Place& place) const;
  // Null: it is not born.
  const Node* node(const Place& place) const;
  // Its newest message has this number.
  void came(const Place& place, std::uint8_t seq);
  // False: there is no room. A node's birth ends what its devices were.
  bool born(const Place& place, Birth birth, std::optional<std::uint64_t> bd_seq);
  // A node's death is that of its devices.
  void died(const Place& place);

  // Keyed state, for checkpoints; and what stands beside it. load() comes after adopt().
  EntryTable* table() { return table_.get(); }
  static std::unique_ptr<EntryTable> make_table(std::uint64_t hash_seed);
  std::unique_ptr<EntryTable> take_table() { return std::move(table_); }
  void adopt(std::unique_ptr<EntryTable> table);
  void save(Encoder& out) const;
  bool load(Decoder& in);

  // All of it in one; `before`: as it was before the payload at hand.
  void snapshot(Encoder& out, bool before) const;
  bool load_snapshot(Decoder& in);

 private:
  static std::string node_key(const Place& place);
  static std::string key(const Place& place);
  void erase(const Place& place);
  void remember_entry(const std::string& key);
  void remember_session(const std::string& key);
  void count_all();

  const std::uint64_t limit_;
  const std::uint64_t hash_seed_;
  std::unique_ptr<EntryTable> table_;
  std::map<std::string, Node, std::less<>> nodes_;
  std::uint64_t used_ = 0;

  // What the payload at hand has changed, as it was: nothing where nothing was.
  std::map<std::string, std::optional<std::string>> entries_before_;
  std::map<std::string, std::optional<Session>> sessions_before_;
};

}  // namespace tidemark
