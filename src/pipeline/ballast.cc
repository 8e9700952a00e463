#include "pipeline/ballast.h"

#include <algorithm>

namespace tidemark {
namespace {

constexpr std::uint64_t kSlice = 1u << 20;

// Bytes that no file system makes smaller.
std::string slice_of(std::uint64_t size, std::uint64_t& state) {
  std::string out(size, '\0');
  for (char& c : out) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    c = static_cast<char>(state >> 56);
  }
  return out;
}

Status write_ballast(Files& files, const std::string& path, std::uint64_t size) {
  auto file = files.open(path, Files::Open::create);
  if (!file) return pass_on(file);
  std::uint64_t state = size;
  for (std::uint64_t at = 0; at < size; at += kSlice) {
    if (Status done = (*file)->write_at(at, slice_of(std::min(kSlice, size - at), state)); !done) return done;
    if (Status done = (*file)->sync(); !done) return done;
  }
  return files.sync_directory(parent_path(path));
}

Status remove_ballast(Files& files, const std::string& path) {
  if (Status removed = files.remove(path); !removed) return removed;
  return files.sync_directory(parent_path(path));
}

}  // namespace

Ballast::Ballast(Files& files, Lane& lane, Log& log, std::string path)
    : files_(files),
      lane_(lane),
      log_(log),
      path_(std::move(path)),
      there_(files.status(path_).has_value()) {}

void Ballast::lay_in(std::uint64_t size) {
  if (there_ || busy_) return;
  busy_ = true;
  auto laid = std::make_shared<Status>();
  lane_.submit(
      [&files = files_, path = path_, size, laid] {
        *laid = write_ballast(files, path, size);
        if (!*laid) static_cast<void>(remove_ballast(files, path));  // it is only in the way now
      },
      [this, laid, alive = alive_] {
        if (!*alive) return;
        busy_ = false;
        there_ = laid->has_value();
      });
}

void Ballast::give_up(std::function<void()> gone) {
  if (!there_ || busy_) return;
  busy_ = true;
  log_.warning("disk", "the disk is full: " + path_ +
                           " is given up, so that a checkpoint can make room in the journal");
  auto removed = std::make_shared<Status>();
  lane_.submit([&files = files_, path = path_, removed] { *removed = remove_ballast(files, path); },
               [this, removed, gone = std::move(gone), alive = alive_] {
                 if (!*alive) return;
                 busy_ = false;
                 there_ = !removed->has_value();
                 if (!there_) gone();
               });
}

std::string ballast_path(const std::string& data_dir) {
  return join_path(data_dir, "ballast");
}

}  // namespace tidemark
