#include "state/entry_table.h"

#include <algorithm>
#include <bit>
#include <deque>
#include <utility>

#include "base/checksum.h"
#include "base/format.h"
#include "base/invariant.h"
#include "state/changed_entries.h"
#include "state/entry.h"
#include "state/entry_slabs.h"
#include "state/erased_keys.h"
#include "state/key_index.h"
#include "state/row.h"

namespace tidemark {
namespace {

// What a visited slot or list element counts for in a slice that is measured in bytes, so that a slice ends
// also where nothing is to be captured.
constexpr std::size_t kVisitCost = 16;
// Rows that wait for their delivery, in pieces: neither growing nor handing them over copies all of them.
class WaitingRows {
 public:
  template <class Append>
  void add(const Append& append) {
    if (pieces_.empty() || pieces_.back().size() + kUsual > kPiece) {
      pieces_.emplace_back();
      if (pieces_.size() > 1) pieces_.back().reserve(kPiece);  // the first may be the only one, and small
      capacity_ += pieces_.back().capacity();
    }
    std::string& piece = pieces_.back();
    const std::size_t before = piece.size(), room = piece.capacity();
    append(piece);
    bytes_ += piece.size() - before;
    capacity_ += piece.capacity() - room;
  }

  std::size_t pieces() const { return pieces_.size(); }
  const std::string& piece(std::size_t i) const { return pieces_[i]; }
  void drop_front_piece() {
    bytes_ -= pieces_.front().size();
    capacity_ -= pieces_.front().capacity();
    pieces_.pop_front();
  }
  std::size_t bytes() const { return bytes_; }
  std::size_t memory_bytes() const { return capacity_ + pieces_.size() * sizeof(std::string); }

 private:
  static constexpr std::size_t kPiece = 15u << 12;  // to which a string grows by itself
  static constexpr std::size_t kUsual = 512;        // a row that is not longer never makes a piece move

  std::deque<std::string> pieces_;
  std::size_t bytes_ = 0;     // of rows
  std::size_t capacity_ = 0;  // of the pieces
};

}  // namespace

// Two lists of changed entries: the current one, and the one set aside at the barrier. An entry's list mark
// says in which it stands, so an entry is listed once, and one whose mark is that of the list set aside has
// not been captured yet. An entry without the list's mark in a listed slot has been captured, or has come
// there after one that was erased.
class EntryTable::Work {
 public:
  Work(std::unique_ptr<const PayloadCodec> payload_codec, std::uint64_t hash_seed)
      : codec_(std::move(payload_codec)), slabs_(codec_->size()), seed_(hash_seed) {}

  ~Work() {
    for_each([&](Entry* entry) {
      codec_->destroy(entry->payload_place());
      entry->free_key();
    });
  }

  std::uint32_t id(Entry* entry) const { return slabs_.id_of(entry); }
  Entry* at(std::uint32_t id) const { return slabs_.at(id); }

  Entry* find(std::string_view key) const { return find(hash_of(key), key); }

  std::pair<Entry*, bool> find_or_create(std::string_view key) {
    const std::uint32_t hash = hash_of(key);
    if (Entry* const found = find(hash, key)) return {found, false};
    return {create_touched(hash, key), true};
  }

  Entry* create_touched(std::uint32_t hash, std::string_view key) {
    Entry* const entry = create(hash, key);
    if (walk_reaches(entry)) entry->set(Entry::kSettled);
    list(entry);
    return entry;
  }

  void touch(Entry* entry) {
    if (entry->list() == current_) return;
    if (under_way_) capture_out_of_turn(entry);
    list(entry);
  }

  void erase(Entry* entry) {
    if (under_way_ && entry->list() != current_) capture_out_of_turn(entry);
    if (entry->list() == current_) --listed_live_;
    if (entry->has(Entry::kStored)) tombstones_.add(entry->key_text());
    codec_->destroy(entry->payload_place());
    index_.erase(hash_of(entry->key_text()), slabs_.id_of(entry));
    slabs_.free(entry);
  }

