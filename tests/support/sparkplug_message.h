// Sparkplug B messages for tests, written by hand from the specification's .proto.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidemark::test {

class Protobuf {
 public:
  Protobuf& varint(unsigned field, std::uint64_t value) { return key(field, 0).raw(value); }
  Protobuf& fixed32(unsigned field, std::uint32_t value) { return key(field, 5).little_endian(value, 4); }
  Protobuf& fixed64(unsigned field, std::uint64_t value) { return key(field, 1).little_endian(value, 8); }
  Protobuf& bytes(unsigned field, std::string_view value) {
    key(field, 2).raw(value.size());
    out_ += value;
    return *this;
  }
  const std::string& str() const { return out_; }
  operator std::string() const { return out_; }
  operator std::string_view() const { return out_; }

 private:
  Protobuf& key(unsigned field, unsigned type) { return raw(field << 3 | type); }
  Protobuf& raw(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
    return *this;
  }
  Protobuf& little_endian(std::uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i) out_ += static_cast<char>(value >> (8 * i));
    return *this;
  }
  std::string out_;
};

// A metric: Metric("Temp").alias(7).type(10).real(21.5)
class Metric {
 public:
  Metric() = default;
  explicit Metric(std::string_view name) { out_.bytes(1, name); }
  Metric& alias(std::uint64_t value) { return with(out_.varint(2, value)); }
  Metric& time(std::uint64_t ms) { return with(out_.varint(3, ms)); }
  Metric& type(std::uint32_t value) { return with(out_.varint(4, value)); }
  Metric& historical() { return with(out_.varint(5, 1)); }
  Metric& null() { return with(out_.varint(7, 1)); }
  Metric& properties(const std::string& value) { return with(out_.bytes(9, value)); }
  Metric& integer(std::uint64_t value) { return with(out_.varint(10, value)); }
  Metric& wide(std::uint64_t value) { return with(out_.varint(11, value)); }
  Metric& single(float value) { return with(out_.fixed32(12, std::bit_cast<std::uint32_t>(value))); }
  Metric& real(double value) { return with(out_.fixed64(13, std::bit_cast<std::uint64_t>(value))); }
  Metric& boolean(bool value) { return with(out_.varint(14, value ? 1 : 0)); }
  Metric& text(std::string_view value) { return with(out_.bytes(15, value)); }
  Metric& bytes(std::string_view value) { return with(out_.bytes(16, value)); }
  Metric& data_set(const std::string& value) { return with(out_.bytes(17, value)); }
  Metric& tree(const std::string& value) { return with(out_.bytes(18, value)); }
  const std::string& str() const { return out_.str(); }

 private:
  Metric& with(const Protobuf&) { return *this; }
  Protobuf out_;
};

// A payload: Message().time(1000).seq(3).metric(…)
class Message {
 public:
  Message& time(std::uint64_t ms) {
    out_.varint(1, ms);
    return *this;
  }
  Message& seq(std::uint64_t value) {
    out_.varint(3, value);
    return *this;
  }
  Message& metric(const Metric& metric) {
    out_.bytes(2, metric.str());
    return *this;
  }
  const std::string& str() const { return out_.str(); }
  operator std::string() const { return out_.str(); }
  operator std::string_view() const { return out_.str(); }

 private:
  Protobuf out_;
};

}  // namespace tidemark::test
