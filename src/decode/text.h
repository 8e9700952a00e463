// Text records: a line, and a regular expression (RE2) whose named groups are its fields.
//
//   form      the whole line must match `pattern`; one that does not is an error
//   fields    the named groups; `fields` gives some of them types, otherwise they are strings. A group that
//             took no part in the match is NULL
//   encoding  UTF-8; anything else is an error
// A carriage return at the end of the line is not part of the record.
#pragma once

#include "decode/decoder.h"

namespace tidemark {

std::unique_ptr<RecordDecoder> make_text_decoder(const DecoderOptions& options);
std::optional<std::string> text_refuses(const FormatSettings& format, const RecordPath& path);

}  // namespace tidemark
