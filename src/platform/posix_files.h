// PosixFiles: the kernel's file system. sync() is fdatasync, a folder is synced by fsync, lock() is flock.
//
// Files are made with mode 0644 and folders with 0755, less the umask. Interrupted calls are repeated.
#pragma once

#include <memory>

#include "platform/files.h"

namespace tidemark {

// `written`: counts what is written; null: nobody does.
class WrittenBytes;
std::unique_ptr<Files> make_posix_files(WrittenBytes* written = nullptr);

}  // namespace tidemark