  void clear() {
    for_each([&](Entry* entry) { erase(entry); });
  }

  std::size_t size() const { return slabs_.size(); }
  std::size_t dirty() const { return listed_live_ + tombstones_.size(); }
  std::size_t captured_waiting() const { return waiting_.bytes(); }
  bool snapshot_under_way() const { return under_way_; }

  std::size_t memory_bytes() const {
    return slabs_.memory_bytes() + index_.memory_bytes() + changed_.memory_bytes() + aside_.memory_bytes() +
           tombstones_.memory_bytes() + tombstones_aside_.memory_bytes() + waiting_.memory_bytes() +
           heap_estimate();
  }

  std::optional<std::uint32_t> show_saved(
      std::uint32_t from, std::size_t most,
      const std::function<void(std::string_view key, std::string_view payload)>& show) const {
    Encoder payload;
    while (most > 0 && from < slabs_.id_end()) {
      const Entry* entry = slabs_.next_live(from, most);
      if (entry == nullptr) continue;
      payload.clear();
      codec_->save(entry->payload_place(), payload);
      show(entry->key_text(), payload.view());
    }
    return from < slabs_.id_end() ? std::optional(from) : std::nullopt;
  }

  template <class Visit>
  void for_each(const Visit& visit) const {
    std::uint32_t id = 0;
    for (;;) {
      std::size_t slots = slabs_.id_end() + std::size_t{1};
      Entry* const entry = slabs_.next_live(id, slots);
      if (!entry) return;
      visit(entry);
    }
  }

  void begin_snapshot(Base base) {
    invariant(!under_way_, "one snapshot at a time");
    invariant(base.from <= base.to && base.to <= kPartitions, "a base is a range of partitions");
    under_way_ = true;
    base_ = base;
    walk_at_ = 0;
    walking_ = base.from < base.to;
    current_ = other(current_);
    std::swap(changed_, aside_);
    std::swap(tombstones_, tombstones_aside_);
    listed_live_ = 0;
    aside_at_ = 0;
    aside_slot_ = 0;
    next_tombstone_ = {};
    captured_ = false;
  }

  // Tombstones come first: the row of a key that was erased and made again must be applied after them.
  bool capture(std::string& out, std::size_t max_bytes) {
    invariant(under_way_, "a capture belongs to a snapshot");
    std::size_t budget = std::max<std::size_t>(max_bytes, 1);
    captured_ = capture_tombstones(out, budget) && deliver_waiting(out, budget) &&
                capture_aside(out, budget) && capture_walk(out, budget);
    return captured_;
  }

  std::shared_ptr<void> complete_snapshot() {
    invariant(under_way_ && captured_, "a snapshot is completed after its last capture");
    return finish();
  }

  void abandon_snapshot() {
    invariant(under_way_, "there is a snapshot to abandon");
    // What the walk would have passed is unsettled again: the current entries here, those set aside below.
    for_each_listed(changed_, [](Entry* entry) { entry->unset(Entry::kSettled); });
    for_each_listed(aside_, [&](Entry* entry) {
      entry->unset(Entry::kSettled);
      if (entry->list() != current_) list(entry);
    });
    tombstones_.add_all(tombstones_aside_);
    finish();
  }

  Status restore_row(std::string_view key, bool erased, std::string_view payload) {
    invariant(!under_way_, "rows are restored while no snapshot is under way");
    const std::uint32_t hash = hash_of(key);
    Entry* entry = find(hash, key);
    if (erased) {
      if (entry) forget(entry);
      return {};
    }
    if (entry) {
      codec_->destroy(entry->payload_place());
      codec_->create(entry->payload_place());
    } else {
      entry = create(hash, key);
    }
    entry->set(Entry::kStored);
    Decoder in(payload);
    if (codec_->load(in, entry->payload_place()) && in.complete()) return {};
    forget(entry);
    return fail(format("a row of {} bytes does not fit this pipeline's state", payload.size()),
                Error::Kind::corrupt);
  }

