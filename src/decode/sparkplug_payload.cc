#include "decode/sparkplug_payload.h"

#include <bit>

#include "decode/protobuf_wire.h"

namespace tidemark {
namespace {

// Field numbers of the messages.
enum PayloadField : std::uint32_t { kTimestamp = 1, kMetrics = 2, kSeq = 3, kUuid = 4 };
enum MetricField : std::uint32_t {
  kName = 1,
  kAlias,
  kMetricTimestamp,
  kDatatype,
  kHistorical,
  kTransient,
  kNull,
  kMetadata,
  kProperties,
  kInt,
  kLong,
  kFloat,
  kDouble,
  kBoolean,
  kString,
  kBytes,
  kDataSet,
  kTemplate
};

}  // namespace

std::optional<SparkplugMetric> read_metric(std::string_view bytes) {
  using Kind = SparkplugMetric::Kind;
  SparkplugMetric metric;
  metric.whole = bytes;
  WireReader reader(bytes);
  WireField field;
  const auto bytes_as = [&](Kind kind) {
    metric.kind = kind;
    metric.bytes = field.bytes;
  };
  const auto number_as = [&](Kind kind) {
    metric.kind = kind;
    metric.bits = field.value;
  };
  while (reader.next(field)) {
    // A field of the right number and the wrong form is none of the message's.
    if (field.is_bytes) {
      switch (field.number) {
        case kName:
          metric.name = field.bytes;
          break;
        case kProperties:
          metric.properties = field.bytes;
          break;
        case kString:
          bytes_as(Kind::text);
          break;
        case kBytes:
          bytes_as(Kind::bytes);
          break;
        case kDataSet:
          bytes_as(Kind::data_set);
          break;
        case kTemplate:
          bytes_as(Kind::tree);
          break;
        default:
          break;
      }
      continue;
    }
    switch (field.number) {
      case kAlias:
        metric.alias = field.value;
        break;
      case kMetricTimestamp:
        metric.timestamp = field.value;
        break;
      case kDatatype:
        metric.type = static_cast<std::uint32_t>(field.value);
        break;
      case kHistorical:
        metric.historical = field.value != 0;
        break;
      case kNull:
        metric.null = field.value != 0;
        break;
      case kInt:
      case kLong:
        number_as(Kind::integer);
        break;
      case kFloat:
        metric.kind = Kind::real;
        metric.real = static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(field.value)));
        break;
      case kDouble:
        metric.kind = Kind::real;
        metric.real = std::bit_cast<double>(field.value);
        break;
      case kBoolean:
        number_as(Kind::boolean);
        break;
      default:
        break;
    }
  }
  if (reader.broken()) return std::nullopt;
  return metric;
}

std::string_view SparkplugType::name(std::uint32_t type) {
  constexpr std::string_view kNames[] = {"Unknown",      "Int8",
                                         "Int16",        "Int32",
                                         "Int64",        "UInt8",
                                         "UInt16",       "UInt32",
                                         "UInt64",       "Float",
                                         "Double",       "Boolean",
                                         "String",       "DateTime",
                                         "Text",         "UUID",
                                         "DataSet",      "Bytes",
                                         "File",         "Template",
                                         "PropertySet",  "PropertySetList",
                                         "Int8Array",    "Int16Array",
                                         "Int32Array",   "Int64Array",
                                         "UInt8Array",   "UInt16Array",
                                         "UInt32Array",  "UInt64Array",
                                         "FloatArray",   "DoubleArray",
                                         "BooleanArray", "StringArray",
                                         "DateTimeArray"};
  return type < std::size(kNames) ? kNames[type] : kNames[0];
}

std::expected<SparkplugPayload, DecodeError> SparkplugPayload::read(std::string_view bytes) {
  SparkplugPayload payload;
  WireReader reader(bytes);
  WireField field;
  const auto broken = [&](std::size_t at) {
    return std::unexpected(DecodeError{"no Sparkplug B payload: its protobuf is broken", at});
  };
  while (reader.next(field)) {
    if (!field.is_bytes && field.number == kTimestamp) payload.timestamp = field.value;
    if (!field.is_bytes && field.number == kSeq) payload.seq = field.value;
    // Of the programs that do this, the metrics are deflated in a field beside.
    if (field.is_bytes && field.number == kUuid && field.bytes == "SPBV1.0_COMPRESSED")
      return std::unexpected(
          DecodeError{"a compressed payload (uuid SPBV1.0_COMPRESSED): the node has to send it uncompressed",
                      std::nullopt});
    if (!field.is_bytes || field.number != kMetrics) continue;
    const auto metric = read_metric(field.bytes);
    if (!metric) return broken(reader.at());
    if (metric->name == "bdSeq" && metric->kind == SparkplugMetric::Kind::integer)
      payload.bd_seq = metric->bits;
  }
  if (reader.broken()) return broken(reader.at());
  return payload;
}

std::optional<SparkplugPayload::Next> SparkplugPayload::next(std::string_view bytes, std::size_t at) {
  WireReader reader(bytes.substr(at));
  WireField field;
  while (reader.next(field))
    if (field.is_bytes && field.number == kMetrics)
      return Next{read_metric(field.bytes).value_or(SparkplugMetric()), at + reader.at()};
  return std::nullopt;
}

}  // namespace tidemark
