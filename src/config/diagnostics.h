// Diagnostics collects the mistakes of a configuration, so that one run of `check` shows all of them.
//
// Printed in the order of their places:
//
//   tidemark.toml:12:19: error: unknown window type "tumbeling"; did you mean "tumbling"?
//      12 | window = { type = "tumbeling", size = "1m" }
//         |                   ^^^^^^^^^^^
//         allowed: tumbling, none
//
// Columns count bytes, carets characters. A long line is shown in part; one that holds a password is not
// shown. Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/place.h"

namespace tidemark {

struct ConfigFile {
  std::string path;
  std::string text;
};

class Diagnostics {
 public:
  struct Message {
    bool is_error = true;
    Place place;
    std::string text;
    std::string hint;  // an extra line below the caret; may be empty
  };

  // Must be called in the order of the file indices used in places. Returns the index.
  std::uint32_t add_file(ConfigFile file);

  void error(Place place, std::string text, std::string hint = {});
  void warning(Place place, std::string text, std::string hint = {});
  // For a mistake inside a string setting (an expression): `offset` bytes into the string's content. Basic
  // or literal strings that stand in the file as they are (no escape, no ${NAME}) are pointed at exactly,
  // others at their beginning.
  void error_inside(const Located<std::string>& setting, std::size_t offset, std::size_t length,
                    std::string text, std::string hint = {});

  // "FILE:LINE:COL" for a message that names a second place.
  std::string where(const Place& place) const;

  bool has_errors() const { return errors_ != 0; }
  std::size_t errors() const { return errors_; }
  const std::vector<Message>& messages() const { return messages_; }
  const std::vector<ConfigFile>& files() const { return files_; }
  // All of them as text for a person, in the order of places, ending in a newline; empty when there are none.
  // Beyond the first hundred, their number.
  std::string to_text() const;

 private:
  std::vector<ConfigFile> files_;
  std::vector<Message> messages_;
  std::size_t errors_ = 0;
};

}  // namespace tidemark
