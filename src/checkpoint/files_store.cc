#include "checkpoint/files_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/format.h"
#include "checkpoint/retention.h"
#include "checkpoint/segment.h"

namespace tidemark {

namespace {

constexpr std::size_t kReadSize = 256 << 10;
constexpr std::string_view kManifest = "manifest";

bool absent(const Error& error) {
  return error.kind == Error::Kind::not_found;
}

class FileSegmentWriter final : public SegmentWriter {
 public:
  FileSegmentWriter(std::unique_ptr<File> file, SegmentReference reference, std::string header)
      : file_(std::move(file)), reference_(std::move(reference)), waiting_(std::move(header)) {
    checksum_.add(waiting_);
  }

  Status append(std::string_view rows, std::uint64_t row_count) override {
    const std::string block = encode_segment_block(rows, row_count);
    checksum_.add(block);
    waiting_ += block;
    reference_.rows += row_count;
    return write();
  }

  Result<SegmentReference> finish() override {
    // Without rows there is the header still.
    if (Status written = write(); !written) return pass_on(written);
    file_.reset();
    reference_.checksum = checksum_.value();
    return reference_;
  }

 private:
  // A file whose write or sync failed is never written again.
  Status write() {
    if (!file_) return fail(format("segment {}: an earlier write failed", reference_.name));
    if (waiting_.empty()) return {};
    Status done = file_->write_at(reference_.bytes, waiting_);
    if (done) done = file_->sync();
    if (!done) {
      file_.reset();
      return done;
    }
    reference_.bytes += waiting_.size();
    waiting_.clear();
    return {};
  }

  std::unique_ptr<File> file_;
  SegmentReference reference_;
  SegmentChecksum checksum_;
  std::string waiting_;
};

class FilesStore final : public CheckpointStore {
 public:
  FilesStore(Files& files, const std::string& data_dir)
      : files_(files), root_(join_path(data_dir, "checkpoints")), shared_(join_path(root_, "shared")) {}

  Status make(const std::string& data_dir) {
    if (Status made = files_.make_directories(shared_); !made) return made;
    // What is seen here may so far be in the page cache only: a program that was killed between a rename and
    // the sync of its folder left a checkpoint that the next power cut would take back.
    Result<std::vector<CheckpointId>> ids = folders_of_checkpoints();
    if (!ids) return pass_on(ids);
    for (const CheckpointId id : *ids)
      if (Status synced = files_.sync_directory(folder_of(id)); !synced) return synced;
    for (const std::string& folder : {shared_, root_, data_dir})
      if (Status synced = files_.sync_directory(folder); !synced) return synced;
    return {};
  }

  Result<std::vector<CheckpointId>> list() override {
    std::vector<CheckpointId> ids;
    Result<std::vector<CheckpointId>> folders = folders_of_checkpoints();
    if (!folders) return pass_on(folders);
    for (const CheckpointId id : *folders) {
      Result<FileStatus> status = files_.status(manifest_path(id));
      if (status)
        ids.push_back(id);
      else if (!absent(status.error()))
        return pass_on(status);
    }
    return ids;
  }

  Result<Manifest> read_manifest(CheckpointId id) override {
    const std::string path = manifest_path(id);
    Result<std::string> bytes = read_file(files_, path);
    if (!bytes) {
      if (absent(bytes.error())) return fail(format("there is no {}", to_text(id)), Error::Kind::not_found);
      return fail(format("{}; this checkpoint cannot be restored", bytes.error().message),
                  Error::Kind::corrupt);
    }
    Result<Manifest> manifest = decode_manifest(*bytes, path);
    if (manifest && manifest->id != id)
      return fail(format("{}: is the manifest of {}; this checkpoint cannot be restored", path,
                         to_text(manifest->id)),
                  Error::Kind::corrupt);
    return manifest;
  }