  std::uint32_t hash_of(std::string_view key) const {
    return static_cast<std::uint32_t>(table_hash(key, seed_) >> 32);
  }
  std::uint32_t foresee(std::string_view key) const {
    const std::uint32_t hash = hash_of(key);
    index_.bring_near(hash);
    return hash;
  }
  std::uint32_t bring_near(std::uint32_t hash) const {
    static_assert(kNowhere == KeyIndex::kNone);
    const std::uint32_t id = index_.find(hash, [](std::uint32_t) { return true; });
    if (id != kNowhere) slabs_.bring_near(id);
    return id;
  }
  // At `place`, if it is still there, or wherever it is.
  Entry* find(std::uint32_t hash, std::string_view key, std::uint32_t place) const {
    Entry* const entry = place != kNowhere ? slabs_.slot_or_null(place) : nullptr;
    if (entry != nullptr && entry->has(Entry::kLive) && entry->key_text() == key) return entry;
    return find(hash, key);
  }
  Entry* find(std::uint32_t hash, std::string_view key) const {
    Entry* found = nullptr;
    index_.find(hash, [&](std::uint32_t id) {
      Entry* const candidate = slabs_.at(id);
      if (candidate->key_text() != key) return false;
      found = candidate;
      return true;
    });
    return found;
  }

 private:
  static std::uint8_t other(std::uint8_t list) { return list ^ Entry::kLists; }

  Entry* create(std::uint32_t hash, std::string_view key) {
    Entry* const entry = slabs_.allocate(key);
    codec_->create(entry->payload_place());
    index_.insert(hash, slabs_.id_of(entry));
    return entry;
  }
  // Without a trace in lists and tombstones.
  void forget(Entry* entry) {
    if (entry->list() == current_) --listed_live_;
    codec_->destroy(entry->payload_place());
    index_.erase(hash_of(entry->key_text()), slabs_.id_of(entry));
    slabs_.free(entry);
  }

  // Into the current list, in which it does not stand.
  void list(Entry* entry) {
    entry->set_list(current_);
    changed_.add(slabs_.head_of(entry), entry->slot);
    ++listed_live_;
  }
  // The live entry of the slab's first listed slot at or after `slot`, which moves past it; null: there is
  // none.
  Entry* next_listed(const ChangedEntries& changed, std::uint32_t slab, unsigned& slot) const {
    const SlabHead* const head = slabs_.head_or_null(slab);
    if (head == nullptr) return nullptr;
    while ((slot = changed.next(*head, slot)) < SlabHead::kSlots) {
      Entry* const entry = slabs_.at(slab << EntrySlabs::kSlotBits | slot++);
      if (entry->has(Entry::kLive)) return entry;
    }
    return nullptr;
  }
  template <class Visit>
  void for_each_listed(const ChangedEntries& changed, const Visit& visit) const {
    for (std::size_t i = 0; i < changed.slabs(); ++i) {
      unsigned slot = 0;
      while (Entry* const entry = next_listed(changed, changed.slab(i), slot)) visit(entry);
    }
  }

  bool walk_reaches(Entry* entry) const { return walking_ && slabs_.id_of(entry) >= walk_at_; }
  bool in_base(const Entry* entry) const {
    const unsigned partition = partition_of(entry->key_text());
    return partition >= base_.from && partition < base_.to;
  }

  // Just before an entry changes that has not changed since the barrier.
  void capture_out_of_turn(Entry* entry) {
    bool wanted = entry->list() == other(current_);
    if (walk_reaches(entry) && !entry->has(Entry::kSettled)) {
      wanted = wanted || in_base(entry);
      entry->set(Entry::kSettled);
    }
    entry->set_list(0);
    if (!wanted) return;
    waiting_.add([&](std::string& out) { capture_entry(entry, out); });
  }

  void capture_entry(Entry* entry, std::string& out) {
    payload_.clear();
    codec_->save(entry->payload_place(), payload_);
    append_row(out, {.key = entry->key_text(), .erased = false, .payload = payload_.view()});
    entry->set(Entry::kStored);
  }

  static void spend(std::size_t& budget, std::size_t bytes) { budget -= std::min(budget, bytes); }

