#include "platform/versions.h"

#include <lz4.h>
#include <mosquitto.h>
#include <rapidjson/rapidjson.h>
#include <simdjson.h>
#include <spdlog/version.h>
#include <sqlite3.h>
#include <xxhash.h>

#include <toml++/impl/version.h>
#include <CLI/Version.hpp>
#include <asio/version.hpp>

#include "base/format.h"

namespace tidemark {
namespace {

std::string dotted(std::uint64_t major, std::uint64_t minor, std::uint64_t patch) {
  return format("{}.{}.{}", major, minor, patch);
}

std::string mosquitto_version() {
  int major = 0, minor = 0, patch = 0;
  static_cast<void>(mosquitto_lib_version(&major, &minor, &patch));
  return format("{}.{}.{}", major, minor, patch);
}

}  // namespace

std::vector<LibraryVersion> library_versions() {
  const unsigned xxhash = XXH_versionNumber();
  return {
      {"asio", dotted(ASIO_VERSION / 100000, ASIO_VERSION / 100 % 1000, ASIO_VERSION % 100)},
      {"cli11", CLI11_VERSION},
      {"fmt", dotted(FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
      {"lz4", LZ4_versionString()},
      {"mosquitto", mosquitto_version()},
      {"rapidjson", RAPIDJSON_VERSION_STRING},
      {"simdjson", dotted(simdjson::SIMDJSON_VERSION_MAJOR, simdjson::SIMDJSON_VERSION_MINOR,
                          simdjson::SIMDJSON_VERSION_REVISION)},
      {"spdlog", dotted(SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH)},
      {"sqlite", sqlite3_libversion()},
      {"toml++", dotted(TOML_LIB_MAJOR, TOML_LIB_MINOR, TOML_LIB_PATCH)},
      {"xxhash", dotted(xxhash / 10000, xxhash / 100 % 100, xxhash % 100)},
  };
}

}  // namespace tidemark
