// Values of Sparkplug B metrics: scalars, arrays, data sets, templates.
#include <bit>
#include <limits>
#include <vector>

#include "base/format.h"
#include "base/hex.h"
#include "base/json.h"
#include "decode/protobuf_wire.h"
#include "decode/sparkplug_payload.h"
#include "decode/utf8.h"

namespace tidemark {
namespace {

using Kind = SparkplugMetric::Kind;
using Wrong = std::unexpected<std::string>;

// The types of the specification that need their numbers here.
enum Type : std::uint32_t {
  kInt8 = 1,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kFloat,
  kDouble,
  kBoolean,
  kString,
  kDateTime,
  kText,
  kUuid,
  kDataSet,
  kBytes,
  kFile,
  kTemplate,
  kPropertySet,
  kPropertySetList,
  kInt8Array,
  kFloatArray = 30,
  kDoubleArray,
  kBooleanArray,
  kStringArray,
  kDateTimeArray
};

// Negative numbers are sent as unsigned ones, in as many bits as their type, the field or a varint has.
std::expected<Value, std::string> integer_of(std::uint64_t bits, std::uint32_t type) {
  const auto no = [&] { return Wrong(format("{} is no {}", bits, SparkplugType::name(type))); };
  if (type >= kInt8 && type <= kInt32) {
    const unsigned unused = 64 - (8u << (type - kInt8));
    const std::int64_t number = static_cast<std::int64_t>(bits << unused) >> unused;
    const auto same = static_cast<std::uint64_t>(number);
    if (bits != same && bits != (same & 0xffff'ffff) && bits != same << unused >> unused) return no();
    return Value::integer(number);
  }
  if (type >= kUInt8 && type <= kUInt32 && bits >> (8u << (type - kUInt8)) != 0) return no();
  if (type == kUInt64 && bits >> 63 != 0) return Wrong("an integer beyond 64 bits signed");
  return Value::integer(static_cast<std::int64_t>(bits));
}

bool is_integer(std::uint32_t type) {
  return (type >= kInt8 && type <= kUInt64) || type == kDateTime;
}

// A value of a cell, a parameter or a property: int, long, float, double, boolean, string, by numbers from
// `first` on.
void take_value(const WireField& field, std::uint32_t first, SparkplugMetric& metric) {
  if (field.number < first || field.number > first + 5) return;
  if (field.is_bytes) {
    if (field.number != first + 5) return;
    metric.kind = Kind::text;
    metric.bytes = field.bytes;
    return;
  }
  switch (field.number - first) {
    case 0:
    case 1:
      metric.kind = Kind::integer;
      metric.bits = field.value;
      break;
    case 2:
      metric.kind = Kind::real;
      metric.real = static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(field.value)));
      break;
    case 3:
      metric.kind = Kind::real;
      metric.real = std::bit_cast<double>(field.value);
      break;
    case 4:
      metric.kind = Kind::boolean;
      metric.bits = field.value;
      break;
    default:
      break;
  }
}

// A property's value as if it were a metric's; nothing when its protobuf is broken.
std::optional<SparkplugMetric> read_property(std::string_view bytes) {
  SparkplugMetric property;
  WireReader reader(bytes);
  for (WireField field; reader.next(field);) {
    if (field.number == 1 && !field.is_bytes) property.type = static_cast<std::uint32_t>(field.value);
    if (field.number == 2 && !field.is_bytes) property.null = field.value != 0;
    take_value(field, 3, property);
    if (!field.is_bytes || (field.number != 9 && field.number != 10)) continue;
    property.kind = field.number == 9 ? Kind::properties : Kind::property_list;
    property.bytes = field.bytes;
  }
  if (reader.broken()) return std::nullopt;
  return property;
}

// Some programs leave out the type of an integer, such as that of Quality.
std::uint32_t type_of_property(const SparkplugMetric& property) {
  const bool untyped = property.type == SparkplugType::kUnknown && property.kind == Kind::integer;
  return untyped ? std::uint32_t{kInt64} : property.type;
}

using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;

// Names and values stand in two lists that go together.
std::expected<Pairs, std::string> property_pairs(std::string_view properties) {
  Pairs pairs;
  std::size_t values = 0;
  WireReader names(properties), others(properties);
  for (WireField field; names.next(field);) {
    if (field.number != 1 || !field.is_bytes) continue;
    if (valid_utf8(field.bytes) < field.bytes.size()) return Wrong("a property whose name is no UTF-8");
    pairs.emplace_back(field.bytes, std::string_view());
  }
  for (WireField field; others.next(field);) {
    if (field.number != 2 || !field.is_bytes) continue;
    if (values < pairs.size()) pairs[values].second = field.bytes;
    ++values;
  }
  if (names.broken()) return Wrong("properties whose protobuf is broken");
  if (values != pairs.size()) return Wrong("properties whose names and values do not go together");
  return pairs;
}

bool is_array(std::uint32_t type) {
  return type >= kInt8Array && type <= kDateTimeArray;
}

// What is no scalar, as JSON. Its size is bounded while it is written: a message of a megabyte may hold
// millions of bits, or a table that says a long name in each of its rows.
class Writer {
 public:
  explicit Writer(const SparkplugLimits& limits) : limits_(limits) {}

