#include "pipeline/channel.h"

#include "base/checksum.h"
#include "base/invariant.h"
#include "pipeline/result_codec.h"

namespace tidemark {

void Channel::emit(Position position, std::span<const Value> values) {
  if (!connected()) return output_.unnumbered(schema_, values);
  invariant(values.size() == schema_.columns.size(), "a result has a value for every column");
  encoded_.clear();
  encode_values(encoded_, values);
  number_ = number_.next();
  chain_ = chain_hash(chain_, encoded_.view());
  output_.result({.schema = &schema_,
                  .sinks = sinks_,
                  .number = number_,
                  .chain = chain_,
                  .position = stamp_ != nullptr ? *stamp_ : position,
                  .bytes = encoded_.view()});
}

void Channel::save(Encoder& out) const {
  out.varint(number_.value);
  out.u64(chain_);
}

bool Channel::load(Decoder& in) {
  number_.value = in.varint();
  chain_ = in.u64();
  return !in.failed();
}

}  // namespace tidemark
