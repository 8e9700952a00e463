#include "simulation/cuts.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/format.h"

namespace tidemark {
namespace {

constexpr Loss kLosses[] = {Loss::all_unsynced, Loss::none, Loss::random};
constexpr std::string_view kNames[] = {"all unsynced", "nothing", "random"};

std::uint64_t in_this_build(std::uint64_t stride) {
  if (std::getenv("TIDEMARK_EVERY_CUT") != nullptr) return 1;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return std::max<std::uint64_t>(stride, 20);
#elif defined(NDEBUG)
  return stride;
#else
  return std::max<std::uint64_t>(stride, 7);
#endif
}

}  // namespace

std::shared_ptr<const std::uint64_t> cut_before_operations(FaultFiles& disk, std::uint64_t stride,
                                                           std::function<void(Cut)> go_on_from) {
  const char* only = std::getenv("TIDEMARK_CUT_BEFORE");
  const std::uint64_t only_before = only != nullptr ? std::stoull(only) : 0;
  auto cuts = std::make_shared<std::uint64_t>(0);
  disk.before_operation(
      [&disk, cuts, only_before, stride = in_this_build(stride), go_on_from = std::move(go_on_from)](
          FaultFiles::Operation kind, const std::string& path) {
        const std::uint64_t next = disk.operations() + 1;
        if (only_before != 0 ? next != only_before : next % stride != 0) return;
        for (const Loss loss : kLosses) {
          ++*cuts;
          Cut cut{.before = next, .loss = loss, .disk = nullptr, .where = {}};
          cut.where = format("cut before {} {} {}, lost: {}", next, name_of(kind), path,
                             kNames[static_cast<std::size_t>(loss)]);
          cut.disk = disk.after_crash(loss, cut.seed());
          go_on_from(std::move(cut));
        }
      });
  return cuts;
}

}  // namespace tidemark
