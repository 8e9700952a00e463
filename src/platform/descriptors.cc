#include "platform/descriptors.h"

#include <sys/resource.h>

namespace tidemark {

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return 0;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (before < limit.rlim_max && ::setrlimit(RLIMIT_NOFILE, &limit) < 0) return before;
  return limit.rlim_cur;
}

bool leaves_descriptors(int accepted, std::uint64_t kept) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return true;
  return static_cast<std::uint64_t>(accepted) + kept < limit.rlim_cur;
}

}  // namespace tidemark
