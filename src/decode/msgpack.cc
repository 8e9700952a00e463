#include "decode/msgpack.h"

#include "base/times.h"
#include "decode/item_bytes.h"
#include "decode/item_decoder.h"

namespace tidemark {
namespace {

class MessagePackReader final : public ItemBytes {
 public:
  using ItemBytes::ItemBytes;
  MessagePackReader from(std::size_t at) const { return {payload_, at}; }

  bool take(Item& item) {
    item = Item();
    unsigned head = 0;
    if (!take_byte(head)) return false;
    if (head <= 0x7f || head >= 0xe0) {
      item.value = Value::integer(head <= 0x7f ? static_cast<int>(head) : static_cast<int>(head) - 0x100);
      return true;
    }
    if (head <= 0x8f) return container(item, Item::Kind::map, head & 0x0f);
    if (head <= 0x9f) return container(item, Item::Kind::array, head & 0x0f);
    if (head <= 0xbf) return bytes(item, Item::Kind::text, head & 0x1f);
    return by_head(item, head);
  }

 private:
  bool by_head(Item& item, unsigned head) {
    std::uint64_t number = 0;
    switch (head) {
      case 0xc0:
        return true;
      case 0xc2:
      case 0xc3:
        item.value = Value::boolean(head == 0xc3);
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return take_number(1u << (head - 0xc4), number) && bytes(item, Item::Kind::bytes, number);
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return take_number(1u << (head - 0xc7), number) && extension(item, number);
      case 0xca:
        if (!take_number(4, number)) return false;
        item.value = Value::real(float_of(number));
        return true;
      case 0xcb:
        if (!take_number(8, number)) return false;
        item.value = Value::real(double_of(number));
        return true;
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        return take_number(1u << (head - 0xcc), number) && unsigned_integer(item, number);
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3:
        return integer(item, 1u << (head - 0xd0));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return extension(item, 1u << (head - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return take_number(1u << (head - 0xd9), number) && bytes(item, Item::Kind::text, number);
      case 0xdc:
      case 0xdd:
        return take_number(2u << (head - 0xdc), number) && container(item, Item::Kind::array, number);
      case 0xde:
      case 0xdf:
        return take_number(2u << (head - 0xde), number) && container(item, Item::Kind::map, number);
      default:
        return refuse("the byte c1, which begins nothing", at_ - 1);
    }
  }

  static bool container(Item& item, Item::Kind kind, std::uint64_t count) {
    item.kind = kind;
    item.count = count;
    return true;
  }
  bool bytes(Item& item, Item::Kind kind, std::uint64_t size) {
    item.kind = kind;
    return take_bytes(size, item.bytes);
  }
  static bool unsigned_integer(Item& item, std::uint64_t number) {
    if (number >> 63 != 0) {
      item.kind = Item::Kind::no_value;
      item.why = "an integer beyond 64 bits";
    } else {
      item.value = Value::integer(static_cast<std::int64_t>(number));
    }
    return true;
  }
  bool integer(Item& item, unsigned size) {
    std::uint64_t number = 0;
    if (!take_number(size, number)) return false;
    const unsigned unused = 64 - 8 * size;
    item.value = Value::integer(static_cast<std::int64_t>(number << unused) >> unused);
    return true;
  }

  bool extension(Item& item, std::uint64_t size) {
    unsigned type = 0;
    if (!take_byte(type) || !take_bytes(size, item.bytes)) return false;
    item.kind = Item::Kind::bytes;
    constexpr unsigned kTimestamp = 0xff;
    if (type == kTimestamp) timestamp(item);
    return true;
  }

  // Seconds in 32 bits; nanoseconds in 30 bits and seconds in 34; or nanoseconds in 32 and seconds in 64.
  void timestamp(Item& item) {
    ItemNumbers number(item.bytes);
    std::int64_t seconds = 0;
    std::uint64_t nanoseconds = 0;
    switch (item.bytes.size()) {
      case 4:
        seconds = static_cast<std::int64_t>(number.next(4));
        break;
      case 8: {
        const std::uint64_t both = number.next(8);
        nanoseconds = both >> 34;
        seconds = static_cast<std::int64_t>(both & 0x3'ffff'ffff);
        break;
      }
      case 12:
        nanoseconds = number.next(4);
        seconds = static_cast<std::int64_t>(number.next(8));
        break;
      default:
        item.kind = Item::Kind::no_value;
        item.why = "a timestamp of no known length";
        return;
    }
    constexpr std::int64_t kLast = 9'223'372'035;  // whole seconds that nanoseconds in 64 bits reach
    if (nanoseconds > 999'999'999 || seconds > kLast || seconds < -kLast) {
      item.kind = Item::Kind::no_value;
      item.why = "a timestamp outside the years 1678 to 2261";
      return;
    }
    passing_ = to_rfc3339(seconds * 1'000'000'000 + static_cast<std::int64_t>(nanoseconds));
    item.kind = Item::Kind::text;
    item.bytes = passing_;
    item.passing = true;
  }

  struct ItemNumbers {
    explicit ItemNumbers(std::string_view its_bytes) : bytes(its_bytes) {}
    std::uint64_t next(std::size_t size) {
      std::uint64_t number = 0;
      for (const char c : bytes.substr(0, size)) number = number << 8 | static_cast<unsigned char>(c);
      bytes.remove_prefix(size);
      return number;
    }
    std::string_view bytes;
  };
};

}  // namespace

std::unique_ptr<RecordDecoder> make_msgpack_decoder(const DecoderOptions& options) {
  return std::make_unique<ItemDecoder<MessagePackReader>>(options);
}

}  // namespace tidemark
