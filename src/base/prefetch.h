// Asks for the memory behind an address without waiting for it, where it will be read or written soon.
#pragma once

namespace tidemark {

inline void prefetch(const void* at) {
  __builtin_prefetch(at);
  // g++ takes a function that does nothing else for one without effect, and leaves its calls out.
  asm volatile("");
}

}  // namespace tidemark
