#include "journal/scan.h"

#include <algorithm>

#include "base/format.h"
#include "journal/segments.h"

namespace tidemark {

namespace {

constexpr std::size_t kWindow = 32 << 10;

class Scan {
 public:
  Scan(const JournalFolder& folder, Position needed_after)
      : folder_(folder), needed_after_(needed_after), continuity_(folder.ancestry) {}

  Result<JournalScan> run() {
    Result<std::vector<std::uint64_t>> numbers = list_segments(folder_.files, folder_.path);
    if (!numbers) return pass_on(numbers);
    out_.segments = std::move(*numbers);
    out_.segment_bytes.resize(out_.segments.size());
    if (Status found = find_called_durable(); !found) return pass_on(found);
    Result<std::size_t> start = find_start();
    if (!start) return pass_on(start);
    for (std::optional<Place> at = Place{*start, 0}; at && at->index < out_.segments.size();) {
      Result<std::optional<Place>> next = walk(*at);
      if (!next) return pass_on(next);
      at = *next;
    }
    // Sizes of segments that the walk had no reason to open.
    for (std::size_t i = 0; i < out_.segments.size(); ++i) {
      if (out_.segment_bytes[i] > 0) continue;
      Result<FileStatus> status = folder_.files.status(segment_path(folder_.path, out_.segments[i]));
      if (!status) return pass_on(status);
      out_.segment_bytes[i] = status->size;
    }
    return std::move(out_);
  }

 private:
  struct Place {
    std::size_t index;
    std::uint64_t offset;
  };

  std::string where(std::size_t index) const { return segment_path(folder_.path, out_.segments[index]); }

  Result<SegmentBytes> open(std::size_t index) {
    Result<SegmentBytes> bytes = SegmentBytes::open(folder_.files, where(index), kWindow);
    if (bytes) out_.segment_bytes[index] = bytes->size();
    return bytes;
  }

  bool present(const BlockHeader& header) const {
    return header.lineage == folder_.lineage && folder_.ancestry.contains(header.timeline, header.first);
  }

  // Durable positions only grow, so the newest segment with a block of the present knows the highest.
  Status find_called_durable() {
    for (std::size_t i = out_.segments.size(); i-- > 0;) {
      Result<SegmentBytes> bytes = open(i);
      if (!bytes) return pass_on(bytes);
      bool any = false;
      for (std::uint64_t offset = 0; offset < bytes->size();) {
        Result<std::optional<SegmentBytes::Found>> found = bytes->search(offset);
        if (!found) return pass_on(found);
        if (!*found) break;
        const auto& [at, header] = **found;
        if (present(header)) {
          any = true;
          out_.called_durable = std::max(out_.called_durable, header.durable);
        }
        offset = at + (header.block_bytes() <= bytes->size() - at ? header.block_bytes() : 1);
      }
      if (any) return {};
    }
    return {};
  }

  Result<std::optional<BlockHeader>> first_of_present(std::size_t index) {
    Result<SegmentBytes> bytes = open(index);
    if (!bytes) return pass_on(bytes);
    Result<std::optional<BlockHeader>> header = bytes->whole_block(0);
    if (header && *header && !present(**header)) return std::nullopt;
    return header;
  }

  // The last position of the present in a segment, as far as it is whole.
  Result<Position> last_of(std::size_t index) {
    Result<SegmentBytes> bytes = open(index);
    if (!bytes) return pass_on(bytes);
    Position last;
    for (std::uint64_t offset = 0; offset < bytes->size();) {
      Result<std::optional<BlockHeader>> header = bytes->whole_block(offset);
      if (!header) return pass_on(header);
      if (!*header) break;
      if (present(**header))
        last = std::min((*header)->last(), *folder_.ancestry.last_of((*header)->timeline));
      offset += (*header)->block_bytes();
    }
    return last;
  }

