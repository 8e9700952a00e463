// Influx line protocol: measurement[,tag=value…] field=value[,field=value…] [timestamp], a record a line.
//
//   columns      tags and fields by their names; _measurement, a text; _timestamp, the integer at the end of
//                the line, in whatever unit the sender counts (`timestamp = { field = "_timestamp", format =
//                "ns" }` makes it the event time); a line without one has none
//   names        of a tag and a field of one name the field counts, of two tags or two fields the later one.
//                A tag or field called _measurement or _timestamp is an error: it would hide the line's own
//   tags         texts; `fields` may give them types ("slot:int"), and then the text must be of that type
//   fields       1 1.5 1e9 float   1i integer   1u integer, beyond 63 bits an error   t T true True TRUE and
//                f F false False FALSE boolean   "…" text, in it \" and \\. `fields` may ask for types as in
//                json (typed_value.h)
//   escapes      \, \= and a backslash before a space in names and tags; any other backslash is one
//   lines        a payload may hold several: each is a record, good or bad by itself. Empty lines and those
//                that begin with # are none. A line end inside of a text ends the line nevertheless
//   encoding     UTF-8; control characters are an error outside of texts
#pragma once

#include "decode/decoder.h"

namespace tidemark {

std::unique_ptr<RecordDecoder> make_influx_decoder(const DecoderOptions& options);
std::optional<std::string> influx_refuses(const FormatSettings& format, const RecordPath& path);

}  // namespace tidemark
