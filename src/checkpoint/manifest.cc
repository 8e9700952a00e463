#include "checkpoint/manifest.h"

#include <cstring>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/disk_format.h"
#include "base/format.h"

namespace tidemark {

namespace {

constexpr FormatTag kTag{{'T', 'M', 'C', 'M'}, 1, 0, 1, 0};
constexpr std::size_t kChecksum = 8;

void put(Encoder& out, const SegmentReference& s) {
  out.bytes(s.name);
  out.bytes(s.owner);
  out.varint(s.bytes);
  out.varint(s.rows);
  out.u64(s.checksum);
  out.varint(s.base_from);
  out.varint(s.base_to);
}

void put(Encoder& out, const SourceSummary& s) {
  out.bytes(s.name);
  out.bytes(s.text);
  out.i64(to_ns(s.watermark));
}

void put(Encoder& out, const PipelineSummary& p) {
  out.bytes(p.name);
  out.bytes(p.uid);
  out.u64(p.plan_fingerprint);
  out.varint(p.keys);
  out.varint(p.bytes);
  out.i64(to_ns(p.watermark));
  out.varint(p.position.value);
}

std::uint32_t take_u32(Decoder& in, bool& fits) {
  const std::uint64_t v = in.varint();
  fits = fits && v <= ~std::uint32_t{0};
  return static_cast<std::uint32_t>(v);
}

std::string take_text(Decoder& in) {
  return std::string(in.bytes());
}

SegmentReference take_segment(Decoder& in, bool& fits) {
  SegmentReference s;
  s.name = take_text(in);
  s.owner = take_text(in);
  s.bytes = in.varint();
  s.rows = in.varint();
  s.checksum = in.u64();
  s.base_from = take_u32(in, fits);
  s.base_to = take_u32(in, fits);
  return s;
}

SourceSummary take_source(Decoder& in) {
  SourceSummary s;
  s.name = take_text(in);
  s.text = take_text(in);
  s.watermark = time_from_ns<EventTime>(in.i64());
  return s;
}

PipelineSummary take_pipeline(Decoder& in) {
  PipelineSummary p;
  p.name = take_text(in);
  p.uid = take_text(in);
  p.plan_fingerprint = in.u64();
  p.keys = in.varint();
  p.bytes = in.varint();
  p.watermark = time_from_ns<EventTime>(in.i64());
  p.position.value = in.varint();
  return p;
}

std::unexpected<Error> corrupt(std::string_view where, std::string_view what) {
  return fail(format("{}: {}; this checkpoint cannot be restored", where, what), Error::Kind::corrupt);
}

}  // namespace

const std::string* Manifest::section(std::string_view name) const {
  for (const auto& [its_name, bytes] : sections)
    if (its_name == name) return &bytes;
  return nullptr;
}

std::uint64_t Manifest::total_bytes() const {
  std::uint64_t bytes = 0;
  for (const SegmentReference& segment : segments) bytes += segment.bytes;
  return bytes;
}

std::string encode_manifest(const Manifest& m) {
  Encoder out;
  put_tag(out, kTag);
  out.u64(m.id.value);
  out.raw({reinterpret_cast<const char*>(m.lineage.bytes.data()), m.lineage.bytes.size()});
  out.u32(m.timeline.value);
  out.u32(m.run.value);
  out.u64(m.position.value);
  out.i64(to_ns(m.journal_time));
  out.i64(m.wall_ns);
  out.i64(m.duration.count());
  out.u32(m.semantics);
  out.boolean(m.incremental);
  out.bytes(m.configuration);
  out.varint(m.sections.size());
  for (const auto& [name, bytes] : m.sections) {
    out.bytes(name);
    out.bytes(bytes);
  }
  out.varint(m.segments.size());
  for (const SegmentReference& s : m.segments) put(out, s);
  out.varint(m.sources.size());
  for (const SourceSummary& s : m.sources) put(out, s);
  out.varint(m.pipelines.size());
  for (const PipelineSummary& p : m.pipelines) put(out, p);
  out.u64(checksum(out.view()));
  return out.take();
}

Result<Manifest> decode_manifest(std::string_view bytes, std::string_view where) {
  // The checksum stands last in every version: so damage is not taken for a version from the future.
  if (bytes.size() < FormatTag::kSize + kChecksum) return corrupt(where, "the manifest is cut short");
  Decoder sum(bytes.substr(bytes.size() - kChecksum));
  bytes.remove_suffix(kChecksum);
  if (sum.u64() != checksum(bytes)) return corrupt(where, "the manifest does not verify");
  Decoder in(bytes);
  if (Status readable = check_tag(take_tag(in), kTag, where); !readable) return pass_on(readable);

  Manifest m;
  bool fits = true;
  m.id.value = in.u64();
  const std::string_view lineage = in.raw(m.lineage.bytes.size());
  if (!lineage.empty()) std::memcpy(m.lineage.bytes.data(), lineage.data(), lineage.size());
  m.timeline.value = in.u32();
  m.run.value = in.u32();
  m.position.value = in.u64();
  m.journal_time = time_from_ns<JournalTime>(in.i64());
  m.wall_ns = in.i64();
  m.duration = Duration(in.i64());
  m.semantics = in.u32();
  m.incremental = in.boolean();
  m.configuration = take_text(in);
  for (std::uint64_t n = in.varint(); n > 0 && !in.failed(); --n) {
    std::string name = take_text(in);
    m.sections.emplace_back(std::move(name), take_text(in));
  }
  for (std::uint64_t n = in.varint(); n > 0 && !in.failed(); --n)
    m.segments.push_back(take_segment(in, fits));
  for (std::uint64_t n = in.varint(); n > 0 && !in.failed(); --n) m.sources.push_back(take_source(in));
  for (std::uint64_t n = in.varint(); n > 0 && !in.failed(); --n) m.pipelines.push_back(take_pipeline(in));
  if (!in.complete() || !fits) return corrupt(where, "the manifest does not hold");
  return m;
}

}  // namespace tidemark
