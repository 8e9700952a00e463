#include "platform/system_random.h"

#include <sys/random.h>

#include <cerrno>

#include "base/invariant.h"

namespace tidemark {

std::uint64_t SystemRandom::next() {
  // Up to 256 bytes come whole or not at all.
  std::uint64_t number = 0;
  ssize_t got = -1;
  do {
    got = getrandom(&number, sizeof number, 0);
  } while (got < 0 && errno == EINTR);
  invariant(got == static_cast<ssize_t>(sizeof number), "the kernel gives random numbers");
  return number;
}

}  // namespace tidemark