  bool capture_tombstones(std::string& out, std::size_t& budget) {
    while (budget > 0) {
      if (!next_tombstone_.next(tombstones_aside_)) return true;
      const std::size_t before = out.size();
      append_row(out, {.key = next_tombstone_.key(), .erased = true, .payload = {}});
      spend(budget, out.size() - before);
    }
    return false;
  }

  bool deliver_waiting(std::string& out, std::size_t& budget) {
    for (; waiting_.pieces() > 0; waiting_.drop_front_piece()) {
      if (budget == 0) return false;
      out.append(waiting_.piece(0));
      spend(budget, waiting_.piece(0).size());
    }
    return true;
  }

  bool capture_aside(std::string& out, std::size_t& budget) {
    const std::uint8_t pending = other(current_);
    for (; aside_at_ < aside_.slabs(); ++aside_at_, aside_slot_ = 0) {
      for (Entry* entry = nullptr;;) {
        if (budget == 0) return false;
        spend(budget, kVisitCost);
        entry = next_listed(aside_, aside_.slab(aside_at_), aside_slot_);
        if (entry == nullptr) break;
        if (entry->list() != pending) continue;
        entry->set_list(0);
        const std::size_t before = out.size();
        capture_entry(entry, out);
        spend(budget, out.size() - before);
        if (walk_reaches(entry)) entry->set(Entry::kSettled);
      }
    }
    return true;
  }

  bool capture_walk(std::string& out, std::size_t& budget) {
    while (walking_) {
      if (budget == 0) return false;
      const std::size_t most = budget / kVisitCost + 1;
      std::size_t slots = most;
      Entry* const entry = slabs_.next_live(walk_at_, slots);
      std::size_t spent = (most - slots) * kVisitCost;
      if (entry) {
        if (entry->has(Entry::kSettled)) {
          entry->unset(Entry::kSettled);
        } else if (in_base(entry)) {
          const std::size_t before = out.size();
          capture_entry(entry, out);
          spent += out.size() - before;
        }
      } else if (walk_at_ >= slabs_.id_end()) {
        walking_ = false;
      }
      spend(budget, spent);
    }
    return true;
  }

  std::shared_ptr<void> finish() {
    struct Kept {
      ErasedKeys tombstones;
      WaitingRows waiting;
    };
    under_way_ = false;
    walking_ = false;
    aside_.begin_anew();
    return std::make_shared<Kept>(std::exchange(tombstones_aside_, {}), std::exchange(waiting_, {}));
  }

  // From some entries spread over the table: asking a million of them would stop the loop.
  std::size_t heap_estimate() const {
    constexpr std::size_t kAsked = 256;
    const std::uint32_t step = std::max<std::uint32_t>(1, slabs_.id_end() / kAsked);
    std::size_t bytes = 0, asked = 0;
    for (std::uint64_t at = 0; at < slabs_.id_end(); at += step) {
      constexpr std::size_t kLookedAt = 64;  // in a table that has emptied, most slots hold nothing
      std::size_t slots = kLookedAt;
      auto id = static_cast<std::uint32_t>(at);
      const Entry* const entry = slabs_.next_live(id, slots);
      if (!entry) continue;
      bytes += codec_->heap_bytes(entry->payload_place());
      if (entry->has(Entry::kLong)) bytes += entry->key_text().size() + sizeof(std::uint64_t);
      ++asked;
    }
    return asked == 0 ? 0 : bytes / asked * slabs_.size() + bytes % asked * slabs_.size() / asked;
  }

  const std::unique_ptr<const PayloadCodec> codec_;
  EntrySlabs slabs_;
  KeyIndex index_;
  const std::uint64_t seed_;
  Encoder payload_;

  // Since the last barrier, and what earlier, abandoned snapshots folded back.
  std::uint8_t current_ = Entry::kListA;
  ChangedEntries changed_{0};
  std::size_t listed_live_ = 0;  // live entries among them
  ErasedKeys tombstones_;

