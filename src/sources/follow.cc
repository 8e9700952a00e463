// The file source with `follow = true`: the lines of a file that grows, is rotated, or is not there yet.
//
// What it reads is a file, not a name: the one that is open is read to its end, also after it was renamed
// away or removed, and only then the new one under the name. A line is a record once its newline is there.
//
//   renamed or removed   when the name leads to another file and the open one has stood at its end for
//                        kGrace, the next one is begun. Of several rotations in between, path.2, path.1 are
//                        read in their order
//   truncated            (copytruncate) smaller than what was read, or other first bytes: reported, and read
//                        from the beginning. What was written between the last look and the truncation is
//                        lost
//   after a restart      the file is looked for by its identity, under its name and among its folder's; so
//                        what was rotated away while the program was down is finished first. Gone altogether:
//                        reported as a gap
//
// Looking and reading happen on the bulk lane, one piece at a time. At the end of the file it looks again
// after kQuick, and less and less often, up to kSlow.   Format: FORMAT.md
#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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
constexpr std::uint8_t kBegin = 1;
constexpr std::uint8_t kKnown = 2;
constexpr std::size_t kPiece = 256 * 1024;
constexpr Duration kQuick = 100ms;
constexpr Duration kSlow = 1s;
constexpr Duration kGrace = 1s;  // a writer may still have the renamed file open

// What one look at the open file found.
struct Look {
  enum class Kind { piece, end, moved, rewritten } kind = Kind::end;
  std::string piece = {};                     // Kind::piece
  std::optional<IdentityOfFile> longer = {};  // the identity by a longer head
};

// Which file is opened next.
enum class Next {
  named,     // the one under the name
  own,       // the one that was read before, wherever it is
  successor  // the one that was begun after it
};
struct Opened {
  Result<std::unique_ptr<File>> file{nullptr};
  IdentityOfFile identity;
  bool own = false;     // it is the one that was read before
  bool behind = false;  // it has been rotated away
};

// The number of "log.3" to the name "log"; nothing when it is no such name.
std::optional<std::uint64_t> rotation_number(std::string_view name, std::string_view base) {
  if (name.size() <= base.size() + 1 || !name.starts_with(base) || name[base.size()] != '.')
    return std::nullopt;
  std::uint64_t number = 0;
  const char* const last = name.data() + name.size();
  const auto [end, error] = std::from_chars(name.data() + base.size() + 1, last, number);
  if (error != std::errc{} || end != last) return std::nullopt;
  return number;
}

// Under which name the file of this identity is: `path`, or another one of its folder; nothing when it is in
// neither. Blocks, as do the next two.
Result<std::optional<std::string>> find_file(Files& files, const std::string& path,
                                             const IdentityOfFile& identity) {
  const auto is_it = [&](const std::string& candidate) {
    Result<FileStatus> status = files.status(candidate);
    if (!status || status->is_directory || status->identity.inode != identity.inode) return false;
    Result<std::unique_ptr<File>> file = files.open(candidate, Files::Open::read);
    if (!file) return false;
    const Result<IdentityOfFile> its = IdentityOfFile::of(**file, identity.head_size);
    return its && *its == identity;
  };
  if (is_it(path)) return path;
  const std::string folder = parent_path(path);
  Result<std::vector<std::string>> names = files.list(folder);
  if (!names) return pass_on(names);
  for (const std::string& name : *names)
    if (const std::string candidate = join_path(folder, name); is_it(candidate)) return candidate;
  return std::nullopt;
}

// The name of the file that was begun after the one under `own`: of those numbered lower, which were rotated
// away after it, the oldest; else the one under the name.
Result<std::string> successor(Files& files, const std::string& path, const std::string& own) {
  const std::string base = path.substr(path.rfind('/') + 1), folder = parent_path(path);
  const std::optional<std::uint64_t> number = rotation_number(own.substr(own.rfind('/') + 1), base);
  Result<std::vector<std::string>> names = files.list(folder);
  if (!names) return pass_on(names);
  std::optional<std::uint64_t> oldest;
  for (const std::string& name : *names)
    if (const auto its = rotation_number(name, base); its && number && *its < *number)
      oldest = std::max(*its, oldest.value_or(0));
  return oldest ? format("{}.{}", path, *oldest) : path;
}

