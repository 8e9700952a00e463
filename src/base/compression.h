// LZ4 block compression: the one door to that library. Pure; safe on any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidemark {

// The compressed form of raw (at most 1 GiB). May be longer than raw; callers then store raw itself.
std::string lz4_compress(std::string_view raw);

// The inverse. raw_size is what the block's header says; a mismatch or broken input is Error::corrupt.
Result<std::string> lz4_decompress(std::string_view compressed, std::size_t raw_size);

}  // namespace tidemark
