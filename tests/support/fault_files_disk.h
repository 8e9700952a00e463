// The disk inside FaultFiles: files and folders, each as it is now and as it was last made durable.
//
// Content knows for each 512-byte block whether it was written since the last sync. A folder keeps two maps
// of names. A Tree owns what either map refers to, so that a removed file lives as long as its removal is not
// durable.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/fake_random.h"

namespace tidemark::fault {

class Content {
 public:
  static constexpr std::size_t kBlock = 512;

  Content() = default;
  // Durable as given.
  explicit Content(std::string bytes);

  const std::string& now() const { return now_; }
  const std::string& durable() const { return durable_; }

  void write(std::uint64_t offset, std::string_view bytes);
  void truncate(std::uint64_t size);
  void sync();
  // A sync that failed: what it should have written no longer counts as unwritten.
  void forget();

  // What a power cut may leave of it: any length and any mixture of blocks between durable() and now().
  std::string torn(FakeRandom& random) const;

 private:
  enum class Block : std::uint8_t { clean, dirty, forgotten };

  void extend(std::uint64_t size);
  void mark(std::uint64_t begin, std::uint64_t end);

  std::string now_;
  std::string durable_;
  std::vector<Block> blocks_;           // of now_
  std::size_t dirty_begin_ = SIZE_MAX;  // all dirty blocks lie in [begin, end)
  std::size_t dirty_end_ = 0;
};

struct Inode;
using Names = std::map<std::string, std::shared_ptr<Inode>>;

struct Inode {
  std::uint64_t id = 0;
  bool directory = false;
  std::uint64_t links = 0;  // names now; a folder has 1
  Content content;
  std::int64_t put = 0;  // how often somebody else wrote it

  Names names;
  Names durable_names;
  struct Move {
    std::weak_ptr<Inode> folder;  // where the name went
    std::string name;
  };
  std::map<std::string, Move> moves;  // names renamed away since the folder's last sync
};

// Copies with every unsynced byte and name still unsynced.
std::shared_ptr<Inode> exact_copy(const std::shared_ptr<Inode>& root);
// The durable part alone.
std::shared_ptr<Inode> durable_copy(const std::shared_ptr<Inode>& root);
// The durable part and a random choice of the rest.
std::shared_ptr<Inode> random_copy(const std::shared_ptr<Inode>& root, FakeRandom& random);

}  // namespace tidemark::fault