  Result<std::unique_ptr<SegmentWriter>> create_segment(CheckpointId, const Lineage& lineage,
                                                        std::string name, std::string owner) override {
    if (Status free = free_name(name); !free) return pass_on(free);
    Result<std::unique_ptr<File>> file = files_.open(segment_path(name), Files::Open::create_new);
    if (!file) return pass_on(file);
    std::string header = encode_segment_header(lineage, name, owner);
    SegmentReference reference;
    reference.name = std::move(name);
    reference.owner = std::move(owner);
    return std::make_unique<FileSegmentWriter>(std::move(*file), std::move(reference), std::move(header));
  }

  Status read_segment(const Manifest& manifest, const SegmentReference& reference,
                      const SegmentDecoder::Block& block) override {
    const std::string path = segment_path(reference.name);
    Result<std::unique_ptr<File>> file = files_.open(path, Files::Open::read);
    if (!file) return unreadable(manifest, file.error());
    SegmentDecoder decoder(reference, manifest.lineage, block);
    for (std::uint64_t offset = 0;;) {
      Result<std::string> bytes = (*file)->read_at(offset, kReadSize);
      if (!bytes) return unreadable(manifest, bytes.error());
      if (bytes->empty()) break;
      if (Status fed = decoder.feed(*bytes); !fed) return pass_on(fed, path);
      offset += bytes->size();
    }
    Status finished = decoder.finish();
    if (!finished) return pass_on(finished, path);
    return {};
  }

  // The manifest becomes visible only when everything that it names is durable, names in folders included.
  Status commit(const Manifest& manifest) override {
    if (Status there = segments_are_there(manifest); !there) return there;
    if (Status synced = files_.sync_directory(shared_); !synced) return synced;
    const std::string folder = folder_of(manifest.id);
    Result<FileStatus> left_over = files_.status(folder);
    Status done = left_over ? files_.sync_directory(root_) : files_.make_directories(folder);
    if (!done) return done;
    if (files_.status(manifest_path(manifest.id)))
      return fail(format("there is a {} already", to_text(manifest.id)));
    done = write_file_atomically(files_, manifest_path(manifest.id), encode_manifest(manifest));
    if (!done) {
      // It may stand there already, only not durably; whoever asked goes on as if it did not.
      static_cast<void>(files_.remove(manifest_path(manifest.id)));
      static_cast<void>(files_.sync_directory(folder));
    }
    return done;
  }

  Status remove(CheckpointId id) override {
    Result<Manifest> manifest = read_manifest(id);
    if (!manifest && absent(manifest.error())) return pass_on(manifest);
    if (Status removed = files_.remove(manifest_path(id)); !removed) return removed;
    if (Status synced = files_.sync_directory(folder_of(id)); !synced) return synced;
    if (Status removed = remove_folder(id); !removed) return removed;
    if (Status synced = files_.sync_directory(root_); !synced) return synced;
    if (!manifest) return {};  // what it named is not known; sweep() finds it
    std::set<std::string> candidates;
    for (const SegmentReference& segment : manifest->segments) candidates.insert(segment.name);
    return remove_unnamed(candidates);
  }

  Status sweep() override {
    Result<std::vector<CheckpointId>> folders = folders_of_checkpoints();
    if (!folders) return pass_on(folders);
    for (const CheckpointId id : *folders) {
      Result<FileStatus> committed = files_.status(manifest_path(id));
      if (!committed && !absent(committed.error())) return pass_on(committed);
      if (Status removed = committed ? remove_leftovers(id) : remove_folder(id); !removed) return removed;
    }
    if (Status synced = files_.sync_directory(root_); !synced) return synced;
    Result<std::vector<std::string>> segments = names_in(shared_);
    if (!segments) return pass_on(segments);
    return remove_unnamed({segments->begin(), segments->end()});
  }

  Result<std::uint64_t> size_on_disk() override {
    std::uint64_t bytes = 0;
    Result<std::vector<CheckpointId>> folders = folders_of_checkpoints();
    if (!folders) return pass_on(folders);
    std::vector<std::string> places{shared_};
    for (const CheckpointId id : *folders) places.push_back(folder_of(id));
    for (const std::string& place : places) {
      Result<std::vector<std::string>> names = names_in(place);
      if (!names) return pass_on(names);
      for (const std::string& name : *names)
        if (Result<FileStatus> status = files_.status(join_path(place, name))) bytes += status->size;
    }
    return bytes;
  }

