// MessagePack records (msgpack.org, specification of 2017-08): read as item_decoder.h says.
//
//   int, uint        integers; beyond 64 bits signed is no value
//   float 32, 64     floats
//   str, bin         a text, and bytes (the text of their hex digits)
//   timestamp        ext type -1: a text in RFC 3339, "2025-03-01T12:00:00.5Z", so `timestamp = { field =
//   "t",
//                    format = "rfc3339" }` reads it
//   other ext        as bytes, without their type
#pragma once

#include "decode/decoder.h"

namespace tidemark {

std::unique_ptr<RecordDecoder> make_msgpack_decoder(const DecoderOptions& options);

}  // namespace tidemark
