#include "platform/files.h"

#include "base/format.h"

namespace tidemark {

Result<std::string> read_file(Files& files, const std::string& path, std::uint64_t limit) {
  Result<std::unique_ptr<File>> file = files.open(path, Files::Open::read);
  if (!file) return pass_on(file);
  const Result<FileStatus> status = (*file)->status();
  if (!status) return fail(status.error().message, status.error().kind);
  if (status->is_directory) return fail(format("read {}: is a directory", path));
  if (status->size > limit)
    return fail(format("read {}: it has {} bytes, more than the {} allowed here", path, status->size, limit));
  // Files of /proc and pipes say that they have no bytes: read until there are no more.
  std::string content;
  for (;;) {
    const std::size_t want = status->size > content.size() ? status->size - content.size() : 4096;
    const Result<std::string> part = (*file)->read_at(content.size(), want);
    if (!part) return fail(part.error().message, part.error().kind);
    if (part->empty()) return content;
    content += *part;
    if (content.size() > limit)
      return fail(format("read {}: it has more than the {} bytes allowed here", path, limit));
  }
}

namespace {

Status write_and_sync(Files& files, const std::string& path, std::string_view content) {
  Result<std::unique_ptr<File>> file = files.open(path, Files::Open::create);
  if (!file) return pass_on(file);
  const Result<FileStatus> status = (*file)->status();
  if (!status) return fail(status.error().message, status.error().kind);
  if (status->size > 0)  // left by a crash
    if (Status truncated = (*file)->truncate(0); !truncated) return truncated;
  if (Status written = (*file)->write_at(0, content); !written) return written;
  return (*file)->sync();
}

}  // namespace

Status write_file_atomically(Files& files, const std::string& path, std::string_view content) {
  const std::string temporary = path + ".tmp";
  Status done = write_and_sync(files, temporary, content);
  if (done) done = files.rename(temporary, path);
  if (!done) {
    // What is left of it only takes room; the error that matters is the first one.
    static_cast<void>(files.remove(temporary));
    return done;
  }
  return files.sync_directory(parent_path(path));
}

std::string join_path(std::string_view folder, std::string_view name) {
  if (folder.empty() || name.starts_with('/')) return std::string(name);
  std::string path(folder);
  if (!path.ends_with('/')) path.push_back('/');
  return path.append(name);
}

std::string parent_path(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  path = path.substr(0, slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.empty() ? "/" : std::string(path);
}

}  // namespace tidemark