  // What lies before the segment that holds needed_after need not be read. That segment must continue its
  // predecessor exactly: where it repeats, the predecessor may hold more than the repetition.
  Result<std::size_t> find_start() {
    if (needed_after_.value == 0) return std::size_t{0};
    for (std::size_t i = out_.segments.size(); i-- > 1;) {
      Result<std::optional<BlockHeader>> first = first_of_present(i);
      if (!first) return pass_on(first);
      if (!*first || (*first)->first > needed_after_.next()) continue;
      Result<Position> before = last_of(i - 1);
      if (!before) return pass_on(before);
      if (before->next() == (*first)->first) return i;
    }
    return std::size_t{0};
  }

  // Reads on from a place to the end of its segment or a break; says where to go on.
  Result<std::optional<Place>> walk(const Place& from) {
    Result<SegmentBytes> opened = open(from.index);
    if (!opened) return pass_on(opened);
    SegmentBytes& bytes = *opened;
    Stretch stretch;
    stretch.segment = out_.segments[from.index];
    stretch.begin = stretch.end = from.offset;
    bool gap = false;
    std::uint64_t offset = from.offset;
    while (offset < bytes.size()) {
      Result<std::optional<BlockHeader>> header = bytes.whole_block(offset);
      if (!header) return pass_on(header);
      if (!*header) break;
      const BlockHeader& block = **header;
      if (block.lineage != folder_.lineage) return foreign(from.index, block);
      const Continuity::Judgement judged = continuity_.judge(block);
      if (judged.verdict == Continuity::Verdict::gap) {
        gap = true;
        break;
      }
      if (judged.verdict == Continuity::Verdict::use) {
        Result<bool> used = use(bytes, offset, block, judged.to, stretch);
        if (!used) return pass_on(used);
        if (!*used) break;
      }
      if (judged.verdict == Continuity::Verdict::abandoned)
        stretch.holds_abandoned = true;
      else
        stretch.lowest = std::min(stretch.lowest, block.first);
      offset += block.block_bytes();
      stretch.end = offset;
    }
    if (stretch.end > stretch.begin) out_.stretches.push_back(stretch);
    if (offset >= bytes.size()) return Place{from.index + 1, 0};
    return after_break(Place{from.index, offset}, gap ? offset : offset + 1);
  }

  // False when the block does not verify.
  Result<bool> use(SegmentBytes& bytes, std::uint64_t offset, const BlockHeader& block, Position to,
                   Stretch& stretch) {
    const bool may_be_torn = block.last() > out_.called_durable;
    if (may_be_torn || to < block.last()) {
      Result<std::string_view> stored = bytes.stored(offset, block);
      if (!stored) return pass_on(stored);
      const bool verifies = block_verifies(block, *stored);
      if (may_be_torn && !verifies) return false;
      out_.last_time = verifies ? time_of(block, *stored, to) : block.first_time;
    }
    if (to == block.last()) out_.last_time = block.last_time;
    if (out_.end < out_.first) out_.first = block.first;
    if (stretch.first > stretch.last) stretch.first = block.first;
    stretch.last = out_.end = to;
    continuity_.take(block, to);
    return true;
  }

  static JournalTime time_of(const BlockHeader& block, std::string_view stored, Position position) {
    Entry entry;
    entry.time = block.first_time;
    if (Result<std::string> raw = unpack_block(block, stored)) {
      SourceTable names;
      BlockEntries entries(*raw, block, names);
      for (Position at = block.first; at <= position && entries.next(entry); at = at.next()) {
      }
    }
    return entry.time;
  }

