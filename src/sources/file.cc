// The file source: the lines of one file, once, the last one also without a newline.
//
// It remembers how far it has come and in which file: inode and hash of the first bytes (inodes are used
// again). After a restart it goes on there when the file is still the same, and begins anew, with a warning,
// when it is another. The file is read in pieces on the bulk lane; one piece at most is in memory.
//
//   resume of a record  varint: how far the offset moves, blank lines before the record included
//   begin event         u64 inode, varint head size, u64 hash of the head; the offset is 0 again
//   saved               u8 version 1, then the same three and varint offset
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/backoff.h"
#include "base/checksum.h"
#include "base/format.h"
#include "platform/files.h"
#include "platform/guarded_lane.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/random.h"
#include "sources/line_framing.h"
#include "sources/source.h"

namespace tidemark {
namespace {

constexpr std::uint8_t kSavedVersion = 1;
constexpr std::size_t kPiece = 256 * 1024;
constexpr std::uint64_t kHead = 1024;

class FileSource final : public Source {
 public:
  explicit FileSource(SourceContext context)
      : context_(std::move(context)),
        subject_("sources." + context_.settings.name),
        framing_(context_.limits.max_record),
        lane_(context_.platform.bulk_lane) {}

  void save(Encoder& out) const override;
  bool load(Decoder& in) override;
  void remember_record(Position position, std::string_view, std::string_view,
                       std::string_view resume) override {
    last_ = position;
    Decoder in(resume);
    const std::uint64_t moved = in.varint();
    if (in.complete()) offset_ += moved;
  }
  void remember_event(Position position, std::string_view payload) override {
    last_ = position;
    Decoder in(payload);
    const Identity identity = decode_identity(in);
    if (!in.complete()) return;
    identity_ = identity;
    offset_ = 0;
  }

  Status start() override;
  void pause() override { paused_ = true; }
  void resume() override {
    if (stopping_ || !context_.intake.open()) return;
    paused_ = false;
    read_on();
  }
  void safe_moved() override { finish_stop(); }
  void stop(std::function<void()> done) override {
    stopping_ = true;
    stopped_ = std::move(done);
    retry_.reset();
    context_.intake.hurry();
    finish_stop();
  }
  SourceStatus status() const override;
  std::string summary() const override {
    return identity_ ? format("at byte {} of inode {}", offset_, identity_->inode) : "nothing read yet";
  }

 private:
  struct Identity {
    std::uint64_t inode = 0;
    std::uint64_t head_size = 0;
    std::uint64_t head_hash = 0;
    bool operator==(const Identity&) const = default;
  };
  static Identity decode_identity(Decoder& in) {
    Identity identity;
    identity.inode = in.u64();
    identity.head_size = in.varint();
    identity.head_hash = in.u64();
    return identity;
  }
  static void encode_identity(const Identity& identity, Encoder& out) {
    out.u64(identity.inode);
    out.varint(identity.head_size);
    out.u64(identity.head_hash);
  }
  Result<Identity> identify(std::uint64_t head_size);
  void read_on();
  void take_piece(Result<std::string> piece);
  void take(const Line& line);
  void ended();
  void finish_stop();