  std::expected<Value, std::string> array(std::string_view bytes, std::uint32_t type, Arena& arena) {
    return finish(write_array(bytes, type), arena);
  }
  std::expected<Value, std::string> data_set(std::string_view bytes, Arena& arena) {
    return finish(write_data_set(bytes), arena);
  }
  std::expected<Value, std::string> tree(std::string_view bytes, Arena& arena) {
    return finish(write_tree(bytes, 1), arena);
  }
  std::expected<Value, std::string> properties(std::string_view bytes, Arena& arena) {
    return finish(write_properties(bytes, 1), arena);
  }
  std::expected<Value, std::string> property_list(std::string_view bytes, Arena& arena) {
    return finish(write_property_list(bytes, 1), arena);
  }

 private:
  std::expected<Value, std::string> finish(bool written, Arena& arena) {
    if (!written) return Wrong(why_);
    return Value::text(arena.copy(json_.view()));
  }
  bool refuse(std::string why) {
    why_ = std::move(why);
    return false;
  }
  // That so many bytes come to the text, about.
  bool room(std::size_t bytes) {
    written_ += bytes;
    return written_ <= limits_.max_text ||
           refuse(
               format("a value that is longer than limits.max_record ({} bytes) as JSON", limits_.max_text));
  }
  bool write(const Value& value) {
    constexpr std::size_t kNumber = 20;
    if (!room(value.is_text() ? value.as_text().size() : kNumber)) return false;
    json_.value(value);
    return true;
  }
  bool write_key(std::string_view name) {
    if (!room(name.size() + 3)) return false;
    json_.key(name);
    return true;
  }
  bool deeper(std::uint32_t depth) {
    return depth <= limits_.max_depth ||
           refuse(format("a value nested deeper than max_depth = {}", limits_.max_depth));
  }

