// ErasedKeys: keys of entries that were erased, until a checkpoint has said so, in as few bytes as that
// takes.
//
// A window that closes erases its keys one after another in their order: each begins like the one before. So
// a key is kept as the length of what it shares with the one before, the length of the rest, and the rest.
// Pieces of some KiB begin anew: neither growing nor handing them over copies all of them.
// In memory only: this is no format on disk. Threads: loop only.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

namespace tidemark {

class ErasedKeys {
 public:
  void add(std::string_view key);
  // What `from` holds comes behind what is here.
  void add_all(ErasedKeys& from);
  std::size_t size() const { return keys_; }
  std::size_t memory_bytes() const { return bytes_ + pieces_.size() * sizeof(std::string); }

  // Looks at the keys from the first on, as long as none is added. One that was made anew begins again.
  class Reader {
   public:
    // False at the end, else key() is the next one.
    bool next(const ErasedKeys& of);
    std::string_view key() const { return key_; }

   private:
    std::size_t piece_ = 0, at_ = 0;  // of what was not read yet
    std::string key_;
  };

 private:
  std::deque<std::string> pieces_;
  std::string last_;  // the key that was added last
  std::size_t keys_ = 0;
  std::size_t bytes_ = 0;  // of the pieces' memory
};

}  // namespace tidemark
