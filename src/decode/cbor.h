// CBOR records (RFC 8949): read as item_decoder.h says.
//
//   integers         beyond 64 bits signed are no value; bignums (tags 2 and 3) are integers when they fit
//   floats           of 16, 32 and 64 bits
//   texts, bytes     also in chunks; bytes are the text of their hex digits
//   undefined        NULL, as null is; other simple values are no value
//   other tags       say nothing here: a date of tag 0 is its RFC 3339 text, one of tag 1 its number of
//   seconds
//                    (`format = "rfc3339"` and `format = "s"` of a timestamp read them)
#pragma once

#include "decode/decoder.h"

namespace tidemark {

std::unique_ptr<RecordDecoder> make_cbor_decoder(const DecoderOptions& options);

}  // namespace tidemark