Opened open_next_file(Files& files, const std::string& path, Next next, const IdentityOfFile& known) {
  Opened out;
  while (true) {
    std::string name = path;
    std::optional<std::string> own;
    if (next != Next::named) {
      auto found = find_file(files, path, known);
      if (!found) return {.file = pass_on(found), .identity = {}};
      own = std::move(*found);
    }
    if (own && next == Next::own) name = *own;
    if (own && next == Next::successor) {
      auto after = successor(files, path, *own);
      if (!after) return {.file = pass_on(after), .identity = {}};
      name = std::move(*after);
    }
    out = {.file = files.open(name, Files::Open::read),
           .identity = {},
           .own = own && next == Next::own,
           .behind = name != path};
    // Names move on while they are looked at: what was opened counts if they have not.
    if (own) {
      const auto still = find_file(files, path, known);
      if (still && *still != own) continue;
    }
    break;
  }
  if (!out.file) return out;
  const Result<IdentityOfFile> identity = IdentityOfFile::of(**out.file, IdentityOfFile::kHead);
  if (identity)
    out.identity = *identity;
  else
    out.file = std::unexpected(identity.error());
  return out;
}

class FollowingSource final : public Source {
 public:
  explicit FollowingSource(SourceContext context)
      : context_(std::move(context)),
        subject_("sources." + context_.settings.name),
        framing_(new_framing()),
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
  void remember_event(Position position, std::string_view payload) override;

  Status start() override;
  void pause() override { paused_ = true; }
  void resume() override {
    if (stopping_ || !context_.intake.open()) return;
    paused_ = false;
    go_on();
  }
  void safe_moved() override { finish_stop(); }
  void stop(std::function<void()> done) override {
    stopping_ = true;
    stopped_ = std::move(done);
    timer_.reset();
    context_.intake.hurry();
    finish_stop();
  }
  SourceStatus status() const override;
  std::string summary() const override {
    return identity_ ? format("at byte {} of inode {}", offset_, identity_->inode) : "nothing read yet";
  }

 private:
  LineFraming new_framing() const {
    return LineFraming(context_.limits.max_record, quoted_line_ends(context_.settings.format));
  }
  const std::string& path() const { return context_.settings.path.value; }
  Log& log() const { return context_.platform.log; }

  void go_on();
  void look_later(Duration pause);
  void failed(const Error& error);
  // The next file.
  void open_next();
  void opened(Opened next);
  void begin(const IdentityOfFile& identity);
  // The open file.
  void look();
  void looked(Result<Look> found);
  void take_piece(const std::string& piece);
  void take(const Line& line);
  void at_end(bool moved);
  void rewritten();
  void leave();
  void finish_stop();

  SourceContext context_;
  std::string subject_;
  LineFraming framing_;
  // Memory: a function of the entries.
  std::optional<IdentityOfFile> identity_;
  std::uint64_t offset_ = 0;  // behind the last record that was handed over
  Position last_;

  Next next_ = Next::named;
  std::unique_ptr<File> file_;
  bool behind_ = false;            // it had been rotated away when it was opened
  std::uint64_t read_offset_ = 0;  // where the next piece begins
  std::uint64_t skipped_ = 0;      // blank lines since the last record, in bytes
  bool header_due_ = false;
  std::optional<MonotonicTime> moved_since_;  // at the end of a file that has been renamed away

  bool busy_ = false;  // something of ours is on the lane
  bool paused_ = false;
  bool stopping_ = false;
  std::function<void()> stopped_;
  Duration pause_ = kQuick;
  std::unique_ptr<Timer> timer_;
  Backoff backoff_{1s, 30s};
  std::string degraded_;
  bool waits_for_file_ = false;
  std::uint64_t blank_lines_ = 0;
  std::uint64_t oversized_ = 0;
  std::uint64_t rotations_ = 0;
  std::uint64_t truncations_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t unfinished_ = 0;
  GuardedLane lane_;
};

// ---- memory

void FollowingSource::save(Encoder& out) const {
  out.u8(kSavedVersion);
  out.boolean(identity_.has_value());
  if (!identity_) return;
  identity_->encode(out);
  out.varint(offset_);
}

bool FollowingSource::load(Decoder& in) {
  if (in.u8() != kSavedVersion) return false;
  if (!in.boolean()) return !in.failed();
  const IdentityOfFile identity = IdentityOfFile::decode(in);
  const std::uint64_t offset = in.varint();
  if (in.failed()) return false;
  identity_ = identity;
  offset_ = offset;
  return true;
}

