#include "decode/cbor.h"

#include <cmath>
#include <limits>

#include "decode/item_bytes.h"
#include "decode/item_decoder.h"

namespace tidemark {
namespace {

constexpr std::string_view kWide = "an integer beyond 64 bits";

class CborReader final : public ItemBytes {
 public:
  using ItemBytes::ItemBytes;
  CborReader from(std::size_t at) const { return {payload_, at}; }

  bool take(Item& item) {
    item = Item();
    Head head;
    if (!take_head(head)) return false;
    std::uint64_t tag = 0;
    while (head.major == kTag) {
      tag = head.argument;
      if (!take_head(head)) return false;
      if (head.major == kSimple && head.indefinite) return refuse("a tag of nothing", at_ - 1);
    }
    switch (head.major) {
      case kUnsigned:
        return integer(item, head.argument, false);
      case kNegative:
        return integer(item, head.argument, true);
      case kBytes:
        return take_string(item, Item::Kind::bytes, head) &&
               (tag != 2 && tag != 3 ? true : bignum(item, tag == 3));
      case kText:
        return take_string(item, Item::Kind::text, head);
      case kArray:
      case kMap:
        item.kind = head.major == kArray ? Item::Kind::array : Item::Kind::map;
        item.count = head.indefinite ? Item::kUntilEnd : head.argument;
        return true;
      default:
        return simple(item, head);
    }
  }

 private:
  enum Major : unsigned { kUnsigned, kNegative, kBytes, kText, kArray, kMap, kTag, kSimple };
  struct Head {
    unsigned major = 0, info = 0;
    std::uint64_t argument = 0;
    bool indefinite = false;
  };

  bool take_head(Head& head) {
    const std::size_t begin = at_;
    unsigned byte = 0;
    if (!take_byte(byte)) return false;
    head = {.major = byte >> 5, .info = byte & 31};
    if (head.info < 24) {
      head.argument = head.info;
      return true;
    }
    if (head.info < 28) return take_number(1u << (head.info - 24), head.argument);
    head.indefinite = head.info == 31;
    const bool may_be = head.major >= kBytes && head.major != kTag;
    return (head.indefinite && may_be) || refuse("a byte that begins nothing", begin);
  }

  static bool integer(Item& item, std::uint64_t argument, bool negative) {
    if (argument >> 63 != 0) {
      item.kind = Item::Kind::no_value;
      item.why = kWide;
    } else {
      const auto number = static_cast<std::int64_t>(argument);
      item.value = Value::integer(negative ? -1 - number : number);
    }
    return true;
  }

  bool take_string(Item& item, Item::Kind kind, const Head& head) {
    item.kind = kind;
    if (!head.indefinite) return take_bytes(head.argument, item.bytes);
    passing_.clear();
    while (true) {
      const std::size_t begin = at_;
      Head chunk;
      if (!take_head(chunk)) return false;
      if (chunk.major == kSimple && chunk.indefinite) break;
      if (chunk.major != head.major || chunk.indefinite)
        return refuse("a chunk of a text or of bytes that is neither", begin);
      std::string_view bytes;
      if (!take_bytes(chunk.argument, bytes)) return false;
      passing_ += bytes;
    }
    item.bytes = passing_;
    item.passing = true;
    return true;
  }

  static bool bignum(Item& item, bool negative) {
    std::string_view bytes = item.bytes;
    while (bytes.starts_with('\0')) bytes.remove_prefix(1);
    std::uint64_t number = 0;
    if (bytes.size() > 8)
      number = std::numeric_limits<std::uint64_t>::max();
    else
      for (const char c : bytes) number = number << 8 | static_cast<unsigned char>(c);
    item = Item();
    return integer(item, number, negative);
  }

  bool simple(Item& item, const Head& head) {
    switch (head.info) {
      case 20:
      case 21:
        item.value = Value::boolean(head.info == 21);
        return true;
      case 22:
      case 23:
        return true;
      case 25:
        item.value = Value::real(half(static_cast<unsigned>(head.argument)));
        return true;
      case 26:
        item.value = Value::real(float_of(head.argument));
        return true;
      case 27:
        item.value = Value::real(double_of(head.argument));
        return true;
      case 31:
        item.kind = Item::Kind::end;
        return true;
      case 24:
        if (head.argument < 32) return refuse("a simple value in a longer form than it has", at_ - 2);
        break;
      default:
        break;
    }
    item.kind = Item::Kind::no_value;
    item.why = "a simple value that means nothing";
    return true;
  }

  static double half(unsigned bits) {
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const int fraction = static_cast<int>(bits & 1023);
    double value = 0;
    if (exponent == 0)
      value = std::ldexp(fraction, -24);
    else if (exponent < 31)
      value = std::ldexp(fraction + 1024, exponent - 25);
    else
      value =
          fraction == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
    return (bits & 0x8000) != 0 ? -value : value;
  }
};

}  // namespace

std::unique_ptr<RecordDecoder> make_cbor_decoder(const DecoderOptions& options) {
  return std::make_unique<ItemDecoder<CborReader>>(options);
}

}  // namespace tidemark
