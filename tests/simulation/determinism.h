// The law of determinism: one input, many ways to run it, the same bytes in every sink.
//
// The input is a list of moments, each with its time and what arrives then. Ways differ in how the records of
// a moment are cut into reads, in the hash seeds, in when lanes do their work, in writes of sinks that fail,
// and in how often the machine takes a checkpoint, loses its power and starts again; they agree in the time
// at which each record arrives. (But for files that are followed: when they are looked at is decided live, so
// what is read from them must not depend on it.)
#pragma once

#include <map>
#include <string>
#include <vector>

#include "support/simulation.h"

namespace tidemark {

struct Arrival {
  std::string source;
  std::string payload;
  std::string topic = {};  // mqtt only
};

struct Moment {
  Duration at{};  // since the beginning; at least 200 ms after the one before
  std::vector<Arrival> arrivals;
};

struct Way {
  std::size_t cut = 4096;
  Lanes lanes = Lanes::at_once;
  std::uint64_t seed = 1;
  std::size_t restart_every = 0;  // records; 0: never
  bool disturbed = false;         // now and then a sink cannot write for a while
  std::string text() const;
};

// By sink: all bytes of a file, or all rows of a database with the numbers and chain hashes of what it holds.
using Outcome = std::map<std::string, std::string>;

// `settings` with file and sqlite sinks only. `files`: what is on the disk before, by path. A way that cannot
// be gone to its end leaves its reason under "error".
using FilesBefore = std::map<std::string, std::string>;
Outcome go(const Settings& settings, const std::vector<Moment>& input, const Way& way,
           const FilesBefore& files = {});

// Where two outcomes differ, in words; empty when they do not.
std::string difference(const Outcome& a, const Outcome& b);

// Goes every way: cuts of 1, 2, 7, 64 over `broad`, restarts after every 1, 3, 7 records over `fine`. What
// differs from one uninterrupted run, in words.
std::vector<std::string> differences(const Settings& settings, const std::vector<Moment>& broad,
                                     const std::vector<Moment>& fine, std::uint64_t seed,
                                     const FilesBefore& files = {});

}  // namespace tidemark
