#include "pipeline/restore_order.h"

#include "base/format.h"

namespace tidemark {

std::string until_text(const RestoreOrder& order) {
  if (order.follow == RestoreOrder::Follow::until_position)
    return format("position {}", order.until_position.value);
  return to_rfc3339(to_ns(order.until_time));
}

std::string to_text(const RestoreOrder& order) {
  std::string text = "the restore of ";
  if (order.savepoint != RestoreOrder::Savepoint::none)
    text += "savepoint " + order.savepoint_name;
  else
    text +=
        order.checkpoint == CheckpointId{} ? std::string("the newest checkpoint") : to_text(order.checkpoint);
  switch (order.follow) {
    case RestoreOrder::Follow::all:
      return text;
    case RestoreOrder::Follow::nothing:
      return text + " without what followed it";
    case RestoreOrder::Follow::until_time:
    case RestoreOrder::Follow::until_position:
      break;
  }
  return text + " until " + until_text(order);
}

void encode_restore_order(Encoder& out, const RestoreOrder& order) {
  out.u64(order.checkpoint.value);
  out.u8(static_cast<std::uint8_t>(order.follow));
  out.i64(to_ns(order.until_time));
  out.u64(order.until_position.value);
  out.u8(order.begun ? 1 : 0);
  out.u8(static_cast<std::uint8_t>(order.savepoint));
  out.bytes(order.savepoint_name);
}

RestoreOrder decode_restore_order(Decoder& in) {
  RestoreOrder order;
  order.checkpoint.value = in.u64();
  order.follow = static_cast<RestoreOrder::Follow>(in.u8());
  order.until_time = time_from_ns<JournalTime>(in.i64());
  order.until_position.value = in.u64();
  order.begun = in.u8() != 0;
  order.savepoint = static_cast<RestoreOrder::Savepoint>(in.u8());
  order.savepoint_name = in.bytes();
  return order;
}

}  // namespace tidemark
