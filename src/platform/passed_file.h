// PassedFile: a file that another process has opened and handed over a local socket, because this one, in its
// sandbox, could not open it itself.
//
// Written from where its owner left it. Errors: they name the file by its descriptor only; its owner knows
// the path. Threads: any, one at a time; calls block.
#pragma once

#include <string_view>

#include "base/result.h"

namespace tidemark {

class PassedFile {
 public:
  explicit PassedFile(int descriptor) : descriptor_(descriptor) {}
  ~PassedFile();
  PassedFile(const PassedFile&) = delete;
  PassedFile& operator=(const PassedFile&) = delete;

  Status write(std::string_view bytes);
  Status sync();

 private:
  int descriptor_;
};

}  // namespace tidemark