 private:
  std::string folder_of(CheckpointId id) const { return join_path(root_, to_text(id)); }
  std::string manifest_path(CheckpointId id) const { return join_path(folder_of(id), kManifest); }
  std::string segment_path(const std::string& name) const { return join_path(shared_, name); }

  // An absent folder has no names.
  Result<std::vector<std::string>> names_in(const std::string& folder) {
    Result<std::vector<std::string>> names = files_.list(folder);
    if (!names && absent(names.error())) return std::vector<std::string>();
    return names;
  }

  Result<std::vector<CheckpointId>> folders_of_checkpoints() {
    Result<std::vector<std::string>> names = names_in(root_);
    if (!names) return pass_on(names);
    std::vector<CheckpointId> ids;
    for (const std::string& name : *names) {
      const Result<CheckpointId> id = parse_checkpoint_id(name);
      if (id && to_text(*id) == name) ids.push_back(*id);
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  static std::unexpected<Error> unreadable(const Manifest& manifest, const Error& error) {
    return fail(format("{}; {} cannot be restored without it", error.message, to_text(manifest.id)),
                Error::Kind::corrupt);
  }

  // What an abandoned checkpoint left under this name makes way.
  Status free_name(const std::string& name) {
    Result<FileStatus> there = files_.status(segment_path(name));
    if (!there) return absent(there.error()) ? Status() : Status(pass_on(there));
    Result<std::optional<std::set<std::string>>> named = named_segments(*this);
    if (!named) return pass_on(named);
    if (!*named || (*named)->contains(name))
      return fail(format("{}: a checkpoint may need the segment that is there already", segment_path(name)));
    return files_.remove(segment_path(name));
  }

  Status segments_are_there(const Manifest& manifest) {
    for (const SegmentReference& segment : manifest.segments) {
      Result<FileStatus> status = files_.status(segment_path(segment.name));
      if (!status) return pass_on(status, to_text(manifest.id));
      if (status->size != segment.bytes)
        return fail(format("{}: {} has {} bytes instead of {}", to_text(manifest.id),
                           segment_path(segment.name), status->size, segment.bytes));
    }
    return {};
  }

  // Everything in the folder but the manifest.
  Status remove_leftovers(CheckpointId id) {
    Result<std::vector<std::string>> names = names_in(folder_of(id));
    if (!names) return pass_on(names);
    for (const std::string& name : *names)
      if (name != kManifest)
        if (Status removed = files_.remove(join_path(folder_of(id), name)); !removed) return removed;
    return {};
  }

  Status remove_folder(CheckpointId id) {
    if (Status emptied = remove_leftovers(id); !emptied) return emptied;
    return files_.remove_directory(folder_of(id));
  }

  Status remove_unnamed(const std::set<std::string>& candidates) {
    if (candidates.empty()) return {};
    Result<std::optional<std::set<std::string>>> named = named_segments(*this);
    if (!named) return pass_on(named);
    if (!*named) return {};
    bool any = false;
    for (const std::string& name : candidates) {
      if ((*named)->contains(name)) continue;
      Status removed = files_.remove(segment_path(name));
      if (!removed && !absent(removed.error())) return removed;
      any = true;
    }
    return any ? files_.sync_directory(shared_) : Status();
  }

  Files& files_;
  const std::string root_;
  const std::string shared_;
};

}  // namespace

Result<std::unique_ptr<CheckpointStore>> open_files_store(Files& files, const std::string& data_dir,
                                                          bool read_only) {
  auto store = std::make_unique<FilesStore>(files, data_dir);
  if (!read_only)
    if (Status made = store->make(data_dir); !made) return pass_on(made, "open the checkpoints");
  return store;
}

}  // namespace tidemark
