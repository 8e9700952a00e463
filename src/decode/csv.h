// CSV records: one line a record (several with `multiline`), as RFC 4180 has it, with the columns that the
// configuration lists.
//
//   columns      exactly those of `fields`, in that order; more or fewer are an error
//   quotes       "a,b" and "say ""hi"""; a quote inside an unquoted field or text after a closing one is an
//   error empty        an unquoted empty field is NULL; "" is the empty text types        string (also when
//   none is given), int, float, bool (true or false); no spaces, no signs but -,
//                no nan and inf; a quoted number is a number
//   encoding     UTF-8; anything else is an error
// The delimiter and the quote may be other characters; with quote = "none" quotes are characters like any
// other. A carriage return at the end of the line is not part of the record.
#pragma once

#include "decode/decoder.h"

namespace tidemark {

std::unique_ptr<RecordDecoder> make_csv_decoder(const DecoderOptions& options);
std::optional<std::string> csv_refuses(const FormatSettings& format, const RecordPath& path);

}  // namespace tidemark
