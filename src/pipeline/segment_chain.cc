#include "pipeline/segment_chain.h"

#include "state/entry_table.h"
#include "state/restore.h"
#include "state/row.h"

namespace tidemark {
namespace {

// The rule over the segments of `owner`, and their indices in `segments`.
struct Chain {
  std::vector<std::size_t> indices;
  RestoreRule rule;
};

Chain chain_of(const std::vector<SegmentReference>& segments, const std::string& owner) {
  std::vector<std::size_t> indices;
  std::vector<EntryTable::Base> bases;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].owner != owner) continue;
    indices.push_back(i);
    bases.push_back({segments[i].base_from, segments[i].base_to});
  }
  return {std::move(indices), RestoreRule(bases)};
}

}  // namespace

void drop_superseded(std::vector<SegmentReference>& segments, const std::string& owner) {
  const Chain chain = chain_of(segments, owner);
  std::size_t dropped = 0;
  for (std::size_t i = 0; i < chain.indices.size(); ++i) {
    if (chain.rule.counts_at_all(i)) continue;
    segments.erase(segments.begin() + static_cast<std::ptrdiff_t>(chain.indices[i] - dropped));
    ++dropped;
  }
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
  const Chain chain = chain_of(manifest.segments, owner);
  for (std::size_t i = 0; i < chain.indices.size(); ++i) {
    const SegmentReference& segment = manifest.segments[chain.indices[i]];
    const Status read = store.read_segment(manifest, segment, [&](std::string_view rows) -> Status {
      Decoder in(rows);
      Row row;
      while (take_row(in, row)) {
        if (!chain.rule.counts(i, row.key)) continue;
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