  bool write_array(std::string_view bytes, std::uint32_t type) {
    json_.begin_array();
    if (!elements(bytes, type))
      return !why_.empty() ? false : refuse("an array whose bytes are no whole elements");
    json_.end_array();
    return true;
  }
  // False without a reason: they are no whole elements.
  bool elements(std::string_view bytes, std::uint32_t type) {
    if (type == kBooleanArray) return booleans(bytes);
    if (type == kStringArray) return strings(bytes);
    constexpr unsigned kSizes[] = {1, 2, 4, 8, 1, 2, 4, 8, 4, 8};  // from Int8Array on
    const unsigned size = type == kDateTimeArray ? 8 : kSizes[type - kInt8Array];
    if (bytes.size() % size != 0) return false;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      const std::uint64_t bits = little_endian(bytes.substr(at, size));
      std::expected<Value, std::string> value;
      if (type == kFloatArray)
        value = Value::real(static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits))));
      else if (type == kDoubleArray)
        value = Value::real(std::bit_cast<double>(bits));
      else
        value = integer_of(bits, type == kDateTimeArray ? kDateTime : type - kInt8Array + kInt8);
      if (!value) return refuse("an array with " + value.error());
      if (!write(*value)) return false;
    }
    return true;
  }
  // A count of 4 bytes, then the bits, the first one highest.
  bool booleans(std::string_view bytes) {
    if (bytes.size() < 4) return false;
    const std::uint64_t count = little_endian(bytes.substr(0, 4));
    bytes.remove_prefix(4);
    if (bytes.size() != (count + 7) / 8 || !room(6 * count)) return false;
    for (std::uint64_t i = 0; i < count; ++i)
      json_.boolean((static_cast<unsigned char>(bytes[i / 8]) >> (7 - i % 8) & 1) != 0);
    return true;
  }
  // Each ended by a zero byte.
  bool strings(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\0');
      if (end == std::string_view::npos) return false;
      if (valid_utf8(bytes.substr(0, end)) < end) return refuse("an array with a text that is no UTF-8");
      if (!room(3) || !write(Value::text(bytes.substr(0, end)))) return false;
      bytes.remove_prefix(end + 1);
    }
    return true;
  }
  static std::uint64_t little_endian(std::string_view bytes) {
    std::uint64_t bits = 0;
    for (std::size_t i = bytes.size(); i > 0; --i)
      bits = bits << 8 | static_cast<unsigned char>(bytes[i - 1]);
    return bits;
  }

  // An array of objects, one a row, with the columns as members.
  bool write_data_set(std::string_view bytes) {
    std::vector<std::string_view> columns;
    std::vector<std::uint32_t> types;
    std::vector<std::string_view> rows;
    WireReader reader(bytes);
    WireField field;
    while (reader.next(field)) {
      if (field.number == 2 && field.is_bytes) columns.push_back(field.bytes);
      if (field.number == 4 && field.is_bytes) rows.push_back(field.bytes);
      if (field.number != 3) continue;
      if (!field.is_bytes) {
        types.push_back(static_cast<std::uint32_t>(field.value));
      } else {  // packed; each a byte, or none of the specification's
        for (const char c : field.bytes) types.push_back(static_cast<unsigned char>(c));
      }
    }
    if (reader.broken() || types.size() != columns.size())
      return refuse("a data set whose columns and types do not go together");
    for (const std::string_view column : columns)
      if (valid_utf8(column) < column.size()) return refuse("a data set with a column that is no UTF-8");
    json_.begin_array();
    for (const std::string_view row : rows)
      if (!write_row(row, columns, types)) return false;
    json_.end_array();
    return true;
  }
  bool write_row(std::string_view row, const std::vector<std::string_view>& columns,
                 const std::vector<std::uint32_t>& types) {
    if (!room(2)) return false;
    json_.begin_object();
    WireReader reader(row);
    WireField field;
    std::size_t column = 0;
    while (reader.next(field)) {
      if (field.number != 1 || !field.is_bytes) continue;
      if (column == columns.size()) return refuse("a data set with a row that is too long");
      if (!write_key(columns[column]) || !write_cell(field.bytes, types[column])) return false;
      ++column;
    }
    if (reader.broken() || column != columns.size()) return refuse("a data set with a row that is too short");
    json_.end_object();
    return true;
  }
  bool write_cell(std::string_view cell, std::uint32_t type) {
    SparkplugMetric as_metric;
    WireReader reader(cell);
    WireField field;
    while (reader.next(field)) take_value(field, 1, as_metric);
    if (reader.broken()) return refuse("a data set with a broken cell");
    return write_value(as_metric, type, 1);
  }

  // An object with a member a metric, and those of its parameters.
  bool write_tree(std::string_view bytes, std::uint32_t depth) {
    if (!deeper(depth) || !room(2)) return false;
    json_.begin_object();
    WireReader reader(bytes);
    WireField field;
    while (reader.next(field)) {
      if (!field.is_bytes || (field.number != 2 && field.number != 3)) continue;
      if (!(field.number == 2 ? write_member(field.bytes, depth) : write_parameter(field.bytes)))
        return false;
    }
    if (reader.broken()) return refuse("a template whose protobuf is broken");
    json_.end_object();
    return true;
  }
  bool write_member(std::string_view bytes, std::uint32_t depth) {
    const auto metric = read_metric(bytes);
    if (!metric) return refuse("a template with a broken member");
    return write_name(metric->name) && write_value(*metric, metric->type, depth + 1);
  }
  bool write_parameter(std::string_view bytes) {
    SparkplugMetric as_metric;
    WireReader reader(bytes);
    WireField field;
    while (reader.next(field)) {
      if (field.number == 1 && field.is_bytes) as_metric.name = field.bytes;
      if (field.number == 2 && !field.is_bytes) as_metric.type = static_cast<std::uint32_t>(field.value);
      take_value(field, 3, as_metric);
    }
    if (reader.broken()) return refuse("a template with a broken parameter");
    return write_name(as_metric.name) && write_value(as_metric, as_metric.type, 1);
  }
  bool write_name(const std::optional<std::string_view>& name) {
    if (!name || valid_utf8(*name) < name->size()) return refuse("a template with a member without a name");
    return write_key(*name);
  }

  // An object; names and values stand in two lists that go together.
  bool write_properties(std::string_view bytes, std::uint32_t depth) {
    if (!deeper(depth) || !room(2)) return false;
    const auto pairs = property_pairs(bytes);
    if (!pairs) return refuse(pairs.error());
    json_.begin_object();
    for (const auto& [name, value] : *pairs) {
      const auto property = read_property(value);
      if (!property) return refuse("a broken property");
      if (!write_key(name) || !write_value(*property, type_of_property(*property), depth + 1)) return false;
    }
    json_.end_object();
    return true;
  }
  bool write_property_list(std::string_view bytes, std::uint32_t depth) {
    if (!deeper(depth) || !room(2)) return false;
    json_.begin_array();
    WireReader reader(bytes);
    WireField field;
    while (reader.next(field))
      if (field.number == 1 && field.is_bytes && !write_properties(field.bytes, depth + 1)) return false;
    if (reader.broken()) return refuse("a list of property sets whose protobuf is broken");
    json_.end_array();
    return true;
  }

  // Into what is being written: an array or an object, not its text.
  bool write_value(const SparkplugMetric& metric, std::uint32_t type, std::uint32_t depth) {
    if (!metric.null) {
      switch (metric.kind) {
        case Kind::tree:
          return write_tree(metric.bytes, depth);
        case Kind::data_set:
          return write_data_set(metric.bytes);
        case Kind::properties:
          return write_properties(metric.bytes, depth);
        case Kind::property_list:
          return write_property_list(metric.bytes, depth);
        case Kind::bytes:
          if (is_array(type)) return write_array(metric.bytes, type);
          break;
        default:
          break;
      }
    }
    scalar_.clear();
    const auto value = sparkplug_value(metric, type, limits_, scalar_);
    return value ? write(*value) : refuse(value.error());
  }

  const SparkplugLimits limits_;
  JsonWriter json_;
  std::size_t written_ = 0;
  Arena scalar_;  // texts of the one in hand
  std::string why_;
};

}  // namespace