  SourceContext context_;
  std::string subject_;
  LineFraming framing_;
  // Memory: a function of the entries.
  std::optional<Identity> identity_;
  std::uint64_t offset_ = 0;  // behind the last record that was handed over
  Position last_;
  // Reading.
  std::unique_ptr<File> file_;
  std::uint64_t read_offset_ = 0;  // where the next piece begins
  std::uint64_t skipped_ = 0;      // blank lines since the last record, in bytes
  bool reading_ = false;
  bool paused_ = false;
  bool stopping_ = false;
  bool ended_ = false;
  std::function<void()> stopped_;
  Backoff backoff_{1s, 30s};
  std::unique_ptr<Timer> retry_;
  std::string degraded_;
  std::uint64_t blank_lines_ = 0;
  std::uint64_t oversized_ = 0;
  GuardedLane lane_;
};

void FileSource::save(Encoder& out) const {
  out.u8(kSavedVersion);
  out.boolean(identity_.has_value());
  if (!identity_) return;
  encode_identity(*identity_, out);
  out.varint(offset_);
}

bool FileSource::load(Decoder& in) {
  if (in.u8() != kSavedVersion) return false;
  if (!in.boolean()) return !in.failed();
  const Identity identity = decode_identity(in);
  const std::uint64_t offset = in.varint();
  if (in.failed()) return false;
  identity_ = identity;
  offset_ = offset;
  return true;
}

// Who the open file is, judged by its first `head_size` bytes (fewer when it is shorter).
Result<FileSource::Identity> FileSource::identify(std::uint64_t head_size) {
  Result<FileStatus> status = file_->status();
  if (!status) return pass_on(status);
  Result<std::string> head = file_->read_at(0, head_size);
  if (!head) return pass_on(head);
  return Identity{status->identity.inode, head->size(), checksum(*head)};
}

Status FileSource::start() {
  const std::string& path = context_.settings.path.value;
  Result<std::unique_ptr<File>> file = context_.platform.files.open(path, Files::Open::read);
  if (!file) return pass_on(file);
  file_ = std::move(*file);
  Result<Identity> found = identify(identity_ ? identity_->head_size : kHead);
  if (!found) return pass_on(found);
  Result<FileStatus> status = file_->status();
  if (!status) return pass_on(status);
  if (!identity_ || *found != *identity_ || status->size < offset_) {
    if (identity_) {
      context_.platform.log.warning(
          subject_, "this is not the file that was read before; reading it from its beginning",
          {{"path", path}});
      found = identify(kHead);
      if (!found) return pass_on(found);
    }
    Encoder event;
    encode_identity(*found, event);
    context_.intake.begin_read();
    context_.intake.event(event.view());
  } else if (offset_ > 0) {
    context_.platform.log.info(subject_, "going on where reading stopped",
                               {{"path", path}, {"offset", std::to_string(offset_)}});
  }
  read_offset_ = offset_;
  read_on();
  return {};
}

void FileSource::read_on() {
  if (reading_ || paused_ || stopping_ || ended_ || !file_) return;
  reading_ = true;
  auto piece = std::make_shared<Result<std::string>>(std::string());
  lane_.submit([this, piece, offset = read_offset_] { *piece = file_->read_at(offset, kPiece); },
               [this, piece] { take_piece(std::move(*piece)); });
}

void FileSource::take_piece(Result<std::string> piece) {
  reading_ = false;
  if (stopping_) return;
  if (!piece) {
    const Duration pause = backoff_.next(context_.platform.random.next());
    degraded_ = piece.error().message;
    context_.platform.log.sampled(LogLevel::error, subject_, "read", degraded_);
    Loop& loop = context_.platform.loop;
    retry_ = loop.at(loop.now() + pause, [this] { read_on(); });
    return;
  }
  backoff_.reset();
  degraded_.clear();
  if (piece->empty()) return ended();
  read_offset_ += piece->size();
  context_.intake.begin_read();
  framing_.feed(*piece);
  Line line;
  while (framing_.next(line)) take(line);
  if (!context_.intake.open()) pause();
  read_on();
}

void FileSource::take(const Line& line) {
  skipped_ += line.length;
  if (line.bytes.empty() && !line.oversized) {
    ++blank_lines_;
    return;
  }
  Encoder resume;
  resume.varint(std::exchange(skipped_, 0));
  if (line.oversized) {
    ++oversized_;
    context_.intake.oversized(line.bytes, {}, resume.view());
  } else {
    context_.intake.record(line.bytes, {}, resume.view());
  }
}

void FileSource::ended() {
  Line line;
  if (framing_.rest(line)) {
    context_.intake.begin_read();
    take(line);
  }
  ended_ = true;
  file_.reset();
  context_.platform.log.info(subject_, "read to its end", {{"path", context_.settings.path.value}});
  context_.intake.ended();
}

void FileSource::finish_stop() {
  if (!stopped_ || context_.intake.safe() < last_) return;
  context_.platform.loop.post(std::exchange(stopped_, nullptr));
}

SourceStatus FileSource::status() const {
  SourceStatus status;
  status.state = stopping_ ? SourceStatus::State::stopped
                 : ended_  ? SourceStatus::State::ended
                 : !file_  ? SourceStatus::State::starting
                 : paused_ ? SourceStatus::State::paused
                           : SourceStatus::State::connected;
  status.detail = format("at byte {} of {}", offset_, context_.settings.path.value);
  status.degraded = degraded_;
  status.counters = {{"blank lines", blank_lines_}, {"oversized lines", oversized_}};
  return status;
}

}  // namespace

std::unique_ptr<Source> make_file_source(SourceContext context) {
  return std::make_unique<FileSource>(std::move(context));
}

}  // namespace tidemark
