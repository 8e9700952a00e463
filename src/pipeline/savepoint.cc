#include "pipeline/savepoint.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/disk_format.h"
#include "base/format.h"
#include "pipeline/identity.h"
#include "pipeline/undelivered.h"
#include "sinks/stream_ledger.h"
#include "state/row.h"

namespace tidemark {
namespace {

constexpr FormatTag kTag{{'T', 'M', 'S', 'V'}, 2, 0, 1, 0};
constexpr std::string_view kEnd = "TMSVEND1";
constexpr std::size_t kFooter = 24;  // length of the description, its checksum, the end's magic
constexpr std::size_t kPiece = 1u << 20;
constexpr std::string_view kFilePrefix = "restore-", kFileSuffix = ".savepoint";

std::uint64_t rows_in(std::string_view rows) {
  Decoder in(rows);
  Row row;
  std::uint64_t count = 0;
  while (take_row(in, row)) ++count;
  return count;
}

}  // namespace

SavepointWriter::SavepointWriter(SavepointTarget target, Manifest manifest, Origin origin)
    : target_(std::move(target)), manifest_(std::move(manifest)), origin_(std::move(origin)) {}

Status SavepointWriter::begin() {
  if (std::exchange(begun_, true)) return {};
  Encoder tag;
  put_tag(tag, kTag);
  return target_.write(tag.view());
}

// A piece at a time reaches the disk, so that the journal's fsync never waits for much.
Status SavepointWriter::put(std::string_view piece) {
  checksum_.add(piece);
  writing_.bytes += piece.size();
  if (Status done = target_.write(piece); !done) return done;
  return target_.sync();
}

Status SavepointWriter::put_rows(std::string_view rows, std::uint64_t count) {
  writing_.rows += count;
  return put(encode_segment_block(rows, count));
}

Status SavepointWriter::begin_segment(const SegmentReference& like) {
  if (Status begun = begin(); !begun) return begun;
  writing_ = like;
  writing_.bytes = writing_.rows = 0;
  checksum_ = {};
  return put(encode_segment_header(manifest_.lineage, like.name, like.owner));
}

void SavepointWriter::end_segment() {
  writing_.checksum = checksum_.value();
  written_.push_back(std::exchange(writing_, {}));
}

// What waits for sinks is written as it is by then.
Status SavepointWriter::write_segment(CheckpointStore& store, std::size_t index) {
  const SegmentReference& from = manifest_.segments[index];
  if (from.owner.starts_with(kPending)) return {};
  if (Status begun = begin_segment(from); !begun) return begun;
  const Status copied = store.read_segment(
      manifest_, from, [&](std::string_view rows) { return put_rows(rows, rows_in(rows)); });
  if (!copied) return copied;
  end_segment();
  return {};
}

Status SavepointWriter::write_results(const std::string& sink, std::span<const OutboxRow> rows) {
  if (results_of_ != sink) {
    end_results();
    const std::string owner = std::string(kUndelivered) + sink;
    if (Status begun = begin_segment({.name = owner, .owner = owner}); !begun) return begun;
    results_of_ = sink;
  }
  constexpr std::size_t kMostRows = 1024, kMostBytes = 256u << 10;
  while (!rows.empty()) {
    std::size_t count = 0, bytes = 0;
    while (count < rows.size() && count < kMostRows && bytes < kMostBytes)
      bytes += rows[count++].bytes.size();
    if (Status done = put_rows(encode_undelivered(rows.first(count), results_ + 1), 1); !done) return done;
    results_ += count;
    rows = rows.subspan(count);
  }
  return {};
}

void SavepointWriter::end_results() {
  if (results_of_.empty()) return;
  end_segment();
  undelivered_ += format("{} {}\n", std::exchange(results_of_, {}), std::exchange(results_, 0));
}

Status SavepointWriter::finish() {
  if (Status begun = begin(); !begun) return begun;
  end_results();
  manifest_.segments = std::move(written_);
  std::erase_if(manifest_.sections, [](const auto& section) { return section.first == "outbox"; });
  if (!undelivered_.empty()) manifest_.sections.emplace_back("undelivered", undelivered_);
  Encoder body;
  put_tag(body, kTag);
  body.bytes(encode_manifest(manifest_));
  encode_forks(body, origin_.ancestry);
  encode_client_ids(body, origin_.client_ids);
  encode_client_ids(body, origin_.streams);
  Encoder footer;
  footer.u64(body.size());
  footer.u64(checksum(body.view()));
  footer.raw(kEnd);
  if (Status done = target_.write(body.view()); !done) return done;
  if (Status done = target_.write(footer.view()); !done) return done;
  return target_.sync();
}

Result<Savepoint> Savepoint::open(Files& files, const std::string& path) {
  const auto damaged = [&](std::string_view what) {
    return fail(format("{} {}", path, what), Error::Kind::corrupt);
  };
  auto opened = files.open(path, Files::Open::read);
  if (!opened) return pass_on(opened);
  Savepoint savepoint;
  savepoint.path_ = path;
  savepoint.file_ = std::move(*opened);
  auto status = savepoint.file_->status();
  if (!status) return pass_on(status);
  savepoint.size_ = status->size;
  auto head = savepoint.file_->read_at(0, FormatTag::kSize);
  if (!head) return pass_on(head);
  Decoder tag(*head);
  const FormatTag found = take_tag(tag);
  if (tag.failed()) return damaged("is no savepoint");
  if (Status known = check_tag(found, kTag, path); !known) return pass_on(known);
  if (savepoint.size_ < FormatTag::kSize + kFooter) return damaged("is cut short: its end is missing");
  auto foot = savepoint.file_->read_at(savepoint.size_ - kFooter, kFooter);
  if (!foot) return pass_on(foot);
  Decoder footer(*foot);
  const std::uint64_t length = footer.u64(), sum = footer.u64();
  if (footer.raw(kEnd.size()) != kEnd) return damaged("is cut short: its end is missing");
  if (length > savepoint.size_ - FormatTag::kSize - kFooter) return damaged("does not match its checksum");
  auto bytes = savepoint.file_->read_at(savepoint.size_ - kFooter - length, length);
  if (!bytes) return pass_on(bytes);
  if (bytes->size() != length || checksum(*bytes) != sum) return damaged("does not match its checksum");
  Decoder body(*bytes);
  if (body.raw(FormatTag::kSize) != *head) return damaged("does not match its checksum");
  auto manifest = decode_manifest(body.bytes(), path);
  if (!manifest) return pass_on(manifest);
  savepoint.manifest_ = std::move(*manifest);
  savepoint.origin_.ancestry = decode_forks(body);
  savepoint.origin_.client_ids = decode_client_ids(body);
  if (found.version >= 2) savepoint.origin_.streams = decode_client_ids(body);
  std::uint64_t segments = 0;
  for (const SegmentReference& segment : savepoint.manifest_.segments) segments += segment.bytes;
  if (!body.complete() || segments != savepoint.size_ - FormatTag::kSize - kFooter - length)
    return damaged("does not decode");
  return savepoint;
}

Status Savepoint::read_segment(std::size_t index, const SegmentDecoder::Block& block) const {
  std::uint64_t at = FormatTag::kSize;
  for (std::size_t i = 0; i < index; ++i) at += manifest_.segments[i].bytes;
  const SegmentReference& segment = manifest_.segments[index];
  SegmentDecoder decoder(segment, manifest_.lineage, block);
  const auto read = [&]() -> Status {
    for (std::uint64_t left = segment.bytes; left > 0;) {
      auto piece = file_->read_at(at, std::min<std::uint64_t>(left, kPiece));
      if (!piece) return pass_on(piece);
      if (piece->empty()) return fail("it ends early", Error::Kind::corrupt);
      at += piece->size();
      left -= piece->size();
      if (Status fed = decoder.feed(*piece); !fed) return fed;
    }
    return decoder.finish();
  };
  Status done = read();
  if (!done) return pass_on(done, path_);
  return {};
}

std::uint64_t Savepoint::results() const {
  const std::string* section = manifest_.section("undelivered");
  std::istringstream lines(section != nullptr ? *section : std::string());
  std::uint64_t all = 0, of_one = 0;
  for (std::string sink; lines >> sink >> of_one;) all += of_one;
  return all;
}

Status Savepoint::verify() const {
  for (std::size_t i = 0; i < manifest_.segments.size(); ++i)
    if (Status read = read_segment(i, [](std::string_view) { return Status(); }); !read) return read;
  return {};
}

Status Savepoint::copy(Files& files, const std::string& to) const {
  const std::string temporary = to + ".tmp";
  if (auto there = files.status(temporary); there)
    if (Status removed = files.remove(temporary); !removed) return removed;
  auto out = files.open(temporary, Files::Open::create_new);
  if (!out) return pass_on(out);
  for (std::uint64_t at = 0; at < size_;) {
    auto piece = file_->read_at(at, kPiece);
    if (!piece) return pass_on(piece);
    if (piece->empty()) return fail(path_ + " ends early", Error::Kind::corrupt);
    if (Status written = (*out)->write_at(at, *piece); !written) return written;
    at += piece->size();
  }
  if (Status synced = (*out)->sync(); !synced) return synced;
  if (Status renamed = files.rename(temporary, to); !renamed) return renamed;
  return files.sync_directory(parent_path(to));
}

namespace {

Status import_results(const Savepoint& savepoint, std::size_t index, const SavepointDestination& to) {
  const std::string sink = savepoint.manifest().segments[index].owner.substr(kUndelivered.size());
  if (sink.empty() || sink.starts_with('.') || sink.contains('/'))
    return fail(format("results wait for \"{}\", which is no sink", sink), Error::Kind::corrupt);
  UndeliveredArrival arrival(to.files, join_path(to.outboxes, sink), to.mode);
  const Status read = savepoint.read_segment(index, [&](std::string_view bytes) -> Status {
    std::vector<OutboxRow> rows;
    if (Status decoded = decode_undelivered(bytes, rows); !decoded) return decoded;
    return arrival.take(rows);
  });
  if (!read) return read;
  return arrival.finish();
}

// What this machine knows itself of its peers is newer.
Status import_streams(const Savepoint& savepoint, const SavepointDestination& to) {
  for (const auto& [sink, bytes] : savepoint.origin().streams) {
    auto state = decode_stream_state(bytes, "the stream of sink \"" + sink + "\"");
    if (!state) return pass_on(state);
    StreamLedger ledger(to.files, stream_ledger_path(to.memories, sink));
    if (Status stored = ledger.store(*state); !stored) return stored;
  }
  return {};
}

}  // namespace

Status import_savepoint(const Savepoint& savepoint, const SavepointDestination& to) {
  Manifest manifest = savepoint.manifest();
  const bool foreign = manifest.lineage != to.lineage;
  manifest.id = to.id;
  manifest.lineage = to.lineage;
  // Its sinks are others.
  if (foreign)
    std::erase_if(manifest.sections, [](const auto& section) { return section.first == "delivered"; });
  std::erase_if(manifest.sections, [](const auto& section) { return section.first == "undelivered"; });
  if (foreign)
    if (Status streams = import_streams(savepoint, to); !streams) return streams;
  std::vector<SegmentReference> segments;
  for (std::size_t i = 0; i < manifest.segments.size(); ++i) {
    const SegmentReference& segment = manifest.segments[i];
    if (segment.owner.starts_with(kUndelivered)) {
      if (Status results = import_results(savepoint, i, to); !results) return results;
      continue;
    }
    auto writer =
        to.store.create_segment(to.id, to.lineage, format("{}-s-{}", to.id.value, i + 1), segment.owner);
    if (!writer) return pass_on(writer);
    const Status copied = savepoint.read_segment(
        i, [&](std::string_view rows) { return (*writer)->append(rows, rows_in(rows)); });
    if (!copied) return copied;
    auto finished = (*writer)->finish();
    if (!finished) return pass_on(finished);
    finished->base_from = segment.base_from;
    finished->base_to = segment.base_to;
    segments.push_back(std::move(*finished));
  }
  manifest.segments = std::move(segments);
  return to.store.commit(manifest);
}

std::string savepoint_path(const std::string& data_dir, CheckpointId id) {
  return join_path(data_dir, format("{}{}{}", kFilePrefix, id.value, kFileSuffix));
}

Status sweep_savepoints(Files& files, const std::string& data_dir, CheckpointId keep) {
  auto names = files.list(data_dir);
  if (!names) return pass_on(names);
  bool removed = false;
  for (const std::string& name : *names) {
    if (!name.starts_with(kFilePrefix) || !name.contains(kFileSuffix)) continue;
    if (keep != CheckpointId{} && join_path(data_dir, name) == savepoint_path(data_dir, keep)) continue;
    if (Status done = files.remove(join_path(data_dir, name)); !done) return done;
    removed = true;
  }
  return removed ? files.sync_directory(data_dir) : Status();
}

}  // namespace tidemark
