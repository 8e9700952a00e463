// How many files this process may have open, and which of them peers may use up.
//
// Whoever can connect can ask for many connections; without a bound of our own they would leave none for the
// journal's next segment, for checkpoints and for the control socket. The kernel gives out the lowest number
// that is free, so the number of an accepted socket says how many are left. Threads: any.
#pragma once

#include <cstdint>

namespace tidemark {

// Kept for files; and more of them for what local processes connect to, such as the control socket.
constexpr std::uint64_t kDescriptorsKeptFromNetwork = 64;
constexpr std::uint64_t kDescriptorsKeptFromLocal = 32;

// Raises the soft limit to the hard one. What is allowed then; 0 when it is not known.
std::uint64_t raise_descriptor_limit();

// Whether an accepted socket with this number leaves `kept` others.
bool leaves_descriptors(int accepted, std::uint64_t kept);

}  // namespace tidemark
