// The file source: the lines of one file, once, the last one also without a newline.
//
// It remembers how far it has come and in which file: inode and hash of the first bytes (inodes are used
// again). After a restart it goes on there when the file is still the same, and begins anew, with a warning,
// when it is another. The file is read in pieces on the bulk lane; one piece at most is in memory.
//
// With `follow` it is follow.cc.   Format: FORMAT.md
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/backoff.h"
#include "base/format.h"
#include "platform/files.h"
#include "platform/guarded_lane.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/random.h"
#include "sources/csv_header.h"
#include "sources/file_identity.h"
#include "sources/line_framing.h"
#include "sources/source.h"

namespace tidemark {
namespace {

constexpr std::uint8_t kSavedVersion = 1;
constexpr std::size_t kPiece = 256 * 1024;

class FileSource final : public Source {
 public:
  explicit FileSource(SourceContext context)
      : context_(std::move(context)),
        subject_("sources." + context_.settings.name),
        framing_(context_.limits.max_record, quoted_line_ends(context_.settings.format)),
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
    const IdentityOfFile identity = IdentityOfFile::decode(in);
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
  void read_on();
  void take_piece(Result<std::string> piece);
  void take(const Line& line);
  void ended();
  void finish_stop();

  SourceContext context_;
  std::string subject_;
  LineFraming framing_;
  // Memory: a function of the entries.
  std::optional<IdentityOfFile> identity_;
  std::uint64_t offset_ = 0;  // behind the last record that was handed over
  Position last_;
  // Reading.
  std::unique_ptr<File> file_;
  std::uint64_t read_offset_ = 0;  // where the next piece begins
  std::uint64_t skipped_ = 0;      // blank lines since the last record, in bytes
  bool header_due_ = false;        // csv: the next line is the header
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
  identity_->encode(out);
  out.varint(offset_);
}

bool FileSource::load(Decoder& in) {
  if (in.u8() != kSavedVersion) return false;
  if (!in.boolean()) return !in.failed();
  const IdentityOfFile identity = IdentityOfFile::decode(in);
  const std::uint64_t offset = in.varint();
  if (in.failed()) return false;
  identity_ = identity;
  offset_ = offset;
  return true;
}

Status FileSource::start() {
  const std::string& path = context_.settings.path.value;
  Result<std::unique_ptr<File>> file = context_.platform.files.open(path, Files::Open::read);
  if (!file && file.error().kind == Error::Kind::not_found)
    return fail(file.error().message + " (`follow = true` would wait for it)", Error::Kind::not_found);
  if (!file) return pass_on(file);
  file_ = std::move(*file);
  Result<IdentityOfFile> found =
      IdentityOfFile::of(*file_, identity_ ? identity_->head_size : IdentityOfFile::kHead);
  if (!found) return pass_on(found);
  Result<FileStatus> status = file_->status();
  if (!status) return pass_on(status);
  if (!identity_ || *found != *identity_ || status->size < offset_) {
    if (identity_) {
      context_.platform.log.warning(
          subject_, "this is not the file that was read before; reading it from its beginning",
          {{"path", path}});
      found = IdentityOfFile::of(*file_, IdentityOfFile::kHead);
      if (!found) return pass_on(found);
    }
    Encoder event;
    found->encode(event);
    context_.intake.begin_read();
    context_.intake.event(event.view());
  } else if (offset_ > 0) {
    context_.platform.log.info(subject_, "going on where reading stopped",
                               {{"path", path}, {"offset", std::to_string(offset_)}});
  }
  if (status->is_directory) return fail(path + " is a folder; `path` names one file", Error::Kind::usage);
  read_offset_ = offset_;
  header_due_ = context_.settings.format.header && offset_ == 0;
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
  {
    const LinesRead reading(context_.intake, *piece);
    framing_.feed(*piece);
    Line line;
    while (framing_.next(line)) take(line);
  }
  if (!context_.intake.open()) pause();
  read_on();
}

void FileSource::take(const Line& line) {
  skipped_ += line.length;
  if (std::exchange(header_due_, false)) {
    if (const auto why = header_differs(line.bytes, context_.settings.format))
      context_.platform.log.warning(
          subject_, "the header is not what `fields` says; columns are read by position: " + *why);
    return;
  }
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

std::unique_ptr<Source> make_following_source(SourceContext context);  // follow.cc

std::unique_ptr<Source> make_file_source(SourceContext context) {
  if (context.settings.follow) return make_following_source(std::move(context));
  return std::make_unique<FileSource>(std::move(context));
}

}  // namespace tidemark
