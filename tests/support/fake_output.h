// FakeOutput: keeps what was written, and refuses when told to. Threads: any.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "platform/output.h"

namespace tidemark {

class FakeOutput final : public ByteOutput {
 public:
  Status write(std::string_view bytes) override {
    const std::lock_guard lock(mutex_);
    if (error_) return fail(error_->message, error_->kind);
    text_.append(bytes);
    return {};
  }

  std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  std::string take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(text_, {});
  }
  // Every write fails from now on; nullopt: they work again.
  void refuse(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
  std::optional<Error> error_;
};

}  // namespace tidemark
