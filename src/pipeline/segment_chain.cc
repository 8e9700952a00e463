#include "pipeline/segment_chain.h"

#include <algorithm>
#include <array>

#include "state/entry_table.h"
#include "state/row.h"

namespace tidemark {
namespace {

// For each partition, the index of the newest segment of `owner` that begins it anew; 0 where there is none.
std::array<std::size_t, EntryTable::kPartitions> newest_bases(const std::vector<SegmentReference>& segments,
                                                              const std::string& owner) {
  std::array<std::size_t, EntryTable::kPartitions> newest{};
  for (std::size_t i = 0; i < segments.size(); ++i)
    if (segments[i].owner == owner)
      for (std::uint32_t p = segments[i].base_from; p < segments[i].base_to && p < newest.size(); ++p)
        newest[p] = i;
  return newest;
}

}  // namespace

void drop_superseded(std::vector<SegmentReference>& segments, const std::string& owner) {
  const auto newest = newest_bases(segments, owner);
  const std::size_t oldest_needed = *std::ranges::min_element(newest);
  std::vector<SegmentReference> kept;
  for (std::size_t i = 0; i < segments.size(); ++i)
    if (segments[i].owner != owner || i >= oldest_needed) kept.push_back(std::move(segments[i]));
  segments = std::move(kept);
}

Status append_in_blocks(SegmentWriter& writer, std::string_view rows) {
  constexpr std::size_t kBlock = 1u << 20;
  Decoder in(rows);
  Row row;
  std::size_t begin = 0, end = 0;
  std::uint64_t count = 0;
  while (take_row(in, row)) {
    if (count != 0 && in.offset() - begin > kBlock) {
      if (Status done = writer.append(rows.substr(begin, end - begin), count); !done) return done;
      begin = end;
      count = 0;
    }
    end = in.offset();
    ++count;
  }
  return count == 0 ? Status() : writer.append(rows.substr(begin, end - begin), count);
}

Status restore_table(CheckpointStore& store, const Manifest& manifest, const std::string& owner,
                     EntryTable& table) {
  const auto newest = newest_bases(manifest.segments, owner);
  for (std::size_t i = 0; i < manifest.segments.size(); ++i) {
    const SegmentReference& segment = manifest.segments[i];
    if (segment.owner != owner) continue;
    const Status read = store.read_segment(manifest, segment, [&](std::string_view rows) -> Status {
      Decoder in(rows);
      Row row;
      while (take_row(in, row)) {
        if (newest[EntryTable::partition_of(row.key)] > i) continue;
        if (Status done = table.restore_row(row.key, row.erased, row.payload); !done) return done;
      }
      if (in.failed()) return fail("a row does not decode", Error::Kind::corrupt);
      return {};
    });
    if (!read) return read;
  }
  return {};
}

}  // namespace tidemark
