#include "journal/tail.h"

#include <algorithm>

#include "base/format.h"
#include "journal/segments.h"

namespace tidemark {

namespace {

constexpr std::size_t kWindow = 256 << 10;

class Repair {
 public:
  Repair(const JournalFolder& folder, const JournalScan& scan) : folder_(folder), scan_(scan) {}

  Result<TailRepair> run(Position known_durable) {
    if (scan_.tail)
      if (Status cut = cut_off(*scan_.tail); !cut) return pass_on(cut);
    const Position durable = std::max(known_durable, scan_.called_durable);
    if (scan_.end > durable) {
      Status kept = copy_after(durable);
      // On a full disk the copy has no room; to sync what is there is the best that is left.
      if (!kept && kept.error().kind == Error::Kind::no_space) kept = sync_after(durable);
      if (!kept) return pass_on(kept);
    }
    // Also what an earlier repair removed and could not make durable.
    if (Status synced = folder_.files.sync_directory(folder_.path); !synced) return pass_on(synced);
    return std::move(out_);
  }

 private:
  std::string path(std::uint64_t segment) const { return segment_path(folder_.path, segment); }

  // Blocks of abandoned timelines are kept: nothing of the present follows the break, and the next segment
  // begins where it is.
  Status cut_off(const JournalTail& tail) {
    if (tail.abandoned_follows) return {};
    for (std::size_t i = scan_.segments.size(); i-- > 0;) {
      const std::uint64_t segment = scan_.segments[i];
      if (segment < tail.segment) break;
      const std::uint64_t keep = segment == tail.segment ? tail.offset : 0;
      Result<std::uint64_t> torn = torn_bytes(folder_, tail, segment);
      if (!torn) return pass_on(torn);
      if (Status cut = keep == 0 ? folder_.files.remove(path(segment)) : truncate(segment, keep); !cut)
        return cut;
      out_.cut_bytes += *torn;
      if (*torn > 0)
        out_.notes.push_back(format("{}: cut off a torn tail of {} bytes that nothing after it calls durable",
                                    path(segment), *torn));
    }
    return {};
  }

  Status truncate(std::uint64_t segment, std::uint64_t keep) {
    Result<std::unique_ptr<File>> file = folder_.files.open(path(segment), Files::Open::write);
    if (!file) return pass_on(file);
    if (Status cut = (*file)->truncate(keep); !cut) return cut;
    return (*file)->sync();
  }

  Status copy_after(Position durable) {
    const std::uint64_t number = scan_.segments.back() + 1;
    Result<std::unique_ptr<File>> file = folder_.files.open(path(number), Files::Open::create_new);
    if (!file) return pass_on(file);
    Position copied_from;
    Status done = copy_blocks(**file, durable, copied_from);
    if (done) done = (*file)->sync();
    if (done) done = folder_.files.sync_directory(folder_.path);
    file->reset();
    if (!done) {
      static_cast<void>(folder_.files.remove(path(number)));  // what it held is still in its old place
      return done;
    }
    return remove_copied(copied_from);
  }

  Status copy_blocks(File& to, Position durable, Position& copied_from) {
    std::uint64_t written = 0;
    Continuity continuity(folder_.ancestry);
    for (const Stretch& stretch : scan_.stretches) {
      if (stretch.first > stretch.last || stretch.last <= durable) continue;
      Result<SegmentBytes> bytes = SegmentBytes::open(folder_.files, path(stretch.segment), kWindow);
      if (!bytes) return pass_on(bytes);
      for (std::uint64_t offset = stretch.begin; offset < stretch.end;) {
        Result<std::optional<BlockHeader>> header = bytes->whole_block(offset);
        if (!header) return pass_on(header);
        if (!*header) return fail(format("{}: changed while it was read", bytes->path()));
        const std::uint64_t size = (*header)->block_bytes();
        const Continuity::Judgement judged = continuity.judge(**header);
        if (judged.verdict == Continuity::Verdict::use) {
          continuity.take(**header, judged.to);
          if (judged.to > durable) {
            Result<std::string_view> block = bytes->at(offset, size);
            if (!block) return pass_on(block);
            if (Status put = to.write_at(written, *block); !put) return put;
            if (written == 0) copied_from = (*header)->first;
            written += size;
          }
        }
        offset += size;
      }
    }
    return {};
  }

  // Segments that hold nothing but copied blocks; else a program that restarts for ever fills the disk.
  Status remove_copied(Position copied_from) {
    for (const Stretch& stretch : scan_.stretches) {
      if (stretch.holds_abandoned || stretch.lowest < copied_from || !is_whole_file(stretch)) continue;
      if (Status removed = folder_.files.remove(path(stretch.segment)); !removed) return removed;
    }
    return {};
  }

  bool is_whole_file(const Stretch& stretch) const {
    const auto at = std::find(scan_.segments.begin(), scan_.segments.end(), stretch.segment);
    std::uint64_t size = scan_.segment_bytes[static_cast<std::size_t>(at - scan_.segments.begin())];
    if (scan_.tail && scan_.tail->segment == stretch.segment && !scan_.tail->abandoned_follows)
      size = scan_.tail->offset;
    return stretch.begin == 0 && stretch.end == size;
  }

  Status sync_after(Position durable) {
    for (const Stretch& stretch : scan_.stretches) {
      if (stretch.first > stretch.last || stretch.last <= durable) continue;
      Result<std::unique_ptr<File>> file = folder_.files.open(path(stretch.segment), Files::Open::write);
      if (!file) return pass_on(file);
      if (Status synced = (*file)->sync(); !synced) return synced;
    }
    return {};
  }

  const JournalFolder& folder_;
  const JournalScan& scan_;
  TailRepair out_;
};

}  // namespace

Result<std::uint64_t> torn_bytes(const JournalFolder& folder, const JournalTail& tail,
                                 std::uint64_t segment) {
  const std::uint64_t from = segment == tail.segment ? tail.offset : 0;
  Result<SegmentBytes> bytes = SegmentBytes::open(folder.files, segment_path(folder.path, segment), kWindow);
  if (!bytes) return pass_on(bytes);
  Result<std::uint64_t> end = bytes->end_of_bytes(from);
  if (!end) return end;
  return *end - from;
}

Result<TailRepair> repair_tail(const JournalFolder& folder, const JournalScan& scan, Position known_durable) {
  return Repair(folder, scan).run(known_durable);
}

}  // namespace tidemark
