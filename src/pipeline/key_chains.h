// KeyChains finds the entries of one key: the panes, sessions or numbers that a pipeline keeps of it, in the
// order of the front part of their keys (keyed_aggregation.h).
//
// It follows from the entries, so no checkpoint holds it. An entry must leave its chain before it is erased.
// Lookup never stops for a table that grows (state/key_index.h). Threads: loop only.
// Lifetime: a Chain stays where it is until its last entry leaves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "state/entry_table.h"
#include "state/key_index.h"

namespace tidemark {

class PaneSums;

class KeyChains {
 public:
  using Entry = EntryTable::Entry;
  // An entry, and what its key begins with: found without a visit to it.
  struct Link {
    std::int64_t front = 0;
    Entry* entry = nullptr;
  };
  using Links = std::span<const Link>;

  class Chain {
   public:
    Links links() const { return Links(links_).subspan(first_); }
    // Those whose front is in [from, to).
    Links between(std::int64_t from, std::int64_t to) const;
    Chain();
    ~Chain();
    // What is kept of several of them together (pane_merge.h); null: nothing. Gone with the last entry.
    std::unique_ptr<PaneSums> sums;

   private:
    friend class KeyChains;
    std::vector<Link> links_;
    std::size_t first_ = 0;  // those before it have left
    std::uint32_t id_ = 0;
  };

  explicit KeyChains(std::uint64_t hash_seed) : seed_(hash_seed) {}

  // By the key values; null when there are none.
  Chain* find(std::string_view key_values);
  // The chain that it stands in now.
  Chain* insert(Entry* entry);
  void remove(Chain* chain, Entry* entry);

  // For who goes over all chains while none comes or goes; null where there is none.
  std::size_t id_end() const { return chains_.size(); }
  Chain* at(std::size_t id) { return chains_[id].links_.empty() ? nullptr : &chains_[id]; }

  static std::int64_t front_of(const Entry* entry);

 private:
  std::uint32_t hash_of(std::string_view key_values) const;

  std::uint64_t seed_;
  KeyIndex index_;
  std::deque<Chain> chains_;
  std::vector<std::uint32_t> free_;
};

}  // namespace tidemark
