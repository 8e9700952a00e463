// `tidemark savepoint create`.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "app/commands.h"
#include "app/console.h"
#include "app/instance.h"
#include "base/format.h"
#include "base/json.h"
#include "pipeline/savepoint.h"
#include "platform/posix_files.h"

namespace tidemark {
namespace {

std::unexpected<Error> failed(std::string_view operation, const std::string& path) {
  const int number = errno;
  const bool full = number == ENOSPC || number == EDQUOT;
  return fail(format("{} {}: {}", operation, path, std::strerror(number)),
              full ? Error::Kind::no_space : Error::Kind::failed);
}

// A file under a name of its own until it is whole; gone if it never is.
class Unfinished {
 public:
  static Result<Unfinished> open(const std::string& path) {
    if (::access(path.c_str(), F_OK) == 0)
      return fail(format("{} exists; name another file, or remove it first", path), Error::Kind::usage);
    Unfinished file(path);
    file.descriptor_ = ::open(file.partial_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (file.descriptor_ < 0) return failed("create", file.partial_);
    return file;
  }
  Unfinished(Unfinished&& other) noexcept
      : path_(std::move(other.path_)),
        partial_(std::move(other.partial_)),
        descriptor_(std::exchange(other.descriptor_, -1)) {}
  Unfinished& operator=(Unfinished&&) = delete;
  ~Unfinished() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    ::unlink(partial_.c_str());
  }

  int descriptor() const { return descriptor_; }
  // Durable under its own name.
  Status finish(Files& files) {
    if (::fsync(descriptor_) != 0) return failed("sync", partial_);
    if (Status renamed = files.rename(partial_, path_); !renamed) return renamed;
    ::close(std::exchange(descriptor_, -1));
    return files.sync_directory(parent_path(path_));
  }

 private:
  explicit Unfinished(const std::string& path)
      : path_(path), partial_(format("{}.{}.partial", path, ::getpid())) {}
  std::string path_, partial_;
  int descriptor_ = -1;
};

std::string request(bool stop) {
  JsonWriter out;
  out.begin_object().key("command").text(stop ? "savepoint-stop" : "savepoint-create");
  return out.key("file").boolean(true).end_object().take();
}

}  // namespace

ExitCode create_savepoint_command(const CommandLine& line, const SavepointCreateCommand& command) {
  const std::unique_ptr<Files> files = make_posix_files();
  const auto settings = settings_for(*files, line);
  if (!settings) return settings.error();
  Result<ControlClient> instance = require_instance(*files, line, *settings->node.data_dir);
  if (!instance) return report(instance.error());
  Result<Unfinished> file = Unfinished::open(command.file);
  if (!file) return report(file.error());
  Result<JsonValue> answer =
      instance->ask_with_file(request(command.stop), file->descriptor(), progress_on_terminal());
  if (!answer)
    return report(
        Error{format("savepoint {}: {}", command.file, answer.error().message), answer.error().kind});
  if (Status finished = file->finish(*files); !finished) return report(finished.error());
  const Result<Savepoint> made = Savepoint::open(*files, command.file);
  if (!made) return report(made.error());
  const std::uint64_t results = made->results();
  if (line.json) {
    JsonWriter out;
    out.begin_object().key("file").text(command.file).key("stopped").boolean(command.stop);
    out.key("results").unsigned_integer(results);
    return print(out.end_object().take() + "\n");
  }
  std::string said = command.file;
  if (results != 0) said += format(", with {} results that sinks have not taken", results);
  if (command.stop) said += ", and the instance has stopped";
  return print(said + "\n");
}

}  // namespace tidemark