  Result<std::optional<Place>> after_break(const Place& at, std::uint64_t search_from) {
    const Position expected = continuity_.expected();
    for (std::size_t i = at.index + 1; i < out_.segments.size(); ++i) {
      Result<std::optional<BlockHeader>> first = first_of_present(i);
      if (!first) return pass_on(first);
      if (*first && (*first)->first <= expected) return Place{i, 0};
    }
    // Positions up to needed_after were durable, whatever the blocks say, and are not needed.
    const Position lost_from = std::max(expected, needed_after_.next());
    const bool durable_is_lost = out_.called_durable >= lost_from;
    if (!durable_is_lost && expected > needed_after_) return end_at(at, search_from);

    Result<std::optional<std::pair<Place, BlockHeader>>> next = next_of_present(at, search_from);
    if (!next) return pass_on(next);
    const Position to = *next ? Position{(*next)->second.first.value - 1} : out_.called_durable;
    const std::string what = format("{} does not verify at byte {}", where(at.index), at.offset);
    if (!*next || to > needed_after_) {
      if (!durable_is_lost) return end_at(at, search_from);
      return std::unexpected(damaged(what, expected, to));
    }
    out_.notes.push_back(
        format("{}: entries {} to {} cannot be replayed; the checkpoint that is started from "
               "does not need them",
               what, expected.value, to.value));
    continuity_.start_anew();
    out_.first = Position{1};
    out_.end = Position{0};
    return (*next)->first;
  }

  Result<std::optional<std::pair<Place, BlockHeader>>> next_of_present(Place at, std::uint64_t search_from) {
    for (std::size_t i = at.index; i < out_.segments.size(); ++i) {
      Result<SegmentBytes> bytes = open(i);
      if (!bytes) return pass_on(bytes);
      for (std::uint64_t offset = i == at.index ? search_from : 0; offset < bytes->size();) {
        Result<std::optional<SegmentBytes::Found>> found = bytes->search(offset);
        if (!found) return pass_on(found);
        if (!*found) break;
        if (present((*found)->header)) return std::pair{Place{i, (*found)->offset}, (*found)->header};
        offset = (*found)->offset + 1;
      }
    }
    return std::nullopt;
  }

  Result<std::optional<Place>> end_at(const Place& at, std::uint64_t search_from) {
    JournalTail tail{out_.segments[at.index], at.offset, false};
    for (std::size_t i = at.index; i < out_.segments.size() && !tail.abandoned_follows; ++i) {
      Result<SegmentBytes> bytes = open(i);
      if (!bytes) return pass_on(bytes);
      std::uint64_t offset = i == at.index ? search_from : 0;
      while (offset < bytes->size() && !tail.abandoned_follows) {
        Result<std::optional<SegmentBytes::Found>> found = bytes->search(offset);
        if (!found) return pass_on(found);
        if (!*found) break;
        tail.abandoned_follows = !present((*found)->header);
        offset = (*found)->offset + 1;
      }
    }
    out_.tail = tail;
    return std::nullopt;
  }

  std::unexpected<Error> foreign(std::size_t index, const BlockHeader& block) const {
    return fail(
        format("{} was recorded under another history (lineage {}; this data directory's is {}); move it out "
               "of the folder, or bring back what belongs to it",
               where(index), to_text(block.lineage), to_text(folder_.lineage)),
        Error::Kind::corrupt);
  }

  const JournalFolder& folder_;
  Position needed_after_;
  Continuity continuity_;
  JournalScan out_;
};

}  // namespace

Continuity::Judgement Continuity::judge(const BlockHeader& header) const {
  const std::optional<Position> cap = ancestry_.last_of(header.timeline);
  if (!cap || header.first > *cap) return {Verdict::abandoned, {}};
  const Position to = std::min(header.last(), *cap);
  if (!last_ || header.first == last_->next()) return {Verdict::use, to};
  if (to <= *last_ && header.run == run_) return {Verdict::repeated, to};
  return {Verdict::gap, to};
}

Error damaged(const std::string& what, Position from, Position to) {
  return Error{
      format("journal: {}: entries {} to {} cannot be replayed; bring the file back, or go on from a "
             "checkpoint without them: tidemark run --from chk-N --abandon-replay",
             what, from.value, to.value),
      Error::Kind::corrupt};
}

Result<JournalScan> scan_journal(const JournalFolder& folder, Position needed_after) {
  return Scan(folder, needed_after).run();
}

}  // namespace tidemark
