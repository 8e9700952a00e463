// Ballast: a file that only takes room, so that there is some to give up when the disk is full.
//
// Without room no checkpoint can be completed, without a checkpoint the journal cannot be trimmed, and
// nothing would ever make room: so the ballast goes, one checkpoint is completed in its place, and the
// journal is trimmed. It is laid in again when there is room for it and for more. Written in slices on the
// bulk lane. Threads: loop only; callbacks on the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "platform/files.h"
#include "platform/lane.h"
#include "platform/log.h"

namespace tidemark {

class Ballast {
 public:
  Ballast(Files& files, Lane& lane, Log& log, std::string path);
  ~Ballast() { *alive_ = false; }

  bool there() const { return there_; }
  // Does nothing while it is there or on its way. A disk that turns out too full has it not.
  void lay_in(std::uint64_t size);
  // `gone` when the room is free; not called when there was none.
  void give_up(std::function<void()> gone);

 private:
  Files& files_;
  Lane& lane_;
  Log& log_;
  std::string path_;
  bool there_ = false;
  bool busy_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

std::string ballast_path(const std::string& data_dir);

}  // namespace tidemark