std::expected<Value, std::string> sparkplug_value(const SparkplugMetric& metric, std::uint32_t type,
                                                  const SparkplugLimits& limits, Arena& arena) {
  if (type > kDateTimeArray) return Wrong(format("{} is no data type of the specification", type));
  if (metric.null || metric.kind == Kind::none) return Value::null();
  const bool untyped = type == SparkplugType::kUnknown;
  const auto wrong = [&] { return Wrong(format("a value that is no {}", SparkplugType::name(type))); };
  switch (metric.kind) {
    case Kind::integer:
      if (type == kBoolean) return Value::boolean(metric.bits != 0);
      if (untyped) return Wrong("an integer of an unknown type: neither it nor a birth says one");
      if (!is_integer(type)) return wrong();
      return integer_of(metric.bits, type);
    case Kind::real:
      if (type != kFloat && type != kDouble && !untyped) return wrong();
      return Value::real(metric.real);
    case Kind::boolean:
      if (type != kBoolean && !untyped) return wrong();
      return Value::boolean(metric.bits != 0);
    case Kind::text:
      if (type != kString && type != kText && type != kUuid && !untyped) return wrong();
      if (valid_utf8(metric.bytes) < metric.bytes.size()) return Wrong("a text that is no UTF-8");
      return Value::text(metric.bytes);
    case Kind::bytes:
      if (is_array(type)) return Writer(limits).array(metric.bytes, type, arena);
      if (type != kBytes && type != kFile && !untyped) return wrong();
      return Value::text(arena.copy(to_hex(metric.bytes)));
    case Kind::data_set:
      if (type != kDataSet && !untyped) return wrong();
      return Writer(limits).data_set(metric.bytes, arena);
    case Kind::tree:
      if (type != kTemplate && !untyped) return wrong();
      return Writer(limits).tree(metric.bytes, arena);
    case Kind::properties:
      if (type != kPropertySet && !untyped) return wrong();
      return Writer(limits).properties(metric.bytes, arena);
    case Kind::property_list:
      if (type != kPropertySetList && !untyped) return wrong();
      return Writer(limits).property_list(metric.bytes, arena);
    case Kind::none:
      break;
  }
  return Value::null();
}

std::expected<std::vector<SparkplugProperty>, std::string> sparkplug_properties(std::string_view properties,
                                                                                const SparkplugLimits& limits,
                                                                                Arena& arena) {
  const auto pairs = property_pairs(properties);
  if (!pairs) return Wrong(pairs.error());
  std::vector<SparkplugProperty> out;
  for (const auto& [name, bytes] : *pairs) {
    const auto property = read_property(bytes);
    if (!property) return Wrong(format("property {}: its protobuf is broken", name));
    const auto value = sparkplug_value(*property, type_of_property(*property), limits, arena);
    if (!value) return Wrong(format("property {}: {}", name, value.error()));
    out.push_back({name, *value});
  }
  return out;
}

}  // namespace tidemark