void FollowingSource::remember_event(Position position, std::string_view payload) {
  last_ = position;
  Decoder in(payload);
  const std::uint8_t kind = in.u8();
  const IdentityOfFile identity = IdentityOfFile::decode(in);
  if (!in.complete()) return;
  identity_ = identity;
  if (kind == kBegin) offset_ = 0;
}

// ---- turns

Status FollowingSource::start() {
  const Result<FileStatus> status = context_.platform.files.status(path());
  if (status && status->is_directory)
    return fail(path() + " is a folder; `path` names one file", Error::Kind::usage);
  if (identity_) next_ = Next::own;
  go_on();
  return {};
}

void FollowingSource::go_on() {
  if (busy_ || paused_ || stopping_) return;
  timer_.reset();
  file_ ? look() : open_next();
}

void FollowingSource::look_later(Duration pause) {
  Loop& loop = context_.platform.loop;
  timer_ = loop.at(loop.now() + pause, [this] { go_on(); });
}

void FollowingSource::failed(const Error& error) {
  degraded_ = error.message;
  log().sampled(LogLevel::error, subject_, "read", degraded_);
  look_later(backoff_.next(context_.platform.random.next()));
}

// ---- the next file

void FollowingSource::open_next() {
  busy_ = true;
  auto next = std::make_shared<Opened>();
  lane_.submit(
      [this, next, known = identity_.value_or(IdentityOfFile())] {
        *next = open_next_file(context_.platform.files, path(), next_, known);
      },
      [this, next] {
        busy_ = false;
        if (!stopping_) opened(std::move(*next));
      });
}

void FollowingSource::opened(Opened next) {
  if (!next.file && next.file.error().kind == Error::Kind::not_found) {
    if (next.behind) return look_later(kQuick);  // removed, meanwhile
    if (!std::exchange(waits_for_file_, true))
      log().info(subject_, "waiting for the file", {{"path", path()}});
    return look_later(kSlow);
  }
  if (!next.file) return failed(next.file.error());
  waits_for_file_ = false;
  degraded_.clear();
  backoff_.reset();
  if (next_ == Next::own && !next.own) {
    ++gaps_;
    log().warning(subject_,
                  "the file that was read before is no longer in its folder: what was added to it since "
                  "is missing; going on with the one under the name",
                  {{"path", path()}, {"offset", std::to_string(offset_)}});
  }
  file_ = std::move(*next.file);
  behind_ = next.behind;
  framing_ = new_framing();
  skipped_ = 0;
  moved_since_.reset();
  if (!next.own) begin(next.identity);
  read_offset_ = offset_;
  header_due_ = context_.settings.format.header && offset_ == 0;
  log().info(
      subject_, offset_ > 0 ? "going on where reading stopped" : "reading",
      {{"path", path()}, {"inode", std::to_string(identity_->inode)}, {"offset", std::to_string(offset_)}});
  go_on();
}

void FollowingSource::begin(const IdentityOfFile& identity) {
  Encoder event;
  event.u8(kBegin);
  identity.encode(event);
  context_.intake.begin_read();
  context_.intake.event(event.view());
}

// ---- the open file

void FollowingSource::look() {
  busy_ = true;
  auto found = std::make_shared<Result<Look>>(Look{});
  // How much of the head is known for good: what has been handed over does not change.
  const std::uint64_t settled = std::min(IdentityOfFile::kHead, offset_);
  const bool lengthen = settled >= IdentityOfFile::kHead ? identity_->head_size < settled
                                                         : settled >= 2 * identity_->head_size && settled > 0;
  const auto work = [this, known = *identity_, offset = read_offset_, settled, lengthen]() -> Result<Look> {
    Result<FileStatus> status = file_->status();
    if (!status) return pass_on(status);
    if (status->size < offset) return Look{.kind = Look::Kind::rewritten};
    if (status->size > offset || lengthen) {
      const Result<IdentityOfFile> head = IdentityOfFile::of(*file_, known.head_size);
      if (!head) return std::unexpected(head.error());
      if (*head != known) return Look{.kind = Look::Kind::rewritten};
    }
    Look look;
    if (lengthen) {
      const Result<IdentityOfFile> longer = IdentityOfFile::of(*file_, settled);
      if (longer && longer->head_size == settled) look.longer = *longer;
    }
    Result<std::string> piece = file_->read_at(offset, kPiece);
    if (!piece) return pass_on(piece);
    look.kind = piece->empty() ? Look::Kind::end : Look::Kind::piece;
    look.piece = std::move(*piece);
    if (look.kind == Look::Kind::piece) return look;
    const Result<FileStatus> named = context_.platform.files.status(path());
    if (named && named->identity != status->identity) look.kind = Look::Kind::moved;
    return look;
  };
  lane_.submit([found, work] { *found = work(); },
               [this, found] {
                 busy_ = false;
                 if (!stopping_) looked(std::move(*found));
               });
}

