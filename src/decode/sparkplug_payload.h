// The payload of a Sparkplug B message (Sparkplug 3.0, chapter 6): metrics, and what is said of all of them.
//
// Read in place from the wire format; views point into the payload. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/value.h"
#include "decode/decoder.h"

namespace tidemark {

// Numbers of the specification's data types, and their names: "Int8", "DateTime".
struct SparkplugType {
  static constexpr std::uint32_t kUnknown = 0;
  static std::string_view name(std::uint32_t type);  // "Unknown" for numbers that mean nothing
};

struct SparkplugMetric {
  // In bytes: an alias of two bytes stands for the name, and each record has it.
  static constexpr std::size_t kLongestName = 1024;

  enum class Kind : std::uint8_t {
    none,
    integer,
    real,
    boolean,
    text,
    bytes,
    data_set,
    tree,           // a template
    properties,     // of properties only
    property_list,  // likewise
  };

  std::string_view whole;  // its bytes
  std::optional<std::string_view> name;
  std::optional<std::uint64_t> alias, timestamp;
  std::uint32_t type = SparkplugType::kUnknown;
  bool historical = false;
  bool null = false;
  std::string_view properties;  // a property set; empty: none

  Kind kind = Kind::none;
  std::uint64_t bits = 0;  // of an integer, or a boolean
  double real = 0;
  std::string_view bytes;  // of all other kinds
};

// Nothing when its protobuf is broken.
std::optional<SparkplugMetric> read_metric(std::string_view bytes);

class SparkplugPayload {
 public:
  // Reads what stands beside the metrics, and looks whether all of it is well-formed.
  static std::expected<SparkplugPayload, DecodeError> read(std::string_view bytes);

  std::optional<std::uint64_t> timestamp, seq;
  std::optional<std::uint64_t> bd_seq;  // the metric of that name, in births and deaths of nodes

  // The metric behind `at`, and where to go on; nothing after the last.
  struct Next {
    SparkplugMetric metric;
    std::size_t at = 0;
  };
  static std::optional<Next> next(std::string_view bytes, std::size_t at);
};

struct SparkplugLimits {
  std::uint32_t max_depth = 0;  // of templates and property sets
  std::uint64_t max_text = 0;   // bytes of JSON that a value becomes, about
};

// The metric's value as its type has it; `type` is that of its birth where it does not say one itself. Texts
// are views into the payload or `arena`; what is no scalar is JSON text, bytes are hex digits. An error: why
// it has none.
std::expected<Value, std::string> sparkplug_value(const SparkplugMetric& metric, std::uint32_t type,
                                                  const SparkplugLimits& limits, Arena& arena);

struct SparkplugProperty {
  std::string_view name;
  Value value;
};
// Those of a property set, in its order; an error when one of them cannot be read.
std::expected<std::vector<SparkplugProperty>, std::string> sparkplug_properties(std::string_view properties,
                                                                                const SparkplugLimits& limits,
                                                                                Arena& arena);

}  // namespace tidemark