  // The snapshot under way. Lists and tombstones stay until it is completed, for an abandonment.
  bool under_way_ = false;
  bool captured_ = false;
  Base base_;
  bool walking_ = false;       // over all entries, for the base's
  std::uint32_t walk_at_ = 0;  // the id that comes next
  ChangedEntries aside_{1};
  std::size_t aside_at_ = 0;  // a slab of it
  unsigned aside_slot_ = 0;   // where to go on in it
  ErasedKeys tombstones_aside_;
  ErasedKeys::Reader next_tombstone_;
  WaitingRows waiting_;  // captured out of turn
};

EntryTable::EntryTable(std::unique_ptr<const PayloadCodec> codec, std::uint64_t hash_seed)
    : work_(std::make_unique<Work>(std::move(codec), hash_seed)) {}
EntryTable::~EntryTable() = default;

EntryTable::Entry* EntryTable::find(std::string_view key) {
  return work_->find(key);
}
EntryTable::Found EntryTable::look_up(std::string_view key) {
  return look_up(key, work_->hash_of(key));
}
EntryTable::Found EntryTable::look_up(std::string_view key, std::uint32_t hash, std::uint32_t place) {
  Entry* const entry = work_->find(hash, key, place);
  return {entry, entry == nullptr ? nullptr : entry->payload_place(), hash};
}
std::uint32_t EntryTable::foresee(std::string_view key) const {
  return work_->foresee(key);
}
std::uint32_t EntryTable::bring_near(std::uint32_t hash) const {
  return work_->bring_near(hash);
}
EntryTable::Found EntryTable::create(std::string_view key, std::uint32_t hash) {
  Entry* const entry = work_->create_touched(hash, key);
  return {entry, entry->payload_place(), hash};
}
std::pair<EntryTable::Entry*, bool> EntryTable::find_or_create(std::string_view key) {
  return work_->find_or_create(key);
}
void EntryTable::touch(Entry* entry) {
  work_->touch(entry);
}
void EntryTable::erase(Entry* entry) {
  work_->erase(entry);
}
void EntryTable::clear() {
  work_->clear();
}

std::uint32_t EntryTable::id(Entry* entry) const {
  return work_->id(entry);
}
EntryTable::Entry* EntryTable::at(std::uint32_t id) const {
  return work_->at(id);
}

std::string_view EntryTable::key(const Entry* entry) {
  return entry->key_text();
}
std::byte* EntryTable::payload(Entry* entry) {
  return entry->payload_place();
}
const std::byte* EntryTable::payload(const Entry* entry) {
  return entry->payload_place();
}

std::size_t EntryTable::size() const {
  return work_->size();
}
std::size_t EntryTable::memory_bytes() const {
  return work_->memory_bytes();
}
std::size_t EntryTable::dirty() const {
  return work_->dirty();
}
std::optional<std::uint32_t> EntryTable::show_saved(
    std::uint32_t from, std::size_t most,
    const std::function<void(std::string_view key, std::string_view payload)>& show) const {
  return work_->show_saved(from, most, show);
}
void EntryTable::for_each(const std::function<void(Entry*)>& visit) {
  work_->for_each(visit);
}

void EntryTable::begin_snapshot(Base base) {
  work_->begin_snapshot(base);
}
bool EntryTable::capture(std::string& out, std::size_t max_bytes) {
  return work_->capture(out, max_bytes);
}
std::size_t EntryTable::captured_waiting() const {
  return work_->captured_waiting();
}
bool EntryTable::snapshot_under_way() const {
  return work_->snapshot_under_way();
}
std::shared_ptr<void> EntryTable::complete_snapshot() {
  return work_->complete_snapshot();
}
void EntryTable::abandon_snapshot() {
  work_->abandon_snapshot();
}
Status EntryTable::restore_row(std::string_view key, bool erased, std::string_view payload) {
  return work_->restore_row(key, erased, payload);
}

unsigned EntryTable::partition_of(std::string_view key) {
  static_assert(std::has_single_bit(kPartitions));
  return static_cast<unsigned>(checksum(key) >> (64 - std::countr_zero(kPartitions)));
}

}  // namespace tidemark