void FollowingSource::looked(Result<Look> found) {
  if (!found) return failed(found.error());
  degraded_.clear();
  backoff_.reset();
  if (found->longer) {
    Encoder event;
    event.u8(kKnown);
    found->longer->encode(event);
    context_.intake.begin_read();
    context_.intake.event(event.view());
  }
  switch (found->kind) {
    case Look::Kind::piece:
      pause_ = kQuick;
      moved_since_.reset();
      take_piece(found->piece);
      if (!context_.intake.open()) pause();
      return go_on();
    case Look::Kind::end:
    case Look::Kind::moved:
      return at_end(found->kind == Look::Kind::moved || behind_);
    case Look::Kind::rewritten:
      return rewritten();
  }
}

void FollowingSource::take_piece(const std::string& piece) {
  read_offset_ += piece.size();
  const LinesRead reading(context_.intake, piece);
  framing_.feed(piece);
  Line line;
  while (framing_.next(line)) take(line);
}

void FollowingSource::take(const Line& line) {
  skipped_ += line.length;
  if (std::exchange(header_due_, false)) {
    if (const auto why = header_differs(line.bytes, context_.settings.format))
      log().warning(subject_, "the header is not what `fields` says; columns are read by position: " + *why);
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

void FollowingSource::at_end(bool moved) {
  const MonotonicTime now = context_.platform.loop.now();
  if (!moved) {
    moved_since_.reset();
    look_later(pause_);
    pause_ = std::min(pause_ * 2, kSlow);
    return;
  }
  if (!moved_since_) moved_since_ = now;
  if (now - *moved_since_ < kGrace) return look_later(kQuick);
  ++rotations_;
  log().info(
      subject_, "rotated away and read to its end; going on with the next",
      {{"path", path()}, {"inode", std::to_string(identity_->inode)}, {"offset", std::to_string(offset_)}});
  leave();
  next_ = Next::successor;
  go_on();
}

void FollowingSource::rewritten() {
  ++truncations_;
  log().warning(
      subject_,
      "the file was truncated or written anew (copytruncate?): reading it from its beginning; what was added "
      "between the last look and the truncation is lost",
      {{"path", path()}, {"offset", std::to_string(offset_)}});
  leave();
  next_ = behind_ ? Next::successor : Next::named;
  go_on();
}

// The open file is done with.
void FollowingSource::leave() {
  Line line;
  if (framing_.rest(line)) {
    ++unfinished_;
    log().warning(subject_, "its last line has no newline and is no record",
                  {{"bytes", std::to_string(line.length)}});
  }
  file_.reset();
  pause_ = kQuick;
}

void FollowingSource::finish_stop() {
  if (!stopped_ || context_.intake.safe() < last_) return;
  context_.platform.loop.post(std::exchange(stopped_, nullptr));
}

SourceStatus FollowingSource::status() const {
  using State = SourceStatus::State;
  SourceStatus status;
  status.state = stopping_         ? State::stopped
                 : waits_for_file_ ? State::waiting
                 : !file_          ? State::starting
                 : paused_         ? State::paused
                                   : State::connected;
  status.detail = waits_for_file_ ? format("waiting for {}", path())
                                  : format("following {}, at byte {}", path(), offset_);
  status.degraded = degraded_;
  status.counters = {{"rotations", rotations_},       {"truncations", truncations_},
                     {"possible gaps", gaps_},        {"blank lines", blank_lines_},
                     {"oversized lines", oversized_}, {"unfinished lines", unfinished_}};
  return status;
}

}  // namespace

std::unique_ptr<Source> make_following_source(SourceContext context) {
  return std::make_unique<FollowingSource>(std::move(context));
}

}  // namespace tidemark
