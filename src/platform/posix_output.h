// PosixOutput writes to an open file descriptor, such as standard output, and waits for its reader.
//
// The descriptor stays the caller's. A reader that has gone is an error (SIGPIPE must be ignored).
#pragma once

#include <string>

#include "platform/output.h"

namespace tidemark {

class PosixOutput final : public ByteOutput {
 public:
  // `name` is for messages: "standard output".
  PosixOutput(int fd, std::string name);
  Status write(std::string_view bytes) override;

 private:
  int fd_;
  std::string name_;
};

}  // namespace tidemark
